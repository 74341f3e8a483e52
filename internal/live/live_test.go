package live_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone/internal/live"
)

func TestLatestKeepsTheNewest(t *testing.T) {
	h := live.New[int](3, 1)
	if got := h.Latest(5, nil); len(got) != 0 {
		t.Fatal(got)
	}
	for i := range 8 {
		h.Publish(i)
		if got, want := h.Latest(2, nil), []int{i - 1, i}[map[bool]int{true: 1, false: 0}[i == 0]:]; !cmp.Equal(got, want) {
			t.Fatalf("after %d: %v, want %v", i, got, want)
		}
	}
	if d := cmp.Diff([]int{5, 6, 7}, h.Latest(9, nil)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{6}, h.Latest(9, func(i int) bool { return i%2 == 0 })); d != "" {
		t.Error(d)
	}
}

func TestForget(t *testing.T) {
	h := live.New[int](4, 1)
	h.Publish(1, 2, 3, 4, 5, 6)
	h.Forget(func(i int) bool { return i%2 == 0 })
	if d := cmp.Diff([]int{3, 5}, h.Latest(9, nil)); d != "" {
		t.Error(d)
	}
	h.Publish(7, 8, 9)
	if d := cmp.Diff([]int{5, 7, 8, 9}, h.Latest(9, nil)); d != "" {
		t.Error(d)
	}
	h.Forget(func(int) bool { return true })
	if got := h.Latest(9, nil); len(got) != 0 {
		t.Error(got)
	}
}

func TestSubscriberGetsRecentThenNew(t *testing.T) {
	h := live.New[int](10, 1)
	h.Publish(1, 2, 3, 4)
	ctx, cancel := context.WithCancel(context.Background())
	values, ok := h.Subscribe(ctx, 2, 4, func(i int) bool { return i != 5 })
	if !ok || !h.Watched() {
		t.Fatal("not subscribed")
	}
	if _, ok := h.Subscribe(ctx, 0, 1, nil); ok {
		t.Fatal("one subscriber too many")
	}
	h.Publish(5, 6)
	cancel()
	var got []int
	for v := range values {
		got = append(got, v)
	}
	if d := cmp.Diff([]int{3, 4, 6}, got); d != "" {
		t.Error(d)
	}
	if h.Watched() {
		t.Error("still watched")
	}
}

func TestSlowSubscriberLosesAndDoesNotBlock(t *testing.T) {
	h := live.New[int](1, 2)
	ctx, cancel := context.WithCancel(context.Background())
	slow, _ := h.Subscribe(ctx, 0, 2, nil)
	h.Publish(1, 2, 3, 4, 5)
	if h.Dropped() != 3 {
		t.Errorf("dropped %d", h.Dropped())
	}
	cancel()
	n := 0
	for range slow {
		n++
	}
	if n != 2 {
		t.Errorf("got %d", n)
	}
}

func TestHubUnderRace(t *testing.T) {
	h := live.New[int](8, 100)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			values, _ := h.Subscribe(ctx, 3, 8, nil)
			for j := range 200 {
				h.Publish(i, j)
				h.Latest(3, nil)
			}
			cancel()
			for range values {
			}
		})
	}
	wg.Wait()
	if h.Subscribers() != 0 {
		t.Error(h.Subscribers())
	}
}

func BenchmarkPublishUnwatched(b *testing.B) {
	h := live.New[int](100, 1)
	for b.Loop() {
		h.Publish(1)
	}
}
