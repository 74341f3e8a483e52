// Package admission decides what of an accepted event is kept: events are mended by rules, some
// are left out with a reason, some properties and traits are taken out or replaced, and events are
// held against the tracking plan of their source. [Rules.Admit] is pure, and which rules and plans hold from
// which place of the log is stored ([Versions]), so the pipeline and the sink, whenever they read
// the log, make the same of an event.
//
// docs/design/admission.md and docs/design/plan.md tell the rest.
package admission

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Rule says what becomes of the events of a source and a name. All rules that match apply.
type Rule struct {
	Source string `json:"source"` // id, "src_…"; "" for all
	Event  string `json:"event"`  // name, as events are stored: "Order Paid", "$identify"; "" for all
	// Drop is the reason why such events are left out: they go to quarantine with it. "" keeps
	// them. Of several reasons that of the rule that names most is given.
	Drop string `json:"drop"`
	Mask []Mask `json:"mask"`
}

// Mask takes a member out of an event, or replaces its value.
type Mask struct {
	In   string  `json:"in"`   // "properties", or "traits": then also those in context.traits
	Name string  `json:"name"` // a member of the object itself, not of one inside
	With *string `json:"with"` // the text instead of the value; nil: the member goes
}

// The places of a [Mask].
const (
	inProperties = "properties"
	inTraits     = "traits"
)

// Bounds of a set of rules.
const (
	maxRules  = 200
	maxMasks  = 100 // of a rule
	maxName   = 200 // bytes of a name or an id
	maxText   = 200 // characters of a reason or a replacement
	dropsCode = "admission: "
)

