package household

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
)

// ID names a household. It follows from what made two persons one first, so it stays while
// others come and go, and is the same when all is derived anew from the log.
type ID int64

// String returns the public form: "h_" and the id in base 36.
func (id ID) String() string { return "h_" + strconv.FormatInt(int64(id), 36) }

// MarshalText uses the public form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// ParseID reads the public form.
func ParseID(s string) (ID, bool) {
	if len(s) < 3 || s[:2] != "h_" {
		return 0, false
	}
	n, err := strconv.ParseInt(s[2:], 36, 64)
	return ID(n), err == nil && n > 0
}

// Household is who lived together, and when.
type Household struct {
	ID      ID
	Members []Member // by person
}

// Member is a person in a household.
type Member struct {
	Person   touchstone.PersonID
	Spans    spans
	Score    float64 // the best with another member
	Evidence []Evidence
}

// On tells whether somebody was a member on a day.
func (m *Member) On(day Day) bool { return m.Spans.at(day) }

// Evidence is something that a member has in common with others of the household.
type Evidence struct {
	Kind   Kind    `json:"kind"`
	Key    string  `json:"key"`
	Note   string  `json:"note"`
	First  Day     `json:"first"`
	Last   Day     `json:"last"`
	Days   int     `json:"days"`
	Weight float64 `json:"weight"`
	Shared int     `json:"shared"` // members who have it
}

// Decision is an operator's word about two persons: that Person lives with Other (Together),
// or that no household has both, and then it is Person who goes.
type Decision struct {
	Person, Other touchstone.PersonID
	Together      bool
	Seq           touchstone.Seq
	Day           Day
	Key           string
}

const (
	// crowd is how many persons may ever have had a thing; beyond, it is not looked at.
	crowd = 400
	// moving is for how long a family may be on the move: some are seen at the new address
	// already, others still at the old one.
	moving Day = 200
	// alternating is within how many days somebody who is seen at a place again has not left it.
	alternating Day = 400
)

// Thing is what persons may have in common.
type Thing struct {
	kind Kind
	key  string
}

func (a Thing) compare(b Thing) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
}

// presence is a person's with a thing.
type presence struct {
	person touchstone.PersonID
	days   []Day
	seq    touchstone.Seq
	note   string
	spans  spans
}

type hub struct {
	Thing
	rule *Rule
	who  []*presence // by person
	most int         // how many have it at one time
	// crowd is how many have the address at one time, of an address with a family's name.
	crowd int
}

type pair struct{ a, b touchstone.PersonID } // a < b

func pairOf(a, b touchstone.PersonID) pair { return pair{min(a, b), max(a, b)} }

// derivation is one run of [Rules.Derive].
type derivation struct {
	rules   *Rules
	crowded map[Thing]bool
	hubs    []*hub // by id
	shares  map[pair]map[witness]share
	score   map[pair]float64
	strong  map[pair]spans // when the score reached the threshold
	groups  []*group
	byOwner map[touchstone.PersonID][]*group
}

// witness is what speaks for two: the things of a kind that they have in common at a level. Those of one
// kind count once.
type witness struct {
	kind  Kind
	level string
}

// share is when two had things of a kind in common.
type share struct {
	weight float64
	spans  spans
}

// Derive finds the households of persons from all clues that connect them, and no others. It
// is a pure function: neither the order of the clues nor who else there is matters.
// crowded names things that more than [crowd] persons have, of which clues may hold some only.
func (r *Rules) Derive(clues []Clue, decisions []Decision, crowded map[Thing]bool) []Household {
	d := &derivation{rules: r, crowded: crowded, shares: map[pair]map[witness]share{}, score: map[pair]float64{}, strong: map[pair]spans{}, byOwner: map[touchstone.PersonID][]*group{}}
	d.meet(clues)
	d.pairs()
	for _, h := range d.hubs {
		d.group(h)
	}
	d.cluster()
	d.decided(decisions)
	return d.households(decisions)
}

