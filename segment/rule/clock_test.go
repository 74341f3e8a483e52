package rule_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

func TestMomentsOfTraits(t *testing.T) {
	const never = "never"
	for _, c := range []struct {
		value, test, now string
		want             bool
		until            string
	}{
		{`"2026-03-01"`, `"op":"before","value":"2026-03-01"`, "2026-06-01T00:00:00Z", false, never},
		{`"2026-03-01"`, `"op":"after","value":"2026-03-01"`, "2026-06-01T00:00:00Z", true, never},
		{`"2026-03-01"`, `"op":"before","value":"2026-03-01","tz":"Asia/Shanghai"`, "2026-06-01T00:00:00Z", true, never}, // it begins earlier there
		{`"2026-03-01T08:00:00+08:00"`, `"op":"before","value":"2026-03-01","tz":"America/New_York"`, "2026-06-01T00:00:00Z", false, never},
		{`1772323200`, `"op":"after","value":"2026-03-01"`, "2026-06-01T00:00:00Z", true, never},
		{`1772323199999`, `"op":"after","value":"2026-03-01"`, "2026-06-01T00:00:00Z", false, never},
		{`"soon"`, `"op":"after","value":"2026-03-01"`, "2026-06-01T00:00:00Z", false, never},
		{`true`, `"op":"ago_gt","value":"1d"`, "2026-06-01T00:00:00Z", false, never},

		{`"2026-03-01"`, `"op":"ago_gt","value":"30d"`, "2026-03-30T23:59:59Z", false, "2026-03-31T00:00:00Z"},
		{`"2026-03-01"`, `"op":"ago_gt","value":"30d"`, "2026-03-31T00:00:00Z", true, never},
		{`"2026-03-01"`, `"op":"ago_lt","value":"30d"`, "2026-02-28T00:00:00Z", false, "2026-03-01T00:00:00Z"},
		{`"2026-03-01"`, `"op":"ago_lt","value":"30d"`, "2026-03-01T00:00:00Z", true, "2026-03-31T00:00:00Z"},
		{`"2026-03-01"`, `"op":"ago_lt","value":"30d"`, "2026-03-31T00:00:00Z", false, never},
		{`"2026-03-01"`, `"op":"ahead_lt","value":"7d"`, "2026-02-21T23:00:00Z", false, "2026-02-22T00:00:00Z"},
		{`"2026-03-01"`, `"op":"ahead_lt","value":"7d"`, "2026-02-22T00:00:00Z", true, "2026-03-01T00:00:00Z"},
		{`"2026-03-01"`, `"op":"ahead_lt","value":"7d"`, "2026-03-01T00:00:00Z", false, never},
		{`"2026-03-01"`, `"op":"ahead_gt","value":"7d"`, "2026-02-21T23:00:00Z", true, "2026-02-22T00:00:00Z"},
		{`"2026-03-01 09:00:00"`, `"op":"ahead_gt","value":"1h","tz":"Asia/Shanghai"`, "2026-03-01T00:00:00Z", false, never},

		{`"1990-05-04"`, `"op":"anniversary","value":0`, "2026-05-03T23:59:59Z", false, "2026-05-04T00:00:00Z"},
		{`"1990-05-04"`, `"op":"anniversary","value":0`, "2026-05-04T12:00:00Z", true, "2026-05-05T00:00:00Z"},
		{`"1990-05-04"`, `"op":"anniversary","value":0,"tz":"Asia/Shanghai"`, "2026-05-03T16:00:00Z", true, "2026-05-04T16:00:00Z"},
		{`"1990-05-04"`, `"op":"anniversary","value":7`, "2026-04-27T00:00:00Z", true, "2026-05-05T00:00:00Z"},
		{`"1990-05-04"`, `"op":"anniversary","value":7`, "2026-05-05T00:00:00Z", false, "2027-04-27T00:00:00Z"},
		{`"1990-05-04"`, `"op":"anniversary","value":-7`, "2026-05-11T23:00:00Z", true, "2026-05-12T00:00:00Z"},
		{`"1990-01-03"`, `"op":"anniversary","value":7`, "2026-12-30T00:00:00Z", true, "2027-01-04T00:00:00Z"},
		{`"1990-12-30"`, `"op":"anniversary","value":-7`, "2027-01-02T00:00:00Z", true, "2027-01-07T00:00:00Z"},
		{`"2004-02-29"`, `"op":"anniversary","value":0`, "2026-02-28T10:00:00Z", true, "2026-03-01T00:00:00Z"},
		{`"2004-02-29"`, `"op":"anniversary","value":0`, "2028-02-28T10:00:00Z", false, "2028-02-29T00:00:00Z"},
		{`"02-29"`, `"op":"anniversary","value":0`, "2028-02-29T10:00:00Z", true, "2028-03-01T00:00:00Z"},
		{`"--0504"`, `"op":"anniversary","value":0`, "2026-05-04T12:00:00Z", true, "2026-05-05T00:00:00Z"},
		{`"13-40"`, `"op":"anniversary","value":0`, "2026-05-04T12:00:00Z", false, never},
		// Born on the 4th in Shanghai, while it was the 3rd in London.
		{`"1990-05-04T02:00:00+08:00"`, `"op":"anniversary","value":0`, "2026-05-03T12:00:00Z", true, "2026-05-04T00:00:00Z"},
	} {
		r := parse(t, `{"trait":"x",`+c.test+`}`)
		p := &person{traits: map[string]touchstone.JSON{"x": touchstone.JSON(c.value)}, rule: r}
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		member, deadline := r.Eval(p, now.UnixMilli())
		until := never
		if deadline != rule.Never {
			until = time.UnixMilli(deadline).UTC().Format(time.RFC3339)
		}
		if member != c.want || until != c.until {
			t.Errorf("%s %s at %s: got %v until %s, want %v until %s", c.value, c.test, c.now, member, until, c.want, c.until)
		}
		if !r.Timed() && until != never {
			t.Errorf("%s is timed", c.test)
		}
	}
}

