// Package bisect finds the few items at fault among many that a worker refuses, so that
// they can be set aside and the rest goes on. The pipeline, the warehouse's sink and the
// reactors' inbox share it.
package bisect

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// After so many failures, and then every so many, it is looked whether items are at fault.
const (
	After = 3
	Every = 10
)

// patience is how often a trial is made that meets trouble, before the search pauses.
const patience = 3

// Hunt is the search for the items at fault in one piece of work, from its first failure
// until it is done. Trouble (of the database, the warehouse) only interrupts it: what the
// trials before have shown is kept, so that even a search that meets trouble again and again
// comes to its end. The zero value is ready.
type Hunt struct {
	failures int
	pending  bool // a search was interrupted, or its findings have not been made use of
	of       string
	verdicts map[span]error // of trials
}

// span is items[from:to]; again is the trial by which a refusal is confirmed.
type span struct {
	from, to int
	again    bool
}

// Look counts a failure and tells whether it is time to search for its items. Troubles are
// not counted: they are about no item.
func (h *Hunt) Look(trouble bool) bool {
	if trouble {
		return false
	}
	h.failures++
	return h.pending || h.failures%Every == After
}

// Trials tells how many trials the search remembers.
func (h *Hunt) Trials() int { return len(h.verdicts) }

// Pending tells whether a search goes on at the next failure.
func (h *Hunt) Pending() bool { return h.pending }

// Pause has the search go on at the next failure: a trouble came before its first trial.
func (h *Hunt) Pause() { h.pending = true }

// Forget drops what the search has found: work without it was done, or failed all the same.
func (h *Hunt) Forget() { h.pending, h.of, h.verdicts = false, "", nil }

// Clear ends the hunt: the work is done.
func (h *Hunt) Clear() { *h = Hunt{} }

// Search calls found with the index of each item that try refuses. It tries halves, so
// that a few bad ones among many cost a few dozen trials. It tells whether it found any.
//
// A trouble that stays interrupts it, with nothing found. When it is called again with the
// same of, which names the work and must differ when items do, it goes on where it was. What was found is
// found again without a trial until the hunt forgets it.
func Search[T any](h *Hunt, of string, items []T, try func([]T) error, trouble func(error) bool, found func(i int, err error)) (any bool) {
	if len(items) == 0 {
		h.Forget()
		return false
	}
	if h.verdicts == nil || h.of != of {
		h.of, h.verdicts = of, map[span]error{}
	}
	s := search{verdicts: h.verdicts, trouble: trouble, try: func(at span) error { return try(items[at.from:at.to]) }}
	any = s.in(span{to: len(items)})
	h.pending = any || s.stopped
	if s.stopped {
		return false
	}
	for _, f := range s.found {
		found(f.index, f.err)
	}
	return any
}

// search is one call of Search. Once it is stopped, every trial says that nothing is wrong.
type search struct {
	verdicts map[span]error
	try      func(span) error
	trouble  func(error) bool
	stopped  bool
	found    []struct {
		index int
		err   error
	}
}

func (s *search) trial(at span) error {
	if err, known := s.verdicts[at]; known {
		return err
	}
	for range patience {
		if s.stopped {
			break
		}
		err := s.try(at)
		if err == nil || !s.trouble(err) {
			s.verdicts[at] = err
			return err
		}
	}
	s.stopped = true
	return nil
}

func (s *search) add(index int, err error) bool {
	s.found = append(s.found, struct {
		index int
		err   error
	}{index, err})
	return true
}

// refusedAgain tells whether a second trial fails, too: what failed by chance is nobody's fault.
func (s *search) refusedAgain(at span) bool {
	at.again = true
	return s.trial(at) != nil
}

func (s *search) in(at span) (any bool) {
	err := s.trial(at)
	switch {
	case err == nil:
		return false
	case at.to-at.from == 1:
		return s.refusedAgain(at) && s.add(at.from, err)
	}
	half := (at.from + at.to) / 2
	first := s.in(span{from: at.from, to: half})
	second := s.in(span{from: half, to: at.to})
	if first || second || s.stopped || !s.refusedAgain(at) {
		return first || second
	}
	// Each half is taken alone: the first item goes that fails after those before it.
	low, high := half, at.to // items up to low are taken, those up to high are not
	for high-low > 1 {
		middle := (low + high) / 2
		if e := s.trial(span{from: at.from, to: middle}); e == nil {
			low = middle
		} else {
			high, err = middle, e
		}
	}
	return s.add(high-1, fmt.Errorf("%w, after the events before it", err))
}

// Guard makes an error of a panic in fn: an item that brings a worker down must not bring
// down the process, and then the next one.
func Guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return fn()
}

// Shortly is an error's first line, for people; all of it is in the log.
func Shortly(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}
