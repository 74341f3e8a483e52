package identity

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func (b *bench) relations(ref string) ([]Relation, []RelatedPerson) {
	b.t.Helper()
	of, by, err := b.g.Relations(context.Background(), access.System(), b.person(ref))
	if err != nil {
		b.t.Fatal(err)
	}
	return of, by
}

func (b *bench) counts() (persons, known int64) {
	b.t.Helper()
	persons, known, err := b.g.Counts(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return persons, known
}

// A car is sold: who had it and who has it are two persons, both with a past of their own,
// and what the car itself reports is the car's.
func TestTwoOwnersOfOneCarAreTwoPersons(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		const vin = "vin:LSVAU2A37N2183294"
		b.apply(b.event("identify user_id:ann", vin), b.event("user_id:ann", "anonymous_id:a1"))
		b.apply(b.event("anonymous_id:b1", vin)) // the buyer tries the app
		b.apply(b.event("identify user_id:bob", "anonymous_id:b1"))
		telemetry := b.event(vin)
		done := b.apply(telemetry, b.event("user_id:bob", vin), b.event("user_id:bob", vin))
		b.apply(b.event("user_id:bob", vin)) // from the cache
		ann, bob, car := b.person("user_id:ann"), b.person("user_id:bob"), b.person(vin)
		if ann == bob || car == ann || car == bob {
			t.Fatalf("ann is %s, bob %s, the car %s", ann, bob, car)
		}
		if done.Facts[0].Person != car || done.Facts[1].Person != bob {
			t.Errorf("telemetry is of %s, bob's drive of %s", done.Facts[0].Person, done.Facts[1].Person)
		}
		if persons, known := b.counts(); persons != 2 || known != 2 {
			t.Errorf("%d persons, %d known: a car is none", persons, known)
		}
		if err := b.g.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if of, by := b.relations("user_id:bob"); len(of) != 1 || len(by) != 0 || of[0].ID != car || of[0].Kind != "vin" || of[0].Events != 4 {
			t.Errorf("bob relates to %+v, and %+v to him", of, by)
		}
		of, by := b.relations(vin)
		if len(of) != 0 || len(by) != 2 || by[0].Person != bob || by[0].Events != 4 || by[1].Person != ann || by[1].Events != 1 {
			t.Errorf("the car relates to %+v, and to it %+v", of, by)
		}
		if by[1].FirstSeen != by[1].LastSeen || !by[0].LastSeen.After(by[0].FirstSeen) {
			t.Errorf("times: %+v", by)
		}
	})
}

func TestRelationsFollowMergesAndSplits(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("email:a@x.cn", "vin:AAAAA11111"), b.event("phone:+8613812345678", "plate:沪A12346"))
		b.apply(b.event("phone:+8613812345678", "email:a@x.cn"))
		if of, _ := b.relations("email:a@x.cn"); len(of) != 2 {
			t.Fatalf("after the merge: %+v", of)
		}
		if _, _, err := b.command(SplitCommand, SplitBody{[]string{"phone:+8613812345678"}}); err != nil {
			t.Fatal(err)
		}
		if of, _ := b.relations("email:a@x.cn"); len(of) != 1 || of[0].Kind != "vin" {
			t.Errorf("after the split: %+v", of)
		}
	})
}

// An event that came under older rules has the car first: it stays where it came under, so
// that a warehouse that is built anew agrees, and the person is found all the same.
func TestEventsOfOlderRules(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		for range 2 {
			done := b.apply(b.event("vin:AAAAA11111", "anonymous_id:a1", "device_id:d1"))
			nodes, err := b.g.nodesOfIdentifiers(t.Context(), []touchstone.Identifier{{Kind: "vin", Value: "AAAAA11111"}})
			if err != nil || done.Facts[0].Node != nodes[0] || done.Facts[0].Person != b.person("vin:AAAAA11111") {
				t.Fatalf("came under %d, not %v (%v)", done.Facts[0].Node, nodes, err)
			}
		}
		if b.person("anonymous_id:a1") != b.person("device_id:d1") {
			t.Error("the person's own identifiers are not linked")
		}
		if err := b.g.Flush(t.Context()); err != nil { // the second was counted in memory
			t.Fatal(err)
		}
		if of, _ := b.relations("anonymous_id:a1"); len(of) != 1 || of[0].Events != 2 {
			t.Errorf("relations: %+v", of)
		}
		if persons, _ := b.counts(); persons != 1 {
			t.Errorf("%d persons", persons)
		}
	})
}

// Where VINs joined persons before, that stays; the next owner is a person of his own. A
// role may be changed while the program runs.
func TestRolesChangeWhileRunning(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		rules := func(role touchstone.Role) *touchstone.KindSet {
			r := touchstone.DefaultKindRules()
			for i := range r.Kinds {
				if r.Kinds[i].Kind == touchstone.KindVIN {
					r.Kinds[i].Role = role
				}
			}
			set, err := r.Prepare(nil)
			if err != nil {
				t.Fatal(err)
			}
			return set
		}
		set := rules(touchstone.Identifies)
		b := newBench(t, db, func(c *Config) { c.Kinds = set })
		const vin = "vin:AAAAA11111"
		b.apply(b.event("user_id:ann", vin), b.event("vin:BBBBB11111"))
		if persons, _ := b.counts(); persons != 2 || b.person(vin) != b.person("user_id:ann") {
			t.Fatalf("%d persons", persons)
		}
		set.Replace(rules(touchstone.Relates))
		b.apply(b.event("user_id:bob", vin), b.event(vin))
		if b.person("user_id:bob") == b.person("user_id:ann") || b.person(vin) != b.person("user_id:ann") {
			t.Error("bob is ann, or ann has lost her car")
		}
		if persons, known := b.counts(); persons != 2 || known != 2 {
			t.Errorf("%d persons, %d known", persons, known)
		}
		if _, by := b.relations(vin); len(by) != 1 || by[0].Person != b.person("user_id:bob") {
			t.Errorf("who has to do with the car: %+v", by)
		}
		set.Replace(rules(touchstone.Identifies))
		b.apply(b.event("device_id:d1", "vin:BBBBB11111"))
		if b.person("device_id:d1") != b.person("vin:BBBBB11111") {
			t.Error("not joined again")
		}
		if persons, _ := b.counts(); persons != 3 {
			t.Errorf("%d persons", persons)
		}
	})
}

// A person that reports ever new cars does not fill the store.
func TestRelationsAreBounded(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		for at := 0; at < maxRelations+200; at += 100 {
			var facts []touchstone.Fact
			for i := range 100 {
				facts = append(facts, b.event("user_id:fleet", fmt.Sprintf("vin:VIN%07d", at+i)))
			}
			b.apply(facts...)
		}
		if err := b.g.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.Reader().QueryRow(t.Context(), `SELECT COUNT(*) FROM identity_relations`).Scan(&n); err != nil || n > maxRelations+100 || n < maxRelations {
			t.Errorf("%d relations (%v)", n, err)
		}
		if of, _ := b.relations("user_id:fleet"); len(of) != maxShownRelations || !slices.IsSortedFunc(of, func(a, b Relation) int { return b.LastSeen.Compare(a.LastSeen) }) {
			t.Errorf("%d shown", len(of))
		}
	})
}
