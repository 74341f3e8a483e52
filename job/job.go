// Package job runs long work beside the pipeline: a rebuild, an export, a replay, a
// training. A job is a row with kind, input, progress, owner and result, so that it is
// seen, survives a restart and can be cancelled. One heavy job runs at a time, over all
// processes. [Schedules] start jobs by the clock.
//
// docs/design/jobs.md tells the whole story.
package job

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// Kind is a sort of job that a feature brings.
type Kind struct {
	Name  string // "segment.build"
	Heavy bool   // waits for other heavy ones
	// Start is the right to start one over the API; empty: nobody may, only the program does.
	Start access.Permission
	// Scoped says that the work keeps to the persons whom the asker may see, so that one who is
	// limited to some may start it.
	Scoped bool
	// Serves says for which use it puts out or acts on persons, or why nobody is asked. One that does
	// not say is started by nobody.
	Serves touchstone.Serves
	// Prepare checks an input that came over the API or into a schedule, for who sent it, and
	// says what it is about. It may change the input: what it decides is what runs.
	// Without it the input must be an empty object.
	Prepare func(ctx context.Context, v *access.Viewer, input touchstone.JSON) (Prepared, error)
	// Run does the work from where r.State() says that the last attempt got to. It ends
	// soon after ctx does: with the server (the job goes on after the start), with the lease
	// or because it was cancelled. Its result is shown. A touchstone.Error is its failure in
	// words; one that is Unavailable, and trouble with a database, are tried again later.
	Run func(ctx context.Context, r Run) (result touchstone.JSON, err error)
}

// Prepared is what a job is about.
type Prepared struct {
	Input   touchstone.JSON
	Subject string // "seg_…"
	Title   string // the subject in words: "Loyal customers"
	Key     string // what must not be under way twice: "export:seg_…"
	// Need is the right to read the result; empty: whoever sees the job.
	Need access.Permission
}

// Request asks for a job.
type Request struct {
	Kind string
	Prepared
	Asker     Asker
	NotBefore time.Time

	rows     string // the set that the asker is limited to
	schedule string
	dueAt    time.Time
	late     bool
}

// Asker is for whom a job runs.
type Asker struct {
	Kind string `json:"kind"` // user, key, dev or system
	ID   string `json:"id"`
	Name string `json:"name"`
}

// system is who asks when nobody did.
var system = Asker{"system", "system", "system"}

// AskerOf makes one of a viewer.
func AskerOf(v *access.Viewer) Asker { return Asker{v.Kind, v.ID, v.Name} }

// Run is a job's attempt under way.
type Run interface {
	ID() string
	Input() touchstone.JSON
	// State is what Save kept last, absent before.
	State() touchstone.JSON
	// Report tells how far the work is, as often as it likes; it costs no transaction. done
	// and total count the same thing; total 0 means unknown.
	Report(done, total int64)
	// Note says what the work does right now, where figures do not.
	Note(what touchstone.Text)
	// Save keeps how far the work is, so that another attempt goes on there.
	Save(ctx context.Context, done, total int64, state touchstone.JSON) error
	// SaveIn is Save in the transaction of the work itself, so that both are done or neither.
	// It fails, and tx with it, when the job is another process's by now.
	SaveIn(ctx context.Context, tx *store.Tx, done, total int64, state touchstone.JSON) error
	// File opens a file of the result, whose first bytes are those of an earlier attempt.
	File(name string) (*File, error)
}

// Status is where a job is in its life.
type Status string

// The statuses.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Done      Status = "done"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Ended reports whether the job is over.
func (s Status) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Job is a row.
type Job struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	Heavy      bool            `json:"heavy"`
	Subject    string          `json:"subject"`
	Title      string          `json:"title"`
	Input      touchstone.JSON `json:"input"`
	Asker      Asker           `json:"asker"`
	Schedule   string          `json:"schedule"` // the one that started it, or ""
	DueAt      *time.Time      `json:"due_at"`   // when that was due
	Late       bool            `json:"late"`     // nothing ran when it was due
	Status     Status          `json:"status"`
	Cancelling bool            `json:"cancelling"`
	Owner      string          `json:"owner"` // process that has or had it last
	NotBefore  *time.Time      `json:"not_before"`
	Attempts   int64           `json:"attempts"`
	Done       int64           `json:"done"`
	Total      int64           `json:"total"` // 0: unknown
	ETASeconds *float64        `json:"eta_seconds"`
	Note       *httpapi.Text   `json:"note"`
	Result     touchstone.JSON `json:"result"`
	File       *FileInfo       `json:"file"` // of the result
	// FileErasedAt is when the file was deleted, because it may have held somebody who was erased.
	FileErasedAt *time.Time `json:"file_erased_at"`
	Failure      *Failure   `json:"failure"`
	CreatedAt    time.Time  `json:"created_at"`
	StartedAt    *time.Time `json:"started_at"` // of the last attempt
	MovedAt      *time.Time `json:"moved_at"`   // last progress
	EndedAt      *time.Time `json:"ended_at"`
	Retryable    bool       `json:"retryable"` // it failed or was cancelled, and this process knows its kind

	need     access.Permission
	rows     string // the set that the asker was limited to
	key      string
	slot     string
	base     int64
	idle     int64
	erasures int64 // the last one before it was started
	state    touchstone.JSON
}

// Failure is an error in words.
type Failure struct {
	Detail     string        `json:"detail"`
	Hint       string        `json:"hint,omitempty"`
	DetailText *httpapi.Text `json:"detail_text,omitempty"`
	HintText   *httpapi.Text `json:"hint_text,omitempty"`
}

// eta is how long a running job will take at the speed of its attempt so far.
func (j *Job) eta() *float64 {
	if j.Status != Running || j.Total <= 0 || j.Done <= j.base || j.StartedAt == nil || j.MovedAt == nil {
		return nil
	}
	took := j.MovedAt.Sub(*j.StartedAt).Seconds()
	left := took * float64(max(j.Total-j.Done, 0)) / float64(j.Done-j.base)
	return &left
}
