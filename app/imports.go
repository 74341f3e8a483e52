package app

import (
	"context"
	"os"
	"path/filepath"

	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/collect/imports"
)

// wireImports takes files: rows that come over the API, and uploads, which lie in the data folder
// of the process that they were sent to.
func (a *App) wireImports(ctx context.Context) (err error) {
	if err := os.RemoveAll(a.trialDir()); err != nil {
		return err
	}
	a.imports, err = imports.New(ctx, imports.Config{
		DB: a.store, Clock: a.clock, Logger: a.part("imports"), Metrics: a.metrics,
		Sources: a.collector.Sources(), Frames: a.collector, Kinds: a.kinds, Persons: a.personsOfImport, Stats: a.statsOfImport,
		Uploads: imports.UploadConfig{
			Dir: filepath.Join(a.cfg.Data, "uploads"), Key: a.folder.Key(), MaxBytes: int64(a.cfg.Uploads.MaxBytes), MaxTotal: int64(a.cfg.Uploads.TotalBytes),
			KeepDone: a.cfg.Uploads.KeepAge, MinFreeBytes: int64(a.cfg.Stream.MinFreeBytes),
		},
	})
	return err
}

// statsOfImport is how far the server is with what came in, by which an import in it knows its end.
func (a *App) statsOfImport(ctx context.Context) (importer.Stats, error) {
	c, err := a.counters(ctx)
	return importer.Stats{
		Accepted: c.Accepted, Processed: c.Processed, InWarehouse: c.InWarehouse, SetAside: c.SetAside, Erased: c.Erased,
		Quarantined: c.Quarantined, Duplicates: c.Duplicates, Persons: c.Persons,
	}, err
}
