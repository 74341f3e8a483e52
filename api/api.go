// Package api is how a feature brings its part of the management API: a [Resource] with
// routes, permissions and its piece of the OpenAPI document. The console serves them:
// it authenticates, authorises, bounds bodies, keeps idempotency keys and the audit log.
package api

import (
	"context"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

// Resource is a feature's part of the API. app lists them.
type Resource struct {
	Name string // "Webhooks": the tag in the document
	// Spec is a YAML fragment of the OpenAPI document: paths, schemas, parameters. Each
	// operation's x-permission must be that of its route; the assembly checks it.
	Spec        []byte
	Permissions []access.Declared
	Routes      []Route
	// Serves says what the routes do with persons, where one does not say it itself.
	Serves touchstone.Serves
}

// Route is one operation.
type Route struct {
	Method string
	Path   string // under /api/v1
	Need   access.Permission
	Or     access.Permission // grants it, too
	Handle httpapi.HandlerFunc
	// Rows says what the route does for viewers who are limited to some persons. One that
	// does not say is closed to them.
	Rows Rows
	// Serves says for which use persons are shown or acted on, or why nobody is asked. A route of
	// which neither it nor its resource says so is closed.
	Serves touchstone.Serves

	// Action names a write in the audit log: "webhook.create". Reads have none. The answer of
	// a write is held back until it has been noted there.
	Action string
	Secret bool // keeps a write's body and answer out of the database
	Raw    bool // leaves the body unread for the handler, which may be large
	Stream bool // sends the answer as it is written
	// MaxBody bounds the body; 0 is 1 MiB.
	MaxBody int64
}

// Rows says what a route does for viewers who see some persons only ([access.Rows]).
type Rows uint8

// What a route does for them.
const (
	// AboutAll is closed to them: what it tells or does is about everybody, or it has not
	// been thought about.
	AboutAll Rows = iota
	// Scoped shows and changes their persons and no others: its handler sees to it.
	Scoped
	// Impersonal shows nothing of persons, not even how many there are.
	Impersonal
)

type viewerKey struct{}

// WithViewer returns a context that carries who asks.
func WithViewer(ctx context.Context, v *access.Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// ViewerOf returns who asks; nobody may do nothing.
func ViewerOf(r *http.Request) *access.Viewer {
	if v, ok := r.Context().Value(viewerKey{}).(*access.Viewer); ok {
		return v
	}
	return access.Anonymous()
}
