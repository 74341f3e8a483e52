package console

import (
	"bytes"
	_ "embed"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The part of an OpenAPI document that the page at /docs shows.
type apiDocument struct {
	Info struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"info"`
	Tags []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tags"`
	Paths      apiPaths `json:"paths"`
	Components struct {
		Parameters    map[string]apiParameter `json:"parameters"`
		RequestBodies map[string]apiBody      `json:"requestBodies"`
		Responses     map[string]apiBody      `json:"responses"`
		Schemas       map[string]*apiSchema   `json:"schemas"`
	} `json:"components"`
}

// apiPaths keeps the order of the document.
type apiPaths struct {
	order []string
	items map[string]apiPath
}

// UnmarshalJSONFrom reads the object member by member.
func (p *apiPaths) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	p.items = make(map[string]apiPath)
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		path := name.String()
		var item apiPath
		if err := json.UnmarshalDecode(dec, &item); err != nil {
			return err
		}
		p.order = append(p.order, path)
		p.items[path] = item
	}
	_, err := dec.ReadToken()
	return err
}

type apiPath struct {
	Parameters []apiParameter `json:"parameters"`
	Get        *apiOperation  `json:"get"`
	Post       *apiOperation  `json:"post"`
	Patch      *apiOperation  `json:"patch"`
	Delete     *apiOperation  `json:"delete"`
}

type apiOperation struct {
	ID          string             `json:"operationId"`
	Tags        []string           `json:"tags"`
	Summary     string             `json:"summary"`
	Description string             `json:"description"`
	Permission  string             `json:"x-permission"`
	Parameters  []apiParameter     `json:"parameters"`
	Body        *apiBody           `json:"requestBody"`
	Responses   map[string]apiBody `json:"responses"`
}

type apiParameter struct {
	Ref         string    `json:"$ref"`
	Name        string    `json:"name"`
	In          string    `json:"in"`
	Required    bool      `json:"required"`
	Description string    `json:"description"`
	Schema      apiSchema `json:"schema"`
}

type apiBody struct {
	Ref         string              `json:"$ref"`
	Description string              `json:"description"`
	Content     map[string]apiMedia `json:"content"`
}

type apiMedia struct {
	Schema   *apiSchema     `json:"schema"`
	Example  jsontext.Value `json:"example"`
	Examples map[string]struct {
		Value jsontext.Value `json:"value"`
	} `json:"examples"`
}

type apiSchema struct {
	Ref        string                `json:"$ref"`
	Type       any                   `json:"type"` // a name or a list of names
	Format     string                `json:"format"`
	Enum       []any                 `json:"enum"`
	Const      any                   `json:"const"`
	Default    any                   `json:"default"`
	Examples   []jsontext.Value      `json:"examples"`
	Properties map[string]*apiSchema `json:"properties"`
	Items      *apiSchema            `json:"items"`
	AllOf      []*apiSchema          `json:"allOf"`
	OneOf      []*apiSchema          `json:"oneOf"`
	AnyOf      []*apiSchema          `json:"anyOf"`
}

//go:embed docs.html
var docsHTML string

// What the template shows.
type (
	docsPage struct {
		Title       string
		Description template.HTML
		Groups      []docsGroup
	}
	docsGroup struct {
		Name, Description string
		Operations        []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, Summary, Permission string

		Description template.HTML

		Parameters []docsParameter
		Requests   []string // examples of the body
		Responses  []docsResponse
	}
	docsParameter struct {
		Name, In, Type string
		Description    template.HTML
		Required       bool
	}
	docsResponse struct {
		Status, Description, Example string
	}
)

