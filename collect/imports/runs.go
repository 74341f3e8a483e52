package imports

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// The states of a run.
const (
	runWaiting   = "waiting" // for its turn; stored as running
	runRunning   = "running"
	runFinished  = "finished"
	runCancelled = "cancelled"
	runFailed    = "failed"
)

const (
	runsAtOnce    = 2
	dryRunsAtOnce = 1
	dryRunsKept   = 20
	dryRunIDs     = 1_000_000 // message ids that a dry run remembers: some 40 MB
	dryRunRows    = 5
)

// runs are the imports and dry runs that this server does itself, out of uploads. A
// run is a row before it is a goroutine: what was under way when the server stopped goes on
// when it is back. Dry runs change nothing and are forgotten then.
type runs struct {
	m     *Imports
	turns chan struct{}
	dry   chan struct{}

	mu    sync.Mutex
	ctx   context.Context // of Imports.Run; nil before
	jobs  map[string]*importJob
	dries map[string]*importJob // by upload
	wg    sync.WaitGroup

	running prometheus.Gauge
	ended   *prometheus.CounterVec
}

// importJob is one run under way in this process.
type importJob struct {
	cancel context.CancelFunc

	mu        sync.Mutex
	state     string
	progress  importer.Progress
	began     time.Time         // of the phase
	from      importer.Progress // as it was then
	cancelled bool
	err       error
	result    *importer.DryRunResult
	mapping   string // of a dry run: as JSON
}

func newRuns(m *Imports, reg prometheus.Registerer) *runs {
	r := &runs{m: m, turns: make(chan struct{}, runsAtOnce), dry: make(chan struct{}, dryRunsAtOnce),
		jobs: map[string]*importJob{}, dries: map[string]*importJob{},
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_import_runs",
			Help: "Imports of uploaded files that are under way or wait for their turn."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_import_runs_ended_total",
			Help: "Imports of uploaded files that ended, by state."}, []string{"state"}),
	}
	if reg != nil {
		reg.MustRegister(r.running, r.ended)
	}
	return r
}

// runRow is a run as it is stored.
type runRow struct {
	importID, uploadID, fingerprint, mapping, source, state, error string
	startedAt, endedAt                                             int64
}

const runColumns = `import_id, upload_id, fingerprint, mapping, source, state, error, started_at, ended_at`

func scanRun(row scanner) (r runRow, err error) {
	return r, row.Scan(&r.importID, &r.uploadID, &r.fingerprint, &r.mapping, &r.source, &r.state, &r.error, &r.startedAt, &r.endedAt)
}

// loop goes on with what was under way and waits for the end of all runs.
func (r *runs) loop(ctx context.Context) {
	r.mu.Lock()
	r.ctx = ctx
	r.mu.Unlock()
	if r.m.uploads.Dir != "" {
		rows, err := r.unfinished(ctx)
		r.m.warn("imports that were under way do not go on", err)
		for _, row := range rows {
			r.start(row)
		}
	}
	<-ctx.Done()
	r.wg.Wait()
}

