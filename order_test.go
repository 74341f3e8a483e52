package touchstone

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fact(i int, p PersonID) Fact {
	return Fact{Event: Event{Type: Track, Name: fmt.Sprint("e", i), MessageID: fmt.Sprint("m", i), Time: noon.Add(time.Duration(i) * time.Minute)}, Seq: MakeSeq(0, 7, i), Person: p}
}

func TestOrderedIsByCauseThenStage(t *testing.T) {
	b := &Batch{
		Due:   []Timer{{Owner: "journey", Subject: PersonSubject(3), Key: "wait", At: noon.Add(-time.Hour)}},
		Facts: []Fact{fact(0, 1), fact(1, 1), fact(2, 1)},
	}
	b.Facts[0].Was = 2
	b.Facts[1].Backfill = true
	b.Changes = append(b.Changes, Change{Kind: PersonSplit, Person: 1, Other: 9, Time: noon})
	b.Changes = append(b.Changes, Change{Kind: PersonSplit, Person: 1, Other: 8, Time: noon})
	b.Ahead(1, 1)
	b.Because(1, Change{Kind: PersonsMerged, Person: 1, Other: 2}) // identity
	b.Because(2, Change{Kind: TraitChanged, Person: 1, Name: "b"}) // profile goes person by person
	b.Because(0, Change{Kind: TraitChanged, Person: 2, Name: "a", New: "1"})
	b.Because(1, Change{Kind: TraitChanged, Person: 1, Name: "a", Old: "1", New: "2"})
	b.Because(1, Change{Kind: SegmentEntered, Person: 1, Name: "seg"}) // segment
	b.Changes = append(b.Changes, Change{Kind: SegmentLeft, Person: 3, Name: "seg", Time: noon})

	var got []string
	for o := range b.Occurrences() {
		line := fmt.Sprintf("%s %d", o.Kind, o.Person)
		if o.Other != 0 {
			line += fmt.Sprintf("+%d", o.Other)
		}
		line += fmt.Sprintf(" %q %s>%s at %s because of %q", o.Name, o.Old, o.New, o.Time.Format(time.TimeOnly), o.MessageID)
		if o.Backfill {
			line += " backfill"
		}
		got = append(got, line)
		if (o.Cause != 0) != (o.MessageID != "") || (o.Cause != 0) != (o.Event != nil) || o.Event != nil && o.Event.MessageID != o.MessageID {
			t.Errorf("%s: cause %v, event %v", line, o.Cause, o.Event)
		}
	}
	want := strings.TrimSpace(`
timer 3 "wait" > at 11:00:00 because of ""
person_split 1+9 "" > at 12:00:00 because of ""
person_split 1+8 "" > at 12:01:00 because of "m1" backfill
segment_left 3 "seg" > at 12:00:00 because of ""
event 2 "e0" > at 12:00:00 because of "m0"
trait_changed 2 "a" >1 at 12:00:00 because of "m0"
event 1 "e1" > at 12:01:00 because of "m1" backfill
persons_merged 1+2 "" > at 12:01:00 because of "m1" backfill
trait_changed 1 "a" 1>2 at 12:01:00 because of "m1" backfill
segment_entered 1 "seg" > at 12:01:00 because of "m1" backfill
event 1 "e2" > at 12:02:00 because of "m2"
trait_changed 1 "b" > at 12:02:00 because of "m2"`)
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// Whatever a batch holds, the order has each of it once, sorted by cause, and ends where the
// reader ends.
func TestOrderedYieldsEverythingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &Batch{Facts: make([]Fact, rapid.IntRange(0, 8).Draw(t, "facts")), Due: make([]Timer, rapid.IntRange(0, 2).Draw(t, "due"))}
		b.Changes = make([]Change, rapid.IntRange(0, 20).Draw(t, "changes"))
		for i := range b.Changes {
			b.Changes[i] = Change{Cause: rapid.IntRange(0, len(b.Facts)).Draw(t, "cause"), Name: fmt.Sprint(i)}
		}
		items := slices.Collect(b.Ordered())
		if n := len(b.Facts) + len(b.Due) + len(b.Changes); len(items) != n {
			t.Fatalf("%d items of %d", len(items), n)
		}
		seen := map[any]bool{}
		place, last := -1, -1 // of the facts so far; of the changes of this fact
		for i, item := range items {
			switch {
			case item.Timer != nil:
				seen[item.Timer] = true
				if i >= len(b.Due) {
					t.Fatalf("a timer is item %d", i)
				}
			case item.Change != nil:
				seen[item.Change] = true
				at := slices.IndexFunc(b.Changes, func(c Change) bool { return c.Name == item.Change.Name })
				if item.Change.Cause != place+1 || at <= last || item.Fact != nil && item.Fact != &b.Facts[place] || (item.Fact == nil) != (place < 0) {
					t.Fatalf("change %d with cause %d comes behind fact %d and change %d", at, item.Change.Cause, place, last)
				}
				last = at
			default:
				seen[item.Fact] = true
				place, last = place+1, -1
				if item.Fact != &b.Facts[place] {
					t.Fatalf("fact %d is not in its place", place)
				}
			}
		}
		if len(seen) != len(items) {
			t.Fatalf("%d different items of %d", len(seen), len(items))
		}
		stop := rapid.IntRange(0, len(items)).Draw(t, "stop")
		n := 0
		for range b.Ordered() {
			if n++; n > stop {
				break
			}
		}
	})
}

func TestRemoveKeepsCausesAndPlaces(t *testing.T) {
	b := &Batch{Facts: []Fact{fact(0, 1), fact(1, 1), fact(2, 1)}}
	all := b.Facts
	b.Changes = []Change{{Kind: PersonErased}}
	for i := range b.Facts {
		b.Because(i, Change{Kind: TraitChanged, Name: fmt.Sprint("of e", i)})
	}
	b.Remove(func(i int) bool { return i == 1 })
	var got []string
	for item := range b.Ordered() {
		switch {
		case item.Change == nil:
			got = append(got, item.Fact.Name)
		case item.Fact == nil:
			got = append(got, "none: "+item.Change.Name)
		default:
			got = append(got, item.Fact.Name+": "+item.Change.Name)
		}
	}
	if want := []string{"none: ", "e0", "e0: of e0", "none: of e1", "e2", "e2: of e2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(all) != 3 || all[1].Name != "e1" {
		t.Error("a retry does not find the fact that was taken out")
	}
}

func TestKindsOfChangesAreKindsOfOccurrences(t *testing.T) {
	for k := TraitChanged; k <= PersonErased; k++ {
		if k.Occurrence().String() != k.String() {
			t.Errorf("%s becomes %s", k, k.Occurrence())
		}
	}
}
