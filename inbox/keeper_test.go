package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// TestKeeper plays lives to what waits and to dead letters. Nothing of an erased person stays;
// both are the person's whose event it was, after any merges and splits.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}, Persons: true, Causes: true, Backfill: true}}
		in, err := Open(context.Background(), Config{DB: w.DB, Reactors: []Reactor{a}, Persons: w, Clock: w.Clock()})
		if err != nil {
			t.Fatal(err)
		}
		writer := in.Writer()
		return keeptest.Feature{
			Keeper: unpacked{in.Keeper()},
			// The writer comes behind the keepers: an erasure must not find what its own batch
			// says of the identifiers' next life.
			React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
				// Every third event becomes a dead letter, as the reactor's own transaction would write it.
				for i := range b.Facts {
					if f := &b.Facts[i]; f.Seq%3 == 0 {
						it := item{Occurrence: touchstone.Item{Fact: f}.Occurrence()}
						c := chunk{list: []item{it}, places: []place{{int64(f.Seq), 0}}}
						if err := in.reactors[0].bury(ctx, tx, &c, map[int]error{0: errors.New("no")}); err != nil {
							return err
						}
					}
				}
				return writer.Apply(ctx, tx, b)
			},
			Rollback: writer.Rollback,
			Unpack:   unpackRow,
			Gathered: []string{"body"}, // an erasure takes the identifiers out of the events of others
			Promise: func(_ string, value any) any { // whose it is, whatever the numbers of persons
				v := value.(map[string]any)
				if v["Kind"] != touchstone.EventHappened.String() {
					return nil
				}
				return []any{v["MessageID"], v["Name"], v["Kind"]}
			},
		}
	})
}

// unpacked describes the rows that unpackRow makes of one that waits: one per occurrence, with
// the number that tells whose it is, and those of both whom a merge or split is about.
type unpacked struct{ keep.Keeper }

func (k unpacked) Tables() []keep.Table {
	list := k.Keeper.Tables()
	list[0].Nodes = []string{"whose", "person", "other"}
	return list
}

func unpackRow(table string, columns []string, row []any) ([]string, [][]any) {
	if table != "inbox_rows" {
		return columns, [][]any{row}
	}
	items, err := unpack(row[slices.Index(columns, "body")].([]byte))
	if err != nil {
		panic(err)
	}
	var list [][]any
	for at, it := range items {
		whose, person, other := int64(it.about()), int64(0), int64(it.Other)
		switch {
		case it.Kind == touchstone.Erased: // says no more than a number
			whose, other = 0, 0
		case other != 0:
			person = int64(it.Person)
		}
		body, err := json.Marshal(told(&it.Occurrence))
		if err != nil {
			panic(err)
		}
		list = append(list, []any{row[slices.Index(columns, "id")], int64(at), whose, person, other, it.MessageID, it.Name, it.Kind.String(), body})
	}
	return []string{"id", "item", "whose", "person", "other", "message_id", "name", "kind", "body"}, list
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

// beside is a reactor that writes about each person that it hears of, and then waits within
// its transaction.
type beside struct {
	scribe
	within  chan struct{}
	waiting func(ctx context.Context) bool // whether somebody waits for it
}

func (b *beside) React(ctx context.Context, tx *store.Tx, list []touchstone.Occurrence, out Outbox) error {
	if err := b.scribe.React(ctx, tx, list, nil); err != nil {
		return err
	}
	select {
	case b.within <- struct{}{}:
	default:
	}
	for !b.waiting(ctx) {
		if !sleep(ctx, 5*time.Millisecond, nil) {
			return ctx.Err()
		}
	}
	return nil
}

// TestErasureBesideAReactor: what a reactor writes about a person in a transaction that began
// before the erasure, as dead letters are, is there when the erasure looks. The reactor's
// transaction may clash with the note that it is there, and then comes after the erasure: so
// there are several rounds.
func TestErasureBesideAReactor(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := &beside{scribe: scribe{name: "a", interest: Interest{Events: []string{"*"}}}, within: make(chan struct{}, 1)}
		var over atomic.Bool // the erasure no longer waits
		b.waiting = func(ctx context.Context) bool {
			if over.Load() || db.Dialect() == store.SQLite { // there the erasure cannot have begun
				return true
			}
			var n int
			err := db.Reader().QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ExclusiveLock' AND relation = 'inbox_reactors'::regclass`).Scan(&n)
			return err == nil && n > 0
		}
		r := newRig(t, db)
		r.cfg.Reactors = []Reactor{b}
		r.cfg.MaxReact = 10 * time.Minute
		r.open()
		r.run()
		for round := range 10 {
			over.Store(false)
			r.events(r.event(1, "order"), r.event(2, "order"))
			<-b.within
			seen := 0
			inTx(t, db, func(ctx context.Context, tx *store.Tx) error {
				if err := r.in.Alone(ctx, tx); err != nil {
					return err
				}
				over.Store(true)
				if err := r.in.Keeper().Erase(ctx, tx, []keep.Whole{{Person: 1, Nodes: []touchstone.NodeID{1}}}); err != nil {
					return err
				}
				res, err := tx.Exec(ctx, `DELETE FROM heard WHERE what LIKE '% p_1 %'`) // as the reactor's keeper
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				seen = int(n)
				return err
			})
			r.drain("a")
			heard := r.heard("a")
			if len(heard) != round+1 || slices.ContainsFunc(heard, func(what string) bool { return !strings.HasPrefix(what, "event p_2 ") }) {
				t.Fatalf("round %d: the erasure found %d rows; what stands is %v", round, seen, heard)
			}
			if seen == 1 {
				return
			}
			select {
			case <-b.within: // it was called again
			default:
			}
		}
		t.Error("in no round the reactor wrote before the erasure looked")
	})
}
