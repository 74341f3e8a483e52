package jetstream

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/filelock"
)

// EmbeddedConfig configures [OpenEmbedded]. Only Dir is required.
type EmbeddedConfig struct {
	Dir        string
	Partitions int // of a new log; 1 by default. An existing log keeps its number
	// MinFreeBytes is the free space under which appends are refused, so that the disk
	// never gets full; by default 1 GiB or 2 % of the disk, whichever is more. Negative: no check.
	MinFreeBytes int64
	// FreeSpace measures the disk that holds a folder; by default it asks the system.
	FreeSpace func(dir string) (free, total int64, err error)
	// Seal encrypts each record, with a nonce that it draws; nil: records are in the clear. The server's own
	// encryption is not used: it would encrypt whole files, which [Rewrite] and backups read.
	Seal     cipher.AEAD
	Logger   *slog.Logger // nil: quiet
	Register prometheus.Registerer
}

const (
	maxPayload   = 8 << 20
	startTimeout = 5 * time.Minute // a large log after kill -9 is scanned
)

// OpenEmbedded runs a NATS server inside the process, which nobody can connect to from
// outside, with its files in cfg.Dir. It syncs each record to disk before it
// acknowledges it.
func OpenEmbedded(ctx context.Context, cfg EmbeddedConfig) (_ *Log, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot make the folder of the log, %s", cfg.Dir)
	}
	var stop []func() // in order: what was started last comes first
	defer func() {
		if err != nil {
			for _, f := range stop {
				f()
			}
		}
	}()
	lock, err := filelock.Lock(filepath.Join(cfg.Dir, "lock"), "log")
	if err != nil {
		return nil, err
	}
	stop = append(stop, func() { lock.Close() })
	broken := newBreakage()
	srv, err := startServer(cfg, broken)
	if err != nil {
		return nil, err
	}
	stop = append([]func(){func() { srv.Shutdown(); srv.WaitForShutdown() }}, stop...)
	write, read, err := connectTwice("", nats.InProcessServer(srv), nats.Name("touchstone"))
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded log: %w", err)
	}
	stop = append([]func(){write.Close, read.Close}, stop...)
	l, err := open(ctx, write, read, config{name: defaultName, partitions: cfg.Partitions, replicas: 1,
		logger: cfg.Logger, register: cfg.Register, seal: cfg.Seal})
	if err != nil {
		return nil, err
	}
	l.broken, l.dir = broken, cfg.Dir
	if err := syncTree(cfg.Dir); err != nil {
		return nil, fmt.Errorf("sync the log's folder: %w", err)
	}
	for _, p := range l.parts {
		p.synced = newBlocks(filepath.Join(cfg.Dir, "jetstream", "$G", "streams", p.name, "msgs")).sync
	}
	if cfg.MinFreeBytes >= 0 {
		w := newWatermark(cfg)
		l.refuse = w.refusal
		stop = append([]func(){w.stop}, stop...)
	}
	l.stop = stop
	return l, nil
}

func startServer(cfg EmbeddedConfig, broken *breakage) (*server.Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName: "touchstone", DontListen: true, NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: cfg.Dir, SyncAlways: true,
		// Without limits of its own it would take shares of the machine; the disk is
		// watched by us, and nothing is kept in memory streams.
		JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 1 << 20,
		MaxPayload: maxPayload, MaxPending: 64 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("make the embedded log: %w", err)
	}
	srv.SetLoggerV2(natsLogger{cfg.Logger, broken}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, touchstone.Errorf(touchstone.Unavailable, "the embedded log in %s does not start", cfg.Dir).
			WithHint("the lines before this one in the program's own log say why")
	}
	if c := srv.JetStreamConfig(); c == nil || !c.SyncAlways { // all rests on it
		srv.Shutdown()
		return nil, touchstone.Errorf(touchstone.Internal, "the embedded log would not sync its records to disk")
	}
	return srv, nil
}

// blocks watches a stream's folder. The server syncs its block files but not the names
// of new ones in their folder, which POSIX lets go at a power failure.
type blocks struct {
	dir string
	mu  sync.Mutex
	seq int // highest block whose name is durable
}

func newBlocks(dir string) *blocks {
	b := &blocks{dir: dir}
	names, err := filepath.Glob(filepath.Join(dir, "*.blk"))
	if err != nil {
		return b
	}
	for _, name := range names {
		if n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".blk")); err == nil {
			b.seq = max(b.seq, n)
		}
	}
	return b
}

// sync syncs the folder when a block has been added; otherwise it costs one stat.
func (b *blocks) sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.seq
	for {
		_, err := os.Stat(filepath.Join(b.dir, strconv.Itoa(last+1)+".blk"))
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		last++
	}
	if last == b.seq {
		return nil
	}
	if err := syncDir(b.dir); err != nil {
		return err
	}
	b.seq = last
	return nil
}

// syncTree makes the names of a folder and of all that is in it durable.
func syncTree(root string) error {
	if err := syncDir(filepath.Dir(filepath.Clean(root))); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// natsLogger hands the server's lines to slog. Its notices are about itself only.
type natsLogger struct {
	l      *slog.Logger
	broken *breakage
}

func (n natsLogger) Noticef(format string, v ...any) { n.l.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (n natsLogger) Debugf(format string, v ...any)  { n.l.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (n natsLogger) Tracef(format string, v ...any)  {}
func (n natsLogger) Warnf(format string, v ...any)   { n.l.Warn("nats: " + fmt.Sprintf(format, v...)) }

// Errorf also looks for the one error after which the server stores nothing more. It is
// told nowhere else; a test fills a disk to see that it is still worded like this.
func (n natsLogger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	n.l.Error("nats: " + text)
	if strings.Contains(text, "ritical write error") {
		n.broken.breaks(errors.New(text))
	}
}

func (n natsLogger) Fatalf(format string, v ...any) { n.l.Error("nats: " + fmt.Sprintf(format, v...)) }
