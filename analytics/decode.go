package analytics

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// decoder reads JSON strictly. It keeps the first mistake, which names its place
// ("steps[1].where.0.op"); after it, its methods return zero values.
type decoder struct{ err error }

func (d *decoder) fail(at, format string, args ...any) {
	if d.err != nil {
		return
	}
	if at == "" {
		at = "query"
	}
	d.err = touchstone.Errorf(touchstone.Invalid, "%s: %s", at, touchstone.Textf(format, args...))
}

// fields is an object being read. What nobody has taken is a mistake.
type fields struct {
	d     *decoder
	at    string
	all   map[string]jsontext.Value
	known []string
}

func (d *decoder) object(at string, v jsontext.Value) *fields {
	f := &fields{d: d, at: at}
	if d.err != nil {
		return f
	}
	if v.Kind() != '{' {
		d.fail(at, "must be an object, not %s", describe(v))
	} else if err := json.Unmarshal(v, &f.all); err != nil {
		d.fail(at, "is not valid JSON: %v", err)
	}
	return f
}

func (f *fields) place(name string) string {
	if f.at == "" {
		return name
	}
	return f.at + "." + name
}

// take returns a field's value and whether it is there; null counts as absent.
func (f *fields) take(name string) (jsontext.Value, bool) {
	f.known = append(f.known, name)
	v, ok := f.all[name]
	return v, ok && v.Kind() != 'n' && f.d.err == nil
}

// end reports fields that are not known.
func (f *fields) end() {
	var extra []string
	for name := range f.all {
		if !slices.Contains(f.known, name) {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		f.d.fail(f.place(extra[0]), "unknown field; known here: %s", strings.Join(f.known, ", "))
	}
}

func (d *decoder) list(at string, v jsontext.Value, least, most int) []jsontext.Value {
	var items []jsontext.Value
	if d.err != nil {
		return nil
	}
	if v.Kind() != '[' {
		d.fail(at, "must be a list, not %s", describe(v))
	} else if err := json.Unmarshal(v, &items); err != nil {
		d.fail(at, "is not valid JSON: %v", err)
	} else if len(items) < least || len(items) > most {
		d.fail(at, "must hold %d to %d items, not %d", least, most, len(items))
		return nil
	}
	return items
}

// maxName bounds names of events and properties, in bytes.
const maxName = 1024

func (d *decoder) text(at string, v jsontext.Value, most int) string {
	var s string
	switch {
	case d.err != nil:
	case v.Kind() != '"':
		d.fail(at, "must be a text, not %s", describe(v))
	case json.Unmarshal(v, &s) != nil:
		d.fail(at, "is not a valid text")
	case len(s) > most:
		d.fail(at, "is longer than %d bytes", most)
	case strings.ContainsRune(s, 0):
		d.fail(at, "holds a NUL character")
	default:
		return s
	}
	return ""
}

// name takes a text that must not be empty.
func (f *fields) name(name string) string {
	v, ok := f.take(name)
	if !ok {
		return ""
	}
	s := f.d.text(f.place(name), v, maxName)
	if s == "" {
		f.d.fail(f.place(name), "must not be empty")
	}
	return s
}

// choice takes one of the allowed words; the first is the default.
func (f *fields) choice(name string, allowed ...string) string {
	v, ok := f.take(name)
	if !ok {
		return allowed[0]
	}
	s := f.d.text(f.place(name), v, maxName)
	if f.d.err == nil && !slices.Contains(allowed, s) {
		f.d.fail(f.place(name), "unknown value %q; use one of %s", s, strings.Join(allowed, ", "))
	}
	return s
}

// whole takes a whole number within bounds.
func (f *fields) whole(name string, standard, least, most int) int {
	v, ok := f.take(name)
	if !ok {
		return standard
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if v.Kind() != '0' || err != nil || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
		f.d.fail(f.place(name), "must be a whole number from %d to %d", least, most)
		return standard
	}
	return int(n)
}

// duration takes a length such as "7d".
func (f *fields) duration(name string, standard, most time.Duration) time.Duration {
	v, ok := f.take(name)
	if !ok {
		return standard
	}
	s := f.d.text(f.place(name), v, maxName)
	length, ok := rule.ParseDuration(s)
	if f.d.err == nil && (!ok || length < time.Second || length > most) {
		f.d.fail(f.place(name), "%q is not a length of time; write 7d, 12h, 30m or 90s, at most %s", s, rule.FormatDuration(most))
	}
	return length
}

// moment takes a time in RFC 3339.
func (f *fields) moment(name string) (time.Time, bool) {
	v, ok := f.take(name)
	if !ok {
		return time.Time{}, false
	}
	s := f.d.text(f.place(name), v, maxName)
	t, err := time.Parse(time.RFC3339Nano, s)
	if f.d.err == nil && err != nil {
		f.d.fail(f.place(name), "%q is not a time; write 2026-01-31T00:00:00Z (RFC 3339)", s)
	}
	return t, true
}

func describe(v jsontext.Value) string {
	switch v.Kind() {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "nothing"
}
