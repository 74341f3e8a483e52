package audience

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// crowd is a million people and random sets of them: the worst case for bitmaps, as nothing of it is alike.
type crowd struct {
	world
	all  *segment.Bitmap
	sets map[string]*segment.Bitmap // by segment and by canonical text
	rng  *rand.Rand
}

const crowdSize = 1_000_000

func newCrowd() *crowd {
	c := &crowd{all: roaring64.New(), sets: map[string]*segment.Bitmap{}, rng: rand.New(rand.NewPCG(1, 1))}
	c.now = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	c.all.AddRange(1, crowdSize+1)
	return c
}

func (c *crowd) set(key string) *segment.Bitmap {
	set := c.sets[key]
	if set == nil {
		set = roaring64.New()
		share := 0.01 + 0.9*c.rng.Float64()
		for p := range uint64(crowdSize) {
			if c.rng.Float64() < share {
				set.Add(p + 1)
			}
		}
		c.sets[key] = set
	}
	return set
}

func (c *crowd) Bitmaps(_ context.Context, ids ...string) (sets []*segment.Bitmap, err error) {
	for _, id := range ids {
		sets = append(sets, c.set(id))
	}
	return sets, nil
}

func (c *crowd) Get(_ context.Context, _ *access.Viewer, id string) (segment.Segment, error) {
	return segment.Segment{ID: id, Kind: segment.KindStatic}, nil
}

func (c *crowd) Holds(_ context.Context, r *rule.Rule, _ time.Time) (sets []*segment.Bitmap, err error) {
	for _, one := range r.Conditions() {
		sets = append(sets, c.set(string((&rule.Rule{Root: one.Node}).JSON())))
	}
	return sets, nil
}

func (c *crowd) EachPerson(_ context.Context, _ time.Time, fn func(touchstone.PersonID)) error {
	for p := range touchstone.PersonID(crowdSize) {
		fn(p + 1)
	}
	return nil
}

func (c *crowd) open(b *testing.B) *Audience {
	a, err := Open(ctx, Config{DB: openDB(b), Segments: c, Profiles: c, Clock: touchstone.ClockFunc(func() time.Time { return c.now })})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkCount counts a rule of twenty conditions in nested groups over a million people, warm: with all its parts, the waterfall and a sample.
func BenchmarkCount(b *testing.B) {
	c := newCrowd()
	a := c.open(b)
	var groups []string
	for i := range 5 {
		groups = append(groups, fmt.Sprintf(`{"or":[{"segment":"seg_%d"},{"trait":"t%d","op":"exists"},{"not":{"and":[{"event":"E%d","count":{"op":"gte","value":2},"within":"30d"},{"trait":"u%d","op":"eq","value":1}]}}]}`, i, i, i, i))
	}
	text := touchstone.JSON(`{"and":[` + strings.Join(groups, ",") + `]}`)
	var got Count
	ask := func() {
		var err error
		if got, err = a.Count(ctx, access.System(), Who{Rule: text}, When{}, SampleOf{}); err != nil {
			b.Fatal(err)
		}
	}
	ask()
	if len(got.Conditions) != 20 {
		b.Fatalf("%d conditions", len(got.Conditions))
	}
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
	b.ReportMetric(float64(got.Members), "members")
}

// BenchmarkOverlap parts ten sets of a million people into their exclusive intersections.
func BenchmarkOverlap(b *testing.B) {
	c := newCrowd()
	a := c.open(b)
	var list []Who
	for i := range MostSets {
		list = append(list, Who{Segment: fmt.Sprint("seg_", i)})
	}
	ask := func() {
		if _, err := a.Overlap(ctx, access.System(), list, When{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	ask()
	for b.Loop() {
		ask()
	}
}
