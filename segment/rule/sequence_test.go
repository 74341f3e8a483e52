package rule_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// TestSequencesAreWhatTheySay tries every way through a story's events.
func TestSequencesAreWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var steps []string
		n := rapid.IntRange(2, 4).Draw(t, "steps")
		for i := range n {
			step := fmt.Sprintf(`{"event":%q`, rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event"))
			not := i == n-1 && rapid.Bool().Draw(t, "not")
			if i > 0 && (not || rapid.Bool().Draw(t, "bounded")) {
				step += fmt.Sprintf(`,"within":"%ds"`, rapid.IntRange(1, 8).Draw(t, "within"))
			}
			if not {
				step += `,"not":true`
			}
			steps = append(steps, step+"}")
		}
		text := `{"sequence":[` + strings.Join(steps, ",") + "]"
		if rapid.IntRange(0, 3).Draw(t, "windowed") > 0 {
			text += fmt.Sprintf(`,"within":"%ds"`, rapid.IntRange(1, 25).Draw(t, "window"))
		}
		r, err := rule.Parse(touchstone.JSON(text + "}"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := rule.Parse(r.JSON()); err != nil || again.JSON() != r.JSON() {
			t.Fatalf("%s becomes %s, %v", text, r.JSON(), err)
		}
		seq := r.Root.(*rule.Sequence)
		story := map[string][]int64{}
		for _, name := range []string{"A", "B"} {
			times := rapid.SliceOfN(rapid.Int64Range(0, 30), 0, 6).Draw(t, name)
			slices.Sort(times)
			for i := range times {
				times[i] *= 1000
			}
			story[name] = times
		}
		p := &person{}
		for _, l := range r.Leaves() {
			p.times = append(p.times, slices.Clone(story[l.Event]))
		}
		last, until := false, int64(math.MinInt64)
		for now := int64(0); now < 60_000; now += 500 {
			for i := range p.times {
				l := r.Leaves()[i]
				p.times[i], _ = l.Prune(p.times[i], now)
			}
			want := follows(seq, story, now, 0, -1, 0)
			got, deadline := r.Eval(p, now)
			if got != want {
				t.Fatalf("%s} of %v at %d: got %v, want %v", text, story, now, got, want)
			}
			if now < until && got != last || deadline <= now {
				t.Fatalf("%s} of %v: %v at %d, the deadline was %d and is %d", text, story, got, now, until, deadline)
			}
			last, until = got, deadline
		}
	})
}

// follows tries all events of a step after a time.
func follows(n *rule.Sequence, story map[string][]int64, now int64, step int, after, begun int64) bool {
	if step == len(n.Steps) {
		return true
	}
	s := &n.Steps[step]
	within := s.Within.Milliseconds()
	if s.Not {
		return after+within <= now && !slices.ContainsFunc(story[s.Name], func(at int64) bool { return at > after && at <= after+within })
	}
	return slices.ContainsFunc(story[s.Name], func(at int64) bool {
		if step == 0 {
			return (n.Within == 0 || now < at+n.Within.Milliseconds()) && follows(n, story, now, 1, at, at)
		}
		return at > after && (within == 0 || at <= after+within) && follows(n, story, now, step+1, at, begun)
	})
}
