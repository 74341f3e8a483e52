package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// quarantine keeps what was set aside, by message id.
type quarantine struct {
	mu    sync.Mutex
	facts map[string]touchstone.Fact
}

func (q *quarantine) write(_ context.Context, _ *store.Tx, rejected []touchstone.Fact) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range rejected {
		q.facts[f.MessageID] = f
	}
	return nil
}

func (q *quarantine) ids() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id := range q.facts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// moody is a stage that refuses some events.
type moody struct {
	mu     sync.Mutex
	refuse func(b *touchstone.Batch) error
	seen   []string // of the batch under way
	took   []string
	due    func(due []touchstone.Timer) // of each committed batch
}

func (m *moody) Name() string { return "moody" }
func (m *moody) Rollback()    {}

func (m *moody) Apply(_ context.Context, _ *store.Tx, b *touchstone.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = nil
	for i := range b.Facts {
		b.Facts[i].Node = 1
		m.seen = append(m.seen, b.Facts[i].MessageID)
	}
	if m.refuse != nil {
		return m.refuse(b)
	}
	return nil
}

func (m *moody) Committed(b *touchstone.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.due != nil {
		m.due(b.Due)
	}
	m.took = append(m.took, m.seen...)
}

func (m *moody) set(refuse func(b *touchstone.Batch) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = refuse
}

// world is a pipeline and a sink on a log in memory.
type world struct {
	*testing.T
	log   stream.Log
	db    *store.DB
	stage *moody
	bad   *quarantine
	lake  *lake
	graph *graph
	clock touchstone.Clock
	setup func(*Config, *SinkConfig)
	p     *Pipeline
	s     *Sink
	stop  func()
}

func newWorld(t *testing.T, db *store.DB) *world {
	return &world{T: t, log: memory.New(1, touchstone.SystemClock{}), db: db, stage: &moody{}, bad: &quarantine{facts: map[string]touchstone.Fact{}},
		lake: &lake{}, graph: &graph{}, clock: touchstone.SystemClock{}, stop: func() {}}
}

// start runs fresh parts, as after a restart of the process.
func (w *world) start() {
	w.Helper()
	var err error
	cfg := Config{Log: w.log, DB: w.db, Stages: []Stage{w.stage}, MinInterval: time.Millisecond, Reject: w.bad.write, Clock: w.clock}
	sink := SinkConfig{Log: w.log, DB: w.db, Warehouse: w.lake, Graph: w.graph, Reject: w.bad.write, Clock: w.clock, Interval: time.Millisecond, Pause: time.Millisecond}
	if w.setup != nil {
		w.setup(&cfg, &sink)
	}
	w.p, err = New(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	sink.Pipeline = w.p
	w.s, err = NewSink(w.Context(), sink)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.p.Run(ctx, nil); err != nil {
			w.Error(err)
		}
	})
	running.Go(func() { _ = w.s.Run(ctx, nil) })
	w.stop = func() {
		cancel()
		running.Wait()
		w.stop = func() {}
	}
	w.Cleanup(func() { w.stop() })
}

func (w *world) append(ids ...string) {
	w.Helper()
	var frames []byte
	for _, id := range ids {
		e := touchstone.Event{Type: touchstone.Track, MessageID: id, Name: "x", Time: time.Now(), ReceivedAt: time.Now(),
			Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: id}}}
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, &e))
	}
	if _, err := w.log.Append(w.Context(), 0, stream.EncodeRecord(nil, frames, len(ids))); err != nil {
		w.Fatal(err)
	}
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(toCome); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain: %s (pipeline %+v %v, sink %d+%d %v)", what, w.p.Totals(), w.p.Troubles(), w.s.Events(), w.s.SetAside(), w.s.Troubles())
		}
	}
}

// drain waits until everything is everywhere, and checks that the counters add up.
func (w *world) drain(want Totals, setAside int64) {
	w.Helper()
	w.eventually("all is consumed", func() bool { return w.p.Totals().Consumed() == want.Consumed() && w.s.Through(0) == w.p.Through(0) })
	if got := w.p.Totals(); got != want {
		w.Errorf("totals %+v, want %+v", got, want)
	}
	if w.s.SetAside() != setAside || w.s.Events() != want.Processed-setAside || int64(len(w.lake.ids())) != want.Processed-setAside {
		w.Errorf("%d events in the warehouse (it says %d), %d set aside; want %d and %d", w.s.Events(), len(w.lake.ids()), w.s.SetAside(), want.Processed-setAside, setAside)
	}
	w.eventually("no troubles are left", func() bool { return len(w.p.Troubles())+len(w.s.Troubles()) == 0 })
	if lag, err := w.s.Lag(w.Context()); err != nil || lag != 0 {
		w.Errorf("lag %v, %v when all is done", lag, err)
	}
}

