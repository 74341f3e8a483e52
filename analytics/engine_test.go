package analytics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/analytics/analyticstest"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

func TestTimeline(t *testing.T) {
	w := openDuckDB(t)
	e := analyticstest.Load(t, w, `
		1 a 2026-01-01T00:00:00Z {"n":1}
		2 b 2026-01-03T00:00:00Z {"n":2} {"os":{"name":"iOS"}}
		1 a 2026-01-02T00:00:00Z
		1 a 2026-01-02T00:00:00Z
		1 a 2026-01-02T00:00:00Z
		9 a 2026-01-02T00:00:00Z`)
	q := analytics.TimelineQuery{Person: 1, Nodes: []touchstone.NodeID{1, 2}, Limit: 2}
	var seen []string
	for page := 0; ; page++ {
		events, next, err := e.Timeline(t.Context(), access.System(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			seen = append(seen, ev.MessageID)
		}
		if page == 0 {
			want := analytics.TimelineEvent{MessageID: "m1", Time: "2026-01-03T00:00:00.000Z", ReceivedAt: "2026-01-03T00:00:00.000Z", Type: "track", Event: "b",
				Properties: `{"n":2}`, Context: `{"os":{"name":"iOS"}}`, Source: "src_test", Person: 1, Seq: touchstone.MakeSeq(0, 1, 1)}
			if diff := cmp.Diff(want, events[0]); diff != "" {
				t.Error(diff)
			}
			// A newer event does not shift the pages that follow.
			newer := touchstone.Fact{Seq: touchstone.MakeSeq(0, 2, 0), Node: 1, Event: touchstone.Event{Type: touchstone.Track, Name: "a", MessageID: "new", Time: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}}
			if err := w.Append(t.Context(), warehouse.Commit{Through: 2, Facts: []touchstone.Fact{newer}}); err != nil {
				t.Fatal(err)
			}
		}
		if q.Cursor = next; next == "" {
			break
		}
	}
	if want := []string{"m1", "m4", "m3", "m2", "m0"}; !slices.Equal(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
	events, _, err := e.Timeline(t.Context(), access.System(), analytics.TimelineQuery{Person: 1, Nodes: []touchstone.NodeID{1, 2}, Event: "b"})
	if err != nil || len(events) != 1 || events[0].MessageID != "m1" {
		t.Errorf("events called b: %v, %v", events, err)
	}
	if events, next, err := e.Timeline(t.Context(), access.System(), analytics.TimelineQuery{Person: 1}); err != nil || len(events) != 0 || next != "" {
		t.Errorf("a person without nodes: %v, %v", events, err)
	}
	if _, _, err := e.Timeline(t.Context(), access.System(), analytics.TimelineQuery{Person: 1, Cursor: "zzz"}); touchstone.KindOf(err) != touchstone.Invalid {
		t.Errorf("a bad cursor: %v", err)
	}
}

func TestCatalogue(t *testing.T) {
	e := analyticstest.Load(t, openDuckDB(t), `
		1 a 2026-01-01T00:00:00Z {"n":1,"s":"x","z":null}
		2 a 2026-01-02T00:00:00Z {"n":"2","s":"x","o":{},"l":[]} {"os":{"name":"iOS"}}
		3 a 2026-02-01T00:00:00Z {"n":3,"b":true}
		4 a 2026-02-01T23:59:59Z
		4 is 3
		1 $identify 2025-01-01T00:00:00Z {"email":"a@b.c"}`)
	events, err := e.Events(t.Context(), access.System(), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || len(events[0].Daily) != 30 {
		t.Fatalf("got %+v", events)
	}
	first, last := events[0].Daily[0], events[0].Daily[29]
	if first.Date != "2026-01-03" || first.Count != 0 || last != (analytics.DayCount{Date: "2026-02-01", Count: 2}) {
		t.Errorf("days from %+v to %+v", first, last)
	}
	events[0].Daily, events[1].Daily = nil, nil
	want := []analytics.EventVolume{
		{Event: "a", Type: "track", Count: 3, Persons: 2, FirstSeen: "2026-01-01T00:00:00.000Z", LastSeen: "2026-02-01T23:59:59.000Z"},
		{Event: "$identify", Type: "identify", FirstSeen: "2025-01-01T00:00:00.000Z", LastSeen: "2025-01-01T00:00:00.000Z"},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}

	properties, err := e.Properties(t.Context(), access.System(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for i := range properties {
		slices.Sort(properties[i].Examples)
	}
	wantProperties := []analytics.Property{
		{Property: "n", Types: map[string]int64{"number": 2, "string": 1}, FillRate: 0.75, Examples: []touchstone.JSON{`"2"`, `1`, `3`}, Different: 3, Values: 3},
		{Property: "s", Types: map[string]int64{"string": 2}, FillRate: 0.5, Examples: []touchstone.JSON{`"x"`}, Different: 1, Values: 2},
		{Property: "b", Types: map[string]int64{"boolean": 1}, FillRate: 0.25, Examples: []touchstone.JSON{`true`}, Different: 1, Values: 1},
		{Property: "l", Types: map[string]int64{"array": 1}, FillRate: 0.25, Examples: []touchstone.JSON{`[]`}, Different: 1, Values: 1},
		{Property: "o", Types: map[string]int64{"object": 1}, FillRate: 0.25, Examples: []touchstone.JSON{`{}`}, Different: 1, Values: 1},
		{Property: "z", Types: map[string]int64{"null": 1}, Examples: []touchstone.JSON{}},
	}
	if diff := cmp.Diff(wantProperties, properties, cmpopts.IgnoreUnexported(analytics.Property{})); diff != "" {
		t.Error(diff)
	}
	if p, err := e.Properties(t.Context(), access.System(), "never"); err != nil || len(p) != 0 {
		t.Errorf("properties of an unknown event: %v, %v", p, err)
	}

	for _, c := range []struct {
		query analytics.ValuesQuery
		want  []string
	}{
		{analytics.ValuesQuery{Property: "s"}, []string{"x"}},
		{analytics.ValuesQuery{Property: "n", Event: "a"}, []string{"1", "2", "3"}},
		{analytics.ValuesQuery{Property: "n", Limit: 1}, []string{"1"}},
		{analytics.ValuesQuery{Dimension: "os", Prefix: "I"}, []string{"iOS"}},
		{analytics.ValuesQuery{Dimension: "event", Prefix: "$"}, []string{"$identify"}},
		{analytics.ValuesQuery{Property: "s", Prefix: "%"}, []string{}},
		{analytics.ValuesQuery{Property: "n", Event: "never"}, []string{}},
	} {
		got, err := e.Values(t.Context(), access.System(), c.query)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, %v, want %v", c.query, got, err, c.want)
		}
	}
	for _, q := range []analytics.ValuesQuery{{}, {Property: "a", Dimension: "os"}, {Dimension: "shoe"}, {Property: "a\x00"}} {
		if _, err := e.Values(t.Context(), access.System(), q); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%+v: got %v", q, err)
		}
	}
}

func TestLatestTimes(t *testing.T) {
	e := analyticstest.Load(t, openDuckDB(t), `
		1 a 2026-01-01T00:00:04Z {"n":1}
		1 a 2026-01-01T00:00:01Z {"n":1}
		2 a 2026-01-01T00:00:03Z {"n":1}
		2 a 2026-01-01T00:00:02Z {"n":2}
		3 a 2026-01-01T00:00:05Z {"n":1}
		3 b 2026-01-01T00:00:06Z {"n":1}
		2 is 1`)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	where, err := rule.ParseFilters(`[{"property":"n","op":"eq","value":1}]`, "where")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query analytics.LatestQuery
		want  map[touchstone.PersonID][]int64 // in seconds
	}{
		{analytics.LatestQuery{Event: "a", Keep: 3}, map[touchstone.PersonID][]int64{1: {2, 3, 4}, 3: {5}}},
		{analytics.LatestQuery{Event: "a", Keep: 1}, map[touchstone.PersonID][]int64{1: {4}, 3: {5}}},
		{analytics.LatestQuery{Event: "a", Keep: 9, Where: where}, map[touchstone.PersonID][]int64{1: {1, 3, 4}, 3: {5}}},
		{analytics.LatestQuery{Event: "a", Keep: 9, Since: start + 2001}, map[touchstone.PersonID][]int64{1: {3, 4}, 3: {5}}},
		{analytics.LatestQuery{Event: "a", Since: start + 2000, Until: start + 4000}, map[touchstone.PersonID][]int64{1: {2, 3}}},
		{analytics.LatestQuery{Event: "a", Keep: 1, Oldest: true}, map[touchstone.PersonID][]int64{1: {1}, 3: {5}}},
		{analytics.LatestQuery{Event: "a", Keep: 2, Oldest: true}, map[touchstone.PersonID][]int64{1: {1, 2}, 3: {5}}},
		{analytics.LatestQuery{Event: "a", Keep: 9, Through: []touchstone.Seq{touchstone.MakeSeq(0, 1, 2)}}, map[touchstone.PersonID][]int64{1: {1, 3, 4}}},
		{analytics.LatestQuery{Event: "a", Keep: 1, Through: []touchstone.Seq{touchstone.MakeSeq(0, 1, 1), touchstone.MakeSeq(1, 99, 0)}}, map[touchstone.PersonID][]int64{1: {4}}},
		{analytics.LatestQuery{Event: "a", Keep: 9, Through: []touchstone.Seq{}}, map[touchstone.PersonID][]int64{}},
		{analytics.LatestQuery{Event: "never", Keep: 9}, map[touchstone.PersonID][]int64{}},
	} {
		got := map[touchstone.PersonID][]int64{}
		err := e.LatestTimes(t.Context(), c.query, func(person touchstone.PersonID, times []int64) error {
			if got[person] != nil {
				t.Errorf("%+v: person %d came twice", c.query, person)
			}
			for _, at := range times {
				got[person] = append(got[person], (at-start)/1000)
			}
			return nil
		})
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%+v: %v\n%s", c.query, err, diff)
		}
	}
	stop := errors.New("enough")
	calls := 0
	err = e.LatestTimes(t.Context(), analytics.LatestQuery{Event: "a", Keep: 1}, func(touchstone.PersonID, []int64) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("got %v after %d calls, want the error after one", err, calls)
	}
}

// TestPasses asks with so little memory that the events are read for a few people at a
// time: the answers stay the same.
func TestPasses(t *testing.T) {
	w := openDuckDB(t)
	if err := w.(*duckdb.Warehouse).Generate(t.Context(), 60_000, 3_000); err != nil {
		t.Fatal(err)
	}
	plenty, little := analytics.New(w, analytics.Options{}), analytics.New(w, analytics.Options{GatherEvents: 9_000})
	for _, q := range benchQueries {
		query := []byte(q.query + `"from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z"}`)
		want, err := plenty.Run(t.Context(), access.System(), query)
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		got, err := little.Run(t.Context(), access.System(), query)
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		if diff := cmp.Diff(want.Rows, got.Rows); diff != "" {
			t.Errorf("%s\n%s", q.name, diff)
		}
	}
	_, err := analytics.New(w, analytics.Options{GatherEvents: 5}).Run(t.Context(), access.System(), []byte(benchQueries[0].query+`"from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z"}`))
	if touchstone.KindOf(err) != touchstone.Invalid {
		t.Errorf("a person with more events than fit: %v", err)
	}
}

// TestManyPersons checks persons with numbers far apart, and many overrides, against maps.
func TestManyPersons(t *testing.T) {
	w := openDuckDB(t)
	random := rand.New(rand.NewPCG(1, 2))
	c := warehouse.Commit{Through: 1, OverrideVersion: 1}
	person, want := map[touchstone.NodeID]touchstone.PersonID{}, map[touchstone.PersonID]int64{}
	var nodes []touchstone.NodeID
	for range 3000 {
		node := touchstone.NodeID(random.Int64N(1<<uint(1+random.IntN(33))) + 1)
		nodes = append(nodes, node)
		if _, known := person[node]; !known && random.IntN(3) == 0 {
			person[node] = touchstone.PersonID(nodes[random.IntN(len(nodes))])
			c.Overrides = append(c.Overrides, warehouse.Override{Node: node, Person: person[node]})
		}
	}
	for i := range 20_000 {
		node := nodes[random.IntN(len(nodes))]
		who, moved := person[node]
		if !moved {
			who = touchstone.PersonID(node)
		}
		want[who]++
		c.Facts = append(c.Facts, touchstone.Fact{Seq: touchstone.MakeSeq(0, 1, i), Node: node, Event: touchstone.Event{Type: touchstone.Track, Name: "a",
			Time: time.Date(2026, 1, 1, 0, 0, i%5000, 0, time.UTC)}})
	}
	if err := w.Append(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got := map[touchstone.PersonID]int64{}
	err := analytics.New(w, analytics.Options{}).LatestTimes(t.Context(), analytics.LatestQuery{Event: "a", Keep: 1 << 20}, func(p touchstone.PersonID, times []int64) error {
		got[p] += int64(len(times))
		return nil
	})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestSQL(t *testing.T) {
	w := openDuckDB(t)
	e := analyticstest.Load(t, w, `
		1 a 2026-01-01T00:00:00Z {"n":1.5}
		2 b 2026-01-02T00:00:00Z
		2 is 1`)
	a, err := e.Run(t.Context(), access.System(), []byte(`{"kind":"sql","sql":"select event, person, time, (properties->>'n')::double as n, properties, 3 as i, true as b from events order by event"}`))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(a.Rows)
	if want := `[["a","p_1","2026-01-01T00:00:00.000Z",1.5,{"n":1.5},3,true],["b","p_1","2026-01-02T00:00:00.000Z",null,null,3,true]]`; string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var types []string
	for _, c := range a.Columns {
		types = append(types, c.Type)
	}
	if want := "string string time number json number boolean"; strings.Join(types, " ") != want {
		t.Errorf("got types %v, want %s", types, want)
	}
	a, err = e.Run(t.Context(), access.System(), []byte(`{"kind":"sql","sql":"select * from range(20000)"}`))
	if err != nil || len(a.Rows) != 10_000 || !a.Meta.Truncated {
		t.Errorf("got %d rows, truncated %v, %v", len(a.Rows), a.Meta.Truncated, err)
	}
	few := analytics.New(w, analytics.Options{MaxRows: 7})
	if a, err = few.Run(t.Context(), access.System(), []byte(`{"kind":"sql","sql":"select * from range(20000)"}`)); err != nil || len(a.Rows) != 7 || !a.Meta.Truncated {
		t.Errorf("with a bound of 7: %d rows, truncated %v, %v", len(a.Rows), a.Meta.Truncated, err)
	}
	for _, sql := range []string{"drop table events_raw", "select nothing from events", "select * from read_csv('/etc/passwd')"} {
		if _, err := e.Run(t.Context(), access.System(), fmt.Appendf(nil, `{"kind":"sql","sql":%q}`, sql)); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%s: got %v", sql, err)
		}
	}
}

// TestTimeout: a question that takes too long is told so, as the asker's matter.
func TestTimeout(t *testing.T) {
	w := openDuckDB(t)
	e := analytics.New(w, analytics.Options{Timeout: 200 * time.Millisecond})
	_, err := e.Run(t.Context(), access.System(), []byte(`{"kind":"sql","sql":"select count(*) from range(1000000000) a, range(1000000000) b"}`))
	if touchstone.KindOf(err) != touchstone.Invalid || !strings.Contains(err.Error(), "took longer than 200ms") {
		t.Errorf("got %v", err)
	}
}

func TestMeta(t *testing.T) {
	e := analyticstest.Load(t, openDuckDB(t), `
		1 a 2026-01-01T00:00:00Z
		2 b 2026-03-02T00:00:00.5Z`)
	a, err := e.Run(t.Context(), access.System(), []byte(`{"kind":"trend","from":"2026-01-01T08:00:00+08:00","to":"2026-02-01T00:00:00Z","interval":"month","series":[{"event":"a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	m := a.Meta
	if m.ScannedEvents != 1 || m.From != "2026-01-01T00:00:00.000Z" || m.To != "2026-02-01T00:00:00.000Z" || m.FreshTo != "2026-03-02T00:00:00.500Z" || !strings.Contains(m.SQL, "SELECT") || m.Truncated {
		t.Errorf("got %+v", m)
	}
	if strings.Contains(m.SQL, "'a'") {
		t.Errorf("a value of the question is in the text of the SQL: %s", m.SQL)
	}
}
