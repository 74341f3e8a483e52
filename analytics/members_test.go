package analytics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// crowd is a segment whose members change.
type crowd struct {
	in      map[touchstone.PersonID]bool
	version int
	log     []map[touchstone.PersonID]bool // what changed with each version
	silent  bool                           // the next change is not in the log
	asked   int                            // for all members
}

func (c *crowd) change(changed map[touchstone.PersonID]bool) {
	for p, is := range changed {
		if delete(c.in, p); is {
			c.in[p] = true
		}
	}
	c.version++
	if c.silent {
		changed = nil
	}
	c.log = append(c.log, changed)
}

func (c *crowd) Members(context.Context, string) ([]touchstone.PersonID, error) {
	c.asked++
	return slices.Collect(maps.Keys(c.in)), nil
}

func (c *crowd) MembersVersion(context.Context, string) (string, int64, error) {
	return strconv.Itoa(c.version), int64(len(c.in)), nil
}

func (c *crowd) MembersSince(_ context.Context, _, version string) (add, remove []touchstone.PersonID, ok bool, err error) {
	from, err := strconv.Atoi(version)
	if err != nil || len(c.log)-from > 5 { // the feed reaches back five changes
		return nil, nil, false, err
	}
	net := map[touchstone.PersonID]bool{}
	for _, changed := range c.log[from:] {
		maps.Copy(net, changed)
	}
	for p, is := range net {
		if is {
			add = append(add, p)
		} else {
			remove = append(remove, p)
		}
	}
	return add, remove, true, nil
}

// plain hides that the members have versions.
type plain struct{ of analytics.Members }

func (p plain) Members(ctx context.Context, id string) ([]touchstone.PersonID, error) {
	return p.of.Members(ctx, id)
}

// The warehouse's copy answers as the members themselves would, whatever changes between two
// questions and whether or not somebody remembers what it was.
func TestCopiesOfSegmentsAnswerAsTheMembers(t *testing.T) {
	w, err := duckdb.Open(t.Context(), t.TempDir()+"/w.duckdb", duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const people = 500
	if err := w.Generate(t.Context(), 10_000, people); err != nil {
		t.Fatal(err)
	}
	c := &crowd{in: map[touchstone.PersonID]bool{}}
	copied, shipped := analytics.New(w, analytics.Options{Segments: c}), analytics.New(w, analytics.Options{Segments: plain{c}})
	query := []byte(`{"kind":"trend","series":[{"event":"view","measure":"persons"},{"event":"*"}],"segment":"seg_1","from":"2015-01-01T00:00:00Z","to":"2030-01-01T00:00:00Z","interval":"month"}`)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		c.silent = round%17 == 16
		for range r.IntN(8) {
			changed := map[touchstone.PersonID]bool{}
			for range r.IntN(40) {
				changed[touchstone.PersonID(1+r.IntN(people))] = r.IntN(3) > 0
			}
			c.change(changed)
		}
		var answers [2]string
		for i, e := range []*analytics.Engine{copied, shipped} {
			a, err := e.Run(t.Context(), access.System(), query)
			if err != nil {
				t.Fatal(err)
			}
			answers[i] = fmt.Sprint(a.Rows)
		}
		if d := cmp.Diff(answers[1], answers[0]); d != "" {
			t.Fatalf("round %d: %s", round, d)
		}
	}
	if all := c.asked - 60; all < 1 || all > 40 { // 60 for the one that ships them
		t.Errorf("all members were read %d times for the copy", all)
	}
}

// away stands for a warehouse of another process that offers nothing beside the port.
type away struct{ *duckdb.Warehouse }

func (away) SetVersion(context.Context, string) (string, error) { return "", errors.ErrUnsupported }

func (away) Funnel(context.Context, warehouse.Funnel) ([][]warehouse.FunnelStep, error) {
	return nil, errors.ErrUnsupported
}

func (away) FunnelPeople(context.Context, warehouse.Funnel, warehouse.FunnelLevel, int) ([]touchstone.PersonID, error) {
	return nil, errors.ErrUnsupported
}

