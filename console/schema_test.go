package console

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// contract checks every answer that a test gets against openapi.yaml: status, types,
// required fields, enumerations, and that no field is undocumented.
type contract struct {
	root  map[string]any
	paths []contractPath
}

type contractPath struct {
	pattern *regexp.Regexp
	item    map[string]any
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	text, err := OpenAPI(featureResources(&behind{}))
	if err != nil {
		return nil, err
	}
	c := &contract{}
	if err := json.Unmarshal(text, &c.root); err != nil {
		return nil, err
	}
	paths := c.root["paths"].(map[string]any)
	braces := regexp.MustCompile(`\\\{[a-z]+\\\}`)
	// Fixed paths come before those with parameters: /quarantine/summary is no id.
	for _, p := range slices.SortedFunc(maps.Keys(paths), func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "{", "~"), strings.ReplaceAll(b, "{", "~"))
	}) {
		pattern := regexp.MustCompile("^" + braces.ReplaceAllString(regexp.QuoteMeta(p), `[^/]+`) + "$")
		c.paths = append(c.paths, contractPath{pattern, paths[p].(map[string]any)})
	}
	return c, nil
})

// check reports what is wrong with an answer.
func (c *contract) check(method, path string, status int, contentType, body string) []string {
	path, _, _ = strings.Cut(path, "?")
	for _, p := range c.paths {
		if !p.pattern.MatchString(path) {
			continue
		}
		op, ok := p.item[strings.ToLower(method)].(map[string]any)
		if !ok {
			return nil
		}
		responses := op["responses"].(map[string]any)
		response, ok := responses[fmt.Sprint(status)].(map[string]any)
		if !ok && status < 400 {
			return []string{fmt.Sprintf("status %d is not documented", status)}
		}
		if !ok {
			response = c.resolve(responses["default"]).(map[string]any)
		}
		content, _ := response["content"].(map[string]any)
		mediaType, _, _ := strings.Cut(contentType, ";")
		media, ok := content[mediaType].(map[string]any)
		if !ok && (body != "" || content != nil) {
			return []string{fmt.Sprintf("content type %q is not documented for status %d", contentType, status)}
		}
		if !strings.HasSuffix(mediaType, "json") || strings.HasSuffix(mediaType, "ndjson") {
			return nil
		}
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			return []string{err.Error()}
		}
		ch := &checker{contract: c}
		ch.value("", media["schema"], v)
		return ch.problems
	}
	return nil
}

func (c *contract) resolve(v any) any {
	for {
		m, ok := v.(map[string]any)
		ref, isRef := m["$ref"].(string)
		if !ok || !isRef {
			return v
		}
		v, _ = lookup(c.root, strings.TrimPrefix(ref, "#/"))
	}
}

type checker struct {
	*contract
	problems []string
}

func (c *checker) fail(at, format string, args ...any) {
	c.problems = append(c.problems, at+": "+fmt.Sprintf(format, args...))
}

func (c *checker) value(at string, schema, v any) {
	s, _ := c.resolve(schema).(map[string]any)
	if alternatives, ok := s["oneOf"].([]any); ok {
		var best []string
		for _, alternative := range alternatives {
			trial := &checker{contract: c.contract}
			trial.value(at, alternative, v)
			if trial.problems == nil {
				return
			}
			if best == nil || len(trial.problems) < len(best) {
				best = trial.problems
			}
		}
		c.problems = append(c.problems, best...)
		return
	}
	if !c.hasType(at, s, v) {
		return
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		c.fail(at, "%v is not one of %v", v, enum)
	}
	switch v := v.(type) {
	case map[string]any:
		c.object(at, s, v)
	case []any:
		for i, item := range v {
			c.value(fmt.Sprintf("%s[%d]", at, i), s["items"], item)
		}
	case string:
		if s["format"] == "date-time" {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", v); err != nil {
				c.fail(at, "%q is not a time in UTC with milliseconds", v)
			}
		}
	}
}

