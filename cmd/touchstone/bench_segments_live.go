package main

import (
	"container/heap"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// evaluator runs the stage of segments as the pipeline does, alone: persons are who they are, without traits, and timers are
// held here. So what is measured is the stage with its store.
type evaluator struct {
	db     *store.DB
	segs   *segment.Segments
	now    atomic.Int64 // unix milliseconds
	record uint64
	timers map[touchstone.PersonID]time.Time
	order  timerOrder // of them, and of those that were replaced
	fired  int
}

// timerOrder is a heap, earliest first.
type timerOrder []touchstone.Timer

func (o timerOrder) Len() int           { return len(o) }
func (o timerOrder) Less(i, j int) bool { return o[i].At.Before(o[j].At) }
func (o timerOrder) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *timerOrder) Push(t any)        { *o = append(*o, t.(touchstone.Timer)) } //nolint:forcetypeassert // it is one

func (o *timerOrder) Pop() any {
	last := len(*o) - 1
	t := (*o)[last]
	*o = (*o)[:last]
	return t
}

func openEvaluator(ctx context.Context, name string, h segment.History, persons int64, now time.Time) (*evaluator, error) {
	e := &evaluator{timers: map[touchstone.PersonID]time.Time{}}
	e.now.Store(now.UnixMilli())
	var err error
	if e.db, err = sqlite.Open(name, sqlite.Options{}); err != nil {
		return nil, err
	}
	e.segs, err = segment.Open(ctx, segment.Config{DB: e.db, Traits: e, Persons: e, History: h, Profiles: benchProfiles(persons),
		Clock: touchstone.ClockFunc(func() time.Time { return time.UnixMilli(e.now.Load()).UTC() })})
	return e, err
}

// Prefetch, TraitsOf and Canonical say that nobody has traits and everybody is himself.
func (*evaluator) Prefetch(context.Context, *store.Tx, []touchstone.PersonID) error { return nil }

func (*evaluator) TraitsOf(touchstone.PersonID) func(name string) (touchstone.JSON, bool) {
	return func(string) (touchstone.JSON, bool) { return "", false }
}

func (*evaluator) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return persons, nil
}

// batch runs the facts, and the timers that are due.
func (e *evaluator) batch(ctx context.Context, facts []touchstone.Fact) error {
	e.record++
	for i := range facts {
		facts[i].Seq = touchstone.MakeSeq(0, e.record, i)
	}
	b := &touchstone.Batch{Now: time.UnixMilli(e.now.Load()).UTC(), Facts: facts}
	for len(e.order) > 0 && !e.order[0].At.After(b.Now) {
		t := heap.Pop(&e.order).(touchstone.Timer) //nolint:forcetypeassert // it is one
		if p := t.Subject.Person(); e.timers[p].Equal(t.At) {
			b.Due = append(b.Due, t)
			delete(e.timers, p)
		}
	}
	stage := e.segs.Stage()
	if err := e.db.Update(ctx, func(tx *store.Tx) error { return stage.Apply(ctx, tx, b) }); err != nil {
		stage.Rollback()
		return err
	}
	e.fired += len(b.Due)
	for _, t := range b.Timers {
		e.timers[t.Subject.Person()] = t.At
		heap.Push(&e.order, t)
	}
	stage.Committed(b)
	return nil
}

// until runs batches until a segment answers, with some facts in each, and says how many.
func (e *evaluator) until(ctx context.Context, id string, every time.Duration, facts func() []touchstone.Fact) (batches int, err error) {
	for {
		began := time.Now()
		if err := e.batch(ctx, facts()); err != nil {
			return batches, err
		}
		batches++
		g, err := e.segs.Get(ctx, access.System(), id)
		if err != nil {
			return batches, err
		}
		switch g.Status {
		case segment.Live:
			return batches, nil
		case segment.Failed:
			return batches, touchstone.Errorf(touchstone.Internal, "the segment could not be built: %s", g.Failure)
		}
		time.Sleep(every - time.Since(began))
		e.now.Add(time.Since(began).Milliseconds())
	}
}

// buildFigures is a line of `bench segments` about a new segment.
type buildFigures struct {
	Bench   string  `json:"bench"`
	Rule    string  `json:"rule"`
	Events  int64   `json:"events"`
	Persons int64   `json:"persons"`
	Seconds float64 `json:"seconds"` // until it answers
	CPU     float64 `json:"cpu_seconds"`
	Live    int     `json:"events_meanwhile"`
	Batches int     `json:"batches_meanwhile"`
	Longest float64 `json:"longest_batch_ms"`
	Members int64   `json:"members"`
	conditions
}

