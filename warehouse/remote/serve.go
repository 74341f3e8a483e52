package remote

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/wire"
)

// maxAsking bounds the questions at a time; further ones are refused.
const maxAsking = 64

// maxTask bounds a question with its parameters: lists of persons are among them.
const maxTask = 256 << 20

// Handler answers the questions of other processes about a warehouse.
type Handler struct {
	warehouse warehouse.Warehouse
	secret    [sha256.Size]byte
	asking    chan struct{}
	asked     *prometheus.CounterVec
	handle    http.HandlerFunc
}

// NewHandler makes a handler for the processes that know the secret.
func NewHandler(w warehouse.Warehouse, secret string, metrics prometheus.Registerer) (*Handler, error) {
	if err := CheckSecret(secret); err != nil {
		return nil, err
	}
	h := &Handler{warehouse: w, secret: sha256.Sum256([]byte(secret)), asking: make(chan struct{}, maxAsking),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_warehouse_remote_questions_total",
			Help: "Questions about the warehouse that other processes put, by kind; refused: too many at a time."}, []string{"what"})}
	h.handle = httpapi.Handler(h.serve)
	if metrics != nil {
		metrics.MustRegister(h.asked)
	}
	return h, nil
}

// ServeHTTP answers one question.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handle(w, r) }

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given := sha256.Sum256([]byte(token))
	if !bearer || subtle.ConstantTimeCompare(given[:], h.secret[:]) != 1 {
		return touchstone.Errorf(touchstone.Unauthenticated, "the secret is missing or wrong")
	}
	select {
	case h.asking <- struct{}{}:
		defer func() { <-h.asking }()
	default:
		h.asked.WithLabelValues("refused").Inc()
		return touchstone.Errorf(touchstone.Unavailable, "%d questions about the warehouse are being answered", maxAsking).WithHint("ask again in a moment")
	}
	var q question
	args, err := wire.ReadTask(bufio.NewReader(http.MaxBytesReader(w, r.Body, maxTask)), &q)
	if err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "the question cannot be read")
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	h.answer(r.Context(), w, q, args)
	return nil
}

// answer writes what comes of a question. A connection that breaks tells the other side
// enough, so errors of writing end here.
func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, q question, args []any) {
	s := q.Statement
	s.Args = args
	switch q.What {
	case "query", "scan", "replace", "funnel", "funnel_people":
		h.asked.WithLabelValues(q.What).Inc()
	default:
		h.asked.WithLabelValues("facts").Inc()
	}
	switch q.What {
	case "query":
		res, err := h.warehouse.Query(ctx, s)
		if ctx.Err() == nil {
			_ = wire.WriteReply(w, res, err, 0)
		}
	case "scan":
		h.scan(ctx, w, s, q.Workers)
	case "funnel_people":
		h.funnelPeople(ctx, w, q, args)
	default:
		out := bufio.NewWriter(w)
		f, err := h.facts(ctx, q, args)
		_ = wire.WriteFrame(out, packed(err))
		_ = wire.WriteFrame(out, f)
		_ = out.Flush()
	}
}

func (h *Handler) facts(ctx context.Context, q question, args []any) (f facts, err error) {
	switch q.What {
	case "position":
		f.Position, err = h.warehouse.Position(ctx, q.Partition)
	case "count":
		f.Count, err = h.warehouse.Count(ctx)
	case "last_node":
		f.LastNode, err = h.warehouse.LastNode(ctx)
	case "size":
		f.Size, err = h.warehouse.Size(ctx)
	default:
		return h.offer(ctx, q, args)
	}
	return f, err
}

// packed is an error on its way, nil when there is none.
func packed(err error) *wire.Error {
	if err == nil {
		return nil
	}
	return wire.Pack(err)
}

// maxWorkers bounds the goroutines of one scan.
const maxWorkers = 16

// scan sends blocks as the warehouse finds them.
func (h *Handler) scan(ctx context.Context, w http.ResponseWriter, s warehouse.Statement, workers int) {
	workers = max(1, min(workers, maxWorkers))
	buffers := make([][]byte, workers)
	var mu sync.Mutex // of w
	err := h.warehouse.Scan(ctx, s, workers, func(worker int, columns [][]int64) error {
		for len(columns) > 0 && len(columns[0]) > 0 {
			n := min(len(columns[0]), maxRows(len(columns)))
			part := make([][]int64, len(columns))
			for i := range columns {
				part[i], columns[i] = columns[i][:n], columns[i][n:]
			}
			buffers[worker] = appendBlock(buffers[worker][:0], part)
			mu.Lock()
			_, err := w.Write(buffers[worker])
			mu.Unlock()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return
	}
	out := bufio.NewWriter(w)
	_ = out.WriteByte(0)
	_ = wire.WriteFrame(out, packed(err))
	_ = out.Flush()
}
