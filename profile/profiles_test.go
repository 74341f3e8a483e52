package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// bench drives profiles as the pipeline does.
type bench struct {
	t   testing.TB
	db  *store.DB
	p   *Profiles
	seq int
	ids identifiers
}

// identifiers stands in for identity.
type identifiers map[touchstone.PersonID][]touchstone.Identifier

func (m identifiers) IdentifiersOf(context.Context, []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error) {
	return m, nil
}

func (m identifiers) FindIdentifiers(_ context.Context, prefix string, after touchstone.Identifier, limit int) (ids []touchstone.Identifier, persons []touchstone.PersonID, err error) {
	type match struct {
		id     touchstone.Identifier
		person touchstone.PersonID
	}
	var all []match
	for p, list := range m {
		for _, id := range list {
			if strings.HasPrefix(id.Value, prefix) && (id.Value > after.Value || id.Value == after.Value && id.Kind > after.Kind) {
				all = append(all, match{id, p})
			}
		}
	}
	slices.SortFunc(all, func(a, b match) int {
		return strings.Compare(a.id.Value+string(a.id.Kind), b.id.Value+string(b.id.Kind))
	})
	for _, m := range all[:min(limit, len(all))] {
		ids, persons = append(ids, m.id), append(persons, m.person)
	}
	return ids, persons, nil
}

func newBench(t testing.TB, db *store.DB, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, db: db, ids: identifiers{}}
	cfg := Config{DB: db, Identifiers: b.ids, Channel: func(source string) string { return strings.TrimPrefix(source, "src_") }}
	for _, c := range change {
		c(&cfg)
	}
	p, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.p = p
	return b
}

func (b *bench) track(person touchstone.PersonID, minute int, name string) touchstone.Fact {
	b.seq++
	f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(b.seq), 0), Node: touchstone.NodeID(person), Person: person}
	f.Type, f.Name, f.MessageID, f.Source = touchstone.Track, name, fmt.Sprint("m", b.seq), "src_web"
	f.Time = day.Add(time.Duration(minute) * time.Minute)
	f.ReceivedAt = f.Time
	return f
}

func (b *bench) identify(person touchstone.PersonID, minute int, traits string) touchstone.Fact {
	f := b.track(person, minute, "$identify")
	f.Type, f.Traits = touchstone.Identify, touchstone.JSON(traits)
	return f
}

var errStop = errors.New("stop here")

func (b *bench) try(fail bool, changes []touchstone.Change, facts ...touchstone.Fact) (*touchstone.Batch, error) {
	batch := &touchstone.Batch{Now: day, Facts: slices.Clone(facts), Changes: slices.Clone(changes)}
	err := b.db.Update(context.Background(), func(tx *store.Tx) error {
		if err := b.p.Apply(context.Background(), tx, batch); err != nil {
			return err
		}
		if fail {
			return errStop
		}
		return nil
	})
	if err != nil {
		b.p.Rollback()
		return nil, err
	}
	b.p.Committed(batch)
	return batch, nil
}

func (b *bench) apply(facts ...touchstone.Fact) *touchstone.Batch {
	b.t.Helper()
	return b.change(nil, facts...)
}

func (b *bench) change(changes []touchstone.Change, facts ...touchstone.Fact) *touchstone.Batch {
	b.t.Helper()
	batch, err := b.try(false, changes, facts...)
	if err != nil {
		b.t.Fatal(err)
	}
	return batch
}

