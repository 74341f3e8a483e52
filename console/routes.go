package console

import (
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

// ownResources are the parts of the API that console serves itself, in the order of
// openapi.yaml, which describes them. Those of features come from app.
func (c *Console) ownResources() []api.Resource {
	return []api.Resource{
		c.sessionResource(),
		c.settingsResource(),
		c.liveResource(),
	}
}

func (c *Console) sessionResource() api.Resource {
	return api.Resource{Name: "Session", Serves: touchstone.Operation("who works here"), Permissions: []access.Declared{
		{Permission: "users:read", Allows: "see who may use the console"},
		{Permission: "users:write", Allows: "add users, change their roles and remove them"},
		{Permission: "keys:read", Allows: "see the API keys and what they may do"},
		{Permission: "keys:write", Allows: "make and revoke API keys"},
	}, Routes: []api.Route{
		{Method: get, Path: "/session", Need: access.None, Rows: api.Impersonal, Handle: c.getSession},
		{Method: post, Path: "/session", Need: access.None, Rows: api.Impersonal, Handle: c.signIn, Action: "session.create", Secret: true},
		{Method: patch, Path: "/session", Need: access.None, Rows: api.Impersonal, Handle: c.changePassword, Action: "password.change", Secret: true},
		{Method: del, Path: "/session", Need: access.None, Rows: api.Impersonal, Handle: c.signOut, Action: "session.delete", Secret: true},
		{Method: post, Path: "/setup", Need: access.None, Rows: api.Impersonal, Handle: c.postSetup, Action: "setup", Secret: true},
		{Method: get, Path: "/users", Need: "users:read", Handle: c.listUsers},
		{Method: post, Path: "/users", Need: "users:write", Handle: c.createUser, Action: "user.create", Secret: true},
		{Method: patch, Path: "/users/{id}", Need: "users:write", Handle: c.updateUser, Action: "user.update", Secret: true},
		{Method: del, Path: "/users/{id}", Need: "users:write", Handle: c.deleteUser, Action: "user.delete"},
		{Method: get, Path: "/api-keys", Need: "keys:read", Handle: c.listAPIKeys},
		{Method: post, Path: "/api-keys", Need: "keys:write", Handle: c.createAPIKey, Action: "api_key.create", Secret: true},
		{Method: del, Path: "/api-keys/{id}", Need: "keys:write", Handle: c.deleteAPIKey, Action: "api_key.delete"},
		{Method: get, Path: "/roles", Need: "settings:read", Rows: api.Impersonal, Handle: c.getRoles},
	}}
}

func (c *Console) settingsResource() api.Resource {
	return api.Resource{Name: "Settings", Serves: touchstone.Operation("settings of the organisation"), Permissions: []access.Declared{
		{Permission: "settings:read", Allows: "see the organisation's settings"},
		{Permission: "settings:write", Allows: "change the organisation's settings"},
		{Permission: "audit:read", Allows: "read the audit log"},
	}, Routes: []api.Route{
		{Method: get, Path: "/settings", Need: "settings:read", Rows: api.Impersonal, Handle: c.getSettings},
		{Method: patch, Path: "/settings", Need: "settings:write", Handle: c.updateSettings, Action: "settings.update"},
		{Method: get, Path: "/audit", Need: "audit:read", Handle: c.listAudit},
		{Method: get, Path: "/audit/facets", Need: "audit:read", Handle: c.listAuditFacets},
		{Method: get, Path: "/audit/chain", Need: "audit:read", Handle: c.getAuditChain},
		{Method: get, Path: "/audit/chain/export", Need: "audit:read", Handle: c.exportAuditChain},
	}}
}

func (c *Console) liveResource() api.Resource {
	return api.Resource{Name: "Live", Serves: touchstone.Operation("counters"), Permissions: []access.Declared{
		{Permission: "stats:read", Allows: "see counters and lags"},
		{Permission: "metrics:read", Allows: "read the figures of the process"},
	}, Routes: []api.Route{
		{Method: get, Path: "/stats", Need: "stats:read", Or: "imports:write", Handle: c.getStats},
		{Method: get, Path: "/live/stats", Need: "stats:read", Handle: c.streamStats, Stream: true},
	}}
}
