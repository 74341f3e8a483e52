package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// around is the exercise's world as profiles and warehouse.
type around struct {
	*keeptest.World
	batch []touchstone.Fact // under way
}

func (a *around) Prefetch(context.Context, *store.Tx, []touchstone.PersonID) error { return nil }

// TraitsOf finds the value that was set last, by the time of the event.
func (a *around) TraitsOf(p touchstone.PersonID) func(name string) (touchstone.JSON, bool) {
	return func(name string) (value touchstone.JSON, found bool) {
		var last touchstone.Fact
		for _, f := range slices.Concat(a.Facts(a.Mark()), a.batch) {
			text := jsonwalk.Member(string(f.Traits), name)
			if f.Person == p && text != "" && (!found || f.Time.After(last.Time) || f.Time.Equal(last.Time) && f.Seq > last.Seq) {
				value, found, last = touchstone.JSON(text), true, f
			}
		}
		return value, found
	}
}

func (a *around) Each(_ context.Context, fn func(touchstone.PersonID, func(string) (touchstone.JSON, bool)) error) error {
	for _, p := range a.Persons() {
		if err := fn(p, a.TraitsOf(p)); err != nil {
			return err
		}
	}
	return nil
}

func (a *around) Count(context.Context) (int64, error) { return int64(len(a.Persons())), nil }

func (a *around) Position(context.Context, int) (touchstone.Seq, error) { return a.Last(), nil }

func (a *around) LatestTimes(_ context.Context, q LatestQuery, fn func(touchstone.PersonID, []int64) error) error {
	times := map[touchstone.PersonID][]int64{}
	l := rule.Leaf{Event: q.Event, Where: q.Where}
	for _, f := range a.Facts(a.Mark()) {
		at := f.Time.UnixMilli()
		if f.Name == q.Event && (q.Through == nil || len(q.Through) > 0 && f.Seq <= q.Through[0]) && at >= q.Since && (q.Until == 0 || at < q.Until) && l.Match(f.Properties, f.Context) {
			times[f.Person] = append(times[f.Person], at)
		}
	}
	for _, p := range sortedPersons(times) {
		slices.Sort(times[p])
		if err := fn(p, q.cut(times[p])); err != nil {
			return err
		}
	}
	return nil
}