func (b *bench) get(id touchstone.PersonID) *Profile {
	b.t.Helper()
	v, err := b.p.Get(context.Background(), access.System(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func traitChanges(batch *touchstone.Batch) (out []string) {
	for _, c := range batch.Changes {
		if c.Kind == touchstone.TraitChanged {
			out = append(out, fmt.Sprintf("%s %s: %s -> %s", c.Person, c.Name, c.Old, c.New))
		}
	}
	return out
}

func TestProfileOfAPerson(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.ids[7] = []touchstone.Identifier{{Kind: "user_id", Value: "u7"}}
		view := b.track(7, 0, "Viewed")
		view.Context = `{"library":{"name":"analytics-ios"},"location":{"city":"上海","country":"CN"},"ip":"1.2.3.4"}`
		consent := b.track(7, 1, "Viewed")
		consent.Context = `{"consent":{"categoryPreferences":{"Advertising":true,"Analytics":false}},"traits":{"plan":"pro"},"channel":"browser"}`
		group := b.track(7, 2, "$group")
		group.Type, group.GroupID, group.Traits = touchstone.Group, "acme", `{"name":"Acme Inc."}`
		later := b.identify(7, 60, `{"firstName":"伟","lastName":"张","email":"wei@example.com","age":30,"address":{"city":"上海"},"gone":1}`)
		unset := b.identify(7, 61, `{"gone":null}`)
		batch := b.apply(view, consent, group, later, unset)
		want := []string{
			`p_7 plan:  -> "pro"`, `p_7 firstName:  -> "伟"`, `p_7 lastName:  -> "张"`, `p_7 email:  -> "wei@example.com"`, `p_7 age:  -> 30`,
			`p_7 address:  -> {"city":"上海"}`, `p_7 gone:  -> 1`, `p_7 gone: 1 -> `,
		}
		if d := gocmp.Diff(want, traitChanges(batch)); d != "" {
			t.Error(d)
		}
		name, city, country := "张伟", "上海", "CN"
		at := func(minute int) time.Time { return day.Add(time.Duration(minute) * time.Minute) }
		profile := &Profile{
			ID: 7, Name: &name, Known: true, City: &city, Country: &country,
			Traits:    map[string]touchstone.JSON{"plan": `"pro"`, "firstName": `"伟"`, "lastName": `"张"`, "email": `"wei@example.com"`, "age": "30", "address": `{"city":"上海"}`},
			Groups:    []Group{{"acme", at(2)}},
			Consent:   `{"Advertising":true,"Analytics":false}`,
			FirstSeen: at(0), LastSeen: at(61),
			First: Origin{"src_web", "app"}, Last: Origin{"src_web", "web"},
			Counters: Counters{Events: 5, Sessions: 2, ByEvent: map[string]uint64{"Viewed": 2, "$group": 1, "$identify": 2},
				ByChannel: map[string]uint64{"app": 1, "web": 4}, BySource: map[string]uint64{"src_web": 5}},
		}
		got := b.get(7)
		if d := gocmp.Diff(profile, got, cmpopts.IgnoreFields(Profile{}, "TraitMeta")); d != "" {
			t.Error(d)
		}
		if m := got.TraitMeta["plan"]; m != (TraitMeta{at(1), "src_web"}) {
			t.Errorf("plan comes from %+v", m)
		}
		if _, err := b.p.Get(context.Background(), access.System(), 8); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("a stranger: %v", err)
		}
	})
}

func TestLastValueByEventTimeWins(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.identify(1, 10, `{"city":"Paris"}`))
		if d := traitChanges(b.apply(b.identify(1, 5, `{"city":"Rome"}`), b.identify(1, 5, `{"zip":null}`), b.identify(1, 3, `{"zip":"1"}`))); d != nil {
			t.Errorf("older events changed %v", d)
		}
		same := b.apply(b.identify(1, 10, `{"city":"Oslo"}`)) // later in the log
		if d := gocmp.Diff([]string{`p_1 city: "Paris" -> "Oslo"`}, traitChanges(same)); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff(map[string]touchstone.JSON{"city": `"Oslo"`}, b.get(1).Traits); d != "" {
			t.Error(d)
		}
		if got := b.get(1); got.FirstSeen != day.Add(3*time.Minute) || got.LastSeen != day.Add(10*time.Minute) {
			t.Errorf("seen from %v to %v", got.FirstSeen, got.LastSeen)
		}
	})
}

func merged(kept, absorbed touchstone.PersonID) touchstone.Change {
	return touchstone.Change{Kind: touchstone.PersonsMerged, Person: kept, Other: absorbed, Time: day}
}

