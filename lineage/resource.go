package lineage

import (
	_ "embed"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

const (
	mayRead  access.Permission = "catalogue:read" // declared by analytics
	seeAlarm access.Permission = "quality:read"   // declared by quality
)

// Resource is the API of what hangs on fields. The function is asked when a request comes.
func Resource(of func() Parts) api.Resource {
	x := resource{of}
	return api.Resource{Name: "Lineage", Spec: spec, Serves: touchstone.Operation("names of definitions, and counts of events and persons"),
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/catalogue/uses", Need: mayRead, Rows: api.Impersonal, Handle: x.uses},
			{Method: http.MethodGet, Path: "/quality/alarms/{id}/impact", Need: seeAlarm, Handle: x.impact},
		}}
}

type resource struct{ of func() Parts }

const maxNameBytes = 1_000

func (x resource) uses(w http.ResponseWriter, r *http.Request) error {
	parts := x.of()
	if parts.Tellers == nil {
		return api.NotHere("lineage")
	}
	q := r.URL.Query()
	sort, event, name := q.Get("sort"), q.Get("event"), q.Get("name")
	if name == "" || len(name) > maxNameBytes || len(event) > maxNameBytes {
		return touchstone.Errorf(touchstone.Invalid, "name: what is asked about has 1 to %d bytes.", maxNameBytes)
	}
	var asked Asked
	switch f := touchstone.FieldSort(sort); f {
	case touchstone.EventField, touchstone.PropertyField, touchstone.TraitField, touchstone.ContextField, touchstone.IdentifierField:
		if event != "" && f != touchstone.PropertyField && f != touchstone.ContextField {
			return touchstone.Errorf(touchstone.Invalid, "event: only a property and the context belong to one.")
		}
		asked.Field = &touchstone.Field{Sort: f, Event: event, Name: name}
	case "segment":
		asked.Definition = &touchstone.DefinitionRef{Kind: touchstone.DefSegment, ID: name}
	default:
		return touchstone.Errorf(touchstone.Invalid, "sort: %.40q is none of event, property, trait, context, identifier, segment.", sort)
	}
	answer, err := parts.Ask(r.Context(), api.ViewerOf(r), asked)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

func (x resource) impact(w http.ResponseWriter, r *http.Request) error {
	parts := x.of()
	if parts.Alarm == nil {
		return api.NotHere("quality")
	}
	impact, err := parts.Impact(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, impact)
}