// What a warehouse does not offer is done without it: the answers are the same.
func TestAnswersWithoutOffers(t *testing.T) {
	w, err := duckdb.Open(t.Context(), t.TempDir()+"/w.duckdb", duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Generate(t.Context(), 10_000, 500); err != nil {
		t.Fatal(err)
	}
	c := &crowd{in: map[touchstone.PersonID]bool{}}
	for p := range touchstone.PersonID(300) {
		c.in[p] = true
	}
	query := []byte(`{"kind":"funnel","steps":[{"event":"view"},{"event":"addtocart"}],"window":"30d","segment":"seg_1","breakdown":[{"dimension":"platform"}],"from":"2015-01-01T00:00:00Z","to":"2030-01-01T00:00:00Z"}`)
	offers, without := analytics.New(w, analytics.Options{Segments: c}), analytics.New(away{w}, analytics.Options{Segments: c})
	a, err := offers.Run(t.Context(), access.System(), query)
	if err != nil {
		t.Fatal(err)
	}
	b, err := without.Run(t.Context(), access.System(), query)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a.Rows, b.Rows); d != "" || len(a.Rows) < 4 {
		t.Errorf("%d rows, %s", len(a.Rows), d)
	}
	sel, err := json.Marshal(map[string]any{"step": 1, "breakdown": a.Rows[0][2:3]})
	if err != nil {
		t.Fatal(err)
	}
	people, err := offers.People(t.Context(), access.System(), query, sel)
	if err != nil {
		t.Fatal(err)
	}
	same, err := without.People(t.Context(), access.System(), query, sel)
	if err != nil || len(people) == 0 || !slices.Equal(people, same) {
		t.Errorf("%d people, and %d without what is offered: %v", len(people), len(same), err)
	}
}

// BenchmarkSegmentFilter asks a question about a segment of a million: as a parameter, as a
// copy that is up to date, and as one to which a hundred people came since.
func BenchmarkSegmentFilter(b *testing.B) {
	people, err := strconv.Atoi(os.Getenv("TOUCHSTONE_BENCH_MEMBERS"))
	if err != nil {
		people = 1_000_000
	}
	w, err := duckdb.Open(b.Context(), b.TempDir()+"/w.duckdb", duckdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if err := w.Generate(b.Context(), 2*int64(people), 2*int64(people)); err != nil {
		b.Fatal(err)
	}
	c := &crowd{in: map[touchstone.PersonID]bool{}}
	all := map[touchstone.PersonID]bool{}
	for i := range people {
		all[touchstone.PersonID(2*i+1)] = true
	}
	c.change(all)
	query := []byte(`{"kind":"trend","series":[{"event":"view"}],"segment":"seg_1","from":"2015-01-01T00:00:00Z","to":"2030-01-01T00:00:00Z","interval":"month"}`)
	ask := func(b *testing.B, e *analytics.Engine, before func()) {
		b.Helper()
		for b.Loop() {
			before()
			if _, err := e.Run(b.Context(), access.System(), query); err != nil {
				b.Fatal(err)
			}
		}
	}
	limits := analytics.Options{Segments: c, Timeout: time.Minute}
	e := analytics.New(w, limits)
	b.Run("first", func(b *testing.B) {
		ask(b, e, func() { c.version++; c.log = make([]map[touchstone.PersonID]bool, c.version+10) })
	})
	b.Run("copy", func(b *testing.B) { ask(b, e, func() {}) })
	b.Run("changed", func(b *testing.B) {
		c.log = c.log[:c.version]
		ask(b, e, func() {
			changed := map[touchstone.PersonID]bool{}
			for i := range 100 {
				changed[touchstone.PersonID(2*people+2*i+c.version)] = true
			}
			c.change(changed)
		})
	})
	limits.Segments = plain{c}
	shipped := analytics.New(w, limits)
	b.Run("shipped", func(b *testing.B) { ask(b, shipped, func() {}) })
}
