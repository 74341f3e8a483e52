package mend

import (
	"cmp"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// alike is how little alike two names may be for one to be taken for the other.
const alike = 0.4

// Suggest lists rules that may mend events which a plan has set aside for a breach, the likeliest
// first. calls are some of them. Whoever shows one tries it on real events before.
func Suggest(b plan.Breach, source, event string, p *plan.Plan, calls []touchstone.JSON) []Rule {
	s := suggestions{source: source, event: event, root: "properties"}
	if event == "$identify" || event == "$group" {
		s.root = "traits"
	}
	planned, _ := p.Members(event)
	path := plan.EveryElement(b.Path)
	field := s.root + "." + path
	switch b.Rule {
	case plan.UnplannedEvent:
		for _, name := range likeliest(event, p.Events(), nil) {
			s.add(Step{Do: Rename, Field: "event", To: name})
		}
	case plan.UnplannedProperty:
		if !strings.ContainsAny(path, ".[") {
			for _, name := range likeliest(path, planned, names(s.root, calls)) {
				s.add(Step{Do: Rename, Field: field, To: s.root + "." + Escape(name)})
			}
		}
		s.add(Step{Do: Drop, Field: field})
	case plan.MissingProperty:
		if !strings.ContainsAny(path, ".[") {
			for _, name := range likeliest(path, names(s.root, calls), planned) {
				s.add(Step{Do: Rename, Field: s.root + "." + Escape(name), To: field})
			}
		}
	default:
		s.wrong(field, b.Want)
	}
	return s.rules
}

type suggestions struct {
	source, event, root string
	rules               []Rule
}

func (s *suggestions) add(steps ...Step) {
	s.rules = append(s.rules, Rule{Name: steps[0].Do + " " + steps[0].Field, Source: s.source, Event: s.event, Steps: steps})
}

// wrong is about a value that is not what is wanted.
func (s *suggestions) wrong(field, want string) {
	for _, kind := range []string{"date-time", "number", "integer", "boolean", "string", "array"} {
		if strings.Contains(want, kind) {
			s.add(Step{Do: Cast, Field: field, To: kind})
		}
	}
	if strings.HasPrefix(want, "one of ") {
		s.add(Step{Do: Set, Field: field, Expression: "lower(trim(value))"})
		s.add(Step{Do: Set, Field: field, Expression: "upper(trim(value))"})
		s.add(Step{Do: Set, Field: field, Expression: "trim(value)"})
	}
	s.add(Step{Do: Drop, Field: field})
}

// likeliest returns those of names that look like name, the most alike first, without those taken.
func likeliest(name string, all, taken []string) []string {
	var list []string
	for _, n := range all {
		if n != name && !slices.Contains(taken, n) && plan.Alike(name, n) <= alike {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(plan.Alike(name, a), plan.Alike(name, b)) })
	return list[:min(3, len(list))]
}

// names are those of the members of a root of calls.
func names(root string, calls []touchstone.JSON) []string {
	var list []string
	for _, c := range calls {
		object := jsonwalk.Member(string(c), root)
		if object == "" || object[0] != '{' {
			continue
		}
		jsonwalk.Members(object, func(key, _ string) bool {
			if name := jsonwalk.Unescape(key); !slices.Contains(list, name) && len(list) < 500 {
				list = append(list, name)
			}
			return true
		})
	}
	return list
}

// identifying are names of properties that say who somebody is, by the field that they fill.
var identifying = map[string]string{"userid": "userId", "uid": "userId", "customerid": "userId", "memberid": "userId", "accountid": "userId",
	"anonymousid": "anonymousId", "deviceid": "anonymousId", "visitorid": "anonymousId", "openid": "anonymousId", "distinctid": "anonymousId"}

// SuggestRefused lists rules that may repair calls which the edge has refused for a code.
func SuggestRefused(code, source string, calls []touchstone.JSON) []Rule {
	s := suggestions{source: source}
	switch code {
	case "missing_user", "blocked_user":
		for _, root := range rootNames {
			for _, name := range names(root, calls) {
				if field := identifying[strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))]; field != "" {
					s.add(Step{Do: Set, Field: field, Expression: `text(` + root + `[` + quoted(name) + `])`})
				}
			}
		}
	case "unknown_type":
		s.add(Step{Do: Set, Field: "type", Expression: `value == null ? "track" : lower(trim(value))`})
	case "missing_event":
		for _, name := range names("properties", calls) {
			if n := strings.ToLower(strings.ReplaceAll(name, "_", "")); n == "event" || n == "eventname" || n == "name" || n == "action" {
				s.add(Step{Do: Set, Field: "event", Expression: `text(properties[` + quoted(name) + `])`})
			}
		}
	case "bad_timestamp":
		s.add(Step{Do: Set, Field: "timestamp", Expression: `replace(replace(trim(value), "/", "-"), " ", "T") + "+08:00"`})
		s.add(Step{Do: Cast, Field: "timestamp", To: "date-time"})
	}
	return s.rules
}
