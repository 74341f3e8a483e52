package household

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func day(text string) Day {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return DayOf(t)
}

// told is a clue of a person that has one identifier.
func told(person touchstone.PersonID, kind Kind, key string, days ...string) Clue {
	c := Clue{Identifier: fmt.Sprintf("user_id:u%d", int(person)), Person: person, Kind: kind, Key: key, Note: key, Seq: touchstone.Seq(1000 + int64(person))}
	for _, d := range days {
		c.Days = append(c.Days, day(d))
	}
	return c
}

// on says who lives with whom on a day: persons of each household, in order.
func on(list []Household, text string) []string {
	var out []string
	for _, h := range list {
		var who []touchstone.PersonID
		for _, m := range h.Members {
			if m.Spans.at(day(text)) {
				who = append(who, m.Person)
			}
		}
		if len(who) > 0 {
			out = append(out, fmt.Sprint(numbers(who)))
		}
	}
	slices.Sort(out)
	return out
}

func expect(t *testing.T, list []Household, text string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, on(list, text)); d != "" {
		t.Errorf("on %s (-want +got): %s", text, d)
	}
}

// A family moves, and stays one household with its history; a grown child moves out.
func TestAFamilyMoves(t *testing.T) {
	r := DefaultRules()
	var clues []Clue
	for p := touchstone.PersonID(1); p <= 3; p++ {
		clues = append(clues, told(p, Address, "old", "2020-01-01", "2020-06-01"), told(p, Address, "new", "2022-01-0"+fmt.Sprint(int(p))))
	}
	clues = append(clues, told(3, Address, "flat", "2024-01-01"), told(4, Address, "flat", "2024-02-01"))
	list := r.Derive(clues, nil, nil)
	if len(list) != 2 {
		t.Fatalf("%d households: %+v", len(list), list)
	}
	expect(t, list, "2019-12-31")
	expect(t, list, "2021-01-01", "[1 2 3]")
	expect(t, list, "2022-06-01", "[1 2 3]")
	expect(t, list, "2024-06-01", "[1 2]", "[3 4]")
}

// Parents live apart; their children are in both households, whatever else they share.
func TestAChildInTwoHouseholds(t *testing.T) {
	r := DefaultRules()
	clues := []Clue{
		told(1, Address, "mother's", "2024-01-01", "2024-12-01"), told(2, Address, "father's", "2024-01-01", "2024-12-01"),
		told(3, Address, "mother's", "2024-01-01", "2024-11-01"), told(3, Address, "father's", "2024-02-01", "2024-12-01"),
		told(4, Address, "mother's", "2024-01-01", "2024-11-01"), told(4, Address, "father's", "2024-02-01", "2024-12-01"),
		told(3, Payment, "card", "2024-03-01"), told(4, Payment, "card", "2024-03-01"),
	}
	list := r.Derive(clues, nil, nil)
	expect(t, list, "2024-10-01", "[1 3 4]", "[2 3 4]")
}

// What a crowd shares says nothing: a shop's tablet, an office.
func TestACrowdSaysNothing(t *testing.T) {
	r := DefaultRules()
	var clues []Clue
	for p := touchstone.PersonID(1); p <= 30; p++ {
		clues = append(clues, told(p, Device, "tablet", "2024-01-01", "2024-01-02", "2024-01-03"), told(p, Address, "office", "2024-01-01"))
	}
	if list := r.Derive(clues, nil, nil); len(list) != 0 {
		t.Errorf("%d households", len(list))
	}
}

// A device must be there over nights; a card alone is not enough, a card and a car are.
func TestWeights(t *testing.T) {
	r := DefaultRules()
	nights := []string{"2024-01-01", "2024-01-02", "2024-01-03"}
	for _, c := range []struct {
		name  string
		clues []Clue
		want  int
	}{
		{"two nights", []Clue{told(1, Device, "d", nights[:2]...), told(2, Device, "d", nights[:2]...)}, 0},
		{"three nights", []Clue{told(1, Device, "d", nights...), told(2, Device, "d", nights...)}, 1},
		{"a card", []Clue{told(1, Payment, "c", nights...), told(2, Payment, "c", nights...)}, 0},
		{"a card and a car", []Clue{told(1, Payment, "c", nights...), told(2, Payment, "c", nights...), told(1, Vehicle, "v", nights...), told(2, Vehicle, "v", nights...)}, 1},
		{"a card and a car at other times", []Clue{told(1, Payment, "c", "2019-01-01"), told(2, Payment, "c", "2019-01-01"), told(1, Vehicle, "v", nights...), told(2, Vehicle, "v", nights...)}, 0},
		{"they said so", []Clue{told(1, Declared, "f", nights[0]), told(2, Declared, "f", nights[2])}, 1},
	} {
		if list := r.Derive(c.clues, nil, nil); len(list) != c.want {
			t.Errorf("%s: %d households, not %d", c.name, len(list), c.want)
		}
	}
}

// Operators join, take out and keep apart.
func TestDecisions(t *testing.T) {
	r := DefaultRules()
	clues := []Clue{told(1, Address, "a", "2024-01-01"), told(2, Address, "a", "2024-01-01"), told(3, Address, "a", "2024-01-01")}
	join := Decision{Person: 9, Other: 1, Together: true, Seq: 5000, Day: day("2024-05-01"), Key: "9 1"}
	leave := Decision{Person: 3, Other: 1, Seq: 5001, Day: day("2024-05-01"), Key: "3 1"}
	list := r.Derive(clues, []Decision{join, leave}, nil)
	expect(t, list, "2024-04-01", "[1 2]")
	expect(t, list, "2024-06-01", "[1 2 9]")
	if d := cmp.Diff(r.Derive(clues, nil, nil)[0].ID, list[0].ID); d != "" {
		t.Errorf("a decision renames the household: %s", d)
	}
	alone := r.Derive(nil, []Decision{join}, nil)
	expect(t, alone, "2024-06-01", "[1 9]")
}

