package console

import (
	"strings"
	"testing"
)

// hostileBodies are what no call may fail at with a 5xx, or accept.
var hostileBodies = map[string]string{
	"empty":             "",
	"not JSON":          "name=x&kind=web",
	"half":              `{"name":`,
	"two values":        `{}{}`,
	"a list":            `[]`,
	"a text":            `"x"`,
	"null":              `null`,
	"unknown field":     `{"no_such_field":1}`,
	"field twice":       `{"name":"a","name":"b"}`,
	"deep":              strings.Repeat(`{"name":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	"deep list":         `{"name":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}",
	"deep rule":         `{"name":"x","rule":` + strings.Repeat(`{"not":`, 20_000) + `{"trait":"a","op":"exists"}` + strings.Repeat("}", 20_000) + "}",
	"huge number":       `{"name":1e999999999}`,
	"long number":       `{"name":` + strings.Repeat("9", 100_000) + `}`,
	"NUL":               `{"name":"a` + "\x00" + `"}`,
	"invalid UTF-8":     "{\"name\":\"\xff\xfe\"}",
	"lone surrogate":    `{"name":"\ud800"}`,
	"other case":        `{"NAME":"x","Email":"x"}`,
	"long name":         `{"name":"` + strings.Repeat("x", 500_000) + `","kind":"web","scopes":["read"]}`,
	"wrong types":       `{"name":{},"kind":[],"ids":"x","rule":7,"query":[],"scopes":{},"organisation":1,"event":[]}`,
	"over the limit":    `{"name":"` + strings.Repeat("x", 5<<20) + `"}`,
	"a byte order mark": "\ufeff{}",
}

func TestHostileBodies(t *testing.T) {
	w := newWorld(t)
	for _, rt := range w.routes() {
		if rt.Method == "GET" || rt.Method == "DELETE" {
			continue
		}
		path := "/api/v1" + strings.NewReplacer("{id}", "none").Replace(rt.Path)
		for name, body := range hostileBodies {
			a := w.do(call{method: rt.Method, path: path, key: w.admin, body: body})
			optional := strings.HasSuffix(path, "/rotate") || strings.HasSuffix(path, "/none/replay") || strings.HasSuffix(path, "/finish") ||
				strings.HasSuffix(path, "/backups")
			switch {
			case a.status >= 500:
				t.Errorf("%s %s, %s: %d %s", rt.Method, path, name, a.status, a.body)
			case a.status < 300 && !(name == "null" && rt.Method == "PATCH") && !optional:
				t.Errorf("%s %s, %s: accepted with %d %s", rt.Method, path, name, a.status, a.body)
			case len(a.body) > 2000:
				t.Errorf("%s %s, %s: an answer of %d bytes", rt.Method, path, name, len(a.body))
			}
		}
	}
}

func TestHostileParameters(t *testing.T) {
	w := newWorld(t)
	for _, rt := range w.routes() {
		if rt.Method != "GET" || rt.Stream {
			continue
		}
		for _, value := range []string{"", "%00", "%ff%fe", "..%2f..%2fetc", "p_", "p_-1", "p_zzzzzzzzzzzzzzzzzzzz", "%27%20or%201=1--", "a:b:c", ":", "user_id:", "%25", "%F0%9F%98%80",
			strings.Repeat("x", 6000), "kind%3A" + strings.Repeat("%E4%BA%BA", 500)} {
			if value == "" && strings.Contains(rt.Path, "{") {
				continue
			}
			path := "/api/v1" + strings.NewReplacer("{id}", value, "{ref}", value, "{name}", value).Replace(rt.Path)
			query := "?q=" + value + "&cursor=" + value + "&event=" + value + "&property=" + value + "&source=" + value + "&code=" + value + "&reason=" + value +
				"&from=" + value + "&to=" + value + "&action=" + value
			for _, url := range []string{path, path + query, path + "?limit=" + value} {
				if a := w.do(call{method: "GET", path: url, key: w.admin}); a.status >= 500 {
					t.Errorf("GET %.200s: %d %s", url, a.status, a.body)
				}
			}
		}
	}
}
