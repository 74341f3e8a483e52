package admission

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed plans.yaml
var plansSpec []byte

// The permissions of tracking plans.
const (
	mayReadPlans  access.Permission = "plans:read"
	mayWritePlans access.Permission = "plans:write"
)

// PlanParts are what the API of tracking plans works with. What a process has no part in is nil.
type PlanParts struct {
	Versions *Versions
	Submit   Submit
	// Recent calls fn with about the n latest events of sources, of all without any. Traits are not
	// among what it knows.
	Recent func(ctx context.Context, sources []string, n int, fn func(*touchstone.Event)) error
	// HasSource fails when there is no such source.
	HasSource func(ctx context.Context, id string) error
}

// PlansResource is the API of tracking plans; see [Resource].
func PlansResource(parts func() PlanParts) api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	r := plansResource{parts}
	return api.Resource{Name: "Tracking plans", Spec: plansSpec, Serves: touchstone.Operation("settings of the organisation"),
		Permissions: []access.Declared{
			{Permission: mayReadPlans, Allows: "see tracking plans and what breaks them"},
			{Permission: mayWritePlans, Allows: "change, publish and retire tracking plans"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/plans", Need: mayReadPlans, Handle: r.list, Rows: api.Impersonal},
			{Method: post, Path: "/plans", Need: mayWritePlans, Handle: r.create, Action: "plan.create", MaxBody: plan.MaxDocument + 64<<10},
			{Method: post, Path: "/plans/import", Need: mayWritePlans, Handle: r.read, MaxBody: 4 << 20},
			{Method: post, Path: "/plans/observe", Need: mayWritePlans, Handle: r.observe},
			{Method: get, Path: "/plans/{id}", Need: mayReadPlans, Handle: r.get, Rows: api.Impersonal},
			{Method: patch, Path: "/plans/{id}", Need: mayWritePlans, Handle: r.update, Action: "plan.update", MaxBody: plan.MaxDocument + 64<<10},
			{Method: del, Path: "/plans/{id}", Need: mayWritePlans, Handle: r.remove, Action: "plan.delete"},
			{Method: post, Path: "/plans/{id}/publish", Need: mayWritePlans, Handle: r.publish, Action: "plan.publish"},
			{Method: post, Path: "/plans/{id}/retire", Need: mayWritePlans, Handle: r.retire, Action: "plan.retire"},
			{Method: post, Path: "/plans/{id}/preview", Need: mayReadPlans, Handle: r.preview},
			{Method: get, Path: "/plans/{id}/revisions", Need: mayReadPlans, Handle: r.revisions, Rows: api.Impersonal},
			{Method: get, Path: "/plans/{id}/breaches", Need: mayReadPlans, Handle: r.breaches},
			{Method: get, Path: "/plans/{id}/code", Need: mayReadPlans, Handle: r.code, Rows: api.Impersonal},
		}}
}

type plansResource struct{ parts func() PlanParts }

func planETag(p *TrackingPlan) string {
	return api.ETag(p.ID, strconv.FormatInt(p.Version, 10), strconv.Itoa(p.Revision), strconv.FormatBool(p.Live))
}

// planView is a plan in an answer. Lists have no documents.
type planView struct {
	TrackingPlan
	Draft  *plan.Document `json:"draft,omitempty"`
	Events int            `json:"events"` // in the draft
	// Changed tells that the draft is not what was published last.
	Changed bool `json:"changed"`
	// Planned is the event that a list was asked for.
	Planned *planned `json:"planned,omitempty"`
}

func (x plansResource) show(ctx context.Context, v *Versions, p *TrackingPlan, whole bool) (planView, error) {
	out := planView{TrackingPlan: *p, Events: len(p.Draft.Events)}
	if whole {
		out.Draft = &p.Draft
	}
	if p.Revision == 0 {
		out.Changed = len(p.Draft.Events) > 0
		return out, nil
	}
	revisions, err := v.Revisions(ctx, v.cfg.DB.Reader(), p.ID, p.Revision)
	if err != nil || len(revisions) == 0 {
		return out, err
	}
	draft, err := json.Marshal(p.Draft)
	if err != nil {
		return out, err
	}
	published, err := json.Marshal(revisions[0].Document)
	out.Changed = string(draft) != string(published) || !slices.Equal(p.Sources, revisions[0].Sources) || p.Name != revisions[0].Name
	return out, err
}

