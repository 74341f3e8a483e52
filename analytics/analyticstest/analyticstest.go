// Package analyticstest holds the questions on which every warehouse must agree: small
// sets of events with the rows that are right. Beside the rows it checks, for every
// number of an answer, that the people behind it are as many as it says.
package analyticstest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Case is a set of events and questions about it.
type Case struct {
	Name   string
	Events string // see ParseEvents
	Asks   []Ask
}

// Ask is a question and the answer's rows, one JSON list a line, or "error: " and what
// the refusal says. In Query, RANGE stands
// for all of January 2026, and braces around the whole may be left out.
type Ask struct {
	Query string
	Rows  string
}

// now is after everything that the cases ask about.
var now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// Run asks every question of every case. open makes an empty warehouse.
func Run(t *testing.T, open func(t *testing.T) warehouse.Warehouse) {
	for _, group := range [][]Case{trendCases, funnelCases, retentionCases, matchedCases, homeCases} {
		for _, c := range group {
			t.Run(c.Name, func(t *testing.T) {
				w := open(t)
				e := Load(t, w, c.Events)
				for i, ask := range c.Asks {
					t.Run(fmt.Sprint(i), func(t *testing.T) { check(t, e, ask) })
				}
			})
		}
	}
	t.Run("conditions", func(t *testing.T) { runConditions(t, open(t)) })
	t.Run("values", func(t *testing.T) { runValues(t, open(t)) })
	t.Run("kept", func(t *testing.T) { runKept(t, open(t)) })
}

// segments has one segment: seg_odd, of the persons 1, 3 and 5.
type segments struct{}

func (segments) Members(_ context.Context, id string) ([]touchstone.PersonID, error) {
	if id != "seg_odd" {
		return nil, touchstone.Errorf(touchstone.NotFound, "no segment %q", id)
	}
	return []touchstone.PersonID{1, 3, 5}, nil
}

// MembersVersion lets a warehouse that can keep a copy of the segment.
func (segments) MembersVersion(_ context.Context, id string) (string, int64, error) {
	if id != "seg_odd" {
		return "", 0, touchstone.Errorf(touchstone.NotFound, "no segment %q", id)
	}
	return "1", 3, nil
}

// MembersSince knows of no changes.
func (segments) MembersSince(context.Context, string, string) (add, remove []touchstone.PersonID, ok bool, err error) {
	return nil, nil, false, nil
}

// homes has one household, of the persons 910 and 911.
type homes struct{}

func (homes) Standing(context.Context) (persons, standing []int64, err error) {
	return []int64{910, 911}, []int64{910, 910}, nil
}

// TraitNames are the size and the cities.
func (homes) TraitNames() []string { return []string{"size", "city"} }

// Traits knows the household of 910 and 911 in two cities, and one of 930 alone in none.
func (homes) Traits(_ context.Context, name string, fn func(persons []int64, values []string)) error {
	if name == "size" {
		fn([]int64{910, 911}, []string{"2"})
		fn([]int64{930}, []string{"1"})
	} else {
		fn([]int64{910, 911}, []string{"上海", "Suzhou"})
		fn([]int64{930}, nil)
	}
	return nil
}

// links has one person made by a probable link, 920, of the nodes 920 and 922, and 921.
type links struct{}

func (links) Parts(context.Context) (nodes, parts []int64, err error) {
	return []int64{920, 921, 922}, []int64{920, 921, 920}, nil
}

// Load appends the events and returns an engine that asks about them.
func Load(t *testing.T, w warehouse.Warehouse, events string) *analytics.Engine {
	t.Helper()
	commit, err := ParseEvents(events)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	return analytics.New(w, analytics.Options{Segments: segments{}, Households: homes{}, Probable: links{}, Clock: touchstone.ClockFunc(func() time.Time { return now })})
}

