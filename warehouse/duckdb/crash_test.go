package duckdb_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// crashDir tells the test binary to be the process that is killed.
const crashDir = "TOUCHSTONE_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == answerArgument {
		if err := duckdb.AnswerStatement(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(crashDir); dir != "" {
		if err := appendForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashRecord is the commit of a record: events, a new name each tenth, and an override.
func crashRecord(offset uint64) warehouse.Commit {
	facts := webFacts(20+int(offset%7)*100, offset)
	for i := range facts {
		facts[i].MessageID = fmt.Sprintf("%d/%d", offset, i)
		if offset%10 == 0 {
			facts[i].Name = fmt.Sprintf("event %d", offset)
		}
	}
	return warehouse.Commit{Through: stream.Offset(offset), Facts: facts, OverrideVersion: int64(offset),
		Overrides: []warehouse.Override{{Node: touchstone.NodeID(1_000_000 + offset), Person: 1}}}
}

// appendForever appends record after record from where the warehouse stands, each twice
// as a sink does that crashed between commit and acknowledgement, and says which are done.
func appendForever(dir string) error {
	ctx := context.Background()
	// A small threshold puts kills into checkpoints, too.
	w, err := duckdb.Open(ctx, dir+"/w.duckdb", duckdb.Options{CheckpointSize: "1MB"})
	if err != nil {
		return err
	}
	p, err := w.Position(ctx, 0)
	if err != nil {
		return err
	}
	for offset := uint64(p.Through) + 1; ; offset++ {
		c := crashRecord(offset)
		for range 2 {
			if err := w.Append(ctx, c); err != nil {
				return err
			}
		}
		fmt.Println(offset)
	}
}

// TestKill kills a process that appends, again and again, at random moments. What it said
// was appended is there once, and nothing else is.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a process for some seconds")
	}
	dir := t.TempDir()
	acknowledged := uint64(0)
	for round := range 12 {
		acknowledged = max(acknowledged, runUntilKilled(t, dir, time.Duration(50+rand.IntN(700))*time.Millisecond))
		w := open(t, dir, duckdb.Options{})
		p, err := w.Position(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if uint64(p.Through) < acknowledged || uint64(p.Through) > acknowledged+1 || p.OverrideVersion != int64(p.Through) {
			t.Fatalf("round %d: record %d was acknowledged, the warehouse stands at %+v", round, acknowledged, p)
		}
		checkAppended(t, w, uint64(p.Through))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged < 50 {
		t.Errorf("only %d records were appended in all", acknowledged)
	}
}

// runUntilKilled runs appendForever for a while and returns the last record that it said
// was appended.
func runUntilKilled(t *testing.T, dir string, life time.Duration) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	last := uint64(0)
	for lines.Scan() { // the clock starts with the first record
		if last == 0 {
			time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
		}
		if last, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	if failed.Len() > 0 {
		t.Fatal(failed.String())
	}
	return last
}

func checkAppended(t *testing.T, w warehouse.Warehouse, through uint64) {
	t.Helper()
	events, names := int64(0), map[string]bool{}
	for offset := uint64(1); offset <= through; offset++ {
		c := crashRecord(offset)
		events += int64(len(c.Facts))
		for i := range c.Facts {
			names[c.Facts[i].Name] = true
		}
	}
	res, err := w.Query(t.Context(), warehouse.Statement{SQL: `SELECT count(*), count(DISTINCT seq), count(DISTINCT message_id), max(seq) // 65536, (SELECT count(*) FROM overrides),
		(SELECT count(*) FROM event_names), (SELECT count(DISTINCT name) FROM event_names), (SELECT count(*) FROM events_raw WHERE properties IS NULL OR event NOT IN (SELECT code FROM event_names)) FROM events_raw`})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(res.Rows[0]...)
	want := fmt.Sprint(events, events, events, int64(through), int64(through), int64(len(names)), int64(len(names)), int64(0))
	if got != want {
		t.Fatalf("through record %d: got %s, want %s (events, seqs, messages, last record, overrides, codes, names, broken)", through, got, want)
	}
}