func (x plansResource) answer(w http.ResponseWriter, r *http.Request, status int, v *Versions, p *TrackingPlan) error {
	out, err := x.show(r.Context(), v, p, true)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", planETag(p))
	return api.WriteJSON(w, status, out)
}

// list has all plans; with event, those whose draft has it; with source, the one that holds for it.
func (x plansResource) list(w http.ResponseWriter, r *http.Request) error {
	paging, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	v := x.parts().Versions
	all, err := v.Plans(r.Context(), v.cfg.DB.Reader())
	if err != nil {
		return err
	}
	event, source := r.URL.Query().Get("event"), r.URL.Query().Get("source")
	if source != "" {
		latest, err := v.Latest(r.Context(), v.cfg.DB.Reader())
		if err != nil {
			return err
		}
		holds := latest.planOf(source)
		all = slices.DeleteFunc(all, func(p TrackingPlan) bool { return p.ID != holds })
	}
	if event != "" {
		all = slices.DeleteFunc(all, func(p TrackingPlan) bool { return plannedIn(&p, event) == nil })
	}
	some, next, err := api.Cut(all, paging, func(p *TrackingPlan) string { return p.ID })
	if err != nil {
		return err
	}
	items := make([]planView, len(some))
	for i := range some {
		if items[i], err = x.show(r.Context(), v, &some[i], false); err != nil {
			return err
		}
		items[i].Planned = plannedIn(&some[i], event)
	}
	return api.WritePage(w, items, next)
}

// planned is what people wrote of an event.
type planned struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Description string `json:"description"`
	Owner       string `json:"owner"`
}

func plannedIn(p *TrackingPlan, event string) *planned {
	i := slices.IndexFunc(p.Draft.Events, func(e plan.Event) bool { return e.Name == event })
	if i < 0 {
		return nil
	}
	e := &p.Draft.Events[i]
	return &planned{e.Name, e.DisplayName, e.Description, e.Owner}
}

func (x plansResource) readDraft(r *http.Request) (d PlanDraft, err error) {
	if err := api.ReadJSON(r, &d); err != nil {
		return d, err
	}
	api.NoteDetail(r, map[string]any{"name": d.Name, "sources": d.Sources, "draft": d.Draft != nil}) // a document is large, and revisions keep it
	if d.Sources == nil {
		return d, nil
	}
	has := x.parts().HasSource
	for _, s := range *d.Sources {
		if has == nil {
			break
		}
		switch err := has(r.Context(), s); {
		case touchstone.KindOf(err) == touchstone.NotFound:
			return d, touchstone.Errorf(touchstone.Invalid, "There is no source %.60q.", s)
		case err != nil:
			return d, err
		}
	}
	return d, nil
}

func (x plansResource) create(w http.ResponseWriter, r *http.Request) error {
	d, err := x.readDraft(r)
	if err != nil {
		return err
	}
	v := x.parts().Versions
	p, err := v.CreatePlan(r.Context(), d)
	if err != nil {
		return err
	}
	api.NoteTarget(r, p.ID, p.Name)
	return x.answer(w, r, http.StatusCreated, v, &p)
}

// find returns the plan that the path names.
func (x plansResource) find(r *http.Request) (*Versions, TrackingPlan, error) {
	v := x.parts().Versions
	p, err := v.PlanByID(r.Context(), v.cfg.DB.Reader(), api.Param(r, "id"))
	return v, p, err
}

func (x plansResource) get(w http.ResponseWriter, r *http.Request) error {
	v, p, err := x.find(r)
	if err != nil {
		return err
	}
	return x.answer(w, r, http.StatusOK, v, &p)
}

func (x plansResource) update(w http.ResponseWriter, r *http.Request) error {
	d, err := x.readDraft(r)
	if err != nil {
		return err
	}
	v := x.parts().Versions
	p, err := v.UpdatePlan(r.Context(), api.Param(r, "id"), d, func(was TrackingPlan) error { return api.CheckIfMatch(r, planETag(&was)) })
	if err != nil {
		return err
	}
	api.NoteTarget(r, p.ID, p.Name)
	return x.answer(w, r, http.StatusOK, v, &p)
}

