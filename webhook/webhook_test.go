package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/webhook"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// receiver keeps what it gets, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	heads  []http.Header
	bodies [][]byte
	answer http.HandlerFunc
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.heads, r.bodies = append(r.heads, req.Header.Clone()), append(r.bodies, body)
		r.mu.Unlock()
		if r.answer != nil {
			r.answer(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) last() (http.Header, []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heads[len(r.heads)-1], r.bodies[len(r.bodies)-1]
}

type world struct {
	*webhook.Webhooks
	t      *testing.T
	db     *store.DB
	outbox *outbox.Outbox
	now    time.Time
}

func open(t *testing.T, db *store.DB, allow []netip.Prefix) *world {
	t.Helper()
	w := &world{t: t, db: db, now: time.Now().UTC().Truncate(time.Millisecond)}
	clock := touchstone.ClockFunc(func() time.Time { return w.now })
	var err error
	if w.outbox, err = outbox.New(t.Context(), outbox.Config{DB: db, Clock: clock}); err != nil {
		t.Fatal(err)
	}
	if _, err = inbox.Open(t.Context(), inbox.Config{DB: db}); err != nil {
		t.Fatal(err)
	}
	w.Webhooks, err = webhook.Open(t.Context(), webhook.Config{
		DB: db, Outbox: w.outbox, Clock: clock, Allow: allow, Version: "test",
		Names: func(context.Context) (map[string]string, error) {
			return map[string]string{"seg_vip": "VIP", "seg_new": "新客"}, nil
		},
		Identifiers: func(_ context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error) {
			out := map[touchstone.PersonID][]touchstone.Identifier{}
			for _, p := range persons {
				out[p] = []touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", int64(p))}, {Kind: "email", Value: "a@example.com"}}
			}
			return out, nil
		},
		Mask: func(id touchstone.Identifier) touchstone.Identifier {
			if id.Kind == "email" {
				id.Value = "a***@example.com"
			}
			return id
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func run(t *testing.T, body func(t *testing.T, w *world)) {
	storetest.Run(t, func(t *testing.T, db *store.DB) { body(t, open(t, db, loopback)) })
}

func to[T any](v T) *T { return &v }

func (w *world) create(d webhook.Draft) webhook.Webhook {
	w.t.Helper()
	if d.Name == nil {
		d.Name = to("CRM")
	}
	if d.Segments == nil {
		d.Segments = to([]string{"seg_vip"})
	}
	hook, err := w.Create(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	return hook
}

func (w *world) react(occurrences ...touchstone.Occurrence) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(tx *store.Tx) error { return w.React(w.t.Context(), tx, occurrences, w.outbox) })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) waiting(id string) []outbox.Letter {
	w.t.Helper()
	list, _, err := w.outbox.List(w.t.Context(), webhook.Kind, id, outbox.Waiting, 100, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) deliver(hook webhook.Webhook) (outbox.Receipt, error) {
	e := touchstone.Effect{ID: "msg_1", Kind: webhook.Kind, Destination: hook.ID, Body: []byte(`{"type":"segment.entered"}`)}
	return webhook.Deliverer{Webhooks: w.Webhooks}.Deliver(w.t.Context(), e, 1)
}

// The official library verifies what arrives, during a rotation with both secrets.
func TestSignaturesAreThoseOfTheStandard(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		r := newReceiver(t, nil)
		hook := w.create(webhook.Draft{URL: to(r.URL)})
		first := hook.Secrets[0].Text
		verified := func(secret string) bool {
			t.Helper()
			if _, err := w.deliver(hook); err != nil {
				t.Fatal(err)
			}
			head, body := r.last()
			if head.Get("Webhook-Id") != "msg_1" || head.Get("Content-Type") != "application/json" || head.Get("User-Agent") != "Touchstone/test (webhooks)" {
				t.Errorf("headers %v", head)
			}
			v, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Verify(append(body, ' '), head); err == nil {
				t.Error("another body is verified")
			}
			return v.Verify(body, head) == nil
		}
		if !verified(first) {
			t.Fatal("not verified")
		}
		rotated, err := w.Rotate(t.Context(), hook.ID, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		second := rotated.Secrets[0].Text
		if second == first || !verified(first) || !verified(second) {
			t.Error("after a rotation both secrets sign for a time")
		}
		w.now = w.now.Add(time.Minute)
		if verified(first) || !verified(second) {
			t.Error("then only the new one does")
		}
		if _, err := w.Rotate(t.Context(), hook.ID, 0); err != nil {
			t.Fatal(err)
		}
		if verified(second) {
			t.Error("with no grace the old one ends at once")
		}
	})
}

func TestAnswers(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		followed := newReceiver(t, nil)
		for name, tt := range map[string]struct {
			answer http.HandlerFunc
			status int
			ok     bool
			kind   touchstone.ErrorKind
			after  time.Duration
		}{
			"fine":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, true, 0, 0},
			"fault":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, false, touchstone.Unavailable, 0},
			"refused":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, 401, false, touchstone.Unavailable, 0},
			"redirect":    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, followed.URL, 307) }, 307, false, touchstone.Unavailable, 0},
			"too fast":    {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "120"); w.WriteHeader(429) }, 429, false, touchstone.Unavailable, 2 * time.Minute},
			"a long text": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 1<<20)) }, 200, true, 0, 0},
			"hangs up":    {func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, 0, false, touchstone.Unavailable, 0},
			"gone":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, 410, false, touchstone.NotFound, 0},
		} {
			t.Run(name, func(t *testing.T) {
				r := newReceiver(t, tt.answer)
				hook := w.create(webhook.Draft{Name: to(name), URL: to(r.URL), Headers: map[string]*string{"authorization": to("Bearer x")}})
				receipt, err := w.deliver(hook)
				if receipt.Status != tt.status || (err == nil) != tt.ok || err != nil && touchstone.KindOf(err) != tt.kind {
					t.Errorf("%+v, %v", receipt, err)
				}
				var e *touchstone.Error
				if errors.As(err, &e); err != nil && e.RetryAfter != tt.after {
					t.Errorf("again after %s", e.RetryAfter)
				}
				if len(receipt.Answer) > 1024 {
					t.Errorf("%d bytes of the answer are kept", len(receipt.Answer))
				}
				if head, _ := r.last(); head.Get("Authorization") != "Bearer x" {
					t.Error("the webhook's own header was not sent")
				}
				q, err := w.outbox.Queue(t.Context(), webhook.Kind, hook.ID)
				if err != nil || q.Paused != (tt.status == 410) {
					t.Errorf("paused: %v, %v", q.Paused, err)
				}
			})
		}
		if len(followed.heads) != 0 {
			t.Error("a redirect was followed")
		}
	})
}

