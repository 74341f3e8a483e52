package command

import (
	"context"
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Each event of the exercise is a command about its person; what they say goes as everything does.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if err := w.DB.Migrate(context.Background(), "command", store.Migrations(migrationFiles)); err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: Keeper(), React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			for i := range b.Facts {
				f := &b.Facts[i]
				r := Row{ID: fmt.Sprintf("cmd_%019d", int64(f.Seq)), Kind: "test", State: Done, SubmittedAt: f.ReceivedAt,
					Body:   touchstone.JSON(fmt.Sprintf(`{"identifiers":[%q],"note":%q}`, f.Identifiers[0].String(), f.MessageID)),
					Result: touchstone.JSON(fmt.Sprintf(`{"id":%q}`, f.Identifiers[0].Value))}
				if err := r.save(ctx, tx); err != nil {
					return err
				}
			}
			return nil
		}}
	})
}

// What was asked about a person who is erased stays without what it was about; what is
// still to be done, and what was asked about others, stays whole.
func TestKeeperTakesBodiesOut(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if err := db.Migrate(ctx, "command", store.Migrations(migrationFiles)); err != nil {
			t.Fatal(err)
		}
		rows := []Row{
			{ID: "cmd_1", Body: `{"identifiers":["email:ann@example.com"]}`, State: Done, Result: `{"moved":1}`},
			{ID: "cmd_2", Body: `{}`, State: Done, Result: touchstone.JSON(`{"id":"` + touchstone.PersonID(40).String() + `"}`)},
			{ID: "cmd_3", Body: `{"identifiers":["email:ann@example.com"]}`, State: Waiting},
			{ID: "cmd_4", Body: `{"identifiers":["email:bob@example.com"]}`, State: Done, Result: `{"moved":2}`},
			{ID: "cmd_5", Kind: "person.erase", Body: `{}`, State: Done, Result: touchstone.JSON(`{"persons":["` + touchstone.PersonID(40).String() + `"],"identifiers":1}`)},
		}
		ann := keep.Whole{Person: 40, Nodes: []touchstone.NodeID{40}, Identifiers: []touchstone.Identifier{{Kind: "email", Value: "ann@example.com"}}}
		l := &Log{cfg: Config{DB: db}}
		exported := 0
		err := db.Update(ctx, func(tx *store.Tx) error {
			for i := range rows {
				if err := rows[i].save(ctx, tx); err != nil {
					return err
				}
			}
			if err := Keeper().Export(ctx, tx, ann, func(string, any) error { exported++; return nil }); err != nil {
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		about, err := l.About(ctx, ann, 2)
		if err != nil || len(about) != 2 || about[0].ID != "cmd_5" || about[1].ID != "cmd_3" {
			t.Error(about, err)
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			return Keeper("person.erase").Erase(ctx, tx, []keep.Whole{ann})
		})
		if err != nil || exported != 4 {
			t.Fatal(exported, err)
		}
		for i, want := range [][2]touchstone.JSON{{"{}", "{}"}, {"{}", "{}"}, {rows[2].Body, ""}, {rows[3].Body, rows[3].Result}, {"{}", rows[4].Result}} {
			r, _, err := read(ctx, db.Reader(), rows[i].ID)
			if err != nil || r.Body != want[0] || r.Result != want[1] {
				t.Errorf("%s: %s %s, %v", rows[i].ID, r.Body, r.Result, err)
			}
		}
	})
}
