package profile

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// act is what one event does to one trait, or to all of them.
type act struct {
	name  uint32
	kind  opKind // 0: set
	clear bool
	stamp stamp
	json  string
}

func drawActs(t *rapid.T, label string, from int) []act {
	acts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
		a := act{name: uint32(rapid.IntRange(1, 2).Draw(t, "name")), kind: opKind(rapid.IntRange(0, 3).Draw(t, "kind"))}
		a.stamp.at = int64(rapid.IntRange(-9, 9).Draw(t, "at"))
		switch a.kind {
		case increment:
			a.json = rapid.SampledFrom([]string{"1", "-2", "0.1", "2.5e-3", "9007199254740993"}).Draw(t, "number")
		case appended:
			a.json = rapid.SampledFrom([]string{`"a"`, `"b"`, `"c"`}).Draw(t, "element")
		default:
			a.json = rapid.SampledFrom([]string{"", `"x"`, "5", "0.2", `["a","z"]`, "null"}).Draw(t, "value")
			a.clear = a.kind == 0 && rapid.IntRange(0, 4).Draw(t, "clear") == 0
			if a.kind == setOnce && a.json == "" {
				a.json = `"once"`
			}
		}
		return a
	}), 0, maxOnce/2).Draw(t, label) // few, so that the bounds play no part
	for i := range acts {
		acts[i].stamp.seq = touchstone.MakeSeq(0, uint64(from+i), 0)
	}
	return acts
}

func foldActs(acts []act) *traits {
	t := &traits{}
	for _, a := range acts {
		switch {
		case a.clear:
			t.clear(a.stamp, func(uint32, string, string, stamp) {})
		case a.kind == 0:
			t.set(a.name, value{a.json, a.stamp})
		default:
			t.operate(a.name, op{a.kind, a.stamp, a.json})
		}
	}
	return t
}

// replayed is what the acts come to, one after the other by the time of their events.
func replayed(acts []act) map[uint32]string {
	acts = slices.Clone(acts)
	slices.SortFunc(acts, func(a, b act) int {
		if a.stamp.after(b.stamp) {
			return 1
		}
		return -1
	})
	now := map[uint32]string{}
	for _, a := range acts {
		was := now[a.name]
		switch {
		case a.clear:
			clear(now)
		case a.kind == 0:
			now[a.name] = a.json
		case a.kind == setOnce && was == "":
			now[a.name] = a.json
		case a.kind == increment && (was == "" || isNumber(was)):
			now[a.name] = sum(was, a.json)
		case a.kind == appended && (was == "" || was[0] == '['):
			if list := elementsOf(was); !slices.Contains(list, a.json) {
				now[a.name] = joined(append(list, a.json))
			}
		}
	}
	for name, v := range now {
		if v == "" {
			delete(now, name)
		}
	}
	return now
}

// shownTraits is what people see.
func shownTraits(t *traits) map[uint32]string {
	now := map[uint32]string{}
	for _, x := range t.list {
		if x.json != "" {
			now[x.name] = x.json
		}
	}
	return now
}

func TestOperationsAreWhatTheirOrderInTimeComesTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t, "acts", 0)
		got := foldActs(rapid.Permutation(acts).Draw(t, "shuffled"))
		if d := gocmp.Diff(replayed(acts), shownTraits(got)); d != "" {
			t.Fatalf("%+v: %s", acts, d)
		}
	})
}

func TestOperationsDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t, "acts", 0)
		want := foldActs(acts).canonical()
		got := foldActs(rapid.Permutation(acts).Draw(t, "shuffled")).canonical()
		if d := gocmp.Diff(want, got, exported); d != "" {
			t.Fatalf("%+v: %s", acts, d)
		}
	})
}

func TestMergedOperationsAreThoseOfAllEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := drawActs(t, "one", 0), drawActs(t, "two", 100)
		got := foldActs(one)
		told := shownTraits(got)
		got.merge(foldActs(two), func(name uint32, old, now string, _ stamp) {
			if told[name] != old || old == now {
				t.Fatalf("trait %d is said to go from %s to %s, was %s", name, old, now, told[name])
			}
			if told[name] = now; now == "" {
				delete(told, name)
			}
		})
		if d := gocmp.Diff(shownTraits(got), told); d != "" {
			t.Fatalf("not all changes were told: %s", d)
		}
		want := foldActs(append(one, two...))
		if d := gocmp.Diff(want.canonical(), got.canonical(), exported); d != "" {
			t.Fatalf("%+v and %+v: %s", one, two, d)
		}
	})
}