// A name is looked at when it has become an address, for each connection.
func TestPrivateNetworksAreNotCalled(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, nil)
		r := newReceiver(t, nil)
		port := r.URL[strings.LastIndexByte(r.URL, ':'):]
		hook := w.create(webhook.Draft{URL: to("http://localhost" + port)})
		_, err := w.deliver(hook)
		if touchstone.KindOf(err) != touchstone.Forbidden || len(r.heads) != 0 {
			t.Errorf("%v, %d calls", err, len(r.heads))
		}
		for _, host := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.1.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
			"[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]"} {
			if _, err := w.Create(t.Context(), webhook.Draft{Name: to(host), URL: to("http://" + host + "/x"), Segments: to([]string{"*"})}); touchstone.KindOf(err) != touchstone.Forbidden {
				t.Errorf("%s: %v", host, err)
			}
		}
		for _, host := range []string{"93.184.216.34", "[2606:4700::1111]", "example.com"} {
			if _, err := w.Create(t.Context(), webhook.Draft{Name: to(host), URL: to("https://" + host + "/x"), Segments: to([]string{"*"})}); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
	})
}

func TestWrongDefinitionsAreRefused(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.create(webhook.Draft{Name: to("taken"), URL: to("https://example.com")})
		for _, d := range []webhook.Draft{
			{},
			{Name: to("taken")},
			{URL: to("ftp://example.com")},
			{URL: to("https://user:secret@example.com")},
			{URL: to("https://example.com/#x")},
			{URL: to("example.com/hook")},
			{Segments: to([]string{"seg_nothing"})},
			{Segments: to([]string{})},
			{Events: to([]string{"segment.moved"})},
			{Events: to([]string{})},
			{Identifiers: to("some")},
			{Concurrency: to(0)},
			{PerSecond: to(-1.0)},
			{Headers: map[string]*string{"Webhook-Id": to("x")}},
			{Headers: map[string]*string{"host": to("x")}},
			{Headers: map[string]*string{"X Y": to("x")}},
			{Headers: map[string]*string{"X-Y": to("x\r\nHost: y")}},
			{Headers: map[string]*string{"X-Y": nil}},
		} {
			full := webhook.Draft{Name: to("new"), URL: to("https://example.com"), Segments: to([]string{"*"})}
			if d.Name != nil {
				full.Name = d.Name
			} else if d.URL == nil && d.Segments == nil && d.Events == nil && d.Identifiers == nil && d.Concurrency == nil && d.PerSecond == nil && d.Headers == nil {
				full.Name = nil
			}
			if d.URL != nil {
				full.URL = d.URL
			}
			if d.Segments != nil {
				full.Segments = d.Segments
			}
			full.Events, full.Identifiers, full.Concurrency, full.PerSecond, full.Headers = d.Events, d.Identifiers, d.Concurrency, d.PerSecond, d.Headers
			if _, err := w.Create(t.Context(), full); err == nil || touchstone.KindOf(err) == touchstone.Internal {
				t.Errorf("%+v: %v", d, err)
			}
		}
	})
}

