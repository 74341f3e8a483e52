package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Imported is a plan that was made from another product's, and what of it has no place here.
type Imported struct {
	Name     string   `json:"name"`
	Document Document `json:"plan"`
	// LeftOut says what was not taken over, "Order Paid → context: …"; the first 100.
	LeftOut []string `json:"left_out"`
}

const maxLeftOut = 100

func (x *Imported) leaveOut(where, format string, args ...any) {
	if len(x.LeftOut) < maxLeftOut {
		x.LeftOut = append(x.LeftOut, where+": "+fmt.Sprintf(format, args...))
	}
}

// protocolsPlan is a tracking plan as Segment's Config API (display_name, rules.events) or its
// Public API (data.trackingPlan, data.rules) gives it, and as its Terraform provider takes it.
type protocolsPlan struct {
	Data         *protocolsPlan  `json:"data"`
	TrackingPlan *protocolsPlan  `json:"tracking_plan"`
	Named        *protocolsPlan  `json:"trackingPlan"`
	Name         string          `json:"name"`
	DisplayName  string          `json:"display_name"`
	Rules        json.RawMessage `json:"rules"`
}

type protocolsEvent struct {
	Name        string          `json:"name"`        // Config API
	Key         string          `json:"key"`         // Public API
	Type        string          `json:"type"`        // Public API: TRACK, IDENTIFY, GROUP, PAGE, SCREEN, COMMON
	Description string          `json:"description"` // Config API
	Rules       touchstone.JSON `json:"rules"`       // Config API
	JSONSchema  touchstone.JSON `json:"jsonSchema"`  // Public API
	Schema      touchstone.JSON `json:"json_schema"`
}

// FromProtocols reads a tracking plan of Segment Protocols: JSON of its Config API or Public API.
// What breaks the plan is counted and allowed until somebody says otherwise.
func FromProtocols(text []byte) (*Imported, error) {
	var in protocolsPlan
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "The tracking plan is not JSON: %v.", err)
	}
	for _, inside := range []*protocolsPlan{in.Data, in.TrackingPlan} {
		if inside != nil {
			in = *inside
		}
	}
	out := &Imported{Name: in.DisplayName}
	if out.Name == "" {
		out.Name = in.Name
	}
	if in.Named != nil {
		out.Name = in.Named.Name
	}
	events, err := protocolsEvents(in.Rules)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if err := out.protocolsEvent(e); err != nil {
			return nil, err
		}
	}
	return out, out.finish()
}

// finish sees to it that what was read is a plan.
func (x *Imported) finish() error {
	if len(x.Document.Events) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "There is no event in the tracking plan.")
	}
	_, err := Compile(&x.Document)
	return err
}

// protocolsEvents reads the rules: a list (Public API), or an object of lists and schemas.
func protocolsEvents(rules json.RawMessage) (events []protocolsEvent, err error) {
	if strings.HasPrefix(string(rules), "[") {
		err = json.Unmarshal(rules, &events)
	} else {
		var parts struct {
			Events   []protocolsEvent `json:"events"`
			Identify touchstone.JSON  `json:"identify"`
			Group    touchstone.JSON  `json:"group"`
			Page     touchstone.JSON  `json:"page"`
			Screen   touchstone.JSON  `json:"screen"`
			Global   touchstone.JSON  `json:"global"`
		}
		err = json.Unmarshal(rules, &parts)
		events = parts.Events
		for _, e := range []protocolsEvent{{Type: "IDENTIFY", Rules: parts.Identify}, {Type: "GROUP", Rules: parts.Group}, {Type: "PAGE", Rules: parts.Page},
			{Type: "SCREEN", Rules: parts.Screen}, {Type: "COMMON", Rules: parts.Global}} {
			if e.Rules != "" && e.Rules != "null" && e.Rules != "{}" {
				events = append(events, e)
			}
		}
	}
	if err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "The rules of the tracking plan are of no form that Segment's APIs give: %v.", err)
	}
	return events, nil
}

func (x *Imported) protocolsEvent(in protocolsEvent) error {
	e := Event{Name: in.Name, Description: in.Description}
	if e.Name == "" {
		e.Name = in.Key
	}
	part := "properties"
	switch strings.ToUpper(in.Type) {
	case "", "TRACK":
	case "IDENTIFY", "GROUP":
		part = "traits"
		fallthrough
	case "PAGE", "SCREEN":
		e.Name = "$" + strings.ToLower(in.Type)
	default:
		x.leaveOut(in.Type, "rules for all events at once have no counterpart")
		return nil
	}
	whole := string(firstOf(in.Rules, in.JSONSchema, in.Schema))
	if text := jsonwalk.Text(whole); text != "" { // Terraform's are JSON in a text
		whole = text
	}
	if e.Description == "" {
		e.Description = jsonwalk.Text(jsonwalk.Member(whole, "description"))
	}
	parts := jsonwalk.Member(whole, "properties")
	jsonwalk.Members(parts, func(key, value string) bool {
		if key != part && jsonwalk.Member(value, "properties") != "" {
			x.leaveOut(e.Name, "what is said about %s", key)
		}
		return true
	})
	schema, err := x.subset(e.Name, jsonwalk.Member(parts, part), 0)
	if err != nil {
		return err
	}
	if schema != "" && schema != "{}" {
		e.Schema = touchstone.JSON(schema)
	}
	x.Document.Events = append(x.Document.Events, e)
	return nil
}

func firstOf(texts ...touchstone.JSON) touchstone.JSON {
	for _, t := range texts {
		if t != "" && t != "null" {
			return t
		}
	}
	return ""
}

// known are the keywords that are taken over as they are.
var known = []string{"type", "enum", "const", "pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum",
	"exclusiveMinimum", "exclusiveMaximum", "required", "title", "description", "examples", "default"}

// subset makes of a JSON Schema one that a plan can have: keywords that it does not know go.
func (x *Imported) subset(where, schema string, depth int) (string, error) {
	if schema == "" || schema == "true" {
		return schema, nil
	}
	if depth > maxDepth || !strings.HasPrefix(schema, "{") {
		x.leaveOut(where, "a schema that is no object, or nested deeper than %d", maxDepth)
		return "true", nil
	}
	var parts []string
	var err error
	jsonwalk.Members(schema, func(key, value string) bool {
		name := jsonwalk.Unescape(key)
		switch {
		case name == "properties":
			value, err = x.subsets(where, value, depth)
		case name == "items":
			value, err = x.subset(where+" → items", value, depth+1)
		case name == "additionalProperties" && value != "true" && value != "false",
			name == "format" && formats[jsonwalk.Text(value)] == nil:
			x.leaveOut(where, "%s %.60s", name, value)
			return true
		case name == "additionalProperties" || slices.Contains(known, name) && value != `""`:
		case name == "id" || name == "$schema" || name == "$id" || value == "{}" || value == "[]" || value == `""`:
			return true
		default:
			x.leaveOut(where, "%s", name)
			return true
		}
		parts = append(parts, `"`+key+`":`+value)
		return err == nil
	})
	return "{" + strings.Join(parts, ",") + "}", err
}

func (x *Imported) subsets(where, members string, depth int) (string, error) {
	var parts []string
	var err error
	jsonwalk.Members(members, func(key, value string) bool {
		value, err = x.subset(where+" → "+jsonwalk.Unescape(key), value, depth+1)
		parts = append(parts, `"`+key+`":`+value)
		return err == nil
	})
	return "{" + strings.Join(parts, ",") + "}", err
}
