// Package imports takes files into the log: the server's side of package importer.
//
// Rows come over the API, read by the command line ([importer.Run] at the caller's), or out of a
// file that was uploaded and is read here, in the background. Both go through one
// [importer.Server], so that there is one way of counting. Beside that it keeps uploads and
// mappings that people have saved.
//
// docs/design/imports.md tells why it is as it is.
package imports

import (
	"cmp"
	"context"
	"embed"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Frames takes events in their binary form: *collect.Collector.
type Frames interface {
	// AppendFrames makes the events of a source durable and returns how many were good, and
	// which go to quarantine. The body may be packed.
	AppendFrames(ctx context.Context, source string, rows collect.Rows, body io.Reader) (collect.Vetted, error)
	// CheckFrames tells what AppendFrames would do, and does nothing. good gets the events
	// that would be accepted until it returns false.
	CheckFrames(rows collect.Rows, body io.Reader, good func(*touchstone.Event) bool) (collect.Vetted, error)
}

// Sources finds the source of an import, or makes it: *collect.Sources.
type Sources interface {
	Get(ctx context.Context, id string) (collect.Source, error)
	EnsureByName(ctx context.Context, name, kind string) (collect.Source, error)
}

// Config is what imports need. Metrics may be nil, all else but Uploads is required.
type Config struct {
	DB      *store.DB
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	Sources Sources
	Frames  Frames
	Kinds   *touchstone.KindSet
	// Persons tells what samples of a file would do to persons, and changes nothing.
	Persons func(ctx context.Context, q importer.Question) (importer.Persons, error)
	// Stats are the counters of the whole server.
	Stats func(ctx context.Context) (importer.Stats, error)

	MaxOpen int // imports whose progress is held in memory; 1,000
	Uploads UploadConfig
}

// Imports is what a server knows of files. Make it with New and call Run.
type Imports struct {
	cfg      Config
	progress *progress
	uploads  *uploads
	runs     *runs

	frameSlots chan struct{} // one slot per body of frames in memory
	partSlots  chan struct{} // one slot per part of an uploaded file in memory
}

// New makes Imports.
func New(ctx context.Context, cfg Config) (*Imports, error) {
	if err := cfg.DB.Migrate(ctx, "imports", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	x := &Imports{
		cfg: cfg, progress: newProgress(cfg.DB, cmp.Or(cfg.MaxOpen, 1000)), uploads: newUploads(cfg.Uploads, cfg.DB, cfg.Clock, cfg.Metrics),
		frameSlots: make(chan struct{}, framesAtOnce), partSlots: make(chan struct{}, partsAtOnce),
	}
	x.runs = newRuns(x, cfg.Metrics)
	return x, nil
}

// Server returns the imports of this process as package importer uses them.
func (x *Imports) Server() importer.Server { return server{x} }

// Run imports what was uploaded, writes down how far imports are, and forgets old uploads, until
// ctx is done.
func (x *Imports) Run(ctx context.Context) error {
	var files sync.WaitGroup
	files.Go(func() { x.runs.loop(ctx) })
	second, hour := time.NewTicker(time.Second), time.NewTicker(time.Hour)
	defer second.Stop()
	defer hour.Stop()
	x.warn("old uploads were not deleted", x.uploads.sweep(ctx))
	for {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			files.Wait()
			x.warn("progress of imports was not written down", x.progress.flush(end))
			return nil
		case <-second.C:
			x.warn("progress of imports was not written down", x.progress.flush(ctx))
		case <-hour.C:
			x.warn("old uploads were not deleted", x.uploads.sweep(ctx))
		}
	}
}

func (x *Imports) warn(what string, err error) {
	if err != nil {
		x.cfg.Logger.Warn(what, "error", err)
	}
}

type scanner interface{ Scan(...any) error }

// timeOrZero reads a stored time; 0 means never.
func timeOrZero(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
