package match

import (
	"cmp"
	"context"
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
	dropped int // keys
	// keys are those of each record, for asking whether an earlier rule has found a pair.
	begin []uint32
	keys  []uint64
}

// blocksOf makes the blocks of a rule.
func (s *Set) blocksOf(b blocker) *blocks {
	n := len(s.ids)
	workers := runtime.GOMAXPROCS(0)
	parts := make([][]entry, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			var keys [keysOfRecord]uint64
			list := make([]entry, 0, n/workers+1)
			for r := n * w / workers; r < n*(w+1)/workers; r++ {
				record := uint32(r) //nolint:gosec // bounded by maxRecords
				for _, k := range b.keys(s.columns, func(col int) *value { return s.at(record, col) }, keys[:0]) {
					list = append(list, entry{k, record})
				}
			}
			parts[w] = list
		})
	}
	wait.Wait()
	entries := slices.Concat(parts...)
	sortEntries(entries)
	return s.trim(entries)
}

// trim leaves keys out that bring nothing or too much.
func (s *Set) trim(entries []entry) *blocks {
	bl := &blocks{}
	kept := entries[:0]
	for i := 0; i < len(entries); {
		j := i + 1
		for j < len(entries) && entries[j].key == entries[i].key {
			j++
		}
		switch {
		case j-i > maxBlock:
			bl.dropped++
		case j-i > 1:
			kept = append(kept, entries[i:j]...)
		}
		i = j
	}
	bl.entries = kept
	return bl
}

// index makes keys of each record findable.
func (bl *blocks) index(records int) {
	bl.begin = make([]uint32, records+1)
	for _, e := range bl.entries {
		bl.begin[e.record+1]++
	}
	for i := range records {
		bl.begin[i+1] += bl.begin[i]
	}
	bl.keys = make([]uint64, len(bl.entries))
	at := slices.Clone(bl.begin)
	for _, e := range bl.entries { // in order of keys, so those of a record are in order
		bl.keys[at[e.record]] = e.key
		at[e.record]++
	}
}

// firstShared returns the least key that two records share; 0: none.
func (bl *blocks) firstShared(a, b uint32) uint64 {
	x, y := bl.keys[bl.begin[a]:bl.begin[a+1]], bl.keys[bl.begin[b]:bl.begin[b+1]]
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

// cost counts the pairs that a rule finds, those of several keys as often.
func (bl *blocks) cost(s *Set) (pairs float64) {
	for group := range bl.groups(0, len(bl.entries)) {
		n := float64(len(group))
		if !s.linking() {
			pairs += n * (n - 1) / 2
			continue
		}
		var first float64
		for _, e := range group {
			if s.list[e.record] == 0 {
				first++
			}
		}
		pairs += first * (n - first)
	}
	return pairs
}

// groups yields the entries of each key from a place on.
func (bl *blocks) groups(from, to int) func(yield func([]entry) bool) {
	return func(yield func([]entry) bool) {
		for i := from; i < to; {
			j := i + 1
			for j < len(bl.entries) && bl.entries[j].key == bl.entries[i].key {
				j++
			}
			if !yield(bl.entries[i:j]) {
				return
			}
			i = j
		}
	}
}

// piece is how many entries a worker takes at a time.
const piece = 4096

// eachPair calls fn for each pair that the rules find, once, from several goroutines; worker says from which. Pairs come with the
// lower record first, or with that of list 0. within asks for pairs of one list though there are two.
func (s *Set) eachPair(ctx context.Context, rules []blocker, within bool, fn func(worker, rule int, a, b uint32)) error {
	var before []*blocks
	for r, rule := range rules {
		bl := s.blocksOf(rule)
		bl.index(len(s.ids))
		var next atomic.Int64
		var wait sync.WaitGroup
		for w := range runtime.GOMAXPROCS(0) {
			wait.Go(func() {
				for ctx.Err() == nil {
					from := int(next.Add(piece)) - piece
					if from >= len(bl.entries) {
						return
					}
					s.pairsOf(before, bl, from, within, func(a, b uint32) { fn(w, r, a, b) })
				}
			})
		}
		wait.Wait()
		bl.entries = nil // what the next rules ask is in the index
		before = append(before, bl)
	}
	return ctx.Err()
}

// pairsOf finds the pairs of the keys that begin in a piece.
func (s *Set) pairsOf(before []*blocks, bl *blocks, from int, within bool, fn func(a, b uint32)) {
	for from > 0 && from < len(bl.entries) && bl.entries[from].key == bl.entries[from-1].key {
		from++ // it begins in the piece before
		if from%piece == 0 {
			return
		}
	}
	to := min((from/piece+1)*piece, len(bl.entries))
	two := s.linking()
	for group := range bl.groups(from, to) {
		for i, x := range group {
			for _, y := range group[i+1:] {
				a, b := x.record, y.record
				if two && (s.list[a] == s.list[b]) != within {
					continue
				}
				if s.list[a] > s.list[b] || s.list[a] == s.list[b] && a > b {
					a, b = b, a
				}
				if bl.firstShared(a, b) != x.key || slices.ContainsFunc(before, func(o *blocks) bool { return o.firstShared(a, b) != 0 }) {
					continue
				}
				fn(a, b)
			}
		}
	}
}

// sortEntries sorts by key, then record: by the first bytes of keys, which are hashes, into buckets, and those by comparing.
func sortEntries(entries []entry) {
	const shift = 52
	var count [1<<(64-shift) + 1]int
	for _, e := range entries {
		count[e.key>>shift+1]++
	}
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	sorted := make([]entry, len(entries))
	at := count
	for _, e := range entries {
		sorted[at[e.key>>shift]] = e
		at[e.key>>shift]++
	}
	copy(entries, sorted)
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(count)-1; i += workers {
				slices.SortFunc(entries[count[i]:count[i+1]], func(a, b entry) int {
					return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.record, b.record))
				})
			}
		})
	}
	wait.Wait()
}
