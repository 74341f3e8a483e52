package apptest

import (
	"encoding/json"
	"math"
	"testing"
)

// Half a million real rows arrive exactly, and a second import of the same file adds nothing.
func TestImportOnlineRetail(t *testing.T) {
	s := Start(t)
	file := SharedFile(t, "online-retail/online_retail.csv.gz")
	importFile := func() (summary struct{ Rows, Accepted, Quarantined, Duplicates int64 }) {
		out := s.Command("import", file, "--mapping", "../examples/mappings/online-retail.yaml", "--source", "retail", "--json")
		if err := json.Unmarshal([]byte(out), &summary); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return summary
	}
	first := importFile()
	stats := s.Drain()
	if first.Rows != 541_909 || stats.InWarehouse != 541_909 || stats.Quarantined != 0 {
		t.Errorf("imported %+v, stats %+v; want 541,909 events", first, stats)
	}
	if stats.KnownPersons != 4372 {
		t.Errorf("%d known customers, want 4,372", stats.KnownPersons)
	}
	rows := s.Query(map[string]any{"kind": "trend", "from": "2010-01-01T00:00:00Z", "to": "2012-01-01T00:00:00Z", "tz": "Europe/London", "interval": "total",
		"series": []map[string]any{{"event": "Product Purchased", "measure": "sum", "property": "amount"}}})
	if total := rows[0][len(rows[0])-1].(float64); math.Abs(total-9_747_747.93) > 0.005 {
		t.Errorf("quantity × price adds up to %.4f, want 9,747,747.93", total)
	}

	second := importFile()
	again := s.Drain()
	if again.InWarehouse != stats.InWarehouse || again.Persons != stats.Persons || second.Accepted != 0 {
		t.Errorf("a second import changed %+v into %+v (%+v)", stats, again, second)
	}
}

func TestImportCDNOW(t *testing.T) {
	s := Start(t)
	file := SharedFile(t, "cdnow/CDNOW_master.txt.gz")
	s.Command("import", file, "--mapping", "../examples/mappings/cdnow.yaml", "--source", "cdnow", "--json")
	stats := s.Drain()
	if stats.InWarehouse != 69_659 || stats.KnownPersons != 23_570 {
		t.Errorf("got %+v, want 69,659 purchases by 23,570 people", stats)
	}
}