// build makes a segment over the whole warehouse while 5,000 events a second come in, and compares its members with the
// definition, person by person.
func (b *segmentsBench) build(ctx context.Context, out io.Writer, dir string) error {
	const text = `{"event":"view","count":{"op":"gte","value":3},"within":"30d"}`
	name := filepath.Join(dir, "build.db")
	defer os.Remove(name)
	e, err := openEvaluator(ctx, name, benchHistory{b.engine}, b.users, b.now)
	if err != nil {
		return err
	}
	defer e.db.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	built := make(chan error, 1)
	go func() { built <- e.segs.Run(ctx) }()
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // not a secret
	came := map[touchstone.PersonID]int64{}
	total, longest, last := 0, time.Duration(0), time.Now()
	facts := func() []touchstone.Fact {
		longest, last = max(longest, time.Since(last)), time.Now()
		list := make([]touchstone.Fact, 500)
		for i := range list {
			p := touchstone.PersonID(r.Int64N(b.users) + 1)
			list[i] = touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: "view", Time: time.UnixMilli(e.now.Load()).UTC()}, Person: p}
			came[p]++
		}
		total += len(list)
		return list
	}
	g, err := e.segs.Create(ctx, segment.Draft{Name: "bench", Rule: touchstone.JSON(text)})
	if err != nil {
		return err
	}
	began, before := time.Now(), cpuTime()
	batches, err := e.until(ctx, g.ID, 100*time.Millisecond, facts)
	if err != nil {
		return err
	}
	line := buildFigures{Bench: "segments, build", Rule: "viewed 3 times in 30 days", Events: b.events, Persons: b.users, Seconds: time.Since(began).Seconds(), CPU: (cpuTime() - before).Seconds(),
		Live: total, Batches: batches, Longest: milliseconds(longest), conditions: newConditions("SQLite beside the embedded warehouse; identity, profiles and log left out")}
	if err := e.batch(ctx, nil); err != nil { // what has become due
		return err
	}
	if line.Members, err = b.checkBuild(ctx, e, g.ID, came); err != nil {
		return err
	}
	stop()
	if err := <-built; err != nil {
		return err
	}
	return printLine(out, line)
}

