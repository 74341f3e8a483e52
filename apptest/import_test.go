package apptest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// importSummary is what `touchstone import --json` prints.
type importSummary struct {
	Rows, Skipped, Accepted, Quarantined, Duplicates int64
	AlreadyImported                                  bool `json:"already_imported"`
	Resumed                                          bool
	InWarehouse                                      bool    `json:"in_warehouse"`
	RowsPerSecond                                    float64 `json:"rows_per_second"`
	Reasons                                          []struct {
		Reason   string
		Rows     int64
		FirstRow int64 `json:"first_row"`
	}
}

// Import runs the command on a file.
func (s *Server) Import(file, mapping, source string) (summary importSummary) {
	s.t.Helper()
	out := s.Command("import", file, "--mapping", mapping, "--source", source, "--json")
	if err := json.Unmarshal([]byte(out), &summary); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return summary
}

// dryRun is what `touchstone import --dry-run --json` prints.
type dryRun struct {
	Rows        int64
	Quarantined int64
	Events      []struct {
		Row        int64
		Event      string
		Time       string
		Properties map[string]any
		Reason     string
	} `json:"first_events"`
	Persons struct {
		Created int64 `json:"persons_created"`
		Merged  int64 `json:"persons_merged"`
		Matched int64 `json:"persons_matched"`
	}
}

// DryRun asks what an import would do.
func (s *Server) DryRun(file, mapping, source string) (result dryRun) {
	s.t.Helper()
	out := s.Command("import", file, "--mapping", mapping, "--source", source, "--dry-run", "--json")
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return result
}

const retailMapping = "../examples/mappings/online-retail.yaml"

