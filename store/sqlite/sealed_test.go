package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/store/sqlite/sealed"
)

func testKey(n byte) []byte { return bytes.Repeat([]byte{n, 1, 2, n + 3}, sealed.KeyBytes/4) }

const planted = "planted-value-that-nobody-may-read"

// holds reports which files of a folder hold the planted value.
func holds(t testing.TB, dir string) (files []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(planted[8:])) {
			files = append(files, e.Name())
		}
	}
	return files
}

func exec(t testing.TB, db *store.DB, statement string, args ...any) {
	t.Helper()
	if err := db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(context.Background(), statement, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, db *store.DB) (n int) {
	t.Helper()
	if err := db.Reader().QueryRow(context.Background(), "SELECT count(*) FROM t WHERE v LIKE '%' || ? || '%'", planted).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSealedFilesTellNothing: neither while the database is open (write-ahead log, a checkpoint) nor
// after, nor a copy of it; another key and none are refused.
func TestSealedFilesTellNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	db, err := sqlite.Open(path, sqlite.Options{Key: testKey(1)})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t (n INTEGER PRIMARY KEY, v TEXT)")
	for i := range 40 {
		exec(t, db, "INSERT INTO t (v) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 500) SELECT ? || x || ? FROM c", fmt.Sprint(i), planted)
	}
	if found := holds(t, dir); len(found) > 0 {
		t.Fatalf("while it is open, %v hold the value", found)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Snapshot(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 20000 {
		t.Fatalf("%d rows", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{dir, filepath.Dir(copied)} {
		if found := holds(t, in); len(found) > 0 {
			t.Fatalf("%v hold the value", found)
		}
	}
	for what, key := range map[string][]byte{"another key": testKey(2), "no key": nil} {
		if db, err := sqlite.Open(path, sqlite.Options{Key: key}); err == nil {
			db.Close()
			t.Errorf("%s opens it", what)
		}
	}
	if before, after, err := sqlite.Pack(t.Context(), path, testKey(1)); err != nil || after > before || after == 0 {
		t.Fatalf("packing: %d, %d, %v", before, after, err)
	}
	for _, p := range []string{path, copied} {
		db, err := sqlite.Open(p, sqlite.Options{Key: testKey(1)})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, db); n != 20000 {
			t.Errorf("%s has %d rows", p, n)
		}
		db.Close()
	}
}

// TestCopyChangesKeys: from the clear, between keys, and back.
func TestCopyChangesKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "0.db")
	db, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t (v TEXT)")
	exec(t, db, "INSERT INTO t VALUES (?)", planted)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	keys := [][]byte{nil, testKey(1), testKey(2), nil}
	for i := 1; i < len(keys); i++ {
		to := filepath.Join(t.TempDir(), fmt.Sprint(i, ".db"))
		if err := sqlite.Copy(t.Context(), path, keys[i-1], to, keys[i]); err != nil {
			t.Fatal(err)
		}
		if found := holds(t, filepath.Dir(to)); (len(found) == 0) != (keys[i] != nil) {
			t.Errorf("copy %d: found in %v", i, found)
		}
		path = to
	}
	if db, err = sqlite.Open(path, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestSealedEqualsPlain: whatever is done, a sealed database answers as one in the clear, also when it is
// left as by a crash (its files copied while it is open) and through statements that spill.
func TestSealedEqualsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "sealed")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		type side struct {
			path string
			key  []byte
			db   *store.DB
		}
		sides := []*side{{path: filepath.Join(dir, "p", "a.db")}, {path: filepath.Join(dir, "s", "a.db"), key: testKey(7)}}
		for _, s := range sides {
			if s.db, err = sqlite.Open(s.path, sqlite.Options{Key: s.key, CacheBytes: 1 << 16, ReaderCacheBytes: 1 << 16}); err != nil {
				t.Fatal(err)
			}
			defer func() { s.db.Close() }()
		}
		both := func(statement string, args ...any) {
			for _, s := range sides {
				if err := s.db.Update(context.Background(), func(tx *store.Tx) error {
					_, err := tx.Exec(context.Background(), statement, args...)
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		both("CREATE TABLE t (n INTEGER, v BLOB)")
		both("CREATE INDEX i ON t (v)")
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				both("INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < ?) SELECT x, hex(x*?) || substr(hex(zeroblob(600)), 1, x % 1100) FROM c",
					rapid.IntRange(1, 800).Draw(t, "rows"), rapid.IntRange(1, 1<<30).Draw(t, "salt"))
			case 2:
				both("DELETE FROM t WHERE n % ? = 0", rapid.IntRange(1, 5).Draw(t, "nth"))
			case 3:
				both("UPDATE t SET v = v || 'x' WHERE n % ? = 0", rapid.IntRange(1, 5).Draw(t, "nth"))
			case 4: // as after a crash: what is in the files, and nothing else
				for _, s := range sides {
					to := s.path + "c"
					for _, suffix := range []string{"", "-wal"} {
						text, err := os.ReadFile(s.path + suffix)
						if err != nil && !errors.Is(err, os.ErrNotExist) {
							t.Fatal(err)
						}
						if err := os.WriteFile(to+suffix, text, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					s.db.Close()
					s.path = to
					if s.db, err = sqlite.Open(to, sqlite.Options{Key: s.key, CacheBytes: 1 << 16, ReaderCacheBytes: 1 << 16}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		var got [2]string
		for i, s := range sides {
			// Sorting more than the cache holds goes through a file.
			if err := s.db.Reader().QueryRow(context.Background(), `SELECT count(*) || ' ' || coalesce(sum(length(v)), 0) || ' ' || coalesce(group_concat(h), '') FROM
				(SELECT v, substr(v, 1, 3) h, row_number() OVER (ORDER BY v DESC, n) r FROM t) WHERE r % 97 = 0`).Scan(&got[i]); err != nil {
				t.Fatal(err)
			}
			var check string
			if err := s.db.Reader().QueryRow(context.Background(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
				t.Fatalf("integrity: %s, %v", check, err)
			}
		}
		if got[0] != got[1] {
			t.Fatalf("plain %.200s\nsealed %.200s", got[0], got[1])
		}
	})
}
