package retain

import (
	_ "embed"
	"encoding/json"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of retention.
const (
	mayRead  access.Permission = "retention:read"
	mayWrite access.Permission = "retention:write"
)

// Parts is what a process knows of retention.
type Parts struct {
	Retention *Retention // nil: this process knows none
	// Ask has the pipeline carry out a command.
	Ask func(r *http.Request, kind string, body, result any) (string, error)
}

// Resource is the API of retention.
func Resource(of func() Parts) api.Resource {
	x := resource{of}
	return api.Resource{Name: "Retention", Spec: spec, Serves: touchstone.Operation("a duty of the law"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see how long data is kept, and what has been removed"},
			{Permission: mayWrite, Allows: "say how long data is kept, and remove what has been kept longer"},
		},
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/retention", Need: mayRead, Handle: x.get},
			{Method: http.MethodPut, Path: "/retention", Need: mayWrite, Handle: x.put, Action: "retention.set"},
			{Method: http.MethodPost, Path: "/retention/preview", Need: mayRead, Handle: x.preview},
			{Method: http.MethodGet, Path: "/retention/runs", Need: mayRead, Handle: x.runs},
		}}
}

type resource struct{ of func() Parts }

func (x resource) parts() (Parts, error) {
	p := x.of()
	if p.Retention == nil {
		return p, api.NotHere("retention")
	}
	return p, nil
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	rules, err := p.Retention.Rules(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, rules)
}

// read reads rules and says what is wrong with them.
func read(r *http.Request) (in SetBody, err error) {
	if err := api.ReadJSON(r, &in); err != nil {
		return in, err
	}
	text, err := json.Marshal(in)
	if err != nil {
		return in, err
	}
	return in, checkBody(touchstone.JSON(text))
}

func (x resource) put(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	in, err := read(r)
	if err != nil {
		return err
	}
	var out map[string]any
	if _, err := p.Ask(r, SetCommand, in, &out); err != nil {
		return err
	}
	return x.get(w, r)
}

func (x resource) preview(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	in, err := read(r)
	if err != nil {
		return err
	}
	counts, err := p.Retention.Preview(r.Context(), in.Rules)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"items": counts})
}

func (x resource) runs(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	list, err := p.Retention.Receipts(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"items": list})
}
