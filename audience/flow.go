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

// Trend is how large a segment was over time.
type Trend struct {
	Interval     string    `json:"interval"`
	CompleteFrom time.Time `json:"complete_from"` // by hour nothing is known of before: the segment was not there, or the feed has forgotten it
	Points       []Point   `json:"points"`        // oldest first
}

// Point is one hour or day.
type Point struct {
	From    time.Time `json:"from"`
	Members int64     `json:"members"` // at its end, or now
	Entered int64     `json:"entered"` // times
	Left    int64     `json:"left"`
}

// The bounds of a trend, by its interval.
const (
	hourly     = "hour"
	daily      = "day"
	mostPoints = 400
)

// Trend tells how a segment's size went, by hour or by day. By day it is what was written down each day; by hour, and for a viewer who sees some
// persons only, it is counted back from today by the feed of changes, so of those who are known today.
func (a *Audience) Trend(ctx context.Context, v *access.Viewer, id, interval string, points int) (Trend, error) {
	if interval != hourly && interval != daily {
		return Trend{}, touchstone.Errorf(touchstone.Invalid, "interval: %q is none of hour, day", interval)
	}
	if points < 1 || points > mostPoints {
		return Trend{}, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", "points", 1, mostPoints)
	}
	one, err := a.cfg.Segments.Get(ctx, v, id)
	if err != nil {
		return Trend{}, err
	}
	t := Trend{Interval: interval, CompleteFrom: begun(&one), Points: []Point{}}
	if interval == daily && !v.Limited() {
		days, err := a.cfg.Segments.History(ctx, v, id, points)
		for _, d := range days {
			from, bad := time.ParseInLocation(time.DateOnly, d.Date, a.cfg.Zone())
			if bad != nil {
				return t, bad
			}
			t.Points = append(t.Points, Point{from.UTC(), d.Members, d.Entered, d.Left})
		}
		return t, err
	}
	return t, a.countBack(ctx, v, id, &t, points)
}

// begun is from when on a segment's changes tell of its members: who came by a new or changed rule came without a line in the feed.
func begun(one *segment.Segment) time.Time {
	if one.Version > 1 {
		return one.UpdatedAt
	}
	return one.CreatedAt
}

// countBack fills a trend from the feed.
func (a *Audience) countBack(ctx context.Context, v *access.Viewer, id string, t *Trend, points int) error {
	s, err := a.begin(ctx, v, When{})
	if err != nil {
		return err
	}
	from := a.lastOf(t.Interval)
	for range points {
		t.Points = append(t.Points, Point{From: from.UTC()})
		from = a.before(t.Interval, from)
	}
	slices.Reverse(t.Points)
	sets, err := a.cfg.Segments.Bitmaps(ctx, id)
	if err != nil {
		return err
	}
	reaches, err := a.cfg.Segments.EachChange(ctx, id, t.Points[0].From, func(person touchstone.PersonID, entered bool, at time.Time) {
		if s.sees != nil && !s.sees.Contains(uint64(person)) { //nolint:gosec // above 0
			return
		}
		i, exact := slices.BinarySearchFunc(t.Points, at, func(p Point, at time.Time) int { return p.From.Compare(at) })
		if !exact {
			i--
		}
		if i = max(i, 0); entered {
			t.Points[i].Entered++
		} else {
			t.Points[i].Left++
		}
	})
	if reaches.After(t.CompleteFrom) {
		t.CompleteFrom = reaches
	}
	members := size(s.cut(sets[0]))
	for i := len(t.Points) - 1; i >= 0; i-- {
		p := &t.Points[i]
		p.Members = max(members, 0)
		members -= p.Entered - p.Left
	}
	for len(t.Points) > 1 && !t.Points[1].From.After(t.CompleteFrom) { // what was before is not known
		t.Points = t.Points[1:]
	}
	return err
}

// lastOf is when the hour or day began that it is now.
func (a *Audience) lastOf(interval string) time.Time {
	now := a.cfg.Clock.Now().In(a.cfg.Zone())
	if interval == hourly {
		return now.Truncate(time.Hour)
	}
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
}

func (a *Audience) before(interval string, from time.Time) time.Time {
	if interval == hourly {
		return from.Add(-time.Hour)
	}
	return from.AddDate(0, 0, -1)
}

// Flow is who came and went in the latest hours.
type Flow struct {
	From      time.Time   `json:"from"`
	To        time.Time   `json:"to"`
	Complete  bool        `json:"complete"` // the segment was there, with this rule, and the feed of changes reaches back so far
	Entered   int64       `json:"entered"`  // persons
	Left      int64       `json:"left"`
	StayedOut int64       `json:"stayed_out"` // of those who left
	CameBack  int64       `json:"came_back"`
	FromOther []Neighbour `json:"from_segments"` // where those who entered, and are in, are besides
	ToOther   []Neighbour `json:"to_segments"`   // where those who left, and are out, are
	Reasons   *Reasons    `json:"reasons"`       // nil: not asked for, or a fixed list
}

// Reasons are the parts of a segment's rule that brought people in or took them out: what holds now and did not hold at the beginning, of
// those who came and are in; what held then and does not now, of those who left and are out. Somebody may have several. Traits and households are those of today
// at both moments, so a change of these explains nothing.
type Reasons struct {
	Parts       []Reason `json:"parts"` // of the rule's outermost group, in their order
	Unexplained Reason   `json:"unexplained"`
	Assumptions []string `json:"assumptions"`
}

// Reason is how many came and left because of a part.
type Reason struct {
	Path    string `json:"path"`
	Entered int64  `json:"entered"`
	Left    int64  `json:"left"`
}

