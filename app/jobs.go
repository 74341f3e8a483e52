package app

import (
	"context"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/job"
)

// jobKinds lists the long work that this process can do.
func (a *App) jobKinds() []job.Kind {
	kinds := []job.Kind{
		a.collector.Quarantine().ReplayKind(),
		a.segments.ExportKind(a.profiles, a.households, a.agreeing, access.Viewer{Kinds: a.kinds, Fields: a.fields}),
		a.activations.JobKind(),
		a.households.DeriveKind(),
		a.linkage.MatchKind(),
		a.rerunKind(),
		a.retention.JobKind(),
		a.privacy.EraseKind(),
		a.privacy.AccessKind(a.copyEvents),
		a.profiles.RebuildKind(func(ctx context.Context, c touchstone.Command) error {
			_, err := a.commands.Submit(ctx, c)
			return err
		}),
	}
	if a.errExternal() == nil { // a backup is a copy of this process's data folder
		kinds = append(kinds, a.backupKind())
	}
	kinds = append(kinds, a.tags.JobKinds()...)
	kinds = append(kinds, a.cycles.JobKinds()...)
	return append(kinds, a.extra.jobs...)
}

// wireJobTables makes the tables of jobs, also where none are worked on.
func (a *App) wireJobTables(ctx context.Context) error { return job.Migrate(ctx, a.store) }

// wireJobs makes jobs and schedules.
func (a *App) wireJobs(ctx context.Context) (err error) {
	folder := a.cfg.Jobs.Folder
	if folder == "" {
		folder = filepath.Join(a.cfg.Data, "jobs")
	}
	a.jobs, err = job.Open(ctx, job.Config{
		DB: a.store, Leases: a.leases, Kinds: a.jobKinds(), Clock: a.clock, Logger: a.part("jobs"), Metrics: a.metrics,
		Files: job.FilesConfig{Folder: folder, Key: a.folder.Key(), Max: int64(a.cfg.Jobs.MaxBytes), MinFree: int64(a.cfg.Stream.MinFreeBytes)},
	})
	if err == nil {
		a.schedules = job.NewSchedules(a.jobs, a.settings.Zone)
	}
	return err
}

// backupKind is the backup as a job, so that a schedule can start one.
func (a *App) backupKind() job.Kind {
	return job.Kind{Name: "backup", Serves: touchstone.Operation("a copy for the organisation itself"), Heavy: true, Start: "backups:write", Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		b, err := a.backups.Do(ctx, func(b backup.Backup) {
			r.Report(b.Bytes, b.TotalBytes)
			switch b.Step {
			case "warehouse":
				r.Note(touchstone.Textf("Copying the warehouse"))
			case "store":
				r.Note(touchstone.Textf("Copying the store"))
			case "log":
				r.Note(touchstone.Textf("Copying the log"))
			}
		})
		if err != nil {
			return "", err
		}
		r.Report(b.Bytes, b.Bytes)
		result, err := json.Marshal(map[string]any{"backup": b.ID, "bytes": b.Bytes})
		return touchstone.JSON(result), err
	}}
}
