package segment

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// table is the definitions, made ready for the stage: immutable but for the counts of
// members, replaced as a whole when definitions change.
type table struct {
	version  int64
	programs []*program // a segment comes after those it refers to
	leaves   []*leaf

	programOf  numbered[program] // by generation
	leafOf     numbered[leaf]    // by id
	events     map[string]*asked // by event name
	traits     map[string]mask   // programs that test a trait
	mateTraits map[string]mask   // those that test it of members of a household
	related    mask              // programs that ask about households
	timed      mask              // programs whose answer can change by time alone
	clocked    mask              // those of them that time may change for somebody of whom no event is known
	open       mask              // programs that hold for a person of whom nothing is known
	asksTrait  mask              // programs that test any trait
	garbage    []uint32          // dead generations with rows left
	words      int               // length of a mask
}

// program is one generation of a segment.
type program struct {
	index      int
	generation uint32
	segment    string
	rule       *rule.Rule // nil for a static segment
	live       bool       // or being built: then nobody is told of entries and exits
	replaces   uint32     // the live generation that this one will replace
	members    int64
	written    int64 // members as last read or written, in a lane
	changed    bool  // members differs from the row

	leaves []*leaf // by the rule's leaf numbers
	refs   []int   // by the rule's reference numbers: index of a program, or -1
	users  mask    // programs that refer to this one
	mates  mask    // and those that refer to it for members of a household
}

// asked is what is asked about events of a name.
type asked struct {
	leaves  []*leaf
	index   *rule.Index
	longest int64 // how far back a leaf looks, in milliseconds
}

// reach is how far back the leaf looks, in milliseconds.
func (l *leaf) reach() int64 {
	if l.horizon == 0 {
		return math.MaxInt64
	}
	return l.horizon
}

// leaf is a set of events of which times are kept.
type leaf struct {
	rule.Leaf
	key     string // once it has been asked for
	id      uint32
	ready   bool
	stale   bool  // complete, but not to be used by a new build
	horizon int64 // in milliseconds
	users   mask  // programs that ask about it, but for those in growing
	timed   mask  // programs of either kind that time alone may change
	growing mask  // programs that hold all the more, and the longer, the more such events there are
	mates   mask  // and those that ask about it for members of a household
}

// name is the leaf's key.
func (l *leaf) name() string {
	if l.key == "" {
		l.key = l.Key()
	}
	return l.key
}

// used tells whether a program asks about the leaf.
func (l *leaf) used() bool { return l.users.any() || l.growing.any() }

func (t *table) leaf(id uint32) *leaf               { return t.leafOf.get(id) }
func (t *table) program(generation uint32) *program { return t.programOf.get(generation) }
func (t *table) idle() bool                         { return len(t.programs) == 0 }

// numbered finds things by numbers that lie close together, which is much faster than a
// map. Numbers are given in order, so the span is about the definitions made in the life
// of the oldest that is left.
type numbered[T any] struct {
	first uint32
	items []*T
}

func (n *numbered[T]) get(i uint32) *T {
	if i -= n.first; i < uint32(len(n.items)) { //nolint:gosec // wraps round below first
		return n.items[i]
	}
	return nil
}

func (n *numbered[T]) set(i uint32, v *T) {
	if len(n.items) == 0 {
		n.first = i
	}
	if i < n.first {
		n.items = append(make([]*T, n.first-i), n.items...)
		n.first = i
	}
	for uint32(len(n.items)) <= i-n.first { //nolint:gosec // small
		n.items = append(n.items, nil)
	}
	n.items[i-n.first] = v
}

// mask is a set of programs.
type mask []uint64

func (m mask) set(i int) { m[i>>6] |= 1 << (i & 63) }

func (m mask) unset(i int)    { m[i>>6] &^= 1 << (i & 63) }
func (m mask) has(i int) bool { return m[i>>6]&(1<<(i&63)) != 0 }

func (m mask) or(o mask) {
	for i := range o {
		m[i] |= o[i]
	}
}

