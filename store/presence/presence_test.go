package presence

import (
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Each process sees all that share the store, with what they told last.
func TestProcessesSeeEachOther(t *testing.T) {
	ctx := t.Context()
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		one, err := Open(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		p := Process{ID: "a", Host: "h", PID: 7, Address: ":1", Version: "1.2", Roles: []string{"collect", "sink"}, Started: time.UnixMilli(5).UTC(), Status: `{"n":1}`}
		if err := one.Tell(ctx, p); err != nil {
			t.Fatal(err)
		}
		p.Status = `{"n":2}`
		if err := one.Tell(ctx, p); err != nil {
			t.Fatal(err)
		}
		board := one
		want := 1
		if db.Dialect() != store.SQLite {
			if board, err = Open(ctx, db); err != nil {
				t.Fatal(err)
			}
			if err := board.Tell(ctx, Process{ID: "b, before", Address: ":2", Status: "{}"}); err != nil {
				t.Fatal(err)
			}
			if err := board.Tell(ctx, Process{ID: "b", Address: ":2", Roles: []string{"console"}, Status: "{}"}); err != nil {
				t.Fatal(err)
			}
			want = 2
		}
		all, err := board.List(ctx)
		if err != nil || len(all) != want {
			t.Fatalf("%+v, %v", all, err)
		}
		i := slices.IndexFunc(all, func(p Process) bool { return p.ID == "a" })
		got := all[i]
		if got.Ago > time.Minute || got.Status != p.Status || got.Host != "h" || got.PID != 7 || got.Version != "1.2" || !slices.Equal(got.Roles, p.Roles) || !got.Started.Equal(p.Started) {
			t.Errorf("%+v", got)
		}
		if db.Dialect() == store.SQLite {
			return
		}
		if err := board.Leave(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE processes SET seen = seen - 100000000`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := board.Tell(ctx, Process{ID: "c", Status: "{}"}); err != nil {
			t.Fatal(err)
		}
		if all, err = board.List(ctx); err != nil || len(all) != 1 || all[0].ID != "c" {
			t.Errorf("one that left and one that is long gone: %+v, %v", all, err)
		}
	})
}