func entered(segment string, person touchstone.PersonID, cause int) touchstone.Occurrence {
	at := time.Date(2026, 5, 1, 8, 30, 0, int(123*time.Millisecond), time.UTC)
	return touchstone.Occurrence{Kind: touchstone.EnteredSegment, Name: segment, Person: person, Time: at, Cause: touchstone.Seq(cause), MessageID: fmt.Sprint("m", cause),
		Event: &touchstone.Event{Type: touchstone.Track, Name: "Order Completed", MessageID: fmt.Sprint("m", cause), Source: "src_1"}}
}

func left(segment string, person touchstone.PersonID, cause int) touchstone.Occurrence {
	o := entered(segment, person, cause)
	o.Kind = touchstone.LeftSegment
	return o
}

func TestWhatIsTold(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		url := to("https://example.com/hook")
		full := w.create(webhook.Draft{Name: to("full"), URL: url, Identifiers: to("full")})
		masked := w.create(webhook.Draft{Name: to("masked"), URL: url, Events: to([]string{webhook.Left}), Segments: to([]string{"seg_new"})})
		all := w.create(webhook.Draft{Name: to("all"), URL: url, Identifiers: to("none"), Backfill: to(true), Segments: to([]string{"*", "seg_vip"})})
		history := entered("seg_vip", 7, 4)
		history.Backfill = true
		byTime := left("seg_new", 8, 0)
		byTime.Event, byTime.MessageID, byTime.Cause = nil, "", 0
		occurrences := []touchstone.Occurrence{entered("seg_vip", 5, 1), left("seg_vip", 5, 2), left("seg_new", 6, 3), history, byTime,
			{Kind: touchstone.EventHappened, Name: "seg_vip", Person: 5}}
		w.react(occurrences...)
		for id, want := range map[string][]string{
			full.ID:   {"segment.entered seg_vip p_5", "segment.left seg_vip p_5"},
			masked.ID: {"segment.left seg_new p_6", "segment.left seg_new p_8"},
			all.ID:    {"segment.entered seg_vip p_5", "segment.entered seg_vip p_7", "segment.left seg_new p_6", "segment.left seg_new p_8", "segment.left seg_vip p_5"},
		} {
			var got []string
			for _, l := range w.waiting(id) {
				got = append(got, l.Label+" "+l.Person.String())
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", id, got, want)
			}
		}
		body := func(hook webhook.Webhook, label string) string {
			for _, l := range w.waiting(hook.ID) {
				if l.Label == label {
					return string(l.Body)
				}
			}
			return ""
		}
		if got, want := body(full, "segment.entered seg_vip"), `{"type":"segment.entered","timestamp":"2026-05-01T08:30:00.123Z","data":{"segment":{"id":"seg_vip","name":"VIP"},"person":{"id":"p_5","identifiers":[{"kind":"user_id","value":"u5"},{"kind":"email","value":"a@example.com"}]},"cause":{"message_id":"m1","type":"track","event":"Order Completed","source":"src_1"},"backfill":false}}`; got != want {
			t.Errorf("full\n got %s\nwant %s", got, want)
		}
		if got := body(masked, "segment.left seg_new"); !strings.Contains(got, `"value":"a***@example.com"`) || strings.Contains(got, `a@example`) {
			t.Errorf("masked: %s", got)
		}
		if got := body(all, "segment.left seg_new"); strings.Contains(got, "identifiers") || !strings.Contains(got, `"name":"新客"`) {
			t.Errorf("none: %s", got)
		}
		before := len(w.waiting(all.ID))
		w.react(occurrences...) // decided on again: the same messages
		if n := len(w.waiting(all.ID)); n != before {
			t.Errorf("%d messages after a repeat, %d before", n, before)
		}
		for _, l := range w.waiting(all.ID) {
			if strings.Contains(l.ID, ".") || !json.Valid(l.Body) {
				t.Errorf("%s %s", l.ID, l.Body)
			}
		}
	})
}