// meet puts the clues of each thing together, and finds out when persons had it.
func (d *derivation) meet(clues []Clue) {
	hubs := map[Thing]map[touchstone.PersonID]*presence{}
	homes := map[touchstone.PersonID]map[Kind][]*presence{}
	for i := range clues {
		c := &clues[i]
		if !c.Kind.connects() || d.rules.of(c.Kind) == nil {
			continue
		}
		id := Thing{c.Kind, c.Key}
		if hubs[id] == nil {
			hubs[id] = map[touchstone.PersonID]*presence{}
		}
		p := hubs[id][c.Person]
		if p == nil {
			p = &presence{person: c.Person, seq: c.Seq, note: c.Note}
			hubs[id][c.Person] = p
			if c.Kind.home() {
				if homes[c.Person] == nil {
					homes[c.Person] = map[Kind][]*presence{}
				}
				homes[c.Person][c.Kind] = append(homes[c.Person][c.Kind], p)
			}
		}
		p.days = joinDays(p.days, c.Days)
		if c.Seq < p.seq {
			p.seq, p.note = c.Seq, c.Note
		}
	}
	for _, kinds := range homes {
		for kind, all := range kinds {
			for _, p := range all {
				p.spans = homeSpans(p, all, Day(d.rules.of(kind).Fresh)) //nolint:gosec // bounded
			}
		}
	}
	for id, who := range hubs {
		rule := d.rules.of(id.kind)
		h := &hub{Thing: id, rule: rule}
		for _, p := range who {
			if !id.kind.home() {
				p.spans = freshSpans(p.days, Day(rule.Fresh)) //nolint:gosec // bounded
			}
			if len(p.days) >= rule.Least {
				h.who = append(h.who, p)
			}
		}
		slices.SortFunc(h.who, func(a, b *presence) int { return cmp.Compare(a.person, b.person) })
		if len(h.who) > 1 && len(who) <= crowd && !d.crowded[id] {
			d.hubs = append(d.hubs, h)
		}
	}
	related, homesOf := relatives(hubs), map[string]int{}
	for _, h := range d.hubs {
		if h.most = together(h.who); h.kind == Address {
			homesOf[h.key] = h.most
		}
	}
	d.hubs = slices.DeleteFunc(d.hubs, func(h *hub) bool {
		if h.kind == AddressName {
			var counted bool
			if h.crowd, counted = homesOf[addressOf(h.key)]; !counted {
				h.crowd = crowd
			}
		}
		return h.most > h.rule.Most || h.kind == AddressName && d.byChance(h, hubs, related)
	})
	slices.SortFunc(d.hubs, func(a, b *hub) int { return a.Thing.compare(b.Thing) })
}

// relatives returns, by address, how many persons have their family's name in common with
// another one there.
func relatives(hubs map[Thing]map[touchstone.PersonID]*presence) map[string]int {
	n := map[string]int{}
	for id, who := range hubs {
		if id.kind == AddressName && len(who) > 1 {
			n[addressOf(id.key)] += len(who)
		}
	}
	return n
}

// addressOf returns the key of the address in that of an address with a family's name.
func addressOf(key string) string { return key[:strings.LastIndexByte(key, '|')] }

// byChance tells that who has a family's name at a crowded address has it by chance: in a block
// of flats most people have a relative, in a dormitory or an office few. Chinese names of families
// are so few that they say nothing in a crowd.
func (d *derivation) byChance(h *hub, hubs map[Thing]map[touchstone.PersonID]*presence, relatives map[string]int) bool {
	address := Thing{Address, addressOf(h.key)}
	if len(hubs[address]) > crowd || d.crowded[address] {
		return true
	}
	all := slices.Collect(maps.Values(hubs[address]))
	if together(all) <= h.rule.Most {
		return false
	}
	return 2*relatives[address.key] < len(all) || strings.IndexFunc(h.key[len(address.key):], isHan) >= 0
}

