package match

import (
	"cmp"
	"slices"
)

// Most pairs that rules find are hopeless, and a look at which values are equal and at one or two that differ shows it. So a pair is
// compared in steps, with a bound on what the rest may still add: numbers of values first, which are read with the records, then the
// comparisons that decide most for their cost. The bound is that of independent evidence; what a model takes back from it (dependences,
// relatives, competition) only makes a pair less probable.

// bounds of a comparison, in bits.
type bounds struct {
	equal   float64 // the most that equal values are worth
	differ  float64 // that different ones are
	partner int     // comparison of the column that values may have changed places with, or -1
}

// bound takes over the bounds of the weights, and the order in which comparisons decide most.
func (c *comparer) bound() {
	c.bounds = c.bounds[:0]
	c.order = c.order[:0]
	for i := range c.each {
		one := &c.each[i]
		b := bounds{partner: one.partner}
		if len(one.bits) > 0 {
			b.equal = one.bits[0]
			for _, r := range one.rare {
				b.equal = max(b.equal, r)
			}
			b.differ = max(slices.Max(one.bits[min(1, len(one.bits)-1):]), 0)
		}
		if one.Aspect != "" {
			b.differ = max(b.differ, b.equal) // two texts may have the same codes
		}
		c.bounds = append(c.bounds, b)
		c.order = append(c.order, i)
	}
	for i := range c.each {
		if partner := c.each[i].partner; partner >= 0 {
			c.bounds[partner].partner = i
		}
	}
	decides := func(i int) float64 {
		one := &c.each[i]
		if len(one.bits) == 0 {
			return 0
		}
		return (c.bounds[i].differ - one.bits[len(one.bits)-1]) / costOf(one.Kind)
	}
	slices.SortStableFunc(c.order, func(i, j int) int { return cmp.Compare(decides(j), decides(i)) })
}

// costOf is what comparing two values of a kind costs, roughly, beside others.
func costOf(k Kind) float64 {
	switch k {
	case Date, Year, Number, Plate:
		return 1
	case ID, Postcode, Phone:
		return 1.5
	case Address:
		return 6
	case Text:
		return 10
	}
	return 3
}

// promising compares two records of a set as far as it takes to see that their weight is below least; ok is false then.
func (c *comparer) promising(s *Set, x, y uint32, least float64) (p pattern, ok bool) {
	rowX, rowY := s.row(x), s.row(y)
	sum := c.prior
	var open uint32 // comparisons that have not been made
	for i := range c.each {
		one := &c.each[i]
		switch a, b := rowX[one.at], rowY[one.at]; {
		case a == 0 || b == 0:
		case a == b && one.Aspect == "":
			p |= 1 << (4 * i)
			sum += c.bounds[i].equal
		default:
			open |= 1 << i
			sum += c.differ(i, a, b)
		}
	}
	for _, i := range c.order {
		if sum < least {
			return 0, false
		}
		if open&(1<<i) == 0 {
			continue
		}
		given, family := i, c.bounds[i].partner
		if family >= 0 && c.each[i].partner < 0 {
			given, family = family, i
		}
		sum += c.look(rowX, rowY, i, &p)
		open &^= 1 << i
		if family < 0 {
			continue
		}
		for _, k := range [2]int{given, family} { // names may have changed places: that is seen by both
			if open&(1<<k) != 0 {
				sum += c.look(rowX, rowY, k, &p)
				open &^= 1 << k
			}
		}
		if p.level(given) >= nameAlike && p.level(family) >= nameAlike {
			before := c.each[given].bits[p.level(given)] + c.each[family].bits[p.level(family)]
			if c.changedPlaces(rowX, rowY, given, family) {
				p = p.with(given, nameSwapped).with(family, -1)
				sum += c.each[given].bits[nameSwapped] - before
			}
		}
	}
	return p, sum >= least
}

// most is the most that pairs with a pattern weigh.
func (c *comparer) most(p pattern) float64 {
	sum := c.prior
	for i := range c.each {
		switch l := p.level(i); {
		case l == 0:
			sum += c.bounds[i].equal
		case l > 0:
			sum += c.each[i].bits[l]
		}
	}
	return sum
}

// differ is the most that two values with different numbers are worth: values that are several may have one in common.
func (c *comparer) differ(i int, a, b uint32) float64 {
	if col := c.each[i].col; col.manifold && (len(col.at(a).parts()) > 0 || len(col.at(b).parts()) > 0) {
		return max(c.bounds[i].differ, c.bounds[i].equal)
	}
	return c.bounds[i].differ
}

// look makes a comparison and returns by how much its bound changes.
func (c *comparer) look(rowX, rowY []uint32, i int, p *pattern) float64 {
	one := &c.each[i]
	a, b := rowX[one.at], rowY[one.at]
	before := c.differ(i, a, b)
	l := 0
	if one.Kind == Email {
		l = c.mailLevel(one, one.col.at(a), one.col.at(b), func(column int) (x, y *value) {
			return c.columns[column].valueAt(rowX[column]), c.columns[column].valueAt(rowY[column])
		})
	} else {
		l = one.col.levelOf(one.Aspect, one.col.at(a), one.col.at(b))
	}
	*p |= pattern(l+1) << (4 * i) //nolint:gosec // from 0 to 15
	switch {
	case l < 0:
		return -before
	case l == 0:
		return c.bounds[i].equal - before
	}
	return one.bits[l] - before
}

func (c *comparer) changedPlaces(rowX, rowY []uint32, given, family int) bool {
	g, f := &c.each[given], &c.each[family]
	return crossed(g.col.at(rowX[g.at]), f.col.at(rowX[f.at]), g.col.at(rowY[g.at]), f.col.at(rowY[f.at]))
}
