package match

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// Bounds of an index.
const (
	maxCandidates = 1000 // records that one question is compared with
	maxFound      = 100  // that it returns
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
	for i, id := range s.ids {
		ix.forget(id)
		ix.numbers[id] = uint32(i) //nolint:gosec // bounded by maxRecords
	}
	for _, rule := range ix.rules {
		ix.tables = append(ix.tables, newPostings(s.listOf(rule)))
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
		ix.set.cells = append(ix.set.cells, c.intern(r.Values[i]))
	}
	ix.set.ids = append(ix.set.ids, r.ID)
	ix.set.list = append(ix.set.list, 0)
	ix.set.stands(r.Apart)
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
	for i, v := range ix.set.row(record) {
		if v != 0 {
			ix.set.columns[i].count(v, -1)
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
	var clean map[uint64]float64 // odds by clean list
	if ix.set.apart != nil {
		clean = make(map[uint64]float64)
	}
	for _, record := range ix.candidates(values) {
		if ix.set.ids[record] == r.ID || ix.set.apart != nil && ix.set.apart[record]&r.Apart != 0 {
			continue
		}
		buffer = ix.set.read(record, buffer)
		weight := ix.c.weight(ix.c.pattern(values, buffer), values, buffer)
		if weight < keptBits {
			continue
		}
		p := probability(weight)
		odds += p / (1 - min(p, 1-1e-12))
		if ix.set.apart != nil {
			addOdds(clean, 0, ix.set.apart[record], math.Exp2(weight))
		}
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
		if ix.set.apart != nil {
			own := math.Exp2(m.Weight)
			m.Probability = own / (1 + own + rivalsOf(clean, 0, ix.set.apart[ix.numbers[m.ID]], own))
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
	var keys []posted
	var buffer [keysOfRecord]uint64
	for i, rule := range ix.rules {
		for _, k := range rule.keys(ix.set.columns, func(col int) *value { return values[col] }, buffer[:0]) {
			if p := ix.tables[i].find(k); p.count() > 0 {
				keys = append(keys, p)
			}
		}
	}
	slices.SortStableFunc(keys, func(a, b posted) int { return cmp.Compare(a.count(), b.count()) })
	var list []uint32
	seen := make(map[uint32]struct{})
	for _, p := range keys {
		for record := range p.records() {
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
