// Package mend changes events by rules: fields are renamed, converted, split, filled in, taken out
// or computed by an expression. A rule is data ([Rule]); [Compile] makes rules ready, and what they
// do is pure: the same event and the same rules give the same event, whoever reads it and whenever.
//
// Rules work on an event as a client sends it, a call of the tracking API: its fields are event,
// userId, properties.amount, properties.items[].price, context.app.version and so on. So one rule
// mends an event of the log and the text of one that the edge has refused.
//
// docs/design/mend.md tells the rest.
package mend

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Rule is what becomes of the events of a source and a name.
type Rule struct {
	ID     string `json:"id"`
	Name   string `json:"name"`   // for people
	Source string `json:"source"` // id, "src_…"; "" for all
	Event  string `json:"event"`  // name, as events are stored: "Order Paid", "$identify"; "" for all
	When   string `json:"when"`   // an expression that is true or false; "" for always
	Steps  []Step `json:"steps"`  // one after the other
}

// Step changes one field, or all that a field with [] names. One that has nothing to work on does
// nothing. One that fails leaves the event as it is.
type Step struct {
	Do    string `json:"do"`
	Field string `json:"field"`
	// To is the new name of a renamed field, or of the event; the type that a value is cast to.
	To string `json:"to,omitempty"`
	// By is what a text is split at; Into the fields of the parts: the last one has the rest.
	// Without Into the field becomes a list.
	By   string   `json:"by,omitempty"`
	Into []string `json:"into,omitempty"`
	// Value is the JSON of what stands for a missing field or null.
	Value touchstone.JSON `json:"value,omitempty"`
	// Expression computes the field; its null leaves the field as it is.
	Expression string `json:"expression,omitempty"`
}

// What a step does.
const (
	Rename  = "rename"
	Cast    = "cast"
	Split   = "split"
	Default = "default"
	Drop    = "drop"
	Set     = "set"
)

// Bounds of rules. With these an event costs a number of steps that they alone limit.
const (
	MaxRules      = 200
	maxSteps      = 20
	maxInto       = 10
	maxName       = 200 // bytes
	maxField      = 300
	maxExpression = 1_000
	maxDepth      = 8
	maxValue      = 32 << 10 // bytes of JSON that a step may write
	maxObject     = 256 << 10
)

// ready is a rule made ready.
type ready struct {
	id    string
	when  *expression
	steps []step
}

type step struct {
	do    string
	at    path
	to    path
	kind  string // of a cast
	name  string // JSON: the event's new name
	by    string
	into  []path
	value string
	set   *expression
}

type scope struct{ source, event string }

// names is 1 for a scope that names a source, 2 for one that names an event, 3 for both.
func (s scope) names() (n int) {
	if s.source != "" {
		n = 1
	}
	if s.event != "" {
		n |= 2
	}
	return n
}

// Rules are rules made ready. They never change, so any goroutine may ask them. Nil changes nothing.
type Rules struct {
	rules []ready
	by    map[scope][]int // indexes of rules, in their order
	named [4]bool         // whether there are rules for all, for a source, for a name, for both
}

// Compile makes rules ready, and says what is wrong with them.
func Compile(rules []Rule) (*Rules, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	if len(rules) > MaxRules {
		return nil, touchstone.Errorf(touchstone.Invalid, "There are %d mending rules; at most %d fit.", len(rules), MaxRules)
	}
	s := &Rules{by: map[scope][]int{}}
	for i := range rules {
		r, err := rules[i].compile()
		if err != nil {
			return nil, err
		}
		at := scope{rules[i].Source, rules[i].Event}
		s.by[at] = append(s.by[at], i)
		s.named[at.names()] = true
		s.rules = append(s.rules, r)
	}
	return s, nil
}