func (r *runs) unfinished(ctx context.Context) ([]runRow, error) {
	rows, err := r.m.cfg.DB.Reader().Query(ctx, `SELECT `+runColumns+` FROM import_runs WHERE state = 'running' ORDER BY started_at`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []runRow
	for rows.Next() {
		row, err := scanRun(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// add stores a run and starts it. leave are the sets of identifiers whose rows are left out.
func (r *runs) add(ctx context.Context, row runRow, leave []uint64) error {
	err := r.m.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := saveLeftOut(ctx, tx, row.importID, leave); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO import_runs (`+runColumns+`) VALUES (?, ?, ?, ?, ?, 'running', '', ?, 0)
			ON CONFLICT (import_id) DO UPDATE SET upload_id = excluded.upload_id, fingerprint = excluded.fingerprint, mapping = excluded.mapping,
			source = excluded.source, state = excluded.state, error = '', started_at = excluded.started_at, ended_at = 0`,
			row.importID, row.uploadID, row.fingerprint, row.mapping, row.source, row.startedAt)
		return err
	})
	if err == nil {
		r.start(row)
	}
	return err
}

// start runs an import in the background, unless it runs already.
func (r *runs) start(row runRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || r.ctx.Err() != nil || r.jobs[row.importID] != nil {
		return // loop starts it
	}
	ctx, cancel := context.WithCancel(r.ctx)
	job := &importJob{cancel: cancel, state: runWaiting}
	r.jobs[row.importID] = job
	r.running.Inc()
	r.wg.Go(func() {
		defer cancel()
		defer r.running.Dec()
		err := r.do(ctx, r.turns, job, func() error { return r.importFile(ctx, row, job) })
		stopped := r.ctx.Err() != nil
		if !stopped {
			r.end(row, job, err)
		}
		r.mu.Lock()
		delete(r.jobs, row.importID)
		r.mu.Unlock()
	})
}

// do waits for a turn and runs fn. A file that makes a reader panic fails; it stops nobody.
func (r *runs) do(ctx context.Context, turns chan struct{}, job *importJob, fn func() error) (err error) {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		if p := recover(); p != nil {
			r.m.cfg.Logger.Error("reading an uploaded file panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("reading an uploaded file panicked: %v", p)
		}
	}()
	job.mu.Lock()
	job.state = runRunning
	job.mu.Unlock()
	return fn()
}

func (r *runs) importFile(ctx context.Context, row runRow, job *importJob) error {
	upload, err := r.m.uploads.whole(ctx, row.uploadID)
	if err != nil {
		return err
	}
	m, err := importer.ParseMapping([]byte(row.mapping))
	if err != nil {
		return err
	}
	leave, err := r.leftOut(ctx, row.importID)
	if err != nil {
		return err
	}
	_, err = importer.Run(ctx, importer.Options{
		Leave: leave,
		To:    server{r.m}, File: r.m.uploads.path(upload), FileKey: r.m.uploads.Key, Name: upload.name, Mapping: m, Source: row.source, Fingerprint: row.fingerprint,
		Clock: r.m.cfg.Clock, Progress: job.report,
	})
	return r.m.nameFile(err, upload)
}

// report takes progress.
func (j *importJob) report(p importer.Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.Phase != j.progress.Phase {
		j.began, j.from = time.Now(), p
	}
	j.progress = p
}

// end notes how a run ended.
func (r *runs) end(row runRow, job *importJob, err error) {
	job.mu.Lock()
	cancelled := job.cancelled
	job.mu.Unlock()
	state, problem := runFinished, ""
	switch {
	case err != nil && cancelled:
		state = runCancelled
	case err != nil:
		state = runFailed
		text, _ := api.EncodeJSON(showRunError(err)) // texts only
		problem = string(text)
		r.m.cfg.Logger.Warn("an import of an uploaded file failed", "import", row.importID, "error", err)
	}
	r.ended.WithLabelValues(state).Inc()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.m.warn("the end of an import was not written down", r.m.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if state == runFinished {
			if err := saveLeftOut(ctx, tx, row.importID, nil); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE import_runs SET state = ?, error = ?, ended_at = ? WHERE import_id = ?`,
			state, problem, r.m.cfg.Clock.Now().UnixMilli(), row.importID)
		return err
	}))
}

type runError struct {
	Detail     string        `json:"detail"`
	Hint       string        `json:"hint,omitempty"`
	DetailText *httpapi.Text `json:"detail_text,omitempty"`
	HintText   *httpapi.Text `json:"hint_text,omitempty"`
}

func showRunError(err error) *runError {
	var e *touchstone.Error
	if !errors.As(err, &e) || e.Message == "" {
		e = touchstone.Errorf(touchstone.Internal, "Something went wrong on the server; its log says what.")
	}
	detail, hint := e.Texts()
	return &runError{e.Message, e.Hint, httpapi.NewText(detail), httpapi.NewText(hint)}
}

// cancel ends a run. The rows that were taken stay.
func (r *runs) cancel(importID string) bool {
	r.mu.Lock()
	job := r.jobs[importID]
	r.mu.Unlock()
	if job == nil {
		return false
	}
	job.stop()
	return true
}

func (j *importJob) stop() {
	j.mu.Lock()
	j.cancelled = true
	j.mu.Unlock()
	j.cancel()
}

// reads tells whether something reads an upload.
func (r *runs) reads(ctx context.Context, uploadID string) (bool, error) {
	var n int
	err := r.m.cfg.DB.Reader().QueryRow(ctx, `SELECT count(*) FROM import_runs WHERE upload_id = ? AND state = 'running'`, uploadID).Scan(&n)
	return n > 0, err
}

