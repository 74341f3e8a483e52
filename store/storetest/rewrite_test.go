package storetest_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Rewritten tables keep their rows; a dump holds all texts and bytes of them, and none that was deleted, nor the samples
// of what was; a table that is larger than the bound is left and named.
func TestPostgresRewriteAndDump(t *testing.T) {
	url := storetest.PostgresSchema(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		for _, statement := range []string{`CREATE TABLE people (name TEXT, raw BYTEA)`, `CREATE TABLE "Odd Name" (n BIGINT)`} {
			if _, err := tx.Exec(t.Context(), statement); err != nil {
				return err
			}
		}
		for i := range 2000 {
			if _, err := tx.Exec(t.Context(), `INSERT INTO people VALUES (?, ?)`, fmt.Sprintf("person-%04d", i%2), []byte(fmt.Sprintf("\x00raw-%04d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	dump := func() (all string, tables int) {
		t.Helper()
		var b bytes.Buffer
		tables, err := postgres.Dump(t.Context(), url, func(_ string, rows io.Reader) error {
			_, err := io.Copy(&b, rows)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.String(), tables
	}
	rewrite := func(most int64) postgres.Rewritten {
		t.Helper()
		done, err := postgres.Rewrite(t.Context(), url, most)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if done := rewrite(0); done.Tables < 2 || done.After == 0 {
		t.Errorf("rewritten: %+v", done)
	}
	if all, tables := dump(); tables != 3 || strings.Count(all, "raw-") != 2000 || strings.Count(all, "person-0001") < 1000 {
		t.Errorf("%d tables, %d rows", tables, strings.Count(all, "raw-"))
	}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM people WHERE name = 'person-0001'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := dump(); !strings.Contains(all, "person-0001") {
		t.Error("the planner has no sample of what was deleted: nothing is shown by its being gone afterwards")
	}
	if done := rewrite(8192); len(done.Left) != 1 || !strings.Contains(done.Left[0], "people") {
		t.Errorf("with a bound there is left %v", done.Left)
	}
	rewrite(0)
	if all, _ := dump(); strings.Contains(all, "person-0001") || strings.Count(all, "raw-") < 1000 {
		t.Errorf("what was deleted is there %d times, and %d rows", strings.Count(all, "person-0001"), strings.Count(all, "raw-"))
	}
}
