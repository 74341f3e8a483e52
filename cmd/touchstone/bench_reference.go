package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/loadgen"
)

// referenceTime is how long the reference is loaded: long enough to see how fast the
// machine is just now, which on shared hardware differs by a factor of two within an hour.
const referenceTime = 3 * time.Second

// referenceRate puts the same load on a server that does nothing with it, Go's own that
// reads each body and answers, and returns its requests per second: what the machine, the
// generator and HTTP leave to any server written in Go.
func referenceRate(ctx context.Context, cfg loadgen.Config) (float64, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"success":true}`)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	cfg.Address, cfg.Duration, cfg.Rate = listener.Addr().String(), referenceTime, 0
	result, err := loadgen.Run(ctx, cfg)
	return result.RequestsPerSecond(), err
}
