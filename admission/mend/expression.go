package mend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// expression is a text of https://expr-lang.org without what could loop, grow or differ from run to
// run: no closures, no variables, no ranges, no time, and only the functions below. So each part of
// it is worked on once at most, and what it makes is no larger than the number of its parts times
// the event.
type expression struct {
	program *vm.Program
	roots   [3]bool // which of properties, traits and context it asks for
	item    bool
}

const maxExpressionNodes = 100

// known is what an expression can ask for. Numbers are int or float64.
type known struct {
	Event       string         `expr:"event"`
	Type        string         `expr:"type"`
	UserID      string         `expr:"userId"`
	AnonymousID string         `expr:"anonymousId"`
	GroupID     string         `expr:"groupId"`
	Properties  map[string]any `expr:"properties"`
	Traits      map[string]any `expr:"traits"`
	Context     map[string]any `expr:"context"`
	Value       any            `expr:"value"` // what the field has; null when it is not there
	Item        map[string]any `expr:"item"`  // the object that the field is in
}

// place is where a field is: the object or list that it is in, and its index there.
type place struct {
	in *members
	at int
}

func compileExpression(text string, condition bool) (*expression, error) {
	if strings.TrimSpace(text) == "" || len(text) > maxExpression {
		return nil, touchstone.Errorf(touchstone.Invalid, "An expression has 1 to %d bytes.", maxExpression)
	}
	out := &expression{}
	look := &visitor{out: out}
	options := []expr.Option{expr.Env(known{}), expr.DisableAllBuiltins(), expr.MaxNodes(maxExpressionNodes), expr.Patch(look)}
	for _, name := range []string{"abs", "ceil", "floor", "round", "min", "max"} {
		options = append(options, expr.EnableBuiltin(name))
	}
	for _, f := range functions {
		options = append(options, expr.Function(f.name, f.call, f.shape))
	}
	if condition {
		options = append(options, expr.AsBool())
	}
	program, err := expr.Compile(text, options...)
	if look.refused != "" {
		return nil, touchstone.Errorf(touchstone.Invalid, "An expression cannot have %s.", look.refused).WithHint("Expressions compute a value of the event's own: no loops, variables or times.")
	}
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, touchstone.Errorf(touchstone.Invalid, "The expression %.60q cannot be read: %s.", text, first)
	}
	out.program = program
	return out, nil
}

// visitor notes what an expression asks for, and what it must not have.
type visitor struct {
	out     *expression
	refused string
}

func (v *visitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode, *ast.PointerNode:
		v.refused = "loops"
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		v.refused = "variables"
	case *ast.BinaryNode:
		if n.Operator == ".." {
			v.refused = "ranges"
		}
		if _, fixed := n.Right.(*ast.StringNode); n.Operator == "matches" && !fixed {
			v.refused = "patterns that are computed"
		}
	case *ast.IdentifierNode:
		for i, name := range rootNames {
			v.out.roots[i] = v.out.roots[i] || n.Value == name
		}
		v.out.item = v.out.item || n.Value == "item"
		if n.Value == "$env" { // it would ask for everything, under any name
			v.refused = "$env"
		}
	}
}

// run computes the expression for a call, and the place of the field if there is one.
func (x *expression) run(c *call, at *place) (any, error) {
	env := known{Event: c.text("event"), Type: c.text("type"), UserID: c.text("userId"), AnonymousID: c.text("anonymousId"), GroupID: c.text("groupId")}
	for i, into := range [...]*map[string]any{&env.Properties, &env.Traits, &env.Context} {
		if !x.roots[i] {
			continue
		}
		if c.decoded[i] == nil {
			c.decoded[i], _ = decodeValue(c.members.get(rootNames[i])).(map[string]any)
		}
		*into = c.decoded[i]
	}
	if at != nil {
		if at.at >= 0 {
			env.Value = decodeValue(at.in.list[at.at].value)
		}
		if x.item && !at.in.array {
			env.Item, _ = decodeValue(at.in.encode()).(map[string]any)
		}
	}
	machine := vm.VM{}
	return machine.Run(x.program, env)
}

