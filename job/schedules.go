package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/job/cron"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxSchedules bounds the schedules of a store.
const maxSchedules = 500

// lateAfter is how long after its moment a run counts as missed.
const lateAfter = time.Minute

// Schedule is a job by the clock.
type Schedule struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Cron      string          `json:"cron"`
	Days      cron.Days       `json:"days"`
	Kind      string          `json:"kind"`
	Input     touchstone.JSON `json:"input"`
	Subject   string          `json:"subject"`
	Title     string          `json:"title"`
	Asker     Asker           `json:"asker"` // for whom its jobs run
	Paused    bool            `json:"paused"`
	NextAt    *time.Time      `json:"next_at"` // null while paused
	Last      *LastRun        `json:"last"`
	Skipped   int64           `json:"skipped"` // times that the last run was still under way
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`

	key  string
	need access.Permission
	next int64
}

// LastRun is the last job that a schedule started.
type LastRun struct {
	Job    string    `json:"job"`
	Status Status    `json:"status"` // "" when the job has been deleted
	DueAt  time.Time `json:"due_at"`
	Late   bool      `json:"late"`
}

// Definition is what people say of a schedule.
type Definition struct {
	Name   string          `json:"name"`
	Cron   string          `json:"cron"`
	Days   cron.Days       `json:"days"` // "" is all
	Kind   string          `json:"kind"`
	Input  touchstone.JSON `json:"input"`
	Paused bool            `json:"paused"`
}

// Change is a change of a schedule; what is nil stays.
type Change struct {
	Name   *string         `json:"name"`
	Cron   *string         `json:"cron"`
	Days   *cron.Days      `json:"days"`
	Input  touchstone.JSON `json:"input"`
	Paused *bool           `json:"paused"`
}

// Schedules start jobs by the clock. All methods may be called at the same time.
type Schedules struct {
	jobs *Jobs
	zone func() *time.Location

	changed chan struct{} // wakes Run: moments may have moved
}

// NewSchedules makes the schedules of jobs; zone is the organisation's time zone, which may
// change.
func NewSchedules(jobs *Jobs, zone func() *time.Location) *Schedules {
	return &Schedules{jobs, zone, make(chan struct{}, 1)}
}

// wake lets what has changed count at once.
func (s *Schedules) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Schedules) db() *store.DB { return s.jobs.cfg.DB }

const scheduleColumns = `id, name, cron, days, kind, input, subject, title, key, need, asker_kind, asker_id, asker_name, paused, next_at,
	last_at, last_job, last_late, skipped, created_at, updated_at`

func scanSchedule(row scanner) (s Schedule, err error) {
	var input string
	var last LastRun
	var lastAt, created, updated int64
	err = row.Scan(&s.ID, &s.Name, &s.Cron, &s.Days, &s.Kind, &input, &s.Subject, &s.Title, &s.key, &s.need, &s.Asker.Kind, &s.Asker.ID, &s.Asker.Name, &s.Paused, &s.next,
		&lastAt, &last.Job, &last.Late, &s.Skipped, &created, &updated)
	s.Input, s.CreatedAt, s.UpdatedAt = touchstone.JSON(input), time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	if !s.Paused {
		s.NextAt = timeOf(s.next)
	}
	if lastAt != 0 {
		last.DueAt = time.UnixMilli(lastAt).UTC()
		s.Last = &last
	}
	return s, err
}

// prepare checks a definition for who gives it.
func (s *Schedules) prepare(ctx context.Context, v *access.Viewer, d *Definition) (Request, cron.Expr, error) {
	if d.Days == "" {
		d.Days = cron.All
	}
	d.Name = strings.TrimSpace(d.Name)
	if n := len([]rune(d.Name)); n == 0 || n > 200 {
		return Request{}, cron.Expr{}, touchstone.Errorf(touchstone.Invalid, "A schedule needs a name of at most %d characters.", 200)
	}
	expr, err := checkTime(d.Cron, d.Days)
	if err != nil {
		return Request{}, expr, err
	}
	r, err := s.jobs.Prepare(ctx, v, d.Kind, d.Input)
	return r, expr, err
}

func checkTime(text string, days cron.Days) (cron.Expr, error) {
	if days != cron.All && days != cron.Working && days != cron.Holiday {
		return cron.Expr{}, touchstone.Errorf(touchstone.Invalid, "The days are all, working or holiday, not %q.", string(days))
	}
	return cron.Parse(text)
}

// Create makes a schedule.
func (s *Schedules) Create(ctx context.Context, v *access.Viewer, d Definition) (Schedule, error) {
	r, expr, err := s.prepare(ctx, v, &d)
	if err != nil {
		return Schedule{}, err
	}
	id := randid.New("sch")
	err = s.db().Retry(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM job_schedules`).Scan(&n); err != nil {
			return err
		}
		if n >= maxSchedules {
			return touchstone.Errorf(touchstone.TooLarge, "There are %d schedules, which is the most.", n).WithHint("Delete some that nobody needs.")
		}
		now := s.jobs.cfg.Clock.Now()
		next, basis, err := s.next(ctx, tx, expr, d.Days, now)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO job_schedules (`+scheduleColumns+`, basis) VALUES `+store.Marks(22),
			id, d.Name, d.Cron, string(d.Days), d.Kind, string(r.Input), r.Subject, r.Title, r.Key, string(r.Need), r.Asker.Kind, r.Asker.ID, r.Asker.Name, d.Paused, next,
			0, "", false, 0, now.UnixMilli(), now.UnixMilli(), basis)
		return err
	})
	if err != nil {
		return Schedule{}, err
	}
	s.wake()
	return s.Get(ctx, id)
}

// Update changes a schedule. A new input makes it run for who gave it.
func (s *Schedules) Update(ctx context.Context, v *access.Viewer, id string, c Change) (Schedule, error) {
	old, err := s.Get(ctx, id)
	if err != nil {
		return old, err
	}
	d := Definition{Name: or(c.Name, old.Name), Cron: or(c.Cron, old.Cron), Days: or(c.Days, old.Days), Kind: old.Kind, Input: old.Input, Paused: or(c.Paused, old.Paused)}
	r := Request{Prepared: Prepared{old.Input, old.Subject, old.Title, old.key, old.need}, Asker: old.Asker}
	expr, err := checkTime(d.Cron, d.Days)
	if err == nil && c.Input != "" {
		d.Input = c.Input
		r, expr, err = s.prepare(ctx, v, &d)
	}
	if err != nil {
		return old, err
	}
	err = s.db().Retry(ctx, func(tx *store.Tx) error {
		now := s.jobs.cfg.Clock.Now()
		next, basis, err := s.next(ctx, tx, expr, d.Days, now)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE job_schedules SET name = ?, cron = ?, days = ?, input = ?, subject = ?, title = ?, key = ?, need = ?,
			asker_kind = ?, asker_id = ?, asker_name = ?, paused = ?, next_at = ?, basis = ?, updated_at = ? WHERE id = ?`,
			d.Name, d.Cron, string(d.Days), string(r.Input), r.Subject, r.Title, r.Key, string(r.Need),
			r.Asker.Kind, r.Asker.ID, r.Asker.Name, d.Paused, next, basis, now.UnixMilli(), id)
		return err
	})
	if err != nil {
		return old, err
	}
	s.wake()
	return s.Get(ctx, id)
}

