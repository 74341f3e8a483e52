package console

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// countingSources makes a source per call; only what the tests need is there.
type countingSources struct {
	made atomic.Int64
	fail atomic.Bool
	wait chan struct{}
}

func (s *countingSources) create(n collect.NewSource) (collect.Source, error) {
	if s.wait != nil {
		<-s.wait
	}
	if s.fail.Load() {
		return collect.Source{}, touchstone.Errorf(touchstone.Unavailable, "not now")
	}
	return collect.Source{ID: fmt.Sprintf("src_%d", s.made.Add(1)), Name: n.Name, Kind: n.Kind, CreatedAt: time.UnixMilli(1e12)}, nil
}

const countingSpec = `
paths:
  /api/v1/sources:
    post:
      operationId: createSource
      x-permission: sources:write
      parameters: [{$ref: "#/components/parameters/IdempotencyKey"}]
      responses: {"201": {description: The source}}
`

// serve gives a console a write that counts.
func (s *countingSources) serve(c *Config) {
	c.Resources = []api.Resource{{Name: "Counting", Serves: touchstone.Operation("a test"), Spec: []byte(countingSpec),
		Permissions: []access.Declared{{Permission: "sources:write", Allows: "count"}},
		Routes: []api.Route{{Method: http.MethodPost, Path: "/sources", Need: "sources:write", Action: "source.create", Handle: func(w http.ResponseWriter, r *http.Request) error {
			var in collect.NewSource
			if err := api.ReadJSON(r, &in); err != nil {
				return err
			}
			made, err := s.create(in)
			if err != nil {
				return err
			}
			api.NoteTarget(r, made.ID, made.Name)
			return api.WriteJSON(w, http.StatusCreated, made)
		}}}}}
}

func TestWritesHappenOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		sources := &countingSources{}
		s := newTestServerOn(t, db, sources.serve)
		key, other := s.apiKey("write"), s.apiKey("admin")
		post := func(key, idem, body string) call {
			return call{method: "POST", path: "/api/v1/sources", key: key, body: body, header: map[string]string{"Idempotency-Key": idem}}
		}
		const shop, app = `{"name":"Shop","kind":"web"}`, `{"name":"App","kind":"app"}`

		first := s.want(post(key, "k1", shop), 201, `"id":"src_1"`)
		again := s.want(post(key, "k1", shop), 201)
		if again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || again.header.Get("Content-Type") != "application/json" {
			t.Errorf("the second answer differs: %s, %v", again.body, again.header)
		}
		s.want(post(key, "k1", app), 409, "another request")
		s.want(post(key, "k2", shop), 201, `"id":"src_2"`)
		s.want(post(other, "k1", shop), 201, `"id":"src_3"`) // keys of different callers do not meet
		s.want(post(key, string(make([]byte, 0))+longKey(256), shop), 400, "255")
		s.want(call{method: "POST", path: "/api/v1/sources", key: key, body: shop}, 201, `"id":"src_4"`)

		sources.fail.Store(true) // what failed may be tried again
		s.want(post(key, "k3", shop), 503)
		sources.fail.Store(false)
		s.want(post(key, "k3", shop), 201, `"id":"src_5"`)

		s.clock.advance(25 * time.Hour)
		s.want(post(key, "k1", shop), 201, `"id":"src_6"`)
		s.clock.advance(25 * time.Hour)
		if err := s.c.forgetOld(context.Background()); err != nil {
			t.Fatal(err)
		}
		var kept int
		if err := db.Reader().QueryRow(context.Background(), `SELECT count(*) FROM console_answers`).Scan(&kept); err != nil || kept != 0 {
			t.Errorf("%d answers are kept after a day (%v)", kept, err)
		}
	})
}

func longKey(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'k'
	}
	return string(b)
}

// A repeat that comes while the first is still at work must not do it twice.
func TestWritesHappenOnceAtTheSameTime(t *testing.T) {
	sources := &countingSources{wait: make(chan struct{})}
	s := newTestServer(t, sources.serve)
	c := call{method: "POST", path: "/api/v1/sources", key: s.apiKey("write"), body: `{"name":"Shop","kind":"web"}`,
		header: map[string]string{"Idempotency-Key": "k"}}
	var wg sync.WaitGroup
	statuses := make(chan int, 8)
	for range 8 {
		wg.Go(func() { statuses <- s.do(c).status })
	}
	for range 7 {
		if got := <-statuses; got != http.StatusConflict {
			t.Errorf("status %d while the first runs", got)
		}
	}
	close(sources.wait)
	wg.Wait()
	if got := <-statuses; got != http.StatusCreated {
		t.Errorf("the first: status %d", got)
	}
	s.want(c, 201, `"id":"src_1"`)
	if n := sources.made.Load(); n != 1 {
		t.Errorf("%d sources were made", n)
	}
}

// A crash between claim and answer leaves a claim that runs out.
func TestClaimOfACrashRunsOut(t *testing.T) {
	sources := &countingSources{}
	s := newTestServer(t, sources.serve)
	key := s.apiKey("write")
	c := call{method: "POST", path: "/api/v1/sources", key: key, body: `{"name":"Shop","kind":"web"}`, header: map[string]string{"Idempotency-Key": "k"}}
	s.want(c, 201)
	if err := s.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE console_answers SET status = 0, body = NULL`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.want(c, 409, "still running")
	s.clock.advance(longestWrite + time.Second)
	s.want(c, 201, `"id":"src_2"`)
}

func TestAuditLog(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := newTestServerOn(t, db, new(countingSources).serve)
		key, audit := s.apiKey("write"), s.userSession(access.Auditor)
		for i := range 7 {
			s.want(call{method: "POST", path: "/api/v1/sources", key: key, body: fmt.Sprintf(`{"name":"Shop %d","kind":"web"}`, i)}, 201)
		}
		s.want(call{method: "POST", path: "/api/v1/sources", key: key, body: `{"name":"x","king":"web"}`}, 400)
		s.want(call{method: "GET", path: "/api/v1/sources/none/none", key: key}, 404)

		var seen []string
		cursor := ""
		for range 4 {
			var p api.Page[auditEntry]
			s.want(call{method: "GET", path: "/api/v1/audit?limit=2&action=source.create&cursor=" + cursor, cookie: audit}, 200).decode(t, &p)
			for _, e := range p.Items {
				seen = append(seen, e.Target)
				if e.Actor.Kind != "key" || e.Actor.Name != "write" || e.RequestID == "" || e.Time.IsZero() {
					t.Errorf("entry %+v", e)
				}
			}
			cursor = p.NextCursor
		}
		if got, want := fmt.Sprint(seen), "[src_7 src_6 src_5 src_4 src_3 src_2 src_1]"; got != want || cursor != "" {
			t.Errorf("entries %s, then %q; want %s", got, cursor, want)
		}
		s.want(call{method: "GET", path: "/api/v1/audit?action=source.create", cookie: audit}, 200, `"detail":{"name":"Shop 6","kind":"web"}`)
		s.want(call{method: "GET", path: "/api/v1/audit?cursor=%21%21", cookie: audit}, 400, "cursor")
		s.want(call{method: "GET", path: "/api/v1/audit?cursor=AAAA", cookie: audit}, 400, "cursor")
		for _, limit := range []string{"0", "-1", "501", "x", "1e3"} {
			s.want(call{method: "GET", path: "/api/v1/audit?limit=" + limit, cookie: audit}, 400, "limit")
		}
	})
}
