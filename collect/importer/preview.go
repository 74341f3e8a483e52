package importer

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/stream"
)

// PreviewResult is how the first rows of a file become events.
type PreviewResult struct {
	Columns []string     `json:"columns"`
	Guesses []Guess      `json:"guesses"` // what the mapping leaves open and the file shows
	Origins []Origin     `json:"origins"` // where each part of an event comes from
	Rows    []PreviewRow `json:"rows"`
	Bad     int          `json:"bad"` // of them
	// Looked counts the rows that Persons and LookedBad are about.
	Looked    int      `json:"looked"`
	LookedBad int      `json:"looked_bad"`
	Persons   *Persons `json:"persons"`
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

// A preview is for eyes, and for hands that change the mapping meanwhile.
const (
	maxPreviewRows = 200
	maxPreviewLook = 10_000
)

// PreviewOptions say what to look at.
type PreviewOptions struct {
	File    string
	FileKey *vault.Key // see [Options]
	Mapping *Mapping
	Rows    int                 // 0 is 20
	Look    int                 // rows looked at for persons and bad rows; 0 is Rows
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
	o.Look = min(max(o.Look, o.Rows), maxPreviewLook)
	at := now(o.Clock)
	c, err := newConverter(o.File, o.Mapping, planOptions{key: o.FileKey, kinds: o.Kinds, source: "preview", received: at, undated: at, idPrefix: "preview-", window: o.Server == nil})
	if err != nil {
		return result, err
	}
	defer c.close() // only read from
	result.Columns, result.Guesses, result.Origins = c.table.columns(), c.guesses(), o.Mapping.Origins()
	frames, err := result.read(ctx, c, o)
	if err != nil || o.Server == nil || result.Looked == 0 {
		return result, err
	}
	return result, result.ask(ctx, o.Server, Part{First: firstRow, Rows: int64(result.Looked), Frames: compressFrames(frames)})
}

// read takes the first rows: some to show, more to ask about.
func (r *PreviewResult) read(ctx context.Context, c *converter, o PreviewOptions) (frames []byte, err error) {
	r.Rows = []PreviewRow{}
	var scratch []byte
	for r.Looked < o.Look && len(frames) < maxChunkBytes && ctx.Err() == nil {
		var e touchstone.Event
		err := c.next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		r.Looked++
		show := len(r.Rows) < o.Rows
		row := PreviewRow{Row: c.row}
		if show {
			row.Raw = c.table.raw()
		}
		switch {
		case e.Type == touchstone.Rejected:
			row.Code, row.Reason = splitReason(e.Reason)
			if r.LookedBad++; show {
				r.Bad++
			}
		case show:
			s := shown(c.row, &e)
			row.Event = &s
		}
		if show {
			r.Rows = append(r.Rows, row)
		}
		scratch = touchstone.AppendEvent(scratch[:0], &e)
		frames = stream.AppendFrame(frames, scratch)
	}
	return frames, ctx.Err()
}

// ask has a server tell what it would refuse, and about persons.
func (r *PreviewResult) ask(ctx context.Context, server Server, part Part) error {
	step, err := server.Check(ctx, part)
	if err != nil {
		return err
	}
	r.LookedBad = int(step.Rejected)
	for _, refused := range step.Refused {
		if i := int(refused.Row - firstRow); i >= 0 && i < len(r.Rows) && r.Rows[i].Event != nil {
			row := &r.Rows[i]
			row.Event = nil
			row.Code, row.Reason = splitReason(refused.Reason)
			r.Bad++
		}
	}
	persons, err := server.Persons(ctx, part)
	r.Persons = &persons
	return err
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
