package warehouse

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// Personal tells whether a value, by its field's name or its form, says something of one person: a
// contact, a number plate, a place.
type Personal func(name string, value touchstone.JSON) bool

// Anonymise makes an event one of nobody, under a pseudonym ([touchstone.NodeID.Pseudonym]): without
// message id, identifiers, session and personal fields. Of its context the dimensions are left, and of the
// properties those that are not personal; traits go. What it counts for in questions stays.
// Without personal nothing of both is left.
func Anonymise(f *touchstone.Fact, pseudonym touchstone.NodeID, personal Personal) {
	if personal == nil {
		personal = func(string, touchstone.JSON) bool { return true }
	}
	var d Dimensions
	d.Extract(&f.Event)
	anonymous := touchstone.Fact{Seq: f.Seq, Node: pseudonym, Backfill: f.Backfill}
	e := &anonymous.Event
	e.Type, e.Name, e.Time, e.ReceivedAt, e.Source = f.Type, f.Name, f.Time, f.ReceivedAt, f.Source
	e.Context = d.impersonal(personal)
	if e.Type == touchstone.Track || e.Type == touchstone.Page || e.Type == touchstone.Screen {
		e.Properties = cutPersonal(f.Properties, personal)
	}
	*f = anonymous
}

// impersonal returns a context that has the dimensions, but for the session, which would lead to the
// events before and after.
func (d *Dimensions) impersonal(personal Personal) touchstone.JSON {
	return d.context(func(name, value string) bool {
		text, err := jsontext.AppendQuote(nil, value)
		return err == nil && !personal(name, touchstone.JSON(text))
	})
}

// Context returns one that [Dimensions.Extract] reads the same from, but for the session.
func (d *Dimensions) Context() touchstone.JSON {
	return d.context(func(string, string) bool { return true })
}

func (d *Dimensions) context(keep func(name, value string) bool) touchstone.JSON {
	nested := map[string]any{}
	put := func(at int, path ...string) {
		value := d[at]
		if value == "" || !keep(path[len(path)-1], value) {
			return
		}
		if len(path) == 1 {
			nested[path[0]] = value
			return
		}
		inner, _ := nested[path[0]].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			nested[path[0]] = inner
		}
		inner[path[1]] = value
	}
	put(Platform, "platform")
	put(OS, "os", "name")
	put(Channel, "channel")
	put(PagePath, "page", "path")
	for name, at := range location {
		put(at, "location", name)
	}
	for name, at := range campaign {
		put(at, "campaign", name)
	}
	text, err := json.Marshal(nested, json.Deterministic(true))
	if err != nil {
		return "{}"
	}
	return touchstone.JSON(text)
}

// cutPersonal returns an object without what is personal in it; none of one that cannot be read.
func cutPersonal(object touchstone.JSON, personal Personal) touchstone.JSON {
	if object == "" {
		return ""
	}
	kept, _ := impersonalValue("", jsontext.Value(object), personal)
	if kept == nil || kept.Kind() != '{' {
		return "{}"
	}
	return touchstone.JSON(kept)
}

// impersonalValue returns what may be kept of a value; ok is false when nothing may.
func impersonalValue(name string, value jsontext.Value, personal Personal) (kept jsontext.Value, ok bool) {
	if name != "" && personal(name, touchstone.JSON(strings.TrimSpace(string(value)))) {
		return nil, false
	}
	switch value.Kind() {
	case '{':
		var members map[string]jsontext.Value
		if json.Unmarshal(value, &members, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
			return nil, false
		}
		for key, one := range members {
			if members[key], ok = impersonalValue(key, one, personal); !ok {
				delete(members, key)
			}
		}
		return marshalled(members)
	case '[':
		var items []jsontext.Value
		if json.Unmarshal(value, &items, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
			return nil, false
		}
		left := items[:0]
		for _, one := range items {
			if one, ok := impersonalValue(name, one, personal); ok {
				left = append(left, one)
			}
		}
		return marshalled(slices.Clip(left))
	}
	return value, true
}

func marshalled(v any) (jsontext.Value, bool) {
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	return text, err == nil
}
