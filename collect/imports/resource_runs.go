package imports

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect/importer"
)

// startImport begins to import an upload in the background.
func (x *Imports) startImport(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Mapping jsontext.Value `json:"mapping"`
		YAML    string         `json:"yaml"`
		Source  string         `json:"source"`
		Again   bool           `json:"again"`
		// WithoutMerges leaves out rows of which a dry run has said that they make one of two persons who are there.
		WithoutMerges bool `json:"without_merges"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	ctx := r.Context()
	upload, err := x.uploads.whole(ctx, api.Param(r, "id"))
	if err != nil {
		return err
	}
	source, err := api.CheckName("source", in.Source, 100)
	if err != nil {
		return err
	}
	m, yaml, err := mappingInput{in.Mapping, in.YAML}.parse()
	if err != nil {
		return err
	}
	var leave []uint64
	if in.WithoutMerges {
		if leave, err = x.runs.leave(upload.id, m); err != nil {
			return err
		}
	}
	sum, err := importer.Begin(ctx, importer.Options{
		To: server{x}, File: x.uploads.path(upload), FileKey: x.uploads.Key, Name: upload.name, Mapping: m, Source: source, Again: in.Again,
		Fingerprint: upload.fingerprint, Clock: x.cfg.Clock,
	})
	if err != nil {
		return x.nameFile(err, upload)
	}
	status := http.StatusOK
	if sum.AlreadyImported {
		api.NoteNothing(r)
	} else {
		status = http.StatusAccepted
		api.NoteTarget(r, sum.Import, upload.name)
		if err := x.runs.add(ctx, runRow{importID: sum.Import, uploadID: upload.id, fingerprint: sum.Fingerprint, mapping: yaml,
			source: sum.Source, startedAt: x.cfg.Clock.Now().UnixMilli()}, leave); err != nil {
			return err
		}
	}
	row, err := findImport(ctx, x.cfg.DB.Reader(), sum.Import)
	if err != nil {
		return err
	}
	a, err := x.showImport(r, x.progress.current(ctx, row))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, status, a)
}

func (x *Imports) cancelImport(w http.ResponseWriter, r *http.Request) error {
	row, err := findImport(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	if !x.runs.cancel(row.id) {
		return touchstone.Errorf(touchstone.Conflict, "The import is not running on this server.")
	}
	api.NoteTarget(r, row.id, row.file)
	return api.NoContent(w)
}

func (x *Imports) startDryRun(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Mapping jsontext.Value `json:"mapping"`
		YAML    string         `json:"yaml"`
		Source  string         `json:"source"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	upload, err := x.uploads.whole(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	m, _, err := mappingInput{in.Mapping, in.YAML}.parse()
	if err != nil {
		return err
	}
	if err := x.runs.startDry(upload, m, in.Source); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

type dryRunAnswer struct {
	State      string `json:"state"`
	Phase      string `json:"phase"` // send: rows are read; persons: what they would do is tried
	Bytes      int64  `json:"bytes"`
	TotalBytes int64  `json:"total_bytes"`
	Rows       int64  `json:"rows"`
	// Of the phase persons: sets of identifiers that were tried, and all of them.
	Persons      int64                  `json:"persons"`
	TotalPersons int64                  `json:"total_persons"`
	Error        *runError              `json:"error"`
	Result       *importer.DryRunResult `json:"result"`
}

func (x *Imports) getDryRun(w http.ResponseWriter, r *http.Request) error {
	id := api.Param(r, "id")
	x.runs.mu.Lock()
	job := x.runs.dries[id]
	x.runs.mu.Unlock()
	if job == nil {
		return touchstone.Errorf(touchstone.NotFound, "There is no dry run of this file.").WithHint("Start it again: a restart of the server forgets it.")
	}
	job.mu.Lock()
	defer job.mu.Unlock()
	a := dryRunAnswer{State: job.state, Bytes: job.progress.Bytes, TotalBytes: job.progress.TotalBytes, Rows: job.progress.Rows, Result: job.result,
		Phase: string(job.progress.Phase), Persons: job.progress.Persons, TotalPersons: job.progress.TotalPersons}
	if job.err != nil {
		a.Error = showRunError(job.err)
	}
	row, err := x.uploads.find(r.Context(), x.cfg.DB.Reader(), id)
	if err != nil {
		return err
	}
	return writeRows(w, r, row, a)
}

func (x *Imports) cancelDryRun(w http.ResponseWriter, r *http.Request) error {
	if !x.runs.forgetDry(api.Param(r, "id")) {
		return touchstone.Errorf(touchstone.NotFound, "There is no dry run of this file.")
	}
	return api.NoContent(w)
}
