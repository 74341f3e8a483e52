package importer

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// PreviewResult is how the first rows of a file become events.
type PreviewResult struct {
	Columns []string     `json:"columns"`
	Guesses []Guess      `json:"guesses"` // what the mapping leaves open and the file shows
	Origins []Origin     `json:"origins"` // where each part of an event comes from
	Rows    []PreviewRow `json:"rows"`
	Bad     int          `json:"bad"` // of them
	Persons *Persons     `json:"persons"`
}

// Origin says which columns make a part of an event: "time", "identifiers.email",
// "properties.amount".
type Origin struct {
	Path    string   `json:"path"`
	Columns []string `json:"columns"` // empty: a constant
}

// PreviewRow is a row of the file and what becomes of it.
type PreviewRow struct {
	Row    int64           `json:"row"`
	Raw    touchstone.JSON `json:"raw"`              // its cells by column, as they are written
	Event  *ShownEvent     `json:"event"`            // nil when the row would be quarantined
	Code   string          `json:"code,omitempty"`   // then why
	Reason string          `json:"reason,omitempty"` // for people
}

// maxPreviewRows bounds a preview: it is for eyes.
const maxPreviewRows = 200

// PreviewOptions say what to look at.
type PreviewOptions struct {
	File    string
	Mapping *Mapping
	Rows    int                 // 0 is 20
	Server  Server              // asked what it would refuse, and about persons; may be nil
	Clock   touchstone.Clock    // nil is the machine's
	Kinds   *touchstone.KindSet // nil is the default kinds
}

// Preview reads the first rows of a file through a mapping and changes nothing.
func Preview(ctx context.Context, o PreviewOptions) (PreviewResult, error) {
	var result PreviewResult
	if o.Clock == nil {
		o.Clock = touchstone.SystemClock{}
	}
	if o.Kinds == nil {
		o.Kinds = touchstone.DefaultKindSet()
	}
	if o.Rows <= 0 {
		o.Rows = 20
	}
	o.Rows = min(o.Rows, maxPreviewRows)
	at := now(o.Clock)
	c, err := newConverter(o.File, o.Mapping, planOptions{kinds: o.Kinds, source: "preview", received: at, undated: at, idPrefix: "preview-", window: o.Server == nil})
	if err != nil {
		return result, err
	}
	defer c.close() // only read from
	result.Columns, result.Guesses, result.Origins = c.table.columns(), c.guesses(), o.Mapping.Origins()
	result.Rows = []PreviewRow{}
	var frames, scratch []byte
	for len(result.Rows) < o.Rows {
		var e touchstone.Event
		err := c.next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return result, err
		}
		row := PreviewRow{Row: c.row, Raw: c.table.raw()}
		if e.Type == touchstone.Rejected {
			row.Code, row.Reason = splitReason(e.Reason)
			result.Bad++
		} else {
			s := shown(c.row, &e)
			row.Event = &s
		}
		result.Rows = append(result.Rows, row)
		scratch = touchstone.AppendEvent(scratch[:0], &e)
		frames = stream.AppendFrame(frames, scratch)
	}
	if o.Server == nil || len(result.Rows) == 0 {
		return result, nil
	}
	part := Part{First: firstRow, Rows: int64(len(result.Rows)), Frames: compressFrames(frames)}
	step, err := o.Server.Check(ctx, part)
	if err != nil {
		return result, err
	}
	for _, refused := range step.Refused {
		if i := int(refused.Row - firstRow); i >= 0 && i < len(result.Rows) && result.Rows[i].Event != nil {
			row := &result.Rows[i]
			row.Event = nil
			row.Code, row.Reason = splitReason(refused.Reason)
			result.Bad++
		}
	}
	persons, err := o.Server.Persons(ctx, part)
	if err != nil {
		return result, err
	}
	result.Persons = &persons
	return result, nil
}

func splitReason(reason string) (code, detail string) {
	code, detail, ok := strings.Cut(reason, ": ")
	if !ok {
		return "", reason
	}
	return code, detail
}

// Origins lists the parts of an event that the mapping fills, and from which columns.
func (m *Mapping) Origins() []Origin {
	var list []Origin
	add := func(path string, columns ...string) {
		given := []string{}
		for _, c := range columns {
			if c != "" && c != rowPlaceholder {
				given = append(given, c)
			}
		}
		list = append(list, Origin{path, given})
	}
	for _, s := range []struct {
		path string
		source
	}{{"type", m.typ}, {"event", m.event}, {"time", m.time.source}, {"group_id", m.groupID}, {"previous_id", m.previousID}} {
		if s.given() {
			add(s.path, s.column)
		}
	}
	for _, id := range m.identifiers {
		add("identifiers."+string(id.kind), id.column)
	}
	if len(m.messageID) > 0 {
		add("message_id", m.messageID...)
	}
	for _, part := range []struct {
		name   string
		fields []field
	}{{"properties", m.properties}, {"traits", m.traits}, {"context", m.context}} {
		for _, f := range part.fields {
			columns := []string{f.column}
			for _, x := range f.multiply {
				columns = append(columns, x.column)
			}
			add(part.name+"."+strings.Join(f.path, "."), columns...)
		}
	}
	return list
}

// guesses returns what was read out of the file and not out of the mapping.
func (c *converter) guesses() []Guess {
	list := []Guess{}
	switch t := c.table.(type) {
	case *csvTable:
		list = append(list, t.guesses...)
	case *jsonTable:
		list = append(list, t.guesses...)
	}
	return append(list, c.plan.guesses...)
}
