package rule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// person is a Subject with all its event times, for one rule.
type person struct {
	id     touchstone.PersonID
	traits map[string]touchstone.JSON
	times  [][]int64
	in     map[int]bool
	since  int64       // in whichever
	keep   []rule.Leaf // when set, only what the leaves keep is shown
	now    int64
	rule   *rule.Rule // of those who live together
	mates  []*person
	seats  []*rule.Seat
}

func (p *person) Household(n int, now int64) (bool, int64) {
	return p.rule.Among(n, p.seats, func(i int) (bool, int64) { return p.rule.EvalMember(n, p.mates[i], now) }, now)
}

func (p *person) Trait(name string) (touchstone.JSON, bool) {
	v, ok := p.traits[name]
	return v, ok
}
func (p *person) Person() touchstone.PersonID     { return p.id }
func (p *person) InSegment(ref int) (int64, bool) { return p.since, p.in[ref] }
func (p *person) Kept(leaf int) []int64 {
	times := p.times[leaf]
	if p.keep == nil {
		return times
	}
	if h := p.keep[leaf].Horizon.Milliseconds(); h > 0 {
		times = slices.DeleteFunc(slices.Clone(times), func(at int64) bool { return at <= p.now-h })
	}
	return times[max(0, len(times)-p.keep[leaf].Keep):]
}

func TestEvalWindows(t *testing.T) {
	const s = int64(time.Second / time.Millisecond)
	for _, c := range []struct {
		rule     string
		times    []int64 // in seconds
		now      int64
		member   bool
		deadline int64 // in seconds; 0 = never
	}{
		{`{"event":"A","within":"10s"}`, []int64{5}, 14, true, 15},
		{`{"event":"A","within":"10s"}`, []int64{5}, 15, false, 0},
		{`{"event":"A","within":"10s"}`, []int64{5, 7}, 10, true, 17},
		{`{"event":"A"}`, []int64{5}, 1e6, true, 0},
		{`{"event":"A","count":{"op":"gte","value":2},"within":"10s"}`, []int64{5, 7}, 10, true, 15},
		{`{"event":"A","count":{"op":"gte","value":2},"within":"10s"}`, []int64{5}, 10, false, 0},
		{`{"event":"A","count":{"op":"lte","value":1},"within":"10s"}`, []int64{5, 7}, 10, false, 15},
		{`{"event":"A","count":{"op":"lte","value":1},"within":"10s"}`, []int64{5, 7}, 15, true, 0},
		{`{"event":"A","count":{"op":"lte","value":0},"within":"10s"}`, []int64{5, 7}, 15, false, 17},
		{`{"event":"A","count":{"op":"eq","value":1},"within":"10s"}`, []int64{5, 7}, 10, false, 15},
		{`{"event":"A","count":{"op":"eq","value":1},"within":"10s"}`, []int64{5, 7}, 15, true, 17},
		{`{"event":"A","count":{"op":"eq","value":1},"within":"10s"}`, []int64{5, 7}, 17, false, 0},
		{`{"event":"A","count":{"op":"eq","value":0},"within":"10s"}`, []int64{5}, 10, false, 15},
		{`{"event":"A","within":"10s"}`, []int64{100}, 10, true, 110}, // a clock that runs ahead
		{`{"not":{"event":"A","within":"10s"}}`, []int64{5}, 10, false, 15},
		{`{"and":[{"event":"A","within":"10s"},{"event":"A","within":"1m"}]}`, []int64{5}, 10, true, 15},
		{`{"or":[{"event":"A","within":"10s"},{"event":"A","within":"1m"}]}`, []int64{5}, 10, true, 65},
		{`{"and":[{"event":"A","within":"10s"},{"trait":"t","op":"exists"}]}`, []int64{5}, 10, false, 0},
		{`{"and":[{"event":"A","count":{"op":"lte","value":0},"within":"10s"},{"event":"A","count":{"op":"lte","value":0},"within":"1m"}]}`, []int64{5}, 10, false, 65},
	} {
		r := parse(t, c.rule)
		p := &person{times: make([][]int64, len(r.Leaves()))}
		for i := range p.times {
			for _, at := range c.times {
				p.times[i] = append(p.times[i], at*s)
			}
		}
		want := int64(rule.Never)
		if c.deadline != 0 {
			want = c.deadline * s
		}
		member, deadline := r.Eval(p, c.now*s)
		if member != c.member || deadline != want {
			t.Errorf("%s with %v at %d: got %v until %d, want %v until %d", c.rule, c.times, c.now, member, deadline/s, c.member, want/s)
		}
	}
}