func or[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}

// Delete removes a schedule; its jobs stay.
func (s *Schedules) Delete(ctx context.Context, id string) error {
	if _, err := s.Get(ctx, id); err != nil {
		return err
	}
	return s.db().Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM job_schedules WHERE id = ?`, id)
		return err
	})
}

// Get returns a schedule.
func (s *Schedules) Get(ctx context.Context, id string) (Schedule, error) {
	one, err := scanSchedule(s.db().Reader().QueryRow(ctx, `SELECT `+scheduleColumns+` FROM job_schedules WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return one, touchstone.Errorf(touchstone.NotFound, "There is no schedule %s.", id)
	}
	if err != nil {
		return one, err
	}
	list := []Schedule{one}
	err = s.lastStatus(ctx, list)
	return list[0], err
}

// List returns all schedules, by name.
func (s *Schedules) List(ctx context.Context) ([]Schedule, error) {
	rows, err := s.db().Reader().Query(ctx, `SELECT `+scheduleColumns+` FROM job_schedules ORDER BY name, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Schedule{}
	for rows.Next() {
		one, err := scanSchedule(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return list, s.lastStatus(ctx, list)
}

func (s *Schedules) lastStatus(ctx context.Context, list []Schedule) error {
	byJob := map[string]*LastRun{}
	var ids []string
	for i := range list {
		if last := list[i].Last; last != nil {
			byJob[last.Job] = last
			ids = append(ids, last.Job)
		}
	}
	return store.SelectIn(ctx, s.db().Reader(), `SELECT id, status FROM jobs WHERE id IN (...)`, ids, func(rows *sql.Rows) error {
		var id string
		var status Status
		err := rows.Scan(&id, &status)
		if last := byJob[id]; err == nil && last != nil {
			last.Status = status
		}
		return err
	})
}

// RunNow starts a schedule's job at once, beside its times.
func (s *Schedules) RunNow(ctx context.Context, id string) (Job, error) {
	one, err := s.Get(ctx, id)
	if err != nil {
		return Job{}, err
	}
	var started string
	err = s.db().Retry(ctx, func(tx *store.Tx) error {
		now := s.jobs.cfg.Clock.Now()
		other, err := s.unfinished(ctx, tx, &one)
		if err != nil {
			return err
		}
		if other != "" {
			return touchstone.Errorf(touchstone.Conflict, "The last run is still under way, as the job %s.", other).WithHint("Wait for it, or cancel it.")
		}
		started, err = s.start(ctx, tx, &one, now, false)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	s.jobs.Wake()
	return s.jobs.Get(ctx, started)
}

// unfinished returns the job of a schedule that is under way.
func (s *Schedules) unfinished(ctx context.Context, tx *store.Tx, one *Schedule) (id string, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM jobs WHERE status IN ('queued', 'running') AND (schedule = ? OR key <> '' AND key = ?) LIMIT 1`, one.ID, one.key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func (s *Schedules) start(ctx context.Context, tx *store.Tx, one *Schedule, due time.Time, late bool) (string, error) {
	id, err := s.jobs.StartIn(ctx, tx, Request{Kind: one.Kind, Asker: one.Asker, schedule: one.ID, dueAt: due, late: late,
		Prepared: Prepared{one.Input, one.Subject, one.Title, one.key, one.need}})
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `UPDATE job_schedules SET last_at = ?, last_job = ?, last_late = ? WHERE id = ?`, due.UnixMilli(), id, late, one.ID)
	return id, err
}

// Run starts what is due until ctx is done. Any number of processes may run it.
func (s *Schedules) Run(ctx context.Context) error {
	checked := time.Time{}
	for {
		err := s.tick(ctx)
		if err == nil && time.Since(checked) > lateAfter {
			err, checked = s.rebase(ctx), time.Now()
		}
		next := s.jobs.cfg.Poll
		if err == nil {
			next, err = s.untilDue(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.jobs.cfg.Logger.Error("schedules stand still; trying again", "error", err)
			next = min(busyPoll, s.jobs.cfg.Poll)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-s.changed:
		}
		timer.Stop()
	}
}

// tick starts the jobs of all schedules that are due and whose kind this process knows.
func (s *Schedules) tick(ctx context.Context) error {
	if len(s.jobs.names) == 0 {
		return nil
	}
	now := s.jobs.cfg.Clock.Now()
	rows, err := s.db().Reader().Query(ctx, `SELECT `+scheduleColumns+` FROM job_schedules WHERE next_at > 0 AND next_at <= ? AND kind IN `+store.Marks(len(s.jobs.names))+
		` ORDER BY next_at LIMIT 100`, append([]any{now.UnixMilli()}, anys(s.jobs.names)...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var due []Schedule
	for rows.Next() {
		one, err := scanSchedule(rows)
		if err != nil {
			return err
		}
		due = append(due, one)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i := range due {
		err = errors.Join(err, s.fire(ctx, &due[i], now))
	}
	return err
}

// untilDue returns after how long a schedule is due, at most the time between two looks.
func (s *Schedules) untilDue(ctx context.Context) (time.Duration, error) {
	if len(s.jobs.names) == 0 {
		return s.jobs.cfg.Poll, nil
	}
	var first sql.NullInt64
	err := s.db().Reader().QueryRow(ctx, `SELECT min(next_at) FROM job_schedules WHERE next_at > 0 AND kind IN `+store.Marks(len(s.jobs.names)), anys(s.jobs.names)...).Scan(&first)
	if err != nil || !first.Valid {
		return s.jobs.cfg.Poll, err
	}
	left := time.Duration(first.Int64-s.jobs.cfg.Clock.Now().UnixMilli()) * time.Millisecond
	if left <= 0 { // it came due just now, or could not be moved on
		left = busyPoll
	}
	return min(left, s.jobs.cfg.Poll), nil
}

// fire starts what is due and moves the moment on, in one transaction that hits the row as it
// was read: so one of the processes that tick does it, and all of it or nothing.
func (s *Schedules) fire(ctx context.Context, one *Schedule, now time.Time) error {
	expr, err := cron.Parse(one.Cron)
	if err != nil {
		return err
	}
	what := ""
	err = s.db().Retry(ctx, func(tx *store.Tx) error {
		what = ""
		next, basis, err := s.next(ctx, tx, expr, one.Days, now)
		if err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE job_schedules SET next_at = ?, basis = ? WHERE id = ? AND next_at = ?`, next, basis, one.ID, one.next)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 || one.Paused {
			return err // another process was faster, or nobody wants it
		}
		due := time.UnixMilli(one.next)
		late := now.Sub(due) > lateAfter
		other, err := s.unfinished(ctx, tx, one)
		if err != nil {
			return err
		}
		if other != "" {
			what = "skipped"
			_, err := tx.Exec(ctx, `UPDATE job_schedules SET skipped = skipped + 1 WHERE id = ?`, one.ID)
			return err
		}
		if what = "started"; late {
			what = "late"
		}
		_, err = s.start(ctx, tx, one, due, late)
		return err
	})
	if err != nil {
		s.jobs.metrics.runs.WithLabelValues("refused").Inc()
		return fmt.Errorf("schedule %s: %w", one.ID, err)
	}
	if what != "" {
		s.jobs.metrics.runs.WithLabelValues(what).Inc()
		s.jobs.cfg.Logger.Info("a schedule was due", "schedule", one.ID, "name", one.Name, "what", what)
		s.jobs.Wake()
	}
	return nil
}

// next works out when a schedule is due after a moment, and by which zone and calendar.
func (s *Schedules) next(ctx context.Context, q store.Querier, expr cron.Expr, days cron.Days, after time.Time) (ms int64, basis string, err error) {
	calendar, choice, err := s.calendar(ctx, q)
	if err != nil {
		return 0, "", err
	}
	zone := s.zone()
	if at, ok := expr.Next(after, zone, days, calendar); ok {
		ms = at.UnixMilli()
	}
	return ms, basisOf(zone, calendar, choice), nil
}

// basisOf names a zone and a calendar, so that a change of either is seen.
func basisOf(zone *time.Location, calendar *cron.Calendar, choice string) string {
	h := fnv.New64a()
	for _, d := range ownDays(calendar) {
		fmt.Fprintln(h, d.Day, d.Working)
	}
	return fmt.Sprintf("%s %s %d %x", zone, choice, len(calendar.Public), h.Sum64())
}

// rebase works out anew what is due next where zone or calendar have changed. What is due by
// now is left to tick.
func (s *Schedules) rebase(ctx context.Context) error {
	now := s.jobs.cfg.Clock.Now()
	return s.db().Retry(ctx, func(tx *store.Tx) error {
		calendar, choice, err := s.calendar(ctx, tx)
		if err != nil {
			return err
		}
		basis := basisOf(s.zone(), calendar, choice)
		rows, err := tx.Query(ctx, `SELECT `+scheduleColumns+` FROM job_schedules WHERE basis <> ? AND (next_at > ? OR next_at = 0)`, basis, now.UnixMilli())
		if err != nil {
			return err
		}
		defer rows.Close()
		var list []Schedule
		for rows.Next() {
			one, err := scanSchedule(rows)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for i := range list {
			expr, err := cron.Parse(list[i].Cron)
			if err != nil {
				return err
			}
			next := int64(0)
			if at, ok := expr.Next(now, s.zone(), list[i].Days, calendar); ok {
				next = at.UnixMilli()
			}
			if _, err := tx.Exec(ctx, `UPDATE job_schedules SET next_at = ?, basis = ? WHERE id = ?`, next, basis, list[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
}