func TestMergedPersonsShareOneProfile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.identify(1, 0, `{"name":"Ann","city":"Rome"}`), b.track(2, 5, "Viewed"), b.identify(3, 9, `{"name":"Bob","age":3}`), b.track(4, 1, "Viewed"))
		// 3 into 2, 2 into 1; 5 was made and absorbed in this batch; 6 is new and keeps 9, which never was.
		batch := b.change([]touchstone.Change{merged(2, 3), merged(1, 2), merged(1, 5), merged(6, 9)}, b.track(1, 10, "Viewed"), b.track(1, 11, "Bought"))
		if d := gocmp.Diff([]string{`p_2 age:  -> 3`, `p_2 name:  -> "Bob"`, `p_1 age:  -> 3`, `p_1 name: "Ann" -> "Bob"`}, traitChanges(batch)); d != "" {
			t.Error(d)
		}
		got := b.get(1)
		if got.Counters.Events != 5 || got.Counters.ByEvent["Viewed"] != 2 || string(got.Traits["name"]) != `"Bob"` || string(got.Traits["city"]) != `"Rome"` {
			t.Errorf("%+v", got)
		}
		for _, gone := range []touchstone.PersonID{2, 3, 5, 6, 9} {
			if _, err := b.p.Get(context.Background(), access.System(), gone); touchstone.KindOf(err) != touchstone.NotFound {
				t.Errorf("person %d: %v", gone, err)
			}
		}
		if n, err := b.p.Count(context.Background()); n != 2 || err != nil {
			t.Errorf("%d persons, %v", n, err)
		}
		found, _, err := b.p.Search(context.Background(), access.System(), "bob", 10, "")
		if err != nil || len(found) != 1 || found[0].ID != 1 {
			t.Errorf("found %+v, %v", found, err)
		}
		if err := b.p.Flush(context.Background(), noFence); err != nil {
			t.Fatal(err)
		}
		catalogue, err := b.p.Traits(context.Background(), access.System())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range catalogue {
			if c.Persons != 1 || len(c.Examples) != 1 {
				t.Errorf("%+v", c)
			}
		}
		// A merge without any fact of the person.
		b.change([]touchstone.Change{merged(1, 4)})
		if n := b.get(1).Counters.Events; n != 6 {
			t.Errorf("%d events", n)
		}
	})
}

func TestBoundsKeepProfilesSmall(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		var many strings.Builder
		for i := range maxTraits + 100 {
			fmt.Fprintf(&many, `,"t%d":%d`, i, i)
		}
		long := strings.Repeat("x", maxWordBytes+1)
		b.apply(
			b.identify(1, 0, "{"+many.String()[1:]+"}"),
			b.identify(2, 0, `{"big":"`+strings.Repeat("x", maxValueBytes)+`","`+long+`":1,"ok":1,"\u0000":1,"":1}`),
			b.track(2, 1, long), b.track(0, 1, "nobody's"),
		)
		if n := len(b.get(1).Traits); n != maxTraits {
			t.Errorf("%d traits", n)
		}
		got := b.get(2)
		if d := gocmp.Diff(map[string]touchstone.JSON{"ok": "1"}, got.Traits); d != "" {
			t.Error(d)
		}
		if got.Counters.ByEvent["other"] != 1 {
			t.Errorf("%v", got.Counters.ByEvent)
		}
	})
}

func TestHostileContextsAreHarmless(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		for i, c := range []string{`[]`, `"x"`, `1`, `{"traits":"x","consent":7,"location":[],"channel":{},"library":null}`, `{"consent":{"categoryPreferences":"all"}}`,
			`{"traits":{"a":1,"a":2}}`, `{"channel":"` + strings.Repeat("c", 1000) + `"}`, `{`, `{"traits":{`} {
			f := b.track(1, i, "Viewed")
			f.Context = touchstone.JSON(c)
			b.apply(f)
		}
		if got := b.get(1); got.Counters.Events != 9 || got.Consent != "{}" || len(got.Traits) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestSearchPages(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.ids[3] = []touchstone.Identifier{{Kind: "email", Value: "anna@example.com"}, {Kind: "user_id", Value: "an-3"}}
		b.ids[4] = []touchstone.Identifier{{Kind: "user_id", Value: "an-4"}}
		b.apply(b.identify(1, 50, `{"name":"Anna Karenina"}`), b.identify(2, 40, `{"name":"Leo","email":"Ann@example.com"}`), b.track(3, 30, "Viewed"), b.track(4, 20, "Viewed"),
			b.identify(5, 10, `{"name":"安娜"}`))
		search := func(q string) (found []touchstone.PersonID) {
			for cursor := ""; ; {
				list, next, err := b.p.Search(context.Background(), access.System(), q, 2, cursor)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range list {
					found = append(found, s.ID)
				}
				if cursor = next; next == "" {
					return found
				}
			}
		}
		for q, want := range map[string][]touchstone.PersonID{
			"": {1, 2, 3, 4, 5}, "an": {3, 4, 3, 2, 1}, "  ANN ": {2, 1}, "anna  k": {1}, "karen": {1}, "安": {5}, "娜": {5}, "p_2": {2}, "zzz": nil,
		} {
			if d := gocmp.Diff(want, search(q)); d != "" {
				t.Errorf("%q: %s", q, d)
			}
		}
		b.apply(b.identify(1, 60, `{"name":"Vronsky"}`), b.identify(2, 60, `{"email":null}`))
		if got := search("anna k"); got != nil {
			t.Errorf("an old name finds %v", got)
		}
		if d := gocmp.Diff([]touchstone.PersonID{2, 1, 3, 4, 5}, search("")); d != "" {
			t.Error(d)
		}
		if _, _, err := b.p.Search(context.Background(), access.System(), "", 2, "???"); touchstone.KindOf(err) != touchstone.Invalid {
			t.Error(err)
		}
	})
}

