package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func TestDefinitions(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		g, err := w.segs.Create(ctx, Draft{Name: "  buyers ", Description: "d", Rule: ` {"event":"Order Completed","count":{"value":1}} `})
		if err != nil {
			t.Fatal(err)
		}
		want := Segment{ID: g.ID, Name: "buyers", Description: "d", Kind: KindRule, Rule: `{"event":"Order Completed"}`, Status: Building, Version: 1, Place: Place{Labels: []string{}},
			CreatedAt: w.now, UpdatedAt: w.now}
		if d := cmp.Diff(want, g); d != "" {
			t.Fatal(d)
		}
		w.settle()
		want.Status, want.Progress = Live, 1
		if got, err := w.segs.Get(ctx, access.System(), g.ID); err != nil || cmp.Diff(want, got) != "" {
			t.Fatal(cmp.Diff(want, got), err)
		}
		name := "Buyers"
		w.now = w.now.Add(time.Second)
		if g, err = w.segs.Update(ctx, g.ID, Patch{Name: &name}); err != nil || g.Name != name || g.Status != Live || g.Version != 1 || g.UpdatedAt != w.now {
			t.Fatalf("got %+v, %v", g, err)
		}
		same := touchstone.JSON(`{"event":"Order Completed","count":{"op":"gte","value":1}}`)
		if g, err = w.segs.Update(ctx, g.ID, Patch{Rule: &same}); err != nil || g.Status != Live || g.Version != 1 {
			t.Fatalf("the same rule again: got %+v, %v", g, err)
		}
		long := strings.Repeat("长", 201)
		empty := " "
		bad := touchstone.JSON(`{}`)
		static, err := w.segs.CreateStatic(ctx, Draft{Name: "list"}, []touchstone.PersonID{3, 3, 1})
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			err  error
			kind touchstone.ErrorKind
		}{
			"name exists":       {second(w.segs.Create(ctx, Draft{Name: "Buyers", Rule: same})), touchstone.Conflict},
			"no name":           {second(w.segs.Create(ctx, Draft{Rule: same})), touchstone.Invalid},
			"long name":         {second(w.segs.Create(ctx, Draft{Name: long, Rule: same})), touchstone.Invalid},
			"bad rule":          {second(w.segs.Create(ctx, Draft{Name: "x", Rule: bad})), touchstone.Invalid},
			"update to no name": {second(w.segs.Update(ctx, g.ID, Patch{Name: &empty})), touchstone.Invalid},
			"update what":       {second(w.segs.Update(ctx, "seg_none", Patch{})), touchstone.NotFound},
			"rule of static":    {second(w.segs.Update(ctx, static.ID, Patch{Rule: &same})), touchstone.Invalid},
			"get what":          {second(w.segs.Get(ctx, access.System(), "seg_none")), touchstone.NotFound},
			"delete what":       {w.segs.Delete(ctx, "seg_none"), touchstone.NotFound},
			"history of what":   {second(w.segs.History(ctx, access.System(), "seg_none", 3)), touchstone.NotFound},
			"members of what":   {second(w.segs.MemberIDs(ctx, "seg_none")), touchstone.NotFound},
			"preview nonsense":  {second(w.segs.Preview(ctx, access.System(), `{"and":[]}`)), touchstone.Invalid},
			"preview unknown":   {second(w.segs.Preview(ctx, access.System(), `{"not":{"segment":"seg_none"}}`)), touchstone.Invalid},
		} {
			if c.err == nil || touchstone.KindOf(c.err) != c.kind {
				t.Errorf("%s: got %v", what, c.err)
			}
		}
		w.settle()
		if got := w.members(static.ID); !slices.Equal(got, []touchstone.PersonID{1, 3}) {
			t.Errorf("static members: %v", got)
		}
		all, err := w.segs.List(ctx, access.System())
		if err != nil || len(all) != 2 || all[0].Name != "Buyers" || all[1].Kind != KindStatic || all[1].Rule != "" || all[1].Members != 2 {
			t.Errorf("list: %+v, %v", all, err)
		}
		if n, err := w.segs.Count(ctx); n != 2 || err != nil {
			t.Errorf("count: %d, %v", n, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestMaxSegments(t *testing.T) {
	w := newWorld(t, openDB(t))
	w.segs.cfg.MaxSegments = 1
	if _, err := w.segs.CreateStatic(ctx, Draft{Name: "a"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.segs.CreateStatic(ctx, Draft{Name: "b"}, nil); touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("got %v", err)
	}
}

// TestPages walks through members and changes page by page.
func TestPages(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		g, err := w.segs.Create(ctx, Draft{Name: "visitors", Rule: `{"event":"Visit","within":"1h"}`})
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		for i := range 25 {
			if i%10 == 0 {
				w.commit(0)
				w.advance(time.Minute)
			}
			w.event(touchstone.PersonID(i+1), 0, "Visit", "")
		}
		w.commit(0)
		var members []Member
		for cursor := ""; ; {
			page, next, err := w.segs.Members(ctx, access.System(), g.ID, 7, cursor)
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, page...)
			if cursor = next; next == "" {
				break
			}
		}
		if len(members) != 25 || members[0].Person != 25 || members[24].Person != 1 ||
			!slices.IsSortedFunc(members, func(a, b Member) int { return b.EnteredAt.Compare(a.EnteredAt) }) {
			t.Errorf("members: %v", members)
		}
		w.advance(58 * time.Minute)
		var changes []Change
		for cursor := ""; ; {
			page, next, err := w.segs.Changes(ctx, access.System(), g.ID, 10, cursor)
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, page...)
			if cursor = next; next == "" {
				break
			}
		}
		if len(changes) != 35 || changes[0].Kind != "left" || changes[34] != (Change{g.ID, 1, "entered", members[24].EnteredAt}) {
			t.Errorf("%d changes: %v", len(changes), changes)
		}
		if all, _, err := w.segs.Changes(ctx, access.System(), "", 100, ""); err != nil || len(all) != 35 {
			t.Errorf("all changes: %d, %v", len(all), err)
		}
		in, err := w.segs.Memberships(ctx, access.System(), 25)
		if err != nil || len(in) != 1 || in[0].ID != g.ID || in[0].Name != "visitors" {
			t.Errorf("memberships: %v, %v", in, err)
		}
		if in, err := w.segs.Memberships(ctx, access.System(), 99); in != nil || err != nil {
			t.Errorf("memberships of a stranger: %v, %v", in, err)
		}
		for _, cursor := range []string{"x", "!", "1.!"} {
			if _, _, err := w.segs.Members(ctx, access.System(), g.ID, 5, cursor); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}

func TestFeedIsBounded(t *testing.T) {
	w := newWorld(t, openDB(t))
	w.segs.stage.keep = 500
	if _, err := w.segs.Create(ctx, Draft{Name: "a", Rule: `{"event":"Visit"}`}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	for i := range 5_000 {
		w.event(touchstone.PersonID(i+1), 0, "Visit", "")
		if i%100 == 99 {
			w.commit(0)
		}
	}
	var n int
	if err := w.db.Reader().QueryRow(ctx, `SELECT count(*) FROM segment_changes`).Scan(&n); err != nil || n < 500 || n > 500+1024 {
		t.Errorf("%d changes are kept, %v", n, err)
	}
}

// TestFailedBuild has history fail: the segment says why, keeps its members by the rule
// before, and so do those that refer to it.
func TestFailedBuild(t *testing.T) {
	w := newWorld(t, openDB(t))
	broken := &brokenHistory{world: w}
	a, err := w.segs.Create(ctx, Draft{Name: "a", Rule: `{"event":"Visit"}`})
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.segs.Create(ctx, Draft{Name: "b", Rule: touchstone.JSON(fmt.Sprintf(`{"not":{"not":{"segment":%q}}}`, a.ID))})
	if err != nil {
		t.Fatal(err)
	}
	w.event(1, 0, "Visit", "")
	w.settle()
	w.event(2, 0, "Order Completed", "")
	w.commit(0)

	w.segs.cfg.History = broken
	orders := touchstone.JSON(`{"event":"Order Completed"}`)
	if _, err := w.segs.Update(ctx, a.ID, Patch{Rule: &orders}); err != nil {
		t.Fatal(err)
	}
	w.commit(0)
	// One that begins on top of what will fail.
	c, err := w.segs.Create(ctx, Draft{Name: "c", Rule: touchstone.JSON(fmt.Sprintf(`{"not":{"segment":%q}}`, b.ID))})
	if err != nil {
		t.Fatal(err)
	}
	w.commit(0)
	run, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.segs.Run(run); err != nil {
			t.Error(err)
		}
	})
	for get(t, w, a.ID).Status == Building {
		if run.Err() != nil {
			t.Fatal("the build neither ends nor fails")
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	running.Wait()
	if g := get(t, w, a.ID); g.Status != Failed || g.Failure != "the warehouse is away" || g.Members != 1 || g.Rule != orders {
		t.Errorf("a: %+v", g)
	}
	w.segs.cfg.History = w
	w.settle()
	w.event(3, 0, "Visit", "")
	w.commit(0)
	for id, want := range map[string][]touchstone.PersonID{a.ID: {1, 3}, b.ID: {1, 3}, c.ID: {2}} {
		if got := w.members(id); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", get(t, w, id).Name, got, want)
		}
	}
	// Saving the same rule again tries again.
	if _, err := w.segs.Update(ctx, a.ID, Patch{Rule: &orders}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	for id, want := range map[string][]touchstone.PersonID{a.ID: {2}, b.ID: {2}, c.ID: {1, 3}} {
		if got := w.members(id); !slices.Equal(got, want) {
			t.Errorf("after the second try %s: got %v, want %v", get(t, w, id).Name, got, want)
		}
	}
}

func get(t *testing.T, w *world, id string) Segment {
	t.Helper()
	g, err := w.segs.Get(ctx, access.System(), id)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// brokenHistory answers once and then no more, in the middle of an answer.
type brokenHistory struct{ *world }

func (h *brokenHistory) LatestTimes(ctx context.Context, q LatestQuery, fn func(touchstone.PersonID, []int64) error) error {
	for p := range touchstone.PersonID(3) { // more than a chunk
		if err := fn(100+p, []int64{1}); err != nil {
			return err
		}
	}
	return touchstone.Wrap(touchstone.Unavailable, errors.New("disk"), "the warehouse is away")
}

// TestRun builds beside a running pipeline, as in production.
func TestRun(t *testing.T) {
	w := newWorld(t, openDB(t))
	wake := make(chan struct{}, 1)
	reg := prometheus.NewPedanticRegistry()
	segs, err := Open(ctx, Config{DB: w.db, Traits: frozen{}, Persons: frozen{}, History: frozen{}, Profiles: frozen{}, Metrics: reg,
		Wake: func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := segs.Run(run); err != nil {
			t.Error(err)
		}
	})
	var visits atomic.Int64 // batches with visits
	running.Go(func() {     // the pipeline
		for offset := uint64(1); ; {
			b := &touchstone.Batch{Now: time.Now()}
			select {
			case <-run.Done():
				return
			case <-wake:
			case <-time.After(time.Millisecond):
				for i := range 50 {
					b.Facts = append(b.Facts, touchstone.Fact{Event: touchstone.Event{Name: "Visit", Time: b.Now}, Seq: touchstone.MakeSeq(0, offset, i), Person: touchstone.PersonID(20_001 + i)})
				}
				offset++
			}
			if err := w.db.Update(ctx, func(tx *store.Tx) error { return segs.Stage().Apply(ctx, tx, b) }); err != nil {
				t.Error(err)
				return
			}
			segs.Stage().Committed(b)
			if len(b.Facts) > 0 {
				visits.Add(1)
			}
		}
	})
	var ids []string
	for i, text := range []touchstone.JSON{`{"event":"Visit"}`, `{"and":[{"event":"Visit","count":{"value":2},"within":"1d"},{"trait":"even","op":"eq","value":true}]}`, `{"trait":"even","op":"eq","value":true}`} {
		g, err := segs.Create(ctx, Draft{Name: fmt.Sprint(i), Rule: text})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, g.ID)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		all, err := segs.List(ctx, access.System())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(all, func(g Segment) bool { return g.Status != Live }) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not live: %+v", all)
		}
		if _, err := segs.Memberships(ctx, access.System(), 5); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	// The history does not know the visits of before; two of everybody must come after it.
	for enough := visits.Load() + 2; visits.Load() < enough; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no visits any more")
		}
	}
	stop()
	running.Wait()
	for i, want := range []int{frozenPersons + 50, frozenPersons/2 + 25, frozenPersons / 2} {
		members, err := segs.MemberIDs(ctx, ids[i])
		if err != nil {
			t.Fatal(err)
		}
		if len(members) != want {
			t.Errorf("segment %d has %d members, want %d", i, len(members), want)
		}
	}
	if n := testutil.ToFloat64(segs.metrics.builds.WithLabelValues("done")); n < 1 {
		t.Errorf("%v builds counted", n)
	}
}

// frozen is a history of frozenPersons people who each have visited twice, a minute ago.
type frozen struct{}

const frozenPersons = 12_000

func (frozen) Prefetch(context.Context, *store.Tx, []touchstone.PersonID) error { return nil }
func (frozen) TraitsOf(p touchstone.PersonID) func(string) (touchstone.JSON, bool) {
	return func(string) (touchstone.JSON, bool) {
		if p%2 == 0 {
			return "true", true
		}
		return "", false
	}
}
func (frozen) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return persons, nil
}
func (frozen) Count(context.Context) (int64, error) { return frozenPersons, nil }
func (f frozen) Each(_ context.Context, fn func(touchstone.PersonID, func(string) (touchstone.JSON, bool)) error) error {
	for p := touchstone.PersonID(1); p <= frozenPersons; p++ {
		if err := fn(p, f.TraitsOf(p)); err != nil {
			return err
		}
	}
	return nil
}
func (frozen) Position(context.Context, int) (touchstone.Seq, error) { return 1 << 62, nil }
func (frozen) Values(context.Context, ValuesQuery, func(person touchstone.PersonID, at, n, value int64) error) error {
	return nil
}
func (frozen) LatestTimes(_ context.Context, q LatestQuery, fn func(touchstone.PersonID, []int64) error) error {
	at := time.Now().Add(-time.Minute).UnixMilli()
	for p := touchstone.PersonID(1); p <= frozenPersons; p++ {
		if err := fn(p, []int64{at, at + 1}[:min(2, max(1, q.Keep))]); err != nil {
			return err
		}
	}
	return nil
}
