package duckdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// fewerDimensions is the schema of a release that had no os and no utm_content, with a step
// for each that brings it here.
func fewerDimensions() (old, all []step) {
	first := slices.Clone(steps[0])
	for _, name := range []string{" os VARCHAR,", " utm_content VARCHAR,"} {
		if !strings.Contains(first[0], name) {
			panic("the first step has no" + name)
		}
		first[0] = strings.Replace(first[0], name, "", 1)
	}
	old = []step{first}
	return old, append(slices.Clone(old), step{"ALTER TABLE events_raw ADD COLUMN utm_content VARCHAR"}, step{"ALTER TABLE events_raw ADD COLUMN os VARCHAR"})
}

// fileOf makes a file of a schema with one event in it, as its release would have left it.
func fileOf(t *testing.T, s []step, statements ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "w.duckdb")
	w := &Warehouse{path: path, closing: make(chan struct{})}
	w.opts.setDefaults()
	if err := w.openDatabase(); err != nil {
		t.Fatal(err)
	}
	defer mapping.Close(&w.db)
	c, err := w.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	w.writer = &writer{conn: c}
	for i := range s {
		if err := w.writer.take(t.Context(), s[i], i+1); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range append([]string{
		`INSERT INTO events_raw (seq, message_id, time, received_at, node, event, type, source, city, page_path, properties, context)
			VALUES (65536, 'old', '2026-01-01', '2026-01-01', 7, 1, 'track', 'src', '上海', '/old', '{"price":1}', '{"os":{"name":"iOS"}}')`,
		"INSERT INTO event_names VALUES (1, 'Old')",
		"INSERT INTO positions VALUES (0, 1)",
	}, statements...) {
		if err := c.exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func openAt(t *testing.T, path string, s []step) (*Warehouse, error) {
	t.Helper()
	w, err := Open(t.Context(), path, Options{steps: s})
	if err == nil {
		t.Cleanup(func() { w.Close() })
	}
	return w, err
}

func rowsOf(t *testing.T, w *Warehouse, sql string) string {
	t.Helper()
	res, err := w.Query(t.Context(), warehouse.Statement{SQL: sql})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.Rows)
}

// A file with fewer dimensions gets those that came later, wherever they then stand, and
// goes on.
func TestDimensionsAreAddedToAnExistingFile(t *testing.T) {
	old, all := fewerDimensions()
	for name, path := range map[string]string{
		"noted":               fileOf(t, old),
		"before versions":     fileOf(t, old, "DROP TABLE schema_version"),
		"with the first view": fileOf(t, old, "CREATE VIEW events AS SELECT seq, city FROM events_raw"),
	} {
		t.Run(name, func(t *testing.T) {
			for round := range 2 { // the second time there is nothing to do
				w, err := openAt(t, path, all)
				if err != nil {
					t.Fatal(err)
				}
				facts := make([]touchstone.Fact, 3000) // more than one chunk
				for i := range facts {
					offset := uint64(2 + round)
					facts[i] = touchstone.Fact{Seq: touchstone.MakeSeq(0, offset, i), Node: 8, Event: touchstone.Event{Type: touchstone.Track, Name: "New", MessageID: fmt.Sprint(round, i),
						Time: time.UnixMilli(1767225600000), ReceivedAt: time.UnixMilli(1767225600000), Properties: `{"price":2}`,
						Context: `{"os":{"name":"HarmonyOS"},"campaign":{"content":"banner of the longer kind","term":"ev"},"location":{"city":"北京"},"page":{"path":"/new"}}`}}
				}
				if err := w.Append(t.Context(), warehouse.Commit{Through: stream.Offset(2 + round), Facts: facts}); err != nil {
					t.Fatal(err)
				}
				got := rowsOf(t, w, `SELECT event, os, utm_content, utm_term, city, page_path, properties->>'price', count(*) FROM events GROUP BY ALL ORDER BY event DESC`)
				want := fmt.Sprintf("[[Old <nil> <nil> <nil> 上海 /old 1 1] [New HarmonyOS banner of the longer kind ev 北京 /new 2 %d]]", 3000*(round+1))
				if got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// The steps that are released make the table that the program fills.
func TestStepsMakeEveryColumn(t *testing.T) {
	w, err := openAt(t, filepath.Join(t.TempDir(), "w.duckdb"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, w, "SELECT version FROM schema_version"); got != fmt.Sprintf("[[%d]]", len(steps)) {
		t.Errorf("the file is of version %s, not %d", got, len(steps))
	}
}

// A file that lacks a column, or has one more, is named instead of a panic.
func TestAColumnWithoutAStepIsNamed(t *testing.T) {
	old, _ := fewerDimensions()
	if _, err := openAt(t, fileOf(t, old), old); err == nil || !strings.Contains(err.Error(), "no column os") {
		t.Errorf("a column less: %v", err)
	}
	if _, err := openAt(t, fileOf(t, steps, "ALTER TABLE events_raw ADD COLUMN store VARCHAR"), nil); err == nil || !strings.Contains(err.Error(), "store") {
		t.Errorf("a column more: %v", err)
	}
}

func TestAFileOfANewerReleaseIsRefusedUntouched(t *testing.T) {
	path := fileOf(t, append(slices.Clone(steps), step{"ALTER TABLE events_raw ADD COLUMN store VARCHAR"}))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openAt(t, path, nil)
	if want := fmt.Sprintf("written by a newer Touchstone (version %d; this one reads up to %d) (upgrade", len(steps)+1, len(steps)); !errors.Is(err, touchstone.ErrNewer) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed (%v)", err)
	}
}

// The engine has a version of its own for its files.
func TestAFileOfANewerEngineIsNotDamage(t *testing.T) {
	path := fileOf(t, steps)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint64(data[strings.Index(string(data[:64]), "DUCK")+4:], 999)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = openAt(t, path, nil)
	if err == nil || strings.Contains(err.Error(), "one process at a time") {
		t.Errorf("of a file that is damaged: %v", err)
	}
	var sum uint64 // the engine tells which checksum it would like
	_, said, _ := strings.Cut(fmt.Sprint(err), "computed checksum ")
	if _, err := fmt.Sscan(said, &sum); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint64(data, sum)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = openAt(t, path, nil); !errors.Is(err, touchstone.ErrNewer) || strings.Contains(err.Error(), "damaged, move") {
		t.Errorf("got %v", err)
	}
}

// A step that fails in its middle leaves the file as it was, and is taken the next time.
func TestAStepIsTakenWholeOrNotAtAll(t *testing.T) {
	old, all := fewerDimensions()
	path := fileOf(t, old)
	broken := slices.Clone(all)
	broken[1] = append(slices.Clone(all[1]), "ALTER TABLE no_such_table ADD COLUMN x VARCHAR")
	if _, err := openAt(t, path, broken); err == nil || !strings.Contains(err.Error(), "to version 2") {
		t.Fatalf("got %v", err)
	}
	w, err := openAt(t, path, all)
	if err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, w, "SELECT (SELECT version FROM schema_version), count(*) FROM events"); got != "[[3 1]]" {
		t.Errorf("got %s", got)
	}
}

const dieIn = "TOUCHSTONE_TEST_DIE_IN"

// A process that dies in the middle of a step leaves the file as it was.
func TestDeathInAStep(t *testing.T) {
	old, all := fewerDimensions()
	if path := os.Getenv(dieIn); path != "" {
		dieInStep(t, path, append(slices.Clone(all[1]), "INSERT INTO event_names SELECT range, 'x' || range FROM range(300000)"))
	}
	path := fileOf(t, old)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestDeathInAStep$")
	cmd.Env = append(os.Environ(), dieIn+"="+path)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	w, err := openAt(t, path, all)
	if err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, w, "SELECT (SELECT version FROM schema_version), (SELECT count(*) FROM event_names), count(*) FROM events"); got != "[[3 1 1]]" {
		t.Errorf("got %s", got)
	}
}

func dieInStep(t *testing.T, path string, s step) {
	w := &Warehouse{path: path, closing: make(chan struct{})}
	w.opts.setDefaults()
	if err := w.openDatabase(); err != nil {
		t.Fatal(err)
	}
	c, err := w.connect()
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range append([]string{"BEGIN TRANSACTION"}, s...) {
		if err := c.exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	os.Exit(3)
}
