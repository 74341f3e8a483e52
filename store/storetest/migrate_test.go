package storetest_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func sqlFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestMigrateIsIdempotentAndPerFeature(t *testing.T) {
	a1 := sqlFile("-- +goose Up\nCREATE TABLE a (id BIGINT PRIMARY KEY);\n")
	a2 := sqlFile("-- +goose Up\nALTER TABLE a ADD COLUMN label TEXT NOT NULL DEFAULT '';\nCREATE INDEX a_label ON a (label);\n")
	b1 := sqlFile("-- +goose Up\nCREATE TABLE b (id BIGINT PRIMARY KEY, bytes BYTEA NOT NULL);\nINSERT INTO b VALUES (7, 'x');\n")
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		steps := []struct {
			feature string
			files   fstest.MapFS
		}{
			{"a", fstest.MapFS{"0001_a.sql": a1}},
			{"a", fstest.MapFS{"0001_a.sql": a1}},
			{"b", fstest.MapFS{"0001_b.sql": b1}}, // the same version number in another line
			{"a", fstest.MapFS{"0001_a.sql": a1, "0002_label.sql": a2}},
			{"b", fstest.MapFS{"0001_b.sql": b1}},
		}
		for _, s := range steps {
			if err := db.Migrate(ctx, s.feature, s.files); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := db.Reader().QueryRow(ctx, "SELECT count(*) FROM b").Scan(&n); err != nil || n != 1 {
			t.Errorf("b has %d rows, %v: its migration ran more than once", n, err)
		}
		if _, err := db.Reader().Query(ctx, "SELECT label FROM a"); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateFailsWhole(t *testing.T) {
	bad := fstest.MapFS{"0001_x.sql": sqlFile("-- +goose Up\nCREATE TABLE x (id BIGINT PRIMARY KEY);\nCREATE TABLE broken (;\n")}
	good := fstest.MapFS{"0001_x.sql": sqlFile("-- +goose Up\nCREATE TABLE x (id BIGINT PRIMARY KEY);\n")}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "x", bad); err == nil {
			t.Fatal("a broken migration passed")
		}
		if err := db.Migrate(ctx, "x", good); err != nil {
			t.Fatalf("the broken migration left something behind: %v", err)
		}
	})
}

func TestMigrateRefusesOddNames(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		for _, name := range []string{"", "A", "a b", "a;drop", "1a"} {
			if err := db.Migrate(ctx, name, fstest.MapFS{}); err == nil {
				t.Errorf("%q was taken", name)
			}
		}
	})
}

func TestMigrateFromSubFS(t *testing.T) {
	sub, err := fs.Sub(fstest.MapFS{"migrations/0001_s.sql": sqlFile("-- +goose Up\nCREATE TABLE s (id BIGINT PRIMARY KEY);\n")}, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "s", sub); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMigrateAtOnceFromSeveralProcesses(t *testing.T) {
	url := storetest.PostgresSchema(t)
	var wg sync.WaitGroup
	for range 4 {
		db := openPostgres(t, url)
		wg.Go(func() {
			if err := db.Migrate(ctx, "rows", rowsFS); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestMigrateRefusesTablesOfALaterRelease(t *testing.T) {
	old := fstest.MapFS{"0001_a.sql": sqlFile("-- +goose Up\nCREATE TABLE a (id BIGINT);")}
	newer := fstest.MapFS{"0001_a.sql": old["0001_a.sql"], "0002_b.sql": sqlFile("-- +goose Up\nCREATE TABLE b (id BIGINT);")}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "letters", newer); err != nil {
			t.Fatal(err)
		}
		err := db.Migrate(ctx, "letters", old)
		if !errors.Is(err, touchstone.ErrNewer) || !strings.Contains(err.Error(), "part letters was written by a newer Touchstone (version 2; this one reads up to 1)") {
			t.Errorf("got %v", err)
		}
	})
}
