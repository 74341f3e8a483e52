package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
)

var ctx = context.Background()

// slowLog holds appends back until they are let through.
type slowLog struct {
	stream.Log
	gate chan error // one value lets one append through, or fails it
}

func (l slowLog) Append(ctx context.Context, partition int, data []byte) (stream.Offset, error) {
	select {
	case err := <-l.gate:
		if err != nil {
			return 0, err
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return l.Log.Append(ctx, partition, data)
}

func newSlow(partitions int) slowLog {
	return slowLog{memory.New(partitions, nil), make(chan error)}
}

func frames(texts ...string) ([]byte, int) {
	var b []byte
	for _, t := range texts {
		b = stream.AppendFrame(b, []byte(t))
	}
	return b, len(texts)
}

// stored returns the events of a partition by their place.
func stored(t *testing.T, log stream.Log, partition int) map[touchstone.Seq]string {
	t.Helper()
	got := map[touchstone.Seq]string{}
	first, next, err := log.Bounds(ctx, partition)
	if err != nil {
		t.Fatal(err)
	}
	for from := first; from < next; {
		records, err := log.Read(ctx, partition, from, 100, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			f, err := stream.DecodeRecord(r.Data)
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for text := range f.All() {
				got[touchstone.MakeSeq(partition, uint64(r.Offset), i)] = text
				i++
			}
			from = r.Offset + 1
		}
	}
	return got
}

func TestBatcherReceiptsNameThePlace(t *testing.T) {
	log := memory.New(3, nil)
	b := stream.NewBatcher(log, stream.BatcherConfig{})
	defer b.Close()
	var mu sync.Mutex
	want := make([]map[touchstone.Seq]string, 3)
	for p := range want {
		want[p] = map[touchstone.Seq]string{}
	}
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for i := range 50 {
				p := i % 3
				texts := []string{fmt.Sprintf("%d/%d/a", w, i), "", fmt.Sprintf("%d/%d/c", w, i)}[:1+i%3]
				fr, n := frames(texts...)
				r, err := b.Append(ctx, p, fr, n)
				if err != nil {
					t.Error(err)
					return
				}
				clear(fr) // the batcher must have its own copy
				mu.Lock()
				for j, text := range texts {
					want[p][r.Seq(j)] = text
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for p := range want {
		if d := cmp.Diff(want[p], stored(t, log, p)); d != "" {
			t.Errorf("partition %d: %s", p, d)
		}
	}
}

func TestBatcherGroupsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newSlow(1)
		b := stream.NewBatcher(log, stream.BatcherConfig{})
		appendOne := func() {
			fr, n := frames("event")
			if _, err := b.Append(ctx, 0, fr, n); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for range 5 { // fill all that may be in flight, one at a time
			wg.Go(appendOne)
			synctest.Wait()
		}
		for range 100 {
			wg.Go(appendOne)
		}
		synctest.Wait()
		records := 0
		for len(stored(t, log, 0)) < 105 {
			log.gate <- nil
			records++
			synctest.Wait()
		}
		wg.Wait()
		if records > 4 {
			t.Errorf("105 events took %d records", records)
		}
		b.Close()
	})
}

func TestBatcherBoundsRecords(t *testing.T) {
	log := memory.New(1, nil)
	b := stream.NewBatcher(log, stream.BatcherConfig{RecordBytes: 1000})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			fr, n := frames(strings.Repeat("x", 300), strings.Repeat("y", 90))
			if _, err := b.Append(ctx, 0, fr, n); err != nil {
				t.Error(err)
			}
		})
	}
	large, n := frames(strings.Repeat("z", 5000))
	if _, err := b.Append(ctx, 0, large, n); err != nil { // more than a record, but one append
		t.Error(err)
	}
	wg.Wait()
	b.Close()
	records, err := log.Read(ctx, 0, 1, 1000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if n, _ := stream.Count(r.Data); n > 4 {
			t.Errorf("record %d holds %d events, over 1000 bytes", r.Offset, n)
		}
	}
	if got := len(stored(t, log, 0)); got != 101 {
		t.Errorf("%d events stored", got)
	}
}

func TestBatcherBoundsEventsPerRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newSlow(1)
		b := stream.NewBatcher(log, stream.BatcherConfig{})
		many := bytes.Repeat([]byte{0}, 40_000) // as many empty frames
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				r, err := b.Append(ctx, 0, many, len(many))
				if err != nil || r.Index+len(many) > touchstone.MaxEventsPerRecord {
					t.Errorf("index %d, %v", r.Index, err)
				}
			})
		}
		synctest.Wait()
		for range 6 {
			log.gate <- nil
		}
		wg.Wait()
		b.Close()
		if got := len(stored(t, log, 0)); got != 240_000 {
			t.Errorf("%d events stored", got)
		}
	})
}

func TestBatcherRefusesNonsense(t *testing.T) {
	b := stream.NewBatcher(memory.New(1, nil), stream.BatcherConfig{})
	defer b.Close()
	good, _ := frames("a", "b")
	for name, tt := range map[string]struct {
		partition int
		frames    []byte
		count     int
		want      touchstone.ErrorKind
	}{
		"partition":       {1, good, 2, touchstone.Internal},
		"count too small": {0, good, 1, touchstone.Internal},
		"count too large": {0, good, 3, touchstone.Internal},
		"nothing":         {0, nil, 0, touchstone.Internal},
		"not frames":      {0, []byte{200, 1}, 1, touchstone.Internal},
		"too long":        {0, stream.AppendFrame(nil, make([]byte, stream.MaxFrameBytes)), 1, touchstone.TooLarge},
		"too many":        {0, make([]byte, touchstone.MaxEventsPerRecord+1), touchstone.MaxEventsPerRecord + 1, touchstone.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Append(ctx, tt.partition, tt.frames, tt.count)
			if err == nil || touchstone.KindOf(err) != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
	longest := stream.AppendFrame(nil, make([]byte, stream.MaxFrameBytes-4))
	if _, err := b.Append(ctx, 0, longest, 1); err != nil {
		t.Errorf("the longest frame possible: %v", err)
	}
}

func TestBatcherRefusesWhenTooMuchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newSlow(1)
		reg := prometheus.NewRegistry()
		b := stream.NewBatcher(log, stream.BatcherConfig{MaxPendingBytes: 1000, Register: reg})
		fr, n := frames(strings.Repeat("x", 400))
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := b.Append(ctx, 0, fr, n); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // each makes a record of its own
		}
		_, err := b.Append(ctx, 0, fr, n)
		var e *touchstone.Error
		if !errors.As(err, &e) || e.Kind != touchstone.Unavailable || e.RetryAfter <= 0 {
			t.Fatalf("got %v", err)
		}
		log.gate <- nil
		log.gate <- nil
		wg.Wait()
		synctest.Wait()
		go func() { log.gate <- nil }()
		if _, err := b.Append(ctx, 0, fr, n); err != nil { // there is room again
			t.Error(err)
		}
		synctest.Wait()
		if n, err := testutil.GatherAndCount(reg); err != nil || n != 7 {
			t.Errorf("%d metrics, %v", n, err)
		}
		want := "# HELP touchstone_stream_refused_total Appends refused because too many bytes waited.\n" +
			"# TYPE touchstone_stream_refused_total counter\ntouchstone_stream_refused_total 1\n" +
			"# HELP touchstone_stream_pending_bytes Bytes of events that wait to be stored.\n" +
			"# TYPE touchstone_stream_pending_bytes gauge\ntouchstone_stream_pending_bytes 0\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "touchstone_stream_refused_total", "touchstone_stream_pending_bytes"); err != nil {
			t.Error(err)
		}
		b.Close()
	})
}

