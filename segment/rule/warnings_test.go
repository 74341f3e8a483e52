package rule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{`{"and":[{"trait":"city","op":"eq","value":"上海"},{"trait":"city","op":"eq","value":"北京"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"city","op":"eq","value":"上海"},{"trait":"country","op":"eq","value":"CN"}]}`, ""},
		{`{"and":[{"trait":"city","op":"in","value":["上海","北京"]},{"trait":"city","op":"eq","value":"北京"}]}`, ""},
		{`{"and":[{"trait":"city","op":"in","value":["上海","北京"]},{"trait":"city","op":"not_in","value":["北京","上海"]}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"city","op":"eq","value":"上海"},{"trait":"city","op":"not_exists"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"city","op":"neq","value":"上海"},{"trait":"city","op":"not_exists"}]}`, ""},
		{`{"and":[{"trait":"city","op":"exists"},{"trait":"city","op":"not_exists"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"city","op":"eq","value":"上海"},{"trait":"city","op":"contains","value":"京"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"city","op":"contains","value":"京"},{"trait":"city","op":"starts_with","value":"上"}]}`, ""},
		{`{"and":[{"trait":"age","op":"gte","value":30},{"trait":"age","op":"lt","value":30}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"age","op":"gte","value":30},{"trait":"age","op":"lte","value":30}]}`, ""},
		{`{"and":[{"trait":"age","op":"gte","value":30},{"trait":"age","op":"lte","value":30},{"trait":"age","op":"neq","value":30}]}`, "contradiction and.0 and.1 and.2"},
		{`{"and":[{"trait":"age","op":"gt","value":18},{"trait":"age","op":"eq","value":18}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"age","op":"eq","value":5},{"trait":"age","op":"eq","value":"5.0"}]}`, ""},
		{`{"and":[{"trait":"born","op":"gte","value":"2000-01-01"},{"trait":"born","op":"lt","value":"1990-01-01"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"vip","op":"eq","value":true},{"trait":"vip","op":"eq","value":false}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"trait":"vip","op":"eq","value":true},{"not":{"trait":"vip","op":"eq","value":true}}]}`, "contradiction and.0 and.1.not"},
		{`{"and":[{"trait":"a","op":"gt","value":1},{"not":{"trait":"a","op":"gt","value":1}}]}`, "contradiction and.0 and.1.not"},
		{`{"and":[{"trait":"a","op":"eq","value":1},{"and":[{"trait":"b","op":"exists"},{"trait":"a","op":"eq","value":2}]}]}`, "contradiction and.0 and.1.and.1"},
		{`{"or":[{"trait":"city","op":"eq","value":"上海"},{"trait":"city","op":"eq","value":"北京"}]}`, ""},
		{`{"or":[{"segment":"seg_a1b2c3d4e5f6"},{"not":{"segment":"seg_a1b2c3d4e5f6"}}]}`, "always_true or.0 or.1.not"},
		{`{"and":[{"segment":"seg_a1b2c3d4e5f6"},{"not":{"segment":"seg_a1b2c3d4e5f6"}}]}`, "contradiction and.0 and.1.not"},
		{`{"and":[{"event":"buy","count":{"op":"gte","value":3}},{"event":"buy","count":{"op":"lte","value":2}}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"event":"buy","count":{"op":"gte","value":3},"within":"7d"},{"event":"buy","count":{"op":"lte","value":2},"within":"30d"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"event":"buy","count":{"op":"gte","value":3},"within":"30d"},{"event":"buy","count":{"op":"lte","value":2},"within":"7d"}]}`, ""},
		{`{"and":[{"event":"buy","within":"7d"},{"not":{"event":"buy","within":"30d"}}]}`, "contradiction and.0 and.1.not"},
		{`{"and":[{"event":"buy","within":"30d"},{"not":{"event":"buy","within":"7d"}}]}`, ""},
		{`{"and":[{"event":"buy","sum":{"property":"p","op":"gte","value":100},"within":"30d"},{"event":"buy","sum":{"property":"p","op":"lt","value":50},"within":"30d"}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"event":"buy","sum":{"property":"p","op":"gte","value":100},"within":"30d"},{"event":"buy","sum":{"property":"p","op":"lt","value":50},"within":"7d"}]}`, ""},
		{`{"and":[{"event":"buy","avg":{"property":"p","op":"gte","value":100}},{"event":"buy","avg":{"property":"q","op":"lt","value":50}}]}`, ""},
		{`{"and":[{"event":"buy","last":{"property":"sku","op":"eq","value":"a"}},{"event":"buy","last":{"property":"sku","op":"eq","value":"b"}}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"event":"buy","distinct":{"property":"sku","op":"gte","value":3},"within":"7d"},{"event":"buy","distinct":{"property":"sku","op":"lte","value":2}}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"event":"buy","calendar":{"unit":"month"}},{"event":"buy","count":{"op":"eq","value":0},"calendar":{"unit":"month"}}]}`, "contradiction and.0 and.1"},
		{`{"and":[{"event":"buy","calendar":{"unit":"month"}},{"event":"buy","count":{"op":"eq","value":0},"calendar":{"unit":"month","back":1}}]}`, ""},
		{`{"sequence":[{"event":"view"},{"event":"buy","within":"2h","not":true}],"within":"2h"}`, "impossible "},
		{`{"sequence":[{"event":"view"},{"event":"buy","within":"2h","not":true}],"within":"3h"}`, ""},
		{`{"sequence":[{"event":"view"},{"event":"buy","where":[{"property":"p","op":"gt","value":2},{"property":"p","op":"lt","value":1}]}]}`, "impossible_event "},
		{`{"event":"buy","days":{"op":"gte","value":9},"within":"7d"}`, "impossible "},
		{`{"event":"buy","days":{"op":"gte","value":8},"within":"7d"}`, ""},
		{`{"event":"buy","days":{"op":"gte","value":8},"calendar":{"unit":"week"}}`, "impossible "},
		{`{"and":[{"event":"buy"},{"not":{"event":"buy","where":[{"property":"sku","op":"eq","value":"a"}]}}]}`, ""},
		{`{"event":"buy","where":[{"property":"price","op":"gt","value":10},{"property":"price","op":"lt","value":5}]}`, "impossible_event "},
		{`{"and":[{"trait":"a","op":"exists"},{"or":[{"trait":"b","op":"exists"},{"and":[{"trait":"c","op":"eq","value":"x"},{"trait":"c","op":"eq","value":"y"}]}]}]}`, "contradiction and.1.or.1.and.0 and.1.or.1.and.1"},
	} {
		r, err := Parse(touchstone.JSON(c.rule))
		if err != nil {
			t.Fatalf("%s: %v", c.rule, err)
		}
		var got []string
		for _, w := range r.Warnings() {
			got = append(got, fmt.Sprint(w.Code, " ", strings.Join(w.Paths, " ")))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s\n got  %q\n want %q", c.rule, got, c.want)
		}
	}
}

