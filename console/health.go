package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
)

// Check is one condition of being ready.
type Check struct {
	Name string
	// Degrades: a failure is told, but the process stays ready, because what it is most
	// needed for goes on. A caller who asks for ?strict is told 503.
	Degrades bool
	Run      func(ctx context.Context) error
}

// A check that takes longer has failed.
const checkTimeout = 2 * time.Second

type healthAnswer struct {
	Status string            `json:"status"`
	Roles  []string          `json:"roles,omitempty"`
	Checks map[string]string `json:"checks"`
}

// HealthHandlers returns the handlers of /healthz and /readyz, for a process that runs
// without the console.
func HealthHandlers(checks []Check, roles ...string) (healthz, readyz http.HandlerFunc) {
	c := &Console{cfg: Config{Checks: checks, Roles: roles}}
	return c.handler(c.getHealth), c.handler(c.getReady)
}

func (c *Console) getHealth(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	return api.WriteJSON(w, http.StatusOK, healthAnswer{Status: "ok", Checks: map[string]string{}})
}

// getReady runs all checks side by side. Reasons are shown as far as they are meant for people:
// the route is open to anyone.
func (c *Console) getReady(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(c.cfg.Checks))
	a := healthAnswer{Status: "ok", Roles: c.cfg.Roles, Checks: map[string]string{}}
	for _, check := range c.cfg.Checks {
		a.Checks[check.Name] = "no answer in time"
		go func() { results <- result{check.Name, check.Run(ctx)} }()
	}
	for range c.cfg.Checks {
		select {
		case got := <-results:
			a.Checks[got.name] = "ok"
			if got.err != nil {
				a.Checks[got.name] = publicText(got.err)
			}
			continue
		case <-ctx.Done():
		}
		break
	}
	for _, check := range c.cfg.Checks {
		switch {
		case a.Checks[check.Name] == "ok" || a.Status == "failing":
		case check.Degrades:
			a.Status = "degraded"
		default:
			a.Status = "failing"
		}
	}
	status := http.StatusOK
	if a.Status == "failing" || a.Status == "degraded" && r.URL.Query().Has("strict") {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	if status != http.StatusOK {
		w.Header().Set("Retry-After", "1")
	}
	return api.WriteJSON(w, status, a)
}

func publicText(err error) string {
	var e *touchstone.Error
	if errors.As(err, &e) && e.Message != "" && e.Kind != touchstone.Internal {
		return e.Message
	}
	return "failing"
}
