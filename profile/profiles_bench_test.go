package profile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

const (
	benchPersons = 100_000
	benchEvents  = 32_000
)

var benchNames = []string{"Product Viewed", "Product Added", "Checkout Started", "Order Completed", "$page", "App Opened", "Test Drive Booked", "Article Read", "Video Watched", "Searched"}

// traffic makes a batch of events of about the size that browsers send, one in twenty of
// them an identify call.
func traffic(r *rand.Rand, seq *int) []touchstone.Fact {
	facts := make([]touchstone.Fact, benchEvents)
	for i := range facts {
		*seq++
		f := &facts[i]
		person := 1 + r.IntN(benchPersons)
		f.Seq, f.Person, f.Node = touchstone.MakeSeq(0, uint64(*seq), 0), touchstone.PersonID(person*3), touchstone.NodeID(person*3+1)
		f.Type, f.Name, f.MessageID, f.Source = touchstone.Track, benchNames[r.IntN(len(benchNames))], fmt.Sprint(*seq), "src_web"
		f.Time = day.Add(time.Duration(*seq) * 5 * time.Millisecond)
		f.Context = touchstone.JSON(fmt.Sprintf(`{"ip":"203.0.113.%d","userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36","library":{"name":"analytics.js","version":"2.11.1"},"locale":"zh-CN","timezone":"Asia/Shanghai","page":{"path":"/models/%d","url":"https://brand.example/models/%d","title":"Models"},"location":{"city":"上海","country":"CN"}}`,
			r.IntN(256), r.IntN(1000), r.IntN(1000)))
		if r.IntN(20) == 0 {
			f.Type, f.Name = touchstone.Identify, "$identify"
			f.Traits = touchstone.JSON(fmt.Sprintf(`{"name":"Person %d","email":"p%d@example.com","city":"上海","age":%d,"plan":"%s"}`, person, person, 20+person%50, []string{"free", "pro"}[r.IntN(2)]))
		}
	}
	return facts
}

// cpuTime is the processor time of this process: what counts on a shared machine.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkApply is a batch of events of random persons, all of whom have a profile.
func BenchmarkApply(b *testing.B) {
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	bench := newBench(b, db)
	r := rand.New(rand.NewPCG(1, 2))
	seq := 0
	run := func(facts []touchstone.Fact) {
		batch := &touchstone.Batch{Now: day, Facts: facts}
		err := db.Update(context.Background(), func(tx *store.Tx) error { return bench.p.Apply(context.Background(), tx, batch) })
		if err != nil {
			b.Fatal(err)
		}
		bench.p.Committed(batch)
	}
	for range 20 {
		run(traffic(r, &seq))
	}
	b.ReportAllocs()
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		facts := traffic(r, &seq)
		start := cpuTime()
		b.StartTimer()
		run(facts)
		spent += cpuTime() - start
	}
	b.ReportMetric(float64(spent)/float64(b.N)/benchEvents, "cpu-ns/event")
	var bytes int64
	if err := db.Reader().QueryRow(context.Background(), `SELECT CAST(AVG(LENGTH(state)) AS BIGINT) FROM profile_activity`).Scan(&bytes); err == nil {
		b.ReportMetric(float64(bytes), "B/activity")
	}
	if err := db.Reader().QueryRow(context.Background(), `SELECT CAST(AVG(LENGTH(state)) AS BIGINT) FROM profile_traits`).Scan(&bytes); err == nil {
		b.ReportMetric(float64(bytes), "B/traits")
	}
}
