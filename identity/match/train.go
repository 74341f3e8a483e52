package match

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/touchstone-cdp/touchstone"
)

// Options say how to train and how to link. The zero value is right for nearly everything.
type Options struct {
	Labels     []Label // answers of people
	OneToOne   OneToOne
	MaxPairs   float64 // that may be compared; 0 is 10 for each record, and at least 5 million
	MaxCluster int     // records of one cluster; 0 is 100
	Seed       uint64  // of the samples; equal seeds give equal models
}

// Label is what a person said of a pair.
type Label struct {
	A     string `json:"a"` // names of records; of the first list
	B     string `json:"b"` // of the second, if there is one
	Match bool   `json:"match"`
	// Seen is how the two agreed when the person was asked, for records that are one by now: what was answered yes is mostly
	// linked, and a model that hears rejections only thinks ever less of everything.
	Seen []Seen `json:"seen,omitempty"`
}

// Seen is how two records agreed in one comparison.
type Seen struct {
	Column string  `json:"column"`
	Aspect string  `json:"aspect,omitempty"`
	Level  string  `json:"level"`
	Rarity float64 `json:"rarity,omitempty"` // bits; see [Step]
}

// OneToOne says whether a record has at most one match in the other list.
type OneToOne string

// Whether the lists are clean.
const (
	OneToOneAuto OneToOne = ""    // when two lists are linked and neither has duplicates
	OneToOneYes  OneToOne = "yes" // each record has at most one
	OneToOneNo   OneToOne = "no"  // a record may have several
)

// Bounds of what is learnt from.
const (
	trainRecords   = 100_000
	trainPairs     = 1_500_000 // found by rules
	trainRandom    = 400_000
	trainTried     = 40 * trainRandom // most may be of one clean list
	costRecords    = 40_000
	defaultCluster = 100
	maxRules       = 10
)

func (o Options) budget(records int) float64 {
	if o.MaxPairs > 0 {
		return o.MaxPairs
	}
	return max(5e6, 10*float64(records))
}

// Train learns a model from a set. Nobody has to say which records match.
func Train(ctx context.Context, s *Set, o Options) (*Model, error) {
	s.finish()
	model, err := newModel(s.Columns())
	if err != nil {
		return nil, err
	}
	if s.possible() < 1 {
		return nil, touchstone.Errorf(touchstone.Invalid, "there are no two records to compare")
	}
	model.MaxCluster = cmp.Or(o.MaxCluster, defaultCluster)
	t := &trainer{all: s, model: model, options: o, random: rand.New(rand.NewPCG(o.Seed, 1))} //nolint:gosec // a sample, no secret
	t.set = t.sample(trainRecords)
	if t.comparer, err = model.bind(t.set.columns); err != nil {
		return nil, err
	}
	if err := t.learn(ctx); err != nil {
		return nil, err
	}
	return model, nil
}

type trainer struct {
	all, set *Set
	model    *Model
	options  Options
	random   *rand.Rand
	comparer *comparer
	fitting  *fitting
	ways     []way
	patterns []tallyKey // of the pool's pairs
}

// sample takes records at random, all if they are few.
func (t *trainer) sample(most int) *Set {
	if len(t.all.ids) <= most {
		return t.all
	}
	return t.all.part(t.chosen(t.all, most, t.random))
}

// chosen takes records at random, all if they are few.
func (t *trainer) chosen(s *Set, most int, random *rand.Rand) []uint32 {
	n := len(s.ids)
	list := make([]uint32, 0, min(n, most))
	for i := range n { // in order: each with the chance that is left
		if n <= most || random.IntN(n-i) < most-len(list) {
			list = append(list, uint32(i)) //nolint:gosec // bounded by maxRecords
		}
	}
	return list
}

