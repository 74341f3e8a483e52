package touchstone_test

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/touchstone-cdp/touchstone"

// The bands of the layout, top first. A package imports from its own band only what
// sidewaysAllowed names, and otherwise from lower bands.
var bands = [][]string{
	{"cmd", "apptest"},
	{"app"},
	{"console"},
	{"sim"},
	{"people", "privacy", "experiment", "decide", "journey", "channel", "advisor", "reward", "vehicle", "webhook", "mail", "lineage", "template", "activation"},
	{"analytics", "linkage", "model", "audience"},
	{"collect", "pipeline", "identity", "profile", "segment", "household", "quality", "catalogue", "tag", "stage"},
	{"inbox", "outbox", "keep", "job", "api", "command", "admission", "consent"}, // the joints: how features hang on the spine
	{"stream", "store", "warehouse"},
	{"access"},
	{"internal", "sdk"},
	{""},               // the root package
	{"internal/coded"}, // how values of packed rows and of the log's frames are read: root has such a form, too
}

// Packages that others of their own band may import, each with its reason.
var sidewaysAllowed = map[string]string{
	"segment/rule": "a language, without state",
	"channel":      "the port to the world",
	"api":          "how a part of the spine brings its routes",
	"keep":         "the contract of a person's state, which the other joints keep too",
	"stream":       "an offset in the log is part of the warehouse's and the store's contract",
}

// Back ends are named by app and by tests only, so that everything else builds and
// tests without them (and without cgo).
var backEnds = []string{"stream/jetstream", "stream/memory", "store/sqlite", "store/postgres", "warehouse/duckdb", "warehouse/remote"}

// Test support may name back ends: it runs conformance suites on them.
var testSupport = []string{"store/storetest", "stream/streamtest", "keep/keeptest", "warehouse/warehousetest", "analytics/analyticstest", "mail/mailtest", "apptest"}

// Commands that open an engine of their own, with the reason.
var backEndExceptions = map[string]string{
	"cmd/touchstone": "bench query measures a warehouse that it fills itself",
}

func TestImportsPointDown(t *testing.T) {
	forEachGoFile(t, func(path string, file *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		pkg := packageOf(path)
		for _, spec := range file.Imports {
			target, ok := strings.CutPrefix(importPath(spec), module)
			if !ok {
				continue
			}
			target = strings.TrimPrefix(target, "/")
			where := fset.Position(spec.Pos())
			if slices.Contains(backEnds, target) && !mayNameBackEnds(pkg) {
				t.Errorf("%s: %s imports the back end %s; only app and tests may", where, name(pkg), target)
			}
			if breach := checkDirection(pkg, target); breach != "" {
				t.Errorf("%s: %s", where, breach)
			}
		}
	})
}

func mayNameBackEnds(pkg string) bool {
	_, excepted := backEndExceptions[pkg]
	return excepted || top(pkg) == "app" || slices.Contains(testSupport, pkg) || slices.Contains(backEnds, pkg)
}

func checkDirection(pkg, target string) string {
	if top(pkg) == top(target) && top(pkg) != "" {
		return "" // inside one feature
	}
	from, to := bandOf(pkg), bandOf(target)
	switch {
	case from < 0:
		return name(pkg) + " is in no band; place it in tidy_test.go"
	case to < 0:
		return name(target) + " is in no band; place it in tidy_test.go"
	case to < from:
		return name(pkg) + " imports " + name(target) + ", which lies above it"
	case to == from && sidewaysAllowed[target] == "" && pkg != "":
		return name(pkg) + " imports its neighbour " + name(target) + "; declare a small interface and let app fill it in"
	}
	return ""
}

// Who reads bodies of requests: each bounds them, and says what is wrong with them in its own words.
var bodyReaders = map[string]string{
	"api/read.go":                       "the management API: api.ReadJSON, ReadBody",
	"collect/body.go":                   "the tracking API",
	"collect/settings.go":               "throws away what a library sends about itself",
	"console/router.go":                 "bounds what api reads",
	"consent/page.go":                   "bounds a form of the preference page",
	"internal/conns/pace.go":            "watches how fast it comes",
	"warehouse/remote/serve.go":         "tasks between processes",
	"cmd/touchstone/bench_reference.go": "a reference server of a benchmark",
	"cmd/touchstone/bench_webhooks.go":  "a receiver of a benchmark",
}

// Handlers get what was sent by api.ReadJSON, so that all of the management API is as strict, as
// bounded and as clear about mistakes.
func TestBodiesAreReadInOnePlace(t *testing.T) {
	forEachGoFile(t, func(path string, file *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") || bodyReaders[path] != "" || !slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool { return importPath(s) == "net/http" }) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "Body" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && (x.Name == "r" || x.Name == "req") {
				t.Errorf("%s reads the body of a request; use api.ReadJSON or api.ReadBody", fset.Position(n.Pos()))
			}
			return true
		})
	})
}