// Check tells what is wrong with rules.
func Check(rules []Rule) error {
	if len(rules) > maxRules {
		return touchstone.Errorf(touchstone.Invalid, "there are %d rules; at most %d fit", len(rules), maxRules)
	}
	for i := range rules {
		if err := rules[i].check(i + 1); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check(number int) error {
	switch {
	case r.Drop == "" && len(r.Mask) == 0:
		return touchstone.Errorf(touchstone.Invalid, "rule %d neither drops nor masks anything", number).WithHint("give a reason in drop, or what to mask in mask")
	case len(r.Source) > maxName || len(r.Event) > maxName:
		return touchstone.Errorf(touchstone.Invalid, "rule %d: source and event have at most %d bytes", number, maxName)
	case !isText(r.Drop):
		return touchstone.Errorf(touchstone.Invalid, "rule %d: the reason is one line of at most %d characters", number, maxText)
	case len(r.Mask) > maxMasks:
		return touchstone.Errorf(touchstone.Invalid, "rule %d masks %d names; at most %d fit", number, len(r.Mask), maxMasks)
	}
	for _, m := range r.Mask {
		switch {
		case m.In != inProperties && m.In != inTraits:
			return touchstone.Errorf(touchstone.Invalid, "rule %d: nothing can be masked in %.40q", number, m.In).WithHint("in is properties or traits")
		case m.Name == "" || len(m.Name) > maxName:
			return touchstone.Errorf(touchstone.Invalid, "rule %d: a name to mask has 1 to %d bytes", number, maxName)
		case m.With != nil && !isText(*m.With):
			return touchstone.Errorf(touchstone.Invalid, "rule %d: what stands instead of %.80q is one line of at most %d characters", number, m.Name, maxText)
		}
	}
	return nil
}

func isText(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxText && strings.IndexFunc(s, unicode.IsControl) < 0
}

// Use is a revision of a tracking plan that holds for sources.
type Use struct {
	Plan     string        `json:"plan"` // id, "pln_…"
	Name     string        `json:"name"`
	Revision int           `json:"revision"`
	Sources  []string      `json:"sources"` // ids; empty: all that no other plan names
	Document plan.Document `json:"document"`
}

// Rules are rules and plans made ready: see [Compile]. Nil admits everything as it is. They
// never change, so any goroutine may ask them.
type Rules struct {
	actions map[scope]*action
	plans   map[string]*plan.Plan // by source; "" for those without their own
	mends   *mend.Rules
}

type scope struct{ source, event string }

// action is all that the rules of one scope say. A mask's value is JSON, "" to take it out.
type action struct {
	drop       string
	properties map[string]string
	traits     map[string]string
}

// Compile makes what a version says ready; nil when that is nothing.
func Compile(body *Body) (*Rules, error) {
	if err := Check(body.Rules); err != nil || len(body.Rules) == 0 && len(body.Plans) == 0 && len(body.Mends) == 0 {
		return nil, err
	}
	mends, err := mend.Compile(body.Mends)
	if err != nil {
		return nil, err
	}
	c := &Rules{actions: map[scope]*action{}, plans: map[string]*plan.Plan{}, mends: mends}
	for _, r := range body.Rules {
		if err := c.add(&r); err != nil {
			return nil, err
		}
	}
	for i := range body.Plans {
		p, err := plan.Compile(&body.Plans[i].Document)
		if err != nil {
			return nil, err
		}
		for _, source := range body.Plans[i].Sources {
			c.plans[source] = p
		}
		if len(body.Plans[i].Sources) == 0 {
			c.plans[""] = p
		}
	}
	return c, nil
}

func (c *Rules) add(r *Rule) error {
	at := scope{r.Source, r.Event}
	a := c.actions[at]
	if a == nil {
		a = &action{properties: map[string]string{}, traits: map[string]string{}}
		c.actions[at] = a
	}
	if a.drop == "" {
		a.drop = r.Drop
	}
	for _, m := range r.Mask {
		masks := a.properties
		if m.In == inTraits {
			masks = a.traits
		}
		value := ""
		if m.With != nil {
			text, err := json.Marshal(*m.With)
			if err != nil {
				return fmt.Errorf("a replacement: %w", err)
			}
			value = string(text)
		}
		if before, ok := masks[m.Name]; !ok || before != "" { // what goes, goes
			masks[m.Name] = value
		}
	}
	return nil
}

// Plan returns the tracking plan of a source, nil without one.
func (c *Rules) Plan(source string) *plan.Plan {
	if c == nil {
		return nil
	}
	if p := c.plans[source]; p != nil {
		return p
	}
	return c.plans[""]
}

// Verdict is what becomes of an event.
type Verdict struct {
	Drop    string // the reason why it is left out, "code: sentence"; "" keeps it
	Changed bool   // the following differ from the event's
	Masked  bool   // one of the reasons is a mask

	Name                        string
	Properties, Traits, Context touchstone.JSON

	Planned  bool          // the event was held against a tracking plan
	Breaches []plan.Breach // where it breaks that
	Mended   []mend.Done   // what mending rules did, or could not do
}

// PlanCode is the code of the reason why a tracking plan sets an event aside.
const PlanCode = "tracking_plan"

// Admit decides about an event, and changes nothing. Mending comes first, and all that follows
// goes by its result. What a rule leaves out meets no plan, and
// the plan sees values before they are masked. Of two rules that mask the same, taking
// out goes before replacing, and then the one that names the event before those that do not.
func (c *Rules) Admit(e *touchstone.Event) (v Verdict) {
	if c == nil {
		return v
	}
	e = c.mend(e, &v)
	mended := v.Changed
	var matching [4]*action
	if len(c.actions) > 0 {
		v.Drop = c.match(e, &matching)
	}
	if p := c.Plan(e.Source); p != nil && v.Drop == "" && e.Name != touchstone.ConsentEvent {
		held := p.Check(e)
		v.Planned, v.Breaches = true, held.Breaches
		switch {
		case held.SetAside(): // without what the plan would have converted, so that people see what was wrong
			v.Drop = PlanCode + ": " + held.Reason()
		case held.Changed:
			v.Changed, v.Properties, v.Traits = true, held.Properties, held.Traits
		}
	}
	v.mask(&matching)
	if mended && v.Drop != "" && !v.Masked { // as it came, so that a replay mends it once
		v.Changed = false
	}
	return v
}

// Mask is what becomes of an event that goes to quarantine for another reason: it is masked, and
// meets no plan. One that is masked by its mended names stays mended.
func (c *Rules) Mask(e *touchstone.Event) (v Verdict) {
	if c == nil {
		return v
	}
	e = c.mend(e, &v)
	var matching [4]*action
	c.match(e, &matching)
	v.mask(&matching)
	v.Changed = v.Masked
	return v
}

// mend begins a verdict with what mending rules make of an event, and returns the event as they
// leave it.
func (c *Rules) mend(e *touchstone.Event, v *Verdict) *touchstone.Event {
	v.Name, v.Properties, v.Traits, v.Context = e.Name, e.Properties, e.Traits, e.Context
	if c.mends == nil {
		return e
	}
	m := c.mends.Event(e)
	v.Mended = m.Done
	if !m.Changed {
		return e
	}
	v.Changed, v.Name, v.Properties, v.Traits, v.Context = true, m.Name, m.Properties, m.Traits, m.Context
	mended := *e
	v.Apply(&mended)
	return &mended
}

func (v *Verdict) mask(matching *[4]*action) {
	for _, a := range matching {
		if a == nil {
			continue
		}
		hit := mask(&v.Properties, a.properties)
		hit = mask(&v.Traits, a.traits) || hit
		hit = maskInside(&v.Context, "traits", a.traits) || hit
		v.Masked = v.Masked || hit
	}
	v.Changed = v.Changed || v.Masked
}

// match finds the rules for an event, from what names least to what names most: the last word is
// the most special one's. It returns why the event is left out, "" when it is not.
func (c *Rules) match(e *touchstone.Event, matching *[4]*action) (drop string) {
	for i, at := range [...]scope{{}, {source: e.Source}, {event: e.Name}, {e.Source, e.Name}} {
		if i&1 != 0 && e.Source == "" || i&2 != 0 && e.Name == "" {
			continue // it would be the one of all
		}
		a := c.actions[at]
		if a != nil && a.drop != "" {
			drop = dropsCode + a.drop
		}
		matching[i] = a
	}
	return drop
}

// Apply makes an event what the verdict says, but for leaving it out.
func (v *Verdict) Apply(e *touchstone.Event) {
	if v.Changed {
		e.Name, e.Properties, e.Traits, e.Context = v.Name, v.Properties, v.Traits, v.Context
	}
}

// mask changes the members of an object that masks name, and reports whether there were any.
func mask(object *touchstone.JSON, masks map[string]string) bool {
	if *object == "" || len(masks) == 0 {
		return false
	}
	return rewrite(object, func(key, value string) (string, bool) {
		with, ok := masks[jsonwalk.Unescape(key)]
		if !ok {
			return value, true
		}
		return with, with != ""
	})
}

// maskInside does the same with the object that is a member of another.
func maskInside(object *touchstone.JSON, name string, masks map[string]string) bool {
	if *object == "" || len(masks) == 0 {
		return false
	}
	return rewrite(object, func(key, value string) (string, bool) {
		if jsonwalk.Unescape(key) != name {
			return value, true
		}
		inside := touchstone.JSON(value)
		mask(&inside, masks)
		return string(inside), true
	})
}

// rewrite replaces an object by one whose members fn has changed or taken out. Without a
// change it stays the very same text.
func rewrite(object *touchstone.JSON, fn func(key, value string) (with string, keep bool)) bool {
	changed := false
	jsonwalk.Members(string(*object), func(key, value string) bool {
		with, keep := fn(key, value)
		changed = !keep || with != value
		return !changed
	})
	if !changed {
		return false
	}
	var b strings.Builder
	b.Grow(len(*object))
	b.WriteByte('{')
	jsonwalk.Members(string(*object), func(key, value string) bool {
		with, keep := fn(key, value)
		if !keep {
			return true
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(key)
		b.WriteString(`":`)
		b.WriteString(with)
		return true
	})
	b.WriteByte('}')
	*object = touchstone.JSON(b.String())
	return true
}
