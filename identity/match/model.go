package match

import (
	"encoding/json"
	"math"

	"github.com/touchstone-cdp/touchstone"
)

// modelVersion is raised when a model that was kept cannot be read as it was meant: levels or keys of a kind changed.
const modelVersion = 1

// Model is what was learnt of a set, and all that is needed to match records of the same columns. It is plain data: it is
// kept as JSON, shown, and may be edited (weights, rules, thresholds).
type Model struct {
	Version     int          `json:"version"`
	Columns     []Column     `json:"columns"`
	Comparisons []Comparison `json:"comparisons"`
	Rules       []Rule       `json:"rules"` // cheapest first
	// Prior is how probable it is that two records taken at random are one and the same.
	Prior float64 `json:"prior"`
	// Kin is how probable it is that they are two who live together; 0: the columns cannot tell such from matches.
	Kin float64 `json:"kin,omitempty"`
	// Duplicates is how many other records of the same one a record has on average.
	Duplicates float64    `json:"duplicates"`
	Thresholds Thresholds `json:"thresholds"`
	OneToOne   bool       `json:"one_to_one"` // a record has at most one in the other list
	// MaxCluster is how many records one cluster may have; see [Options].
	MaxCluster int      `json:"max_cluster"`
	Training   Training `json:"training"`
	Estimate   Estimate `json:"estimate"`
	Doubt      Doubt    `json:"doubt"`
}

// Thresholds are probabilities: from Link on a pair is a link, from Review on a person decides, below it is none.
type Thresholds struct {
	Link   float64 `json:"link"`
	Review float64 `json:"review"`
}

// Comparison is a column, or an aspect of it, with what each level of agreement is worth.
type Comparison struct {
	Column string  `json:"column"`
	Aspect string  `json:"aspect,omitempty"` // "codes": the model numbers of a text
	Kind   Kind    `json:"kind"`
	Levels []Level `json:"levels"` // best first
	// Partner is the column that values may have changed places with.
	Partner string `json:"partner,omitempty"`
	// Depends are the comparisons that what this one says partly follows from: a postcode from the city; relatives share name and
	// address. Of what agreement is worth given each, the least counts.
	Depends []Dependence `json:"depends,omitempty"`
}

// Dependence is what the levels of a comparison are worth by the level of another.
type Dependence struct {
	On    int         `json:"on"`    // place of the other comparison
	Given [][]float64 `json:"given"` // bits, by the level of the other and the own one
}

// Level is a degree of agreement.
type Level struct {
	Name string  `json:"name"`
	M    float64 `json:"m"` // share of pairs of one and the same that agree so
	U    float64 `json:"u"` // share of pairs of two strangers that do
	// Kin is the share of pairs of two who live together that do; 0 where they are no class of their own.
	Kin float64 `json:"kin,omitempty"`
	// Bits is log2 of M over U and of what labels taught beyond them. Equal values are worth more or less, as they are rare
	// or frequent.
	Bits float64 `json:"bits"`
	// Learnt is the part of Bits that answers of people have added.
	Learnt float64 `json:"learnt,omitempty"`
}

// Training says what a model was learnt from.
type Training struct {
	Records    int     `json:"records"`     // that there were
	Looked     int     `json:"looked"`      // of them, that were learnt from
	Pairs      float64 `json:"pairs"`       // compared, found by rules
	Random     float64 `json:"random"`      // compared, taken at random
	Iterations int     `json:"iterations"`  // until it held still
	Labels     int     `json:"labels"`      // answers of people
	OverBudget int     `json:"over_budget"` // rules that would have cost too much
}

// Estimate is how good the links are thought to be, without knowing the truth.
type Estimate struct {
	Links     int     `json:"links"`
	Review    int     `json:"review"`
	Precision float64 `json:"precision"` // of the links
	Recall    float64 `json:"recall"`    // of the matches that there are, with those that no rule finds
	Blocking  float64 `json:"blocking"`  // share of the matches that the rules find
	// PrecisionLow and RecallLow are what they may as well be, as far as the data can tell; see [Doubt].
	PrecisionLow float64 `json:"precision_low"`
	RecallLow    float64 `json:"recall_low"`
}

