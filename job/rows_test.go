package job_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// callsOf serves the jobs' API to a viewer; the console closes what is not for the limited.
func callsOf(t *testing.T, p *process) func(v *access.Viewer, method, path, body string) (int, string) {
	mux := chi.NewRouter()
	for _, rt := range job.Resource(func() *job.Jobs { return p.Jobs }, nil).Routes {
		mux.Method(rt.Method, rt.Path, httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if rt.Rows == api.AboutAll {
				if err := api.ViewerOf(r).RequireAll(); err != nil {
					return err
				}
			}
			return rt.Handle(w, r)
		}))
	}
	return func(v *access.Viewer, method, path, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r.WithContext(api.WithViewer(r.Context(), v)))
		return w.Code, w.Body.String()
	}
}

// Who is limited to some persons starts what keeps to them, and sees, reads, cancels and repeats
// those jobs, and no others: not those of others, nor their own from under other limits.
func TestWhoIsLimitedSeesTheirOwnJobs(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		named := func(ctx context.Context, v *access.Viewer, _ touchstone.JSON) (job.Prepared, error) {
			return job.Prepared{Input: "{}", Title: "of " + v.ID, Need: "people:export"}, nil
		}
		scoped := job.Kind{Name: "list", Serves: touchstone.Operation("a test"), Start: "people:export", Scoped: true, Prepare: named, Run: func(_ context.Context, r job.Run) (touchstone.JSON, error) {
			f, err := r.File("list.csv")
			if err != nil {
				return "", err
			}
			defer f.Close()
			if _, err := f.Write([]byte("some persons")); err != nil {
				return "", err
			}
			_, err = f.Flush()
			return touchstone.JSON(`{"file":{"name":"list.csv","bytes":12}}`), err
		}}
		all := job.Kind{Name: "all", Serves: touchstone.Operation("a test"), Start: "people:export", Run: scoped.Run}
		dir := t.TempDir()
		p := start(t, db, func(c *job.Config) { c.Files.Folder = dir }, scoped, all)
		call := callsOf(t, p)
		may := access.Set{"jobs:read": {}, "jobs:write": {}, "people:export": {}}
		who := func(id, set string) *access.Viewer {
			v := &access.Viewer{Kind: "user", ID: id, Permissions: may}
			if set != "" {
				v.Rows = &access.Rows{Set: set}
			}
			return v
		}
		boss, ann, moved, bea := who("usr_boss", ""), who("usr_ann", "pudong"), who("usr_ann", "jingan"), who("usr_bea", "pudong")
		if status, text := call(ann, "POST", "/jobs", `{"kind":"all"}`); status != 403 || !strings.Contains(text, "limited to some") {
			t.Errorf("a job about everybody: %d %s", status, text)
		}
		if _, text := call(ann, "GET", "/jobs/kinds", ""); !strings.Contains(text, `"list"`) || strings.Contains(text, `"all"`) {
			t.Errorf("kinds: %s", text)
		}
		ids := map[*access.Viewer]string{}
		for _, v := range []*access.Viewer{boss, ann, bea} {
			if status, text := call(v, "POST", "/jobs", `{"kind":"list"}`); status != 202 {
				t.Fatalf("%d %s", status, text)
			} else {
				_, text, _ = strings.Cut(text, `"id":"`)
				ids[v], _, _ = strings.Cut(text, `"`)
			}
			p.awaitStatus(t, ids[v], job.Done)
		}
		for v, own := range map[*access.Viewer][]*access.Viewer{boss: {boss, ann, bea}, ann: {ann}, moved: nil, bea: {bea}} {
			_, list := call(v, "GET", "/jobs", "")
			for of, id := range ids {
				seen := false
				for _, o := range own {
					seen = seen || o == of
				}
				if strings.Contains(list, id) != seen {
					t.Errorf("%s, set %v: the job of %s in the list: %v", v.ID, v.Rows, of.ID, !seen)
				}
				for path, least := range map[string]int{"GET /jobs/" + id: 200, "GET /jobs/" + id + "/file": 200, "POST /jobs/" + id + "/cancel": 409, "POST /jobs/" + id + "/retry": 409} {
					method, path, _ := strings.Cut(path, " ")
					status, text := call(v, method, path, "")
					if want := map[bool]int{true: least, false: 404}[seen]; status != want {
						t.Errorf("%s, set %v: %s %s of %s: %d %s", v.ID, v.Rows, method, path, of.ID, status, text)
					}
					if !seen && strings.Contains(text, "of "+of.ID) {
						t.Errorf("%s is told %s", v.ID, text)
					}
				}
			}
		}
		if status, _ := call(ann, "DELETE", "/jobs/"+ids[ann], ""); status != 403 {
			t.Errorf("history of all is deleted by one who is limited: %d", status)
		}
	})
}
