package importer

import (
	"context"
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// maxPreviewSets bounds the distinct sets of identifiers that a dry run asks the server
// about.
const maxPreviewSets = 200_000

// DryRunResult is what an import would do.
type DryRunResult struct {
	Columns  []string     `json:"columns"`
	Events   []ShownEvent `json:"first_events"`
	Rows     int64        `json:"rows"`
	Rejected int64        `json:"quarantined"`
	Reasons  []Reason     `json:"reasons"`
	// IdentifierSets counts the distinct combinations of identifiers.
	IdentifierSets int64 `json:"identifier_sets"`
	// Partial tells that the file has more combinations than the server was asked about.
	Partial bool     `json:"partial"`
	Persons *Preview `json:"persons"` // nil when the server could not be asked
}

// ShownEvent is an event as people read it.
type ShownEvent struct {
	Row         int64                   `json:"row"`
	Type        string                  `json:"type"`
	Event       string                  `json:"event,omitempty"`
	Time        string                  `json:"time"`
	MessageID   string                  `json:"message_id"`
	UserID      string                  `json:"user_id,omitempty"`
	AnonymousID string                  `json:"anonymous_id,omitempty"`
	Identifiers []touchstone.Identifier `json:"identifiers,omitempty"`
	Properties  touchstone.JSON         `json:"properties,omitempty"`
	Traits      touchstone.JSON         `json:"traits,omitempty"`
	Context     touchstone.JSON         `json:"context,omitempty"`
	Reason      string                  `json:"reason,omitempty"` // of a row that would be quarantined
	Raw         touchstone.JSON         `json:"raw,omitempty"`
}

// DryRun reads the whole file as an import would and changes nothing: it returns the
// first show events, counts the rows that would be quarantined, and asks the server
// which persons would be created and merged.
func DryRun(ctx context.Context, options Options, show int) (DryRunResult, error) {
	var result DryRunResult
	if options.Source == "" {
		options.Source = "dry-run"
	}
	offline := options.Server == ""
	if offline {
		options.Server = "none"
	}
	o, err := options.withDefaults()
	if err != nil {
		return result, err
	}
	r := newRun(o)
	if r.sum, r.size, err = fingerprint(ctx, o.File, o.Progress); err != nil {
		return result, err
	}
	c, err := newConverter(o.File, o.Mapping, planOptions{
		kinds: o.Kinds, source: o.Source, received: now(o.Clock), undated: now(o.Clock), idPrefix: idPrefix(r.sum, o.Source),
	})
	if err != nil {
		return result, err
	}
	defer c.close() // only read from
	result.Columns = c.table.columns()
	var frames []byte
	if frames, err = r.readAll(ctx, c, show, &result); err != nil {
		return result, err
	}
	result.Rows, result.Rejected, result.Reasons = c.row, c.rejected.total, c.rejected.top(10)
	if !offline && len(frames) > 0 {
		p, err := r.client.preview(ctx, compressFrames(frames))
		if err != nil {
			return result, err
		}
		result.Persons = &p
	}
	return result, nil
}

// readAll converts every row and returns frames of one bare event per distinct set of
// identifiers, which is all that the question about persons needs.
func (r *run) readAll(ctx context.Context, c *converter, show int, result *DryRunResult) ([]byte, error) {
	var frames, scratch []byte
	seen := make(map[uint64]struct{})
	var e touchstone.Event
	for {
		err := c.next(&e)
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
		if c.row <= int64(show) {
			result.Events = append(result.Events, shown(c.row, &e))
		}
		if c.row%10_000 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r.done.Rows, r.done.Rejected, r.done.Bytes = c.row, c.rejected.total, c.at.Bytes()
			r.report(PhaseSend)
		}
		if e.Type == touchstone.Rejected {
			continue
		}
		scratch = scratch[:0]
		for _, id := range e.Identifiers {
			scratch = append(append(append(append(scratch, id.Kind...), 0), id.Value...), 0)
		}
		scratch = append(scratch, e.PreviousID...)
		key := xxhash.Sum64(scratch)
		if _, ok := seen[key]; ok {
			continue
		}
		if len(seen) == maxPreviewSets {
			result.Partial = true
			continue
		}
		seen[key] = struct{}{}
		result.IdentifierSets++
		bare := e
		bare.Properties, bare.Traits, bare.Context = "", "", ""
		scratch = touchstone.AppendEvent(scratch[:0], &bare)
		frames = stream.AppendFrame(frames, scratch)
	}
}

func shown(row int64, e *touchstone.Event) ShownEvent {
	s := ShownEvent{
		Row: row, Type: e.Type.String(), Event: e.Name, Time: e.Time.UTC().Format(timeFormat), MessageID: e.MessageID,
		UserID: e.UserID, AnonymousID: e.AnonymousID, Properties: e.Properties, Traits: e.Traits, Context: e.Context,
		Reason: e.Reason, Raw: e.Raw,
	}
	s.Identifiers = append(s.Identifiers, e.Identifiers...)
	return s
}
