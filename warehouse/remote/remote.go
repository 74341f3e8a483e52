// Package remote reads a warehouse that another process holds: an embedded one's file can be
// open in one process only. [Handler] answers there, a [Warehouse] asks. Both know a secret.
package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/wire"
)

// Path is where the handler stands, under the address of the process.
const Path = "/internal/warehouse/"

// MinSecret is the least length of a secret that is let through.
const MinSecret = 20

// Config is what New needs.
type Config struct {
	URL     string // of the process that holds the warehouse: http://10.0.0.7:8484
	Secret  string // see CheckSecret
	Dialect warehouse.Dialect
	Client  *http.Client // http.DefaultTransport without a time limit by default
}

// CheckSecret refuses a secret that can be guessed.
func CheckSecret(secret string) error {
	if len(secret) < MinSecret {
		return touchstone.Errorf(touchstone.Invalid, "warehouse.secret: has %d characters and needs %d or more", len(secret), MinSecret).
			WithHint("make one with openssl rand -hex 32, and give the same to every process")
	}
	return nil
}

// Warehouse asks another process. It cannot append.
type Warehouse struct {
	cfg    Config
	base   string
	closed chan struct{}
	once   sync.Once
}

// New prepares to ask. The other process need not be there yet: each question that cannot be
// put is touchstone.Unavailable.
func New(cfg Config) (*Warehouse, error) {
	if err := CheckSecret(cfg.Secret); err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, touchstone.Errorf(touchstone.Invalid, "warehouse.url: %q is not an address like http://10.0.0.7:8484", cfg.URL)
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{}
	}
	return &Warehouse{cfg: cfg, base: strings.TrimSuffix(cfg.URL, "/") + Path, closed: make(chan struct{})}, nil
}

// facts is how the warehouse is.
type facts struct {
	Position warehouse.Position
	Count    int64
	LastNode touchstone.NodeID
	Size     int64
	Version  string                   // of a set
	Steps    [][]warehouse.FunnelStep // of a funnel
}

// question is what is asked: of facts, or with a statement.
type question struct {
	What      string // position, count, last_node, size, query or scan; set_version, replace, funnel or funnel_people
	Partition int
	Statement warehouse.Statement // its parameters come behind
	Workers   int
	Set       warehouse.Set // its numbers come behind, those to add in so many values
	Adding    int
	Funnel    warehouse.Funnel // its parameters come behind
	Level     warehouse.FunnelLevel
	Most      int
}

// Position asks how far a partition has been appended.
func (w *Warehouse) Position(ctx context.Context, partition int) (warehouse.Position, error) {
	f, err := w.quickly(ctx, question{What: "position", Partition: partition})
	return f.Position, err
}

// Append is for the process that holds the warehouse.
func (w *Warehouse) Append(context.Context, warehouse.Commit) error {
	return touchstone.Errorf(touchstone.Unavailable, "this process does not hold the warehouse")
}

// LastNode asks for a node that no event is beyond.
func (w *Warehouse) LastNode(ctx context.Context) (touchstone.NodeID, error) {
	f, err := w.quickly(ctx, question{What: "last_node"})
	return f.LastNode, err
}

// Count asks for the number of events.
func (w *Warehouse) Count(ctx context.Context) (int64, error) {
	f, err := w.quickly(ctx, question{What: "count"})
	return f.Count, err
}

// Size asks for the bytes on the other process's disk.
func (w *Warehouse) Size(ctx context.Context) (int64, error) {
	f, err := w.quickly(ctx, question{What: "size"})
	return f.Size, err
}

// Dialect returns the configured one.
func (w *Warehouse) Dialect() warehouse.Dialect { return w.cfg.Dialect }

// Close ends what is being asked.
func (w *Warehouse) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// factsTimeout bounds the questions that are answered at once.
const factsTimeout = 10 * time.Second

func (w *Warehouse) quickly(ctx context.Context, q question) (facts, error) {
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	return w.facts(ctx, q, nil)
}

func (w *Warehouse) facts(ctx context.Context, q question, args []any) (f facts, err error) {
	err = w.ask(ctx, q, args, func(r *bufio.Reader) error {
		var e *wire.Error
		if err := wire.ReadFrame(r, &e); err != nil {
			return err
		}
		if e != nil {
			return said{e.Unpack()}
		}
		return wire.ReadFrame(r, &f)
	})
	return f, err
}

