package imports

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	maxPartRows  = 1_000_000
	framesAtOnce = 4 // parts in memory at a time
	framesTime   = time.Minute
)

type importAnswer struct {
	ID          string             `json:"id"`
	File        string             `json:"file"`
	Fingerprint string             `json:"fingerprint"`
	Size        int64              `json:"size"`
	Source      collect.Source     `json:"source"`
	Mapping     jsontext.Value     `json:"mapping"`
	Status      string             `json:"status"`
	NextRow     int64              `json:"next_row"`
	Accepted    int64              `json:"accepted"`
	Rejected    int64              `json:"rejected"`
	Duplicates  int64              `json:"duplicates"`
	Reasons     []intake.RowReason `json:"reasons"`
	CreatedAt   time.Time          `json:"created_at"`
	FinishedAt  time.Time          `json:"finished_at"`
	// Run is the server's own work on it, nil when the rows come from elsewhere.
	Run *runAnswer `json:"run"`
}

// showImport makes the answer. A source that was deleted is shown by the name it had.
func (x *Imports) showImport(r *http.Request, i importRow) (*importAnswer, error) {
	a := &importAnswer{
		ID: i.id, File: i.file, Fingerprint: i.fingerprint, Size: i.size, Mapping: jsontext.Value(i.mapping), Status: i.status(), Reasons: i.reasons,
		NextRow: i.nextRow, Accepted: i.accepted, Rejected: i.rejected, Duplicates: i.duplicates,
		CreatedAt: time.UnixMilli(i.createdAt), FinishedAt: timeOrZero(i.finishedAt),
	}
	a.Reasons = slices.Clone(a.Reasons)
	for k := range a.Reasons { // they quote what was refused
		a.Reasons[k].Reason = api.ViewerOf(r).Text(a.Reasons[k].Reason)
	}
	s, err := x.cfg.Sources.Get(r.Context(), i.sourceID)
	if touchstone.KindOf(err) == touchstone.NotFound {
		s, err = collect.Source{ID: i.sourceID, Name: i.sourceName, Kind: "import", CreatedAt: a.CreatedAt}, nil
	}
	if err != nil {
		return nil, err
	}
	a.Source = s.For(api.ViewerOf(r))
	a.Run, err = x.runs.show(r.Context(), i.id)
	return a, err
}

func (x *Imports) createImport(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		File        string         `json:"file"`
		Fingerprint string         `json:"fingerprint"`
		Size        int64          `json:"size"`
		Source      string         `json:"source"`
		Mapping     jsontext.Value `json:"mapping"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	row, made, err := server{x}.beginImport(r.Context(), importer.Request{
		File: in.File, Fingerprint: in.Fingerprint, Size: in.Size, Source: in.Source, Mapping: []byte(in.Mapping),
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, row.id, row.file)
	status := http.StatusCreated
	if !made {
		api.NoteNothing(r)
		status = http.StatusOK
	}
	a, err := x.showImport(r, row)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, status, a)
}

// ensureImport finds the import of the same content into the same source, or makes it. While
// no row has come, the new mapping replaces the old one; after that the answer holds the
// mapping that the rows came under, for the caller to judge.
func (x *Imports) ensureImport(ctx context.Context, want importRow) (row importRow, made bool, err error) {
	err = x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		made = false
		row, err = scanImport(tx.QueryRow(ctx, `SELECT `+importColumns+` FROM imports WHERE fingerprint = ? AND source_name = ?`,
			want.fingerprint, want.sourceName))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			row, made = want, true
			_, err := tx.Exec(ctx, `INSERT INTO imports (`+importColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, 0, '[]')`,
				row.id, row.file, row.fingerprint, row.size, row.sourceID, row.sourceName, row.mapping, row.nextRow, row.createdAt)
			return err
		case err != nil:
			return err
		}
		if row.nextRow == firstImportRow && row.finishedAt == 0 {
			row.mapping = want.mapping
		}
		row.sourceID = want.sourceID // another one when the source was deleted and made again
		_, err := tx.Exec(ctx, `UPDATE imports SET mapping = ?, source_id = ? WHERE id = ?`, row.mapping, row.sourceID, row.id)
		return err
	})
	return row, made, err
}

