package identity

import (
	"context"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// links returns all evidence, without counts.
func (b *bench) links() (list []string) {
	b.t.Helper()
	rows, err := b.db.Reader().Query(context.Background(), `SELECT a, b, evidence, message_id FROM identity_edges ORDER BY a, b, evidence`)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var x, y int64
		var ev, message string
		if err := rows.Scan(&x, &y, &ev, &message); err != nil {
			b.t.Fatal(err)
		}
		list = append(list, fmt.Sprint(x, "-", y, " ", ev, " ", message))
	}
	return list
}

// A split that is taken back was never made, nor was a merge: who is who, what it stands on and who
// may not become one are as before, and events that come then do what they would have done.
func TestUndoneIsNeverDone(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		apart := func() (n int) {
			if err := db.Reader().QueryRow(context.Background(), `SELECT COUNT(*) FROM identity_apart`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		rapid.Check(t, func(rt *rapid.T) {
			reset(t, db, b)
			events := drawShared(rt)
			for _, ids := range events {
				b.apply(b.event(ids...))
			}
			if rapid.Bool().Draw(rt, "cold") {
				b.g.Rollback()
			}
			before, links, parted := b.partition(), b.links(), apart()
			var kind string
			var body any
			persons := slices.DeleteFunc(slices.Clone(before), func(ids []string) bool { return len(ids) < 2 })
			if rapid.Bool().Draw(rt, "split") && len(persons) > 0 {
				ids := rapid.SampledFrom(persons).Draw(rt, "person")
				kind, body = SplitCommand, SplitBody{ids[:rapid.IntRange(1, len(ids)-1).Draw(rt, "part")]}
			} else if len(before) > 1 {
				pair := rapid.Permutation(before).Draw(rt, "pair")
				kind, body = MergeCommand, MergeBody{[2]string{pair[0][0], pair[1][0]}, true}
			} else {
				return
			}
			_, _, err := b.command(kind, body)
			if touchstone.KindOf(err) == touchstone.Invalid { // one of them is shared
				return
			}
			if err != nil {
				rt.Fatal(err)
			}
			done := fmt.Sprint("cmd_", b.seq)
			b.consistent(rt)
			if _, _, err := b.command(UndoCommand, UndoBody{done}); err != nil {
				rt.Fatal(err)
			}
			b.consistent(rt)
			if d := gocmp.Diff(before, b.partition()); d != "" {
				rt.Fatalf("%s %v, taken back: %s", kind, body, d)
			}
			if d := gocmp.Diff(links, b.links()); d != "" {
				rt.Fatalf("%s %v, taken back, stands on: %s", kind, body, d)
			}
			if apart() != parted {
				rt.Fatalf("%d pairs are parted, not %d", apart(), parted)
			}
			if _, _, err := b.command(UndoCommand, UndoBody{done}); touchstone.KindOf(err) != touchstone.NotFound {
				rt.Fatalf("twice: %v", err)
			}
			b.apply(b.event(rapid.SampledFrom(events).Draw(rt, "again")...))
			if d := gocmp.Diff(before, b.partition()); d != "" {
				rt.Fatalf("an event that was there: %s", d)
			}
		})
	})
}

// What events have joined since stays joined, and says so.
func TestUndoOfAMergeThatEventsConfirm(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1"), b.event("email:e1@x.org"))
		if _, _, err := b.command(MergeCommand, MergeBody{[2]string{"user_id:u1", "email:e1@x.org"}, false}); err != nil {
			t.Fatal(err)
		}
		done := fmt.Sprint("cmd_", b.seq)
		b.apply(b.event("user_id:u1", "email:e1@x.org"))
		if _, _, err := b.command(UndoCommand, UndoBody{done}); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("got %v", err)
		}
		if b.person("user_id:u1") != b.person("email:e1@x.org") {
			t.Error("parted all the same")
		}
		if _, _, err := b.command(UndoCommand, UndoBody{"cmd_never"}); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("got %v", err)
		}
	})
}
