package duckdb

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// tally counts persons, and their events, as kernels see them.
type tally map[int64]int

func (w tally) Person(id int64, items []int64) { w[id] += len(items) }

// Events that are made nobody's count as before, on each day those of a person as one; whom a hold keeps, and
// younger events, are left; nothing is anonymised twice, also after the file was opened again; kernels see as many
// persons as the engine counts, and no list names a pseudonym.
func TestAnonymise(t *testing.T) {
	path, start := filepath.Join(t.TempDir(), "w.duckdb"), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var facts []touchstone.Fact
	for i := range 60 { // 10 days of 6 events: two each of the nodes 1, 2, 3, of which 3 is 1's
		f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(i+1), 0), Node: touchstone.NodeID(1 + i%3)} //nolint:gosec // few
		f.Type, f.MessageID, f.Name, f.Source = touchstone.Track, fmt.Sprint("m", i), "A", "web"
		f.Time = start.AddDate(0, 0, -(i / 6)).Add(time.Duration(i%6) * time.Hour)
		f.ReceivedAt, f.Properties, f.Context = start, touchstone.JSON(fmt.Sprintf(`{"n":%d,"who":"w%d"}`, i, i)), `{"sessionId":"s","os":{"name":"iOS"},"device":{"id":"d"}}`
		facts = append(facts, f)
	}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 60, Facts: facts, Overrides: []warehouse.Override{{Node: 3, Person: 1}}, OverrideVersion: 1}); err != nil {
		t.Fatal(err)
	}
	ask := func(sql string) string {
		t.Helper()
		res, err := w.Query(t.Context(), warehouse.Statement{SQL: sql, Own: true})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.Rows)
	}
	byDay := "SELECT CAST(time AS DATE), count(*), count(DISTINCT person), sum(CAST(properties->>'n' AS BIGINT)) FROM events GROUP BY 1 ORDER BY 1"
	before := ask(byDay)
	rule := warehouse.Expiry{Before: start.AddDate(0, 0, -3), Zone: time.UTC, Keep: []touchstone.NodeID{2},
		Anonymise: func(name string, _ touchstone.JSON) bool { return name == "who" }}
	trial := rule
	trial.Trial = true
	for _, want := range []int64{24, 0} { // of 6 days, 4 events each
		if n, err := w.Expire(t.Context(), trial); err != nil || n != want {
			t.Errorf("%d would be anonymised, %v, not %d", n, err, want)
		}
		if n, err := w.Expire(t.Context(), rule); err != nil || n != want {
			t.Errorf("%d were anonymised, %v, not %d", n, err, want)
		}
	}
	if got := ask(byDay); got != before {
		t.Errorf("questions say %s, and said %s", got, before)
	}
	if got := ask("SELECT count(*), count(message_id), count(session), count(properties->>'who'), count(os), count(DISTINCT node) FROM events_raw WHERE node < 0"); got != "[[24 0 0 0 24 6]]" {
		t.Error("of nobody:", got)
	}
	if got := ask("SELECT count(*) FROM events WHERE person LIKE 'nobody_%'"); got != "[[24]]" {
		t.Error("the view shows", got)
	}
	for range 2 {
		seen := tally{}
		g := gather.Gathering{Rows: warehouse.Statement{SQL: "SELECT node, CAST(epoch_ms(time) AS BIGINT) FROM events_raw"}, Bits: 47, Items: func(c [][]int64, out []int64) { copy(out, c[0]) }}
		if err := gather.Run(t.Context(), w, g, []gather.Worker{seen}); err != nil {
			t.Fatal(err)
		}
		counts := []int{}
		for id, n := range seen {
			if touchstone.NodeID(id).Pseudonym() != (id < 0) {
				t.Error(id)
			}
			counts = append(counts, n)
		}
		slices.Sort(counts)
		if want := []int{4, 4, 4, 4, 4, 4, 16, 20}; !slices.Equal(counts, want) {
			t.Errorf("kernels see %v, not %v", counts, want)
		}
		people, err := gather.People(context.Background(), w, g, 100)
		if err != nil || !slices.Equal(people, []touchstone.PersonID{1, 2}) {
			t.Errorf("%v, %v", people, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if w, err = Open(t.Context(), path, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	defer w.Close()
	if n, err := w.Count(t.Context()); err != nil || n != 60 {
		t.Errorf("%d events, %v", n, err)
	}
	if pos, err := w.Position(t.Context(), 0); err != nil || pos.Erased != 0 {
		t.Errorf("%+v, %v", pos, err)
	}
}
