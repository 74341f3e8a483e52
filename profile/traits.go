package profile

import (
	"cmp"
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/touchstone-cdp/touchstone"
)

// traits is what changes rarely about a person: last values win, by the time of the event.
type traits struct {
	list    []trait // ascending by name
	groups  []group
	consent value

	operated []operated // traits that have operations, ascending by name
	// cleared is when all traits were deleted; values that are not newer never come back.
	cleared    stamp
	wasCleared bool
}

// trait is a named value. One without text was unset; it stays, so that an older event
// that comes late does not set it again.
type trait struct {
	name uint32
	value
}

type group struct {
	id    string
	stamp stamp // of the latest event
}

// value is the text of a JSON value, and the event that it comes from.
type value struct {
	json  string
	stamp stamp
}

// stamp orders values: by event time, and at equal times by place in the log.
type stamp struct {
	at     int64
	seq    touchstone.Seq
	source uint32
}

func (s stamp) after(o stamp) bool { return s.at > o.at || s.at == o.at && s.seq > o.seq }

const (
	maxTraits     = 500
	maxValueBytes = 8 << 10
	maxGroups     = 50
	maxGroupBytes = 200
)

func (t *traits) empty() bool {
	return len(t.list) == 0 && len(t.groups) == 0 && t.consent.json == "" && !t.wasCleared
}

func (t *traits) reset() { *t = traits{list: t.list[:0], groups: t.groups[:0]} }

func (t *traits) find(name uint32) (int, bool) {
	return slices.BinarySearchFunc(t.list, name, func(x trait, name uint32) int { return cmp.Compare(x.name, name) })
}

// outcome tells what a set did.
type outcome uint8

const (
	stale    outcome = iota // a newer value is there
	kept                    // the same value, now with a newer stamp
	replaced                // another value
	full                    // no room
)

// set gives a trait a value unless it has a newer one, and returns the old value.
func (t *traits) set(name uint32, v value) (old string, _ outcome) {
	if t.wasCleared && !v.stamp.after(t.cleared) {
		return "", stale
	}
	if o := t.operations(name); o != nil {
		return t.rebase(o, v)
	}
	i, found := t.find(name)
	if !found {
		if len(t.list) >= maxTraits {
			return "", full
		}
		t.list = slices.Insert(t.list, i, trait{name, v})
		if v.json == "" {
			return "", kept
		}
		return "", replaced
	}
	x := &t.list[i]
	if !v.stamp.after(x.stamp) {
		return x.json, stale
	}
	old = x.json
	x.value = v
	if old == v.json {
		return old, kept
	}
	return old, replaced
}

// json is a trait's value, "" without one.
func (t *traits) json(name uint32) string {
	if i, ok := t.find(name); ok {
		return t.list[i].json
	}
	return ""
}

func (t *traits) setConsent(v value) bool {
	if t.consent.json != "" && !v.stamp.after(t.consent.stamp) {
		return false
	}
	t.consent = v
	return true
}

// join notes that a person was seen in a group. Of too many groups the latest stay.
func (t *traits) join(id string, s stamp) bool {
	for i := range t.groups {
		if t.groups[i].id == id {
			if !s.after(t.groups[i].stamp) {
				return false
			}
			t.groups[i].stamp = s
			return true
		}
	}
	t.groups = append(t.groups, group{id, s})
	if len(t.groups) <= maxGroups {
		return true
	}
	oldest := 0
	for i, g := range t.groups {
		if t.groups[oldest].stamp.after(g.stamp) {
			oldest = i
		}
	}
	t.groups = slices.Delete(t.groups, oldest, oldest+1)
	return true
}

