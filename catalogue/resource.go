package catalogue

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
	mayWrite access.Permission = "catalogue:write"
)

// Resource is the API of what is known of names. The function is asked when a request comes.
func Resource(of func() *Catalogue) api.Resource {
	x := resource{of}
	return api.Resource{Name: "Catalogue entries", Spec: spec, Serves: touchstone.Operation("names and counts of values, of nobody"),
		Permissions: []access.Declared{{Permission: mayWrite, Allows: "name and describe events, properties and traits"}},
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/catalogue/entries", Need: mayRead, Rows: api.Scoped, Handle: x.list},
			{Method: http.MethodPut, Path: "/catalogue/entries/{sort}/{name}", Need: mayWrite, Handle: x.change, Action: "catalogue.change"},
		}}
}

type resource struct{ of func() *Catalogue }

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	list, err := x.of().List(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) change(w http.ResponseWriter, r *http.Request) error {
	var in Change
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	sort, name := api.Param(r, "sort"), api.Param(r, "name")
	entry, err := x.of().Change(r.Context(), api.ViewerOf(r), Sort(sort), name, in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, sort+":"+name, name)
	return api.WriteJSON(w, http.StatusOK, entry)
}
