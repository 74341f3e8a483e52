package app

import (
	"context"
	"math"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/pipeline"
)

// SetupToken returns the one-time token that makes the first administrator, empty when
// there is one.
func (a *App) SetupToken() string { return a.setupToken }

// counters assembles the figures of GET /api/v1/stats.
func (a *App) counters(ctx context.Context) (console.Counters, error) {
	// What came out is read before what went in: no figure is ahead of its origin.
	inWarehouse, erased := a.sink.Counts()
	setAside := a.sink.SetAside()
	totals := a.pipeline.Totals()
	accepted := a.accepted.Load()
	var err error
	if a.cfg.Stream.URL != "" { // others take events, too
		if accepted, err = a.pipeline.Accepted(ctx); err != nil {
			return console.Counters{}, err
		}
	}
	c := console.Counters{
		// An event whose acknowledgement got lost in a cluster is counted when it comes out.
		Accepted:  max(accepted, totals.Consumed()),
		Processed: totals.Processed, InWarehouse: inWarehouse,
		Quarantined: totals.Rejected, Duplicates: totals.Duplicates, SetAside: setAside, Erased: erased,
	}
	if c.PipelineLag, err = a.pipeline.Lag(ctx); err != nil {
		return c, err
	}
	if c.WarehouseLag, err = a.sink.Lag(ctx); err != nil {
		return c, err
	}
	if c.Stuck, err = a.allStuck(ctx); err != nil {
		return c, err
	}
	if c.Persons, c.KnownPersons, err = a.graph.Counts(ctx); err != nil {
		return c, err
	}
	if a.segments != nil {
		c.Segments, err = a.segments.Count(ctx)
	}
	return c, err
}

// stuckAfter is how long a part may fail before it is said to be stuck: a hiccup of the
// database is nobody's business.
const stuckAfter = 10 * time.Second

// stuck lists the parts of this process that cannot go on.
func (a *App) stuck() []console.Stuck {
	list := []console.Stuck{}
	add := func(part, role, hint string, troubles []pipeline.Trouble) {
		for _, t := range troubles {
			if a.has(role) && a.clock.Now().Sub(t.Since) >= stuckAfter {
				list = append(list, console.Stuck{Part: part, Partition: t.Partition, Since: t.Since, Attempts: t.Attempts, Error: t.Err.Error(), Hint: hint})
			}
		}
	}
	add("pipeline", "process", "events wait in the log and none is lost; profiles and segments are behind until this is mended: look at the disk, at the database and at the server's log",
		a.pipeline.Troubles())
	add("warehouse", "sink", "events wait in the log and none is lost; reports are behind until this is mended: look at the disk, at the warehouse and at the server's log",
		a.sink.Troubles())
	return list
}

// allStuck lists the parts that cannot go on, of all processes that are there.
func (a *App) allStuck(ctx context.Context) ([]console.Stuck, error) {
	list := a.stuck()
	others, err := a.listProcesses(ctx)
	for _, p := range others {
		if p.ID != a.leases.Owner() && p.State == processRunning {
			list = append(list, p.Stuck...)
		}
	}
	return list, err
}

// stuckCheck makes a check of a part. It does not take a process out of service that also
// takes events in: they are durable in the log, whatever waits behind it.
func (a *App) stuckCheck(part string, lag func(context.Context) (time.Duration, error)) console.Check {
	return console.Check{Name: part, Degrades: a.has("collect"), Run: func(ctx context.Context) error {
		if _, err := lag(ctx); err != nil {
			return err
		}
		for _, s := range a.stuck() {
			if s.Part == part {
				return touchstone.Errorf(touchstone.Unavailable, "stuck since %s, after %d attempts: the console's overview and the log say why", s.Since.UTC().Format(time.RFC3339), s.Attempts)
			}
		}
		return nil
	}}
}

// storage asks what the parts occupy on disk.
func (a *App) storage(ctx context.Context) (s console.Storage, err error) {
	if s.LogBytes, err = a.log.Size(ctx); err != nil {
		return s, err
	}
	if s.StoreBytes, err = a.store.Size(ctx); err != nil {
		return s, err
	}
	if a.warehouse != nil {
		s.WarehouseBytes, err = a.warehouse.Size(ctx)
		if err != nil && a.duck != nil { // else the process that holds it is away, and the rest is known
			return s, err
		}
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(a.cfg.Data, &st); err == nil {
		s.DiskFreeBytes = int64(st.Bavail) * st.Bsize //nolint:gosec // far below 2^63
	}
	return s, nil
}

// checks lists what /readyz looks at.
func (a *App) checks() []console.Check {
	checks := []console.Check{
		{Name: "started", Run: func(context.Context) error {
			if !a.ready.Load() {
				return touchstone.Errorf(touchstone.Unavailable, "starting or stopping")
			}
			return nil
		}},
		{Name: "log", Run: func(ctx context.Context) error { _, _, err := a.log.Bounds(ctx, 0); return err }},
		{Name: "store", Run: func(ctx context.Context) error {
			var one int
			return a.store.Reader().QueryRow(ctx, "SELECT 1").Scan(&one)
		}},
	}
	if a.warehouse != nil { // one that another process holds takes only its questions with it
		checks = append(checks, console.Check{Name: "queries", Degrades: a.has("collect") || a.duck == nil,
			Run: func(ctx context.Context) error { _, err := a.warehouse.Count(ctx); return err }})
	}
	if a.has("process") {
		checks = append(checks, a.stuckCheck("pipeline", a.pipeline.Lag))
	}
	if a.has("sink") {
		checks = append(checks, a.stuckCheck("warehouse", a.sink.Lag))
	}
	return checks
}

// registerLags shows on /metrics how far behind the parts are now, and whether one is stuck.
func (a *App) registerLags() {
	gauge := func(name, help string, value func() float64) {
		a.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	seconds := func(lag func(context.Context) (time.Duration, error)) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			d, err := lag(ctx)
			if err != nil {
				return math.NaN()
			}
			return d.Seconds()
		}
	}
	if a.has("process") {
		gauge("touchstone_pipeline_behind_seconds", "Age of the oldest event that is not processed; 0 when all are.", seconds(a.pipeline.Lag))
	}
	if a.has("sink") {
		gauge("touchstone_sink_behind_seconds", "Age of the oldest event that is not in the warehouse; 0 when all are.", seconds(a.sink.Lag))
	}
	gauge("touchstone_stuck_parts", "Parts of this process that cannot go on; the console and the log say why.", func() float64 { return float64(len(a.stuck())) })
}
