package match

import (
	"cmp"
	"slices"
	"sync"
)

// Bounds of an index.
const (
	maxCandidates = 1000 // records that one question is compared with
	maxFound      = 100  // that it returns
	cleanedAtOnce = 8    // entries of a key that are looked at when one is added
)

// Index answers which records one record matches, while records come and go. It may be used by several goroutines.
//
// What is removed leaves traces in memory until the index is made anew; see [Index.Stale].
type Index struct {
	mu      sync.RWMutex
	set     *Set
	c       *comparer
	rules   []blocker
	tables  []postings // by rule
	numbers map[string]uint32
	stale   int
}

// postings are the records of each key, as chains.
type postings struct {
	heads map[uint64]chain
	links []link
}

type chain struct {
	first uint32 // link plus one; 0: none
	count uint32 // more than maxBlock: the key says too little, and its records are forgotten
}

type link struct{ record, next uint32 }

const gone = 0xff // the list of a record that was removed

// Match is a record that another may be.
type Match struct {
	ID          string  `json:"id"`
	Weight      float64 `json:"weight"`
	Probability float64 `json:"probability"`
	Outcome     Outcome `json:"outcome"` // empty: below review
}

// NewIndex makes an index of a set, which may be empty and belongs to the index from then on.
func NewIndex(m *Model, s *Set) (*Index, error) {
	s.finish()
	c, err := m.bind(s.columns)
	if err != nil {
		return nil, err
	}
	ix := &Index{set: s, c: c, numbers: make(map[string]uint32, len(s.ids))}
	if ix.rules, err = m.blockers(s.columns); err != nil {
		return nil, err
	}
	for range ix.rules {
		ix.tables = append(ix.tables, postings{heads: make(map[uint64]chain)})
	}
	for i, id := range s.ids {
		record := uint32(i) //nolint:gosec // bounded by maxRecords
		ix.forget(id)
		ix.numbers[id] = record
		ix.post(record)
	}
	return ix, nil
}

// Len returns how many records the index has.
func (ix *Index) Len() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return len(ix.numbers)
}

// Stale returns how many records have left since it was made and still take memory. When they are more than those
// that are there, it is time for a new index.
func (ix *Index) Stale() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.stale
}

// Add adds a record; one of the same name is replaced.
func (ix *Index) Add(r Record) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if err := ix.set.fits(r, len(ix.set.ids)); err != nil {
		return err
	}
	ix.forget(r.ID)
	record := uint32(len(ix.set.ids)) //nolint:gosec // bounded by maxRecords
	for i, c := range ix.set.columns {
		ix.set.cells[i] = append(ix.set.cells[i], c.intern(r.Values[i]))
	}
	ix.set.ids = append(ix.set.ids, r.ID)
	ix.set.list = append(ix.set.list, 0)
	ix.numbers[r.ID] = record
	ix.post(record)
	return nil
}

// Remove takes a record out. It returns false when there is none of that name.
func (ix *Index) Remove(id string) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.forget(id)
}

func (ix *Index) forget(id string) bool {
	record, ok := ix.numbers[id]
	if !ok {
		return false
	}
	delete(ix.numbers, id)
	ix.set.list[record] = gone
	ix.set.ids[record] = ""
	for i, c := range ix.set.columns {
		if v := ix.set.cells[i][record]; v != 0 {
			c.count(v, -1)
		}
	}
	ix.stale++
	return true
}

// post puts a record under its keys.
func (ix *Index) post(record uint32) {
	var buffer [keysOfRecord]uint64
	at := func(col int) *value { return ix.set.at(record, col) }
	for i, rule := range ix.rules {
		t := &ix.tables[i]
		for _, k := range rule.keys(ix.set.columns, at, buffer[:0]) {
			t.add(k, record, ix.set.list)
		}
	}
}

