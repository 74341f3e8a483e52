package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/app"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// queryFigures is a line of `bench query`.
type queryFigures struct {
	Bench    string  `json:"bench"`
	Question string  `json:"question"`
	Events   int64   `json:"events"`
	Persons  int64   `json:"persons"`
	Runs     int     `json:"runs"`
	Min      float64 `json:"min_ms"`
	Median   float64 `json:"median_ms"`
	Max      float64 `json:"max_ms"`
	Answer   any     `json:"answer"`
	conditions
}

func newBenchQuery() *cobra.Command {
	var events, users int64
	var runs int
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Time questions over generated events in a warehouse of its own",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return benchQuery(cmd.Context(), cmd.OutOrStdout(), events, users, runs)
		},
	}
	cmd.Flags().Int64Var(&events, "events", 20_000_000, "events to generate")
	cmd.Flags().Int64Var(&users, "users", 1_000_000, "persons that they belong to")
	cmd.Flags().IntVar(&runs, "runs", 5, "times that each question is asked, after one that does not count")
	return cmd
}

// benchQuestions are asked over the whole range of the events that Generate makes.
var benchQuestions = []struct{ name, query string }{
	{"funnel of four steps within 7 days", `{"kind":"funnel","from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z","window":"7d",
		"steps":[{"event":"view"},{"event":"addtocart"},{"event":"checkout"},{"event":"transaction"}]}`},
	{"persons by day", `{"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z","interval":"day",
		"series":[{"event":"transaction","measure":"persons"}]}`},
	{"sum of a property by day", `{"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z","interval":"day",
		"series":[{"event":"transaction","measure":"sum","property":"price"}]}`},
	{"weekly retention, view to transaction", `{"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-04-01T00:00:00Z",
		"first":{"event":"view"},"return":{"event":"transaction"},"interval":"week","periods":12,"mode":"n_day"}`},
}

func benchQuery(ctx context.Context, out io.Writer, events, users int64, runs int) error {
	dir, err := os.MkdirTemp("", "touchstone-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := duckdb.Open(ctx, filepath.Join(dir, "warehouse.duckdb"), duckdb.Options{MemoryLimit: fmt.Sprintf("%dB", app.DefaultConfig().Warehouse.MemoryLimit)})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Generate(ctx, events, users); err != nil {
		return err
	}
	engine := analytics.New(w, analytics.Options{})
	for _, q := range benchQuestions {
		took := make([]time.Duration, 0, runs)
		var answer *analytics.Answer
		for i := range runs + 1 {
			began := time.Now()
			if answer, err = engine.Run(ctx, access.System(), []byte(q.query)); err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			if i > 0 {
				took = append(took, time.Since(began))
			}
		}
		slices.Sort(took)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		line := queryFigures{Bench: "query", Question: q.name, Events: events, Persons: users, Runs: runs,
			Min: ms(took[0]), Median: ms(took[len(took)/2]), Max: ms(took[len(took)-1]), Answer: answer.Rows[:min(4, len(answer.Rows))],
			conditions: newConditions("embedded warehouse with its default memory limit")}
		if err := printLine(out, line); err != nil {
			return err
		}
	}
	return nil
}
