// Package storetest runs a test on every database that package store supports.
//
// The PostgreSQL half needs a server: its URL is in TOUCHSTONE_TEST_POSTGRES
// (scripts/postgres-test.sh starts one). Without it that half is skipped, except
// when CI=true: there it fails.
package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

// PostgresEnv names the variable with the URL of a PostgreSQL server for tests.
const PostgresEnv = "TOUCHSTONE_TEST_POSTGRES"

// Run runs body twice, as sub-tests: on a fresh SQLite file and on a fresh schema of
// a PostgreSQL database. The databases are empty: body migrates what it needs.
func Run(t *testing.T, body func(t *testing.T, db *store.DB)) {
	t.Helper()
	RunReopen(t, func(t *testing.T, open func() *store.DB) { body(t, open()) })
}

// RunReopen is Run for tests that close the database and open it again.
func RunReopen(t *testing.T, body func(t *testing.T, open func() *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		body(t, opener(t, func() (*store.DB, error) { return sqlite.Open(path, sqlite.Options{}) }))
	})
	t.Run("postgres", func(t *testing.T) {
		url := PostgresSchema(t)
		body(t, opener(t, func() (*store.DB, error) {
			return postgres.Open(context.Background(), url, postgres.Options{})
		}))
	})
}

func opener(t *testing.T, open func() (*store.DB, error)) func() *store.DB {
	return func() *store.DB {
		t.Helper()
		db, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() }) // again, when the test has closed it: no harm
		return db
	}
}

// PostgresSchema makes an empty schema that is dropped when the test ends, and returns
// a URL whose connections work in it. It skips the test without a server.
func PostgresSchema(t testing.TB) string {
	t.Helper()
	server := os.Getenv(PostgresEnv)
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: CI must test PostgreSQL", PostgresEnv)
		}
		t.Skipf("%s is not set (scripts/postgres-test.sh starts a server)", PostgresEnv)
	}
	ctx := context.Background()
	admin, err := postgres.Open(ctx, server, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	schema := randid.New("test")
	exec := func(query string) error {
		return admin.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, query)
			return err
		})
	}
	if err := exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := exec("DROP SCHEMA " + schema + " CASCADE")
		for try := 0; store.IsRetryable(err) && try < 10; try++ { // a statement that was cancelled may still hold locks
			err = exec("DROP SCHEMA " + schema + " CASCADE")
		}
		if err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", PostgresEnv, err))
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
