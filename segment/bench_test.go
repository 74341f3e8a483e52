package segment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

// flat is a crowd whose traits cost nothing to look up.
type flat struct{ *world }

func (flat) TraitsOf(p touchstone.PersonID) func(string) (touchstone.JSON, bool) {
	city := touchstone.JSON(`"上海"`)
	if p%3 == 0 {
		city = `"北京"`
	}
	return func(name string) (touchstone.JSON, bool) { return city, name == "city" }
}

const benchPersons, benchBatch = 100_000, 32_000

// BenchmarkApply measures the stage alone, commit included: batches of 32,000 events of
// 100,000 persons, with five segments. Persons come in random order, unless a case says how
// many events each has in a batch.
func BenchmarkApply(b *testing.B) {
	for _, bench := range []struct {
		name, event string
		each        int
	}{
		{"every event mentioned", "Order Completed", 0},
		{"one event of each person", "Order Completed", 1},
		{"ten events of each person", "Order Completed", 10},
		{"no event mentioned", "Other", 0},
	} {
		b.Run(bench.name, func(b *testing.B) { benchmarkApply(b, bench.event, bench.each) })
	}
}

// cpuTime is the processor time of this process: what counts on a shared machine.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkApply(b *testing.B, event string, each int) {
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	w := newWorld(b, db)
	w.segs.builds.limits = limits{chunkPersons: 5_000, chunksPerBatch: 2, chunksWaiting: 10_000}
	w.segs.stage.traits = flat{w}
	ids := map[string]string{}
	for i, text := range []string{
		`{"event":"Order Completed","where":[{"property":"amount","op":"gte","value":100}],"count":{"op":"gte","value":3},"within":"30d"}`,
		`{"event":"Order Completed","count":{"op":"gte","value":2},"within":"7d"}`,
		`{"trait":"city","op":"eq","value":"上海"}`,
		`{"trait":"ltv","op":"gte","value":1000}`,
		`{"and":[{"segment":"0"},{"segment":"2"}]}`,
	} {
		for name, id := range ids {
			text = replaceSegment(text, name, id)
		}
		g, err := w.segs.Create(ctx, Draft{Name: fmt.Sprint(i), Rule: touchstone.JSON(text)})
		if err != nil {
			b.Fatal(err)
		}
		ids[g.Name] = g.ID
	}
	w.settle()
	rnd := rand.New(rand.NewPCG(1, 2))
	props := make([]touchstone.JSON, 64)
	for i := range props {
		props[i] = touchstone.JSON(fmt.Sprintf(`{"order_id":"o-%d","currency":"CNY","channel":"app","sku":"model-%d","coupon":"","quantity":1,"amount":%d.5,"store":"s-17","shipping":12.5,"tax":3.2}`, i, i, 10*i))
	}
	person := func(int) touchstone.PersonID { return touchstone.PersonID(1 + rnd.IntN(benchPersons)) }
	var spent time.Duration
	batch := func() {
		if each > 0 {
			crowd := rnd.Perm(benchPersons)[:benchBatch/each]
			person = func(i int) touchstone.PersonID { return touchstone.PersonID(1 + crowd[i%len(crowd)]) }
		}
		w.now = w.now.Add(time.Second)
		w.offset++
		bt := &touchstone.Batch{Now: w.now, Facts: make([]touchstone.Fact, benchBatch)}
		for i := range bt.Facts {
			bt.Facts[i] = touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: event, Time: w.now.Add(-time.Duration(rnd.IntN(5000)) * time.Millisecond),
				Properties: props[rnd.IntN(len(props))]}, Seq: touchstone.MakeSeq(0, w.offset, i), Person: person(i)}
		}
		start := cpuTime()
		b.StartTimer()
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return w.segs.stage.Apply(ctx, tx, bt) }); err != nil {
			b.Fatal(err)
		}
		w.segs.stage.Committed(bt)
		b.StopTimer()
		spent += cpuTime() - start
	}
	for range 30 { // everyone has been seen often enough: entries have become rare
		batch()
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	spent = 0
	for range b.N {
		batch()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/benchBatch, "cpu-ns/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchBatch, "ns/event")
}

func replaceSegment(text, name, id string) string {
	return string(strings.ReplaceAll(text, fmt.Sprintf(`"segment":%q`, name), fmt.Sprintf(`"segment":%q`, id)))
}

// BenchmarkManyRules measures what segments cost that ask about one event with different values: so many rules with a
// price of their own and one of three windows. An event has one of a thousand prices, and so touches half of the leaves on average, or one, by
// the kind of the condition; events of five other names touch none. touched-ns is the time per leaf touched, beyond what the same batch costs without rules.
func BenchmarkManyRules(b *testing.B) {
	for _, n := range []int{10, 100, 200, 1000} {
		for _, kind := range []string{"gte", "eq"} {
			b.Run(fmt.Sprintf("%d %s", n, kind), func(b *testing.B) { benchmarkManyRules(b, n, kind) })
		}
	}
}

func benchmarkManyRules(b *testing.B, n int, kind string) {
	const persons, events, prices = 200, 4_000, 1_000
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	w := newWorld(b, db)
	w.segs.builds.limits = limits{chunkPersons: 5_000, chunksPerBatch: 2, chunksWaiting: 10_000}
	w.segs.stage.traits = flat{w}
	for i := range n {
		text := fmt.Sprintf(`{"event":"Order Completed","where":[{"property":"price","op":%q,"value":%d}],"count":{"op":"gte","value":%d},"within":"%dd"}`, kind, 1+i*prices/n, 1+i%3, []int{7, 30, 90}[i%3])
		if _, err := w.segs.Create(ctx, Draft{Name: fmt.Sprint(i), Rule: touchstone.JSON(text)}); err != nil {
			b.Fatal(err)
		}
	}
	w.settle()
	rnd := rand.New(rand.NewPCG(1, 2))
	names := []string{"Order Completed", "View", "Search", "Cart", "Login", "Share"}
	var spent time.Duration
	var touched int
	batch := func() {
		w.now = w.now.Add(time.Second)
		w.offset++
		bt := &touchstone.Batch{Now: w.now, Facts: make([]touchstone.Fact, events)}
		for i := range bt.Facts {
			price := 1 + rnd.IntN(prices)
			bt.Facts[i] = touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: names[rnd.IntN(len(names))], Time: w.now.Add(-time.Duration(rnd.IntN(5000)) * time.Millisecond),
				Properties: touchstone.JSON(fmt.Sprintf(`{"order_id":"o-%d","currency":"CNY","channel":"app","sku":"model-%d","price":%d,"store":"s-17"}`, i, i, price))},
				Seq: touchstone.MakeSeq(0, w.offset, i), Person: touchstone.PersonID(1 + rnd.IntN(persons))}
		}
		start := cpuTime()
		b.StartTimer()
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return w.segs.stage.Apply(ctx, tx, bt) }); err != nil {
			b.Fatal(err)
		}
		touched += len(w.segs.stage.work.hits)
		w.segs.stage.Committed(bt)
		b.StopTimer()
		spent += cpuTime() - start
	}
	for range 20 { // entries have become rare
		batch()
	}
	b.ResetTimer()
	b.StopTimer()
	spent, touched = 0, 0
	for range b.N {
		batch()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/events, "cpu-ns/event")
	b.ReportMetric(float64(touched)/float64(b.N)/events, "touched/event")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(touched), "cpu-ns/touched")
}

