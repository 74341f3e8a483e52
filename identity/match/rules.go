package match

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// way is a rule that might be used.
type way struct {
	Rule
	blocker
	cost float64 // pairs in the training set
	free uint16  // comparisons that it does not ask about
	hits []bool  // by probable match
}

// waysToBlock lists rules of one key or two of different columns, with what they cost, the cheapest first. Rules that find nearly
// everything with everything are left out, and those that only narrow a rule that is cheap as it is.
func (t *trainer) waysToBlock() []way {
	sample := t.set
	if n := len(t.set.ids); n > costRecords {
		part := &trainer{all: t.set, random: rand.New(rand.NewPCG(t.options.Seed, 2))} //nolint:gosec // a sample
		sample = part.sample(costRecords)
	}
	scale := t.set.pairs() / max(sample.pairs(), 1)
	var singles, all []way
	for col, c := range sample.columns {
		for _, k := range keyersOf(c.Kind) {
			w := way{Rule: Rule{Keys: []RuleKey{{c.Name, k.name}}}, blocker: blocker{[]int{col}, []keyer{k}}}
			singles = append(singles, w)
		}
	}
	limit := max(4*float64(len(t.set.ids)), 2000)
	cheap := make([]bool, len(singles))
	for i := range singles {
		w := &singles[i]
		w.cost = sample.blocksOf(w.blocker).cost(sample) * scale
		w.free = t.freeOf(w.blocker)
		cheap[i] = w.cost <= limit
		if w.cost > 0 {
			all = append(all, *w)
		}
	}
	for i, x := range singles {
		for j, y := range singles[i+1:] {
			if x.columns[0] == y.columns[0] || cheap[i] || cheap[i+1+j] {
				continue
			}
			w := way{
				Rule:    Rule{Keys: []RuleKey{x.Keys[0], y.Keys[0]}},
				blocker: blocker{[]int{x.columns[0], y.columns[0]}, []keyer{x.keyers[0], y.keyers[0]}},
			}
			w.free = t.freeOf(w.blocker)
			if w.cost = sample.blocksOf(w.blocker).cost(sample) * scale; w.cost > 0 {
				all = append(all, w)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b way) int { return cmp.Compare(a.cost, b.cost) })
	return all
}

// freeOf is the set of comparisons that a rule says nothing about.
func (t *trainer) freeOf(b blocker) (free uint16) {
	for i, one := range t.comparer.each {
		if !slices.Contains(b.columns, one.at) {
			free |= 1 << i
		}
	}
	return free
}

// Bounds of choosing rules.
const (
	judgedMatches = 20_000
	worthIts      = .0005 // share of the matches that a further rule must find
)

// choose takes rules one by one, each time the one that finds most of the probable matches that are not found yet for its cost, until what
// is left is not worth it. A match that one rule finds counts a little still: the second rule is for those that
// are like it and were not seen.
func (t *trainer) choose(pool []found) {
	matches := t.probable(pool)
	scale := t.all.pairs() / t.set.pairs()
	budget := t.options.budget(len(t.all.ids))
	ways := slices.DeleteFunc(slices.Clone(t.ways), func(w way) bool { return w.cost*scale > budget })
	t.model.Training.OverBudget = len(t.ways) - len(ways)
	for i := range ways {
		ways[i].hits = t.hits(&ways[i], matches)
	}
	times := make([]int, len(matches))
	var chosen []way
	for len(chosen) < maxRules {
		best, bestWorth := -1, 0.
		for i, w := range ways {
			if w.cost*scale > budget {
				continue
			}
			gain := 0.
			for j, hit := range w.hits {
				if hit {
					gain += []float64{1, .1, .01, 0}[min(times[j], 3)]
				}
			}
			share := gain / float64(max(len(matches), 1))
			if worth := share / (w.cost + float64(len(t.set.ids))); share >= worthIts && worth > bestWorth {
				best, bestWorth = i, worth
			}
		}
		if best < 0 {
			break
		}
		w := ways[best]
		w.Pairs = w.cost * scale
		budget -= w.Pairs
		for j, hit := range w.hits {
			if hit {
				times[j]++
			}
		}
		chosen = append(chosen, w)
		ways = slices.Delete(ways, best, best+1)
	}
	t.keepRules(chosen, times)
}

// keepRules puts the chosen rules into the model, with what each finds.
func (t *trainer) keepRules(chosen []way, times []int) {
	t.model.Rules = nil
	slices.SortStableFunc(chosen, func(a, b way) int { return cmp.Compare(a.cost, b.cost) })
	none := 0
	for _, n := range times {
		if n == 0 {
			none++
		}
	}
	all := float64(max(len(times), 1))
	for _, w := range chosen {
		for j, hit := range w.hits {
			if hit {
				w.Found += 1 / all
				if times[j] == 1 {
					w.Alone += 1 / all
				}
			}
		}
		t.model.Rules = append(t.model.Rules, w.Rule)
	}
	if len(chosen) == 0 && len(t.ways) > 0 { // nothing looks like a match: the cheapest way to be told so
		t.model.Rules = []Rule{t.ways[0].Rule}
	}
	t.model.Estimate.Blocking = 1 - float64(none)/all
}

// probable returns pairs that are probably matches.
func (t *trainer) probable(pool []found) []found {
	var list []found
	var a, b []*value
	for _, f := range pool {
		a, b = t.set.read(f.a, a), t.set.read(f.b, b)
		if t.comparer.weight(t.comparer.pattern(a, b), a, b) > 0 {
			list = append(list, f)
		}
	}
	t.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(len(list), judgedMatches)]
}

// hits tells which matches a rule finds.
func (t *trainer) hits(w *way, matches []found) []bool {
	bl := t.set.blocksOf(w.blocker)
	bl.index(len(t.set.ids))
	hits := make([]bool, len(matches))
	for i, f := range matches {
		hits[i] = bl.firstShared(f.a, f.b) != 0
	}
	return hits
}
