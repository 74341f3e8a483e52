package apptest

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// hook is a webhook as the API shows it.
type hook struct {
	ID     string
	Secret string
	Queue  struct {
		Paused      bool
		Failures    int
		Waiting     int64
		DeadLetters int64 `json:"dead_letters"`
		Delivered   int64
	}
}

// CreateWebhook makes a webhook of a segment.
func (s *Server) CreateWebhook(name, url, segment string, more map[string]any) (h hook) {
	s.t.Helper()
	body := map[string]any{"name": name, "url": url, "segments": []string{segment}}
	for k, v := range more {
		body[k] = v
	}
	s.Call(http.MethodPost, "/api/v1/webhooks", body, &h)
	return h
}

// hookReceiver verifies what arrives with the standard's own library and keeps it.
type hookReceiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	verify  *standardwebhooks.Webhook
	bodies  map[string]string // by webhook-id
	causes  map[string]string // webhook-id by message_id of the cause
	order   []string          // "user n", as they arrived first
	repeats int
	answer  func() int // nil: 200
}

func newHookReceiver(t *testing.T) *hookReceiver {
	r := &hookReceiver{t: t, bodies: map[string]string{}, causes: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

type hookBody struct {
	Type string
	Data struct {
		Person struct{ ID string }
		Cause  *struct {
			MessageID string `json:"message_id"`
		}
	}
}

func (r *hookReceiver) trust(t *testing.T, secret string) {
	t.Helper()
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.verify = verify
	r.mu.Unlock()
}

func (r *hookReceiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // cut off by a kill: it will come again
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.verify.Verify(body, req.Header); err != nil {
		r.t.Errorf("not verified: %v", err)
	}
	if r.answer != nil {
		if status := r.answer(); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	var b hookBody
	if err := json.Unmarshal(body, &b); err != nil || b.Data.Cause == nil {
		r.t.Errorf("%s: %v", body, err)
		return
	}
	id, cause := req.Header.Get("webhook-id"), b.Data.Cause.MessageID
	if was, again := r.bodies[id]; again {
		r.repeats++
		if was != string(body) {
			r.t.Errorf("message %s came again with another body:\n%s\n%s", id, was, body)
		}
		return
	}
	if other, twice := r.causes[cause]; twice {
		r.t.Errorf("the change that %s caused came as two messages, %s and %s", cause, other, id)
	}
	r.bodies[id], r.causes[cause] = string(body), id
	r.order = append(r.order, b.Type+" "+cause)
}

func (r *hookReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.causes)
}

// A destination that is dead beside a good one changes nothing: the good one gets each
// change once, in order, while the other's wait. Whatever was given up or waited is told
// once the receiver is there.
func testWebhooks(t *testing.T, shape Shape) {
	s := shape.Start(t)
	segment := s.CreateSegment("in", map[string]any{"trait": "state", "op": "eq", "value": "in"})
	good, late := newHookReceiver(t), newHookReceiver(t)
	dead := true
	hang := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer hanging.Close()
	defer close(hang)
	late.answer = func() int {
		if dead {
			return http.StatusBadGateway
		}
		return http.StatusOK
	}
	one := s.CreateWebhook("good", good.URL, segment.ID, map[string]any{"concurrency": 1})
	two := s.CreateWebhook("late", late.URL, segment.ID, nil)
	three := s.CreateWebhook("hangs", hanging.URL, segment.ID, nil)
	good.trust(t, one.Secret)
	late.trust(t, two.Secret)
	const changes, users = 400, 20
	var want []string
	for i := range changes {
		state, kind := "in", "segment.entered"
		if i/users%2 == 1 {
			state, kind = "out", "segment.left"
		}
		id := fmt.Sprintf("change-%d", i)
		s.Track(Event{"type": "identify", "userId": fmt.Sprintf("u%d", i%users), "messageId": id, "traits": map[string]any{"state": state}})
		want = append(want, kind+" "+id)
	}
	Eventually(t, time.Minute, "all changes are told", func() bool { return good.count() == changes })
	for i, got := range good.order {
		if got != want[i] {
			t.Fatalf("call %d is %q, want %q", i, got, want[i])
		}
	}
	if n := late.count(); n != 0 {
		t.Errorf("%d calls were taken by a receiver that takes none", n)
	}
	state := func(id string) (h hook) {
		s.Call(http.MethodGet, "/api/v1/webhooks/"+id, nil, &h)
		return h
	}
	Eventually(t, time.Minute, "what was delivered is noted", func() bool { return state(one.ID).Queue.Delivered == changes })
	Eventually(t, time.Minute, "that the dead one has failed is noted", func() bool { return state(two.ID).Queue.Failures > 0 })
	if q := state(two.ID).Queue; q.Waiting != changes || q.Delivered != 0 {
		t.Errorf("the dead one: %+v", q)
	}
	if q := state(three.ID).Queue; q.Waiting != changes {
		t.Errorf("the one that hangs: %+v", q)
	}
	late.mu.Lock()
	dead = false
	late.mu.Unlock()
	s.Call(http.MethodPost, "/api/v1/webhooks/"+two.ID+"/resume", nil, nil) // it need not wait for the next probe
	Eventually(t, 2*time.Minute, "the late one is told all of it", func() bool { return late.count() == changes })
}

// killsEnv names the variable that says how often the server is killed; few times are enough
// to see that the test works.
const killsEnv = "TOUCHSTONE_WEBHOOK_KILLS"

// After kills at any moment every acknowledged change has been told, and what came more than
// once came with the same id and body.
func TestWebhooksSurviveKills(t *testing.T) {
	t.Parallel()
	kills := 4
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, kills)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := Start(t)
	segment := s.CreateSegment("in", map[string]any{"trait": "state", "op": "eq", "value": "in"})
	r := newHookReceiver(t)
	h := s.CreateWebhook("survivor", r.URL, segment.ID, nil)
	r.trust(t, h.Secret)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	var mu sync.Mutex
	acked := map[string]bool{}
	for user := range 8 {
		senders.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second}
			for n := 0; ; n++ {
				id := fmt.Sprintf("u%d-%d", user, n)
				body, _ := json.Marshal(map[string]any{"writeKey": "dev", "batch": []any{Event{"type": "identify", "userId": fmt.Sprint("u", user),
					"messageId": id, "traits": map[string]any{"state": []string{"in", "out"}[n%2]}}}})
				for !send(client, s.URL, body) {
					select {
					case <-stop:
						return
					case <-time.After(10 * time.Millisecond):
					}
				}
				mu.Lock()
				acked[id] = true
				mu.Unlock()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range kills {
		time.Sleep(time.Duration(100+rng.IntN(900)) * time.Millisecond)
		s.Kill()
		s.Launch()
	}
	Eventually(t, time.Minute, "enough changes are acknowledged to say something", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(acked) >= 20*kills
	})
	close(stop)
	senders.Wait()
	missing := func() (n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for id := range acked {
			if r.causes[id] == "" {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(patience); missing() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d acknowledged changes were never told", missing(), len(acked))
		}
	}
	t.Logf("%d changes acknowledged, %d told, %d repeats with equal ids", len(acked), r.count(), r.repeats)
}
