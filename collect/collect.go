// Package collect is the edge: it takes events over Segment's HTTP tracking API, checks
// and normalises them in one pass, and answers 200 once the log has made them durable.
//
// A request is read by a strict scanner (scan.go), its events are normalised (build.go)
// and encoded, and all of them go to the log as one append. An event that is well-formed
// but wrong is written to the same log as a Rejected one, so that it reaches the
// quarantine as surely as the others reach the pipeline. docs/api/tracking.md is what
// clients are told.
package collect

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package, for store.DB.Migrate under the name "collect".
func Migrations() fs.FS {
	return store.Migrations(migrations)
}

// Appender is the log as the edge sees it; stream.Batcher is one.
type Appender interface {
	// Append makes count event frames durable in one record of a partition, and returns
	// when they are. The frames may be reused afterwards.
	Append(ctx context.Context, partition int, frames []byte, count int) (stream.Receipt, error)
	Partitions() int
}

// Config is what New needs. Zero values take the defaults named there.
type Config struct {
	DB  *store.DB
	Log Appender

	Kinds *touchstone.KindSet // touchstone.DefaultKindSet()
	// Takes tells whether identifiers of a kind can name a person; those of others are
	// left out. By default all but a group's id can.
	Takes func(touchstone.IdentifierKind) bool
	// Refuses returns what says why an event must not come in as it is, "" when it may; nil when
	// that is never so. It is asked once per request.
	Refuses func(ctx context.Context, source string) func(*touchstone.Event) (reason string, note touchstone.JSON)
	// Governed is asked before a refused event is replayed; nil: only the edge's checks count.
	Governed Governed
	// Forgotten returns what tells whether an event is of somebody who was erased, for a source that
	// must not bring them back; nil for other sources. It is asked once per request.
	Forgotten func(source string) func(*touchstone.Event) bool
	Clock     touchstone.Clock
	Logger    *slog.Logger
	Metrics   prometheus.Registerer

	MaxEventBytes  int // per event; 32 KiB
	MaxBatchBytes  int // per request, unpacked; 500 KiB
	MaxBatchEvents int // 2,500
	HardBodyBytes  int // a larger body is not read; 4 MiB, at least MaxBatchBytes
	// MaxRequestMemory bounds the bodies and frames of all requests at once; 128 MiB.
	// Requests beyond it are told to come back.
	MaxRequestMemory int64
	MaxNameBytes     int           // of an event's name; 256
	MaxIDBytes       int           // of messageId, groupId and previousId; 256
	MaxIdentifiers   int           // per event; 20
	MaxAge           time.Duration // older events go to quarantine; 0: any age since 1970
	MaxFuture        time.Duration // a time further ahead is not believed; 24 h
	TrustedProxies   []netip.Prefix
	PublicURL        string            // "https://events.example.com", for SDK settings; default: what the request says
	SensorsProjects  map[string]string // names of sources by 神策 project, for clients that cannot name a token
	MaxItems         int               // most things in the catalogue of items; 1,000,000
	FeedPerSecond    int               // most events per second that are shown in the live feed; 50
	QuarantineRows   int               // most rows kept; 100,000
	QuarantineBytes  int64             // about the most bytes of raw events kept; 256 MiB
	QuarantineAge    time.Duration
}