func (t *trainer) learn(ctx context.Context) error {
	t.ways = t.waysToBlock()
	pool, err := t.pool(ctx)
	if err != nil {
		return err
	}
	random := t.tallyRandom()
	keys := t.keysOf(pool)
	t.patterns = keys
	t.fitting = &fitting{
		comparer: t.comparer, pairs: t.set.possible(), records: float64(len(t.set.ids)),
		found: inRow(tallied(keys)), random: inRow(random), labels: t.answers(), mails: t.mailNames(),
	}
	t.model.Training = Training{
		Records: len(t.all.ids), Looked: len(t.set.ids), Pairs: float64(len(pool)), Random: sum(random), Labels: len(t.options.Labels),
	}
	t.model.OneToOne = t.set.linking() && t.options.OneToOne != OneToOneNo
	if t.model.OneToOne {
		t.fitting.rivals, t.fitting.sums = t.rivals(pool, keys), make([]float64, len(t.set.ids))
	}
	t.fit(pool)
	if t.model.OneToOne && t.options.OneToOne == OneToOneAuto {
		clean, err := t.clean(ctx)
		if err != nil {
			return err
		}
		if !clean {
			t.model.OneToOne, t.fitting.rivals = false, nil
			t.fit(pool)
		}
	}
	result, err := t.model.Link(ctx, t.set, t.options)
	if err != nil {
		return err
	}
	if t.model.Doubt = t.doubt(result); t.model.Doubt != (Doubt{}) {
		result.Estimate.within(t.model.Doubt)
	}
	t.model.Thresholds, t.model.Estimate = result.Thresholds, result.Estimate
	return nil
}

// fit learns weights from the pool, and rules.
func (t *trainer) fit(pool []found) {
	t.weights(kinFirst)
	t.choose(pool)
}

// weights learns weights, beginning with so many pairs of relatives for each match.
func (t *trainer) weights(relatives float64) {
	// What to begin with: a third of the records of the shorter list have a match.
	shorter := t.set.sizes[0]
	if t.set.linking() {
		shorter = min(shorter, t.set.sizes[1])
	}
	for i := range t.model.Comparisons {
		one := &t.model.Comparisons[i]
		one.Levels = newLevels(one.Aspect, one.Kind)
	}
	t.model.Prior, t.model.Duplicates = min(.3*float64(shorter)/t.set.possible(), .3), .3
	if t.model.kin() {
		t.model.Kin = relatives * t.model.Prior
	}
	t.model.Training.Iterations = t.fitting.fit()
	// A sample has fewer of each than all records have, and as many fewer pairs: the prior stays.
	t.model.Duplicates *= float64(len(t.all.ids)) / float64(len(t.set.ids))
	t.learnLabels()
}

// betterWithin is the share of the matched records from which on so many have a better match within their own list that
// the lists have duplicates.
const betterWithin = .15

// clean tells whether both lists seem to have each record once: hardly a record that has a match in the other list has
// one in its own that is better, and as good as matches commonly are. (Different things of one maker are alike, too.)
func (t *trainer) clean(ctx context.Context) (bool, error) {
	between, err := t.bestOf(ctx, false)
	if err != nil {
		return false, err
	}
	within, err := t.bestOf(ctx, true)
	if err != nil {
		return false, err
	}
	var matched []float64
	for _, w := range between {
		if w > 0 {
			matched = append(matched, w)
		}
	}
	if len(matched) == 0 {
		return true, nil
	}
	slices.Sort(matched)
	common := matched[len(matched)/2]
	better := 0.
	for i, w := range between {
		if w > 0 && within[i] >= max(w, common) {
			better++
		}
	}
	return better <= betterWithin*float64(len(matched)), nil
}

// bestOf is the weight of the best pair of each record, between the lists or within them.
func (t *trainer) bestOf(ctx context.Context, within bool) ([]float64, error) {
	rules, err := t.model.blockers(t.set.columns)
	if err != nil {
		return nil, err
	}
	best := make([]float64, len(t.set.ids))
	for i := range best {
		best[i] = math.Inf(-1)
	}
	var mu sync.Mutex
	buffers := make([][2][]*value, runtime.GOMAXPROCS(0))
	err = t.set.eachPair(ctx, rules, within, func(worker, _ int, x, y uint32) {
		if t.set.separate(x, y) {
			return
		}
		a, b := t.set.read(x, buffers[worker][0]), t.set.read(y, buffers[worker][1])
		buffers[worker] = [2][]*value{a, b}
		w := t.comparer.weight(t.comparer.pattern(a, b), a, b)
		mu.Lock()
		best[x], best[y] = max(best[x], w), max(best[y], w)
		mu.Unlock()
	})
	return best, err
}