// Query runs a statement there.
func (w *Warehouse) Query(ctx context.Context, s warehouse.Statement) (res *warehouse.Result, err error) {
	err = w.ask(ctx, question{What: "query", Statement: s}, s.Args, func(r *bufio.Reader) error {
		var failure, err error
		if res, failure, err = wire.ReadReply(r); failure != nil {
			return said{failure}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// Scan runs a statement there and hands its rows over as they come.
func (w *Warehouse) Scan(ctx context.Context, s warehouse.Statement, workers int, fn func(worker int, columns [][]int64) error) error {
	workers = max(workers, 1)
	q := question{What: "scan", Statement: s, Workers: workers}
	return w.ask(ctx, q, s.Args, func(r *bufio.Reader) error { return readBlocks(r, workers, fn) })
}

// said is an error that the other process has answered with, or that fn has.
type said struct{ error }

// ask puts a question and has read take its answer.
func (w *Warehouse) ask(ctx context.Context, q question, args []any, read func(r *bufio.Reader) error) error {
	select {
	case <-w.closed:
		return touchstone.Errorf(touchstone.Unavailable, "the warehouse is closed")
	default:
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(closing{w.closed}, cancel)()
	q.Statement.Args = nil
	var body bytes.Buffer
	if err := wire.WriteTask(&body, q, args); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(within, http.MethodPost, w.base, &body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.cfg.Secret)
	resp, err := w.cfg.Client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return w.refused(resp)
		}
		err = read(bufio.NewReaderSize(resp.Body, 64<<10))
	}
	var answer said
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer):
		return answer.error
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return w.away(err)
}

// away is the error of an answer that does not come.
func (w *Warehouse) away(err error) error {
	return touchstone.Wrap(touchstone.Unavailable, err, "the process that holds the warehouse does not answer at %s", w.cfg.URL).
		WithHint("see that a process with the role sink runs there; warehouse.url is its address")
}

// refused tells why the other process does not answer. It says so as every API does.
func (w *Warehouse) refused(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	var problem struct {
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(text, &problem)
	if resp.StatusCode == http.StatusUnauthorized {
		return touchstone.Errorf(touchstone.Unavailable, "the process that holds the warehouse at %s does not know this process's secret", w.cfg.URL).
			WithHint("give every process the same warehouse.secret")
	}
	return w.away(fmt.Errorf("%s: %s", resp.Status, problem.Detail))
}

// closing is a context that ends when a warehouse is closed.
type closing struct{ done <-chan struct{} }

func (c closing) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c closing) Done() <-chan struct{}       { return c.done }
func (c closing) Value(any) any               { return nil }
func (c closing) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// A scan's answer is blocks, each its columns, its rows and 8 bytes a value, little endian;
// then a block of no columns and the error that ended the scan, or null.

// Bounds of a block.
const (
	maxColumns = 1 << 10
	maxBlock   = 64 << 20 // bytes
)

func appendBlock(b []byte, columns [][]int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(columns)))
	b = binary.AppendUvarint(b, uint64(len(columns[0])))
	for _, column := range columns {
		for _, v := range column {
			b = binary.LittleEndian.AppendUint64(b, uint64(v)) //nolint:gosec // bits
		}
	}
	return b
}

// block is a block as it came.
type block struct {
	columns, rows int
	values        []byte
}

func readBlock(r *bufio.Reader, reuse []byte) (b block, err error) {
	columns, err := binary.ReadUvarint(r)
	if err != nil || columns == 0 {
		return b, err
	}
	rows, err := binary.ReadUvarint(r)
	if err != nil {
		return b, err
	}
	if columns > maxColumns || rows > maxBlock/8/columns {
		return b, fmt.Errorf("a block of %d rows and %d columns is too large", rows, columns)
	}
	size := int(columns * rows * 8) //nolint:gosec // bounded
	if cap(reuse) < size {
		reuse = make([]byte, size)
	}
	b = block{int(columns), int(rows), reuse[:size]}
	_, err = io.ReadFull(r, b.values)
	return b, err
}

// decode puts a block's values into columns that are used again.
func (b block) decode(columns [][]int64) [][]int64 {
	for len(columns) < b.columns {
		columns = append(columns, nil)
	}
	columns = columns[:b.columns]
	values := b.values
	for i := range columns {
		if cap(columns[i]) < b.rows {
			columns[i] = make([]int64, b.rows)
		}
		columns[i] = columns[i][:b.rows]
		for j := range columns[i] {
			columns[i][j] = int64(binary.LittleEndian.Uint64(values)) //nolint:gosec // bits
			values = values[8:]
		}
	}
	return columns
}

// readBlocks has workers take blocks until the answer ends or one of them has had enough.
func readBlocks(r *bufio.Reader, workers int, fn func(worker int, columns [][]int64) error) error {
	blocks, spare := make(chan block, workers), make(chan []byte, 2*workers)
	enough, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			var columns [][]int64
			for b := range blocks {
				if enough.Err() == nil {
					columns = b.decode(columns)
					if err := fn(worker, columns); err != nil {
						stop(said{err})
					}
				}
				select {
				case spare <- b.values:
				default:
				}
			}
		})
	}
	err := func() error {
		defer close(blocks)
		for enough.Err() == nil {
			var reuse []byte
			select {
			case reuse = <-spare:
			default:
			}
			b, err := readBlock(r, reuse)
			if err != nil {
				return err
			}
			if b.columns == 0 {
				var e *wire.Error
				if err := wire.ReadFrame(r, &e); err != nil || e == nil {
					return err
				}
				return said{e.Unpack()}
			}
			blocks <- b
		}
		return nil
	}()
	running.Wait()
	if enough.Err() != nil {
		return context.Cause(enough)
	}
	return err
}

// maxRows bounds the rows of a block, so that none is over maxBlock.
func maxRows(columns int) int { return max(1, min(math.MaxInt32, maxBlock/8/max(columns, 1))) }