// What is told of traits, and how many are counted to have each, is what the profile shows: also when a value comes late, and
// operations that happened after it make something else of it.
func TestWhatIsToldOfTraitsIsWhatTheyAre(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		person, counted := touchstone.PersonID(0), map[string]int64{}
		rapid.Check(t, func(rt *rapid.T) {
			person++
			told := map[string]touchstone.JSON{}
			facts := []touchstone.Fact{b.track(person, 0, "Viewed")}
			for range rapid.IntRange(1, 8).Draw(rt, "events") {
				f := b.identify(person, rapid.IntRange(0, 20).Draw(rt, "minute"), "")
				change := rapid.SampledFrom([]string{`{"plan":"pro"}`, `{"plan":null}`, `{"plan":"pro","n":1}`, `{"n":null}`}).Draw(rt, "traits")
				if f.Traits = touchstone.JSON(change); rapid.Bool().Draw(rt, "operates") {
					f.Traits, f.Context = "", touchstone.JSON(rapid.SampledFrom([]string{`{"traitOperations":{"setOnce":{"plan":"basic"}}}`, `{"traitOperations":{"increment":{"n":2}}}`,
						`{"traitOperations":{"unset":["plan"]}}`, `{"traitOperations":{"delete":true}}`}).Draw(rt, "operation"))
				}
				facts = append(facts, f)
			}
			for len(facts) > 0 {
				n := rapid.IntRange(1, len(facts)).Draw(rt, "batch")
				for _, c := range b.apply(facts[:n]...).Changes {
					if c.Kind != touchstone.TraitChanged {
						continue
					}
					if c.Old != told[c.Name] || c.New == c.Old {
						rt.Fatalf("%s went from %s to %s, but was %s", c.Name, c.Old, c.New, told[c.Name])
					}
					if told[c.Name] = c.New; c.New == "" {
						delete(told, c.Name)
					}
				}
				facts = facts[n:]
			}
			shown := b.get(person).Traits
			if d := gocmp.Diff(shown, told, cmpopts.EquateEmpty()); d != "" {
				rt.Fatalf("shown (-) and told (+): %s", d)
			}
			for name := range shown {
				counted[name]++
			}
			list, err := b.p.Traits(t.Context(), access.System())
			if err != nil {
				rt.Fatal(err)
			}
			for _, one := range list {
				if one.Persons != counted[one.Trait] {
					rt.Fatalf("%d persons are counted to have %s, %d have it", one.Persons, one.Trait, counted[one.Trait])
				}
			}
		})
	})
}

func TestOperationsCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := foldActs(drawActs(t, "a", 0)), foldActs(drawActs(t, "b", 100))
		state := a.append(nil)
		if err := b.decode(state); err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(a.canonical(), b.canonical(), exported); d != "" {
			t.Fatal(d)
		}
		if plain := len(a.operated) == 0 && !a.wasCleared; (state[0] == traitsVersion) != plain {
			t.Fatalf("version %d", state[0])
		}
		for name := range uint32(4) {
			if got, ok := lookUp(state, name); ok && got != a.json(name) || ok != (a.json(name) != "") {
				t.Fatalf("trait %d is %q %v, want %q", name, got, ok, a.json(name))
			}
		}
	})
}

func TestOperationsAreBounded(t *testing.T) {
	x := &traits{}
	for i := range 500 {
		s := stamp{at: int64(i), seq: touchstone.Seq(i)}
		x.operate(1, op{increment, s, "0.1"})
		x.operate(2, op{appended, s, fmt.Sprint(i)})
		x.operate(3, op{setOnce, s, fmt.Sprint(i)})
	}
	if got := x.json(1); got != "50" {
		t.Errorf("0.1 five hundred times is %s", got)
	}
	var list []int
	if err := json.Unmarshal([]byte(x.json(2)), &list); err != nil || len(list) != maxElements || list[0] != 500-maxElements {
		t.Errorf("the list is %s, %v", x.json(2), err)
	}
	if got := x.json(3); got != "0" {
		t.Errorf("the first is %s", got)
	}
	for _, o := range x.operated {
		if len(o.ops) > maxElements {
			t.Errorf("trait %d keeps %d operations", o.name, len(o.ops))
		}
	}
	// Long elements end at the size of a value.
	for i := range 100 {
		x.operate(4, op{appended, stamp{at: int64(i)}, fmt.Sprintf("%q", fmt.Sprintf("%0300d", i))})
	}
	if n := len(x.json(4)); n > maxValueBytes || n < maxValueBytes-400 {
		t.Errorf("a list of %d bytes", n)
	}
	var again traits
	if err := again.decode(x.append(nil)); err != nil {
		t.Error(err)
	}
}

func TestSumsAreExact(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "3", "3"}, {"0.1", "0.2", "0.3"}, {"1e3", "1", "1001"}, {"1.50", "-1.5", "0"}, {"-0.05", "0.025", "-0.025"},
		{"9007199254740993", "2", "9007199254740995"}, {"2.5E-3", "1", "1.0025"}, {"1e999999", "2", "2"}, {"x", "2", "2"}, {"-0", "0", "0"}, {"-0.0", "", "0"},
	} {
		if got := sum(c.a, c.b); got != c.want {
			t.Errorf("%s + %s is %s, not %s", c.a, c.b, got, c.want)
		}
	}
	for in, want := range map[string]string{"12.5": "12.5", sum("1e308", "1e308"): "1.7976931348623157e+308", sum("1e50", "1"): "1e+50"} {
		if got := shown(in); got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s is shown as %s, not %s", in, got, want)
		}
	}
}
