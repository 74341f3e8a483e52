package duckdb_test

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// webFacts are events as the browser SDK sends them, of about 770 bytes.
func webFacts(n int, record uint64) []touchstone.Fact {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	facts := make([]touchstone.Fact, n)
	for i := range facts {
		k := int(record)*n + i
		facts[i] = touchstone.Fact{Seq: touchstone.MakeSeq(0, record, i), Node: touchstone.NodeID(k % 9973), Event: touchstone.Event{
			Type: touchstone.Track, MessageID: fmt.Sprintf("ajs-next-%d-%032x", k, k*7919), Name: []string{"Product Viewed", "Product Added", "Order Completed", "Search"}[k%4],
			Time: start.Add(time.Duration(k) * 37 * time.Millisecond), ReceivedAt: start.Add(time.Duration(k)*37*time.Millisecond + time.Second), Source: "src_k3m5z8q2w7r4",
			Properties: touchstone.JSON(fmt.Sprintf(`{"product_id":"sku-%05d","name":"Touring sedan %d","price":%d.%02d,"currency":"CNY","quantity":%d,"category":"cars","variant":"long range","position":%d}`, k%5000, k%50, k%400, k%100, k%5, k%20)),
			Context: touchstone.JSON(fmt.Sprintf(`{"library":{"name":"analytics.js","version":"npm:next-1.70.0"},"userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36","locale":"zh-CN","ip":"203.0.113.%d","timezone":"Asia/Shanghai","campaign":{"source":"baidu","medium":"cpc","name":"spring-%d"},"page":{"path":"/cars/model-%d","url":"https://www.example.com/cars/model-%d","title":"Model %d","search":"","referrer":"https://www.baidu.com/"},"location":{"country":"CN","city":"上海"}}`,
				k%250, k%10, k%50, k%50, k%50)),
		}}
	}
	return facts
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1000, 8000, 32000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			ctx := context.Background()
			w, err := duckdb.Open(ctx, filepath.Join(b.TempDir(), "w.duckdb"), duckdb.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			var commits [][]touchstone.Fact // enough that no row group sees a fact twice
			bytes := 0
			for i := range max(1, 128_000/size) {
				commits = append(commits, webFacts(size, uint64(i)))
			}
			for i := range commits[0] {
				f := &commits[0][i]
				bytes += len(f.Properties) + len(f.Context) + len(f.MessageID) + len(f.Name)
			}
			record, events := uint64(0), 0
			cpu := cpuTime()
			for b.Loop() {
				record++
				facts := commits[int(record)%len(commits)]
				for i := range facts {
					facts[i].Seq = touchstone.MakeSeq(0, record, i)
				}
				if err := w.Append(ctx, warehouse.Commit{Through: stream.Offset(record), Facts: facts}); err != nil {
					b.Fatal(err)
				}
				events += size
			}
			b.ReportMetric(float64(cpuTime()-cpu)/1e3/float64(events), "cpu-µs/event")
			b.ReportMetric(float64(b.Elapsed())/1e3/float64(events), "µs/event")
			b.ReportMetric(float64(bytes)/float64(size), "B/event")
			total, _ := w.Size(ctx)
			b.ReportMetric(float64(total)/float64(events), "disk-B/event")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
