package jsonwalk

import (
	"encoding/json"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"pgregory.net/rapid"
)

func TestMembersReadsWhatEncodingJSONWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaf := rapid.OneOf(rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
			rapid.Just[any](true), rapid.Just[any](nil), rapid.Just[any](map[string]any{"}": "{", `\"`: []any{"]", `\\`}}))
		object := rapid.MapOfN(rapid.String(), leaf, 0, 8).Draw(t, "object")
		var text []byte
		var err error
		if rapid.Bool().Draw(t, "indented") {
			text, err = json.MarshalIndent(object, "", "\t")
		} else {
			text, err = json.Marshal(object)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		gjson.ParseBytes(text).ForEach(func(k, v gjson.Result) bool {
			want[k.String()] = v.Raw
			return true
		})
		got := map[string]string{}
		Members(string(text), func(key, value string) bool {
			got[Unescape(key)] = value
			return true
		})
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatalf("%s: %s", text, d)
		}
	})
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{`"a"`: "a", `""`: "", `"a\"b"`: `a"b`, `"\u4f1f"`: "伟", `12`: "", `{}`: "", ``: "", `"`: ""} {
		if got := Text(in); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":{"c":"}"}}`, `{"a"`, `{"a":`, `{"\`, `{"a":"\"`, `{,,"":[[[`, `{"a":}`, strings.Repeat(`{"a":`, 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		Members(s, func(key, value string) bool {
			if value == "" {
				t.Fatal("an empty value")
			}
			Unescape(key)
			Text(value)
			n++
			return true
		})
		if n > len(s) {
			t.Fatal("more members than bytes")
		}
	})
}
