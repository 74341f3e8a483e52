package duckdb

/*
#include <stdint.h>
typedef struct touchstone_database *touchstone_database_t;
extern void duckdb_execute_tasks(touchstone_database_t database, uint64_t max_tasks);
static void touchstone_help(void *database) { duckdb_execute_tasks((touchstone_database_t)database, 1); }
*/
import "C"

import (
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// helpers are the threads beside a question's own that work on its tasks. The engine's own
// threads would also be there when no question is asked, and take row groups out of the
// writer's hands at a checkpoint, which then spins until they are written. So the engine
// is told that its threads come from outside, and they come while there is a question.
type helpers struct {
	db   mapping.Database
	gone sync.WaitGroup

	mu        sync.Mutex
	wake      sync.Cond
	questions int
	closed    bool
}

func newHelpers(db mapping.Database, threads int) *helpers {
	h := &helpers{db: db}
	h.wake.L = &h.mu
	for range threads {
		h.gone.Go(h.run)
	}
	return h
}

// begin calls the helpers until end.
func (h *helpers) begin() {
	h.mu.Lock()
	h.questions++
	h.mu.Unlock()
	h.wake.Broadcast()
}

func (h *helpers) end() {
	h.mu.Lock()
	h.questions--
	h.mu.Unlock()
}

// close waits for the helpers to go; it is false if one did not. The database must still
// be open.
func (h *helpers) close(patience time.Duration) bool {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.wake.Broadcast()
	gone := make(chan struct{})
	go func() {
		h.gone.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return true
	case <-time.After(patience):
		return false
	}
}

func (h *helpers) run() {
	for h.wanted() {
		C.touchstone_help(h.db.Ptr) // one task, or 5 ms without one
	}
}

// wanted waits for a question; it is false in the end.
func (h *helpers) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.questions == 0 && !h.closed {
		h.wake.Wait()
	}
	return !h.closed
}