// decodeValue reads JSON. Whole numbers stay whole, so that long ones keep their digits.
func decodeValue(text string) any {
	if text == "" {
		return nil
	}
	switch text[0] {
	case '{':
		object := map[string]any{}
		jsonwalk.Members(text, func(key, value string) bool {
			object[jsonwalk.Unescape(key)] = decodeValue(value)
			return true
		})
		return object
	case '[':
		list := []any{}
		jsonwalk.Elements(text, func(value string) bool {
			list = append(list, decodeValue(value))
			return true
		})
		return list
	case '"':
		return jsonwalk.Text(text)
	case 't', 'f':
		return text == "true"
	case 'n':
		return nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	n, _ := strconv.ParseFloat(text, 64) // the edge takes no number beyond a double's range
	return n
}

// encodeValue writes a result as JSON: members by name, whole numbers without decimals.
func encodeValue(v any) (string, bool) {
	switch n := v.(type) {
	case float64:
		switch {
		case math.IsNaN(n) || math.IsInf(n, 0):
			return "", false
		case n == math.Trunc(n) && math.Abs(n) < 1<<53:
			return strconv.FormatInt(int64(n), 10), true
		}
	case string:
		return quoted(strings.ToValidUTF8(n, "\ufffd")), true
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", false
	}
	return strings.TrimSuffix(b.String(), "\n"), true
}

// function is one that expressions can call. Each bounds what it makes.
type function struct {
	name  string
	shape any
	call  func(args ...any) (any, error)
}

var errTooLong = errors.New("the result is too long")

var functions = []function{
	{"lower", new(func(string) string), texts(func(a []string) (string, error) { return strings.ToLower(a[0]), nil })},
	{"upper", new(func(string) string), texts(func(a []string) (string, error) { return strings.ToUpper(a[0]), nil })},
	{"trim", new(func(string) string), texts(func(a []string) (string, error) { return strings.TrimSpace(a[0]), nil })},
	{"replace", new(func(string, string, string) string), texts(func(a []string) (string, error) {
		if a[1] == "" || len(a[0])+strings.Count(a[0], a[1])*len(a[2]) > maxValue {
			return "", errTooLong
		}
		return strings.ReplaceAll(a[0], a[1], a[2]), nil
	})},
	{"before", new(func(string, string) string), texts(func(a []string) (string, error) {
		head, _, _ := strings.Cut(a[0], a[1])
		return head, nil
	})},
	{"after", new(func(string, string) string), texts(func(a []string) (string, error) {
		_, tail, _ := strings.Cut(a[0], a[1])
		return tail, nil
	})},
	{"part", new(func(string, int, int) string), part},
	{"number", new(func(any) any), number},
	{"text", new(func(any) string), text},
	{"length", new(func(any) int), length},
}

// texts is a function of texts.
func texts(fn func(a []string) (string, error)) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		a := make([]string, len(args))
		for i, arg := range args {
			s, ok := arg.(string)
			if !ok {
				return nil, fmt.Errorf("argument %d is no text", i+1)
			}
			a[i] = s
		}
		return fn(a)
	}
}

// part(text, from, to) are the characters from one place to before another, counted from 0.
func part(args ...any) (any, error) {
	s, ok := args[0].(string)
	from, whole := args[1].(int)
	to, wholeTo := args[2].(int)
	if !ok || !whole || !wholeTo {
		return nil, errors.New("part takes a text and two places")
	}
	r := []rune(s)
	to = max(0, min(to, len(r)))
	return string(r[max(0, min(from, to)):to]), nil
}

// number reads what says a number; null for what does not.
func number(args ...any) (any, error) {
	switch v := args[0].(type) {
	case int, float64:
		return v, nil
	case string:
		if n, ok := converters["number"](quoted(v)); ok {
			return decodeValue(n), nil
		}
	}
	return nil, nil
}

// text writes a number, a truth value or null ("").
func text(args ...any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int, float64, bool:
		s, ok := encodeValue(v)
		if !ok {
			return nil, errors.New("no number")
		}
		return s, nil
	}
	return nil, errors.New("text takes a number, a truth value or a text")
}

// length is how many characters a text has, or elements a list.
func length(args ...any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return 0, nil
	case string:
		return len([]rune(v)), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return nil, errors.New("length takes a text or a list")
}
