package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

// route is what identity has found out about a batch, for the lanes to work on.
type route struct {
	id          int64
	partition   int
	first, last stream.Offset
	parts       []routePart // by lane
}

// routePart is what of a route is one lane's. Facts are without their events, which the lane
// reads from the log.
type routePart struct {
	facts  []touchstone.Fact
	merges []touchstone.Change // with their cause
	takes  []int               // numbers of the lanes whose persons this one absorbs
	gives  []touchstone.PersonID
}

// newRoute divides a batch that identity has worked on. It reports false for what lanes cannot
// do each for itself: everything but plain events, and merges that an event brought about.
func newRoute(layout []LaneSpec, b *touchstone.Batch) (r *route, ok bool) {
	r = &route{partition: b.Partition, parts: make([]routePart, len(layout))}
	place := make([]struct{ lane, index int }, len(b.Facts))
	for i := range b.Facts {
		f := &b.Facts[i]
		number := int64(f.Person)
		if number == 0 {
			number = int64(f.Node)
		}
		lane := laneOf(layout, number)
		part := &r.parts[lane]
		part.facts = append(part.facts, touchstone.Fact{Seq: f.Seq, Node: f.Node, Person: f.Person, Was: f.Was, Backfill: f.Backfill})
		place[i].lane, place[i].index = lane, len(part.facts)
	}
	into := map[touchstone.PersonID]touchstone.PersonID{}
	if len(b.Timers) > 0 {
		return nil, false
	}
	for i := range b.Changes {
		c := &b.Changes[i]
		if c.Kind != touchstone.PersonsMerged || c.Cause == 0 || c.Behind {
			return nil, false
		}
		into[c.Other] = c.Person
	}
	for i := range b.Changes {
		c := b.Changes[i]
		final := c.Person
		for range into {
			if next, absorbed := into[final]; absorbed {
				final = next
			}
		}
		lane, from, at := laneOf(layout, int64(final)), laneOf(layout, int64(c.Other)), place[c.Cause-1]
		if at.lane != lane {
			return nil, false
		}
		c.Cause = at.index
		r.parts[lane].merges = append(r.parts[lane].merges, c)
		if from != lane {
			r.parts[lane].take(layout[from].Number)
			r.parts[from].gives = append(r.parts[from].gives, c.Other)
		}
	}
	return r, true
}

func (part *routePart) take(lane int) {
	for _, known := range part.takes {
		if known == lane {
			return
		}
	}
	part.takes = append(part.takes, lane)
}

const routeVersion = 1

// append writes a part in binary form: version; takes, gives, merges (other, person, cause) and
// facts (record - first, index<<1 | backfill, node, person, was), each list with its length, in varints.
func (part *routePart) append(dst []byte, first stream.Offset) []byte {
	put := func(n uint64) { dst = binary.AppendUvarint(dst, n) }
	put(routeVersion)
	put(uint64(len(part.takes)))
	for _, lane := range part.takes {
		put(uint64(lane)) //nolint:gosec // from 1
	}
	put(uint64(len(part.gives)))
	for _, p := range part.gives {
		put(uint64(p)) //nolint:gosec // positive
	}
	put(uint64(len(part.merges)))
	for i := range part.merges {
		c := &part.merges[i]
		put(uint64(c.Other))  //nolint:gosec // positive
		put(uint64(c.Person)) //nolint:gosec // positive
		put(uint64(c.Cause))  //nolint:gosec // from 1
	}
	put(uint64(len(part.facts)))
	for i := range part.facts {
		f := &part.facts[i]
		index := uint64(f.Seq.Index()) << 1 //nolint:gosec // 16 bits
		if f.Backfill {
			index |= 1
		}
		put(f.Seq.Offset() - uint64(first))
		put(index)
		put(uint64(f.Node))   //nolint:gosec // positive
		put(uint64(f.Person)) //nolint:gosec // positive
		put(uint64(f.Was))    //nolint:gosec // positive
	}
	return dst
}

var errRoute = errors.New("a route's part is not of its form")

