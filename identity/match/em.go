package match

import (
	"cmp"
	"math"
	"slices"
)

// tally counts pairs by what matters of them for fitting.
type tally map[tallyKey]float64

// tallyKey is the levels of pairs, and which comparisons they were found without: only those say without bias how often
// records of one and the same agree there, as a pair that was found by equal e-mail addresses has equal ones.
type tallyKey struct {
	pattern pattern
	free    uint16
}

const (
	maxIterations = 40
	heldFirst     = 4    // rounds in which matches agree as is expected of the kinds
	looksAgain    = 10   // when dependences are looked for once more
	heldStill     = 5e-4 // largest change of a share
	sureEnough    = .6   // probability from which a pair teaches what matches are like: many hopeless ones would outweigh few sure ones
	likelyEnough  = .2   // probability from which a pair counts as part of a match
	priorPairs    = 12   // pairs that what is expected of a kind counts for
	labelPairs    = 5    // pairs that an answer of a person counts for
)

// counted is a tally in a row, for going round it often.
type counted struct {
	tallyKey
	n float64
	p float64 // how probable it is that such a pair is a match
	q float64 // and that it is of two relatives
}

func inRow(t tally) []counted {
	list := make([]counted, 0, len(t))
	for k, n := range t {
		list = append(list, counted{tallyKey: k, n: n})
	}
	// In order, so that sums do not depend on the order of a map.
	slices.SortFunc(list, func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.pattern, b.pattern), cmp.Compare(a.free, b.free))
	})
	return list
}

// answered is what people said of pairs with a pattern.
type answered struct {
	pattern pattern
	no, yes float64
	p, q    float64
}

// fitting is what the model is fitted to.
type fitting struct {
	*comparer
	found   []counted // pairs that rules found
	random  []counted // pairs taken at random
	pairs   float64   // that there are
	records float64
	labels  []answered
	mails   mailNames
	// rivals are the pairs of found when a record matches at most one, else nil: then what speaks for one pair speaks against
	// those that share a record with it.
	rivals []rival
	sums   []float64 // of odds, by record
}

// rival is a pair and the place of its pattern in found.
type rival struct{ a, b, at uint32 }

// fit finds the weights under which what was seen is most probable (expectation maximisation): pairs are weighed by what they seem to be,
// and levels by what the pairs say, in turns. Pairs that no rule finds are taken for no matches. It returns
// how often it went round.
func (f *fitting) fit() int {
	for _, list := range [][]counted{f.found, f.random} {
		for i := range list {
			list[i].p, list[i].q = 0, 0
		}
	}
	for i := range f.model.Comparisons {
		f.randomShares(i)
		f.kinShares(i, false)
	}
	f.refresh()
	f.expect()
	f.depend(false)
	f.refresh()
	for n := range maxIterations {
		if n == looksAgain {
			f.depend(true)
			f.refresh()
		}
		if f.step(n >= heldFirst) < heldStill && n > looksAgain {
			return n + 1
		}
	}
	return maxIterations
}

func (f *fitting) refresh() {
	for i := range f.model.Comparisons {
		for l := range f.model.Comparisons[i].Levels {
			level := &f.model.Comparisons[i].Levels[l]
			level.Bits = math.Log2(level.M/level.U) + level.Learnt
		}
	}
	f.given()
	f.weigh()
}

// expect says of each pattern how probable a match is, and how many matches there are.
func (f *fitting) expect() (matches float64) {
	for _, list := range [][]counted{f.found, f.random} {
		for i := range list {
			if i > 0 && list[i-1].pattern == list[i].pattern {
				list[i].p, list[i].q = list[i-1].p, list[i-1].q
				continue
			}
			list[i].p, list[i].q = f.classes(list[i].pattern)
		}
	}
	if f.rivals != nil {
		f.compete()
	}
	for _, x := range f.found {
		if x.p >= likelyEnough {
			matches += x.n * x.p
		}
	}
	for i := range f.labels {
		l := &f.labels[i]
		l.p, l.q = f.classes(l.pattern)
		matches += l.yes - (l.yes+l.no)*l.p
	}
	return max(matches, 1)
}

