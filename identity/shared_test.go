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

// partition returns who has which identifiers, each person's in order.
func (b *bench) partition() (list [][]string) {
	b.t.Helper()
	rows, err := b.db.Reader().Query(context.Background(), `SELECT person, kind, value FROM identity_nodes ORDER BY kind, value`)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	of := map[int64][]string{}
	for rows.Next() {
		var person int64
		var kind, value string
		if err := rows.Scan(&person, &kind, &value); err != nil {
			b.t.Fatal(err)
		}
		of[person] = append(of[person], kind+":"+value)
	}
	for _, ids := range of {
		list = append(list, ids)
	}
	slices.SortFunc(list, slices.Compare)
	return list
}

// mostUsers is the greatest number of user ids that a person has.
func (b *bench) mostUsers() (most int) {
	b.t.Helper()
	err := b.db.Reader().QueryRow(context.Background(), `SELECT COALESCE(MAX(n), 0) FROM (SELECT COUNT(*) AS n FROM identity_nodes WHERE kind = 'user_id' GROUP BY person) AS counts`).Scan(&most)
	if err != nil {
		b.t.Fatal(err)
	}
	return most
}

func (b *bench) isShared(text string) bool {
	b.t.Helper()
	id, _ := touchstone.ParseIdentifier(text)
	var state string
	err := b.db.Reader().QueryRow(context.Background(), `SELECT s.verdict FROM identity_shared s JOIN identity_nodes n ON n.id = s.node WHERE n.kind = ? AND n.value = ?`, string(id.Kind), id.Value).Scan(&state)
	return err == nil && state == stateShared
}

// One tablet in a shop, at which 500 customers sign in and look around before they do.
func TestOneTabletFiveHundredCustomers(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		for name, size := range map[string]int{"in one batch": 1000, "in small batches": 7, "one by one": 1} {
			b := newBench(t, db)
			reset(t, db, b)
			var events []touchstone.Fact
			for i := range 500 {
				events = append(events, b.event("device_id:tablet"), b.event(fmt.Sprintf("user_id:u%d", i), fmt.Sprintf("phone:+8613800%06d", i), "device_id:tablet"))
			}
			noticed := 0 // customers when the tablet is known to be shared
			for len(events) > 0 {
				n := min(size, len(events))
				b.apply(events[:n]...)
				events = events[n:]
				if noticed++; b.isShared("device_id:tablet") && size == 1 && noticed < 8 {
					t.Errorf("%s: shared after %d events", name, noticed)
				} else if !b.isShared("device_id:tablet") && size*noticed >= 8 {
					t.Fatalf("%s: not noticed after %d events", name, size*noticed)
				}
			}
			if most := b.mostUsers(); most != 1 {
				t.Errorf("%s: a person has %d user ids", name, most)
			}
			persons, known, err := b.g.Counts(t.Context())
			if persons != 500 || known != 500 || err != nil {
				t.Errorf("%s: %d persons, %d of them known, %v", name, persons, known, err)
			}
			for i := range 500 {
				v := b.view(fmt.Sprintf("user_id:u%d", i))
				if len(v.Nodes) != 2 || len(v.Dropped) != 0 {
					t.Fatalf("%s: u%d has %v, without %v", name, i, v.Nodes, v.Dropped)
				}
			}
			_, by, err := b.g.Relations(t.Context(), systemViewer(), b.person("device_id:tablet"))
			if err != nil || len(by) != maxShownRelations {
				t.Errorf("%s: %d relate to the tablet, %v", name, len(by), err)
			}
		}
	})
}

// A shop types its own phone number into 3,000 receipts: of members, and of people of whom only an
// e-mail address is known.
func TestShopPhoneOnThreeThousandReceipts(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		var receipts []touchstone.Fact
		for i := range 3000 {
			who := fmt.Sprintf("user_id:member%d", i%900)
			if i%3 == 2 {
				receipts = append(receipts, b.event("phone:+862161234567", fmt.Sprintf("email:guest%d@example.com", i)))
				continue
			}
			receipts = append(receipts, b.event(who, "phone:+862161234567"))
		}
		for len(receipts) > 0 {
			n := min(500, len(receipts))
			b.apply(receipts[:n]...)
			receipts = receipts[n:]
			if !b.isShared("phone:+862161234567") {
				t.Fatal("not noticed within the batch")
			}
		}
		if most := b.mostUsers(); most != 1 {
			t.Errorf("a person has %d user ids", most)
		}
		persons, known, _ := b.g.Counts(t.Context())
		if persons != 600+1000 || known != 600 {
			t.Errorf("%d persons, %d known", persons, known)
		}
	})
}

