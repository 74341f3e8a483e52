// Package duckdb keeps the warehouse in one DuckDB file, in this process.
//
// One connection appends (its transactions follow one another), a few others read.
// Readers see the state of the last commit and are never held up by the writer.
package duckdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Options bounds what the engine may use. Zero values stand for the defaults.
type Options struct {
	MemoryLimit string // of the engine's buffers and working memory; default "512MB"
	Threads     int    // that work on queries; default 2
	Readers     int    // queries at a time, others wait; default 4
	MaxRows     int    // hard bound on the rows of one result; default 1,000,000
	// CheckpointSize is the size of the write-ahead log at which it is folded into
	// the file; default "64MB". Larger means fewer rewrites and more memory.
	CheckpointSize string
	// Key encrypts the file, its write-ahead log and what is spilled: see encrypted.go; empty: in the clear.
	Key     string
	SQL     SQLOptions
	Logger  *slog.Logger          // default: none
	Metrics prometheus.Registerer // nil: none

	steps []step // of the schema; all of them unless a test leaves some out
}

func (o *Options) setDefaults() {
	if o.MemoryLimit == "" {
		o.MemoryLimit = "512MB"
	}
	if o.Threads <= 0 {
		o.Threads = 2
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 1_000_000
	}
	if o.CheckpointSize == "" {
		o.CheckpointSize = "64MB"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.SQL.setDefaults()
	if o.steps == nil {
		o.steps = steps
	}
}

// Warehouse implements warehouse.Warehouse on a DuckDB file.
type Warehouse struct {
	path string
	opts Options
	db   mapping.Database

	readers pool // for questions
	helpers *helpers
	own     pool // one, for the warehouse's own: questions cannot hold it up
	closing chan struct{}

	lost atomic.Int32 // questions written off that still run

	lanes          *lanes // of people's statements
	figures        *figures
	snapshots      *snapshots
	checkpointSize int64
	shared         *os.File // see shareLock

	mu     sync.Mutex // guards the writer and all below
	writer *writer
	closed bool
}

// pool is a number of connections, one user at a time each.
type pool struct {
	idle   chan *conn
	opened int
}

var _ warehouse.Warehouse = (*Warehouse)(nil)

// Open opens or makes the file at path.
func Open(ctx context.Context, path string, opts Options) (*Warehouse, error) {
	opts.setDefaults()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	w := &Warehouse{path: path, opts: opts, closing: make(chan struct{}), lanes: newLanes(opts.SQL.Running, opts.SQL.Waiting)}
	w.figures = newFigures(opts.Metrics, w.lanes)
	var err error
	if w.checkpointSize, err = parseSize(opts.CheckpointSize); err != nil {
		return nil, err
	}
	if err := w.awaitDatabase(ctx); err != nil {
		return nil, err
	}
	var lockErr error
	w.snapshots, err = newSnapshots(path + ".sql")
	w.shared, lockErr = shareLock(path)
	if err := errors.Join(err, lockErr); err != nil {
		mapping.Close(&w.db)
		return nil, err
	}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// awaitDatabase opens the file. After a server was killed, the processes that answered its
// statements may hold the file for a moment longer.
func (w *Warehouse) awaitDatabase(ctx context.Context) error {
	const patience, pause = 3 * time.Second, 20 * time.Millisecond
	for began := time.Now(); ; time.Sleep(pause) {
		err := w.openDatabase()
		var said *engineError
		if err == nil || !errors.As(err, &said) || !strings.Contains(said.msg, "lock") || time.Since(began) > patience || ctx.Err() != nil {
			return err
		}
	}
}

// openDatabase sets what must be set at the start and then locks the settings: no SQL
// can change them, nor reach a file, the network or an extension.
func (w *Warehouse) openDatabase() error {
	var config mapping.Config
	if mapping.CreateConfig(&config) == mapping.StateError {
		return errors.New("duckdb: cannot make a configuration")
	}
	defer mapping.DestroyConfig(&config)
	settings := [][2]string{
		{"threads", strconv.Itoa(w.opts.Threads)},
		{"external_threads", strconv.Itoa(w.opts.Threads)}, // see helpers
		{"memory_limit", w.opts.MemoryLimit},
		{"temp_directory", w.path + ".tmp"},
		{"checkpoint_threshold", "1TB"},      // checkpointIfDue makes them
		{"preserve_insertion_order", "true"}, // otherwise every append is made in parts, which are then copied together
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		// Freed memory goes back to the system within a second or so; otherwise the allocator keeps
		// several times the limit's worth of it, in one arena per thread that ran a question.
		{"allocator_background_threads", "true"},
		{"allocator_flush_threshold", "16MB"},
		{"allocator_bulk_deallocation_flush_threshold", "32MB"},
	}
	if w.opts.Key != "" {
		var err error
		w.db, err = openEncrypted(w.path, w.opts.Key, settings)
		return w.explainOpen(err)
	}
	for _, kv := range append(settings, closed...) {
		if mapping.SetConfig(config, kv[0], kv[1]) == mapping.StateError {
			return fmt.Errorf("duckdb: setting %s=%s was refused", kv[0], kv[1])
		}
	}
	var msg string
	if mapping.GetOrCreateFromCache(duck.GetInstanceCache(), w.path, &w.db, config, &msg) == mapping.StateError {
		return w.explainOpen(&engineError{msg})
	}
	return nil
}

// closed is set last: nothing of the settings can be changed any more, and no file but the database's is reached.
var closed = [][2]string{{"enable_external_access", "false"}, {"lock_configuration", "true"}}

// explainOpen says what is wrong with a file that does not open.
func (w *Warehouse) explainOpen(err error) error {
	var said *engineError
	if errors.As(err, &said) {
		msg := said.msg
		hint := "if the file is damaged, move it away: it is made anew from what the log still holds; or restore it from a backup"
		if strings.Contains(msg, "set lock") {
			hint = "one process at a time can hold " + w.path
		}
		if strings.Contains(msg, "ncrypt") { // "Wrong encryption key", "… is not encrypted"
			hint = "its key is that of the data folder: the file is of another one, or was put there in the clear"
		}
		if strings.Contains(msg, "version number") { // of the engine's own form of files
			return &touchstone.Error{Kind: touchstone.Unavailable, Message: "the warehouse was written by a newer Touchstone, whose engine has another form of files",
				Hint: "upgrade this program: nothing is damaged", Err: errors.Join(touchstone.ErrNewer, &engineError{msg})}
		}
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "the warehouse cannot be opened", Hint: hint, Err: &engineError{msg}}
	}
	return err
}

func (w *Warehouse) start(ctx context.Context) error {
	w.helpers = newHelpers(w.db, w.opts.Threads-1)
	c, err := w.connect()
	if err != nil {
		return err
	}
	w.writer = &writer{conn: c, names: map[string]int32{}}
	if err := c.registerScan(); err != nil {
		return err
	}
	if err := w.writer.migrate(ctx, w.opts.steps); err != nil {
		return err
	}
	if err := w.writer.load(ctx); err != nil {
		return err
	}
	w.checkpointIfDue(ctx)
	if err := w.fill(&w.readers, w.opts.Readers); err != nil {
		return err
	}
	return w.fill(&w.own, 1)
}

func (w *Warehouse) fill(p *pool, n int) error {
	p.idle = make(chan *conn, n)
	for range n {
		c, err := w.connect()
		if err != nil {
			return err
		}
		p.opened++
		p.idle <- c
	}
	return nil
}

// borrow waits for an idle connection.
func (w *Warehouse) borrow(ctx context.Context, from *pool) (*conn, error) {
	select {
	case c := <-from.idle:
		return c, nil
	case <-w.closing:
		return nil, errClosed()
	case <-ctx.Done():
		return nil, errBusy(ctx)
	}
}

// busyPause is when to ask a warehouse again that was busy.
const busyPause = 5 * time.Second

func errClosed() error {
	return touchstone.Errorf(touchstone.Unavailable, "the warehouse is closed")
}

// Position implements warehouse.Warehouse.
func (w *Warehouse) Position(ctx context.Context, partition int) (warehouse.Position, error) {
	res, err := w.query(ctx, &w.own, warehouse.Statement{
		SQL:  "SELECT coalesce((SELECT through FROM positions WHERE partition = ?), 0), coalesce((SELECT version FROM override_version), 0), (SELECT n FROM erased_events)",
		Args: []any{partition},
		Own:  true,
	}, 1)
	if err != nil {
		return warehouse.Position{}, err
	}
	return warehouse.Position{Through: stream.Offset(res.Rows[0][0].(int64)), OverrideVersion: res.Rows[0][1].(int64), Erased: res.Rows[0][2].(int64)}, nil
}

// LastNode implements warehouse.Warehouse. The engine would read all events for it: it
// has no statistics of those that were appended since it was opened.
func (w *Warehouse) LastNode(context.Context) (touchstone.NodeID, error) {
	return touchstone.NodeID(w.writer.lastNode.Load()), nil
}

// Count implements warehouse.Warehouse.
func (w *Warehouse) Count(ctx context.Context) (int64, error) {
	res, err := w.query(ctx, &w.own, warehouse.Statement{SQL: "SELECT count(*) FROM events_raw", Own: true}, 1)
	if err != nil {
		return 0, err
	}
	return res.Rows[0][0].(int64), nil
}

// Size returns the bytes on disk: the file and its write-ahead log.
func (w *Warehouse) Size(context.Context) (int64, error) {
	var total int64
	for _, p := range []string{w.path, w.path + ".wal"} {
		switch st, err := os.Stat(p); {
		case err == nil:
			total += st.Size()
		case !errors.Is(err, os.ErrNotExist):
			return 0, err
		}
	}
	return total, nil
}

// Close waits a little for running statements, folds the write-ahead log into the file and
// closes it. It may be called more than once.
func (w *Warehouse) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	close(w.closing)
	w.snapshots.takeBack(errClosed(), closePatience)
	ended := w.drain(closePatience)
	if w.writer != nil {
		w.writer.close()
	}
	if w.helpers != nil {
		ended = w.helpers.close(closePatience) && ended
	}
	if !ended {
		w.opts.Logger.Warn("a question did not end; the warehouse is left as after a crash, which loses nothing")
		return nil
	}
	mapping.Close(&w.db)
	_ = w.shared.Close()
	_ = os.Remove(w.snapshots.dir)
	return nil
}

// closePatience is how long a closing warehouse waits for the questions under way.
const closePatience = 3 * time.Second

// drain closes the connections as their questions end. It is false if one did not.
func (w *Warehouse) drain(patience time.Duration) bool {
	timeout := time.After(patience)
	for _, p := range []*pool{&w.readers, &w.own} {
		for range p.opened {
			select {
			case c := <-p.idle:
				c.close()
			case <-timeout:
				return false
			}
		}
	}
	return w.lost.Load() == 0
}

// Dialect implements warehouse.Warehouse.
func (w *Warehouse) Dialect() warehouse.Dialect { return dialect{} }

// parseSize reads a size such as "64MB".
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMGB")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit, ok := map[string]int64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[text[len(digits):]]
	if err != nil || !ok || n <= 0 {
		return 0, fmt.Errorf("duckdb: %q is not a size like 64MB", text)
	}
	return n * unit, nil
}
