package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
)

// The states of a Backup.
const (
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

// Backup is what is known of one.
type Backup struct {
	ID         string     `json:"id"`
	Status     string     `json:"status"`
	Step       string     `json:"step"`        // what is being copied; empty unless running
	Bytes      int64      `json:"bytes"`       // copied so far
	TotalBytes int64      `json:"total_bytes"` // about, while it is running
	Failure    string     `json:"failure"`     // for people; empty unless failed
	Touchstone string     `json:"touchstone"`  // the program that made it
	Folder     string     `json:"folder"`      // on the server
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// Config is what a Keeper needs.
type Config struct {
	Folder  string                               // where backups are made, each in a folder of its own
	Make    func(context.Context, *Writer) error // copies everything
	Size    func(context.Context) (int64, error) // about what it will take
	MinFree func() (int64, error)                // bytes that stay free on the disk of Folder
	Rate    int64                                // bytes a second at most; 0: no limit
	Keep    int                                  // the newest that are kept; at least 1
	Program string                               // its version
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Keeper makes backups, one at a time, and keeps the newest.
type Keeper struct {
	cfg      Config
	failures prometheus.Counter
	last     prometheus.Gauge
	seconds  prometheus.Gauge

	mu      sync.Mutex
	current *job // the running one, or the last one that failed
	closing context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

type job struct {
	writer *Writer
	backup Backup
	ended  chan struct{}
	err    error // once ended
}

// idPattern is that of Start, so that an id never leads out of the folder.
var idPattern = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$`)

const partial = ".partial-"

// NewKeeper removes what a process before has left unfinished.
func NewKeeper(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg,
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_backup_failures_total", Help: "Backups that failed."}),
		last:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_backup_last_success_timestamp_seconds", Help: "When the newest whole backup was begun, Unix time; 0: there is none."}),
		seconds:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_backup_last_seconds", Help: "How long the newest backup took."}),
	}
	k.closing, k.cancel = context.WithCancel(context.Background())
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(k.failures, k.last, k.seconds)
	}
	left, err := filepath.Glob(filepath.Join(cfg.Folder, partial+"*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			cfg.Logger.Warn("an unfinished backup cannot be removed", "folder", dir, "error", err)
		}
	}
	if all := k.stored(); len(all) > 0 {
		k.last.Set(float64(all[0].CreatedAt.Unix()))
	}
	return k, nil
}

// Close ends the backup under way and removes what there is of it.
func (k *Keeper) Close() {
	k.cancel()
	k.running.Wait()
}

// Start begins a backup, which goes on without ctx.
func (k *Keeper) Start(ctx context.Context) (Backup, error) {
	b, _, err := k.start(ctx, context.WithoutCancel(ctx))
	return b, err
}

// Do makes a backup, and returns when it is done or has failed. It calls report now and then.
// A backup whose ctx ends leaves nothing.
func (k *Keeper) Do(ctx context.Context, report func(Backup)) (Backup, error) {
	b, j, err := k.start(ctx, ctx)
	if err != nil {
		return b, err
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-j.ended:
			if j.err != nil {
				return b, j.err
			}
			return k.Get(context.WithoutCancel(ctx), b.ID)
		case <-tick.C:
			report(j.show())
		}
	}
}

// start begins a backup that ends with the context of its work, or with the keeper.
func (k *Keeper) start(ctx, work context.Context) (Backup, *job, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing.Err() != nil {
		return Backup{}, nil, touchstone.Errorf(touchstone.Unavailable, "the server is stopping")
	}
	if k.current != nil && k.current.backup.Status == Running {
		return Backup{}, nil, touchstone.Errorf(touchstone.Conflict, "The backup %s is being made.", k.current.backup.ID).WithHint("Wait until it is done.")
	}
	total, err := k.cfg.Size(ctx)
	if err != nil {
		return Backup{}, nil, err
	}
	now := k.cfg.Clock.Now().UTC()
	id := now.Format("20060102T150405Z")
	for n := 2; k.exists(id); n++ {
		id = fmt.Sprintf("%s-%d", now.Format("20060102T150405Z"), n)
	}
	dir := filepath.Join(k.cfg.Folder, partial+id)
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return Backup{}, nil, touchstone.Wrap(touchstone.Unavailable, err, "the folder of backups, %s, cannot be written to", k.cfg.Folder).WithHint("let backup.folder name another one")
	}
	w := &Writer{dir: dir, rate: k.cfg.Rate, began: time.Now(),
		manifest: Manifest{Format: formatVersion, Touchstone: k.cfg.Program, Formats: map[string]int64{}, Began: now.Truncate(time.Millisecond)}}
	if w.minFree, err = k.cfg.MinFree(); err == nil {
		err = w.room(total)
	}
	if err != nil {
		k.failures.Inc()
		return Backup{}, nil, errors.Join(err, os.RemoveAll(dir))
	}
	w.Step("start")
	k.current = &job{writer: w, ended: make(chan struct{}), backup: Backup{ID: id, Status: Running, TotalBytes: total, Touchstone: k.cfg.Program,
		Folder: filepath.Join(k.cfg.Folder, id), CreatedAt: w.manifest.Began}}
	work, cancel := context.WithCancel(work)
	stop := context.AfterFunc(k.closing, cancel)
	began := k.current
	k.running.Go(func() {
		defer close(began.ended)
		defer cancel()
		defer stop()
		began.err = k.run(work, w, id)
	})
	return began.show(), began, nil
}

func (k *Keeper) exists(id string) bool {
	_, err := os.Stat(filepath.Join(k.cfg.Folder, id))
	return err == nil
}

// run makes the backup in a folder that is named as unfinished, and names it as one at last.
func (k *Keeper) run(ctx context.Context, w *Writer, id string) error {
	began := time.Now()
	k.cfg.Logger.Info("a backup has begun", "id", id)
	err := k.cfg.Make(ctx, w)
	var m *Manifest
	if err == nil {
		m, err = w.finish(k.cfg.Clock.Now())
	}
	folder := filepath.Join(k.cfg.Folder, id)
	if err == nil {
		err = os.Rename(w.dir, folder)
	}
	if err == nil {
		err = syncDir(k.cfg.Folder)
	}
	if err != nil {
		err = errors.Join(explain(err, w.dir), os.RemoveAll(w.dir))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	finished := k.cfg.Clock.Now().UTC()
	if err != nil {
		k.failures.Inc()
		b := &k.current.backup
		b.Status, b.Failure, b.FinishedAt = Failed, forPeople(err), &finished
		k.cfg.Logger.Error("a backup failed; what was written of it has been removed", "id", id, "error", err)
		return err
	}
	k.current = nil // it is among the stored ones
	k.last.Set(float64(m.Began.Unix()))
	k.seconds.Set(time.Since(began).Seconds())
	k.cfg.Logger.Info("a backup is done", "folder", folder, "bytes", m.Bytes(), "took", time.Since(began).Round(time.Millisecond))
	k.removeOld()
	return nil
}

// forPeople leaves causes to the program's own log.
func forPeople(err error) string {
	var e *touchstone.Error
	if errors.As(err, &e) {
		if e.Hint != "" {
			return e.Message + " (" + e.Hint + ")"
		}
		return e.Message
	}
	if errors.Is(err, context.Canceled) {
		return "the server was stopped"
	}
	return err.Error()
}

func (k *Keeper) removeOld() {
	all := k.stored()
	for _, b := range all[min(max(k.cfg.Keep, 1), len(all)):] {
		if err := k.remove(b.ID); err != nil {
			k.cfg.Logger.Warn("an old backup cannot be removed", "folder", b.Folder, "error", err)
		}
	}
}

// remove renames first, so that half a backup never looks like one.
func (k *Keeper) remove(id string) error {
	gone := filepath.Join(k.cfg.Folder, partial+id)
	if err := os.Rename(filepath.Join(k.cfg.Folder, id), gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

func (j *job) show() Backup {
	b := j.backup
	if b.Status == Running {
		b.Bytes = j.writer.done.Load()
		b.Step = *j.writer.step.Load()
		b.TotalBytes = max(b.TotalBytes, b.Bytes)
	}
	return b
}

// stored returns the whole backups, newest first.
func (k *Keeper) stored() (all []Backup) {
	entries, err := os.ReadDir(k.cfg.Folder)
	if err != nil {
		return nil // none was ever made
	}
	for _, e := range entries {
		if !e.IsDir() || !idPattern.MatchString(e.Name()) {
			continue
		}
		dir := filepath.Join(k.cfg.Folder, e.Name())
		m, err := readManifest(dir, nil)
		if err != nil {
			k.cfg.Logger.Warn("a backup cannot be read", "folder", dir, "error", err)
			continue
		}
		all = append(all, Backup{ID: e.Name(), Status: Done, Bytes: m.Bytes(), TotalBytes: m.Bytes(), Touchstone: m.Touchstone,
			Folder: dir, CreatedAt: m.Began, FinishedAt: &m.Finished})
	}
	slices.SortFunc(all, func(a, b Backup) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return all
}

// List returns the backups, newest first: the one under way or the last that failed, and
// those that are kept.
func (k *Keeper) List(context.Context) ([]Backup, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.stored()
	if k.current != nil {
		all = append([]Backup{k.current.show()}, all...)
	}
	return all, nil
}

// Get returns one backup.
func (k *Keeper) Get(ctx context.Context, id string) (Backup, error) {
	all, err := k.List(ctx)
	for _, b := range all {
		if b.ID == id {
			return b, err
		}
	}
	return Backup{}, touchstone.Errorf(touchstone.NotFound, "There is no backup %s.", id)
}

// whole returns a backup that is done.
func (k *Keeper) whole(ctx context.Context, id string) (Backup, error) {
	b, err := k.Get(ctx, id)
	switch {
	case err != nil:
	case b.Status == Running:
		err = touchstone.Errorf(touchstone.Conflict, "The backup %s is being made.", id).WithHint("Wait until it is done.")
	case b.Status == Failed:
		err = touchstone.Errorf(touchstone.NotFound, "The backup %s failed; nothing is left of it.", id)
	}
	return b, err
}

// Delete removes a backup.
func (k *Keeper) Delete(ctx context.Context, id string) error {
	if _, err := k.whole(ctx, id); err != nil {
		return err
	}
	return k.remove(id)
}

// Archive writes a backup as one tar file.
func (k *Keeper) Archive(ctx context.Context, id string, out io.Writer) error {
	b, err := k.whole(ctx, id)
	if err != nil {
		return err
	}
	return Archive(ctx, b.Folder, out)
}
