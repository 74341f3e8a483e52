package inbox

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// TestKeeper plays lives to what waits and to dead letters. Nothing of an erased person stays;
// dead letters are the person's whose event it was, after any merges and splits.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}, Persons: true, Backfill: true}}
		in, err := Open(context.Background(), Config{DB: w.DB, Reactors: []Reactor{a}, Persons: w, Clock: w.Clock()})
		if err != nil {
			t.Fatal(err)
		}
		writer := in.Writer()
		return keeptest.Feature{
			Keeper: deadOnly{in.Keeper()},
			Apply: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
				// Every third event becomes a dead letter, as the reactor's own transaction would write it.
				for i := range b.Facts {
					if f := &b.Facts[i]; f.Seq%3 == 0 {
						it := item{Occurrence: touchstone.Item{Fact: f}.Occurrence(), node: f.Node}
						c := chunk{list: []item{it}, places: []place{{int64(f.Seq), 0}}}
						if err := in.reactors[0].bury(ctx, tx, &c, map[int]string{0: reasonFailed + "no"}); err != nil {
							return err
						}
					}
				}
				return writer.Apply(ctx, tx, b)
			},
			Rollback: writer.Rollback,
			Promise: func(name string, value any) any { // whose it is, whatever the numbers of persons
				if name != "dead_letter" {
					return nil
				}
				letter := value.(map[string]any)
				return []any{letter["MessageID"], letter["Name"], letter["Kind"]}
			},
		}
	})
}

// deadOnly is the keeper of dead letters alone: the exercise searches columns and plain texts
// for whose a row is, and rows that wait are packed, with the events of many. Their erasure
// is TestErasureWhileItWaits.
type deadOnly struct{ keep.Keeper }

func (k deadOnly) Tables() []keep.Table { return k.Keeper.Tables()[1:] }

func (k deadOnly) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return k.Keeper.Export(ctx, q, who, func(name string, value any) error {
		if name != "dead_letter" {
			return nil
		}
		return put(name, value)
	})
}

// TestErasureWhileItWaits: the occurrences of an erased person are gone from what waits, also
// those of the batch that erases; the reactor hears of all others, and of the erasure.
func TestErasureWhileItWaits(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}, Persons: true}}
		r := newRig(t, db, a)
		r.events(r.event(1, "order"), r.event(2, "order"), r.event(1, "view"), r.event(3, "order"))
		b := &touchstone.Batch{Facts: []touchstone.Fact{r.event(1, "late"), r.event(2, "late"), r.event(1, "again")}}
		parts := &touchstone.Parts{Nodes: []touchstone.NodeID{1, 3}}
		b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonErased, Person: 1, Parts: parts, Cause: 3})
		b.Now = time.Now()
		inTx(t, db, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(r.in.Keeper().Erase(ctx, tx, []keep.Whole{{Person: 1, Nodes: parts.Nodes}}), r.writer.Apply(ctx, tx, b))
		})
		r.run()
		r.drain("a")
		r.wantHeard("a", `event p_2 order <m2 order{"n":1}>`, `event p_2 late <m6 late{"n":1}>`, `person_erased p_1 <m7>`)
		if p := r.progress("a"); p.Passed != 6 || p.DeadLetters != 0 {
			t.Errorf("got %+v", p)
		}
	})
}

func inTx(t testing.TB, db *store.DB, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := db.Retry(context.Background(), func(tx *store.Tx) error { return fn(context.Background(), tx) }); err != nil {
		t.Fatal(err)
	}
}

// merged tells who is who: odd persons were absorbed by 2, and 9 was erased.
type merged struct{}

func (merged) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	out := make([]touchstone.PersonID, len(persons))
	for i, p := range persons {
		switch {
		case p == 9:
		case p%2 == 1:
			out[i] = 2
		default:
			out[i] = p
		}
	}
	return out, nil
}

// TestPersonsOfToday: a reactor hears of whom persons are now, in the order of what happened.
func TestPersonsOfToday(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}, Persons: true, Timers: []string{"o"}}}
		r := newRig(t, db, a)
		r.cfg.Persons = merged{}
		r.open()
		b := &touchstone.Batch{Facts: []touchstone.Fact{r.event(3, "a"), r.event(2, "b"), r.event(9, "c"), r.event(5, "d")},
			Due: []touchstone.Timer{{Owner: "o", Subject: touchstone.PersonSubject(3), Key: "k", At: epoch}, {Owner: "o", Subject: touchstone.Subject{Kind: "run", ID: 3}, Key: "k", At: epoch}}}
		b.Because(3, touchstone.Change{Kind: touchstone.PersonsMerged, Person: 5, Other: 7})
		b.Because(3, touchstone.Change{Kind: touchstone.PersonErased, Person: 9})
		r.batch(b)
		r.run()
		r.drain("a")
		r.wantHeard("a", `timer p_2 k of person:2`, fmt.Sprintf(`timer %s k of run:3`, touchstone.PersonID(0)), `event p_2 a <m1 a{"n":1}>`, `event p_2 b <m2 b{"n":1}>`,
			`event p_2 d <m4 d{"n":1}>`, `persons_merged p_2 other p_7 <m4>`, `person_erased p_9 <m4>`)
	})
}
