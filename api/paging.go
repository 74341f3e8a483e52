package api

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// How many items a page has: when the caller does not say, and at most.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Paging is what the parameters limit and cursor ask for.
type Paging struct {
	Limit int
	After string // the decoded cursor
}

// ReadPaging reads the parameters limit and cursor.
func ReadPaging(r *http.Request) (Paging, error) {
	q := r.URL.Query()
	limit, err := ReadLimit(q.Get("limit"))
	if err != nil {
		return Paging{}, err
	}
	after, err := DecodeCursor(q.Get("cursor"))
	return Paging{limit, after}, err
}

// ReadLimit reads how many items a page may have.
func ReadLimit(s string) (int, error) {
	if s == "" {
		return DefaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxLimit {
		return 0, touchstone.Errorf(touchstone.Invalid, "limit must be a whole number from 1 to %d, not %.40q.", MaxLimit, s)
	}
	return n, nil
}

// Cut pages through a list that is held whole: it returns the items after the one whose
// key is p.After, and the key to go on from.
func Cut[T any](all []T, p Paging, key func(*T) string) ([]T, string, error) {
	start := 0
	if p.After != "" {
		start = -1
		for i := range all {
			if key(&all[i]) == p.After {
				start = i + 1
				break
			}
		}
		if start < 0 {
			return nil, "", BadCursor()
		}
	}
	rest := all[start:]
	if len(rest) <= p.Limit {
		return rest, "", nil
	}
	return rest[:p.Limit], key(&rest[p.Limit-1]), nil
}

// TimeKey is a cursor in a list ordered by time, newest first, and then by id.
type TimeKey struct {
	MS int64 // since 1970
	ID string
}

func (k TimeKey) String() string { return strconv.FormatInt(k.MS, 36) + "." + k.ID }

// ParseTimeKey reads a cursor; the empty one stands before everything.
func ParseTimeKey(s string) (TimeKey, error) {
	if s == "" {
		return TimeKey{MS: math.MaxInt64}, nil
	}
	ms, id, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(ms, 36, 64)
	if !ok || err != nil {
		return TimeKey{}, BadCursor()
	}
	return TimeKey{n, id}, nil
}

// FirstPage cuts off what was read beyond the page and returns the key to go on from.
func FirstPage[T any](items []T, limit int, key func(*T) TimeKey) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	return items, key(&items[limit-1]).String()
}
