package job

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Config is what Open needs. Zero values of the limits take the defaults named there.
type Config struct {
	DB      *store.DB
	Leases  *lease.Table
	Kinds   []Kind // that this process can do
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	LightAtOnce int           // light jobs at a time, over all processes; 2. The same everywhere
	MaxQueued   int           // unfinished jobs; 1,000
	Keep        time.Duration // how long a job that ended is kept; 30 days
	KeepMost    int           // most jobs that ended; 5,000
	// Poll is between two looks at what other processes have changed: 1 s; on SQLite, which has
	// one process, 30 s. What this process does itself is seen at once.
	Poll time.Duration

	Files FilesConfig
}

func (c *Config) setDefaults() {
	c.LightAtOnce = cmp.Or(c.LightAtOnce, 2)
	c.MaxQueued = cmp.Or(c.MaxQueued, 1_000)
	c.Keep = cmp.Or(c.Keep, 30*24*time.Hour)
	c.KeepMost = cmp.Or(c.KeepMost, 5_000)
	if c.DB.Dialect() == store.SQLite {
		c.Poll = cmp.Or(c.Poll, 30*time.Second)
	}
	c.Poll = cmp.Or(c.Poll, busyPoll)
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Jobs are the jobs of a store. All methods may be called at the same time.
type Jobs struct {
	cfg     Config
	kinds   map[string]*Kind
	names   []string // of kinds
	slots   []slot
	files   *files
	metrics metrics

	erasures chan struct{} // wakes who looks at files
	looksMu  sync.Mutex
	looks    map[string]int64 // by job whose folder is here: the last erasure that it was looked at for
}

// Open migrates the tables.
func Open(ctx context.Context, cfg Config) (*Jobs, error) {
	cfg.setDefaults()
	if err := Migrate(ctx, cfg.DB); err != nil {
		return nil, err
	}
	j := &Jobs{cfg: cfg, kinds: map[string]*Kind{}, slots: slots(cfg.LightAtOnce), metrics: newMetrics(cfg.Metrics), erasures: make(chan struct{}, 1), looks: map[string]int64{}}
	var err error
	if j.files, err = openFiles(cfg.Files); err != nil {
		return nil, err
	}
	for _, k := range cfg.Kinds {
		if j.kinds[k.Name] != nil {
			return nil, fmt.Errorf("job: two kinds are called %s", k.Name)
		}
		j.kinds[k.Name] = &k
		j.names = append(j.names, k.Name)
	}
	return j, nil
}

// Prepare checks what somebody wants to start, over the API or by a schedule.
func (j *Jobs) Prepare(ctx context.Context, v *access.Viewer, kind string, input touchstone.JSON) (Request, error) {
	k := j.kinds[kind]
	if k == nil || k.Start == access.None {
		return Request{}, touchstone.Errorf(touchstone.Invalid, "There is no job %q to start.", kind).WithHint("GET /api/v1/jobs/kinds lists what can be started.")
	}
	if !k.Serves.Said() {
		return Request{}, touchstone.Errorf(touchstone.Forbidden, "Jobs of the kind %s do not say for which use they work on persons, so they are closed.", kind)
	}
	if !v.May(k.Start) {
		return Request{}, touchstone.Errorf(touchstone.Forbidden, "Starting a job of this kind needs the permission %s.", string(k.Start))
	}
	r := Request{Kind: kind, Asker: AskerOf(v), Prepared: Prepared{Input: "{}"}}
	if v.Limited() {
		if !k.Scoped {
			return Request{}, v.RequireAll()
		}
		r.rows = v.Rows.Set
	}
	if k.Prepare == nil {
		if text := strings.Join(strings.Fields(string(input)), ""); text != "" && text != "{}" && text != "null" {
			return Request{}, touchstone.Errorf(touchstone.Invalid, "A job of this kind takes no input.")
		}
		return r, nil
	}
	var err error
	r.Prepared, err = k.Prepare(ctx, v, input)
	return r, err
}

// Start puts a job in the queue.
func (j *Jobs) Start(ctx context.Context, r Request) (Job, error) {
	id := randid.New("job")
	err := j.cfg.DB.Retry(ctx, func(tx *store.Tx) error { return j.put(ctx, tx, id, r) })
	if err != nil {
		return Job{}, err
	}
	j.metrics.started.WithLabelValues(r.Kind).Inc()
	j.Wake()
	return j.Get(ctx, id)
}

// StartIn puts a job in the queue in a transaction, and returns its id. Call Wake after the
// commit, or it waits for the next look at the queue.
func (j *Jobs) StartIn(ctx context.Context, tx *store.Tx, r Request) (string, error) {
	id := randid.New("job")
	err := j.put(ctx, tx, id, r)
	if err == nil {
		j.metrics.started.WithLabelValues(r.Kind).Inc()
	}
	return id, err
}

// Wake makes the slots look at the queue at once.
func (j *Jobs) Wake() {
	for _, slot := range j.slots {
		select {
		case slot.wake <- struct{}{}:
		default:
		}
	}
}

func (j *Jobs) put(ctx context.Context, tx *store.Tx, id string, r Request) error {
	k := j.kinds[r.Kind]
	if k == nil {
		return touchstone.Errorf(touchstone.Invalid, "There is no kind of job called %q.", r.Kind)
	}
	if err := j.refuse(ctx, tx, r.Key); err != nil {
		return err
	}
	if r.Input == "" {
		r.Input = "{}"
	}
	if r.Asker == (Asker{}) {
		r.Asker = system
	}
	erasures, err := lastErasure(ctx, tx)
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `INSERT INTO jobs (`+columns+`) VALUES `+store.Marks(columnCount)+` ON CONFLICT DO NOTHING`,
		id, r.Kind, k.Heavy, r.Key, r.Subject, r.Title, string(r.Input), r.Asker.Kind, r.Asker.ID, r.Asker.Name, string(r.Need), r.schedule, msOf(r.dueAt), r.late,
		string(Queued), false, "", "", msOf(r.NotBefore), 0, 0, 0, 0, 0, "", "", "", "", j.cfg.Clock.Now().UnixMilli(), 0, 0, 0, erasures, 0, r.rows)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return touchstone.Errorf(touchstone.Conflict, "This has just been started by somebody else.") // faster than refuse looked
}