func TestRecentListGoesOnByDay(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		var facts []touchstone.Fact
		const n = maxRecent + 500
		for i := range n {
			facts = append(facts, b.track(touchstone.PersonID(i+1), -60*i, "Viewed"))
		}
		b.apply(facts...)
		for _, restarted := range []bool{false, true} {
			if restarted {
				b = newBench(t, db)
			}
			seen := map[touchstone.PersonID]bool{}
			last := day.Add(time.Hour)
			for cursor := ""; ; {
				list, next, err := b.p.Search(context.Background(), access.System(), "", 97, cursor)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range list {
					if seen[s.ID] {
						t.Fatalf("%s comes twice", s.ID)
					}
					seen[s.ID] = true
					if s.LastSeen.Truncate(24 * time.Hour).After(last) {
						t.Fatalf("%v after %v", s.LastSeen, last)
					}
					last = s.LastSeen
				}
				if cursor = next; next == "" {
					break
				}
			}
			if len(seen) != n {
				t.Fatalf("saw %d of %d", len(seen), n)
			}
		}
	})
}

func TestTraitsAreReadyForLaterStages(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		big := `"` + strings.Repeat("x", 7000) + `"`
		var huge strings.Builder
		for i := range 10 {
			fmt.Fprintf(&huge, `,"h%d":%s`, i, big)
		}
		b.apply(b.identify(1, 0, `{"city":"Rome"}`), b.identify(2, 0, `{"city":"Oslo"`+huge.String()+`}`), b.identify(3, 0, `{"city":"Bonn"}`), b.track(4, 0, "Viewed"))
		check := func(when string, ids ...touchstone.PersonID) {
			for _, id := range ids {
				want := map[touchstone.PersonID]string{1: `"Rome"`, 2: `"Oslo"`, 3: `"Bonn"`, 4: ""}[id]
				trait := b.p.TraitsOf(id)
				if got, ok := trait("city"); string(got) != want || ok != (want != "") {
					t.Errorf("%s: city of %d is %q %v", when, id, got, ok)
				}
				if _, ok := trait("never"); ok {
					t.Errorf("%s: an unknown trait", when)
				}
			}
		}
		inside := func(when string, facts []touchstone.Fact, then func(tx *store.Tx)) {
			err := db.Update(context.Background(), func(tx *store.Tx) error {
				if err := b.p.Apply(context.Background(), tx, &touchstone.Batch{Now: day, Facts: facts}); err != nil {
					return err
				}
				then(tx)
				return nil
			})
			if err != nil {
				t.Fatal(when, err)
			}
		}
		for _, when := range []string{"cold", "warm"} {
			if when == "cold" {
				b.p.Rollback()
			}
			inside(when, []touchstone.Fact{b.track(1, 1, "Viewed"), b.track(2, 1, "Viewed"), b.track(4, 1, "Viewed")}, func(tx *store.Tx) {
				check(when, 1, 2, 4)
				if err := b.p.Prefetch(context.Background(), tx, []touchstone.PersonID{3, 2}); err != nil {
					t.Fatal(err)
				}
				check(when, 3, 1)
			})
		}
		inside("changed", []touchstone.Fact{b.identify(2, 2, `{"city":"Oslo","x":1}`)}, func(*store.Tx) { check("changed", 2) })

		var ids []touchstone.PersonID
		cities := map[touchstone.PersonID]string{}
		err := b.p.Each(context.Background(), func(id touchstone.PersonID, trait func(string) (touchstone.JSON, bool)) error {
			ids = append(ids, id)
			if city, ok := trait("city"); ok {
				cities[id] = string(city)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff([]touchstone.PersonID{1, 2, 3, 4}, ids); d != "" {
			t.Error(d)
		}
		for _, at := range []time.Time{{}, time.Now().Add(1000 * time.Hour), time.UnixMilli(0)} { // everybody, everybody by then, nobody yet
			var known []touchstone.PersonID
			if err := b.p.EachPerson(context.Background(), at, func(id touchstone.PersonID) { known = append(known, id) }); err != nil {
				t.Fatal(err)
			}
			want := ids
			if at.Equal(time.UnixMilli(0)) {
				want = nil
			}
			if d := gocmp.Diff(want, known); d != "" {
				t.Error(at, d)
			}
		}
		if d := gocmp.Diff(map[touchstone.PersonID]string{1: `"Rome"`, 2: `"Oslo"`, 3: `"Bonn"`}, cities); d != "" {
			t.Error(d)
		}
	})
}

func TestCatalogueOfTraits(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		var facts []touchstone.Fact
		for i := range 200 {
			facts = append(facts, b.identify(touchstone.PersonID(i+1), 0, fmt.Sprintf(`{"id":%d,"city":"%s"}`, i, []string{"Rome", "Oslo", "Rome", "Rome"}[i%4])))
		}
		facts = append(facts, b.track(500, 0, "Viewed"), b.identify(1, 1, `{"city":7}`), b.identify(2, 1, `{"city":null,"id":null}`))
		b.apply(facts...)
		b.p.Rollback() // what was counted is in the store
		b.apply(b.identify(600, 0, `{"id":1}`))
		b.p.Rollback() // the count of persons, even if nothing else
		got, err := b.p.Traits(context.Background(), access.System())
		if err != nil {
			t.Fatal(err)
		}
		want := TraitInfo{Trait: "city", Type: "string", Types: map[string]int64{"string": 198, "number": 1}, Persons: 199, FillRate: 199.0 / 202, Examples: []touchstone.JSON{`"Rome"`, `"Oslo"`, "7"}}
		if d := gocmp.Diff(want, got[0]); d != "" {
			t.Error(d)
		}
		if got[1].Type != "number" || got[1].Persons != 200 || len(got[1].Examples) != 5 {
			t.Errorf("%+v", got[1])
		}
		values, err := b.p.Values(context.Background(), access.System(), "city", "o", 10)
		if d := gocmp.Diff([]touchstone.JSON{`"Rome"`, `"Oslo"`}, values); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

// TestStoredProfilesEqualPureOnes runs random events and merges in random batches, with
// failures and cold caches between, against the states folded without a store.
func TestStoredProfilesEqualPureOnes(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		base := touchstone.PersonID(0)
		rapid.Check(t, func(rt *rapid.T) {
			base += 100
			pure := &fakeProfiles{traits: map[touchstone.PersonID]map[string]fakeTrait{}, events: map[touchstone.PersonID]map[string]uint64{}, into: map[touchstone.PersonID]touchstone.PersonID{}}
			for range rapid.IntRange(1, 6).Draw(rt, "batches") {
				var facts []touchstone.Fact
				var changes []touchstone.Change
				if kept, gone := pure.draw(rt, base), pure.draw(rt, base); kept < gone && rapid.Bool().Draw(rt, "merge") {
					changes = append(changes, merged(kept, gone))
					pure.merge(kept, gone)
				}
				for range rapid.IntRange(0, 8).Draw(rt, "events") {
					person := pure.draw(rt, base)
					f := b.track(person, rapid.IntRange(0, 50).Draw(rt, "minute"), fmt.Sprint("e", rapid.IntRange(0, 3).Draw(rt, "event")))
					if rapid.Bool().Draw(rt, "identify") {
						f.Type = touchstone.Identify
						f.Traits = touchstone.JSON(fmt.Sprintf(`{"t%d":%s}`, rapid.IntRange(0, 3).Draw(rt, "trait"), rapid.SampledFrom([]string{"null", "1", `"x"`}).Draw(rt, "value")))
					}
					facts = append(facts, f)
					pure.fold(f)
				}
				switch rapid.IntRange(0, 5).Draw(rt, "trouble") {
				case 0:
					if _, err := b.try(true, changes, facts...); !errors.Is(err, errStop) {
						rt.Fatal(err)
					}
				case 1:
					b.p.Rollback()
				}
				b.change(changes, facts...)
			}
			pure.compare(rt, b)
		})
	})
}

