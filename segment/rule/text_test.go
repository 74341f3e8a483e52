package rule_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		`did purchase at least 2 times in the last 30 days where price >= 100 and not in segment "vip"`: `{"and":[{"event":"purchase","where":[{"property":"price","op":"gte","value":100}],"count":{"op":"gte","value":2},"within":"30d"},{"not":{"segment":"vip"}}]}`,
		`did "Order Completed" where 商品 in ("a", 2, true), context page.path starts with "/x"`:          `{"event":"Order Completed","where":[{"property":"商品","op":"in","value":["a",2,true]},{"context":"page.path","op":"starts_with","value":"/x"}]}`,
		`never did login in the last 12h`:                                                                `{"event":"login","count":{"op":"eq","value":0},"within":"12h"}`,
		`trait city = "上海" or trait age > 30 and trait vip = true`:                                       `{"or":[{"trait":"city","op":"eq","value":"上海"},{"and":[{"trait":"age","op":"gt","value":30},{"trait":"vip","op":"eq","value":true}]}]}`,
		`(trait a exists or trait b does not exist) and not (trait c exists)`:                            `{"and":[{"or":[{"trait":"a","op":"exists"},{"trait":"b","op":"not_exists"}]},{"not":{"trait":"c","op":"exists"}}]}`,
		`all of (trait a exists)`:                                                                        `{"and":[{"trait":"a","op":"exists"}]}`,
		`sum of amount of order >= 1000.5 previous month zone "Asia/Shanghai"`:                           `{"event":"order","sum":{"property":"amount","op":"gte","value":1000.5},"calendar":{"unit":"month","back":1,"tz":"Asia/Shanghai"}}`,
		`last sku of order in ("red") in the last 7 days`:                                                `{"event":"order","last":{"property":"sku","op":"in","value":["red"]},"within":"7d"}`,
		`did order with at least 3 different sku between 30 days and 10 days ago`:                        ``,
		`did order with at least 3 different sku since 2026-01-01 until 2026-02-01`:                      `{"event":"order","distinct":{"property":"sku","op":"gte","value":3},"since":"2026-01-01","until":"2026-02-01"}`,
		`did order on exactly 1 day zone "Asia/Tokyo" day 3 back`:                                        ``,
		`did order on exactly 1 day zone "Asia/Tokyo" this week zone "Asia/Tokyo"`:                       `{"event":"order","days":{"tz":"Asia/Tokyo","op":"eq","value":1},"calendar":{"unit":"week","tz":"Asia/Tokyo"}}`,
		`sequence view where sku = "a", price > 5 then not order within 2 hours begun in the last 1 day`: `{"sequence":[{"event":"view","where":[{"property":"sku","op":"eq","value":"a"},{"property":"price","op":"gt","value":5}]},{"event":"order","within":"2h","not":true}],"within":"1d"}`,
		`any of household as payer (trait tier = "gold")`:                                                `{"household":{"role":"payer","any":{"trait":"tier","op":"eq","value":"gold"}}}`,
		`trait born anniversary within 7 days ahead zone "Asia/Shanghai"`:                                `{"trait":"born","op":"anniversary","value":7,"tz":"Asia/Shanghai"}`,
		`trait due more than 30 days ago and trait due less than 90 days ago`:                            `{"and":[{"trait":"due","op":"ago_gt","value":"30d"},{"trait":"due","op":"ago_lt","value":"90d"}]}`,
		`trait home near (31.23, 121.47) within 5 km`:                                                    `{"trait":"home","op":"near","value":{"lat":31.23,"lng":121.47,"km":5}}`,
		`trait app version >= "2.10" and trait tags has any of ("a", "b")`:                               `{"and":[{"trait":"app","op":"version_gte","value":"2.10"},{"trait":"tags","op":"has_any","value":["a","b"]}]}`,
		`in segment vip for 30 days and not in segment staff`:                                            `{"and":[{"segment":"vip","for":"30d"},{"not":{"segment":"staff"}}]}`,
		`random 0% to 12.5% of "spring"`:                                                                 `{"random":{"salt":"spring","from":0,"to":12.5}}`,
		"trait a exists\n  and trait b exists":                                                           `{"and":[{"trait":"a","op":"exists"},{"trait":"b","op":"exists"}]}`,
	} {
		r, err := rule.ParseText(text)
		switch {
		case want == "" && err != nil: // measures that their windows do not have
		case err != nil:
			t.Errorf("%s: %v", text, err)
		case string(r.JSON()) != want:
			t.Errorf("%s\n got %s\nwant %s", text, r.JSON(), want)
		default:
			checkText(t, r)
		}
	}
}

