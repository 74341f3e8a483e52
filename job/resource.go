package job

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/job/cron"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of jobs and schedules.
const (
	mayRead     access.Permission = "jobs:read"
	mayWrite    access.Permission = "jobs:write"
	seeSchedule access.Permission = "schedules:read"
	maySchedule access.Permission = "schedules:write"
)

// resource is the API of jobs and schedules.
type resource struct {
	jobs      func() *Jobs
	schedules func() *Schedules
}

// Resource is the API of jobs and schedules. The functions are asked when a request comes.
func Resource(jobs func() *Jobs, schedules func() *Schedules) api.Resource {
	r := &resource{jobs, schedules}
	const get, post, patch, put, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
	return api.Resource{Name: "Jobs", Spec: spec, Serves: touchstone.Operation("each kind of job says what it serves"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see jobs, start those whose own right one has, and cancel one's own"},
			{Permission: mayWrite, Allows: "cancel, repeat and delete the jobs of others"},
			{Permission: seeSchedule, Allows: "see what runs by the clock, and the calendar"},
			{Permission: maySchedule, Allows: "let jobs run by the clock, and set the days of the calendar"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/jobs", Need: mayRead, Rows: api.Scoped, Handle: r.list},
			{Method: post, Path: "/jobs", Need: mayRead, Rows: api.Scoped, Handle: r.start, Action: "job.start"},
			{Method: get, Path: "/jobs/kinds", Need: mayRead, Rows: api.Impersonal, Handle: r.kinds},
			{Method: get, Path: "/jobs/{id}", Need: mayRead, Rows: api.Scoped, Handle: r.get},
			{Method: del, Path: "/jobs/{id}", Need: mayWrite, Handle: r.forget, Action: "job.delete"},
			{Method: get, Path: "/jobs/{id}/file", Need: mayRead, Rows: api.Scoped, Handle: r.file, Stream: true},
			{Method: post, Path: "/jobs/{id}/cancel", Need: mayRead, Rows: api.Scoped, Handle: r.cancel, Action: "job.cancel"},
			{Method: post, Path: "/jobs/{id}/retry", Need: mayRead, Rows: api.Scoped, Handle: r.retry, Action: "job.retry"},
			{Method: get, Path: "/schedules", Need: seeSchedule, Handle: r.listSchedules},
			{Method: post, Path: "/schedules", Need: maySchedule, Handle: r.createSchedule, Action: "schedule.create"},
			{Method: get, Path: "/schedules/preview", Need: seeSchedule, Handle: r.previewSchedule},
			{Method: get, Path: "/schedules/{id}", Need: seeSchedule, Handle: r.getSchedule},
			{Method: patch, Path: "/schedules/{id}", Need: maySchedule, Handle: r.updateSchedule, Action: "schedule.update"},
			{Method: del, Path: "/schedules/{id}", Need: maySchedule, Handle: r.deleteSchedule, Action: "schedule.delete"},
			{Method: post, Path: "/schedules/{id}/run", Need: maySchedule, Handle: r.runSchedule, Action: "schedule.run"},
			{Method: get, Path: "/calendar", Need: seeSchedule, Handle: r.getCalendar},
			{Method: put, Path: "/calendar", Need: maySchedule, Handle: r.setCalendar, Action: "calendar.update"},
		}}
}

func (x *resource) list(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f := Filter{Subject: q.Get("subject"), Schedule: q.Get("schedule"), Of: api.ViewerOf(r)}
	for _, s := range words(q.Get("status")) {
		switch status := Status(s); status {
		case Queued, Running, Done, Failed, Cancelled:
			f.Statuses = append(f.Statuses, status)
		default:
			return touchstone.Errorf(touchstone.Invalid, "There is no status %q of a job.", s)
		}
	}
	f.Kinds = words(q.Get("kind"))
	items, next, err := x.jobs().List(r.Context(), f, p.Limit, p.After)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func words(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) }

func (x *resource) start(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind  string          `json:"kind"`
		Input touchstone.JSON `json:"input"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Input == "" || in.Input == "null" {
		in.Input = "{}"
	}
	req, err := x.jobs().Prepare(r.Context(), api.ViewerOf(r), in.Kind, in.Input)
	if err != nil {
		return err
	}
	j, err := x.jobs().Start(r.Context(), req)
	if err != nil {
		return err
	}
	api.NoteTarget(r, j.ID, j.Title)
	return api.WriteJSON(w, http.StatusAccepted, j)
}

func (x *resource) kinds(w http.ResponseWriter, r *http.Request) error {
	return api.WriteJSON(w, http.StatusOK, x.jobs().Kinds(api.ViewerOf(r)))
}

func (x *resource) get(w http.ResponseWriter, r *http.Request) error {
	j, err := x.jobs().getFor(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, j)
}

// change does something to a job that is the caller's own, or that the caller may change.
func (x *resource) change(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, id string) (Job, error)) error {
	j, err := x.jobs().getFor(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	if v := api.ViewerOf(r); !v.May(mayWrite) && (v.ID == "" || v.ID != j.Asker.ID) {
		return touchstone.Errorf(touchstone.Forbidden, "The job is somebody else's: changing it needs the permission %s.", string(mayWrite))
	}
	api.NoteTarget(r, j.ID, j.Title)
	if j, err = do(r.Context(), j.ID); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, j)
}

func (x *resource) cancel(w http.ResponseWriter, r *http.Request) error {
	return x.change(w, r, x.jobs().Cancel)
}

func (x *resource) retry(w http.ResponseWriter, r *http.Request) error {
	return x.change(w, r, x.jobs().Retry)
}

func (x *resource) forget(w http.ResponseWriter, r *http.Request) error {
	id := api.Param(r, "id")
	if err := x.jobs().Forget(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	return api.NoContent(w)
}

// file sends the file of a job's result, to who may read such results.
func (x *resource) file(w http.ResponseWriter, r *http.Request) error {
	j, err := x.jobs().getFor(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	if v := api.ViewerOf(r); !v.May(j.need) {
		return touchstone.Errorf(touchstone.Forbidden, "Reading this result needs the permission %s.", string(j.need))
	}
	f, err := x.jobs().OpenFile(r.Context(), &j)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	if kind := mime.TypeByExtension(extension(j.File.Name)); kind != "" {
		h.Set("Content-Type", kind)
	}
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": j.File.Name}))
	h.Set("Content-Length", strconv.FormatInt(f.Size(), 10))
	h.Set("Cache-Control", "no-store")
	_, _ = io.Copy(w, f) // an error means that the caller has gone, or gets too few bytes
	return nil
}

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return ""
}

func (x *resource) listSchedules(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := x.schedules().List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(s *Schedule) string { return s.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (x *resource) createSchedule(w http.ResponseWriter, r *http.Request) error {
	var in Definition
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Input == "" || in.Input == "null" {
		in.Input = "{}"
	}
	s, err := x.schedules().Create(r.Context(), api.ViewerOf(r), in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	return api.WriteJSON(w, http.StatusCreated, s)
}

func (x *resource) getSchedule(w http.ResponseWriter, r *http.Request) error {
	s, err := x.schedules().Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", s.etag())
	return api.WriteJSON(w, http.StatusOK, s)
}

// etag changes with what people have chosen, not with each run.
func (s *Schedule) etag() string {
	return api.ETag(s.ID, s.UpdatedAt.Format(time.RFC3339Nano))
}

func (x *resource) updateSchedule(w http.ResponseWriter, r *http.Request) error {
	var in Change
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Input == "null" {
		in.Input = ""
	}
	id := api.Param(r, "id")
	old, err := x.schedules().Get(r.Context(), id)
	if err != nil {
		return err
	}
	if err := api.CheckIfMatch(r, old.etag()); err != nil {
		return err
	}
	s, err := x.schedules().Update(r.Context(), api.ViewerOf(r), id, in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	w.Header().Set("ETag", s.etag())
	return api.WriteJSON(w, http.StatusOK, s)
}

func (x *resource) deleteSchedule(w http.ResponseWriter, r *http.Request) error {
	id := api.Param(r, "id")
	s, err := x.schedules().Get(r.Context(), id)
	if err != nil {
		return err
	}
	if err := x.schedules().Delete(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, s.Name)
	return api.NoContent(w)
}

func (x *resource) runSchedule(w http.ResponseWriter, r *http.Request) error {
	j, err := x.schedules().RunNow(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	api.NoteTarget(r, j.Schedule, j.Title)
	return api.WriteJSON(w, http.StatusAccepted, j)
}

const maxPreview = 20

func (x *resource) previewSchedule(w http.ResponseWriter, r *http.Request) error {
	q, n := r.URL.Query(), 5
	if s := q.Get("count"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 || n > maxPreview {
			return touchstone.Errorf(touchstone.Invalid, "count must be a whole number from 1 to %d, not %.40q.", maxPreview, s)
		}
	}
	list, err := x.schedules().Preview(r.Context(), q.Get("cron"), cron.Days(q.Get("days")), n)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"items": list, "time_zone": fmt.Sprint(x.schedules().zone())})
}

func (x *resource) getCalendar(w http.ResponseWriter, r *http.Request) error {
	c, err := x.schedules().Calendar(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, c)
}

func (x *resource) setCalendar(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Calendar string   `json:"calendar"`
		Own      []OwnDay `json:"own"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	c, err := x.schedules().SetCalendar(r.Context(), in.Calendar, in.Own)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, c)
}
