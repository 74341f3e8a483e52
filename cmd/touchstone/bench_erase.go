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

// eraseFigures is the line of `bench erase`. Freshness is the time from the 200 to profile and segment.
type eraseFigures struct {
	Bench         string  `json:"bench"`
	History       int64   `json:"events_in_warehouse"`
	Persons       int     `json:"persons"`
	PersonEvents  int64   `json:"events_of_persons"`
	Rate          float64 `json:"events_per_second"`
	Accepted      float64 `json:"accepted_per_second_meanwhile"`
	Seconds       float64 `json:"seconds_until_last_receipt"`
	Erased        float64 `json:"seconds_until_last_person"`
	P99           float64 `json:"ingest_p99_ms"`
	MaxLag        float64 `json:"pipeline_lag_max_seconds"`
	FreshP50      float64 `json:"freshness_before_p50_ms"`
	FreshP99      float64 `json:"freshness_before_p99_ms"`
	QueryP50      float64 `json:"query_before_p50_ms"`
	QueryMax      float64 `json:"query_before_max_ms"`
	MeanwhileP50  float64 `json:"freshness_meanwhile_p50_ms"`
	MeanwhileP99  float64 `json:"freshness_meanwhile_p99_ms"`
	MeanwhileMax  float64 `json:"freshness_meanwhile_max_ms"`
	MeanQueryP50  float64 `json:"query_meanwhile_p50_ms"`
	MeanQueryMax  float64 `json:"query_meanwhile_max_ms"`
	Probes        int     `json:"probes_meanwhile"`
	Left          int64   `json:"persons_left"`
	EventsLeft    int64   `json:"events_left"`
	CountsOff     int     `json:"receipts_whose_counts_are_off"`
	ServerSeconds float64 `json:"server_cpu_seconds"`
	conditions
}

// eraseBench is a run.
type eraseBench struct {
	*client
	load    loadgen.Config
	events  int64
	persons int
	users   int // of the history; the last tenth of them sends nothing any more, and may be erased
	probes  int
	run     string
	segment string
	bulk    string
	probed  int
	erased  int64 // events that the server had erased before
}

func newBenchErase() *cobra.Command {
	b := &eraseBench{client: &client{}, load: loadgen.Config{Connections: 16, Batch: 100}, run: fmt.Sprintf("erase-%d", rand.Uint32())} //nolint:gosec // not a secret
	cmd := &cobra.Command{
		Use:   "erase",
		Short: "Erase many persons of a long history while events come in, and time it until the last receipt",
		Long: "Fills a running server until its warehouse holds as many events as are asked for (20 a person), then sends events at a rate, times the way of single events\n" +
			"into profile and segment, puts in a request that names many persons who send nothing any more, and times on until the last receipt is there. Then it\n" +
			"looks for the persons, and whether receipts agree with what was there. A server that was filled before is used as it is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			figures, err := b.measure(cmd.Context(), func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) })
			if err != nil {
				return err
			}
			return printLine(cmd.OutOrStdout(), figures)
		},
	}
	b.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&b.load.WriteKey, "write-key", "dev", "write key of the source to load")
	f.Int64Var(&b.events, "events", 2_000_000, "events in the warehouse when it begins")
	f.IntVar(&b.persons, "persons", 1000, "persons to erase, at most 10,000")
	f.Float64Var(&b.load.Rate, "rate", 10_000, "events per second meanwhile")
	f.IntVar(&b.probes, "probes", 200, "events whose way is timed before the erasure")
	return cmd
}

const eventsPerUser = 20

func (b *eraseBench) measure(ctx context.Context, tell func(string)) (f eraseFigures, err error) {
	b.users = int(b.events / eventsPerUser)
	if b.persons > b.users/20 {
		return f, touchstone.Errorf(touchstone.Invalid, "%d persons are too many for %d events: at most one in four hundred of them", b.persons, b.events)
	}
	address, err := url.Parse(b.server)
	if err != nil {
		return f, err
	}
	b.load.Address = address.Host
	if err := b.fill(ctx, tell); err != nil {
		return f, err
	}
	people, err := b.choose(ctx)
	if err != nil {
		return f, err
	}
	if b.segment, err = makeProbeSegment(ctx, b.client, b.run); err != nil {
		return f, err
	}
	defer func() {
		_ = b.call(context.WithoutCancel(ctx), http.MethodDelete, "/api/v1/segments/"+b.segment, nil, nil)
	}()
	began, err := b.waitDrained(ctx)
	if err != nil {
		return f, err
	}
	b.erased = began.Erased
	f = eraseFigures{Bench: "erase", History: began.InWarehouse, Persons: len(people), Rate: b.load.Rate, conditions: newConditions("fsync before each 200; all stages running")}
	if f.PersonEvents, err = b.eventsOf(ctx, people); err != nil {
		return f, err
	}
	if err := b.erase(ctx, people, &f, tell); err != nil {
		return f, err
	}
	return f, b.look(ctx, people, &f)
}