// world draws clues of some persons, few things and few days, so that much is shared.
func world(t *rapid.T) ([]Clue, []Decision) {
	kinds := []Kind{Address, Address, Address, Payment, Device, Declared, Vehicle, NearNumber}
	merged := map[rowID]*Clue{}
	var clues []Clue
	for i := range rapid.IntRange(0, 60).Draw(t, "clues") {
		p := rapid.IntRange(1, 12).Draw(t, "person")
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		c := Clue{Identifier: fmt.Sprintf("user_id:u%d", p), Person: touchstone.PersonID(p), Kind: kind, Key: fmt.Sprintf("%s%d", kind, rapid.IntRange(1, 5).Draw(t, "key")),
			Seq: touchstone.Seq(i + 1), Note: fmt.Sprint(rapid.IntRange(100, 103).Draw(t, "note"))}
		for range 3 {
			c.Days = joinDays(c.Days, []Day{Day(rapid.IntRange(0, 12).Draw(t, "day") * 150)})
		}
		if have := merged[c.row()]; have != nil {
			have.add(&c)
			continue
		}
		merged[c.row()] = &c
	}
	for _, c := range merged {
		clues = append(clues, *c)
	}
	var decisions []Decision
	for i := range rapid.IntRange(0, 3).Draw(t, "decisions") {
		a, b := rapid.IntRange(1, 12).Draw(t, "who"), rapid.IntRange(1, 12).Draw(t, "with")
		decisions = append(decisions, Decision{Person: touchstone.PersonID(a), Other: touchstone.PersonID(b), Together: rapid.Bool().Draw(t, "together"),
			Seq: touchstone.Seq(100 + i), Day: 900, Key: fmt.Sprintf("%d %d %d", a, b, i)})
	}
	return clues, decisions
}

// The order of clues and decisions does not matter, and neither do persons who have nothing to
// do with each other: what hangs together can be derived by itself.
func TestDeriveIsAFunctionOfWhatHangsTogether(t *testing.T) {
	r := DefaultRules()
	rapid.Check(t, func(t *rapid.T) {
		clues, decisions := world(t)
		want := r.Derive(clues, decisions, nil)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rng.Shuffle(len(clues), func(i, j int) { clues[i], clues[j] = clues[j], clues[i] })
		rng.Shuffle(len(decisions), func(i, j int) { decisions[i], decisions[j] = decisions[j], decisions[i] })
		if d := cmp.Diff(want, r.Derive(clues, decisions, nil), cmp.AllowUnexported(Thing{})); d != "" {
			t.Fatalf("another order, other households: %s", d)
		}
		var apart []Household
		for _, some := range components(clues, decisions) {
			apart = append(apart, r.Derive(some.clues, some.decisions, nil)...)
		}
		slices.SortFunc(apart, func(a, b Household) int { return int(a.ID>>1) - int(b.ID>>1) })
		if d := cmp.Diff(want, apart); d != "" && len(want)+len(apart) > 0 {
			t.Fatalf("by parts, other households: %s", d)
		}
	})
}

type component struct {
	clues     []Clue
	decisions []Decision
}

// components are the clues and decisions of persons who hang together.
func components(clues []Clue, decisions []Decision) (list []*component) {
	root := map[touchstone.PersonID]touchstone.PersonID{}
	var find func(touchstone.PersonID) touchstone.PersonID
	find = func(p touchstone.PersonID) touchstone.PersonID {
		if up, ok := root[p]; ok && up != p {
			return find(up)
		}
		return p
	}
	at := map[Thing]touchstone.PersonID{}
	for _, c := range clues {
		t := Thing{c.Kind, c.Key}
		if p, ok := at[t]; ok {
			root[find(c.Person)] = find(p)
		}
		at[t] = c.Person
	}
	for _, d := range decisions {
		root[find(d.Person)] = find(d.Other)
	}
	by := map[touchstone.PersonID]*component{}
	of := func(p touchstone.PersonID) *component {
		c := by[find(p)]
		if c == nil {
			c = &component{}
			by[find(p)] = c
			list = append(list, c)
		}
		return c
	}
	for _, c := range clues {
		of(c.Person).clues = append(of(c.Person).clues, c)
	}
	for _, d := range decisions {
		of(d.Person).decisions = append(of(d.Person).decisions, d)
	}
	return list
}

// Times of memberships lie within what was seen, and two are in one household when their score
// says so.
func TestMembershipsFollowFromScores(t *testing.T) {
	r := DefaultRules()
	rapid.Check(t, func(t *rapid.T) {
		clues, _ := world(t)
		for _, h := range r.Derive(clues, nil, nil) {
			if len(h.Members) < 2 {
				t.Fatalf("a household of %d", len(h.Members))
			}
			for _, m := range h.Members {
				if len(m.Spans) == 0 || m.Score < r.Threshold || len(m.Evidence) == 0 {
					t.Fatalf("a member without time, score or evidence: %+v", m)
				}
			}
		}
	})
}
