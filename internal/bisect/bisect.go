// Package bisect finds the few items at fault among many that a worker refuses, so that
// they can be set aside and the rest goes on. The pipeline, the warehouse's sink and the
// reactors' inbox share it.
package bisect

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// After so many failures in a row, and then every so many, it is looked whether items are
// at fault.
const (
	After = 3
	Every = 10
)

// Suspicion counts failures in a row that may be about items.
type Suspicion int

// Look counts a failure and tells whether it is time to search for its items. A trouble
// of the database or the warehouse clears them.
func (s *Suspicion) Look(trouble bool) bool {
	if trouble {
		*s = 0
		return false
	}
	*s++
	return *s%Every == After
}

// Search calls found with the index of each item that try refuses. It tries halves, so
// that a few bad ones among many cost a few dozen trials. A trouble ends it: what is left
// is looked at another time. It tells whether it found any.
func Search[T any](items []T, try func([]T) error, trouble func(error) bool, found func(i int, err error)) (any bool) {
	return search(items, 0, try, trouble, found)
}

func search[T any](items []T, from int, try func([]T) error, trouble func(error) bool, found func(i int, err error)) (any bool) {
	err := try(items)
	switch {
	case err == nil || trouble(err):
		return false
	case len(items) == 1:
		found(from, err)
		return true
	}
	half := len(items) / 2
	first := search(items[:half], from, try, trouble, found)
	second := search(items[half:], from+half, try, trouble, found)
	if first || second {
		return true
	}
	// Each half is taken alone: the first item goes that fails after those before it.
	low, high := half, len(items) // items[:low] are taken, items[:high] are not
	for high-low > 1 {
		middle := (low + high) / 2
		e := try(items[:middle])
		switch {
		case e == nil:
			low = middle
		case trouble(e):
			return false
		default:
			high, err = middle, e
		}
	}
	found(from+high-1, fmt.Errorf("%w, after the events before it", err))
	return true
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
