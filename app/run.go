package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/consent"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/internal/conns"
	"github.com/touchstone-cdp/touchstone/internal/httpfront"
	"github.com/touchstone-cdp/touchstone/warehouse/remote"
)

// How long a stopping server waits for requests under way, after which time it ends
// those that ask (those that store are finished if they arrive in time), and when it ends
// whatever still runs.
const (
	drainTimeout = 4 * time.Second
	askTimeout   = 2 * time.Second
	stopTimeout  = 9 * time.Second
)

// loop is a part that runs beside the HTTP server until its context ends.
type loop struct {
	name  string
	roles []string // any of them; none: always
	run   func(ctx context.Context) error
}

// loops lists what runs in the background, in the order of the data path.
func (a *App) loops() []loop {
	return []loop{
		{"log", nil, a.watchLog},
		{"identity rules", nil, a.rules.Run},
		{"catalogue", nil, a.catalogue.Run}, // every process masks by it
		{"collect", nil, a.collector.Run},   // everybody follows the sources
		{"positions", nil, a.follow},
		{"pipeline", []string{"process"}, a.process},
		{"lanes", []string{"process"}, a.runLanes},
		{"reactors", []string{"act"}, a.inbox.Run},
		{"effects", []string{"act"}, a.deliver},
		{"linkage", []string{"act"}, a.linkage.Run},
		{"audiences", []string{"console"}, a.segments.KeepBitmaps},
		{"sink", []string{"sink"}, a.fillWarehouse},
		{"privacy", personRoles, a.runPrivacy},
		{"jobs", []string{"act"}, a.jobs.Run},
		{"schedules", []string{"act"}, a.schedules.Run},
		{"retention", []string{"act"}, a.runRetention},
		{"register", []string{"act"}, a.watchRegister},
		{"tags", []string{"act"}, a.tendTags},
		{"stages", []string{"act"}, a.tendStages},
		{"imports", []string{"console"}, a.imports.Run},
		{"console", []string{"console"}, a.console.Run},
		{"presence", nil, a.present},
		{"memory", nil, a.releaseMemory},
	}
}

func (a *App) has(roles ...string) bool {
	return len(roles) == 0 || slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(a.cfg.Roles, r) })
}

// Address returns the HOST:PORT that the server listens on.
func (a *App) Address() string { return a.cfg.Listen }

// Run serves until ctx is done and then stops in order: no new requests, the log's last
// records, the loops, the back ends. ready is called once requests are answered.
func (a *App) Run(ctx context.Context, ready func()) (err error) {
	stopped := func() {}
	defer func() {
		err = errors.Join(err, a.engines.close())
		stopped()
	}()
	listener, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return touchstone.Errorf(touchstone.Unavailable, "cannot listen on %s: %v", a.cfg.Listen, err).WithHint("choose another address with --listen")
	}
	a.cfg.Listen = listener.Addr().String()
	stopProfiles, err := a.serveProfiles()
	if err != nil {
		return err
	}
	defer stopProfiles()
	stopMetrics, err := a.serveMetrics()
	if err != nil {
		return err
	}
	defer stopMetrics()
	a.warnAlone()
	limitMemory(a.cfg)
	shareProcessors()

	loopCtx, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	failed := make(chan error, 8)
	var running sync.WaitGroup
	a.startLoops(loopCtx, &running, failed)
	server := a.newServer()
	requests, endRequests := context.WithCancelCause(loopCtx)
	server.BaseContext = func(net.Listener) context.Context { return requests }
	front := a.newFront(listener, requests)
	go func() {
		if err := server.Serve(front); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	a.ready.Store(true)
	if ready != nil {
		ready()
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
		a.logger.Error("a part failed; the server stops", "error", err)
	}
	a.ready.Store(false)
	if a.backups != nil {
		a.backups.Close()
	}
	stopped = a.endBy(stopTimeout, err)
	a.drain(context.WithoutCancel(ctx), server, front, endRequests)
	a.batcher.Close()
	stopLoops()
	running.Wait()
	a.leases.Close(context.WithoutCancel(ctx))
	return err
}

// startLoops starts the loops of the server's roles; failed hears of one that ends with an error.
func (a *App) startLoops(ctx context.Context, running *sync.WaitGroup, failed chan<- error) {
	for _, l := range a.loops() {
		if !a.has(l.roles...) {
			continue
		}
		running.Go(func() {
			if err := l.run(ctx); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", l.name, err)
			}
		})
	}
}