// merge takes over what another person has and calls changed for each trait whose value
// changes by that.
func (t *traits) merge(o *traits, changed func(name uint32, old, new string, s stamp)) {
	if o.wasCleared {
		t.clear(o.cleared, changed)
	}
	for _, x := range o.list {
		ops := o.operations(x.name)
		if ops == nil && t.operations(x.name) == nil {
			if old, did := t.set(x.name, x.value); did == replaced {
				changed(x.name, old, x.json, x.stamp)
			}
			continue
		}
		old := t.json(x.name)
		if ops == nil {
			t.set(x.name, x.value)
		} else {
			if ops.base.stamp != beginning {
				t.set(x.name, ops.base)
			}
			for _, one := range ops.ops {
				t.operate(x.name, one)
			}
		}
		if now := t.json(x.name); now != old {
			changed(x.name, old, now, x.stamp)
		}
	}
	for _, g := range o.groups {
		t.join(g.id, g.stamp)
	}
	if o.consent.json != "" {
		t.setConsent(o.consent)
	}
}

const (
	traitsVersion         = 1
	traitsOperatedVersion = 2 // with what operations left behind; written only if there is any
	maxStamps             = 2*(maxTraits+maxGroups) + maxTraits*(maxOps+1)
)

// append writes the binary form:
//
//	version:1
//	stamps: uvarint number, then at:varint seq:uvarint source:uvarint each
//	traits: uvarint number, then name:uvarint stamp:uvarint value:bytes each
//	groups: uvarint number, then id:bytes stamp:uvarint each
//	consent: bytes, and stamp:uvarint unless empty
//
// and in version 2
//
//	cleared: 0, or 1 and stamp:uvarint
//	operated: uvarint number, then name:uvarint, base: 0, or 1 and stamp:uvarint value:bytes,
//	  operations: uvarint number, then kind:1 stamp:uvarint value:bytes each
//
// bytes are a uvarint length and the bytes. Traits of one event share its stamp.
func (t *traits) append(dst []byte) []byte {
	var room [32]stamp
	stamps := room[:0]
	number := func(s stamp) int {
		// A long list is not searched to its begin: a stamp may well be there twice.
		for i := len(stamps) - 1; i >= max(0, len(stamps)-32); i-- {
			if stamps[i] == s {
				return i
			}
		}
		stamps = append(stamps, s)
		return len(stamps) - 1
	}
	var body []byte
	body = appendUint(body, int64(len(t.list)))
	for _, x := range t.list {
		body = binary.AppendUvarint(body, uint64(x.name))
		body = appendUint(body, int64(number(x.stamp)))
		body = appendText(body, x.json)
	}
	body = appendUint(body, int64(len(t.groups)))
	for _, g := range t.groups {
		body = appendText(body, g.id)
		body = appendUint(body, int64(number(g.stamp)))
	}
	body = appendText(body, t.consent.json)
	if t.consent.json != "" {
		body = appendUint(body, int64(number(t.consent.stamp)))
	}
	version := byte(traitsVersion)
	if len(t.operated) > 0 || t.wasCleared {
		version = traitsOperatedVersion
		body = t.appendOperated(body, number)
	}
	dst = append(dst, version)
	dst = appendUint(dst, int64(len(stamps)))
	for _, s := range stamps {
		dst = binary.AppendVarint(dst, s.at)
		dst = appendUint(dst, int64(s.seq))
		dst = binary.AppendUvarint(dst, uint64(s.source))
	}
	return append(dst, body...)
}