// Half a million real rows arrive exactly, and a second import of the same file adds nothing.
func TestImportOnlineRetail(t *testing.T) {
	t.Parallel()
	s := Start(t)
	file := SharedFile(t, "online-retail/online_retail.csv.gz")
	if dry := s.DryRun(file, retailMapping, "retail"); dry.Rows != 541_909 || dry.Quarantined != 0 || s.Stats().Accepted != 0 {
		t.Errorf("the dry run says %+v", dry)
	}
	first := s.Import(file, retailMapping, "retail")
	stats := s.Drain()
	t.Logf("%.0f rows/s from the file into the warehouse", first.RowsPerSecond)
	if first.Rows != 541_909 || stats.InWarehouse != 541_909 || stats.Quarantined != 0 || !first.InWarehouse {
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

	second := s.Import(file, retailMapping, "retail")
	again := s.Drain()
	if again.InWarehouse != stats.InWarehouse || again.Persons != stats.Persons || second.Accepted != 0 || !second.AlreadyImported {
		t.Errorf("a second import changed %+v into %+v (%+v)", stats, again, second)
	}
}

func TestImportCDNOW(t *testing.T) {
	t.Parallel()
	s := Start(t)
	file := SharedFile(t, "cdnow/CDNOW_master.txt.gz")
	summary := s.Import(file, "../examples/mappings/cdnow.yaml", "cdnow")
	stats := s.Drain()
	t.Logf("%.0f rows/s from the file into the warehouse", summary.RowsPerSecond)
	if stats.InWarehouse != 69_659 || stats.KnownPersons != 23_570 {
		t.Errorf("got %+v, want 69,659 purchases by 23,570 people", stats)
	}
}

const orders = `when,user,phone,amount,note
2026-03-01 10:00:00,u-1,13800138001,10.5,"好, 车 🚗"
2026-13-01 10:00:00,u-2,,11,bad month
2026-03-01 10:00:00,,,12,nobody
2026-03-01 10:00:00,u-3,,zwölf,bad number
2026-03-02 10:00:00,u-1,,13,
2026-03-02 10:00:00,u-4,13900139000,14,
`

const ordersMapping = `format: csv
type: track
event: Order Completed
time: {column: when, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
identifiers:
  user_id: user
  phone: phone
properties:
  amount: {column: amount, type: number}
  note: note
`

// A dry run shows the first rows as events and what would become of persons, and changes
// nothing. The import then does what it said, and keeps the rows that it cannot read, with
// their numbers, until they are repaired.
func TestImportDryRunAndBadRows(t *testing.T) {
	t.Parallel()
	s := Start(t)
	dir := t.TempDir()
	file, mapping := filepath.Join(dir, "订单 orders.csv"), filepath.Join(dir, "orders.yaml")
	writeFile(t, file, orders)
	writeFile(t, mapping, ordersMapping)
	// u-4 and the phone of u-4's row are known as two persons: the file joins them.
	s.Track(Event{"type": "track", "event": "Seen", "userId": "u-4"},
		Event{"type": "track", "event": "Called", "context": map[string]any{"traits": map[string]any{"phone": "+8613900139000"}}})
	before := s.Drain()

	dry := s.DryRun(file, mapping, "orders")
	if dry.Rows != 6 || dry.Quarantined != 3 || dry.Persons.Created != 1 || dry.Persons.Merged != 1 {
		t.Errorf("the dry run says %+v", dry)
	}
	if e := dry.Events[0]; e.Time != "2026-03-01T02:00:00.000Z" || e.Properties["amount"] != 10.5 || e.Properties["note"] != "好, 车 🚗" || e.Event != "Order Completed" {
		t.Errorf("the first row is shown as %+v", e)
	}
	var imports struct{ Items []any }
	s.Call(http.MethodGet, "/api/v1/imports", nil, &imports)
	if st := s.Stats(); st.Accepted != before.Accepted || st.Persons != before.Persons || len(imports.Items) != 0 {
		t.Errorf("the dry run changed %+v to %+v, imports %v", before, st, imports.Items)
	}

	summary := s.Import(file, mapping, "orders")
	if summary.Rows != 6 || summary.Accepted != 3 || summary.Quarantined != 3 || len(summary.Reasons) != 3 {
		t.Errorf("the import says %+v", summary)
	}
	if st := s.Drain(); st.Persons != before.Persons+dry.Persons.Created-dry.Persons.Merged || st.Quarantined != 3 || st.InWarehouse != 5 {
		t.Errorf("%+v became %+v; the dry run said %+v", before, st, dry.Persons)
	}
	checkBadRows(t, s)
}

func checkBadRows(t *testing.T, s *Server) {
	t.Helper()
	rows := map[int64]quarantined{}
	for _, q := range s.Quarantine(nil) {
		if q.Origin != "import" || q.Row == nil {
			t.Fatalf("a row in quarantine is %+v", q)
		}
		rows[*q.Row] = q
	}
	for row, code := range map[int64]string{2: "bad_timestamp", 3: "missing_user", 4: "wrong_type"} {
		if rows[row].Code != code {
			t.Errorf("row %d is in quarantine for %q, want %q", row, rows[row].Code, code)
		}
	}
	var raw map[string]string
	if err := json.Unmarshal(rows[4].Event, &raw); err != nil || raw["amount"] != "zwölf" {
		t.Errorf("row 4 is kept as %s (%v)", rows[4].Event, err)
	}
	if status, err := s.Do(http.MethodPost, "/api/v1/quarantine/"+rows[4].ID+"/replay", nil, nil); status != http.StatusBadRequest {
		t.Errorf("a replay of a row as it was is answered with %d, %v", status, err)
	}
	s.Call(http.MethodPost, "/api/v1/quarantine/"+rows[4].ID+"/replay", map[string]any{"event": Event{"type": "track", "event": "Order Completed",
		"userId": "u-3", "timestamp": "2026-03-01T02:00:00Z", "properties": map[string]any{"amount": 12}}}, nil)
	s.Drain()
	timeline := s.Timeline("user_id:u-3", 10)
	if len(timeline) != 1 || timeline[0].Source != rows[4].Source || timeline[0].Properties["amount"] != 12.0 {
		t.Errorf("the repaired row is %+v", timeline)
	}
}

// An import goes on by itself when the server was killed, and behind the last acknowledged
// row after Ctrl-C; every row arrives once.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	const rows, people = 250_000, 3000
	dir := t.TempDir()
	file, mapping := filepath.Join(dir, "many.csv.gz"), filepath.Join(dir, "many.yaml")
	sum := writeManyOrders(t, file, rows, people)
	writeFile(t, mapping, ordersMapping)
	s := Start(t)
	cmd := s.Prepare("import", file, "--mapping", mapping, "--source", "many")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	until := func(accepted int64) {
		t.Helper()
		Eventually(t, time.Minute, fmt.Sprintf("%d rows are accepted", accepted), func() bool {
			select {
			case err := <-ended:
				t.Fatalf("the import ended too early: %v\n%s", err, out.Bytes())
			default:
			}
			return s.Stats().Accepted >= accepted
		})
	}
	until(rows / 10)
	s.Kill()
	s.Launch()
	until(rows / 3)
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := <-ended; err == nil || !strings.Contains(out.String(), "goes on there") {
		t.Fatalf("after Ctrl-C the import ends with %v and says\n%s", err, out.Bytes())
	}
	summary := s.Import(file, mapping, "many")
	if !summary.Resumed || summary.Skipped < rows/10 || summary.Rows != rows {
		t.Errorf("the second run says %+v", summary)
	}
	st := s.Drain()
	if st.InWarehouse != rows || st.Persons != people || st.Quarantined != 0 {
		t.Errorf("%d rows of %d people make %+v", rows, people, st)
	}
	got := s.SQL("select count(distinct message_id), sum(cast(properties->>'amount' as bigint)) from events")[0]
	if got[0] != float64(rows) || got[1] != float64(sum) {
		t.Errorf("%v message ids and a total of %v, want %d and %d", got[0], got[1], rows, sum)
	}
	t.Logf("%d rows were sent twice and dropped; the second run skipped %d rows and sent %.0f rows/s", st.Duplicates, summary.Skipped, summary.RowsPerSecond)
}

// writeManyOrders writes a file of orders and returns the sum of their amounts.
func writeManyOrders(t *testing.T, path string, rows, people int) (sum int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zip := gzip.NewWriter(f)
	w := bufio.NewWriter(zip)
	fmt.Fprintln(w, "when,user,phone,amount,note")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		fmt.Fprintf(w, "%s,user-%d,,%d,order %d\n", at.Add(time.Duration(i)*time.Second).Format(time.DateTime), i%people, i%977, i)
		sum += int64(i % 977)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return sum
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