// drain takes no new requests and lets those under way end, for a time.
func (a *App) drain(ctx context.Context, server *http.Server, front *httpfront.Listener, endRequests context.CancelCauseFunc) {
	a.console.Close()
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	ending := time.AfterFunc(askTimeout, func() { endRequests(errStopping()) })
	defer ending.Stop()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
	}
	if err := front.Wait(ctx); err != nil {
		a.logger.Warn("some tracking calls were cut off", "error", err)
	}
}

// endBy ends the process when stopping takes longer, unless the returned function was called.
// Everything acknowledged is on disk at any moment, so that loses nothing; waiting longer
// would: service managers follow with SIGKILL, or hold up the machine.
func (a *App) endBy(timeout time.Duration, failure error) (stopped func()) {
	timer := time.AfterFunc(timeout, func() {
		a.logger.Warn("a part did not stop in time and is left as after a crash, which loses nothing", "seconds", timeout.Seconds())
		code := 0
		if failure != nil {
			code = 1
		}
		os.Exit(code) //nolint:revive // nothing else ends a call of a C library
	})
	return func() { timer.Stop() }
}

// watchLog ends the server when its log can no longer be written, so that it is started
// anew: going on would refuse events for ever.
func (a *App) watchLog(ctx context.Context) error {
	if log, ok := a.log.(interface{ AwaitFailure(context.Context) error }); ok {
		return log.AwaitFailure(ctx)
	}
	return nil
}

func errStopping() error {
	return &touchstone.Error{Kind: touchstone.Unavailable, Message: "the server is stopping", Hint: "ask again in a moment", RetryAfter: 5 * time.Second}
}

func (a *App) newServer() *http.Server {
	r := chi.NewRouter()
	r.Use(pace.Middleware(a.slowBodies))
	if a.has("collect") {
		a.collector.Routes(r)
	}
	if a.remote != nil {
		r.Method(http.MethodPost, remote.Path, a.remote)
	}
	r.Method(http.MethodGet, "/metrics", a.console.MetricsPage(a.metricsPage()))
	if a.has("console") {
		consent.NewPage(a.consentParts, a.part("consent"), a.metrics).Routes(r)
		a.console.Routes(r)
	} else {
		healthz, readyz := console.HealthHandlers(a.checks(), a.cfg.Roles...)
		r.Get("/healthz", healthz)
		r.Get("/readyz", readyz)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           r,
		Protocols:         protocols,
		ReadHeaderTimeout: firstTimeout,
		ReadTimeout:       idleTimeout, // for bodies that no handler reads; the pace moves it for the others
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
	}
}

// How long a connection may take for its first request and a client to send the next.
const (
	firstTimeout = 10 * time.Second
	idleTimeout  = 2 * time.Minute
)

// pace is how slowly a body may arrive, of every call; there is no other bound on the time
// that it takes, so that large files can be sent.
var pace conns.Pace

// newFront bounds the connections, and serves the tracking calls before net/http sees them.
func (a *App) newFront(listener net.Listener, requests context.Context) *httpfront.Listener {
	listener = conns.Limit(listener, conns.Config{Max: a.cfg.MaxConnections, Register: a.metrics})
	cfg := httpfront.Config{BaseContext: requests, Logger: a.logger, FirstTimeout: firstTimeout, IdleTimeout: idleTimeout,
		Pace: pace, SlowBodies: a.slowBodies, Register: a.metrics}
	if a.has("collect") {
		cfg.Handlers = a.collector.Posts()
	}
	return httpfront.New(listener, cfg)
}

func (a *App) metricsPage() http.Handler {
	return promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{})
}

// serveMetrics offers the figures on an address of their own, without a key, if one is configured.
func (a *App) serveMetrics() (stop func(), err error) {
	if a.cfg.Metrics.Listen == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", a.cfg.Metrics.Listen)
	if err != nil {
		return nil, touchstone.Errorf(touchstone.Unavailable, "cannot listen on %s for metrics: %v", a.cfg.Metrics.Listen, err).
			WithHint("choose another address with --metrics-listen")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metricsPage())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: firstTimeout, IdleTimeout: idleTimeout}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// serveProfiles offers Go's profiles on an address of their own, if one is configured.
func (a *App) serveProfiles() (stop func(), err error) {
	if a.cfg.PprofListen == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", a.cfg.PprofListen)
	if err != nil {
		return nil, touchstone.Errorf(touchstone.Unavailable, "cannot listen on %s for profiles: %v", a.cfg.PprofListen, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}
