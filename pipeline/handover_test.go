package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// batchOf is a batch of the records from first to last with an event each.
func batchOf(first, last int) chunk {
	c := chunk{first: stream.Offset(first), last: stream.Offset(last), oldest: time.Unix(int64(first), 0)}
	for i := first; i <= last; i++ {
		c.facts = append(c.facts, touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(i), 0)})
	}
	return c
}

// Whatever the order of giving, taking and failing, the portions taken and what is read
// from the log between them are every record once, in order.
func TestHandoverAndLogMakeEveryRecordOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // nobody waits
		h := newHandover(rapid.IntRange(1, 8).Draw(t, "most"))
		h.use(true)
		given, appended := 0, 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "give") {
				c := batchOf(given+1, given+rapid.IntRange(1, 5).Draw(t, "records"))
				h.give(ctx, c, c.facts)
				given = int(c.last)
				continue
			}
			if appended == given {
				continue
			}
			p, before, ok := h.take(stream.Offset(appended + 1))
			last := given
			switch {
			case ok:
				if last = int(p.last); p.events != len(p.facts) || p.oldest != time.Unix(int64(appended+1), 0) {
					t.Fatalf("portion %+v", p)
				}
				for i, f := range p.facts {
					if int(f.Seq.Offset()) != appended+1+i {
						t.Fatalf("after record %d came %d", appended+i, f.Seq.Offset())
					}
				}
				if len(p.facts) != last-appended {
					t.Fatalf("records %d to %d have %d facts", appended+1, last, len(p.facts))
				}
				h.spare.put(p.facts)
			case before != 0:
				last = int(before) - 1
			}
			if last <= appended || last > given {
				t.Fatalf("records %d to %d of %d", appended+1, last, given)
			}
			if rapid.IntRange(0, 3).Draw(t, "fails") > 0 {
				appended = last
			}
		}
	})
}

// The pipeline waits for a slow sink, and not for one in trouble.
func TestHandoverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandover(4)
		h.use(true)
		give := func(first, last int) time.Duration {
			began := time.Now()
			c := batchOf(first, last)
			h.give(t.Context(), c, c.facts)
			return time.Since(began)
		}
		if took := give(1, 3) + give(4, 4); took != 0 {
			t.Errorf("waited %v with room", took)
		}
		go func() {
			time.Sleep(time.Second)
			if p, _, ok := h.take(1); !ok || p.last != 4 {
				t.Errorf("took %+v, %v", p, ok)
			}
		}()
		if took := give(5, 8); took != time.Second {
			t.Errorf("waited %v for a sink that takes a second", took)
		}
		if took := give(9, 9); took != patience {
			t.Errorf("waited %v for a sink that does nothing", took)
		}
		if took := give(10, 20); took != 0 {
			t.Errorf("waited %v for a sink in trouble", took)
		}
		if p, _, ok := h.take(5); !ok || p.last != 8 {
			t.Errorf("took %+v, %v", p, ok)
		}
		give(21, 22)
		if _, before, ok := h.take(9); ok || before != 21 {
			t.Errorf("the log must be read up to %d", before)
		}
	})
}

// What waits for the sink is bounded by its texts as well as by its number.
func TestHandoverIsBoundedByBytes(t *testing.T) {
	h := newHandover(100)
	h.use(true)
	large := func(at int) chunk {
		c := batchOf(at, at)
		c.bytes = maxBatchBytes/2 + 1
		return c
	}
	first, second := large(1), large(2)
	if !h.add(first, first.facts, false) {
		t.Error("there is no room for the first")
	}
	select {
	case <-h.ready:
	default:
		t.Error("the sink is not told that there is much")
	}
	if h.add(second, second.facts, false) {
		t.Error("there is room for a second one")
	}
	if p, _, ok := h.take(1); !ok || p.last != 1 {
		t.Errorf("took %+v, %v", p, ok)
	}
}
