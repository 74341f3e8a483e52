package lease

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone/store"
)

// now is the database's time in unix milliseconds: one clock for all processes.
func now(d store.Dialect) string {
	if d == store.Postgres {
		return `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`
	}
	return `CAST(unixepoch('subsec') * 1000 AS INTEGER)`
}

// Acquire takes a lease that nobody has, and returns nil while somebody has it, in this
// process or another. Most users call Run instead.
func (t *Table) Acquire(ctx context.Context, name string) (*Lease, error) {
	t.mu.Lock()
	taken := t.closed || t.held[name] != nil
	t.mu.Unlock()
	if taken {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	before, mine, free, err := t.look(ctx, name)
	if err != nil || !free && !mine {
		return nil, err
	}
	began := time.Now()
	var epoch int64
	err = t.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		var err error
		epoch, err = t.take(ctx, tx, name, before, mine)
		return err
	})
	if store.IsRetryable(err) || errors.Is(err, errTaken) { // another one was faster, or the last holder's transaction has not ended
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &Lease{t: t, name: name, epoch: epoch, sure: began.Add(t.cfg.For)}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	if !t.keep(l) {
		return nil, nil
	}
	t.metrics.acquired.WithLabelValues(sort(name)).Inc()
	t.metrics.held.WithLabelValues(sort(name)).Inc()
	t.cfg.Logger.Info("a lease is this process's now", "lease", name, "epoch", epoch)
	return l, nil
}

var errTaken = errors.New("another process has taken the lease")

// look tells whether a lease is free, the epoch of its last holder, 0 when there was none,
// and whether that was this process: what it had and lost it may take back at once.
func (t *Table) look(ctx context.Context, name string) (epoch int64, mine, free bool, err error) {
	var owner string
	var left int64
	err = t.cfg.DB.Reader().QueryRow(ctx, `SELECT l.owner, l.epoch, b.until - `+now(t.cfg.DB.Dialect())+`
		FROM leases l JOIN lease_beats b ON b.name = l.name WHERE l.name = ?`, name).Scan(&owner, &epoch, &left)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, true, nil
	}
	return epoch, owner == t.cfg.Owner, left <= 0, err
}

// take moves a lease from one epoch to the next. Others may have moved it since it was
// looked at, or its holder renewed it: then it is taken.
func (t *Table) take(ctx context.Context, tx *store.Tx, name string, before int64, mine bool) (epoch int64, err error) {
	stop, err := t.endWhoStandsStill(ctx, tx)
	if err != nil {
		return 0, err
	}
	defer stop()
	until := now(tx.Dialect()) + ` + ?`
	if before == 0 {
		res, err := tx.Exec(ctx, `INSERT INTO leases (name, owner, epoch) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING`, name, t.cfg.Owner)
		if err := one(res, err); err != nil {
			return 0, err
		}
		_, err = tx.Exec(ctx, `INSERT INTO lease_beats (name, until) VALUES (?, `+until+`)`, name, t.cfg.For.Milliseconds())
		return 1, err
	}
	res, err := tx.Exec(ctx, `UPDATE leases SET owner = ?, epoch = epoch + 1 WHERE name = ? AND epoch = ?`, t.cfg.Owner, name, before)
	if err := one(res, err); err != nil {
		return 0, err
	}
	query := `UPDATE lease_beats SET until = ` + until + ` WHERE name = ?`
	if !mine {
		query += ` AND until <= ` + now(tx.Dialect())
	}
	res, err = tx.Exec(ctx, query, t.cfg.For.Milliseconds(), name)
	return before + 1, one(res, err)
}

// patience is how long the taker of a lease waits for a transaction of the last holder.
const patience = 500 * time.Millisecond

// endWhoStandsStill ends the sessions that keep tx waiting. A holder that was stopped in the
// middle of a transaction has its rows locked for as long as its connection lives, which
// may be for ever: its lease has run out, so the transaction may not commit anyway.
func (t *Table) endWhoStandsStill(ctx context.Context, tx *store.Tx) (stop func(), err error) {
	if tx.Dialect() == store.SQLite {
		return func() {}, nil
	}
	var session int
	if err := tx.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&session); err != nil {
		return nil, err
	}
	timer := time.AfterFunc(patience, func() {
		var ended int
		err := t.cfg.DB.Reader().QueryRow(ctx, `SELECT count(*) FROM unnest(pg_blocking_pids(?)) AS p WHERE pg_terminate_backend(p)`, session).Scan(&ended)
		if ended > 0 || err != nil && ctx.Err() == nil {
			t.cfg.Logger.Warn("the last holder of a lease stands still within a transaction; its session is ended", "sessions", ended, "error", err)
		}
	})
	return func() { timer.Stop() }, nil
}