// compete corrects what expect says of the pairs that were found: a record matches at most one.
func (f *fitting) compete() {
	odds := make([]float64, len(f.found))
	for i, x := range f.found {
		odds[i] = x.p / (1 - min(x.p, 1-1e-12))
		f.found[i].p = 0
	}
	clear(f.sums)
	for _, r := range f.rivals {
		f.sums[r.a] += odds[r.at]
		f.sums[r.b] += odds[r.at]
	}
	for _, r := range f.rivals {
		o := odds[r.at]
		f.found[r.at].p += o / (1 + f.sums[r.a] + f.sums[r.b] - o)
	}
	for i := range f.found {
		f.found[i].p /= f.found[i].n
	}
	i := 0
	for j := range f.random { // both are in order
		for i < len(f.found) && f.found[i].pattern < f.random[j].pattern {
			i++
		}
		if i < len(f.found) && f.found[i].pattern == f.random[j].pattern {
			f.random[j].p = f.found[i].p
		}
	}
}

// step goes round once and returns the largest change of a share.
func (f *fitting) step(learn bool) (change float64) {
	matches := f.expect()
	f.model.Prior = min(matches/f.pairs, .5)
	f.model.Duplicates = 2 * matches / f.records
	if f.model.Kin > 0 {
		f.model.Kin = min(f.relatives()/f.pairs, .5)
	}
	for i := range f.model.Comparisons {
		before := f.shares(i)
		if learn {
			f.matchShares(i)
		}
		f.randomShares(i)
		f.inOrder(i)
		f.kinShares(i, learn)
		// By what is left of it: levels that are pooled move back and forth within a round.
		for l, m := range f.shares(i) {
			change = max(change, math.Abs(m-before[l]))
		}
	}
	f.refresh()
	return change
}

func (f *fitting) shares(i int) (m [16]float64) {
	for l, level := range f.model.Comparisons[i].Levels {
		m[l] = level.M
	}
	return m
}

// matchShares sets how often matches agree on each level of a comparison.
func (f *fitting) matchShares(i int) {
	levels := f.model.Comparisons[i].Levels
	var sums [16]float64
	total := 0.
	for _, x := range f.found {
		if l := x.pattern.level(i); l >= 0 && x.free&(1<<i) != 0 && x.p >= sureEnough {
			sums[l] += x.n * x.p
			total += x.n * x.p
		}
	}
	for _, x := range f.labels {
		if l := x.pattern.level(i); l >= 0 {
			more := max(labelPairs*x.yes-x.no*x.p, -sums[l])
			sums[l] += more
			total += more
		}
	}
	for l, d := range degreesOf(f.model.Comparisons[i].Aspect, f.model.Comparisons[i].Kind) {
		levels[l].M = (sums[l] + priorPairs*d.m) / (total + priorPairs)
	}
}

// randomShares sets how often two different ones agree on each level, from pairs taken at random, without what of them are
// matches.
func (f *fitting) randomShares(i int) {
	levels := f.model.Comparisons[i].Levels
	var sums [16]float64
	total := 0.
	for _, x := range f.random {
		if l := x.pattern.level(i); l >= 0 {
			n := x.n * max(1-x.p-x.q, 0)
			sums[l] += n
			total += n
		}
	}
	const half = .5 // a level that was never seen may still be
	for l := range levels {
		levels[l].U = (sums[l] + half) / (total + half*float64(len(levels)))
	}
}

// inOrder sees to it that a better level is never worth less than a worse one: neighbours of which that is so are pooled.
func (f *fitting) inOrder(i int) {
	levels := f.model.Comparisons[i].Levels
	type pool struct {
		m, u float64
		n    int
	}
	var pools []pool
	for _, l := range levels {
		pools = append(pools, pool{l.M, l.U, 1})
		for k := len(pools) - 1; k > 0 && pools[k-1].m*pools[k].u < pools[k].m*pools[k-1].u; k-- {
			pools[k-1] = pool{pools[k-1].m + pools[k].m, pools[k-1].u + pools[k].u, pools[k-1].n + pools[k].n}
			pools = pools[:k]
		}
	}
	at := 0
	for _, p := range pools {
		for range p.n {
			if p.n > 1 {
				levels[at].M = levels[at].U * p.m / p.u
			}
			at++
		}
	}
}
