package duckdb

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// What a change says differs is written, in its own row; the rest stays as it was, empty texts too;
// and a file that is not there has nothing.
func TestRedact(t *testing.T) {
	path, start := filepath.Join(t.TempDir(), "w.duckdb"), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if n, err := Redact(t.Context(), path, "", nil); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	w, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var facts []touchstone.Fact
	for i := range 200 {
		f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(i+1), 0), Node: touchstone.NodeID(1 + i%7)} //nolint:gosec // few
		f.Type, f.MessageID, f.Name, f.Source = touchstone.Track, fmt.Sprint("m", i), "A", "web"
		f.Time, f.ReceivedAt = start.AddDate(0, 0, i), start.AddDate(0, 0, 100)
		switch i % 3 {
		case 0:
			f.Properties = touchstone.JSON(fmt.Sprintf(`{"friend":"ann-%d","n":%d}`, i%2, i))
		case 1:
			f.Context = touchstone.JSON(`{"note":"ann-1"}`)
		}
		facts = append(facts, f)
	}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 200, Facts: facts}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for i := range facts {
		if happened := min(i, 100); happened <= 50 && (i%3 == 0 && i%2 == 1 || i%3 == 1) {
			want++
		}
	}
	n, err := Redact(t.Context(), path, "", func(happened time.Time, texts []touchstone.JSON) (differs bool) {
		for i := range texts {
			if happened.Before(start.AddDate(0, 0, 51)) && strings.Contains(string(texts[i]), `"ann-1"`) {
				texts[i], differs = touchstone.JSON(strings.Replace(string(texts[i]), `"ann-1"`, `"-"`, 1)), true
			}
		}
		return differs
	})
	if err != nil || n != want {
		t.Fatalf("%d have changed, %v, want %d", n, err, want)
	}
	if w, err = Open(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	res, err := w.Query(t.Context(), warehouse.Statement{Own: true, SQL: `SELECT message_id, properties::VARCHAR, context::VARCHAR FROM events_raw ORDER BY seq`})
	if err != nil || len(res.Rows) != len(facts) {
		t.Fatalf("%d rows, %v", len(res.Rows), err)
	}
	for i, row := range res.Rows {
		properties, about := string(facts[i].Properties), string(facts[i].Context)
		if i <= 50 {
			properties, about = strings.ReplaceAll(properties, "ann-1", "-"), strings.ReplaceAll(about, "ann-1", "-")
		}
		text := func(v any) string { s, _ := v.(string); return s }
		if text(row[1]) != properties || text(row[2]) != about || row[0] != facts[i].MessageID {
			t.Errorf("row %d is %v, want %q %q", i, row, properties, about)
		}
	}
}
