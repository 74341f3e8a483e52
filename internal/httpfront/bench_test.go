package httpfront_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/httpfront"
	"github.com/touchstone-cdp/touchstone/internal/loadgen"
)

// BenchmarkRequest puts the load of `touchstone bench ingest --batch 1` on a handler that
// reads the body and answers, behind the front and behind net/http alone. The generator
// runs in the same process: only the difference says something.
func BenchmarkRequest(b *testing.B) {
	for name, withFront := range map[string]bool{"front": true, "net-http": false} {
		b.Run(name, func(b *testing.B) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"success":true}`)
			})
			address, _ := start(b, withFront, httpfront.Config{Handlers: map[string]http.Handler{"/v1/track": handler}})
			b.ReportAllocs()
			for b.Loop() {
				result, err := loadgen.Run(context.Background(), loadgen.Config{Address: address, WriteKey: "dev", Connections: 64, Batch: 1, Users: 1000, Duration: time.Second})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(result.RequestsPerSecond(), "requests/s")
			}
		})
	}
}