// BenchmarkBitmaps reads a segment of a million members, and brings a copy of it up to date after a thousand changes.
func BenchmarkBitmaps(b *testing.B) {
	const members, changes = 1_000_000, 1_000
	db := openDB(b)
	if _, err := Open(ctx, Config{DB: db}); err != nil {
		b.Fatal(err)
	}
	fill := func(texts ...string) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for _, text := range texts {
				if _, err := tx.Exec(ctx, text); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	fill(`INSERT INTO segments (id, name, description, purpose, kind, rule, version, live, building, failure, created_at, updated_at) VALUES ('seg_x', 'x', '', '', 'rule', '', 1, 1, 0, '', 0, 0)`,
		fmt.Sprintf(`INSERT INTO segment_generations (generation, segment, rule, phase, leaves, members) VALUES (1, 'seg_x', '', 2, '', %d)`, members),
		fmt.Sprintf(`INSERT INTO segment_members WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 1, 0, i * 3 FROM n`, members))
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := newBitmaps(&Config{DB: db}).of(ctx, []string{"seg_x"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("follow", func(b *testing.B) {
		copied := newBitmaps(&Config{DB: db})
		var last int
		for b.Loop() {
			b.StopTimer()
			if _, err := copied.of(ctx, []string{"seg_x"}); err != nil {
				b.Fatal(err)
			}
			fill(fmt.Sprintf(`INSERT INTO segment_changes (id, segment, person, entered, at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT %d + i, 'seg_x', 1 + 3 * (%d + i), 1, 0 FROM n`, changes, last, last),
				fmt.Sprintf(`UPDATE segment_generations SET members = members + %d`, changes))
			last += changes
			b.StartTimer()
			if _, err := copied.of(ctx, []string{"seg_x"}); err != nil {
				b.Fatal(err)
			}
		}
		if n := copied.copies[1].persons.GetCardinality(); int(n) != members+last { //nolint:gosec // small
			b.Fatalf("%d members", n)
		}
	})
}
