package keep

import (
	"encoding/json"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// shortValue is the length from which a value alone is taken for an identifier, whatever it
// is called: a shorter one may be anything.
const shortValue = 5

// Mentions returns texts of which one is in a JSON text, in lower case, that names one of the
// persons: their ids, their identifiers as kind:value, values that are long enough to be
// nothing else, and user and anonymous ids under their names. A phone number is also looked for
// without its country code. Other spellings are not found.
func Mentions(persons []Whole) []string {
	var list []string
	quoted := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil { // a string always is JSON
			return ""
		}
		return strings.ToLower(string(b))
	}
	for i := range persons {
		for _, n := range persons[i].Numbers() {
			list = append(list, quoted(touchstone.PersonID(n).String()))
		}
		for _, id := range persons[i].Identifiers {
			list = append(list, quoted(id.String()))
			value := quoted(id.Value)
			if len(id.Value) >= shortValue {
				list = append(list, value)
			}
			switch id.Kind {
			case touchstone.KindUserID:
				list = append(list, `"userid":`+value, `"userid": `+value, `"user_id":`+value, `"user_id": `+value)
			case touchstone.KindAnonymousID:
				list = append(list, `"anonymousid":`+value, `"anonymousid": `+value)
			case touchstone.KindPhone:
				for _, code := range []string{"+86", "+1", "+"} {
					if short, ok := strings.CutPrefix(id.Value, code); ok {
						list = append(list, quoted(short))
					}
				}
			}
		}
	}
	return list
}

// MentionedIn tells whether a text names one of the persons whose [Mentions] are given.
func MentionedIn(mentions []string, text string) bool {
	text = strings.ToLower(text)
	for _, m := range mentions {
		if strings.Contains(text, m) {
			return true
		}
	}
	return false
}
