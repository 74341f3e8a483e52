package analytics

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// TimelineQuery asks for events of one person.
type TimelineQuery struct {
	Person touchstone.PersonID
	Nodes  []touchstone.NodeID // all of the person's
	Event  string              // only events of this name; "" = all
	Cursor string              // where the page before ended; "" = the newest
	Limit  int                 // 1 to 500; default 50
	Oldest bool                // the oldest first
}

// TimelineEvent is one event of a timeline. For identify and group calls Properties holds
// the traits that were sent.
type TimelineEvent struct {
	MessageID  string              `json:"message_id"`
	Time       string              `json:"time"`
	ReceivedAt string              `json:"received_at"`
	Type       string              `json:"type"`
	Event      string              `json:"event"`
	Properties touchstone.JSON     `json:"properties"`
	Context    touchstone.JSON     `json:"context"`
	Source     string              `json:"source"`
	Person     touchstone.PersonID `json:"person"`
	Seq        touchstone.Seq      `json:"-"` // place in the log
}

const maxTimeline = 500

// Timeline returns a page of a person's events, newest first, and the cursor of the next
// page, "" at the end. Events that arrive between two pages do not shift the second.
// Contacts are as v may see them.
func (e *Engine) Timeline(ctx context.Context, v *access.Viewer, q TimelineQuery) ([]TimelineEvent, string, error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, maxTimeline)
	nodes := make([]int64, len(q.Nodes))
	for i, n := range q.Nodes {
		nodes[i] = int64(n)
	}
	visible, err := e.visible(ctx, v, "e.node")
	if err != nil {
		return nil, "", err
	}
	var b builder
	b.add("SELECT e.message_id, e.time, e.received_at, e.type, n.name, e.properties, e.context, e.source, e.seq",
		" FROM events_raw e JOIN event_names n ON n.code = e.event WHERE e.node IN (SELECT n FROM ", frag(e.d.Numbers(), nodes), ")", visible)
	if q.Event != "" {
		b.add(" AND ", frag("n.name = ?", q.Event))
	}
	if q.Cursor != "" {
		at, seq, err := parseTimelineCursor(q.Cursor)
		if err != nil {
			return nil, "", err
		}
		before := "(e.time < ? OR e.time = ? AND e.seq < ?)"
		if q.Oldest {
			before = "(e.time > ? OR e.time = ? AND e.seq > ?)"
		}
		b.add(" AND ", frag(before, at, at, seq))
	}
	order := " ORDER BY e.time DESC, e.seq DESC LIMIT "
	if q.Oldest {
		order = " ORDER BY e.time, e.seq LIMIT "
	}
	b.add(order, literal(int64(q.Limit+1)))
	f := b.fragment()
	res, err := e.w.Query(ctx, warehouse.Statement{SQL: f.sql, Args: f.args, Own: true})
	if err != nil {
		return nil, "", err
	}
	events := make([]TimelineEvent, 0, len(res.Rows))
	for i, row := range res.Rows {
		if i == q.Limit {
			last := res.Rows[i-1]
			return events, timelineCursor(last[1].(time.Time), last[8].(int64)), nil
		}
		events = append(events, TimelineEvent{
			MessageID: v.Text(textOf(row[0])), Time: timeOf(row[1]), ReceivedAt: timeOf(row[2]), Type: textOf(row[3]), Event: textOf(row[4]),
			Properties: v.JSON(jsonOf(row[5])), Context: v.JSON(jsonOf(row[6])), Source: textOf(row[7]), Person: q.Person,
			Seq: touchstone.Seq(row[8].(int64)),
		})
	}
	return events, "", nil
}

func timelineCursor(at time.Time, seq int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", at.UnixMicro(), seq))
}

func parseTimelineCursor(s string) (at time.Time, seq int64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	var micros int64
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d.%d", &micros, &seq)
	}
	if err != nil {
		return at, 0, touchstone.Errorf(touchstone.Invalid, "cursor: %.40q is not one that was given out", s)
	}
	return time.UnixMicro(micros).UTC(), seq, nil
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

func timeOf(v any) string {
	if t, ok := v.(time.Time); ok {
		return formatTime(t)
	}
	return ""
}

func jsonOf(v any) touchstone.JSON {
	j, _ := v.(touchstone.JSON)
	return j
}
