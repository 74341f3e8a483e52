package app

import (
	"context"
	"path"
	"path/filepath"
	"syscall"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/internal/disk"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// The names in the data folder.
const (
	streamName    = "stream"
	storeName     = "store.db"
	warehouseName = "warehouse.duckdb"
)

// Formats are the versions of what a backup holds, as this program writes them.
func Formats() map[string]int64 {
	return map[string]int64{"event": touchstone.EventVersion, "record": stream.RecordVersion, "warehouse": duckdb.SchemaVersion()}
}

// wireBackups lets the management API make backups.
func (a *App) wireBackups(context.Context) (err error) {
	folder := a.cfg.Backup.Folder
	if folder == "" {
		folder = filepath.Join(a.cfg.Data, "backups")
	}
	a.backups, err = backup.NewKeeper(backup.Config{
		Folder: folder, Keep: a.cfg.Backup.Keep, Rate: int64(a.cfg.Backup.MaxRate), Program: Version,
		Make: a.copyData, Size: a.backupSize, MinFree: func() (int64, error) { return a.stayFree(folder) },
		Clock: a.clock, Logger: a.part("backup"), Metrics: a.metrics,
	})
	return err
}

// errExternal names what a backup of the data folder would lack.
func (a *App) errExternal() error {
	var e *touchstone.Error
	switch {
	case a.cfg.Store.URL == "" && a.cfg.Stream.URL == "":
		return nil
	case a.cfg.Store.URL == "":
		e = touchstone.Errorf(touchstone.Invalid, "A backup is a copy of the data folder, but the log is in a NATS server.")
	case a.cfg.Stream.URL == "":
		e = touchstone.Errorf(touchstone.Invalid, "A backup is a copy of the data folder, but the store is in PostgreSQL.")
	default:
		e = touchstone.Errorf(touchstone.Invalid, "A backup is a copy of the data folder, but the store is in PostgreSQL and the log in a NATS server.")
	}
	return e.WithHint("docs/operations.md says how to copy them with their own tools, and in which order.")
}

func (a *App) backupSize(ctx context.Context) (int64, error) {
	if err := a.errExternal(); err != nil {
		return 0, err
	}
	s, err := a.storage(ctx)
	return s.LogBytes + s.StoreBytes + s.WarehouseBytes, err
}

// stayFree returns what a backup leaves free: on the log's own disk so much that events are
// not refused for it.
func (a *App) stayFree(folder string) (int64, error) {
	var data, backups syscall.Stat_t
	if err := syscall.Stat(a.cfg.Data, &data); err != nil {
		return 0, err
	}
	if err := syscall.Stat(folder, &backups); err != nil {
		return 0, err
	}
	if data.Dev != backups.Dev || a.cfg.Stream.MinFreeBytes < 0 {
		return 0, nil
	}
	_, total, err := disk.Free(a.cfg.Data)
	return disk.Least(int64(a.cfg.Stream.MinFreeBytes), total), err
}

// copyData copies warehouse, store and log in this order. Each is as of one moment, and none
// is ahead of the one after it: what the store has taken in and the warehouse has not, and
// what the log holds and the store has not taken in, is worked on when a server starts on
// the copy. For that no record may be trimmed between the first and the last.
func (a *App) copyData(ctx context.Context, w *backup.Writer) error {
	log, ok := a.log.(*jetstream.Log)
	if !ok {
		return a.errExternal()
	}
	release, err := log.HoldTrims(ctx)
	if err != nil {
		return err
	}
	defer release()
	for what, version := range Formats() {
		w.Format(what, version)
	}
	if a.folder != nil {
		if err := w.Copy(ctx, vault.MarkName, filepath.Join(a.cfg.Data, vault.MarkName)); err != nil {
			return err
		}
	}
	w.Step("warehouse")
	if a.duck == nil {
		return touchstone.Errorf(touchstone.Invalid, "A backup is a copy of the data folder, but another process holds the warehouse.")
	}
	err = a.duck.Still(ctx, func(files []duckdb.StillFile) error {
		for _, f := range files {
			if err := w.CopyFrom(ctx, f.Name, f.Content, f.Size); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.Step("store")
	if err := a.graph.Flush(ctx); err != nil {
		a.logger.Warn("the latest counts of identifiers are not in the backup", "error", err)
	}
	to, err := w.Path(storeName)
	if err != nil {
		return err
	}
	if err := a.store.Snapshot(ctx, to); err != nil {
		return err
	}
	if err := w.Add(ctx, storeName); err != nil {
		return err
	}
	for feature, version := range a.store.Versions() {
		w.Format("store/"+feature, version)
	}
	w.Step("log")
	dir, names, err := log.Files()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.Copy(ctx, path.Join(streamName, name), filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}
