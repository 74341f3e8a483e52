package console

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Frames takes events in their binary form: *collect.Collector.
type Frames interface {
	// AppendFrames makes the events of a source durable and returns how many were good and
	// how many go to quarantine. The body may be packed.
	AppendFrames(ctx context.Context, source string, body io.Reader) (accepted, rejected int, err error)
}

// Simulator tells what events would do to the identity graph: *identity.Graph.
type Simulator interface {
	Simulate(ctx context.Context, events iter.Seq[[]touchstone.Identifier]) (identity.Simulation, error)
}

const (
	maxPartRows  = 1_000_000
	framesAtOnce = 4 // parts in memory at a time
	framesTime   = time.Minute
)

type importAnswer struct {
	ID          string         `json:"id"`
	File        string         `json:"file"`
	Fingerprint string         `json:"fingerprint"`
	Size        int64          `json:"size"`
	Source      collect.Source `json:"source"`
	Mapping     jsontext.Value `json:"mapping"`
	Status      string         `json:"status"`
	NextRow     int64          `json:"next_row"`
	Accepted    int64          `json:"accepted"`
	Rejected    int64          `json:"rejected"`
	Duplicates  int64          `json:"duplicates"`
	CreatedAt   time.Time      `json:"created_at"`
	FinishedAt  time.Time      `json:"finished_at"`
}

// showImport makes the answer. A source that was deleted is shown by the name it had.
func (c *Console) showImport(r *http.Request, i importRow) (*importAnswer, error) {
	a := &importAnswer{
		ID: i.id, File: i.file, Fingerprint: i.fingerprint, Size: i.size, Mapping: jsontext.Value(i.mapping), Status: "running",
		NextRow: i.nextRow, Accepted: i.accepted, Rejected: i.rejected, Duplicates: i.duplicates,
		CreatedAt: time.UnixMilli(i.createdAt), FinishedAt: timeOrZero(i.finishedAt),
	}
	if i.finishedAt != 0 {
		a.Status = "finished"
	}
	sources, err := c.sources()
	if err != nil {
		return nil, err
	}
	s, err := sources.Get(r.Context(), i.sourceID)
	if touchstone.KindOf(err) == touchstone.NotFound {
		s, err = collect.Source{ID: i.sourceID, Name: i.sourceName, Kind: "import", CreatedAt: a.CreatedAt}, nil
	}
	a.Source = showSource(principalOf(r), s)
	return a, err
}

func (c *Console) createImport(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		File        string         `json:"file"`
		Fingerprint string         `json:"fingerprint"`
		Size        int64          `json:"size"`
		Source      string         `json:"source"`
		Mapping     jsontext.Value `json:"mapping"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	file, err1 := checkName("file", in.File, 500)
	fingerprint, err2 := checkName("fingerprint", in.Fingerprint, 200)
	name, err3 := checkName("source", in.Source, 100)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if in.Mapping.Kind() != '{' {
		return touchstone.Errorf(touchstone.Invalid, "The field \"mapping\" must be an object.")
	}
	if err := in.Mapping.Canonicalize(); err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "The field \"mapping\" is not valid JSON.")
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	source, err := sources.EnsureByName(r.Context(), name, "import")
	if err != nil {
		return err
	}
	if err := c.imports.flush(r.Context()); err != nil { // whether rows have come is read from the store
		return err
	}
	row, made, err := c.ensureImport(r.Context(), importRow{
		id: randid.New("imp"), file: file, fingerprint: fingerprint, size: max(0, in.Size), sourceID: source.ID, sourceName: source.Name,
		mapping: string(in.Mapping), nextRow: firstImportRow, createdAt: c.cfg.Clock.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	if row, err = c.imports.adopt(r.Context(), row); err != nil {
		return err
	}
	noteTarget(r, row.id, row.file)
	status := http.StatusCreated
	if !made {
		noteNothing(r)
		status = http.StatusOK
	}
	a, err := c.showImport(r, row)
	if err != nil {
		return err
	}
	return writeJSON(w, status, a)
}

// ensureImport finds the import of the same content into the same source, or makes it. While
// no row has come, the new mapping replaces the old one; after that the answer holds the
// mapping that the rows came under, for the caller to judge.
func (c *Console) ensureImport(ctx context.Context, want importRow) (row importRow, made bool, err error) {
	err = update(ctx, c.cfg.DB, func(tx *store.Tx) error {
		made = false
		row, err = scanImport(tx.QueryRow(ctx, `SELECT `+importColumns+` FROM console_imports WHERE fingerprint = ? AND source_name = ?`,
			want.fingerprint, want.sourceName))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			row, made = want, true
			_, err := tx.Exec(ctx, `INSERT INTO console_imports (`+importColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, 0)`,
				row.id, row.file, row.fingerprint, row.size, row.sourceID, row.sourceName, row.mapping, row.nextRow, row.createdAt)
			return err
		case err != nil:
			return err
		}
		if row.nextRow == firstImportRow && row.finishedAt == 0 {
			row.mapping = want.mapping
		}
		row.sourceID = want.sourceID // another one when the source was deleted and made again
		_, err := tx.Exec(ctx, `UPDATE console_imports SET mapping = ?, source_id = ? WHERE id = ?`, row.mapping, row.sourceID, row.id)
		return err
	})
	return row, made, err
}

func (c *Console) listImports(w http.ResponseWriter, r *http.Request) error {
	p, err := readPaging(r)
	if err != nil {
		return err
	}
	after, err := parseTimeKey(p.after)
	if err != nil {
		return err
	}
	rows, err := c.readImports(r.Context(), after, p.limit+1)
	if err != nil {
		return err
	}
	rows, next := firstPage(rows, p.limit, func(i *importRow) timeKey { return timeKey{i.createdAt, i.id} })
	items := make([]*importAnswer, len(rows))
	for n, row := range rows {
		if items[n], err = c.showImport(r, c.imports.current(r.Context(), row)); err != nil {
			return err
		}
	}
	return writePage(w, items, next)
}

