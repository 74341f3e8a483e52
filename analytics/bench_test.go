package analytics_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// benchEvents is how many events the benchmarks ask about: 1 million, or what
// TOUCHSTONE_BENCH_EVENTS says. People are a twentieth of it.
func benchEvents(b *testing.B) int64 {
	n, err := strconv.ParseInt(os.Getenv("TOUCHSTONE_BENCH_EVENTS"), 10, 64)
	if err != nil {
		return 1_000_000
	}
	return n
}

var benchQueries = []struct{ name, query string }{
	{"funnel", `{"kind":"funnel","steps":[{"event":"view"},{"event":"addtocart"},{"event":"checkout"},{"event":"transaction"}],"window":"30d",`},
	{"funnel_where", `{"kind":"funnel","steps":[{"event":"view","where":[{"property":"price","op":"gte","value":50}]},{"event":"addtocart"},{"event":"transaction"}],"window":"30d",`},
	{"funnel_breakdown", `{"kind":"funnel","steps":[{"event":"view"},{"event":"addtocart"},{"event":"transaction"}],"window":"30d","breakdown":[{"dimension":"platform"}],`},
	{"trend_count", `{"kind":"trend","series":[{"event":"view"}],`},
	{"trend_persons", `{"kind":"trend","series":[{"event":"view","measure":"persons"}],`},
	{"trend_sum", `{"kind":"trend","series":[{"event":"transaction","measure":"sum","property":"price"}],`},
	{"trend_breakdown", `{"kind":"trend","series":[{"event":"*"}],"breakdown":[{"dimension":"platform"}],`},
	{"retention", `{"kind":"retention","interval":"week","first":{"event":"view"},"return":{"event":"transaction"},`},
	{"retention_any", `{"kind":"retention","interval":"week","first":{"event":"*"},"return":{"event":"*"},`},
}

func BenchmarkQuery(b *testing.B) {
	ctx := b.Context()
	path := os.Getenv("TOUCHSTONE_BENCH_WAREHOUSE") // kept between runs
	if path == "" {
		path = filepath.Join(b.TempDir(), "w.duckdb")
	}
	w, err := duckdb.Open(ctx, path, duckdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if n, err := w.Count(ctx); err != nil {
		b.Fatal(err)
	} else if n == 0 {
		if err := w.Generate(ctx, benchEvents(b), benchEvents(b)/20); err != nil {
			b.Fatal(err)
		}
	}
	e := analytics.New(w, analytics.Options{})
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			before := cpuTime()
			for b.Loop() {
				if _, err := e.Run(ctx, access.System(), []byte(q.query+`"from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z"}`)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime()-before).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
