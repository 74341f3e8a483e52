package consent

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

// BenchmarkStage measures a batch of 4,000 events of 1,000 persons, of whom a tenth refuse, by what the
// store and the memory have to be asked.
func BenchmarkStage(b *testing.B) {
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	c, err := Open(context.Background(), Config{DB: db})
	if err != nil {
		b.Fatal(err)
	}
	s := c.Stage()
	facts := make([]touchstone.Fact, 4000)
	for i := range facts {
		p := i % 1000
		facts[i] = touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(i+2), 0), Node: touchstone.NodeID(p + 1), Person: touchstone.PersonID(p + 1), Event: touchstone.Event{
			Type: touchstone.Track, Name: "Viewed", MessageID: fmt.Sprint(i), Source: "src_1", Time: time.UnixMilli(1e12), ReceivedAt: time.UnixMilli(1e12),
			Context: `{"library":{"name":"analytics.js","version":"2.1.0"},"page":{"url":"https://shop.example/products/123456","title":"A product","referrer":"https://search.example/"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64)","locale":"zh-CN","timezone":"Asia/Shanghai"}`}}
	}
	run := func(name string, forget bool) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if forget {
					s.Rollback()
				}
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					return s.Apply(context.Background(), tx, &touchstone.Batch{Facts: facts})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(facts)), "ns/event")
		})
	}
	run("without a policy", false)
	setPolicy(b, c, full(), 1)
	first := facts[0].Context
	for i := range 100 {
		facts[i*10].Context = `{"consent":{"categoryPreferences":{"Analytics":false}}}`
	}
	run("with decisions", false)
	for i := range 100 {
		facts[i*10].Context = first
	}
	run("remembered", false)
	run("not remembered", true)
}
