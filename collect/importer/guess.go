package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// Guessed is what the first part of a file shows: how it is written, what its columns
// hold, and a mapping to begin with.
type Guessed struct {
	Format  string        `json:"format"`
	Guesses []Guess       `json:"guesses"` // how the file is written
	Columns []ColumnGuess `json:"columns"`
	Rows    int           `json:"rows"` // looked at
	// Mapping is a draft in YAML, with the reasons as comments. [ParseMapping] reads it.
	Mapping string `json:"mapping"`

	given json.RawMessage // what [GuessOptions.Format] said
}

// ColumnGuess is what a column seems to be.
type ColumnGuess struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // string, number, boolean, time, json
	Layout   string   `json:"layout,omitempty"`
	Role     string   `json:"role"` // time, event, message_id, the kind of an identifier, property, empty
	Reason   string   `json:"reason"`
	Filled   int      `json:"filled"`
	Distinct int      `json:"distinct"`
	Examples []string `json:"examples"`

	kind touchstone.IdentifierKind // of an identifier
	seen columnSeen
}

// The roles beside the kinds of identifiers.
const (
	roleTime     = "time"
	roleEvent    = "event"
	roleMessage  = "message_id"
	roleProperty = "property"
	roleEmpty    = "empty"
)

const (
	guessRows     = 1000
	guessExamples = 3
	exampleBytes  = 80
)

// GuessOptions say what to look at.
type GuessOptions struct {
	File    string
	FileKey *vault.Key // see [Options]
	Name    string     // what people call the file; empty: its base name
	Zone    string     // of times without an offset; empty is UTC
	// Format is the part of a mapping that says how the file is written (delimiter, encoding,
	// columns …), for what is known better than the guess; empty: all is guessed.
	Format []byte
	Kinds  *touchstone.KindSet
}

// GuessFile looks at the first rows of a file.
func GuessFile(o GuessOptions) (Guessed, error) {
	if o.Kinds == nil {
		o.Kinds = touchstone.DefaultKindSet()
	}
	if o.Name == "" {
		o.Name = filepath.Base(o.File)
	}
	m := plainMapping()
	if len(o.Format) > 0 {
		if err := decodeMapping(o.Format, m); err != nil {
			return Guessed{}, err
		}
	}
	t, _, err := openTable(o.File, o.FileKey, m)
	if err != nil {
		return Guessed{}, err
	}
	g := Guessed{Format: formatParquet, given: m.document}
	if csv, ok := t.(*csvTable); ok && m.header == nil && len(m.columns) == 0 && !csv.looksLikeHeader(bytesOf(csv.names)) {
		// The first line is data: read again with names of our own.
		m.columns = make([]string, len(csv.names))
		for i := range m.columns {
			m.columns[i] = fmt.Sprintf("column_%d", i+1)
		}
		_ = t.close() // only read from
		if t, _, err = openTable(o.File, o.FileKey, m); err != nil {
			return Guessed{}, err
		}
	}
	defer t.close() // only read from
	switch t := t.(type) {
	case *csvTable:
		g.Format, g.Guesses = formatCSV, t.guesses
		if len(m.columns) > 0 && len(o.Format) == 0 {
			g.Guesses = append(g.Guesses, Guess{Key: "columns", Value: yamlList(m.columns), Reason: "the first line looks like data"})
		}
	case *jsonTable:
		g.Format, g.Guesses = formatNDJSON, t.guesses
		if !t.rows.byLine {
			g.Format = formatJSON
		}
	}
	g.Guesses = slices.Clip(append([]Guess{}, g.Guesses...))
	if err := g.look(t, tidierOf(t, m)); err != nil {
		return g, err
	}
	if len(g.Columns) == 0 {
		return g, touchstone.Errorf(touchstone.Invalid, "%s has no rows that can be read as %s", o.Name, g.Format)
	}
	g.judge(o.Kinds)
	g.Mapping = g.draft(o)
	return g, nil
}

func bytesOf(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

// look reads the first rows.
func (g *Guessed) look(t table, tidy *tidier) error {
	names := t.columns()
	t.bind(names)
	g.Columns = make([]ColumnGuess, len(names))
	for i, name := range names {
		g.Columns[i] = ColumnGuess{Name: name, Examples: []string{}, seen: columnSeen{distinct: map[string]struct{}{}}}
	}
	cells := make([]cell, len(names))
	for g.Rows < guessRows {
		err := t.next(cells)
		var bad *rowError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			continue
		case err != nil:
			return err
		}
		g.Rows++
		for i := range cells {
			if tidy != nil {
				tidy.tidy(&cells[i])
			}
			g.Columns[i].look(cells[i])
		}
	}
	return nil
}

// columnSeen counts what the cells of a column could be.
type columnSeen struct {
	numbers          evidence
	whole, booleans  int
	json, instants   int
	nothing          int // texts that mean no value
	emails, phones   int
	ownNumbers, long int // numbers and long texts of the format itself
	distinct         map[string]struct{}
	layouts          layoutVotes
}

