// Package command carries out interventions of operators: splits, merges by hand, erasures,
// corrections. A command is a system event in the log, so it has a place in the order of
// everything, and a store that is built anew from the log does it again. [Log.Submit] puts it
// there, from any process; the pipeline calls [Log.Do] at its place, inside the batch's
// transaction; a row tells what became of it.
//
// app lists all kinds. docs/design/commands.md tells the rest.
package command

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Kind is what a feature brings for commands of one kind. A kind that was released stays:
// logs hold it.
type Kind struct {
	Name string // "person.split"
	// Check looks at a body before it is put in the log, so that what can be told to be wrong
	// is refused at once; nil: any object. It asks nobody.
	Check func(body touchstone.JSON) error
	// Do carries a command out, in the transaction of the batch that begins with it, before
	// the stages; what it derives it appends to b.Changes. Its result is an object, for people
	// and for who waits. A [touchstone.Error] whose kind is not Internal or Unavailable says
	// that it cannot be done, and why. Whatever it has written is taken back with any error.
	Do func(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (result any, err error)
	// Forgets tells that the body says what must not be known any more when it is done.
	Forgets bool
}

// Config is what New needs.
type Config struct {
	DB      *store.DB
	Log     stream.Log
	Kinds   []Kind
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	// Alone is called first in the transaction of a command that Forgets; nil: nobody else writes
	// about persons beside the pipeline.
	Alone func(ctx context.Context, tx *store.Tx) error

	Keep time.Duration // how long rows of what was done are kept; 400 days
}

// Partition is the log's partition of all commands, so that they have one order.
const Partition = 0

// Log is the commands of a log.
type Log struct {
	cfg    Config
	kinds  map[string]*Kind
	swept  time.Time // when rows were last deleted; of the pipeline's goroutine
	counts *prometheus.CounterVec
}

// New brings the table up to date.
func New(ctx context.Context, cfg Config) (*Log, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Keep == 0 {
		cfg.Keep = 400 * 24 * time.Hour
	}
	l := &Log{cfg: cfg, kinds: map[string]*Kind{}, counts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_commands_total",
		Help: "Commands that the pipeline came to, by kind and by what became of them: done, failed, repeated."}, []string{"kind", "outcome"})}
	for i := range cfg.Kinds {
		if l.kinds[cfg.Kinds[i].Name] != nil {
			return nil, fmt.Errorf("two features bring the command %s", cfg.Kinds[i].Name)
		}
		l.kinds[cfg.Kinds[i].Name] = &cfg.Kinds[i]
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(l.counts)
	}
	return l, cfg.DB.Migrate(ctx, "command", store.Migrations(migrationFiles))
}

// Begin comes first in the transaction of a batch that begins with a command.
func (l *Log) Begin(ctx context.Context, tx *store.Tx, c touchstone.Command) error {
	if k := l.kinds[c.Kind]; k == nil || !k.Forgets || l.cfg.Alone == nil {
		return nil
	}
	return l.cfg.Alone(ctx, tx)
}

// Do carries out a command of the log at its place. It fails only for what concerns the
// whole batch: trouble of the database, the end of ctx, a command of a later release. What
// cannot be done is noted as failed; undone then tells that stages may hold in memory what was
// taken back. refused, unless empty, says that the stages cannot work on what the command
// brings about: it is noted as failed without being tried.
func (l *Log) Do(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command, refused string) (undone bool, err error) {
	k := l.kinds[c.Kind]
	if k == nil { // to leave out an erasure in silence would be worse than to stop
		return false, touchstone.Wrap(touchstone.Unavailable, touchstone.ErrNewer, "the command %s in the log (%s) is of a newer Touchstone", c.ID, c.Kind).
			WithHint("upgrade this program: nothing is damaged")
	}
	r, found, err := read(ctx, tx, c.ID)
	if err != nil {
		return false, err
	}
	if found && r.State != Waiting {
		l.counts.WithLabelValues(c.Kind, "repeated").Inc()
		return false, nil
	}
	r = Row{ID: c.ID, Kind: c.Kind, Actor: c.Actor, SubmittedAt: c.SubmittedAt, Body: c.Body, Seq: c.Seq, DoneAt: b.Now, State: Done}
	if err := l.sweep(ctx, tx, b.Now); err != nil {
		return false, err
	}
	var failure *touchstone.Error
	if refused != "" {
		failure = touchstone.Errorf(touchstone.Internal, "the command cannot be worked on: %s", refused)
	} else {
		changes, timers := len(b.Changes), len(b.Timers)
		err := tx.Try(ctx, func() (err error) {
			r.Result, err = k.run(ctx, tx, b, c)
			return err
		})
		if err != nil {
			if store.IsTrouble(err) || ctx.Err() != nil || errors.Is(err, touchstone.ErrNewer) {
				return true, err
			}
			b.Changes, b.Timers, undone = b.Changes[:changes], b.Timers[:timers], true
			failure = l.explain(c, err)
		}
	}
	if failure != nil {
		r.State, r.Result, r.failure = Failed, "", failure
	}
	if k.Forgets {
		r.Body = "{}"
	}
	l.counts.WithLabelValues(c.Kind, string(r.State)).Inc()
	return undone, r.save(ctx, tx)
}

// explain makes of an error what may be shown. What is nobody's mistake is in the log only.
func (l *Log) explain(c touchstone.Command, err error) *touchstone.Error {
	var e *touchstone.Error
	if errors.As(err, &e) && e.Kind != touchstone.Internal && e.Kind != touchstone.Unavailable {
		return e
	}
	l.cfg.Logger.Error("a command failed and was left out", "command", c.ID, "kind", c.Kind, "seq", int64(c.Seq), "error", err)
	return touchstone.Errorf(touchstone.Internal, "an internal error; the server's log has the details")
}

// run makes an error of a panic: a command must not bring down the process, and then the next.
func (k *Kind) run(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (_ touchstone.JSON, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	result, err := k.Do(ctx, tx, b, c)
	if err != nil {
		return "", err
	}
	return encode(result)
}

// sweep deletes old rows, now and then.
func (l *Log) sweep(ctx context.Context, tx *store.Tx, now time.Time) error {
	if now.Sub(l.swept).Abs() < time.Hour {
		return nil
	}
	l.swept = now
	_, err := tx.Exec(ctx, `DELETE FROM commands WHERE submitted_at < ? AND state <> 'waiting'`, now.Add(-l.cfg.Keep).UnixMilli())
	return err
}

// Check tells what is wrong with a command, without asking anybody.
func (l *Log) Check(c touchstone.Command) error {
	k := l.kinds[c.Kind]
	switch {
	case k == nil:
		return touchstone.Errorf(touchstone.Invalid, "there is no command %.80q", c.Kind).WithHint("the kinds are: %s", strings.Join(l.names(), ", "))
	case len(c.Body) > maxBody:
		return touchstone.Errorf(touchstone.TooLarge, "the command's body is longer than %d bytes", maxBody)
	case len(c.ID) > maxID:
		return touchstone.Errorf(touchstone.Invalid, "the command's id is longer than %d characters", maxID)
	case k.Check != nil:
		return k.Check(c.Body)
	}
	return nil
}

const (
	maxBody = 256 << 10
	maxID   = 200
)

func (l *Log) names() []string {
	var list []string
	for _, k := range l.cfg.Kinds {
		list = append(list, k.Name)
	}
	return list
}
