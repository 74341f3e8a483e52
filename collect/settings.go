package collect

import (
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/sdk"
)

// settings answers what analytics.js and the mobile libraries fetch from Segment's CDN
// before they send: which destinations they have to load (none) and where to send.
func (c *Collector) settings(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w.Header())
	httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		src, err := c.sources.resolve(r.Context(), chi.URLParam(r, "writeKey"))
		if err != nil {
			c.metrics.auth.WithLabelValues("settings").Inc()
			return err
		}
		protocol, host := c.publicAddress(r)
		key := chi.URLParam(r, "writeKey")
		allow := map[string]any{"enabled": true, "integrations": map[string]any{}}
		plan := map[string]any{}
		for _, call := range []string{"track", "identify", "group"} {
			plan[call] = map[string]any{"__default": allow}
		}
		w.Header().Set("Cache-Control", "public, max-age=120")
		return httpapi.WriteJSON(w, http.StatusOK, map[string]any{
			"integrations": map[string]any{"Segment.io": map[string]any{
				"apiKey": key, "apiHost": host + "/v1", "protocol": protocol,
				"unbundledIntegrations": []string{}, "addBundledMetadata": true, "maybeBundledConfigIds": map[string]any{},
				"versionSettings": map[string]any{"version": "4.4.7", "componentTypes": []string{"browser"}},
			}},
			"plan":                      plan,
			"edgeFunction":              map[string]any{},
			"analyticsNextEnabled":      true,
			"middlewareSettings":        map[string]any{},
			"enabledMiddleware":         map[string]any{},
			"metrics":                   map[string]any{"sampleRate": 0, "host": host + "/v1"},
			"legacyVideoPluginsEnabled": false,
			"remotePlugins":             []string{},
			"_lastModified":             src.CreatedAt,
		})
	}, httpapi.WithLogger(c.log))(w, r)
}

// miniProgramSDK serves the library, to be copied into a project.
func miniProgramSDK(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	allowOrigin(h)
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(sdk.MiniProgram) // who went away does not want it
}

// publicAddress tells how clients reach this server.
func (c *Collector) publicAddress(r *http.Request) (protocol, host string) {
	if p, h, ok := strings.Cut(c.cfg.PublicURL, "://"); ok {
		return p, strings.TrimSuffix(h, "/")
	}
	protocol, host = "http", r.Host
	if r.TLS != nil {
		protocol = "https"
	}
	if trustedPeer(r, c.cfg.TrustedProxies) {
		if p := r.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
			protocol = p
		}
		if h := r.Header.Get("X-Forwarded-Host"); h != "" && !strings.ContainsAny(h, " ,/\\\"") {
			host = h
		}
	}
	return protocol, host
}

// beacon takes the metrics that Segment's libraries send about themselves.
func (c *Collector) beacon(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w.Header())
	c.metrics.beacons.Inc()
	io.CopyN(io.Discard, r.Body, 64<<10) // keeps the connection usable
	httpapi.WriteJSON(w, http.StatusOK, map[string]bool{"success": true})
}
