// Package live broadcasts what happens to whoever watches: bounded in memory, and nearly
// free while nobody does.
package live

import (
	"context"
	"sync"
	"sync/atomic"
)

// Hub keeps the latest values and sends new ones to its subscribers. It never waits
// for a subscriber: what does not fit into one's buffer is dropped and counted.
type Hub[T any] struct {
	mu      sync.Mutex
	ring    []T
	next    int // where the next value goes, once the ring is full
	subs    map[*subscription[T]]struct{}
	maxSubs int

	watchers atomic.Int32
	dropped  atomic.Int64
}

type subscription[T any] struct {
	values chan T
	keep   func(T) bool
}

// New makes a hub that keeps the latest keep values, for at most maxSubscribers.
func New[T any](keep, maxSubscribers int) *Hub[T] {
	return &Hub[T]{ring: make([]T, 0, max(keep, 1)), subs: make(map[*subscription[T]]struct{}), maxSubs: maxSubscribers}
}

// Publish adds values and sends them on. The hub keeps them; do not change them later.
func (h *Hub[T]) Publish(values ...T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		if len(h.ring) < cap(h.ring) {
			h.ring = append(h.ring, v)
		} else {
			h.ring[h.next] = v
			h.next = (h.next + 1) % len(h.ring)
		}
		for s := range h.subs {
			if s.keep != nil && !s.keep(v) {
				continue
			}
			select {
			case s.values <- v:
			default:
				h.dropped.Add(1)
			}
		}
	}
}

// Watched tells whether anybody subscribes, for publishers whose values cost something.
func (h *Hub[T]) Watched() bool { return h.watchers.Load() > 0 }

// Dropped counts values that a subscriber was too slow for.
func (h *Hub[T]) Dropped() int64 { return h.dropped.Load() }

// Subscribers counts the subscribers.
func (h *Hub[T]) Subscribers() int { return int(h.watchers.Load()) }

// Subscribe returns a channel of the values that keep accepts (nil: all), the latest
// recent ones first. It is closed when ctx ends. ok is false when there are too many subscribers.
func (h *Hub[T]) Subscribe(ctx context.Context, recent, buffer int, keep func(T) bool) (values <-chan T, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.subs) >= h.maxSubs {
		return nil, false
	}
	past := h.latest(recent, keep)
	s := &subscription[T]{values: make(chan T, len(past)+max(buffer, 1)), keep: keep}
	for _, v := range past {
		s.values <- v
	}
	h.subs[s] = struct{}{}
	h.watchers.Add(1)
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subs, s)
		h.watchers.Add(-1)
		close(s.values)
	})
	return s.values, true
}

// Latest returns the newest values that keep accepts (nil: all), oldest first.
func (h *Hub[T]) Latest(n int, keep func(T) bool) []T {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest(n, keep)
}

func (h *Hub[T]) latest(n int, keep func(T) bool) []T {
	var found []T
	for i := range len(h.ring) {
		at := (h.next - 1 - i + 2*len(h.ring)) % len(h.ring)
		if len(found) == n {
			break
		}
		if keep == nil || keep(h.ring[at]) {
			found = append(found, h.ring[at])
		}
	}
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// Forget takes kept values out, so that who comes later does not get them.
func (h *Hub[T]) Forget(is func(T) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.latest(len(h.ring), func(v T) bool { return !is(v) })
	clear(h.ring)
	h.ring, h.next = append(h.ring[:0], kept...), 0
}