func (r *Rule) compile() (out ready, err error) {
	switch {
	case len(r.ID) > maxName || len(r.Source) > maxName || len(r.Event) > maxName || !utf8.ValidString(r.Name) || len(r.Name) > maxName:
		return out, touchstone.Errorf(touchstone.Invalid, "The name, source and event of a mending rule have at most %d bytes.", maxName)
	case len(r.Steps) == 0:
		return out, touchstone.Errorf(touchstone.Invalid, "The mending rule %q does nothing.", r.Name).WithHint("Give it at least one step.")
	case len(r.Steps) > maxSteps:
		return out, touchstone.Errorf(touchstone.Invalid, "The mending rule %q has %d steps; at most %d fit.", r.Name, len(r.Steps), maxSteps)
	}
	out.id = r.ID
	if r.When != "" {
		if out.when, err = compileExpression(r.When, true); err != nil {
			return out, err
		}
	}
	for i := range r.Steps {
		s, err := r.Steps[i].compile(i + 1)
		if err != nil {
			return out, err
		}
		out.steps = append(out.steps, s)
	}
	return out, nil
}

func (s *Step) compile(number int) (out step, err error) {
	out.do = s.Do
	if out.at, err = parsePath(s.Field); err != nil {
		return out, err
	}
	if s.Do != Set && s.Do != Rename && len(out.at) == 1 && !out.at.free() {
		return out, touchstone.Errorf(touchstone.Invalid, "Step %d: %q can only be renamed or set.", number, s.Field)
	}
	switch s.Do {
	case Rename:
		return out, s.compileRename(number, &out)
	case Cast:
		if out.kind = s.To; converters[s.To] == nil {
			return out, touchstone.Errorf(touchstone.Invalid, "Step %d: nothing can be cast to %.40q.", number, s.To).WithHint("to is number, integer, string, boolean, date-time or array.")
		}
	case Split:
		return out, s.compileSplit(number, &out)
	case Default:
		if s.Value == "" || s.Value == "null" || len(s.Value) > maxValue {
			return out, touchstone.Errorf(touchstone.Invalid, "Step %d: give the value that stands for a missing %q.", number, s.Field)
		}
		if out.value, err = compactJSON(string(s.Value)); err != nil {
			return out, touchstone.Errorf(touchstone.Invalid, "Step %d: the value is no JSON.", number)
		}
	case Drop:
	case Set:
		out.set, err = compileExpression(s.Expression, false)
		return out, err
	default:
		return out, touchstone.Errorf(touchstone.Invalid, "Step %d: nothing is called %.40q.", number, s.Do).WithHint("do is rename, cast, split, default, drop or set.")
	}
	return out, nil
}

func (s *Step) compileRename(number int, out *step) (err error) {
	if out.at.is("event") {
		if strings.TrimSpace(s.To) == "" || len(s.To) > maxName || s.To[0] == '$' || !utf8.ValidString(s.To) {
			return touchstone.Errorf(touchstone.Invalid, "Step %d: an event's name has 1 to %d bytes and does not begin with $.", number, maxName)
		}
		out.name = quoted(s.To)
		return nil
	}
	if out.to, err = parsePath(s.To); err != nil {
		return err
	}
	if slices.Equal(out.at, out.to) {
		return touchstone.Errorf(touchstone.Invalid, "Step %d: %q has that name.", number, s.Field)
	}
	if last := out.at[len(out.at)-1]; last.each || out.to[len(out.to)-1].each {
		return touchstone.Errorf(touchstone.Invalid, "Step %d: elements of a list have no name.", number)
	}
	if !out.at.beside(out.to) && (out.at.many() || out.to.many()) {
		return touchstone.Errorf(touchstone.Invalid, "Step %d: what is in elements of a list stays in them.", number)
	}
	return nil
}

func (s *Step) compileSplit(number int, out *step) error {
	if out.by = s.By; s.By == "" || len(s.By) > maxName || len(s.Into) > maxInto {
		return touchstone.Errorf(touchstone.Invalid, "Step %d: say what the text is split at, and at most %d fields for its parts.", number, maxInto)
	}
	for _, name := range s.Into {
		into, err := parsePath(name)
		if err != nil {
			return err
		}
		if !out.at.beside(into) && (out.at.many() || into.many()) {
			return touchstone.Errorf(touchstone.Invalid, "Step %d: what is in elements of a list stays in them.", number)
		}
		out.into = append(out.into, into)
	}
	return nil
}

