package pipeline

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// drawBatch makes a batch as identity leaves it: facts of persons, and merges by which earlier
// persons become later ones' (or the other way round), each caused by a fact of who remains.
func drawBatch(t *rapid.T) *touchstone.Batch {
	b := &touchstone.Batch{}
	into := map[touchstone.PersonID]touchstone.PersonID{}
	final := func(p touchstone.PersonID) touchstone.PersonID {
		for into[p] != 0 {
			p = into[p]
		}
		return p
	}
	for i := range rapid.IntRange(0, 30).Draw(t, "facts") {
		person := touchstone.PersonID(rapid.IntRange(0, 200).Draw(t, "person"))
		if person != 0 {
			person = final(person)
		}
		f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(100+i/3), i%3), Node: touchstone.NodeID(rapid.IntRange(1, 200).Draw(t, "node")), Person: person}
		f.Backfill = rapid.Bool().Draw(t, "backfill")
		b.Facts = append(b.Facts, f)
		if other := final(touchstone.PersonID(rapid.IntRange(1, 200).Draw(t, "other"))); person != 0 && other != person && rapid.IntRange(0, 3).Draw(t, "merges") == 0 {
			into[other] = person
			b.Because(i, touchstone.Change{Kind: touchstone.PersonsMerged, Person: person, Other: other})
		}
	}
	for i := range b.Facts {
		if f := &b.Facts[i]; f.Person != 0 && final(f.Person) != f.Person {
			f.Was, f.Person = f.Person, final(f.Person)
		}
	}
	return b
}

// Each fact and each merge of a batch is in one lane, that of whom the person is in the end; what
// one lane takes another one gives; and the form in which parts are stored keeps all of it.
func TestRoutesDivideABatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layout := layoutOf(rapid.IntRange(1, MaxLanes).Draw(t, "lanes"))
		b := drawBatch(t)
		r, ok := newRoute(layout, b)
		if !ok {
			t.Fatal("the lanes could do this batch")
		}
		var facts []touchstone.Seq
		var merges []touchstone.PersonID
		for lane := range r.parts {
			part, err := decodePart(0, 100, r.parts[lane].append(nil, 100))
			if err != nil {
				t.Fatal(err)
			}
			if len(part.facts) != len(r.parts[lane].facts) || len(part.facts) > 0 && gocmp.Diff(part.facts, r.parts[lane].facts) != "" {
				t.Fatalf("facts %v come back as %v", r.parts[lane].facts, part.facts)
			}
			for _, f := range part.facts {
				facts = append(facts, f.Seq)
				if f.Person != 0 && !layout[lane].Owns(f.Person) {
					t.Errorf("person %d is in lane %d", f.Person, lane+1)
				}
			}
			for _, c := range part.merges {
				merges = append(merges, c.Other)
				if cause := part.facts[c.Cause-1]; cause.Person != 0 && !layout[lane].Owns(cause.Person) {
					t.Errorf("the cause of a merge is in lane %d", lane+1)
				}
				from := laneOf(layout, int64(c.Other))
				if from == lane {
					continue
				}
				if !slices.Contains(part.takes, from+1) || !slices.Contains(r.parts[from].gives, c.Other) {
					t.Errorf("lane %d takes person %d, and lane %d does not give it", lane+1, c.Other, from+1)
				}
			}
		}
		if len(facts) != len(b.Facts) || len(merges) != len(b.Changes) {
			t.Errorf("%d of %d facts and %d of %d merges were routed", len(facts), len(b.Facts), len(merges), len(b.Changes))
		}
	})
}

// What lanes cannot do is not routed.
func TestWhatIsNotRouted(t *testing.T) {
	fact := touchstone.Fact{Seq: touchstone.MakeSeq(0, 1, 0), Person: 1, Node: 1}
	for name, b := range map[string]*touchstone.Batch{
		"a split":                 {Changes: []touchstone.Change{{Kind: touchstone.PersonSplit, Person: 1, Other: 2}}},
		"an erasure":              {Changes: []touchstone.Change{{Kind: touchstone.PersonErased, Person: 1}}},
		"a merge without a cause": {Facts: []touchstone.Fact{fact}, Changes: []touchstone.Change{{Kind: touchstone.PersonsMerged, Person: 1, Other: 2}}},
		"a timer":                 {Timers: []touchstone.Timer{{Owner: "x", Subject: touchstone.PersonSubject(1)}}},
	} {
		if _, ok := newRoute(layoutOf(2), b); ok {
			t.Errorf("%s was routed", name)
		}
	}
	if _, ok := newRoute(layoutOf(2), &touchstone.Batch{Facts: []touchstone.Fact{fact}}); !ok {
		t.Error("a plain event was not routed")
	}
}

// Damaged parts are refused, and never read as something else than they hold.
func TestDamagedParts(t *testing.T) {
	part := routePart{takes: []int{2}, gives: []touchstone.PersonID{7}, facts: []touchstone.Fact{{Seq: touchstone.MakeSeq(0, 3, 1), Node: 300, Person: 300}}}
	body := part.append(nil, stream.Offset(3))
	for n := range body {
		if _, err := decodePart(0, 3, body[:n]); err == nil {
			t.Errorf("a part that was cut after %d of %d bytes is taken", n, len(body))
		}
	}
}

// Lanes divide all shards, whatever their number.
func TestLayouts(t *testing.T) {
	for n := 1; n <= MaxLanes; n++ {
		layout := layoutOf(n)
		for person := range touchstone.PersonID(2 * shardCount) {
			owners := 0
			for _, l := range layout {
				if l.Owns(person) {
					owners++
				}
			}
			if owners != 1 {
				t.Errorf("with %d lanes, person %d has %d", n, person, owners)
			}
		}
	}
}
