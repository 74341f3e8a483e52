package rule

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
)

// ParseText reads a rule as [Rule.Text] writes it. A mistake is a touchstone.Invalid error that names line and column.
func ParseText(text string) (*Rule, error) {
	if len(text) > MaxBytes {
		return nil, touchstone.Errorf(touchstone.Invalid, "rule: %d bytes are more than the %d allowed", len(text), MaxBytes)
	}
	p := textParser{places: map[Node]token{}}
	p.split(text)
	root := p.or(0)
	if p.err == nil && p.peek().kind != endToken {
		p.fail(p.peek(), "a rule ends here, or goes on with and, or; %s does not fit", p.peek().shown())
	}
	if p.err != nil {
		return nil, p.err
	}
	var out printer
	out.node(root)
	r, err := Parse(touchstone.JSON(out.String()))
	if err != nil {
		return nil, p.placed(err, root)
	}
	return r, nil
}

type tokenKind uint8

const (
	wordToken tokenKind = iota // a bare word, a number, a moment
	textToken                  // in quotes
	markToken
	endToken
)

type token struct {
	kind         tokenKind
	text         string
	line, column int // from 1, in characters
}

// shown is what a mistake calls the token.
func (t token) shown() any {
	switch t.kind {
	case endToken:
		return touchstone.Textf("the end")
	case textToken:
		return quoted(t.text)
	}
	return t.text
}

// textParser keeps the first error; its methods return zero values afterwards.
type textParser struct {
	tokens []token
	at     int
	err    error
	places map[Node]token
}

func (p *textParser) fail(t token, format string, args ...any) {
	if p.err == nil {
		p.err = touchstone.Errorf(touchstone.Invalid, "line %d, column %d: %s", t.line, t.column, touchstone.Textf(format, args...))
	}
}

// wordRune tells what a bare word is made of: letters, digits, and what moments, versions and paths have.
func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || strings.ContainsRune("_$./:+-", r)
}

// split cuts the text into tokens.
func (p *textParser) split(text string) {
	line, column := 1, 1
	for len(text) > 0 && p.err == nil {
		r, size := utf8.DecodeRuneInString(text)
		t := token{kind: markToken, line: line, column: column}
		n := size
		switch {
		case r == '\n':
			line, column, text = line+1, 1, text[1:]
			continue
		case unicode.IsSpace(r):
			column, text = column+1, text[size:]
			continue
		case r == '"':
			t.kind = textToken
			n = p.quoted(&t, text)
		case wordRune(r):
			t.kind = wordToken
			if n = strings.IndexFunc(text, func(r rune) bool { return !wordRune(r) }); n < 0 {
				n = len(text)
			}
			t.text = text[:n]
		case strings.ContainsRune("(),%=<>!", r):
			if len(text) > 1 && text[1] == '=' && r != '=' && strings.ContainsRune("<>!", r) {
				n = 2
			}
			t.text = text[:n]
		default:
			p.fail(t, "%q means nothing here; texts stand in \"quotes\"", string(r))
			return
		}
		p.tokens = append(p.tokens, t)
		column += utf8.RuneCountInString(text[:n])
		text = text[n:]
	}
	p.tokens = append(p.tokens, token{kind: endToken, line: line, column: column})
}

// quoted reads a text in quotes as JSON has them.
func (p *textParser) quoted(t *token, text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\n':
			p.fail(*t, "this text has no closing quote on its line")
			return i
		case '"':
			if json.Unmarshal([]byte(text[:i+1]), &t.text) != nil {
				p.fail(*t, "is not a text; write a quote within as \\\" and a backslash as \\\\")
			}
			return i + 1
		}
	}
	p.fail(*t, "this text has no closing quote on its line")
	return len(text)
}

func (p *textParser) peek() token { return p.ahead(0) }

func (p *textParser) ahead(n int) token {
	if p.err != nil || p.at+n >= len(p.tokens) {
		return token{kind: endToken}
	}
	return p.tokens[p.at+n]
}

func (p *textParser) next() token {
	t := p.peek()
	if t.kind != endToken {
		p.at++
	}
	return t
}

// is tells whether these words or marks come next.
func (p *textParser) is(words string) bool {
	for i, word := range strings.Fields(words) {
		if t := p.ahead(i); t.text != word || t.kind != wordToken && t.kind != markToken {
			return false
		}
	}
	return true
}

// take takes these words, if they come next.
func (p *textParser) take(words string) bool {
	if p.err != nil || !p.is(words) {
		return false
	}
	p.at += len(strings.Fields(words))
	return true
}

// need takes these words, which must come.
func (p *textParser) need(words string) {
	if !p.take(words) {
		p.fail(p.peek(), "%q is missing before %s", words, p.peek().shown())
	}
}

