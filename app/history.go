package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/stream"
)

// segmentHistory answers what segments ask of the past: [segment.History].
type segmentHistory struct{ app *App }

// Position returns the last place of the log that the warehouse holds.
func (h segmentHistory) Position(_ context.Context, partition int) (touchstone.Seq, error) {
	return touchstone.MakeSeq(partition, uint64(h.app.sink.Through(partition)), touchstone.MaxEventsPerRecord-1), nil
}

// Mark names the newest override of a node's person: [segment.Marker].
func (h segmentHistory) Mark(ctx context.Context) (string, error) {
	version, err := h.app.graph.OverrideVersion(ctx)
	return strconv.FormatInt(version, 10), err
}

// Reached tells whether the warehouse has the override that mark names.
func (h segmentHistory) Reached(_ context.Context, mark string) (bool, error) {
	version, err := strconv.ParseInt(mark, 10, 64)
	if err != nil {
		return false, touchstone.Errorf(touchstone.Internal, "%q is not a mark", mark)
	}
	return h.app.sink.OverrideVersion() >= version, nil
}

// LatestTimes asks the warehouse.
func (h segmentHistory) LatestTimes(ctx context.Context, q segment.LatestQuery, fn func(person touchstone.PersonID, times []int64) error) error {
	if h.app.queries == nil {
		return errNoWarehouse()
	}
	return h.app.queries.LatestTimes(ctx, analytics.LatestQuery(q), fn)
}

// Values asks the warehouse.
func (h segmentHistory) Values(ctx context.Context, q segment.ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	if h.app.queries == nil {
		return errNoWarehouse()
	}
	return h.app.queries.EventValues(ctx, analytics.EventValuesQuery{LatestQuery: analytics.LatestQuery(q.LatestQuery), Property: q.Property, Amounts: q.Amounts, Timeless: q.Timeless}, fn)
}

// Kept asks the warehouse: [segment.Folder].
func (h segmentHistory) Kept(ctx context.Context, q segment.KeptQuery, workers int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	if h.app.queries == nil {
		return errNoWarehouse()
	}
	return h.app.queries.Kept(ctx, analytics.KeptQuery(q), workers, fn)
}

var (
	_ segment.Marker = segmentHistory{}
	_ segment.Folder = segmentHistory{}
)

// segmentMembers tells analytics who is in a segment: [analytics.Members].
type segmentMembers struct{ segments *segment.Segments }

// MembersVersion and MembersSince let the warehouse keep a copy: [analytics.VersionedMembers].
func (m segmentMembers) MembersVersion(ctx context.Context, id string) (string, int64, error) {
	return m.segments.MembersVersion(ctx, id)
}

// MembersSince returns who came and who left.
func (m segmentMembers) MembersSince(ctx context.Context, id, version string) (add, remove []touchstone.PersonID, ok bool, err error) {
	return m.segments.MembersSince(ctx, id, version)
}

var _ analytics.VersionedMembers = segmentMembers{}

// Members returns the persons in a segment.
func (m segmentMembers) Members(ctx context.Context, id string) ([]touchstone.PersonID, error) {
	return m.segments.MemberIDs(ctx, id)
}

// profileHistory lets a split rebuild profiles from what happened: [profile.History].
type profileHistory struct{ app *App }

// Mark names the records that the pipeline has committed, one number a partition.
func (h profileHistory) Mark() string {
	var marks []string
	for i := range h.app.log.Partitions() {
		marks = append(marks, strconv.FormatUint(uint64(h.app.pipeline.Through(i)), 10))
	}
	return strings.Join(marks, ",")
}

// Events calls fn with a person's events up to mark, once the warehouse holds them all.
func (h profileHistory) Events(ctx context.Context, person touchstone.PersonID, mark string, fn func(f *touchstone.Fact) error) (bool, error) {
	var until []uint64 // last record, by partition
	for i, text := range strings.Split(mark, ",") {
		through, err := strconv.ParseUint(text, 10, 64)
		if err != nil || i >= h.app.log.Partitions() {
			return false, touchstone.Errorf(touchstone.Internal, "%q is not a mark", mark)
		}
		if h.app.sink.Through(i) < stream.Offset(through) {
			return false, nil
		}
		until = append(until, through)
	}
	if h.app.queries == nil {
		return false, errNoWarehouse()
	}
	nodes, err := h.app.graph.Nodes(ctx, person)
	if err != nil {
		return false, err
	}
	q := analytics.TimelineQuery{Person: person, Limit: 500, Oldest: true}
	for _, n := range nodes {
		q.Nodes = append(q.Nodes, n.ID)
	}
	// Traits go by the time of what set them, so corrections may come first.
	corrections, err := h.app.profiles.Corrections(ctx, q.Nodes)
	if err != nil {
		return false, err
	}
	for i := range corrections {
		if at := corrections[i].Seq; at.Offset() <= until[at.Partition()] {
			if err := fn(&corrections[i]); err != nil {
				return false, err
			}
		}
	}
	for {
		page, next, err := h.app.queries.Timeline(ctx, access.System(), q)
		if err != nil {
			return false, err
		}
		for i := range page {
			if at := page[i].Seq; at.Offset() > until[at.Partition()] {
				continue
			}
			f, err := factOf(&page[i], person)
			if err != nil {
				return false, err
			}
			if err := fn(f); err != nil {
				return false, err
			}
		}
		if q.Cursor = next; next == "" {
			return true, nil
		}
	}
}

// factOf turns a row of the warehouse back into the fact that it was written from.
func factOf(e *analytics.TimelineEvent, person touchstone.PersonID) (*touchstone.Fact, error) {
	f := &touchstone.Fact{Person: person, Seq: e.Seq}
	f.Type, _ = touchstone.ParseEventType(e.Type)
	f.MessageID, f.Name, f.Source, f.Context = e.MessageID, e.Event, e.Source, e.Context
	if f.Type == touchstone.Identify || f.Type == touchstone.Group {
		f.Traits = e.Properties
	} else {
		f.Properties = e.Properties
	}
	var err error
	if f.Time, err = time.Parse(time.RFC3339Nano, e.Time); err != nil {
		return nil, err
	}
	f.ReceivedAt, err = time.Parse(time.RFC3339Nano, e.ReceivedAt)
	return f, err
}

// personIdentifiers lets profiles be found by identifier: [profile.Identifiers].
type personIdentifiers struct {
	graph *identity.Graph
	kinds *touchstone.KindSet
}

// IdentifiersOf returns the identifiers of persons, strongest first.
func (p personIdentifiers) IdentifiersOf(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error) {
	nodes, err := p.graph.NodesOfPersons(ctx, persons)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID][]touchstone.Identifier, len(nodes))
	for person, list := range nodes {
		ids := make([]touchstone.Identifier, len(list))
		for i, n := range list {
			ids[i] = n.Identifier()
		}
		p.kinds.Sort(ids)
		out[person] = ids
	}
	return out, nil
}

// FindIdentifiers returns identifiers that begin with prefix and the person of each.
func (p personIdentifiers) FindIdentifiers(ctx context.Context, prefix string, after touchstone.Identifier, limit int) ([]touchstone.Identifier, []touchstone.PersonID, error) {
	matches, err := p.graph.Search(ctx, prefix, after, limit)
	if err != nil {
		return nil, nil, err
	}
	ids, persons := make([]touchstone.Identifier, len(matches)), make([]touchstone.PersonID, len(matches))
	for i, m := range matches {
		ids[i], persons[i] = m.Identifier, m.Person
	}
	return ids, persons, nil
}
