package duckdb

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
)

// This file looks at the statements of people: they consist of what allowed.go lists.

// explainPrefix is what stands before the statement that is explained.
var explainPrefix = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\s+(\([^)]*\)\s*|ANALYZE\s+)?`)

// checkParts refuses a statement with a part that is not allowed. It looks at the statement
// as the engine's own parser sees it.
func (c *conn) checkParts(ctx context.Context, query string) error {
	query = explainPrefix.ReplaceAllString(query, "")
	var tree string
	err := c.run(ctx, "SELECT json_serialize_sql(CAST(? AS VARCHAR))", []any{query}, func(res *mapping.Result) error {
		out, err := collect(ctx, res, 1)
		if err == nil && len(out.Rows) == 1 {
			tree = jsonOf(out.Rows[0][0])
		}
		return err
	})
	if err != nil {
		return err
	}
	if jsonDepth(tree) > 4*maxDepth { // before it is read: each part is a few levels
		return errDeep()
	}
	decoder := json.NewDecoder(strings.NewReader(tree))
	decoder.UseNumber()
	var parsed struct {
		Error      bool
		Statements any
	}
	if err := decoder.Decode(&parsed); err != nil || parsed.Error {
		return touchstone.Errorf(touchstone.Invalid, "only a statement that reads is allowed").
			WithHint("write a plain SELECT, WITH … SELECT, DESCRIBE, SHOW TABLES or EXPLAIN SELECT; a PIVOT needs its values listed: IN (…)")
	}
	g := guard{growth: 1}
	return g.walk(parsed.Statements, 0)
}

// jsonOf is the text of a JSON value of a result.
func jsonOf(v any) string {
	if text, ok := v.(touchstone.JSON); ok {
		return string(text)
	}
	text, _ := v.(string)
	return text
}

// guard looks at one statement.
type guard struct {
	parts  int
	growth int64 // see maxGrowth
}

func (g *guard) walk(node any, depth int) error {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			if err := g.walk(child, depth); err != nil {
				return err
			}
		}
	case map[string]any:
		return g.part(node, depth+1)
	}
	return nil
}

// part looks at one object of the tree and those below it.
func (g *guard) part(node map[string]any, depth int) error {
	if g.parts++; g.parts > maxParts {
		return touchstone.Errorf(touchstone.Invalid, "the statement has more than %d parts", maxParts).WithHint("ask in several statements")
	}
	if depth > maxDepth {
		return errDeep()
	}
	if err := g.checkPart(node); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(node)) {
		child := node[key]
		switch {
		case key == "cast_type":
			if err := checkType(child, 0); err != nil {
				return err
			}
			continue
		case key == "function" && node["type"] == "TABLE_FUNCTION":
			call, _ := child.(map[string]any)
			if err := checkTableFunction(call); err != nil {
				return err
			}
			child = call["children"] // its rows are streamed, whatever their number
		}
		if err := g.walk(child, depth); err != nil {
			return err
		}
	}
	return nil
}

// checkPart looks at an object itself.
func (g *guard) checkPart(node map[string]any) error {
	class, isExpression := node["class"].(string)
	shape, isShape := node["type"].(string)
	switch {
	case isExpression && !allowed(classes, class):
		return touchstone.Errorf(touchstone.Invalid, "an expression of the class %s cannot be used here", strings.ToLower(class))
	case !isExpression && isShape && !allowed(shapes, shape) && !strings.HasSuffix(shape, "_TYPE_INFO"):
		return touchstone.Errorf(touchstone.Invalid, "a part of the kind %s cannot be used here", strings.ToLower(shape))
	}
	if class == "CONSTANT" {
		if n := len(constantText(node)); n > maxLiteral {
			return touchstone.Errorf(touchstone.Invalid, "a text of %d bytes is too long", n).WithHint("texts in a statement have %d bytes at most", maxLiteral)
		}
	}
	if shape == "BASE_TABLE" {
		if err := checkTable(node); err != nil {
			return err
		}
	}
	if name, ok := node["function_name"].(string); ok {
		return g.checkCall(name, node)
	}
	return nil
}

func checkTable(node map[string]any) error {
	name, _ := node["table_name"].(string)
	schema, _ := node["schema_name"].(string)
	lower := strings.ToLower(name)
	system := slices.ContainsFunc(strings.Fields(systemPrefixes), func(p string) bool { return strings.HasPrefix(lower, p) })
	switch {
	case strings.EqualFold(schema, "information_schema"):
	case schema != "" && !strings.EqualFold(schema, "main"), system && !allowed(systemViews, lower):
		return touchstone.Errorf(touchstone.Invalid, "%q cannot be read from here", name).
			WithHint("SQL reads the view events and the warehouse's tables; SHOW TABLES lists them")
	case node["at_clause"] != nil:
		return touchstone.Errorf(touchstone.Invalid, "a table cannot be read as of another version here")
	}
	return nil
}

func checkTableFunction(call map[string]any) error {
	name, _ := call["function_name"].(string)
	if !allowed(tableFunctions, strings.ToLower(name)) {
		return instead.hint(name, touchstone.Errorf(touchstone.Invalid, "the function %q cannot be read from here", name).
			WithHint("SQL reads the view events and the warehouse's tables only"))
	}
	return nil
}

// checkCall looks at a call of a function or operator.
func (g *guard) checkCall(name string, node map[string]any) error {
	lower := strings.ToLower(name)
	if !functions()[lower] {
		err := touchstone.Errorf(touchstone.Invalid, "the function %q cannot be used here", name).WithHint("docs/queries.md lists the functions that can")
		if near := nearest(lower); near != "" {
			err = err.WithHint("did you mean %s?", near)
		}
		return instead.hint(name, err)
	}
	bound := bounds[lower]
	if bound == nil {
		return nil
	}
	children, _ := node["children"].([]any)
	args := make([]argument, len(children))
	for i := range children {
		args[i], _ = children[i].(map[string]any)
	}
	size, problem := bound(args)
	if problem.Format != "" {
		return touchstone.Errorf(touchstone.Invalid, "%s could make a value of any size, or take any time, here", shown(lower)).WithHint(problem.Format, problem.Args...)
	}
	if g.growth *= max(size, 1); g.growth > maxGrowth {
		return touchstone.Errorf(touchstone.Invalid, "%s makes values that are too large", shown(lower)).
			WithHint("all such functions of a statement together may make %d characters or elements", maxGrowth)
	}
	return nil
}

// shown is a function's name as people write it.
func shown(name string) string {
	switch name {
	case "~~", "!~~", "like_escape", "not_like_escape":
		return "LIKE"
	case "~~*", "!~~*", "ilike_escape", "not_ilike_escape":
		return "ILIKE"
	case "~~~":
		return "GLOB"
	}
	return name
}

// hint says what to use in place of a function, if there is something.
func (r replacements) hint(name string, err *touchstone.Error) error {
	if use, ok := r[strings.ToLower(name)]; ok {
		return err.WithHint(use.Format, use.Args...)
	}
	return err
}

func errDeep() error {
	return touchstone.Errorf(touchstone.Invalid, "the statement nests deeper than %d levels", maxDepth).WithHint("write lists instead of long chains, and steps with WITH")
}

// checkType looks at a type that a value is cast to.
func checkType(node any, depth int) error {
	if depth > 4*maxTypeDepth { // each level of a type is up to four of the tree
		return touchstone.Errorf(touchstone.Invalid, "a type nests deeper than %d levels", maxTypeDepth)
	}
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			if err := checkType(child, depth); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range []string{"id", "name"} {
			name, ok := node[key].(string)
			// A zone is a suffix of a name, fields of a struct have names of their own.
			if ok && (key == "id" || node["type"] == "UNBOUND_TYPE_INFO") && !allowed(types, strings.ToUpper(strings.TrimSuffix(strings.ToUpper(name), " WITH TIME ZONE"))) {
				return touchstone.Errorf(touchstone.Invalid, "the type %s cannot be used here", name).WithHint("docs/queries.md lists the types that can")
			}
		}
		if n, ok := node["size"].(json.Number); ok {
			if size, err := n.Int64(); err != nil || size > maxArrayLength {
				return touchstone.Errorf(touchstone.Invalid, "an array type of %s elements is too long", n).WithHint("use a list")
			}
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if err := checkType(node[key], depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowed looks a word up in a list of words.
func allowed(list, word string) bool { return word != "" && wordSet(list)[word] }

// argument is an argument of a call as the engine's own parser sees it.
type argument map[string]any

func (a argument) constant() bool { return a["class"] == "CONSTANT" }

func (a argument) integer() (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(constantText(a)), 10, 64)
	return n, a.constant() && err == nil
}

func (a argument) text() (string, bool) { return constantText(a), a.constant() }

// constantText is the value of a constant: a text, or a number's digits.
func constantText(node map[string]any) string {
	value, _ := node["value"].(map[string]any)
	switch v := value["value"].(type) {
	case json.Number:
		return v.String()
	case string:
		return v
	}
	return ""
}
