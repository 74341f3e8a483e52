package imports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/randid"
)

// server is an [importer.Server] in this process: what the calls under
// /api/v1/imports do, for files that lie here. The calls themselves are made of it.
type server struct{ m *Imports }

// beginImport finds the import of a content into a source, or makes it.
func (s server) beginImport(ctx context.Context, in importer.Request) (row importRow, made bool, err error) {
	file, err1 := api.CheckName("file", in.File, 500)
	fingerprint, err2 := api.CheckName("fingerprint", in.Fingerprint, 200)
	name, err3 := api.CheckName("source", in.Source, 100)
	if err := errors.Join(err1, err2, err3); err != nil {
		return row, false, err
	}
	mapping := jsontext.Value(in.Mapping)
	if mapping.Kind() != '{' {
		return row, false, touchstone.Errorf(touchstone.Invalid, "The field \"mapping\" must be an object.")
	}
	if err := mapping.Canonicalize(); err != nil {
		return row, false, touchstone.Wrap(touchstone.Invalid, err, "The field \"mapping\" is not valid JSON.")
	}
	source, err := s.m.cfg.Sources.EnsureByName(ctx, name, "import")
	if err != nil {
		return row, false, err
	}
	if err := s.m.progress.flush(ctx); err != nil { // whether rows have come is read from the store
		return row, false, err
	}
	row, made, err = s.m.ensureImport(ctx, importRow{
		id: randid.New("imp"), file: file, fingerprint: fingerprint, size: max(0, in.Size), sourceID: source.ID, sourceName: source.Name,
		mapping: string(mapping), nextRow: firstImportRow, createdAt: s.m.cfg.Clock.Now().UnixMilli(),
	})
	if err != nil {
		return row, false, err
	}
	row, err = s.m.progress.adopt(ctx, row)
	return row, made, err
}

// Kinds returns how identifiers are treated here.
func (s server) Kinds(context.Context) (*touchstone.KindSet, error) {
	return s.m.cfg.Kinds, nil
}

// Begin finds or makes an import.
func (s server) Begin(ctx context.Context, r importer.Request) (importer.State, error) {
	r.Mapping = bytes.Clone(r.Mapping) // it is put in order in place
	row, _, err := s.beginImport(ctx, r)
	if err != nil {
		return importer.State{}, err
	}
	return stateOf(row), nil
}

// State returns an import.
func (s server) State(ctx context.Context, id string) (importer.State, error) {
	row, err := findImport(ctx, s.m.cfg.DB.Reader(), id)
	if err != nil {
		return importer.State{}, err
	}
	return stateOf(s.m.progress.current(ctx, row)), nil
}

func stateOf(row importRow) importer.State {
	state := importer.State{
		ID: row.id, NextRow: row.nextRow, Status: row.status(), Accepted: row.accepted, Rejected: row.rejected,
		Mapping: json.RawMessage(row.mapping), Reasons: row.reasons,
	}
	state.Source.ID, state.Source.Name = row.sourceID, row.sourceName
	return state
}

