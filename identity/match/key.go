package match

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A keyer makes keys of a value: two records that share a key are worth a look.
type keyer struct {
	name string
	keys func(c *column, v *value, out []uint64) []uint64
}

// Bounds of keys.
const (
	keysOfText   = 8  // rarest words of a text that are keys
	keysOfRecord = 32 // of one rule
)

// keyersOf returns the ways to make keys of a kind, the strictest first.
func keyersOf(kind Kind) []keyer {
	switch kind {
	case Given, Family, Name:
		return []keyer{whole, {"sound", one(soundKey)}, {"first letters", one(func(v *value) string { return head(squeeze(sounding(v)), 3) })}}
	case Phone:
		return []keyer{whole, {"last seven", one(func(v *value) string { return tail(v.text, 7) })}, {"first seven", one(func(v *value) string { return longHead(v.text, 7) })}}
	case Email:
		return []keyer{whole, {"before the @", one(func(v *value) string { return v.alt })}, {"first letters", one(func(v *value) string { return longHead(v.alt, 5) })}}
	case Address:
		return []keyer{whole, {"street and numbers", one(streetKey)}, {"street", one(func(v *value) string { return v.alt })}, {"numbers", one(func(v *value) string { return v.tail })}}
	case Date:
		return []keyer{
			whole, {"year and month", one(func(v *value) string { return longHead(v.text, 6) })},
			{"month and day", one(func(v *value) string { return tail(v.text, 4) })},
			{"year and day", one(func(v *value) string { return longHead(v.text, 4) + tail(v.text, 2) })}, {"year", one(func(v *value) string { return longHead(v.text, 4) })},
		}
	case ID, Postcode, Plate:
		return []keyer{whole, {"first half", one(func(v *value) string { return longHead(v.text, max(len(v.text)/2, 2)) })}, {"second half", one(func(v *value) string { return tail(v.text, max(len(v.text)/2, 2)) })}}
	case Text:
		return []keyer{whole, {"a code", codeKeys}, {"a rare word", wordKeys}, {"first words", one(func(v *value) string { return firstWords(v.text, 2) })}}
	case Number, Year:
		return []keyer{whole}
	case Ignored:
		return nil
	}
	return []keyer{whole, {"first letters", one(func(v *value) string { return head(v.text, 4) })}}
}

var whole = keyer{"", one(func(v *value) string { return v.text })}

// one makes a keyer of a function that gives one key; an empty one is none.
func one(key func(v *value) string) func(*column, *value, []uint64) []uint64 {
	return func(_ *column, v *value, out []uint64) []uint64 {
		if k := key(v); k != "" {
			out = append(out, xxhash.Sum64String(k)|1) // 0 stands for none
		}
		return out
	}
}

func sounding(v *value) string {
	if v.alt != "" {
		return v.alt
	}
	return v.text
}

func soundKey(v *value) string { return soundOf(sounding(v)) }

func streetKey(v *value) string {
	if v.alt == "" || v.tail == "" {
		return ""
	}
	first, _, _ := strings.Cut(v.tail, " ")
	return soundOf(romaniseIf(v.alt)) + " " + first
}

func romaniseIf(s string) string {
	if hasHan(s) {
		return romanise(s)
	}
	return s
}

