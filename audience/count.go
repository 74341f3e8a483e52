package audience

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Who is an audience: a segment, or a rule that need not be saved.
type Who struct {
	Segment string          `json:"segment"`
	Rule    touchstone.JSON `json:"rule"`
	Name    string          `json:"name"` // of a rule, to tell it from others
}

// When says of which moment an answer is.
type When struct {
	At    *time.Time `json:"at"`    // a past moment; nil: now
	Fresh bool       `json:"fresh"` // nothing may be known from before
}

// Facts is what every answer says of itself.
type Facts struct {
	Of          int64     `json:"of"`    // everybody whom the viewer sees
	AsOf        time.Time `json:"as_of"` // of the oldest part
	Assumptions []string  `json:"assumptions"`
	ElapsedMS   int64     `json:"elapsed_ms"`
}

// What an answer about the past has taken from today.
const (
	assumeIdentities = "identities_now"
	assumeTraits     = "traits_now"
	assumeHouseholds = "households_now"
	assumeSegments   = "segments_now" // the rules and lists of segments that the rule names
	assumeLists      = "lists_now"
)

// subject is an audience that has been looked up.
type subject struct {
	segment *segment.Segment // nil: a rule that is not saved
	rule    *rule.Rule       // nil: a fixed list
	root    *part
}

// look finds an audience. A segment is taken as a whole, or, with apart, by the rule that it has.
func (a *Audience) look(ctx context.Context, v *access.Viewer, w Who, when When, apart bool) (*subject, error) {
	ruled := w.Rule != "" && w.Rule != "null"
	if ruled == (w.Segment != "") {
		return nil, touchstone.Errorf(touchstone.Invalid, "Give either \"segment\" or \"rule\".").WithHint("A rule need not be saved to be asked about.")
	}
	text, out := w.Rule, &subject{}
	if !ruled {
		one, err := a.cfg.Segments.Get(ctx, v, w.Segment)
		if err != nil {
			return nil, err
		}
		out.segment, text = &one, one.Rule
	}
	if text != "" && text != "null" {
		r, err := rule.Parse(text)
		if err != nil {
			return nil, err
		}
		if err := a.cfg.Segments.CheckRule(ctx, r); err != nil {
			return nil, err
		}
		out.rule = r
	}
	if out.rule != nil && (apart || ruled || when.At != nil) {
		out.root = partsOf(out.rule)
		return out, nil
	}
	r, err := rule.Parse(touchstone.JSON(`{"segment":"` + w.Segment + `"}`))
	if err != nil {
		return nil, err
	}
	out.root = partsOf(r)
	return out, nil
}

// begin sets the scene of an answer.
func (a *Audience) begin(ctx context.Context, v *access.Viewer, when When) (*scene, error) {
	now := a.cfg.Clock.Now()
	s := &scene{asOf: now, since: now.Add(-conditionAge)}
	if when.Fresh {
		s.since = now
	}
	if when.At != nil {
		if s.at = when.At.UTC(); s.at.After(now) || s.at.Unix() <= 0 {
			return nil, touchstone.Errorf(touchstone.Invalid, "at: must be a moment of the past").WithHint("Leave it out to ask about now.")
		}
	}
	if v.Limited() {
		s.rows = v.Rows.Set
	}
	var err error
	s.sees, err = a.cfg.Segments.VisibleBitmap(ctx, v)
	return s, err
}

// facts is what the answer says of itself.
func (s *scene) facts(began time.Time, subjects ...*subject) Facts {
	f := Facts{Of: size(s.all), AsOf: s.asOf.UTC(), Assumptions: []string{}, ElapsedMS: time.Since(began).Milliseconds()}
	if s.at.IsZero() {
		return f
	}
	has := map[string]bool{assumeIdentities: true}
	for _, one := range subjects {
		if one.rule == nil {
			has[assumeLists] = true
			continue
		}
		has[assumeTraits] = has[assumeTraits] || len(one.rule.Traits()) > 0
		has[assumeHouseholds] = has[assumeHouseholds] || len(one.rule.Households()) > 0
		has[assumeSegments] = has[assumeSegments] || len(one.rule.Segments()) > 0
	}
	for _, code := range []string{assumeIdentities, assumeTraits, assumeHouseholds, assumeSegments, assumeLists} {
		if has[code] {
			f.Assumptions = append(f.Assumptions, code)
		}
	}
	return f
}

func size(set *segment.Bitmap) int64 { return int64(set.GetCardinality()) } //nolint:gosec // far fewer

// Counted is how many a condition or group holds for by itself.
type Counted struct {
	Path    string `json:"path"`
	Members int64  `json:"members"`
}

// Waterfall goes through the parts of a rule's outermost group in their order.
type Waterfall struct {
	Mode  string `json:"mode"` // and: each step keeps some; or: each step adds some
	Steps []Step `json:"steps"`
}

// Step is one part of the outermost group.
type Step struct {
	Path    string `json:"path"`
	Members int64  `json:"members"` // by itself
	Left    int64  `json:"left"`    // after it
	Change  int64  `json:"change"`  // by which it changed the number left
	// Only is how many nothing but this part keeps out (and), or brings in (or).
	Only int64 `json:"only"`
}

// SampleOf says of whom some examples are wanted.
type SampleOf struct {
	Of    string `json:"of"`   // members, lost, only or condition; members by default
	Path  string `json:"path"` // of the part that is meant
	Limit int    `json:"limit"`
}

