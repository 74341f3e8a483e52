package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

var testEnd = time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC)

func newTestWorld(tb testing.TB, persons, days int, seed uint64) *World {
	tb.Helper()
	w, err := NewWorld(Config{Seed: seed, Persons: persons, Days: days, End: testEnd})
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// tell returns the whole history, copied.
func tell(w *World) []touchstone.Event {
	var list []touchstone.Event
	w.History(func(e *touchstone.Event) bool { list = append(list, *e); return true })
	return list
}

func fingerprint(events []touchstone.Event) string {
	h := sha256.New()
	var frame []byte
	for i := range events {
		frame = touchstone.AppendEvent(frame[:0], &events[i])
		h.Write(frame)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// The sum was computed once. If it is another one on another machine, something in the
// world depends on the machine; if you changed the world on purpose, put in the new one.
func TestASeedGivesTheSameBytesEverywhere(t *testing.T) {
	const want = "0f14f28112c0585409440b122b02eed7a8600fb161ba50f0a22e5c2d0f25c319"
	first := fingerprint(tell(newTestWorld(t, 500, 30, 7)))
	if again := fingerprint(tell(newTestWorld(t, 500, 30, 7))); again != first {
		t.Error("two runs differ")
	}
	if other := fingerprint(tell(newTestWorld(t, 500, 30, 8))); other == first {
		t.Error("another seed gives the same world")
	}
	if first != want {
		t.Errorf("got %s", first)
	}
}

func TestHistoryIsInOrderWellFormedAndPaused(t *testing.T) {
	w := newTestWorld(t, 800, 40, 3)
	last, ids := w.Start(), map[string]bool{}
	n := 0
	check := func(e *touchstone.Event) bool {
		n++
		if e.Time.Before(last) || !e.Time.Before(testEnd) {
			t.Fatalf("event %d at %s follows %s", n, e.Time, last)
		}
		last = e.Time
		if ids[e.MessageID] || e.MessageID == "" || len(e.Identifiers) == 0 {
			t.Fatalf("%+v", e)
		}
		ids[e.MessageID] = true
		for _, j := range []touchstone.JSON{e.Properties, e.Traits, e.Context} {
			if j != "" && !json.Valid([]byte(j)) {
				t.Fatalf("%s: %s", e.Name, j)
			}
		}
		for _, id := range e.Identifiers {
			if got, ok := w.kinds.Normalise(id.Kind, id.Value); !ok || got != id.Value {
				t.Fatalf("%s is not normal", id)
			}
		}
		sorted := slices.Clone(e.Identifiers)
		w.kinds.Sort(sorted)
		if !slices.Equal(sorted, e.Identifiers) {
			t.Fatalf("%v are not in order", e.Identifiers)
		}
		return n%1000 != 0 // pause now and then
	}
	for before := -1; before != n; {
		before = n
		w.History(check)
	}
	if whole := len(tell(newTestWorld(t, 800, 40, 3))); n != whole || n < 800*40 {
		t.Errorf("%d events with pauses, %d without", n, whole)
	}
}

func TestTruthEqualsANaiveRecount(t *testing.T) {
	w := newTestWorld(t, 3000, 60, 5)
	events := tell(w)
	truth := w.Truth()

	got := Truth{EventsByName: map[string]int64{}, EventsByDay: map[string]map[string]int64{}, EventsBySource: map[string]int64{}, EventsByChannel: map[string]int64{}}
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		got.Events++
		got.EventsByName[e.Name]++
		got.EventsBySource[e.Source]++
		got.EventsByChannel[gjson.Get(string(e.Context), "channel").Str]++
		date := e.Time.In(shanghai).Format(time.DateOnly)
		if got.EventsByDay[date] == nil {
			got.EventsByDay[date] = map[string]int64{}
		}
		got.EventsByDay[date][e.Name]++
		if e.Name == "Order Completed" {
			cents := int64(gjson.Get(string(e.Properties), "revenue").Num*100 + 0.5)
			got.Orders++
			got.RevenueCents += cents
			if gjson.Get(string(e.Properties), "order_type").Str == "vehicle" {
				got.VehicleOrders++
				got.VehicleRevenue += cents
			}
		}
	}
	component, persons, known := naiveResolve(events)
	got.Persons, got.KnownPersons = persons, known
	got.Funnel = naiveFunnel(events, component)
	got.Segments = naiveSegments(events, component, testEnd)
	got.Config, got.Start, got.End, got.People, got.PeopleByStage, got.Households, got.Identifiers, got.Drivers =
		truth.Config, truth.Start, truth.End, truth.People, truth.PeopleByStage, truth.Households, truth.Identifiers, truth.Drivers
	if d := cmp.Diff(got, truth); d != "" {
		t.Errorf("recount against truth: %s", d)
	}
	for key, n := range truth.Segments {
		if n == 0 || n == truth.Persons {
			t.Errorf("the segment %s has %d members", key, n)
		}
	}
	if last := truth.Funnel.Persons[3]; last < 10 {
		t.Errorf("%d persons came to the end of the funnel", last)
	}
}

// naiveResolve joins identifiers as an event names them, by colouring: slow and plain.
func naiveResolve(events []touchstone.Event) (component func(touchstone.Identifier) int, persons, known int) {
	kinds := touchstone.DefaultKindSet()
	colour := map[touchstone.Identifier]int{}
	members := map[int][]touchstone.Identifier{}
	for _, e := range events {
		for _, id := range e.Identifiers {
			if _, ok := colour[id]; !ok {
				c := len(colour) + 1
				colour[id], members[c] = c, []touchstone.Identifier{id}
			}
		}
		first := e.Identifiers[0]
		for _, id := range e.Identifiers[1:] {
			a, b := colour[first], colour[id]
			if a == b || kinds.Role(id.Kind) == touchstone.Relates {
				continue
			}
			both := append(slices.Clone(members[a]), members[b]...)
			counts, fits := map[touchstone.IdentifierKind]int{}, true
			for _, m := range both {
				counts[m.Kind]++
				fits = fits && counts[m.Kind] <= kinds.Limit(m.Kind)
			}
			if !fits {
				continue
			}
			for _, m := range members[b] {
				colour[m] = a
			}
			members[a] = both
			delete(members, b)
		}
	}
	for _, list := range members {
		if kinds.Role(list[0].Kind) == touchstone.Identifies {
			persons++
		}
		if slices.ContainsFunc(list, func(id touchstone.Identifier) bool { return id.Kind == touchstone.KindUserID }) {
			known++
		}
	}
	return func(id touchstone.Identifier) int { return colour[id] }, persons, known
}

func naiveFunnel(events []touchstone.Event, component func(touchstone.Identifier) int) Funnel {
	f := Funnel{Steps: funnelSteps, Window: funnelWindow, Persons: make([]int, 4)}
	// reached[person][step] holds, for each time of a first step, the earliest way there.
	type way struct{ from, at time.Time }
	ways := map[int][4][]way{}
	for _, e := range events {
		step := slices.Index(funnelSteps, e.Name)
		if step < 0 {
			continue
		}
		who := component(e.Identifiers[0])
		w := ways[who]
		if step == 0 {
			w[0] = append(w[0], way{e.Time, e.Time})
		} else {
			for _, before := range w[step-1] {
				if e.Time.Sub(before.from) <= funnelWindow {
					w[step] = append(w[step], way{before.from, e.Time})
				}
			}
			slices.SortFunc(w[step], func(a, b way) int { return a.from.Compare(b.from) })
			w[step] = slices.CompactFunc(w[step], func(a, b way) bool { return a.from.Equal(b.from) })
		}
		ways[who] = w
	}
	for _, w := range ways {
		for step := range 4 {
			if len(w[step]) > 0 {
				f.Persons[step]++
			}
		}
	}
	return f
}

// naiveSegments asks each person's events in the words of the rules.
func naiveSegments(events []touchstone.Event, component func(touchstone.Identifier) int, now time.Time) map[string]int {
	byPerson := map[int][]*touchstone.Event{}
	for i := range events {
		who := component(events[i].Identifiers[0])
		byPerson[who] = append(byPerson[who], &events[i])
	}
	counts := map[string]int{}
	for _, d := range Definitions() {
		counts[d.Key] = 0
		for _, list := range byPerson {
			if holds(gjson.ParseBytes(d.Rule), list, now) {
				counts[d.Key]++
			}
		}
	}
	return counts
}

func holds(rule gjson.Result, events []*touchstone.Event, now time.Time) bool {
	switch {
	case rule.Get("and").Exists():
		return !slices.ContainsFunc(rule.Get("and").Array(), func(r gjson.Result) bool { return !holds(r, events, now) })
	case rule.Get("or").Exists():
		return slices.ContainsFunc(rule.Get("or").Array(), func(r gjson.Result) bool { return holds(r, events, now) })
	case rule.Get("not").Exists():
		return !holds(rule.Get("not"), events, now)
	case rule.Get("trait").Exists():
		has := slices.ContainsFunc(events, func(e *touchstone.Event) bool { return gjson.Get(string(e.Traits), rule.Get("trait").Str).Exists() })
		return has == (rule.Get("op").Str == "exists")
	}
	n, least := 0, max(1, rule.Get("count.value").Int())
	for _, e := range events {
		if e.Name != rule.Get("event").Str {
			continue
		}
		if w := rule.Get("within").Str; w != "" {
			var days int
			if _, err := fmt.Sscanf(w, "%dd", &days); err != nil || !now.Before(e.Time.Add(time.Duration(days)*24*time.Hour)) {
				continue
			}
		}
		ok := true
		for _, c := range rule.Get("where").Array() {
			ok = ok && gjson.Get(string(e.Properties), c.Get("property").Str).Str == c.Get("value").Str
		}
		if ok {
			n++
		}
	}
	return n >= int(least)
}

// However the events of a few hours are shuffled, the same persons come out.
func TestPersonsDoNotDependOnSmallDelays(t *testing.T) {
	w := newTestWorld(t, 2000, 45, 11)
	events := tell(w)
	_, persons, known := naiveResolve(events)
	if truth := w.Truth(); persons != truth.Persons || known != truth.KnownPersons {
		t.Errorf("%d persons, %d known; the truth says %d and %d", persons, known, truth.Persons, truth.KnownPersons)
	}
	random := rand.New(rand.NewPCG(1, 2))
	late := make([]time.Time, len(events))
	order := make([]int, len(events))
	for i, e := range events {
		order[i], late[i] = i, e.Time.Add(time.Duration(random.IntN(24*60))*time.Minute)
	}
	slices.SortStableFunc(order, func(a, b int) int { return late[a].Compare(late[b]) })
	shuffled := make([]touchstone.Event, len(events))
	for i, from := range order {
		shuffled[i] = events[from]
	}
	if _, p, k := naiveResolve(shuffled); p != persons || k != known {
		t.Errorf("in another order %d persons and %d known, before %d and %d", p, k, persons, known)
	}
}

func TestPlantedIdentities(t *testing.T) {
	w := newTestWorld(t, 1500, 60, 2)
	events := tell(w)
	owner := map[touchstone.Identifier]int{}
	w.Planted(func(person int, id touchstone.Identifier) bool {
		if other, taken := owner[id]; taken && other != person {
			t.Errorf("%s belongs to %d and %d", id, other, person)
		}
		owner[id] = person
		return true
	})
	channels := map[int]map[string]bool{}
	shared := 0
	for _, e := range events {
		people := map[int]bool{}
		for _, id := range e.Identifiers {
			who, ok := owner[id]
			if !ok {
				t.Fatalf("nobody owns %s", id)
			}
			people[who] = true
			if channels[who] == nil {
				channels[who] = map[string]bool{}
			}
			channels[who][gjson.Get(string(e.Context), "channel").Str] = true
		}
		if len(people) > 1 {
			shared++
			if len(people) != 2 || gjson.Get(string(e.Context), "device.type").Str != "tablet" {
				t.Fatalf("%v of %v", people, e)
			}
		}
	}
	if shared == 0 {
		t.Error("no device is shared")
	}
	most := 0
	for _, set := range channels {
		most = max(most, len(set))
	}
	if most < 6 {
		t.Errorf("nobody uses more than %d channels", most)
	}
	if n := len(owner); n != w.Truth().Identifiers {
		t.Errorf("%d planted identifiers, %d seen", n, w.Truth().Identifiers)
	}
}

// The drivers that were planted show in what people do.
func TestDriversWork(t *testing.T) {
	w := newTestWorld(t, 6000, 60, 4)
	booked := map[int32]bool{}
	w.tell(func(h *happening) bool {
		if h.what == factBooked {
			booked[h.person] = true
		}
		return true
	})
	share := func(is func(p *person) bool) float64 {
		n, yes := 0, 0
		for i := range w.people {
			if p := &w.people[i]; p.content > 0 && !p.owns() && is(p) {
				n++
				if booked[p.id] {
					yes++
				}
			}
		}
		return float64(yes) / float64(n)
	}
	if a, b := share(func(p *person) bool { return p.sensitivity < 0.3 }), share(func(p *person) bool { return p.sensitivity > 0.7 }); a <= b {
		t.Errorf("people who do not mind prices book less: %.3f and %.3f", a, b)
	}
	if a, b := share(func(p *person) bool { return cities[p.city].tier == 1 }), share(func(p *person) bool { return cities[p.city].tier == 3 }); a <= b {
		t.Errorf("people in large cities book less: %.3f and %.3f", a, b)
	}
}

func TestLifeHasARhythm(t *testing.T) {
	w := newTestWorld(t, 3000, 56, 9)
	var hour [24]int
	var weekday [7]int
	perPerson := map[int32]int{}
	w.tell(func(h *happening) bool {
		local := time.UnixMilli(h.at + shanghaiOffset).UTC()
		if h.Source != sourceVehicle {
			hour[local.Hour()]++
		}
		if h.Source == sourceStore {
			weekday[local.Weekday()]++
		}
		if h.Source == sourceWeb {
			perPerson[h.person]++
		}
		return true
	})
	if hour[21] < 8*hour[4] {
		t.Errorf("%d events at nine in the evening, %d at four in the morning", hour[21], hour[4])
	}
	counts := make([]int, 0, len(perPerson))
	total := 0
	for _, n := range perPerson {
		counts = append(counts, n)
		total += n
	}
	slices.Sort(counts)
	top := 0
	for _, n := range counts[len(counts)*9/10:] {
		top += n
	}
	if top*3 < total {
		t.Errorf("the busiest tenth makes %d of %d visits; a heavy tail makes a third at least", top, total)
	}
	if w.weekday(0) != int(w.Start().Add(shanghaiOffset*time.Millisecond).Weekday()+6)%7 {
		t.Error("weekdays are wrong")
	}
}

func TestSizes(t *testing.T) {
	w := newTestWorld(t, 2000, 60, 1)
	bytes, n := 0, 0
	var body []byte
	w.History(func(e *touchstone.Event) bool {
		body = AppendJSON(body[:0], e)
		bytes += len(body)
		n++
		if len(body) > 4000 {
			t.Errorf("%d bytes: %s", len(body), body)
		}
		return true
	})
	if n < 2000*75 {
		t.Errorf("%d events of 2,000 persons", n)
	}
	if mean := bytes / n; mean < 450 || mean > 900 {
		t.Errorf("%d bytes each", mean)
	}
}

func TestLiveGoesOn(t *testing.T) {
	w := newTestWorld(t, 300, 20, 6)
	history := len(tell(w))
	now := testEnd
	clock := touchstone.ClockFunc(func() time.Time { now = now.Add(time.Millisecond); return now })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []touchstone.Event
	err := w.Live(ctx, LiveOptions{Rate: 1e6, Clock: clock}, func(e *touchstone.Event) error {
		if got = append(got, *e); len(got) == 500 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(got) != 500 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	if truth := w.Truth(); truth.Events != int64(history) {
		t.Errorf("live events are in the truth of the history: %d and %d", truth.Events, history)
	}
	fresh := newTestWorld(t, 300, 20, 6)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	n := 0
	_ = fresh.Live(ctx, LiveOptions{Rate: 1e6, Clock: clock}, func(e *touchstone.Event) error {
		if e.Name != got[n].Name || e.MessageID == got[n].MessageID || !e.Time.After(testEnd) {
			t.Errorf("event %d is %s, before %s", n, e.Name, got[n].Name)
		}
		if n++; n == 500 {
			cancel()
		}
		return nil
	})
	stop := errors.New("full")
	if err := fresh.Live(t.Context(), LiveOptions{Rate: 1e6, Clock: clock}, func(*touchstone.Event) error { return stop }); err != stop {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{Persons: -1}, {Days: -1}, {Persons: maxPersons + 1}, {Days: maxDays + 1}} {
		if _, err := NewWorld(c); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w, err := NewWorld(Config{})
	if err != nil || w.Config().Persons != 20_000 || w.Config().Days != 60 {
		t.Errorf("%+v %v", w.Config(), err)
	}
}

func BenchmarkHistory(b *testing.B) {
	events := 0
	b.ReportAllocs()
	for b.Loop() {
		w := newTestWorld(b, 5000, 60, 1)
		w.History(func(*touchstone.Event) bool { events++; return true })
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