// What waits about a node goes with it in a split, and is erased with whose it is then.
func TestWhatWaitsFollowsASplit(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		hook := w.create(webhook.Draft{URL: to("https://example.com/hook")})
		parted, stays := entered("seg_vip", 1, 1), left("seg_vip", 1, 2)
		parted.Node, stays.Node = 7, 1
		w.react(parted, stays)
		if n := len(w.waiting(hook.ID)); n != 2 {
			t.Fatalf("%d wait", n)
		}
		err := w.db.Update(t.Context(), func(tx *store.Tx) error {
			k := w.outbox.Keeper()
			if err := k.Split(t.Context(), tx, []keep.Split{{From: 1, To: 9, Moved: []touchstone.NodeID{7}}}); err != nil {
				return err
			}
			return k.Erase(t.Context(), tx, []keep.Whole{{Person: 9, Nodes: []touchstone.NodeID{7, 9}}})
		})
		if err != nil {
			t.Fatal(err)
		}
		if list := w.waiting(hook.ID); len(list) != 1 || !strings.HasPrefix(list[0].Label, webhook.Left) {
			t.Errorf("what waits is %+v", list)
		}
	})
}

func TestInterestFollowsDefinitions(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		interest := func() inbox.Interest {
			i, err := w.Interest(t.Context(), w.db.Reader())
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(i.Segments)
			return i
		}
		if i := interest(); len(i.Segments) != 0 || i.Causes || i.Backfill {
			t.Errorf("%+v", i)
		}
		a := w.create(webhook.Draft{Name: to("a"), URL: to("https://example.com")})
		w.create(webhook.Draft{Name: to("b"), URL: to("https://example.com"), Segments: to([]string{"seg_new", "seg_vip"}), Backfill: to(true)})
		if i := interest(); !slices.Equal(i.Segments, []string{"seg_new", "seg_vip"}) || !i.Backfill || !i.Causes {
			t.Errorf("%+v", i)
		}
		w.react(entered("seg_vip", 1, 1))
		if err := w.Delete(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		if n := len(w.waiting(a.ID)); n != 0 {
			t.Errorf("%d messages wait for a webhook that is gone", n)
		}
		if _, err := w.Get(t.Context(), a.ID); touchstone.KindOf(err) != touchstone.NotFound {
			t.Error(err)
		}
	})
}