// keywords cannot be names without quotes.
var keywords = strings.Fields(`ago ahead all and anniversary any as at average back before after begun between contains context day days did different
	does ends exactly exists first for has household hour hours in km last least less match matches maximum minimum minute minutes month more most near none not of on or
	previous quarter random second seconds segment sequence since starts sum the then this times today to true false trait until version week weeks where with within year zone`)

func isKeyword(s string) bool { return slices.Contains(keywords, s) }

// name reads a name: a word that is no keyword, or a text.
func (p *textParser) name() string {
	t := p.next()
	switch {
	case t.kind == textToken || t.kind == wordToken && bareName.MatchString(t.text) && !isKeyword(t.text):
	case t.kind == wordToken:
		p.fail(t, "here stands a name; %s has a meaning of its own, so as a name it stands in quotes", t.shown())
	default:
		p.fail(t, "here stands a name, not %s", t.shown())
	}
	return t.text
}

var numberForm = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

func (p *textParser) number() float64 {
	t := p.next()
	n, err := strconv.ParseFloat(t.text, 64)
	if t.kind != wordToken || !numberForm.MatchString(t.text) || err != nil {
		p.fail(t, "here stands a number, not %s", t.shown())
		return 0
	}
	return n
}

// whole reads a number of things, whose bounds are checked with the rule.
func (p *textParser) whole() int {
	t := p.peek()
	n := p.number()
	if p.err == nil && (n != math.Trunc(n) || n < 0 || n > 1e6) {
		p.fail(t, "here stands a whole number, not %s", t.shown())
		return 0
	}
	return int(n)
}

func (p *textParser) value() Value {
	t := p.peek()
	switch {
	case t.kind == textToken:
		p.next()
		return Value{Kind: Text, Text: t.text}
	case p.take("true"):
		return Value{Kind: Boolean, Boolean: true}
	case p.take("false"):
		return Value{Kind: Boolean}
	case t.kind == wordToken && numberForm.MatchString(t.text):
		return Value{Kind: Number, Number: p.number()}
	}
	p.fail(t, "here stands a value: a text in quotes, a number, true or false, not %s", t.shown())
	return Value{}
}

// length reads 30 days, or 30d.
func (p *textParser) length() time.Duration {
	t := p.next()
	text := t.text
	if numberForm.MatchString(text) {
		unit := strings.TrimSuffix(p.next().text, "s")
		for letter, name := range unitNames {
			if unit == name {
				text += string(letter)
			}
		}
	}
	d, ok := ParseDuration(text)
	if !ok || d < time.Second {
		p.fail(t, "here stands a length of time, such as 30 days, 12 hours or 90 seconds")
	}
	return d
}

func (p *textParser) moment() int64 {
	t := p.next()
	ms, ok := ParseMoment(t.text)
	if !ok || t.kind != wordToken {
		p.fail(t, "here stands a moment, such as 2026-03-01 or 2026-03-01T09:00:00+08:00, not %s", t.shown())
	}
	return ms
}

func (p *textParser) zone() string {
	if !p.take("zone") {
		return ""
	}
	t := p.next()
	if t.kind != textToken {
		p.fail(t, `here stands a time zone in quotes, such as "Asia/Shanghai"`)
	}
	if t.text == "UTC" {
		return ""
	}
	return t.text
}

// placed gives a mistake that the JSON form names by its path the line and column of the part.
func (p *textParser) placed(err error, root Node) error {
	var e *touchstone.Error
	if !errors.As(err, &e) {
		return err
	}
	text, _ := e.Texts()
	if text.Format != "%s: %s" || len(text.Args) != 2 {
		return err
	}
	path, _ := text.Args[0].(string)
	at := placeAt(root, strings.Split(path, "."), p.places)
	return touchstone.Errorf(e.Kind, "line %d, column %d: %s", at.line, at.column, text.Args[1])
}

// placeAt is where the part begins that a path leads to, as far as parts go.
func placeAt(n Node, path []string, places map[Node]token) token {
	child, rest := Node(nil), path
	pick := func(word string, of []Node) {
		if len(path) > 1 && path[0] == word {
			if i, err := strconv.Atoi(path[1]); err == nil && i < len(of) {
				child, rest = of[i], path[2:]
			}
		}
	}
	switch n := n.(type) {
	case *And:
		pick("and", n.Of)
	case *Or:
		pick("or", n.Of)
	case *Not:
		if len(path) > 0 && path[0] == "not" {
			child, rest = n.Of, path[1:]
		}
	case *Household:
		if len(path) > 1 && path[1] == string(n.Who) {
			child, rest = n.Of, path[2:]
		}
	}
	if child == nil {
		if t, ok := places[n]; ok {
			return t
		}
		return token{line: 1, column: 1}
	}
	return placeAt(child, rest, places)
}
