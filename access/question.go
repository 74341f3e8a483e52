package access

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
)

// exactOps compare with a whole value, or with none.
var exactOps = []string{"eq", "neq", "in", "not_in", "exists", "not_exists"}

const (
	maxExact     = 20 // contacts that one condition names
	guessedBytes = 4  // digits in a row that may be a part of a contact
)

// CheckQuestion refuses, in a question or a segment's rule, conditions that would tell
// contacts bit by bit to a viewer who may not see them: on a field that holds them only
// whole values may be compared, and parts of texts must not look like parts of contacts.
func (v *Viewer) CheckQuestion(raw []byte) error {
	if v.SeesContacts() {
		return nil
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return nil // who reads it says what is wrong
	}
	return v.checkQuestion(value)
}

func (v *Viewer) checkQuestion(value any) error {
	switch value := value.(type) {
	case []any:
		for _, x := range value {
			if err := v.checkQuestion(x); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := v.checkCondition(value); err != nil {
			return err
		}
		for _, x := range value {
			if err := v.checkQuestion(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Viewer) checkCondition(c map[string]any) error {
	op, isCondition := c["op"].(string)
	if !isCondition || slices.Contains(exactOps[:2], op) {
		return nil
	}
	name := ""
	for _, key := range []string{"trait", "property", "context"} {
		if s, ok := c[key].(string); ok {
			name = s[strings.LastIndexByte(s, '.')+1:]
		}
	}
	if list, ok := c["value"].([]any); ok && len(list) > maxExact && v.classOf(name) != none {
		return touchstone.Errorf(touchstone.Forbidden, "A condition on %q may name %d values at most: you may not see contacts.", name, maxExact).
			WithHint("The permission %s is needed for more.", PeopleContacts)
	}
	if slices.Contains(exactOps, op) {
		return nil
	}
	if v.classOf(name) != none {
		return touchstone.Errorf(touchstone.Forbidden, "On %q only whole values may be compared: you may not see contacts.", name).
			WithHint("Compare with eq or in; other comparisons need the permission %s.", PeopleContacts)
	}
	text, _ := c["value"].(string)
	if strings.Contains(text, "@") || longestDigits(text) >= guessedBytes && (strings.Contains(op, "contains") || strings.Contains(op, "starts") || strings.Contains(op, "ends") || strings.Contains(op, "prefix")) {
		return touchstone.Errorf(touchstone.Forbidden, "The text %.40q may be a part of a contact, and you may not see contacts.", text).
			WithHint("Compare with eq, or with fewer than %d digits.", guessedBytes)
	}
	return nil
}

func longestDigits(s string) (longest int) {
	n := 0
	for i := 0; i < len(s); i++ {
		if isDigit(s[i]) {
			n++
			longest = max(longest, n)
		} else {
			n = 0
		}
	}
	return longest
}