// What is called impossible is so: no value of a pool of odd ones passes all tests.
func TestUnsatisfiableTestsHaveNoValue(t *testing.T) {
	pool := []string{"", "null", "0", "1", "5", "5.0", "-3", `""`, `"5"`, `"5.0"`, `"05"`, `"a"`, `"ab"`, `"b"`, "true", `"true"`, "false", "[1]", `"[1]"`, `{"a":1}`, `"1e400"`,
		`["a",5]`, `"2026-01-01"`, `{"lat":5,"lng":5}`, `"5,5"`}
	rapid.Check(t, func(t *rapid.T) {
		var list []named
		for range rapid.IntRange(1, 4).Draw(t, "tests") {
			value := rapid.Custom(func(t *rapid.T) Value {
				switch rapid.IntRange(0, 2).Draw(t, "kind") {
				case 0:
					return Value{Kind: Text, Text: rapid.SampledFrom([]string{"", "5", "5.0", "05", "a", "ab", "b", "true", "[1]"}).Draw(t, "text")}
				case 1:
					return Value{Kind: Number, Number: rapid.SampledFrom([]float64{-3, 0, 1, 5}).Draw(t, "number")}
				}
				return Value{Kind: Boolean, Boolean: rapid.Bool().Draw(t, "boolean")}
			})
			test := Test{Op: rapid.SampledFrom(testOps).Draw(t, "op")}
			switch test.Op {
			case Exists, NotExists:
			case In, NotIn, HasAny, HasAll, HasNone:
				test.Values = rapid.SliceOfN(value, 1, 3).Draw(t, "values")
			case Near:
				for _, n := range []float64{5, 5, 1} {
					test.Values = append(test.Values, Value{Kind: Number, Number: n})
				}
			case Before, After:
				test.Values = []Value{{Kind: Text, Text: "2026-01-01"}}
			case Anniversary:
				test.Values = []Value{{Kind: Number, Number: 3}}
			case AgoGt, AgoLt, AheadLt, AheadGt:
				test.Values = []Value{{Kind: Text, Text: "30d"}}
			case VersionEq, VersionGt, VersionGte, VersionLt, VersionLte:
				test.Values = []Value{{Kind: Text, Text: rapid.SampledFrom([]string{"5", "5.0.1", "0"}).Draw(t, "version")}}
			case Contains, NotContains, StartsWith, EndsWith, Matches, NotMatches:
				test.Values = []Value{{Kind: Text, Text: rapid.SampledFrom([]string{"a", "5", "b"}).Draw(t, "text")}}
			case Gt, Gte, Lt, Lte:
				test.Values = []Value{value.Filter(func(v Value) bool { return v.Kind != Boolean }).Draw(t, "value")}
			default:
				test.Values = []Value{value.Draw(t, "value")}
			}
			test.index()
			list = append(list, named{test: test})
		}
		if satisfiable(list) {
			return
		}
		for _, raw := range pool {
			v, passes := gjson.Result{}, true
			if raw != "" {
				v = gjson.Parse(raw)
			}
			for i := range list {
				passes = passes && list[i].test.match(v)
			}
			if passes {
				t.Fatalf("%s passes %v, which is called impossible", raw, list)
			}
		}
	})
}
