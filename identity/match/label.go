package match

import (
	"cmp"
	"math"
	"slices"
)

// labelled is a pair that a person has decided, ready for learning.
type labelled struct {
	pattern pattern
	weight  float64 // bits, without what labels teach
	match   bool
}

// labelled finds the pairs that labels name, or makes them of how they were seen; other labels are left out.
func (t *trainer) labelled() (pairs []labelled) {
	if len(t.options.Labels) == 0 {
		return nil
	}
	first, second := make(map[string]uint32), make(map[string]uint32)
	for i, id := range t.all.ids {
		if t.all.list[i] == 1 {
			second[id] = uint32(i) //nolint:gosec // bounded by maxRecords
		} else {
			first[id] = uint32(i) //nolint:gosec // bounded by maxRecords
		}
	}
	if !t.all.linking() {
		second = first
	}
	for _, l := range t.options.Labels {
		x, okX := first[l.A]
		y, okY := second[l.B]
		if !okX || !okY || x == y {
			if p, rarity := t.asSeen(l.Seen); p != 0 {
				pairs = append(pairs, labelled{p, t.comparer.of(p) + rarity, l.Match})
			}
			continue
		}
		a, b := t.all.read(x, nil), t.all.read(y, nil)
		p := t.comparer.pattern(a, b)
		pairs = append(pairs, labelled{p, t.comparer.weight(p, a, b), l.Match})
	}
	return pairs
}

// asSeen is the pattern of a pair by the names of its levels; 0 when nothing of it is compared now.
func (t *trainer) asSeen(list []Seen) (p pattern, rarity float64) {
	for i, one := range t.comparer.each {
		for _, s := range list {
			if s.Column != one.Column || s.Aspect != one.Aspect {
				continue
			}
			if l := slices.IndexFunc(one.Levels, func(l Level) bool { return l.Name == s.Level }); l >= 0 {
				p = p.with(i, l)
				rarity += s.Rarity
			}
		}
	}
	return p, rarity
}

// answers counts the labels by the patterns of their pairs.
func (t *trainer) answers() (list []answered) {
	for _, l := range t.labelled() {
		a := answered{pattern: l.pattern}
		if l.match {
			a.yes = 1
		} else {
			a.no = 1
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b answered) int { return cmp.Compare(a.pattern, b.pattern) })
	kept := list[:0]
	for _, a := range list {
		if n := len(kept); n > 0 && kept[n-1].pattern == a.pattern {
			kept[n-1].yes += a.yes
			kept[n-1].no += a.no
			continue
		}
		kept = append(kept, a)
	}
	return kept
}

// Of learning from labels.
const (
	learntSpread = 2.  // bits by which weights are thought to be wrong
	learntRounds = 400 // of going downhill
	answersWrong = .05 // of the answers, at random: one that contradicts all else is rather a slip than a discovery
)

// learnLabels moves weights so that the answers of people become probable (logistic regression that stays near the fitted
// weights, and expects some answers to be wrong). People are asked about doubtful pairs, not about random ones; so answers may correct what agreement is
// worth given what was seen, and say nothing about how frequent matches are.
func (t *trainer) learnLabels() {
	pairs := t.labelled()
	if len(pairs) == 0 {
		return
	}
	m := t.model
	learnt := make([][16]float64, len(m.Comparisons))
	rate := 1 / (float64(len(pairs)*len(m.Comparisons))*math.Ln2*math.Ln2/4 + 1/(learntSpread*learntSpread))
	for range learntRounds {
		slopes := make([][16]float64, len(m.Comparisons))
		for _, l := range pairs {
			weight := l.weight
			for i := range learnt {
				if at := l.pattern.level(i); at >= 0 {
					weight += learnt[i][at]
				}
			}
			wrong := slope(weight, l.match)
			for i := range slopes {
				if at := l.pattern.level(i); at >= 0 {
					slopes[i][at] += wrong
				}
			}
		}
		for i := range learnt {
			for at := range learnt[i] {
				learnt[i][at] -= rate * (slopes[i][at] + learnt[i][at]/(learntSpread*learntSpread))
			}
		}
	}
	for i := range m.Comparisons {
		for at := range m.Comparisons[i].Levels {
			m.Comparisons[i].Levels[at].Learnt = learnt[i][at]
		}
	}
	t.fitting.refresh()
}

// slope is how much less probable an answer becomes for each bit more of weight.
func slope(weight float64, match bool) float64 {
	p := probability(weight)
	more := (1 - 2*answersWrong) * p * (1 - p) * math.Ln2
	if match {
		return -more / (answersWrong + (1-2*answersWrong)*p)
	}
	return more / (1 - answersWrong - (1-2*answersWrong)*p)
}
