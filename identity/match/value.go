package match

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// value is a distinct value of a column, in the form that is compared.
type value struct {
	text  string // equal texts are equal values
	alt   string // by kind: how a Chinese name sounds, an address without its numbers, the local part of an e-mail address
	tail  string // by kind: the numbers of an address, the codes of a text
	more  *extra // of texts and of values that are several
	count uint32 // records that hold it
}

type extra struct {
	words []weight // of a text, by number; their squares add up to 1
	parts []*value // see [Separator]
}

// parts returns the values that a value stands for, if it is several.
func (v *value) parts() []*value {
	if v.more == nil {
		return nil
	}
	return v.more.parts
}

// weight is a word of a text and what it counts for.
type weight struct {
	word uint32
	tf   float32 // how often, until the column is finished; then the normed weight
}

const chunkBits = 12 // values of a chunk, as a power of 2

// column keeps the distinct values of a column. Values stay where they are, so they are pointed to.
type column struct {
	Column
	ids    map[string]uint32 // by text
	chunks [][]value
	n      uint32            // values, with that of missing ones, which is 0
	vocab  map[string]uint32 // words of texts
	hosts  map[string]uint32 // of mail addresses: values that have the host
	words  []string
	df     []uint32 // values that have the word
	filled uint32   // records that have a value
	ready  bool     // finished: new values get their weights at once
	// manifold says that some value stands for several.
	manifold bool
}

func newColumn(c Column) *column {
	col := &column{Column: c, ids: make(map[string]uint32), n: 1, chunks: [][]value{make([]value, 1, 1<<chunkBits)}}
	if c.Kind == Text {
		col.vocab = make(map[string]uint32)
	}
	if c.Kind == Email {
		col.hosts = make(map[string]uint32)
	}
	return col
}

func (c *column) at(id uint32) *value { return &c.chunks[id>>chunkBits][id&(1<<chunkBits-1)] }

// valueAt is at for a number that may be 0, of a missing value: nil.
func (c *column) valueAt(id uint32) *value {
	if id == 0 {
		return nil
	}
	return c.at(id)
}

// intern returns the number of a value as somebody wrote it, and counts a record that holds it. 0: there is none.
func (c *column) intern(raw string) uint32 {
	id := c.number(raw)
	if id != 0 {
		c.count(id, 1)
	}
	return id
}

// count adds to the records that hold a value, or takes from them.
func (c *column) count(id uint32, by int32) {
	v := c.at(id)
	for _, p := range v.parts() {
		p.count += uint32(by) //nolint:gosec // two's complement
	}
	v.count += uint32(by)  //nolint:gosec // two's complement
	c.filled += uint32(by) //nolint:gosec // two's complement
}

// number returns the number of a value, a new one if it is new.
func (c *column) number(raw string) uint32 {
	if raw == "" || c.Kind == Ignored {
		return 0
	}
	if strings.Contains(raw, Separator) {
		return c.several(strings.Split(raw, Separator))
	}
	v := form(c.Kind, raw)
	if v.text == "" {
		return 0
	}
	if id, ok := c.ids[v.text]; ok {
		return id
	}
	v.text = strings.Clone(v.text) // it may be a piece of a row
	if c.Kind == Text {
		v.more = &extra{words: c.wordsOf(v.text)}
		if c.ready {
			c.norm(v.more.words)
		}
	}
	if c.hosts != nil {
		c.hosts[hostOf(&v)]++
	}
	return c.keep(v)
}

func (c *column) keep(v value) uint32 {
	id := c.n
	if last := len(c.chunks) - 1; len(c.chunks[last]) < 1<<chunkBits {
		c.chunks[last] = append(c.chunks[last], v)
	} else {
		c.chunks = append(c.chunks, append(make([]value, 0, 1<<chunkBits), v))
	}
	c.n++
	c.ids[v.text] = id
	return id
}