// refuse tells why no job with a key can be put into the queue.
func (j *Jobs) refuse(ctx context.Context, tx *store.Tx, key string) error {
	var unfinished int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')`).Scan(&unfinished); err != nil {
		return err
	}
	if unfinished >= j.cfg.MaxQueued {
		return touchstone.Errorf(touchstone.Unavailable, "%d jobs are waiting already.", unfinished).WithHint("Wait until some have ended, or cancel some.")
	}
	if key == "" {
		return nil
	}
	other, err := underWay(ctx, tx, key)
	if err == nil && other != "" {
		err = touchstone.Errorf(touchstone.Conflict, "This is under way already, as the job %s.", other).WithHint("Wait for it, or cancel it.")
	}
	return err
}

// underWay returns the unfinished job with a key, "" when there is none.
func underWay(ctx context.Context, q store.Querier, key string) (id string, err error) {
	err = q.QueryRow(ctx, `SELECT id FROM jobs WHERE key = ? AND status IN ('queued', 'running')`, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// Get returns a job.
func (j *Jobs) Get(ctx context.Context, id string) (Job, error) {
	return j.get(ctx, j.cfg.DB.Reader(), id)
}

// getFor is Get for a viewer, to whom what they may not see is not there.
func (j *Jobs) getFor(ctx context.Context, v *access.Viewer, id string) (Job, error) {
	job, err := j.Get(ctx, id)
	if err == nil && !job.sees(v) {
		return Job{}, noJob(id)
	}
	return job, err
}

func noJob(id string) error {
	return touchstone.Errorf(touchstone.NotFound, "There is no job %s.", id).WithHint("Jobs that have ended are kept for some time only.")
}

func (j *Jobs) get(ctx context.Context, q store.Querier, id string) (Job, error) {
	job, err := scanJob(q.QueryRow(ctx, `SELECT `+columns+` FROM jobs WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return job, noJob(id)
	}
	job.Retryable = j.retryable(&job)
	return job, err
}

func (j *Jobs) retryable(job *Job) bool {
	return (job.Status == Failed || job.Status == Cancelled) && j.kinds[job.Kind] != nil
}

// Filter chooses jobs. Empty fields choose all.
type Filter struct {
	Statuses []Status
	Kinds    []string
	Subject  string
	Schedule string
	// Of is who looks: one who is limited to some persons sees what they have started themselves.
	Of *access.Viewer
}

// sees reports whether a viewer may see a job: one who is limited to some persons sees what they
// have started themselves under the same limits.
func (j *Job) sees(v *access.Viewer) bool {
	return !v.Limited() || j.rows == v.Rows.Set && j.Asker.Kind == v.Kind && j.Asker.ID == v.ID
}

// List returns a page of jobs, newest first.
func (j *Jobs) List(ctx context.Context, f Filter, limit int, cursor string) (list []Job, next string, err error) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(cond string, values ...any) { where, args = append(where, cond), append(args, values...) }
	if len(f.Statuses) > 0 {
		add("status IN "+store.Marks(len(f.Statuses)), anys(f.Statuses)...)
	}
	if len(f.Kinds) > 0 {
		add("kind IN "+store.Marks(len(f.Kinds)), anys(f.Kinds)...)
	}
	if f.Subject != "" {
		add("subject = ?", f.Subject)
	}
	if f.Schedule != "" {
		add("schedule = ?", f.Schedule)
	}
	if v := f.Of; v.Limited() {
		add("rows_set = ? AND asker_kind = ? AND asker_id = ?", v.Rows.Set, v.Kind, v.ID)
	}
	if cursor != "" {
		at, id, ok := strings.Cut(cursor, ".")
		ms, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return nil, "", touchstone.Errorf(touchstone.Invalid, "The cursor is not one of this list.")
		}
		add("(created_at < ? OR created_at = ? AND id < ?)", ms, ms, id)
	}
	rows, err := j.cfg.DB.Reader().Query(ctx, `SELECT `+columns+` FROM jobs WHERE `+strings.Join(where, " AND ")+` ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	list = []Job{}
	for rows.Next() {
		job, err := scanJob(rows)
		if err != nil {
			return nil, "", err
		}
		job.Retryable = j.retryable(&job)
		list = append(list, job)
	}
	if len(list) > limit {
		list = list[:limit]
		last := &list[limit-1]
		next = strconv.FormatInt(last.CreatedAt.UnixMilli(), 10) + "." + last.ID
	}
	return list, next, rows.Err()
}

func anys[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// Counts is how many jobs there are, by status.
func (j *Jobs) Counts(ctx context.Context) (map[Status]int64, error) {
	rows, err := j.cfg.DB.Reader().Query(ctx, `SELECT status, count(*) FROM jobs GROUP BY status`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[Status]int64{Queued: 0, Running: 0, Done: 0, Failed: 0, Cancelled: 0}
	for rows.Next() {
		var s Status
		var n int64
		if err := rows.Scan(&s, &n); err != nil {
			return nil, err
		}
		counts[s] = n
	}
	return counts, rows.Err()
}

// Cancel ends a job: one that waits at once, one that runs soon. What it has done stays.
func (j *Jobs) Cancel(ctx context.Context, id string) (Job, error) {
	err := j.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		job, err := j.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case job.Status == Queued:
			_, err = tx.Exec(ctx, `UPDATE jobs SET status = 'cancelled', ended_at = ? WHERE id = ?`, j.cfg.Clock.Now().UnixMilli(), id)
		case job.Status == Running:
			_, err = tx.Exec(ctx, `UPDATE jobs SET cancel = ? WHERE id = ?`, true, id)
		default:
			return touchstone.Errorf(touchstone.Conflict, "The job has ended already.")
		}
		return err
	})
	if err != nil {
		return Job{}, err
	}
	job, err := j.Get(ctx, id)
	if err == nil && job.Status == Cancelled {
		j.metrics.ended.WithLabelValues(job.Kind, string(Cancelled)).Inc()
	}
	return job, err
}

// Retry puts a job that failed or was cancelled back in the queue. It goes on from what it
// has saved.
func (j *Jobs) Retry(ctx context.Context, id string) (Job, error) {
	err := j.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		job, err := j.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if !j.retryable(&job) {
			return touchstone.Errorf(touchstone.Conflict, "Only a job that failed or was cancelled can be tried again.")
		}
		if err := j.refuse(ctx, tx, job.key); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE jobs SET status = 'queued', cancel = ?, failure = '', note = '', not_before = 0, idle = 0, ended_at = 0, file_erased_at = 0 WHERE id = ?`, false, id)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	j.Wake()
	return j.Get(ctx, id)
}

// KindInfo is a kind as people see it.
type KindInfo struct {
	Name  string            `json:"name"`
	Heavy bool              `json:"heavy"`
	Start access.Permission `json:"start"` // the right to start one; "" when the program does
}

// Kinds lists the kinds that this process can do; for a viewer who is limited to some persons,
// those that keep to them.
func (j *Jobs) Kinds(v *access.Viewer) []KindInfo {
	list := make([]KindInfo, 0, len(j.names))
	for _, name := range slices.Sorted(slices.Values(j.names)) {
		k := j.kinds[name]
		if v.Limited() && !k.Scoped {
			continue
		}
		list = append(list, KindInfo{k.Name, k.Heavy, k.Start})
	}
	return list
}
