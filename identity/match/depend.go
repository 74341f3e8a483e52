package match

import (
	"cmp"
	"math"
	"slices"
)

// Of dependences between comparisons.
const (
	dependsFrom = 1.  // bits of lift from which on one comparison depends on another
	seenFrom    = 12. // pairs of different ones that must agree on the parent
	givenPairs  = 20. // pairs that what holds without the parent counts for
	surelyNot   = .5  // probability below which a pair tells how different ones agree
)

// affinity is how often two different persons who agree on one thing agree on another, as the world goes: who live together share a
// name, a street lies in a town. Data correct it; it keeps families from being taken for one person before there are any.
func affinity(parent, child Kind) float64 {
	switch parent {
	case Address, Phone, Plate:
		switch child {
		case Place, Postcode:
			if parent == Address {
				return .9
			}
		case Family, Address:
			if parent == Address {
				return .5
			}
			return .4
		case Phone, Plate:
			return .25
		}
	case Postcode, Place:
		if child == Place || child == Postcode {
			return .5
		}
	case Family:
		if child == Address || child == Phone {
			return .01
		}
	}
	return 0
}

// follows tells whether agreement of a kind may follow from that of another.
func follows(parent, child Kind) bool {
	switch child {
	case Given, Name:
		return parent == Email
	case Family:
		return parent == Email || household(parent)
	}
	return household(parent) && household(child)
}

// household tells kinds that those who live together may share. Others are taken to be independent: what says the same of one thing
// twice (a title and a description) is better evidence than once, as things have no relatives.
func household(k Kind) bool {
	switch k {
	case Address, Place, Postcode, Phone, Plate, Family:
		return true
	}
	return false
}

// agrees tells whether a level speaks for a match.
func (f *fitting) agrees(i, level int) bool {
	return level >= 0 && f.model.Comparisons[i].Levels[level].Bits > 2
}

// apart calls fn for patterns with how many pairs of two different ones have them: those at random, and with found those that rules
// found without asking about comparison i.
func (f *fitting) apart(i int, found bool, fn func(p pattern, n float64)) {
	for _, x := range f.random {
		if x.p+x.q < surelyNot {
			fn(x.pattern, x.n*(1-x.p-x.q))
		}
	}
	if !found {
		return
	}
	for _, x := range f.found {
		if x.p+x.q < surelyNot && x.free&(1<<i) != 0 {
			fn(x.pattern, x.n*(1-x.p-x.q))
		}
	}
}

// depend finds which comparisons depend on which. Each may depend on those that say more than it does (so that there are no circles), if two
// different ones that agree there agree here much more often than by chance. Without it a city and its postcode would count
// twice, and so would all that relatives share.
func (f *fitting) depend(found bool) {
	n := len(f.model.Comparisons)
	order := make([]int, n)
	for i := range order {
		order[i] = i
		one := &f.model.Comparisons[i]
		one.Depends = nil
		for l := range one.Levels {
			one.Levels[l].Bits = math.Log2(one.Levels[l].M/one.Levels[l].U) + one.Levels[l].Learnt
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Compare(f.model.Comparisons[y].Levels[0].Bits, f.model.Comparisons[x].Levels[0].Bits)
	})
	for k, i := range order {
		lifts := f.lifts(i, found)
		for _, on := range order[:k] {
			if lifts[on] >= dependsFrom && follows(f.model.Comparisons[on].Kind, f.model.Comparisons[i].Kind) {
				f.model.Comparisons[i].Depends = append(f.model.Comparisons[i].Depends, Dependence{On: on})
			}
		}
	}
}

// lifts says for comparison a how many bits more often two different ones agree on it when they agree on another.
func (f *fitting) lifts(a int, found bool) []float64 {
	n := len(f.model.Comparisons)
	both, alone := make([]float64, n), make([]float64, n)
	f.apart(a, found, func(p pattern, weight float64) {
		l := p.level(a)
		if l < 0 {
			return
		}
		yes := f.agrees(a, l)
		for b := range n {
			if b != a && f.agrees(b, p.level(b)) {
				alone[b] += weight
				if yes {
					both[b] += weight
				}
			}
		}
	})
	chance := 0.
	for l, level := range f.model.Comparisons[a].Levels {
		if f.agrees(a, l) {
			chance += level.U
		}
	}
	lifts := make([]float64, n)
	for b := range n {
		near := f.near(b, a, 0)
		if (alone[b] >= seenFrom || near > 0) && chance > 0 {
			lifts[b] = math.Log2((both[b] + givenPairs*(near+(1-near)*chance)) / (alone[b] + givenPairs) / chance)
		}
	}
	return lifts
}

// near is the affinity of a comparison to a level of what might be its parent.
func (f *fitting) near(parent, child, level int) float64 {
	if f.model.Comparisons[parent].Kind == Email {
		if level == mailEqual {
			return f.mails.names[child] * f.mails.oneHost
		}
		return 0 // these are asked of what is left without the names
	}
	return affinity(f.model.Comparisons[parent].Kind, f.model.Comparisons[child].Kind)
}

// given sets what the levels of comparisons that depend on others are worth by the levels of those.
func (f *fitting) given() {
	for i := range f.model.Comparisons {
		one := &f.model.Comparisons[i]
		for k := range one.Depends {
			on := one.Depends[k].On
			var u [16][16]float64
			f.apart(i, true, func(p pattern, n float64) {
				if l, given := p.level(i), p.level(on); l >= 0 && given >= 0 {
					u[given][l] += n
				}
			})
			table := make([][]float64, len(f.model.Comparisons[on].Levels))
			for given := range table {
				near := 0.
				if f.agrees(on, given) {
					near = f.near(on, i, given)
				}
				table[given] = bitsGiven(one.Levels, u[given][:len(one.Levels)], near)
			}
			one.Depends[k].Given = table
		}
	}
}

// bitsGiven weighs levels by counts of pairs of different ones, which count for what they say beyond what holds without the
// parent, and what near says. How often matches agree does not depend on the parent: those who err in one thing need not err in
// another.
func bitsGiven(levels []Level, u []float64, near float64) []float64 {
	all := 0.
	for _, n := range u {
		all += n
	}
	bits := make([]float64, len(levels))
	for l, level := range levels {
		share := (u[l] + givenPairs*(near*level.M+(1-near)*level.U)) / (all + givenPairs)
		bits[l] = math.Log2(level.M/share) + level.Learnt
	}
	for l := len(bits) - 2; l >= 0; l-- { // a better level is never worth less
		bits[l] = max(bits[l], bits[l+1])
	}
	return bits
}
