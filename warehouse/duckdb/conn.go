package duckdb

import (
	"context"
	"fmt"
	"strings"
	"time"

	bindings "github.com/duckdb/duckdb-go-bindings"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
)

// conn is one connection, used by one goroutine at a time. It speaks the C API
// itself rather than through database/sql, for three things which that cannot do:
// write vectors directly, read lists without a copy, and stream a result so that a
// row bound is also a memory bound.
type conn struct {
	c mapping.Connection
}

func connect(db mapping.Database) (*conn, error) {
	c := &conn{}
	if mapping.Connect(db, &c.c) == mapping.StateError {
		return nil, fmt.Errorf("duckdb: cannot connect")
	}
	return c, nil
}

func (c *conn) close() { mapping.Disconnect(&c.c) }

// exec runs one statement and drops its result.
func (c *conn) exec(ctx context.Context, query string, args ...any) error {
	return c.run(ctx, query, args, nil)
}

// run prepares and executes one statement and hands its streamed result to fn.
// When ctx ends the statement is interrupted.
func (c *conn) run(ctx context.Context, query string, args []any, fn func(*mapping.Result) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if strings.IndexByte(query, 0) >= 0 {
		return touchstone.Errorf(touchstone.Invalid, "the SQL holds a NUL character")
	}
	defer c.watch(ctx)()
	var stmt mapping.PreparedStatement
	defer func() { mapping.DestroyPrepare(&stmt) }()
	if mapping.Prepare(c.c, query, &stmt) == mapping.StateError {
		return c.failure(ctx, mapping.PrepareError(stmt))
	}
	return c.runPrepared(ctx, stmt, args, fn)
}

func (c *conn) runPrepared(ctx context.Context, stmt mapping.PreparedStatement, args []any, fn func(*mapping.Result) error) error {
	if err := bind(stmt, args); err != nil {
		return err
	}
	var pending mapping.PendingResult
	defer func() { mapping.DestroyPending(&pending) }()
	start := mapping.PendingPrepared
	if fn != nil {
		start = bindings.PendingPreparedStreaming
	}
	if start(stmt, &pending) == mapping.StateError {
		return c.failure(ctx, mapping.PendingError(pending))
	}
	if err := c.work(ctx, pending); err != nil {
		return err
	}
	var res mapping.Result
	defer mapping.DestroyResult(&res)
	if mapping.ExecutePending(pending, &res) == mapping.StateError {
		return c.failure(ctx, mapping.ResultError(&res))
	}
	if fn == nil {
		return nil
	}
	if err := fn(&res); err != nil {
		return err
	}
	// A failure while streaming ends the chunks; only the result knows.
	if msg := mapping.ResultError(&res); msg != "" {
		return c.failure(ctx, msg)
	}
	return ctx.Err()
}

// work executes the tasks of a statement until its result is ready. DuckDB's own loop
// spins while another thread has the last task; this one sleeps.
func (c *conn) work(ctx context.Context, pending mapping.PendingResult) error {
	const shortest, longest = 20 * time.Microsecond, 500 * time.Microsecond
	pause := shortest
	for {
		switch mapping.PendingExecuteTask(pending) {
		case mapping.PendingStateResultReady:
			return nil
		case mapping.PendingStateError:
			return c.failure(ctx, mapping.PendingError(pending))
		case mapping.PendingStateNoTasksAvailable:
			time.Sleep(pause)
			pause = min(2*pause, longest)
		default:
			pause = shortest
		}
	}
}

// watch interrupts the connection's statements from the end of ctx until the
// returned function is called. It repeats itself, because DuckDB forgets an
// interrupt that comes between two statements.
func (c *conn) watch(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(gone)
		for {
			mapping.Interrupt(c.c)
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return func() {
		close(done)
		if !unhook() {
			<-gone
		}
	}
}

// failure makes an error of DuckDB's message; ctx's own error comes first, because an
// interrupted statement says nothing but "INTERRUPT".
func (c *conn) failure(ctx context.Context, msg string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &engineError{strings.TrimSpace(msg)}
}

// engineError is what DuckDB said.
type engineError struct{ msg string }

func (e *engineError) Error() string { return "duckdb: " + e.msg }

// bind sets the parameters of stmt.
func bind(stmt mapping.PreparedStatement, args []any) error {
	if n := int(mapping.NParams(stmt)); n != len(args) {
		return touchstone.Errorf(touchstone.Invalid, "the SQL has %d parameters, %d values were given", n, len(args))
	}
	for i, a := range args {
		at := mapping.IdxT(i + 1)
		var state mapping.State
		switch v := a.(type) {
		case nil:
			state = mapping.BindNull(stmt, at)
		case bool:
			state = mapping.BindBoolean(stmt, at, v)
		case int:
			state = mapping.BindInt64(stmt, at, int64(v))
		case int32:
			state = mapping.BindInt32(stmt, at, v)
		case int64:
			state = mapping.BindInt64(stmt, at, v)
		case touchstone.Seq:
			state = mapping.BindInt64(stmt, at, int64(v))
		case touchstone.NodeID:
			state = mapping.BindInt64(stmt, at, int64(v))
		case touchstone.PersonID:
			state = mapping.BindInt64(stmt, at, int64(v))
		case float64:
			state = mapping.BindDouble(stmt, at, v)
		case string:
			state = mapping.BindVarcharLength(stmt, at, v, mapping.IdxT(len(v)))
		case touchstone.JSON:
			state = mapping.BindVarcharLength(stmt, at, string(v), mapping.IdxT(len(v)))
		case time.Time:
			state = mapping.BindTimestamp(stmt, at, mapping.NewTimestamp(v.UnixMicro()))
		case []int64:
			state = bindList(stmt, at, v)
		default:
			return fmt.Errorf("duckdb: parameter %d has type %T, which is not supported", i+1, a)
		}
		if state == mapping.StateError {
			return fmt.Errorf("duckdb: cannot bind parameter %d (%T)", i+1, a)
		}
	}
	return nil
}

func bindList(stmt mapping.PreparedStatement, at mapping.IdxT, list []int64) mapping.State {
	t := mapping.CreateLogicalType(mapping.TypeBigInt)
	defer mapping.DestroyLogicalType(&t)
	values := make([]mapping.Value, len(list))
	for i, n := range list {
		values[i] = mapping.CreateInt64(n)
	}
	l := mapping.CreateListValue(t, values)
	state := mapping.BindValue(stmt, at, l)
	mapping.DestroyValue(&l)
	for i := range values {
		mapping.DestroyValue(&values[i])
	}
	return state
}