func TestHeadersKeepTheirValues(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		hook := w.create(webhook.Draft{URL: to("https://example.com"), Headers: map[string]*string{"X-A": to("1"), "X-B": to("2")}})
		same := func(webhook.Webhook) error { return nil }
		hook, err := w.Update(t.Context(), hook.ID, webhook.Draft{Headers: map[string]*string{"x-a": nil, "X-C": to("3")}}, same)
		if err != nil || len(hook.Headers) != 2 || hook.Headers["X-A"] != "1" || hook.Headers["X-C"] != "3" {
			t.Errorf("%v %v", hook.Headers, err)
		}
		if hook, err = w.Update(t.Context(), hook.ID, webhook.Draft{Name: to("other")}, same); err != nil || len(hook.Headers) != 2 {
			t.Errorf("%v %v", hook.Headers, err)
		}
		clash := errors.New("clash")
		if _, err := w.Update(t.Context(), hook.ID, webhook.Draft{Name: to("x")}, func(webhook.Webhook) error { return clash }); !errors.Is(err, clash) {
			t.Error(err)
		}
	})
}

func TestTestCalls(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); io.WriteString(w, "thanks") })
		hook := w.create(webhook.Draft{URL: to(r.URL)})
		receipt, _, err := w.Test(t.Context(), hook.ID, "msg_test")
		if err != nil || receipt.Status != 202 || receipt.Answer != "thanks" {
			t.Errorf("%+v %v", receipt, err)
		}
		head, body := r.last()
		var got struct {
			Test bool   `json:"test"`
			Type string `json:"type"`
		}
		if err := json.Unmarshal(body, &got); err != nil || !got.Test || got.Type != "segment.entered" || head.Get("Webhook-Id") != "msg_test" {
			t.Errorf("%s %v", body, err)
		}
	})
}

// A webhook may tell who became one and who is two, with segments or without.
func TestMergesAndSplitsAreTold(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		r := newReceiver(t, nil)
		persons := w.create(webhook.Draft{Name: to("persons"), URL: to(r.URL), Segments: to([]string{}), Events: to([]string{webhook.Merged, webhook.Split})})
		splits := w.create(webhook.Draft{Name: to("splits"), URL: to(r.URL), Events: to([]string{webhook.Entered, webhook.Split})})
		segments := w.create(webhook.Draft{Name: to("segments"), URL: to(r.URL)})
		if i, err := w.Interest(t.Context(), w.db.Reader()); err != nil || !i.Persons || !slices.Equal(i.Segments, []string{"seg_vip"}) {
			t.Errorf("%+v, %v", i, err)
		}
		at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
		merged := touchstone.Occurrence{Kind: touchstone.BecameOne, Person: 5, Other: 7, Time: at, MessageID: "m1"}
		split := touchstone.Occurrence{Kind: touchstone.BecameTwo, Person: 5, Other: 7, Time: at}
		erased := touchstone.Occurrence{Kind: touchstone.Erased, Person: 5, Time: at}
		for range 2 { // deciding again puts nothing new
			w.react(merged, split, erased)
		}
		count := map[string]int{persons.ID: 2, splits.ID: 1, segments.ID: 0}
		for id, want := range count {
			if got := w.waiting(id); len(got) != want {
				t.Errorf("%d calls wait, not %d: %+v", len(got), want, got)
			}
		}
		for _, call := range w.waiting(persons.ID) {
			body := string(call.Body)
			if !strings.Contains(body, `"person":{"id":"p_5"`) || !strings.Contains(body, `"other":{"id":"p_7"}`) || strings.Contains(body, "segment") {
				t.Errorf("body %s", body)
			}
		}
		if _, err := w.Create(t.Context(), webhook.Draft{Name: to("x"), URL: to(r.URL), Segments: to([]string{}), Events: to([]string{webhook.Entered})}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("without a segment: %v", err)
		}
	})
}
