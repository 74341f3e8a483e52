package stream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// hourly is a log of one partition with n records of size bytes, an hour apart from start on.
func hourly(t testing.TB, n, size int) stream.Log {
	now := start
	log := memory.New(1, touchstone.ClockFunc(func() time.Time { return now }))
	for range n {
		if _, err := log.Append(ctx, 0, []byte(strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	return log
}

func keepFrom(at stream.Offset) func(context.Context, int) (stream.Offset, error) {
	return func(context.Context, int) (stream.Offset, error) { return at, nil }
}

func TestTrim(t *testing.T) {
	for name, tt := range map[string]struct {
		retention stream.Retention
		after     time.Duration // since the first of ten records was stored
		keep      stream.Offset
		first     stream.Offset // then
	}{
		"no limits":                    {stream.Retention{}, 1000 * time.Hour, 11, 1},
		"nothing old":                  {stream.Retention{MaxAge: 10 * time.Hour}, 10 * time.Hour, 11, 1},
		"one old":                      {stream.Retention{MaxAge: 10*time.Hour - 1}, 10 * time.Hour, 11, 2},
		"half old":                     {stream.Retention{MaxAge: 5 * time.Hour}, 10 * time.Hour, 11, 6},
		"all old":                      {stream.Retention{MaxAge: time.Hour}, 1000 * time.Hour, 11, 11},
		"old but needed":               {stream.Retention{MaxAge: time.Hour}, 1000 * time.Hour, 4, 4},
		"all needed":                   {stream.Retention{MaxAge: time.Hour}, 1000 * time.Hour, 1, 1},
		"needed from beyond the end":   {stream.Retention{MaxAge: time.Hour}, 1000 * time.Hour, 99, 11},
		"small enough":                 {stream.Retention{MaxBytes: 1000}, 0, 11, 1},
		"a little too large":           {stream.Retention{MaxBytes: 999}, 0, 11, 2},
		"much too large":               {stream.Retention{MaxBytes: 250}, 0, 11, 9},
		"too large but needed":         {stream.Retention{MaxBytes: 1}, 0, 3, 3},
		"both, age is stricter":        {stream.Retention{MaxBytes: 900, MaxAge: 5 * time.Hour}, 10 * time.Hour, 11, 6},
		"both, size is stricter":       {stream.Retention{MaxBytes: 100, MaxAge: 5 * time.Hour}, 10 * time.Hour, 11, 10},
		"the clock went back a decade": {stream.Retention{MaxAge: time.Hour}, -24 * 3650 * time.Hour, 11, 1},
	} {
		t.Run(name, func(t *testing.T) {
			log := hourly(t, 10, 100)
			n, err := stream.Trim(ctx, log, tt.retention, start.Add(tt.after), keepFrom(tt.keep))
			if err != nil {
				t.Fatal(err)
			}
			first, next, _ := log.Bounds(ctx, 0)
			if first != tt.first || next != 11 || n != int(tt.first-1) {
				t.Errorf("kept from %d to %d, dropped %d; want from %d", first, next, n, tt.first)
			}
		})
	}
}

func TestTrimNeverDropsWhatIsNeeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.IntRange(0, 50).Draw(rt, "records")
		log := hourly(t, records, 10)
		keep := stream.Offset(rapid.IntRange(0, 60).Draw(rt, "keep"))
		r := stream.Retention{
			MaxAge:   time.Duration(rapid.IntRange(0, 60).Draw(rt, "age")) * time.Hour,
			MaxBytes: rapid.Int64Range(0, 600).Draw(rt, "bytes"),
		}
		now := start.Add(time.Duration(rapid.IntRange(-10, 100).Draw(rt, "now")) * time.Hour)
		if _, err := stream.Trim(ctx, log, r, now, keepFrom(keep)); err != nil {
			rt.Fatal(err)
		}
		first, next, _ := log.Bounds(ctx, 0)
		if next != stream.Offset(records+1) {
			rt.Fatalf("the end moved to %d", next)
		}
		if first > max(keep, 1) {
			rt.Fatalf("first is %d though %d is needed", first, keep)
		}
	})
}

func TestTrimPassesErrorsOn(t *testing.T) {
	boom := errors.New("boom")
	log := hourly(t, 3, 1)
	_, err := stream.Trim(ctx, log, stream.Retention{MaxAge: 1}, start.Add(1000*time.Hour),
		func(context.Context, int) (stream.Offset, error) { return 99, boom })
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if first, _, _ := log.Bounds(ctx, 0); first != 1 {
		t.Errorf("trimmed to %d without knowing what is needed", first)
	}
}

func TestRetainTrimsAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := touchstone.ClockFunc(func() time.Time { return time.Now() })
		log := memory.New(2, clock)
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			stream.Retain(ctx, log, stream.RetainConfig{Retention: stream.Retention{MaxAge: time.Hour}, Clock: clock,
				KeepFrom: keepFrom(1000), Interval: time.Minute})
			close(done)
		}()
		for range 180 { // one record a minute
			if _, err := log.Append(ctx, 1, []byte("x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		first, next, _ := log.Bounds(ctx, 1)
		if next != 181 || first < 119 || first > 122 {
			t.Errorf("kept from %d to %d, want about the last 60", first, next)
		}
		cancel()
		<-done
	})
}

// Who trims may stop and begin again, as a lease comes and goes.
func TestRetainAgain(t *testing.T) {
	metrics := prometheus.NewRegistry()
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		stream.Retain(ctx, memory.New(1, touchstone.SystemClock{}), stream.RetainConfig{Register: metrics})
	}
}
