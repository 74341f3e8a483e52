package rule_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// happened is an event of the stories below.
type happened struct {
	at    int64 // unix milliseconds
	props string
}

// TestMeasuresAreWhatTheySay draws a condition and a story, keeps of the story what the condition's leaves keep, in another order
// and in two persons who become one, and asks at many moments: the answer is that of the definition, read from
// all events, and it never changes before the deadline that was given.
func TestMeasuresAreWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, scale := randomMeasure(t)
		r, err := rule.Parse(touchstone.JSON(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := rule.Parse(r.JSON()); err != nil || again.JSON() != r.JSON() {
			t.Fatalf("%s becomes %s, %v", text, r.JSON(), err)
		}
		leaves := slices.Clone(r.Leaves())
		exact := rapid.IntRange(1, 4).Draw(t, "exact") // of the events of a sum in a moving window
		for i := range leaves {
			if leaves[i].Kind == rule.Sums && leaves[i].Grain > 0 {
				leaves[i].Keep = exact
			}
		}
		var story []happened
		for range rapid.IntRange(0, 14).Draw(t, "events") {
			story = append(story, happened{epoch + rapid.Int64Range(0, 40).Draw(t, "at")*scale/2, rapid.SampledFrom([]string{
				`{}`, `{"n":1}`, `{"n":2}`, `{"n":2}`, `{"n":"3"}`, `{"n":-1.5}`, `{"n":"x"}`, `{"n":null}`, `{"n":0.1}`}).Draw(t, "props")})
		}
		p := remember(t, leaves, story)
		e := r.Root.(*rule.Event)
		last, until := false, int64(math.MinInt64)
		for now := epoch + 20*scale; now < epoch+60*scale; now += scale / 4 {
			for i := range leaves {
				p.times[i], _ = leaves[i].Prune(p.times[i], now)
			}
			want := defined(e, story, now, exact)
			got, deadline := r.Eval(p, now)
			if got != want {
				t.Fatalf("%s of %v at +%dms: got %v, want %v (kept %v)", text, story, now-epoch, got, want, p.times)
			}
			if now < until && got != last {
				t.Fatalf("%s of %v: changed at +%dms, before the deadline +%dms", text, story, now-epoch, until-epoch)
			}
			if deadline <= now {
				t.Fatalf("%s: the deadline %d is not after %d", text, deadline, now)
			}
			last, until = got, deadline
		}
	})
}

var epoch = time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC).UnixMilli() // before clocks are put forward in Berlin

// remember keeps what leaves keep of a story that comes in any order, in two persons who are joined.
func remember(t *rapid.T, leaves []rule.Leaf, story []happened) *person {
	order := rapid.Permutation(story).Draw(t, "order")
	p, o := &person{times: make([][]int64, len(leaves))}, &person{times: make([][]int64, len(leaves))}
	for _, h := range order {
		who := rapid.SampledFrom([]*person{p, o}).Draw(t, "who")
		for i := range leaves {
			l := &leaves[i]
			if !l.During(h.at) || !l.Match(touchstone.JSON(h.props), "") {
				continue
			}
			if v, ok := l.Value(touchstone.JSON(h.props), h.at); ok {
				who.times[i], _ = l.Add(who.times[i], h.at, v)
			}
		}
	}
	for i := range leaves {
		p.times[i] = leaves[i].Join(p.times[i], o.times[i])
	}
	return p
}

