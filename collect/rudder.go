package collect

import (
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

// sourceConfig answers what RudderStack's SDKs ask their control plane before they send:
// that the source exists, and that there are no destinations to load. The write key comes
// as Basic user name, or in the address.
func (c *Collector) sourceConfig(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w.Header())
	httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		src, err := c.authenticate(r)
		if err == nil && src == nil {
			err = touchstone.Errorf(touchstone.Unauthenticated, "There is no valid write key.").WithHint("Load the SDK with the write key of a source.")
		}
		if err != nil {
			c.metrics.auth.WithLabelValues("settings").Inc()
			return err
		}
		off := map[string]any{"enabled": false}
		w.Header().Set("Cache-Control", "private, max-age=120")
		w.Header().Set("Vary", "Authorization")
		return httpapi.WriteJSON(w, http.StatusOK, map[string]any{
			"source": map[string]any{
				"id": src.ID, "name": src.Name, "writeKey": src.WriteKey, "enabled": true, "workspaceId": "touchstone",
				"createdAt": src.CreatedAt, "updatedAt": src.CreatedAt,
				"config":       map[string]any{"statsCollection": map[string]any{"errors": off, "metrics": off}},
				"destinations": []any{}, "connections": []any{}, "dataplanes": map[string]any{},
				"sourceDefinition": map[string]any{"name": src.Kind},
			},
			"updatedAt":   src.CreatedAt,
			"isHosted":    true,
			"consentData": map[string]any{},
		})
	}, httpapi.WithLogger(c.log))(w, r)
}
