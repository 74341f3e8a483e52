package match

import "slices"

// cleanedAtOnce is how many entries of a key are looked at when one is added.
const cleanedAtOnce = 8

// postings are the records of each key under one rule: in packed columns those that were there when the index was made, in chains
// those that came since.
type postings struct {
	keys    []uint64 // in order
	begin   []uint32 // where the records of a key begin; one more than keys
	records []uint32
	// full are keys that say too little: their records are not kept.
	full  map[uint64]struct{}
	heads map[uint64]chain
	links []link
}

type chain struct {
	first uint32 // link plus one; 0: none
	count uint32
}

type link struct{ record, next uint32 }

// newPostings packs the keys of a list.
func newPostings(list *keyList) postings {
	t := postings{full: make(map[uint64]struct{}), heads: make(map[uint64]chain)}
	entries := list.entries()
	distinct := 0
	for range groups(entries) {
		distinct++
	}
	t.keys, t.begin = make([]uint64, 0, distinct), make([]uint32, 0, distinct+1)
	t.records = make([]uint32, 0, len(entries))
	for group := range groups(entries) {
		if len(group) > maxBlock {
			t.full[group[0].key] = struct{}{}
			continue
		}
		t.keys, t.begin = append(t.keys, group[0].key), append(t.begin, uint32(len(t.records))) //nolint:gosec // bounded by the records and their keys
		for _, e := range group {
			t.records = append(t.records, e.record)
		}
	}
	t.begin = append(t.begin, uint32(len(t.records))) //nolint:gosec // as above
	return t
}

// packed returns the records of a key that were there from the beginning.
func (t *postings) packed(key uint64) []uint32 {
	i, ok := slices.BinarySearch(t.keys, key)
	if !ok {
		return nil
	}
	return t.records[t.begin[i]:t.begin[i+1]]
}

func (t *postings) add(key uint64, record uint32, list []uint8) {
	if _, ok := t.full[key]; ok {
		return
	}
	c := t.heads[key]
	t.clean(&c, list)
	if int(c.count)+len(t.packed(key)) >= maxBlock {
		t.full[key] = struct{}{}
		delete(t.heads, key)
		return
	}
	t.links = append(t.links, link{record, c.first})
	c.first, c.count = uint32(len(t.links)), c.count+1 //nolint:gosec // bounded by the records and their keys
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

// posted is the records of one key.
type posted struct {
	packed []uint32
	chain
	links []link
}

// find returns the records of a key; none if it says too little.
func (t *postings) find(key uint64) posted {
	if _, ok := t.full[key]; ok {
		return posted{}
	}
	return posted{t.packed(key), t.heads[key], t.links}
}

func (p *posted) count() int { return len(p.packed) + int(p.chain.count) }

// records yields the latest first.
func (p *posted) records() func(yield func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for at := p.first; at != 0; at = p.links[at-1].next {
			if !yield(p.links[at-1].record) {
				return
			}
		}
		for _, record := range slices.Backward(p.packed) {
			if !yield(record) {
				return
			}
		}
	}
}
