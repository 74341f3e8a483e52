package importer

import (
	"errors"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// object is a JSON object to be filled from a row: properties, traits, context, or an
// object inside of one.
type object struct{ members []member }

// member is one key of an object: a value or an object.
type member struct {
	key    string // quoted, with colon
	name   string // for messages
	nested *object

	typ      valueType
	constant touchstone.JSON
	cell     int
	factors  []boundFactor
	clock    *clockReader
	numbers  numberFormat
	tidy     *tidier // nil = the file's format has its own types
}

type boundFactor struct {
	number  decimal
	cell    int // -1 = number
	column  string
	numbers numberFormat
}

// binding is what fields need to know of the file.
type binding struct {
	at      func(column string) int
	numbers func(column string, own numberFormat) numberFormat // as written there
	layout  func(column, given string) string
	tidy    *tidier
}

func newObject(fields []field, to binding) (object, error) {
	var o object
	for _, f := range fields {
		m := member{name: strings.Join(f.path, "."), typ: f.typ, constant: f.constant, cell: -1, tidy: to.tidy}
		if f.column != "" {
			m.cell = to.at(f.column)
			if f.typ == typeNumber {
				m.numbers = to.numbers(f.column, f.numbers)
			}
		}
		for _, x := range f.multiply {
			b := boundFactor{cell: -1, column: x.column}
			if x.column != "" {
				b.cell = to.at(x.column)
				b.numbers = to.numbers(x.column, f.numbers)
			} else {
				b.number, _ = parseDecimal(x.number) // checked when decoded
			}
			m.factors = append(m.factors, b)
		}
		if f.typ == typeTime {
			var err error
			if m.clock, err = newClockReader(to.layout(f.column, f.time.layout), f.time.zone); err != nil {
				return o, lineError(f.line, "zone: %v", err)
			}
		}
		o.put(f.path, m)
	}
	return o, nil
}

// put files a member under its path. Paths do not clash; check has seen to it.
func (o *object) put(path []string, m member) {
	key := string(appendJSONText(nil, path[0])) + ":"
	if len(path) == 1 {
		m.key = key
		o.members = append(o.members, m)
		return
	}
	for i := range o.members {
		if o.members[i].key == key && o.members[i].nested != nil {
			o.members[i].nested.put(path[1:], m)
			return
		}
	}
	nested := &object{}
	nested.put(path[1:], m)
	o.members = append(o.members, member{key: key, nested: nested, cell: -1})
}

// append writes the object and tells whether it has any member. Empty cells are left out.
func (o *object) append(dst []byte, cells []cell) (_ []byte, any bool, err error) {
	dst = append(dst, '{')
	for i := range o.members {
		m := &o.members[i]
		start := len(dst)
		if any {
			dst = append(dst, ',')
		}
		dst = append(dst, m.key...)
		var ok bool
		if m.nested != nil {
			dst, ok, err = m.nested.append(dst, cells)
		} else {
			dst, ok, err = m.append(dst, cells)
		}
		if err != nil {
			var e *rowError
			if m.nested == nil && errors.As(err, &e) {
				return dst, false, badRow(e.code, "%s: %s", m.name, e.detail)
			}
			return dst, false, err
		}
		if !ok {
			dst = dst[:start]
			continue
		}
		any = true
	}
	return append(dst, '}'), any, nil
}

func (m *member) append(dst []byte, cells []cell) (_ []byte, ok bool, err error) {
	switch {
	case m.constant != "":
		return append(dst, m.constant...), true, nil
	case m.factors != nil:
		return m.appendProduct(dst, cells)
	}
	c := cells[m.cell]
	switch m.typ {
	case typeNumber:
		return m.appendNumber(dst, c)
	case typeBoolean:
		return m.appendBoolean(dst, c)
	case typeJSON:
		return appendJSONCell(dst, c)
	case typeTime:
		return m.appendTime(dst, c)
	case typeAuto:
		if c.kind != cellText {
			return appendJSONCell(dst, c)
		}
	}
	dst, ok = appendText(dst, c)
	return dst, ok, nil
}

func (m *member) appendTime(dst []byte, c cell) ([]byte, bool, error) {
	if c.kind == cellAbsent || c.kind == cellText && strings.TrimSpace(c.text) == "" {
		return dst, false, nil
	}
	t, err := m.clock.read(c)
	if err != nil {
		if c.kind == cellText && m.tidy.nothing(strings.TrimSpace(c.text)) {
			return dst, false, nil
		}
		return dst, false, badRow(codeTime, "%s", err.Error())
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, timeFormat)
	return append(dst, '"'), true, nil
}

// appendProduct multiplies exactly. One empty cell leaves the product out.
func (m *member) appendProduct(dst []byte, cells []cell) ([]byte, bool, error) {
	product := decimal{digits: 1}
	for _, f := range m.factors {
		d := f.number
		if f.cell >= 0 {
			var ok bool
			var err error
			if d, ok, err = m.decimal(cells[f.cell], f.numbers); err != nil || !ok {
				return dst, false, err
			}
		}
		product = product.times(d)
	}
	return product.appendTo(dst), true, nil
}
