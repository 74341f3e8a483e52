package segment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

// deed is something that happens to a world, drawn before, so that it can happen to two.
type deed struct {
	kind        string
	person      touchstone.PersonID
	other       touchstone.PersonID // merge
	ago         time.Duration       // event; how far time moves on, advance
	name        string
	value       touchstone.JSON // trait
	backfill    bool
	cut, failed bool // the second world's batch ends before it; and fails once
}

func drawDeeds(t *rapid.T) (list []deed) {
	person := func() touchstone.PersonID { return touchstone.PersonID(rapid.IntRange(1, 4).Draw(t, "person")) }
	for range rapid.IntRange(1, 30).Draw(t, "deeds") {
		d := deed{person: person(), cut: rapid.IntRange(0, 5).Draw(t, "cut") == 0, failed: rapid.IntRange(0, 9).Draw(t, "failed") == 0,
			backfill: rapid.IntRange(0, 3).Draw(t, "backfill") == 0}
		switch d.kind = rapid.SampledFrom([]string{"event", "event", "event", "event", "trait", "trait", "trait", "merge", "advance"}).Draw(t, "kind"); d.kind {
		case "event":
			d.ago = time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 3, 8, 20, -3}).Draw(t, "ago")) * time.Second
			d.name = rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event")
			d.value = touchstone.JSON(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(1, 3).Draw(t, "n")))
		case "trait":
			d.name = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "trait")
			d.value = touchstone.JSON(rapid.SampledFrom([]string{"1", `"x"`, ""}).Draw(t, "value"))
		case "merge":
			d.other = person()
		case "advance":
			d.ago = time.Duration(rapid.IntRange(1, 15).Draw(t, "seconds")) * time.Second
		}
		list = append(list, d)
	}
	return list
}

// define makes a world with segments of the rules, which refer to each other by their places.
func define(t *rapid.T, w *world, rules []string) (names map[string]string) {
	names = map[string]string{}
	ids := make([]string, len(rules))
	for i, text := range rules {
		for at, id := range ids[:i] {
			text = strings.ReplaceAll(text, fmt.Sprintf(`"segment":"%d"`, at), fmt.Sprintf(`"segment":%q`, id))
		}
		g, err := w.segs.Create(ctx, Draft{Name: fmt.Sprint(i), Rule: touchstone.JSON(text)})
		if err != nil {
			t.Fatal(err)
		}
		ids[i], names[g.ID] = g.ID, fmt.Sprint(i)
	}
	w.settle()
	return names
}

// happen does the deeds, with a batch for each or, if cut, the batches that they say, and
// returns what occurred, in order.
func (w *world) happen(deeds []deed, cut bool, names map[string]string) (told []string) {
	w.done = func(b *touchstone.Batch) {
		for o := range b.Occurrences() {
			name := o.Name
			if n, ok := names[name]; ok {
				name = n
			}
			if o.Kind == touchstone.TimerDue { // of the stage; they are there more often when batches are cut
				continue
			}
			told = append(told, fmt.Sprintf("%s: %s %d+%d %s %s>%s at %s backfill %v", o.MessageID, o.Kind, o.Person, o.Other, name, o.Old, o.New, o.Time.Format("05.000"), o.Backfill))
		}
	}
	for _, d := range deeds {
		if w.batch != nil && (!cut || d.cut || d.kind == "advance") {
			failures := 0
			if cut && d.failed {
				failures = 1
			}
			w.commit(failures)
		}
		before := len(w.events)
		switch d.kind {
		case "event":
			w.event(d.person, d.ago, d.name, d.value)
		case "trait":
			w.trait(d.person, d.name, d.value)
		case "merge":
			w.merge(d.person, d.other)
		case "advance":
			w.advance(d.ago)
		}
		if len(w.events) > before && d.backfill {
			w.batch.Facts[len(w.batch.Facts)-1].Backfill = true
			for i := range w.batch.Changes {
				if c := &w.batch.Changes[i]; c.Cause == len(w.batch.Facts) {
					c.Backfill = true
				}
			}
		}
	}
	w.commit(0)
	return told
}

// TestChangesDoNotDependOnBatches: whatever batches events, traits and merges come in, the
// same persons enter and leave the same segments in the same order, each time because of
// the same event, and they end in the same state.
func TestChangesDoNotDependOnBatches(t *testing.T) {
	dbs := []*world{{db: openDB(t)}, {db: openDB(t)}}
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{t: rt}
		var rules []string
		for i := range rapid.IntRange(1, 6).Draw(rt, "segments") {
			rules = append(rules, h.rule(3))
			h.ids = append(h.ids, fmt.Sprint(i))
		}
		deeds := drawDeeds(rt)
		var told [2][]string
		var members [2]map[string][]touchstone.PersonID
		for i, cut := range []bool{false, true} {
			wipe(rt, dbs[i].db)
			w := newWorld(rt, dbs[i].db)
			names := define(rt, w, rules)
			sums := map[string]int{}
			w.committed = func() {
				for _, c := range w.changes {
					sums[c.Name] += map[touchstone.ChangeKind]int{touchstone.SegmentEntered: 1, touchstone.SegmentLeft: -1}[c.Kind]
				}
				w.changes = nil
			}
			start := map[string]int{}
			for id := range names {
				start[id] = len(w.members(id))
			}
			told[i] = w.happen(deeds, cut, names)
			w.audit()
			members[i] = map[string][]touchstone.PersonID{}
			for id, name := range names {
				members[i][name] = w.members(id)
				checkDays(rt, w, id, start[id])
				if len(w.merged) == 0 && start[id]+sums[id] != len(members[i][name]) {
					rt.Fatalf("segment %s: %d members, then %+d by its changes, but %v", name, start[id], sums[id], members[i][name])
				}
			}
		}
		if d := gocmp.Diff(told[0], told[1]); d != "" {
			rt.Fatalf("rules %s\nevent by event (-) and in batches (+): %s", strings.Join(rules, "\n      "), d)
		}
		if d := gocmp.Diff(members[0], members[1]); d != "" {
			rt.Fatalf("members event by event (-) and in batches (+): %s", d)
		}
	})
}

