package match

import (
	"slices"
	"sync"

	"github.com/touchstone-cdp/touchstone"
)

// Record is a record as it comes: its name in its list, and a text for each column of the set. An empty text means
// that the record does not say.
type Record struct {
	ID     string   `json:"id"`
	Values []string `json:"values"`
	// Apart are the clean lists that it stands in, a bit for each: two records that share one are never one and the same.
	Apart uint8 `json:"apart,omitempty"`
}

// Bounds of a set.
const (
	maxColumns     = 32
	maxComparisons = 16
	maxLists       = 2
	maxRecords     = 1 << 27
	addedAtOnce    = 4096
)

// Set holds records in the form that is compared: each distinct value of a column once. It is filled by one
// goroutine; when it is trained on or linked it may be read by several.
type Set struct {
	columns []*column
	ids     []string
	list    []uint8
	apart   []uint8  // by record: clean lists; nil: there are none
	cells   []uint32 // by record, then column: numbers of values. Who compares reads records
	sizes   [maxLists]int
	waiting []waiting
	done    bool
}

type waiting struct {
	record Record
	list   uint8
}

// NewSet makes an empty set.
func NewSet(columns []Column) (*Set, error) {
	if len(columns) == 0 || len(columns) > maxColumns {
		return nil, touchstone.Errorf(touchstone.Invalid, "records to match have 1 to %d columns, not %d", maxColumns, len(columns))
	}
	s := &Set{}
	for _, c := range columns {
		s.columns = append(s.columns, newColumn(c))
	}
	return s, nil
}

// Columns returns the columns of the set.
func (s *Set) Columns() []Column {
	list := make([]Column, len(s.columns))
	for i, c := range s.columns {
		list[i] = c.Column
	}
	return list
}

// Len returns how many records the set has.
func (s *Set) Len() int {
	s.flush()
	return len(s.ids)
}

// Sizes returns how many records each list has.
func (s *Set) Sizes() (first, second int) {
	s.flush()
	return s.sizes[0], s.sizes[1]
}

// Add adds a record to list 0 or 1. When a set has records of list 1, pairs are of one record of each; else they
// are of two of list 0. Values of the record may be changed afterwards.
func (s *Set) Add(list int, r Record) error {
	switch {
	case list < 0 || list >= maxLists:
		return touchstone.Errorf(touchstone.Invalid, "there is no list %d: records are matched within one list or between two", list)
	case s.done:
		return touchstone.Errorf(touchstone.Conflict, "the set is in use already; new records go to an index")
	}
	if err := s.fits(r, len(s.ids)+len(s.waiting)); err != nil {
		return err
	}
	s.waiting = append(s.waiting, waiting{Record{r.ID, append([]string(nil), r.Values...), r.Apart}, uint8(list)}) //nolint:gosec // 0 or 1
	if len(s.waiting) == addedAtOnce {
		s.flush()
	}
	return nil
}

// fits tells what is wrong with a record that is to be one more.
func (s *Set) fits(r Record, there int) error {
	switch {
	case len(r.Values) != len(s.columns):
		return touchstone.Errorf(touchstone.Invalid, "record %s has %d values for %d columns", r.ID, len(r.Values), len(s.columns))
	case there >= maxRecords:
		return touchstone.Errorf(touchstone.Invalid, "at most %d records are matched with one another", maxRecords)
	}
	return nil
}

// flush takes in the waiting records, each column on its own.
func (s *Set) flush() {
	if len(s.waiting) == 0 {
		return
	}
	var wait sync.WaitGroup
	first, width := len(s.cells), len(s.columns)
	s.cells = slices.Grow(s.cells, len(s.waiting)*width)[:first+len(s.waiting)*width]
	for i, c := range s.columns {
		wait.Go(func() {
			for at, w := range s.waiting {
				s.cells[first+at*width+i] = c.intern(w.record.Values[i])
			}
		})
	}
	wait.Wait()
	for _, w := range s.waiting {
		s.ids = append(s.ids, w.record.ID)
		s.list = append(s.list, w.list)
		s.stands(w.record.Apart)
		s.sizes[w.list]++
	}
	s.waiting = s.waiting[:0]
}

// finish makes the set ready for comparing. It may be called again.
func (s *Set) finish() {
	if s.done {
		return
	}
	s.flush()
	s.waiting = nil
	var wait sync.WaitGroup
	for _, c := range s.columns {
		wait.Go(c.finish)
	}
	wait.Wait()
	s.done = true
}

// linking tells whether pairs are of two lists.
func (s *Set) linking() bool { return s.sizes[1] > 0 }

// pairs returns how many pairs there are to think of.
func (s *Set) pairs() float64 {
	if s.linking() {
		return float64(s.sizes[0]) * float64(s.sizes[1])
	}
	n := float64(s.sizes[0])
	return n * (n - 1) / 2
}

// row is the numbers of a record's values.
func (s *Set) row(record uint32) []uint32 {
	at := int(record) * len(s.columns)
	return s.cells[at : at+len(s.columns)]
}

// pairsAmong returns how many pairs there are to think of among some records.
func (s *Set) pairsAmong(records []uint32) float64 {
	var sizes [maxLists]float64
	for _, r := range records {
		sizes[s.list[r]]++
	}
	if s.linking() {
		return sizes[0] * sizes[1]
	}
	return sizes[0] * (sizes[0] - 1) / 2
}

// at returns a value of a record; nil when it does not say.
func (s *Set) at(record uint32, column int) *value {
	return s.columns[column].valueAt(s.cells[int(record)*len(s.columns)+column])
}

// part makes a set of some of the records, with the values of this one, and the frequencies of all.
func (s *Set) part(records []uint32) *Set {
	p := &Set{columns: s.columns, cells: make([]uint32, 0, len(records)*len(s.columns)), done: true}
	for _, r := range records {
		p.ids = append(p.ids, s.ids[r])
		p.list = append(p.list, s.list[r])
		if s.apart != nil {
			p.apart = append(p.apart, s.apart[r])
		}
		p.sizes[s.list[r]]++
		p.cells = append(p.cells, s.row(r)...)
	}
	return p
}
