package console

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
)

var updateMessages = flag.Bool("update", false, "write the list of messages")

const messagesFile = "ui/src/i18n/messages.json"

// What never answers a request of the console.
var messagesNotOf = []string{"cmd", "sim", "apptest", "examples", "internal/loadgen", "internal/filelock", "console/ui"}

// The place of the format among the arguments of what makes messages. Functions called fail
// are those of the parsers, which take the place first; fault is that of schemas.
var messageMakers = map[string]int{"Errorf": 1, "Wrap": 2, "WithHint": 0, "Textf": 0, "fail": 1, "fault": 0}

// TestMessagesAreListed holds the list of all messages that the server has for people
// against its code. The console has each of them in its other languages (i18n.test.ts).
func TestMessagesAreListed(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		switch {
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || slices.Contains(messagesNotOf, place)):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test"):
			return nil
		}
		return messagesOf(path, found)
	})
	if err != nil {
		t.Fatal(err)
	}
	list := slices.Sorted(maps.Keys(found))
	text, err := json.Marshal(list, jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	if *updateMessages {
		if err := os.WriteFile(messagesFile, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(messagesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(text)+"\n"); diff != "" {
		t.Errorf("the list of messages is old; go test ./console -run Messages -update (-listed +in the code):\n%s", diff)
	}
}

func messagesOf(path string, found map[string]bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(e ast.Expr, format bool) {
		text, ok := literalText(e)
		if !ok || text == "" {
			return
		}
		if !format {
			text = strings.ReplaceAll(text, "%", "%%")
		}
		template, _ := touchstone.Textf(text).Template()
		if strings.Trim(template, "{}0123456789: ") != "" { // more than places
			found[template] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
				if x, ok := f.X.(*ast.Ident); ok && x.Name == "fmt" {
					return true
				}
			case *ast.Ident:
				name = f.Name
			}
			if at, ok := messageMakers[name]; ok && at < len(n.Args) {
				add(n.Args[at], true)
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Message" || key.Name == "Hint") {
				add(n.Value, false)
			}
		}
		return true
	})
	return nil
}

// literalText reads a literal, or literals that are added up.
func literalText(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		left, ok1 := literalText(e.X)
		right, ok2 := literalText(e.Y)
		return left + right, ok1 && ok2 && e.Op == token.ADD
	case *ast.ParenExpr:
		return literalText(e.X)
	}
	return "", false
}
