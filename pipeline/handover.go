package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// handover keeps what the pipeline has just committed of one partition until the sink
// takes it, so that the sink need not read and decode the log once more. It is bounded:
// a pipeline that is faster than the sink waits for it, but not for long, for the sink
// may be in trouble. What is not handed over the sink reads from the log.
type handover struct {
	most  int           // events kept
	ready chan struct{} // gets a value when the sink should not wait for more
	taken chan struct{} // gets a value when there is room

	used atomic.Bool // a sink in this process takes what is given

	mu      sync.Mutex
	waiting portion // no batches: last is 0
	closed  bool    // a batch has been left out, so the next ones do not follow

	spare factPool // the slices of portions, given back by the sink
}

// portion is a run of committed records for one append.
type portion struct {
	first, last stream.Offset
	oldest      time.Time         // smallest ReceivedAt
	facts       []touchstone.Fact // that reached the stages
	events      int               // in the records, with duplicates and rejected ones
	bytes       int               // of their texts
}

func newHandover(most int) *handover {
	return &handover{most: most, ready: make(chan struct{}, 1), taken: make(chan struct{}, 1), spare: newFactPool()}
}

// patience is how long the pipeline waits for the sink, once in a row.
const patience = 2 * time.Second

// give adds the facts of a committed batch.
func (h *handover) give(ctx context.Context, work chunk, facts []touchstone.Fact) {
	if !h.used.Load() {
		return
	}
	var late <-chan time.Time
	for !h.add(work, facts, false) {
		if late == nil {
			late = time.After(patience)
		}
		select {
		case <-h.taken:
			continue
		case <-late:
		case <-ctx.Done():
		}
		h.add(work, facts, true)
		return
	}
}

// gap says that what is given next need not follow what waits.
func (h *handover) gap() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = h.waiting.last != 0
}

// use tells whether a sink in this process takes what is given.
func (h *handover) use(used bool) {
	h.used.Store(used)
	if used {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting, h.closed = portion{}, false
	signal(h.taken)
}

// add reports false when there is no room, unless it is the last try.
func (h *handover) add(work chunk, facts []touchstone.Fact, last bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &h.waiting
	switch {
	case w.last == 0:
		*w = portion{first: work.first, oldest: work.oldest, facts: h.spare.get(len(facts))}
	case h.closed:
		return true
	case len(w.facts)+len(facts) > h.most, w.bytes+work.bytes > maxBatchBytes:
		h.closed = last
		return last
	case work.oldest.Before(w.oldest):
		w.oldest = work.oldest
	}
	w.last, w.facts, w.events, w.bytes = work.last, append(w.facts, facts...), w.events+work.count(), w.bytes+work.bytes
	if len(w.facts) >= h.most/2 || w.bytes >= maxBatchBytes/2 {
		signal(h.ready)
	}
	return true
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take returns the portion that begins with a record. When there is none, ok is false and
// the records before the one returned must be read from the log; 0 stands for all.
func (h *handover) take(from stream.Offset) (p portion, before stream.Offset, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.waiting
	if w.first > from {
		return portion{}, w.first, false
	}
	h.waiting, h.closed = portion{}, false
	signal(h.taken)
	if w.first < from { // nothing, or an append that failed half-way
		h.spare.put(w.facts)
		return portion{}, 0, false
	}
	return w, 0, true
}
