package jetstream

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/stream"
)

// event looks like an encoded event: 770 bytes that compress about four times.
func event(n int) []byte {
	return fmt.Appendf(nil, `track%032x Product Viewed src_web %016x {"product_id":"sku-%08x","category":"shoes","price":%d,"currency":"CNY","quantity":1,"list":"recommended"}`+
		`{"ip":"10.%d.2.3","locale":"zh-CN","page":{"path":"/p/%08x","referrer":"https://www.example.com/","title":"商品详情","url":"https://shop.example.com/p/%08x"},`+
		`"userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36","library":{"name":"analytics.js","version":"npm:next-1.70.0"},`+
		`"campaign":{"source":"wechat","medium":"social","name":"%08x"},"screen":{"width":1920,"height":1080,"density":2},"timezone":"Asia/Shanghai","network":{"wifi":true}}`,
		uint64(n)*0x9e3779b97f4a7c15, n, uint32(n)*2654435761, n%1000, n%255, n%5000, n%5000, n%20)
}

// BenchmarkBatcher appends from 64 goroutines, and reports events per second, the
// processor time per 1000 events and the events that share a record.
func BenchmarkBatcher(b *testing.B) {
	for _, perAppend := range []int{1, 100} {
		b.Run(fmt.Sprintf("events=%d", perAppend), func(b *testing.B) {
			l := openEmbedded(b, EmbeddedConfig{Dir: b.TempDir()})
			batcher := stream.NewBatcher(l, stream.BatcherConfig{})
			defer batcher.Close()
			var sets [256][]byte // different events, or they would compress too well
			for s := range sets {
				for i := range perAppend {
					sets[s] = stream.AppendFrame(sets[s], event(s*perAppend+i))
				}
			}
			b.SetParallelism(32) // times GOMAXPROCS: 64 on two cores
			before := cpu()
			start := time.Now()
			var last atomic.Uint64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(len(sets)); pb.Next(); i++ {
					r, err := batcher.Append(ctx, 0, sets[i%len(sets)], perAppend)
					if err != nil {
						b.Error(err)
						return
					}
					last.Store(uint64(r.Offset))
				}
			})
			events := float64(b.N * perAppend)
			b.ReportMetric(events/time.Since(start).Seconds(), "events/s")
			b.ReportMetric((cpu()-before).Seconds()/events*1000, "cpu-s/1000")
			b.ReportMetric(events/float64(last.Load()), "events/record")
			b.ReportMetric(float64(len(sets[0])/perAppend), "B/event")
		})
	}
}

// BenchmarkRead reads records as the pipeline does, and decodes them.
func BenchmarkRead(b *testing.B) {
	for _, perRecord := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("events=%d", perRecord), func(b *testing.B) {
			l := openEmbedded(b, EmbeddedConfig{Dir: b.TempDir()})
			var frames []byte
			for i := range perRecord {
				frames = stream.AppendFrame(frames, event(i))
			}
			record := stream.EncodeRecord(nil, frames, perRecord)
			const records = 500
			for range records {
				if _, err := l.Append(ctx, 0, record); err != nil {
					b.Fatal(err)
				}
			}
			events := 0
			before, start := cpu(), time.Now()
			for b.Loop() {
				for from := stream.Offset(1); from <= records; {
					got, err := l.Read(ctx, 0, from, 256, 4<<20)
					if err != nil {
						b.Fatal(err)
					}
					for _, r := range got {
						f, err := stream.DecodeRecord(r.Data)
						if err != nil {
							b.Fatal(err)
						}
						events += f.Len()
						from = r.Offset + 1
					}
				}
			}
			b.ReportMetric(float64(events)/time.Since(start).Seconds(), "events/s")
			b.ReportMetric((cpu()-before).Seconds()/float64(events)*1000, "cpu-s/1000")
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
