package profile

import (
	"cmp"
	"math"
	"slices"

	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Some changes of a trait depend on what it was: set it once, add to it, append to a list.
// To fold them in any order, a trait that has any keeps the value that was set last (its
// base) and the operations since, in the order of their events; its value follows from
// both. A newer base drops what is older than it. Traits without operations, which is
// nearly all of them, keep nothing.
//
// The number of operations is bounded by giving up what only a late event could need:
// what is said of order is exact while a late event is newer than all but the latest
// maxIncrements increments and maxElements elements.

// opKind is what an operation does. The numbers are part of the binary form.
type opKind uint8

const (
	setOnce   opKind = iota + 1 // a value, if there is none
	increment                   // a number, which is added
	appended                    // an element of a list, unless the list has it
)

type op struct {
	kind  opKind
	stamp stamp
	json  string
}

// operated is a trait whose value follows from operations.
type operated struct {
	name uint32
	base value // before them; of the stamp beginning when nothing was set
	ops  []op  // later than base, in their order
}

// beginning is before every event.
var beginning = stamp{at: math.MinInt64}

const (
	maxOnce       = 16 // the first and the latest; only the first counts until the trait is unset
	maxIncrements = 16
	maxElements   = 100
	maxOps        = maxOnce + maxIncrements + maxElements
)

func compareOps(a, b op) int {
	switch {
	case a.stamp.after(b.stamp):
		return 1
	case b.stamp.after(a.stamp):
		return -1
	}
	return cmp.Compare(a.kind, b.kind)
}

func (t *traits) operations(name uint32) *operated {
	if len(t.operated) == 0 {
		return nil
	}
	i, found := t.findOperated(name)
	if !found {
		return nil
	}
	return &t.operated[i]
}

func (t *traits) findOperated(name uint32) (int, bool) {
	return slices.BinarySearchFunc(t.operated, name, func(o operated, name uint32) int { return cmp.Compare(o.name, name) })
}

// operate applies an operation to a trait and returns the old value.
func (t *traits) operate(name uint32, x op) (old string, _ outcome) {
	if t.wasCleared && !x.stamp.after(t.cleared) {
		return "", stale
	}
	i, found := t.find(name)
	if !found {
		if len(t.list) >= maxTraits {
			return "", full
		}
		t.list = slices.Insert(t.list, i, trait{name, value{"", beginning}})
	}
	o := t.operations(name)
	if o == nil {
		if !x.stamp.after(t.list[i].stamp) {
			return t.list[i].json, stale
		}
		at, _ := t.findOperated(name)
		t.operated = slices.Insert(t.operated, at, operated{name: name, base: t.list[i].value})
		o = &t.operated[at]
	} else if !x.stamp.after(o.base.stamp) {
		return t.list[i].json, stale
	}
	o.add(x)
	return t.settle(o)
}

// rebase gives a trait that has operations another base, unless it has a newer one.
func (t *traits) rebase(o *operated, v value) (old string, _ outcome) {
	if !v.stamp.after(o.base.stamp) {
		i, _ := t.find(o.name)
		return t.list[i].json, stale
	}
	o.base = v
	o.prune(v.stamp)
	return t.settle(o)
}

// settle brings a trait's value to what follows from its operations.
func (t *traits) settle(o *operated) (old string, _ outcome) {
	i, _ := t.find(o.name)
	x := &t.list[i]
	old = x.json
	if len(o.ops) == 0 {
		x.value = o.base
		at, _ := t.findOperated(o.name)
		t.operated = slices.Delete(t.operated, at, at+1)
	} else {
		x.value = value{o.value(), o.ops[len(o.ops)-1].stamp}
	}
	if x.json == old {
		return old, kept
	}
	return old, replaced
}

// clear removes all values that are not newer than s, for good. It calls changed for each
// trait whose value changes by that.
func (t *traits) clear(s stamp, changed func(name uint32, old, new string, s stamp)) bool {
	if t.wasCleared && !s.after(t.cleared) {
		return false
	}
	t.cleared, t.wasCleared = s, true
	for i := 0; i < len(t.list); {
		x := &t.list[i]
		o := t.operations(x.name)
		latest := x.stamp
		if o != nil {
			latest = o.base.stamp
		}
		if latest.after(s) {
			i++
			continue
		}
		name, old, now := x.name, x.json, ""
		if o != nil {
			o.base = value{"", beginning}
			o.prune(s)
		}
		if o != nil && len(o.ops) > 0 {
			t.settle(o)
			now = t.list[i].json
			i++
		} else {
			t.list = slices.Delete(t.list, i, i+1)
			if o != nil {
				at, _ := t.findOperated(name)
				t.operated = slices.Delete(t.operated, at, at+1)
			}
		}
		if old != now {
			changed(name, old, now, s)
		}
	}
	return true
}

// prune drops the operations that are not newer than s.
func (o *operated) prune(s stamp) {
	o.ops = slices.DeleteFunc(o.ops, func(x op) bool { return !x.stamp.after(s) })
}

// add puts an operation in its place and keeps their number within the bounds.
func (o *operated) add(x op) {
	at := len(o.ops)
	for at > 0 && compareOps(o.ops[at-1], x) > 0 {
		at--
	}
	o.ops = slices.Insert(o.ops, at, x)
	o.bound(x.kind)
}

// bound gives up one operation of a kind when there are too many.
func (o *operated) bound(kind opKind) {
	var first, second, n, bytes int
	for i := len(o.ops) - 1; i >= 0; i-- {
		if o.ops[i].kind == kind {
			first, second = i, first
			n++
			bytes += len(o.ops[i].json) + 1
		}
	}
	switch {
	case kind == setOnce && n > maxOnce: // the first stays, and the latest
		o.ops = slices.Delete(o.ops, second, second+1)
	case kind == increment && n > maxIncrements: // the oldest two become one
		o.ops[second].json = sum(o.ops[first].json, o.ops[second].json)
		o.ops = slices.Delete(o.ops, first, first+1)
	case kind == appended && (n > maxElements || bytes > maxValueBytes-1):
		i := o.dispensable(first)
		o.ops = slices.Delete(o.ops, i, i+1)
		o.bound(kind)
	}
}

// dispensable is the oldest element that is appended again later, else the first.
func (o *operated) dispensable(first int) int {
	latest := map[string]int{}
	for i, x := range o.ops {
		if x.kind == appended {
			latest[x.json] = i
		}
	}
	for i, x := range o.ops[first:] {
		if x.kind == appended && latest[x.json] > first+i {
			return first + i
		}
	}
	return first
}

// value is what follows from the base and the operations. An operation that does not fit
// the value that it finds changes nothing.
func (o *operated) value() string {
	v := o.base.json
	var list []string
	isList, added := false, false
	for _, x := range o.ops {
		switch x.kind {
		case setOnce:
			if v == "" && !isList {
				v = x.json
			}
		case increment:
			if !isList && (v == "" || isNumber(v)) {
				v, added = sum(v, x.json), true
			}
		case appended:
			if !isList && (v == "" || v[0] == '[') {
				list, isList = elementsOf(v), true
			}
			if isList && !slices.Contains(list, x.json) {
				list = append(list, x.json)
			}
		}
	}
	switch {
	case isList:
		return joined(list)
	case added:
		return shown(v)
	}
	return v
}

func isNumber(json string) bool { return json[0] == '-' || json[0] >= '0' && json[0] <= '9' }

func elementsOf(array string) (list []string) {
	if array != "" {
		jsonwalk.Elements(array, func(value string) bool {
			list = append(list, value)
			return true
		})
	}
	return list
}

// joined makes an array, as long as a value may be.
func joined(list []string) string {
	b := []byte{'['}
	for i, x := range list {
		if len(b)+len(x)+2 > maxValueBytes {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, x...)
	}
	return string(append(b, ']'))
}

// foldOperations applies context.traitOperations of an identify event.
func (p *Profiles) foldOperations(operations string, t *traits, st stamp, changed func(word uint32, old, json string)) (any bool) {
	operate := func(key, json string, kind opKind) {
		if p.operateTrait(t, jsonwalk.Unescape(key), op{kind, st, json}, changed) {
			any = true
		}
	}
	each := func(object string, kind opKind, fits func(json string) bool) {
		jsonwalk.Members(object, func(key, json string) bool {
			switch {
			case fits(json):
				operate(key, json, kind)
			case kind == appended && json[0] == '[':
				for _, x := range elementsOf(json) {
					operate(key, x, kind)
				}
			default:
				p.metrics.drop("trait_operation")
			}
			return true
		})
	}
	jsonwalk.Members(operations, func(key, json string) bool {
		switch {
		case key == "setOnce":
			each(json, setOnce, func(json string) bool { return json != "null" })
		case key == "increment":
			each(json, increment, isDecimal)
		case key == "append":
			each(json, appended, func(json string) bool { return json[0] != '[' && json[0] != '{' && json != "null" })
		case key == "unset" && json[0] == '[':
			for _, name := range elementsOf(json) {
				if p.setTrait(t, jsonwalk.Text(name), value{"", st}, changed) {
					any = true
				}
			}
		case key == "delete" && json == "true":
			if p.clearTraits(t, st, changed) {
				any = true
			}
		default:
			p.metrics.drop("trait_operation")
		}
		return true
	})
	return any
}

// clearTraits deletes all traits that are not newer than s. It reports them by name, because
// the numbers of words, by which they are kept, are given out batch by batch.
func (p *Profiles) clearTraits(t *traits, s stamp, changed func(word uint32, old, json string)) bool {
	type change struct {
		word     uint32
		old, now string
	}
	var list []change
	any := t.clear(s, func(word uint32, old, now string, _ stamp) { list = append(list, change{word, old, now}) })
	words := p.words[traitWords]
	slices.SortFunc(list, func(a, b change) int { return cmp.Compare(words.word(a.word), words.word(b.word)) })
	for _, c := range list {
		changed(c.word, c.old, c.now)
	}
	return any
}

func (p *Profiles) operateTrait(t *traits, name string, x op, changed func(word uint32, old, json string)) bool {
	if p.reserved(name, x.stamp) {
		return false
	}
	word := p.words[traitWords].id(name)
	switch {
	case word == 0:
		p.metrics.drop("trait_name")
		return false
	case len(x.json) > maxValueBytes/2:
		p.metrics.drop("trait_value")
		return false
	}
	old, did := t.operate(word, x)
	switch did {
	case full:
		p.metrics.drop("trait")
	case replaced:
		i, _ := t.find(word)
		changed(word, old, t.list[i].json)
	}
	return did == replaced || did == kept
}