func (c *column) several(raws []string) uint32 {
	var ids []uint32
	for _, raw := range raws {
		if id := c.number(raw); id != 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch len(ids) {
	case 0:
		return 0
	case 1:
		return ids[0]
	}
	slices.Sort(ids)
	texts := make([]string, len(ids))
	parts := make([]*value, len(ids))
	for i, id := range ids {
		parts[i] = c.at(id)
		texts[i] = parts[i].text
	}
	text := strings.Join(texts, Separator)
	if id, ok := c.ids[text]; ok {
		return id
	}
	c.manifold = true
	return c.keep(value{text: text, more: &extra{parts: parts}})
}

// look returns a value as somebody wrote it without keeping it; nil: there is none.
func (c *column) look(raw string) *value {
	if raw == "" || c.Kind == Ignored {
		return nil
	}
	if strings.Contains(raw, Separator) {
		var parts []*value
		for _, one := range strings.Split(raw, Separator) {
			if v := c.look(one); v != nil {
				parts = append(parts, v)
			}
		}
		switch len(parts) {
		case 0:
			return nil
		case 1:
			return parts[0]
		}
		return &value{text: raw, more: &extra{parts: parts}}
	}
	v := form(c.Kind, raw)
	if v.text == "" {
		return nil
	}
	if id, ok := c.ids[v.text]; ok {
		return c.at(id)
	}
	if c.Kind == Text {
		words := c.known(v.text)
		c.norm(words)
		v.more = &extra{words: words}
	}
	return &v
}

// known is wordsOf that keeps no words: those that no value has are numbered from the end.
func (c *column) known(text string) []weight {
	var list []weight
	for i, w := range tokens(text) {
		id, ok := c.vocab[w]
		if !ok {
			id = math.MaxUint32 - uint32(i) //nolint:gosec // a text has fewer words
		}
		if i := slices.IndexFunc(list, func(x weight) bool { return x.word == id }); i >= 0 {
			list[i].tf++
			continue
		}
		list = append(list, weight{id, 1})
	}
	slices.SortFunc(list, func(a, b weight) int { return cmp.Compare(a.word, b.word) })
	return list
}

func (c *column) wordsOf(text string) []weight {
	var list []weight
	for _, w := range tokens(text) {
		id, ok := c.vocab[w]
		if !ok {
			id = uint32(len(c.words)) //nolint:gosec // as above
			w = strings.Clone(w)
			c.vocab[w] = id
			c.words = append(c.words, w)
			c.df = append(c.df, 0)
		}
		if i := slices.IndexFunc(list, func(x weight) bool { return x.word == id }); i >= 0 {
			list[i].tf++
			continue
		}
		list = append(list, weight{id, 1})
		c.df[id]++
	}
	slices.SortFunc(list, func(a, b weight) int { return cmp.Compare(a.word, b.word) })
	return list
}

// finish computes what depends on all values: the weights of words.
func (c *column) finish() {
	c.ready = true
	for id := uint32(1); id < c.n; id++ {
		v := c.at(id)
		if v.more != nil {
			c.norm(v.more.words)
		}
	}
}

func (c *column) idf(word uint32) float64 {
	var df uint32
	if int64(word) < int64(len(c.df)) {
		df = c.df[word]
	}
	return math.Log(1 + float64(c.n)/float64(df+1))
}

// norm turns counts into weights (TF-IDF) of length 1.
func (c *column) norm(words []weight) {
	var sum float64
	for i := range words {
		w := (1 + math.Log(float64(words[i].tf))) * c.idf(words[i].word)
		words[i].tf = float32(w)
		sum += w * w
	}
	for i := range words {
		words[i].tf /= float32(math.Sqrt(sum))
	}
}

// tokens cuts a folded text into words, and Chinese into pairs of characters.
func tokens(text string) []string {
	fields := strings.Fields(text)
	if !hasHan(text) {
		return fields
	}
	var list []string
	for _, f := range fields {
		if !hasHan(f) {
			list = append(list, f)
			continue
		}
		last := -1
		for i, r := range f {
			_, size := utf8.DecodeRuneInString(f[i:])
			if last >= 0 {
				list = append(list, f[last:i+size])
			}
			last = i
			_ = r
		}
	}
	return list
}
