package audience

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment"
)

// FieldName names what a portrait is by; tags are traits named tag.<key>.
type FieldName struct {
	Trait string `json:"trait"`
}

// Portrait is what an audience is like beside everybody else.
type Portrait struct {
	Members int64 `json:"members"`
	Facts
	Fields []FieldPortrait `json:"fields"`
}

// FieldPortrait is one field of it.
type FieldPortrait struct {
	Trait     string          `json:"trait"`
	Kind      string          `json:"kind"`
	Telling   float64         `json:"telling"` // from 0 to 1
	Known     int64           `json:"known"`
	KnownOf   int64           `json:"known_of"`
	Different int             `json:"different"`
	Values    []ValuePortrait `json:"values"`
	Other     *Figures        `json:"other"`
}

// ValuePortrait is one value, or a range of values.
type ValuePortrait struct {
	Value touchstone.JSON `json:"value"`
	From  touchstone.JSON `json:"from"`
	To    touchstone.JSON `json:"to"`
	Figures
}

// The bounds of a portrait.
const (
	mostFields    = 20  // that one may name
	lookedAt      = 40  // among which the most telling ones are found
	usualFields   = 6   // of those
	usualValues   = 20  // of each
	mostOfOne     = 200 // values that one may ask for
	leastCovered  = 0.5 // of those who have a field, by its frequent values: names and numbers of orders tell nothing
	leastDiffered = 2
	leastAlike    = 2 // persons of each value, on average
)

// Portrait compares an audience with everybody, by some fields or by those that tell most.
func (a *Audience) Portrait(ctx context.Context, v *access.Viewer, w Who, when When, fields []FieldName, limit int) (Portrait, error) {
	began := time.Now()
	names, named, err := a.names(ctx, v, fields)
	if err != nil {
		return Portrait{}, err
	}
	who, s, err := a.found(ctx, v, w, when, false)
	if err != nil {
		return Portrait{}, err
	}
	since := a.cfg.Clock.Now().Add(-valueAge)
	if when.Fresh {
		since = s.since
	}
	list, err := a.fieldsOf(ctx, s, names, since)
	if err != nil {
		return Portrait{}, err
	}
	p := Portrait{Members: size(who.root.set), Fields: []FieldPortrait{}}
	limit = min(cmp.Or(max(limit, 0), usualValues), mostOfOne)
	for _, f := range list {
		s.age(f.made)
		one := f.portrait(v, s, who.root.set, limit)
		if named || one.worthwhile(f) {
			p.Fields = append(p.Fields, one)
		}
	}
	if !named {
		slices.SortStableFunc(p.Fields, func(x, y FieldPortrait) int { return cmp.Compare(y.Telling, x.Telling) })
		p.Fields = p.Fields[:min(len(p.Fields), usualFields)]
	}
	p.Facts = s.facts(began, who)
	return p, nil
}

// names checks what is asked for; without it, it is what most have, as far as v may see it.
func (a *Audience) names(ctx context.Context, v *access.Viewer, fields []FieldName) (names []string, named bool, err error) {
	if len(fields) > mostFields {
		return nil, false, touchstone.Errorf(touchstone.Invalid, "fields: %d are more than the %d allowed", len(fields), mostFields)
	}
	known, err := a.Fields(ctx, v)
	if err != nil {
		return nil, false, err
	}
	for _, f := range fields {
		if v.Hides(f.Trait) {
			return nil, false, touchstone.Errorf(touchstone.Forbidden, "%q holds contacts, and you may not see contacts.", f.Trait)
		}
		if !slices.ContainsFunc(known, func(k Field) bool { return k.Trait == f.Trait }) {
			return nil, false, touchstone.Errorf(touchstone.NotFound, "Nobody has a trait %q.", f.Trait)
		}
		names = append(names, f.Trait)
	}
	if len(names) > 0 {
		return names, true, nil
	}
	for _, k := range known[:min(len(known), lookedAt)] {
		names = append(names, k.Trait)
	}
	return names, false, nil
}

// Field is what one may ask a portrait of.
type Field struct {
	Trait   string `json:"trait"`
	Type    string `json:"type"`
	Persons int64  `json:"persons"` // 0 for a viewer who sees some persons only
}

// Fields lists what v may ask a portrait of, what most have first.
func (a *Audience) Fields(ctx context.Context, v *access.Viewer) ([]Field, error) {
	traits, err := a.cfg.Profiles.Traits(ctx, v)
	if err != nil {
		return nil, err
	}
	list := []Field{}
	for i := range traits {
		if !v.Hides(traits[i].Trait) {
			list = append(list, Field{traits[i].Trait, traits[i].Type, traits[i].Persons})
		}
	}
	slices.SortStableFunc(list, func(a, b Field) int { return cmp.Compare(b.Persons, a.Persons) })
	return list, nil
}

// portrait compares the members with everybody whom the viewer sees.
func (f *field) portrait(v *access.Viewer, s *scene, members *segment.Bitmap, limit int) FieldPortrait {
	known := roaring64.And(f.known, s.all)
	inside := roaring64.And(known, members)
	p := FieldPortrait{Trait: f.name, Kind: f.kind, Known: size(inside), KnownOf: size(known), Values: []ValuePortrait{}}
	count := func(set *segment.Bitmap) (in, all int64) {
		return int64(set.AndCardinality(inside)), int64(set.AndCardinality(known)) //nolint:gosec // far fewer
	}
	var cells []cell
	var more Figures // beyond the limit, and what is not told apart
	for _, one := range f.values {
		in, all := count(one.set)
		if all == 0 {
			continue
		}
		p.Different++
		cells = append(cells, cell{float64(in), float64(all - in)})
		shown := ValuePortrait{From: one.from, To: one.to, Figures: compare(in, p.Known, all, p.KnownOf)}
		if one.json != "" {
			shown.Value = v.Field(f.name, one.json)
		}
		p.Values = append(p.Values, shown)
	}
	if f.isRanges() {
		p.Different = f.different
	} else {
		slices.SortStableFunc(p.Values, func(x, y ValuePortrait) int {
			return cmp.Or(cmp.Compare(y.Members, x.Members), cmp.Compare(y.All, x.All))
		})
	}
	for _, one := range p.Values[min(len(p.Values), limit):] {
		more.Members, more.All = more.Members+one.Members, more.All+one.All
	}
	p.Values = p.Values[:min(len(p.Values), limit)]
	in, all := count(f.rest)
	cells = append(cells, cell{float64(in), float64(all - in)})
	if more.Members, more.All = more.Members+in, more.All+all; more.All > 0 {
		other := compare(min(more.Members, p.Known), p.Known, min(more.All, p.KnownOf), p.KnownOf) // in lists the same person has several
		p.Other = &other
	}
	p.Telling = telling(cells)
	if f.kind == kindList { // one has several: each value is asked for itself
		p.Telling = 0
		for _, c := range cells {
			p.Telling = max(p.Telling, telling([]cell{c, {float64(p.Known) - c.in, float64(p.KnownOf-p.Known) - c.out}}))
		}
	}
	return p
}

func (f *field) isRanges() bool { return len(f.values) > 0 && f.values[0].json == "" }

// worthwhile tells whether to show a field that nobody has asked for.
func (p *FieldPortrait) worthwhile(f *field) bool {
	if !f.isRanges() && int64(p.Different)*leastAlike > p.KnownOf { // nearly everybody has one of their own
		return false
	}
	return p.Known > 0 && len(p.Values) >= leastDiffered && float64(f.known.GetCardinality()-f.rest.GetCardinality()) >= leastCovered*float64(f.known.GetCardinality())
}
