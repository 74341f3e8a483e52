package console

import "net/http"

// routes is the whole API under /api/v1, in the order of openapi.yaml.
func (c *Console) routes() []route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{method: get, path: "/session", need: permNone, handle: c.getSession},
		{method: post, path: "/session", need: permNone, handle: c.signIn, action: "session.create", secret: true},
		{method: del, path: "/session", need: permNone, handle: c.signOut, action: "session.delete", secret: true},
		{method: post, path: "/setup", need: permNone, handle: c.postSetup, action: "setup", secret: true},
		{method: get, path: "/users", need: permAdmin, handle: c.listUsers},
		{method: post, path: "/users", need: permAdmin, handle: c.createUser, action: "user.create", secret: true},
		{method: patch, path: "/users/{id}", need: permAdmin, handle: c.updateUser, action: "user.update", secret: true},
		{method: del, path: "/users/{id}", need: permAdmin, handle: c.deleteUser, action: "user.delete"},
		{method: get, path: "/api-keys", need: permAdmin, handle: c.listAPIKeys},
		{method: post, path: "/api-keys", need: permAdmin, handle: c.createAPIKey, action: "api_key.create", secret: true},
		{method: del, path: "/api-keys/{id}", need: permAdmin, handle: c.deleteAPIKey, action: "api_key.delete"},

		{method: get, path: "/settings", need: permRead, handle: c.getSettings},
		{method: patch, path: "/settings", need: permAdmin, handle: c.updateSettings, action: "settings.update"},
		{method: get, path: "/audit", need: permAudit, handle: c.listAudit},
	}
}
