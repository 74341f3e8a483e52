package segment

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Preview says whom a rule would admit now.
type Preview struct {
	Members   int64                 `json:"members"`
	Of        int64                 `json:"of"` // all persons
	Sample    []touchstone.PersonID `json:"sample"`
	Leaves    []PreviewLeaf         `json:"leaves"`
	Warnings  []rule.Warning        `json:"warnings"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

// PreviewLeaf says how many persons one condition of the rule holds for by itself.
type PreviewLeaf struct {
	Path    string `json:"path"`
	Members int64  `json:"members"`
}

const sampleSize = 10

// Preview evaluates a rule on the whole history, without saving anything, and counts whom v may
// see. It sees events that have reached the warehouse.
func (s *Segments) Preview(ctx context.Context, v *access.Viewer, text touchstone.JSON) (Preview, error) {
	began := time.Now()
	r, err := rule.Parse(text)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Sample: []touchstone.PersonID{}, Leaves: []PreviewLeaf{}, Warnings: append([]rule.Warning{}, r.Warnings()...)}
	for _, c := range r.Conditions() {
		p.Leaves = append(p.Leaves, PreviewLeaf{Path: c.Path})
	}
	visible, err := s.visibleSet(ctx, v)
	if err != nil {
		return Preview{}, err
	}
	if p.Of = int64(len(visible)); visible == nil {
		if p.Of, err = s.cfg.Profiles.Count(ctx); err != nil {
			return Preview{}, err
		}
	}
	now := s.cfg.Clock.Now().UnixMilli()
	e := Evaluator{History: s.cfg.History, Profiles: s.cfg.Profiles, Members: s.MemberIDs, Since: s.membersSince, Households: s.cfg.Households}
	if err := s.checkKnown(ctx, r); err != nil {
		return Preview{}, err
	}
	// Of those of whom no event is known only the number is needed, where they have nothing else that is asked about.
	conditions, seen := r.Conditions(), int64(0)
	byEvents := !r.MatchesNobody() && !slices.ContainsFunc(conditions, func(c rule.Condition) bool { return !aboutEvents(c.Node) })
	if byEvents {
		conditions = nil
	}
	err = e.each(ctx, r, now, conditions, func(person touchstone.PersonID, subject rule.Subject) {
		if visible != nil && !visible[person] {
			return
		}
		seen++
		if member, _ := r.Eval(subject, now); member {
			p.Members++
			p.Sample = addSample(p.Sample, person)
		}
		for i, c := range r.Conditions() {
			if r.EvalCondition(c, subject, now) {
				p.Leaves[i].Members++
			}
		}
	})
	for i, c := range r.Conditions() {
		if byEvents && r.HoldsForNone(c) {
			p.Leaves[i].Members += max(0, p.Of-seen)
		}
	}
	p.ElapsedMS = time.Since(began).Milliseconds()
	return p, err
}

// aboutEvents tells of a condition that persons of whom no event is known are all alike to it.
func aboutEvents(n rule.Node) bool {
	switch n := n.(type) {
	case *rule.Event, *rule.Sequence:
		return true
	case *rule.Segment:
		return n.For == 0 // the clock goes on for whoever is in it
	}
	return false
}

// checkKnown sees that the segments exist that a rule refers to.
func (s *Segments) checkKnown(ctx context.Context, r *rule.Rule) error {
	if len(r.Segments()) == 0 {
		return nil
	}
	refs, err := references(ctx, s.db.Reader())
	if err != nil {
		return err
	}
	return checkNamed(refs, r, "")
}

// addSample keeps the persons with the greatest ids, the newest, in descending order.
func addSample(sample []touchstone.PersonID, p touchstone.PersonID) []touchstone.PersonID {
	i := len(sample)
	for i > 0 && sample[i-1] < p {
		i--
	}
	if i == sampleSize {
		return sample
	}
	sample = slices.Insert(sample, i, p)
	return sample[:min(len(sample), sampleSize)]
}

// Evaluator answers from history what the stage answers from its states: the batch way.
type Evaluator struct {
	History  History
	Profiles Profiles
	// Members returns the members of another segment.
	Members func(ctx context.Context, segment string) ([]touchstone.PersonID, error)
	// Since returns since when each member of another segment is one, in unix milliseconds. Rules that ask how long are refused without it.
	Since      func(ctx context.Context, segment string) (map[touchstone.PersonID]int64, error)
	Households Households // nil: everybody lives alone
}

// members makes a column of the members of a segment, with the moment since when if the rule asks for it.
func (e *Evaluator) members(ctx context.Context, r *rule.Rule, ref int, segment string) (*column, error) {
	c := &column{leaf: -1 - ref}
	if !r.Lasts(ref) {
		members, err := e.Members(ctx, segment)
		slices.Sort(members)
		c.persons = members
		return c, err
	}
	if e.Since == nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "how long somebody has been in a segment is known of now only").
			WithHint("Ask about the present, or leave the length of time out.")
	}
	since, err := e.Since(ctx, segment)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(since)) {
		c.add(p, []int64{since[p]})
	}
	return c, nil
}

// Evaluate returns the members of a rule at the moment now, ascending.
func (e *Evaluator) Evaluate(ctx context.Context, r *rule.Rule, now time.Time) ([]touchstone.PersonID, error) {
	var members []touchstone.PersonID
	at := now.UnixMilli()
	err := e.each(ctx, r, at, nil, func(person touchstone.PersonID, subject rule.Subject) {
		if member, _ := r.Eval(subject, at); member {
			members = append(members, person)
		}
	})
	slices.Sort(members)
	return members, err
}

// each calls fn for every person for whom the rule, or one of the conditions, may hold. The subject is valid during the call only.
func (e *Evaluator) each(ctx context.Context, r *rule.Rule, now int64, conditions []rule.Condition, fn func(touchstone.PersonID, rule.Subject)) error {
	known, err := columnsOf(ctx, e.History, r, now)
	if err != nil {
		return err
	}
	for i, id := range r.Segments() {
		c, err := e.members(ctx, r, i, id)
		if err != nil {
			return err
		}
		known = append(known, c)
	}
	if len(r.Households()) > 0 {
		return e.eachTogether(ctx, r, now, known, fn)
	}
	rec := newRecord(r)
	if needsProfiles(r, conditions) {
		return e.Profiles.Each(ctx, func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error {
			rec.read(person, known)
			rec.trait = trait
			fn(person, rec)
			return nil
		})
	}
	for {
		next := touchstone.PersonID(math.MaxInt64)
		for _, c := range known {
			if c.at < len(c.persons) {
				next = min(next, c.persons[c.at])
			}
		}
		if next == math.MaxInt64 {
			return nil
		}
		rec.read(next, known)
		for _, c := range known {
			if c.at < len(c.persons) && c.persons[c.at] == next {
				c.at++
			}
		}
		fn(next, rec)
	}
}

// eachTogether is each for a rule that asks about households: everybody is known before anybody is asked.
func (e *Evaluator) eachTogether(ctx context.Context, r *rule.Rule, now int64, columns []*column, fn func(touchstone.PersonID, rule.Subject)) error {
	known := map[touchstone.PersonID]*record{}
	for _, c := range columns {
		for i, p := range c.persons {
			rec := known[p]
			if rec == nil {
				rec = newRecord(r)
				rec.person, known[p] = p, rec
			}
			rec.take(c, i)
		}
	}
	nobody := newRecord(r)
	if err := e.neighbours(ctx, r, now, known, nobody); err != nil {
		return err
	}
	return e.Profiles.Each(ctx, func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error {
		rec := known[person]
		if rec == nil {
			rec = nobody
		}
		rec.person, rec.trait = person, trait
		fn(person, rec)
		return nil
	})
}

// neighbours finds out who passes what the rule asks of members of households, for the records
// to know.
func (e *Evaluator) neighbours(ctx context.Context, r *rule.Rule, now int64, known map[touchstone.PersonID]*record, nobody *record) error {
	all, err := homesOf(ctx, e.Households)
	if err != nil {
		return err
	}
	a := &neighbours{rule: r, homes: all, passes: make([]map[touchstone.PersonID]bool, len(r.Households()))}
	for n := range a.passes {
		a.passes[n] = map[touchstone.PersonID]bool{}
	}
	met := map[touchstone.PersonID]bool{}
	ask := func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error {
		if len(all.of[person]) == 0 {
			return nil
		}
		met[person] = true
		rec := known[person]
		if rec == nil {
			rec = nobody
		}
		rec.person, rec.trait = person, trait
		for n := range a.passes {
			if passes, _ := r.EvalMember(n, rec, now); passes {
				a.passes[n][person] = true
			}
		}
		return nil
	}
	if err := e.Profiles.Each(ctx, ask); err != nil {
		return err
	}
	for person := range all.of { // of whom no profile is known
		if !met[person] {
			if err := ask(person, func(string) (touchstone.JSON, bool) { return "", false }); err != nil {
				return err
			}
		}
	}
	nobody.near = a
	for _, rec := range known {
		rec.near = a
	}
	return nil
}

// needsProfiles tells whether traits matter, or persons without any event.
func needsProfiles(r *rule.Rule, conditions []rule.Condition) bool {
	if r.TraitsMayDecide() || len(r.Traits()) > 0 || len(r.Households()) > 0 {
		return true
	}
	return slices.ContainsFunc(conditions, r.HoldsForNone)
}

// record is what history says about a person.
type record struct {
	person touchstone.PersonID
	trait  func(name string) (touchstone.JSON, bool)
	kept   [][]int64   // by leaf
	in     []int64     // since when, 0 = not
	near   *neighbours // if the rule asks about households
}

func newRecord(r *rule.Rule) *record {
	return &record{kept: make([][]int64, len(r.Leaves())), in: make([]int64, len(r.Segments()))}
}

// read makes the record a person's, of which the columns know.
func (r *record) read(person touchstone.PersonID, columns []*column) {
	r.person = person
	clear(r.kept)
	clear(r.in)
	for _, c := range columns {
		if c.seek(person) {
			r.take(c, c.at)
		}
	}
}

// take takes over what a column has at a place. Those of segments hold who is in them, and since when if that is asked for.
func (r *record) take(c *column, i int) {
	switch {
	case c.leaf < 0 && len(c.ends) == 0:
		r.in[-1-c.leaf] = 1
	case c.leaf < 0:
		r.in[-1-c.leaf] = c.of(i)[0]
	default:
		r.kept[c.leaf] = c.of(i)
	}
}

func (r *record) Person() touchstone.PersonID               { return r.person }
func (r *record) Trait(name string) (touchstone.JSON, bool) { return r.trait(name) }
func (r *record) Kept(leaf int) []int64                     { return r.kept[leaf] }
func (r *record) InSegment(ref int) (int64, bool)           { return r.in[ref], r.in[ref] != 0 }

func (r *record) Household(n int, now int64) (bool, int64) {
	return r.near.household(r.person, n, r, now)
}