// randomMeasure draws a condition, and how long the steps of its story are in milliseconds.
func randomMeasure(t *rapid.T) (text string, scale int64) {
	scale = 1000
	draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	n := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
	window, moves, open := "", false, true
	switch n("window", 0, 4) {
	case 0:
		window, moves = fmt.Sprintf(`,"within":"%ds"`, n("within", 1, 30)), true
	case 1:
		to := n("to", 1, 20)
		window, moves, open = fmt.Sprintf(`,"ago":{"from":"%ds","to":"%ds"}`, to+n("longer", 1, 10), to), true, false
	case 2:
		scale = (7 * time.Hour).Milliseconds()
		back := n("back", 0, 2)
		window, moves, open = fmt.Sprintf(`,"calendar":{"unit":%q,"back":%d,"tz":%q}`, draw("unit", "day", "day", "week", "month"), back,
			draw("tz", "UTC", "Asia/Shanghai", "Europe/Berlin", "America/Santiago")), true, back == 0
	case 3:
		window = fmt.Sprintf(`,"since":%q,"until":%q`, rule.FormatMoment(epoch+5_000), rule.FormatMoment(epoch+15_000))
	}
	kinds := []string{"count", "sum", "avg", "min", "max"}
	if open {
		kinds = append(kinds, "distinct", "days", "last")
	}
	if !moves {
		kinds = append(kinds, "first")
	}
	where := draw("where", "", "", `,"where":[{"property":"n","op":"neq","value":2}]`)
	op := draw("count op", "gte", "lte", "eq")
	least := 0
	if op == "gte" {
		least = 1
	}
	count := fmt.Sprintf(`"op":%q,"value":%d`, op, n("count", least, 4))
	compared := fmt.Sprintf(`"property":"n","op":%q,"value":%s`, draw("op", "gte", "gt", "lte", "lt", "eq"), draw("value", "0", "0.1", "1", "2", "2.5", "4"))
	kind := draw("measure", kinds...)
	of := compared
	switch kind {
	case "count":
		of = count
	case "distinct":
		of = `"property":"n",` + count
	case "days":
		if scale == 1000 {
			scale = (7 * time.Hour).Milliseconds()
			window = ""
		}
		of = fmt.Sprintf(`"tz":%q,`, draw("day tz", "UTC", "Asia/Shanghai")) + count
	case "first", "last":
		of = draw("test", compared, `"property":"n","op":"neq","value":2`, `"property":"n","op":"in","value":[1,"x"]`, `"property":"n","op":"not_exists"`)
	}
	return fmt.Sprintf(`{"event":"E"%s,%q:{%s}%s}`, where, kind, of, window), scale
}

// defined is what the documentation says, of all events.
func defined(e *rule.Event, story []happened, now int64, exact int) bool {
	var in []happened
	for _, h := range story {
		ok := counts(&e.Window, h.at, now)
		for i := range e.Where {
			ok = ok && e.Where[i].Match(touchstone.JSON(h.props), "")
		}
		if ok || (e.Measure == rule.Sum || e.Measure == rule.Avg) && passes(e.Where, h) { // a sum looks at the grain, too
			in = append(in, h)
		}
	}
	slices.SortStableFunc(in, func(a, b happened) int { return cmp.Compare(a.at, b.at) })
	switch e.Measure {
	case rule.Counted:
		return matches(e.Count, len(in))
	case rule.Distincts:
		seen := map[string]bool{}
		for _, h := range in {
			if text, ok := textOf(h); ok {
				seen[text] = true
			}
		}
		return matches(e.Count, len(seen))
	case rule.ActiveDays:
		zone, _ := time.LoadLocation(e.Zone)
		seen := map[string]bool{}
		for _, h := range in {
			seen[time.UnixMilli(h.at).In(zone).Format(time.DateOnly)] = true
		}
		return matches(e.Count, len(seen))
	case rule.Sum, rule.Avg:
		return definedSum(e, in, now, exact)
	case rule.Min, rule.Max:
		return definedExtreme(e, in)
	}
	return definedEdge(e, in)
}

func passes(where []rule.Filter, h happened) bool {
	return !slices.ContainsFunc(where, func(f rule.Filter) bool { return !f.Match(touchstone.JSON(h.props), "") })
}

// counts tells whether a time is in a window, from the window's definition.
func counts(w *rule.Window, at, now int64) bool {
	switch {
	case w.From != 0:
		return at+w.From.Milliseconds() > now && (w.To == 0 || at+w.To.Milliseconds() <= now)
	case w.Unit != "":
		zone, _ := time.LoadLocation(w.Zone)
		then, today := time.UnixMilli(at).In(zone), time.UnixMilli(now).In(zone)
		var ago int
		switch w.Unit {
		case rule.Day:
			ago = dayNumber(today) - dayNumber(then)
		case rule.Week:
			monday := func(t time.Time) int { return floor(dayNumber(t)+3, 7) } // 1970-01-01 was a Thursday
			ago = monday(today) - monday(then)
		case rule.Month:
			ago = (today.Year()*12 + int(today.Month())) - (then.Year()*12 + int(then.Month()))
		}
		return ago == w.Back || w.Back == 0 && ago < 0
	}
	return at >= w.Since && (w.Until == 0 || at < w.Until)
}

