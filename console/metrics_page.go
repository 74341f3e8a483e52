package console

import (
	"net/http"

	"github.com/touchstone-cdp/touchstone/internal/httpapi"

	"github.com/touchstone-cdp/touchstone/access"
)

// MetricsPage lets a page with the process's figures be seen by who has a key with the
// scope metrics, may read, or, in development, sits at this machine. The figures name
// sources and tell how much there is of everything, which is nobody else's business.
func (c *Console) MetricsPage(page http.Handler) http.Handler {
	return httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		p, err := c.authenticate(r)
		if err != nil {
			return unauthenticated(w, err)
		}
		if err := authorise(w, p, "metrics:read", access.None); err != nil {
			return err
		}
		page.ServeHTTP(w, r)
		return nil
	}, httpapi.WithLogger(c.cfg.Log))
}
