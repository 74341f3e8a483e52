package duckdb

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/wire"
)

// SQLOptions bounds the statements of people. Zero values stand for the defaults.
type SQLOptions struct {
	// Command starts a process that calls [AnswerStatement] on its standard input and
	// output. Each statement gets one, over a snapshot, and it is killed at the end of its
	// time: the engine cannot always be interrupted, and a fault of it ends the process
	// that it is in. Without a command statements run in this process.
	Command   []string
	Running   int   // statements at a time; default 2
	Waiting   int   // more than these are refused at once; default 16
	Memory    int64 // of one process; default 512 MiB. The engine's operators get 5/8 of it
	TempBytes int64 // on disk, of one process; default 1 GiB
}

func (o *SQLOptions) setDefaults() {
	if o.Running <= 0 {
		o.Running = 2
	}
	if o.Waiting <= 0 {
		o.Waiting = 16
	}
	if o.Memory <= 0 {
		o.Memory = 512 << 20
	}
	if o.TempBytes <= 0 {
		o.TempBytes = 1 << 30
	}
}

// ask answers a statement of a person.
func (w *Warehouse) ask(ctx context.Context, s warehouse.Statement, limit int) (*warehouse.Result, error) {
	leave, err := w.lanes.enter(ctx, w.closing)
	if err != nil {
		w.figures.end(err)
		return nil, err
	}
	defer leave()
	var res *warehouse.Result
	if len(w.opts.SQL.Command) == 0 && s.Masked { // the view would have to be this process's own
		return nil, touchstone.Errorf(touchstone.Unavailable, "SQL for those who may not see contacts needs a process of its own, and none is configured.")
	}
	if len(w.opts.SQL.Command) == 0 {
		res, err = w.query(ctx, &w.readers, s, limit)
	} else {
		res, err = w.askProcess(ctx, s, limit)
	}
	w.figures.end(err)
	return res, err
}

// askProcess answers a statement in a process of its own.
func (w *Warehouse) askProcess(ctx context.Context, s warehouse.Statement, limit int) (*warehouse.Result, error) {
	snap, err := w.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.release()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(snap.taken, func() { end(context.Cause(snap.taken)) })()
	t := task{Path: snap.path, Key: w.opts.Key, SQL: s.SQL, MaxRows: limit, Threads: w.opts.Threads, Memory: w.opts.SQL.Memory, TempBytes: w.opts.SQL.TempBytes, Seconds: processorSeconds(ctx, w.opts.Threads),
		Masked: s.Masked, Contacts: s.Contacts, Fields: s.Fields}
	p, err := startProcess(w.opts.SQL.Command)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "SQL cannot be answered: no process could be started for it")
	}
	defer p.stop(0)
	defer context.AfterFunc(ctx, p.kill)()
	res, failure, err := p.do(t, s.Args)
	var said *touchstone.Error
	switch {
	case failure != nil:
		return nil, failure
	case err == nil:
		return res, nil
	case ctx.Err() == nil:
		return nil, w.crashed(p, err)
	case errors.As(context.Cause(ctx), &said):
		return nil, said
	}
	return nil, ctx.Err()
}

// processorSeconds is what all threads together can use until ctx ends, so that a process
// ends even if nobody is left to kill it.
func processorSeconds(ctx context.Context, threads int) int64 {
	const longest, spare = 24 * time.Hour, 10 * time.Second
	left := longest
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, max(0, time.Until(deadline)))
	}
	return int64(threads+1) * int64((left + spare).Seconds())
}

// crashed is the error of a statement whose process ended without a reply. That is a fault
// of the engine, and the statement's author is the one who can do something about it.
func (w *Warehouse) crashed(p *process, err error) error {
	state := p.stop(time.Second)
	words := p.words.first()
	if strings.Contains(words, "allocate memory") || strings.Contains(words, "out of memory") {
		return errMemory() // the system's bound came before that of watchMemory
	}
	w.figures.crashes.Inc()
	w.opts.Logger.Error("the process that answered an SQL statement ended before its reply", "state", state, "said", words, "error", err)
	return touchstone.Errorf(touchstone.Invalid, "the engine failed at this statement").
		WithHint("write it in another way; the server goes on, and its log has what the engine said")
}

// process answers one statement.
type process struct {
	cmd   *exec.Cmd
	out   io.Closer
	do    func(t task, args []any) (res *warehouse.Result, failure, err error)
	words *head
	ended chan struct{}
}

// startProcess starts a command with an environment that holds no secret.
func startProcess(command []string) (*process, error) {
	p := &process{cmd: exec.Command(command[0], command[1:]...), words: &head{}, ended: make(chan struct{})} //nolint:gosec // the program itself
	p.cmd.Env = []string{"TZ=UTC", "GOTRACEBACK=none"}
	p.cmd.Stderr = p.words
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.out = out
	p.do = func(t task, args []any) (res *warehouse.Result, failure, err error) {
		if err := wire.WriteTask(in, t, args); err != nil {
			return nil, nil, err
		}
		return wire.ReadReply(out)
	}
	return p, nil
}

// kill ends the process and all that it may have started, and whoever reads its reply.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.out.Close()
}

// stop ends the process, whatever it does, after the grace that it has to end by itself,
// and tells how it ended. One that the system cannot end is not waited for.
func (p *process) stop(grace time.Duration) string {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.String()
	default:
	}
	waited := make(chan struct{})
	go func() {
		_ = p.cmd.Wait()
		close(waited)
	}()
	defer time.AfterFunc(grace, p.kill).Stop()
	select {
	case <-waited:
		close(p.ended)
		return p.cmd.ProcessState.String()
	case <-time.After(5 * time.Second):
		return "it does not end"
	}
}

// head keeps the first that is written to it. exec.Cmd is done writing when Wait returns.
type head struct{ text strings.Builder }

const maxWords = 4 << 10

func (h *head) Write(b []byte) (int, error) {
	h.text.Write(b[:min(len(b), maxWords-h.text.Len())])
	return len(b), nil
}

// first is the first line.
func (h *head) first() string {
	line, _, _ := strings.Cut(strings.TrimSpace(h.text.String()), "\n")
	return line[:min(len(line), 200)]
}
