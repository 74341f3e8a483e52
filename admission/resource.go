package admission

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of admission.
const (
	mayRead  access.Permission = "admission:read"
	mayWrite access.Permission = "admission:write"
)

// Submit puts a command in the log and waits for its result. The command has no id yet.
type Submit func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error)

// Resource is the API of admission. The function is asked when a request comes; it has no
// Submit in a process that puts no commands in the log.
func Resource(parts func() (*Versions, Submit)) api.Resource {
	r := resource{parts}
	return api.Resource{Name: "Admission", Spec: spec, Serves: touchstone.Operation("settings of the organisation"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see which events are left out and what of them is masked"},
			{Permission: mayWrite, Allows: "say which events are left out and what of them is masked"},
		},
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/admission", Need: mayRead, Handle: r.get},
			{Method: http.MethodPut, Path: "/admission", Need: mayWrite, Handle: r.set, Action: "admission.set"},
		}}
}

type resource struct{ parts func() (*Versions, Submit) }

// view is a version in an answer.
type view struct {
	Version uint64    `json:"version"`
	SetAt   time.Time `json:"set_at"`
	Actor   string    `json:"actor"`
	Rules   []Rule    `json:"rules"`
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	versions, _ := x.parts()
	latest, err := versions.Latest(r.Context(), versions.cfg.DB.Reader())
	if err != nil {
		return err
	}
	return show(w, &latest)
}

func show(w http.ResponseWriter, v *Version) error {
	out := view{v.Version, v.SetAt, v.Actor, append([]Rule{}, v.Rules...)}
	for i := range out.Rules {
		if out.Rules[i].Mask == nil {
			out.Rules[i].Mask = []Mask{}
		}
	}
	w.Header().Set("ETag", etag(v))
	return api.WriteJSON(w, http.StatusOK, out)
}

func etag(v *Version) string { return api.ETag("admission", strconv.FormatUint(v.Version, 10)) }

func (x resource) set(w http.ResponseWriter, r *http.Request) error {
	versions, submit := x.parts()
	if submit == nil {
		return api.NotHere("commands")
	}
	var in Body
	err := api.ReadJSON(r, &in)
	if err != nil {
		return err
	}
	if in.Rules == nil {
		return touchstone.Errorf(touchstone.Invalid, "The field %q is missing.", "rules").WithHint("An empty list takes all rules away.")
	}
	if err := Check(in.Rules); err != nil {
		return err
	}
	latest, err := versions.Latest(r.Context(), versions.cfg.DB.Reader())
	if err != nil {
		return err
	}
	if err := api.CheckIfMatch(r, etag(&latest)); err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	text, err := submit(r.Context(), touchstone.Command{Kind: Command, Actor: api.ViewerOf(r).ID, Body: touchstone.JSON(body)})
	if err != nil {
		return err
	}
	var result Result
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		return err
	}
	api.NoteTarget(r, strconv.FormatUint(result.Version, 10), "")
	if latest, err = versions.Latest(r.Context(), versions.cfg.DB.Reader()); err != nil {
		return err
	}
	return show(w, &latest)
}