func sum(t tally) (n float64) {
	for _, x := range t {
		n += x
	}
	return n
}

// found is a pair and the comparisons that it was found without.
type found struct {
	a, b uint32
	free uint16
}

// pool finds pairs by many rules, cheap ones first.
func (t *trainer) pool(ctx context.Context) ([]found, error) {
	var list []found
	budget := float64(trainPairs)
	for i := range t.ways {
		w := &t.ways[i]
		if w.cost > budget || ctx.Err() != nil {
			break // the next ones cost more
		}
		budget -= w.cost
		for group := range groups(t.set.blocksOf(w.list(len(t.set.ids))).entries) {
			list = t.set.appendPairs(list, group, w.free)
		}
		if len(list) > 2*trainPairs {
			list = compact(list)
		}
	}
	return compact(list), ctx.Err()
}

func (s *Set) appendPairs(list []found, group []entry, free uint16) []found {
	for i, x := range group {
		for _, y := range group[i+1:] {
			a, b := x.record, y.record
			if s.linking() && s.list[a] == s.list[b] || s.separate(a, b) {
				continue
			}
			if s.list[a] > s.list[b] || s.list[a] == s.list[b] && a > b {
				a, b = b, a
			}
			list = append(list, found{a, b, free})
		}
	}
	return list
}

func compact(list []found) []found {
	slices.SortFunc(list, func(x, y found) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	kept := list[:0]
	for _, f := range list {
		if n := len(kept); n > 0 && kept[n-1].a == f.a && kept[n-1].b == f.b {
			kept[n-1].free |= f.free
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// keysOf compares pairs.
func (t *trainer) keysOf(pairs []found) []tallyKey {
	workers := runtime.GOMAXPROCS(0)
	keys := make([]tallyKey, len(pairs))
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			var a, b []*value
			for i := len(pairs) * w / workers; i < len(pairs)*(w+1)/workers; i++ {
				f := pairs[i]
				a, b = t.set.read(f.a, a), t.set.read(f.b, b)
				keys[i] = tallyKey{t.comparer.pattern(a, b), f.free}
			}
		})
	}
	wait.Wait()
	return keys
}

func tallied(keys []tallyKey) tally {
	t := make(tally)
	for _, k := range keys {
		t[k]++
	}
	return t
}

// rivals are the pairs of the pool, each with the place of its pattern.
func (t *trainer) rivals(pool []found, keys []tallyKey) []rival {
	at := make(map[tallyKey]uint32, len(t.fitting.found))
	for i, x := range t.fitting.found {
		at[x.tallyKey] = uint32(i) //nolint:gosec // bounded by trainPairs
	}
	list := make([]rival, len(pool))
	for i, f := range pool {
		list[i] = rival{f.a, f.b, at[keys[i]]}
	}
	return list
}

// tallyRandom counts the patterns of pairs taken at random, or of all if they are few.
func (t *trainer) tallyRandom() tally {
	s := t.set
	var pairs []found
	var lists [maxLists][]uint32
	for i, l := range s.list {
		lists[l] = append(lists[l], uint32(i)) //nolint:gosec // bounded by maxRecords
	}
	first, second := lists[0], lists[0]
	if s.linking() {
		second = lists[1]
	}
	if s.pairs() <= trainRandom {
		for i, a := range first {
			rest := second
			if !s.linking() {
				rest = second[i+1:]
			}
			for _, b := range rest {
				if !s.separate(a, b) {
					pairs = append(pairs, found{a: a, b: b})
				}
			}
		}
		return tallied(t.keysOf(pairs))
	}
	for tried := 0; len(pairs) < trainRandom && tried < trainTried; tried++ {
		a, b := first[t.random.IntN(len(first))], second[t.random.IntN(len(second))]
		if a != b && !s.separate(a, b) {
			pairs = append(pairs, found{a: a, b: b})
		}
	}
	return tallied(t.keysOf(pairs))
}