func (a *around) Values(_ context.Context, q ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	l := q.leaf()
	for _, f := range a.Facts(a.Mark()) {
		at := f.Time.UnixMilli()
		if f.Name != q.Event || q.Through != nil && (len(q.Through) == 0 || f.Seq > q.Through[0]) || at < q.Since || q.Until != 0 && at >= q.Until || !l.Match(f.Properties, f.Context) {
			continue
		}
		if v, ok := l.Value(f.Properties, at); ok {
			if err := fn(f.Person, at, 1, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// exercisedRules are of all sorts: traits, counts with and without windows, one upon another.
var exercisedRules = []string{
	`{"trait":"plan","op":"eq","value":"p1"}`,
	`{"event":"Viewed","count":{"op":"gte","value":2}}`,
	`{"event":"Bought","count":{"op":"lte","value":1},"within":"20s"}`,
	`{"and":[{"event":"Viewed","where":[{"property":"price","op":"gte","value":2}],"count":{"op":"gte","value":1},"within":"15s"},{"trait":"name","op":"exists"}]}`,
	`{"not":{"event":"Bought","count":{"op":"gte","value":1}}}`,
	`{"event":"Viewed","sum":{"property":"price","op":"gte","value":5},"within":"20s"}`,
	`{"event":"Viewed","distinct":{"property":"price","op":"gte","value":2},"within":"20s"}`,
	`{"event":"Viewed","avg":{"property":"price","op":"gt","value":2}}`,
	`{"event":"Viewed","last":{"property":"price","op":"gte","value":2}}`,
	`{"event":"Bought","count":{"op":"eq","value":1},"ago":{"from":"30s","to":"10s"}}`,
}

// exercised is the package in the exercise's hands. Builds run when it says so.
type exercised struct {
	*around
	segs *Segments
	calm int // rounds in which nothing was to be done
}

func openExercised(t testing.TB, w *keeptest.World) *exercised {
	a := &around{World: w}
	segs, err := Open(ctx, Config{DB: w.DB, Traits: a, Persons: w, History: a, Profiles: a, Clock: w.Clock()})
	if err != nil {
		t.Fatal(err)
	}
	segs.builds.limits = limits{chunkPersons: 2, chunksPerBatch: 2, chunksWaiting: 10_000}
	segs.builds.Queue = backfill.NewQueue[*chunk](segs.builds.chunksWaiting)
	x := &exercised{around: a, segs: segs}
	n, err := segs.Count(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		return x
	}
	for i := range exercisedRules {
		if _, err := segs.Create(ctx, Draft{Name: fmt.Sprint("s", i), Rule: touchstone.JSON(exercisedRules[i])}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := segs.List(ctx, access.System())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := segs.Create(ctx, Draft{Name: "nested", Rule: touchstone.JSON(fmt.Sprintf(`{"and":[{"segment":%q},{"segment":%q}]}`, list[0].ID, list[1].ID))}); err != nil {
		t.Fatal(err)
	}
	return x
}

// apply runs the stage as the pipeline does, with the changes of traits that profiles report.
func (x *exercised) apply(c context.Context, tx *store.Tx, b *touchstone.Batch) error {
	x.batch = b.Facts
	for i := range b.Facts {
		if f := &b.Facts[i]; f.Traits != "" {
			for _, name := range []string{"plan", "name"} {
				b.Because(i, touchstone.Change{Kind: touchstone.TraitChanged, Person: f.Then(), Name: name})
			}
		}
	}
	for i := range b.Changes {
		if b.Changes[i].Kind == touchstone.PersonSplit { // profiles report what differs
			for _, p := range []touchstone.PersonID{b.Changes[i].Person, b.Changes[i].Other} {
				b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.TraitChanged, Person: p, Name: "plan"}, touchstone.Change{Kind: touchstone.TraitChanged, Person: p, Name: "name"})
			}
		}
	}
	return x.segs.stage.Apply(c, tx, b)
}

func (x *exercised) committed(b *touchstone.Batch) {
	x.segs.stage.Committed(b)
	x.batch = nil
}

// settle builds what is to be built.
func (x *exercised) settle(c context.Context) (more bool, err error) {
	for u := x.segs.builds.first(); u != nil; u = x.segs.builds.first() {
		err := (&builder{Segments: x.segs, unit: u}).build(c)
		if err != nil && !errors.Is(err, errAbandoned) {
			return false, err
		}
		x.segs.builds.finished(u)
		more = true
	}
	if x.calm++; more || x.segs.builds.Waiting() > 0 || len(x.segs.stage.table.garbage) > 0 {
		x.calm = 0
	}
	return x.calm < 3, nil // a build that has gone live leaves rows to be swept up
}

// promised is who is in which segment. When somebody entered, and which times of many are
// kept where only their number matters, depends on how the person came to be.
func promised(name string, value any) any {
	if name != "segments" {
		return nil
	}
	var names []string
	for _, m := range value.([]any) {
		if m := m.(map[string]any); m["answers"] == true {
			names = append(names, m["name"].(string))
		}
	}
	if names == nil { // in none that answers
		return nil
	}
	return names
}

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		x := openExercised(t, w)
		return keeptest.Feature{
			Keeper: x.segs.Keeper(), Apply: x.apply, Rollback: x.segs.stage.Rollback, Committed: x.committed, Settle: x.settle, Promise: promised,
			Totals: func(c context.Context, _ store.Querier) (any, error) {
				list, err := x.segs.List(c, access.System())
				members := map[string]int64{}
				for _, s := range list {
					members[s.Name] = s.Members
				}
				return members, err
			},
		}
	})
}
