package console

import (
	_ "embed"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPIYAML []byte

// OpenAPI returns the API's document as JSON.
func OpenAPI() ([]byte, error) {
	text, err := yaml.YAMLToJSON(openAPIYAML)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	value := jsontext.Value(text)
	if err := value.Compact(); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return value, nil
}

// document is the OpenAPI document in its two forms, made when first asked for.
type document struct {
	once sync.Once
	json []byte
	page []byte
	err  error
}

func (d *document) load() error {
	d.once.Do(func() {
		if d.json, d.err = OpenAPI(); d.err != nil {
			return
		}
		var api apiDocument
		if d.err = json.Unmarshal(d.json, &api); d.err == nil {
			d.page, d.err = renderDocs(&api)
		}
	})
	return d.err
}

func (c *Console) getOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	if err := c.document.load(); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*") // for viewers elsewhere; it holds no secret
	w.Write(c.document.json)
	return nil
}

func (c *Console) getDocs(w http.ResponseWriter, _ *http.Request) error {
	if err := c.document.load(); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.Write(c.document.page)
	return nil
}
