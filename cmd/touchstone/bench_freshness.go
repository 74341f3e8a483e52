package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/loadgen"
)

// freshnessFigures is the line of `bench freshness`.
type freshnessFigures struct {
	Bench          string  `json:"bench"`
	BackgroundRate float64 `json:"background_events_per_second"`
	Probes         int     `json:"probes"`
	ProfileP50     float64 `json:"profile_and_segment_p50_ms"`
	ProfileP99     float64 `json:"profile_and_segment_p99_ms"`
	QueryP50       float64 `json:"query_p50_ms"`
	QueryP99       float64 `json:"query_p99_ms"`
	conditions
}

func newBenchFreshness() *cobra.Command {
	var c client
	load := loadgen.Config{Connections: 8, Batch: 10, Users: 100_000}
	var probes int
	cmd := &cobra.Command{
		Use:   "freshness",
		Short: "Measure the time from the 200 to the profile, its segments, and query results",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			figures, err := benchFreshness(cmd.Context(), &c, load, probes)
			if err != nil {
				return err
			}
			return printLine(cmd.OutOrStdout(), figures)
		},
	}
	c.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&load.WriteKey, "write-key", "dev", "write key of the source to load")
	f.Float64Var(&load.Rate, "rate", 2000, "events per second beside the probes")
	f.IntVar(&probes, "probes", 300, "events whose way is timed")
	return cmd
}

func benchFreshness(ctx context.Context, c *client, load loadgen.Config, probes int) (freshnessFigures, error) {
	run := fmt.Sprintf("freshness-%d", rand.Uint32()) //nolint:gosec // not a secret
	segment, err := makeProbeSegment(ctx, c, run)
	if err != nil {
		return freshnessFigures{}, err
	}
	defer func() {
		_ = c.call(context.WithoutCancel(ctx), http.MethodDelete, "/api/v1/segments/"+segment, nil, nil)
	}()
	address, err := url.Parse(c.server)
	if err != nil {
		return freshnessFigures{}, err
	}
	load.Address, load.Seed, load.Duration = address.Host, rand.Uint64()>>20, 24*time.Hour //nolint:gosec // not a secret
	loadCtx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { _, _ = loadgen.Run(loadCtx, load) })
	time.Sleep(2 * time.Second) // let the load settle

	var profile, query []time.Duration
	for i := range probes {
		p, q, err := probe(ctx, c, load.WriteKey, run, i, segment)
		if err != nil {
			stop()
			background.Wait()
			return freshnessFigures{}, err
		}
		profile = append(profile, p)
		if q > 0 {
			query = append(query, q)
		}
	}
	stop()
	background.Wait()
	slices.Sort(profile)
	slices.Sort(query)
	ms := func(d []time.Duration, q float64) float64 {
		if len(d) == 0 {
			return 0
		}
		return float64(d[min(int(q*float64(len(d))), len(d)-1)].Microseconds()) / 1000
	}
	return freshnessFigures{Bench: "freshness", BackgroundRate: load.Rate, Probes: probes,
		ProfileP50: ms(profile, .5), ProfileP99: ms(profile, .99), QueryP50: ms(query, .5), QueryP99: ms(query, .99),
		conditions: newConditions("fsync before each 200; all stages running")}, nil
}

func makeProbeSegment(ctx context.Context, c *client, run string) (string, error) {
	var s struct{ ID, Status string }
	rule := map[string]any{"event": run, "count": map[string]any{"op": "gte", "value": 1}, "within": "1h"}
	err := c.call(ctx, http.MethodPost, "/api/v1/segments", map[string]any{"name": run, "rule": rule}, &s)
	for err == nil && s.Status == "building" {
		time.Sleep(100 * time.Millisecond)
		err = c.call(ctx, http.MethodGet, "/api/v1/segments/"+s.ID, nil, &s)
	}
	return s.ID, err
}

// probe sends one event of a new person and returns how long after the 200 the person's
// profile shows it together with the segment, and, for every fifth probe, how long until
// a query counts it.
func probe(ctx context.Context, c *client, writeKey, run string, i int, segment string) (profile, query time.Duration, err error) {
	user := fmt.Sprintf("%s-%d", run, i)
	sender := *c
	sender.key = writeKey
	event := map[string]any{"event": run, "userId": user, "messageId": user}
	if err := sender.call(ctx, http.MethodPost, "/v1/track", event, nil); err != nil {
		return 0, 0, err
	}
	accepted := time.Now()
	deadline := accepted.Add(30 * time.Second)
	for time.Now().Before(deadline) {
		var person struct {
			Counters struct{ Events int64 }
			Segments []struct{ ID string }
		}
		err := c.call(ctx, http.MethodGet, "/api/v1/persons/user_id:"+user, nil, &person)
		if err == nil && person.Counters.Events > 0 && slices.ContainsFunc(person.Segments, func(s struct{ ID string }) bool { return s.ID == segment }) {
			profile = time.Since(accepted)
			break
		}
		time.Sleep(3 * time.Millisecond)
	}
	if profile == 0 {
		return 0, 0, touchstone.Errorf(touchstone.Unavailable, "the event of %s was not in its profile and segment after 30 s", user)
	}
	if i%5 != 0 {
		return profile, 0, nil
	}
	// A question as the console asks it; SQL would time the start of a process, too.
	question := map[string]any{"kind": "trend", "from": accepted.Add(-24 * time.Hour).UTC(), "to": accepted.Add(24 * time.Hour).UTC(),
		"interval": "total", "series": []any{map[string]any{"event": run}}}
	for time.Now().Before(deadline) {
		var answer struct{ Rows [][]any }
		if err := c.call(ctx, http.MethodPost, "/api/v1/query", question, &answer); err != nil {
			return 0, 0, err
		}
		for _, row := range answer.Rows { // one: time, series, value
			if n, _ := row[len(row)-1].(float64); n > float64(i) {
				return profile, time.Since(accepted), nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, 0, touchstone.Errorf(touchstone.Unavailable, "the event of %s was not in query results after 30 s", user)
}
