package profile

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

// catalogue counts, per trait, persons, types and values. It changes only when a
// trait's value does, and is bounded by the number of trait names.
type catalogue struct {
	traits map[uint32]*traitStats
	stale  map[uint32]struct{} // details to write some time
	saved  time.Time           // when details were last written
	// unsure tells that the process before has not written all of its details: values may be
	// among them that nobody has any more. sealed tells that the store says they are complete.
	unsure, sealed bool
	lane           int // whose share it is; 0: it is about all
}

// sealTrait is the row of profile_examples that says that all details have been written. No
// trait has the number.
const sealTrait = 0

// openCatalogue reads the catalogue for the stage.
func openCatalogue(ctx context.Context, q store.Querier) (*catalogue, error) {
	c, err := loadCatalogue(ctx, q)
	if err != nil {
		return nil, err
	}
	err = q.QueryRow(ctx, `SELECT COUNT(*) > 0 FROM profile_examples WHERE trait = ?`, sealTrait).Scan(&c.sealed)
	c.unsure = !c.sealed && len(c.traits) > 0
	return c, err
}

// traitStats is what is known about a trait over all persons.
type traitStats struct {
	persons int64
	Types   map[string]int64 `json:"types"`
	// Values counts the most frequent short values: exactly while there are few, else
	// after Metwally's space-saving sketch (never too low).
	Values map[string]int64 `json:"values"`
	Many   bool             `json:"many"` // there were more values than fit
	// Over is by how much a count may be too high: a value that came when there were many took
	// over the count of the one that made room. One of whom nothing more is known goes, so that
	// the value of a person who was erased does not stay for a count that was another's.
	Over map[string]int64 `json:"over,omitempty"`

	signed bool // a lane's share: what it takes from another lane's persons counts below zero
}

const (
	maxCatalogueValues     = 60
	maxCatalogueValueBytes = 80
)

// valueChange is a person's trait that went from one value to another, an empty one
// being none.
type valueChange struct {
	name       uint32
	old, value area // of batch.valueTexts
}

// valueChanged notes a change until the batch has been committed: the catalogue in memory
// shows what has been, so that a batch that fails leaves nothing and takes nothing away.
func (b *batch) valueChanged(name uint32, old, value string) {
	note := func(text string) area {
		from := len(b.valueTexts)
		b.valueTexts = append(b.valueTexts, text[:min(len(text), maxCatalogueValueBytes+1)]...)
		return area{from, len(b.valueTexts)}
	}
	b.values = append(b.values, valueChange{name, note(old), note(value)})
}

// commit takes over what a batch has changed and written.
func (c *catalogue) commit(b *batch) {
	c.apply(b)
	c.sealed = c.sealed && len(b.values) == 0
	c.unsure = c.unsure && len(b.erased) == 0
	if b.detailsWritten {
		clear(c.stale)
		c.saved = b.now
	}
}

func (c *catalogue) changed(name uint32, old, value string) {
	s := c.traits[name]
	if s == nil {
		s = &traitStats{Types: map[string]int64{}, Values: map[string]int64{}, signed: c.lane > 0}
		c.traits[name] = s
	}
	c.stale[name] = struct{}{}
	if old != "" {
		s.persons--
		s.add(typeOf(old), old, -1)
	}
	if value != "" {
		s.persons++
		s.add(typeOf(value), value, 1)
	}
}

func (s *traitStats) add(kind, value string, n int64) {
	if s.Types[kind] += n; s.Types[kind] == 0 || s.Types[kind] < 0 && !s.signed {
		delete(s.Types, kind)
	}
	if len(value) > maxCatalogueValueBytes || kind == "object" || kind == "array" {
		s.Many = true
		return
	}
	if s.signed {
		s.addSigned(value, n)
		return
	}
	if had, ok := s.Values[value]; ok {
		if s.Values[value] = had + n; had+n <= s.Over[value] {
			delete(s.Values, value)
			delete(s.Over, value)
		}
		return
	}
	if n < 0 {
		return
	}
	if len(s.Values) >= maxCatalogueValues {
		least, least64 := "", int64(1)<<62
		for v, m := range s.Values {
			if m < least64 || m == least64 && v < least {
				least, least64 = v, m
			}
		}
		delete(s.Values, least)
		delete(s.Over, least)
		s.Many = true
		if s.Over == nil {
			s.Over = map[string]int64{}
		}
		s.Over[strings.Clone(value)] = least64
		n += least64
	}
	s.Values[strings.Clone(value)] = n
}