// Neighbour is another segment that shares persons with a flow.
type Neighbour struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Members int64  `json:"members"` // of the flow
}

const (
	mostHours      = 24 * 90
	mostNeighbours = 10
	atATime        = 50 // segments whose members are held at once
)

// Flow tells who came to a segment and left it within the latest hours, and if asked by what; that looks through history.
func (a *Audience) Flow(ctx context.Context, v *access.Viewer, id string, hours int, why bool) (Flow, error) {
	if hours < 1 || hours > mostHours {
		return Flow{}, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", "hours", 1, mostHours)
	}
	one, err := a.cfg.Segments.Get(ctx, v, id)
	if err != nil {
		return Flow{}, err
	}
	s, err := a.begin(ctx, v, When{})
	if err != nil {
		return Flow{}, err
	}
	now := a.cfg.Clock.Now().UTC()
	f := Flow{From: now.Add(-time.Duration(hours) * time.Hour), To: now}
	came, went := roaring64.New(), roaring64.New()
	reaches, err := a.cfg.Segments.EachChange(ctx, id, f.From, func(person touchstone.PersonID, entered bool, _ time.Time) {
		if entered {
			came.Add(uint64(person)) //nolint:gosec // above 0
		} else {
			went.Add(uint64(person)) //nolint:gosec // above 0
		}
	})
	if err != nil {
		return Flow{}, err
	}
	f.Complete = !reaches.After(f.From) && !begun(&one).After(f.From)
	sets, err := a.cfg.Segments.Bitmaps(ctx, id)
	if err != nil {
		return Flow{}, err
	}
	in := sets[0]
	came, went = s.cut(came), s.cut(went)
	out := roaring64.AndNot(went, in)
	f.Entered, f.Left, f.StayedOut = size(came), size(went), size(out)
	f.CameBack = f.Left - f.StayedOut
	came.And(in)
	if f.FromOther, f.ToOther, err = a.neighbours(ctx, v, id, came, out); err == nil && why && one.Kind == segment.KindRule {
		f.Reasons, err = a.reasons(ctx, v, id, f.From, came, out)
	}
	return f, err
}

// reasons compares the parts of a segment's rule at a moment and now.
func (a *Audience) reasons(ctx context.Context, v *access.Viewer, id string, since time.Time, came, out *segment.Bitmap) (*Reasons, error) {
	who, _, err := a.found(ctx, v, Who{Segment: id}, When{}, true)
	if err != nil {
		return nil, err
	}
	earlier, err := a.look(ctx, v, Who{Segment: id}, When{}, true)
	if err != nil {
		return nil, err
	}
	since = since.Truncate(conditionAge) // questions that follow each other find it known
	s, err := a.begin(ctx, v, When{At: &since})
	if err != nil {
		return nil, err
	}
	s.early = true
	if err := a.find(ctx, s, []*part{earlier.root}); err != nil {
		return nil, err
	}
	r := &Reasons{Parts: []Reason{}, Assumptions: s.facts(since, who).Assumptions}
	unexplained := [2]*segment.Bitmap{came, out}
	now, then := who.root.outermost(), earlier.root.outermost()
	for i := range min(len(now), len(then)) { // the rule may be changed in between
		entered := roaring64.And(came, roaring64.AndNot(now[i].set, then[i].set))
		left := roaring64.And(out, roaring64.AndNot(then[i].set, now[i].set))
		unexplained[0], unexplained[1] = roaring64.AndNot(unexplained[0], entered), roaring64.AndNot(unexplained[1], left)
		r.Parts = append(r.Parts, Reason{now[i].path, size(entered), size(left)})
	}
	r.Unexplained = Reason{"", size(unexplained[0]), size(unexplained[1])}
	return r, nil
}

// outermost are the parts of a rule's outermost group, or the rule itself.
func (p *part) outermost() []*part {
	if p.group == all || p.group == anyOf {
		return p.of
	}
	return []*part{p}
}

// neighbours finds the segments that share most persons with two sets.
func (a *Audience) neighbours(ctx context.Context, v *access.Viewer, id string, came, went *segment.Bitmap) (from, to []Neighbour, err error) {
	from, to = []Neighbour{}, []Neighbour{}
	if came.IsEmpty() && went.IsEmpty() {
		return from, to, nil
	}
	list, err := a.cfg.Segments.List(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	list = slices.DeleteFunc(list, func(one segment.Segment) bool { return one.ID == id })
	for chunk := range slices.Chunk(list, atATime) {
		ids := make([]string, len(chunk))
		for i := range chunk {
			ids[i] = chunk[i].ID
		}
		sets, err := a.cfg.Segments.Bitmaps(ctx, ids...)
		if touchstone.KindOf(err) == touchstone.NotFound { // one was deleted meanwhile
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for i, set := range sets {
			if n := set.AndCardinality(came); n > 0 {
				from = append(from, Neighbour{chunk[i].ID, chunk[i].Name, int64(n)}) //nolint:gosec // far fewer
			}
			if n := set.AndCardinality(went); n > 0 {
				to = append(to, Neighbour{chunk[i].ID, chunk[i].Name, int64(n)}) //nolint:gosec // far fewer
			}
		}
	}
	return mostOf(from), mostOf(to), nil
}

func mostOf(list []Neighbour) []Neighbour {
	slices.SortStableFunc(list, func(a, b Neighbour) int { return cmp.Compare(b.Members, a.Members) })
	return list[:min(len(list), mostNeighbours)]
}