// What had joined through an identifier comes apart when it turns out to be shared, with history:
// each node's events are its person's again, and what was refused because of it is linked.
func TestWhatASharedIdentifierJoinedComesApart(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("anonymous_id:kiosk"), b.event("user_id:u1", "anonymous_id:kiosk"), b.event("email:e2@x.org", "anonymous_id:kiosk"),
			b.event("email:e2@x.org"), b.event("user_id:u2", "email:e2@x.org")) // refused: e2 is with u1
		if b.person("email:e2@x.org") != b.person("user_id:u1") || b.person("user_id:u2") == b.person("user_id:u1") {
			t.Fatal("the kiosk has joined nobody")
		}
		b.apply(b.event("user_id:u2", "anonymous_id:kiosk"), b.event("user_id:u3", "anonymous_id:kiosk"))
		got := b.apply(b.event("user_id:u1"), b.event("email:e2@x.org"), b.event("user_id:u4", "anonymous_id:kiosk"), b.event("anonymous_id:kiosk"))
		want := [][]string{{"anonymous_id:kiosk"}, {"email:e2@x.org", "user_id:u2"}, {"user_id:u1"}, {"user_id:u3"}, {"user_id:u4"}}
		if d := gocmp.Diff(want, b.partition()); d != "" {
			t.Fatal(d)
		}
		for i, ref := range []string{"user_id:u1", "email:e2@x.org", "user_id:u4", "anonymous_id:kiosk"} {
			if got.Facts[i].Person != b.person(ref) {
				t.Errorf("the fact of %s is of %s, not %s", ref, got.Facts[i].Person, b.person(ref))
			}
		}
		overrides := b.overrides()
		for _, list := range b.partition() {
			for _, text := range list {
				for _, n := range b.view(text).Nodes {
					if n.Identifier().String() == text && n.Events > 0 && n.Person != touchstone.PersonID(n.ID) && overrides[n.ID] != n.Person {
						t.Errorf("events of %s would be given to %d, not %d", text, overrides[n.ID], n.Person)
					}
				}
			}
		}
		if persons, known, _ := b.g.Counts(t.Context()); persons != 4 || known != 4 {
			t.Errorf("%d persons, %d known", persons, known)
		}
	})
}

// drawShared draws events in which some devices and phones meet many people.
func drawShared(t *rapid.T) [][]string {
	one := rapid.Custom(func(t *rapid.T) []string {
		kinds := []struct {
			name   string
			values int
		}{{"user_id", 7}, {"phone", 7}, {"email", 8}, {"device_id", 2}, {"anonymous_id", 3}}
		var ids []string
		for _, k := range kinds {
			if rapid.IntRange(0, 9).Draw(t, k.name) < 4 {
				ids = append(ids, fmt.Sprintf("%s:%d", k.name, rapid.IntRange(1, k.values).Draw(t, "value")))
			}
		}
		if len(ids) == 0 {
			return []string{"anonymous_id:1"}
		}
		return ids[:min(len(ids), 3)]
	})
	return rapid.SliceOfN(one, 1, 50).Draw(t, "events")
}

// Which identifiers are shared does not depend on the order of events or on where batches end;
// and when no link is left out in the end, neither does the graph.
func TestSharedIdentifiersAreTheSameInAnyOrder(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		play := func(rt *rapid.T, events [][]string) (shared []string, partition [][]string, dropped int) {
			reset(t, db, b)
			for len(events) > 0 {
				n := rapid.IntRange(1, min(9, len(events))).Draw(rt, "batch")
				var facts []touchstone.Fact
				for _, ids := range events[:n] {
					facts = append(facts, b.event(ids...))
				}
				events = events[n:]
				switch rapid.IntRange(0, 7).Draw(rt, "trouble") {
				case 0:
					if _, err := b.try(true, facts...); err != errStop { //nolint:errorlint // ours
						rt.Fatal(err)
					}
				case 1:
					b.g.Rollback()
				}
				b.apply(facts...)
				b.consistent(rt)
			}
			rows, err := db.Reader().Query(context.Background(), `SELECT n.kind, n.value FROM identity_shared s JOIN identity_nodes n ON n.id = s.node ORDER BY n.kind, n.value`)
			if err != nil {
				rt.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var kind, value string
				if err := rows.Scan(&kind, &value); err != nil {
					rt.Fatal(err)
				}
				shared = append(shared, kind+":"+value)
			}
			if err := db.Reader().QueryRow(context.Background(), `SELECT COUNT(*) FROM identity_dropped`).Scan(&dropped); err != nil {
				rt.Fatal(err)
			}
			return shared, b.partition(), dropped
		}
		rapid.Check(t, func(rt *rapid.T) {
			events := drawShared(rt)
			shared, partition, dropped := play(rt, events)
			shuffled, other, alsoDropped := play(rt, rapid.Permutation(events).Draw(rt, "shuffled"))
			if d := gocmp.Diff(shared, shuffled); d != "" {
				rt.Fatalf("shared in another order: %s", d)
			}
			if d := gocmp.Diff(partition, other); d != "" && dropped == 0 && alsoDropped == 0 {
				rt.Fatalf("another graph in another order: %s", d)
			}
		})
	})
}

