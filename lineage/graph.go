// Package lineage tells what hangs on a field: which segments, rules, plans and models go by it, directly or by way
// of others, where it leaves the program, and what bad values of it have touched.
//
// docs/design/lineage.md tells the rest.
package lineage

import (
	"cmp"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// Use is a definition that hangs on what was asked about.
type Use struct {
	Kind  touchstone.DefinitionKind `json:"kind"`
	ID    string                    `json:"id"`
	Name  string                    `json:"name"`
	Owner string                    `json:"owner"`
	// How says what it does with the fields that it reads itself; empty for one that goes by others.
	How []touchstone.How `json:"how"`
	// Steps is how far away it is: 1 for what reads the field itself.
	Steps int `json:"steps"`
	// Via is the way to it, the nearest of several: the definitions between.
	Via []Named `json:"via"`
	// Out says to whom it hands data; null: to nobody.
	Out *touchstone.Recipient `json:"out"`
}

// Named is a definition in a way.
type Named struct {
	touchstone.DefinitionRef
	Name string `json:"name"`
}

// maxUses bounds an answer.
const maxUses = 1_000

// Asked is what the question is about: a field, or a definition.
type Asked struct {
	Field      *touchstone.Field
	Definition *touchstone.DefinitionRef
}

// reached is a definition in the search. Parents are indexes into the list of those reached before, −1 for none.
type reached struct {
	at, parent, steps int
	how               []touchstone.How
}

// search goes from what was asked about over fields that definitions make, and over definitions that go by others.
type search struct {
	all   []touchstone.Definition
	known map[int]int // index of a definition → its place in found
	found []reached
	asked map[touchstone.Field]bool
}

// Uses returns all that hangs on what is asked about, the nearest first, and whether more were left out.
func Uses(all []touchstone.Definition, asked Asked) ([]Use, bool) {
	s := &search{all: all, known: map[int]int{}, asked: map[touchstone.Field]bool{}}
	if asked.Field != nil {
		s.field(*asked.Field, -1, 1)
	}
	if asked.Definition != nil {
		s.definition(*asked.Definition, -1, 1)
	}
	for next := 0; next < len(s.found) && len(s.found) <= maxUses; next++ {
		d, steps := &all[s.found[next].at], s.found[next].steps+1
		s.definition(d.Ref(), next, steps)
		for _, f := range d.Makes {
			s.field(f, next, steps)
		}
	}
	uses := make([]Use, 0, len(s.found))
	for i := range s.found {
		uses = append(uses, s.use(i))
	}
	slices.SortStableFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Steps, b.Steps), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	if len(uses) > maxUses {
		return uses[:maxUses], true
	}
	return uses, false
}

// field reaches those that read a field, and, of a property of identify calls, the trait that it becomes.
func (s *search) field(f touchstone.Field, parent, steps int) {
	if s.asked[f] {
		return
	}
	s.asked[f] = true
	for i := range s.all {
		var how []touchstone.How
		for _, r := range s.all[i].Reads {
			if r.Of(f) && !slices.Contains(how, r.How) {
				how = append(how, r.How)
			}
		}
		if len(how) > 0 {
			s.reach(i, parent, steps, how)
		}
	}
	for _, same := range alike(f) {
		s.field(same, parent, steps)
	}
}

// alike returns what a field also is: a property of an identify call is a trait, a trait may be an identifier.
func alike(f touchstone.Field) []touchstone.Field {
	switch f.Sort {
	case touchstone.PropertyField:
		if f.Event == touchstone.IdentifyEvent {
			return []touchstone.Field{{Sort: touchstone.TraitField, Name: f.Name}}
		}
	case touchstone.TraitField:
		same := []touchstone.Field{{Sort: touchstone.PropertyField, Event: touchstone.IdentifyEvent, Name: f.Name}}
		if slices.Contains(contacts, touchstone.IdentifierKind(f.Name)) {
			same = append(same, touchstone.Field{Sort: touchstone.IdentifierField, Name: f.Name})
		}
		return same
	}
	return nil
}

// contacts are the traits that the edge takes identifiers from.
var contacts = []touchstone.IdentifierKind{touchstone.KindEmail, touchstone.KindPhone}

// definition reaches those that go by a definition.
func (s *search) definition(ref touchstone.DefinitionRef, parent, steps int) {
	for i := range s.all {
		if slices.ContainsFunc(s.all[i].Goes, func(to touchstone.DefinitionRef) bool {
			return to.Kind == ref.Kind && (to.ID == ref.ID || to.ID == touchstone.AnyName)
		}) {
			s.reach(i, parent, steps, nil)
		}
	}
}

func (s *search) reach(at, parent, steps int, how []touchstone.How) {
	if place, ok := s.known[at]; ok {
		if s.found[place].steps == steps { // by several fields at once
			for _, h := range how {
				if !slices.Contains(s.found[place].how, h) {
					s.found[place].how = append(s.found[place].how, h)
				}
			}
		}
		return
	}
	s.known[at] = len(s.found)
	s.found = append(s.found, reached{at, parent, steps, how})
}

func (s *search) use(i int) Use {
	r := s.found[i]
	d := &s.all[r.at]
	u := Use{Kind: d.Kind, ID: d.ID, Name: d.Name, Owner: d.Owner, How: r.how, Steps: r.steps, Via: []Named{}, Out: d.Out}
	if u.How == nil {
		u.How = []touchstone.How{}
	}
	for p := r.parent; p >= 0; p = s.found[p].parent {
		between := &s.all[s.found[p].at]
		u.Via = append(u.Via, Named{between.Ref(), between.Name})
	}
	slices.Reverse(u.Via)
	return u
}