// runAnswer is how far a run is.
type runAnswer struct {
	UploadID      string         `json:"upload_id"`
	State         string         `json:"state"`
	Phase         string         `json:"phase"`
	Bytes         int64          `json:"bytes"`
	TotalBytes    int64          `json:"total_bytes"`
	Rows          int64          `json:"rows"`
	RowsPerSecond float64        `json:"rows_per_second"`
	ETASeconds    *float64       `json:"eta_seconds"`
	Error         jsontext.Value `json:"error"`
	StartedAt     time.Time      `json:"started_at"`
	EndedAt       time.Time      `json:"ended_at"`
}

// show returns the run of an import, nil when the import's rows come from elsewhere.
func (r *runs) show(ctx context.Context, importID string) (*runAnswer, error) {
	row, err := scanRun(r.m.cfg.DB.Reader().QueryRow(ctx, `SELECT `+runColumns+` FROM import_runs WHERE import_id = ?`, importID))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := &runAnswer{UploadID: row.uploadID, State: row.state, Error: jsontext.Value("null"), StartedAt: time.UnixMilli(row.startedAt), EndedAt: timeOrZero(row.endedAt)}
	if row.error != "" {
		a.Error = jsontext.Value(row.error)
	}
	r.mu.Lock()
	job := r.jobs[importID]
	r.mu.Unlock()
	if job != nil && row.state == runRunning {
		job.show(a)
	} else if row.state == runRunning {
		a.State = runWaiting
	}
	return a, nil
}

func (j *importJob) show(a *runAnswer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.progress
	a.State, a.Phase, a.Bytes, a.TotalBytes, a.Rows = j.state, string(p.Phase), p.Bytes, p.TotalBytes, p.Rows
	took := time.Since(j.began).Seconds()
	if done := p.Bytes - j.from.Bytes; p.Phase == importer.PhaseSend && took > 0.2 {
		a.RowsPerSecond = float64(p.Rows-j.from.Rows) / took
		if done > 0 {
			left := took * float64(max(p.TotalBytes-p.Bytes, 0)) / float64(done)
			a.ETASeconds = &left
		}
	}
}

// startDry begins a dry run over an upload; one that is under way ends.
func (r *runs) startDry(upload uploadRow, m *importer.Mapping, source string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || r.ctx.Err() != nil {
		return api.NotHere("imports")
	}
	if old := r.dries[upload.id]; old != nil {
		old.stop()
	} else if len(r.dries) >= dryRunsKept {
		r.dropDry()
	}
	ctx, cancel := context.WithCancel(r.ctx)
	job := &importJob{cancel: cancel, state: runWaiting, mapping: string(m.JSON())}
	r.dries[upload.id] = job
	r.wg.Go(func() {
		defer cancel()
		var result importer.DryRunResult
		err := r.do(ctx, r.dry, job, func() (err error) {
			result, err = importer.DryRun(ctx, importer.Options{
				To: server{r.m}, File: r.m.uploads.path(upload), FileKey: r.m.uploads.Key, Name: upload.name, Mapping: m, Source: source, Fingerprint: upload.fingerprint,
				Clock: r.m.cfg.Clock, MessageIDs: dryRunIDs, Progress: job.report,
			}, dryRunRows)
			return r.m.nameFile(err, upload)
		})
		job.mu.Lock()
		defer job.mu.Unlock()
		switch {
		case err == nil:
			job.state, job.result = runFinished, &result
		case job.cancelled:
			job.state = runCancelled
		default:
			job.state, job.err = runFailed, err
		}
	})
	return nil
}

// dropDry makes room: one that has ended goes first.
func (r *runs) dropDry() {
	victim := ""
	for id, job := range r.dries {
		job.mu.Lock()
		over := job.state != runWaiting && job.state != runRunning
		job.mu.Unlock()
		if victim == "" || over {
			victim = id
		}
		if over {
			break
		}
	}
	if job := r.dries[victim]; job != nil {
		job.stop()
		delete(r.dries, victim)
	}
}

func (r *runs) forgetDry(uploadID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.dries[uploadID]
	if job != nil {
		job.stop()
		delete(r.dries, uploadID)
	}
	return job != nil
}
