package profile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

// happening is an event of a random history, and who is absorbed by its person because of it.
type happening struct {
	fact   touchstone.Fact
	absorb touchstone.PersonID
}

// drawHistory makes events of five persons, who are numbered from 1. Many are late.
func drawHistory(t *rapid.T, b *bench, names int) []happening {
	into := map[touchstone.PersonID]touchstone.PersonID{}
	person := func() touchstone.PersonID {
		id := touchstone.PersonID(rapid.IntRange(1, 5).Draw(t, "person"))
		for into[id] != 0 {
			id = into[id]
		}
		return id
	}
	name := func() string { return fmt.Sprintf("t%d_%d", names, rapid.IntRange(0, 3).Draw(t, "trait")) }
	var list []happening
	for range rapid.IntRange(1, 24).Draw(t, "events") {
		f := b.track(person(), rapid.IntRange(0, 20).Draw(t, "minute"), "Viewed")
		f.Backfill = rapid.IntRange(0, 3).Draw(t, "backfill") == 0
		h := happening{fact: f}
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0, 1, 2:
			h.fact.Type = touchstone.Identify
			h.fact.Traits = touchstone.JSON(fmt.Sprintf(`{"%s":%s,"%s":%d}`, name(), rapid.SampledFrom([]string{"null", "1", `"x"`}).Draw(t, "value"), name(), rapid.IntRange(1, 3).Draw(t, "number")))
		case 3:
			h.fact.Type = touchstone.Identify
			h.fact.Context = touchstone.JSON(rapid.SampledFrom([]string{
				`{"traitOperations":{"increment":{"%s":2}}}`, `{"traitOperations":{"append":{"%s":"a"}}}`, `{"traitOperations":{"setOnce":{"%s":9}}}`,
				`{"traitOperations":{"unset":["%s"]}}`,
			}).Draw(t, "operation"))
			h.fact.Context = touchstone.JSON(fmt.Sprintf(string(h.fact.Context), name()))
		case 4:
			h.fact.Type = touchstone.Identify
			h.fact.Context = `{"traitOperations":{"delete":true}}`
		case 5:
			if other := person(); other > f.Person {
				h.absorb, into[other] = other, f.Person
			}
		}
		list = append(list, h)
	}
	return list
}

// run works on a history whose persons are numbered from base, in batches that end before the
// given places, as identity hands them over, and returns what was reported, in order.
func (b *bench) run(t *rapid.T, base touchstone.PersonID, history []happening, ends func(i int) bool) (reported []string) {
	batch := &touchstone.Batch{Now: day}
	commit := func() {
		into := map[touchstone.PersonID]touchstone.PersonID{}
		for _, c := range batch.Changes {
			into[c.Other] = c.Person
		}
		for i := range batch.Facts {
			f := &batch.Facts[i]
			was := f.Person
			for into[f.Person] != 0 {
				f.Person = into[f.Person]
			}
			if was != f.Person {
				f.Was = was
			}
		}
		done := b.change(batch.Changes, batch.Facts...)
		for o := range done.Occurrences() {
			if o.Kind == touchstone.TraitHasChanged {
				reported = append(reported, fmt.Sprintf("%s: %d %s %s>%s at %s backfill %v", o.MessageID, o.Person-base, o.Name, o.Old, o.New, o.Time.Format(time.TimeOnly), o.Backfill))
			}
		}
		batch = &touchstone.Batch{Now: day}
	}
	for i, h := range history {
		if ends(i) {
			commit()
			if rapid.IntRange(0, 4).Draw(t, "cold") == 0 {
				b.p.Rollback()
			}
		}
		h.fact.Person += base
		batch.Facts = append(batch.Facts, h.fact)
		if h.absorb != 0 {
			batch.Because(len(batch.Facts)-1, touchstone.Change{Kind: touchstone.PersonsMerged, Person: h.fact.Person, Other: h.absorb + base})
		}
	}
	commit()
	return reported
}

// TestChangesDoNotDependOnBatches: whatever batches a history comes in, the same changes are
// reported, each with the same cause, time, old and new value, and the same profiles result.
func TestChangesDoNotDependOnBatches(t *testing.T) {
	open := func() *bench {
		dir, err := os.MkdirTemp("/dev/shm", "profile") // what a disk does is not the subject
		if err != nil {
			dir = t.TempDir()
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		db, err := sqlite.Open(filepath.Join(dir, "store.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return newBench(t, db)
	}
	single, cut := open(), open()
	base, run := touchstone.PersonID(0), 0
	rapid.Check(t, func(rt *rapid.T) {
		base += 100
		run++
		history := drawHistory(rt, single, run%40) // names are often new, so that words get other numbers
		want := single.run(rt, base, history, func(i int) bool { return i > 0 })
		got := cut.run(rt, base, history, func(i int) bool { return i > 0 && rapid.IntRange(0, 5).Draw(rt, "cut") == 0 })
		if d := gocmp.Diff(want, got); d != "" {
			rt.Fatalf("event by event (-) and in batches (+): %s", d)
		}
		for id := base + 1; id <= base+5; id++ {
			a, errA := single.p.Get(context.Background(), access.System(), id)
			b, errB := cut.p.Get(context.Background(), access.System(), id)
			if d := gocmp.Diff(a, b); d != "" || touchstone.KindOf(errA) != touchstone.KindOf(errB) {
				rt.Fatalf("profile %d: %s %v %v", id-base, d, errA, errB)
			}
		}
		a, _ := single.p.Count(context.Background())
		b, _ := cut.p.Count(context.Background())
		if a != b {
			rt.Fatalf("%d persons event by event, %d in batches", a, b)
		}
	})
}
