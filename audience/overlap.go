package audience

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment"
)

// MostSets is how many audiences an overlap may be of.
const MostSets = 10

// Overlap is how audiences share their persons.
type Overlap struct {
	Facts
	Union         int64                 `json:"union"`
	Sets          []OverlapSet          `json:"sets"`
	Intersections []Intersection        `json:"intersections"` // the largest first, without empty ones
	Sample        []touchstone.PersonID `json:"-"`
}

// OverlapSet is one of the audiences.
type OverlapSet struct {
	Segment *string `json:"segment"` // nil: a rule that is not saved
	Name    string  `json:"name"`
	Members int64   `json:"members"`
}

// Intersection is how many are in exactly these of the sets, and in none of the others.
type Intersection struct {
	In      []int `json:"in"` // places in Sets
	Members int64 `json:"members"`
}

// SampleIn asks for examples of an intersection.
type SampleIn struct {
	In    []int `json:"in"`
	Limit int   `json:"limit"`
}

// Overlap parts some audiences into their exclusive intersections.
func (a *Audience) Overlap(ctx context.Context, v *access.Viewer, list []Who, when When, sample *SampleIn) (Overlap, error) {
	began := time.Now()
	if len(list) < 2 || len(list) > MostSets {
		return Overlap{}, touchstone.Errorf(touchstone.Invalid, "sets: must hold from %d to %d audiences", 2, MostSets)
	}
	var subjects []*subject
	var roots []*part
	for _, w := range list {
		who, err := a.look(ctx, v, w, when, false)
		if err != nil {
			return Overlap{}, err
		}
		subjects, roots = append(subjects, who), append(roots, who.root)
	}
	s, err := a.begin(ctx, v, when)
	if err != nil {
		return Overlap{}, err
	}
	if err := a.find(ctx, s, roots); err != nil {
		return Overlap{}, err
	}
	o := Overlap{Sets: []OverlapSet{}, Intersections: []Intersection{}, Sample: []touchstone.PersonID{}}
	sets := make([]*segment.Bitmap, len(roots))
	for i, who := range subjects {
		sets[i] = who.root.set
		one := OverlapSet{Name: list[i].Name, Members: size(sets[i])}
		if who.segment != nil {
			one.Segment, one.Name = &who.segment.ID, who.segment.Name
		}
		o.Sets = append(o.Sets, one)
	}
	o.Union = size(roaring64.FastOr(sets...))
	for _, one := range exclusive(sets) {
		o.Intersections = append(o.Intersections, Intersection{one.in, size(one.set)})
		if sample != nil && slices.Equal(slices.Sorted(slices.Values(sample.In)), one.in) {
			o.Sample = newest(one.set, SampleOf{Limit: sample.Limit}.limit())
		}
	}
	slices.SortStableFunc(o.Intersections, func(x, y Intersection) int {
		return cmp.Or(cmp.Compare(y.Members, x.Members), cmp.Compare(len(x.In), len(y.In)), slices.Compare(x.In, y.In))
	})
	o.Facts = s.facts(began, subjects...)
	return o, nil
}

// exclusivePart are the persons who are in exactly some of the sets.
type exclusivePart struct {
	in  []int
	set *segment.Bitmap
}

// exclusive parts the union of the sets by one set after the other.
func exclusive(sets []*segment.Bitmap) []exclusivePart {
	parts := []exclusivePart{{set: roaring64.FastOr(sets...)}}
	for i, set := range sets {
		var next []exclusivePart
		for _, p := range parts {
			in := roaring64.And(p.set, set)
			out := roaring64.AndNot(p.set, set)
			if !out.IsEmpty() {
				next = append(next, exclusivePart{p.in, out})
			}
			if !in.IsEmpty() {
				next = append(next, exclusivePart{append(slices.Clone(p.in), i), in})
			}
		}
		parts = next
	}
	return parts
}
