package duckdb

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
)

// The engine bounds what its operators hold in memory, but neither the size of the values
// that functions make nor, inside one call, their time: repeat('x', 2000000000) is one
// row. So a statement may use these functions only where it says itself how much they make.
var growing = map[string]growth{
	"repeat": byArgument(1), "lpad": byArgument(1), "rpad": byArgument(1), "bitstring": byArgument(1), "to_base": byArgument(2),
	"list_resize": byArgument(1), "array_resize": byArgument(1), "equi_width_bins": byArgument(2),
	"range": byRange, "generate_series": byRange,
	"format": byFormat, "printf": byFormat,
	"sleep_ms": never, "pg_sleep": never, "write_log": never, scanFunction: never,
}

// tableFunctions are those that a statement may read from. Others reach files, raw
// memory, or the engine's settings, logs and checkpoints.
var tableFunctions = map[string]bool{
	"range": true, "generate_series": true, "unnest": true, "repeat": true, "json_each": true, "json_tree": true, "summary": true, "histogram": true,
	"duckdb_columns": true, "duckdb_tables": true, "duckdb_views": true, "duckdb_types": true, "duckdb_functions": true, "duckdb_keywords": true,
	"duckdb_schemas": true, "duckdb_constraints": true, "duckdb_databases": true, "duckdb_settings": true,
	"pragma_table_info": true, "pragma_show": true, "pragma_version": true, "pg_timezone_names": true, "icu_calendar_names": true,
}

// growth tells how much a call makes of its arguments; ok is false when only running it
// would tell.
type growth func(args []expression) (size int64, ok bool)

// maxGrowth bounds what all such calls of a statement make together: their product, for
// the result of one may be the argument of the next.
const maxGrowth = 1_000_000

// expression is a part of a statement as the engine's own parser sees it.
type expression struct {
	Class    string `json:"class"`
	Function string `json:"function_name"`
	Value    struct {
		IsNull bool `json:"is_null"`
		Value  any  `json:"value"`
	} `json:"value"`
	Children []expression `json:"children"`
}

func (e expression) integer() (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(jsonText(e.Value.Value)), 10, 64)
	return n, e.Class == "CONSTANT" && err == nil
}

func jsonText(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case string:
		return v
	}
	return ""
}

func byArgument(i int) growth {
	return func(args []expression) (int64, bool) {
		if i >= len(args) {
			return 1, true
		}
		return args[i].integer()
	}
}

func byRange(args []expression) (int64, bool) {
	bounds := make([]int64, len(args))
	for i := range args {
		n, ok := args[i].integer()
		if !ok || n < -maxGrowth || n > maxGrowth {
			return 0, false
		}
		bounds[i] = n
	}
	switch len(bounds) {
	case 0:
		return 1, true
	case 1:
		return bounds[0] + 1, true
	}
	return max(bounds[1]-bounds[0], bounds[0]-bounds[1]) + 1, true
}

var wide = regexp.MustCompile(`[0-9]{4}|\*|\{:?[^}]*\{`)

// byFormat refuses a width of four digits or more and one that is an argument.
func byFormat(args []expression) (int64, bool) {
	if len(args) == 0 || args[0].Class != "CONSTANT" {
		return 0, false
	}
	return 1, !wide.MatchString(jsonText(args[0].Value.Value))
}

func never([]expression) (int64, bool) { return 0, false }

// explainPrefix is what stands before the statement that is explained.
var explainPrefix = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\s+(\([^)]*\)\s*|ANALYZE\s+)?`)

// checkCalls refuses a statement that reads from other functions than tableFunctions, or
// whose functions could make values of any size. It looks at the statement as the
// engine's own parser sees it.
func (c *conn) checkCalls(ctx context.Context, query string) error {
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
	total := int64(1)
	return walkCalls(parsed.Statements, &total)
}

// jsonOf is the text of a JSON value of a result.
func jsonOf(v any) string {
	if text, ok := v.(touchstone.JSON); ok {
		return string(text)
	}
	text, _ := v.(string)
	return text
}

// walkCalls looks at every function call below node.
func walkCalls(node any, total *int64) error {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			if err := walkCalls(child, total); err != nil {
				return err
			}
		}
	case map[string]any:
		if name, ok := node["function_name"].(string); ok {
			if err := checkCall(strings.ToLower(name), node, total); err != nil {
				return err
			}
		}
		for key, child := range node {
			if key == "function" && node["type"] == "TABLE_FUNCTION" {
				if err := checkTableFunction(child); err != nil {
					return err
				}
				child = streamed(child)
			}
			if err := walkCalls(child, total); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkTableFunction(call any) error {
	m, _ := call.(map[string]any)
	name, _ := m["function_name"].(string)
	if !tableFunctions[strings.ToLower(name)] {
		return touchstone.Errorf(touchstone.Invalid, "the function %q cannot be read from here", name).
			WithHint("SQL reads the view events and the warehouse's tables only")
	}
	return nil
}

// streamed is what is left to look at of a table function: only the arguments of a range,
// whose rows are streamed.
func streamed(call any) any {
	if m, ok := call.(map[string]any); ok {
		if name, _ := m["function_name"].(string); isRange(name) {
			return m["children"]
		}
	}
	return call
}

func isRange(name string) bool {
	return strings.EqualFold(name, "range") || strings.EqualFold(name, "generate_series")
}

func checkCall(name string, node map[string]any, total *int64) error {
	grows := growing[name]
	if grows == nil {
		return nil
	}
	text, err := json.Marshal(node)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var call expression
	if err := decoder.Decode(&call); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the arguments of %s are not understood", name)
	}
	size, ok := grows(call.Children)
	switch {
	case !ok && isRange(name):
		return touchstone.Errorf(touchstone.Invalid, "%s could make a value of any size here", name).
			WithHint("use it as a table: SELECT … FROM %s(…)", name)
	case !ok:
		return touchstone.Errorf(touchstone.Invalid, "%s could make a value of any size, or take any time, here", name).
			WithHint("write its size as a number")
	}
	if *total *= max(size, 1); *total > maxGrowth {
		return touchstone.Errorf(touchstone.Invalid, "%s makes values that are too large", name).
			WithHint("all such functions of a statement together may make %d characters or elements", maxGrowth)
	}
	return nil
}
