package match

import (
	"math"
	"slices"
)

// With few columns the same data are explained by two stories: many matches that err often, or fewer matches among relatives. Which of them EM ends
// with depends on where it begins. So weights are learnt once more from a world of many relatives, and the links are judged by that story, too: where
// columns tell relatives from matches both say the same, and where they do not, the estimate is as doubtful as they differ.

// Doubt is by how much precision and recall may be below what is thought.
type Doubt struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

const (
	kinMany    = 8 // relatives for each match that the other story begins with
	sureErrors = 2 // standard errors of a share
)

// doubt judges the links of a result by another story. The model is as before afterwards.
func (t *trainer) doubt(result *Result) (d Doubt) {
	d = result.byChance()
	if t.model.OneToOne || !t.model.kin() {
		return d
	}
	kept, comparisons := *t.model, make([]Comparison, len(t.model.Comparisons))
	for i, c := range t.model.Comparisons {
		c.Levels, c.Depends = slices.Clone(c.Levels), slices.Clone(c.Depends)
		comparisons[i] = c
	}
	t.weights(kinMany)
	right := 0.
	var a, b []*value
	for _, p := range result.Pairs {
		if p.Outcome != Linked {
			continue
		}
		a, b = t.set.read(p.A, a), t.set.read(p.B, b)
		right += probability(t.comparer.weight(t.comparer.pattern(a, b), a, b))
	}
	e := result.Estimate
	if e.Links > 0 {
		d.Precision += max(e.Precision-right/float64(e.Links), 0)
		d.Recall += max(e.Recall-right/max(t.model.Prior*t.fitting.pairs, right), 0)
	}
	copy(kept.Comparisons, comparisons)
	*t.model = kept
	t.comparer.weigh()
	return d
}

// byChance is how far shares of so many links may be off by chance.
func (res *Result) byChance() Doubt {
	n := float64(max(res.Estimate.Links, 1))
	off := func(share float64) float64 { return sureErrors * math.Sqrt(share*(1-min(share, 1))/n) }
	return Doubt{off(res.Estimate.Precision), off(res.Estimate.Recall)}
}

// within sets the bounds of an estimate.
func (e *Estimate) within(d Doubt) {
	e.PrecisionLow, e.RecallLow = max(e.Precision-d.Precision, 0), max(e.Recall-d.Recall, 0)
}
