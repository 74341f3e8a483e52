package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// leaves returns the fields of a configuration that hold values, by their path in Go, with
// pointers to them.
func leaves(prefix string, v reflect.Value, found map[string]any) {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		if f := v.Field(i); f.Kind() == reflect.Struct {
			leaves(name+".", f, found)
		} else {
			found[name] = f.Addr().Interface()
		}
	}
}

// Every field of the configuration is a setting, and every setting is read by the program:
// one that nobody reads promises what does not happen.
func TestEverySettingIsReadBySomething(t *testing.T) {
	c := DefaultConfig()
	fields := map[string]any{}
	leaves("", reflect.ValueOf(c).Elem(), fields)
	delete(fields, "Query.SQLCommand") // the program's own
	settings := map[any]string{}
	for _, s := range c.settings() {
		settings[s.value] = s.key
	}
	if len(settings) != len(fields) {
		t.Errorf("%d fields of Config, %d settings", len(fields), len(settings))
	}
	read := readFields(t, "*.go", "../cmd/touchstone/*.go")
	for path, value := range fields {
		if settings[value] == "" {
			t.Errorf("Config.%s is no setting", path)
		}
		if !read[path] {
			t.Errorf("nothing reads %s (Config.%s)", settings[value], path)
		}
	}
}

// readFields returns what is selected of something called cfg: "Log.Level" for a.cfg.Log.Level.
func readFields(t *testing.T, patterns ...string) map[string]bool {
	t.Helper()
	read := map[string]bool{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || path == "config.go" {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if name, ok := strings.CutPrefix(dotted(sel), "cfg."); ok {
						read[name] = true
					} else if _, name, ok := strings.Cut(dotted(sel), ".cfg."); ok {
						read[name] = true
					}
				}
				return true
			})
		}
	}
	return read
}

// dotted writes a chain of selectors as it stands in the code.
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return dotted(e.X) + "." + e.Sel.Name
	}
	return ""
}
