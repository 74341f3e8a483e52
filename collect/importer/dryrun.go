package importer

import (
	"context"
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Bounds of the distinct sets of identifiers that a dry run asks the server about.
const (
	maxPreviewSets  = 200_000
	maxPreviewBytes = 64 << 20
)

// DryRunResult is what an import would do.
type DryRunResult struct {
	Columns  []string           `json:"columns"`
	Events   []ShownEvent       `json:"first_events"`
	Rows     int64              `json:"rows"`
	Rejected int64              `json:"quarantined"`
	Reasons  []intake.RowReason `json:"reasons"`
	// IdentifierSets counts the distinct combinations of identifiers.
	IdentifierSets int64 `json:"identifier_sets"`
	// Partial tells that the file has more combinations than the server was asked about, or
	// more message ids than are remembered: Persons and Duplicates are for a part of it.
	Partial bool     `json:"partial"`
	Persons *Persons `json:"persons"` // nil when no server was asked
	// Guesses are what the mapping leaves open and the file shows.
	Guesses []Guess `json:"guesses"`
	// Duplicates counts rows whose message id an earlier row of the file has.
	Duplicates int64 `json:"duplicates"`
	// WithoutID counts rows whose message id is made of file and row number, because the
	// columns that should make it hold nothing.
	WithoutID int64 `json:"without_message_id"`

	// Leave are the sets of identifiers whose rows would merge persons, for [Options.Leave].
	Leave []uint64 `json:"-"`
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
// first show events, has the server check every row, counts those that would be
// quarantined or dropped as duplicates, and asks which persons would be created and merged.
func DryRun(ctx context.Context, options Options, show int) (DryRunResult, error) {
	result := DryRunResult{Reasons: []intake.RowReason{}}
	if options.Source == "" {
		options.Source = "dry-run"
	}
	offline := options.Server == "" && options.To == nil
	if offline {
		options.Server = "none"
	}
	o, err := options.withDefaults()
	if err != nil {
		return result, err
	}
	r := newRun(o)
	if r.sum, r.size, err = r.know(ctx); err != nil {
		return result, err
	}
	if !offline {
		if err := r.loadKinds(ctx); err != nil {
			return result, err
		}
	}
	c, err := newConverter(o.File, o.Mapping, planOptions{key: o.FileKey,
		kinds: r.Kinds, source: o.Source, received: now(o.Clock), undated: now(o.Clock), idPrefix: idPrefix(r.sum, o.Source), window: offline,
	})
	if err != nil {
		return result, err
	}
	defer c.close() // only read from
	result.Columns, result.Guesses = c.table.columns(), c.guesses()
	d := dryRun{run: r, c: c, result: &result, offline: offline, show: int64(show), rejected: intake.NewReasons(maxReasons), sets: map[uint64]int32{}, ids: map[uint64]struct{}{}}
	if err := d.readAll(ctx); err != nil {
		return result, err
	}
	result.Rows, result.Rejected, result.Reasons = c.row, d.rejected.Rows, d.rejected.List(maxShownReasons)
	result.WithoutID = c.plan.noID
	if !offline && len(d.kept) > 0 {
		if err := d.ask(ctx); err != nil {
			return result, err
		}
	}
	return result, nil
}

// dryRun is a dry run under way.
type dryRun struct {
	run     *run
	c       *converter
	result  *DryRunResult
	offline bool
	show    int64

	rejected *intake.Reasons
	kept     []sample         // one per distinct set of identifiers
	sets     map[uint64]int32 // which of kept
	bytes    int              // of kept
	parts    int64
	ids      map[uint64]struct{} // message ids that were seen
	scratch  []byte
}

// ask asks what the file would do to persons.
func (d *dryRun) ask(ctx context.Context) error {
	frames, err := framesOf(d.kept)
	if err != nil {
		return err
	}
	part := Part{First: firstRow, Rows: d.result.IdentifierSets, Frames: compressFrames(frames), Thorough: true, Report: func(samples int64) {
		d.run.done.Persons, d.run.done.TotalPersons = samples, d.result.IdentifierSets
		d.run.report(PhasePersons)
	}}
	d.run.report(PhasePersons)
	p, err := d.run.server.Persons(ctx, part)
	if err != nil {
		return err
	}
	d.result.Persons = &p
	if p.Without != nil {
		left := make(map[int64]bool, len(p.Without.First))
		for _, row := range p.Without.First {
			left[row] = true
		}
		for i := range d.kept {
			if left[d.kept[i].Row] {
				d.result.Leave = append(d.result.Leave, d.kept[i].key)
			}
		}
	}
	return nil
}

// dryPart is some rows before the server has said which of them it takes.
type dryPart struct {
	first  int64
	rows   int64
	frames []byte
	rowIDs []uint64 // of message ids; 0 = rejected here
	keys   []uint64 // of sets of identifiers
	bare   [][]byte // of events whose set is new
}

// maxDuplicateIDs bounds the message ids that a dry run remembers.
const maxDuplicateIDs = 5_000_000

func (d *dryRun) readAll(ctx context.Context) error {
	for {
		p, err := d.readPart()
		if err != nil {
			return err
		}
		if p.rows == 0 {
			return nil
		}
		if err := d.judge(ctx, p); err != nil {
			return err
		}
		d.run.done.Rows, d.run.done.Rejected, d.run.done.Bytes = d.c.row, d.rejected.Rows, d.c.at.Bytes()
		d.run.report(PhaseSend)
	}
}

// readPart converts the next rows.
func (d *dryRun) readPart() (*dryPart, error) {
	p := &dryPart{first: d.c.row + 1}
	var e touchstone.Event
	for p.rows < int64(d.run.ChunkRows) && len(p.frames) < maxChunkBytes {
		err := d.c.next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		p.rows++
		if d.c.row <= d.show {
			d.result.Events = append(d.result.Events, shown(d.c.row, &e))
		}
		d.scratch = touchstone.AppendEvent(d.scratch[:0], &e)
		p.frames = stream.AppendFrame(p.frames, d.scratch)
		if e.Type == touchstone.Rejected {
			p.rowIDs, p.keys, p.bare = append(p.rowIDs, 0), append(p.keys, 0), append(p.bare, nil)
			if d.offline {
				d.rejected.Add(intake.RowReason{Reason: e.Reason, Rows: 1, FirstRow: d.c.row})
			}
			continue
		}
		p.rowIDs = append(p.rowIDs, xxhash.Sum64String(e.MessageID)|1)
		d.keepBare(p, &e)
	}
	return p, nil
}

// keepBare keeps an event whose set of identifiers is new, which is all that the question
// about persons needs.
func (d *dryRun) keepBare(p *dryPart, e *touchstone.Event) {
	var key uint64
	key, d.scratch = setKey(d.scratch, e, d.c.plan.timed)
	p.keys = append(p.keys, key)
	if _, ok := d.sets[key]; ok || d.full() {
		p.bare = append(p.bare, nil)
		return
	}
	p.bare = append(p.bare, bareOf(e))
}

func (d *dryRun) full() bool { return len(d.kept) >= maxPreviewSets || d.bytes >= maxPreviewBytes }

// count counts a row that is taken in for its set of identifiers.
func (d *dryRun) count(row int64, key uint64, bare []byte) {
	at, ok := d.sets[key]
	switch {
	case ok:
		d.kept[at].Rows++
	case d.full() || bare == nil:
		d.result.Partial = true
	default:
		d.sets[key] = int32(len(d.kept)) //nolint:gosec // bounded
		d.kept = append(d.kept, sample{sampleNote{row, 1, d.parts}, key, bare})
		d.bytes += len(bare)
		d.result.IdentifierSets++
	}
}

// judge asks the server which rows it takes and counts them.
func (d *dryRun) judge(ctx context.Context, p *dryPart) error {
	refused := map[int64]string{}
	if !d.offline {
		step, err := d.run.server.Check(ctx, Part{First: p.first, Rows: p.rows, Frames: compressFrames(p.frames)})
		if err != nil {
			return err
		}
		for _, r := range step.Reasons {
			d.rejected.Add(r)
		}
		for _, r := range step.Refused {
			refused[r.Row] = r.Reason
		}
	} else if err := ctx.Err(); err != nil {
		return err
	}
	for i := range d.result.Events {
		if e := &d.result.Events[i]; refused[e.Row] != "" && e.Reason == "" {
			*e = ShownEvent{Row: e.Row, Type: touchstone.Rejected.String(), Time: e.Time, MessageID: e.MessageID, Reason: refused[e.Row]}
		}
	}
	d.parts++
	for i, id := range p.rowIDs {
		row := p.first + int64(i)
		if _, bad := refused[row]; bad || id == 0 {
			continue
		}
		switch _, ok := d.ids[id]; {
		case ok:
			d.result.Duplicates++
			continue // nothing comes of it
		case len(d.run.Mapping.messageID) == 0: // file and row: no two are alike
		case len(d.ids) < d.run.MessageIDs:
			d.ids[id] = struct{}{}
		default:
			d.result.Partial = true
		}
		d.count(row, p.keys[i], p.bare[i])
	}
	return nil
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
