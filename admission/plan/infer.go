package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Observed makes a plan of events that were seen: [Observed.See] each of them, then ask for
// [Observed.Document]. The zero value is ready.
type Observed struct{ events map[string]*seen }

// Bounds of what is observed.
const (
	maxObserved       = maxEvents
	maxObservedNames  = 300 // members of an object
	maxObservedDepth  = 4
	surelyRequired    = 20 // so many events all had it
	observedDateTimes = 20 // so many texts all were moments
)

// seen is what is known of the values in one place.
type seen struct {
	number    int64 // values, null too
	types     types
	fractions bool  // a number had one
	texts     int64 // texts, and how many of them are moments and addresses
	moments   int64
	mails     int64
	members   map[string]*seen
	order     []string
	objects   int64
	items     *seen
}

// See takes up an event.
func (o *Observed) See(e *touchstone.Event) {
	if o.events == nil {
		o.events = map[string]*seen{}
	}
	s := o.events[e.Name]
	if s == nil {
		if len(o.events) == maxObserved || e.Name == "" || len(e.Name) > maxName {
			return
		}
		s = &seen{}
		o.events[e.Name] = s
	}
	object := e.Properties
	if e.Type == touchstone.Identify || e.Type == touchstone.Group {
		object = e.Traits
	}
	if object == "" {
		object = "{}"
	}
	s.see(string(object), 0)
}

func (s *seen) see(value string, depth int) {
	s.number++
	is := typesOf(value)
	s.types |= is &^ isInteger
	switch {
	case is&isNumber != 0:
		s.fractions = s.fractions || is&isInteger == 0
	case is == isString:
		s.texts++
		text := jsonwalk.Text(value)
		if formats["date-time"](text) {
			s.moments++
		} else if strings.Contains(text, "@") && formats["email"](text) {
			s.mails++
		}
	case is == isObject && depth < maxObservedDepth:
		s.seeMembers(value, depth)
	case is == isArray && depth < maxObservedDepth:
		if s.items == nil {
			s.items = &seen{}
		}
		jsonwalk.Elements(value, func(v string) bool {
			s.items.see(v, depth+1)
			return true
		})
	}
}

func (s *seen) seeMembers(object string, depth int) {
	s.objects++
	if s.members == nil {
		s.members = map[string]*seen{}
	}
	jsonwalk.Members(object, func(key, value string) bool {
		name := jsonwalk.Unescape(key)
		if preset(name) && depth == 0 {
			return true
		}
		m := s.members[name]
		if m == nil {
			if len(s.members) == maxObservedNames {
				return true
			}
			m = &seen{}
			s.members[name] = m
			s.order = append(s.order, name)
		}
		m.see(value, depth+1)
		return true
	})
}

// Document is the plan that everything seen keeps to. What breaks it later is counted and
// allowed, until somebody says otherwise. Ranges and lists of values are not guessed: the next
// good value would break them.
func (o *Observed) Document() Document {
	d := Document{UnplannedEvents: Allow, UnplannedProperties: Allow, Missing: Allow, Invalid: Allow, Events: []Event{}}
	for _, name := range slices.Sorted(maps.Keys(o.events)) {
		d.Events = append(d.Events, Event{Name: name, Schema: touchstone.JSON(o.events[name].schema(true))})
	}
	return d
}

// schema writes the JSON Schema of what was seen.
func (s *seen) schema(whole bool) string {
	var parts []string
	is := s.types
	if is&isNumber != 0 && !s.fractions && s.number >= surelyRequired {
		is = is&^isNumber | isInteger
	}
	if names := is.names(); len(names) == 1 {
		parts = append(parts, `"type":`+names[0])
	} else if len(names) > 1 {
		parts = append(parts, `"type":[`+strings.Join(names, ",")+`]`)
	}
	switch {
	case s.texts >= observedDateTimes && s.texts == s.moments:
		parts = append(parts, `"format":"date-time"`)
	case s.texts >= observedDateTimes && s.texts == s.mails:
		parts = append(parts, `"format":"email"`)
	}
	if s.items != nil && s.items.number > 0 {
		parts = append(parts, `"items":`+s.items.schema(false))
	}
	var required, members []string
	for _, name := range s.order {
		text, err := json.Marshal(name)
		if err != nil {
			continue
		}
		m := s.members[name]
		if m.number == s.objects && s.objects >= surelyRequired {
			required = append(required, string(text))
		}
		members = append(members, string(text)+":"+m.schema(false))
	}
	if len(required) > 0 {
		parts = append(parts, `"required":[`+strings.Join(required, ",")+`]`)
	}
	if len(members) > 0 {
		parts = append(parts, `"properties":{`+strings.Join(members, ",")+`}`)
		if whole {
			parts = append(parts, `"additionalProperties":false`)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// names are the types in quotes.
func (t types) names() (names []string) {
	for _, n := range typeNames {
		if t&n.is != 0 {
			names = append(names, `"`+n.name+`"`)
		}
	}
	return names
}
