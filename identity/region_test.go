package identity

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

var testKinds = newKindTable(touchstone.DefaultKindSet())

func unlimited() rules {
	return rules{limit: func(uint8) int { return unlimitedNumber }, name: testKinds.name, relates: testKinds.relates, window: func(uint8) window { return window{} }, maxNodes: unlimitedNumber,
		apart: &apartness{}, bears: testKinds.bears, sharable: testKinds.mayBeShared}
}

func limited() rules {
	r := unlimited()
	r.limit = testKinds.limit
	return r
}

func id(kind touchstone.IdentifierKind, value string) ident {
	return ident{testKinds.number(kind), value}
}

// components returns the partition of identifiers, each part sorted, in order.
func components(r *region) [][]string {
	byPerson := map[touchstone.PersonID][]string{}
	for i, n := range r.nodes {
		p := n.part.root().person
		byPerson[p] = append(byPerson[p], fmt.Sprintf("%d:%s", i.kind, i.value))
	}
	var all [][]string
	for _, part := range byPerson {
		slices.Sort(part)
		all = append(all, part)
	}
	slices.SortFunc(all, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return all
}

func drawEvents(t *rapid.T, values int) [][]ident {
	one := rapid.Custom(func(t *rapid.T) []ident {
		set := map[ident]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "identifiers") {
			kind := uint8(rapid.IntRange(0, 6).Draw(t, "kind"))
			if kind > 4 { // what relates comes last
				kind = []uint8{testKinds.number(touchstone.KindVIN), testKinds.number(touchstone.KindPlate)}[kind-5]
			}
			set[ident{kind, fmt.Sprint(rapid.IntRange(1, values).Draw(t, "value"))}] = true
		}
		var ids []ident
		for i := range set {
			ids = append(ids, i)
		}
		slices.SortFunc(ids, func(a, b ident) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.value, b.value)) })
		return ids
	})
	return rapid.SliceOfN(one, 1, 60).Draw(t, "events")
}

func linkAll(r *region, events [][]ident) []*node {
	firsts := make([]*node, len(events))
	for i, ids := range events {
		firsts[i], _ = r.link(ids, cause{messageID: fmt.Sprint("m", i), time: int64(i)})
	}
	return firsts
}

// naive is the textbook union-find over the same events.
func naive(events [][]ident) [][]string {
	parent := map[ident]ident{}
	var find func(ident) ident
	find = func(i ident) ident {
		if parent[i] == i {
			return i
		}
		return find(parent[i])
	}
	for _, ids := range events {
		for _, i := range ids {
			if _, ok := parent[i]; !ok {
				parent[i] = i
			}
			if !testKinds.relates(i.kind) {
				parent[find(i)] = find(ids[0])
			}
		}
	}
	groups := map[ident][]string{}
	for i := range parent {
		groups[find(i)] = append(groups[find(i)], fmt.Sprintf("%d:%s", i.kind, i.value))
	}
	var all [][]string
	for _, g := range groups {
		slices.Sort(g)
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return all
}

func TestComponentsEqualUnionFindInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, 10)
		r := newRegion(unlimited(), 0, 0)
		linkAll(r, events)
		if d := gocmp.Diff(naive(events), components(r)); d != "" {
			t.Fatal(d)
		}
		shuffled := rapid.Permutation(events).Draw(t, "shuffled")
		s := newRegion(unlimited(), 0, 0)
		linkAll(s, shuffled)
		if d := gocmp.Diff(components(r), components(s)); d != "" {
			t.Fatalf("order matters: %s", d)
		}
		checkInvariants(t, r)
	})
}

func TestLimitsHoldForAnyEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, 10)
		r := newRegion(limited(), 0, 0)
		r.limit = func(kind uint8) int { return int(kind) + 1 }
		firsts := linkAll(r, events)
		checkInvariants(t, r)
		for _, p := range r.parts {
			if p.into != nil {
				continue
			}
			for _, c := range p.counts {
				if int(c.n) > r.limit(c.kind) {
					t.Fatalf("person %d holds %d of kind %d", p.person, c.n, c.kind)
				}
			}
		}
		for i, n := range firsts {
			if n.ident != events[i][0] {
				t.Fatalf("event %d came under %v, not under its strongest identifier %v", i, n.ident, events[i][0])
			}
		}
	})
}

