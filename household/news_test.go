package household

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

// What is left out because it says nothing new changes neither clues nor purchases.
func TestWhatIsNotNewAddsNothing(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	left := 0
	rapid.Check(t, func(t *rapid.T) {
		rules := DefaultRules()
		for i := range rules.List {
			rules.List[i].On = rapid.Bool().Draw(t, "on")
		}
		events := append([]string{"$identify"}, rules.Paid...)
		for _, r := range rules.List {
			if r.On {
				events = append(events, r.Events...)
			}
		}
		slices.Sort(events)
		news := rules.news(slices.Compact(events), func() *time.Location { return zone })
		told := map[uint64]bool{}
		var all, kept []Clue
		orders, counted := 0, 0
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			f := oftenTheSame(t, i)
			clues := rules.Clues(&f.Event, f.Seq, zone)
			all = append(all, clues...)
			_, paid := rules.paid(&f.Event)
			if paid {
				orders++
			}
			key, wanted := news(&f)
			if !wanted || key != 0 && told[key] {
				left++
				continue
			}
			told[key] = true
			kept = append(kept, clues...)
			if paid {
				counted++
			}
		}
		if diff := cmp.Diff(Join(all), Join(kept)); diff != "" || orders != counted {
			t.Errorf("%d orders, %d without what is not new; clues (-all +without):\n%s", orders, counted, diff)
		}
	})
	if left == 0 {
		t.Error("everything was new")
	}
}

// oftenTheSame makes an event of few persons, days, devices, cars and addresses.
func oftenTheSame(t *rapid.T, i int) touchstone.Fact {
	n := func(most int, what string) int { return rapid.IntRange(0, most).Draw(t, what) }
	f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(i+1), 0)} //nolint:gosec // small
	f.Type, f.Name, f.Time = touchstone.Track, "Viewed", time.Date(2026, 1, 1+n(1, "day"), n(23, "hour"), 0, 0, 0, time.UTC)
	f.Identifiers = []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: fmt.Sprint("u", n(1, "who"))}}
	for _, kind := range []touchstone.IdentifierKind{touchstone.KindDeviceID, touchstone.KindVIN, "household_id", "payment_token"} {
		if n(2, "beside") == 0 {
			f.Identifiers = append(f.Identifiers, touchstone.Identifier{Kind: kind, Value: fmt.Sprint(kind, n(1, "thing"))})
		}
	}
	switch n(4, "kind") {
	case 0:
		f.Type, f.Name = touchstone.Identify, "$identify"
		f.Traits = touchstone.JSON(fmt.Sprintf(`{"address":"上海市张江路%d号","name":"王%d"}`, n(1, "number"), n(1, "name")))
	case 1:
		f.Name, f.Properties = "Order Completed", touchstone.JSON(fmt.Sprintf(`{"revenue":%d,"payment_token":"c%d"}`, n(2, "paid"), n(1, "card")))
	case 2:
		f.Name, f.Properties = "Family Member Added", touchstone.JSON(fmt.Sprintf(`{"family_id":"f%d"}`, n(1, "family")))
	}
	return f
}
