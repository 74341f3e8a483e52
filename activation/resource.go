package activation

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	mayRead  access.Permission = "activations:read"
	mayWrite access.Permission = "activations:write"
	maySend  access.Permission = "activations:send"
)

type resource struct{ parts func() *Activations }

// Resource is the API of activations. The function is asked when a request comes; it returns nil in a process that knows no segments.
func Resource(parts func() *Activations) api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	x := resource{parts}
	return api.Resource{
		Name: "Activations", Spec: spec, Serves: touchstone.Operation("definitions and counts; the job that sends asks everybody"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see where members of segments are sent, and how many"},
			{Permission: mayWrite, Allows: "say where members of segments are sent, with which identifiers"},
			{Permission: maySend, Allows: "send members of segments to where an activation says", AboutAll: true},
		},
		Routes: []api.Route{
			{Method: get, Path: "/activations", Need: mayRead, Handle: x.list},
			{Method: post, Path: "/activations", Need: mayWrite, Handle: x.create, Action: "activation.create", Secret: true},
			{Method: get, Path: "/activations/{id}", Need: mayRead, Handle: x.get},
			{Method: patch, Path: "/activations/{id}", Need: mayWrite, Handle: x.update, Action: "activation.update", Secret: true},
			{Method: del, Path: "/activations/{id}", Need: mayWrite, Handle: x.remove, Action: "activation.delete"},
			{Method: post, Path: "/activations/{id}/test", Need: mayWrite, Handle: x.test, Action: "activation.test"},
			{Method: get, Path: "/activations/{id}/runs", Need: mayRead, Handle: x.runs},
		},
	}
}

func (x resource) here() (*Activations, error) {
	if a := x.parts(); a != nil {
		return a, nil
	}
	return nil, api.NotHere("activations")
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	a, err := x.here()
	if err != nil {
		return err
	}
	list, err := a.List(r.Context())
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) one(w http.ResponseWriter, r *http.Request, status int, do func(ctx context.Context, a *Activations) (Activation, error)) error {
	a, err := x.here()
	if err != nil {
		return err
	}
	one, err := do(r.Context(), a)
	if err != nil {
		return err
	}
	api.NoteTarget(r, one.ID, one.Name)
	return api.WriteJSON(w, status, one)
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	return x.one(w, r, http.StatusOK, func(ctx context.Context, a *Activations) (Activation, error) { return a.Get(ctx, api.Param(r, "id")) })
}

func (x resource) create(w http.ResponseWriter, r *http.Request) error {
	var d Draft
	if err := api.ReadJSON(r, &d); err != nil {
		return err
	}
	return x.one(w, r, http.StatusCreated, func(ctx context.Context, a *Activations) (Activation, error) { return a.Create(ctx, d) })
}

func (x resource) update(w http.ResponseWriter, r *http.Request) error {
	var d Draft
	if err := api.ReadJSON(r, &d); err != nil {
		return err
	}
	return x.one(w, r, http.StatusOK, func(ctx context.Context, a *Activations) (Activation, error) {
		return a.Update(ctx, api.Param(r, "id"), d)
	})
}

func (x resource) remove(w http.ResponseWriter, r *http.Request) error {
	a, err := x.here()
	if err != nil {
		return err
	}
	was, err := a.Get(r.Context(), api.Param(r, "id"))
	if err == nil {
		err = a.Delete(r.Context(), was.ID)
	}
	if err != nil {
		return err
	}
	api.NoteTarget(r, was.ID, was.Name)
	return api.NoContent(w)
}

func (x resource) test(w http.ResponseWriter, r *http.Request) error {
	a, err := x.here()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	tested, err := a.Test(r.Context(), id)
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	return api.WriteJSON(w, http.StatusOK, tested)
}

func (x resource) runs(w http.ResponseWriter, r *http.Request) error {
	a, err := x.here()
	if err != nil {
		return err
	}
	list, err := a.Runs(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}
