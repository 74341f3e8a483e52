package console

import "net/http"

// routes is the whole API under /api/v1, in the order of openapi.yaml.
func (c *Console) routes() []route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{method: get, path: "/session", need: permNone, handle: c.getSession},
		{method: post, path: "/session", need: permNone, handle: c.signIn, action: "session.create", secret: true},
		{method: patch, path: "/session", need: permNone, handle: c.changePassword, action: "password.change", secret: true},
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
		{method: get, path: "/audit/facets", need: permAudit, handle: c.listAuditFacets},

		{method: get, path: "/backups", need: permAdmin, handle: c.listBackups},
		{method: post, path: "/backups", need: permAdmin, handle: c.createBackup, action: "backup.create"},
		{method: get, path: "/backups/{id}", need: permAdmin, handle: c.getBackup},
		{method: get, path: "/backups/{id}/archive", need: permAdmin, handle: c.getBackupArchive, stream: true},
		{method: del, path: "/backups/{id}", need: permAdmin, handle: c.deleteBackup, action: "backup.delete"},

		{method: get, path: "/sources", need: permRead, handle: c.listSources},
		{method: post, path: "/sources", need: permData, handle: c.createSource, action: "source.create"},
		{method: get, path: "/sources/{id}", need: permRead, handle: c.getSource},
		{method: patch, path: "/sources/{id}", need: permData, handle: c.updateSource, action: "source.update"},
		{method: del, path: "/sources/{id}", need: permData, handle: c.deleteSource, action: "source.delete"},
		{method: post, path: "/sources/{id}/rotate", need: permData, handle: c.rotateSource, action: "source.rotate"},

		{method: get, path: "/quarantine", need: permRead, handle: c.listQuarantine},
		{method: get, path: "/quarantine/summary", need: permRead, handle: c.getQuarantineSummary},
		{method: post, path: "/quarantine/replay", need: permData, handle: c.replayQuarantine, action: "quarantine.replay"},
		{method: post, path: "/quarantine/discard", need: permData, handle: c.discardQuarantine, action: "quarantine.discard"},
		{method: del, path: "/quarantine/{id}", need: permData, handle: c.deleteQuarantined, action: "quarantine.discard"},
		{method: post, path: "/quarantine/{id}/replay", need: permData, handle: c.replayQuarantined, action: "quarantine.replay"},

		{method: get, path: "/stats", need: permRead, or: permImport, handle: c.getStats},
		{method: get, path: "/live/stats", need: permRead, handle: c.streamStats, stream: true},
		{method: get, path: "/live/events", need: permRead, handle: c.streamEvents, stream: true},

		{method: get, path: "/live/changes", need: permRead, handle: c.streamChanges, stream: true},

		{method: get, path: "/catalogue/events", need: permRead, handle: c.listCatalogueEvents},
		{method: get, path: "/catalogue/events/{name}/properties", need: permRead, handle: c.listCatalogueProperties},
		{method: get, path: "/catalogue/traits", need: permRead, handle: c.listCatalogueTraits},
		{method: get, path: "/catalogue/values", need: permRead, handle: c.listCatalogueValues},

		{method: get, path: "/persons", need: permRead, handle: c.listPersons},
		{method: get, path: "/persons/{ref}", need: permRead, handle: c.getPerson},
		{method: get, path: "/persons/{ref}/events", need: permRead, handle: c.listPersonEvents},
		{method: get, path: "/persons/{ref}/identity", need: permRead, handle: c.getPersonIdentity},

		{method: post, path: "/persons/{ref}/split", need: permData, handle: c.splitPerson, action: "person.split"},

		// The command line reads the rules before it turns rows into events.
		{method: get, path: "/identity/kinds", need: permRead, or: permImport, handle: c.listIdentityKinds},
		{method: patch, path: "/identity/kinds/{kind}", need: permData, handle: c.updateIdentityKind, action: "identity.kind.update"},
		{method: del, path: "/identity/kinds/{kind}", need: permData, handle: c.resetIdentityKind, action: "identity.kind.reset"},
		{method: post, path: "/identity/blocked", need: permData, handle: c.setBlockedValue, action: "identity.block"},
		{method: post, path: "/identity/check", need: permRead, handle: c.checkIdentifier},
		{method: get, path: "/identity/suggestions", need: permRead, handle: c.listSuggestions},
		{method: post, path: "/identity/suggestions", need: permData, handle: c.decideSuggestion, action: "identity.suggestion.decide"},

		{method: get, path: "/segments", need: permRead, handle: c.listSegments},
		{method: post, path: "/segments", need: permSegments, handle: c.createSegment, action: "segment.create", maxBody: personsMaxBody},
		{method: post, path: "/segments/preview", need: permRead, handle: c.previewSegment},
		{method: get, path: "/segments/movements", need: permRead, handle: c.listSegmentMovements},
		{method: get, path: "/segments/{id}", need: permRead, handle: c.getSegment},
		{method: patch, path: "/segments/{id}", need: permSegments, handle: c.updateSegment, action: "segment.update"},
		{method: del, path: "/segments/{id}", need: permSegments, handle: c.deleteSegment, action: "segment.delete"},
		{method: get, path: "/segments/{id}/members", need: permRead, handle: c.listSegmentMembers},
		{method: get, path: "/segments/{id}/changes", need: permRead, handle: c.listSegmentChanges},
		{method: get, path: "/segments/{id}/history", need: permRead, handle: c.getSegmentHistory},

		{method: post, path: "/query", need: permRead, handle: c.query},
		{method: post, path: "/query/people", need: permRead, handle: c.queryPeople},
		{method: post, path: "/query/segment", need: permSegments, handle: c.querySegment, action: "segment.create"},

		{method: get, path: "/imports", need: permRead, or: permImport, handle: c.listImports},
		{method: post, path: "/imports", need: permImport, handle: c.createImport, action: "import.create"},
		{method: post, path: "/imports/preview", need: permImport, handle: c.previewImport, maxBody: framesMaxBody},
		{method: post, path: "/imports/check", need: permImport, handle: c.checkImportRows, maxBody: framesMaxBody},
		{method: get, path: "/imports/{id}", need: permRead, or: permImport, handle: c.getImport},
		// Parts of a file are not in the audit log one by one: begin and end are.
		{method: post, path: "/imports/{id}/rows", need: permImport, handle: c.appendImportRows, maxBody: framesMaxBody},
		{method: post, path: "/imports/{id}/finish", need: permImport, handle: c.finishImport, action: "import.finish"},
		{method: del, path: "/imports/{id}/run", need: permImport, handle: c.cancelImport, action: "import.cancel"},

		{method: get, path: "/uploads", need: permImport, handle: c.listUploads},
		{method: post, path: "/uploads", need: permImport, handle: c.createUpload, action: "upload.create"},
		{method: get, path: "/uploads/{id}", need: permImport, handle: c.getUpload},
		{method: patch, path: "/uploads/{id}", need: permImport, handle: c.appendUpload, maxBody: partMaxBody},
		{method: del, path: "/uploads/{id}", need: permImport, handle: c.deleteUpload, action: "upload.delete"},
		{method: post, path: "/uploads/{id}/guess", need: permImport, handle: c.guessUpload},
		{method: post, path: "/uploads/{id}/preview", need: permImport, handle: c.previewUpload},
		{method: post, path: "/uploads/{id}/dry-run", need: permImport, handle: c.startDryRun},
		{method: get, path: "/uploads/{id}/dry-run", need: permImport, handle: c.getDryRun},
		{method: del, path: "/uploads/{id}/dry-run", need: permImport, handle: c.cancelDryRun},
		{method: post, path: "/uploads/{id}/import", need: permImport, handle: c.startImport, action: "import.start"},

		{method: get, path: "/mappings", need: permImport, handle: c.listMappings},
		{method: post, path: "/mappings", need: permImport, handle: c.createMapping, action: "mapping.create"},
		{method: get, path: "/mappings/{id}", need: permImport, handle: c.getMapping},
		{method: patch, path: "/mappings/{id}", need: permImport, handle: c.updateMapping, action: "mapping.update"},
		{method: del, path: "/mappings/{id}", need: permImport, handle: c.deleteMapping, action: "mapping.delete"},
	}
}
