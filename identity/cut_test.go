package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// try works on a batch, piece by piece if the stage wants it cut, as the pipeline does. Facts of
// an earlier piece have the person who they are of in the end.
func (b *bench) try(fail bool, facts ...touchstone.Fact) (*touchstone.Batch, error) {
	batch, err := b.tryWhole(fail, facts...)
	var cut *touchstone.Cut
	if !errors.As(err, &cut) {
		if err != nil {
			b.g.Rollback()
		}
		return batch, err
	}
	all := &touchstone.Batch{Now: b.now}
	for _, before := range append(cut.Before, touchstone.Seq(1<<62)) {
		n, _ := slices.BinarySearchFunc(facts, before, func(f touchstone.Fact, at touchstone.Seq) int { return int(f.Seq - at) })
		piece, err := b.tryWhole(fail, facts[:n]...)
		if err != nil {
			b.g.Rollback()
			return nil, err
		}
		for _, c := range piece.Changes {
			if c.Cause > 0 {
				c.Cause += len(all.Facts)
			}
			if c.Ahead > 0 {
				c.Ahead += len(all.Facts)
			}
			all.Changes = append(all.Changes, c)
		}
		all.Facts, facts = append(all.Facts, piece.Facts...), facts[n:]
	}
	for i := range all.Facts {
		f := &all.Facts[i]
		was := f.Then()
		if err := b.db.Reader().QueryRow(context.Background(), `SELECT person FROM identity_nodes WHERE id = ?`, int64(f.Node)).Scan((*int64)(&f.Person)); err != nil {
			return nil, err
		}
		if f.Was = 0; was != f.Person {
			f.Was = was
		}
	}
	return all, nil
}

func (b *bench) tryWhole(fail bool, facts ...touchstone.Fact) (*touchstone.Batch, error) {
	batch := &touchstone.Batch{Now: b.now, Facts: slices.Clone(facts)}
	err := b.db.Update(context.Background(), func(tx *store.Tx) error {
		if err := b.g.Apply(context.Background(), tx, batch); err != nil {
			return err
		}
		if fail {
			return errStop
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.g.Committed(batch)
	return batch, nil
}

// What a record shows to be shared is parted before it, because of the event that shows it, and a
// batch that holds earlier records is cut there. Nothing is counted twice by that.
func TestWhatIsSharedIsPartedBeforeItsRecord(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "device_id:d1"), b.event("device_id:d1"), b.event("email:e1@x.org", "device_id:d1"))
		facts := []touchstone.Fact{b.event("user_id:u1", "device_id:d1"), b.event("user_id:u2", "device_id:d1"), b.event("user_id:u3", "device_id:d1"),
			b.event("user_id:u1"), b.event("device_id:d1"), b.event("user_id:u4", "device_id:d1"), b.event("user_id:u1", "device_id:d1")}
		for i := 4; i <= 5; i++ { // one record, whose second event shows it
			facts[i].Seq = touchstone.MakeSeq(0, facts[3].Seq.Offset()+1, i-4)
		}
		facts[5].Time, facts[5].Backfill = facts[5].Time.Add(-48*time.Hour), true
		_, err := b.tryWhole(false, facts...)
		var cut *touchstone.Cut
		if !errors.As(err, &cut) || !slices.Equal(cut.Before, []touchstone.Seq{facts[4].Seq}) {
			t.Fatalf("got %v, want a cut before %d", err, facts[4].Seq)
		}
		b.apply(facts[:4]...)
		got, err := b.tryWhole(false, facts[4:]...)
		if err != nil {
			t.Fatal(err)
		}
		told := ""
		for o := range got.Occurrences() {
			told += fmt.Sprintln(o.Kind, o.Person == b.person("user_id:u1"), o.MessageID, o.Time.Equal(facts[5].Time), o.Backfill)
		}
		of := func(i int) string { return facts[i].MessageID }
		want := fmt.Sprintln("person_split true", of(5), "true true") + fmt.Sprintln("person_split true", of(5), "true true") +
			fmt.Sprintln("event false", of(4), "false false") + fmt.Sprintln("event false", of(5), "true true") + fmt.Sprintln("event true", of(6), "false false")
		if told != want {
			t.Errorf("told\n%swant\n%s", told, want)
		}
		b.consistent(t)
		events := map[string]int64{"user_id:u1": 4, "device_id:d1": 7, "user_id:u2": 1}
		for text, want := range events {
			for _, n := range b.view(text).Nodes {
				if n.Identifier().String() == text && n.Events != want {
					t.Errorf("%s was seen %d times, not %d", text, n.Events, want)
				}
			}
		}
	})
}

// Which edges tie what an operator's split leaves does not depend on the order in which rows are
// read: they decide how a part comes apart another time.
func TestTiesDoNotDependOnTheOrderOfRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []*node
		for i := range rapid.IntRange(3, 8).Draw(t, "nodes") {
			nodes = append(nodes, &node{id: touchstone.NodeID(i + 1)})
		}
		some := rapid.IntRange(1, len(nodes))
		var edges []edgeKey
		for range rapid.IntRange(0, 6).Draw(t, "edges") {
			if a, b := some.Draw(t, "a"), some.Draw(t, "b"); a != b {
				edges = append(edges, keyOf(touchstone.NodeID(a), touchstone.NodeID(b), seenTogether))
			}
		}
		req := request{person: 1, nodes: []touchstone.NodeID{touchstone.NodeID(rapid.IntRange(2, len(nodes)).Draw(t, "moved"))}}
		tied := func(nodes []*node, edges []edgeKey) []edgeKey {
			p, err := planParting(nodes, req)
			if err != nil {
				t.Fatal(err)
			}
			p.sortEdges(edges)
			return p.tied
		}
		want := tied(nodes, edges)
		if got := tied(rapid.Permutation(nodes).Draw(t, "rows"), rapid.Permutation(edges).Draw(t, "edge rows")); !slices.Equal(want, got) {
			t.Fatalf("tied by %v, and by %v", want, got)
		}
	})
}
