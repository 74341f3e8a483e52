package match

import (
	"slices"
)

// Bounds of comparing clusters.
const comparedOfClusters = 64 // pairs of records that are weighed before two clusters become one

// clusters is a forest: records that are one point to one of them.
type clusters struct {
	parent  []uint32
	members map[uint32][]uint32 // of those of two or more, by root
	// refused are pairs of roots, the lower first, that contradict each other, with how many records they had then: each further link
	// between the two says the same.
	refused map[[2]uint32]int
	apart   []uint8 // by root: clean lists that its records stand in; nil: there are none
}

func (c *clusters) root(r uint32) uint32 {
	for c.parent[r] != r {
		c.parent[r] = c.parent[c.parent[r]]
		r = c.parent[r]
	}
	return r
}

func (c *clusters) of(root uint32) []uint32 {
	if m := c.members[root]; m != nil {
		return m
	}
	return []uint32{root}
}

// cluster makes clusters of links, the surest first. Two clusters become one only when all their records, each with each, speak for it
// on the whole: one link between two groups that otherwise contradict each other is cut.
func (res *Result) cluster(s *Set, c *comparer, most int) {
	cl := &clusters{parent: make([]uint32, len(s.ids)), members: make(map[uint32][]uint32), refused: make(map[[2]uint32]int), apart: slices.Clone(s.apart)}
	for i := range cl.parent {
		cl.parent[i] = uint32(i) //nolint:gosec // bounded by maxRecords
	}
	for i := range res.Pairs {
		p := &res.Pairs[i]
		if p.Outcome != Linked {
			continue
		}
		a, b := cl.root(p.A), cl.root(p.B)
		if a == b {
			continue
		}
		x, y := cl.of(a), cl.of(b)
		if len(x)+len(y) > most || cl.apart != nil && cl.apart[a]&cl.apart[b] != 0 || (len(x) > 1 || len(y) > 1) && cl.contradict(s, c, a, b) {
			p.Outcome = Doubtful
			res.Cut++
			continue
		}
		if len(x) < len(y) {
			a, b, x, y = b, a, y, x
		}
		cl.parent[b] = a
		if cl.apart != nil {
			cl.apart[a] |= cl.apart[b]
		}
		cl.members[a] = append(slices.Clip(x), y...)
		delete(cl.members, b)
	}
	for i := range res.Pairs { // what a cluster says counts more than what a pair says
		if p := &res.Pairs[i]; cl.root(p.A) == cl.root(p.B) {
			p.Outcome = Linked
		}
	}
	for _, m := range cl.members {
		slices.Sort(m)
		res.Clusters = append(res.Clusters, m)
	}
	slices.SortFunc(res.Clusters, func(a, b []uint32) int { return int(a[0]) - int(b[0]) })
}

// contradict tells whether the records of two clusters speak against each other on the whole.
func (cl *clusters) contradict(s *Set, c *comparer, a, b uint32) bool {
	x, y := cl.of(a), cl.of(b)
	key := [2]uint32{min(a, b), max(a, b)}
	if cl.refused[key] == len(x)+len(y) { // clusters only grow
		return true
	}
	if c.between(s, x, y) >= 0 {
		return false
	}
	cl.refused[key] = len(x) + len(y)
	return true
}

// between is the mean weight of the pairs between two clusters; of large ones, of some.
func (c *comparer) between(s *Set, x, y []uint32) float64 {
	const bound = 12. // bits: one very sure pair does not outweigh everything
	step := max(1, len(x)*len(y)/comparedOfClusters)
	var sum, n float64
	var a, b []*value
	for i := 0; i < len(x)*len(y); i += step {
		n++
		r, q := x[i/len(y)], y[i%len(y)]
		p, ok := c.promising(s, r, q, -bound)
		if !ok {
			sum -= bound
			continue
		}
		a, b = s.read(r, a), s.read(q, b)
		sum += min(max(c.weight(p, a, b), -bound), bound)
	}
	return sum / n
}
