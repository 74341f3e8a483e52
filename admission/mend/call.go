package mend

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// segment is a step down into a call: a member's name, or each element of a list.
type segment struct {
	name string
	each bool
}

type path []segment

// roots are the members of a call that have fields of their own.
var roots = map[string]bool{"properties": true, "traits": true, "context": true}

// scalars are the others that can be changed. messageId is not among them: it is what keeps an
// event from coming twice.
var scalars = map[string]bool{"event": true, "type": true, "userId": true, "anonymousId": true, "groupId": true, "previousId": true, "timestamp": true, "name": true}

// parsePath reads "properties.items[].price". A dot in a name is written \. and a backslash \\.
func parsePath(field string) (path, error) {
	if field == "" || len(field) > maxField {
		return nil, touchstone.Errorf(touchstone.Invalid, "A field has 1 to %d bytes.", maxField)
	}
	var p path
	var name strings.Builder
	bad := false
	end := func() {
		text := name.String()
		name.Reset()
		each := 0
		for strings.HasSuffix(text, "[]") {
			text, each = text[:len(text)-2], each+1
		}
		bad = bad || text == ""
		p = append(p, segment{name: text})
		for range each {
			p = append(p, segment{each: true})
		}
	}
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '\\' && i+1 < len(field):
			i++
			name.WriteByte(field[i])
		case c == '.':
			end()
		default:
			name.WriteByte(c)
		}
	}
	end()
	switch {
	case bad || len(p) > maxDepth:
		return nil, touchstone.Errorf(touchstone.Invalid, "%.60q names no field.", field).WithHint("Write properties.amount, traits.phone or context.app.version.")
	case len(p) == 1 && !scalars[p[0].name]:
		return nil, touchstone.Errorf(touchstone.Invalid, "%.60q names no field that can be mended.", field).WithHint("Write properties.amount, traits.phone or context.app.version.")
	case len(p) > 1 && (!roots[p[0].name] || p[1].each):
		return nil, touchstone.Errorf(touchstone.Invalid, "%.60q names no field that can be mended.", field).WithHint("Write properties.amount, traits.phone or context.app.version.")
	}
	return p, nil
}

// Escape writes a member's name so that it is one part of a field.
func Escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name)
}

func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.each:
			b.WriteString("[]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(Escape(s.name))
	}
	return b.String()
}

func (p path) is(name string) bool { return len(p) == 1 && p[0].name == name }

// free reports whether the field is one that the edge makes nothing of.
func (p path) free() bool { return len(p) > 1 && roots[p[0].name] }

func (p path) many() bool {
	for _, s := range p {
		if s.each {
			return true
		}
	}
	return false
}

// beside reports whether two fields are members of one object.
func (p path) beside(q path) bool {
	if len(p) != len(q) {
		return false
	}
	for i := range len(p) - 1 {
		if p[i] != q[i] {
			return false
		}
	}
	return true
}

// members are those of an object, or the elements of a list, with their JSON.
type members struct {
	list  []member
	array bool
}

type member struct{ key, value string }

func parseMembers(value string) (*members, bool) {
	if value == "" {
		return nil, false
	}
	m := &members{array: value[0] == '[', list: make([]member, 0, 12)}
	switch value[0] {
	case '{':
		jsonwalk.Members(value, func(key, v string) bool {
			m.list = append(m.list, member{jsonwalk.Unescape(key), v})
			return true
		})
	case '[':
		jsonwalk.Elements(value, func(v string) bool {
			m.list = append(m.list, member{"", v})
			return true
		})
	default:
		return nil, false
	}
	return m, true
}

func (m *members) index(key string) int {
	for i := range m.list {
		if m.list[i].key == key {
			return i
		}
	}
	return -1
}

func (m *members) get(key string) string {
	if i := m.index(key); i >= 0 {
		return m.list[i].value
	}
	return ""
}

func (m *members) put(key, value string) {
	if i := m.index(key); i >= 0 {
		m.list[i].value = value
		return
	}
	m.list = append(m.list, member{key, value})
}

func (m *members) remove(i int) { m.list = append(m.list[:i], m.list[i+1:]...) }

func (m *members) encode() string {
	size := 2
	for i := range m.list {
		size += len(m.list[i].key) + len(m.list[i].value) + 4
	}
	var b strings.Builder
	b.Grow(size)
	opening, closing := byte('{'), byte('}')
	if m.array {
		opening, closing = '[', ']'
	}
	b.WriteByte(opening)
	for i := range m.list {
		if i > 0 {
			b.WriteByte(',')
		}
		if !m.array {
			appendQuoted(&b, m.list[i].key)
			b.WriteByte(':')
		}
		b.WriteString(m.list[i].value)
	}
	b.WriteByte(closing)
	return b.String()
}