func (t *postings) add(key uint64, record uint32, list []uint8) {
	c := t.heads[key]
	if c.count > maxBlock {
		return
	}
	t.clean(&c, list)
	c.count++
	if c.count > maxBlock {
		c.first = 0
	} else {
		t.links = append(t.links, link{record, c.first})
		c.first = uint32(len(t.links)) //nolint:gosec // bounded by the records and their keys
	}
	t.heads[key] = c
}

// clean takes removed records out of the beginning of a chain.
func (t *postings) clean(c *chain, list []uint8) {
	at := &c.first
	for range cleanedAtOnce {
		if *at == 0 {
			return
		}
		l := &t.links[*at-1]
		if list[l.record] == gone {
			*at = l.next
			c.count--
			continue
		}
		at = &l.next
	}
}

// Find returns the records that a record may be, the most probable first, at most most of them. The record need not be in the
// index; if one of its name is, it is left out.
func (ix *Index) Find(r Record, most int) ([]Match, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if err := ix.set.fits(r, 0); err != nil {
		return nil, err
	}
	values := ix.values(r)
	var buffer []*value
	var matches []Match
	var odds float64
	for _, record := range ix.candidates(values) {
		if ix.set.ids[record] == r.ID {
			continue
		}
		buffer = ix.set.read(record, buffer)
		weight := ix.c.weight(ix.c.pattern(values, buffer), values, buffer)
		if weight < keptBits {
			continue
		}
		p := probability(weight)
		odds += p / (1 - min(p, 1-1e-12))
		matches = append(matches, Match{ID: ix.set.ids[record], Weight: weight, Probability: p})
	}
	slices.SortFunc(matches, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.ID, b.ID))
	})
	matches = matches[:min(len(matches), most, maxFound)]
	for i := range matches {
		m := &matches[i]
		if ix.c.model.OneToOne {
			m.Probability = m.Probability / (1 - min(m.Probability, 1-1e-12)) / (1 + odds)
		}
		m.Outcome = ix.c.model.Thresholds.outcome(m.Probability)
	}
	return matches, nil
}

// outcome says what becomes of a pair of a probability.
func (t Thresholds) outcome(p float64) Outcome {
	switch {
	case p >= t.Link:
		return Linked
	case p >= t.Review:
		return Doubtful
	}
	return ""
}

func (ix *Index) values(r Record) []*value {
	values := make([]*value, len(ix.set.columns))
	for i, c := range ix.set.columns {
		values[i] = c.look(r.Values[i])
	}
	return values
}

// candidates are the records that share a key with a record, those of rare keys first.
func (ix *Index) candidates(values []*value) []uint32 {
	type opened struct {
		chain
		links []link
	}
	var chains []opened
	var buffer [keysOfRecord]uint64
	for i, rule := range ix.rules {
		t := &ix.tables[i]
		for _, k := range rule.keys(ix.set.columns, func(col int) *value { return values[col] }, buffer[:0]) {
			if c := t.heads[k]; c.first != 0 {
				chains = append(chains, opened{c, t.links})
			}
		}
	}
	slices.SortStableFunc(chains, func(a, b opened) int { return cmp.Compare(a.count, b.count) })
	var list []uint32
	seen := make(map[uint32]struct{})
	for _, c := range chains {
		for at := c.first; at != 0; at = c.links[at-1].next {
			record := c.links[at-1].record
			if _, ok := seen[record]; ok || ix.set.list[record] == gone {
				continue
			}
			if len(list) == maxCandidates {
				return list
			}
			seen[record] = struct{}{}
			list = append(list, record)
		}
	}
	return list
}

// Explain says why a record and one of the index are taken for one, or not; false when there is none of that name.
func (ix *Index) Explain(r Record, id string) (Explanation, bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	record, ok := ix.numbers[id]
	if !ok || len(r.Values) != len(ix.set.columns) {
		return Explanation{}, false
	}
	return ix.c.explain(ix.values(r), ix.set.read(record, nil)), true
}
