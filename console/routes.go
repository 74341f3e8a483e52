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
		c.commandsResource(),
		c.backupsResource(),
		c.sourcesResource(),
		c.quarantineResource(),
		c.liveResource(),
		c.catalogueResource(),
		c.peopleResource(),
		c.identityResource(),
		c.segmentsResource(),
		c.analyticsResource(),
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
		{Method: get, Path: "/session", Need: access.None, Handle: c.getSession},
		{Method: post, Path: "/session", Need: access.None, Handle: c.signIn, Action: "session.create", Secret: true},
		{Method: patch, Path: "/session", Need: access.None, Handle: c.changePassword, Action: "password.change", Secret: true},
		{Method: del, Path: "/session", Need: access.None, Handle: c.signOut, Action: "session.delete", Secret: true},
		{Method: post, Path: "/setup", Need: access.None, Handle: c.postSetup, Action: "setup", Secret: true},
		{Method: get, Path: "/users", Need: "users:read", Handle: c.listUsers},
		{Method: post, Path: "/users", Need: "users:write", Handle: c.createUser, Action: "user.create", Secret: true},
		{Method: patch, Path: "/users/{id}", Need: "users:write", Handle: c.updateUser, Action: "user.update", Secret: true},
		{Method: del, Path: "/users/{id}", Need: "users:write", Handle: c.deleteUser, Action: "user.delete"},
		{Method: get, Path: "/api-keys", Need: "keys:read", Handle: c.listAPIKeys},
		{Method: post, Path: "/api-keys", Need: "keys:write", Handle: c.createAPIKey, Action: "api_key.create", Secret: true},
		{Method: del, Path: "/api-keys/{id}", Need: "keys:write", Handle: c.deleteAPIKey, Action: "api_key.delete"},
		{Method: get, Path: "/roles", Need: "settings:read", Handle: c.getRoles},
	}}
}

func (c *Console) settingsResource() api.Resource {
	return api.Resource{Name: "Settings", Permissions: []access.Declared{
		{Permission: "settings:read", Allows: "see the organisation's settings"},
		{Permission: "settings:write", Allows: "change the organisation's settings"},
		{Permission: "audit:read", Allows: "read the audit log"},
	}, Routes: []api.Route{
		{Method: get, Path: "/settings", Need: "settings:read", Handle: c.getSettings},
		{Method: patch, Path: "/settings", Need: "settings:write", Handle: c.updateSettings, Action: "settings.update"},
		{Method: get, Path: "/audit", Need: "audit:read", Handle: c.listAudit},
		{Method: get, Path: "/audit/facets", Need: "audit:read", Handle: c.listAuditFacets},
	}}
}

func (c *Console) backupsResource() api.Resource {
	return api.Resource{Name: "Backups", Permissions: []access.Declared{
		{Permission: "backups:read", Allows: "see and download backups"},
		{Permission: "backups:write", Allows: "make and delete backups"},
	}, Routes: []api.Route{
		{Method: get, Path: "/backups", Need: "backups:read", Handle: c.listBackups},
		{Method: post, Path: "/backups", Need: "backups:write", Handle: c.createBackup, Action: "backup.create"},
		{Method: get, Path: "/backups/{id}", Need: "backups:read", Handle: c.getBackup},
		{Method: get, Path: "/backups/{id}/archive", Need: "backups:read", Handle: c.getBackupArchive, Stream: true},
		{Method: del, Path: "/backups/{id}", Need: "backups:write", Handle: c.deleteBackup, Action: "backup.delete"},
	}}
}

func (c *Console) sourcesResource() api.Resource {
	return api.Resource{Name: "Sources", Permissions: []access.Declared{
		{Permission: "sources:read", Allows: "see the sources and their write keys"},
		{Permission: "sources:write", Allows: "add, change and remove sources"},
	}, Routes: []api.Route{
		{Method: get, Path: "/sources", Need: "sources:read", Handle: c.listSources},
		{Method: post, Path: "/sources", Need: "sources:write", Handle: c.createSource, Action: "source.create"},
		{Method: get, Path: "/sources/{id}", Need: "sources:read", Handle: c.getSource},
		{Method: patch, Path: "/sources/{id}", Need: "sources:write", Handle: c.updateSource, Action: "source.update"},
		{Method: del, Path: "/sources/{id}", Need: "sources:write", Handle: c.deleteSource, Action: "source.delete"},
		{Method: post, Path: "/sources/{id}/rotate", Need: "sources:write", Handle: c.rotateSource, Action: "source.rotate"},
	}}
}