// Touches reports whether a rule changes what only the edge can make sense of: identifiers, times,
// the type of a call. Such a rule mends refused events; it cannot hold for what comes.
func (r *Rule) Touches() (field string) {
	for i := range r.Steps {
		s := &r.Steps[i]
		fields := append([]string{s.Field}, s.Into...)
		if s.Do == Rename && s.Field != "event" {
			fields = append(fields, s.To)
		}
		for _, f := range fields {
			if p, err := parsePath(f); err == nil && !p.free() && !p.is("event") {
				return f
			}
		}
	}
	return ""
}

// Done is what a rule did to an event.
type Done struct {
	Rule    string
	Changed bool
	Failed  string // why the first step that failed did: a field and a few words, no values
}

// Event is an event as rules leave it.
type Event struct {
	Changed                     bool
	Name                        string
	Properties, Traits, Context touchstone.JSON
	Done                        []Done // rules that changed something or failed
}

// Event mends an event of the log, and changes nothing of it. A rule goes by the name that the
// rules before it have left.
func (s *Rules) Event(e *touchstone.Event) (out Event) {
	out.Name, out.Properties, out.Traits, out.Context = e.Name, e.Properties, e.Traits, e.Context
	if s == nil {
		return out
	}
	next := s.next(e.Source, e.Name, 0)
	if next < 0 {
		return out
	}
	c := callOf(e)
	for ; next >= 0; next = s.next(e.Source, c.name(e.Type), next+1) {
		if done, told := s.rules[next].run(c); told {
			out.Done = append(out.Done, done)
			out.Changed = out.Changed || done.Changed
		}
	}
	if out.Changed {
		out.Name = c.name(e.Type)
		out.Properties, out.Traits, out.Context = c.object("properties"), c.object("traits"), c.object("context")
	}
	return out
}

// Text mends the text of a call, which need not keep to the form of one. It is returned as it is
// when no rule changes it.
func (s *Rules) Text(source string, text touchstone.JSON) (touchstone.JSON, []Done) {
	if s == nil {
		return text, nil
	}
	c, ok := parseCall(string(text))
	if !ok {
		return text, nil
	}
	var all []Done
	changed := false
	kind, _ := touchstone.ParseEventType(c.text("type"))
	for next := s.next(source, c.name(kind), 0); next >= 0; next = s.next(source, c.name(kind), next+1) {
		if done, told := s.rules[next].run(c); told {
			all = append(all, done)
			changed = changed || done.Changed
		}
	}
	if changed {
		text = touchstone.JSON(c.members.encode())
	}
	return text, all
}

// next returns the first rule from an index on that is about an event, -1 for none.
func (s *Rules) next(source, event string, from int) int {
	found := -1
	for i, at := range [...]scope{{}, {source: source}, {event: event}, {source, event}} {
		if !s.named[i] || i != at.names() {
			continue
		}
		list := s.by[at]
		if k, _ := slices.BinarySearch(list, from); k < len(list) && (found < 0 || list[k] < found) {
			found = list[k]
		}
	}
	return found
}

// run does what a rule says; told reports whether there is anything to tell.
func (r *ready) run(c *call) (done Done, told bool) {
	done.Rule = r.id
	if r.when != nil {
		holds, err := r.when.run(c, nil)
		if err != nil {
			done.Failed = "when"
			return done, true
		}
		if holds != true {
			return done, false
		}
	}
	for i := range r.steps {
		changed, failed := r.steps[i].run(c)
		done.Changed = done.Changed || changed
		if failed && done.Failed == "" {
			done.Failed = r.steps[i].at.String()
		}
	}
	return done, done.Changed || done.Failed != ""
}