// wellFormed looks at what holds of any graph.
func (b *bench) wellFormed(t interface{ Fatalf(string, ...any) }) {
	ctx := context.Background()
	for name, query := range map[string]string{
		"edges across persons":             `SELECT COUNT(*) FROM identity_edges e JOIN identity_nodes x ON x.id = e.a JOIN identity_nodes y ON y.id = e.b WHERE x.person <> y.person`,
		"edges of shared identifiers":      `SELECT COUNT(*) FROM identity_edges e JOIN identity_shared s ON s.verdict = 'shared' AND s.node IN (e.a, e.b)`,
		"shared identifiers with company":  `SELECT COUNT(*) FROM identity_shared s JOIN identity_nodes x ON x.id = s.node JOIN identity_nodes y ON y.person = x.person AND y.id <> x.id WHERE s.verdict = 'shared'`,
		"persons not named by their least": `SELECT COUNT(*) FROM (SELECT person FROM identity_nodes GROUP BY person HAVING MIN(id) <> person) AS wrong`,
		"a wrong trust":                    `SELECT COUNT(*) FROM identity_nodes n LEFT JOIN identity_shared s ON s.node = n.id WHERE n.trust <> CASE s.verdict WHEN 'shared' THEN 1 WHEN 'trusted' THEN 2 ELSE 0 END`,
		"merges across persons":            `SELECT COUNT(*) FROM identity_merges m JOIN identity_nodes x ON x.id = m.kept JOIN identity_nodes y ON y.id = m.absorbed WHERE x.person <> y.person`,
		"events of others":                 `SELECT COUNT(*) FROM identity_nodes n LEFT JOIN identity_overrides o ON o.node = n.id WHERE n.carries AND n.person <> COALESCE(o.person, n.id)`,
	} {
		var n int
		if err := b.db.Reader().QueryRow(ctx, query).Scan(&n); err != nil || n != 0 {
			t.Fatalf("%d %s (%v)", n, name, err)
		}
	}
}

// consistent holds the rows of the graph against each other.
func (b *bench) consistent(t interface{ Fatalf(string, ...any) }) {
	ctx := context.Background()
	b.wellFormed(t)
	var persons, known int64
	err := b.db.Reader().QueryRow(ctx, `SELECT (SELECT COUNT(DISTINCT person) FROM identity_nodes WHERE trust <> 1 AND kind NOT IN ('vin', 'plate', 'household_id', 'account_id')),
		(SELECT COUNT(DISTINCT person) FROM identity_nodes WHERE kind = 'user_id')`).Scan(&persons, &known)
	counted, countedKnown, err2 := b.g.Counts(ctx)
	if err != nil || err2 != nil || persons != counted || known != countedKnown {
		t.Fatalf("%d persons and %d known are counted as %d and %d (%v, %v)", persons, known, counted, countedKnown, err, err2)
	}
}

