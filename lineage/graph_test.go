package lineage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/lineage"
)

func property(event, name string) touchstone.Field {
	return touchstone.Field{Sort: touchstone.PropertyField, Event: event, Name: name}
}

func trait(name string) touchstone.Field {
	return touchstone.Field{Sort: touchstone.TraitField, Name: name}
}

func segment(id string) touchstone.DefinitionRef {
	return touchstone.DefinitionRef{Kind: touchstone.DefSegment, ID: id}
}

var shop = []touchstone.Definition{
	{Kind: touchstone.DefSegment, ID: "buyers", Name: "Buyers", Need: "segments:read", Reads: []touchstone.Reads{
		{Field: touchstone.Field{Sort: touchstone.EventField, Name: "Paid"}, How: touchstone.Counts}, {Field: property("Paid", "total"), How: touchstone.Compares}}},
	{Kind: touchstone.DefSegment, ID: "gold", Name: "Gold", Need: "segments:read", Goes: []touchstone.DefinitionRef{segment("buyers")}},
	{Kind: touchstone.DefSegment, ID: "mailed", Name: "Mailed", Need: "segments:read", Reads: []touchstone.Reads{{Field: trait("email"), How: touchstone.Compares}}},
	{Kind: touchstone.DefWebhook, ID: "crm", Name: "CRM", Need: "webhooks:read", Goes: []touchstone.DefinitionRef{segment("gold")}, Out: &touchstone.Recipient{Name: "crm.example.com", Contacts: "full"}},
	{Kind: touchstone.DefWebhook, ID: "all", Name: "All", Need: "webhooks:read", Goes: []touchstone.DefinitionRef{segment("*")},
		Reads: []touchstone.Reads{{Field: touchstone.Field{Sort: touchstone.IdentifierField, Name: "*"}, How: touchstone.Sends}}},
	{Kind: touchstone.DefMend, ID: "m", Name: "amount becomes total", Need: "plans:read", Reads: []touchstone.Reads{{Field: property("", "amount"), How: touchstone.Changes}}, Makes: []touchstone.Field{property("", "total")}},
}

func TestUses(t *testing.T) {
	for name, c := range map[string]struct {
		field touchstone.Field
		want  []string
	}{
		"directly, and by way of others": {property("Paid", "total"), []string{"1 buyers compares", "2 gold < buyers", "2 all < buyers", "3 crm < buyers < gold"}},
		"of another event":               {property("Refunded", "total"), nil},
		"of any event":                   {property("", "total"), []string{"1 buyers compares", "2 gold < buyers", "2 all < buyers", "3 crm < buyers < gold"}},
		"what a rule makes of it":        {property("Paid", "amount"), []string{"1 m changes", "2 buyers compares < m", "3 gold < m < buyers", "3 all < m < buyers", "4 crm < m < buyers < gold"}},
		"an event has its properties":    {touchstone.Field{Sort: touchstone.EventField, Name: "Paid"}, []string{"1 buyers counts compares", "2 gold < buyers", "2 all < buyers", "3 crm < buyers < gold"}},
		"an identify call's is a trait":  {property("$identify", "email"), []string{"1 mailed compares", "1 all sends"}},
		"a part of it":                   {property("Paid", "total.net"), []string{"1 buyers compares", "2 gold < buyers", "2 all < buyers", "3 crm < buyers < gold"}},
		"only the beginning of a name":   {property("Paid", "tot"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			uses, more := lineage.Uses(shop, lineage.Asked{Field: &c.field})
			got := texts(uses)
			slices.Sort(got)
			slices.Sort(c.want)
			if d := cmp.Diff(c.want, got); d != "" || more {
				t.Error(more, d)
			}
		})
	}
}

func texts(uses []lineage.Use) (list []string) {
	for _, u := range uses {
		text := fmt.Sprintf("%d %s", u.Steps, u.ID)
		for _, h := range u.How {
			text += " " + string(h)
		}
		for _, v := range u.Via {
			text += " < " + v.ID
		}
		list = append(list, text)
	}
	return list
}

// What a viewer may not see is counted, and not named, in a way neither.
func TestWhatAViewerMayNotSeeIsCounted(t *testing.T) {
	parts := lineage.Parts{Tellers: []lineage.Teller{func(context.Context) ([]touchstone.Definition, error) { return shop, nil }}}
	v := &access.Viewer{Permissions: access.Set{"webhooks:read": {}}}
	field := property("Paid", "total")
	a, err := parts.Ask(t.Context(), v, lineage.Asked{Field: &field})
	if err != nil || a.Hidden != 2 || len(a.Uses) != 2 {
		t.Fatal(a, err)
	}
	for _, u := range a.Uses {
		if u.Kind != touchstone.DefWebhook {
			t.Errorf("shown: %+v", u)
		}
		for _, via := range u.Via {
			if via.ID != "" || via.Name != "" || via.Kind != touchstone.DefSegment {
				t.Errorf("named: %+v", via)
			}
		}
	}
}

// Random graphs, circles among them: a definition is found exactly when a way leads to it, as short as it is told.
func TestUsesAreThoseThatCanBeReached(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d"}
		all := make([]touchstone.Definition, rapid.IntRange(1, 12).Draw(t, "definitions"))
		for i := range all {
			d := &all[i]
			d.Kind, d.ID = touchstone.DefSegment, fmt.Sprint("s", i)
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 2, rapid.ID).Draw(t, "reads") {
				d.Reads = append(d.Reads, touchstone.Reads{Field: property("", n), How: touchstone.Compares})
			}
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 1, rapid.ID).Draw(t, "makes") {
				d.Makes = append(d.Makes, property("", n))
			}
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 0, 2, rapid.ID).Draw(t, "goes") {
				d.Goes = append(d.Goes, segment(fmt.Sprint("s", n)))
			}
		}
		// A plain relaxation of distances, until nothing changes.
		far := map[string]int{}
		for changed := true; changed; {
			changed = false
			for i := range all {
				best := far[all[i].ID]
				near := func(n int) {
					if best == 0 || n < best {
						best = n
					}
				}
				for _, r := range all[i].Reads {
					if r.Name == "a" {
						near(1)
					}
					for j := range all {
						if slices.Contains(all[j].Makes, r.Field) && far[all[j].ID] > 0 {
							near(far[all[j].ID] + 1)
						}
					}
				}
				for _, g := range all[i].Goes {
					if far[g.ID] > 0 {
						near(far[g.ID] + 1)
					}
				}
				if best != far[all[i].ID] {
					far[all[i].ID], changed = best, true
				}
			}
		}
		field := property("", "a")
		uses, _ := lineage.Uses(all, lineage.Asked{Field: &field})
		got := map[string]int{}
		for _, u := range uses {
			got[u.ID] = u.Steps
			if len(u.Via) != u.Steps-1 {
				t.Fatalf("%s is %d away by way of %v", u.ID, u.Steps, u.Via)
			}
		}
		for id, n := range far {
			if n == 0 {
				delete(far, id)
			}
		}
		if d := cmp.Diff(far, got); d != "" {
			t.Fatal(d, strings.Join(texts(uses), "\n"))
		}
	})
}
