package hold

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Whom a hold names follows merges and splits, and nothing is left of who was erased.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if _, err := Open(context.Background(), Config{DB: w.DB, Clock: w.Clock()}); err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: Keeper(), React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			for i := range b.Facts { // each event has a hold placed on its person
				f := &b.Facts[i]
				_, number, _ := strings.Cut(f.MessageID, "-")
				if _, err := tx.Exec(ctx, `INSERT INTO privacy_held (hold, node, person) VALUES (?, ?, ?) ON CONFLICT (hold, node) DO NOTHING`, "hold_"+number, int64(f.Node), int64(f.Person)); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `INSERT INTO privacy_holds (`+columns+`) VALUES (?, ?, '', 'u', 1, 0, '', 0) ON CONFLICT (id) DO NOTHING`, "hold_"+number, "about "+f.Identifiers[0].String())
				if err != nil {
					return err
				}
			}
			return nil
		}}
	})
}

// book is who has which identifier.
type book map[string]touchstone.PersonID

func (b book) find(_ context.Context, _ store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error) {
	p := b[id.String()]
	return touchstone.NodeID(p), p, nil
}

// A hold keeps whom it names, and who is in its segment, until it ends or is lifted; it follows merges.
func TestHolds(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, now := t.Context(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		members := []touchstone.PersonID{7}
		h, err := Open(ctx, Config{DB: db, Clock: touchstone.ClockFunc(func() time.Time { return now }), Find: book{"user_id:a": 1, "user_id:b": 2}.find,
			Among: func(_ context.Context, _ store.Querier, segments []string, persons []touchstone.PersonID) (map[string][]touchstone.PersonID, error) {
				return map[string][]touchstone.PersonID{segments[0]: members}, nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		do := func(kind, body string) (out Placed, err error) {
			err = db.Update(ctx, func(tx *store.Tx) error {
				for _, k := range h.Commands() {
					if k.Name == kind {
						if err := k.Check(touchstone.JSON(body)); err != nil {
							return err
						}
						result, err := k.Do(ctx, tx, nil, touchstone.Command{ID: "cmd_" + strings.Trim(body[len(body)-3:], `"}`), Actor: "usr_1", SubmittedAt: now, Body: touchstone.JSON(body)})
						if err == nil {
							out = result.(Placed)
						}
						return err
					}
				}
				t.Fatal(kind)
				return nil
			})
			return out, err
		}
		held := func() map[touchstone.PersonID]string {
			out, err := h.Held(ctx, db.Reader(), []touchstone.PersonID{1, 2, 3, 7})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		for body, want := range map[string]string{
			`{"identifiers":["user_id:a"]}`:                        "needs a reason",
			`{"reason":"x"}`:                                       "one of the two",
			`{"reason":"x","segment":"s","identifiers":["k:v"]}`:   "one of the two",
			`{"reason":"x","identifiers":["nobody"]}`:              "no identifier",
			`{"reason":"x","identifiers":["user_id:who is that"]}`: "nobody has",
		} {
			if _, err := do(PlaceCommand, body); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", body, err, want)
			}
		}
		if len(held()) != 0 {
			t.Error("somebody is held without a hold")
		}
		placed, err := do(PlaceCommand, `{"reason":"case 12","identifiers":["user_id:a"]}`)
		if err != nil || placed.Persons != 1 {
			t.Fatal(placed, err)
		}
		if got := held(); len(got) != 1 || !strings.Contains(got[1], "case 12") || !strings.Contains(got[1], placed.ID) {
			t.Errorf("held are %v", got)
		}
		if err := db.Update(ctx, func(tx *store.Tx) error { return Keeper().Merge(ctx, tx, []keep.Merge{{Into: 3, From: 1}}) }); err != nil {
			t.Fatal(err)
		}
		if got := held(); len(got) != 1 || got[3] == "" {
			t.Errorf("after a merge held are %v", got)
		}
		if _, err := do(PlaceCommand, `{"reason":"audit","until":"2026-03-02T00:00:00Z","segment":"seg_1"}`); err != nil {
			t.Fatal(err)
		}
		if got := held(); len(got) != 2 || !strings.Contains(got[7], "audit") {
			t.Errorf("with the segment held are %v", got)
		}
		now = now.Add(24 * time.Hour)
		if got := held(); len(got) != 1 {
			t.Errorf("after its time a hold keeps %v", got)
		}
		if _, err := do(LiftCommand, `{"hold":"`+placed.ID+`"}`); err != nil {
			t.Fatal(err)
		}
		if got := held(); len(got) != 0 {
			t.Errorf("lifted, it keeps %v", got)
		}
		if _, err := do(LiftCommand, `{"hold":"`+placed.ID+`"}`); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("lifted twice: %v", err)
		}
		list, err := h.List(ctx)
		if err != nil || len(list) != 2 || list[0].State == Holding {
			t.Errorf("%v, %v", list, err)
		}
	})
}