func TestTextNamesTheMistake(t *testing.T) {
	for text, want := range map[string]string{
		``:                                          "line 1, column 1: a condition begins with trait, did",
		`trait city`:                                "line 1, column 11: how is it compared?",
		`trait city is "x"`:                         "line 1, column 12: how is it compared?",
		`trait city = x`:                            "line 1, column 14: here stands a value",
		`trait city = "x`:                           "line 1, column 14: this text has no closing quote",
		`trait city = "x" trait b exists`:           "line 1, column 18: a rule ends here, or goes on with and, or; trait does not fit",
		"trait a exists and\n did where x = 1":      "line 2, column 6: here stands a name; where has a meaning of its own",
		`did a in the last month`:                   "line 1, column 19: here stands a length of time",
		`did a in the last 0 days`:                  "line 1, column 19: here stands a length of time",
		`did a in the last 9999 days`:               `line 1, column 1: "9999d" is not a length of time`,
		`did a at least 0 times`:                    "line 1, column 1: must be a whole number from 1 to 1000",
		`did a at least two times`:                  "line 1, column 16: here stands a number, not two",
		`did a between 3 days and 9 days ago`:       "line 1, column 1: must be longer ago than to",
		`trait 上海 = "a" and trait b matches "("`:    "line 1, column 20: is not a regular expression",
		`trait a exists and did b where c ago_gt`:   "how is it compared?",
		`did b where c less than 3 days ago`:        "line 1, column 1: ago_lt is about traits",
		`(trait a exists`:                           `line 1, column 16: ")" is missing before the end`,
		`trait a = #`:                               `"#" means nothing here`,
		`any of household as boss (trait a exists)`: `there is no role "boss"`,
		`not in segment "a" and in segment vip and random 5% to 4% of x`: "line 1, column 43: must be more than from",
		strings.Repeat("(", 100) + "trait a exists":                      "is nested more than",
	} {
		_, err := rule.ParseText(text)
		if err == nil {
			t.Errorf("%s: accepted", text)
		} else if touchstone.KindOf(err) != touchstone.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s\n got %v\nwant %s", text, err, want)
		}
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkText checks that a rule's text is that rule.
func checkText(t failer, r *rule.Rule) {
	t.Helper()
	again, err := rule.ParseText(r.Text())
	if err != nil {
		t.Fatalf("%s of %s: %v", r.Text(), r.JSON(), err)
	}
	if again.JSON() != r.JSON() {
		t.Fatalf("%s\n is  %s\n not %s", r.Text(), again.JSON(), r.JSON())
	}
	if again.Text() != r.Text() {
		t.Fatalf("%s is written %s again", r.Text(), again.Text())
	}
}

func TestTextIsTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := (&drawer{t: t}).rule(3)
		r, err := rule.Parse(touchstone.JSON(text))
		if err != nil { // some measures are not to be had of some windows
			if touchstone.KindOf(err) != touchstone.Invalid {
				t.Fatalf("%s: %v", text, err)
			}
			t.Skip()
		}
		checkText(t, r)
		for _, lang := range []string{"en", "zh"} {
			if words := r.Words(lang, rule.Names{}); words == "" || strings.Contains(words, "{{") || strings.Contains(words, "%!") {
				t.Fatalf("%s in %s: %s", r.JSON(), lang, words)
			}
		}
	})
}