func (x plansResource) remove(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts().Versions.DeletePlan(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	api.NoteTarget(r, p.ID, p.Name)
	return api.NoContent(w)
}

func (x plansResource) publish(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Note string `json:"note"`
	}
	body, err := api.ReadBody(r)
	if err == nil && len(body) > 0 {
		err = api.DecodeJSON(body, &in)
	}
	if err != nil {
		return err
	}
	_, p, err := x.find(r)
	if err != nil {
		return err
	}
	if len(p.Draft.Events) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "The tracking plan %q has no event yet.", p.Name).WithHint("Add one, or begin with what was observed.")
	}
	if err := api.CheckIfMatch(r, planETag(&p)); err != nil {
		return err
	}
	return x.submit(w, r, &p, PublishCommand, PublishBody{Plan: p.ID, Name: p.Name, Sources: p.Sources, Document: p.Draft, Note: in.Note})
}

func (x plansResource) retire(w http.ResponseWriter, r *http.Request) error {
	_, p, err := x.find(r)
	if err != nil {
		return err
	}
	if err := api.CheckIfMatch(r, planETag(&p)); err != nil {
		return err
	}
	return x.submit(w, r, &p, RetireCommand, RetireBody{p.ID})
}

// submit has the pipeline carry out a command about a plan, and shows what became of it.
func (x plansResource) submit(w http.ResponseWriter, r *http.Request, p *TrackingPlan, kind string, in any) error {
	parts := x.parts()
	if parts.Submit == nil {
		return api.NotHere("commands")
	}
	api.NoteTarget(r, p.ID, p.Name)
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if _, err := parts.Submit(r.Context(), touchstone.Command{Kind: kind, Actor: api.ViewerOf(r).ID, Body: touchstone.JSON(body)}); err != nil {
		return err
	}
	v, now, err := x.find(r)
	if err != nil {
		return err
	}
	return x.answer(w, r, http.StatusOK, v, &now)
}

