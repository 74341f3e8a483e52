package match

import "math"

// Pairs are of three classes: records of one and the same, of two who live together, and of two who have nothing to do with each other.
// Who live together agree on street, town, phone and family name as matches do, all at once, and differ in what is a person's own.
// They are rare among all pairs and frequent among those that rules find. Without a class of their own either
// EM takes them for matches that often err in given names and birth dates, or each thing that they share counts against them alone.

// Of relatives.
const (
	kinFirst   = 1. // relatives for each match to begin with
	kinPairs   = 25 // pairs that what is expected of relatives counts for
	kinAtLeast = .5 // pairs of relatives that are thought to be there always
)

// kinship is how often two who live together agree as one and the same does, because they live together, before there are data: mostly on
// where they live, by chance of the family on a given name (father and son) or a birth date (twins).
func kinship(k Kind) float64 {
	switch k {
	case Place, Postcode:
		return .9
	case Address:
		return .8
	case Family:
		return .6
	case Phone:
		return .4
	case Plate:
		return .3
	case Email:
		return .05
	case Given, Name, Date:
		return .01
	case ID:
		return .002
	}
	return 0
}

// ownOf tells kinds that tell relatives apart. How often these agree on them is not learnt: a match that errs in one of them looks like a
// relative, so EM would find that relatives have one name.
func ownOf(k Kind) bool {
	switch k {
	case Given, Date, ID:
		return true
	}
	return false
}

// kin tells whether the columns can tell relatives from matches: something that a household shares, and something of a person's own.
func (m *Model) kin() bool {
	shared, own := false, false
	for _, c := range m.Comparisons {
		switch c.Kind {
		case Address, Phone, Plate, Family:
			shared = true
		case Given, Name, Date, Email, ID:
			own = true
		}
	}
	return shared && own
}

// apartFromKin is log2 of the odds that a pair is a match and not of two relatives. Rarity says nothing here: what relatives share is as rare
// as what they share it with.
func (c *comparer) apartFromKin(p pattern) float64 {
	sum := c.kinPrior
	for i := range c.each {
		if l := p.level(i); l >= 0 {
			sum += c.each[i].kin[l]
		}
	}
	return sum
}

// against puts together what speaks for a match against strangers and against relatives: the odds against it add up.
func against(strangers, relatives float64) float64 {
	least := min(strangers, relatives)
	return least - math.Log2(1+math.Exp2(least-max(strangers, relatives)))
}

// of is the weight of a pattern without the rarity of values.
func (c *comparer) of(p pattern) float64 {
	w := c.prior + c.plain(p)
	if c.model.Kin == 0 {
		return w
	}
	return against(w, c.apartFromKin(p))
}

// classes is how probable it is that pairs with a pattern are matches, and relatives.
func (c *comparer) classes(p pattern) (match, kin float64) {
	w := c.prior + c.plain(p)
	if c.model.Kin == 0 {
		return probability(w), 0
	}
	r := c.apartFromKin(p)
	return probability(against(w, r)), 1 / (1 + math.Exp2(r) + math.Exp2(r-w))
}

// kinShares sets how often relatives agree on each level of a comparison.
func (f *fitting) kinShares(i int, learn bool) {
	one := &f.model.Comparisons[i]
	share := kinship(one.Kind)
	var sums [16]float64
	total := 0.
	if learn && share > 0 && !ownOf(one.Kind) {
		for _, x := range f.found {
			if l := x.pattern.level(i); l >= 0 && x.free&(1<<i) != 0 && x.q >= sureEnough {
				sums[l] += x.n * x.q
				total += x.n * x.q
			}
		}
	}
	for l := range one.Levels {
		level := &one.Levels[l]
		expected := share*level.M + (1-share)*level.U
		level.Kin = (sums[l] + kinPairs*expected) / (total + kinPairs)
	}
}

// relatives counts the pairs of relatives.
func (f *fitting) relatives() (n float64) {
	for _, x := range f.found {
		if x.q >= likelyEnough {
			n += x.n * x.q
		}
	}
	return max(n, kinAtLeast)
}
