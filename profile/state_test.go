package profile

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

var exported = gocmp.AllowUnexported(activity{}, tally{}, span{}, sighting{}, traits{}, trait{}, value{}, stamp{}, group{}, operated{}, op{})

// canonical sorts what has no order of its own, and leaves empty lists out.
func (a *activity) canonical() activity {
	c := *a
	for _, list := range []*[]tally{&c.events, &c.channels, &c.sources} {
		*list = append([]tally(nil), *list...)
		slices.SortFunc(*list, func(x, y tally) int { return cmp.Compare(x.word, y.word) })
	}
	c.open = append([]span(nil), c.open...)
	return c
}

func (t *traits) canonical() traits {
	c := *t
	c.list = append([]trait(nil), c.list...)
	c.groups = append([]group(nil), c.groups...)
	c.operated = append([]operated(nil), c.operated...)
	slices.SortFunc(c.groups, func(x, y group) int { return cmp.Compare(x.id, y.id) })
	return c
}

func drawTouches(t *rapid.T) []touch {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) touch {
		word := func(name string, most int) uint32 { return uint32(rapid.IntRange(0, most).Draw(t, name)) }
		return touch{
			at:    int64(rapid.IntRange(-3, 3).Draw(t, "hour"))*4*sessionGap + int64(rapid.IntRange(0, sessionGap/2).Draw(t, "ms")),
			event: word("event", 9), channel: word("channel", 3), source: word("source", 3), city: word("city", 3), country: word("country", 3),
		}
	}), 0, 25).Draw(t, "events")
}

func foldTouches(list []touch) *activity {
	a := &activity{}
	for _, x := range list {
		a.fold(x)
	}
	return a
}

func TestActivityDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawTouches(t)
		want := foldTouches(events).canonical()
		got := foldTouches(rapid.Permutation(events).Draw(t, "shuffled")).canonical()
		// Sessions are exact while there are few.
		if want.ended+got.ended > 0 {
			want.ended, got.ended, want.open, got.open = 0, 0, nil, nil
		}
		if d := gocmp.Diff(want, got, exported); d != "" {
			t.Fatal(d)
		}
	})
}

func TestMergedActivityIsThatOfAllEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := drawTouches(t), drawTouches(t)
		got := foldTouches(one)
		got.merge(foldTouches(two))
		want := foldTouches(append(one, two...))
		g, w := got.canonical(), want.canonical()
		if g.ended+w.ended > 0 {
			g.ended, w.ended, g.open, w.open = 0, 0, nil, nil
		}
		if d := gocmp.Diff(w, g, exported); d != "" {
			t.Fatal(d)
		}
	})
}

func TestActivityCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := foldTouches(drawTouches(t))
		b := foldTouches(drawTouches(t)) // decode reuses its memory
		if err := b.decode(a.append(nil)); err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(a.canonical(), b.canonical(), exported); d != "" {
			t.Fatal(d)
		}
	})
}

func TestSessions(t *testing.T) {
	const minute = 60_000
	for name, c := range map[string]struct {
		minutes []int64
		want    uint64
	}{
		"one event":                      {[]int64{0}, 1},
		"half an hour is still the same": {[]int64{0, 30}, 1},
		"a longer silence is not":        {[]int64{0, 31}, 2},
		"a late event joins two":         {[]int64{0, 50, 25}, 1},
		"late, in between, alone":        {[]int64{0, 200, 100}, 3},
		"many":                           {[]int64{0, 100, 200, 300, 400, 500, 600}, 7},
		"late for one long ended":        {[]int64{0, 100, 200, 300, 400, 500, 600, 5, 101}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			var a activity
			for _, m := range c.minutes {
				a.fold(touch{at: m * minute, event: 1})
			}
			if a.sessions() != c.want {
				t.Errorf("%d sessions, want %d: %+v", a.sessions(), c.want, a.open)
			}
		})
	}
}

func TestTalliesAreBoundedAndLoseNothing(t *testing.T) {
	var a activity
	for i := range 1000 {
		a.fold(touch{at: 1, event: uint32(i + 1), channel: uint32(i + 1), source: uint32(i + 1)})
	}
	if a.total() != 1000 || len(a.events) != maxEventTallies+1 || len(a.channels) != maxLabelTallies+1 {
		t.Fatalf("%d events, %d names, %d channels", a.total(), len(a.events), len(a.channels))
	}
	var b activity
	if err := b.decode(a.append(nil)); err != nil {
		t.Fatal(err)
	}
}

// write is a trait that an event sets.
type write struct {
	name uint32
	value
}

func drawWrites(t *rapid.T, label string) []write {
	seq := 0
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) write {
		seq++
		json := ""
		if n := rapid.IntRange(0, 4).Draw(t, "value"); n > 0 {
			json = fmt.Sprintf(`"%d 伟"`, n)
		}
		return write{uint32(rapid.IntRange(1, 6).Draw(t, "name")), value{json, stamp{
			int64(rapid.IntRange(-5, 5).Draw(t, "at")), touchstone.MakeSeq(len(label), uint64(seq), rapid.IntRange(0, 9).Draw(t, "index")), uint32(rapid.IntRange(0, 3).Draw(t, "source"))}}}
	}), 0, 30).Draw(t, label)
}

func foldWrites(list []write) *traits {
	t := &traits{}
	for _, w := range list {
		t.set(w.name, w.value)
		t.join(fmt.Sprint("g", w.name), w.stamp)
		if w.json != "" {
			t.setConsent(w.value)
		}
	}
	return t
}

func TestTraitsDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		writes := drawWrites(t, "a")
		want := foldWrites(writes).canonical()
		got := foldWrites(rapid.Permutation(writes).Draw(t, "shuffled")).canonical()
		if d := gocmp.Diff(want, got, exported); d != "" {
			t.Fatal(d)
		}
	})
}

func TestMergedTraitsAreThoseOfAllEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := drawWrites(t, "a"), drawWrites(t, "bb")
		got := foldWrites(one)
		before := map[uint32]string{}
		for _, x := range got.list {
			before[x.name] = x.json
		}
		got.merge(foldWrites(two), func(name uint32, old, new string, _ stamp) {
			if before[name] != old || old == new {
				t.Fatalf("trait %d said to go from %s to %s, was %s", name, old, new, before[name])
			}
			before[name] = new
		})
		want := foldWrites(append(one, two...))
		if d := gocmp.Diff(want.canonical(), got.canonical(), exported); d != "" {
			t.Fatal(d)
		}
		for _, x := range got.list {
			if before[x.name] != x.json {
				t.Fatalf("nobody was told that trait %d is %s", x.name, x.json)
			}
		}
	})
}

func TestTraitsCodecAndLookUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := foldWrites(drawWrites(t, "a")), foldWrites(drawWrites(t, "b"))
		state := a.append(nil)
		if err := b.decode(state); err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(a.canonical(), b.canonical(), exported); d != "" {
			t.Fatal(d)
		}
		for name := range uint32(9) {
			i, found := a.find(name)
			want := ""
			if found {
				want = a.list[i].json
			}
			if got, ok := lookUp(state, name); got != want && ok || ok != (want != "") {
				t.Fatalf("trait %d: got %q %v, want %q", name, got, ok, want)
			}
		}
	})
}

func TestManyStampsSurvive(t *testing.T) {
	var a, b traits
	for i := range maxTraits + 10 {
		_, did := a.set(uint32(i+1), value{fmt.Sprint(i), stamp{int64(i), touchstone.Seq(i), 1}})
		if (did == full) != (i >= maxTraits) {
			t.Fatalf("trait %d: %v", i, did)
		}
	}
	for i := range maxGroups + 10 {
		a.join(fmt.Sprint(i), stamp{at: int64(i)})
	}
	if err := b.decode(a.append(nil)); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(a.canonical(), b.canonical(), exported); d != "" {
		t.Fatal(d)
	}
	if len(b.groups) != maxGroups || b.groups[0].id != "10" {
		t.Fatalf("%d groups, the first %s", len(b.groups), b.groups[0].id)
	}
}

// States stay in the store for years: when this fails, a form has changed, which takes a
// new version, a reader for this one, and a migration, so that programs before refuse the store.
func TestFormsStandStill(t *testing.T) {
	a := foldTouches([]touch{{at: 1767225600000, event: 1, channel: 2, source: 3, city: 4, country: 5}, {at: 1767229200000, event: 2, source: 300}})
	x := &traits{}
	x.set(3, value{`"x"`, stamp{1767225600000, touchstone.MakeSeq(0, 7, 1), 3}})
	x.join("g", stamp{4, 5, 6})
	x.setConsent(value{`{"ads":true}`, stamp{1, 2, 3}})
	for _, c := range []struct {
		name, version1 string
		state          []byte
		decode         func([]byte) ([]byte, error)
	}{
		{"activity", "0180a0d5edee6680dddb010302ac020002010102010202010001020301ac02010002000080dddb01000480dddb010580dddb01", a.append(nil), func(b []byte) ([]byte, error) { var a activity; err := a.decode(b); return a.append(nil), err }},
		{"traits", "010380a0d5edee6681801c0308050602020301030003227822010167010c7b22616473223a747275657d02", x.append(nil), func(b []byte) ([]byte, error) { var x traits; err := x.decode(b); return x.append(nil), err }},
	} {
		if got := hex.EncodeToString(c.state); got != c.version1 {
			t.Errorf("%s: written as\n%s, not\n%s", c.name, got, c.version1)
		}
		stored, err := hex.DecodeString(c.version1)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.decode(stored); err != nil || string(again) != string(stored) {
			t.Errorf("%s: read as %x, %v", c.name, again, err)
		}
		stored[0] = 9
		if _, err := c.decode(stored); !errors.Is(err, touchstone.ErrNewer) {
			t.Errorf("%s: a newer one: %v", c.name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add((&activity{}).append(nil))
	f.Add(foldTouches([]touch{{at: 5, event: 1, channel: 2, source: 3, city: 4, country: 5}, {at: 1 << 40, event: 2}}).append(nil))
	t := &traits{}
	t.set(3, value{`"x"`, stamp{1, 2, 3}})
	t.join("g", stamp{4, 5, 6})
	t.setConsent(value{`{}`, stamp{1, 2, 3}})
	f.Add(t.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a activity
		if a.decode(b) == nil {
			var again activity
			if err := again.decode(a.append(nil)); err != nil {
				t.Fatalf("what was decoded does not survive: %v", err)
			}
		}
		var x traits
		if x.decode(b) == nil {
			var again traits
			if err := again.decode(x.append(nil)); err != nil {
				t.Fatalf("what was decoded does not survive: %v", err)
			}
		}
		lookUp(b, 3)
		highestTrait(b)
	})
}