// edit calls fn for each place that a path names, with the object or list that it is in and its
// index there, -1 when it is not there. fn reports whether it changed that. With create, objects on
// the way that are missing are made.
func (m *members) edit(p path, create bool, fn func(in *members, key string, i int) bool) (changed bool) {
	if p[0].each {
		if !m.array {
			return false
		}
		for i := len(m.list) - 1; i >= 0; i-- { // fn may take elements out
			changed = m.down(p, i, create, fn) || changed
		}
		return changed
	}
	if m.array {
		return false
	}
	return m.down(p, m.index(p[0].name), create, fn)
}

func (m *members) down(p path, i int, create bool, fn func(in *members, key string, i int) bool) bool {
	if len(p) == 1 {
		return fn(m, p[0].name, i)
	}
	value := ""
	switch {
	case i >= 0 && (m.list[i].value != "null" || !create):
		value = m.list[i].value
	case create && !p[1].each:
		value = "{}"
	default:
		return false
	}
	inside, ok := parseMembers(value)
	if !ok || inside.array != p[1].each || !inside.edit(p[1:], create, fn) {
		return false
	}
	text := inside.encode()
	if len(text) > maxObject {
		return false
	}
	if i < 0 {
		m.list = append(m.list, member{p[0].name, text})
	} else {
		m.list[i].value = text
	}
	return true
}

// call is an event as a call of the tracking API, and what expressions know of it.
type call struct {
	members members
	decoded [3]map[string]any // of the roots, until they change
}

var rootNames = [3]string{"properties", "traits", "context"}

// callOf is an event of the log as a call.
func callOf(e *touchstone.Event) *call {
	c := &call{members: members{list: make([]member, 0, 8)}}
	add := func(key, value string) {
		if value != "" {
			c.members.list = append(c.members.list, member{key, value})
		}
	}
	add("type", quoted(e.Type.String()))
	if e.Type == touchstone.Track {
		add("event", quoted(e.Name))
	}
	for _, id := range [...]struct{ key, value string }{{"userId", e.UserID}, {"anonymousId", e.AnonymousID}, {"groupId", e.GroupID}} {
		if id.value != "" {
			add(id.key, quoted(id.value))
		}
	}
	add("properties", string(e.Properties))
	add("traits", string(e.Traits))
	add("context", string(e.Context))
	return c
}

// parseCall reads the text of a call; false for what is no JSON object.
func parseCall(text string) (*call, bool) {
	compact, err := compactJSON(text)
	if err != nil || compact[0] != '{' {
		return nil, false
	}
	m, ok := parseMembers(compact)
	if !ok {
		return nil, false
	}
	return &call{members: *m}, true
}

// edit is [members.edit]; what was decoded of a root that changes is forgotten.
func (c *call) edit(p path, create bool, fn func(in *members, key string, i int) bool) bool {
	changed := c.members.edit(p, create, fn)
	if changed {
		for i, name := range rootNames {
			if p[0].name == name {
				c.decoded[i] = nil
			}
		}
	}
	return changed
}

// name is that under which the event is stored.
func (c *call) name(t touchstone.EventType) string {
	if t == 0 {
		t = touchstone.Track
	}
	return touchstone.EventName(t, c.text("event"))
}

// text returns a member that is a text, "" for others.
func (c *call) text(key string) string {
	if v := c.members.get(key); len(v) > 1 && v[0] == '"' {
		return jsonwalk.Text(v)
	}
	return ""
}

// object returns a root as an event has it: an empty one is absent.
func (c *call) object(key string) touchstone.JSON {
	if v := c.members.get(key); v != "{}" && v != "null" {
		return touchstone.JSON(v)
	}
	return ""
}

func quoted(s string) string {
	var b strings.Builder
	appendQuoted(&b, s)
	return b.String()
}

// appendQuoted writes a text as JSON; nearly all need nothing but the quotes.
func appendQuoted(to *strings.Builder, s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			_ = e.Encode(s) // a text can always be written
			to.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
			return
		}
	}
	to.WriteByte('"')
	to.WriteString(s)
	to.WriteByte('"')
}

func compactJSON(text string) (string, error) {
	var b bytes.Buffer
	err := json.Compact(&b, []byte(text))
	return b.String(), err
}
