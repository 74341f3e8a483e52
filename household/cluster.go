package household

import (
	"cmp"
	"maps"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// edge says that two groups may be one household.
type edge struct {
	a, b   *group
	common int
	all    int
}

// cluster makes households of groups: those that have most in common first, and never two that
// lived at different places at one time. So a child of parents who live apart is in two
// households, and a family that moves together is one.
func (d *derivation) cluster() {
	edges := d.edges()
	slices.SortFunc(edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(y.common, x.common), cmp.Compare(y.common*x.all, x.common*y.all),
			x.a.compareTo(y.a), x.b.compareTo(y.b))
	})
	for _, e := range edges {
		if a, b := e.a.find(), e.b.find(); a != b && !apart(a, b) {
			unite(a, b)
		}
	}
}

// compareTo orders groups by what they are, not by when they came.
func (g *group) compareTo(o *group) int {
	if c := g.Thing.compare(o.Thing); c != 0 || g == o {
		return c
	}
	return slices.Compare(slices.Sorted(maps.Keys(g.who)), slices.Sorted(maps.Keys(o.who)))
}

func (g *group) find() *group {
	for g.cluster != g {
		g = g.cluster
	}
	return g
}

func unite(a, b *group) {
	if b.compareTo(a) < 0 {
		a, b = b, a
	}
	b.cluster = a
	a.all = append(a.all, b.all...)
}

// edges returns which groups have two persons in common, or one when the others of a group
// that is no home live nowhere else.
func (d *derivation) edges() (list []edge) {
	for _, a := range d.groups {
		seen := map[*group]bool{}
		for p := range a.who {
			for _, b := range d.byOwner[p] {
				if a.compareTo(b) >= 0 || seen[b] {
					continue
				}
				seen[b] = true
				common := 0
				for q := range a.who {
					if _, ok := b.who[q]; ok {
						common++
					}
				}
				if common > 1 || d.hangsOn(a, b) || d.hangsOn(b, a) {
					list = append(list, edge{a, b, common, len(a.who) + len(b.who) - common})
				}
			}
		}
	}
	return list
}

// hangsOn tells that the persons of a whom b does not have live nowhere else.
func (d *derivation) hangsOn(a, b *group) bool {
	if a.kind.home() || !b.kind.home() {
		return false
	}
	for p := range a.who {
		if _, ok := b.who[p]; ok {
			continue
		}
		if slices.ContainsFunc(d.byOwner[p], func(g *group) bool { return g.kind.home() }) {
			return false
		}
	}
	return true
}

// apart tells that two clusters lived at different places at one time.
func apart(a, b *group) bool {
	for _, x := range a.all {
		for _, y := range b.all {
			if x.kind == Address && y.kind == Address && x.key != y.key && x.apart(y) {
				return true
			}
		}
	}
	return false
}

func (g *group) apart(o *group) bool {
	for p, here := range g.who {
		here = without(here, o.who[p])
		if len(here) == 0 {
			continue
		}
		for q, there := range o.who {
			if both(here, without(there, g.who[q])).length() > moving {
				return true
			}
		}
	}
	return false
}

// decided adds what operators have put together: each goes to the household in which the other
// has been last.
func (d *derivation) decided(decisions []Decision) {
	list := slices.Clone(decisions)
	slices.SortFunc(list, func(a, b Decision) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Key, b.Key)) })
	for _, dec := range list {
		if !dec.Together || dec.Person == dec.Other {
			continue
		}
		id := Thing{Manual, dec.Key}
		when := spans{{dec.Day, forever}}
		g := &group{Thing: id, who: map[touchstone.PersonID]spans{dec.Person: when, dec.Other: when}, founded: founding{dec.Seq, id}}
		home := d.latest(dec.Other)
		d.add(g)
		for p := range g.who {
			d.byOwner[p] = append(d.byOwner[p], g)
		}
		d.score[pairOf(dec.Person, dec.Other)] = 1
		if home != nil {
			unite(home, g)
		}
	}
}

// latest returns the cluster in which somebody has been last.
func (d *derivation) latest(p touchstone.PersonID) (best *group) {
	var until Day
	for _, g := range d.byOwner[p] {
		root, list := g.find(), g.who[p]
		end := list[len(list)-1].Until
		if best == nil || end > until || end == until && (len(g.who) > len(best.who) || len(g.who) == len(best.who) && root.compareTo(best) < 0) {
			best, until = root, end
		}
	}
	return best
}

// households writes the clusters down.
func (d *derivation) households(decisions []Decision) (list []Household) {
	for _, g := range d.groups {
		if g.cluster != g {
			continue
		}
		founded, when := g.founded, map[touchstone.PersonID]spans{}
		for _, part := range g.all {
			if part.founded.compare(founded) < 0 {
				founded = part.founded
			}
			for p, s := range part.who {
				when[p] = append(when[p], s...)
			}
		}
		for p := range when {
			when[p] = joined(when[p])
		}
		leave(when, decisions)
		if len(when) < 2 {
			continue
		}
		h := Household{ID: founded.id()}
		for _, p := range slices.Sorted(maps.Keys(when)) {
			h.Members = append(h.Members, d.member(g, p, when))
		}
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Household) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// leave takes out who must not be with another.
func leave(when map[touchstone.PersonID]spans, decisions []Decision) {
	list := slices.Clone(decisions)
	slices.SortFunc(list, func(a, b Decision) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Key, b.Key)) })
	for _, dec := range list {
		if dec.Together || dec.Person == dec.Other {
			continue
		}
		if _, here := when[dec.Other]; here {
			delete(when, dec.Person)
		}
	}
}

func (d *derivation) member(g *group, p touchstone.PersonID, when map[touchstone.PersonID]spans) Member {
	m := Member{Person: p, Spans: when[p]}
	for q := range when {
		if q != p {
			m.Score = max(m.Score, d.score[pairOf(p, q)])
		}
	}
	for _, part := range g.all {
		if _, ok := part.who[p]; !ok || part.kind == AddressName && slices.ContainsFunc(g.all, func(o *group) bool { _, in := o.who[p]; return in && o.kind == Address }) {
			continue
		}
		shared := 0
		for q := range part.who {
			if _, in := when[q]; in {
				shared++
			}
		}
		e := Evidence{Kind: part.kind, Key: part.key, Weight: 1, Shared: shared}
		if part.hub != nil {
			i, _ := slices.BinarySearchFunc(part.hub.who, p, func(a *presence, b touchstone.PersonID) int { return cmp.Compare(a.person, b) })
			seen := part.hub.who[i]
			e.Note, e.First, e.Last, e.Days, e.Weight = seen.note, seen.days[0], seen.days[len(seen.days)-1], len(seen.days), part.hub.worth(d.rules, seen)
		} else {
			e.First = part.who[p][0].From
			e.Last, e.Days = e.First, 1
		}
		m.Evidence = append(m.Evidence, e)
	}
	slices.SortFunc(m.Evidence, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	const shown = 20
	m.Evidence = m.Evidence[:min(len(m.Evidence), shown)]
	return m
}