func renderDocs(api *apiDocument) ([]byte, error) {
	tmpl, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	p := docsPage{Title: api.Info.Title, Description: marked(api.Info.Description)}
	for _, tag := range api.Tags {
		g := docsGroup{Name: tag.Name, Description: tag.Description}
		for _, path := range api.Paths.order {
			item := api.Paths.items[path]
			for _, m := range []struct {
				method string
				op     *apiOperation
			}{{"GET", item.Get}, {"POST", item.Post}, {"PATCH", item.Patch}, {"DELETE", item.Delete}} {
				if m.op != nil && slices.Contains(m.op.Tags, tag.Name) {
					g.Operations = append(g.Operations, api.operation(m.method, path, &item, m.op))
				}
			}
		}
		p.Groups = append(p.Groups, g)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (api *apiDocument) operation(method, path string, item *apiPath, op *apiOperation) docsOperation {
	d := docsOperation{ID: op.ID, Method: method, Path: path, Summary: op.Summary, Description: marked(op.Description), Permission: op.Permission}
	for _, p := range slices.Concat(item.Parameters, op.Parameters) {
		if p.Ref != "" {
			p = api.Components.Parameters[refName(p.Ref)]
		}
		d.Parameters = append(d.Parameters, docsParameter{p.Name, p.In, api.typeName(&p.Schema), marked(p.Description), p.Required})
	}
	if op.Body != nil {
		body := *op.Body
		if body.Ref != "" {
			body = api.Components.RequestBodies[refName(body.Ref)]
		}
		for _, media := range body.Content {
			d.Requests = append(d.Requests, api.examples(&media)...)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		answer := op.Responses[status]
		if status == "default" {
			continue // the introduction explains problems
		}
		if answer.Ref != "" {
			answer = api.Components.Responses[refName(answer.Ref)]
		}
		r := docsResponse{Status: status, Description: answer.Description}
		for _, media := range answer.Content {
			if list := api.examples(&media); len(list) > 0 {
				r.Example = list[0]
			}
		}
		d.Responses = append(d.Responses, r)
	}
	return d
}

var (
	codeMark   = regexp.MustCompile("`([^`]+)`")
	strongMark = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// marked renders the two marks of Markdown that the document uses.
func marked(text string) template.HTML {
	text = template.HTMLEscapeString(text)
	text = codeMark.ReplaceAllString(text, "<code>$1</code>")
	text = strongMark.ReplaceAllString(text, "<strong>$1</strong>")
	return template.HTML(text) //nolint:gosec // escaped above
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// typeName says what a parameter looks like.
func (api *apiDocument) typeName(s *apiSchema) string {
	s = api.resolve(s)
	if s.Format != "" {
		return s.Format
	}
	name, _ := s.Type.(string)
	return name
}

func (api *apiDocument) resolve(s *apiSchema) *apiSchema {
	for s != nil && s.Ref != "" {
		s = api.Components.Schemas[refName(s.Ref)]
	}
	if s == nil {
		return &apiSchema{}
	}
	return s
}

// examples returns the examples of a body as indented text; without any, one is made of
// the schema.
func (api *apiDocument) examples(m *apiMedia) []string {
	var values []jsontext.Value
	if m.Example != nil {
		values = append(values, m.Example)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Examples)) {
		values = append(values, m.Examples[name].Value)
	}
	if values == nil && m.Schema != nil {
		v := api.sample(m.Schema, 0)
		if text, err := json.Marshal(v, json.Deterministic(true)); err == nil && v != nil && v != "…" {
			values = append(values, text)
		}
	}
	var texts []string
	for _, v := range values {
		v = v.Clone()
		if v.Indent(jsontext.WithIndent("  ")) == nil {
			texts = append(texts, string(v))
		}
	}
	return texts
}

// sample makes a value that fits a schema.
func (api *apiDocument) sample(s *apiSchema, depth int) any {
	s = api.resolve(s)
	switch {
	case depth > 6:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.AllOf) > 0:
		all := map[string]any{}
		for _, part := range s.AllOf {
			if m, ok := api.sample(part, depth+1).(map[string]any); ok {
				maps.Copy(all, m)
			}
		}
		return all
	case len(s.OneOf) > 0:
		return api.sample(s.OneOf[0], depth+1)
	case len(s.AnyOf) > 0:
		return api.sample(s.AnyOf[0], depth+1)
	}
	name, _ := s.Type.(string)
	if list, ok := s.Type.([]any); ok && len(list) > 0 {
		name, _ = list[0].(string)
	}
	switch name {
	case "object":
		m := map[string]any{}
		for k, v := range s.Properties {
			m[k] = api.sample(v, depth+1)
		}
		return m
	case "array":
		if s.Items == nil {
			return []any{}
		}
		return []any{api.sample(s.Items, depth+1)}
	case "integer", "number":
		return 0
	case "boolean":
		return true
	case "string":
		switch s.Format {
		case "date-time":
			return "2026-01-31T08:15:30.123Z"
		case "date":
			return "2026-01-31"
		}
		return "…"
	}
	return nil
}
