package keeptest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// World is what is around the feature: the clock, the past that the warehouse has, and who is
// who: inside a batch, as it will be when the batch has been committed.
type World struct {
	DB *store.DB

	now    time.Time
	people *people
	past   []touchstone.Fact
	timers map[timer]time.Time
}

type timer struct {
	owner, key string
	person     touchstone.PersonID
}

var begin = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func newWorld(db *store.DB) *World {
	return &World{DB: db, now: begin, people: newPeople(), timers: map[timer]time.Time{}}
}

// Now is the time.
func (w *World) Now() time.Time { return w.now }

// Clock is one that shows Now.
func (w *World) Clock() touchstone.Clock { return touchstone.ClockFunc(w.Now) }

// Last is the place of the last event that has been committed.
func (w *World) Last() touchstone.Seq {
	if len(w.past) == 0 {
		return 0
	}
	return w.past[len(w.past)-1].Seq
}

// Mark is how many events have been committed.
func (w *World) Mark() int { return len(w.past) }

// Facts returns the first events, up to a mark, each with the person whose it is now; those of
// persons that were erased are not there.
func (w *World) Facts(mark int) []touchstone.Fact {
	var list []touchstone.Fact
	for _, f := range w.past[:mark] {
		f.Was = 0
		if f.Person = w.people.owner[f.Node]; f.Person != 0 {
			list = append(list, f)
		}
	}
	return list
}

// Persons returns who there is now, ascending.
func (w *World) Persons() []touchstone.PersonID {
	return slices.Compact(slices.Sorted(maps.Values(w.people.owner)))
}

// Canonical returns who each person is now, 0 for one that was erased: what identity answers.
func (w *World) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	out := make([]touchstone.PersonID, len(persons))
	for i, p := range persons {
		out[i] = w.people.owner[touchstone.NodeID(p)]
	}
	return out, nil
}

// people is a textbook's identity graph.
type people struct {
	last  touchstone.NodeID
	nodes map[byte]touchstone.NodeID
	names map[touchstone.NodeID]byte
	owner map[touchstone.NodeID]touchstone.PersonID
	apart [][2]touchstone.NodeID
	lives map[byte]int // how often an identifier's person was erased
}

func newPeople() *people {
	return &people{nodes: map[byte]touchstone.NodeID{}, names: map[touchstone.NodeID]byte{}, owner: map[touchstone.NodeID]touchstone.PersonID{}, lives: map[byte]int{}}
}

func (p *people) clone() *people {
	return &people{p.last, maps.Clone(p.nodes), maps.Clone(p.names), maps.Clone(p.owner), slices.Clone(p.apart), maps.Clone(p.lives)}
}

// token is a text that only what an identifier has said in its present life holds.
func (p *people) token(who byte) string { return fmt.Sprintf("tok%c%dx", who, p.lives[who]) }

func identifier(who byte) touchstone.Identifier {
	return touchstone.Identifier{Kind: touchstone.KindAnonymousID, Value: fmt.Sprintf("visitor-%c-0123456789", who)}
}

// partsOf returns a person's nodes, ascending.
func (p *people) partsOf(person touchstone.PersonID) *touchstone.Parts {
	parts := &touchstone.Parts{}
	for n, o := range p.owner {
		if o == person {
			parts.Nodes = append(parts.Nodes, n)
		}
	}
	slices.Sort(parts.Nodes)
	for _, n := range parts.Nodes {
		parts.Identifiers = append(parts.Identifiers, identifier(p.names[n]))
	}
	return parts
}

// key names a person by identifiers, whatever its number is.
func (p *people) key(person touchstone.PersonID) string {
	var b strings.Builder
	for _, id := range p.partsOf(person).Identifiers {
		b.WriteString(id.Value[8:9])
	}
	text := []byte(b.String())
	slices.Sort(text)
	return string(text)
}

// parting returns whom a command would part, and what moves; false when nobody.
func (p *people) parting(who []byte) (person touchstone.PersonID, moved []touchstone.NodeID, ok bool) {
	for _, c := range who {
		n := p.nodes[c]
		if n == 0 || person != 0 && p.owner[n] != person {
			continue
		}
		person = p.owner[n]
		moved = append(moved, n)
	}
	slices.Sort(moved)
	all := p.partsOf(person).Nodes
	if len(moved) == 0 || len(moved) == len(all) {
		return 0, nil, false
	}
	if touchstone.PersonID(moved[0]) == person { // the first node stays with the person
		moved = slices.DeleteFunc(all, func(n touchstone.NodeID) bool { return slices.Contains(moved, n) })
	}
	return person, moved, true
}

func (p *people) split(person touchstone.PersonID, moved []touchstone.NodeID, now time.Time) touchstone.Change {
	other := touchstone.PersonID(moved[0])
	parts := &touchstone.Parts{Nodes: moved}
	for _, n := range moved {
		p.owner[n] = other
		parts.Identifiers = append(parts.Identifiers, identifier(p.names[n]))
	}
	p.apart = append(p.apart, [2]touchstone.NodeID{touchstone.NodeID(person), touchstone.NodeID(other)})
	return touchstone.Change{Kind: touchstone.PersonSplit, Person: person, Other: other, Time: now, Parts: parts}
}

func (p *people) erase(person touchstone.PersonID, now time.Time) touchstone.Change {
	parts := p.partsOf(person)
	for _, n := range parts.Nodes {
		who := p.names[n]
		delete(p.owner, n)
		delete(p.names, n)
		delete(p.nodes, who)
		p.lives[who]++
	}
	p.apart = slices.DeleteFunc(p.apart, func(pair [2]touchstone.NodeID) bool { return p.owner[pair[0]] == 0 || p.owner[pair[1]] == 0 })
	return touchstone.Change{Kind: touchstone.PersonErased, Person: person, Time: now, Parts: parts}
}

// keptApart tells whether an operator has parted the persons of two nodes.
func (p *people) keptApart(a, b touchstone.NodeID) bool {
	return slices.ContainsFunc(p.apart, func(pair [2]touchstone.NodeID) bool {
		x, y := p.owner[pair[0]], p.owner[pair[1]]
		return x == p.owner[a] && y == p.owner[b] || y == p.owner[a] && x == p.owner[b]
	})
}

// meet takes in an event's identifiers, and returns the merge that it brings about, if any.
func (p *people) meet(who, with byte) (node touchstone.NodeID, merge *touchstone.Change) {
	add := func(c byte, person touchstone.PersonID) touchstone.NodeID {
		p.last++
		if person == 0 {
			person = touchstone.PersonID(p.last)
		}
		p.nodes[c], p.names[p.last], p.owner[p.last] = p.last, c, person
		return p.last
	}
	node = p.nodes[who]
	if node == 0 {
		node = add(who, p.owner[p.nodes[with]])
	}
	if with == 0 || with == who {
		return node, nil
	}
	other := p.nodes[with]
	if other == 0 {
		add(with, p.owner[node])
		return node, nil
	}
	kept, absorbed := min(p.owner[node], p.owner[other]), max(p.owner[node], p.owner[other])
	if kept == absorbed {
		return node, nil
	}
	for n, o := range p.owner {
		if o == absorbed {
			p.owner[n] = kept
		}
	}
	return node, &touchstone.Change{Kind: touchstone.PersonsMerged, Person: kept, Other: absorbed}
}
