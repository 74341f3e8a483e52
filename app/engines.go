package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
	"github.com/touchstone-cdp/touchstone/warehouse/remote"
)

// engines are the back ends behind the three ports. This file is the only one of the
// program that names them.
type engines struct {
	log       stream.Log
	store     *store.DB
	warehouse warehouse.Warehouse // nil: this process cannot reach it
	duck      *duckdb.Warehouse   // nil: another process holds it
	folder    *vault.Folder       // nil: the data folder is in the clear
}

// openEngines opens log, store and warehouse, in this order: the log refuses a second
// process on the same folder. The warehouse's file is open in the process with the role
// sink only; others ask that one.
func openEngines(ctx context.Context, cfg *Config, folder *vault.Folder, logger *slog.Logger, metrics prometheus.Registerer) (_ *engines, err error) {
	e := &engines{folder: folder}
	defer func() {
		if err != nil {
			_ = e.close()
		}
	}()
	if e.log, err = openLog(ctx, cfg, folder, logger, metrics); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if e.store, err = openStore(ctx, cfg, folder, metrics); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if !slices.Contains(cfg.Roles, "sink") {
		return e, e.reachWarehouse(cfg)
	}
	e.duck, err = duckdb.Open(ctx, filepath.Join(cfg.Data, warehouseName), duckdb.Options{
		MemoryLimit: fmt.Sprintf("%dB", cfg.Warehouse.MemoryLimit), Key: warehouseKey(folder),
		Threads: cfg.Warehouse.Threads,
		SQL: duckdb.SQLOptions{Command: cfg.Query.SQLCommand, Running: cfg.Query.SQLRunning, Waiting: cfg.Query.SQLWaiting,
			Memory: int64(cfg.Query.SQLMemory), TempBytes: int64(cfg.Query.SQLTempBytes)},
		Logger: logger.With("part", "warehouse"), Metrics: metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("open the warehouse: %w", err)
	}
	e.warehouse = e.duck
	return e, nil
}

func (e *engines) reachWarehouse(cfg *Config) error {
	if cfg.Warehouse.URL == "" {
		return nil
	}
	w, err := remote.New(remote.Config{URL: cfg.Warehouse.URL, Secret: cfg.Warehouse.Secret, Dialect: duckdb.Dialect()})
	if err == nil {
		e.warehouse = w
	}
	return err
}

func openLog(ctx context.Context, cfg *Config, folder *vault.Folder, logger *slog.Logger, metrics prometheus.Registerer) (stream.Log, error) {
	logger = logger.With("part", "log")
	var l *jetstream.Log
	var err error
	if cfg.Stream.URL != "" {
		l, err = jetstream.Connect(ctx, cfg.Stream.URL, jetstream.ConnectConfig{Logger: logger, Register: metrics})
	} else {
		seal, sealErr := logSeal(folder)
		if sealErr != nil {
			return nil, sealErr
		}
		l, err = jetstream.OpenEmbedded(ctx, jetstream.EmbeddedConfig{
			Seal: seal, Dir: filepath.Join(cfg.Data, streamName), MinFreeBytes: int64(cfg.Stream.MinFreeBytes), Logger: logger, Register: metrics,
		})
	}
	if err != nil { // a nil *Log would not be a nil stream.Log
		return nil, err
	}
	return l, nil
}

func openStore(ctx context.Context, cfg *Config, folder *vault.Folder, metrics prometheus.Registerer) (*store.DB, error) {
	if cfg.Store.URL != "" {
		return postgres.Open(ctx, cfg.Store.URL, postgres.Options{Register: metrics})
	}
	return sqlite.Open(filepath.Join(cfg.Data, storeName), sqlite.Options{Key: storeKey(folder), Register: metrics})
}

// close closes what is open, in reverse order, and returns the first error.
func (e *engines) close() error {
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	if e.warehouse != nil {
		note(e.warehouse.Close())
	}
	if e.store != nil {
		note(e.store.Close())
	}
	if e.log != nil {
		note(e.log.Close())
	}
	return first
}

// AnswerStatement is what the process does that Config.Query.SQLCommand starts.
func AnswerStatement(in io.Reader, out io.Writer) error { return duckdb.AnswerStatement(in, out) }
