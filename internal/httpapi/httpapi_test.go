package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

type located struct{ err *touchstone.Error }

func (l located) Error() string { return l.err.Error() }
func (l located) Unwrap() error { return l.err }
func (l located) Where() *httpapi.Where {
	i, o := 3, 77
	return &httpapi.Where{Index: &i, Field: "a.b", Offset: &o}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	secret := errors.New("password of the database")
	for name, test := range map[string]struct {
		err    error
		status int
		detail string
		header map[string]string
		logged bool
	}{
		"invalid":         {touchstone.Errorf(touchstone.Invalid, "bad %d", 7), 400, "bad 7", nil, false},
		"unauthenticated": {touchstone.Errorf(touchstone.Unauthenticated, "who"), 401, "who", nil, false},
		"forbidden":       {touchstone.Errorf(touchstone.Forbidden, "no"), 403, "no", nil, false},
		"not found":       {touchstone.Errorf(touchstone.NotFound, "none"), 404, "none", nil, false},
		"conflict":        {touchstone.Errorf(touchstone.Conflict, "two"), 409, "two", nil, false},
		"too large":       {touchstone.Errorf(touchstone.TooLarge, "big"), 413, "big", nil, false},
		"rate limited":    {&touchstone.Error{Kind: touchstone.RateLimited, Message: "slow", RetryAfter: 1500 * time.Millisecond}, 429, "slow", map[string]string{"Retry-After": "2", "X-RateLimit-Reset": "2"}, false},
		"unavailable":     {touchstone.Wrap(touchstone.Unavailable, secret, "later"), 503, "later", map[string]string{"Retry-After": "1"}, false},
		"wrapped":         {fmt.Errorf("deep: %w", touchstone.Wrap(touchstone.NotFound, secret, "none")), 404, "none", nil, false},
		"internal":        {touchstone.Wrap(touchstone.Internal, secret, ""), 500, "Something went wrong on our side.", nil, true},
		"out of time":     {fmt.Errorf("%w: %w", secret, context.DeadlineExceeded), 503, "There was no answer in time: the server has much to do.", map[string]string{"Retry-After": "1"}, true},
		"any other":       {secret, 500, "Something went wrong on our side.", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := httpapi.Handler(func(http.ResponseWriter, *http.Request) error { return test.err }, httpapi.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			w := httptest.NewRecorder()
			h(w, httptest.NewRequest("GET", "/x", nil))
			var p httpapi.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != test.status || p.Status != test.status || p.Detail != test.detail || p.Type != "about:blank" || p.Title != http.StatusText(test.status) {
				t.Errorf("%d %+v", w.Code, p)
			}
			if w.Header().Get("Content-Type") != "application/problem+json" || p.ErrorID == "" || w.Header().Get("X-Request-Id") != p.ErrorID {
				t.Errorf("%v %+v", w.Header(), p)
			}
			for k, v := range test.header {
				if w.Header().Get(k) != v {
					t.Errorf("%s: %q, want %q", k, w.Header().Get(k), v)
				}
			}
			if strings.Contains(w.Body.String(), "password") {
				t.Error("the cause was shown")
			}
			if logged := strings.Contains(log.String(), p.ErrorID) && strings.Contains(log.String(), "password"); logged != test.logged {
				t.Errorf("logged: %q", log.String())
			}
		})
	}
}

func TestPlaceAndHintAreShown(t *testing.T) {
	h := httpapi.Handler(func(http.ResponseWriter, *http.Request) error {
		return located{touchstone.Errorf(touchstone.Invalid, "bad").WithHint("do this")}
	})
	w := httptest.NewRecorder()
	h(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Body.String(); !strings.Contains(got, `"hint":"do this"`) || !strings.Contains(got, `"where":{"index":3,"field":"a.b","offset":77}`) {
		t.Error(got)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	var log bytes.Buffer
	h := httpapi.Handler(func(http.ResponseWriter, *http.Request) error { panic("boom") }, httpapi.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	w := httptest.NewRecorder()
	h(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "boom") || !strings.Contains(log.String(), "boom") {
		t.Errorf("%d %s %s", w.Code, w.Body, log.String())
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("net/http's own panic must pass")
		}
	}()
	httpapi.Handler(func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) })(w, httptest.NewRequest("GET", "/", nil))
}

func TestWithStatus(t *testing.T) {
	h := httpapi.Handler(func(http.ResponseWriter, *http.Request) error { return touchstone.Errorf(touchstone.TooLarge, "big") },
		httpapi.WithStatus(func(k touchstone.ErrorKind) int {
			if k == touchstone.TooLarge {
				return 400
			}
			return httpapi.Status(k)
		}))
	w := httptest.NewRecorder()
	h(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 400 {
		t.Error(w.Code)
	}
}

func TestEventStream(t *testing.T) {
	w := httptest.NewRecorder()
	s, err := httpapi.StartEventStream(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Send(map[string]string{"a": "b\nc"}), s.Heartbeat()); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); got != "data: {\"a\":\"b\\nc\"}\n\n: still here\n\n" || w.Header().Get("Content-Type") != "text/event-stream" || !w.Flushed {
		t.Errorf("%q %v", got, w.Header())
	}
}