func (m mask) without(o mask) {
	for i := range o {
		m[i] &^= o[i]
	}
}

func (m mask) any() bool {
	for _, w := range m {
		if w != 0 {
			return true
		}
	}
	return false
}

// next returns the first member from i on, or -1. Members that are set while walking are
// found if they lie ahead.
func (m mask) next(i int) int {
	for w := i >> 6; w < len(m); w++ {
		v := m[w]
		if w == i>>6 {
			v &= ^uint64(0) << (i & 63)
		}
		if v != 0 {
			return w<<6 + bits.TrailingZeros64(v)
		}
	}
	return -1
}

// generation is a row of segment_generations with what its segment says about it.
type generation struct {
	id       uint32
	segment  string
	rule     touchstone.JSON
	phase    phase
	leaves   []uint32
	members  int64
	live     uint32 // the segment's live generation
	building uint32 // and the one being built
}

type phase int64

const (
	wanted phase = iota
	tracking
	live
	dead
)

// definitions is what the tables hold.
type definitions struct {
	version     int64
	generations []generation
	leaves      []*leaf
}

// compile makes a table of the generations that are tracking or live.
func (d *definitions) compile() (*table, error) {
	t := &table{version: d.version, events: map[string]*asked{}, traits: map[string]mask{}, mateTraits: map[string]mask{}}
	current := map[uint32]bool{}
	bySegment := map[string]generation{}
	for _, g := range d.generations {
		switch g.phase {
		case dead:
			t.garbage = append(t.garbage, g.id)
		case tracking, live:
			current[g.id] = true
			bySegment[g.segment] = g
		}
	}
	for _, l := range d.leaves {
		t.leaves = append(t.leaves, l)
		t.leafOf.set(l.id, l)
	}
	ordered, err := d.order(current)
	if err != nil {
		return nil, err
	}
	t.words = (len(ordered) + 63) / 64
	newMask := func() mask { return make(mask, t.words) }
	t.timed, t.clocked, t.open, t.asksTrait, t.related = newMask(), newMask(), newMask(), newMask(), newMask()
	for _, l := range t.leaves {
		l.users, l.growing, l.mates, l.timed = newMask(), newMask(), newMask(), newMask()
	}
	for i, o := range ordered {
		p := &program{index: i, generation: o.id, segment: o.segment, rule: o.parsed, live: o.phase == live,
			members: o.members, written: o.members, users: newMask(), mates: newMask()}
		if o.live != o.id {
			p.replaces = o.live
		}
		t.programs = append(t.programs, p)
		t.programOf.set(p.generation, p)
		if p.rule == nil {
			continue
		}
		if err := t.wire(p, o, bySegment); err != nil {
			return nil, err
		}
	}
	for _, l := range t.leaves {
		if l.used() {
			if t.events[l.Event] == nil {
				t.events[l.Event] = &asked{}
			}
			a := t.events[l.Event]
			a.leaves = append(a.leaves, l)
			a.longest = max(a.longest, l.reach())
		}
	}
	for _, a := range t.events {
		rules := make([]*rule.Leaf, len(a.leaves))
		for i, l := range a.leaves {
			rules[i] = &l.Leaf
		}
		a.index = rule.NewIndex(rules)
	}
	return t, nil
}