type fakeTrait struct {
	json string
	at   time.Time
	seq  touchstone.Seq
}

type fakeProfiles struct {
	traits map[touchstone.PersonID]map[string]fakeTrait
	events map[touchstone.PersonID]map[string]uint64
	into   map[touchstone.PersonID]touchstone.PersonID
}

// draw picks a person that was not absorbed.
func (p *fakeProfiles) draw(t *rapid.T, base touchstone.PersonID) touchstone.PersonID {
	id := base + touchstone.PersonID(rapid.IntRange(1, 5).Draw(t, "person"))
	for p.into[id] != 0 {
		id = p.into[id]
	}
	return id
}

func (p *fakeProfiles) set(id touchstone.PersonID, name string, v fakeTrait) {
	if p.traits[id] == nil {
		p.traits[id] = map[string]fakeTrait{}
	}
	old, ok := p.traits[id][name]
	if !ok || v.at.After(old.at) || v.at.Equal(old.at) && v.seq > old.seq {
		p.traits[id][name] = v
	}
}

func (p *fakeProfiles) fold(f touchstone.Fact) {
	if p.events[f.Person] == nil {
		p.events[f.Person] = map[string]uint64{}
	}
	p.events[f.Person][f.Name]++
	if f.Traits != "" {
		name, value, _ := strings.Cut(strings.Trim(string(f.Traits), "{}"), ":")
		p.set(f.Person, strings.Trim(name, `"`), fakeTrait{value, f.Time, f.Seq})
	}
}

