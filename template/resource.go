package template

import (
	_ "embed"
	"net/http"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// needs are the permissions of who uses a template, by part.
var needs = map[string]access.Permission{"cycle": "stages:write", "segments": "segments:write", "tags": "tags:write"}

// Resource is the API of templates. The function is asked when a request comes; its second answer is false in a process that makes nothing.
func Resource(makes func() (Makes, bool)) api.Resource {
	x := resource{makes}
	return api.Resource{Name: "Templates", Spec: spec, Serves: touchstone.Operation("definitions are written; what acts by them asks for each person"),
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/templates", Need: needs["cycle"], Rows: api.Impersonal, Handle: x.list},
			{Method: http.MethodPost, Path: "/templates/{key}/apply", Need: needs["cycle"], Rows: api.Impersonal, Handle: x.apply, Action: "template.apply"},
			{Method: http.MethodPost, Path: "/rfm", Need: needs["tags"], Rows: api.Impersonal, Handle: x.rfm, Action: "template.rfm"},
		}}
}

type resource struct{ makes func() (Makes, bool) }

// shownTemplate is a template with what one's own events suggest.
type shownTemplate struct {
	Template
	Suggested map[string]string `json:"suggested"` // an event of the catalogue, by slot
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	m, here := x.makes()
	if !here {
		return api.NotHere("templates")
	}
	all, err := All()
	if err != nil {
		return err
	}
	events, err := m.Events(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	shown := make([]shownTemplate, len(all))
	for i := range all {
		shown[i] = shownTemplate{all[i], map[string]string{}}
		for n := range all[i].Slots {
			if s := &all[i].Slots[n]; s.Suggest(events) != "" {
				shown[i].Suggested[s.Key] = s.Suggest(events)
			}
		}
	}
	return api.WritePage(w, shown, "")
}

func (x resource) apply(w http.ResponseWriter, r *http.Request) error {
	m, here := x.makes()
	if !here {
		return api.NotHere("templates")
	}
	var in Order
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	t, err := find(api.Param(r, "key"))
	if err != nil {
		return err
	}
	if len(in.Parts) == 0 {
		in.Parts = parts
	}
	for _, p := range in.Parts {
		if !slices.Contains(parts, p) {
			return touchstone.Errorf(touchstone.Invalid, "parts: %.40q is none of cycle, segments, tags", p)
		}
		if err := api.ViewerOf(r).Require(needs[p]); err != nil {
			return err
		}
	}
	result, err := apply(r.Context(), m, api.ViewerOf(r), t, in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, t.Key, t.Name.In(in.Language))
	api.NoteDetail(r, result)
	return api.WriteJSON(w, http.StatusOK, result)
}

func (x resource) rfm(w http.ResponseWriter, r *http.Request) error {
	m, here := x.makes()
	if !here {
		return api.NotHere("templates")
	}
	var in struct {
		RFM
		Language string `json:"language"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	result, err := applyRFM(r.Context(), m, api.ViewerOf(r), &in.RFM, in.Language)
	if err != nil {
		return err
	}
	api.NoteTarget(r, "rfm", in.Event)
	api.NoteDetail(r, result)
	return api.WriteJSON(w, http.StatusOK, result)
}