func (c *Console) quarantineResource() api.Resource {
	return api.Resource{Name: "Quarantine", Permissions: []access.Declared{
		{Permission: "quarantine:read", Allows: "see what a check refused"},
		{Permission: "quarantine:write", Allows: "repair, replay and discard what was refused"},
	}, Routes: []api.Route{
		{Method: get, Path: "/quarantine", Need: "quarantine:read", Handle: c.listQuarantine},
		{Method: get, Path: "/quarantine/summary", Need: "quarantine:read", Handle: c.getQuarantineSummary},
		{Method: post, Path: "/quarantine/replay", Need: "quarantine:write", Handle: c.replayQuarantine, Action: "quarantine.replay"},
		{Method: post, Path: "/quarantine/discard", Need: "quarantine:write", Handle: c.discardQuarantine, Action: "quarantine.discard"},
		{Method: del, Path: "/quarantine/{id}", Need: "quarantine:write", Handle: c.deleteQuarantined, Action: "quarantine.discard"},
		{Method: post, Path: "/quarantine/{id}/replay", Need: "quarantine:write", Handle: c.replayQuarantined, Action: "quarantine.replay"},
	}}
}

func (c *Console) liveResource() api.Resource {
	return api.Resource{Name: "Live", Permissions: []access.Declared{
		{Permission: "stats:read", Allows: "see counters and lags"},
		{Permission: "events:read", Allows: "watch events as they arrive"},
		{Permission: "metrics:read", Allows: "read the figures of the process"},
	}, Routes: []api.Route{
		{Method: get, Path: "/stats", Need: "stats:read", Or: "imports:write", Handle: c.getStats},
		{Method: get, Path: "/live/stats", Need: "stats:read", Handle: c.streamStats, Stream: true},
		{Method: get, Path: "/live/events", Need: "events:read", Handle: c.streamEvents, Stream: true},
		{Method: get, Path: "/live/changes", Need: "people:read", Handle: c.streamChanges, Stream: true},
	}}
}

func (c *Console) catalogueResource() api.Resource {
	return api.Resource{Name: "Catalogue", Permissions: []access.Declared{
		{Permission: "catalogue:read", Allows: "see which events, properties and traits there are"},
	}, Routes: []api.Route{
		{Method: get, Path: "/catalogue/events", Need: "catalogue:read", Handle: c.listCatalogueEvents},
		{Method: get, Path: "/catalogue/events/{name}/properties", Need: "catalogue:read", Handle: c.listCatalogueProperties},
		{Method: get, Path: "/catalogue/traits", Need: "catalogue:read", Handle: c.listCatalogueTraits},
		{Method: get, Path: "/catalogue/values", Need: "catalogue:read", Handle: c.listCatalogueValues},
	}}
}

func (c *Console) peopleResource() api.Resource {
	return api.Resource{Name: "People", Permissions: []access.Declared{
		{Permission: "people:read", Allows: "see people, with their contacts masked"},
		{Permission: "people:contacts", Allows: "see all contacts as they are"},
		{Permission: "people:reveal", Allows: "reveal the contacts of one person, which is audited"},
		{Permission: "people:export", Allows: "export lists of people"},
		{Permission: "people:write", Allows: "split, merge and correct people"},
		{Permission: "people:erase", Allows: "erase people"},
	}, Routes: []api.Route{
		{Method: get, Path: "/persons", Need: "people:read", Handle: c.listPersons},
		{Method: get, Path: "/persons/{ref}", Need: "people:read", Handle: c.getPerson},
		{Method: get, Path: "/persons/{ref}/events", Need: "people:read", Handle: c.listPersonEvents},
		{Method: get, Path: "/persons/{ref}/identity", Need: "people:read", Handle: c.getPersonIdentity},
		{Method: post, Path: "/persons/{ref}/reveal", Need: access.PeopleReveal, Handle: c.revealPerson, Action: "person.reveal", Secret: true},
		{Method: post, Path: "/persons/{ref}/split", Need: "people:write", Handle: c.splitPerson, Action: "person.split"},
		{Method: post, Path: "/persons/{ref}/merge", Need: "people:write", Handle: c.mergePerson, Action: "person.merge"},
		{Method: post, Path: "/persons/{ref}/erase", Need: "people:erase", Handle: c.erasePerson, Action: "person.erase"},
		{Method: post, Path: "/persons/{ref}/rebuild", Need: "people:write", Handle: c.rebuildPerson, Action: "person.rebuild"},
		{Method: patch, Path: "/persons/{ref}/traits", Need: "people:write", Handle: c.correctTraits, Action: "trait.correct"},
		// The command line reads the rules before it turns rows into events.
	}}
}

