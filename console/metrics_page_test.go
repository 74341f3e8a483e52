package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/touchstone-cdp/touchstone/access"
)

// The figures are for who has a key, also when the server listens to everybody.
func TestMetricsPageNeedsAKey(t *testing.T) {
	for _, dev := range []bool{false, true} {
		s := newTestServer(t, func(c *Config) { c.Dev = dev })
		page := s.c.MetricsPage(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1") }))
		nobody := 401
		if dev {
			nobody = 200
		}
		for name, test := range map[string]struct {
			header, value string
			want          int
		}{
			"nobody":          {"X-Nothing", "1", nobody},
			"unknown key":     {"Authorization", "Bearer tsk_unknown", 401},
			"a write key":     {"Authorization", "Basic ZGV2Og==", 401},
			"key for imports": {"Authorization", "Bearer " + s.apiKey("ingest"), 403},
			"key for metrics": {"Authorization", "Bearer " + s.apiKey("metrics"), 200},
			"key for reading": {"Authorization", "Bearer " + s.apiKey("read"), 200},
			"analyst":         {"Cookie", sessionCookie + "=" + s.userSession(access.Analyst), 200},
		} {
			r := httptest.NewRequest("GET", "http://localhost/metrics", nil)
			r.Header.Set(test.header, test.value)
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			if w.Code != test.want || (w.Body.String() == "up 1") != (test.want == 200) {
				t.Errorf("dev %v, %s: %d %s, want %d", dev, name, w.Code, w.Body, test.want)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", name)
			}
		}
		// Development is for this machine: a page of another site that resolves its name to it sees nothing.
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest("GET", "http://evil.example/metrics", nil))
		if w.Code != 401 {
			t.Errorf("dev %v, another host: %d", dev, w.Code)
		}
	}
}
