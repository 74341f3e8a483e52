package mend

import (
	"regexp"
	"strings"

	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// run does a step. It has failed when there was something to do that could not be done.
func (s *step) run(c *call) (changed, failed bool) {
	switch s.do {
	case Rename:
		return s.rename(c)
	case Cast:
		return s.each(c, false, func(value string) (string, bool) { return converters[s.kind](value) })
	case Default:
		return c.edit(s.at, true, func(in *members, key string, i int) bool {
			if i >= 0 && in.list[i].value != "null" {
				return false
			}
			in.set(key, i, s.value)
			return true
		}), false
	case Drop:
		return c.edit(s.at, false, func(in *members, _ string, i int) bool {
			if i >= 0 {
				in.remove(i)
			}
			return i >= 0
		}), false
	case Split:
		return s.split(c)
	}
	return s.compute(c)
}

// set writes the value of a member or element.
func (m *members) set(key string, i int, value string) {
	if i >= 0 {
		m.list[i].value = value
		return
	}
	m.list = append(m.list, member{key, value})
}

// each converts values; null stays.
func (s *step) each(c *call, create bool, convert func(value string) (string, bool)) (changed, failed bool) {
	changed = c.edit(s.at, create, func(in *members, key string, i int) bool {
		if i < 0 || in.list[i].value == "null" {
			return false
		}
		value, ok := convert(in.list[i].value)
		if !ok || len(value) > maxValue {
			failed = true
			return false
		}
		if value == in.list[i].value {
			return false
		}
		in.list[i].value = value
		return true
	})
	return changed, failed
}

// rename moves a value to another name, unless something has that name already.
func (s *step) rename(c *call) (changed, failed bool) {
	if s.name != "" {
		i := c.members.index("event")
		if i < 0 || c.members.list[i].value == s.name {
			return false, false
		}
		c.members.list[i].value = s.name
		return true, false
	}
	last := s.to[len(s.to)-1].name
	if s.at.beside(s.to) {
		changed = c.edit(s.at, false, func(in *members, _ string, i int) bool {
			if i < 0 {
				return false
			}
			k := in.index(last)
			if k >= 0 && in.list[k].value != "null" {
				failed = true
				return false
			}
			in.list[i].key = last
			if k >= 0 {
				in.remove(k)
			}
			return true
		})
		return changed, failed
	}
	value := ""
	c.edit(s.at, false, func(in *members, _ string, i int) bool {
		if i >= 0 {
			value = in.list[i].value
		}
		return false
	})
	if value == "" {
		return false, false
	}
	put := c.edit(s.to, true, func(in *members, key string, i int) bool {
		if i >= 0 && in.list[i].value != "null" {
			return false
		}
		in.set(key, i, value)
		return true
	})
	if !put {
		return false, true
	}
	c.edit(s.at, false, func(in *members, _ string, i int) bool {
		in.remove(i)
		return true
	})
	return true, false
}

func (s *step) split(c *call) (changed, failed bool) {
	if len(s.into) == 0 {
		return s.each(c, false, func(value string) (string, bool) {
			if value[0] == '[' {
				return value, true
			}
			if value[0] != '"' {
				return "", false
			}
			list := &members{array: true}
			for _, part := range s.parts(value, -1) {
				list.list = append(list.list, member{"", quoted(part)})
			}
			return list.encode(), true
		})
	}
	inside := s.at.beside(s.into[0])
	changed = c.edit(s.at, false, func(in *members, _ string, i int) bool {
		if i < 0 || in.list[i].value == "null" {
			return false
		}
		if in.list[i].value[0] != '"' {
			failed = true
			return false
		}
		parts := s.parts(in.list[i].value, len(s.into))
		any := false
		for k, part := range parts {
			if s.at.beside(s.into[k]) {
				any = in.changeTo(s.into[k][len(s.into[k])-1].name, quoted(part)) || any
			}
		}
		return any
	})
	if inside {
		return changed, failed
	}
	return s.splitAway(c) || changed, failed
}

// splitAway puts parts where they are not beside the text.
func (s *step) splitAway(c *call) (changed bool) {
	var parts []string
	c.edit(s.at, false, func(in *members, _ string, i int) bool {
		if i >= 0 && in.list[i].value[0] == '"' {
			parts = s.parts(in.list[i].value, len(s.into))
		}
		return false
	})
	for k, part := range parts {
		if s.at.beside(s.into[k]) {
			continue
		}
		changed = c.edit(s.into[k], true, func(in *members, key string, _ int) bool { return in.changeTo(key, quoted(part)) }) || changed
	}
	return changed
}

func (m *members) changeTo(key, value string) bool {
	if m.get(key) == value {
		return false
	}
	m.put(key, value)
	return true
}

func (s *step) parts(value string, most int) []string {
	parts := strings.SplitN(jsonwalk.Text(value), s.by, most)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// compute sets a field to what an expression says, for each place that the field names.
func (s *step) compute(c *call) (changed, failed bool) {
	changed = c.edit(s.at, true, func(in *members, key string, i int) bool {
		here := place{in: in, at: i}
		result, err := s.set.run(c, &here)
		if err != nil {
			failed = true
			return false
		}
		if result == nil {
			return false
		}
		text, ok := encodeValue(result)
		if !ok || len(text) > maxValue {
			failed = true
			return false
		}
		if i >= 0 && in.list[i].value == text {
			return false
		}
		in.set(key, i, text)
		return true
	})
	return changed, failed
}

// converters read a value as another type, where there is one way to. Money and thousands are
// written in a way that leaves no doubt: ¥1,299.00, 99 元.
var converters = map[string]func(value string) (string, bool){
	"number": func(v string) (string, bool) { return plan.Convert(plainNumber(v), "number") },
	"integer": func(v string) (string, bool) {
		return plan.Convert(plainNumber(v), "integer")
	},
	"string":    func(v string) (string, bool) { return plan.Convert(v, "string") },
	"boolean":   func(v string) (string, bool) { return plan.Convert(v, "boolean") },
	"date-time": func(v string) (string, bool) { return plan.Convert(v, "date-time") },
	"array":     func(v string) (string, bool) { return plan.Convert(v, "array") },
}

var money = regexp.MustCompile(`^\s*(?:[¥￥$€£]|CNY|RMB|USD|EUR)?\s*(-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)\s*(?:元|円|CNY|RMB|USD|EUR|[¥￥$€£])?\s*$`)

// plainNumber takes off a number in quotes what stands around it.
func plainNumber(value string) string {
	if value[0] != '"' {
		return value
	}
	m := money.FindStringSubmatch(jsonwalk.Text(value))
	if m == nil {
		return value
	}
	return `"` + strings.ReplaceAll(m[1], ",", "") + `"`
}
