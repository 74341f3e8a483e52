package keep

import (
	"encoding/json"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// shortValue is the length from which a value alone is taken for an identifier, whatever it
// is called: a shorter one may be anything.
const shortValue = 5

// Search finds texts that name one of some persons.
type Search struct{ texts *Texts }

// NewSearch prepares a search for persons in JSON: for their ids, their identifiers as kind:value,
// values that are long enough to be nothing else, and user and anonymous ids under their names. A phone
// number is also looked for without its country code. Other spellings are not found. What a text
// costs does not depend on how many they are.
func NewSearch(persons []Whole) *Search { return &Search{NewTexts(mentions(persons))} }

// In tells whether one of the texts names one of the persons.
func (s *Search) In(texts ...string) bool {
	for _, text := range texts {
		if s.texts.In(strings.ToLower(text)) {
			return true
		}
	}
	return false
}

// mentions returns texts of which one is in a JSON text, in lower case, that names one of the persons.
func mentions(persons []Whole) []string {
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
