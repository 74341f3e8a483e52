package register

import (
	"cmp"
	_ "embed"
	"net/http"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of the register.
const (
	mayRead  access.Permission = "register:read"
	mayWrite access.Permission = "register:write"
)

// Resource is the API of the register. The function is asked when a request comes.
func Resource(of func() *Register) api.Resource {
	x := resource{of}
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	return api.Resource{Name: "Register", Spec: spec, Serves: touchstone.Operation("a duty of the law; it names nobody whose data is kept"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see the register of processing and its assessments"},
			{Permission: mayWrite, Allows: "keep the register of processing, and approve assessments"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/privacy/register", Need: mayRead, Handle: x.read, Rows: api.Impersonal},
			{Method: get, Path: "/privacy/register/export", Need: mayRead, Handle: x.export, Rows: api.Impersonal},
			{Method: put, Path: "/privacy/register/head", Need: mayWrite, Handle: x.setHead, Action: "register.head"},
			{Method: post, Path: "/privacy/register/activities", Need: mayWrite, Handle: x.createActivity, Action: "register.activity_create"},
			{Method: put, Path: "/privacy/register/activities/{id}", Need: mayWrite, Handle: x.changeActivity, Action: "register.activity_change"},
			{Method: post, Path: "/privacy/register/assessments", Need: mayWrite, Handle: x.createAssessment, Action: "register.assessment_create"},
			{Method: put, Path: "/privacy/register/assessments/{id}", Need: mayWrite, Handle: x.changeAssessment, Action: "register.assessment_change"},
			{Method: post, Path: "/privacy/register/assessments/{id}/move", Need: mayWrite, Handle: x.move, Action: "register.assessment_move"},
			{Method: get, Path: "/privacy/register/versions/{id}", Need: mayRead, Handle: x.versions, Rows: api.Impersonal},
		}}
}

type resource struct{ of func() *Register }

func (x resource) register() (*Register, error) {
	if r := x.of(); r != nil {
		return r, nil
	}
	return nil, api.NotHere("the register")
}

func author(r *http.Request) string {
	v := api.ViewerOf(r)
	return cmp.Or(v.Name, v.ID)
}

func (x resource) read(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	view, err := reg.Read(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, view)
}

func (x resource) setHead(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	var in Head
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	stamp, err := reg.SetHead(r.Context(), in, author(r))
	if err != nil {
		return err
	}
	api.NoteTarget(r, headID, in.Controller)
	return api.WriteJSON(w, http.StatusOK, struct {
		Stamp
		Head
	}{stamp, in})
}

// changed is a record as somebody has changed it: version is the one that he saw.
type changed[T any] struct {
	Version int64 `json:"version"`
	Record  T     `json:"record"`
}

func (x resource) createActivity(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	var in Activity
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := reg.CreateActivity(r.Context(), in, author(r))
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusCreated, out.Stamp, out.Name, out)
}

// answer notes the version, with which the record of that moment is found, and not its texts.
func answer(w http.ResponseWriter, r *http.Request, status int, s Stamp, name string, out any) error {
	api.NoteTarget(r, s.ID, name)
	api.NoteDetail(r, map[string]any{"version": s.Version})
	return api.WriteJSON(w, status, out)
}

func (x resource) changeActivity(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	var in changed[Activity]
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := reg.ChangeActivity(r.Context(), api.Param(r, "id"), in.Version, in.Record, author(r))
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusOK, out.Stamp, out.Name, out)
}

func (x resource) createAssessment(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	var in Assessment
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := reg.CreateAssessment(r.Context(), in, author(r))
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusCreated, out.Stamp, out.Title, out)
}

func (x resource) changeAssessment(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	var in changed[Assessment]
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := reg.ChangeAssessment(r.Context(), api.Param(r, "id"), in.Version, in.Record, author(r))
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusOK, out.Stamp, out.Title, out)
}

func (x resource) move(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	var in struct {
		Version int64 `json:"version"`
		To      State `json:"to"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := reg.Move(r.Context(), api.Param(r, "id"), in.Version, in.To, author(r))
	if err != nil {
		return err
	}
	api.NoteTarget(r, out.ID, out.Title)
	api.NoteDetail(r, map[string]any{"version": out.Version, "to": in.To})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x resource) versions(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	list, err := reg.Versions(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) export(w http.ResponseWriter, r *http.Request) error {
	reg, err := x.register()
	if err != nil {
		return err
	}
	format, lang := cmp.Or(r.URL.Query().Get("format"), "html"), cmp.Or(r.URL.Query().Get("lang"), "en")
	if words[lang] == nil {
		return touchstone.Errorf(touchstone.Invalid, "lang: %.40q is none of en, zh.", lang)
	}
	view, err := reg.Read(r.Context())
	if err != nil {
		return err
	}
	text, kind, err := Export(&view, format, lang, reg.cfg.Clock.Now())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("Content-Disposition", `attachment; filename="register-of-processing.`+format+`"`)
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(text)
	return err
}
