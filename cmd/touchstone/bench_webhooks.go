package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
)

// webhookFigures is the line of `bench webhooks`.
type webhookFigures struct {
	Bench          string  `json:"bench"`
	Rate           float64 `json:"changes_per_second"`
	Seconds        float64 `json:"seconds"`
	Dead           bool    `json:"dead_destination_beside"`
	Sent           int64   `json:"changes"`
	Received       int64   `json:"received"`
	Repeats        int64   `json:"repeats"`
	P50            float64 `json:"post_to_webhook_p50_ms"`
	P99            float64 `json:"post_to_webhook_p99_ms"`
	Max            float64 `json:"post_to_webhook_max_ms"`
	CPUPerThousand float64 `json:"server_cpu_seconds_per_1000_changes"`
	conditions
}

// webhookLoad says what to send.
type webhookLoad struct {
	writeKey string
	rate     float64
	duration time.Duration
	users    int
	senders  int
	dead     bool
}

func newBenchWebhooks() *cobra.Command {
	var c client
	load := webhookLoad{senders: 24}
	cmd := &cobra.Command{
		Use:   "webhooks",
		Short: "Measure the time from an event's post to the call of a segment's webhook",
		Long: "Each event is a request of its own and moves one person into or out of a segment, whose webhook this command receives on the\n" +
			"loopback address; a server that does not run with --dev needs webhooks.allow_networks for it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			figures, err := benchWebhooks(cmd.Context(), &c, load)
			if err != nil {
				return err
			}
			return printLine(cmd.OutOrStdout(), figures)
		},
	}
	c.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&load.writeKey, "write-key", "dev", "write key of the source to load")
	f.Float64Var(&load.rate, "rate", 1000, "changes per second")
	f.DurationVar(&load.duration, "duration", 20*time.Second, "how long")
	f.IntVar(&load.users, "users", 5000, "persons that enter and leave")
	f.BoolVar(&load.dead, "dead", false, "have a second webhook whose receiver answers nothing")
	return cmd
}

// webhookReceiver notes when each change arrives, by the number at the end of its message id.
type webhookReceiver struct {
	field   []byte         // of the body, up to the number
	sent    []atomic.Int64 // ns
	took    []atomic.Int64 // ns; 0: not arrived
	all     atomic.Int64
	repeats atomic.Int64
}

func (r *webhookReceiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	now := time.Now().UnixNano()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	_, rest, ok := bytes.Cut(body, r.field)
	if !ok {
		return
	}
	digits, _, _ := bytes.Cut(rest, []byte(`"`))
	i, err := strconv.Atoi(string(digits))
	if err != nil || i >= len(r.sent) {
		return
	}
	if !r.took[i].CompareAndSwap(0, max(1, now-r.sent[i].Load())) {
		r.repeats.Add(1)
		return
	}
	r.all.Add(1)
}

