package console

import (
	"net/http"

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
		c.importsResource(),
		c.uploadsResource(),
	}
}

func (c *Console) sessionResource() api.Resource {
	return api.Resource{Name: "Session", Permissions: []access.Declared{
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
	return api.Resource{Name: "Settings", Permissions: []access.Declared{
		{Permission: "settings:read", Allows: "see the organisation's settings"},
		{Permission: "settings:write", Allows: "change the organisation's settings"},
		{Permission: "audit:read", Allows: "read the audit log"},
	}, Routes: []api.Route{
		{Method: get, Path: "/settings", Need: "settings:read", Rows: api.Impersonal, Handle: c.getSettings},
		{Method: patch, Path: "/settings", Need: "settings:write", Handle: c.updateSettings, Action: "settings.update"},
		{Method: get, Path: "/audit", Need: "audit:read", Handle: c.listAudit},
		{Method: get, Path: "/audit/facets", Need: "audit:read", Handle: c.listAuditFacets},
	}}
}

func (c *Console) liveResource() api.Resource {
	return api.Resource{Name: "Live", Permissions: []access.Declared{
		{Permission: "stats:read", Allows: "see counters and lags"},
		{Permission: "metrics:read", Allows: "read the figures of the process"},
	}, Routes: []api.Route{
		{Method: get, Path: "/stats", Need: "stats:read", Or: "imports:write", Handle: c.getStats},
		{Method: get, Path: "/live/stats", Need: "stats:read", Handle: c.streamStats, Stream: true},
	}}
}

func (c *Console) importsResource() api.Resource {
	return api.Resource{Name: "Imports", Permissions: []access.Declared{
		{Permission: "imports:read", Allows: "see imports"},
		{Permission: "imports:write", Allows: "import files"},
	}, Routes: []api.Route{
		{Method: get, Path: "/imports", Need: "imports:read", Or: "imports:write", Handle: c.listImports},
		{Method: post, Path: "/imports", Need: "imports:write", Handle: c.createImport, Action: "import.create"},
		{Method: post, Path: "/imports/preview", Need: "imports:write", Handle: c.previewImport, MaxBody: framesMaxBody},
		{Method: post, Path: "/imports/check", Need: "imports:write", Handle: c.checkImportRows, MaxBody: framesMaxBody},
		{Method: get, Path: "/imports/{id}", Need: "imports:read", Or: "imports:write", Handle: c.getImport},
		// Parts of a file are not in the audit log one by one: begin and end are.
		{Method: post, Path: "/imports/{id}/rows", Need: "imports:write", Handle: c.appendImportRows, MaxBody: framesMaxBody},
		{Method: post, Path: "/imports/{id}/finish", Need: "imports:write", Handle: c.finishImport, Action: "import.finish"},
		{Method: del, Path: "/imports/{id}/run", Need: "imports:write", Handle: c.cancelImport, Action: "import.cancel"},
	}}
}

func (c *Console) uploadsResource() api.Resource {
	return api.Resource{Name: "Uploads", Routes: []api.Route{
		{Method: get, Path: "/uploads", Need: "imports:write", Handle: c.listUploads},
		{Method: post, Path: "/uploads", Need: "imports:write", Handle: c.createUpload, Action: "upload.create"},
		{Method: get, Path: "/uploads/{id}", Need: "imports:write", Handle: c.getUpload},
		{Method: patch, Path: "/uploads/{id}", Need: "imports:write", Handle: c.appendUpload, MaxBody: partMaxBody},
		{Method: del, Path: "/uploads/{id}", Need: "imports:write", Handle: c.deleteUpload, Action: "upload.delete"},
		{Method: post, Path: "/uploads/{id}/guess", Need: "imports:write", Handle: c.guessUpload},
		{Method: post, Path: "/uploads/{id}/preview", Need: "imports:write", Handle: c.previewUpload},
		{Method: post, Path: "/uploads/{id}/dry-run", Need: "imports:write", Handle: c.startDryRun},
		{Method: get, Path: "/uploads/{id}/dry-run", Need: "imports:write", Handle: c.getDryRun},
		{Method: del, Path: "/uploads/{id}/dry-run", Need: "imports:write", Handle: c.cancelDryRun},
		{Method: post, Path: "/uploads/{id}/import", Need: "imports:write", Handle: c.startImport, Action: "import.start"},
		{Method: get, Path: "/mappings", Need: "imports:write", Handle: c.listMappings},
		{Method: post, Path: "/mappings", Need: "imports:write", Handle: c.createMapping, Action: "mapping.create"},
		{Method: get, Path: "/mappings/{id}", Need: "imports:write", Handle: c.getMapping},
		{Method: patch, Path: "/mappings/{id}", Need: "imports:write", Handle: c.updateMapping, Action: "mapping.update"},
		{Method: del, Path: "/mappings/{id}", Need: "imports:write", Handle: c.deleteMapping, Action: "mapping.delete"},
	}}
}