// Append makes a part durable; one that came before adds nothing.
func (s server) Append(ctx context.Context, id string, p importer.Part) (importer.Step, error) {
	o, err := s.m.progress.take(ctx, id, s.m.cfg.Clock.Now())
	if err != nil {
		return importer.Step{}, err
	}
	defer s.m.progress.leave(o)
	was, end := o.row.nextRow, p.First+p.Rows
	switch {
	case end <= was: // it came before, and the answer was lost
		o.row.duplicates += p.Rows
		if err := s.m.progress.advance(ctx, o, was); err != nil {
			return importer.Step{}, err
		}
		return importer.Step{NextRow: o.row.nextRow, Duplicates: p.Rows, Reasons: []intake.RowReason{}, Refused: []importer.Refused{}}, nil
	case o.row.finishedAt != 0:
		return importer.Step{}, touchstone.Errorf(touchstone.Conflict, "The import %s is finished; it takes no further rows.", o.row.id)
	case p.First > was:
		return importer.Step{}, touchstone.Errorf(touchstone.Conflict, "The import goes on with row %d, not with row %d.", was, p.First).
			WithHint("GET /api/v1/imports/%s tells next_row.", o.row.id)
	}
	v, err := s.m.cfg.Frames.AppendFrames(ctx, o.row.sourceID,
		collect.Rows{Import: o.row.id, First: p.First, Count: p.Rows, Done: was}, bytes.NewReader(p.Frames))
	if err != nil {
		return importer.Step{}, err
	}
	step := stepOf(v)
	step.NextRow, step.Duplicates = end, was-p.First
	o.row.nextRow = end
	o.row.accepted += step.Accepted
	o.row.rejected += step.Rejected
	o.row.duplicates += step.Duplicates
	o.row.addReasons(v.Reasons)
	// The rows are in the log, also if the caller has gone.
	return step, s.m.progress.advance(context.WithoutCancel(ctx), o, was)
}

const (
	maxImportReasons = 50
	maxShownRefused  = 100 // rows named in the answer to a part
)

// addReasons counts refused rows. The list is made anew, because readers hold the old one.
func (i *importRow) addReasons(more []intake.RowReason) {
	if len(more) > 0 {
		i.reasons = intake.NewReasons(maxImportReasons, append(i.reasons[:len(i.reasons):len(i.reasons)], more...)...).List(maxImportReasons)
	}
}

func stepOf(v collect.Vetted) importer.Step {
	step := importer.Step{Accepted: v.Accepted, Rejected: v.Rejected, Reasons: v.Reasons, Refused: make([]importer.Refused, len(v.Refused))}
	for i, r := range v.Refused {
		step.Refused[i] = importer.Refused(r)
	}
	return step
}

// Check tells what Append would answer.
func (s server) Check(_ context.Context, p importer.Part) (importer.Step, error) {
	v, err := s.m.cfg.Frames.CheckFrames(collect.Rows{First: p.First, Count: p.Rows}, bytes.NewReader(p.Frames), func(*touchstone.Event) bool { return true })
	if err != nil {
		return importer.Step{}, err
	}
	step := stepOf(v)
	step.NextRow = p.First + p.Rows
	return step, nil
}

// Persons tells what the good events of a part would do to persons.
func (s server) Persons(ctx context.Context, p importer.Part) (importer.Persons, error) {
	var bad error
	q := importer.Question{Thorough: p.Thorough, Report: p.Report}
	q.Samples = func(yield func(*importer.Sample) bool) {
		row := int64(0)
		_, bad = s.m.cfg.Frames.CheckFrames(collect.Rows{}, bytes.NewReader(p.Frames), func(e *touchstone.Event) bool {
			row++
			return yield(importer.SampleOf(e, row))
		})
	}
	persons, err := s.m.cfg.Persons(ctx, q)
	if bad != nil && !errors.Is(bad, io.EOF) {
		return persons, bad
	}
	return persons, err
}

// Finish notes that the whole file was sent.
func (s server) Finish(ctx context.Context, id string) (importer.State, error) {
	row, _, err := s.finishImport(ctx, id)
	if err != nil {
		return importer.State{}, err
	}
	return stateOf(row), nil
}

func (s server) finishImport(ctx context.Context, id string) (row importRow, already bool, err error) {
	o, err := s.m.progress.take(ctx, id, s.m.cfg.Clock.Now())
	if err != nil {
		return row, false, err
	}
	defer s.m.progress.leave(o)
	already = o.row.finishedAt != 0
	err = s.m.progress.finish(ctx, o, s.m.cfg.Clock.Now())
	return o.row, already, err
}

// Stats returns the counters of the whole server.
func (s server) Stats(ctx context.Context) (importer.Stats, error) { return s.m.cfg.Stats(ctx) }
