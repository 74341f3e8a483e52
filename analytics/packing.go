package analytics

import (
	"math/bits"
	"slices"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// packing puts an event into one number: from the high bits to the low, its time after
// the range's begin, its class (which steps it fits), and its group. So numbers sort as
// the events do.
type packing struct {
	from                           int64 // unix milliseconds
	timeBits, classBits, groupBits int
}

// maxItemBits is the most that an item may have: the sum of two is a number, too.
const maxItemBits = 62

// newPacking reports false when the three do not fit into an item.
func newPacking(s *scope, classes, groups int) (packing, bool) {
	p := packing{from: s.from.UnixMilli(), classBits: bits.Len(uint(classes - 1)), groupBits: bits.Len(uint(groups))}
	p.timeBits = bits.Len64(uint64(s.to.UnixMilli() - p.from))
	return p, p.bits() <= maxItemBits
}

func (p packing) bits() int { return p.timeBits + p.classBits + p.groupBits }

func (p packing) time(item int64) int64 { return item >> (p.classBits + p.groupBits) }

func (p packing) class(item int64) int {
	return int(item>>p.groupBits) & (1<<p.classBits - 1)
}

func (p packing) group(item int64) int { return int(item & (1<<p.groupBits - 1)) }

// items returns a function that packs events, given their times and the values of the
// classifier's column, without a group; those that fit no selector are dropped.
func (p packing) items(c classifier, class func(set uint32) int) func(times, values, out []int64) {
	shift := (p.classBits + p.groupBits) & 63
	number := func(set uint32) int64 {
		if set == 0 {
			return dropped
		}
		return int64(class(set)) << p.groupBits
	}
	if c.sets == nil {
		return func(times, values, out []int64) {
			for row, value := range values {
				out[row] = (times[row]-p.from)<<shift | number(uint32(value))
			}
		}
	}
	// A table has no branches: which event comes next cannot be foreseen.
	table := make([]int64, len(c.sets)+1)
	for value := range table {
		table[value] = number(c.set(int64(value)))
	}
	return func(times, values, out []int64) {
		beyond, from := uint64(len(table)-1), p.from
		times, out = times[:len(values)], out[:len(values)]
		for row, value := range values {
			out[row] = (times[row]-from)<<shift | table[min(uint64(value), beyond)]
		}
	}
}

// classifier tells which of several selectors an event fits, as a set of bits. When they
// go by the event's name alone, the engine only reads the name's code, and the rest is a
// look-up; otherwise the engine works out the set.
type classifier struct {
	column fragment // a BIGINT
	where  fragment
	sets   []uint32 // by code; nil when the column is the set itself
	others uint32   // the set of codes beyond
}

func classify(d warehouse.Dialect, codes eventCodes, selectors []selector) classifier {
	c := classifier{column: frag("CAST(e.event AS BIGINT)"), sets: []uint32{}}
	least, most := int64(1), int64(0)
	for i, s := range selectors {
		code, known := codes.of[s.event]
		switch {
		case len(s.where) > 0:
			return classifyInSQL(d, codes, selectors)
		case s.event == anyEvent:
			c.others |= 1 << i
		case known:
			if most == 0 {
				least = code
			}
			least, most = min(least, code), max(most, code)
		}
	}
	c.sets = slices.Repeat([]uint32{c.others}, int(most)+1)
	for i, s := range selectors {
		if code, known := codes.of[s.event]; known {
			c.sets[code] |= 1 << i
		}
	}
	// A range is checked faster than a list, and the look-up does the rest. A range of most
	// names would leave out little.
	if c.where = frag("TRUE"); c.others == 0 && 2*(most-least+1) <= codes.last {
		c.where = frag("e.event >= ? AND e.event <= ?", least, most)
	}
	return c
}

// classifyInSQL leaves rows without a fitting selector in: the conditions are worked out
// once, for the set, and only for events of the right name.
func classifyInSQL(d warehouse.Dialect, codes eventCodes, selectors []selector) classifier {
	var column builder
	var named []fragment
	column.add("CAST(0")
	for i, s := range selectors {
		column.add(" + CASE WHEN ", s.sql(d, codes), " THEN ", literal(1<<i), " ELSE 0 END")
		named = append(named, selector{event: s.event}.sql(d, codes))
	}
	return classifier{column: column.add(" AS BIGINT)").fragment(), where: joined(named, " OR ", "FALSE")}
}

// set returns the selectors that the event of a row fits, given the value of column.
func (c *classifier) set(value int64) uint32 {
	switch {
	case c.sets == nil:
		return uint32(value)
	case value >= 0 && value < int64(len(c.sets)):
		return c.sets[value]
	}
	return c.others
}

// numbered selects an event's node, time, class, and the number of its
// group, from 1; 0 stands for groups that are not listed, and for events that do not pass
// when. A group is found by one text made of its values.
func (s *scope) numbered(d warehouse.Dialect, class, source, when fragment, groups [][]any) fragment {
	columns := build("e.node, e.time AS t, ", class, " AS c")
	if len(groups) == 0 {
		return build("SELECT ", columns, ", CAST(0 AS BIGINT) AS g ", source)
	}
	if len(s.breakdown) == 1 {
		return s.numberedByValue(d, columns, source, when, groups)
	}
	var words []any
	for i, values := range groups {
		words = append(words, groupWord(values), int64(i+1))
	}
	var word builder
	for i, g := range s.breakdown {
		if i > 0 {
			word.add(" || ")
		}
		word.add("coalesce('"+groupMark+"' || ", g.groupText(d), ", '"+groupNull+"')")
	}
	inner := build("SELECT ", columns, ", CASE WHEN ", when, " THEN ", word.fragment(), " END AS word ", source)
	return build("SELECT i.node, i.t, i.c, coalesce(w.n, 0) AS g FROM (", inner, ") i LEFT JOIN ", frag(d.Words(len(groups)), words...), " w ON w.word = i.word")
}

// numberedByValue is numbered for one field, whose values need no marks.
func (s *scope) numberedByValue(d warehouse.Dialect, columns, source, when fragment, groups [][]any) fragment {
	words, null := []any{}, int64(0)
	for i, values := range groups {
		if values[0] == nil {
			null = int64(i + 1)
		} else {
			words = append(words, values[0], int64(i+1))
		}
	}
	inner := build("SELECT ", columns, ", ", when, " AS counts, ", s.breakdown[0].groupText(d), " AS word ", source)
	missing := build("CASE WHEN i.word IS NULL THEN ", literal(null), " ELSE 0 END")
	if len(words) == 0 {
		return build("SELECT i.node, i.t, i.c, CAST(CASE WHEN i.counts THEN ", missing, " ELSE 0 END AS BIGINT) AS g FROM (", inner, ") i")
	}
	return build("SELECT i.node, i.t, i.c, CAST(CASE WHEN i.counts THEN coalesce(w.n, ", missing, ") ELSE 0 END AS BIGINT) AS g FROM (", inner,
		") i LEFT JOIN ", frag(d.Words(len(words)/2), words...), " w ON w.word = i.word")
}

// The marks before a value, and for a missing one, in the text of a group.
const groupMark, groupNull = "\x1fv", "\x1fn"

func groupWord(values []any) string {
	word := ""
	for _, v := range values {
		if s, ok := v.(string); ok {
			word += groupMark + s
		} else {
			word += groupNull
		}
	}
	return word
}
