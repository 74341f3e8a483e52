package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// shardCount is how many shards there are. A subject's is its number modulo this, so that a
// statement can tell it, too. Lanes are ranges of shards.
const shardCount = 64

// MaxLanes bounds the lanes.
const MaxLanes = 16

// shards is a range of shards.
type shards struct{ first, last int }

func (s shards) has(number int64) bool {
	shard := int(number % shardCount)
	return s.first <= shard && shard <= s.last
}

// LaneSpec is a lane: which persons are its own. Specs are equal if they are the same lane.
type LaneSpec struct {
	Number int // from 1
	shards shards
}

// Owns tells whether a person is the lane's own.
func (l LaneSpec) Owns(p touchstone.PersonID) bool { return l.shards.has(int64(p)) }

// Name is that of the lane's lease: "lane:1".
func (l LaneSpec) Name() string { return "lane:" + strconv.Itoa(l.Number) }

// layoutOf divides the shards among n lanes.
func layoutOf(n int) []LaneSpec {
	list := make([]LaneSpec, n)
	for i := range list {
		list[i] = LaneSpec{i + 1, shards{i * shardCount / n, (i+1)*shardCount/n - 1}}
	}
	return list
}

// laneOf returns the index in a layout of the lane that a number belongs to.
func laneOf(layout []LaneSpec, number int64) int {
	for i := range layout {
		if layout[i].shards.has(number) {
			return i
		}
	}
	return 0
}

// laneRow is how far a lane is.
type laneRow struct {
	LaneSpec
	through, ready int64
	alone          bool
	aside          int64
}

const laneColumns = `lane, first_shard, last_shard, through, ready, alone, aside`

func readLanes(ctx context.Context, q store.Querier, condition string, args ...any) ([]laneRow, error) {
	rows, err := q.Query(ctx, `SELECT `+laneColumns+` FROM pipeline_lanes `+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read how far the lanes are: %w", err)
	}
	defer rows.Close()
	var list []laneRow
	for rows.Next() {
		var l laneRow
		var alone int64
		if err := rows.Scan(&l.Number, &l.shards.first, &l.shards.last, &l.through, &l.ready, &alone, &l.aside); err != nil {
			return nil, err
		}
		l.alone = alone != 0
		list = append(list, l)
	}
	return list, rows.Err()
}

// Lanes returns the lanes that there are, by number; none: the pipeline does everything itself.
func (p *Pipeline) Lanes(ctx context.Context) ([]LaneSpec, error) {
	rows, err := readLanes(ctx, p.cfg.DB.Reader(), `ORDER BY lane`)
	return specsOf(rows), err
}

func specsOf(rows []laneRow) []LaneSpec {
	var list []LaneSpec
	for i := range rows {
		list = append(list, rows[i].LaneSpec)
	}
	return list
}

// slowest returns the last route that all lanes have worked on.
func slowest(rows []laneRow) int64 {
	least := rows[0].through
	for i := range rows {
		least = min(least, rows[i].through)
	}
	return least
}

// done is how far all lanes are: by partition.
type done []donePart

type donePart struct {
	through uint64
	totals  Totals
}

// readDone returns how far all lanes are, nil if there are none.
func (p *Pipeline) readDone(ctx context.Context) (done, error) {
	for try := 0; ; try++ {
		rows, err := readLanes(ctx, p.cfg.DB.Reader(), `ORDER BY lane`)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		d, err := p.readPositions(ctx, rows)
		if !errors.Is(err, sql.ErrNoRows) || try == 3 { // else all lanes have gone on meanwhile
			return d, err
		}
	}
}

// readPositions returns where the slowest of the lanes is.
func (p *Pipeline) readPositions(ctx context.Context, rows []laneRow) (done, error) {
	least := slowest(rows)
	var text string
	err := p.cfg.DB.Reader().QueryRow(ctx, `SELECT positions FROM pipeline_routes WHERE id = ?`, least).Scan(&text)
	if err != nil {
		return nil, fmt.Errorf("read how far the lanes are: %w", err)
	}
	d, err := parsePositions(text, len(p.parts))
	if err != nil {
		return nil, err
	}
	for i := range rows { // those of events that others have not come to yet, too
		d[0].totals.Processed -= rows[i].aside
		d[0].totals.Rejected += rows[i].aside
	}
	return d, nil
}

// formatPositions writes where the partitions are, with a batch that has moved one of them.
func (p *Pipeline) formatPositions(work *chunk, delta Totals) string {
	var b strings.Builder
	for i, part := range p.parts {
		through, t := part.taken.Load(), part.totals
		if part == work.part {
			through, t = uint64(work.last), t.plus(delta)
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d:%d:%d:%d", through, t.Processed, t.Duplicates, t.Rejected)
	}
	return b.String()
}

func parsePositions(text string, partitions int) (done, error) {
	d := make(done, max(partitions, 1))
	for i, one := range strings.Fields(text) {
		if i >= len(d) {
			break
		}
		if _, err := fmt.Sscanf(one, "%d:%d:%d:%d", &d[i].through, &d[i].totals.Processed, &d[i].totals.Duplicates, &d[i].totals.Rejected); err != nil {
			return nil, fmt.Errorf("positions of a route %q: %w", one, err)
		}
	}
	return d, nil
}

// show lets everybody see how far the pipeline is, with all lanes; nil: as far as it has taken.
// p.mu is held.
func (p *Pipeline) show(d done) {
	before := p.totals
	p.totals = Totals{}
	moved := false
	for i, part := range p.parts {
		through, totals := part.taken.Load(), part.totals
		if d != nil {
			through, totals = d[i].through, d[i].totals
		}
		moved = moved || part.through.Swap(through) != through
		p.totals = p.totals.plus(totals)
	}
	if moved || p.totals != before {
		close(p.changed)
		p.changed = make(chan struct{})
	}
}