func (c *Console) identityResource() api.Resource {
	return api.Resource{Name: "Identity", Permissions: []access.Declared{
		{Permission: "identity:read", Allows: "see the rules of identity"},
		{Permission: "identity:write", Allows: "change the rules of identity"},
	}, Routes: []api.Route{
		{Method: get, Path: "/identity/kinds", Need: "identity:read", Or: "imports:write", Handle: c.listIdentityKinds},
		{Method: patch, Path: "/identity/kinds/{kind}", Need: "identity:write", Handle: c.updateIdentityKind, Action: "identity.kind.update"},
		{Method: del, Path: "/identity/kinds/{kind}", Need: "identity:write", Handle: c.resetIdentityKind, Action: "identity.kind.reset"},
		{Method: post, Path: "/identity/blocked", Need: "identity:write", Handle: c.setBlockedValue, Action: "identity.block"},
		{Method: post, Path: "/identity/check", Need: "identity:read", Handle: c.checkIdentifier},
		{Method: get, Path: "/identity/suggestions", Need: "identity:read", Handle: c.listSuggestions},
		{Method: post, Path: "/identity/suggestions", Need: "identity:write", Handle: c.decideSuggestion, Action: "identity.suggestion.decide"},
	}}
}

func (c *Console) segmentsResource() api.Resource {
	return api.Resource{Name: "Segments", Permissions: []access.Declared{
		{Permission: "segments:read", Allows: "see segments and their members"},
		{Permission: "segments:write", Allows: "create, change and delete segments"},
	}, Routes: []api.Route{
		{Method: get, Path: "/segments", Need: "segments:read", Handle: c.listSegments},
		{Method: post, Path: "/segments", Need: "segments:write", Handle: c.createSegment, Action: "segment.create", MaxBody: personsMaxBody},
		{Method: post, Path: "/segments/preview", Need: "segments:read", Handle: c.previewSegment},
		{Method: get, Path: "/segments/movements", Need: "segments:read", Handle: c.listSegmentMovements},
		{Method: get, Path: "/segments/{id}", Need: "segments:read", Handle: c.getSegment},
		{Method: patch, Path: "/segments/{id}", Need: "segments:write", Handle: c.updateSegment, Action: "segment.update"},
		{Method: del, Path: "/segments/{id}", Need: "segments:write", Handle: c.deleteSegment, Action: "segment.delete"},
		{Method: get, Path: "/segments/{id}/members", Need: "segments:read", Handle: c.listSegmentMembers},
		{Method: get, Path: "/segments/{id}/changes", Need: "segments:read", Handle: c.listSegmentChanges},
		{Method: get, Path: "/segments/{id}/history", Need: "segments:read", Handle: c.getSegmentHistory},
	}}
}

func (c *Console) analyticsResource() api.Resource {
	return api.Resource{Name: "Analytics", Permissions: []access.Declared{
		{Permission: "analytics:read", Allows: "ask questions about events"},
		{Permission: "sql:run", Allows: "ask questions in SQL"},
	}, Routes: []api.Route{
		{Method: post, Path: "/query", Need: "analytics:read", Or: "sql:run", Handle: c.query},
		{Method: post, Path: "/query/people", Need: "analytics:read", Handle: c.queryPeople},
		{Method: post, Path: "/query/segment", Need: "segments:write", Handle: c.querySegment, Action: "segment.create"},
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
