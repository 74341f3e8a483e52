package match

import (
	"runtime"
	"slices"
	"sync"
)

// keyList is the keys of all records of a set under a rule, or under a part of one. Mostly a record has one key or none, and the
// list is an array.
type keyList struct {
	one []uint64 // by record, 0: none; if no record has several
	// Else those of a record, in order, are many[begin[record]:begin[record+1]].
	begin []uint32
	many  []uint64
}

func (k *keyList) of(record uint32) []uint64 {
	if k.begin != nil {
		return k.many[k.begin[record]:k.begin[record+1]]
	}
	if k.one[record] == 0 {
		return nil
	}
	return k.one[record : record+1]
}

// firstShared returns the least key that two records share; 0: none.
func (k *keyList) firstShared(a, b uint32) uint64 {
	if k.begin == nil {
		if k.one[a] == k.one[b] {
			return k.one[a]
		}
		return 0
	}
	x, y := k.of(a), k.of(b)
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] == y[j]:
			return x[i]
		case x[i] < y[j]:
			i++
		default:
			j++
		}
	}
	return 0
}

// listed makes a list of n records; keysOf appends the keys of one of them, and may be called from several goroutines.
func listed(n int, keysOf func(record uint32, out []uint64) []uint64) *keyList {
	type part struct {
		counts []uint8
		keys   []uint64
		most   uint8
	}
	parts := make([]part, runtime.GOMAXPROCS(0))
	inParts(n, func(w, from, to int) {
		p := part{counts: make([]uint8, 0, to-from), keys: make([]uint64, 0, to-from)}
		for r := from; r < to; r++ {
			before := len(p.keys)
			p.keys = keysOf(uint32(r), p.keys) //nolint:gosec // bounded by maxRecords
			n := uint8(len(p.keys) - before)   //nolint:gosec // at most keysOfRecord
			p.counts, p.most = append(p.counts, n), max(p.most, n)
		}
		parts[w] = p
	})
	most, total := uint8(0), 0
	for _, p := range parts {
		most, total = max(most, p.most), total+len(p.keys)
	}
	if most <= 1 {
		k := &keyList{one: make([]uint64, 0, n)}
		for _, p := range parts {
			at := 0
			for _, c := range p.counts {
				if c == 0 {
					k.one = append(k.one, 0)
					continue
				}
				k.one = append(k.one, p.keys[at])
				at++
			}
		}
		return k
	}
	k := &keyList{begin: make([]uint32, 1, n+1), many: make([]uint64, 0, total)}
	for _, p := range parts {
		for _, c := range p.counts {
			k.begin = append(k.begin, k.begin[len(k.begin)-1]+uint32(c))
		}
		k.many = append(k.many, p.keys...)
	}
	return k
}

// inParts cuts n things into one run for each processor and calls fn for each at once.
func inParts(n int, fn func(worker, from, to int)) {
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() { fn(w, n*w/workers, n*(w+1)/workers) })
	}
	wait.Wait()
}

// listOf makes the list of a rule.
func (s *Set) listOf(b blocker) *keyList {
	return listed(len(s.ids), func(record uint32, out []uint64) []uint64 {
		return b.keys(s.columns, func(col int) *value { return s.at(record, col) }, out)
	})
}

// both makes the list of a rule of two parts from the lists of the parts.
func (k *keyList) both(other *keyList, records int) *keyList {
	return listed(records, func(record uint32, out []uint64) []uint64 { return mixed(k.of(record), other.of(record), out) })
}

func (k *keyList) clone() *keyList {
	return &keyList{slices.Clone(k.one), slices.Clone(k.begin), slices.Clone(k.many)}
}

// entries returns the keys of all records in order.
func (k *keyList) entries() []entry {
	if k.begin == nil {
		list := make([]entry, 0, len(k.one))
		for r, key := range k.one {
			if key != 0 {
				list = append(list, entry{key, uint32(r)}) //nolint:gosec // bounded by maxRecords
			}
		}
		return sortEntries(list)
	}
	list := make([]entry, 0, len(k.many))
	for r := range len(k.begin) - 1 {
		for _, key := range k.of(uint32(r)) { //nolint:gosec // as above
			list = append(list, entry{key, uint32(r)}) //nolint:gosec // as above
		}
	}
	return sortEntries(list)
}

// without takes keys out; gone is in order.
func (k *keyList) without(gone []uint64) {
	if len(gone) == 0 {
		return
	}
	is := func(key uint64) bool {
		_, found := slices.BinarySearch(gone, key)
		return found
	}
	if k.begin == nil {
		for i, key := range k.one {
			if key != 0 && is(key) {
				k.one[i] = 0
			}
		}
		return
	}
	kept, from := k.many[:0], uint32(0)
	for r := 1; r < len(k.begin); r++ {
		to := k.begin[r]
		for _, key := range k.many[from:to] {
			if !is(key) {
				kept = append(kept, key)
			}
		}
		from, k.begin[r] = to, uint32(len(kept)) //nolint:gosec // shorter than before
	}
	k.many = kept
}
