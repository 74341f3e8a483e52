package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/app"
	"github.com/touchstone-cdp/touchstone/internal/loadgen"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure ingest, freshness, queries, webhooks, matching and erasure; prints JSON lines",
		Long: "Measures this machine. Every line carries the hardware and the durability of what was measured.\n" +
			"Ingest, freshness, webhooks and erase load a running server; query fills a warehouse of its own in a temporary folder.",
	}
	cmd.AddCommand(newBenchIngest(), newBenchFreshness(), newBenchQuery(), newBenchWebhooks(), newBenchMatch(), newBenchHousehold(), newBenchErase(), newBenchSegments())
	return cmd
}

// conditions stands beside every figure.
type conditions struct {
	Version    string `json:"version"`
	Hardware   string `json:"hardware"`
	Cores      int    `json:"cores"`
	MemoryGiB  int    `json:"memory_gib"`
	Durability string `json:"durability"`
}

func newConditions(durability string) conditions {
	return conditions{app.Version, cpuModel(), runtime.NumCPU(), memoryGiB(), durability}
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func memoryGiB() int {
	text, _ := os.ReadFile("/proc/meminfo")
	var kib int
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	return kib >> 20
}

// ingestFigures is a line of `bench ingest`.
type ingestFigures struct {
	Bench           string  `json:"bench"`
	Batch           int     `json:"events_per_request"`
	Connections     int     `json:"connections"`
	Seconds         float64 `json:"seconds"`
	Events          int64   `json:"events_accepted"`
	AcceptedRate    float64 `json:"accepted_per_second"`
	RequestRate     float64 `json:"requests_per_second"`
	P50             float64 `json:"latency_p50_ms"`
	P99             float64 `json:"latency_p99_ms"`
	Max             float64 `json:"latency_max_ms"`
	SustainedRate   float64 `json:"sustained_to_warehouse_per_second"`
	DrainSeconds    float64 `json:"drain_seconds_after_load"`
	CPUPerThousand  float64 `json:"server_cpu_seconds_per_1000_events"`
	PeakRSSMiB      int64   `json:"server_peak_rss_mib"`
	FinalRSSMiB     int64   `json:"server_final_rss_mib"`
	Refused         any     `json:"refused,omitempty"`
	LostOrAmbiguous int64   `json:"accepted_minus_counted"`
	ReferenceRate   float64 `json:"reference_requests_per_second"` // see referenceRate
	OfReference     float64 `json:"requests_of_reference"`
	conditions
}

func newBenchIngest() *cobra.Command {
	var c client
	cfg := loadgen.Config{}
	cmd := &cobra.Command{
		Use:   "ingest",
		Short: "Load a running server with tracking events of about 770 bytes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			figures, err := benchIngest(cmd.Context(), &c, cfg)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(figures)
		},
	}
	c.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&cfg.WriteKey, "write-key", "dev", "write key of the source to load")
	f.IntVar(&cfg.Connections, "connections", 64, "connections, each with one request under way")
	f.IntVar(&cfg.Batch, "batch", 100, "events in a request; 1 sends single track calls")
	f.IntVar(&cfg.Users, "users", 100_000, "different users")
	f.DurationVar(&cfg.Duration, "duration", 20*time.Second, "how long to load")
	f.Float64Var(&cfg.Rate, "rate", 0, "events per second; 0: as fast as answers come")
	f.Uint64Var(&cfg.Seed, "seed", 0, "makes message ids differ between runs; 0: random")
	return cmd
}

func benchIngest(ctx context.Context, c *client, cfg loadgen.Config) (ingestFigures, error) {
	address, err := url.Parse(c.server)
	if err != nil {
		return ingestFigures{}, err
	}
	cfg.Address = address.Host
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64() >> 20 //nolint:gosec // not a secret
	}
	reference, err := referenceRate(ctx, cfg)
	if err != nil {
		return ingestFigures{}, err
	}
	before, err := c.waitDrained(ctx)
	if err != nil {
		return ingestFigures{}, err
	}
	peak := make(chan int64)
	watchCtx, stop := context.WithCancel(ctx)
	go func() { peak <- watchRSS(watchCtx, c) }()
	began := time.Now()
	result, err := loadgen.Run(ctx, cfg)
	if err != nil {
		stop()
		<-peak
		return ingestFigures{}, err
	}
	loaded := time.Now()
	after, err := c.waitDrained(ctx)
	stop()
	rss := <-peak
	if err != nil {
		return ingestFigures{}, err
	}
	drained := time.Now()
	ms := func(q float64) float64 { return float64(result.Quantile(q).Microseconds()) / 1000 }
	return ingestFigures{
		Bench: "ingest", Batch: cfg.Batch, Connections: cfg.Connections, Seconds: result.Seconds, Events: result.Events,
		AcceptedRate: result.EventsPerSecond(), RequestRate: result.RequestsPerSecond(),
		P50: ms(.5), P99: ms(.99), Max: ms(1),
		SustainedRate: float64(after.InWarehouse-before.InWarehouse) / drained.Sub(began).Seconds(), DrainSeconds: drained.Sub(loaded).Seconds(),
		CPUPerThousand: (after.Process.CPUSeconds - before.Process.CPUSeconds) / float64(max(result.Events, 1)) * 1000,
		PeakRSSMiB:     rss >> 20, FinalRSSMiB: after.Process.RSSBytes >> 20, Refused: result.Refused,
		LostOrAmbiguous: after.InWarehouse - before.InWarehouse - result.Events,
		ReferenceRate:   reference, OfReference: result.RequestsPerSecond() / reference,
		conditions: newConditions("fsync before each 200; all stages running"),
	}, nil
}

// watchRSS returns the largest resident size seen until ctx is done.
func watchRSS(ctx context.Context, c *client) (peak int64) {
	for {
		if s, err := c.stats(ctx); err == nil {
			peak = max(peak, s.Process.RSSBytes)
		}
		select {
		case <-ctx.Done():
			return peak
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func printLine(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
