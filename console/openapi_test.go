package console

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone/api"
)

func loadDocument(t *testing.T) *apiDocument {
	t.Helper()
	text, err := OpenAPI(featureResources(&behind{}))
	if err != nil {
		t.Fatal(err)
	}
	var doc apiDocument
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

// operations lists "METHOD path" → permission.
func (doc *apiDocument) operations() map[string]string {
	ops := map[string]string{}
	for path, item := range doc.Paths.items {
		for method, op := range map[string]*apiOperation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op != nil {
				ops[method+" "+path] = op.Permission
			}
		}
	}
	return ops
}

// Outside of resources, whose routes and descriptions api.Document compares, there are four.
func TestOperationsOutsideOfResources(t *testing.T) {
	var others []string
	for op := range loadDocument(t).operations() {
		if path := strings.SplitN(op, " ", 2)[1]; !strings.HasPrefix(path, api.Root+"/") && !strings.HasPrefix(path, "/v1/") {
			others = append(others, op)
		}
	}
	slices.Sort(others)
	if want := []string{"GET /docs", "GET /healthz", "GET /openapi.json", "GET /readyz"}; !slices.Equal(others, want) {
		t.Errorf("described are %v, want %v", others, want)
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

// Every reference leads somewhere, and every schema's required fields exist.
func TestDocumentIsConsistent(t *testing.T) {
	text, err := OpenAPI(featureResources(&behind{}))
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
	s := newTestServer(t, func(c *Config) { watch(c, nil, 1) })
	a := s.want(call{method: "GET", path: "/docs"}, 200, "<title>Touchstone management API</title>", "/api/v1/query", "Permission: segments:read")
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
