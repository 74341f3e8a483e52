package match_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/identity/match/matchtest"
	"github.com/touchstone-cdp/touchstone/sim"
)

// demoColumns are what a server compares of the demo's world.
var demoColumns = []string{"phone", "email", "city", "name", "address", "age_band", "city_tier", "gender", "region", "vin", "referred_by"}

// demo makes the records that a server has of the demo's world once identifiers have joined what they join: accounts, and the slips of paper
// that came to none.
func demo(t *testing.T, seed uint64, persons int) []matchtest.Row {
	t.Helper()
	world, err := sim.NewWorld(sim.Config{Seed: seed, Persons: persons, Days: 20, End: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	traits := make(map[string]map[string]any) // by user id
	world.History(func(e *touchstone.Event) bool {
		if e.Type == touchstone.Identify {
			told := make(map[string]any)
			if err := json.Unmarshal([]byte(e.Traits), &told); err != nil {
				t.Error(err)
			}
			if traits[e.UserID] == nil {
				traits[e.UserID] = make(map[string]any)
			}
			maps.Copy(traits[e.UserID], told)
		}
		return true
	})
	account := make(map[int]int) // row of a person
	var rows []matchtest.Row
	people := world.Accounts()
	for _, who := range slices.Sorted(maps.Keys(people)) {
		told := traits[people[who]]
		values := make([]string, len(demoColumns))
		for i, c := range demoColumns {
			if v, ok := told[c]; ok {
				values[i] = fmt.Sprint(v)
			}
		}
		account[who] = len(rows)
		rows = append(rows, matchtest.Row{ID: people[who], Entity: who, Values: values})
	}
	byPhone := make(map[string]int)
	for i, r := range rows {
		byPhone[r.Values[0]] = i
	}
	for _, slip := range slices.Concat(world.Forms(), world.Receipts()) {
		values := make([]string, len(demoColumns))
		values[0], values[2], values[3], values[4] = slip.Phone, slip.City, slip.Name, slip.Address
		if slip.Phone == world.ShopLine().Value {
			values[0] = ""
		}
		at, known := account[slip.Person]
		if !known || slip.Member == "" {
			at, known = byPhone[values[0]]
			known = known && values[0] != ""
		}
		if !known {
			byPhone[values[0]] = len(rows)
			rows = append(rows, matchtest.Row{ID: slip.Number, Entity: slip.Person, Values: values})
			continue
		}
		for i, v := range values { // what was told last, and all telephone numbers
			switch was := rows[at].Values[i]; {
			case v == "":
			case i == 0 && was != "" && !strings.Contains(was, v):
				rows[at].Values[i] = was + match.Separator + v
			default:
				rows[at].Values[i] = v
			}
		}
		byPhone[values[0]] = at
	}
	return rows
}

// In the demo's world everybody has a mail address made of name and number, so that strangers of one given name have nearly the same, and there
// are few matches for so many strangers. What is thought of the links and of the top of the queue is held against who wrote the slips of paper.
func TestMailAddressesMadeOfNamesAreNoEvidence(t *testing.T) {
	var links, right, thought, all, top, topRight, topThought float64
	for seed := range uint64(2) {
		rows := demo(t, seed+1, 2000)
		entity := make(map[string]int)
		for _, r := range rows {
			entity[r.ID] = r.Entity
		}
		set := setOf(t, demoColumns, rows, oneList)
		model, err := match.Train(t.Context(), set, match.Options{})
		if err != nil {
			t.Fatal(err)
		}
		result, err := model.Link(t.Context(), set, match.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, r := score(set, rows, result.Clusters)
		t.Logf("seed %d: %d records, precision %.3f (thought %.3f), recall %.3f (thought %.3f), %d links, %d for review", seed+1, len(rows), p, result.Estimate.Precision, r, result.Estimate.Recall, result.Estimate.Links, result.Estimate.Review)
		for _, pair := range result.Pairs {
			yes := entity[set.ID(pair.A)] == entity[set.ID(pair.B)]
			chance := float64(pair.Probability)
			if pair.Outcome == match.Linked {
				links++
				thought += chance
				if yes {
					right++
				}
			}
			if chance >= .5 {
				top++
				topThought += chance
				if yes {
					topRight++
				}
			}
			if yes {
				continue
			}
			explained, err := model.Explain(set, pair.A, pair.B)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range explained.Steps {
				if step.Column == "email" && step.Bits > 0 {
					t.Errorf("seed %d: the addresses of two strangers count %.1f bits: %q and %q", seed+1, step.Bits, step.A, step.B)
				}
			}
		}
		sizes := make(map[int]float64)
		for _, r := range rows {
			sizes[r.Entity]++
		}
		for _, n := range sizes {
			all += n * (n - 1) / 2
		}
	}
	t.Logf("links: %.0f of %.0f right (thought %.1f); from .5 on %.0f of %.0f (thought %.1f); of %.0f", right, links, thought, topRight, top, topThought, all)
	if right < .9*links || math.Abs(right-thought) > .05*links {
		t.Errorf("of %.0f links %.0f are right, and %.1f were thought to be", links, right, thought)
	}
	if topRight < .9*top || math.Abs(topRight-topThought) > .05*top {
		t.Errorf("of %.0f pairs on top of the queue %.0f are right, and %.1f were thought to be", top, topRight, topThought)
	}
	if topRight < .5*all {
		t.Errorf("%.0f pairs of %.0f were found", topRight, all)
	}
}
