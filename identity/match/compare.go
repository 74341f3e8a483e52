package match

import (
	"math"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// pattern is the levels of a pair, four bits for each comparison: 0 when a side does not say, else the level plus one.
type pattern uint64

func (p pattern) level(i int) int { return int(p>>(4*i)&15) - 1 }

func (p pattern) with(i, level int) pattern {
	return p&^(15<<(4*i)) | pattern(level+1)<<(4*i) //nolint:gosec // from 0 to 15
}

// comparer is a model bound to the columns of a set.
type comparer struct {
	model   *Model
	columns []*column
	each    []boundComparison
	prior   float64 // bits
	// kinPrior is log2 of how many matches there are for each pair of relatives.
	kinPrior float64
	bounds   []bounds // by comparison; see bound.go
	order    []int
}

type boundComparison struct {
	*Comparison
	col     *column
	at      int // the column
	partner int // comparison of the partner, or -1
	bits    []float64
	kin     []float64 // bits by level, against relatives
	rare    []float64 // by count of a value, for small ones: bits of an equal value
}

const rareCounts = 256

func (m *Model) bind(columns []*column) (*comparer, error) {
	c := &comparer{model: m, columns: columns}
	for i := range m.Comparisons {
		one := boundComparison{Comparison: &m.Comparisons[i], partner: -1}
		one.at = slices.IndexFunc(columns, func(col *column) bool { return col.Name == one.Column })
		if one.at < 0 || columns[one.at].Kind != one.Kind {
			return nil, touchstone.Errorf(touchstone.Invalid, "the model compares %s as %s, and the records have no such column", one.Column, one.Kind).
				WithHint("use records with the columns that the model was trained on")
		}
		one.col = columns[one.at]
		c.each = append(c.each, one)
	}
	for i := range c.each {
		if c.each[i].Partner != "" {
			c.each[i].partner = slices.IndexFunc(c.each, func(o boundComparison) bool { return o.Column == c.each[i].Partner })
		}
	}
	c.weigh()
	return c, nil
}

// weigh takes over the weights of the model.
func (c *comparer) weigh() {
	c.prior = bits(c.model.Prior)
	c.kinPrior = math.Log2(c.model.Prior / c.model.Kin)
	for i := range c.each {
		one := &c.each[i]
		one.bits, one.kin = one.bits[:0], one.kin[:0]
		for _, l := range one.Levels {
			one.bits = append(one.bits, l.Bits)
			one.kin = append(one.kin, math.Log2(l.M/l.Kin)+l.Learnt)
		}
		if one.rare == nil {
			one.rare = make([]float64, rareCounts)
		}
		for n := range one.rare {
			one.rare[n] = c.equalBits(one, float64(n))
		}
	}
	c.bound()
}

// equalBits is the weight of an equal value that count records hold. The chance that a record of somebody else has it, too, is
// the share of the others that hold it, without those that are expected to be of the same one; for the rarest
// values it is at most what the column says on average.
func (c *comparer) equalBits(one *boundComparison, count float64) float64 {
	level := one.Levels[0]
	if one.Aspect != "" {
		return level.Bits
	}
	filled := float64(max(one.col.filled, 2))
	others := max(count-1-c.model.Duplicates*level.M, min(.5, filled*level.U))
	return math.Log2(level.M*filled/others) + level.Learnt
}

// pattern compares two records, given by the values of the set's columns.
func (c *comparer) pattern(a, b []*value) (p pattern) {
	for i := range c.each {
		one := &c.each[i]
		x, y := a[one.at], b[one.at]
		switch {
		case x == nil || y == nil:
		case x == y && one.Aspect == "":
			p |= 1 << (4 * i)
		case one.Kind == Email:
			l := c.mailLevel(one, x, y, func(column int) (*value, *value) { return a[column], b[column] })
			p |= pattern(l+1) << (4 * i) //nolint:gosec // from 0 to 15
		default:
			p |= pattern(one.col.levelOf(one.Aspect, x, y)+1) << (4 * i) //nolint:gosec // from 0 to 15
		}
	}
	for i := range c.each {
		if partner := c.each[i].partner; partner >= 0 {
			p = c.swapped(p, i, partner, a, b)
		}
	}
	return p
}

// swapped looks whether given and family name changed places. The level of the given name then stands for both.
func (c *comparer) swapped(p pattern, given, family int, a, b []*value) pattern {
	if p.level(given) < nameAlike || p.level(family) < nameAlike {
		return p
	}
	g, f := c.each[given].at, c.each[family].at
	if crossed(a[g], a[f], b[g], b[f]) {
		return p.with(given, nameSwapped).with(family, -1)
	}
	return p
}

// crossed tells whether the given name of each is the family name of the other.
func crossed(givenA, familyA, givenB, familyB *value) bool {
	return slips(givenA.text, familyB.text, 1) <= 1 && slips(familyA.text, givenB.text, 1) <= 1
}

// plain is the weight of a pattern without the rarity of values, beside the prior.
func (c *comparer) plain(p pattern) (sum float64) {
	for i := range c.each {
		if l := p.level(i); l >= 0 {
			sum += c.level(i, l, p)
		}
	}
	return sum
}

// level is what a level is worth, given those of the comparisons which it depends on.
func (c *comparer) level(i, l int, p pattern) float64 {
	one := &c.each[i]
	bits := one.bits[l]
	if bits <= 0 {
		return bits
	}
	for k := range one.Depends {
		if given := p.level(one.Depends[k].On); given >= 0 {
			bits = min(bits, one.Depends[k].Given[given][l])
		}
	}
	return bits
}

// weight is the weight of a pair: log2 of the odds that it is a match.
func (c *comparer) weight(p pattern, a, b []*value) float64 {
	sum := c.prior
	for i := range c.each {
		l := p.level(i)
		if l < 0 {
			continue
		}
		sum += c.level(i, l, p)
		if l == 0 {
			sum += c.rarity(i, p, a, b)
		}
	}
	if c.model.Kin > 0 {
		return against(sum, c.apartFromKin(p))
	}
	return sum
}

// rarity is what an equal value is worth beyond an average one. Where equality follows from what it depends on, so far
// does its rarity.
func (c *comparer) rarity(i int, p pattern, a, b []*value) float64 {
	one := &c.each[i]
	extra := c.equal(one, a[one.at], b[one.at]) - one.bits[0]
	if len(one.Depends) > 0 && one.bits[0] > 0 {
		extra *= min(max(c.level(i, 0, p)/one.bits[0], 0), 1)
	}
	return extra
}

func (c *comparer) equal(one *boundComparison, a, b *value) float64 {
	if one.Aspect != "" {
		return one.bits[0]
	}
	v := a
	if a != b { // of several values, the rarest that both have
		v = nil
		for _, x := range partsOf(a) {
			for _, y := range partsOf(b) {
				if x.text == y.text && (v == nil || x.count < v.count) {
					v = x
				}
			}
		}
		if v == nil {
			return one.bits[0]
		}
	}
	if v.count < rareCounts {
		return one.rare[v.count]
	}
	return c.equalBits(one, float64(v.count))
}

func partsOf(v *value) []*value {
	if parts := v.parts(); len(parts) > 0 {
		return parts
	}
	return []*value{v}
}

// read puts the values of a record into out.
func (s *Set) read(record uint32, out []*value) []*value {
	out = out[:0]
	for i := range s.columns {
		out = append(out, s.at(record, i))
	}
	return out
}
