package admission

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/randid"
)

//go:embed mends.yaml
var mendsSpec []byte

// MendsResource is the API of mending rules; see [Resource]. Its permissions are those of plans.
func MendsResource(parts func() (*Versions, Submit)) api.Resource {
	r := mendsResource{parts}
	return api.Resource{Name: "Mending rules", Serves: touchstone.Operation("settings of the organisation"), Spec: mendsSpec,
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/mends", Need: mayReadPlans, Handle: r.list, Rows: api.Impersonal},
			{Method: http.MethodPost, Path: "/mends", Need: mayWritePlans, Handle: r.create, Action: "mend.create"},
			{Method: http.MethodPut, Path: "/mends/{id}", Need: mayWritePlans, Handle: r.replace, Action: "mend.update"},
			{Method: http.MethodDelete, Path: "/mends/{id}", Need: mayWritePlans, Handle: r.remove, Action: "mend.delete"},
		}}
}

type mendsResource struct{ parts func() (*Versions, Submit) }

// mendView is a rule with what it has done in seven days.
type mendView struct {
	mend.Rule
	Done MendCount `json:"done"`
}

func (x mendsResource) list(w http.ResponseWriter, r *http.Request) error {
	v, _ := x.parts()
	latest, err := v.Latest(r.Context(), v.cfg.DB.Reader())
	if err != nil {
		return err
	}
	counts, err := v.MendCounts(r.Context(), v.cfg.DB.Reader())
	if err != nil {
		return err
	}
	list := []mendView{}
	for _, rule := range latest.Mends {
		done := counts[rule.ID]
		done.Rule = rule.ID
		list = append(list, mendView{rule, done})
	}
	return api.WritePage(w, list, "")
}

func (x mendsResource) create(w http.ResponseWriter, r *http.Request) error {
	return x.put(w, r, randid.New("mnd"), http.StatusCreated)
}

func (x mendsResource) replace(w http.ResponseWriter, r *http.Request) error {
	v, _ := x.parts()
	id := api.Param(r, "id")
	latest, err := v.Latest(r.Context(), v.cfg.DB.Reader())
	if err != nil {
		return err
	}
	if indexOfMend(latest.Mends, id) < 0 {
		return touchstone.Errorf(touchstone.NotFound, "There is no mending rule %.60q.", id)
	}
	return x.put(w, r, id, http.StatusOK)
}

func (x mendsResource) put(w http.ResponseWriter, r *http.Request, id string, status int) error {
	var in mend.Rule
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	in.ID = id
	if err := CheckMend(&in); err != nil {
		return err
	}
	if err := x.submit(r.Context(), r, PutMendCommand, in); err != nil {
		return err
	}
	api.NoteTarget(r, id, in.Name)
	return api.WriteJSON(w, status, mendView{in, MendCount{Rule: id}})
}

func (x mendsResource) remove(w http.ResponseWriter, r *http.Request) error {
	id := api.Param(r, "id")
	if err := x.submit(r.Context(), r, RemoveMendCommand, RemoveMendBody{id}); err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	return api.NoContent(w)
}

func (x mendsResource) submit(ctx context.Context, r *http.Request, kind string, in any) error {
	_, submit := x.parts()
	if submit == nil {
		return api.NotHere("commands")
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = submit(ctx, touchstone.Command{Kind: kind, Actor: api.ViewerOf(r).ID, Body: touchstone.JSON(body)})
	return err
}
