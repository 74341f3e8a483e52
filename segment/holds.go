package segment

import (
	"context"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Holds finds out from history for whom each condition of a rule holds, itself and not as a part of the rule: what
// members of households are asked is not among the answers, which are in the order of [rule.Rule.Conditions]
// without those. At the zero time it is now; a past moment is answered as [Segments.Then] says.
func (s *Segments) Holds(ctx context.Context, r *rule.Rule, at time.Time) ([]*Bitmap, error) {
	if err := s.checkKnown(ctx, r); err != nil {
		return nil, err
	}
	e := Evaluator{History: s.cfg.History, Profiles: s.cfg.Profiles, Members: s.MemberIDs, Since: s.membersSince, Households: s.cfg.Households}
	now := s.cfg.Clock.Now()
	if !at.IsZero() {
		now = at
		e.History, e.Since = until{s.cfg.History, at.UnixMilli() + 1}, nil
		e.Members = func(ctx context.Context, id string) ([]touchstone.PersonID, error) {
			then, err := s.Then(ctx, id, at)
			return personsOf(then), err
		}
	}
	own := slices.DeleteFunc(slices.Clone(r.Conditions()), func(c rule.Condition) bool { return c.Member })
	lists := make([][]uint64, len(own))
	ms := now.UnixMilli()
	err := e.each(ctx, r, ms, own, func(person touchstone.PersonID, subject rule.Subject) {
		for i, c := range own {
			if r.EvalCondition(c, subject, ms) {
				lists[i] = append(lists[i], uint64(person)) //nolint:gosec // above 0
			}
		}
	})
	if err != nil {
		return nil, err
	}
	holds := make([]*Bitmap, len(own))
	for i, list := range lists {
		slices.Sort(list)
		holds[i] = roaring64.New()
		holds[i].AddMany(list)
		holds[i].RunOptimize()
		lists[i] = nil
	}
	return holds, nil
}

// Then returns who would have been in a segment at a past moment by the rule that it has today: by the events that had
// happened, and by the traits, households and identities of today, for what those were is not kept. A fixed list has who is on it today. Whom nobody knew of then
// may be among them: a rule may ask for what somebody has not done. Who asks leaves them out.
func (s *Segments) Then(ctx context.Context, id string, at time.Time) (*Bitmap, error) {
	found, err := s.list(ctx, s.db.Reader(), selectSegments+` AND s.id = ?`, id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, notFound(id)
	}
	if found[0].Kind == KindStatic {
		list, err := s.Bitmaps(ctx, id)
		if err != nil {
			return nil, err
		}
		return list[0], nil
	}
	r, err := rule.Parse(found[0].Rule)
	if err != nil {
		return nil, err
	}
	e := Evaluator{History: until{s.cfg.History, at.UnixMilli() + 1}, Profiles: s.cfg.Profiles, Households: s.cfg.Households,
		Members: func(ctx context.Context, id string) ([]touchstone.PersonID, error) { // rules refer to each other without circles
			then, err := s.Then(ctx, id, at)
			return personsOf(then), err
		}}
	members, err := e.Evaluate(ctx, r, at)
	if err != nil {
		return nil, err
	}
	return BitmapOf(members), nil
}

// BitmapOf is the set of some persons.
func BitmapOf(persons []touchstone.PersonID) *Bitmap {
	numbers := make([]uint64, len(persons))
	for i, p := range persons {
		numbers[i] = uint64(p) //nolint:gosec // above 0
	}
	set := roaring64.New()
	set.AddMany(numbers)
	return set
}

func personsOf(set *Bitmap) []touchstone.PersonID {
	if set == nil {
		return nil
	}
	persons := make([]touchstone.PersonID, 0, set.GetCardinality())
	for it := set.Iterator(); it.HasNext(); {
		persons = append(persons, touchstone.PersonID(it.Next())) //nolint:gosec // it was one
	}
	return persons
}

// until is history as it was before a moment. It names each method, so that a new one is bounded, too.
type until struct {
	history History
	before  int64
}

func (h until) Position(ctx context.Context, partition int) (touchstone.Seq, error) {
	return h.history.Position(ctx, partition)
}

func (h until) LatestTimes(ctx context.Context, q LatestQuery, fn func(person touchstone.PersonID, times []int64) error) error {
	return h.history.LatestTimes(ctx, h.bound(q), fn)
}

func (h until) Values(ctx context.Context, q ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	q.LatestQuery = h.bound(q.LatestQuery)
	return h.history.Values(ctx, q, fn)
}

// Kept is a Folder's, whether or not the history is one.
func (h until) Kept(ctx context.Context, q KeptQuery, _ int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	if q.Until == 0 || q.Until > h.before {
		q.Until = h.before
	}
	return past(ctx, h.history, q, fn)
}

func (h until) bound(q LatestQuery) LatestQuery {
	if q.Until == 0 || q.Until > h.before {
		q.Until = h.before
	}
	return q
}