const aspectCodes = "codes"

// newModel makes a model that has learnt nothing.
func newModel(columns []Column) (*Model, error) {
	m := &Model{Version: modelVersion, Columns: columns}
	var given, family string
	for _, c := range columns {
		switch {
		case c.Kind == Given && given == "":
			given = c.Name
		case c.Kind == Family && family == "":
			family = c.Name
		}
	}
	for _, c := range columns {
		if c.Kind == Ignored {
			continue
		}
		one := Comparison{Column: c.Name, Kind: c.Kind, Levels: newLevels("", c.Kind)}
		if c.Name == given && family != "" {
			one.Partner = family
		}
		m.Comparisons = append(m.Comparisons, one)
		if c.Kind == Text {
			m.Comparisons = append(m.Comparisons, Comparison{Column: c.Name, Aspect: aspectCodes, Kind: c.Kind, Levels: newLevels(aspectCodes, c.Kind)})
		}
	}
	switch n := len(m.Comparisons); {
	case n == 0:
		return nil, touchstone.Errorf(touchstone.Invalid, "no column is left to compare").WithHint("give at least one column a kind other than ignored")
	case n > maxComparisons:
		return nil, touchstone.Errorf(touchstone.Invalid, "%d comparisons are more than the %d that a model can have", n, maxComparisons).
			WithHint("ignore columns that say little (a column of texts counts twice)")
	}
	return m, nil
}

func newLevels(aspect string, kind Kind) []Level {
	degrees := degreesOf(aspect, kind)
	levels := make([]Level, len(degrees))
	for i, d := range degrees {
		levels[i] = Level{Name: d.name, M: d.m}
	}
	return levels
}

// ParseModel reads a model that was kept as JSON.
func ParseModel(text []byte) (*Model, error) {
	var m Model
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "this is no match model: %s", err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &m, nil
}

func (m *Model) check() error {
	if m.Version != modelVersion {
		return touchstone.Errorf(touchstone.Invalid, "the match model is of version %d, and this program knows version %d", m.Version, modelVersion).
			WithHint("train it anew")
	}
	if len(m.Comparisons) == 0 || len(m.Comparisons) > maxComparisons {
		return touchstone.Errorf(touchstone.Invalid, "a match model has 1 to %d comparisons, not %d", maxComparisons, len(m.Comparisons))
	}
	for _, c := range m.Comparisons {
		if len(c.Levels) != len(degreesOf(c.Aspect, c.Kind)) {
			return touchstone.Errorf(touchstone.Invalid, "comparison %s has %d levels and not %d", c.Column, len(c.Levels), len(degreesOf(c.Aspect, c.Kind)))
		}
		if err := m.checkDependences(c); err != nil {
			return err
		}
		for _, l := range c.Levels {
			if math.IsNaN(l.Bits) || l.M < 0 || l.M > 1 || l.U < 0 || l.U > 1 {
				return touchstone.Errorf(touchstone.Invalid, "comparison %s, level %s: m and u are from 0 to 1", c.Column, l.Name)
			}
		}
	}
	if !(m.Prior > 0 && m.Prior < 1) {
		return touchstone.Errorf(touchstone.Invalid, "the prior of a match model is between 0 and 1, not %v", m.Prior)
	}
	return nil
}

func (m *Model) checkDependences(c Comparison) error {
	for _, d := range c.Depends {
		if d.On < 0 || d.On >= len(m.Comparisons) || len(d.Given) != len(m.Comparisons[d.On].Levels) {
			return touchstone.Errorf(touchstone.Invalid, "comparison %s depends on one that is not there", c.Column)
		}
		for _, given := range d.Given {
			if len(given) != len(c.Levels) {
				return touchstone.Errorf(touchstone.Invalid, "comparison %s has %d levels and not %d", c.Column, len(given), len(c.Levels))
			}
		}
	}
	return nil
}

// bits is log2 of the odds of a probability, and probability the other way.
func bits(p float64) float64 { return math.Log2(p / (1 - p)) }

func probability(bits float64) float64 { return 1 / (1 + math.Exp2(-bits)) }
