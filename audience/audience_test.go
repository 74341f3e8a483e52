package audience

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

var ctx = context.Background()

// world is everybody, their traits and the segments, in maps: what answers are held against.
type world struct {
	now      time.Time
	traits   map[touchstone.PersonID]map[string]touchstone.JSON
	segments map[string]map[touchstone.PersonID]bool
	sees     map[touchstone.PersonID]bool // nil: everybody
	searches int

	// Of one segment with a rule, and what happened to it.
	rule    touchstone.JSON
	changed []change
	before  map[touchstone.PersonID]map[string]touchstone.JSON // traits as a past question finds them
	reaches time.Time
}

type change struct {
	person  touchstone.PersonID
	entered bool
	at      time.Time
}

func (w *world) Get(_ context.Context, _ *access.Viewer, id string) (segment.Segment, error) {
	if w.segments[id] == nil {
		return segment.Segment{}, touchstone.Errorf(touchstone.NotFound, "there is no segment %s", id)
	}
	one := segment.Segment{ID: id, Name: "the " + id, Kind: segment.KindStatic, Version: 1, CreatedAt: w.now.AddDate(-1, 0, 0)}
	if w.rule != "" {
		one.Kind, one.Rule = segment.KindRule, w.rule
	}
	return one, nil
}

func (w *world) List(context.Context, *access.Viewer) (list []segment.Segment, err error) {
	for id := range w.segments {
		list = append(list, segment.Segment{ID: id})
	}
	return list, nil
}

func (w *world) CheckRule(context.Context, *rule.Rule) error { return nil }