func (t *traits) appendOperated(body []byte, number func(stamp) int) []byte {
	if t.wasCleared {
		body = appendUint(append(body, 1), int64(number(t.cleared)))
	} else {
		body = append(body, 0)
	}
	body = appendUint(body, int64(len(t.operated)))
	for _, o := range t.operated {
		body = binary.AppendUvarint(body, uint64(o.name))
		if o.base.stamp == beginning {
			body = append(body, 0)
		} else {
			body = appendUint(append(body, 1), int64(number(o.base.stamp)))
			body = appendText(body, o.base.json)
		}
		body = appendUint(body, int64(len(o.ops)))
		for _, x := range o.ops {
			body = appendUint(append(body, byte(x.kind)), int64(number(x.stamp)))
			body = appendText(body, x.json)
		}
	}
	return body
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func isTraits(version byte) bool { return version == traitsVersion || version == traitsOperatedVersion }

// decode reads the binary form into t, reusing its lists. Texts share b's memory.
func (t *traits) decode(b []byte) error {
	t.reset()
	r := reader{rest: b}
	version := r.byte()
	if version > traitsOperatedVersion {
		return checkVersion(version, traitsOperatedVersion)
	}
	if !isTraits(version) {
		return errCorrupt
	}
	var room [32]stamp
	stamps := room[:0]
	for range r.number(maxStamps) {
		stamps = append(stamps, stamp{r.varint(), touchstone.Seq(r.int()), r.word()})
	}
	stampOf := func() stamp {
		n := r.uvarint()
		if n >= uint64(len(stamps)) {
			r.bad = true
			return stamp{}
		}
		return stamps[n]
	}
	last := uint32(0)
	for range r.number(maxTraits) {
		x := trait{name: r.word()}
		x.stamp, x.json = stampOf(), r.text()
		r.bad = r.bad || x.name <= last
		last = x.name
		t.list = append(t.list, x)
	}
	for range r.number(maxGroups) {
		t.groups = append(t.groups, group{r.text(), stampOf()})
	}
	if t.consent.json = r.text(); t.consent.json != "" {
		t.consent.stamp = stampOf()
	}
	if version == traitsOperatedVersion {
		t.decodeOperated(&r, stampOf)
	}
	if r.bad || len(r.rest) > 0 {
		t.reset()
		return errCorrupt
	}
	return nil
}

func (t *traits) decodeOperated(r *reader, stampOf func() stamp) {
	if t.wasCleared = r.flag(); t.wasCleared {
		t.cleared = stampOf()
	}
	last := uint32(0)
	for range r.number(maxTraits) {
		o := operated{name: r.word(), base: value{"", beginning}}
		if r.flag() {
			o.base.stamp = stampOf()
			o.base.json = r.text()
		}
		before := op{stamp: o.base.stamp}
		for range r.number(maxOps) {
			x := op{kind: opKind(r.byte()), stamp: stampOf(), json: r.text()}
			r.bad = r.bad || x.kind < setOnce || x.kind > appended || x.json == "" || compareOps(before, x) > 0
			before = x
			o.ops = append(o.ops, x)
		}
		_, known := t.find(o.name)
		r.bad = r.bad || o.name <= last || !known || len(o.ops) == 0
		last = o.name
		t.operated = append(t.operated, o)
	}
}

func (r *reader) flag() bool {
	b := r.byte()
	r.bad = r.bad || b > 1
	return b == 1
}

func (r *reader) text() string { return shared(r.bytes()) }

// shared returns b's bytes as a string without copying them. States are never changed
// in place.
func shared(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// lookUp finds one trait in the binary form, without decoding the rest. ok is false when
// the person does not have it.
func lookUp(b []byte, name uint32) (json string, ok bool) {
	r := reader{rest: b}
	if name == 0 || len(b) == 0 || !isTraits(r.byte()) {
		return "", false
	}
	for range r.number(maxStamps) {
		r.varint()
		r.uvarint()
		r.uvarint()
	}
	for range r.number(maxTraits) {
		n := r.word()
		r.uvarint()
		text := r.bytes()
		if n >= name || r.bad {
			return shared(text), n == name && len(text) > 0 && !r.bad
		}
	}
	return "", false
}

// highestTrait returns the greatest number of a trait name in the binary form.
func highestTrait(b []byte) (highest uint32) {
	r := reader{rest: b}
	if len(b) == 0 || !isTraits(r.byte()) {
		return 0
	}
	for range r.number(maxStamps) {
		r.varint()
		r.uvarint()
		r.uvarint()
	}
	for range r.number(maxTraits) {
		highest = max(highest, r.word())
		r.uvarint()
		r.bytes()
	}
	return highest
}