// together returns how many have a thing at one time, at most.
func together(who []*presence) int {
	type step struct {
		at Day
		by int
	}
	var steps []step
	for _, p := range who {
		for _, s := range p.spans {
			steps = append(steps, step{s.From, 1}, step{s.Until, -1})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
	n, most := 0, 0
	for _, s := range steps {
		n += s.by
		most = max(most, n)
	}
	return most
}

// freshSpans says that what was seen holds for some days.
func freshSpans(days []Day, fresh Day) (list spans) {
	for _, day := range days {
		until := day + 1 + fresh
		if fresh == 0 {
			until = forever
		}
		list = append(list, Span{day, until})
	}
	return joined(list)
}

// homeSpans says when somebody lived at a place, among all places of a kind: from when it was
// seen until another one was seen that is new, or for as long as it stays fresh.
func homeSpans(p *presence, all []*presence, fresh Day) (list spans) {
	for i := 0; i < len(p.days); {
		from, last := p.days[i], p.days[i]
		for i++; i < len(p.days) && (p.days[i]-last <= alternating || !elsewhere(p, all, last, p.days[i])); i++ {
			last = p.days[i]
		}
		until := forever
		if fresh > 0 {
			until = last + 1 + fresh
		}
		for _, other := range all {
			if other == p {
				continue
			}
			for j, day := range other.days {
				if day > last && (j == 0 || day-other.days[j-1] > alternating) {
					until = min(until, day)
					break
				}
			}
		}
		list = append(list, Span{from, until})
	}
	return joined(list)
}

// elsewhere tells whether somebody was seen at another place between two days.
func elsewhere(p *presence, all []*presence, after, before Day) bool {
	for _, other := range all {
		if other != p && slices.ContainsFunc(other.days, func(day Day) bool { return day > after && day < before }) {
			return true
		}
	}
	return false
}

// pairs finds what each two have in common, and from when to when that is enough.
func (d *derivation) pairs() {
	for _, h := range d.hubs {
		kind := h.kind.source()
		h.each(func(p, q *presence, when spans) {
			at := pairOf(p.person, q.person)
			if d.shares[at] == nil {
				d.shares[at] = map[witness]share{}
			}
			by := witness{kind, h.level(p, q)}
			s := d.shares[at][by]
			d.shares[at][by] = share{d.rules.worth(h.rule, kind, by.level), joined(append(slices.Clone(s.spans), when...))}
		})
	}
	for at, shares := range d.shares {
		d.score[at], d.strong[at] = strength(shares, d.rules.Threshold)
	}
}

// each calls fn for each two who had the thing at one time.
func (h *hub) each(fn func(p, q *presence, when spans)) {
	for i, p := range h.who {
		for _, q := range h.who[i+1:] {
			if h.kind == NearStreet || h.kind == NearNumber {
				if !alike(h.kind, p.note, q.note) {
					continue
				}
			}
			if when := both(p.spans, q.spans); len(when) > 0 {
				fn(p, q, when)
			}
		}
	}
}

// strength returns the best score that two reach, and when they reach the threshold. Each
// kind speaks for itself, by the most that it says: what all of them leave open is the product.
func strength(shares map[witness]share, threshold float64) (best float64, when spans) {
	var edges []Day
	by := make([]witness, 0, len(shares))
	for k, s := range shares {
		by = append(by, k)
		for _, span := range s.spans {
			edges = append(edges, span.From, span.Until)
		}
	}
	slices.SortFunc(by, func(a, b witness) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.level, b.level)) }) // products of floats depend on their order
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i := 0; i+1 < len(edges); i++ {
		open := 1.0
		for n := 0; n < len(by); {
			most := 0.0
			for kind := by[n].kind; n < len(by) && by[n].kind == kind; n++ {
				if s := shares[by[n]]; s.spans.at(edges[i]) {
					most = max(most, s.weight)
				}
			}
			open *= 1 - most
		}
		score := math.Round((1-open)*1e6) / 1e6
		best = max(best, score)
		if score >= threshold {
			when = append(when, Span{edges[i], edges[i+1]})
		}
	}
	return best, joined(when)
}

// group is who had one thing at one time and lived together by all that is known.
type group struct {
	Thing
	hub     *hub
	who     map[touchstone.PersonID]spans
	founded founding
	cluster *group // see find
	all     []*group
}

// founding is what made two persons one first.
type founding struct {
	seq touchstone.Seq
	Thing
}

func (a founding) compare(b founding) int {
	return cmp.Or(cmp.Compare(a.seq, b.seq), a.Thing.compare(b.Thing))
}

func (f founding) id() ID {
	h := xxhash.New()
	_, _ = h.WriteString(string(f.kind) + "\x00" + f.key + "\x00")
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(f.seq)))
	return ID(h.Sum64()>>2 | 1) //nolint:gosec // 62 bits
}

// group finds the groups of a thing.
func (d *derivation) group(h *hub) {
	parent := map[touchstone.PersonID]touchstone.PersonID{}
	var find func(p touchstone.PersonID) touchstone.PersonID
	find = func(p touchstone.PersonID) touchstone.PersonID {
		if up, ok := parent[p]; ok && up != p {
			parent[p] = find(up)
			return parent[p]
		}
		return p
	}
	when := map[touchstone.PersonID]spans{}
	h.each(func(p, q *presence, shared spans) {
		lived := both(shared, d.strong[pairOf(p.person, q.person)])
		if len(lived) == 0 {
			return
		}
		when[p.person], when[q.person] = append(when[p.person], lived...), append(when[q.person], lived...)
		a, b := find(p.person), find(q.person)
		parent[max(a, b)], parent[min(a, b)] = min(a, b), min(a, b)
	})
	groups := map[touchstone.PersonID]*group{}
	seqs := map[*group][]touchstone.Seq{}
	for _, p := range h.who {
		if when[p.person] == nil {
			continue
		}
		g := groups[find(p.person)]
		if g == nil {
			g = &group{Thing: h.Thing, hub: h, who: map[touchstone.PersonID]spans{}}
			groups[find(p.person)] = g
			d.add(g)
		}
		g.who[p.person] = joined(when[p.person])
		d.byOwner[p.person] = append(d.byOwner[p.person], g)
		seqs[g] = append(seqs[g], p.seq)
	}
	for g, list := range seqs {
		slices.Sort(list)
		g.founded = founding{list[1], h.Thing}
	}
}

func (d *derivation) add(g *group) {
	g.cluster, g.all = g, []*group{g}
	d.groups = append(d.groups, g)
}