// lake is a warehouse that can be told what to refuse.
type lake struct {
	warehouse.Warehouse
	mu     sync.Mutex
	pos    warehouse.Position
	facts  []touchstone.Fact
	refuse func(c warehouse.Commit) error
}

func (l *lake) Position(context.Context, int) (warehouse.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pos, nil
}

func (l *lake) Count(context.Context) (int64, error) { return int64(len(l.ids())), nil }

func (l *lake) Append(_ context.Context, c warehouse.Commit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		if err := l.refuse(c); err != nil {
			return err
		}
	}
	for i := range c.Facts {
		if c.Facts[i].Node == 0 {
			return errors.New("a fact without a node")
		}
	}
	if !c.Trial {
		l.facts, l.pos.Through = append(l.facts, slices.Clone(c.Facts)...), c.Through
	}
	return nil
}

func (l *lake) set(refuse func(c warehouse.Commit) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = refuse
}

func (l *lake) ids() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.facts {
		ids = append(ids, l.facts[i].MessageID)
	}
	return ids
}

// graph knows all identifiers but those that begin with "nobody".
type graph struct{}

func (*graph) SetNodes(_ context.Context, facts []touchstone.Fact) error {
	for i := range facts {
		facts[i].Node = 7
		if strings.HasPrefix(facts[i].MessageID, "nobody") {
			facts[i].Node = 0
		}
	}
	return nil
}

func (*graph) OverridesSince(_ context.Context, version int64, _ int) ([]warehouse.Override, int64, error) {
	return nil, version, nil
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(prefix, i))
	}
	return ids
}

var errPoison = errors.New("this does not agree with me\nand here is a long story why")

// onPoison fails when an event of the batch is called so.
func onPoison(b *touchstone.Batch) error {
	for i := range b.Facts {
		if strings.HasPrefix(b.Facts[i].MessageID, "poison") {
			return errPoison
		}
	}
	return nil
}

// An event that makes a stage fail, or panic, is set aside; its neighbours in the same
// record and those behind it arrive. Sent again when the stage is mended, it arrives too.
func TestAPoisonedEventStopsNobody(t *testing.T) {
	for name, refuse := range map[string]func(b *touchstone.Batch) error{
		"error": onPoison,
		"panic": func(b *touchstone.Batch) error {
			if onPoison(b) != nil {
				panic("help")
			}
			return nil
		},
		"only after another": func(b *touchstone.Batch) error {
			before := false
			for i := range b.Facts {
				if before && strings.HasPrefix(b.Facts[i].MessageID, "poison") {
					return errPoison
				}
				before = before || strings.HasPrefix(b.Facts[i].MessageID, "good")
			}
			return nil
		},
		"set aside by the stage": func(b *touchstone.Batch) error {
			for i := range b.Facts {
				if strings.HasPrefix(b.Facts[i].MessageID, "poison") {
					b.Aside = append(b.Aside, touchstone.Aside{Index: i, Reason: "stage_refused: of its own will"})
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				w.stage.set(refuse)
				w.start()
				ids := slices.Insert(numbered("good", 200), 77, "poison1")
				w.append(append(ids, "good5", "poison2")...)
				w.append("good-a", "poison3")
				w.drain(Totals{Processed: 201, Duplicates: 1, Rejected: 3}, 0)
				if got := fmt.Sprint(w.bad.ids()); got != "[poison1 poison2 poison3]" {
					t.Errorf("in quarantine: %s", got)
				}
				if f := w.bad.facts["poison2"]; f.Type != touchstone.Track || !strings.HasPrefix(f.Reason, "stage_refused: ") || strings.Contains(f.Reason, "\n") {
					t.Errorf("set aside: %+v", f)
				}
				w.stop()
				w.stage.set(nil)
				w.start()
				w.append("poison1", "good-a")
				w.drain(Totals{Processed: 202, Duplicates: 2, Rejected: 3}, 0)
				w.stop()
				// A warehouse that is rebuilt from the log leaves out the same.
				w.lake = &lake{}
				w.start()
				w.drain(Totals{Processed: 202, Duplicates: 2, Rejected: 3}, 0)
			})
		})
	}
}

