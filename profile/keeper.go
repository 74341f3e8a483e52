package profile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper is the profiles as a keeper. A merge is a merge of states; after a split both are
// computed anew from history, but for groups, which stay with both: the warehouse does not
// keep who called group.
type keeper struct {
	keep.ByStage
	p *Profiles
}

// Keeper returns the profiles as a keeper of rows about persons.
func (p *Profiles) Keeper() keep.Keeper { return keeper{p: p} }

func (keeper) Name() string { return "profile" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "profile_activity", Persons: []string{"person"}, Texts: []string{"state"}},
		{Name: "profile_traits", Persons: []string{"person"}, Texts: []string{"state"}},
		{Name: "profile_days", Persons: []string{"person"}},
		{Name: "profile_terms", Persons: []string{"person"}, Texts: []string{"term"}},
		{Name: "profile_rebuilds", Persons: []string{"person"}, Texts: []string{"activity", "traits", "past_activity", "past_traits"}},
		{Name: "profile_corrections", Nodes: []string{"node"}, Texts: []string{"traits"}},
		{Name: "profile_computed", Nodes: []string{"node"}, Texts: []string{"value"}},
		{Name: "profile_examples", Texts: []string{"detail"}},
		{Name: "profile_shares", Texts: []string{"detail"}},
	}
}

// exportedTrait is a trait with where it comes from.
type exportedTrait struct {
	Trait     string           `json:"trait"`
	Value     touchstone.JSON  `json:"value"` // null: it was unset
	UpdatedAt time.Time        `json:"updated_at"`
	Source    string           `json:"source"`
	Computed  []exportedChange `json:"computed_from,omitempty"`
}

// exportedChange is an operation that a trait's value follows from.
type exportedChange struct {
	Operation string          `json:"operation"` // set, set_once, increment, append
	Value     touchstone.JSON `json:"value"`
	At        time.Time       `json:"at"`
}

// exportedActivity is all that is counted of a person's events.
type exportedActivity struct {
	FirstSeen time.Time         `json:"first_seen"`
	LastSeen  time.Time         `json:"last_seen"`
	First     Origin            `json:"first"`
	Last      Origin            `json:"last"`
	City      *string           `json:"city"`
	Country   *string           `json:"country"`
	Sessions  uint64            `json:"sessions"`
	Events    map[string]uint64 `json:"events"`
	Channels  map[string]uint64 `json:"channels"`
	Sources   map[string]uint64 `json:"sources"`
}

// Export hands over what the two states hold. Days and search terms follow from it.
func (k keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	person := who.Person
	s := &stored{id: person}
	var states [2][]byte
	for i, table := range []string{"profile_activity", "profile_traits"} {
		err := readStates(ctx, q, table, []touchstone.PersonID{person}, func(_ touchstone.PersonID, state []byte) { states[i] = state })
		if err != nil {
			return err
		}
	}
	if len(states[0]) > 0 {
		if err := s.activity.decode(states[0]); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
	}
	if len(states[1]) > 0 {
		if err := s.traits.decode(states[1]); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
	}
	if err := k.p.readWords(ctx, q, map[touchstone.PersonID]*stored{person: s}); err != nil {
		return err
	}
	if len(states[0]) > 0 {
		if err := put("activity", s.exportActivity()); err != nil {
			return err
		}
	}
	traits := make([]exportedTrait, 0, len(s.traits.list))
	for _, t := range s.traits.list {
		traits = append(traits, s.exportTrait(t))
	}
	slices.SortFunc(traits, func(x, y exportedTrait) int { return strings.Compare(x.Trait, y.Trait) })
	for _, t := range traits {
		if err := put("trait", t); err != nil {
			return err
		}
	}
	for _, g := range s.traits.groups {
		if err := put("group", Group{g.id, timeOf(g.stamp.at)}); err != nil {
			return err
		}
	}
	corrections, err := k.p.correctionsIn(ctx, q, who.Nodes)
	if err != nil {
		return err
	}
	for _, c := range corrections {
		if err := put("correction", struct {
			At     time.Time       `json:"at"`
			Traits touchstone.JSON `json:"traits"`
		}{c.Time, c.Traits}); err != nil {
			return err
		}
	}
	if s.traits.consent.json != "" {
		return put("consent", touchstone.JSON(s.traits.consent.json))
	}
	return nil
}

func (s *stored) exportActivity() exportedActivity {
	a := &s.activity
	counts := func(list []tally, words class) map[string]uint64 {
		m := map[string]uint64{}
		for _, t := range list {
			m[cmp.Or(wordOf(s.words[words], t.word), other)] += t.n
		}
		return m
	}
	return exportedActivity{
		FirstSeen: timeOf(a.first), LastSeen: timeOf(a.last), City: s.label(a.city.word), Country: s.label(a.country.word), Sessions: a.sessions(),
		First: Origin{s.labelText(a.firstSource), s.labelText(a.firstChannel)}, Last: Origin{s.labelText(a.lastSource), s.labelText(a.lastChannel)},
		Events: counts(a.events, eventWords), Channels: counts(a.channels, labelWords), Sources: counts(a.sources, labelWords),
	}
}

var operationNames = [...]string{"set", "set_once", "increment", "append"}

func (s *stored) exportTrait(t trait) exportedTrait {
	e := exportedTrait{Trait: wordOf(s.words[traitWords], t.name), Value: touchstone.JSON(cmp.Or(t.json, "null")), UpdatedAt: timeOf(t.stamp.at), Source: s.labelText(t.stamp.source)}
	for _, o := range s.traits.operated {
		if o.name != t.name {
			continue
		}
		if o.base.json != "" {
			e.Computed = append(e.Computed, exportedChange{operationNames[0], touchstone.JSON(o.base.json), timeOf(o.base.stamp.at)})
		}
		for _, op := range o.ops {
			e.Computed = append(e.Computed, exportedChange{operationNames[op.kind], touchstone.JSON(op.json), timeOf(op.stamp.at)})
		}
	}
	return e
}
