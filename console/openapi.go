package console

import (
	_ "embed"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var openAPIYAML []byte

// OpenAPI assembles the API's document, as JSON: of openapi.yaml, which describes what
// console serves itself, and what resources bring along.
func OpenAPI(resources []api.Resource) ([]byte, error) {
	return api.Document(openAPIYAML, slices.Concat(new(Console).ownResources(), resources))
}

// document is the OpenAPI document in its two forms.
type document struct {
	json []byte
	page []byte
}

func newDocument(resources []api.Resource) (*document, error) {
	d := &document{}
	var err error
	if d.json, err = OpenAPI(resources); err != nil {
		return nil, err
	}
	var doc apiDocument
	if err = json.Unmarshal(d.json, &doc); err != nil {
		return nil, err
	}
	d.page, err = renderDocs(&doc)
	return d, err
}

func (c *Console) getOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*") // for viewers elsewhere; it holds no secret
	w.Write(c.document.json)
	return nil
}

func (c *Console) getDocs(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.Write(c.document.page)
	return nil
}
