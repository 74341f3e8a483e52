package match

import "math"

// A list is clean when each person stands in it once: then two of its rows are never one and the same, however alike they are, and of its rows
// a record is at most one. Records say in which clean lists they stand ([Record].Apart); a record that was put together from several rows stands in
// several.

// MaxClean is how many clean lists there may be.
const MaxClean = 8

// separate tells whether two records stand in one clean list.
func (s *Set) separate(a, b uint32) bool { return s.apart != nil && s.apart[a]&s.apart[b] != 0 }

// stands notes the clean lists of the record that was added last. Most sets have none, and no room for them.
func (s *Set) stands(apart uint8) {
	if apart != 0 && s.apart == nil {
		s.apart = make([]uint8, len(s.ids)-1, cap(s.ids))
	}
	if s.apart != nil {
		s.apart = append(s.apart, apart)
	}
}

// possible is how many of the pairs may be one and the same.
func (s *Set) possible() float64 {
	if s.apart == nil {
		return s.pairs()
	}
	var counts [maxLists][1 << MaxClean]float64
	for r, lists := range s.apart {
		counts[s.list[r]][lists]++
	}
	none := 0.
	for x := range counts[0] {
		for y := range counts[0] {
			switch {
			case x&y == 0:
			case s.linking():
				none += counts[0][x] * counts[1][y]
			case x == y:
				none += counts[0][x] * (counts[0][x] - 1) / 2
			case x < y:
				none += counts[0][x] * counts[0][y]
			}
		}
	}
	return s.pairs() - none
}

// vie takes into account that a record is at most one of a clean list: its pairs with records of one share its probability.
func (res *Result) vie(s *Set) {
	if s.apart == nil {
		return
	}
	odds := make(map[uint64]float64) // by record and clean list of the other
	for _, p := range res.Pairs {
		addOdds(odds, p.A, s.apart[p.B], math.Exp2(float64(p.Weight)))
		addOdds(odds, p.B, s.apart[p.A], math.Exp2(float64(p.Weight)))
	}
	for i, p := range res.Pairs {
		own := math.Exp2(float64(p.Weight))
		others := rivalsOf(odds, p.A, s.apart[p.B], own) + rivalsOf(odds, p.B, s.apart[p.A], own)
		res.Pairs[i].Probability = float32(own / (1 + own + others))
	}
}

func addOdds(odds map[uint64]float64, record uint32, lists uint8, of float64) {
	for bit := range MaxClean {
		if lists&(1<<bit) != 0 {
			key := uint64(record)<<3 | uint64(bit) //nolint:gosec // below 8
			odds[key] += of
		}
	}
}

// rivalsOf is the odds of a record's other pairs with the clean list of lists in which they are best.
func rivalsOf(odds map[uint64]float64, record uint32, lists uint8, own float64) (others float64) {
	for bit := range MaxClean {
		if lists&(1<<bit) != 0 {
			others = max(others, odds[uint64(record)<<3|uint64(bit)]-own) //nolint:gosec // below 8
		}
	}
	return others
}