func checkInvariants(t *rapid.T, r *region) {
	persons, known := int64(0), int64(0)
	held := 0
	for number, p := range r.parts {
		if p.into != nil {
			if len(p.nodes) != 0 {
				t.Fatalf("absorbed person %d still holds nodes", number)
			}
			continue
		}
		if !testKinds.relates(p.nodes[0].kind) {
			persons++
		} else if len(p.nodes) > 1 {
			t.Fatalf("what relates has joined: %d identifiers", len(p.nodes))
		}
		least := p.nodes[0].id
		counts := map[uint8]int{}
		for _, n := range p.nodes {
			least = min(least, n.id)
			counts[n.kind]++
			if n.part.root() != p {
				t.Fatalf("node %d is in two persons", n.id)
			}
		}
		held += len(p.nodes)
		if touchstone.PersonID(least) != p.person {
			t.Fatalf("person %d, but its first node is %d", p.person, least)
		}
		if counts[userIDKind] > 0 {
			known++
		}
		for kind, n := range counts {
			if p.counts.of(kind) != n {
				t.Fatalf("person %d: tally of kind %d is %d, holds %d", p.person, kind, p.counts.of(kind), n)
			}
		}
	}
	if held != len(r.nodes) {
		t.Fatalf("%d nodes in persons, %d in all", held, len(r.nodes))
	}
	if persons != r.persons || known != r.known {
		t.Fatalf("%d persons, %d known; counted %d and %d", persons, known, r.persons, r.known)
	}
}

func TestGuards(t *testing.T) {
	type want struct {
		parts [][]string
		drops []string
	}
	u1, u2 := id("user_id", "u1"), id("user_id", "u2")
	a1, e1 := id("anonymous_id", "a1"), id("email", "e1")
	s := func(ids ...ident) (out []string) {
		for _, i := range ids {
			out = append(out, fmt.Sprintf("%d:%s", i.kind, i.value))
		}
		slices.Sort(out)
		return out
	}
	for name, c := range map[string]struct {
		events [][]ident
		want   want
	}{
		"a shared device stays with the first user": {
			[][]ident{{u1, a1}, {u2, a1}},
			want{[][]string{s(a1, u1), s(u2)}, []string{"a1: limit of 1 user_id"}},
		},
		"an anonymous visitor becomes the user who signs in": {
			[][]ident{{a1}, {u1, a1}}, want{[][]string{s(a1, u1)}, nil},
		},
		"the event stays with the strongest, the rest still links": {
			[][]ident{{u1, a1}, {u2, e1, a1}},
			want{[][]string{s(a1, u1), s(e1, u2)}, []string{"a1: limit of 1 user_id"}},
		},
		"two known persons do not merge over an e-mail": {
			[][]ident{{u1, e1}, {u2, a1}, {e1, a1}},
			want{[][]string{s(a1, u2), s(e1, u1)}, []string{"a1: limit of 1 user_id"}},
		},
		"a sixth e-mail is not linked": {
			[][]ident{{u1, id("email", "1")}, {u1, id("email", "2")}, {u1, id("email", "3")}, {u1, id("email", "4")}, {u1, id("email", "5")}, {u1, id("email", "6")}},
			want{[][]string{s(u1, id("email", "1"), id("email", "2"), id("email", "3"), id("email", "4"), id("email", "5"))}, []string{"6: limit of 5 email"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegion(limited(), 0, 0)
			linkAll(r, c.events)
			var drops []string
			for _, d := range r.drops {
				drops = append(drops, d.value+": "+d.reason)
			}
			slices.SortFunc(c.want.parts, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
			if d := gocmp.Diff(c.want, want{components(r), drops}, gocmp.AllowUnexported(want{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestApartPersonsStayApartThroughMerges(t *testing.T) {
	r := newRegion(unlimited(), 0, 0)
	a, b, c := id("email", "a"), id("email", "b"), id("phone", "c")
	linkAll(r, [][]ident{{c}, {a}, {b}})
	r.apart.add(r.nodes[a].part.person, r.nodes[b].part.person)
	linkAll(r, [][]ident{{c, a}, {a, b}, {c, b}})
	if r.nodes[a].part.root() == r.nodes[b].part.root() {
		t.Fatal("joined again")
	}
	if r.nodes[a].part.root() != r.nodes[c].part.root() {
		t.Fatal("the rest must still link")
	}
	if len(r.drops) != 2 {
		t.Fatalf("drops: %v", r.drops)
	}
}
