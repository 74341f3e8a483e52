package plan

import (
	"encoding/json"
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Languages are those that [Generate] writes.
var Languages = []string{"typescript", "go"}

// Generate writes types of the events of a plan, for client code that a compiler holds to the
// plan. title and revision say where it comes from.
func Generate(d *Document, language, title string, revision int) ([]byte, error) {
	shapes, err := shapesOf(d)
	if err != nil {
		return nil, err
	}
	heading := fmt.Sprintf("Code generated from the tracking plan %q, revision %d. DO NOT EDIT.", title, revision)
	switch language {
	case "typescript":
		return []byte(typescript(shapes, heading)), nil
	case "go":
		return golang(shapes, heading)
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "%.40q is none of %v.", language, Languages)
}

// shape is a schema as code has it: a type with its members in the plan's order.
type shape struct {
	name    string // of the event; "" within
	note    string
	types   types
	enum    []string // JSON
	items   *shape
	members []memberShape // nil: nothing is said about them
	open    bool          // members that are not named are allowed
}

type memberShape struct {
	key      string
	required bool
	shape
}

func shapesOf(d *Document) ([]shape, error) {
	if _, err := Compile(d); err != nil {
		return nil, err
	}
	shapes := make([]shape, 0, len(d.Events))
	for _, e := range d.Events {
		s := shapeOf(string(e.Schema))
		s.name, s.note = e.Name, e.Description
		shapes = append(shapes, s)
	}
	return shapes, nil
}

func shapeOf(schema string) (s shape) {
	s.open = true
	var required []string
	jsonwalk.Members(schema, func(key, value string) bool {
		switch key {
		case "type":
			s.types, _ = typesNamed(value) // it has been compiled before
		case "enum":
			jsonwalk.Elements(value, func(v string) bool {
				s.enum = append(s.enum, v)
				return true
			})
		case "const":
			s.enum = []string{value}
		case "description":
			s.note = jsonwalk.Text(value)
		case "items":
			items := shapeOf(value)
			s.items = &items
		case "additionalProperties":
			s.open = value != "false"
		case "required":
			_ = json.Unmarshal([]byte(value), &required)
		case "properties":
			jsonwalk.Members(value, func(key, value string) bool {
				s.members = append(s.members, memberShape{key: jsonwalk.Unescape(key), shape: shapeOf(value)})
				return true
			})
		}
		return true
	})
	for _, name := range required {
		i := slices.IndexFunc(s.members, func(m memberShape) bool { return m.key == name })
		if i < 0 {
			i = len(s.members)
			s.members = append(s.members, memberShape{key: name, shape: shape{open: true}})
		}
		s.members[i].required = true
	}
	return s
}

// names gives identifiers, each once.
type names map[string]bool

// give makes an identifier of words: "order paid" becomes OrderPaid. One that is taken, or that
// none can be made of, gets a number or a letter in front.
func (n names) give(text, fallback string) string {
	var b strings.Builder
	upper := true
	for _, r := range text {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) && b.Len() > 0:
			if upper {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			upper = false
		case unicode.IsDigit(r):
			b.WriteString(fallback + string(r))
			upper = false
		default:
			upper = true
		}
	}
	name := b.String()
	if first := []rune(name + " ")[0]; !unicode.IsUpper(first) { // 购买: no capitals, and Go exports nothing without
		name = fallback + name
	}
	for i, base := 2, name; n[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	n[name] = true
	return name
}

func typescript(shapes []shape, heading string) string {
	var b strings.Builder
	b.WriteString("// " + heading + "\n\n")
	b.WriteString("/** What the functions below call: any client of Segment's interface. */\nexport interface Tracker {\n" +
		"  track(event: string, properties?: object): unknown;\n  identify(traits: object): unknown;\n  page(properties?: object): unknown;\n" +
		"  screen(properties?: object): unknown;\n  group(traits: object): unknown;\n}\n")
	taken, functions := names{"Tracker": true}, names{}
	for _, s := range shapes {
		name := taken.give(s.name, "Event")
		function := functions.give(s.name, "Event")
		function = "track" + function
		call := "track(" + quoted(s.name) + ", properties)"
		if builtin, ok := strings.CutPrefix(s.name, "$"); ok && touchstoneCall(builtin) {
			call = builtin + "(properties)"
		}
		b.WriteString("\n" + comment(s.note, "") + "export type " + name + " = " + s.typescript("") + ";\n\n")
		fmt.Fprintf(&b, "export function %s(tracker: Tracker, properties: %s): void {\n  tracker.%s;\n}\n", function, name, call)
	}
	return b.String()
}

func touchstoneCall(name string) bool {
	_, ok := touchstone.ParseEventType(name)
	return ok && name != "track" && name != "alias"
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// comment is a note as both languages' block of documentation.
func comment(note, indent string) string {
	note = strings.Join(strings.Fields(strings.ReplaceAll(note, "*/", "* /")), " ")
	if note == "" {
		return ""
	}
	return indent + "/** " + note + " */\n"
}

func (s *shape) typescript(indent string) string {
	if len(s.enum) > 0 {
		return strings.Join(s.enum, " | ")
	}
	var parts []string
	for _, t := range [...]struct {
		is   types
		name string
	}{{isString, "string"}, {isNumber | isInteger, "number"}, {isBoolean, "boolean"}, {isNull, "null"}} {
		if s.types&t.is != 0 {
			parts = append(parts, t.name)
		}
	}
	if s.types&isArray != 0 || s.items != nil {
		item := "unknown"
		if s.items != nil {
			item = s.items.typescript(indent)
		}
		parts = append(parts, "Array<"+item+">")
	}
	if s.types&isObject != 0 || s.members != nil || indent == "" && len(parts) == 0 {
		parts = append(parts, s.typescriptObject(indent))
	}
	if len(parts) == 0 {
		return "unknown"
	}
	return strings.Join(parts, " | ")
}

func (s *shape) typescriptObject(indent string) string {
	var b strings.Builder
	b.WriteString("{\n")
	for i := range s.members {
		m := &s.members[i]
		optional := "?"
		if m.required {
			optional = ""
		}
		b.WriteString(comment(m.note, indent+"  ") + indent + "  " + quoted(m.key) + optional + ": " + m.typescript(indent+"  ") + ";\n")
	}
	if s.open {
		b.WriteString(indent + "  [other: string]: unknown;\n")
	}
	return b.String() + indent + "}"
}

func golang(shapes []shape, heading string) ([]byte, error) {
	var b strings.Builder
	b.WriteString("// " + heading + "\n\npackage events\n\n")
	b.WriteString("// Event is an event of the tracking plan: its JSON is the call's properties, or traits.\ntype Event interface{ EventName() string }\n")
	taken := names{"Event": true}
	for i := range shapes {
		s := &shapes[i]
		name := taken.give(s.name, "Event")
		fmt.Fprintf(&b, "\n// %s is the event %q. %s\ntype %s %s\n", name, s.name, strings.Join(strings.Fields(s.note), " "), name, s.golangObject())
		fmt.Fprintf(&b, "\n// EventName is %q.\nfunc (%s) EventName() string { return %s }\n", s.name, name, strconv.Quote(s.name))
	}
	return format.Source([]byte(b.String()))
}

func (s *shape) golangObject() string {
	var b strings.Builder
	b.WriteString("struct {\n")
	taken := names{"EventName": true}
	for i := range s.members {
		m := &s.members[i]
		field := taken.give(m.key, "X")
		if strings.ContainsAny(m.key, "\"`,\\") || !isPrintable(m.key) { // encoding/json has no tag for such a name
			fmt.Fprintf(&b, "// %s cannot be written: its name does not fit into a tag.\n", field)
			continue
		}
		if note := strings.Join(strings.Fields(m.note), " "); note != "" {
			b.WriteString("// " + field + ": " + note + "\n")
		}
		is, omit := m.golang(), ",omitempty"
		if m.required {
			omit = ""
		} else if !strings.HasPrefix(is, "[]") && !strings.HasPrefix(is, "map") && !strings.HasPrefix(is, "*") && is != "any" {
			is = "*" + is
		}
		fmt.Fprintf(&b, "%s %s `json:\"%s%s\"`\n", field, is, m.key, omit)
	}
	return b.String() + "}"
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func (s *shape) golang() string {
	switch s.types &^ isNull {
	case isString:
		return s.nullable("string")
	case isNumber, isNumber | isInteger:
		return s.nullable("float64")
	case isInteger:
		return s.nullable("int64")
	case isBoolean:
		return s.nullable("bool")
	case isArray:
		if s.items != nil {
			return "[]" + s.items.golang()
		}
		return "[]any"
	case isObject:
		if s.members == nil {
			return "map[string]any"
		}
		return s.nullable(s.golangObject())
	}
	return "any"
}

func (s *shape) nullable(name string) string {
	if s.types&isNull != 0 {
		return "*" + name
	}
	return name
}
