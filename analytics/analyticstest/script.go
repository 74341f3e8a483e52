package analyticstest

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// ParseEvents reads events, one a line:
//
//	7 view 2026-01-01T10:00:00Z {"price":5} {"os":{"name":"iOS"}}
//
// are node, event name (quoted when it holds blanks), time, and, if need be, properties
// and context. "7 is 3" gives node 7 to person 3. Names that begin with $ are calls of
// that type. Empty lines and lines that begin with # say nothing.
func ParseEvents(script string) (warehouse.Commit, error) {
	c := warehouse.Commit{Through: 1, OverrideVersion: 1}
	lines := bufio.NewScanner(strings.NewReader(script))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := parseLine(&c, line); err != nil {
			return c, fmt.Errorf("line %d: %w: %s", n, err, line)
		}
	}
	return c, lines.Err()
}

func parseLine(c *warehouse.Commit, line string) error {
	node, rest, _ := strings.Cut(line, " ")
	id, err := strconv.ParseInt(node, 10, 64)
	if err != nil {
		return err
	}
	if person, ok := strings.CutPrefix(rest, "is "); ok {
		p, err := strconv.ParseInt(person, 10, 64)
		c.Overrides = append(c.Overrides, warehouse.Override{Node: touchstone.NodeID(id), Person: touchstone.PersonID(p)})
		return err
	}
	name, rest, _ := strings.Cut(rest, " ")
	if strings.HasPrefix(name, `"`) {
		quoted, err := strconv.QuotedPrefix(name + " " + rest)
		if err != nil {
			return err
		}
		rest = strings.TrimSpace((name + " " + rest)[len(quoted):])
		if name, err = strconv.Unquote(quoted); err != nil {
			return err
		}
	}
	moment, rest, _ := strings.Cut(rest, " ")
	at, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		return err
	}
	properties, context, _ := strings.Cut(rest, "} {")
	if context != "" {
		properties, context = properties+"}", "{"+context
	}
	e := touchstone.Event{Type: touchstone.Track, Name: name, MessageID: "m" + strconv.Itoa(len(c.Facts)), Time: at, ReceivedAt: at, Source: "src_test",
		Properties: touchstone.JSON(properties), Context: touchstone.JSON(context)}
	if t, ok := touchstone.ParseEventType(strings.TrimPrefix(name, "$")); ok && name[0] == '$' {
		e.Type = t
	}
	c.Facts = append(c.Facts, touchstone.Fact{Event: e, Seq: touchstone.MakeSeq(0, uint64(stream.Offset(1)), len(c.Facts)), Node: touchstone.NodeID(id)})
	return nil
}
