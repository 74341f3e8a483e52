// Package plan holds events against a tracking plan: which events a source sends, which
// properties they have, and of which type, range and form. A plan says, too, what becomes of an
// event that breaks it: it is kept, mended, or goes to quarantine.
//
// A plan is data ([Document]); the shape of an event's properties is a subset of JSON Schema
// (draft 2020-12, https://json-schema.org/draft/2020-12/json-schema-validation). [Compile] makes it
// ready, and [Plan.Check] is pure, so that everybody who reads the log makes the same of an event.
//
// docs/design/plan.md tells the rest.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Action is what becomes of what breaks a plan.
type Action string

// The actions, from the mildest to the strictest.
const (
	Allow      Action = "allow"      // it stays as it is, and is counted
	Coerce     Action = "coerce"     // the value is converted; one that cannot be goes with its event to quarantine
	Drop       Action = "drop"       // the property goes, the event stays
	Quarantine Action = "quarantine" // the event is set aside, to be mended and replayed
	Reject     Action = "reject"     // the edge refuses the event; what has come past it is set aside
)

var strictness = map[Action]int{Allow: 0, Coerce: 1, Drop: 2, Quarantine: 3, Reject: 4}

// Document is a tracking plan as people write it.
type Document struct {
	// What becomes of what no rule of a property says otherwise. "" stands for allow.
	UnplannedEvents     Action  `json:"unplanned_events"`     // events that are not in the plan: allow, quarantine, reject
	UnplannedProperties Action  `json:"unplanned_properties"` // properties that their event's schema does not name: allow, drop, quarantine, reject
	Missing             Action  `json:"missing"`              // a required property is not there: allow, quarantine, reject
	Invalid             Action  `json:"invalid"`              // a value breaks its schema: allow, coerce, drop, quarantine, reject
	Events              []Event `json:"events"`
}

// Event is an event of a plan.
type Event struct {
	Name        string `json:"name"` // as events are stored: "Order Paid", "$page", "$identify"
	DisplayName string `json:"display_name,omitempty"`
	Description string `json:"description,omitempty"`
	Owner       string `json:"owner,omitempty"`
	// Schema is that of the object properties; for $identify and $group of traits. null takes
	// every object. A member "x-action" of a property's schema is what becomes of its breaches.
	Schema touchstone.JSON `json:"schema"`
}

// Bounds of a plan.
const (
	MaxDocument = 512 << 10 // bytes of JSON
	maxEvents   = 2_000
	maxMembers  = 1_000 // of an object's schema
	maxNodes    = 50_000
	maxDepth    = 8
	maxEnum     = 1_000
	maxPattern  = 500
	maxName     = 200
	maxText     = 2_000
)

// Parse reads a document, and says of a faulty one what is wrong and where.
func Parse(text []byte) (*Document, error) {
	if len(text) > MaxDocument {
		return nil, touchstone.Errorf(touchstone.Invalid, "The plan has %d bytes; at most %d fit.", len(text), MaxDocument)
	}
	d := new(Document)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "The plan cannot be read: %v.", err)
	}
	_, err := Compile(d)
	return d, err
}

func (d *Document) check() error {
	for _, a := range []struct {
		field   string
		action  *Action
		allowed []Action
	}{
		{"unplanned_events", &d.UnplannedEvents, []Action{Allow, Quarantine, Reject}},
		{"unplanned_properties", &d.UnplannedProperties, []Action{Allow, Drop, Quarantine, Reject}},
		{"missing", &d.Missing, []Action{Allow, Quarantine, Reject}},
		{"invalid", &d.Invalid, []Action{Allow, Coerce, Drop, Quarantine, Reject}},
	} {
		if *a.action == "" {
			*a.action = Allow
		}
		if !slices.Contains(a.allowed, *a.action) {
			return touchstone.Errorf(touchstone.Invalid, "%s: %.40q is none of %v.", a.field, *a.action, a.allowed)
		}
	}
	if len(d.Events) > maxEvents {
		return touchstone.Errorf(touchstone.Invalid, "The plan has %d events; at most %d fit.", len(d.Events), maxEvents)
	}
	seen := make(map[string]bool, len(d.Events))
	for i := range d.Events {
		e := &d.Events[i]
		switch {
		case e.Name == "" || len(e.Name) > maxName || !utf8.ValidString(e.Name):
			return touchstone.Errorf(touchstone.Invalid, "events[%d]: a name has 1 to %d bytes.", i, maxName)
		case seen[e.Name]:
			return touchstone.Errorf(touchstone.Invalid, "events[%d]: the event %q is in the plan twice.", i, e.Name)
		case len(e.DisplayName) > maxName || len(e.Owner) > maxName || len(e.Description) > maxText:
			return touchstone.Errorf(touchstone.Invalid, "%s: display_name and owner have at most %d bytes, a description %d.", e.Name, maxName, maxText)
		}
		seen[e.Name] = true
	}
	return nil
}

// Plan is a document made ready. It never changes, so any goroutine may ask it. Nil takes
// everything.
type Plan struct {
	events                     map[string]*schema // nil: every object will do
	unplannedEvents, unplanned Action
	missing, invalid           Action
	rejects                    bool
	names                      []string
}