func (c *Console) readImports(ctx context.Context, after timeKey, limit int) ([]importRow, error) {
	rows, err := c.cfg.DB.Reader().Query(ctx, `SELECT `+importColumns+` FROM console_imports
		WHERE created_at < ? OR (created_at = ? AND id < ?) ORDER BY created_at DESC, id DESC LIMIT ?`, after.ms, after.ms, after.id, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []importRow
	for rows.Next() {
		i, err := scanImport(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

func (c *Console) getImport(w http.ResponseWriter, r *http.Request) error {
	row, err := findImport(r.Context(), c.cfg.DB.Reader(), param(r, "id"))
	if err != nil {
		return err
	}
	a, err := c.showImport(r, c.imports.current(r.Context(), row))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

type importStep struct {
	NextRow    int64 `json:"next_row"`
	Accepted   int64 `json:"accepted"`
	Rejected   int64 `json:"rejected"`
	Duplicates int64 `json:"duplicates"`
}

func (c *Console) appendImportRows(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Frames == nil {
		return notHere("the edge")
	}
	first, err := rowNumber(r, "first_row", firstImportRow, 1<<53)
	if err != nil {
		return err
	}
	count, err := rowNumber(r, "rows", 1, maxPartRows)
	if err != nil {
		return err
	}
	frames, done, err := c.readFrames(w, r)
	if err != nil {
		return err
	}
	defer done()
	o, err := c.imports.take(r.Context(), param(r, "id"), c.cfg.Clock.Now())
	if err != nil {
		return err
	}
	defer c.imports.leave(o)
	was, end := o.row.nextRow, first+count
	switch {
	case end <= was: // it came before, and the answer was lost
		o.row.duplicates += count
		if err := c.imports.advance(r.Context(), o, was); err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, importStep{NextRow: o.row.nextRow, Duplicates: count})
	case o.row.finishedAt != 0:
		return touchstone.Errorf(touchstone.Conflict, "The import %s is finished; it takes no further rows.", o.row.id)
	case first > was:
		return touchstone.Errorf(touchstone.Conflict, "The import goes on with row %d, not with row %d.", was, first).
			WithHint("GET /api/v1/imports/%s tells next_row.", o.row.id)
	}
	accepted, rejected, err := c.cfg.Frames.AppendFrames(r.Context(), o.row.sourceID, bytes.NewReader(frames))
	if err != nil {
		return err
	}
	step := importStep{NextRow: end, Accepted: int64(accepted), Rejected: int64(rejected), Duplicates: was - first}
	o.row.nextRow = end
	o.row.accepted += step.Accepted
	o.row.rejected += step.Rejected
	o.row.duplicates += step.Duplicates
	// The rows are in the log, also if the caller has gone.
	if err := c.imports.advance(context.WithoutCancel(r.Context()), o, was); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, step)
}

func rowNumber(r *http.Request, name string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", name, least, most)
	}
	return n, nil
}

func (c *Console) finishImport(w http.ResponseWriter, r *http.Request) error {
	o, err := c.imports.take(r.Context(), param(r, "id"), c.cfg.Clock.Now())
	if err != nil {
		return err
	}
	was := o.row.finishedAt
	err = c.imports.finish(r.Context(), o, c.cfg.Clock.Now())
	row := o.row
	c.imports.leave(o)
	if err != nil {
		return err
	}
	noteTarget(r, row.id, row.file)
	if was != 0 {
		noteNothing(r)
	}
	a, err := c.showImport(r, row)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

type importPreview struct {
	Created   int64 `json:"persons_created"`
	Merged    int64 `json:"persons_merged"`
	Matched   int64 `json:"persons_matched"`
	Events    int64 `json:"events"`
	Truncated bool  `json:"truncated"`
}

func (c *Console) previewImport(w http.ResponseWriter, r *http.Request) error {
	if c.cfg.Simulator == nil {
		return notHere("identity")
	}
	frames, done, err := c.readFrames(w, r)
	if err != nil {
		return err
	}
	defer done()
	var bad error
	sim, err := c.cfg.Simulator.Simulate(r.Context(), func(yield func([]touchstone.Identifier) bool) {
		bad = collect.ReadFrames(bytes.NewReader(frames), func(e *touchstone.Event) error {
			if e.Type != touchstone.Rejected && !yield(e.Identifiers) {
				return io.EOF
			}
			return nil
		})
	})
	if bad != nil && bad != io.EOF {
		return bad
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, importPreview{sim.PersonsCreated, sim.PersonsMerged, sim.PersonsMatched, sim.Events, sim.Truncated})
}

// readFrames reads a body of packed frames whole, so that a slow sender does not hold up
// other parts of its import. Few are in memory at a time; done frees the place.
func (c *Console) readFrames(w http.ResponseWriter, r *http.Request) (frames []byte, done func(), err error) {
	select {
	case c.frameSlots <- struct{}{}:
	case <-r.Context().Done():
		return nil, nil, r.Context().Err()
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(framesTime)) // a stuck sender must not keep the place
	frames, err = readBody(r)
	if err == nil && len(frames) == 0 {
		err = touchstone.Errorf(touchstone.Invalid, "The body is empty.").WithHint("Send files with touchstone import.")
	}
	if err != nil {
		<-c.frameSlots
		return nil, nil, err
	}
	return frames, func() { <-c.frameSlots }, nil
}
