package segment

import (
	"context"
	"embed"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// loadDefinitions reads generations and leaves.
func loadDefinitions(ctx context.Context, q store.Querier) (*definitions, error) {
	d := &definitions{}
	if err := q.QueryRow(ctx, `SELECT version FROM segment_meta WHERE id = 1`).Scan(&d.version); err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, `SELECT g.generation, g.segment, g.rule, g.phase, g.leaves, g.members,
		coalesce(s.live, 0), coalesce(s.building, 0)
		FROM segment_generations g LEFT JOIN segments s ON s.id = g.segment ORDER BY g.generation`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var g generation
		var text, leaves string
		if err := rows.Scan(&g.id, &g.segment, &text, &g.phase, &leaves, &g.members, &g.live, &g.building); err != nil {
			return nil, err
		}
		g.rule, g.leaves = touchstone.JSON(text), parseIDs(leaves)
		d.generations = append(d.generations, g)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return d, d.loadLeaves(ctx, q)
}

func (d *definitions) loadLeaves(ctx context.Context, q store.Querier) error {
	rows, err := q.Query(ctx, `SELECT leaf, event, filters, shape, keep, horizon_ms, span_ms, windowed, ready, stale FROM segment_leaves ORDER BY leaf`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l leaf
		var filters, shape string
		var span, windowed, ready, stale int64
		if err := rows.Scan(&l.id, &l.Event, &filters, &shape, &l.Keep, &l.horizon, &span, &windowed, &ready, &stale); err != nil {
			return err
		}
		l.Windowed, l.ready, l.stale = windowed != 0, ready != 0, stale != 0
		l.Horizon, l.Span = time.Duration(l.horizon)*time.Millisecond, time.Duration(span)*time.Millisecond
		if err := l.ParseShape(touchstone.JSON(shape)); err != nil {
			return err
		}
		if l.Where, err = rule.ParseFilters(touchstone.JSON(filters), "where"); err != nil {
			return err
		}
		d.leaves = append(d.leaves, &l)
	}
	return rows.Err()
}

func parseIDs(s string) []uint32 {
	var ids []uint32
	for part := range strings.SplitSeq(s, ",") {
		if n, err := strconv.ParseUint(part, 10, 32); err == nil {
			ids = append(ids, uint32(n))
		}
	}
	return ids
}

func formatIDs(ids []uint32) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(id), 10))
	}
	return b.String()
}

// take returns n consecutive numbers of a counter of segment_meta: the first of them.
func take(ctx context.Context, tx *store.Tx, counter string, n int) (uint32, error) {
	var next int64
	err := tx.QueryRow(ctx, `UPDATE segment_meta SET `+counter+` = `+counter+` + ? WHERE id = 1 RETURNING `+counter, n).Scan(&next)
	return uint32(next - int64(n)), err //nolint:gosec // counts from one
}

// bump tells the stage that definitions have changed.
func bump(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE segment_meta SET version = version + 1 WHERE id = 1`)
	return err
}

// newGeneration gives a segment a generation to be built. One that is being built already
// is given up.
func newGeneration(ctx context.Context, tx *store.Tx, segment string, rule touchstone.JSON) (uint32, error) {
	id, err := take(ctx, tx, "next_generation", 1)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `UPDATE segment_generations SET phase = ? WHERE segment = ? AND phase IN (?, ?)`, dead, segment, wanted, tracking); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO segment_generations (generation, segment, rule, phase, leaves, members) VALUES (?, ?, ?, ?, '', 0)`,
		id, segment, string(rule), wanted); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `UPDATE segments SET building = ? WHERE id = ?`, id, segment)
	return id, err
}

// begin turns the generations that are wanted into ones that are tracked from this batch
// on, and makes the leaves that they lack. It returns what the builder has to do, nil
// when there is nothing new.
func (d *definitions) begin(ctx context.Context, tx *store.Tx) (*unit, error) {
	t, err := (&definitions{leaves: d.leaves}).compile()
	if err != nil {
		return nil, err
	}
	u := &unit{}
	for i := range d.generations {
		g := &d.generations[i]
		if g.phase != wanted {
			continue
		}
		r, err := u.want(t, g)
		if err != nil {
			return nil, err
		}
		u.generations = append(u.generations, unitGeneration{id: g.id, segment: g.segment, rule: r})
	}
	if len(u.generations) == 0 {
		return nil, nil
	}
	first, err := take(ctx, tx, "next_leaf", len(u.fresh))
	if err != nil {
		return nil, err
	}
	for i, l := range u.fresh {
		l.id = first + uint32(i) //nolint:gosec // few
		l.horizon = l.Horizon.Milliseconds()
		windowed := 0
		if l.Windowed {
			windowed = 1
		}
		if _, err := tx.Exec(ctx, `INSERT INTO segment_leaves (leaf, event, filters, shape, keep, horizon_ms, span_ms, windowed, ready, stale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)`,
			l.id, l.Event, string(l.WhereJSON()), string(l.ShapeJSON()), l.Keep, l.horizon, l.Span.Milliseconds(), windowed); err != nil {
			return nil, err
		}
		d.leaves = append(d.leaves, l)
	}
	for i := range d.generations {
		g := &d.generations[i]
		if g.phase != wanted {
			continue
		}
		g.phase = tracking
		for _, l := range u.leavesOf[g.id] {
			g.leaves = append(g.leaves, l.id)
		}
		if _, err := tx.Exec(ctx, `UPDATE segment_generations SET phase = ?, leaves = ? WHERE generation = ?`, tracking, formatIDs(g.leaves), g.id); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// startOver has everything built anew after a person was split: what is kept of the two
// cannot be told apart. The present generations answer until then.
func startOver(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.Exec(ctx, `UPDATE segment_leaves SET stale = 1`); err != nil {
		return err
	}
	refs, err := references(ctx, tx)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(refs)) {
		if err := rebuild(ctx, tx, id); err != nil {
			return err
		}
	}
	return bump(ctx, tx)
}

// restart gives up the builds of an earlier process: nobody is left to finish them. They
// start anew with leaves of their own, so that nothing is counted twice.
func (d *definitions) restart(ctx context.Context, tx *store.Tx) error {
	for i := range d.generations {
		g := d.generations[i]
		if g.phase != tracking {
			continue
		}
		id, err := newGeneration(ctx, tx, g.segment, g.rule)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE segment_static SET generation = ? WHERE generation = ?`, id, g.id); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM segment_leaves WHERE ready = 0`)
	return err
}

// dropUnused deletes the leaves that no program asks about.
func (t *table) dropUnused(ctx context.Context, tx *store.Tx) error {
	kept := t.leaves[:0]
	for _, l := range t.leaves {
		if l.used() {
			kept = append(kept, l)
			continue
		}
		t.leafOf.set(l.id, nil)
		if _, err := tx.Exec(ctx, `DELETE FROM segment_leaves WHERE leaf = ?`, l.id); err != nil {
			return err
		}
	}
	t.leaves = kept
	return nil
}