// Compile makes a document ready, and says what is wrong with it.
func Compile(d *Document) (*Plan, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	p := &Plan{events: make(map[string]*schema, len(d.Events)),
		unplannedEvents: d.UnplannedEvents, unplanned: d.UnplannedProperties, missing: d.Missing, invalid: d.Invalid}
	p.rejects = slices.Contains([]Action{p.unplannedEvents, p.unplanned, p.missing, p.invalid}, Reject)
	c := compiler{plan: p}
	for i := range d.Events {
		e := &d.Events[i]
		p.names = append(p.names, e.Name)
		if e.Schema == "" || e.Schema == "null" {
			p.events[e.Name] = nil
			continue
		}
		c.path = append(c.path[:0], e.Name)
		s, err := c.compile(string(e.Schema), 0)
		if err != nil {
			return nil, err
		}
		if s.types != 0 && s.types&isObject == 0 {
			return nil, c.fault("the schema of an event describes an object")
		}
		p.events[e.Name] = s
	}
	return p, nil
}

// Rejects reports whether the plan refuses anything at the edge.
func (p *Plan) Rejects() bool { return p != nil && p.rejects }

// Events returns the names of the plan's events, in its order.
func (p *Plan) Events() []string { return slices.Clone(p.names) }

// Rule names what a breach breaks.
type Rule string

// The rules that can be broken.
const (
	UnplannedEvent    Rule = "unplanned_event"
	UnplannedProperty Rule = "unplanned_property"
	MissingProperty   Rule = "missing"
	WrongType         Rule = "type"
	NotInEnum         Rule = "enum"
	WrongPattern      Rule = "pattern"
	WrongFormat       Rule = "format"
	WrongLength       Rule = "length"
	OutOfRange        Rule = "range"
)

// Breach is one way in which an event breaks its plan.
type Breach struct {
	Path   string // "amount", "items[2].price"; "" for the event itself
	Rule   Rule
	Action Action // what became of it: Coerce and Drop were done
	Want   string // "number", "one of \"new\", \"paid\""
	Got    string // JSON of the value, cut after 60 bytes; "" without one
}

// String says it to people.
func (b Breach) String() string {
	switch b.Rule {
	case UnplannedEvent:
		return "the event is not in the tracking plan"
	case UnplannedProperty:
		return fmt.Sprintf("%s is not in the tracking plan", b.Path)
	case MissingProperty:
		return fmt.Sprintf("%s is missing", b.Path)
	}
	return fmt.Sprintf("%s is %s, not %s", b.Path, b.Got, b.Want)
}

// Verdict is what a plan says of an event.
type Verdict struct {
	// Action is the strictest of what became of the event: Allow when nothing is wrong, too.
	Action   Action
	Breaches []Breach // the first 20
	More     int      // breaches beyond those
	// Changed tells that the following are not the event's own: something was converted or dropped.
	Changed            bool
	Properties, Traits touchstone.JSON
}

const maxBreaches = 20

// SetAside reports whether the event does not go on.
func (v *Verdict) SetAside() bool { return v.Action == Quarantine || v.Action == Reject }

// Reason says why the event was set aside: the first breach that sets it aside, and how many there are beside it.
func (v *Verdict) Reason() string {
	for _, b := range v.Breaches {
		if b.Action != v.Action {
			continue
		}
		if n := len(v.Breaches) + v.More - 1; n > 0 {
			return fmt.Sprintf("%s (and %d more)", b, n)
		}
		return b.String()
	}
	return ""
}

// Check holds an event against the plan, and changes nothing of it.
func (p *Plan) Check(e *touchstone.Event) (v Verdict) {
	v.Action, v.Properties, v.Traits = Allow, e.Properties, e.Traits
	if p == nil {
		return v
	}
	s, planned := p.events[e.Name]
	if !planned && preset(e.Name) { // $page, and what 神策's libraries send by themselves
		return v
	}
	if !planned {
		v.add(Breach{Rule: UnplannedEvent, Action: p.unplannedEvents})
		return v
	}
	traits := e.Type == touchstone.Identify || e.Type == touchstone.Group
	object := e.Properties
	if traits {
		object = e.Traits
	}
	if object == "" {
		object = "{}"
	}
	if s == nil || s.valid(string(object)) {
		return v
	}
	return p.examine(s, e, string(object), traits)
}

// examine is the rare way: it says what is wrong, and mends what can be.
func (p *Plan) examine(s *schema, e *touchstone.Event, object string, traits bool) Verdict {
	v := Verdict{Action: Allow, Properties: e.Properties, Traits: e.Traits}
	x := examiner{plan: p, verdict: &v}
	text, _ := x.examine(s, object)
	if v.Changed = text != object; v.Changed && traits {
		v.Traits = touchstone.JSON(text)
	} else if v.Changed {
		v.Properties = touchstone.JSON(text)
	}
	return v
}

func (v *Verdict) add(b Breach) {
	if strictness[b.Action] > strictness[v.Action] {
		v.Action = b.Action
	}
	if len(v.Breaches) == maxBreaches {
		// One that sets the event aside is the reason, so it must be among those that are kept.
		last := &v.Breaches[maxBreaches-1]
		if strictness[b.Action] > strictness[last.Action] {
			*last = b
		}
		v.More++
		return
	}
	v.Breaches = append(v.Breaches, b)
}
