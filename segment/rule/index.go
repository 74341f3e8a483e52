package rule

import (
	"cmp"
	"math"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Index finds those of many leaves of one event name that an event belongs to. Each leaf is found by one of its filters,
// if it has one that few values pass: by the value that a property must have, or by the bound that it must keep. So an event costs what the
// leaves cost that it passes such a filter of. It is immutable.
type Index struct {
	fields []Filter // what filters look at; each once
	leaves []indexed
	by     []lookUp
	rest   []int32 // leaves that nothing finds
}

// indexed is a leaf's filters.
type indexed struct {
	tests []fieldTest // but for the one that finds it
}

type fieldTest struct {
	field int
	test  *Test
}

// lookUp finds leaves by the value of a field.
type lookUp struct {
	field   int
	texts   map[string][]int32
	numbers map[float64][]int32
	least   []bound // ascending: a value passes those up to a place
	most    []bound // descending
}

// bound is a number that a value must reach, or not exceed; open says that it must not be the same.
type bound struct {
	at   float64
	open bool
	leaf int32
}

// Finding is room for the work of one goroutine.
type Finding struct {
	values []gjson.Result
	known  []bool
	found  []int32
}

// maxListed is the longest list by which a leaf is found.
const maxListed = 64

// NewIndex makes an index of leaves, whose events are of one name.
func NewIndex(leaves []*Leaf) *Index {
	x := &Index{leaves: make([]indexed, len(leaves))}
	for n, l := range leaves {
		finds := -1
		for i := range l.Where {
			if q := l.Where[i].Test.quality(); q > 0 && (finds < 0 || q > l.Where[finds].Test.quality()) {
				finds = i
			}
		}
		for i := range l.Where {
			f := &l.Where[i]
			field := x.field(f)
			if i == finds {
				x.lookUp(field).add(&f.Test, int32(n)) //nolint:gosec // few
			} else {
				x.leaves[n].tests = append(x.leaves[n].tests, fieldTest{field, &f.Test})
			}
		}
		if finds < 0 {
			x.rest = append(x.rest, int32(n)) //nolint:gosec // few
		}
	}
	for i := range x.by {
		by := &x.by[i]
		slices.SortStableFunc(by.least, func(a, b bound) int { return cmp.Compare(a.at, b.at) })
		slices.SortStableFunc(by.most, func(a, b bound) int { return cmp.Compare(b.at, a.at) })
	}
	return x
}

func (x *Index) field(f *Filter) int {
	for i := range x.fields {
		if x.fields[i].Property == f.Property && x.fields[i].Context == f.Context {
			return i
		}
	}
	x.fields = append(x.fields, *f)
	return len(x.fields) - 1
}

func (x *Index) lookUp(field int) *lookUp {
	for i := range x.by {
		if x.by[i].field == field {
			return &x.by[i]
		}
	}
	x.by = append(x.by, lookUp{field: field, texts: map[string][]int32{}, numbers: map[float64][]int32{}})
	return &x.by[len(x.by)-1]
}

// quality is how well a test tells a few events from many; 0 if no look-up answers it.
func (t *Test) quality() int {
	kinds := map[ValueKind]bool{}
	for _, v := range t.Values {
		kinds[v.Kind] = true
	}
	switch {
	case len(kinds) != 1 || kinds[Boolean]: // a value may be in a list both as a text and as a number
		return 0
	case t.Op == Eq:
		return 3
	case t.Op == In && len(t.Values) <= maxListed:
		return 2
	case kinds[Number] && slices.Contains([]Op{Gt, Gte, Lt, Lte}, t.Op):
		return 1
	}
	return 0
}

func (u *lookUp) add(t *Test, leaf int32) {
	switch t.Op {
	case Gt, Gte:
		u.least = append(u.least, bound{t.Values[0].Number, t.Op == Gt, leaf})
		return
	case Lt, Lte:
		u.most = append(u.most, bound{t.Values[0].Number, t.Op == Lt, leaf})
		return
	}
	for i, v := range t.Values {
		if slices.Contains(t.Values[:i], v) {
			continue
		}
		if v.Kind == Text {
			u.texts[v.Text] = append(u.texts[v.Text], leaf)
		} else {
			u.numbers[v.Number] = append(u.numbers[v.Number], leaf)
		}
	}
}

// Find returns the places, in what NewIndex was given, of the leaves that an event belongs to, whatever its time, each once. They are valid until the next
// call with the same Finding.
func (x *Index) Find(w *Finding, properties, context touchstone.JSON) []int32 {
	if n := len(x.fields); len(w.values) < n {
		w.values, w.known = make([]gjson.Result, n), make([]bool, n)
	}
	clear(w.known[:len(x.fields)])
	w.found = w.found[:0]
	for i := range x.by {
		by := &x.by[i]
		v := x.value(w, by.field, properties, context)
		if v.Type == gjson.Null {
			continue
		}
		if len(by.texts) > 0 {
			x.take(w, by.texts[textOf(v)], properties, context)
		}
		if len(by.numbers)+len(by.least)+len(by.most) == 0 {
			continue
		}
		n, ok := numberOf(v)
		if !ok || math.IsNaN(n) {
			continue
		}
		if len(by.numbers) > 0 {
			x.take(w, by.numbers[n], properties, context)
		}
		for j := range by.least {
			b := &by.least[j]
			if b.at > n {
				break
			}
			if !b.open || b.at < n {
				x.check(w, b.leaf, properties, context)
			}
		}
		for j := range by.most {
			b := &by.most[j]
			if b.at < n {
				break
			}
			if !b.open || b.at > n {
				x.check(w, b.leaf, properties, context)
			}
		}
	}
	x.take(w, x.rest, properties, context)
	return w.found
}

func (x *Index) take(w *Finding, leaves []int32, properties, context touchstone.JSON) {
	for _, leaf := range leaves {
		x.check(w, leaf, properties, context)
	}
}

// check takes a leaf if the event passes its other filters.
func (x *Index) check(w *Finding, leaf int32, properties, context touchstone.JSON) {
	for _, t := range x.leaves[leaf].tests {
		if !t.test.match(x.value(w, t.field, properties, context)) {
			return
		}
	}
	w.found = append(w.found, leaf)
}

// value reads a field of the event once.
func (x *Index) value(w *Finding, field int, properties, context touchstone.JSON) gjson.Result {
	if !w.known[field] {
		w.known[field], w.values[field] = true, x.fields[field].find(properties, context)
	}
	return w.values[field]
}
