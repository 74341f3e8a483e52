package match

// Explanation is why two records are taken for one, or not: the prior, the weight of each comparison and Relatives add up to Weight.
type Explanation struct {
	Prior       float64 `json:"prior"` // bits; negative, as two records taken at random are hardly ever one
	Steps       []Step  `json:"steps"`
	Relatives   float64 `json:"relatives"`   // bits, not above 0: two who live together may agree so, too
	Weight      float64 `json:"weight"`      // bits
	Probability float64 `json:"probability"` // of this pair alone
}

// Step is what one comparison says.
type Step struct {
	Column string  `json:"column"`
	Aspect string  `json:"aspect,omitempty"`
	Kind   Kind    `json:"kind"`
	A      string  `json:"a"` // in the form that is compared; empty: the record does not say
	B      string  `json:"b"`
	Level  string  `json:"level"`            // empty: a side does not say, or another comparison speaks for it
	Given  string  `json:"given,omitempty"`  // column that this follows from in part, if one does
	Bits   float64 `json:"bits"`             // all in all
	Rarity float64 `json:"rarity,omitempty"` // part of Bits: what the equal value is worth beyond an average one
}

// Explain says why two records of a set are taken for one, or not.
func (m *Model) Explain(s *Set, a, b uint32) (Explanation, error) {
	s.finish()
	c, err := m.bind(s.columns)
	if err != nil {
		return Explanation{}, err
	}
	return c.explain(s.read(a, nil), s.read(b, nil)), nil
}

func (c *comparer) explain(a, b []*value) Explanation {
	p := c.pattern(a, b)
	e := Explanation{Prior: c.prior, Weight: c.prior}
	for i := range c.each {
		one := &c.each[i]
		step := Step{Column: one.Column, Aspect: one.Aspect, Kind: one.Kind, A: shown(one, a[one.at]), B: shown(one, b[one.at])}
		if l := p.level(i); l >= 0 {
			step.Level, step.Bits = one.Levels[l].Name, c.level(i, l, p)
			for _, d := range one.Depends {
				if given := p.level(d.On); given >= 0 && step.Bits == d.Given[given][l] && step.Bits < one.bits[l] {
					step.Given = c.each[d.On].Column
				}
			}
			if l == 0 {
				step.Rarity = c.rarity(i, p, a, b)
				step.Bits += step.Rarity
			}
		}
		e.Steps = append(e.Steps, step)
		e.Weight += step.Bits
	}
	if c.model.Kin > 0 {
		sum := e.Weight
		e.Weight = against(sum, c.apartFromKin(p))
		e.Relatives = e.Weight - sum
	}
	e.Probability = probability(e.Weight)
	return e
}

func shown(one *boundComparison, v *value) string {
	switch {
	case v == nil:
		return ""
	case one.Aspect == aspectCodes:
		return v.tail
	}
	return v.text
}