func (p *fakeProfiles) merge(kept, gone touchstone.PersonID) {
	p.into[gone] = kept
	for name, v := range p.traits[gone] {
		p.set(kept, name, v)
	}
	for name, n := range p.events[gone] {
		if p.events[kept] == nil {
			p.events[kept] = map[string]uint64{}
		}
		p.events[kept][name] += n
	}
	delete(p.traits, gone)
	delete(p.events, gone)
}

func (p *fakeProfiles) compare(t *rapid.T, b *bench) {
	for id, events := range p.events {
		v := b.get(id)
		if d := gocmp.Diff(events, v.Counters.ByEvent); d != "" {
			t.Fatalf("events of %s: %s", id, d)
		}
		want := map[string]touchstone.JSON{}
		for name, x := range p.traits[id] {
			if x.json != "null" {
				want[name] = touchstone.JSON(x.json)
			}
		}
		if d := gocmp.Diff(want, v.Traits); d != "" {
			t.Fatalf("traits of %s: %s", id, d)
		}
	}
	for gone := range p.into {
		if _, err := b.p.Get(context.Background(), access.System(), gone); touchstone.KindOf(err) != touchstone.NotFound {
			t.Fatalf("absorbed person %s: %v", gone, err)
		}
	}
}

func TestGivenNames(t *testing.T) {
	for name, want := range map[string]string{
		"张伟": "伟 张伟", "欧阳小明": "小明 明 欧阳小明 阳小明", "上海汽车集团股份": "上海汽车集团股份", "张A": "张a", "Li Wei": "li wei wei", "伟": "伟", "": "",
	} {
		terms := appendTerms(nil, name)
		slices.Sort(terms)
		if got := strings.Join(terms, " "); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Names that were stored before given names were looked for are found by them, too.
func TestGivenNamesOfEarlierPersons(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		ctx := context.Background()
		err := db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO profile_terms (term, person) VALUES ('欧阳小明', 7), ('张a', 8), ('anna', 9), ('上海汽车集团股份', 10)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		step, err := migrationFiles.ReadFile("migrations/0003_name_suffixes.sql")
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(step), "-- +goose Down")
		for range 2 { // doing it twice changes nothing
			if err := db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, up); return err }); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := db.Reader().Query(ctx, `SELECT term FROM profile_terms WHERE person BETWEEN 7 AND 10 ORDER BY term`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var got []string
		for rows.Next() {
			var term string
			if err := rows.Scan(&term); err != nil {
				t.Fatal(err)
			}
			got = append(got, term)
		}
		if want := []string{"anna", "上海汽车集团股份", "小明", "张a", "明", "欧阳小明", "阳小明"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		_ = b
	})
}