// What the detector decides can be overruled, and what an operator decides is obeyed: both ways, with
// history, and a store that is built anew from the log has it too.
func TestSharingIsOverruled(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		script := func() {
			reset(t, db, b)
			for i := range 6 {
				b.apply(b.event(fmt.Sprintf("email:e%d@x.org", i), "phone:+862161234567"), b.event(fmt.Sprintf("anonymous_id:a%d", i), "device_id:d1"))
			}
			if !b.isShared("phone:+862161234567") || b.isShared("device_id:d1") {
				t.Fatal("six addresses are too many, six browsers are not")
			}
			result, _, err := b.command(TrustCommand, TrustBody{"phone:+862161234567", stateTrusted})
			if out, ok := result.(Trusted); err != nil || !ok || out.Joined != 5 || out.Refused != 1 {
				t.Fatalf("%+v, %v", result, err) // the limit of five addresses holds
			}
			b.consistent(t)
			if p := b.person("phone:+862161234567"); p != b.person("email:e0@x.org") || p != b.person("email:e4@x.org") || p == b.person("email:e5@x.org") {
				t.Error("trusted, it has not joined those it was seen with")
			}
			b.apply(b.event("user_id:u1", "phone:+862161234567"), b.event("email:e9@x.org", "phone:+862161234567"))
			if b.isShared("phone:+862161234567") {
				t.Error("what is trusted was taken for shared again")
			}
			if _, _, err = b.command(TrustCommand, TrustBody{"device_id:d1", stateShared}); err != nil {
				t.Fatal(err)
			}
			b.apply(b.event("user_id:u7", "device_id:d1"), b.event("device_id:d1"))
			b.consistent(t)
			if b.person("user_id:u7") == b.person("device_id:d1") || b.person("anonymous_id:a0") == b.person("anonymous_id:a1") {
				t.Error("what an operator calls shared joins people")
			}
		}
		script()
		first := b.partition()
		script()
		if d := gocmp.Diff(first, b.partition()); d != "" {
			t.Errorf("built anew: %s", d)
		}
		result, _, err := b.command(TrustCommand, TrustBody{"phone:+862161234567", stateAuto})
		if out, ok := result.(Trusted); err != nil || !ok || out.Exposure == "" || !b.isShared("phone:+862161234567") {
			t.Errorf("left to the detector: %+v, %v", result, err)
		}
		b.consistent(t)
		if _, _, err = b.command(TrustCommand, TrustBody{"device_id:d1", stateAuto}); err != nil {
			t.Fatal(err)
		}
		b.consistent(t)
		if b.person("anonymous_id:a0") != b.person("anonymous_id:a5") {
			t.Error("one device's browsers are not one again")
		}
		for text, kind := range map[string]touchstone.ErrorKind{"email:nobody@x.org": touchstone.NotFound, "user_id:u1": touchstone.Invalid, "x": touchstone.Invalid} {
			if _, _, err := b.command(TrustCommand, TrustBody{text, stateShared}); touchstone.KindOf(err) != kind {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}

// Links of a model are edges like others: they join within the limits, say what they stand on, and
// are taken back without a trace, or for good.
func TestLinksOfAModel(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "email:e1@x.org"), b.event("phone:+8613800138001"), b.event("user_id:u2"), b.event("email:e3@x.org"))
		before := b.partition()
		detail := MatchDetail{"persons v3", 14.25}
		link := func(x, y string) LinkOutcome {
			t.Helper()
			result, _, err := b.command(LinkCommand, LinkBody{[]Link{{[2]string{x, y}, detail}}})
			if err != nil {
				t.Fatal(err)
			}
			b.consistent(t)
			return result.(Linked).Links[0]
		}
		unlink := func(apart bool, x, y string) LinkOutcome {
			t.Helper()
			result, _, err := b.command(UnlinkCommand, UnlinkBody{[][2]string{{x, y}}, apart})
			if err != nil {
				t.Fatal(err)
			}
			b.consistent(t)
			return result.(Linked).Links[0]
		}
		if got := link("email:e1@x.org", "phone:+8613800138001"); got.Outcome != "joined" || got.ID != b.person("user_id:u1") {
			t.Fatalf("%+v", got)
		}
		edges := b.view("user_id:u1").Edges
		if i := slices.IndexFunc(edges, func(e Edge) bool { return e.Evidence == "match" }); i < 0 || *edges[i].Detail != detail || edges[i].Source != "usr_1" {
			t.Errorf("the link does not say what it stands on: %+v", edges)
		}
		if got := link("user_id:u1", "user_id:u2"); got.Outcome != "refused" || got.Reason != "limit of 1 user_id" {
			t.Errorf("%+v", got)
		}
		if got := link("user_id:u1", "user_id:nobody"); got.Outcome != "unknown" {
			t.Errorf("%+v", got)
		}
		if got := link("user_id:u1", "phone:+8613800138001"); got.Outcome != "noted" {
			t.Errorf("%+v", got)
		}
		if got := unlink(false, "user_id:u1", "phone:+8613800138001"); got.Outcome != "left" {
			t.Errorf("%+v", got)
		}
		if got := unlink(false, "email:e1@x.org", "phone:+8613800138001"); got.Outcome != "parted" {
			t.Errorf("%+v", got)
		}
		if d := gocmp.Diff(before, b.partition()); d != "" {
			t.Errorf("taken back: %s", d)
		}
		if got := link("email:e1@x.org", "phone:+8613800138001"); got.Outcome != "joined" {
			t.Errorf("taken back, not for good: %+v", got)
		}
		unlink(true, "email:e1@x.org", "phone:+8613800138001")
		if got := link("email:e1@x.org", "phone:+8613800138001"); got.Outcome != "refused" || got.Reason != "parted by an operator" {
			t.Errorf("rejected for good: %+v", got)
		}
	})
}
