package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/touchstone-cdp/touchstone"
)

// A process beside this one reads the warehouse without a copy: it opens the file and its
// write-ahead log under second names. Between two checkpoints the file is not written to,
// and the log only grows; whoever reads the log meanwhile finds whole commits and, at its
// end, perhaps a part of one, which it leaves out as after a crash. So a snapshot is two
// links and the promise that no checkpoint is made while it is held.

// When a checkpoint is due (the log has come to Options.CheckpointSize) but snapshots are
// held, it waits. No new ones are given from the first of these multiples of the size on;
// at the second those that are held are taken back, and their questions end.
const (
	snapshotsUntil = 2
	snapshotsEnd   = 4
)

// snapshots are those that are held.
type snapshots struct {
	dir string // each has a folder in it

	mu     sync.Mutex
	last   int
	held   map[*snapshot]bool
	gone   chan struct{} // closed when one goes
	folded chan struct{} // closed at the next checkpoint
}

// snapshot is the warehouse as of one commit, for a process of its own.
type snapshot struct {
	of    *snapshots
	dir   string
	path  string                  // of the database file
	taken context.Context         // ends when the snapshot is taken back
	end   context.CancelCauseFunc // ends taken
}

// newSnapshots removes what a process left that was killed.
func newSnapshots(dir string) (*snapshots, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	return &snapshots{dir: dir, held: map[*snapshot]bool{}, gone: make(chan struct{}), folded: make(chan struct{})}, nil
}

// snapshot waits until one can be had.
func (w *Warehouse) snapshot(ctx context.Context) (*snapshot, error) {
	for {
		w.mu.Lock()
		closed, size, folded := w.closed, fileSize(w.path+".wal"), w.snapshots.folded
		if !closed && size < snapshotsUntil*w.checkpointSize {
			s, err := w.snapshots.take(w.path)
			w.mu.Unlock()
			return s, err
		}
		w.mu.Unlock()
		if closed {
			return nil, errClosed()
		}
		select {
		case <-folded:
		case <-w.closing:
			return nil, errClosed()
		case <-ctx.Done():
			return nil, errBusy(ctx)
		}
	}
}

// take makes a snapshot. The caller sees to it that nothing is appended meanwhile.
func (s *snapshots) take(path string) (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	dir := filepath.Join(s.dir, strconv.Itoa(s.last))
	one := &snapshot{of: s, dir: dir, path: filepath.Join(dir, "warehouse.duckdb")}
	err := errors.Join(os.MkdirAll(dir, 0o700), os.Link(path, one.path))
	if walErr := os.Link(path+".wal", one.path+".wal"); !errors.Is(walErr, fs.ErrNotExist) {
		err = errors.Join(err, walErr)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "SQL cannot be answered: the warehouse's files cannot be linked").
			WithHint("the data folder needs room and a file system that knows hard links; the server's log names the fault")
	}
	one.taken, one.end = context.WithCancelCause(context.Background())
	s.held[one] = true
	return one, nil
}

// release gives the snapshot back; no process reads it any more.
func (s *snapshot) release() {
	s.end(nil)
	_ = os.RemoveAll(s.dir)
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	delete(s.of.held, s)
	close(s.of.gone)
	s.of.gone = make(chan struct{})
}

// count is how many are held.
func (s *snapshots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// takeBack ends the questions that hold snapshots and waits for them to go.
func (s *snapshots) takeBack(reason error, patience time.Duration) {
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		gone, left := s.gone, len(s.held)
		for one := range s.held {
			one.end(reason)
		}
		s.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-gone:
		case <-timeout: // a killed process that does not go cannot answer either
			return
		}
	}
}

// checkpointIfDue folds the write-ahead log into the file when it has come to its size.
// The caller holds w.mu.
func (w *Warehouse) checkpointIfDue(ctx context.Context) {
	size := fileSize(w.path + ".wal")
	if size < w.checkpointSize || size < snapshotsEnd*w.checkpointSize && w.snapshots.count() > 0 {
		return
	}
	w.snapshots.takeBack(errOvertaken(), 5*time.Second)
	if err := w.writer.conn.exec(context.WithoutCancel(ctx), "CHECKPOINT"); err != nil {
		// Nothing is lost, and the next commit tries again.
		w.opts.Logger.Warn("the warehouse's write-ahead log could not be folded into its file", "bytes", size, "error", err)
		return
	}
	w.snapshots.mu.Lock()
	close(w.snapshots.folded)
	w.snapshots.folded = make(chan struct{})
	w.snapshots.mu.Unlock()
}

func errOvertaken() error {
	return &touchstone.Error{Kind: touchstone.Unavailable, Message: "so many events came in that the question's view of them had to be given up",
		Hint: "ask again, about a shorter range", RetryAfter: busyPause}
}

// fileSize is 0 for a file that does not exist.
func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// shareLock turns the engine's lock on the file, which keeps every other process out,
// into one that lets others read: a process has one lock on a file, whoever of it asks.
// Any close of the file in this process would drop the lock, so the file stays open
// until the engine has closed its own.
func shareLock(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOLCK) {
		return nil, errors.Join(fmt.Errorf("duckdb: lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
