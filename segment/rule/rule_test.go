package rule_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/segment/rule/ruletest"
)

func TestParsePrintsTheCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		`{"trait":"city","op":"eq","value":"上海"}`:                               `{"trait":"city","op":"eq","value":"上海"}`,
		` { "value" : 1.50 , "op":"gte", "trait":"ltv" } `:                      `{"trait":"ltv","op":"gte","value":1.5}`,
		`{"event":"X","count":{"value":1},"within":"2w"}`:                       `{"event":"X","within":"14d"}`,
		`{"event":"X","within":"48h"}`:                                          `{"event":"X","within":"2d"}`,
		`{"event":"X","within":"90s"}`:                                          `{"event":"X","within":"90s"}`,
		`{"within":"1h","event":"X","count":{"op":"lte","value":0},"where":[]}`: `{"event":"X","count":{"op":"lte","value":0},"within":"1h"}`,
		`{"event":"X","where":[{"property":"b","op":"exists"},{"context":"page.path","op":"in","value":["/", 2, true]}]}`: `{"event":"X","where":[{"property":"b","op":"exists"},{"context":"page.path","op":"in","value":["/",2,true]}]}`,
		`{"op":"near","value":{"km":5,"lng":121.50,"lat":31},"trait":"home"}`:                                             `{"trait":"home","op":"near","value":{"lat":31,"lng":121.5,"km":5}}`,
		`{"trait":"due","op":"ahead_lt","value":"1w","tz":"UTC"}`:                                                         `{"trait":"due","op":"ahead_lt","value":"7d"}`,
		`{"trait":"due","op":"before","value":"2026-03-01T08:00:00+08:00","tz":"Asia/Shanghai"}`:                          `{"trait":"due","op":"before","value":"2026-03-01","tz":"Asia/Shanghai"}`,
		`{"random":{"to":12.50,"salt":"s"}}`:                                                                              `{"random":{"salt":"s","from":0,"to":12.5}}`,
		`{"and":[{"or":[{"segment":"seg_b"}]},{"not":{"segment":"seg_a"}}]}`:                                              `{"and":[{"or":[{"segment":"seg_b"}]},{"not":{"segment":"seg_a"}}]}`,
	} {
		r, err := rule.Parse(touchstone.JSON(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := string(r.JSON()); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestParseNamesTheMistake(t *testing.T) {
	nested := strings.Repeat(`{"not":`, 17) + `{"segment":"s"}` + strings.Repeat(`}`, 17)
	many := `{"or":[` + strings.TrimSuffix(strings.Repeat(`{"segment":"s"},`, 101), ",") + `]}`
	for in, want := range map[string]string{
		``:            "rule: must be an object",
		`[]`:          "rule: must be an object, not a list",
		`{}`:          "rule: must hold one of",
		`{"and":[]}`:  "and: must hold at least one condition",
		`{"and":{}}`:  "and: must be a list, not an object",
		`{"and":[1]}`: "and.0: must be an object, not a number",
		`{"or":[{"trait":"a","op":"eq","value":1},{"event":"X","count":{"op":"gt","value":1}}]}`: `or.1.count.op: unknown operator "gt"`,
		`{"and":[{"segment":"a"}],"or":[]}`:                                       `holds both "and" and "or"`,
		`{"and":[{"segment":"a"}],"And":1}`:                                       `And: unknown field`,
		`{"segment":"a","segment":"b"}`:                                           "rule: is not valid JSON",
		`{"trait":"a"}`:                                                           "op: is missing",
		`{"trait":"a","op":"like","value":1}`:                                     `op: unknown operator "like"; use one of eq`,
		`{"trait":"a","op":"eq"}`:                                                 "value: is missing",
		`{"trait":"a","op":"eq","value":null}`:                                    "value: must be a text, a number, true or false, not null",
		`{"trait":"a","op":"eq","value":1e999}`:                                   "value: 1e999 is out of range",
		`{"trait":"a","op":"exists","value":1}`:                                   "value: exists takes no value",
		`{"trait":"a","op":"in","value":"x"}`:                                     "value: must be a list, not a text",
		`{"trait":"a","op":"in","value":[]}`:                                      "value: must be a list of 1 to",
		`{"trait":"a","op":"in","value":[[1]]}`:                                   "value.0: must be a text",
		`{"trait":"a","op":"gt","value":true}`:                                    "value: gt does not compare with true or false",
		`{"trait":"a","op":"contains","value":1}`:                                 "value: contains compares with a text",
		`{"trait":"","op":"exists"}`:                                              "trait: must have 1 to",
		`{"trait":5,"op":"exists"}`:                                               "trait: must be a text, not a number",
		`{"trait":"a","op":"exists","within":"1d"}`:                               "within: unknown field; known here: trait, op, value",
		`{"trait":"a","op":"matches","value":"("}`:                                "value: is not a regular expression (RE2)",
		`{"trait":"a","op":"matches","value":"(?:a{200}){5}"}`:                    "value: is too large a regular expression",
		`{"trait":"a","op":"matches","value":"` + strings.Repeat("a", 201) + `"}`: "value: a regular expression has at most 200 bytes",
		`{"or":[` + strings.TrimSuffix(strings.Repeat(`{"trait":"a","op":"matches","value":"a"},`, 11), ",") + `]}`: "or.10.value: is one more than the 10 regular expressions",
		`{"trait":"a","op":"version_gt","value":"new"}`:                                                             `value: "new" is not a version`,
		`{"trait":"a","op":"has_any","value":"x"}`:                                                                  "value: must be a list, not a text",
		`{"trait":"a","op":"near","value":{"lat":31,"lng":121}}`:                                                    "value.km: must be a number",
		`{"trait":"a","op":"near","value":{"lat":91,"lng":121,"km":1}}`:                                             "value.lat: is out of range",
		`{"trait":"a","op":"near","value":{"lat":1,"lng":1,"km":1,"r":1}}`:                                          "value.r: unknown field",
		`{"trait":"a","op":"ago_gt","value":"long"}`:                                                                `value: "long" is not a length of time`,
		`{"trait":"a","op":"anniversary","value":181}`:                                                              "value: must be a whole number from -180 to 180",
		`{"trait":"a","op":"after","value":"2026-13-01"}`:                                                           `value: "2026-13-01" is not a moment`,
		`{"trait":"a","op":"after","value":"2026-01-01","tz":"Mars"}`:                                               `tz: "Mars" is not a time zone`,
		`{"trait":"a","op":"eq","value":"2026-01-01","tz":"UTC"}`:                                                   "tz: unknown field",
		`{"event":"X","where":[{"property":"p","op":"ago_gt","value":"1d"}]}`:                                       "where.0.op: ago_gt is about traits",
		`{"event":"X","last":{"property":"p","op":"before","value":"2026-01-01"}}`:                                  "last.op: before is about traits",
		`{"segment":"a","for":"1y"}`:                                                                                `for: "1y" is not a length of time`,
		`{"segment":"a","within":"1d"}`:                                                                             "within: unknown field; known here: segment, for",
		`{"random":{"salt":"","to":5}}`:                                                                             "random.salt: must have 1 to 64 bytes",
		`{"random":{"salt":"s","from":5,"to":5}}`:                                                                   "random.to: must be more than from",
		`{"random":{"salt":"s","to":0.001}}`:                                                                        "random.to: must be a percentage",
		`{"sequence":[{"event":"A"}]}`:                                                                              "sequence: must have 2 to 5 steps",
		`{"sequence":[{"event":"A","within":"1h"},{"event":"B"}]}`:                                                  "sequence.0.within: is about the step before",
		`{"sequence":[{"event":"A"},{"event":"B","not":true}]}`:                                                     "sequence.1.within: is missing",
		`{"sequence":[{"event":"A"},{"event":"B"},{"event":"C","x":1}]}`:                                            "sequence.2.x: unknown field",
		`{"event":"X","sum":{"property":"p","op":"in","value":[1]}}`:                                                "sum.op: sum compares by gte, gt, lte, lt and eq only",
		`{"event":"X","sum":{"property":"p","op":"gte","value":"1"}}`:                                               "sum.value: sum compares with a number",
		`{"event":"X","sum":{"op":"gte","value":1}}`:                                                                "sum.property: is missing",
		`{"event":"X","avg":{"property":"p","op":"gte","value":1},"count":{"value":1}}`:                             "avg: there is count already",
		`{"event":"X","within":"1d","calendar":{"unit":"day"}}`:                                                     "calendar: there is within already",
		`{"event":"X","within":"1d","until":"2026-01-01"}`:                                                          "until: there is within already",
		`{"event":"X","since":"2026-01-02","until":"2026-01-01"}`:                                                   "until: must be later than since",
		`{"event":"X","since":"yesterday"}`:                                                                         `since: "yesterday" is not a moment`,
		`{"event":"X","calendar":{"unit":"decade"}}`:                                                                "calendar.unit: must be one of day",
		`{"event":"X","calendar":{"unit":"day","tz":"Mars"}}`:                                                       `calendar.tz: "Mars" is not a time zone`,
		`{"event":"X","calendar":{"unit":"year","back":20}}`:                                                        "calendar.back: is longer ago than 3650d",
		`{"event":"X","ago":{"from":"10d","to":"30d"}}`:                                                             "ago.from: must be longer ago than to",
		`{"event":"X","ago":{"from":"10d"}}`:                                                                        "ago: needs from and to",
		`{"event":"X","first":{"property":"p","op":"eq","value":1},"within":"1d"}`:                                  "first: the first of a window that moves",
		`{"event":"X","distinct":{"property":"p","op":"gte","value":1},"ago":{"from":"10d","to":"1d"}}`:             "distinct: is known up to now only",
		`{"event":"X","last":{"property":"p","op":"exists"},"calendar":{"unit":"day","back":1}}`:                    "last: is known up to now only",
		`{"event":"X","within":"1y"}`:                                                                               `within: "1y" is not a length of time`,
		`{"event":"X","within":"0s"}`:                                                                               "within:",
		`{"event":"X","within":"99999d"}`:                                                                           "within:",
		`{"event":"X","count":{"op":"gte","value":0}}`:                                                              "count.value: must be a whole number from 1 to 1000",
		`{"event":"X","count":{"op":"lte","value":-1}}`:                                                             "count.value: must be a whole number from 0",
		`{"event":"X","count":{"op":"lte","value":1.5}}`:                                                            "count.value: must be a whole number",
		`{"event":"X","count":{"op":"lte"}}`:                                                                        "count.value: must be a whole number",
		`{"event":"X","count":{"value":"2"}}`:                                                                       "count.value: must be a whole number",
		`{"event":"X","where":[{"op":"eq","value":1}]}`:                                                             "where.0: must hold either property or context",
		`{"event":"X","where":[{"property":"p","op":"eq","value":1,"x":2}]}`:                                        "where.0.x: unknown field",
		`{"event":"X","where":[{"context":"a..b","op":"eq","value":1}]}`:                                            "where.0.context:",
		`{"not":{"event":"X","where":{"property":"p","op":"eq","value":1}}}`:                                        "not.where: must be a list, not an object",
		`{"event":"X\u0000"}`:                                                                                       "event: holds a NUL",
		nested:                                                                                                      "is nested more than 16 deep",
		many:                                                                                                        "or.100: is one more than the 100 conditions allowed",
	} {
		_, err := rule.Parse(touchstone.JSON(in))
		if err == nil {
			t.Errorf("%s: accepted", in)
			continue
		}
		if touchstone.KindOf(err) != touchstone.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestMatchCases(t *testing.T) {
	for _, c := range ruletest.Cases {
		filters, err := rule.ParseFilters(touchstone.JSON("["+c.Filter()+"]"), "where")
		if err != nil {
			t.Fatalf("%s: %v", c.Filter(), err)
		}
		if got := filters[0].Match(touchstone.JSON(c.Properties), ""); got != c.Want {
			t.Errorf("%s on %s: got %v", c.Filter(), c.Properties, got)
		}
		// The same property as context, below the top, and as a trait.
		f, err := rule.ParseFilters(touchstone.JSON("["+strings.Replace(c.Filter(), `"property":"p"`, `"context":"c.p"`, 1)+"]"), "where")
		if err != nil {
			t.Fatal(err)
		}
		if c.Properties == "" {
			c.Properties = "{}"
		}
		if got := f[0].Match("", touchstone.JSON(`{"c":`+c.Properties+`}`)); got != c.Want {
			t.Errorf("as context: %s on %s: got %v", c.Filter(), c.Properties, got)
		}
		var props map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.Properties), &props); err != nil {
			t.Fatal(err)
		}
		value, ok := props["p"]
		if got := filters[0].Test.Match(touchstone.JSON(value), ok); got != c.Want {
			t.Errorf("as trait: %s on %s: got %v", c.Filter(), c.Properties, got)
		}
	}
}

func TestPropertyNamesMeanThemselves(t *testing.T) {
	for _, c := range ruletest.KeyCases {
		var key string
		if err := json.Unmarshal([]byte(`"`+c.Property+`"`), &key); err != nil {
			key = c.Property
		}
		quoted, _ := json.Marshal(c.Property)
		f, err := rule.ParseFilters(touchstone.JSON(fmt.Sprintf(`[{"property":%s,"op":"eq","value":1}]`, quoted)), "where")
		if err != nil {
			t.Fatal(err)
		}
		if !f[0].Match(touchstone.JSON(c.Properties), "") {
			t.Errorf("%q not found in %s", c.Property, c.Properties)
		}
	}
}

func parse(t testing.TB, text string) *rule.Rule {
	t.Helper()
	r, err := rule.Parse(touchstone.JSON(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLeavesAreShared(t *testing.T) {
	r := parse(t, `{"and":[
		{"event":"A","where":[{"property":"x","op":"eq","value":1.0},{"property":"y","op":"in","value":["b","a","b"]}],"within":"7d"},
		{"event":"A","where":[{"property":"y","op":"in","value":["a","b"]},{"property":"x","op":"eq","value":1}],"count":{"op":"lte","value":4},"within":"30d"},
		{"event":"A"}, {"event":"B","count":{"op":"eq","value":0}}]}`)
	type leaf struct {
		Key  string
		Keep int
		Days int
	}
	var got []leaf
	for _, l := range r.Leaves() {
		got = append(got, leaf{l.Key(), l.Keep, int(l.Horizon.Hours() / 24)})
	}
	want := []leaf{
		{`{"event":"A","where":[{"property":"x","op":"eq","value":1},{"property":"y","op":"in","value":["a","b"]}]}`, 5, 30},
		{`{"event":"A"}`, 1, 0},
		{`{"event":"B"}`, 1, 0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var paths []string
	for _, c := range r.Conditions() {
		paths = append(paths, c.Path)
	}
	if d := cmp.Diff([]string{"and.0", "and.1", "and.2", "and.3"}, paths); d != "" {
		t.Error(d)
	}
}

func TestCycle(t *testing.T) {
	refs := map[string][]string{"b": {"c", "d"}, "c": {"d"}}
	of := func(id string) []string { return refs[id] }
	for _, c := range []struct {
		to   string
		more string // what d refers to
		want string
	}{
		{"b", "", ""},
		{"a", "", "a a"},
		{"b", "a", "a b c d a"},
	} {
		refs["d"] = strings.Fields(c.more)
		if got := strings.Join(rule.Cycle("a", []string{c.to}, of), " "); got != c.want {
			t.Errorf("to %s, d to %q: got %q, want %q", c.to, c.more, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"and":[{"trait":"a","op":"in","value":["x",1,true]},{"not":{"segment":"s"}}]}`)
	f.Add(`{"event":"X","where":[{"context":"page.path","op":"starts_with","value":"/"}],"count":{"op":"lte","value":3},"within":"36h"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rule.Parse(touchstone.JSON(text))
		if err != nil {
			if touchstone.KindOf(err) != touchstone.Invalid {
				t.Fatalf("not an Invalid error: %v", err)
			}
			return
		}
		again, err := rule.Parse(r.JSON())
		if err != nil {
			t.Fatalf("canonical form %s is refused: %v", r.JSON(), err)
		}
		if again.JSON() != r.JSON() {
			t.Fatalf("canonical form is not stable: %s → %s", r.JSON(), again.JSON())
		}
	})
}
