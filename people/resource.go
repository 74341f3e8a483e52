// Package people is the API of persons: the list, and the page, timeline, identity and contacts of
// one, which identity, profile, analytics and segment know together; what operators do to a
// person; and the live feed of what changes. It keeps nothing itself.
package people

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	mayRead   access.Permission = "people:read"
	mayExport access.Permission = "people:export"
	mayWrite  access.Permission = "people:write"
	mayErase  access.Permission = "people:erase"
	readAudit access.Permission = "audit:read" // declared by the console
)

// Parts are who knows persons. One that this process does not run is nil.
type Parts struct {
	Graph    *identity.Graph
	Kinds    *touchstone.KindSet
	Fields   *access.Fields // what fields hold whose names do not say it
	Profiles *profile.Profiles
	Timeline Timeline
	Segments *segment.Segments
	Commands *command.Log
	Changes  *live.Hub[touchstone.Occurrence] // of the pipeline's batches
	Preview  identity.Previewer
}

// Timeline reads the events of a person: *analytics.Engine.
type Timeline interface {
	Timeline(ctx context.Context, v *access.Viewer, q analytics.TimelineQuery) ([]analytics.TimelineEvent, string, error)
}

type resource struct {
	parts  func() Parts
	people api.People
	feeds  *api.Feeds
}

// Resource is the API of persons. The function is asked when a request comes.
func Resource(parts func() Parts, people api.People, feeds *api.Feeds) api.Resource {
	const get, post, patch = http.MethodGet, http.MethodPost, http.MethodPatch
	x := &resource{parts, people, feeds}
	return api.Resource{Name: "People", Spec: spec, Serves: touchstone.Operation("a person is looked after by hand"), Permissions: []access.Declared{
		{Permission: mayRead, Allows: "see people, with their contacts masked"},
		{Permission: access.PeopleContacts, Allows: "see all contacts as they are"},
		{Permission: access.PeopleReveal, Allows: "reveal the contacts of one person, which is audited"},
		{Permission: mayExport, Allows: "export lists of people"},
		{Permission: mayWrite, Allows: "split, merge and correct people"},
		{Permission: mayErase, Allows: "erase people"},
	}, Routes: []api.Route{
		{Method: get, Path: "/persons", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UseAct), Handle: x.list},
		{Method: get, Path: "/persons/{ref}", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UsePersonalise), Handle: x.get},
		{Method: get, Path: "/persons/{ref}/events", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UsePersonalise), Handle: x.events},
		{Method: get, Path: "/persons/{ref}/identity", Need: mayRead, Rows: api.Scoped, Handle: x.identity},
		{Method: get, Path: "/persons/{ref}/commands", Need: readAudit, Or: mayWrite, Rows: api.Scoped, Handle: x.commandsAbout},
		{Method: post, Path: "/persons/{ref}/reveal", Need: access.PeopleReveal, Rows: api.Scoped, Handle: x.reveal, Action: "person.reveal", Secret: true},
		{Method: post, Path: "/persons/{ref}/split", Need: mayWrite, Rows: api.Scoped, Handle: x.split, Action: "person.split"},
		{Method: post, Path: "/persons/{ref}/split/preview", Need: mayWrite, Rows: api.Scoped, Handle: x.previewSplit},
		{Method: post, Path: "/persons/{ref}/merge", Need: mayWrite, Rows: api.Scoped, Handle: x.merge, Action: "person.merge"},
		{Method: post, Path: "/persons/{ref}/merge/preview", Need: mayWrite, Rows: api.Scoped, Handle: x.previewMerge},
		{Method: post, Path: "/persons/{ref}/erase", Need: mayErase, Rows: api.Scoped, Handle: x.erase, Action: "person.erase"},
		{Method: post, Path: "/persons/{ref}/rebuild", Need: mayWrite, Rows: api.Scoped, Handle: x.rebuild, Action: "person.rebuild"},
		{Method: patch, Path: "/persons/{ref}/traits", Need: mayWrite, Rows: api.Scoped, Handle: x.correct, Action: "trait.correct"},
		{Method: get, Path: "/live/changes", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UseAct), Handle: x.changes, Stream: true},
	}}
}

func (x *resource) graph() *identity.Graph { return x.parts().Graph }

func (x *resource) profiles() (*profile.Profiles, error) {
	if p := x.parts().Profiles; p != nil {
		return p, nil
	}
	return nil, api.NotHere("profiles")
}

// person is the person that the path names, if the viewer may see it.
func (x *resource) person(r *http.Request) (touchstone.PersonID, error) {
	if x.graph() == nil {
		return 0, api.NotHere("identity")
	}
	return x.people.Find(r.Context(), api.ViewerOf(r), api.Param(r, "ref"))
}
