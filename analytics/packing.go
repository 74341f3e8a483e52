package analytics

import (
	"slices"

	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// classifier tells which of several selectors an event fits, as a set of bits. When they
// go by the event's name alone, the engine only reads the name's code, and the rest is a
// look-up; otherwise the engine works out the set.
type classifier struct {
	column         fragment // a BIGINT
	where          fragment
	gather.Classes // by the column
}

func classify(d warehouse.Dialect, codes eventCodes, selectors []selector) classifier {
	c := classifier{column: frag("CAST(e.event AS BIGINT)"), Classes: gather.Classes{Sets: []uint32{}}}
	least, most := int64(1), int64(0)
	for i, s := range selectors {
		code, known := codes.of[s.event]
		switch {
		case len(s.where) > 0:
			return classifyInSQL(d, codes, selectors)
		case s.event == anyEvent:
			c.Others |= 1 << i
		case known:
			if most == 0 {
				least = code
			}
			least, most = min(least, code), max(most, code)
		}
	}
	c.Sets = slices.Repeat([]uint32{c.Others}, int(most)+1)
	for i, s := range selectors {
		if code, known := codes.of[s.event]; known {
			c.Sets[code] |= 1 << i
		}
	}
	// A range is checked faster than a list, and the look-up does the rest. A range of most
	// names would leave out little.
	if c.where = frag("TRUE"); c.Others == 0 && 2*(most-least+1) <= codes.last {
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