// Count is how many a rule holds for, and what its parts do to it.
type Count struct {
	Members int64 `json:"members"`
	Facts
	Conditions []Counted             `json:"conditions"`
	Groups     []Counted             `json:"groups"`
	Waterfall  Waterfall             `json:"waterfall"`
	Warnings   []rule.Warning        `json:"warnings"`
	Sample     []touchstone.PersonID `json:"-"`
}

// Count counts an audience part by part.
func (a *Audience) Count(ctx context.Context, v *access.Viewer, w Who, when When, sample SampleOf) (Count, error) {
	began := time.Now()
	who, s, err := a.found(ctx, v, w, when, true)
	if err != nil {
		return Count{}, err
	}
	c := Count{Members: size(who.root.set), Conditions: []Counted{}, Groups: []Counted{}, Warnings: []rule.Warning{}}
	who.root.each(func(p *part) {
		if p.group == condition {
			c.Conditions = append(c.Conditions, Counted{p.path, size(p.set)})
		} else {
			c.Groups = append(c.Groups, Counted{p.path, size(p.set)})
		}
	})
	falls := who.root.fall(s.all)
	c.Waterfall = falls.told()
	if who.rule != nil {
		c.Warnings = append(c.Warnings, who.rule.Warnings()...)
	}
	set, err := sample.from(who.root, falls)
	if err != nil {
		return Count{}, err
	}
	c.Sample = newest(set, sample.limit())
	c.Facts = s.facts(began, who)
	return c, nil
}

// found looks an audience up and finds out who is in it.
func (a *Audience) found(ctx context.Context, v *access.Viewer, w Who, when When, apart bool) (*subject, *scene, error) {
	who, err := a.look(ctx, v, w, when, apart)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.begin(ctx, v, when)
	if err != nil {
		return nil, nil, err
	}
	if err := a.find(ctx, s, []*part{who.root}); err != nil {
		return nil, nil, err
	}
	// A fixed list of the past is that of today, which history was asked for: nobody else is in it.
	return who, s, nil
}

// fallen is a step with the persons behind its numbers.
type fallen struct {
	part       *part
	left       *segment.Bitmap
	lost, only *segment.Bitmap // for or: brought in
}

type falls struct {
	mode  group
	begin int64
	steps []fallen
}

// fall goes through the outermost group.
func (p *part) fall(everybody *segment.Bitmap) falls {
	steps, f := []*part{p}, falls{mode: all, begin: size(everybody)}
	switch p.group {
	case all:
		steps = p.of
	case anyOf:
		steps, f.mode, f.begin = p.of, anyOf, 0
	}
	n := len(steps)
	after := make([]*segment.Bitmap, n+1) // what the steps from i on make together
	after[n] = everybody
	if f.mode == anyOf {
		after[n] = roaring64.New()
	}
	for i := n - 1; i >= 0; i-- {
		after[i] = join(f.mode, []*segment.Bitmap{after[i+1], steps[i].set}, nil)
	}
	left := after[n]
	for i, step := range steps {
		others := join(f.mode, []*segment.Bitmap{left, after[i+1]}, nil) // without this one
		next := join(f.mode, []*segment.Bitmap{left, step.set}, nil)
		one := fallen{part: step, left: next, lost: roaring64.AndNot(left, next), only: roaring64.AndNot(others, step.set)}
		if f.mode == anyOf {
			one.lost, one.only = roaring64.AndNot(next, left), roaring64.AndNot(step.set, others)
		}
		left = next
		f.steps = append(f.steps, one)
	}
	return f
}

func (f *falls) told() Waterfall {
	w, before := Waterfall{Mode: "and", Steps: []Step{}}, f.begin
	if f.mode == anyOf {
		w.Mode = "or"
	}
	for i := range f.steps {
		one := &f.steps[i]
		left := size(one.left)
		w.Steps = append(w.Steps, Step{Path: one.part.path, Members: size(one.part.set), Left: left, Change: left - before, Only: size(one.only)})
		before = left
	}
	return w
}

// The bounds of a sample.
const (
	usualSample = 10
	mostSample  = 50
)

func (o SampleOf) limit() int { return min(cmp.Or(max(o.Limit, 0), usualSample), mostSample) }

// from is the set that a sample is taken from.
func (o SampleOf) from(root *part, f falls) (*segment.Bitmap, error) {
	if o.Of == "" || o.Of == "members" {
		return root.set, nil
	}
	if o.Of == "condition" {
		var set *segment.Bitmap
		root.each(func(p *part) {
			if p.path == o.Path {
				set = p.set
			}
		})
		if set != nil {
			return set, nil
		}
		return nil, touchstone.Errorf(touchstone.Invalid, "sample.path: the rule has no part %q", o.Path)
	}
	if o.Of != "lost" && o.Of != "only" {
		return nil, touchstone.Errorf(touchstone.Invalid, "sample.of: %q is none of members, lost, only, condition", o.Of)
	}
	var paths []string
	for i := range f.steps {
		one := &f.steps[i]
		if one.part.path == o.Path {
			if o.Of == "only" {
				return one.only, nil
			}
			return one.lost, nil
		}
		paths = append(paths, one.part.path)
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "sample.path: %q is no step of the waterfall", o.Path).WithHint("The steps are %s.", strings.Join(paths, ", "))
}

// newest are those with the greatest numbers, who came last; twice as many as are wanted, for some of them may not be shown.
func newest(set *segment.Bitmap, limit int) []touchstone.PersonID {
	persons := []touchstone.PersonID{}
	for it := set.ReverseIterator(); it.HasNext() && len(persons) < 2*limit; {
		persons = append(persons, touchstone.PersonID(it.Next())) //nolint:gosec // it was one
	}
	return persons
}
