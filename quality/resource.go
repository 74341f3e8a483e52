package quality

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of data quality.
const (
	mayRead  access.Permission = "quality:read"
	mayWrite access.Permission = "quality:write"
)

// Resource is the API of data quality. The function is asked when a request comes.
func Resource(of func() *Quality) api.Resource {
	r := resource{of}
	return api.Resource{Name: "Data quality", Spec: spec, Serves: touchstone.Operation("counts of events by source"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see how good each source's data is, and what is not as usual"},
			{Permission: mayWrite, Allows: "note that somebody looks after an alarm, mute it for a while, and have learnt anew what is usual of a source"},
		},
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/quality/scores", Need: mayRead, Handle: r.scores},
			{Method: http.MethodGet, Path: "/quality/alarms", Need: mayRead, Handle: r.alarms},
			{Method: http.MethodPost, Path: "/quality/alarms/{id}/note", Need: mayWrite, Handle: r.note, Action: "alarm.note"},
			{Method: http.MethodPost, Path: "/quality/alarms/{id}/mute", Need: mayWrite, Handle: r.mute, Action: "alarm.mute"},
			{Method: http.MethodPost, Path: "/quality/sources/{id}/relearn", Need: mayWrite, Handle: r.relearn, Action: "quality.relearn"},
		}}
}

type resource struct{ of func() *Quality }

// spans are how scores are summed up, and how far back each is kept.
var spans = map[string]struct{ span, most, byDefault time.Duration }{
	"minute": {time.Minute, 72 * time.Hour, time.Hour},
	"hour":   {time.Hour, keepAlarms, 24 * time.Hour},
}

func (x resource) scores(w http.ResponseWriter, r *http.Request) error {
	q := x.of()
	if q == nil {
		return api.NotHere("quality")
	}
	by := r.URL.Query().Get("by")
	if by == "" {
		by = "hour"
	}
	span, ok := spans[by]
	if !ok {
		return touchstone.Errorf(touchstone.Invalid, "by: %.40q is none of minute, hour.", by)
	}
	now := q.cfg.Clock.Now()
	since, err := api.ReadTime(r, "since", now.Add(-span.byDefault))
	if err != nil {
		return err
	}
	if now.Sub(since) > span.most {
		since = now.Add(-span.most)
	}
	list, err := q.Scores(r.Context(), r.URL.Query().Get("source"), span.span, since)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

const maxAlarms = 500

func (x resource) alarms(w http.ResponseWriter, r *http.Request) error {
	q := x.of()
	if q == nil {
		return api.NotHere("quality")
	}
	list, err := q.Alarms(r.Context(), r.URL.Query().Get("source"), r.URL.Query().Get("open") == "true", maxAlarms)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) note(w http.ResponseWriter, r *http.Request) error {
	q := x.of()
	if q == nil {
		return api.NotHere("quality")
	}
	a, err := q.Note(r.Context(), api.Param(r, "id"), api.ViewerOf(r).ID)
	if err != nil {
		return err
	}
	api.NoteTarget(r, a.ID, string(a.Kind))
	return api.WriteJSON(w, http.StatusOK, a)
}

func (x resource) mute(w http.ResponseWriter, r *http.Request) error {
	q := x.of()
	if q == nil {
		return api.NotHere("quality")
	}
	var in struct {
		Until *time.Time `json:"until"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	a, err := q.Mute(r.Context(), api.Param(r, "id"), in.Until)
	if err != nil {
		return err
	}
	api.NoteTarget(r, a.ID, string(a.Kind))
	return api.WriteJSON(w, http.StatusOK, a)
}

func (x resource) relearn(w http.ResponseWriter, r *http.Request) error {
	q := x.of()
	if q == nil {
		return api.NotHere("quality")
	}
	id := api.Param(r, "id")
	if q.cfg.Knows != nil && !q.cfg.Knows(id) {
		return touchstone.Errorf(touchstone.NotFound, "There is no source %.60q.", id)
	}
	if err := q.Relearn(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