func (x *Imports) listImports(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	after, err := api.ParseTimeKey(p.After)
	if err != nil {
		return err
	}
	rows, err := x.readImports(r.Context(), after, p.Limit+1)
	if err != nil {
		return err
	}
	rows, next := api.FirstPage(rows, p.Limit, func(i *importRow) api.TimeKey { return api.TimeKey{MS: i.createdAt, ID: i.id} })
	items := make([]*importAnswer, len(rows))
	for n, row := range rows {
		if items[n], err = x.showImport(r, x.progress.current(r.Context(), row)); err != nil {
			return err
		}
	}
	return api.WritePage(w, items, next)
}

func (x *Imports) readImports(ctx context.Context, after api.TimeKey, limit int) ([]importRow, error) {
	rows, err := x.cfg.DB.Reader().Query(ctx, `SELECT `+importColumns+` FROM imports
		WHERE created_at < ? OR (created_at = ? AND id < ?) ORDER BY created_at DESC, id DESC LIMIT ?`, after.MS, after.MS, after.ID, limit)
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

func (x *Imports) getImport(w http.ResponseWriter, r *http.Request) error {
	row, err := findImport(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	a, err := x.showImport(r, x.progress.current(r.Context(), row))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, a)
}

func (x *Imports) appendImportRows(w http.ResponseWriter, r *http.Request) error {
	part, done, err := x.readPart(w, r)
	if err != nil {
		return err
	}
	defer done()
	step, err := server{x}.Append(r.Context(), api.Param(r, "id"), part)
	if err != nil {
		return err
	}
	step.Refused = step.Refused[:min(len(step.Refused), maxShownRefused)]
	return api.WriteJSON(w, http.StatusOK, step)
}

func (x *Imports) checkImportRows(w http.ResponseWriter, r *http.Request) error {
	part, done, err := x.readPart(w, r)
	if err != nil {
		return err
	}
	defer done()
	step, err := server{x}.Check(r.Context(), part)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, step)
}

// readPart reads a part of a file; done frees its memory.
func (x *Imports) readPart(w http.ResponseWriter, r *http.Request) (part importer.Part, done func(), err error) {
	if part.First, err = rowNumber(r, "first_row", firstImportRow, 1<<53); err != nil {
		return part, nil, err
	}
	if part.Rows, err = rowNumber(r, "rows", 1, maxPartRows); err != nil {
		return part, nil, err
	}
	part.Frames, done, err = x.readFrames(w, r)
	return part, done, err
}

func rowNumber(r *http.Request, name string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", name, least, most)
	}
	return n, nil
}

func (x *Imports) finishImport(w http.ResponseWriter, r *http.Request) error {
	row, already, err := server{x}.finishImport(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	api.NoteTarget(r, row.id, row.file)
	if already {
		api.NoteNothing(r)
	}
	a, err := x.showImport(r, row)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, a)
}

func (x *Imports) previewImport(w http.ResponseWriter, r *http.Request) error {
	frames, done, err := x.readFrames(w, r)
	if err != nil {
		return err
	}
	defer done()
	persons, err := server{x}.Persons(r.Context(), importer.Part{Frames: frames, Thorough: r.URL.Query().Get("thorough") == "true"})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, persons)
}

// readFrames reads a body of packed frames whole, so that a slow sender does not hold up
// other parts of its import. Few are in memory at a time; done frees the place.
func (x *Imports) readFrames(w http.ResponseWriter, r *http.Request) (frames []byte, done func(), err error) {
	select {
	case x.frameSlots <- struct{}{}:
	case <-r.Context().Done():
		return nil, nil, r.Context().Err()
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(framesTime)) // a stuck sender must not keep the place
	frames, err = api.ReadBody(r)
	if err == nil && len(frames) == 0 {
		err = touchstone.Errorf(touchstone.Invalid, "The body is empty.").WithHint("Send files with touchstone import.")
	}
	if err != nil {
		<-x.frameSlots
		return nil, nil, err
	}
	return frames, func() { <-x.frameSlots }, nil
}