// drawer draws rules of all kinds as JSON, some of which are refused.
type drawer struct {
	t      *rapid.T
	inside bool
}

func (d *drawer) of(list ...string) string { return rapid.SampledFrom(list).Draw(d.t, "of") }
func (d *drawer) n(least, most int) int    { return rapid.IntRange(least, most).Draw(d.t, "n") }

func (d *drawer) name() string {
	s := d.of("city", "Order Completed", "上海 2", "and", "a.b", "$x", `q"\`, "where", "1st", "e\nx", "a,b", "30d", "true", "_", "ä̂", "month")
	return fmt.Sprintf("%q", s)
}

func (d *drawer) value() string {
	return d.of(`"x"`, `"a \"b\" \\ c"`, `5`, `-1.5`, `1e21`, `0.000001`, `true`, `false`, `"and"`, `""`, `"2026-01-01"`, `"多 行\n"`)
}

func (d *drawer) list() string {
	var items []string
	for range d.n(1, 3) {
		items = append(items, d.value())
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (d *drawer) length() string {
	return d.of(`"30d"`, `"1d"`, `"2w"`, `"1h"`, `"90m"`, `"1s"`, `"3650d"`)
}

func (d *drawer) zone() string { return d.of(``, `,"tz":"Asia/Shanghai"`, `,"tz":"UTC"`) }

func (d *drawer) test(trait bool) string {
	kinds := 6
	if trait {
		kinds = 9
	}
	switch d.n(0, kinds) {
	case 0:
		return fmt.Sprintf(`"op":%q`, d.of("exists", "not_exists"))
	case 1:
		return fmt.Sprintf(`"op":%q,"value":%s`, d.of("in", "not_in", "has_any", "has_all", "has_none"), d.list())
	case 2:
		return fmt.Sprintf(`"op":%q,"value":%s`, d.of("contains", "not_contains", "starts_with", "ends_with"), d.of(`"x"`, `"a \"b\""`, `""`))
	case 3:
		return fmt.Sprintf(`"op":%q,"value":"^a\\d+$"`, d.of("matches", "not_matches"))
	case 4:
		return fmt.Sprintf(`"op":%q,"value":"2.10"`, d.of("version_eq", "version_gt", "version_gte", "version_lt", "version_lte"))
	case 5:
		return fmt.Sprintf(`"op":"near","value":{"lat":%s,"lng":-121.5,"km":%s}`, d.of("31.25", "-0.5", "90"), d.of("5", "0.25"))
	case 7:
		return fmt.Sprintf(`"op":%q,"value":%s%s`, d.of("ago_gt", "ago_lt", "ahead_lt", "ahead_gt"), d.length(), d.zone())
	case 8:
		return fmt.Sprintf(`"op":%q,"value":%s%s`, d.of("before", "after"), d.of(`"2026-03-01"`, `"2026-03-01T09:30:00.5+08:00"`), d.zone())
	case 9:
		return fmt.Sprintf(`"op":"anniversary","value":%d%s`, d.n(-180, 180), d.zone())
	}
	return fmt.Sprintf(`"op":%q,"value":%s`, d.of("eq", "neq", "gt", "gte", "lt", "lte"), d.of(`"x"`, `5`, `-2.5`))
}

func (d *drawer) filters() string {
	var list []string
	for range d.n(0, 2) {
		field := `"property":` + d.name()
		if d.n(0, 3) == 0 {
			field = `"context":` + d.of(`"page.path"`, `"app"`, `"a b.c"`)
		}
		list = append(list, "{"+field+","+d.test(false)+"}")
	}
	if len(list) == 0 {
		return ""
	}
	return `,"where":[` + strings.Join(list, ",") + "]"
}

func (d *drawer) window() string {
	switch d.n(0, 5) {
	case 0:
		return `,"within":` + d.length()
	case 1:
		return `,"ago":{"from":"40d","to":` + d.of(`"10d"`, `"1h"`) + `}`
	case 2:
		return fmt.Sprintf(`,"calendar":{"unit":%q,"back":%d%s}`, d.of("day", "week", "month", "quarter", "year"), d.n(0, 3), d.zone())
	case 3:
		return d.of(`,"since":"2026-01-01"`, `,"until":"2026-02-01T00:00:01Z"`, `,"since":"2026-01-01","until":"2026-02-01"`)
	}
	return ""
}

func (d *drawer) measure() string {
	count := fmt.Sprintf(`"op":%q,"value":%d`, d.of("gte", "lte", "eq"), d.n(1, 3))
	switch d.n(0, 5) {
	case 0:
		return `,"count":{` + count + `}`
	case 1:
		return `,"count":{"op":"eq","value":0}`
	case 2:
		return `,"distinct":{"property":` + d.name() + `,` + count + `}`
	case 3:
		return `,"days":{` + count + d.zone() + `}`
	case 4:
		return fmt.Sprintf(`,%q:{"property":%s,"op":%q,"value":%s}`, d.of("sum", "avg", "min", "max"), d.name(), d.of("gte", "gt", "lte", "lt", "eq"), d.of("5", "-0.5"))
	}
	return fmt.Sprintf(`,%q:{"property":%s,%s}`, d.of("first", "last"), d.name(), d.test(false))
}

func (d *drawer) sequence() string {
	var steps []string
	n := d.n(2, 3)
	for i := range n {
		step := `{"event":` + d.name() + d.filters()
		not := i == n-1 && d.n(0, 1) == 0
		if i > 0 && (not || d.n(0, 1) == 0) {
			step += `,"within":` + d.length()
		}
		if not {
			step += `,"not":true`
		}
		steps = append(steps, step+"}")
	}
	within := ""
	if d.n(0, 1) == 0 {
		within = `,"within":` + d.length()
	}
	return `{"sequence":[` + strings.Join(steps, ",") + "]" + within + "}"
}

func (d *drawer) rule(depth int) string {
	kind := d.n(0, 9)
	if depth == 0 {
		kind += 4
	}
	switch kind {
	case 0, 1:
		var parts []string
		for range d.n(1, 3) {
			parts = append(parts, d.rule(depth-1))
		}
		return fmt.Sprintf(`{%q:[%s]}`, []string{"and", "or"}[kind], strings.Join(parts, ","))
	case 2:
		return `{"not":` + d.rule(depth-1) + `}`
	case 3:
		if d.inside {
			return `{"segment":"x"}`
		}
		d.inside = true
		of := d.rule(depth - 1)
		d.inside = false
		return fmt.Sprintf(`{"household":{%s%q:%s}}`, d.of("", `"role":"payer",`), d.of("any", "all", "none"), of)
	case 4:
		return `{"segment":` + d.name() + d.of("", `,"for":`+d.length()) + `}`
	case 5:
		return fmt.Sprintf(`{"random":{"salt":%s,"from":%s,"to":%s}}`, d.name(), d.of("0", "0.01", "12.5"), d.of("100", "12.51"))
	case 6:
		return d.sequence()
	case 7, 8:
		return `{"trait":` + d.name() + `,` + d.test(true) + `}`
	}
	return `{"event":` + d.name() + d.filters() + d.measure() + d.window() + `}`
}

func FuzzParseText(f *testing.F) {
	for _, text := range []string{
		`did purchase at least 2 times in the last 30 days where price >= 100, context page.path = "/" and not in segment "vip"`,
		`sequence a then b within 2 hours where x in (1, "y") then not c within 1d begun in the last 7 days or random 0% to 5% of s`,
		`any of household as payer (trait born anniversary within 7 days ahead zone "Asia/Shanghai")`,
		`sum of amount of order >= 10 previous month and last x of y near (1, 2) within 3 km and trait a more than 3 days ahead`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rule.ParseText(text)
		if err != nil {
			if touchstone.KindOf(err) != touchstone.Invalid {
				t.Fatalf("not an Invalid error: %v", err)
			}
			return
		}
		checkText(t, r)
	})
}
