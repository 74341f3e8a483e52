package identity

import (
	"context"
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// There is room for so many kinds of identifiers. An event that has only others is set
// aside; kinds that are in use keep their places after a restart, whoever comes first.
func TestKindsHaveABound(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		var facts []touchstone.Fact
		for i := range maxKinds + 20 {
			facts = append(facts, b.event(fmt.Sprintf("kind_%d:v", i)))
		}
		batch, err := b.try(false, facts...)
		if err != nil {
			t.Fatal(err)
		}
		room := maxKinds - len(touchstone.DefaultKinds())
		if len(batch.Aside) != len(facts)-room || batch.Aside[0].Index != room {
			t.Fatalf("%d of %d events are set aside, %d kinds have room", len(batch.Aside), len(facts), room)
		}
		old, late := touchstone.IdentifierKind("kind_0"), touchstone.IdentifierKind(fmt.Sprintf("kind_%d", room))
		if !b.g.Takes(old) || b.g.Takes(late) || b.g.Takes(touchstone.KindGroupID) || !b.g.Takes(touchstone.KindPhone) {
			t.Error("the graph says otherwise than it does")
		}
		again := newBench(t, db)
		if again.g.Takes(late) || !again.g.Takes(old) {
			t.Error("after a restart a new kind takes the place of an old one")
		}
		batch, err = again.try(false, again.event(fmt.Sprintf("%s:v", late), "user_id:u"), again.event("kind_1:v"))
		if err != nil || len(batch.Aside) > 0 || batch.Facts[0].Node == 0 || batch.Facts[1].Node != 2 {
			t.Errorf("%+v, %v", batch, err)
		}
	})
}

// The sink is told the node that the stage gave, whichever identifier it was of.
func TestNodesOfEventsAreThoseOfTheStage(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		facts := []touchstone.Fact{b.event("group_id:acme", "anonymous_id:a"), b.event("user_id:u", "anonymous_id:a"), b.event("group_id:acme"), b.event("anonymous_id:a")}
		batch, err := b.try(false, facts...)
		if err != nil || len(batch.Aside) != 1 || batch.Aside[0].Index != 2 {
			t.Fatalf("%+v, %v", batch, err)
		}
		for _, g := range []*Graph{b.g, newBench(t, db).g} {
			again := append([]touchstone.Fact{}, facts...)
			if err := g.SetNodes(context.Background(), again); err != nil {
				t.Fatal(err)
			}
			for i := range again {
				if again[i].Node != batch.Facts[i].Node || (again[i].Node == 0) != (i == 2) {
					t.Errorf("event %d came under node %d, the sink is told %d", i, batch.Facts[i].Node, again[i].Node)
				}
			}
		}
	})
}
