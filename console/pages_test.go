package console

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/touchstone-cdp/touchstone/console/ui"
)

func TestPages(t *testing.T) {
	files := fstest.MapFS{
		"index.html":                  {Data: []byte("<title>Touchstone</title>")},
		"logo.svg":                    {Data: []byte("<svg/>")},
		"assets/index-BxU3k9_a.js":    {Data: []byte("plain")},
		"assets/index-BxU3k9_a.js.br": {Data: []byte("brotli")},
		"assets/index-BxU3k9_a.js.gz": {Data: []byte("gzip")},
	}
	s := newTestServer(t, func(c *Config) { c.UI = files })
	get := func(path string, header ...string) answer {
		t.Helper()
		h := map[string]string{"Accept-Encoding": ""}
		if len(header) > 0 {
			h[header[0]] = header[1]
		}
		return s.do(call{method: "GET", path: path, header: h})
	}
	for _, path := range []string{"/", "/index.html", "/people/p_1a2b", "/people/email%3Aann@example.com", "/segments?x=1", "/people/../people", "/a.b/c.d"} {
		a := get(path)
		if a.status != 200 || !strings.Contains(a.body, "Touchstone") || a.header.Get("Cache-Control") != "no-cache" ||
			!strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s %v", path, a.status, a.body, a.header)
		}
		for _, part := range []string{"script-src 'self';", "style-src 'self' 'unsafe-inline'", "connect-src 'self'", "frame-ancestors 'none'", "object-src 'none'"} {
			if !strings.Contains(a.header.Get("Content-Security-Policy"), part) {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
	}
	for _, test := range []struct{ accept, body, encoding string }{
		{"", "plain", ""}, {"gzip", "gzip", "gzip"}, {"gzip, br", "brotli", "br"}, {"br;q=0, gzip;q=0.5", "gzip", "gzip"}, {"identity", "plain", ""},
	} {
		a := get("/assets/index-BxU3k9_a.js", "Accept-Encoding", test.accept)
		if a.body != test.body || a.header.Get("Content-Encoding") != test.encoding || !strings.Contains(a.header.Get("Cache-Control"), "immutable") ||
			!strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") || !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("Accept-Encoding %q: %d %q %v", test.accept, a.status, a.body, a.header)
		}
		for _, header := range []string{a.header.Get("ETag")} {
			if again := s.do(call{method: "GET", path: "/assets/index-BxU3k9_a.js", header: map[string]string{"Accept-Encoding": test.accept, "If-None-Match": header}}); again.status != 304 {
				t.Errorf("If-None-Match with %q: %d", test.accept, again.status)
			}
		}
	}
	if a := get("/logo.svg"); a.header.Get("Content-Type") != "image/svg+xml" || strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		t.Errorf("logo: %v", a.header)
	}
	for _, path := range []string{"/assets/index-OLDOLD00.js", "/v1/nothing", "/metrics"} {
		if a := get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := s.do(call{method: "HEAD", path: "/people"}); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
	s.want(call{method: "GET", path: "/api/v1/nothing"}, 404, "/docs")
	s.want(call{method: "GET", path: "/api/nothing"}, 404)
	a := s.want(call{method: "PUT", path: "/api/v1/settings"}, 405)
	if a.header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	s.want(call{method: "GET", path: "/api/v1/setup"}, 405)
}

// What is really embedded, built or not, is served.
func TestEmbeddedPages(t *testing.T) {
	s := newTestServer(t, func(c *Config) { c.UI = ui.Dist() })
	s.want(call{method: "GET", path: "/", header: map[string]string{"Accept-Encoding": ""}}, 200, "<title>Touchstone")
}
