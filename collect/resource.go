package collect

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	readSources     access.Permission = "sources:read"
	writeSources    access.Permission = "sources:write"
	readQuarantine  access.Permission = "quarantine:read"
	writeQuarantine access.Permission = "quarantine:write"
	readEvents      access.Permission = "events:read"
)

// Parts are what the API shows. Events is nil where no events come in.
type Parts struct {
	Sources    *Sources
	Quarantine *Quarantine
	Events     *live.Hub[touchstone.Event] // Collector.Feed
	// Persons returns who has the identifiers, for viewers who are limited to some persons.
	Persons func(ctx context.Context, ids []touchstone.Identifier) ([]touchstone.PersonID, error)
}

type resource struct {
	parts  func() Parts
	people api.People
	feeds  *api.Feeds
}

// Resources are the API of what comes in: sources, what was refused, and events as they arrive.
// The function is asked when a request comes.
func Resources(parts func() Parts, people api.People, feeds *api.Feeds) []api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	x := &resource{parts, people, feeds}
	return []api.Resource{{Name: "Sources", Spec: spec, Serves: touchstone.Operation("where events come from, and what was refused, are looked after by hand"), Permissions: []access.Declared{
		{Permission: readSources, Allows: "see the sources and their write keys"},
		{Permission: writeSources, Allows: "add, change and remove sources"},
	}, Routes: []api.Route{
		{Method: get, Path: "/sources", Need: readSources, Handle: x.listSources},
		// Whoever sees people reads where their events came from.
		{Method: get, Path: "/sources/names", Need: "people:read", Handle: x.sourceNames, Rows: api.Impersonal},
		{Method: post, Path: "/sources", Need: writeSources, Handle: x.createSource, Action: "source.create"},
		{Method: get, Path: "/sources/{id}", Need: readSources, Handle: x.getSource},
		{Method: patch, Path: "/sources/{id}", Need: writeSources, Handle: x.updateSource, Action: "source.update"},
		{Method: del, Path: "/sources/{id}", Need: writeSources, Handle: x.deleteSource, Action: "source.delete"},
		{Method: post, Path: "/sources/{id}/rotate", Need: writeSources, Handle: x.rotateSource, Action: "source.rotate"},
	}}, {Name: "Quarantine", Serves: touchstone.Operation("what was refused is repaired by hand"), Permissions: []access.Declared{
		{Permission: readQuarantine, Allows: "see what a check refused"},
		{Permission: writeQuarantine, Allows: "repair, replay and discard what was refused"},
	}, Routes: []api.Route{
		{Method: get, Path: "/quarantine", Need: readQuarantine, Handle: x.listQuarantine},
		{Method: get, Path: "/quarantine/summary", Need: readQuarantine, Handle: x.getQuarantineSummary},
		{Method: get, Path: "/quarantine/groups", Need: readQuarantine, Handle: x.listGroups},
		{Method: get, Path: "/quarantine/groups/{id}/suggestions", Need: readQuarantine, Handle: x.suggestRepairs},
		{Method: post, Path: "/quarantine/groups/{id}/preview", Need: readQuarantine, Handle: x.tryRepair},
		{Method: post, Path: "/quarantine/replay", Need: writeQuarantine, Handle: x.replayQuarantine, Action: "quarantine.replay"},
		{Method: post, Path: "/quarantine/discard", Need: writeQuarantine, Handle: x.discardQuarantine, Action: "quarantine.discard"},
		{Method: del, Path: "/quarantine/{id}", Need: writeQuarantine, Handle: x.deleteQuarantined, Action: "quarantine.discard"},
		{Method: post, Path: "/quarantine/{id}/replay", Need: writeQuarantine, Handle: x.replayQuarantined, Action: "quarantine.replay"},
	}}, {Name: "Live", Serves: touchstone.Operation("what comes in is watched while a source is set up"), Permissions: []access.Declared{
		{Permission: readEvents, Allows: "watch events as they arrive"},
	}, Routes: []api.Route{
		{Method: get, Path: "/live/events", Need: readEvents, Rows: api.Scoped, Handle: x.streamEvents, Stream: true},
	}}}
}
