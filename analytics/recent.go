package analytics

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Recent calls fn with about the n latest events of sources, of all without any: their names, types,
// sources and properties. The warehouse keeps no traits. It is for checks of the program's own, and
// masks nothing.
func (e *Engine) Recent(ctx context.Context, sources []string, n int, fn func(*touchstone.Event)) error {
	where := frag("TRUE")
	if len(sources) > 0 {
		var any []fragment
		for _, s := range sources {
			any = append(any, frag("e.source = ?", s))
		}
		where = joined(any, " OR ", "FALSE")
	}
	return e.each(ctx, build("SELECT e.type, n.name, e.source, e.properties FROM events_raw e JOIN event_names n ON n.code = e.event WHERE ", e.latest(where, n), " LIMIT ", literal(int64(n))), func(row []any) {
		event := touchstone.Event{Name: textOf(row[1]), Source: textOf(row[2]), Properties: jsonOf(row[3])}
		event.Type, _ = touchstone.ParseEventType(textOf(row[0]))
		fn(&event)
	})
}
