package access

import (
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// A search finds what the viewer sees, or a contact that was written out whole. Anything
// else would tell contacts digit by digit.

// Finds reports whether a search for q may find a text.
func (v *Viewer) Finds(text, q string) bool {
	lower, q := strings.ToLower(text), strings.ToLower(q)
	if !strings.Contains(lower, q) {
		return false
	}
	if v.SeesContacts() || strings.Contains(strings.ToLower(maskText(text)), q) {
		return true
	}
	return maskText(q) != q && containsWhole(lower, q)
}

// FindsJSON is Finds for a JSON value as it is shown.
func (v *Viewer) FindsJSON(value touchstone.JSON, q string) bool {
	lower, q := strings.ToLower(string(value)), strings.ToLower(q)
	if !strings.Contains(lower, q) {
		return false
	}
	if v.SeesContacts() || strings.Contains(strings.ToLower(string(v.JSON(value))), q) {
		return true
	}
	return maskText(q) != q && containsWhole(lower, q)
}

// FindsIdentifier reports whether a search for q, a value or kind:value, may find an identifier.
func (v *Viewer) FindsIdentifier(id touchstone.Identifier, q string) bool {
	if v.SeesContacts() {
		return true
	}
	if rest, ok := strings.CutPrefix(q, string(id.Kind)+":"); ok {
		q = rest
	}
	masked := v.Identifier(id).Value
	if masked == id.Value || strings.Contains(strings.ToLower(masked), strings.ToLower(q)) || q == id.Value {
		return true
	}
	if v == nil || v.Kinds == nil {
		return false
	}
	form, refusal := v.Kinds.Check(id.Kind, q)
	return refusal == "" && form == id.Value
}

// containsWhole reports whether a text holds q with no more of a contact around it.
func containsWhole(text, q string) bool {
	part := func(c byte) bool { return isWord(c) || c >= 0x80 || strings.IndexByte(".+-@", c) >= 0 }
	for from := 0; ; {
		i := strings.Index(text[from:], q)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(q)
		if (i == 0 || !part(text[i-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = i + 1
	}
}
