package match

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/touchstone-cdp/touchstone"
)

// Outcome is what becomes of a pair.
type Outcome string

// The outcomes. What is neither is rejected and not kept.
const (
	Linked   Outcome = "link"
	Doubtful Outcome = "review"
)

// Pair is two records that may be one and the same, by their numbers in the set; A is of the first list.
type Pair struct {
	A, B        uint32
	Weight      float32 // bits: log2 of the odds, of this pair alone
	Probability float32 // that it is a match, with what else the records could match
	Outcome     Outcome
}

// Result is what linking a set came to.
type Result struct {
	// Pairs are the links and those for review, the most probable first. A cluster's records are pairs with each other only
	// where a rule has found them.
	Pairs []Pair
	// Clusters are records that are taken for one and the same, each in order, if they are two or more.
	Clusters   [][]uint32
	Thresholds Thresholds
	OneToOne   bool
	Compared   int64 // pairs
	// Cut counts links that were not made since clusters would have contradicted themselves or become too large, or a record
	// had a better one.
	Cut      int
	Estimate Estimate
}

// Bounds of linking.
const (
	keptBits   = -7 // weight from which a pair is kept
	reviewFrom = .1 // of the link threshold: less probable pairs are not worth a look
)

// ID returns the name of a record.
func (s *Set) ID(record uint32) string { return s.ids[record] }

// List returns the list of a record, 0 or 1.
func (s *Set) List(record uint32) int { return int(s.list[record]) }

// Link compares the pairs that the model's rules find and decides. The set may be the one that the model was trained on, or another
// with the same columns.
func (m *Model) Link(ctx context.Context, s *Set, o Options) (*Result, error) {
	s.finish()
	c, err := m.bind(s.columns)
	if err != nil {
		return nil, err
	}
	rules, err := m.blockers(s.columns)
	if err != nil {
		return nil, err
	}
	res := &Result{}
	if err := c.score(ctx, s, rules, res); err != nil {
		return nil, err
	}
	res.OneToOne = s.linking() && (o.OneToOne == OneToOneYes || o.OneToOne == OneToOneAuto && m.OneToOne)
	res.decide(s, c, cmp.Or(o.MaxCluster, m.MaxCluster, defaultCluster))
	res.Estimate.within(m.Doubt)
	return res, nil
}

// blockers binds the model's rules.
func (m *Model) blockers(columns []*column) ([]blocker, error) {
	rules := make([]blocker, len(m.Rules))
	for i, r := range m.Rules {
		var ok bool
		if rules[i], ok = r.bind(columns); !ok {
			return nil, touchstone.Errorf(touchstone.Invalid, "the blocking rule %s names a column or a key that is not there", r)
		}
	}
	return rules, nil
}

// score weighs the pairs that rules find and keeps those that are not hopeless.
func (c *comparer) score(ctx context.Context, s *Set, rules []blocker, res *Result) error {
	workers := runtime.GOMAXPROCS(0)
	parts := make([][]Pair, workers)
	buffers := make([][2][]*value, workers)
	var compared atomic.Int64
	counts := make([]int64, workers)
	err := s.eachPair(ctx, rules, false, func(w, _ int, x, y uint32) {
		if s.separate(x, y) {
			return
		}
		counts[w]++
		p, ok := c.promising(s, x, y, keptBits)
		if !ok {
			return
		}
		a, b := s.read(x, buffers[w][0]), s.read(y, buffers[w][1])
		buffers[w] = [2][]*value{a, b}
		if weight := c.weight(p, a, b); weight >= keptBits {
			parts[w] = append(parts[w], Pair{A: x, B: y, Weight: float32(weight)})
		}
	})
	for _, n := range counts {
		compared.Add(n)
	}
	res.Compared = compared.Load()
	res.Pairs = slices.Concat(parts...)
	res.sort()
	return err
}

func (res *Result) sort() {
	slices.SortFunc(res.Pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
}

// decide chooses thresholds and makes links of the pairs.
func (res *Result) decide(s *Set, c *comparer, most int) {
	for i := range res.Pairs {
		res.Pairs[i].Probability = float32(probability(float64(res.Pairs[i].Weight)))
	}
	res.vie(s)
	chosen := res.Pairs
	if res.OneToOne {
		res.compete(len(s.ids))
		chosen = res.best(len(s.ids))
	}
	res.Thresholds.Link = bestThreshold(chosen, c.model.Estimate.Blocking)
	res.Thresholds.Review = min(reviewFrom, res.Thresholds.Link/2)
	for i := range chosen {
		if float64(chosen[i].Probability) >= res.Thresholds.Link {
			chosen[i].Outcome = Linked
		}
	}
	if res.OneToOne {
		for i := range chosen {
			if chosen[i].Outcome == Linked {
				res.Clusters = append(res.Clusters, []uint32{chosen[i].A, chosen[i].B})
			}
		}
		res.Pairs = chosen
	} else {
		res.cluster(s, c, most)
	}
	res.estimate(c.model.Estimate.Blocking)
}

// compete takes into account that a record matches at most one: pairs of one record share its probability.
func (res *Result) compete(records int) {
	sums := make([]float64, records)
	for _, p := range res.Pairs {
		odds := math.Exp2(float64(p.Weight))
		sums[p.A] += odds
		sums[p.B] += odds
	}
	for i, p := range res.Pairs {
		odds := math.Exp2(float64(p.Weight))
		res.Pairs[i].Probability = float32(odds / (1 + sums[p.A] + sums[p.B] - odds))
	}
}

// best takes pairs in order of their weight, each record once.
func (res *Result) best(records int) []Pair {
	used := make([]bool, records)
	var list []Pair
	for _, p := range res.Pairs {
		if used[p.A] || used[p.B] {
			res.Cut++
			continue
		}
		used[p.A], used[p.B] = true, true
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(x, y Pair) int { return cmp.Compare(y.Probability, x.Probability) })
	return list
}

// bestThreshold returns the probability from which on pairs should be links so that F1 is expected to be best: what is taken
// in is right as often as its probability says, and all matches are the sum of them, with those that no rule finds.
func bestThreshold(pairs []Pair, blocking float64) float64 {
	sorted := make([]float64, len(pairs))
	var all float64
	for i, p := range pairs {
		sorted[i] = float64(p.Probability)
		all += sorted[i]
	}
	all /= max(blocking, .01)
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	best, threshold, right := 0., .5, 0.
	for i, p := range sorted {
		right += p
		if f1 := 2 * right / (float64(i+1) + all); f1 > best {
			best, threshold = f1, p
		}
	}
	return threshold
}

// estimate says how good the result is thought to be.
func (res *Result) estimate(blocking float64) {
	e := Estimate{Blocking: blocking}
	var right, all float64
	kept := res.Pairs[:0]
	for _, p := range res.Pairs {
		all += float64(p.Probability)
		switch {
		case p.Outcome == Linked:
			e.Links++
			right += float64(p.Probability)
		case float64(p.Probability) >= res.Thresholds.Review:
			p.Outcome = Doubtful
			e.Review++
		default:
			continue
		}
		kept = append(kept, p)
	}
	res.Pairs = kept
	if e.Links > 0 {
		e.Precision = right / float64(e.Links)
	}
	if all > 0 {
		e.Recall = right / all * blocking
	}
	res.Estimate = e
}