func benchWebhooks(ctx context.Context, c *client, load webhookLoad) (webhookFigures, error) {
	n := int(load.rate * load.duration.Seconds())
	trait := fmt.Sprintf("bench_%d", rand.Uint32()) //nolint:gosec // not a secret
	r := &webhookReceiver{field: []byte(`"message_id":"` + trait + "-"), sent: make([]atomic.Int64, n), took: make([]atomic.Int64, n)}
	end, err := makeBenchWebhook(ctx, c, trait, r, load.dead)
	if err != nil {
		return webhookFigures{}, err
	}
	defer end()
	before, err := c.stats(ctx)
	if err != nil {
		return webhookFigures{}, err
	}
	began := time.Now()
	if err := sendChanges(ctx, c, load, trait, r); err != nil {
		return webhookFigures{}, err
	}
	seconds := time.Since(began).Seconds()
	for deadline := time.Now().Add(30 * time.Second); r.all.Load() < int64(n) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	after, err := c.stats(ctx)
	if err != nil {
		return webhookFigures{}, err
	}
	var took []time.Duration
	for i := range r.took {
		if t := r.took[i].Load(); t > 0 {
			took = append(took, time.Duration(t))
		}
	}
	if len(took) == 0 {
		return webhookFigures{}, touchstone.Errorf(touchstone.Unavailable, "no call arrived within 30 s; the webhook's page in the console tells why")
	}
	slices.Sort(took)
	ms := func(q float64) float64 {
		return float64(took[min(int(q*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	return webhookFigures{Bench: "webhooks", Rate: load.rate, Seconds: seconds, Dead: load.dead, Sent: int64(n), Received: r.all.Load(), Repeats: r.repeats.Load(),
		P50: ms(.5), P99: ms(.99), Max: ms(1), CPUPerThousand: (after.Process.CPUSeconds - before.Process.CPUSeconds) / float64(n) * 1000,
		conditions: newConditions("fsync before each 200; all stages running")}, nil
}

// makeBenchWebhook makes a segment and its webhook, and a second one that hangs, if asked.
func makeBenchWebhook(ctx context.Context, c *client, trait string, r *webhookReceiver, dead bool) (end func(), err error) {
	var segment struct{ ID, Status string }
	rule := map[string]any{"trait": trait, "op": "eq", "value": "in"}
	if err := c.call(ctx, http.MethodPost, "/api/v1/segments", map[string]any{"name": trait, "rule": rule}, &segment); err != nil {
		return nil, err
	}
	for segment.Status == "building" {
		time.Sleep(100 * time.Millisecond)
		if err := c.call(ctx, http.MethodGet, "/api/v1/segments/"+segment.ID, nil, &segment); err != nil {
			return nil, err
		}
	}
	paths := []string{"/api/v1/segments/" + segment.ID}
	hang, stop := context.WithCancel(context.Background())
	handlers := []http.Handler{r}
	if dead {
		handlers = append(handlers, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang.Done() }))
	}
	var servers []*http.Server
	end = func() {
		stop()
		for _, p := range slices.Backward(paths) {
			_ = c.call(context.WithoutCancel(ctx), http.MethodDelete, p, nil, nil)
		}
		for _, s := range servers {
			_ = s.Close()
		}
	}
	for i, h := range handlers {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			end()
			return nil, err
		}
		server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		servers = append(servers, server)
		go func() { _ = server.Serve(listener) }()
		var hook struct{ ID string }
		draft := map[string]any{"name": fmt.Sprintf("%s %d", trait, i), "url": "http://" + listener.Addr().String() + "/", "segments": []string{segment.ID}}
		if err := c.call(ctx, http.MethodPost, "/api/v1/webhooks", draft, &hook); err != nil {
			end()
			return nil, err
		}
		paths = append(paths, "/api/v1/webhooks/"+hook.ID)
	}
	return end, nil
}

// sendChanges sends each event at its moment, whatever became of those before it.
func sendChanges(ctx context.Context, c *client, load webhookLoad, trait string, r *webhookReceiver) error {
	httpClient := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: load.senders}, Timeout: time.Minute}
	began := time.Now()
	var next atomic.Int64
	var senders sync.WaitGroup
	errs := make(chan error, load.senders)
	for range load.senders {
		senders.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(r.sent) || ctx.Err() != nil {
					return
				}
				time.Sleep(time.Until(began.Add(time.Duration(float64(i) / load.rate * float64(time.Second)))))
				state := "in"
				if i/load.users%2 == 1 {
					state = "out"
				}
				body := fmt.Sprintf(`{"writeKey":%q,"userId":"%s-%d","messageId":"%s-%d","traits":{%q:%q}}`, load.writeKey, trait, i%load.users, trait, i, trait, state)
				r.sent[i].Store(time.Now().UnixNano())
				if err := postEvent(ctx, httpClient, c.server+"/v1/identify", body); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	senders.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

func postEvent(ctx context.Context, h *http.Client, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return problem(resp)
	}
	return nil
}