// TestDeadlineHolds asks a random rule at every second: the answer never changes before
// the deadline that was given, and what the leaves keep gives the same answers as the
// whole history.
func TestDeadlineHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := randomRule(t, 3)
		r, err := rule.Parse(touchstone.JSON(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p := &person{times: make([][]int64, len(r.Leaves())), traits: map[string]touchstone.JSON{}, in: map[int]bool{}}
		for i := range p.times {
			p.times[i] = rapid.SliceOfN(rapid.Int64Range(0, 30), 0, 6).Draw(t, "times")
			slices.Sort(p.times[i])
			for j := range p.times[i] {
				p.times[i][j] *= 1000
			}
		}
		if rapid.Bool().Draw(t, "trait") {
			p.traits["t"] = "1"
		}
		last, until := r.Eval(p, 0)
		for now := int64(0); now < 60_000; now += 1000 {
			member, deadline := r.Eval(p, now)
			if now < until && member != last {
				t.Fatalf("%s: changed at %d, before the deadline %d", text, now, until)
			}
			if deadline <= now {
				t.Fatalf("%s: at %d the deadline %d is not ahead", text, now, deadline)
			}
			last, until = member, deadline
			kept := &person{traits: p.traits, times: p.times, in: p.in, keep: r.Leaves(), now: now}
			if m, d := r.Eval(kept, now); m != member || d != deadline {
				t.Fatalf("%s at %d: kept times give %v until %d, all times %v until %d", text, now, m, d, member, deadline)
			}
		}
		// Someone of whom only traits are known is found by the two shortcuts.
		stranger := &person{times: make([][]int64, len(r.Leaves())), traits: p.traits, in: map[int]bool{}}
		if m, _ := r.Eval(stranger, 0); m && !r.TraitsMayDecide() {
			t.Fatalf("%s: TraitsMayDecide is wrong", text)
		}
	})
}

func randomRule(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind = rapid.IntRange(3, 9).Draw(t, "leaf kind")
	}
	switch kind {
	case 0, 1:
		op := []string{"and", "or"}[kind]
		text := ""
		for i := range rapid.IntRange(1, 3).Draw(t, "parts") {
			if i > 0 {
				text += ","
			}
			text += randomRule(t, depth-1)
		}
		return fmt.Sprintf(`{%q:[%s]}`, op, text)
	case 2:
		return `{"not":` + randomRule(t, depth-1) + `}`
	case 3:
		return `{"trait":"t","op":"exists"}`
	default:
		text := `{"event":"` + rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event") + `"`
		op := rapid.SampledFrom([]string{"gte", "lte", "eq"}).Draw(t, "op")
		least := 0
		if op == "gte" {
			least = 1
		}
		text += fmt.Sprintf(`,"count":{"op":%q,"value":%d}`, op, rapid.IntRange(least, 4).Draw(t, "n"))
		if rapid.IntRange(0, 3).Draw(t, "windowed") > 0 {
			text += fmt.Sprintf(`,"within":"%ds"`, rapid.IntRange(1, 20).Draw(t, "window"))
		}
		return text + "}"
	}
}

// TestHouseholdDeadlineHolds asks at every second about people who move in and out, change what they
// do and grow up: the answer is what looking at each member says, and stands until the deadline.
func TestHouseholdDeadlineHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		who := rapid.SampledFrom([]string{"any", "all", "none"}).Draw(t, "who")
		role := rapid.SampledFrom([]string{"", "payer", "child"}).Draw(t, "role")
		text := fmt.Sprintf(`{"household":{"role":%q,%q:%s}}`, role, who, randomRule(t, 2))
		if role == "" {
			text = fmt.Sprintf(`{"household":{%q:%s}}`, who, randomRule(t, 2))
		}
		r, err := rule.Parse(touchstone.JSON(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p := &person{rule: r}
		for range rapid.IntRange(0, 3).Draw(t, "mates") {
			mate := &person{times: make([][]int64, len(r.Leaves())), in: map[int]bool{}}
			for i := range mate.times {
				mate.times[i] = rapid.SliceOfN(rapid.Int64Range(0, 30), 0, 4).Draw(t, "times")
				slices.Sort(mate.times[i])
				for j := range mate.times[i] {
					mate.times[i][j] *= 1000
				}
			}
			at := func(name string) int64 { return 1000 * rapid.Int64Range(0, 60).Draw(t, name) }
			p.mates = append(p.mates, mate)
			p.seats = append(p.seats, &rule.Seat{From: at("from"), Until: at("until"), ChildUntil: at("child"), Roles: rapid.SampledFrom([][]string{nil, {"payer"}}).Draw(t, "roles")})
		}
		last, until := r.Eval(p, 0)
		for now := int64(0); now < 70_000; now += 1000 {
			got, deadline := r.Eval(p, now)
			if want := p.look(who, role, now); got != want {
				t.Fatalf("%s at %d: %v, one by one %v", text, now, got, want)
			}
			if got != last && now < until {
				t.Fatalf("%s changed at %d, before %d", text, now, until)
			}
			last, until = got, deadline
		}
	})
}

// look is what the condition means, written down once more.
func (p *person) look(who, role string, now int64) bool {
	asked, passed := 0, 0
	for i, s := range p.seats {
		if now < s.From || now >= s.Until || role == "payer" && len(s.Roles) == 0 || role == "child" && now >= s.ChildUntil {
			continue
		}
		asked++
		if yes, _ := p.rule.EvalMember(0, p.mates[i], now); yes {
			passed++
		}
	}
	switch who {
	case "any":
		return passed > 0
	case "all":
		return asked > 0 && passed == asked
	}
	return passed == 0
}