// checkDays compares what a segment's days count, exits of absorbed persons among them, to
// its members.
func checkDays(t *rapid.T, w *world, id string, start int) {
	var entered, departed int
	err := w.db.Reader().QueryRow(ctx, `SELECT COALESCE(SUM(entered), 0), COALESCE(SUM(departed), 0) FROM segment_days WHERE segment = ?`, id).Scan(&entered, &departed)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.members(id)); start+entered-departed != n {
		t.Fatalf("segment %s: %d members, %d entered, %d left, but %d are in it", id, start, entered, departed, n)
	}
}

// TestEnteredAndLeftWithinABatch: both are told, each with its event.
func TestEnteredAndLeftWithinABatch(t *testing.T) {
	w := newWorld(t, openDB(t))
	g, err := w.segs.Create(ctx, Draft{Name: "one", Rule: `{"and":[{"event":"A","count":{"op":"eq","value":1}},{"trait":"a","op":"neq","value":"x"}]}`})
	if err != nil {
		t.Fatal(err)
	}
	w.settle()
	var got []string
	w.done = func(b *touchstone.Batch) {
		for o := range b.Occurrences() {
			if o.Name == g.ID {
				got = append(got, fmt.Sprintf("%s %d %s", o.MessageID, o.Person, o.Kind))
			}
		}
	}
	w.event(1, 0, "A", "{}")       // m1: enters
	w.event(2, time.Hour, "A", "") // m2: enters
	w.trait(1, "a", `"x"`)         // m3: leaves
	w.trait(1, "a", `"y"`)         // m4: enters
	w.merge(1, 2)                  // m5: has two; leaves
	w.event(1, 0, "A", "")         // m6
	w.commit(1)
	want := []string{"m1 1 segment_entered", "m2 2 segment_entered", "m3 1 segment_left", "m4 1 segment_entered", "m5 1 segment_left"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if m := w.members(g.ID); len(m) != 0 {
		t.Errorf("members %v", m)
	}
	w.audit()
}

// TestATimersChangeHasItsMoment: an exit is told with the moment at which it became true, also
// when the process was away then.
func TestATimersChangeHasItsMoment(t *testing.T) {
	w := newWorld(t, openDB(t))
	if _, err := w.segs.Create(ctx, Draft{Name: "lately", Rule: `{"event":"A","count":{"op":"gte","value":1},"within":"10s"}`}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	begin := w.now
	w.event(1, 0, "A", "")
	w.commit(0)
	w.changes = nil
	w.now = w.now.Add(time.Hour)
	w.event(1, 0, "A", "") // comes with the timer, which is first
	w.commit(0)
	if len(w.changes) != 2 {
		t.Fatalf("%+v", w.changes)
	}
	left, entered := w.changes[0], w.changes[1]
	if left.Kind != touchstone.SegmentLeft || !left.Time.Equal(begin.Add(10*time.Second)) || left.Cause != 0 || left.Backfill {
		t.Errorf("%+v", left)
	}
	if entered.Kind != touchstone.SegmentEntered || !entered.Time.Equal(w.now) || entered.Cause != 1 {
		t.Errorf("%+v", entered)
	}
}

// TestWhatASplitChangesIsBackfill: nobody is to be greeted because an operator parted persons.
func TestWhatASplitChangesIsBackfill(t *testing.T) {
	w := newWorld(t, openDB(t))
	g, err := w.segs.Create(ctx, Draft{Name: "without a trait", Rule: `{"trait":"a","op":"not_exists"}`})
	if err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.event(1, 0, "A", "")
	w.event(2, 0, "A", "")
	w.merge(1, 2)
	w.commit(0)
	w.changes = nil
	w.split(2)
	if len(w.changes) != 1 || w.changes[0].Kind != touchstone.SegmentEntered || w.changes[0].Person != 2 || w.changes[0].Name != g.ID || !w.changes[0].Backfill {
		t.Errorf("%+v", w.changes)
	}
}

// A split in the very batch that completes a build gives the build up: what it has found counts
// the two as one, and what is built anew must not refer to it.
func TestASplitGivesUpTheBuildThatItsBatchCompletes(t *testing.T) {
	w := newWorld(t, openDB(t))
	w.segs.builds.chunksPerBatch = 1
	w.event(1, 0, "A", "")
	w.event(2, 0, "A", "")
	w.merge(1, 2)
	w.commit(0)
	once, err := w.segs.Create(ctx, Draft{Name: "once", Rule: `{"event":"A","count":{"op":"eq","value":1}}`})
	if err != nil {
		t.Fatal(err)
	}
	same, err := w.segs.Create(ctx, Draft{Name: "the same", Rule: touchstone.JSON(fmt.Sprintf(`{"segment":%q}`, once.ID))})
	if err != nil {
		t.Fatal(err)
	}
	w.commit(0)
	if !w.build() {
		t.Fatal("nothing is being built")
	}
	for w.segs.builds.Waiting() > 1 {
		w.commit(0)
	}
	w.split(2)
	w.settle()
	for _, g := range []Segment{once, same} {
		if got := w.members(g.ID); !slices.Equal(got, []touchstone.PersonID{1, 2}) {
			t.Errorf("each has done it once, and %v are members of %q", got, g.Name)
		}
	}
}
