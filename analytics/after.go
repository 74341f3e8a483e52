package analytics

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// After calls fn with the names and properties of the next n events of a partition behind one, in any order, and returns the last of
// them; last itself when there are none. It is for the program itself: nothing is masked.
func (e *Engine) After(ctx context.Context, last touchstone.Seq, n int, fn func(event string, properties touchstone.JSON)) (touchstone.Seq, error) {
	end := touchstone.MakeSeq(last.Partition()+1, 0, 0)
	// Two statements: the columns are read of the rows that are wanted, and not of all behind them to be put in order.
	next := last
	err := e.each(ctx, build("SELECT max(n.seq) FROM (SELECT e.seq FROM events_raw e WHERE ", frag("e.seq > ? AND e.seq < ?", last, end), " ORDER BY e.seq LIMIT ", literal(int64(n)), ") n"), func(row []any) {
		if seq, ok := row[0].(int64); ok {
			next = touchstone.Seq(seq) //nolint:gosec // as it was stored
		}
	})
	if err != nil || next == last {
		return last, err
	}
	err = e.each(ctx, build("SELECT n.name, e.properties FROM events_raw e JOIN event_names n ON n.code = e.event WHERE ", frag("e.seq > ? AND e.seq <= ?", last, next), " LIMIT ", literal(int64(n))), func(row []any) {
		fn(textOf(row[0]), jsonOf(row[1]))
	})
	if err != nil {
		return last, err
	}
	return next, nil
}