func TestNoGrabBagPackages(t *testing.T) {
	banned := []string{"util", "utils", "common", "misc", "helper", "helpers", "types", "models"}
	forEachGoFile(t, func(path string, file *ast.File, _ *token.FileSet) {
		if slices.Contains(banned, file.Name.Name) {
			t.Errorf("%s: package %s says nothing about what is in it", path, file.Name.Name)
		}
	})
}

func TestIsFormatted(t *testing.T) {
	walkFiles(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := format.Source(text)
		if err != nil || !bytes.Equal(text, formatted) {
			t.Errorf("%s is not as gofmt writes it (%v): gofmt -w %[1]s", path, err)
		}
	})
}

func TestNoInit(t *testing.T) {
	forEachGoFile(t, func(path string, file *ast.File, _ *token.FileSet) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init() hides wiring; list it in app", path)
			}
		}
	})
}

func TestSizesStayReadable(t *testing.T) {
	const maxFile, maxFunc, maxMethods = 800, 70, 10
	forEachGoFile(t, func(path string, file *ast.File, fset *token.FileSet) {
		if ast.IsGenerated(file) {
			return
		}
		if n := fset.Position(file.End()).Line; n > maxFile {
			t.Errorf("%s has %d lines; what is the second room inside?", path, n)
		}
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				lines := fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1
				if lines > maxFunc && !isTable(n) {
					t.Errorf("%s: %s has %d lines", fset.Position(n.Pos()), n.Name.Name, lines)
				}
			case *ast.InterfaceType:
				if n.Methods.NumFields() > maxMethods {
					t.Errorf("%s: an interface of %d methods", fset.Position(n.Pos()), n.Methods.NumFields())
				}
			}
			return true
		})
	})
}

// isTable reports whether a function is one big literal: most of its lines are inside
// a single composite literal.
func isTable(f *ast.FuncDecl) bool {
	biggest := token.Pos(0)
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CompositeLit); ok {
			biggest = max(biggest, c.End()-c.Pos())
		}
		return true
	})
	return biggest*2 > f.End()-f.Pos()
}

func TestNoMachinePaths(t *testing.T) {
	walkFiles(t, func(path string) {
		switch filepath.Ext(path) {
		case ".go", ".ts", ".tsx", ".md", ".yaml", ".yml", ".sh", ".json":
		default:
			return
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for n := 1; lines.Scan(); n++ {
			for _, bad := range []string{"/work" + "/", "/root" + "/", "/tmp/" + "bash"} { // in parts: this file is read, too
				if strings.Contains(lines.Text(), bad) {
					t.Errorf("%s:%d: a path of one machine: %q", path, n, bad)
				}
			}
		}
	})
}

func forEachGoFile(t *testing.T, fn func(path string, file *ast.File, fset *token.FileSet)) {
	t.Helper()
	walkFiles(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		fn(filepath.ToSlash(path), file, fset)
	})
}

func walkFiles(t *testing.T, fn func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "dist", "testdata", "bin", "data":
				return filepath.SkipDir
			}
			return nil
		}
		fn(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func packageOf(path string) string {
	dir := filepath.ToSlash(filepath.Dir(path))
	if dir == "." {
		return ""
	}
	return dir
}

func top(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

func bandOf(pkg string) int {
	if exact := slices.IndexFunc(bands, func(b []string) bool { return slices.Contains(b, pkg) }); exact >= 0 {
		return exact
	}
	return slices.IndexFunc(bands, func(b []string) bool { return slices.Contains(b, top(pkg)) })
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return p
}

func name(pkg string) string {
	if pkg == "" {
		return "the root package"
	}
	return pkg
}

// A link from one of the project's documents to another leads somewhere.
func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	documents := []string{"README.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	link := regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", document, m[1])
			}
		}
	}
}

// TestMigrationsAreNumbered: they run in the order of their names, and what is known is told by the
// last: one with another count of digits makes a program refuse its own store.
func TestMigrationsAreNumbered(t *testing.T) {
	count := map[string]int{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".sql" || filepath.Base(filepath.Dir(path)) != "migrations" {
			if err == nil && d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return err
		}
		count[filepath.Dir(path)]++
		if want := fmt.Sprintf("%04d_", count[filepath.Dir(path)]); !strings.HasPrefix(d.Name(), want) {
			t.Errorf("%s does not begin with %s", path, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(count) < 5 {
		t.Errorf("only %d folders of migrations were found", len(count))
	}
}
