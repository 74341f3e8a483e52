package importer

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// MappingYAML writes a mapping that was given as JSON the way people write mappings: a line
// per key, and what a key of identifiers, properties, traits or context holds on one line.
func MappingYAML(document []byte) (string, error) {
	if !gjson.ValidBytes(document) || !gjson.ParseBytes(document).IsObject() {
		return "", touchstone.Errorf(touchstone.Invalid, "the mapping must be an object")
	}
	var b strings.Builder
	gjson.ParseBytes(document).ForEach(func(key, value gjson.Result) bool {
		b.WriteString(yamlText(key.String()) + ":")
		switch key.String() {
		case "identifiers", "properties", "traits", "context":
			if value.IsObject() && len(value.Map()) > 0 {
				b.WriteByte('\n')
				value.ForEach(func(name, v gjson.Result) bool {
					b.WriteString("  " + yamlText(name.String()) + ": " + yamlFlow(v) + "\n")
					return true
				})
				return true
			}
		}
		b.WriteString(" " + yamlFlow(value) + "\n")
		return true
	})
	return b.String(), nil
}

// yamlFlow writes a value on one line.
func yamlFlow(v gjson.Result) string {
	var parts []string
	switch {
	case v.IsObject():
		v.ForEach(func(name, x gjson.Result) bool {
			parts = append(parts, yamlText(name.String())+": "+yamlFlow(x))
			return true
		})
		return "{" + strings.Join(parts, ", ") + "}"
	case v.IsArray():
		v.ForEach(func(_, x gjson.Result) bool {
			parts = append(parts, yamlFlow(x))
			return true
		})
		return "[" + strings.Join(parts, ", ") + "]"
	case v.Type == gjson.String:
		return yamlText(v.String())
	}
	return v.Raw
}