// wire connects a program with its leaves, traits and the programs it refers to.
func (t *table) wire(p *program, g parsedGeneration, bySegment map[string]generation) error {
	for i := range p.rule.Leaves() {
		need := &p.rule.Leaves()[i]
		var l *leaf
		if p.live {
			l = t.choose(need, true)
		} else if i < len(g.leaves) { // what its build fills, though a better one may be complete by now
			l = t.leaf(g.leaves[i])
		}
		if l == nil {
			return fmt.Errorf("segment %s, generation %d: no leaf for %s", p.segment, p.generation, need.Key())
		}
		p.leaves = append(p.leaves, l)
		if p.rule.Grows(i) {
			l.growing.set(p.index)
		} else {
			l.users.set(p.index)
		}
	}
	for _, id := range p.rule.Segments() {
		ref := -1
		if to, ok := bySegment[id]; ok {
			if target := t.program(to.target(p.live)); target != nil {
				ref = target.index
				target.users.set(p.index)
			}
		}
		p.refs = append(p.refs, ref)
	}
	for _, name := range p.rule.Traits() {
		if t.traits[name] == nil {
			t.traits[name] = make(mask, t.words)
		}
		t.traits[name].set(p.index)
		t.asksTrait.set(p.index)
	}
	t.relate(p)
	if p.rule.Timed() {
		t.timed.set(p.index)
		for _, l := range p.leaves {
			l.timed.set(p.index)
		}
		if slices.ContainsFunc(p.rule.Conditions(), func(c rule.Condition) bool {
			trait, is := c.Node.(*rule.Trait)
			return !aboutEvents(c.Node) && !(is && !trait.Test.Clocked())
		}) {
			t.clocked.set(p.index)
		}
	}
	if p.rule.MatchesNobody() {
		t.open.set(p.index)
	}
	return nil
}

// relate notes what a program asks about members of households.
func (t *table) relate(p *program) {
	if len(p.rule.Households()) > 0 {
		t.related.set(p.index)
	}
	for _, c := range p.rule.Conditions() {
		if !c.Member {
			continue
		}
		switch n := c.Node.(type) {
		case *rule.Event:
			for _, i := range n.Leaves() {
				p.leaves[i].mates.set(p.index)
			}
		case *rule.Sequence:
			for _, i := range n.Leaves() {
				p.leaves[i].mates.set(p.index)
			}
		case *rule.Segment:
			if to := p.refs[n.Ref()]; to >= 0 {
				t.programs[to].mates.set(p.index)
			}
		case *rule.Trait:
			if t.mateTraits[n.Name] == nil {
				t.mateTraits[n.Name] = make(mask, t.words)
			}
			t.mateTraits[n.Name].set(p.index)
		}
	}
}

// target is the generation that a reference means: a live segment refers to what is live,
// one being built to what will be live with it.
func (g *generation) target(fromLive bool) uint32 {
	if !fromLive && g.building != 0 {
		return g.building
	}
	return g.live
}

// choose returns the complete leaf that answers a need, or nil. One that is not stale is
// preferred.
func (t *table) choose(need *rule.Leaf, staleToo bool) *leaf {
	var best *leaf
	key := need.Key()
	for _, l := range t.leaves {
		if !l.ready || l.stale && !staleToo || l.Event != need.Event || !l.Covers(need) || l.name() != key {
			continue
		}
		if best == nil || best.stale && !l.stale || l.stale == best.stale && l.Covers(&best.Leaf) {
			best = l
		}
	}
	return best
}

// parsedGeneration is a generation with its rule.
type parsedGeneration struct {
	generation
	parsed *rule.Rule
}

// order parses the rules and puts generations behind those they refer to.
func (d *definitions) order(current map[uint32]bool) ([]parsedGeneration, error) {
	var ordered []parsedGeneration
	bySegment := map[string][]parsedGeneration{}
	var ids []string
	for _, g := range d.generations {
		if !current[g.id] {
			continue
		}
		p := parsedGeneration{generation: g}
		if g.rule != "" {
			var err error
			if p.parsed, err = rule.Parse(g.rule); err != nil {
				return nil, fmt.Errorf("segment %s, generation %d: %w", g.segment, g.id, err)
			}
		}
		if bySegment[g.segment] == nil {
			ids = append(ids, g.segment)
		}
		bySegment[g.segment] = append(bySegment[g.segment], p)
	}
	// Segments are walked depth first; definitions were checked to be free of circles,
	// the live and the coming rule of a segment together.
	done := map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		if done[id] {
			return
		}
		done[id] = true
		for _, p := range bySegment[id] {
			if p.parsed != nil {
				for _, ref := range p.parsed.Segments() {
					visit(ref)
				}
			}
		}
		ordered = append(ordered, bySegment[id]...)
	}
	for _, id := range ids {
		visit(id)
	}
	return ordered, nil
}