func (w *world) Bitmaps(_ context.Context, ids ...string) (sets []*segment.Bitmap, err error) {
	for _, id := range ids {
		set := roaring64.New()
		for p := range w.segments[id] {
			set.Add(uint64(p)) //nolint:gosec // above 0
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (w *world) VisibleBitmap(context.Context, *access.Viewer) (*segment.Bitmap, error) {
	if w.sees == nil {
		return nil, nil
	}
	set := roaring64.New()
	for p := range w.sees {
		set.Add(uint64(p)) //nolint:gosec // above 0
	}
	return set, nil
}

// subject is one person to a rule.
type ruled struct {
	w      *world
	rule   *rule.Rule
	person touchstone.PersonID
}

func (s ruled) Person() touchstone.PersonID { return s.person }
func (s ruled) Trait(name string) (touchstone.JSON, bool) {
	v, ok := s.w.traits[s.person][name]
	return v, ok
}
func (s ruled) Kept(int) []int64 { return nil }
func (s ruled) InSegment(ref int) (int64, bool) {
	return 1, s.w.segments[s.rule.Segments()[ref]][s.person]
}
func (s ruled) Household(int, int64) (bool, int64) { return false, rule.Never }

func (w *world) Holds(_ context.Context, r *rule.Rule, at time.Time) (sets []*segment.Bitmap, err error) {
	w.searches++
	if !at.IsZero() && w.before != nil {
		then := *w
		then.traits, then.before = w.before, nil
		return then.Holds(ctx, r, time.Time{})
	}
	for _, c := range r.Conditions() {
		set := roaring64.New()
		for p := range w.traits {
			if r.EvalCondition(c, ruled{w, r, p}, w.now.UnixMilli()) {
				set.Add(uint64(p)) //nolint:gosec // above 0
			}
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (w *world) EachChange(_ context.Context, _ string, since time.Time, fn func(touchstone.PersonID, bool, time.Time)) (time.Time, error) {
	for _, c := range w.changed {
		if !c.at.Before(since) {
			fn(c.person, c.entered, c.at)
		}
	}
	return w.reaches, nil
}

func (w *world) History(context.Context, *access.Viewer, string, int) ([]segment.Day, error) {
	return nil, nil
}

func (w *world) CreateStatic(context.Context, segment.Draft, []touchstone.PersonID) (segment.Segment, error) {
	return segment.Segment{}, nil
}

func (w *world) Each(_ context.Context, fn func(touchstone.PersonID, func(string) (touchstone.JSON, bool)) error) error {
	for p := range w.traits {
		if err := fn(p, ruled{w, nil, p}.Trait); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) EachPerson(_ context.Context, _ time.Time, fn func(touchstone.PersonID)) error {
	for p := range w.traits {
		fn(p)
	}
	return nil
}

func (w *world) Traits(context.Context, *access.Viewer) ([]profile.TraitInfo, error) {
	names := map[string]int64{}
	for _, traits := range w.traits {
		for name := range traits {
			names[name]++
		}
	}
	var list []profile.TraitInfo
	for name, n := range names {
		list = append(list, profile.TraitInfo{Trait: name, Persons: n})
	}
	return list, nil
}

func openDB(t testing.TB) *store.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func (w *world) open(t fataler, db *store.DB) *Audience {
	a, err := Open(ctx, Config{DB: db, Segments: w, Profiles: w, Clock: touchstone.ClockFunc(func() time.Time { return w.now })})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func (w *world) viewer() *access.Viewer {
	v := access.System()
	if w.sees != nil {
		v = &access.Viewer{Permissions: v.Permissions, Rows: &access.Rows{Set: "rows_x"}}
	}
	return v
}

// drawWorld draws people with traits, segments, and perhaps a viewer who sees some of them only.
func drawWorld(t *rapid.T) *world {
	w := &world{now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), traits: map[touchstone.PersonID]map[string]touchstone.JSON{}, segments: map[string]map[touchstone.PersonID]bool{}}
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]int64{1, 2, 3, 4, 5, 6, 65_535, 65_536, 70_000, 1 << 20, 1<<32 + 3, 1 << 40}), 0, 12, rapid.ID).Draw(t, "persons")
	limited := rapid.IntRange(0, 3).Draw(t, "limited") == 0
	if limited {
		w.sees = map[touchstone.PersonID]bool{}
	}
	for _, s := range []string{"seg_a", "seg_b"} {
		w.segments[s] = map[touchstone.PersonID]bool{}
	}
	for _, id := range ids {
		p, traits := touchstone.PersonID(id), map[string]touchstone.JSON{}
		for _, name := range []string{"a", "b"} {
			if v := rapid.SampledFrom([]touchstone.JSON{"", "1", "2", `"x"`, `["x","y"]`, `["y"]`}).Draw(t, name); v != "" {
				traits[name] = v
			}
		}
		w.traits[p] = traits
		for _, s := range []string{"seg_a", "seg_b"} {
			if rapid.Bool().Draw(t, s) {
				w.segments[s][p] = true
			}
		}
		if limited && rapid.Bool().Draw(t, "seen") {
			w.sees[p] = true
		}
	}
	return w
}

func drawRule(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind = 3 + kind%3
	}
	switch kind {
	case 0, 1:
		var parts []string
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			parts = append(parts, drawRule(t, depth-1))
		}
		return fmt.Sprintf(`{%q:[%s]}`, []string{"and", "or"}[kind], strings.Join(parts, ","))
	case 2:
		return `{"not":` + drawRule(t, depth-1) + `}`
	case 3:
		return fmt.Sprintf(`{"segment":%q}`, rapid.SampledFrom([]string{"seg_a", "seg_b"}).Draw(t, "segment"))
	}
	return rapid.SampledFrom([]string{`{"trait":"a","op":"exists"}`, `{"trait":"a","op":"eq","value":1}`, `{"trait":"b","op":"not_exists"}`, `{"trait":"b","op":"in","value":["x",2]}`}).Draw(t, "condition")
}

// seen are those whom the viewer sees, in order.
func (w *world) seen() (list []touchstone.PersonID) {
	for p := range w.traits {
		if w.sees == nil || w.sees[p] {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// who are those seen for whom a rule holds, one person after the other.
func (w *world) who(text string) (list []touchstone.PersonID) {
	r, err := rule.Parse(touchstone.JSON(text))
	if err != nil {
		panic(err)
	}
	for _, p := range w.seen() {
		if in, _ := r.Eval(ruled{w, r, p}, w.now.UnixMilli()); in {
			list = append(list, p)
		}
	}
	return list
}

// TestAlgebraIsWhatRulesSay compares counts of rules, parts and steps with asking each person by herself, while
// people are changed, merged and erased between questions.
func TestAlgebraIsWhatRulesSay(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		a := w.open(t, db)
		for range rapid.IntRange(1, 4).Draw(t, "questions") {
			w.checkCount(t, a, drawRule(t, 3), rapid.Bool().Draw(t, "fresh"))
			w.change(t)
		}
	})
}

// change lets something happen, and so much time pass that nothing is known any more, unless nothing happened.
func (w *world) change(t *rapid.T) {
	list := w.seen()
	if len(list) == 0 || rapid.Bool().Draw(t, "nothing happens") {
		return
	}
	p := rapid.SampledFrom(list).Draw(t, "whom")
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0: // erased
		w.remove(p)
	case 1: // merged into the first
		if into := list[0]; into != p {
			for s := range w.segments {
				if w.segments[s][p] {
					w.segments[s][into] = true
				}
			}
			w.remove(p)
		}
	default:
		w.traits[p] = map[string]touchstone.JSON{"a": "1"}
	}
	w.now = w.now.Add(conditionAge + time.Second)
}

func (w *world) remove(p touchstone.PersonID) {
	delete(w.traits, p)
	for s := range w.segments {
		delete(w.segments[s], p)
	}
	if w.sees != nil {
		delete(w.sees, p)
	}
}

func (w *world) checkCount(t *rapid.T, a *Audience, text string, fresh bool) {
	c, err := a.Count(ctx, w.viewer(), Who{Rule: touchstone.JSON(text)}, When{Fresh: fresh}, SampleOf{})
	if err != nil {
		t.Fatal(err)
	}
	members := w.who(text)
	if int(c.Members) != len(members) || int(c.Of) != len(w.seen()) {
		t.Fatalf("%s holds for %d of %d, not for %d of %d", text, len(members), len(w.seen()), c.Members, c.Of)
	}
	newest := slices.Clone(members)
	slices.Reverse(newest)
	if want := newest[:min(len(newest), 2*usualSample)]; !slices.Equal(c.Sample, want) && len(want)+len(c.Sample) > 0 {
		t.Fatalf("the sample of %s is %v, not %v", text, c.Sample, want)
	}
	r, _ := rule.Parse(touchstone.JSON(text))
	at := map[string]string{} // texts of parts
	partsOf(r).each(func(p *part) { at[p.path] = string((&rule.Rule{Root: nodeAt(r.Root, p.path)}).JSON()) })
	if len(c.Conditions)+len(c.Groups) != len(at) {
		t.Fatalf("%s has %d parts, not %d and %d", text, len(at), len(c.Conditions), len(c.Groups))
	}
	for _, one := range slices.Concat(c.Conditions, c.Groups) {
		if want := len(w.who(at[one.Path])); int(one.Members) != want {
			t.Fatalf("%q of %s holds for %d, not for %d", one.Path, text, want, one.Members)
		}
	}
	w.checkSteps(t, c, at)
}

// nodeAt finds a part of a rule by its path.
func nodeAt(n rule.Node, path string) rule.Node {
	for path != "" {
		var word string
		word, path, _ = strings.Cut(path, ".")
		switch x := n.(type) {
		case *rule.Not:
			n = x.Of
			continue
		case *rule.And:
			word, path, _ = strings.Cut(path, ".")
			n = x.Of[word[0]-'0']
		case *rule.Or:
			word, path, _ = strings.Cut(path, ".")
			n = x.Of[word[0]-'0']
		}
	}
	return n
}

// checkSteps follows the definition of a waterfall: what is left after each step, and who is out (in) by it alone.
func (w *world) checkSteps(t *rapid.T, c Count, at map[string]string) {
	in := func(path string, p touchstone.PersonID) bool { return slices.Contains(w.who(at[path]), p) }
	before := len(w.seen())
	if c.Waterfall.Mode == "or" {
		before = 0
	}
	for i, step := range c.Waterfall.Steps {
		left, only := 0, 0
		for _, p := range w.seen() {
			so, others := true, true
			if c.Waterfall.Mode == "or" {
				so, others = false, false
			}
			for j, other := range c.Waterfall.Steps {
				holds := in(other.Path, p)
				if c.Waterfall.Mode == "and" {
					so = so && (j > i || holds)
					others = others && (j == i || holds)
				} else {
					so = so || j <= i && holds
					others = others || j != i && holds
				}
			}
			if so {
				left++
			}
			if others == (c.Waterfall.Mode == "and") && in(step.Path, p) != others {
				only++
			}
		}
		if int(step.Left) != left || int(step.Change) != left-before || int(step.Only) != only || int(step.Members) != len(w.who(at[step.Path])) {
			t.Fatalf("step %d of %v: %d left and %d by it alone, not %+v", i, c.Waterfall, left, only, step)
		}
		before = left
	}
	if int64(before) != c.Members {
		t.Fatalf("the waterfall ends at %d of %d", before, c.Members)
	}
}

// TestOverlapPartsTheUnion holds exclusive intersections against each person's own.
func TestOverlapPartsTheUnion(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		a := w.open(t, db)
		var list []Who
		var texts []string
		for range rapid.IntRange(2, MostSets).Draw(t, "sets") {
			text := drawRule(t, 1)
			list, texts = append(list, Who{Rule: touchstone.JSON(text)}), append(texts, text)
		}
		o, err := a.Overlap(ctx, w.viewer(), list, When{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, union := map[string]int64{}, int64(0)
		for _, p := range w.seen() {
			in := []int{}
			for i, text := range texts {
				if slices.Contains(w.who(text), p) {
					in = append(in, i)
				}
			}
			if len(in) > 0 {
				want[fmt.Sprint(in)]++
				union++
			}
		}
		got := map[string]int64{}
		for i, one := range o.Intersections {
			got[fmt.Sprint(one.In)] = one.Members
			if i > 0 && one.Members > o.Intersections[i-1].Members {
				t.Fatalf("not the largest first: %v", o.Intersections)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || o.Union != union {
			t.Fatalf("the parts are %v of %d, not %v of %d", want, union, got, o.Union)
		}
	})
}

// TestPortraitCountsEachPerson holds a portrait's numbers against each person's own traits.
func TestPortraitCountsEachPerson(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		a := w.open(t, db)
		text := drawRule(t, 2)
		for range 2 {
			w.checkPortrait(t, a, text)
			w.change(t)
			w.now = w.now.Add(valueAge)
		}
	})
}

func (w *world) checkPortrait(t *rapid.T, a *Audience, text string) {
	if len(w.traits) == 0 {
		return
	}
	var fields []FieldName
	known, err := a.Fields(ctx, w.viewer())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range known {
		fields = append(fields, FieldName{k.Trait})
	}
	if len(fields) == 0 {
		return
	}
	p, err := a.Portrait(ctx, w.viewer(), Who{Rule: touchstone.JSON(text)}, When{}, fields, 100)
	if err != nil {
		t.Fatal(err)
	}
	members := w.who(text)
	for i, f := range p.Fields {
		want := map[touchstone.JSON][2]int64{}
		var knownIn, knownOf int64
		for _, person := range w.seen() {
			v, ok := w.traits[person][fields[i].Trait]
			if !ok {
				continue
			}
			in := int64(0)
			if slices.Contains(members, person) {
				in = 1
			}
			knownIn, knownOf = knownIn+in, knownOf+1
			for one := range strings.SplitSeq(strings.Trim(string(v), "[]"), ",") {
				was := want[touchstone.JSON(one)]
				want[touchstone.JSON(one)] = [2]int64{was[0] + in, was[1] + 1}
			}
		}
		got := map[touchstone.JSON][2]int64{}
		for _, v := range f.Values {
			got[v.Value] = [2]int64{v.Members, v.All}
			if v.Index != nil && (*v.Low > *v.Index || *v.Index > *v.High) {
				t.Fatalf("the interval %v to %v is beside %v", *v.Low, *v.High, *v.Index)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || f.Known != knownIn || f.KnownOf != knownOf || f.Different != len(want) {
			t.Fatalf("%s of %s: %v of %d and %d, not %v of %d and %d", f.Trait, text, want, knownIn, knownOf, got, f.Known, f.KnownOf)
		}
	}
}

// TestConditionsAreKnownForAWhile shows that regrouping asks nobody, that an answer says how old it is, and that fresh asks again.
func TestConditionsAreKnownForAWhile(t *testing.T) {
	w := &world{now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), traits: map[touchstone.PersonID]map[string]touchstone.JSON{1: {"a": "1"}, 2: {"a": "1", "b": "2"}}, segments: map[string]map[touchstone.PersonID]bool{}}
	a := w.open(t, openDB(t))
	began := w.now
	count := func(text string, fresh bool) Count {
		t.Helper()
		c, err := a.Count(ctx, w.viewer(), Who{Rule: touchstone.JSON(text)}, When{Fresh: fresh}, SampleOf{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const x, y = `{"trait":"a","op":"eq","value":1}`, `{"trait":"b","op":"exists"}`
	if c := count(`{"and":[`+x+`,`+y+`]}`, false); c.Members != 1 || w.searches != 1 {
		t.Fatalf("%d members after %d searches", c.Members, w.searches)
	}
	w.now = w.now.Add(conditionAge - time.Second)
	w.traits[3] = map[string]touchstone.JSON{"b": "2"}
	if c := count(`{"or":[`+y+`,{"not":`+x+`}]}`, false); c.Members != 1 || w.searches != 1 || !c.AsOf.Equal(began) {
		t.Fatalf("%d members as of %s after %d searches", c.Members, c.AsOf, w.searches)
	}
	if c := count(y, true); c.Members != 2 || w.searches != 2 || !c.AsOf.Equal(w.now) {
		t.Fatalf("afresh: %d members as of %s after %d searches", c.Members, c.AsOf, w.searches)
	}
	w.now = w.now.Add(2 * time.Second)
	if c := count(x, false); c.Members != 2 || w.searches != 3 {
		t.Fatalf("half a minute later: %d members after %d searches", c.Members, w.searches)
	}
}

// TestRangesHoldEverybodyOnce parts numbers and times into ranges that share nobody and leave out nobody.
func TestRangesHoldEverybodyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.Bool().Draw(t, "times")
		r := &fieldReader{by: map[string][]uint64{}, kinds: map[string]int{}}
		xs := rapid.SliceOfN(rapid.IntRange(0, 60), 25, 200).Draw(t, "numbers")
		for i, x := range xs {
			text := touchstone.JSON(fmt.Sprint(x))
			if times {
				text = touchstone.JSON(`"` + time.Unix(int64(x)*86400, 0).UTC().Format(time.DateOnly) + `"`)
			}
			r.add(uint64(i+1), text) //nolint:gosec // above 0
		}
		f := r.field("x", time.Time{})
		if len(r.by) <= fewNumbers {
			return
		}
		seen := roaring64.New()
		for i, v := range f.values {
			if seen.Intersects(v.set) || v.set.IsEmpty() || (i == 0) != (v.from == "") || (i == len(f.values)-1) != (v.to == "") || i > 0 && f.values[i-1].to != v.from {
				t.Fatalf("range %d of %v", i, f.values)
			}
			seen.Or(v.set)
		}
		if !seen.Equals(f.known) || len(f.values) > ranges || len(f.values) < 2 {
			t.Fatalf("%d of %d are in %d ranges", seen.GetCardinality(), f.known.GetCardinality(), len(f.values))
		}
	})
}

// TestKnownIsBounded keeps to its room, and lets go of what was not asked for the longest.
func TestKnownIsBounded(t *testing.T) {
	k := newKnown(2_000, newMetrics(nil))
	now := time.Unix(1000, 0)
	for i := range 100 {
		k.put(fmt.Sprint("c", i), roaring64.BitmapOf(uint64(i)), now) //nolint:gosec // small
		if k.get("c0", now) == nil && k.sets["c0"] != nil {
			t.Fatal("what is there is not found")
		}
		if k.bytes > k.budget {
			t.Fatalf("%d bytes of %d", k.bytes, k.budget)
		}
	}
	if k.get("c0", now) == nil || k.get("c99", now) == nil || k.get("c50", now) != nil {
		t.Fatal("what was asked for last is gone, or what was not is there")
	}
}

// moved is a segment "a is 1 and b is there" of people to whom something happened in the last hours.
func moved() *world {
	one := func(a, b touchstone.JSON) map[string]touchstone.JSON {
		m := map[string]touchstone.JSON{}
		if a != "" {
			m["a"] = a
		}
		if b != "" {
			m["b"] = b
		}
		return m
	}
	w := &world{now: time.Date(2026, 5, 1, 12, 30, 0, 0, time.UTC), rule: `{"and":[{"trait":"a","op":"eq","value":1},{"trait":"b","op":"exists"}]}`}
	w.before = map[touchstone.PersonID]map[string]touchstone.JSON{1: one("", "2"), 2: one("", ""), 3: one("1", "2"), 4: one("1", "2"), 5: one("1", "2"), 6: one("1", "2")}
	w.traits = map[touchstone.PersonID]map[string]touchstone.JSON{1: one("1", "2"), 2: one("1", "2"), 3: one("", "2"), 4: one("1", "2"), 5: one("1", "2"), 6: one("1", "2"), 7: one("1", "2")}
	w.segments = map[string]map[touchstone.PersonID]bool{"seg_a": {1: true, 2: true, 4: true, 5: true, 6: true, 7: true}, "seg_b": {1: true, 3: true, 9: true}}
	at := func(h int) time.Time { return w.now.Add(-time.Duration(h) * time.Hour) }
	w.changed = []change{{5, true, at(40)}, {4, false, at(9)}, {4, true, at(3)}, {1, true, at(3)}, {2, true, at(2)}, {7, true, at(1)}, {3, false, at(0)}}
	return w
}

func TestFlowTellsWhy(t *testing.T) {
	w := moved()
	a := w.open(t, openDB(t))
	f, err := a.Flow(ctx, w.viewer(), "seg_a", 24, true)
	if err != nil {
		t.Fatal(err)
	}
	if f.Entered != 4 || f.Left != 2 || f.StayedOut != 1 || f.CameBack != 1 || !f.Complete {
		t.Errorf("the flow: %+v", f)
	}
	if fmt.Sprint(f.FromOther) != "[{seg_b  1}]" || fmt.Sprint(f.ToOther) != "[{seg_b  1}]" {
		t.Errorf("besides: %v, %v", f.FromOther, f.ToOther)
	}
	// 1 by a; 2 by a and b; 7, of whom nothing was known, by both; 4 came back as it was. 3 left by a.
	if got := fmt.Sprint(f.Reasons.Parts, f.Reasons.Unexplained); got != "[{and.0 3 1} {and.1 2 0}] { 1 0}" {
		t.Errorf("the reasons: %s", got)
	}
	if f, err = a.Flow(ctx, w.viewer(), "seg_a", 1, false); err != nil || f.Reasons != nil || f.Entered != 1 {
		t.Errorf("without asking why: %+v, %v", f, err)
	}
	w.reaches = w.now.Add(-time.Hour)
	if f, err = a.Flow(ctx, w.viewer(), "seg_a", 24, false); err != nil || f.Complete {
		t.Errorf("a feed that has forgotten: %+v, %v", f, err)
	}
}

func TestTrendCountsBack(t *testing.T) {
	w := moved()
	a := w.open(t, openDB(t))
	trend := func() (text string) {
		t.Helper()
		got, err := a.Trend(ctx, w.viewer(), "seg_a", "hour", 11)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got.Points {
			text += fmt.Sprintf("%d:%d+%d-%d ", p.From.Hour(), p.Members, p.Entered, p.Left)
		}
		return text
	}
	if got, want := trend(), "2:4+0-0 3:3+0-1 4:3+0-0 5:3+0-0 6:3+0-0 7:3+0-0 8:3+0-0 9:5+2-0 10:6+1-0 11:7+1-0 12:6+0-1 "; got != want {
		t.Errorf("by hour: %s\n want     %s", got, want)
	}
	w.reaches = w.now.Add(-3 * time.Hour)
	if got, want := trend(), "9:5+2-0 10:6+1-0 11:7+1-0 12:6+0-1 "; got != want {
		t.Errorf("of what the feed knows: %s, want %s", got, want)
	}
	w.sees = map[touchstone.PersonID]bool{1: true, 3: true}
	if got, want := trend(), "9:2+1-0 10:2+0-0 11:2+0-0 12:1+0-1 "; got != want {
		t.Errorf("of whom the viewer sees: %s, want %s", got, want)
	}
}