func check(t *testing.T, e *analytics.Engine, ask Ask) {
	query := expand(ask.Query)
	answer, err := e.Run(t.Context(), access.System(), []byte(query))
	if words, ok := strings.CutPrefix(ask.Rows, "error: "); ok {
		if err == nil || touchstone.KindOf(err) != touchstone.Invalid || !strings.Contains(err.Error(), words) {
			t.Fatalf("%s: got %v (%v), want an error that says %s", query, answer, err, words)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var want, got []string
	for _, line := range strings.Split(strings.TrimSpace(ask.Rows), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			want = append(want, normal(t, line))
		}
	}
	for _, row := range answer.Rows {
		b, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, normal(t, string(b)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s\n-want +got:\n%s\n%s", query, diff, answer.Meta.SQL)
	}
	CheckPeople(t, e, query, answer)
}

// normal rewrites a row so that equal rows have equal texts: times without ".000".
func normal(t *testing.T, row string) string {
	t.Helper()
	var cells []any
	if err := json.Unmarshal([]byte(row), &cells); err != nil {
		t.Fatalf("%s: %v", row, err)
	}
	for i := range cells {
		if s, ok := cells[i].(string); ok {
			cells[i] = strings.Replace(s, ".000Z", "Z", 1)
		}
	}
	b, _ := json.Marshal(cells)
	return string(b)
}

func expand(query string) string {
	query = strings.ReplaceAll(query, "RANGE", `"from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z"`)
	if !strings.HasPrefix(query, "{") {
		query = "{" + query + "}"
	}
	return query
}

// CheckPeople asks for the people behind every number of an answer, and compares.
func CheckPeople(t *testing.T, e *analytics.Engine, query string, answer *analytics.Answer) {
	t.Helper()
	var q struct {
		Kind      string
		Subject   string
		Series    []struct{ Measure string }
		Steps     []any
		Breakdown []any
	}
	if err := json.Unmarshal([]byte(query), &q); err != nil {
		t.Fatal(err)
	}
	if q.Subject == "household" { // behind a number are all members
		return
	}
	n := len(q.Breakdown)
	for i, row := range answer.Rows {
		switch q.Kind {
		case "trend":
			series := row[1].(int64)
			if m := q.Series[series].Measure; m == "persons" {
				people, _ := row[2+n].(int64) // none where the interval has not begun
				expectPeople(t, e, query, map[string]any{"bucket": row[0], "series": series, "breakdown": row[2 : 2+n]}, people)
			}
		case "funnel":
			step, people := row[0].(int64), row[2+n].(int64)
			sel := map[string]any{"step": step, "outcome": "reached", "breakdown": row[2 : 2+n]}
			expectPeople(t, e, query, sel, people)
			if int(step) < len(q.Steps) {
				next := answer.Rows[i+1][2+n].(int64)
				sel["outcome"] = "converted"
				expectPeople(t, e, query, sel, next)
				sel["outcome"] = "lost"
				expectPeople(t, e, query, sel, people-next)
			}
		case "matched":
			sel := map[string]any{"bucket": row[0], "breakdown": row[1 : 1+n], "evidence": "any"}
			all, err := e.People(t.Context(), access.System(), []byte(query), selected(t, sel))
			if err != nil {
				t.Fatal(err)
			}
			// Each person of the cases has sales by one evidence only.
			apart := 0
			for _, name := range []string{"identifier", "probable", "household", "none"} {
				sel["evidence"] = name
				some, err := e.People(t.Context(), access.System(), []byte(query), selected(t, sel))
				if err != nil {
					t.Fatal(err)
				}
				apart += len(some)
			}
			if apart != len(all) {
				t.Errorf("%d people by evidence are %d together: %s", apart, len(all), query)
			}
		case "exposed":
			expectPeople(t, e, query, map[string]any{"breakdown": row[:n], "touch": row[n], "way": row[n+1]}, row[n+4].(int64))
		case "retention":
			expectPeople(t, e, query, map[string]any{"cohort": row[0], "period": row[2]}, row[3].(int64))
			expectPeople(t, e, query, map[string]any{"cohort": row[0]}, row[1].(int64))
		}
	}
}

func selected(t *testing.T, sel map[string]any) []byte {
	t.Helper()
	if b, ok := sel["breakdown"].([]any); ok && len(b) == 0 {
		delete(sel, "breakdown")
	}
	text, err := json.Marshal(sel)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func expectPeople(t *testing.T, e *analytics.Engine, query string, sel map[string]any, want int64) {
	t.Helper()
	text := selected(t, sel)
	people, err := e.People(t.Context(), access.System(), []byte(query), text)
	if err != nil {
		t.Fatalf("people of %s in %s: %v", text, query, err)
	}
	if int64(len(people)) != want {
		t.Errorf("people of %s in %s: got %d %v, want %d", text, query, len(people), people, want)
	}
	if !slices.IsSorted(people) || len(slices.Compact(slices.Clone(people))) != len(people) {
		t.Errorf("people of %s in %s are not sorted and different: %v", text, query, people)
	}
}