func TestBatcherPassesFailuresToAllWaiters(t *testing.T) {
	full := touchstone.Errorf(touchstone.Unavailable, "disk nearly full")
	for name, tt := range map[string]struct {
		fail error
		want string
	}{
		"explained": {full, "disk nearly full"},
		"other":     {errors.New("i/o error"), "could not be stored"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newSlow(1)
				b := stream.NewBatcher(log, stream.BatcherConfig{})
				var wg sync.WaitGroup
				for range 6 {
					wg.Go(func() {
						fr, n := frames("x")
						_, err := b.Append(ctx, 0, fr, n)
						if touchstone.KindOf(err) != touchstone.Unavailable || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, tt.fail) {
							t.Errorf("got %v", err)
						}
					})
				}
				done := make(chan struct{})
				go func() { wg.Wait(); close(done) }()
				for waiting := true; waiting; {
					select {
					case log.gate <- tt.fail:
					case <-done:
						waiting = false
					}
				}
				go func() { log.gate <- nil }()
				fr, n := frames("after")
				if _, err := b.Append(ctx, 0, fr, n); err != nil {
					t.Errorf("after the failure: %v", err)
				}
				b.Close()
			})
		})
	}
}

func TestBatcherCancelledWaitLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newSlow(1)
		b := stream.NewBatcher(log, stream.BatcherConfig{})
		var wg sync.WaitGroup
		for i := range 4 {
			ctx, cancel := context.WithCancel(ctx)
			wg.Go(func() {
				fr, n := frames(fmt.Sprint(i))
				_, err := b.Append(ctx, 0, fr, n)
				if cancelled := i%2 == 0; cancelled != errors.Is(err, context.Canceled) {
					t.Errorf("append %d: %v", i, err)
				}
			})
			synctest.Wait()
			if i%2 == 0 {
				cancel()
			}
			defer cancel()
		}
		synctest.Wait()
		go func() {
			for {
				select {
				case log.gate <- nil:
				case <-time.After(time.Second):
					return
				}
			}
		}()
		wg.Wait()
		b.Close()
		seen := map[string]int{}
		for _, text := range stored(t, log, 0) {
			seen[text]++
		}
		if d := cmp.Diff(map[string]int{"0": 1, "1": 1, "2": 1, "3": 1}, seen); d != "" {
			t.Error(d)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := b.Append(cancelled, 0, []byte{1, 'x'}, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %v", err)
		}
		time.Sleep(2 * time.Second) // the gatekeeper leaves
	})
}

func TestBatcherCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newSlow(2)
		b := stream.NewBatcher(log, stream.BatcherConfig{})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				fr, n := frames(fmt.Sprint(i))
				if _, err := b.Append(ctx, i%2, fr, n); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		closed := make(chan struct{})
		go func() { b.Close(); close(closed) }()
		synctest.Wait()
		if _, err := b.Append(ctx, 0, []byte{1, 'x'}, 1); touchstone.KindOf(err) != touchstone.Unavailable {
			t.Errorf("append while closing: %v", err)
		}
		select {
		case <-closed:
			t.Error("closed while appends wait")
		default:
		}
		for open := true; open; {
			select {
			case log.gate <- nil:
			case <-closed:
				open = false
			}
		}
		wg.Wait()
		if n := len(stored(t, log, 0)) + len(stored(t, log, 1)); n != 50 {
			t.Errorf("%d events stored", n)
		}
		b.Close() // again: no harm
	})
}

func TestBatcherGivesUpOnAHangingLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stream.NewBatcher(newSlow(1), stream.BatcherConfig{})
		start := time.Now()
		fr, n := frames("x")
		_, err := b.Append(ctx, 0, fr, n)
		if touchstone.KindOf(err) != touchstone.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("waited %v", d)
		}
		b.Close()
	})
}

func BenchmarkBatcherInMemory(b *testing.B) {
	batcher := stream.NewBatcher(discard{}, stream.BatcherConfig{})
	defer batcher.Close()
	fr, n := frames(strings.Repeat(`{"price":12}`, 64))
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := batcher.Append(ctx, 0, fr, n); err != nil {
				b.Error(err)
			}
		}
	})
}

type discard struct{ stream.Log }

func (discard) Partitions() int { return 1 }
func (discard) Append(context.Context, int, []byte) (stream.Offset, error) {
	return 1, nil
}
