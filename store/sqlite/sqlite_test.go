package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// childEnv makes the test binary write to the database that it names.
const childEnv = "TOUCHSTONE_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const countersDDL = "CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);"

var counters = store.Upsert{Table: "counters", Columns: []string{"id", "n"}, Key: []string{"id"}}

// writeForEver sets 200 rows to 1, 2, 3, …, one transaction each, and prints each number
// once it is committed.
func writeForEver(path string) error {
	db, err := Open(path, Options{})
	if err != nil {
		return err
	}
	var n int64
	if err := db.Reader().QueryRow(ctx, "SELECT coalesce(max(n), 0) FROM counters").Scan(&n); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		n++
		err := db.Update(ctx, func(tx *store.Tx) error {
			return tx.BulkUpsert(ctx, counters, 200, func(i int, args []any) { args[0], args[1] = i, n })
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestKillLosesNoCommitAndTearsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, strings.ReplaceAll(countersDDL, "BIGINT PRIMARY", "INTEGER PRIMARY"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	for round := range 4 {
		committed := killAfter(t, path, time.Duration(30+70*round)*time.Millisecond)
		db, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var least, most, rows int64
		if err := db.Reader().QueryRow(ctx, "SELECT min(n), max(n), count(*) FROM counters").Scan(&least, &most, &rows); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if least != most || rows != 200 || least < committed {
			t.Fatalf("%d was committed; %d rows hold %d to %d", committed, rows, least, most)
		}
	}
}

func killAfter(t *testing.T, path string, d time.Duration) (committed int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			time.AfterFunc(d, func() { cmd.Process.Kill() })
		} else if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
			committed = n
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 || committed == 0 {
		t.Fatalf("the child ended by itself, or before a commit: %v, %d\n%s", err, committed, stderr.String())
	}
	return committed
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("got %v", err)
	}
	db.Close()
	db, err = Open(path, Options{})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	db.Close()
}

func TestOpenFailuresSayWhat(t *testing.T) {
	dir := t.TempDir()
	notADatabase := filepath.Join(dir, "text.db")
	if err := os.WriteFile(notADatabase, bytes.Repeat([]byte("hello world\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"not a database":      notADatabase,
		"a file for a folder": filepath.Join(notADatabase, "store.db"),
	} {
		_, err := Open(path, Options{})
		if touchstone.KindOf(err) != touchstone.Unavailable || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if db, err := Open(filepath.Join(dir, "odd ?#%20name&x=1", "store.db"), Options{}); err != nil {
		t.Errorf("a path with odd characters: %v", err)
	} else {
		db.Close()
		if _, err := os.Stat(filepath.Join(dir, "odd ?#%20name&x=1", "store.db")); err != nil {
			t.Error(err)
		}
	}
}

func TestSettings(t *testing.T) {
	db := openBench(t, countersDDL)
	pragma := func(q store.Querier, name string) (v string) {
		t.Helper()
		if err := q.QueryRow(ctx, "PRAGMA "+name).Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	err := db.Update(ctx, func(tx *store.Tx) error {
		for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1",
			"page_size": "8192", "busy_timeout": "10000", "cache_size": "-65536"} {
			if got := pragma(tx, name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"query_only": "1", "cache_size": "-8192"} {
		if got := pragma(db.Reader(), name); got != want {
			t.Errorf("reader: %s is %s, want %s", name, got, want)
		}
	}
}

func TestBusyIsRetryable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other := open(path, "", "immediate", []string{"busy_timeout(0)"}) // as sqlite3 on the command line
	defer other.Close()
	err = db.Update(ctx, func(tx *store.Tx) error {
		_, err := other.BeginTx(ctx, nil)
		if !store.IsRetryable(fmt.Errorf("wrapped: %w", err)) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if store.IsRetryable(errors.New("x")) || store.IsRetryable(nil) || store.IsRetryable(sql.ErrNoRows) {
		t.Error("other errors are not retryable")
	}
}

// The log of changes must not grow without bound under steady writing.
func TestWriteAheadLogIsBounded(t *testing.T) {
	db := openBench(t, "CREATE TABLE blobs (id BIGINT PRIMARY KEY, data BYTEA NOT NULL);")
	u := store.Upsert{Table: "blobs", Columns: []string{"id", "data"}, Key: []string{"id"}}
	data := make([]byte, 1<<20)
	for round := range 40 { // 400 MB
		err := db.Update(ctx, func(tx *store.Tx) error {
			return tx.BulkUpsert(ctx, u, 10, func(i int, args []any) { data[0] = byte(round); args[0], args[1] = i, data })
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	size, err := db.Size(ctx)
	if err != nil || size > 400<<20 {
		t.Errorf("10 MB of data occupy %d MB, %v", size>>20, err)
	}
}

func TestStatementCache(t *testing.T) {
	raw, err := (&connector{dsn: "file:" + filepath.Join(t.TempDir(), "x.db")}).Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := raw.(*conn)
	var open []driver.Rows
	for i := range 3 * maxStatements {
		rows, err := c.QueryContext(ctx, fmt.Sprintf("SELECT %d UNION ALL SELECT 2", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if i < 10 {
			open = append(open, rows) // busy statements must survive the eviction
			continue
		}
		rows.Close()
	}
	if n := c.recent.Len(); n > maxStatements || n != len(c.byText) {
		t.Errorf("%d statements in the list, %d in the map", n, len(c.byText))
	}
	for i, rows := range open {
		dest := make([]driver.Value, 1)
		for _, want := range []int64{int64(i), 2} {
			if err := rows.Next(dest); err != nil || dest[0] != want {
				t.Fatalf("query %d gave %v, %v", i, dest[0], err)
			}
		}
		if err := errors.Join(rows.Close(), rows.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