func dayNumber(t time.Time) int {
	return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func floor(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

func matches(c rule.Count, n int) bool {
	return map[rule.Op]bool{rule.Gte: n >= c.Value, rule.Lte: n <= c.Value, rule.Eq: n == c.Value}[c.Op]
}

func textOf(h happened) (string, bool) {
	for _, text := range []string{"1", "2", "3", "-1.5", "x", "0.1"} {
		f, _ := rule.ParseFilters(touchstone.JSON(`[{"property":"n","op":"eq","value":`+strconv.Quote(text)+`}]`), "")
		if f[0].Match(touchstone.JSON(h.props), "") {
			return text, true
		}
	}
	return "", false
}

func numberOf(h happened) (float64, bool) {
	text, _ := textOf(h)
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// definedSum adds up: the latest exact events by their times, those before by the beginning of their grain.
func definedSum(e *rule.Event, in []happened, now int64, exact int) bool {
	type value struct {
		at int64
		n  float64
	}
	var all []value
	for _, h := range in {
		if n, ok := numberOf(h); ok && counts(&e.Window, h.at, now) || ok && e.Window.To != 0 || ok && e.Window.Unit != "" {
			if e.Window.Since != 0 && !counts(&e.Window, h.at, now) {
				continue
			}
			all = append(all, value{h.at, n})
		}
	}
	slices.SortFunc(all, func(a, b value) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) })
	sum, n := 0.0, 0
	for i, v := range all {
		if grain := grainOf(e); grain > 0 && i < len(all)-exact {
			v.at -= v.at % grain
		}
		if counts(&e.Window, v.at, now) {
			sum, n = sum+v.n, n+1
		}
	}
	sum = math.Round(sum*10_000) / 10_000
	want := e.Test.Values[0].Number
	if e.Measure == rule.Avg {
		return n > 0 && compared(e.Test.Op, sum/float64(n), want)
	}
	return compared(e.Test.Op, sum, want)
}

// grainOf is the documented grain of a sum's window in milliseconds.
func grainOf(e *rule.Event) int64 {
	w := &e.Window
	switch {
	case w.From != 0:
		return 60_000 // of windows up to two hours
	case w.Unit == "":
		return 0
	case w.Unit == rule.Day && w.Back == 0:
		return 10 * 60_000
	case w.Unit == rule.Month && w.Back > 0:
		return 12 * 3_600_000
	}
	return 3_600_000
}

func compared(op rule.Op, a, b float64) bool {
	return map[rule.Op]bool{rule.Gt: a > b, rule.Gte: a >= b, rule.Lt: a < b, rule.Lte: a <= b, rule.Eq: a == b}[op]
}

func definedExtreme(e *rule.Event, in []happened) bool {
	var values []float64
	for _, h := range in {
		if n, ok := numberOf(h); ok {
			values = append(values, n)
		}
	}
	if len(values) == 0 {
		return false
	}
	if e.Measure == rule.Min {
		return compared(e.Test.Op, slices.Min(values), e.Test.Values[0].Number)
	}
	return compared(e.Test.Op, slices.Max(values), e.Test.Values[0].Number)
}

// definedEdge looks at the first or last event with the property; at the same moment any will do.
func definedEdge(e *rule.Event, in []happened) bool {
	var have []happened
	for _, h := range in {
		if _, ok := textOf(h); ok {
			have = append(have, h)
		}
	}
	if len(have) == 0 {
		return false
	}
	at := have[len(have)-1].at
	if e.Measure == rule.First {
		at = have[0].at
	}
	test := []rule.Filter{{Property: "n", Test: e.Test}}
	return slices.ContainsFunc(have, func(h happened) bool { return h.at == at && passes(test, h) })
}
