package console

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// A file that lies on the server is previewed, imported, broken off and gone on with in
// the server's own process, and what is counted is the same everywhere.
func TestImportInsideTheServer(t *testing.T) {
	w := newWorld(t)
	const rows = 12_000
	var b strings.Builder
	b.WriteString("id,ts,amount\n")
	for i := 1; i <= rows; i++ {
		day := "2026-02-01"
		switch {
		case i%1000 == 0:
			day = "2027-02-01" // the server's rule
		case i%1500 == 1:
			day = "soon" // the mapping's
		}
		fmt.Fprintf(&b, "u%d,%s,9007199254740993\n", i%50, day)
	}
	path := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := importer.ParseMapping([]byte("event: E\ntime: ts\nidentifiers: {user_id: id}\nproperties: {amount: {column: amount, type: number}}"))
	if err != nil {
		t.Fatal(err)
	}
	server := w.imports.Server()
	p, err := importer.Preview(t.Context(), importer.PreviewOptions{File: path, Mapping: m, Rows: 3, Server: server, Clock: w.clock})
	if err != nil || p.Bad != 1 || p.Rows[0].Code != "bad_timestamp" || p.Persons == nil || p.Persons.Created != 2 {
		t.Fatalf("%+v %v", p, err)
	}
	o := importer.Options{To: server, File: path, Mapping: m, Source: "files", ChunkRows: 500, Clock: w.clock, NoWait: true}
	dry, err := importer.DryRun(t.Context(), o, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p importer.Progress) {
		if p.Phase == importer.PhaseSend && p.Rows >= rows/2 {
			cancel()
		}
	}
	first, err := importer.Run(ctx, o)
	if touchstone.KindOf(err) != touchstone.Unavailable || first.Rows < rows/2 || first.Rows == rows {
		t.Fatalf("%+v %v", first, err)
	}
	o.Progress = nil
	second, err := importer.Run(t.Context(), o)
	if err != nil || !second.Resumed || second.Rows != rows || second.Skipped < first.Rows {
		t.Fatalf("%+v %v", second, err)
	}
	state, err := server.State(t.Context(), second.Import)
	if err != nil {
		t.Fatal(err)
	}
	if dry.Rejected != 20 || dry.Rows != rows || state.Rejected != 20 || state.Accepted != rows-20 || first.Accepted+second.Accepted > rows-20 || len(state.Reasons) != 2 ||
		state.Reasons[0] != (intake.RowReason{Reason: state.Reasons[0].Reason, Rows: 12, FirstRow: 1000}) || !strings.HasPrefix(state.Reasons[0].Reason, "in_future: ") {
		t.Errorf("dry run %+v\nstate %+v", dry, state)
	}
	if len(dry.Reasons) != 2 || dry.Reasons[0] != state.Reasons[0] || dry.Reasons[1] != state.Reasons[1] || dry.Persons == nil || dry.Persons.Created != 50 {
		t.Errorf("the dry run said %+v, persons %+v", dry.Reasons, dry.Persons)
	}
	again, err := importer.Run(t.Context(), o)
	if err != nil || !again.AlreadyImported {
		t.Errorf("%+v %v", again, err)
	}
}

// For random files and mappings, dry run, summary, GET /api/v1/imports, quarantine and
// warehouse agree on every count.
func TestImportCountsAgree(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		source := fmt.Sprint("files-", run)
		file := drawFile(r, fmt.Sprint(run))
		path := filepath.Join(dir, source)
		if err := os.WriteFile(path, []byte(file.content), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := importer.ParseMapping([]byte(file.mapping))
		if err != nil {
			r.Fatal(err)
		}
		o := importer.Options{To: w.imports.Server(), File: path, Mapping: m, Source: source, ChunkRows: rapid.IntRange(1, 40).Draw(r, "chunk"), Clock: w.clock}
		dry, err := importer.DryRun(t.Context(), o, 0)
		if err != nil {
			return // such a file is not imported at all
		}
		before, stored := w.pipeline.Totals(), w.stored()
		sum, err := importer.Run(t.Context(), o)
		if err != nil {
			r.Fatalf("the dry run took it, the import does not: %v\n%s", err, file.content)
		}
		w.settle()
		after := w.pipeline.Totals()
		w.checkCounts(r, dry, sum, after.Duplicates-before.Duplicates, w.stored()-stored, file.content)
	})
}

