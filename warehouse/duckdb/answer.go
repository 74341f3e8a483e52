package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"
	"golang.org/x/sys/unix"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/wire"
)

// This file is the other side of separate.go: what a process does that answers one
// statement of a person. Whatever the engine does with the statement, it does it here.

// task is what a process is to do.
type task struct {
	Path      string
	Key       string // of an encrypted file; empty: in the clear
	SQL       string
	MaxRows   int
	Threads   int
	Memory    int64 // bytes of the process, see [SQLOptions]
	TempBytes int64 // on disk
	Seconds   int64 // of processor time
	Masked    bool  // see masked.go
	Contacts  []string
	Fields    map[string]access.Class
}

// AnswerStatement reads a task, answers it and returns. It bounds its own process and ends
// it when in is closed, which is when the server that asked is gone.
func AnswerStatement(in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	var t task
	args, err := wire.ReadTask(r, &t)
	if err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	answered := &once{out: out}
	go func() {
		_, _ = io.Copy(io.Discard, r)
		os.Exit(1) //nolint:revive // nobody is left to be told
	}()
	if err := boundProcess(t); err != nil {
		return answered.reply(nil, err)
	}
	go watchMemory(t.Memory, func() {
		_ = answered.reply(nil, errMemory())
		os.Exit(0) //nolint:revive // the engine cannot be asked to stop
	})
	res, err := answer(t, args)
	return answered.reply(res, err)
}

// once sends the first reply only.
type once struct {
	mu   sync.Mutex
	done bool
	out  io.Writer
}

func (o *once) reply(res *warehouse.Result, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return nil
	}
	o.done = true
	return wire.WriteReply(o.out, res, err, maxResultBytes)
}

// boundProcess sets what the system sees to: memory as a whole, processor time, file
// sizes, no core dumps, and that the server's own work comes first.
func boundProcess(t task) error {
	debug.SetMemoryLimit(t.Memory / 4)
	seconds, file := uint64(t.Seconds), uint64(t.TempBytes)
	// Stacks and arenas are set aside and not used; what is used is watched.
	data := uint64(t.Memory) + 2<<30
	var errs []error
	for resource, most := range map[int]uint64{unix.RLIMIT_DATA: data, unix.RLIMIT_CPU: seconds, unix.RLIMIT_FSIZE: file, unix.RLIMIT_CORE: 0} {
		errs = append(errs, limit(resource, most))
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // refused where it is lower already
	// If the machine runs out of memory all the same, this process is to blame.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600)
	return errors.Join(errs...)
}

// limit sets a limit of the process, unless it has a lower one.
func limit(resource int, most uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(resource, &l); err != nil {
		return err
	}
	l.Max = min(l.Max, most)
	l.Cur = l.Max
	return unix.Setrlimit(resource, &l)
}

// niceness of a process that answers a statement: beside it, the pipeline and the
// console's own questions get most of a busy processor.
const niceness = 10

// watchMemory calls over when the process has more memory of its own than most. The engine
// bounds what its operators hold, but not the values that functions make.
func watchMemory(most int64, over func()) {
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		return // the engine's own bound and the system's are left
	}
	defer statm.Close()
	page, buf := int64(os.Getpagesize()), make([]byte, 256)
	for {
		n, err := statm.ReadAt(buf, 0)
		if err != nil && err != io.EOF {
			return
		}
		// size resident shared …, in pages
		if fields := strings.Fields(string(buf[:n])); len(fields) > 2 {
			resident, _ := strconv.ParseInt(fields[1], 10, 64)
			shared, _ := strconv.ParseInt(fields[2], 10, 64)
			if (resident-shared)*page > most {
				over()
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func errMemory() error {
	return touchstone.Errorf(touchstone.Invalid, "the statement needs more memory than it may use").
		WithHint("ask about a shorter range or fewer groups, or raise query.sql_memory")
}

// answer runs the statement on the files of a snapshot.
func answer(t task, args []any) (*warehouse.Result, error) {
	ctx := context.Background()
	c, err := connectSnapshot(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := c.exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return nil, err
	}
	res, err := c.statement(ctx, warehouse.Statement{SQL: t.SQL, Args: args}, t.MaxRows)
	return res, explainHere(err)
}

// explainHere is explain in a process that has nothing but the statement: what the engine
// says that is not of the files is the statement's fault.
func explainHere(err error) error {
	var said *engineError
	if !errors.As(err, &said) {
		return err
	}
	what, detail, _ := strings.Cut(said.msg, ": ")
	switch what {
	case "Out of Memory Error":
		return errMemory()
	case "IO Error", "Corruption Error":
		return err
	}
	return touchstone.Wrap(touchstone.Invalid, err, "SQL: %s", detail)
}

// connectSnapshot opens the files for reading and locks the settings, as openDatabase does
// for the server itself.
func connectSnapshot(ctx context.Context, t task) (*conn, error) {
	if t.Masked {
		return connectMasked(ctx, t)
	}
	if t.Key != "" {
		return connectEncrypted(ctx, t)
	}
	db, err := openDatabaseFile(t.Path, append(append(t.engineSettings(), closed...), [2]string{"access_mode", "READ_ONLY"}))
	if err != nil {
		return nil, err
	}
	return connect(db) // neither is closed: the process ends
}

// engineSettings bound what the engine takes and keep it from reaching for more.
func (t task) engineSettings() [][2]string {
	settings := [][2]string{
		{"threads", strconv.Itoa(t.Threads)},
		{"memory_limit", fmt.Sprintf("%dB", t.Memory/8*5)}, // the rest is for what functions make
		{"temp_directory", t.Path + ".tmp"},
		{"max_temp_directory_size", fmt.Sprintf("%dB", t.TempBytes)},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"allocator_background_threads", "true"},
		{"allocator_flush_threshold", "16MB"},
	}
	if t.Key != "" {
		settings = append(settings, encryption...)
	}
	return settings
}

func openDatabaseFile(path string, settings [][2]string) (db mapping.Database, err error) {
	var config mapping.Config
	if mapping.CreateConfig(&config) == mapping.StateError {
		return db, errors.New("duckdb: cannot make a configuration")
	}
	defer mapping.DestroyConfig(&config)
	for _, kv := range settings {
		if mapping.SetConfig(config, kv[0], kv[1]) == mapping.StateError {
			return db, fmt.Errorf("duckdb: setting %s=%s was refused", kv[0], kv[1])
		}
	}
	var msg string
	if mapping.OpenExt(path, &db, config, &msg) == mapping.StateError {
		return db, &engineError{msg}
	}
	return db, nil
}