// fill sends events of all users until the warehouse holds enough.
func (b *eraseBench) fill(ctx context.Context, tell func(string)) error {
	s, err := b.waitDrained(ctx)
	load := b.load
	load.Connections, load.Rate, load.Users, load.Duration = 64, 0, b.users, 20*time.Second
	for err == nil && s.InWarehouse < b.events {
		load.Seed = rand.Uint64() >> 20 //nolint:gosec // not a secret
		if _, err = loadgen.Run(ctx, load); err != nil {
			return err
		}
		s, err = b.waitDrained(ctx)
		tell(fmt.Sprintf("%d events of %d are in the warehouse", s.InWarehouse, b.events))
	}
	return err
}

// choose returns persons of the last tenth of the users.
func (b *eraseBench) choose(ctx context.Context) (people []string, err error) {
	first, rest := b.users-b.users/10, b.users/10
	for _, i := range rand.Perm(rest) { //nolint:gosec // any will do
		ref := fmt.Sprintf("load-user-%09d", first+i)
		if status, err := b.status(ctx, "/api/v1/persons/user_id:"+ref); err != nil {
			return nil, err
		} else if status == http.StatusOK { // not one that an earlier run has erased
			people = append(people, ref)
		}
		if len(people) == b.persons {
			return people, nil
		}
	}
	return nil, touchstone.Errorf(touchstone.Conflict, "only %d persons are left to be erased", len(people)).WithHint("begin with an empty data folder")
}