// A stage that takes nothing at all is at fault itself: nothing is set aside, everybody can
// see it, and all goes on when it is mended. So with a database in trouble.
func TestAFaultyStageSetsNothingAside(t *testing.T) {
	for name, fault := range map[string]error{"every event": errors.New("no"), "trouble": context.DeadlineExceeded} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				w.stage.set(func(b *touchstone.Batch) error {
					if len(b.Facts) > 0 {
						return fault
					}
					return nil
				})
				w.append(numbered("a", 20)...)
				w.start()
				w.eventually("the pipeline is in trouble", func() bool {
					list := w.p.Troubles()
					return len(list) == 1 && list[0].Attempts > bisect.After && errors.Is(list[0].Err, fault)
				})
				before, _ := w.p.Lag(t.Context())
				time.Sleep(5 * time.Millisecond)
				if after, err := w.p.Lag(t.Context()); err != nil || before == 0 || after <= before {
					t.Errorf("lag went from %v to %v, %v", before, after, err)
				}
				if sink, err := w.s.Lag(t.Context()); err != nil || sink < before {
					t.Errorf("lag of the warehouse %v, %v", sink, err)
				}
				if len(w.bad.ids()) > 0 {
					t.Errorf("set aside: %v", w.bad.ids())
				}
				w.stage.set(nil)
				w.drain(Totals{Processed: 20}, 0)
			})
		})
	}
}

// An event that the graph does not know, as older versions have let through, and one that
// the warehouse refuses are set aside once, counted once, and stop nobody.
func TestTheSinkSetsAside(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.append(append(numbered("a", 50), "nobody1", "poison1", "b")...)
		w.append("poison2", "nobody2")
		w.append("c")
		var appends int
		w.lake.set(func(c warehouse.Commit) error {
			if appends++; appends < 4 {
				return touchstone.Errorf(touchstone.Unavailable, "the disk is full")
			}
			return onPoison(&touchstone.Batch{Facts: c.Facts})
		})
		forgetNodes(w)
		w.start()
		w.drain(Totals{Processed: 56}, 4)
		if got := fmt.Sprint(withoutPlaces(w.bad.ids())); got != "[nobody1 nobody2 poison1 poison2]" {
			t.Errorf("in quarantine: %s", got)
		}
		if r := w.bad.facts["poison1#"+strconv.FormatInt(int64(touchstone.MakeSeq(0, 1, 51)), 36)].Reason; r != "warehouse_refused: this does not agree with me" {
			t.Errorf("reason %q", r)
		}
		w.stop()
		w.lake.set(nil)
		w.lake.facts, w.lake.pos = nil, warehouse.Position{} // rebuilt
		w.start()
		w.append("d", "nobody3")
		w.drain(Totals{Processed: 58}, 5)
	})
}

// withoutPlaces takes the places in the log off message ids, of which each must have one.
func withoutPlaces(ids []string) (out []string) {
	for _, id := range ids {
		bare, place, _ := strings.Cut(id, "#")
		if place != "" {
			out = append(out, bare)
		}
	}
	return out
}

// forgetNodes has the stage leave nodes to the graph, as after a restart.
func forgetNodes(w *world) {
	w.stage.set(func(b *touchstone.Batch) error {
		for i := range b.Facts {
			b.Facts[i].Node = 0
		}
		return nil
	})
}

// A warehouse that takes nothing sets nothing aside; the lag grows from the clock, also
// right after a restart, and everybody can see why.
func TestAStuckWarehouseIsSeen(t *testing.T) {
	for name, fault := range map[string]error{"disk": touchstone.Errorf(touchstone.Unavailable, "the disk is full"), "every fact": errors.New("no")} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				w.lake.set(func(warehouse.Commit) error { return fault })
				began := time.Now()
				w.append(numbered("a", 10)...)
				w.start()
				inTrouble := func() bool {
					list := w.s.Troubles()
					return len(list) == 1 && list[0].Attempts > bisect.After && errors.Is(list[0].Err, fault)
				}
				w.eventually("the sink is in trouble", inTrouble)
				w.stop()
				time.Sleep(10 * time.Millisecond)
				w.start()
				if lag, err := w.s.Lag(t.Context()); err != nil || lag < 10*time.Millisecond || lag > time.Since(began)+time.Second {
					t.Errorf("after the restart the lag is %v, %v", lag, err)
				}
				w.eventually("the sink is in trouble again", inTrouble)
				if w.s.SetAside() > 0 || len(w.bad.ids()) > 0 {
					t.Errorf("set aside: %v", w.bad.ids())
				}
				w.lake.set(nil)
				w.drain(Totals{Processed: 10}, 0)
			})
		})
	}
}