// decodePart reads what append wrote.
func decodePart(partition int, first stream.Offset, body []byte) (part routePart, err error) {
	next := func() uint64 {
		n, size := binary.Uvarint(body)
		if size <= 0 {
			err, body = errRoute, nil
			return 0
		}
		body = body[size:]
		return n
	}
	count := func() int {
		n := next()
		if n > uint64(len(body)) { // each takes a byte at least
			err = errRoute
			return 0
		}
		return int(n) //nolint:gosec // bounded
	}
	if v := next(); err == nil && v > routeVersion {
		return part, fmt.Errorf("a route's part has version %d: %w", v, touchstone.ErrNewer)
	}
	for range count() {
		part.takes = append(part.takes, int(next())) //nolint:gosec // few
	}
	for range count() {
		part.gives = append(part.gives, touchstone.PersonID(next())) //nolint:gosec // positive
	}
	for range count() {
		c := touchstone.Change{Kind: touchstone.PersonsMerged, Other: touchstone.PersonID(next()), Person: touchstone.PersonID(next())} //nolint:gosec // positive
		c.Cause = int(next())                                                                                                           //nolint:gosec // few
		part.merges = append(part.merges, c)
	}
	for range count() {
		record, index := uint64(first)+next(), next()
		f := touchstone.Fact{Seq: touchstone.MakeSeq(partition, record, int(index>>1)), Backfill: index&1 != 0}       //nolint:gosec // 16 bits
		f.Node, f.Person, f.Was = touchstone.NodeID(next()), touchstone.PersonID(next()), touchstone.PersonID(next()) //nolint:gosec // positive
		part.facts = append(part.facts, f)
	}
	for i := range part.merges {
		if c := &part.merges[i]; c.Cause < 1 || c.Cause > len(part.facts) {
			err = errRoute
		}
	}
	return part, err
}

// fill reads the events of a part's facts from the log, as the rules want them, and gives
// merges what they have of their cause.
func (p *Pipeline) fill(ctx context.Context, r *laneWork) (err error) {
	if len(r.facts) == 0 {
		return nil
	}
	var spans []admission.Span
	if p.cfg.Admission != nil {
		if spans, err = p.cfg.Admission.Spans(ctx, p.cfg.DB.Reader(), r.partition, uint64(r.first), uint64(r.last)); err != nil {
			return err
		}
	}
	var rules *admission.Rules
	rest := r.facts
	for from := stream.Offset(rest[0].Seq.Offset()); len(rest) > 0; {
		records, err := p.cfg.Log.Read(ctx, r.partition, from, readRecords, readBytes)
		if err != nil {
			return err
		}
		for _, record := range records {
			if rest, err = fillFrom(record, rest); err != nil {
				return corrupt(r.partition, record.Offset, err)
			}
			from = record.Offset + 1
		}
		if len(rest) > 0 && from > stream.Offset(rest[0].Seq.Offset()) {
			return fmt.Errorf("record %d of partition %d lacks event %d, which was routed", rest[0].Seq.Offset(), r.partition, rest[0].Seq.Index())
		}
		if len(rest) > 0 {
			from = stream.Offset(rest[0].Seq.Offset())
		}
	}
	for i := range r.facts {
		f := &r.facts[i]
		for len(spans) > 0 && spans[0].From <= f.Seq.Offset() {
			rules, spans = spans[0].Rules, spans[1:]
		}
		if rules != nil {
			v := rules.Admit(&f.Event)
			v.Apply(&f.Event)
		}
	}
	for i := range r.merges {
		c := &r.merges[i]
		f := &r.facts[c.Cause-1]
		c.Time, c.Backfill = f.Time, f.Backfill
	}
	return nil
}

// fillFrom decodes the events of the first facts that are in a record, and returns the other facts.
func fillFrom(record stream.Record, facts []touchstone.Fact) ([]touchstone.Fact, error) {
	if len(facts) == 0 || stream.Offset(facts[0].Seq.Offset()) != record.Offset {
		return facts, nil
	}
	frames, err := stream.DecodeRecord(record.Data)
	if err != nil {
		return facts, err
	}
	i := 0
	for frame := range frames.All() {
		if len(facts) == 0 || stream.Offset(facts[0].Seq.Offset()) != record.Offset {
			break
		}
		if facts[0].Seq.Index() == i {
			if err := touchstone.DecodeEvent(frame, &facts[0].Event); err != nil {
				return facts, err
			}
			facts = facts[1:]
		}
		i++
	}
	return facts, nil
}

// save writes a route with the parts of all lanes, and forgets those that all have worked on.
func (r *route) save(ctx context.Context, tx *store.Tx, layout []LaneSpec, positions string, through int64) error {
	if _, err := tx.Exec(ctx, `INSERT INTO pipeline_routes (id, partition_id, first_record, last_record, positions) VALUES (?, ?, ?, ?, ?)`,
		r.id, r.partition, int64(r.first), int64(r.last), positions); err != nil { //nolint:gosec // offsets are positive
		return fmt.Errorf("write a route: %w", err)
	}
	u := store.Upsert{Table: "pipeline_route_parts", Columns: []string{"lane", "route", "body"}}
	err := tx.BulkUpsert(ctx, u, len(r.parts), func(i int, args []any) {
		args[0], args[1], args[2] = layout[i].Number, r.id, r.parts[i].append(nil, r.first)
	})
	if err != nil {
		return fmt.Errorf("write a route: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM pipeline_route_parts WHERE route <= ?`, through); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM pipeline_routes WHERE id < ?`, through)
	return err
}

// oldestOf returns when the oldest of the facts was received.
func oldestOf(facts []touchstone.Fact) (at time.Time) {
	for i := range facts {
		if t := facts[i].ReceivedAt; at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}