// typeOf returns the type of a JSON value's text.
func typeOf(json string) string {
	switch json[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	}
	return "number"
}

func loadCatalogue(ctx context.Context, q store.Querier) (*catalogue, error) {
	c := &catalogue{traits: map[uint32]*traitStats{}, stale: map[uint32]struct{}{}}
	rows, err := q.Query(ctx, `SELECT c.trait, c.persons, e.detail FROM profile_catalogue c LEFT JOIN profile_examples e ON e.trait = c.trait`)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue of traits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name uint32
		var detail sql.NullString
		s := &traitStats{}
		if err := rows.Scan(&name, &s.persons, &detail); err != nil {
			return nil, err
		}
		if detail.Valid {
			if err := json.Unmarshal([]byte(detail.String), s); err != nil {
				return nil, fmt.Errorf("read the catalogue of traits: %w", err)
			}
		}
		if s.Types == nil {
			s.Types = map[string]int64{}
		}
		if s.Values == nil {
			s.Values = map[string]int64{}
		}
		c.traits[name] = s
	}
	return c, rows.Err()
}

// detailPause is how long types and values may stay in memory only. A crash loses what
// they learned since; the counts of persons are in the batch's transaction.
const detailPause = 10 * time.Second

func (c *catalogue) save(ctx context.Context, tx *store.Tx, b *batch) error {
	persons := map[uint32]int64{}
	for _, v := range b.values {
		if _, known := persons[v.name]; !known {
			persons[v.name] = c.personsWith(v.name)
		}
		if !v.old.empty() {
			persons[v.name]--
		}
		if !v.value.empty() {
			persons[v.name]++
		}
	}
	if c.lane > 0 {
		if err := c.saveShare(ctx, tx, persons); err != nil {
			return err
		}
		clear(persons)
	}
	names := sortedKeys(persons)
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "profile_catalogue", Columns: []string{"trait", "persons"}, Key: []string{"trait"}},
		len(names), func(i int, args []any) { args[0], args[1] = int64(names[i]), persons[names[i]] })
	if err == nil && c.sealed && len(b.values) > 0 {
		_, err = tx.Exec(ctx, `DELETE FROM profile_examples WHERE trait = ?`, sealTrait)
	}
	if err != nil || len(c.stale)+len(b.values) == 0 && !c.forgets(b) || b.now.Sub(c.saved).Abs() < detailPause && len(b.erased) == 0 {
		return err
	}
	b.detailsWritten = true
	return c.with(b).saveDetails(ctx, tx)
}

// with is a copy of what is not written, as it will be when the batch has been committed.
func (c *catalogue) with(b *batch) *catalogue {
	next := &catalogue{traits: map[uint32]*traitStats{}, stale: maps.Clone(c.stale), unsure: c.unsure, lane: c.lane}
	take := func(name uint32) {
		if s := c.traits[name]; s != nil && next.traits[name] == nil {
			next.traits[name] = &traitStats{s.persons, maps.Clone(s.Types), maps.Clone(s.Values), s.Many, maps.Clone(s.Over), s.signed}
		}
	}
	for name := range c.traits {
		if _, stale := c.stale[name]; stale || c.forgets(b) {
			take(name)
		}
	}
	for _, v := range b.values {
		take(v.name)
	}
	next.apply(b)
	return next
}

// forgets tells that the frequent values must be gathered anew: an erasure cannot tell which
// of them are the person's.
func (c *catalogue) forgets(b *batch) bool { return c.unsure && len(b.erased) > 0 }

func (c *catalogue) apply(b *batch) {
	if c.forgets(b) {
		for name, s := range c.traits {
			s.Values, s.Over, s.Many = map[string]int64{}, nil, true
			c.stale[name] = struct{}{}
		}
	}
	for _, v := range b.values {
		c.changed(v.name, string(v.old.of(b.valueTexts)), string(v.value.of(b.valueTexts)))
	}
}

func (c *catalogue) personsWith(name uint32) int64 {
	if s := c.traits[name]; s != nil {
		return s.persons
	}
	return 0
}

func (c *catalogue) saveDetails(ctx context.Context, tx *store.Tx) error {
	names := sortedKeys(c.stale)
	details := make([]string, len(names))
	for i, name := range names {
		b, err := json.Marshal(c.traits[name])
		if err != nil {
			return err
		}
		details[i] = string(b)
	}
	if c.lane > 0 {
		u := store.Upsert{Table: "profile_shares", Columns: []string{"lane", "trait", "persons", "detail"}, Key: []string{"lane", "trait"}}
		return tx.BulkUpsert(ctx, u, len(names), func(i int, args []any) {
			args[0], args[1], args[2], args[3] = c.lane, int64(names[i]), c.personsWith(names[i]), details[i]
		})
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_examples", Columns: []string{"trait", "detail"}, Key: []string{"trait"}},
		len(names), func(i int, args []any) { args[0], args[1] = int64(names[i]), details[i] })
}