// checkCounts compares what every place says of an import.
func (w *world) checkCounts(r *rapid.T, dry importer.DryRunResult, sum importer.Summary, duplicates, inWarehouse int64, content string) {
	var shown importJSON
	w.want(call{method: "GET", path: "/api/v1/imports/" + sum.Import, key: w.admin}, 200).decode(w.t, &shown)
	refused := map[int64]string{}
	for cursor, more := "", true; more; more = cursor != "" {
		var list api.Page[collect.Quarantined]
		w.want(call{method: "GET", path: "/api/v1/quarantine?limit=500&source=" + shown.Source.ID + "&cursor=" + cursor, key: w.admin}, 200).decode(w.t, &list)
		for _, q := range list.Items {
			if q.Row == nil {
				r.Fatalf("a refused row without a number: %+v", q)
			}
			if refused[*q.Row] != "" {
				r.Fatalf("row %d is in quarantine twice", *q.Row)
			}
			refused[*q.Row] = q.Code + ": " + q.Reason
		}
		cursor = list.NextCursor
	}
	counts := func(list []intake.RowReason) string {
		text := ""
		for _, c := range list {
			text += fmt.Sprintf("%d×%s from row %d; ", c.Rows, c.Reason, c.FirstRow)
		}
		return text
	}
	var server []intake.RowReason
	for _, c := range shown.Reasons[:min(len(shown.Reasons), 10)] {
		server = append(server, c)
	}
	want := fmt.Sprint(dry.Rows, dry.Rejected, dry.Rows-dry.Rejected, dry.Duplicates, dry.WithoutID, dry.Rows-dry.Rejected-dry.Duplicates, dry.Rejected, counts(dry.Reasons))
	for place, got := range map[string]string{
		"summary":  fmt.Sprint(sum.Rows, sum.Rejected, sum.Accepted, duplicates, sum.WithoutID, inWarehouse, len(refused), counts(sum.Reasons)),
		"GET":      fmt.Sprint(shown.NextRow-1, shown.Rejected, shown.Accepted, duplicates, sum.WithoutID, inWarehouse, len(refused), counts(server)),
		"counters": fmt.Sprint(shown.Source.Accepted+shown.Source.Quarantined, shown.Source.Quarantined, shown.Source.Accepted, duplicates, sum.WithoutID, inWarehouse, len(refused), counts(dry.Reasons)),
	} {
		if got != want {
			r.Fatalf("%s:       %s\nthe dry run: %s\nquarantine: %v\n%s", place, got, want, refused, content)
		}
	}
	for _, c := range dry.Reasons {
		if c.Rows > 0 && refused[c.FirstRow] != c.Reason {
			r.Fatalf("row %d is in quarantine for %q; the dry run says %q", c.FirstRow, refused[c.FirstRow], c.Reason)
		}
	}
}

// stored asks the warehouse for the number of events.
func (w *world) stored() int64 {
	w.t.Helper()
	n, err := w.lake.Count(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

type drawnFile struct{ content, mapping string }

// drawFile makes a file in which anything may be wrong, and a mapping for it.
func drawFile(r *rapid.T, run string) drawnFile {
	cell := func(name string, texts ...string) string { return rapid.SampledFrom(texts).Draw(r, name) }
	var rows [][]string
	for range rapid.IntRange(0, 60).Draw(r, "rows") {
		if len(rows) > 0 && rapid.IntRange(0, 9).Draw(r, "copy") == 0 {
			rows = append(rows, rows[len(rows)-1])
			continue
		}
		rows = append(rows, []string{
			cell("id", "u1-"+run, "u2-"+run, "u3-"+run, "null", "", "0", "#N/A", strings.Repeat("x", 300)),
			cell("ts", "2026-02-01 10:00:00", "2026-02-01", "1965-05-01", "1969-12-31 23:59:59", "2027-06-01", "2026-03-02 11:00:00", "soon", "", "3026-01-01"),
			cell("mid", run+"-a", run+"-b", run+fmt.Sprint("-", len(rows)), run+fmt.Sprint("-", len(rows)), "", "null", strings.Repeat("m", 300)+run),
			cell("note", "tea", "", "a, b", "24\" tv", "two\nlines", "NULL", "0", strings.Repeat("y", 33<<10), "\x00", "上海"),
			cell("amount", "1", "2.5", "1,5", "9007199254740993", "free", "", "$3", strings.Repeat("9", 60), "1e300"),
		})
	}
	names := []string{"id", "ts", "mid", "note", "amount"}
	mapping := "event: E\ntime: ts\nidentifiers: {user_id: id}\ncolumns: [id, ts, mid, note, amount]\n"
	var b strings.Builder
	switch format := cell("format", "csv", "raw", "ndjson", "json"); format {
	case "csv", "raw":
		mapping += "header: yes\n"
		b.WriteString(strings.Join(names, ",") + "\n")
		for _, row := range rows {
			quoted := make([]string, len(row))
			for i, c := range row {
				if quoted[i] = c; format == "csv" && strings.ContainsAny(c, ",\"\n") {
					quoted[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
				} else if format == "raw" && c == "24\" tv" { // a stray quote
					quoted[i] = `"24" tv`
				}
			}
			b.WriteString(strings.Join(quoted, ",") + "\n")
		}
	default:
		mapping += "format: " + format + "\n"
		var items []string
		for i, row := range rows {
			object := map[string]string{}
			for j, name := range names {
				object[name] = row[j]
			}
			text, err := json.Marshal(object)
			if err != nil {
				r.Fatal(err)
			}
			if i%17 == 16 { // a key twice
				text = []byte(strings.Replace(string(text), "{", `{"id":"u1",`, 1))
			}
			items = append(items, string(text))
		}
		if b.WriteString(strings.Join(items, "\n")); format == "json" {
			b.Reset()
			b.WriteString("[" + strings.Join(items, ",\n") + "]")
		}
	}
	mapping += cell("properties", "", "properties: {note: note, amount: {column: amount, type: number}}\n", "properties: {note: note, amount: amount}\n", "properties: {note: {column: note, type: json}}\n")
	mapping += cell("message_id", "", "message_id: [mid]\n", "message_id: [mid, $row]\n", "message_id: [id, mid]\n")
	return drawnFile{b.String(), mapping}
}
