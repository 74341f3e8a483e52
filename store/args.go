package store

import (
	"database/sql/driver"
	"reflect"
	"strings"
	"unicode/utf8"
)

// cleanArgs returns args with every text made storable; it copies only when it must.
func cleanArgs(args []any) []any {
	copied := false
	for i, a := range args {
		s, ok := textOf(a)
		if !ok || storable(s) {
			continue
		}
		if !copied {
			args = append([]any(nil), args...)
			copied = true
		}
		args[i] = cleanText(s)
	}
	return args
}

// textOf returns the text of a string or of a named string type.
func textOf(a any) (string, bool) {
	switch s := a.(type) {
	case nil, int64, []byte, int, float64, bool:
		return "", false
	case string:
		return s, true
	case driver.Valuer:
		return "", false
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.String {
		return v.String(), true
	}
	return "", false
}

func storable(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// driverValue returns a in the form that drivers take, with text made storable.
func driverValue(a any) (driver.Value, error) {
	switch v := a.(type) {
	case nil, int64, []byte, float64, bool:
		return v, nil
	case string:
		if !storable(v) {
			return cleanText(v), nil
		}
		return a, nil // not v: the interface is already there
	case int:
		return int64(v), nil
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(a)
	if s, ok := v.(string); ok && !storable(s) {
		return cleanText(s), nil
	}
	return v, err
}
