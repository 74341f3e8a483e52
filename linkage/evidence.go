package linkage

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/identity/match"
)

// grounds is why two persons were taken for one when the pair was found, without values.
type grounds struct {
	Prior   float64  `json:"prior"` // bits that any two persons begin with
	Columns []ground `json:"columns"`
	// Relatives are bits, not above 0: two who live together may agree so, too.
	Relatives float64 `json:"relatives,omitempty"`
}

// ground is what one comparison said for or against it.
type ground struct {
	Column string  `json:"column"`
	Aspect string  `json:"aspect,omitempty"`
	Level  string  `json:"level"` // how the two agree; empty: one of them does not say
	Bits   float64 `json:"bits"`
	Rarity float64 `json:"rarity,omitempty"` // part of Bits: since the value is rarer or more frequent than most
}

func evidenceOf(e match.Explanation) (touchstone.JSON, error) {
	g := grounds{Prior: e.Prior, Columns: make([]ground, len(e.Steps)), Relatives: e.Relatives}
	for i, s := range e.Steps {
		g.Columns[i] = ground{s.Column, s.Aspect, s.Level, s.Bits, s.Rarity}
	}
	text, err := json.Marshal(g)
	return touchstone.JSON(text), err
}

// pairOfRecords makes a pair of what was found among all persons.
func (l *Linkage) pairOfRecords(m *keptModel, set *match.Set, found match.Pair) (*Pair, error) {
	why, err := m.Match.Explain(set, found.A, found.B)
	if err != nil {
		return nil, err
	}
	return l.newPair(m, personOf(set.ID(found.A)), personOf(set.ID(found.B)), float64(found.Probability), why)
}

func (l *Linkage) newPair(m *keptModel, a, b touchstone.PersonID, chance float64, why match.Explanation) (*Pair, error) {
	evidence, err := evidenceOf(why)
	lo, hi := min(a, b), max(a, b)
	return &Pair{
		Nodes: [2]touchstone.NodeID{touchstone.NodeID(lo), touchstone.NodeID(hi)}, Persons: [2]touchstone.PersonID{lo, hi},
		Weight: why.Weight, Chance: chance, Evidence: evidence, Model: m.id, FoundAt: l.cfg.Clock.Now(),
	}, err
}

// comparedColumn is a column with what each side has now, and what that was worth when the pair was found.
type comparedColumn struct {
	Name   string      `json:"name"`
	Kind   match.Kind  `json:"kind"`
	Values [2][]string `json:"values"`
	Level  string      `json:"level"`
	Bits   float64     `json:"bits"`
	Rarity float64     `json:"rarity"`
}

// shownColumns are those of the newest model. A guess, which reads a sample of persons, is for where there is none.
func (l *Linkage) shownColumns(ctx context.Context) ([]Column, error) {
	m, err := l.newestModel(ctx, l.cfg.DB.Reader())
	switch {
	case err != nil:
		return nil, err
	case m != nil:
		return m.Columns, nil
	}
	return l.Columns(ctx)
}

// compared returns the grounds of a pair with the values that its persons have, as v may see them.
func (l *Linkage) compared(ctx context.Context, v *access.Viewer, p *Pair) (list []comparedColumn, why grounds, err error) {
	columns, err := l.shownColumns(ctx)
	if err != nil {
		return nil, why, err
	}
	if err := json.Unmarshal([]byte(p.Evidence), &why); err != nil {
		return nil, why, err
	}
	out := make([]comparedColumn, 0, len(columns))
	for _, c := range columns {
		one := comparedColumn{Name: c.Name, Kind: c.Kind, Values: [2][]string{{}, {}}}
		for _, g := range why.Columns {
			if g.Column != c.Name {
				continue
			}
			one.Bits += g.Bits
			one.Rarity += g.Rarity
			if g.Aspect == "" {
				one.Level = g.Level
			}
		}
		out = append(out, one)
	}
	err = newReader(l.cfg.People, columns, nil).read(ctx, v, distinct(slices.Clone(p.Persons[:])), func(person touchstone.PersonID, record match.Record) error {
		for i, text := range record.Values {
			for side, of := range p.Persons {
				if of == person && text != "" {
					out[i].Values[side] = strings.Split(text, match.Separator)
				}
			}
		}
		return nil
	})
	return out, why, err
}
