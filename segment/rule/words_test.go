package rule

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][2]string{
		`did "Order Completed" at least 2 times in the last 30 days where amount >= 1000 and trait city = "上海"`: {
			"did Order Completed (amount ≥ 1,000) at least 2 times in the last 30 days, and city is 上海",
			"近 30 天至少做过 2 次“Order Completed”（amount 大于或等于 1,000），且city 等于 上海"},
		`not did login in the last 1 day`: {"did not do login in the last day", "近 1 天没有做过“login”"},
		`not (trait a = 1 or not trait b in (1, 2, 3, 4, 5, 6))`: {
			"not (a is 1, or b is none of 1, 2, 3, 4, 5 …)", "不满足（a 等于 1，或b 不属于 1、2、3、4、5 …）"},
		`trait born anniversary within 7 days ahead`:              {"born has its day of the year within the next 7 days", "born 的周年日在未来 7 天内"},
		`trait due more than 30 days ago`:                         {"due is more than 30 days ago", "due 已超过 30 天"},
		`trait home near (31.23, 121.47) within 5 km`:             {"home is within 5 km of 31.23, 121.47", "home 距 31.23, 121.47 不超过 5 公里"},
		`sum of amount of order > 10.5 previous month`:            {"total amount of order > 10.5 in the previous month", "上一个月“order”的 amount 总和大于 10.5"},
		`did order on at least 3 days this week`:                  {"did order on at least 3 different days this week", "本周至少 3 天做过“order”"},
		`sequence a then not b within 2 hours`:                    {"did a, then no b within 2 hours", "做过“a”、之后 2 小时内没有做过“b”"},
		`none of household as child (in segment s)`:               {"no one in the household (children) matches: is in VIP", "所在家庭没有儿童满足：属于人群“VIP”"},
		`in segment s for 1 day and not in segment s for 2 weeks`: {"has been in VIP for one day, and not (has been in VIP for 14 days)", "属于人群“VIP”已满 1 天，且不满足（属于人群“VIP”已满 14 天）"},
		`random 0% to 12.5% of x and not in segment s`:            {"is among the 0–12.5 % of draw x, and is not in VIP", "随机抽样 x 的 0–12.5 %，且不属于人群“VIP”"},
		`did a where context page.path matches "^/p"`:             {"did a (page.path matches the pattern ^/p)", "做过“a”（page.path 匹配正则 ^/p）"},
		`last sku of a exists since 2026-01-01`:                   {"sku of the last a is known since 2026-01-01", "2026-01-01 起最近一次“a”的 sku 有值"},
	} {
		r, err := ParseText(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		names := Names{Segment: func(string) string { return "VIP" }}
		for i, lang := range Languages {
			if got := r.Words(lang, names); got != want[i] {
				t.Errorf("%s\n got %s\nwant %s", text, got, want[i])
			}
		}
	}
	if r, err := Parse(touchstone.JSON(`{"segment":"s"}`)); err != nil || r.Words("fr", Names{}) != "is in s" {
		t.Errorf("an unknown language is English: %v", err)
	}
}

var entry = regexp.MustCompile(`([A-Za-z_0-9]+):\s*(?:\{|"((?:[^"\\]|\\.)*)")|\}`)

// The phrases are those of the console, so that a rule reads the same wherever it is read.
func TestWordsAreTheConsoles(t *testing.T) {
	for _, lang := range Languages {
		source, err := os.ReadFile("../../console/ui/src/i18n/" + lang + "/condition.ts")
		if err != nil {
			t.Fatal(err)
		}
		console := map[string]string{}
		var path []string
		for _, m := range entry.FindAllStringSubmatch(string(source), -1) {
			switch {
			case m[0] == "}":
				path = path[:max(0, len(path)-1)]
			case strings.HasSuffix(m[0], "{"):
				path = append(path, m[1])
			default:
				console[strings.Join(append(path[:len(path):len(path)], m[1]), ".")] = m[2]
			}
		}
		if len(console) < 80 {
			t.Fatalf("%s: only %d phrases found", lang, len(console))
		}
		for key, phrase := range wordings[lang] {
			if got, ok := console[key]; !strings.HasPrefix(key, "atLeast.") && (!ok || got != phrase) {
				t.Errorf("%s %s: the console says %q, here it is %q", lang, key, got, phrase)
			}
		}
		for key := range console {
			if _, ok := wordings[lang][key]; !ok && (strings.HasPrefix(key, "words.") || strings.HasPrefix(key, "op.")) {
				t.Errorf("%s %s is missing here", lang, key)
			}
		}
	}
}
