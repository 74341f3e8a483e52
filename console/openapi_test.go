package console

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func loadDocument(t *testing.T) *apiDocument {
	t.Helper()
	text, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var api apiDocument
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	return &api
}

// operations lists "METHOD path" → permission.
func (api *apiDocument) operations() map[string]string {
	ops := map[string]string{}
	for path, item := range api.Paths.items {
		for method, op := range map[string]*apiOperation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op != nil {
				ops[method+" "+path] = op.Permission
			}
		}
	}
	return ops
}

func TestEveryRouteIsDocumentedAndBack(t *testing.T) {
	documented := loadDocument(t).operations()
	served := map[string]string{
		"GET /healthz": "none", "GET /readyz": "none", "GET /openapi.json": "none", "GET /docs": "none",
	}
	for _, rt := range new(Console).routes() {
		need := string(rt.need)
		if rt.or != "" {
			need += " or " + string(rt.or)
		}
		served[rt.method+" /api/v1"+rt.path] = need
	}
	for _, op := range slices.Sorted(maps.Keys(served)) {
		switch need, ok := documented[op]; {
		case !ok:
			t.Errorf("%s is not in openapi.yaml", op)
		case need != served[op]:
			t.Errorf("%s needs %q, openapi.yaml says %q", op, served[op], need)
		}
	}
	for _, op := range slices.Sorted(maps.Keys(documented)) {
		if _, ok := served[op]; !ok && !strings.HasPrefix(strings.SplitN(op, " ", 2)[1], "/v1/") {
			t.Errorf("%s is in openapi.yaml and not served", op)
		}
	}
}

// The tracking API's part of the document names calls that the edge serves.
func TestTrackingCallsAreServed(t *testing.T) {
	w := newWorld(t)
	r := chi.NewRouter()
	w.edge.Routes(r)
	n := 0
	for op := range loadDocument(t).operations() {
		method, path, _ := strings.Cut(op, " ")
		if strings.HasPrefix(path, "/v1/") {
			n++
			if !r.Match(chi.NewRouteContext(), method, path) {
				t.Errorf("%s is not served", op)
			}
		}
	}
	if n != 8 {
		t.Errorf("%d calls of the tracking API are documented", n)
	}
}

// Writes that honour Idempotency-Key say so, and only they.
func TestIdempotencyIsDocumented(t *testing.T) {
	api := loadDocument(t)
	for _, rt := range new(Console).routes() {
		item := api.Paths.items["/api/v1"+rt.path]
		if rt.method != "POST" || item.Post == nil {
			continue
		}
		says := slices.ContainsFunc(item.Post.Parameters, func(p apiParameter) bool { return strings.HasSuffix(p.Ref, "/IdempotencyKey") })
		honours := rt.action != "" && !rt.secret && !strings.HasPrefix(rt.path, "/imports")
		if says != honours {
			t.Errorf("POST %s: documented %v, honoured %v", rt.path, says, honours)
		}
	}
}

// Every reference leads somewhere, and every schema's required fields exist.
func TestDocumentIsConsistent(t *testing.T) {
	text, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(path, x)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				if _, ok := lookup(root, strings.TrimPrefix(ref, "#/")); !ok {
					t.Errorf("%s: %s leads nowhere", path, ref)
				}
			}
			required, _ := v["required"].([]any)
			properties, _ := v["properties"].(map[string]any)
			for _, name := range required {
				if _, ok := properties[name.(string)]; !ok {
					t.Errorf("%s: %s is required and not described", path, name)
				}
			}
			for k, x := range v {
				walk(path+"/"+k, x)
			}
		}
	}
	walk("", root)
}

func lookup(v any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

func TestDocsPage(t *testing.T) {
	s := newTestServer(t, nil)
	a := s.want(call{method: "GET", path: "/docs"}, 200, "<title>Touchstone management API</title>", "/api/v1/query", "Permission: segments")
	for _, outside := range []string{"<script", "http://", "https://", "@import", "…&gt;"} {
		if strings.Contains(a.body, outside) {
			t.Errorf("the page holds %q", outside)
		}
	}
	if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error("no strict policy")
	}
	packed := s.do(call{method: "GET", path: "/openapi.json", header: map[string]string{"Accept-Encoding": "gzip"}})
	if packed.header.Get("Content-Encoding") != "gzip" || len(packed.body) > 40_000 {
		t.Errorf("%d bytes, packed %q", len(packed.body), packed.header.Get("Content-Encoding"))
	}
	a = s.want(call{method: "GET", path: "/openapi.json"}, 200, `"openapi":"3.1.0"`)
	if !jsontext.Value(a.body).IsValid() {
		t.Error("not valid JSON")
	}
}