func (c *checker) hasType(at string, s map[string]any, v any) bool {
	var types []any
	switch t := s["type"].(type) {
	case string:
		types = []any{t}
	case []any:
		types = t
	default:
		return true
	}
	is := "null"
	switch v := v.(type) {
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case float64:
		is = "number"
		if v == float64(int64(v)) && slices.Contains(types, any("integer")) {
			is = "integer"
		}
	}
	if !slices.Contains(types, any(is)) {
		c.fail(at, "is %s, not %v", is, types)
		return false
	}
	return true
}

func (c *checker) object(at string, s map[string]any, v map[string]any) {
	properties, required := map[string]any{}, []any{}
	open := c.collect(s, properties, &required)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			c.fail(at, "lacks %s", name)
		}
	}
	for name, value := range v {
		switch schema, known := properties[name]; {
		case known:
			c.value(at+"."+name, schema, value)
		case open == nil && len(properties) > 0:
			c.fail(at, "%s is not documented", name)
		case open != nil && open != true:
			c.value(at+"."+name, open, value)
		}
	}
}

// collect gathers what an object may hold, through allOf.
func (c *checker) collect(s map[string]any, properties map[string]any, required *[]any) (open any) {
	parts, _ := s["allOf"].([]any)
	for _, part := range parts {
		if o := c.collect(c.resolve(part).(map[string]any), properties, required); o != nil {
			open = o
		}
	}
	if p, ok := s["properties"].(map[string]any); ok {
		maps.Copy(properties, p)
	}
	if r, ok := s["required"].([]any); ok {
		*required = append(*required, r...)
	}
	if additional, ok := s["additionalProperties"]; ok && additional != false {
		open = additional
	}
	return open
}

// checkContract is called with every answer.
func (s *testServer) checkContract(c call, a answer) {
	s.t.Helper()
	contract, err := loadContract()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, problem := range contract.check(c.method, c.path, a.status, a.header.Get("Content-Type"), a.body) {
		s.t.Errorf("%s %s: the answer is not as openapi.yaml says: %s\n%.600s", c.method, c.path, problem, a.body)
	}
}

// checkMessage checks a message of a live feed.
func checkMessage(t *testing.T, schema, message string) {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(message), &v); err != nil {
		t.Fatal(err)
	}
	ch := &checker{contract: c}
	ch.value(schema, map[string]any{"$ref": "#/components/schemas/" + schema}, v)
	for _, problem := range ch.problems {
		t.Errorf("%s in %s", problem, message)
	}
}

// The checker itself must find what is wrong.
func TestContractChecker(t *testing.T) {
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	const session = `{"user":null,"dev":false,"setup_required":false,"organisation":{"name":"","time_zone":"","currency":"","order_event":"","order_amount":""},"permissions":["people:read"],"closed":[],"rows":null,"version":""}`
	for _, test := range []struct{ method, path, body, want string }{
		{"GET", "/api/v1/session", session, ""},
		{"GET", "/api/v1/session", strings.Replace(session, `"dev":false,`, "", 1), "lacks dev"},
		{"GET", "/api/v1/session", strings.Replace(session, `"people:read"`, `"fly"`, 1), "not one of"},
		{"GET", "/api/v1/session", strings.Replace(session, `"user":null`, `"user":{"id":1,"email":"","role":"admin"}`, 1), "is number"},
		{"GET", "/api/v1/session", strings.Replace(session, `"dev"`, `"x":1,"dev"`, 1), "x is not documented"},
		{"GET", "/api/v1/api-keys", `{"items":[{"id":"","name":"","prefix":"","scopes":[],"created_at":"2026-01-01T00:00:00Z","last_used_at":null}],"next_cursor":""}`, "milliseconds"},
		{"GET", "/api/v1/quarantine/summary", `{}`, "is object"},
	} {
		got := strings.Join(c.check(test.method, test.path, http.StatusOK, "application/json", test.body), "; ")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s %s: %q, want %q", test.method, test.body, got, test.want)
		}
	}
	if got := c.check("DELETE", "/api/v1/session", http.StatusOK, "", ""); len(got) == 0 {
		t.Error("an undocumented status was not found")
	}
}
