package match

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// way is a rule that might be used.
type way struct {
	Rule
	blocker
	parts []*keyList // keys of the training set's records, by part
	cost  float64    // pairs in the training set
	free  uint16     // comparisons that it does not ask about
	hits  []bool     // by probable match
}

// waysToBlock lists rules of one key or two of different columns, with what they cost, the cheapest first. Rules that find nearly
// everything with everything are left out, and those that only narrow a rule that is cheap as it is.
func (t *trainer) waysToBlock() []way {
	n := len(t.set.ids)
	sample := t.chosen(t.set, costRecords, rand.New(rand.NewPCG(t.options.Seed, 2))) //nolint:gosec // a sample
	scale := t.set.pairs() / max(t.set.pairsAmong(sample), 1)
	var singles []way
	for col, c := range t.set.columns {
		for _, k := range keyersOf(c.Kind) {
			singles = append(singles, way{Rule: Rule{Keys: []RuleKey{{c.Name, k.name}}}, blocker: blocker{[]int{col}, []keyer{k}}})
		}
	}
	for i := range singles { // each list is made by all processors
		w := &singles[i]
		w.parts = []*keyList{t.set.listOf(w.blocker)}
		w.free = t.freeOf(w.blocker)
	}
	t.count(singles, sample, scale)
	limit := max(4*float64(n), 2000)
	all := slices.DeleteFunc(slices.Clone(singles), func(w way) bool { return w.cost == 0 })
	var twos []way
	for i, x := range singles {
		for _, y := range singles[i+1:] {
			if x.columns[0] == y.columns[0] || x.cost <= limit || y.cost <= limit {
				continue
			}
			w := way{
				Rule:    Rule{Keys: []RuleKey{x.Keys[0], y.Keys[0]}},
				blocker: blocker{[]int{x.columns[0], y.columns[0]}, []keyer{x.keyers[0], y.keyers[0]}},
				parts:   []*keyList{x.parts[0], y.parts[0]},
			}
			w.free = t.freeOf(w.blocker)
			twos = append(twos, w)
		}
	}
	t.count(twos, sample, scale)
	all = append(all, slices.DeleteFunc(twos, func(w way) bool { return w.cost == 0 })...)
	slices.SortStableFunc(all, func(a, b way) int { return cmp.Compare(a.cost, b.cost) })
	return all
}

// count finds out what ways cost, by the records of a sample.
func (t *trainer) count(ways []way, sample []uint32, scale float64) {
	each(len(ways), func(i int) {
		w := &ways[i]
		w.cost = t.set.cost(sample, func(record uint32, out []uint64) []uint64 {
			if len(w.parts) == 1 {
				return append(out, w.parts[0].of(record)...)
			}
			return mixed(w.parts[0].of(record), w.parts[1].of(record), out)
		}) * scale
	})
}

// list makes the keys of a way. They are not kept: a way of two parts is two lists that others use, too.
func (w *way) list(records int) *keyList {
	if len(w.parts) == 1 {
		return w.parts[0].clone()
	}
	return w.parts[0].both(w.parts[1], records)
}

// each calls fn for each of n things, several at a time.
func each(n int, fn func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	wait.Wait()
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
	each(len(ways), func(i int) { ways[i].hits = t.hits(&ways[i], matches) })
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
	parts := make([][]found, runtime.GOMAXPROCS(0))
	inParts(len(pool), func(w, from, to int) {
		var a, b []*value
		for i, f := range pool[from:to] {
			p := t.patterns[from+i].pattern
			if t.comparer.most(p) <= 0 {
				continue
			}
			a, b = t.set.read(f.a, a), t.set.read(f.b, b)
			if t.comparer.weight(p, a, b) > 0 {
				parts[w] = append(parts[w], f)
			}
		}
	})
	list := slices.Concat(parts...)
	t.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(len(list), judgedMatches)]
}

// hits tells which matches a rule finds.
func (t *trainer) hits(w *way, matches []found) []bool {
	keys := t.set.blocksOf(w.list(len(t.set.ids))).keys
	hits := make([]bool, len(matches))
	for i, f := range matches {
		hits[i] = keys.firstShared(f.a, f.b) != 0
	}
	return hits
}