func sortedKeys[V any](set map[uint32]V) []uint32 {
	list := make([]uint32, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// TraitInfo is a trait in the catalogue.
type TraitInfo struct {
	Trait    string            `json:"trait"`
	Type     string            `json:"type"` // of most values; mixed if no type has nine tenths
	Types    map[string]int64  `json:"types"`
	FillRate float64           `json:"fill_rate"` // of all persons
	Persons  int64             `json:"persons"`
	Examples []touchstone.JSON `json:"examples"` // the most frequent first
}

// Traits returns the catalogue of traits, in order of name, with examples as v may see them. One
// who is limited to some persons is told names and types: the numbers and examples are of all.
func (p *Profiles) Traits(ctx context.Context, v *access.Viewer) ([]TraitInfo, error) {
	c, words, total, err := p.readCatalogue(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]TraitInfo, 0, len(c.traits))
	for name, s := range c.traits {
		if s.persons == 0 {
			continue
		}
		info := TraitInfo{Trait: wordOf(words, name), Type: mainType(s.Types), Types: s.Types, Persons: s.persons, FillRate: float64(s.persons) / float64(max(total, s.persons, 1)), Examples: []touchstone.JSON{}}
		if v.Limited() {
			info.Types, info.Persons, info.FillRate = map[string]int64{}, 0, 0
			list = append(list, info)
			continue
		}
		for _, value := range s.frequent() {
			if len(info.Examples) == 5 {
				break
			}
			info.Examples = append(info.Examples, v.Field(info.Trait, touchstone.JSON(value)))
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b TraitInfo) int { return cmp.Compare(a.Trait, b.Trait) })
	return list, nil
}

// Values returns frequent values of a trait whose text contains q, for suggestions: those
// that v may see as they are; none for one who is limited to some persons.
func (p *Profiles) Values(ctx context.Context, v *access.Viewer, trait, q string, limit int) ([]touchstone.JSON, error) {
	c, words, _, err := p.readCatalogue(ctx)
	if err != nil {
		return nil, err
	}
	values := []touchstone.JSON{}
	if v.Limited() {
		return values, nil
	}
	q = strings.ToLower(q)
	for name, s := range c.traits {
		if wordOf(words, name) != trait {
			continue
		}
		for _, text := range s.frequent() {
			value := touchstone.JSON(text)
			if len(values) < limit && strings.Contains(strings.ToLower(text), q) && v.Field(trait, value) == value {
				values = append(values, value)
			}
		}
	}
	return values, nil
}

func (s *traitStats) frequent() []string {
	list := make([]string, 0, len(s.Values))
	for v := range s.Values {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(s.Values[b], s.Values[a]), cmp.Compare(a, b)) })
	return list
}

func mainType(types map[string]int64) string {
	total, most, name := int64(0), int64(0), ""
	for t, n := range types {
		total += n
		if n > most || n == most && t < name {
			most, name = n, t
		}
	}
	if most*10 < total*9 {
		return "mixed"
	}
	return name
}

func (p *Profiles) readCatalogue(ctx context.Context) (c *catalogue, words []string, persons int64, err error) {
	err = p.cfg.DB.View(ctx, func(tx *store.Tx) error {
		if c, err = loadCatalogue(ctx, tx); err != nil {
			return err
		}
		if _, err = c.loadShares(ctx, tx); err != nil {
			return err
		}
		highest := uint32(0)
		for name := range c.traits {
			highest = max(highest, name)
		}
		if words, err = p.shown.upTo(ctx, tx, traitWords, highest); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT CAST(SUM(persons) AS BIGINT) FROM profile_state`).Scan(&persons)
	})
	return c, words, persons, err
}

// Sample returns frequent values of each trait. It is for the program itself: nothing is masked.
func (p *Profiles) Sample(ctx context.Context) (map[string][]touchstone.JSON, error) {
	c, words, _, err := p.readCatalogue(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]touchstone.JSON, len(c.traits))
	for name, s := range c.traits {
		for value := range s.Values {
			found[wordOf(words, name)] = append(found[wordOf(words, name)], touchstone.JSON(value))
		}
	}
	return found, nil
}
