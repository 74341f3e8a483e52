package match

import (
	"context"
	bit "math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// maxBlock is how many records one key may bring together; a key of more says too little and is left out.
const maxBlock = 2000

// entry is a key of a record.
type entry struct {
	key    uint64
	record uint32
}

// blocks are the keys of all records under one rule, in order of the keys; keys that too many records have are gone, as
// are those of a single one.
type blocks struct {
	entries []entry
	keys    *keyList // those of each record, without the frequent ones
}

// blocksOf makes the blocks of a list of keys, from which it takes the frequent ones.
func (s *Set) blocksOf(keys *keyList) *blocks {
	bl := &blocks{keys: keys}
	var frequent []uint64
	bl.entries, frequent = trim(keys.entries())
	keys.without(frequent)
	return bl
}

// trim leaves keys out that bring nothing or too much, and returns the latter in order.
func trim(entries []entry) (kept []entry, frequent []uint64) {
	kept = entries[:0]
	for group := range groups(entries) {
		switch n := len(group); {
		case n > maxBlock:
			frequent = append(frequent, group[0].key)
		case n > 1:
			kept = append(kept, group...)
		}
	}
	return kept, frequent
}

// groups yields the entries of each key. What it has yielded may be overwritten.
func groups(entries []entry) func(yield func([]entry) bool) {
	return func(yield func([]entry) bool) {
		for i := 0; i < len(entries); {
			j := i + 1
			for j < len(entries) && entries[j].key == entries[i].key {
				j++
			}
			if !yield(entries[i:j]) {
				return
			}
			i = j
		}
	}
}

// cost counts the pairs that keys of some records find, those of several keys as often.
func (s *Set) cost(records []uint32, keysOf func(record uint32, out []uint64) []uint64) (pairs float64) {
	all := make([]uint64, 0, len(records))
	for _, r := range records {
		from := len(all)
		all = keysOf(r, all)
		for i := range all[from:] { // keys are odd: the last bit has room for the list
			all[from+i] = all[from+i]&^1 | uint64(s.list[r]&1)
		}
	}
	slices.Sort(all)
	for i := 0; i < len(all); {
		j, first := i, 0.
		for ; j < len(all) && all[j]|1 == all[i]|1; j++ {
			if all[j]&1 == 0 {
				first++
			}
		}
		switch n := float64(j - i); {
		case j-i > maxBlock:
		case s.linking():
			pairs += first * (n - first)
		default:
			pairs += n * (n - 1) / 2
		}
		i = j
	}
	return pairs
}

// piece is how many entries a worker takes at a time.
const piece = 4096

// earlier is the keys of records under the rules before one, those of a record beside each other: whether two share one costs a look at
// one place for each of them.
type earlier struct {
	width int
	ones  []uint64 // by record, then rule
	lists []*keyList
}

// add takes in the keys of a rule.
func (e *earlier) add(keys *keyList, rules, records int) {
	if keys.begin != nil {
		e.lists = append(e.lists, keys)
		return
	}
	if e.ones == nil {
		e.ones = make([]uint64, records*rules)
	}
	inParts(records, func(_, from, to int) {
		for r := from; r < to; r++ {
			e.ones[r*rules+e.width] = keys.one[r]
		}
	})
	e.width++
}

// found tells whether a rule before has found a pair.
func (e *earlier) found(a, b uint32, rules int) bool {
	if e.width > 0 {
		x, y := e.ones[int(a)*rules:], e.ones[int(b)*rules:]
		x, y = x[:e.width], y[:e.width]
		for i, key := range x {
			if key != 0 && key == y[i] {
				return true
			}
		}
	}
	for _, l := range e.lists {
		if l.firstShared(a, b) != 0 {
			return true
		}
	}
	return false
}

// eachPair calls fn for each pair that the rules find, once, from several goroutines; worker says from which. Pairs come with the
// lower record first, or with that of list 0. within asks for pairs of one list though there are two.
func (s *Set) eachPair(ctx context.Context, rules []blocker, within bool, fn func(worker, rule int, a, b uint32)) error {
	var before earlier
	for r, rule := range rules {
		if ctx.Err() != nil {
			break
		}
		bl := s.blocksOf(s.listOf(rule))
		var next atomic.Int64
		var wait sync.WaitGroup
		for w := range runtime.GOMAXPROCS(0) {
			wait.Go(func() {
				for ctx.Err() == nil {
					from := int(next.Add(piece)) - piece
					if from >= len(bl.entries) {
						return
					}
					s.pairsOf(bl, from, within, func(a, b uint32) {
						if !before.found(a, b, len(rules)) {
							fn(w, r, a, b)
						}
					})
				}
			})
		}
		wait.Wait()
		before.add(bl.keys, len(rules), len(s.ids))
	}
	return ctx.Err()
}

// pairsOf finds the pairs of the keys that begin in a piece, each once.
func (s *Set) pairsOf(bl *blocks, from int, within bool, fn func(a, b uint32)) {
	for from > 0 && from < len(bl.entries) && bl.entries[from].key == bl.entries[from-1].key {
		from++ // it begins in the piece before
		if from%piece == 0 {
			return
		}
	}
	to := min((from/piece+1)*piece, len(bl.entries))
	for to < len(bl.entries) && bl.entries[to].key == bl.entries[to-1].key {
		to++ // and ends in a later one
	}
	two := s.linking()
	for group := range groups(bl.entries[from:to]) {
		for i, x := range group {
			for _, y := range group[i+1:] {
				a, b := x.record, y.record
				if two && (s.list[a] == s.list[b]) != within {
					continue
				}
				if s.list[a] > s.list[b] || s.list[a] == s.list[b] && a > b {
					a, b = b, a
				}
				if bl.keys.begin == nil || bl.keys.firstShared(a, b) == x.key {
					fn(a, b)
				}
			}
		}
	}
}

// sortEntries sorts by key, then record, entries that come in the order of records: by the first bits of keys, which are hashes, into
// buckets of a few, and those by comparing.
func sortEntries(entries []entry) []entry {
	width := min(max(bit.Len(uint(len(entries)))-3, 1), 20)
	shift := 64 - width
	begin := make([]uint32, 1<<width+1)
	for _, e := range entries {
		begin[e.key>>shift+1]++
	}
	for i := 1; i < len(begin); i++ {
		begin[i] += begin[i-1]
	}
	sorted, at := make([]entry, len(entries)), slices.Clone(begin)
	for _, e := range entries {
		sorted[at[e.key>>shift]] = e
		at[e.key>>shift]++
	}
	inParts(1<<width, func(_, from, to int) {
		for i := from; i < to; i++ {
			// Stable, so records stay in order.
			if bucket := sorted[begin[i]:begin[i+1]]; len(bucket) <= 24 {
				insertionSort(bucket)
			} else {
				slices.SortStableFunc(bucket, func(a, b entry) int {
					switch {
					case a.key < b.key:
						return -1
					case a.key > b.key:
						return 1
					}
					return 0
				})
			}
		}
	})
	return sorted
}

func insertionSort(list []entry) {
	for i := 1; i < len(list); i++ {
		e := list[i]
		j := i
		for ; j > 0 && list[j-1].key > e.key; j-- {
			list[j] = list[j-1]
		}
		list[j] = e
	}
}