// one makes an error of a statement that did not change exactly one row.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		return errTaken
	}
	return err
}

// keep notes a lease and sees to it that it is renewed; false after Close.
func (t *Table) keep(l *Lease) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.held[l.name] = l
	if !t.keeping {
		t.keeping = true
		t.stopped.Go(t.renewAll)
	}
	return true
}

// Close gives back what is held and stops renewing.
func (t *Table) Close(ctx context.Context) {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.stop)
	}
	t.mu.Unlock()
	t.stopped.Wait()
	for _, l := range t.mine() {
		if err := l.Release(ctx); err != nil {
			t.cfg.Logger.Warn("a lease could not be given back: others wait until it runs out", "lease", l.name, "error", err)
		}
	}
}

// Held returns the names of the leases that this process has, in order.
func (t *Table) Held() []string {
	names := []string{}
	for _, l := range t.mine() {
		names = append(names, l.name)
	}
	slices.Sort(names)
	return names
}

func (t *Table) mine() []*Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*Lease, 0, len(t.held))
	for _, l := range t.held {
		all = append(all, l)
	}
	return all
}

// renewAll renews the leases of this process until Close.
func (t *Table) renewAll() {
	tick := time.NewTicker(t.cfg.For / 3)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.renewOnce()
		}
	}
}

// renewOnce renews all leases of this process together, and ends those that are lost.
func (t *Table) renewOnce() {
	held := t.mine()
	if len(held) == 0 {
		return
	}
	if err := t.renew(held); err != nil {
		t.metrics.failures.Inc()
		t.cfg.Logger.Warn("leases could not be renewed; trying again", "error", err)
	}
	for _, l := range held {
		l.mu.Lock()
		late := time.Now().After(l.sure)
		l.mu.Unlock()
		if late {
			l.lose("unrenewed")
		}
	}
}

// renew moves the end of the leases on, of all or, when the store fails, of none.
func (t *Table) renew(held []*Lease) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.For/3)
	defer cancel()
	began := time.Now()
	var kept []bool
	update := func(tx *store.Tx) error {
		kept = kept[:0]
		for _, l := range held {
			res, err := tx.Exec(ctx, `UPDATE lease_beats SET until = `+now(tx.Dialect())+` + ? WHERE name = ? AND EXISTS
				(SELECT 1 FROM leases WHERE name = ? AND owner = ? AND epoch = ?)`, t.cfg.For.Milliseconds(), l.name, l.name, t.cfg.Owner, l.epoch)
			err = one(res, err)
			if err != nil && !errors.Is(err, errTaken) {
				return err
			}
			kept = append(kept, err == nil)
		}
		return nil
	}
	err := t.cfg.DB.Update(ctx, update)
	if store.IsRetryable(err) { // one of them has just been taken
		err = t.cfg.DB.Update(ctx, update)
	}
	if err != nil {
		return err
	}
	for i, l := range held {
		if !kept[i] {
			l.lose("taken")
			continue
		}
		l.mu.Lock()
		l.sure = began.Add(t.cfg.For)
		l.mu.Unlock()
	}
	return nil
}

// Holder tells who has a lease.
type Holder struct {
	Name  string
	Owner string
	Epoch int64
	Left  time.Duration // until it runs out; negative since it has
}

// Holders lists all leases, by name.
func (t *Table) Holders(ctx context.Context) ([]Holder, error) {
	rows, err := t.cfg.DB.Reader().Query(ctx, `SELECT l.name, l.owner, l.epoch, b.until - `+now(t.cfg.DB.Dialect())+`
		FROM leases l JOIN lease_beats b ON b.name = l.name ORDER BY l.name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Holder
	for rows.Next() {
		var h Holder
		var left int64
		if err := rows.Scan(&h.Name, &h.Owner, &h.Epoch, &left); err != nil {
			return nil, err
		}
		h.Left = time.Duration(left) * time.Millisecond
		all = append(all, h)
	}
	return all, rows.Err()
}

type metrics struct {
	held     *prometheus.GaugeVec
	acquired *prometheus.CounterVec
	lost     *prometheus.CounterVec
	failures prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		held:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "touchstone_lease_held", Help: "Leases that this process has."}, []string{"lease"}),
		acquired: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_lease_acquired_total", Help: "Leases that this process got."}, []string{"lease"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_lease_lost_total",
			Help: "Leases that this process lost: taken by another one, or not renewed in time."}, []string{"lease", "cause"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_lease_renew_failures_total", Help: "Renewals that failed and were tried again."}),
	}
	if r != nil {
		r.MustRegister(m.held, m.acquired, m.lost, m.failures)
	}
	return m
}