// status asks for a page and returns how it is answered.
func (b *eraseBench) status(ctx context.Context, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	resp, err := b.http.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// eventsOf counts events of the persons by their profiles.
func (b *eraseBench) eventsOf(ctx context.Context, people []string) (n int64, err error) {
	for _, ref := range people {
		var p struct{ Counters struct{ Events int64 } }
		if err := b.call(ctx, http.MethodGet, "/api/v1/persons/user_id:"+ref, nil, &p); err != nil {
			return 0, err
		}
		n += p.Counters.Events
	}
	return n, nil
}

// erase puts the request in beside the load and waits for the last receipt.
func (b *eraseBench) erase(ctx context.Context, people []string, f *eraseFigures, tell func(string)) error {
	load := b.load
	load.Users, load.Duration, load.Seed = b.users-b.users/10, 24*time.Hour, rand.Uint64()>>20 //nolint:gosec // not a secret
	loadCtx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	var sent loadgen.Result
	var loadErr error
	background.Go(func() { sent, loadErr = loadgen.Run(loadCtx, load) })
	defer func() { stop(); background.Wait() }()
	time.Sleep(5 * time.Second) // let the load settle
	tell("timing without an erasure")
	var before, meanwhile freshness
	for range b.probes {
		if err := b.probe(ctx, &before); err != nil {
			return err
		}
	}
	cpu, err := b.stats(ctx)
	if err != nil {
		return err
	}
	tell("erasing")
	var asked struct{ Bulk string }
	names := make([][]string, len(people))
	for i, ref := range people {
		names[i] = []string{"user_id:" + ref}
	}
	began := time.Now()
	if err := b.call(ctx, http.MethodPost, "/api/v1/privacy/requests", map[string]any{"kind": "erasure", "people": names, "reason": "request", "confirm": len(names)}, &asked); err != nil {
		return err
	}
	b.bulk = asked.Bulk
	watchCtx, enough := context.WithCancel(ctx)
	defer enough()
	lag := make(chan float64, 1)
	go func() { lag <- b.watchLag(watchCtx) }()
	if err := b.await(ctx, began, &meanwhile, f, tell); err != nil {
		return err
	}
	enough()
	after, err := b.stats(ctx)
	if err != nil {
		return err
	}
	f.MaxLag, f.ServerSeconds = <-lag, after.Process.CPUSeconds-cpu.Process.CPUSeconds
	stop()
	background.Wait()
	f.Accepted, f.P99 = sent.EventsPerSecond(), float64(sent.Quantile(.99).Microseconds())/1000
	f.FreshP50, f.FreshP99, _ = spread(before.profile)
	f.QueryP50, _, f.QueryMax = spread(before.query)
	f.MeanwhileP50, f.MeanwhileP99, f.MeanwhileMax = spread(meanwhile.profile)
	f.MeanQueryP50, _, f.MeanQueryMax = spread(meanwhile.query)
	f.Probes = len(meanwhile.profile)
	return loadErr
}

// freshness is how long single events took from the 200 to profile and segment and, every fifth, to an answer.
type freshness struct{ profile, query []time.Duration }

func (b *eraseBench) probe(ctx context.Context, into *freshness) error {
	p, q, err := probe(ctx, b.client, b.load.WriteKey, b.run, b.probed, b.segment)
	if err != nil {
		return err
	}
	b.probed++
	into.profile = append(into.profile, p)
	if q > 0 {
		into.query = append(into.query, q)
	}
	return nil
}

// spread returns quantiles in milliseconds.
func spread(list []time.Duration) (p50, p99, most float64) {
	if len(list) == 0 {
		return 0, 0, 0
	}
	slices.Sort(list)
	ms := func(q float64) float64 {
		return float64(list[min(int(q*float64(len(list))), len(list)-1)].Microseconds()) / 1000
	}
	return ms(.5), ms(.99), ms(1)
}

// watchLag returns the largest lag of the pipeline, in seconds, until ctx is done.
func (b *eraseBench) watchLag(ctx context.Context) (most float64) {
	for {
		select {
		case <-ctx.Done():
			return most
		case <-time.After(250 * time.Millisecond):
		}
		if s, err := b.stats(ctx); err == nil {
			most = max(most, s.Lag.Pipeline)
		}
	}
}

// await sends probes until every request has ended and has its receipt.
func (b *eraseBench) await(ctx context.Context, began time.Time, probes *freshness, f *eraseFigures, tell func(string)) error {
	for i := 0; ; i++ {
		if err := b.probe(ctx, probes); err != nil {
			return err
		}
		if i%10 != 0 { // a look costs the server something, too
			continue
		}
		open, unsigned, err := b.open(ctx)
		if err != nil {
			return err
		}
		if open == 0 && f.Erased == 0 {
			f.Erased = time.Since(began).Seconds()
		}
		if open+unsigned == 0 {
			f.Seconds = time.Since(began).Seconds()
			return nil
		}
		if i%100 == 0 {
			tell(fmt.Sprintf("after %.0f s %d requests are open, %d wait for a receipt", time.Since(began).Seconds(), open, unsigned))
		}
	}
}

// open counts the requests that have not ended, and of the others those without a receipt.
func (b *eraseBench) open(ctx context.Context) (open, unsigned int64, err error) {
	var tally struct {
		Counts []struct {
			State string
			Count int64
		}
	}
	if err := b.call(ctx, http.MethodGet, "/api/v1/privacy/summary?bulk="+b.bulk, nil, &tally); err != nil {
		return 0, 0, err
	}
	for _, c := range tally.Counts {
		switch c.State {
		case "waiting", "running":
			open += c.Count
		case "done":
		default:
			return 0, 0, touchstone.Errorf(touchstone.Internal, "%d requests are %s", c.Count, c.State)
		}
	}
	if open > 0 {
		return open, 0, nil
	}
	err = b.eachRequest(ctx, func(receipt string) error {
		if receipt == "" {
			unsigned++
		}
		return nil
	})
	return 0, unsigned, err
}

// eachRequest calls fn with the receipt of each request.
func (b *eraseBench) eachRequest(ctx context.Context, fn func(receipt string) error) error {
	for cursor := ""; ; {
		var page struct {
			Items []struct{ Receipt string }
			Next  string `json:"next_cursor"`
		}
		if err := b.call(ctx, http.MethodGet, "/api/v1/privacy/requests?limit=200&bulk="+b.bulk+"&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		for _, one := range page.Items {
			if err := fn(one.Receipt); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// look looks for what should be gone, and adds up what the receipts say.
func (b *eraseBench) look(ctx context.Context, people []string, f *eraseFigures) error {
	after, err := b.waitDrained(ctx)
	if err != nil {
		return err
	}
	f.EventsLeft = f.PersonEvents - (after.Erased - b.erased)
	for _, ref := range people {
		status, err := b.status(ctx, "/api/v1/persons/user_id:"+ref)
		if err != nil {
			return err
		}
		if status != http.StatusNotFound {
			f.Left++
		}
	}
	var counted int64
	err = b.eachRequest(ctx, func(id string) error {
		var signed struct {
			Receipt struct {
				Removed []struct {
					Place         string
					Before, After int64
				}
			}
		}
		if err := b.call(ctx, http.MethodGet, "/api/v1/privacy/receipts/"+id, nil, &signed); err != nil {
			return err
		}
		off := true // of somebody with events
		for _, one := range signed.Receipt.Removed {
			if one.Place == "warehouse.events" {
				counted, off = counted+one.Before, false
			}
			off = off || one.After != 0
		}
		if off {
			f.CountsOff++
		}
		return nil
	})
	if err == nil && counted != f.PersonEvents {
		f.CountsOff++
	}
	return err
}
