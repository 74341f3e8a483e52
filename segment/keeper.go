package segment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper is the segments as a keeper. A merge joins the times and inherits memberships from
// the earlier moment; after a split everything that asks about events is built anew. Who was
// put on a fixed list stays on it as the person that had the number then.
type keeper struct {
	keep.ByStage
	s *Segments
}

// Keeper returns the segments as a keeper of rows about persons.
func (s *Segments) Keeper() keep.Keeper { return keeper{s: s} }

func (keeper) Name() string { return "segment" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "segment_states", Persons: []string{"person"}, Texts: []string{"state"}},
		{Name: "segment_members", Persons: []string{"person"}},
		{Name: "segment_static", Nodes: []string{"person"}},
		{Name: "segment_changes", Nodes: []string{"person"}},
		{Name: "segment_moved", Nodes: []string{"person"}}, // taken by the next batch
	}
}

// exportedTimes are the latest events of a person that some rule counts.
type exportedTimes struct {
	Event string          `json:"event"`
	Where touchstone.JSON `json:"where"`
	Times []time.Time     `json:"times"`
}

// exportedChange is a line of the feed.
type exportedChange struct {
	Segment string    `json:"segment"`
	Entered bool      `json:"entered"`
	At      time.Time `json:"at"`
}

// exportedMembership is a segment that the person is in; one whose build is under way has
// members, too, and does not answer yet.
type exportedMembership struct {
	Segment   string    `json:"segment"`
	Name      string    `json:"name"`
	EnteredAt time.Time `json:"entered_at"`
	Answers   bool      `json:"answers"`
}

// Export hands over memberships, the events that rules count, and the lines of the feed.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	var stored []byte
	err := q.QueryRow(ctx, `SELECT state FROM segment_states WHERE person = ?`, int64(who.Person)).Scan(&stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err == nil {
		if err := exportState(ctx, q, who.Person, stored, put); err != nil {
			return err
		}
	}
	var changes []exportedChange
	err = store.SelectIn(ctx, q, `SELECT segment, entered, at FROM segment_changes WHERE person IN (...) ORDER BY id`, who.Numbers(), func(rows *sql.Rows) error {
		var c exportedChange
		var entered, at int64
		if err := rows.Scan(&c.Segment, &entered, &at); err != nil {
			return err
		}
		c.Entered, c.At = entered == 1, time.UnixMilli(at).UTC()
		changes = append(changes, c)
		return nil
	})
	if err == nil {
		err = store.SelectIn(ctx, q, `SELECT g.segment FROM segment_static l JOIN segment_generations g ON g.generation = l.generation WHERE l.person IN (...) ORDER BY g.segment`, who.Numbers(), func(rows *sql.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			return put("listed_in", id)
		})
	}
	if err != nil || len(changes) == 0 {
		return err
	}
	return put("segment_changes", changes)
}

func exportState(ctx context.Context, q store.Querier, person touchstone.PersonID, stored []byte, put keep.Put) error {
	var st state
	if err := st.decode(stored); err != nil {
		return fmt.Errorf("person %s: %w", person, err)
	}
	at := map[int64]int64{}
	var generations []int64
	for _, m := range st.in {
		at[int64(m.generation)] = m.at
		generations = append(generations, int64(m.generation))
	}
	var members []exportedMembership
	err := store.SelectIn(ctx, q, `SELECT g.generation, g.phase, s.id, s.name FROM segment_generations g JOIN segments s ON s.id = g.segment WHERE g.generation IN (...) ORDER BY s.name, g.generation`, generations, func(rows *sql.Rows) error {
		var m exportedMembership
		var generation int64
		var p phase
		if err := rows.Scan(&generation, &p, &m.Segment, &m.Name); err != nil {
			return err
		}
		m.EnteredAt, m.Answers = time.UnixMilli(at[generation]).UTC(), p == live
		members = append(members, m)
		return nil
	})
	if err != nil {
		return err
	}
	times := map[int64][]int64{}
	var leaves []int64
	for _, l := range st.leaves {
		for i := 0; i < len(l.times); i += int(l.stride) {
			if l.times[i] > 0 { // a sum of all time has none
				times[int64(l.leaf)] = append(times[int64(l.leaf)], l.times[i])
			}
		}
		leaves = append(leaves, int64(l.leaf))
	}
	var counted []exportedTimes
	err = store.SelectIn(ctx, q, `SELECT leaf, event, filters FROM segment_leaves WHERE leaf IN (...) ORDER BY event, filters, leaf`, leaves, func(rows *sql.Rows) error {
		var leaf int64
		var t exportedTimes
		if err := rows.Scan(&leaf, &t.Event, &t.Where); err != nil {
			return err
		}
		if t.Where == "" {
			t.Where = "[]"
		}
		for _, ms := range times[leaf] {
			t.Times = append(t.Times, time.UnixMilli(ms).UTC())
		}
		counted = append(counted, t)
		return nil
	})
	if err == nil && len(members) > 0 {
		err = put("segments", members)
	}
	if err == nil && len(counted) > 0 {
		err = put("counted_events", counted)
	}
	if err == nil && len(members)+len(counted) == 0 { // a timer is all there is
		err = put("segment_state", struct {
			AskedAgainAt time.Time `json:"asked_again_at"`
		}{time.UnixMilli(st.timer).UTC()})
	}
	return err
}
