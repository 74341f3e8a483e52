package console

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

// What only degrades a process leaves it ready, except to those who ask strictly; what it
// cannot do without does not. Causes that are not for the public are not told.
func TestReadinessTellsFailingFromDegraded(t *testing.T) {
	well := func(context.Context) error { return nil }
	stuck := func(context.Context) error { return touchstone.Errorf(touchstone.Unavailable, "stuck since then") }
	secret := func(context.Context) error { return errors.New("secret") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); select {} }
	for name, test := range map[string]struct {
		checks         []Check
		status, strict int
		want           string
	}{
		"ok":       {[]Check{{Name: "a", Run: well}, {Name: "b", Run: well, Degrades: true}}, 200, 200, `{"status":"ok","checks":{"a":"ok","b":"ok"}}`},
		"degraded": {[]Check{{Name: "a", Run: well}, {Name: "b", Run: stuck, Degrades: true}}, 200, 503, `{"status":"degraded","checks":{"a":"ok","b":"stuck since then"}}`},
		"failing":  {[]Check{{Name: "a", Run: secret}, {Name: "b", Run: stuck, Degrades: true}}, 503, 503, `{"status":"failing","checks":{"a":"failing","b":"stuck since then"}}`},
		"hanging":  {[]Check{{Name: "a", Run: well}, {Name: "b", Run: hangs, Degrades: true}}, 200, 503, `{"status":"degraded","checks":{"a":"ok","b":"no answer in time"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, readyz := HealthHandlers(test.checks)
			for path, status := range map[string]int{"/readyz": test.status, "/readyz?strict": test.strict, "/readyz?strict=1": test.strict} {
				w := httptest.NewRecorder()
				readyz(w, httptest.NewRequest("GET", path, nil))
				if w.Code != status || strings.TrimSpace(w.Body.String()) != test.want {
					t.Errorf("%s: %d %s, want %d %s", path, w.Code, w.Body, status, test.want)
				}
				if (w.Header().Get("Retry-After") != "") != (status == 503) {
					t.Errorf("%s: headers %v", path, w.Header())
				}
			}
		})
	}
}