func (c *Config) setDefaults() error {
	c.MaxEventBytes = cmp.Or(c.MaxEventBytes, 32<<10)
	c.MaxBatchBytes = cmp.Or(c.MaxBatchBytes, 500<<10)
	c.MaxBatchEvents = cmp.Or(c.MaxBatchEvents, 2500)
	c.HardBodyBytes = cmp.Or(c.HardBodyBytes, max(4<<20, c.MaxBatchBytes))
	c.MaxRequestMemory = cmp.Or(c.MaxRequestMemory, 128<<20)
	c.MaxNameBytes = cmp.Or(c.MaxNameBytes, 256)
	c.MaxIDBytes = cmp.Or(c.MaxIDBytes, 256)
	c.MaxIdentifiers = cmp.Or(c.MaxIdentifiers, 20)
	c.MaxFuture = cmp.Or(c.MaxFuture, intake.DefaultMaxFuture)
	c.FeedPerSecond = cmp.Or(c.FeedPerSecond, 50)
	c.MaxItems = cmp.Or(c.MaxItems, 1_000_000)
	c.QuarantineRows = cmp.Or(c.QuarantineRows, 100_000)
	c.QuarantineBytes = cmp.Or(c.QuarantineBytes, 256<<20)
	c.QuarantineAge = cmp.Or(c.QuarantineAge, 30*24*time.Hour)
	if c.Kinds == nil {
		c.Kinds = touchstone.DefaultKindSet()
	}
	if c.Takes == nil {
		c.Takes = func(kind touchstone.IdentifierKind) bool { return kind != touchstone.KindGroupID }
	}
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.TrustedProxies == nil {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if c.DB == nil || c.Log == nil {
		return errors.New("collect: DB and Log are required")
	}
	if c.MaxBatchEvents >= touchstone.MaxEventsPerRecord {
		return touchstone.Errorf(touchstone.Invalid, "collect.max_batch_events must be below %d, not %d.", touchstone.MaxEventsPerRecord, c.MaxBatchEvents)
	}
	if c.MaxEventBytes < 0 || c.MaxBatchBytes < c.MaxEventBytes || c.MaxBatchEvents < 1 || c.HardBodyBytes < c.MaxBatchBytes || c.HardBodyBytes > 1<<30 {
		return touchstone.Errorf(touchstone.Invalid, "collect: the limits must grow from event to batch to body, and a body has at most 1 GiB.")
	}
	return nil
}

// Collector is the edge.
type Collector struct {
	cfg        Config
	log        *slog.Logger
	clock      touchstone.Clock
	sources    *Sources
	quarantine *Quarantine
	items      *items
	feed       *feed
	metrics    *metrics
	bodies     *bodyReader
	memory     budget    // of requests that came with a key in their head
	unknown    budget    // of those whose key is in the body, or that have none
	exchanges  sync.Pool // of *exchange
	outboxes   sync.Pool // of *outbox
	partitions int
	warned     atomic.Int64 // when a failed append was logged last, in seconds
}

// New makes the edge. The tables must have been migrated. Run must be called to keep its counters.
func New(ctx context.Context, cfg Config) (*Collector, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	sources, err := newSources(ctx, cfg.DB, cfg.Clock, cfg.MaxBatchEvents)
	if err != nil {
		return nil, err
	}
	c := &Collector{cfg: cfg, log: cfg.Logger, clock: cfg.Clock, sources: sources, partitions: cfg.Log.Partitions(), metrics: newMetrics(cfg.Metrics, callNames())}
	c.feed = newFeed(cfg.FeedPerSecond, c.metrics.sampledOut)
	c.quarantine = newQuarantine(c)
	c.items = newItems(c)
	if err := c.items.count(ctx); err != nil {
		return nil, err
	}
	if c.bodies, err = newBodyReader(cfg.HardBodyBytes); err != nil {
		return nil, err
	}
	// The two add up to the maximum. Who has shown no key cannot crowd out those who have.
	c.unknown.max = cfg.MaxRequestMemory / 4
	c.memory.max = cfg.MaxRequestMemory - c.unknown.max
	c.watchMemory(cfg.Metrics)
	c.exchanges.New = func() any { return c.newExchange() }
	c.outboxes.New = func() any { return c.newOutbox() }
	return c, nil
}

// watchMemory shows how much of the memory for requests is in use.
func (c *Collector) watchMemory(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for key, b := range map[string]*budget{"head": &c.memory, "body": &c.unknown} {
		for name, value := range map[string]func() float64{
			"request_memory_bytes":     func() float64 { return float64(b.used.Load()) },
			"request_memory_max_bytes": func() float64 { return float64(b.max) },
		} {
			r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "touchstone", Subsystem: "collect", Name: name,
				Help: "Memory for the bodies and frames of requests, by where their write key is.", ConstLabels: prometheus.Labels{"key": key}}, value))
		}
	}
}

// Sources returns the sources, for the console and the importer.
func (c *Collector) Sources() *Sources { return c.sources }

// Quarantine returns the refused events, for the console and the pipeline.
func (c *Collector) Quarantine() *Quarantine { return c.quarantine }

// Feed returns the live feed of accepted and rejected events, sampled under load.
func (c *Collector) Feed() *live.Hub[touchstone.Event] { return c.feed.hub }

// Run keeps the sources current, writes their counters and trims the quarantine until
// ctx ends; then it writes the counters a last time.
func (c *Collector) Run(ctx context.Context) error {
	reload, flush, trim := time.NewTicker(reloadEvery), time.NewTicker(flushEvery), time.NewTicker(trimEvery)
	defer reload.Stop()
	defer flush.Stop()
	defer trim.Stop()
	for {
		select {
		case <-reload.C:
			c.report(ctx, "read the sources", c.sources.reloadIfChanged(ctx))
		case <-flush.C:
			c.report(ctx, "write the sources' counters", c.flush(ctx))
		case <-trim.C:
			c.report(ctx, "trim the quarantine", c.quarantine.Trim(ctx))
			c.report(ctx, "count the items", c.items.count(ctx))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return c.flush(last)
		}
	}
}

func (c *Collector) flush(ctx context.Context) error {
	err := c.sources.flush(ctx)
	if err != nil {
		c.metrics.flushErrors.Inc()
	}
	return err
}

// report logs an error of a periodic task, which is tried again.
func (c *Collector) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		c.log.Warn("collect: could not "+what, "error", err)
	}
}
