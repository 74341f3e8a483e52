package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone/access"
)

const testBase = `
openapi: 3.1.0
tags: [{name: Session, description: Signing in}]
paths:
  /healthz: {get: {x-permission: none, responses: {}}}
  /api/v1/session: {get: {tags: [Session], x-permission: none, responses: {}}}
components:
  parameters: {IdempotencyKey: {name: Idempotency-Key, in: header}}
  schemas: {Permission: {type: string}, Role: {type: string}}
`

const testSpec = `
tags: [{name: Webhooks, description: Calls}]
paths:
  /api/v1/webhooks:
    get: {tags: [Webhooks], x-permission: "segments:read", responses: {}}
    post: {tags: [Webhooks], x-permission: segments:write, parameters: [{$ref: "#/components/parameters/IdempotencyKey"}], responses: {}}
components:
  schemas: {Webhook: {type: object}}
`

func nothing(http.ResponseWriter, *http.Request) error { return nil }

func testResources() []Resource {
	return []Resource{
		{Name: "Session", Routes: []Route{{Method: "GET", Path: "/session", Handle: nothing}}},
		{Name: "Webhooks", Spec: []byte(testSpec), Permissions: []access.Declared{{Permission: "segments:read"}, {Permission: "segments:write"}}, Routes: []Route{
			{Method: "GET", Path: "/webhooks", Need: "segments:read", Handle: nothing},
			{Method: "POST", Path: "/webhooks", Need: "segments:write", Handle: nothing, Action: "webhook.create"},
		}},
	}
}

func TestDocumentIsAssembled(t *testing.T) {
	resources := testResources()
	if err := Check(resources); err != nil {
		t.Fatal(err)
	}
	text, err := Document([]byte(testBase), resources)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tags       []tag                     `json:"tags"`
		Paths      map[string]map[string]any `json:"paths"`
		Components map[string]map[string]any `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Tags) != 2 || len(doc.Paths) != 3 || len(doc.Paths["/api/v1/webhooks"]) != 2 || len(doc.Components["schemas"]) != 3 {
		t.Errorf("the document is %s", text)
	}
	if got := len(doc.Components["schemas"]["Permission"].(map[string]any)["enum"].([]any)); got != len(access.Permissions()) {
		t.Errorf("%d permissions are listed", got)
	}
	if order := []string{`"openapi"`, `"/healthz"`, `"/api/v1/session"`, `"/api/v1/webhooks"`}; strings.Index(string(text), order[2]) > strings.Index(string(text), order[3]) {
		t.Errorf("the order is lost: %s", text)
	}
}

// Each way in which the list of resources may be wrong is found.
func TestWrongDocumentsAreRefused(t *testing.T) {
	for want, break1 := range map[string]func(base *string, r []Resource){
		"POST /api/v1/webhooks is not described": func(_ *string, r []Resource) {
			r[1].Spec = []byte(strings.Replace(testSpec, "    post:", "    patch:", 1))
		},
		"PATCH /api/v1/webhooks is described and not served": func(_ *string, r []Resource) {
			r[1].Spec = []byte(strings.Replace(testSpec, "    post:", "    patch:", 1))
		},
		`needs "segments:read", and is described with x-permission "none"`: func(_ *string, r []Resource) {
			r[1].Spec = []byte(strings.Replace(testSpec, `"segments:read"`, "none", 1))
		},
		"get is described twice": func(base *string, _ []Resource) {
			*base = strings.Replace(testBase, "paths:", "paths:\n  /api/v1/webhooks: {get: {x-permission: none}}", 1)
		},
		"Webhook is described twice": func(base *string, _ []Resource) {
			*base = strings.Replace(testBase, "schemas: {", "schemas: {Webhook: {type: object}, ", 1)
		},
		"the tag Session is there twice": func(_ *string, r []Resource) {
			r[1].Spec = []byte(strings.ReplaceAll(testSpec, "Webhooks", "Session"))
		},
		"has the tag Hooks": func(_ *string, r []Resource) {
			r[1].Spec = []byte(strings.ReplaceAll(testSpec, "[Webhooks]", "[Hooks]"))
		},
		"honours Idempotency-Key: false": func(_ *string, r []Resource) { r[1].Routes[1].Secret = true },
		`not "servers"`:                  func(_ *string, r []Resource) { r[1].Spec = []byte(testSpec + "servers: []\n") },
		"not an object":                  func(_ *string, r []Resource) { r[1].Spec = []byte("- 1\n") },
		"POST /webhooks needs the permission": func(_ *string, r []Resource) {
			r[1].Permissions = r[1].Permissions[:1]
		},
		"serves GET /session, as Session does": func(_ *string, r []Resource) {
			r[1].Routes = append(r[1].Routes, Route{Method: "GET", Path: "/session", Handle: nothing})
		},
		"declares the permission segments:read, as Webhooks does": func(_ *string, r []Resource) {
			r[1].Permissions = append(r[1].Permissions, access.Declared{Permission: "segments:read"})
		},
		"is not in the tables": func(_ *string, r []Resource) {
			r[1].Permissions = append(r[1].Permissions, access.Declared{Permission: "moon:fly"})
		},
		"has no handler": func(_ *string, r []Resource) { r[0].Routes[0].Handle = nil },
	} {
		base, resources := testBase, testResources()
		break1(&base, resources)
		_, err := Document([]byte(base), resources)
		if err == nil {
			err = Check(resources)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