func head(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// longHead is the beginning of a text that is longer than it.
func longHead(s string, n int) string {
	if len(s) <= n {
		return ""
	}
	return head(s, n)
}

func tail(s string, n int) string {
	if len(s) <= n {
		return ""
	}
	return s[len(s)-n:]
}

func firstWords(s string, n int) string {
	for i := range len(s) {
		if s[i] == ' ' {
			if n--; n == 0 {
				return s[:i]
			}
		}
	}
	return ""
}

func codeKeys(_ *column, v *value, out []uint64) []uint64 {
	for code := range strings.SplitSeq(v.tail, " ") {
		if code != "" {
			out = append(out, xxhash.Sum64String(code)|1)
		}
	}
	return out
}

// wordKeys takes the rarest words that at least two values have.
func wordKeys(c *column, v *value, out []uint64) []uint64 {
	if v.more == nil {
		return out
	}
	words := make([]weight, 0, len(v.more.words))
	for _, w := range v.more.words {
		if int64(w.word) < int64(len(c.df)) && c.df[w.word] >= 2 {
			words = append(words, w)
		}
	}
	slices.SortFunc(words, func(a, b weight) int {
		return cmp.Or(cmp.Compare(c.df[a.word], c.df[b.word]), cmp.Compare(a.word, b.word))
	})
	for _, w := range words[:min(len(words), keysOfText)] {
		out = append(out, uint64(w.word)*0x9e3779b97f4a7c15|1)
	}
	return out
}

// keysOf appends the keys of a value, of each of its parts if it is several.
func (k keyer) keysOf(c *column, v *value, out []uint64) []uint64 {
	parts := v.parts()
	if len(parts) == 0 {
		return k.keys(c, v, out)
	}
	for _, p := range parts {
		out = k.keys(c, p, out)
	}
	return out
}

// RuleKey is a column and what of it must be equal.
type RuleKey struct {
	Column string `json:"column"`
	Key    string `json:"key,omitempty"` // empty: all of it
}

// Rule is a blocking rule: pairs that share a key of each part are looked at.
type Rule struct {
	Keys []RuleKey `json:"keys"`
	// Pairs is how many pairs it finds in all records, counted (of many records: estimated).
	Pairs float64 `json:"pairs"`
	// Found is the share of the probable matches that it finds, and Alone the share that no other rule finds.
	Found float64 `json:"found"`
	Alone float64 `json:"alone"`
}

// String writes a rule for people: "family_name (sound) + date_of_birth".
func (r Rule) String() string {
	parts := make([]string, len(r.Keys))
	for i, k := range r.Keys {
		parts[i] = k.Column
		if k.Key != "" {
			parts[i] += " (" + k.Key + ")"
		}
	}
	return strings.Join(parts, " + ")
}

// blocker is a rule bound to columns.
type blocker struct {
	columns []int
	keyers  []keyer
}

// bind finds what a rule names; false when a column or key is not there.
func (r Rule) bind(columns []*column) (b blocker, ok bool) {
	for _, k := range r.Keys {
		at := slices.IndexFunc(columns, func(c *column) bool { return c.Name == k.Column })
		if at < 0 {
			return b, false
		}
		keyers := keyersOf(columns[at].Kind)
		i := slices.IndexFunc(keyers, func(x keyer) bool { return x.name == k.Key })
		if i < 0 {
			return b, false
		}
		b.columns = append(b.columns, at)
		b.keyers = append(b.keyers, keyers[i])
	}
	return b, len(r.Keys) > 0
}

// keys appends the keys of a record, without repetitions, in order.
func (b blocker) keys(columns []*column, at func(column int) *value, out []uint64) []uint64 {
	begin := len(out)
	for i, col := range b.columns {
		v := at(col)
		if v == nil {
			return out[:begin]
		}
		if i == 0 {
			out = inOrder(b.keyers[i].keysOf(columns[col], v, out), begin)
			continue
		}
		// What comes of the two parts takes their place.
		middle := len(out)
		out = inOrder(b.keyers[i].keysOf(columns[col], v, out), middle)
		end := len(out)
		out = mixed(out[begin:middle], out[middle:end], out)
		out = out[:begin+copy(out[begin:], out[end:])]
	}
	return out
}

// mixed appends a key for each pair of keys of two parts.
func mixed(x, y, out []uint64) []uint64 {
	begin := len(out)
	for _, a := range x {
		for _, b := range y {
			out = append(out, mix(a, b))
		}
	}
	return inOrder(out, begin)
}

// inOrder sorts the keys from begin on, without repetitions, and cuts them where a record has too many.
func inOrder(keys []uint64, begin int) []uint64 {
	if len(keys)-begin > 1 {
		slices.Sort(keys[begin:])
		keys = keys[:begin+len(slices.Compact(keys[begin:]))]
	}
	return keys[:min(len(keys), begin+keysOfRecord)]
}

func mix(x, y uint64) uint64 {
	x = (x ^ y>>29) * 0xbf58476d1ce4e5b9
	return (x^x>>32)*0x94d049bb133111eb + y | 1
}
