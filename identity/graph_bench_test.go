package identity

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

const (
	benchUsers  = 500_000
	benchEvents = 32_000
)

// traffic makes batches of events of two identifiers as they come out of the log: the
// texts of a batch lie side by side in fresh memory.
func traffic(b *bench, r *rand.Rand, users int) []touchstone.Fact {
	facts := make([]touchstone.Fact, benchEvents)
	var text strings.Builder
	ids := make([]int, len(facts))
	for i := range ids {
		ids[i] = r.IntN(users)
		fmt.Fprintf(&text, "user-%08d%08x-0000-4000-8000-%012x", ids[i], ids[i]*7919, ids[i])
	}
	all := text.String()
	const width = 13 + 36
	for i := range facts {
		f := &facts[i]
		f.Type, f.Name, f.MessageID, f.Source, f.Time = touchstone.Track, "Viewed", "m", "src_web", day
		s := all[i*width : (i+1)*width]
		f.Identifiers = []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: s[:13]}, {Kind: touchstone.KindAnonymousID, Value: s[13:]}}
	}
	return facts
}

func openSQLite(b *testing.B) *store.DB {
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

// BenchmarkSteady is a batch whose identifiers are all known and linked.
func BenchmarkSteady(b *testing.B) {
	benchmark := newBench(b, openSQLite(b))
	r := rand.New(rand.NewPCG(1, 2))
	for range 80 { // nearly every user has been seen then
		benchmark.apply(traffic(benchmark, r, benchUsers)...)
	}
	var batches [][]touchstone.Fact
	for range 8 {
		batches = append(batches, traffic(benchmark, r, benchUsers))
	}
	benchmark.apply(batches[0]...)
	b.ReportMetric(float64(benchmark.g.cache.Bytes())/float64(benchmark.g.cache.Len()), "B/identifier")
	b.ReportAllocs()
	i := 0
	start := cpuTime()
	for b.Loop() {
		steady(b, benchmark, batches[i%len(batches)])
		i++
	}
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N)/benchEvents, "cpu-ns/event")
}

// cpuTime is the processor time of this process: what counts on a shared machine.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func steady(b *testing.B, bench *bench, facts []touchstone.Fact) {
	batch := &touchstone.Batch{Now: bench.now, Facts: facts}
	err := bench.db.Update(context.Background(), func(tx *store.Tx) error { return bench.g.Apply(context.Background(), tx, batch) })
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkNew is a batch in which every event brings two new identifiers.
func BenchmarkNew(b *testing.B) {
	benchmark := newBench(b, openSQLite(b))
	n := 0
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		facts := make([]touchstone.Fact, benchEvents)
		for i := range facts {
			n++
			facts[i] = benchmark.event(fmt.Sprintf("user_id:user-%08d", n*7919%100_000_000), fmt.Sprintf("anonymous_id:%08x-0000-4000-8000-%012x", n*7919, n))
		}
		start := cpuTime()
		b.StartTimer()
		steady(b, benchmark, facts)
		spent += cpuTime() - start
	}
	b.ReportMetric(float64(spent)/float64(b.N)/benchEvents, "cpu-ns/event")
}