// checkBuild compares who is in the segment with whom the definition has in it, of the warehouse's events and those that came.
func (b *segmentsBench) checkBuild(ctx context.Context, e *evaluator, id string, came map[touchstone.PersonID]int64) (int64, error) {
	views := make(map[touchstone.PersonID]int64, len(came))
	for p, n := range came {
		views[p] = n
	}
	since := time.UnixMilli(e.now.Load()).UTC().AddDate(0, 0, -30)
	err := b.w.Scan(ctx, warehouse.Statement{SQL: `SELECT coalesce(o.person, r.node), CAST(count(*) AS BIGINT) FROM events_raw r JOIN event_names n ON n.code = r.event
		LEFT JOIN overrides o ON o.node = r.node WHERE n.name = 'view' AND r.time > ? GROUP BY 1`, Args: []any{since}, Own: true}, 1, func(_ int, c [][]int64) error {
		for i := range c[0] {
			views[touchstone.PersonID(c[0][i])] += c[1][i]
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	members, err := e.segs.MemberIDs(ctx, id)
	if err != nil {
		return 0, err
	}
	want := 0
	for _, n := range views {
		if n >= 3 {
			want++
		}
	}
	for _, p := range members {
		if views[p] < 3 {
			return 0, touchstone.Errorf(touchstone.Internal, "%s is in the segment with %d views", p, views[p])
		}
	}
	if len(members) != want {
		return 0, touchstone.Errorf(touchstone.Internal, "%d are in the segment where the definition gives %d", len(members), want)
	}
	return int64(want), nil
}

// evaluatorFigures is a line of `bench segments` about events that come in.
type evaluatorFigures struct {
	Bench    string  `json:"bench"`
	Segments int     `json:"segments"`
	Windows  int     `json:"windows_or_sequences"`
	Persons  int     `json:"persons"`
	Events   int     `json:"events"`
	Rate     int     `json:"events_per_second_by_the_clock_of_the_run"`
	CPU      float64 `json:"cpu_us_per_event"`
	Without  float64 `json:"cpu_us_per_event_without_segments"`
	Bytes    float64 `json:"state_bytes_per_person"`
	States   int64   `json:"persons_with_state"`
	Moves    int64   `json:"entries_and_exits"`
	Timers   int     `json:"timers_fired"`
	conditions
}

// curve measures what an event costs with 10, 100, 200 and 1,000 segments, and with 10 and 100 times as many persons.
func (b *segmentsBench) curve(ctx context.Context, out io.Writer, dir string) error {
	none, err := b.evaluate(ctx, dir, 0, 10_000)
	if err != nil {
		return err
	}
	for _, c := range []struct{ segments, persons int }{{10, 10_000}, {100, 10_000}, {200, 10_000}, {1_000, 10_000}, {200, 100_000}, {200, 1_000_000}} {
		line, err := b.evaluate(ctx, dir, c.segments, c.persons)
		if err != nil {
			return err
		}
		line.Without = none.CPU
		if err := printLine(out, line); err != nil {
			return err
		}
	}
	return nil
}

const (
	benchNames = 50   // event names, that segments are spread over
	benchRate  = 5000 // events a second
	benchBatch = 2500
)

// benchSegment is the text of one of many rules: two in four are windows, one is a sequence.
func benchSegment(i int) (text string, timed bool) {
	name, price := fmt.Sprintf("e%d", i%benchNames), i*37%100
	where := fmt.Sprintf(`"where":[{"property":"price","op":"gte","value":%d}]`, price)
	switch i % 4 {
	case 0:
		return fmt.Sprintf(`{"event":%q,%s,"count":{"op":"gte","value":2},"within":"%ds"}`, name, where, 20+i%40), true
	case 1:
		return fmt.Sprintf(`{"event":%q,"sum":{"property":"price","op":"gte","value":%d},"within":"%ds"}`, name, 100+price, 20+i%40), true
	case 2:
		return fmt.Sprintf(`{"sequence":[{"event":%q},{"event":"e%d","within":"10s","not":true}],"within":"60s"}`, name, (i+1)%benchNames), true
	}
	return fmt.Sprintf(`{"event":%q,%s,"count":{"op":"gte","value":3}}`, name, where), false
}

// evaluate runs so many events of so many persons by a clock that goes as fast as they are worked on.
func (b *segmentsBench) evaluate(ctx context.Context, dir string, segments, persons int) (line evaluatorFigures, err error) {
	name := filepath.Join(dir, "curve.db")
	defer os.Remove(name)
	begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	e, err := openEvaluator(ctx, name, noHistory{}, 0, begin)
	if err != nil {
		return line, err
	}
	defer e.db.Close()
	ctx, stop := context.WithCancel(ctx)
	built := make(chan error, 1)
	go func() { built <- e.segs.Run(ctx) }()
	defer func() {
		stop()
		<-built
	}()
	line = evaluatorFigures{Bench: "segments, evaluator", Segments: segments, Persons: persons, Events: b.live, Rate: benchRate,
		conditions: newConditions("SQLite in the folder; identity, profiles, log and timers' table left out")}
	last := ""
	for i := range segments {
		text, timed := benchSegment(i)
		g, err := e.segs.Create(ctx, segment.Draft{Name: fmt.Sprint(i), Rule: touchstone.JSON(text)})
		if err != nil {
			return line, err
		}
		if last = g.ID; timed {
			line.Windows++
		}
	}
	if last != "" {
		if _, err := e.until(ctx, last, time.Millisecond, func() []touchstone.Fact { return nil }); err != nil {
			return line, err
		}
	}
	r := rand.New(rand.NewPCG(uint64(segments), uint64(persons))) //nolint:gosec // not a secret
	var used time.Duration
	for done := 0; done < 2*b.live; done += benchBatch { // the first half warms up
		facts := make([]touchstone.Fact, benchBatch)
		now := time.UnixMilli(e.now.Load()).UTC()
		for i := range facts {
			facts[i] = touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: fmt.Sprintf("e%d", r.IntN(benchNames)), Time: now,
				Properties: touchstone.JSON(fmt.Sprintf(`{"price":%d,"sku":"sku-%d"}`, r.IntN(100), r.IntN(5000)))}, Person: touchstone.PersonID(r.IntN(persons) + 1)}
		}
		e.now.Add(benchBatch * 1000 / benchRate)
		before, fired := cpuTime(), e.fired
		if err := e.batch(ctx, facts); err != nil {
			return line, err
		}
		if done >= b.live {
			used += cpuTime() - before
			line.Timers += e.fired - fired
		}
	}
	line.CPU = float64(used.Nanoseconds()) / 1000 / float64(b.live)
	row := e.db.Reader().QueryRow(ctx, `SELECT count(*), coalesce(avg(length(state)), 0), (SELECT coalesce(sum(entered + departed), 0) FROM segment_days) FROM segment_states`)
	return line, row.Scan(&line.States, &line.Bytes, &line.Moves)
}

// noHistory is a warehouse without events.
type noHistory struct{}

func (noHistory) Position(_ context.Context, partition int) (touchstone.Seq, error) {
	return touchstone.MakeSeq(partition, 1<<40, 0), nil
}

func (noHistory) LatestTimes(context.Context, segment.LatestQuery, func(person touchstone.PersonID, times []int64) error) error {
	return nil
}

func (noHistory) Values(context.Context, segment.ValuesQuery, func(person touchstone.PersonID, at, n, value int64) error) error {
	return nil
}