// The four operators of now divide time; none changes its answer before its deadline; a day of each year has its anniversary.
func TestClockNeverStrikesEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"UTC", "Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia"}).Draw(t, "zone")
		base := time.Date(2011, 12, 20, 0, 0, 0, 0, time.UTC)
		at := base.Add(time.Duration(rapid.IntRange(-40_000, 40_000).Draw(t, "minutes")) * time.Minute)
		value, err := json.Marshal(at.Format(rapid.SampledFrom([]string{time.DateOnly, time.DateTime, time.RFC3339, "01-02"}).Draw(t, "form")))
		if err != nil {
			t.Fatal(err)
		}
		p := &person{traits: map[string]touchstone.JSON{"x": touchstone.JSON(value)}}
		length := fmt.Sprintf(`"%dh"`, rapid.IntRange(1, 500).Draw(t, "hours"))
		var rules []*rule.Rule
		for _, op := range []string{"ago_gt", "ago_lt", "ahead_lt", "ahead_gt"} {
			rules = append(rules, parseRule(t, fmt.Sprintf(`{"trait":"x","op":%q,"value":%s,"tz":%q}`, op, length, zone)))
		}
		rules = append(rules, parseRule(t, fmt.Sprintf(`{"trait":"x","op":"anniversary","value":%d,"tz":%q}`, rapid.IntRange(-180, 180).Draw(t, "days"), zone)))
		now := base.Add(time.Duration(rapid.IntRange(-400, 400).Draw(t, "hours before")) * time.Hour).UnixMilli()
		for i, r := range rules {
			answer, deadline := r.Eval(p, now)
			for range 8 {
				later := now + rapid.Int64Range(0, 900*24*3600_000).Draw(t, "later")
				if again, _ := r.Eval(p, later); later < deadline && again != answer {
					t.Fatalf("rule %d: %v at %d until %d, but %v at %d", i, answer, now, deadline, again, later)
				}
			}
		}
		holds := 0
		for _, r := range rules[:4] {
			if ok, _ := r.Eval(p, now); ok {
				holds++
			}
		}
		if dated := len(value) > len(`"01-02"`); dated != (holds == 1) {
			t.Fatalf("%s at %d: %d of the four hold", value, now, holds)
		}
	})
}

func parseRule(t *rapid.T, text string) *rule.Rule {
	r, err := rule.Parse(touchstone.JSON(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// A tenth is a tenth, of those with another salt as well; and what two ranges say of somebody follows from one bucket.
func TestRandomParts(t *testing.T) {
	tenth, other, rest := parse(t, `{"random":{"salt":"a","from":20,"to":30}}`), parse(t, `{"random":{"salt":"b","to":10}}`), parse(t, `{"random":{"salt":"a","from":30,"to":100}}`)
	n, both := 0, 0
	for id := touchstone.PersonID(1); id <= 50_000; id++ {
		p := &person{id: id}
		in, _ := tenth.Eval(p, 0)
		if in {
			n++
			if also, _ := other.Eval(p, 0); also {
				both++
			}
			if out, _ := rest.Eval(p, 0); out {
				t.Fatalf("%s is in both parts", id)
			}
		}
	}
	// Six standard deviations: 67 and 22.
	if n < 4_600 || n > 5_400 || both < 365 || both > 635 {
		t.Errorf("%d in the tenth, %d of them in the other one", n, both)
	}
	if got := rule.Bucket("spring", 36); got != rule.Bucket("spring", 36) || rule.Digest("spring:p_10")%rule.Buckets != int64(got) {
		t.Errorf("a bucket is not what the documentation says: %d", got)
	}
	if !tenth.MatchesNobody() || !tenth.TraitsMayDecide() {
		t.Error("a new person may be in a random part")
	}
	if parse(t, `{"and":[{"random":{"salt":"a","to":50}},{"event":"X"}]}`).MatchesNobody() {
		t.Error("nobody is in it without an event")
	}
}