// read makes a document of another product's plan; nothing is kept.
func (x plansResource) read(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Format string          `json:"format"`
		Plan   touchstone.JSON `json:"plan"` // protocols
		Rows   [][]string      `json:"rows"` // sensors
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	var out *plan.Imported
	var err error
	switch in.Format {
	case "protocols":
		out, err = plan.FromProtocols([]byte(in.Plan))
	case "sensors":
		out, err = plan.FromSensors(in.Rows)
	default:
		err = touchstone.Errorf(touchstone.Invalid, "%.40q is no format of tracking plans: protocols or sensors.", in.Format)
	}
	if err != nil {
		return err
	}
	if out.LeftOut == nil {
		out.LeftOut = []string{}
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

// The latest events that a plan is made of, or held against.
const maxSample = 20_000

func (x plansResource) observe(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Sources []string `json:"sources"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	recent := x.parts().Recent
	if recent == nil {
		return api.NotHere("questions")
	}
	var seen plan.Observed
	number := 0
	if err := recent(r.Context(), in.Sources, maxSample, func(e *touchstone.Event) {
		number++
		seen.See(e)
	}); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"events_seen": number, "plan": seen.Document()})
}

// previewBreach is one thing that events would break.
type previewBreach struct {
	Event    string            `json:"event"`
	Path     string            `json:"path"`
	Rule     plan.Rule         `json:"rule"`
	Action   plan.Action       `json:"action"`
	Wanted   string            `json:"wanted"`
	Count    int64             `json:"count"`
	Examples []touchstone.JSON `json:"examples"`
}

const maxExamples = 3

// preview holds the latest events against a draft.
func (x plansResource) preview(w http.ResponseWriter, r *http.Request) error {
	_, p, err := x.find(r)
	if err != nil {
		return err
	}
	recent := x.parts().Recent
	if recent == nil {
		return api.NotHere("questions")
	}
	compiled, err := plan.Compile(&p.Draft)
	if err != nil {
		return err
	}
	var sum previewSum
	viewer := api.ViewerOf(r)
	if err := recent(r.Context(), p.Sources, maxSample, func(e *touchstone.Event) { sum.add(viewer, e, compiled.Check(e)) }); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"events": sum.events, "broken": sum.broken, "set_aside": sum.aside, "breaches": sum.sorted()})
}

type previewSum struct {
	events, broken, aside int64
	breaches              map[breachKey]*previewBreach
}

func (s *previewSum) add(viewer *access.Viewer, e *touchstone.Event, v plan.Verdict) {
	if s.breaches == nil {
		s.breaches = map[breachKey]*previewBreach{}
	}
	if s.events++; len(v.Breaches) > 0 {
		s.broken++
	}
	if v.SetAside() {
		s.aside++
	}
	for _, b := range v.Breaches {
		path := index.ReplaceAllString(b.Path, "[]")
		key := breachKey{"", e.Name, path, b.Rule, b.Action}
		sum := s.breaches[key]
		if sum == nil {
			if len(s.breaches) == maxTally {
				continue
			}
			sum = &previewBreach{Event: e.Name, Path: path, Rule: b.Rule, Action: b.Action, Wanted: b.Want, Examples: []touchstone.JSON{}}
			s.breaches[key] = sum
		}
		sum.Count++
		got := touchstone.JSON(b.Got)
		if len(sum.Examples) < maxExamples && json.Valid([]byte(got)) {
			if got = viewer.Field(path[strings.LastIndexByte(path, '.')+1:], got); !slices.Contains(sum.Examples, got) {
				sum.Examples = append(sum.Examples, got)
			}
		}
	}
}

func (s *previewSum) sorted() []*previewBreach {
	list := make([]*previewBreach, 0, len(s.breaches))
	for _, b := range s.breaches {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *previewBreach) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Action, b.Action))
	})
	return list
}

func (x plansResource) revisions(w http.ResponseWriter, r *http.Request) error {
	v, p, err := x.find(r)
	if err != nil {
		return err
	}
	list, err := v.Revisions(r.Context(), v.cfg.DB.Reader(), p.ID, 1)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

const maxBreachHours = 24 * 90

// breaches tells what events broke: of the sources that the plan holds for.
func (x plansResource) breaches(w http.ResponseWriter, r *http.Request) error {
	hours := 24
	if text := r.URL.Query().Get("hours"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxBreachHours {
			return touchstone.Errorf(touchstone.Invalid, "hours: a whole number from 1 to %d.", maxBreachHours)
		}
		hours = n
	}
	v, p, err := x.find(r)
	if err != nil {
		return err
	}
	latest, err := v.Latest(r.Context(), v.cfg.DB.Reader())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(latest.Plans, func(u Use) bool { return u.Plan == p.ID })
	sources := p.Sources
	var others []string
	if i >= 0 {
		sources = latest.Plans[i].Sources
	}
	if len(sources) == 0 {
		for _, u := range latest.Plans {
			others = append(others, u.Sources...)
		}
	}
	since := v.cfg.Clock.Now().Add(-time.Duration(hours) * time.Hour)
	list, err := v.Breaches(r.Context(), v.cfg.DB.Reader(), sources, since)
	if err != nil {
		return err
	}
	checks, err := v.Checks(r.Context(), v.cfg.DB.Reader(), since)
	if err != nil {
		return err
	}
	mine := func(source string) bool {
		return len(sources) > 0 && slices.Contains(sources, source) || len(sources) == 0 && !slices.Contains(others, source)
	}
	list = slices.DeleteFunc(list, func(b BreachSum) bool { return !mine(b.Source) })
	checks = slices.DeleteFunc(checks, func(c CheckSum) bool { return !mine(c.Source) })
	return api.WriteJSON(w, http.StatusOK, map[string]any{"since": since, "checks": checks, "breaches": list})
}

func (x plansResource) code(w http.ResponseWriter, r *http.Request) error {
	v, p, err := x.find(r)
	if err != nil {
		return err
	}
	document := p.Draft
	if p.Revision > 0 {
		revisions, err := v.Revisions(r.Context(), v.cfg.DB.Reader(), p.ID, p.Revision)
		if err != nil {
			return err
		}
		document = revisions[0].Document
	}
	language := r.URL.Query().Get("language")
	text, err := plan.Generate(&document, language, p.Name, p.Revision)
	if err != nil {
		return err
	}
	name := map[string]string{"typescript": "events.ts", "go": "events.go"}[language]
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err = w.Write(text)
	return err
}
