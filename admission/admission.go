// Package admission decides what of an accepted event is kept: some events are left out with
// a reason, some properties and traits are taken out or replaced. [Rules.Admit] is pure, and
// which rules hold from which place of the log is stored ([Versions]), so the pipeline and the
// sink, whenever they read the log, make the same of an event.
//
// docs/design/admission.md tells the rest.
package admission

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
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

// Rules are rules made ready: see [Compile]. Nil admits everything as it is. They never
// change, so any goroutine may ask them.
type Rules struct {
	actions map[scope]*action
}

type scope struct{ source, event string }

// action is all that the rules of one scope say. A mask's value is JSON, "" to take it out.
type action struct {
	drop       string
	properties map[string]string
	traits     map[string]string
}

// Compile makes rules ready; nil when there are none.
func Compile(rules []Rule) (*Rules, error) {
	if err := Check(rules); err != nil || len(rules) == 0 {
		return nil, err
	}
	c := &Rules{actions: map[scope]*action{}}
	for _, r := range rules {
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
					return nil, fmt.Errorf("a replacement: %w", err)
				}
				value = string(text)
			}
			if before, ok := masks[m.Name]; !ok || before != "" { // what goes, goes
				masks[m.Name] = value
			}
		}
	}
	return c, nil
}

// Verdict is what becomes of an event.
type Verdict struct {
	Drop   string // the reason why it is left out, "code: sentence"; "" keeps it
	Masked bool   // the following differ from the event's

	Properties, Traits, Context touchstone.JSON
}

// Admit decides about an event, and changes nothing. Of two rules that mask the same, taking
// out goes before replacing, and then the one that names the event before those that do not.
func (c *Rules) Admit(e *touchstone.Event) (v Verdict) {
	if c == nil {
		return v
	}
	// From what names least to what names most: the last word is the most special one's.
	for i, at := range [...]scope{{}, {source: e.Source}, {event: e.Name}, {e.Source, e.Name}} {
		if i&1 != 0 && e.Source == "" || i&2 != 0 && e.Name == "" {
			continue // it would be the one of all
		}
		a := c.actions[at]
		if a == nil {
			continue
		}
		if a.drop != "" {
			v.Drop = dropsCode + a.drop
		}
		if !v.Masked {
			v.Properties, v.Traits, v.Context = e.Properties, e.Traits, e.Context
		}
		hit := mask(&v.Properties, a.properties)
		hit = mask(&v.Traits, a.traits) || hit
		hit = maskInside(&v.Context, "traits", a.traits) || hit
		v.Masked = v.Masked || hit
	}
	return v
}

// Apply makes an event what the verdict says, but for leaving it out.
func (v *Verdict) Apply(e *touchstone.Event) {
	if v.Masked {
		e.Properties, e.Traits, e.Context = v.Properties, v.Traits, v.Context
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
