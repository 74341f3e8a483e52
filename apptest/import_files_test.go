package apptest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Files as other programs write them. Each is imported by the command; what it says, what
// GET /api/v1/imports, the quarantine and the warehouse say must be the same.
func TestImportFilesAsTheyCome(t *testing.T) {
	t.Parallel()
	const mapping = "event: E\ntime: {column: ts}\nidentifiers:\n  user_id: id\nproperties:\n  note: note\n  amount: {column: amount, type: number}\n"
	s := Start(t)
	for _, c := range []struct {
		name, content, more string
		quarantined         map[int64]string // row → code
		total               string           // of amount, as DuckDB adds it up
		events              int64
	}{
		{"stray-quote.csv", "id,ts,note,amount\nq1,2026-01-02 03:04:05,cable,1\nq2,2026-01-02 03:04:06,\"24\" monitor,2\nq3,2026-01-02 03:04:07,mouse,3\n" +
			"q4,2026-01-02 03:04:08,\"desk, oak\",4\nq5,2026-01-02 03:04:09,lamp,5\n", "", map[int64]string{2: "bad_row"}, "13", 4},
		{"decimal-comma.csv", "id;ts;note;amount\nu1;2026-01-02 03:04:05;a;1,5\nu2;2026-01-02 03:04:05;b;1.234,50\nu3;2026-01-02 03:04:05;c;1.234\n", "", nil, "2470", 3},
		{"cr.csv", "id,ts,note,amount\ru1,2026-01-02 03:04:05,hello,1.5\r", "", nil, "1.5", 1},
		{"trailing.csv", "id,ts,note,amount\nu1,2026-01-02 03:04:05,hello,1.5,\nu2,2026-01-02 03:04:06,world,2,\n", "", nil, "3.5", 2},
		{"excel.csv", "id,ts,note,amount\n=\"00123\",2026-01-02 03:04:05,x,1\n#N/A,2026-01-02 03:04:05,x,1\n'00123,2026-01-02 03:04:05,x,1\n", "", map[int64]string{2: "missing_user"}, "2", 2},
		{"future.csv", "id,ts,note,amount\nfu1,2999-06-01 10:00:00,booking,1\nfu2,2026-01-01 10:00:00,past,2\n", "", map[int64]string{1: "in_future"}, "2", 1},
		{"old.csv", "id,ts,note,amount\npa1,1965-05-01 10:00:00,a,1\npa2,1969-12-31 23:59:59,b,1\npa3,1970-01-01 00:00:00,c,4\n", "", map[int64]string{1: "too_old", 2: "too_old"}, "4", 1},
		{"no-id.csv", "id,ts,note,amount,oid\nmi1,2026-01-02,a,1,A1\nmi2,2026-01-02,b,1,\nmi3,2026-01-02,c,1,\n", "message_id: [oid]\n", nil, "3", 3},
		{"array.json", "[\n{\"id\":\"n1\",\"ts\":\"2026-01-02T03:04:05Z\",\"note\":\"a\",\"amount\":1},\n{\"id\":\"n2\",\"ts\":\"2026-01-02T03:04:06Z\",\"note\":\"b\",\"amount\":2}\n]\n", "", nil, "3", 2},
		{"big.csv", "id,ts,note,amount\n9007199254740993,2026-01-02,x,9007199254740993\n", "", nil, "9007199254740993", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file, yaml := filepath.Join(dir, c.name), filepath.Join(dir, "m.yaml")
			writeFile(t, file, c.content)
			writeFile(t, yaml, mapping+c.more)
			before := s.Drain()
			dry := s.DryRun(file, yaml, c.name)
			sum := s.Import(file, yaml, c.name)
			after := s.Drain()
			bad := int64(len(c.quarantined))
			if dry.Rows != c.events+bad || dry.Quarantined != bad || sum.Rows != c.events+bad || sum.Accepted != c.events || sum.Quarantined != bad ||
				after.InWarehouse-before.InWarehouse != c.events || after.Quarantined-before.Quarantined != bad {
				t.Errorf("dry run %+v\nsummary %+v\n%+v became %+v", dry, sum, before, after)
			}
			checkQuarantineRows(t, s, c.name, c.quarantined)
			var id string
			for _, i := range s.importsOf(c.name) {
				id = i.Source.ID
			}
			total := s.SQL("select cast(sum(cast(properties->>'amount' as decimal(30,2))) as varchar) from events where source = '%s'", id)[0][0]
			if text := fmt.Sprint(total); strings.TrimRight(strings.TrimRight(text, "0"), ".") != strings.TrimRight(strings.TrimRight(c.total+".0", "0"), ".") {
				t.Errorf("amounts add up to %s, want %s", text, c.total)
			}
		})
	}
}

// listedImport is an import as GET /api/v1/imports shows it.
type listedImport struct {
	Source             struct{ ID, Name string }
	Accepted, Rejected int64
	Reasons            []struct {
		Reason   string
		FirstRow int64 `json:"first_row"`
	}
}

// importsOf lists the imports into a source.
func (s *Server) importsOf(source string) (list []listedImport) {
	s.t.Helper()
	var imports struct{ Items []listedImport }
	s.Call("GET", "/api/v1/imports?limit=200", nil, &imports)
	for _, i := range imports.Items {
		if i.Source.Name == source {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		s.t.Fatalf("no import into %s is listed", source)
	}
	return list
}

// checkQuarantineRows compares the refused rows of a source, by number.
func checkQuarantineRows(t *testing.T, s *Server, source string, want map[int64]string) {
	t.Helper()
	for _, i := range s.importsOf(source) {
		got := map[int64]string{}
		for _, q := range s.Quarantine(nil) {
			if q.Source == i.Source.ID && q.Row != nil {
				got[*q.Row] = q.Code
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || i.Rejected != int64(len(want)) {
			t.Errorf("in quarantine are %v, want %v; the list of imports says %+v", got, want, i)
		}
		for _, r := range i.Reasons {
			if code, _, _ := strings.Cut(r.Reason, ": "); want[r.FirstRow] != code {
				t.Errorf("row %d is listed for %q", r.FirstRow, r.Reason)
			}
		}
	}
}