func (c *ColumnGuess) look(v cell) {
	text := strings.TrimSpace(v.text)
	if v.kind == cellAbsent || text == "" && v.kind != cellInstant {
		return
	}
	c.Filled++
	if v.kind == cellInstant {
		c.seen.instants++
		text = plainText(v)
	}
	if _, known := c.seen.distinct[text]; !known {
		c.seen.distinct[strings.Clone(text)] = struct{}{}
		if c.Distinct++; len(c.Examples) < guessExamples {
			c.Examples = append(c.Examples, strings.Clone(clipTo(text, exampleBytes)))
		}
	}
	switch v.kind {
	case cellJSON:
		c.seen.json++
		return
	case cellBoolean:
		c.seen.booleans++
		return
	case cellNumber:
		c.seen.ownNumbers++
	}
	if slices.Contains(valueNulls, strings.ToLower(text)) {
		c.seen.nothing++
	}
	c.seen.numbers.look(text)
	if onlyDigits(text) {
		c.seen.whole++
	}
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "是", "否":
		c.seen.booleans++
	}
	if looksLikeEmail(text) {
		c.seen.emails++
	}
	if len(text) > 64 {
		c.seen.long++
	}
	if (text[0] == '{' || text[0] == '[') && v.kind == cellText && gjson.Valid(text) {
		c.seen.json++
	}
	c.seen.layouts.look(text)
}

func looksLikeEmail(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && len(s) < 255 && strings.Contains(host, ".") && !strings.ContainsAny(s, " ,;<>\"") && !strings.Contains(host, "@")
}

// judge gives each column a type and a role.
func (g *Guessed) judge(kinds *touchstone.KindSet) {
	for i := range g.Columns {
		g.Columns[i].judgeType(kinds)
	}
	taken := map[string]bool{}
	give := func(c *ColumnGuess, role, reason string) {
		c.Role, c.Reason = role, reason
		taken[role] = true
	}
	for pass := range 2 { // names say more than contents
		for i := range g.Columns {
			c := &g.Columns[i]
			if c.Filled == 0 {
				c.Role, c.Reason = roleEmpty, "no value in the first rows"
			}
			if c.Role != "" {
				continue
			}
			role, reason := c.roleByName()
			if pass == 1 {
				role, reason = c.roleByContent(taken)
			}
			if role != "" && !taken[role] && c.suits(role, g.Rows) {
				give(c, role, reason)
			}
		}
	}
	g.findPerson(taken, give)
	for i := range g.Columns {
		if c := &g.Columns[i]; c.Role == "" {
			c.Role = roleProperty
			if c.Reason == "" {
				c.Reason = "the rest"
			}
		}
		if kind, ok := touchstone.ParseKind(g.Columns[i].Role); ok && g.Columns[i].isIdentifier() {
			g.Columns[i].kind = kind
		}
	}
}

func (c *ColumnGuess) isIdentifier() bool {
	switch c.Role {
	case roleTime, roleEvent, roleMessage, roleProperty, roleEmpty:
		return false
	}
	return true
}

// findPerson looks for the column that names people when none says so.
func (g *Guessed) findPerson(taken map[string]bool, give func(*ColumnGuess, string, string)) {
	for _, c := range g.Columns {
		if c.isIdentifier() && c.Role != "" {
			return
		}
	}
	best := -1
	for i, c := range g.Columns {
		if c.Role != "" || c.Type == "time" || c.Type == "json" || c.Type == "boolean" || c.Filled*2 < g.Rows || c.seen.long > 0 {
			continue
		}
		name := plainName(c.Name)
		if strings.HasSuffix(name, "id") || strings.HasSuffix(name, "no") || strings.HasSuffix(name, "号") {
			if best < 0 || c.Distinct < g.Columns[best].Distinct && c.Distinct > 1 {
				best = i
			}
		}
	}
	if best >= 0 && !taken[string(touchstone.KindUserID)] {
		give(&g.Columns[best], string(touchstone.KindUserID), "its name ends like that of an id; no column names people more clearly")
	}
}

func (c *ColumnGuess) judgeType(kinds *touchstone.KindSet) {
	most := func(n int) bool { return n > 0 && n*10 >= c.Filled*9 }
	layout, fit, _ := c.seen.layouts.best()
	switch {
	case c.Filled == 0:
		c.Type = string(typeString)
	case most(c.seen.instants):
		c.Type = string(typeTime)
	case most(c.seen.json):
		c.Type = string(typeJSON)
	case most(c.seen.booleans):
		c.Type = string(typeBoolean)
	case most(fit) && (c.seen.whole < c.Filled || c.timeByName()):
		c.Type, c.Layout = string(typeTime), layout
	case c.seen.numbers.numbers > 0 && c.seen.numbers.numbers*20 >= (c.Filled-c.seen.nothing)*19 && !c.codeLike():
		c.Type = string(typeNumber)
	default:
		c.Type = string(typeString)
	}
	if c.Type == string(typeString) || c.Type == string(typeNumber) && c.seen.whole > 0 {
		for text := range c.seen.distinct {
			if n := len(text); n >= 8 && n <= 24 {
				if _, ok := kinds.Normalise(touchstone.KindPhone, text); ok {
					c.seen.phones++
				}
			}
		}
	}
}

func (c *ColumnGuess) timeByName() bool {
	role, _ := c.roleByName()
	return role == roleTime
}

// codeLike tells digits that are a name, not an amount: they begin with a zero, are very
// long, or the column is called so.
func (c *ColumnGuess) codeLike() bool {
	if c.seen.ownNumbers > 0 {
		return false
	}
	for text := range c.seen.distinct {
		if onlyDigits(text) && (len(text) > 1 && text[0] == '0' || len(text) > 15) {
			return true
		}
	}
	name := plainName(c.Name)
	for _, ending := range []string{"id", "code", "zip", "postcode", "phone", "mobile", "no", "sku", "ref", "编号", "编码", "号", "号码", "邮编"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// sorted returns the columns of a role.
func (g *Guessed) withRole(want func(*ColumnGuess) bool) []*ColumnGuess {
	var list []*ColumnGuess
	for i := range g.Columns {
		if want(&g.Columns[i]) {
			list = append(list, &g.Columns[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *ColumnGuess) int { return cmp.Compare(roleOrder(a.Role), roleOrder(b.Role)) })
	return list
}