// A partition that hangs without an error is stuck all the same.
func TestAHangingPartIsStuck(t *testing.T) {
	w := waiting{}
	log := memory.New(2, nil)
	for range 2 {
		if _, err := log.Append(t.Context(), 1, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	clock := touchstone.ClockFunc(func() time.Time { return now })
	through := stream.Offset(0)
	ask := func(after time.Duration) int {
		now = now.Add(after)
		if _, err := w.lag(t.Context(), log, clock, func(int) stream.Offset { return through }); err != nil {
			t.Fatal(err)
		}
		return len(w.stalled(now, nil))
	}
	if n := ask(0) + ask(stallAfter); n != 0 {
		t.Errorf("%d stalled too early", n)
	}
	if list := w.stalled(now.Add(time.Second), nil); len(list) != 1 || list[0].Partition != 1 || !errors.Is(list[0].Err, errStalled) {
		t.Errorf("stalled: %v", list)
	}
	through = 1
	if n := ask(2 * stallAfter); n != 0 {
		t.Errorf("%d stalled although it moved", n)
	}
	through = 2
	if n := ask(10 * stallAfter); n != 0 {
		t.Errorf("%d stalled with nothing to do", n)
	}
}

// A record that is damaged holds up what is behind it, is told, and loses nothing before it.
func TestADamagedRecordIsTold(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.append("a", "b")
		if _, err := w.log.Append(t.Context(), 0, []byte("\x01\x00nonsense that is no record")); err != nil {
			t.Fatal(err)
		}
		w.append("c")
		w.start()
		if _, err := w.p.Accepted(t.Context()); err != nil {
			t.Errorf("the start fails: %v", err)
		}
		w.eventually("the damage is told", func() bool {
			list := w.p.Troubles()
			return len(list) == 1 && strings.Contains(list[0].Err.Error(), "record 2 of partition 0")
		})
		w.eventually("what is before it arrives", func() bool { return w.p.Totals().Processed == 2 })
		w.eventually("the trouble stays", func() bool { return len(w.p.Troubles()) == 1 })
	})
}

// Chunks are bounded by what records unpack to, not by what they take in the log.
func TestChunksOfRecordsThatUnpackToMuchAreBounded(t *testing.T) {
	e := touchstone.Event{Type: touchstone.Track, MessageID: "m", Name: "x", Properties: touchstone.JSON(`{"a":"` + strings.Repeat("a", 30_000) + `"}`)}
	frame := touchstone.AppendEvent(nil, &e)
	var frames []byte
	for range 100 {
		frames = stream.AppendFrame(frames, frame)
	}
	packed := stream.EncodeRecord(nil, frames, 100)
	var records []stream.Record
	for i := range 64 {
		records = append(records, stream.Record{Offset: stream.Offset(i + 1), Data: packed})
	}
	c, err := decodeChunk(newFactPool(), 0, records)
	if err != nil || c.last != 3 || c.bytes < maxChunkBytes || c.bytes > 2*maxChunkBytes || len(c.facts) != 300 {
		t.Errorf("64 records of %d bytes make a chunk of %d events and %d bytes up to record %d, %v", len(packed), len(c.facts), c.bytes, c.last, err)
	}
}

// Timers that make a stage fail hold up no event, are told, and fire when the stage is mended.
func TestTimersHoldUpNoEvent(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var fired atomic.Int64
		broken := func(b *touchstone.Batch) error {
			if len(b.Due) > 0 {
				return errPoison
			}
			for i := range b.Facts {
				b.Timers = append(b.Timers, touchstone.Timer{Owner: "moody", Subject: touchstone.PersonSubject(1), Key: b.Facts[i].MessageID, At: b.Now})
			}
			return nil
		}
		w.stage.set(broken)
		w.start()
		w.append("a", "b")
		told := func() bool {
			list := w.p.Troubles()
			return len(list) == 1 && strings.HasPrefix(list[0].Err.Error(), "timers that are due")
		}
		w.eventually("timers are said to be held", told)
		w.append("c")
		w.eventually("events go on", func() bool { return w.p.Totals().Processed == 3 })
		w.eventually("the timers are held still", told)
		if len(w.bad.ids()) > 0 {
			t.Errorf("set aside %v", w.bad.ids())
		}
		w.stop()
		w.stage.set(func(b *touchstone.Batch) error {
			fired.Add(int64(len(b.Due)))
			return nil
		})
		w.start()
		w.append("d")
		w.drain(Totals{Processed: 4}, 0)
		w.eventually("the timers fire", func() bool { return fired.Load() == 3 })
	})
}
