package segment

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// CheckRule sees that the segments exist that a rule refers to.
func (s *Segments) CheckRule(ctx context.Context, r *rule.Rule) error { return s.checkKnown(ctx, r) }

// EachChange calls fn for the entries and exits of a segment since a moment, as they are in the feed, oldest first. Reaches is from when on the feed has
// all: zero if it has every change there ever was. It is of everybody: the caller leaves out whom the viewer may not see.
func (s *Segments) EachChange(ctx context.Context, id string, since time.Time, fn func(person touchstone.PersonID, entered bool, at time.Time)) (reaches time.Time, err error) {
	if _, err := s.liveGeneration(ctx, id); err != nil {
		return time.Time{}, err
	}
	var first, at int64
	err = keep.Each(ctx, s.db.Reader(), `SELECT id, at FROM segment_changes ORDER BY id LIMIT 1`, nil, func(scan func(...any) error) error {
		return scan(&first, &at)
	})
	if err != nil {
		return time.Time{}, err
	}
	if first > 1 {
		reaches = time.UnixMilli(at).UTC()
	}
	return reaches, keep.Each(ctx, s.db.Reader(), `SELECT person, entered, at FROM segment_changes WHERE segment = ? AND at >= ? ORDER BY id`, []any{id, since.UnixMilli()}, func(scan func(...any) error) error {
		var person touchstone.PersonID
		var entered, at int64
		if err := scan(&person, &entered, &at); err != nil {
			return err
		}
		fn(person, entered != 0, time.UnixMilli(at).UTC())
		return nil
	})
}
