package duckdb_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
	"github.com/touchstone-cdp/touchstone/warehouse/warehousetest"
)

const testKey = "mFhX0Zk4qPzUuWm1dB3nq7fT2cYxE9aLr5GJvHsKoN8="

func encrypted() duckdb.Options {
	opts := separate()
	opts.Key = testKey
	return opts
}

func TestContractEncrypted(t *testing.T) {
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Warehouse {
		return open(t, place, duckdb.Options{Key: testKey})
	})
}

func TestContractEncryptedWithProcesses(t *testing.T) {
	opts := encrypted()
	opts.SQL.Memory = 1 << 30
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Warehouse { return open(t, place, opts) })
}

// holding counts the files under a folder that hold a text.
func holding(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all, err := os.ReadFile(path)
		if bytes.Contains(all, []byte(text)) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const planted = "nobody-may-read-this"

func plant(t *testing.T, w *duckdb.Warehouse) {
	t.Helper()
	facts := webFacts(200, 1)
	for i := range facts {
		facts[i].Event.Properties = touchstone.JSON(`{"note":"` + planted + `"}`)
	}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: facts}); err != nil {
		t.Fatal(err)
	}
}

// TestEncryptedFilesTellNothing: in the write-ahead log, the file, and what a question spills; another key and none
// do not open it; statements of people, masked or not, do not see the key.
func TestEncryptedFilesTellNothing(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, encrypted())
	plant(t, w)
	if found := holding(t, dir, planted); len(found) > 0 {
		t.Errorf("%v hold it", found)
	}
	for _, masked := range []bool{false, true} {
		for _, ask := range []string{"SELECT count(*) FROM events WHERE properties::varchar LIKE '%" + planted + "%'"} {
			res, err := w.Query(t.Context(), warehouse.Statement{SQL: ask, Masked: masked, MaxRows: 10})
			if err != nil || res.Rows[0][0] != int64(200) {
				t.Errorf("masked %v: %v, %v", masked, res, err)
			}
		}
		for _, ask := range []string{"SELECT * FROM duckdb_databases()", "SELECT * FROM duckdb_settings()", "SELECT 1 FROM nothing_of_the_kind"} {
			res, err := w.Query(t.Context(), warehouse.Statement{SQL: ask, Masked: masked, MaxRows: 1000})
			if err != nil {
				if strings.Contains(err.Error(), testKey) {
					t.Errorf("%s tells the key: %v", ask, err)
				}
				continue
			}
			for _, row := range res.Rows {
				for _, v := range row {
					if text, ok := v.(string); ok && strings.Contains(text, testKey[:20]) {
						t.Errorf("%s tells the key", ask)
					}
				}
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, dir, planted); len(found) > 0 {
		t.Errorf("closed, %v hold it", found)
	}
	path := filepath.Join(dir, "w.duckdb")
	for what, key := range map[string]string{"another key": testKey[1:] + "A", "no key": ""} {
		_, err := duckdb.Open(t.Context(), path, duckdb.Options{Key: key})
		if err == nil || strings.Contains(err.Error(), testKey[1:]) {
			t.Errorf("%s: %v", what, err)
		}
		t.Log(what, err)
	}
	if before, after, err := duckdb.Rewrite(t.Context(), path, testKey); err != nil || before == 0 || after == 0 {
		t.Fatal(before, after, err)
	}
	// A copy in the clear has it, so the search finds what there is; and the other way round it goes again.
	clear, again := filepath.Join(t.TempDir(), "w.duckdb"), filepath.Join(t.TempDir(), "w.duckdb")
	if err := duckdb.Copy(t.Context(), path, testKey, clear, ""); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, filepath.Dir(clear), planted); len(found) != 1 {
		t.Errorf("in the clear, %v hold it", found)
	}
	if _, err := duckdb.Open(t.Context(), clear, encrypted()); err == nil {
		t.Error("a file in the clear opens with a key")
	} else {
		t.Log(err)
	}
	if err := duckdb.Copy(t.Context(), clear, "", again, testKey); err != nil {
		t.Fatal(err)
	}
	w = open(t, filepath.Dir(again), encrypted())
	defer w.Close()
	if n, err := w.Count(t.Context()); err != nil || n != 200 {
		t.Errorf("%d events, %v", n, err)
	}
	if found := holding(t, filepath.Dir(again), planted); len(found) > 0 {
		t.Errorf("encrypted again, %v hold it", found)
	}
}
