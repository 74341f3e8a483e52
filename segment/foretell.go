package segment

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// Future is a person who is only thought of: what a merge or a split would make.
type Future struct {
	Nodes  []touchstone.NodeID
	Traits map[string]touchstone.JSON
	Facts  []touchstone.Fact // all events, in any order
}

// Foretold says which segments somebody would be in, by their places in Forecast.Segments.
type Foretold struct {
	In []int
	// Unsure are those that ask about households, or how long somebody has been in a segment, or that chance decides: who lives with whom, and whose id is kept, is found out afterwards.
	Unsure []int
}

// Forecast is what is foretold about some persons.
type Forecast struct {
	Segments []Among // all that answer; without members
	Persons  []Foretold
}

// Foretell evaluates all segments that answer about persons who are only thought of. Fixed lists
// hold whoever has the number that was put on them.
func (s *Segments) Foretell(ctx context.Context, persons []Future) (f Forecast, err error) {
	rules, listed, err := s.answering(ctx, &f)
	if err != nil {
		return f, err
	}
	onList := map[touchstone.NodeID][]int{}
	if len(listed) > 0 {
		var nodes []touchstone.NodeID
		for i := range persons {
			nodes = append(nodes, persons[i].Nodes...)
		}
		err := store.SelectIn(ctx, s.db.Reader(), `SELECT generation, person FROM segment_static WHERE person IN (...)`, nodes, func(rows *sql.Rows) error {
			var generation uint32
			var node touchstone.NodeID
			err := rows.Scan(&generation, &node)
			if at, ok := listed[generation]; ok {
				onList[node] = append(onList[node], at)
			}
			return err
		})
		if err != nil {
			return f, fmt.Errorf("read who is on lists: %w", err)
		}
	}
	at := map[string]int{}
	for i, one := range f.Segments {
		at[one.ID] = i
	}
	now := s.cfg.Clock.Now().UnixMilli()
	for i := range persons {
		o := oracle{rules: rules, at: at, who: &persons[i], now: now, known: make([]certainty, len(rules))}
		for _, node := range persons[i].Nodes {
			for _, list := range onList[node] {
				o.known[list] = yes
			}
		}
		f.Persons = append(f.Persons, o.all())
	}
	return f, nil
}

// answering lists the segments that answer, each with its rule; nil for a fixed list, whose
// generation is told.
func (s *Segments) answering(ctx context.Context, f *Forecast) (rules []*rule.Rule, listed map[uint32]int, err error) {
	rows, err := s.db.Reader().Query(ctx, `SELECT s.live, s.id, s.name, g.members, g.rule FROM segments s JOIN segment_generations g ON g.generation = s.live WHERE s.`+listedKinds+` ORDER BY s.name, s.id`)
	if err != nil {
		return nil, nil, fmt.Errorf("read segments: %w", err)
	}
	defer rows.Close()
	listed = map[uint32]int{}
	for rows.Next() {
		var generation uint32
		var one Among
		var text sql.NullString
		if err := rows.Scan(&generation, &one.ID, &one.Name, &one.Size, &text); err != nil {
			return nil, nil, err
		}
		var r *rule.Rule
		if text.String == "" {
			listed[generation] = len(rules)
		} else if r, err = rule.Parse(touchstone.JSON(text.String)); err != nil {
			return nil, nil, err
		}
		f.Segments, rules = append(f.Segments, one), append(rules, r)
	}
	return rules, listed, rows.Err()
}

type certainty uint8

const (
	unasked certainty = iota
	yes
	no
	unsure
)

// oracle answers about one person who is only thought of.
type oracle struct {
	rules []*rule.Rule
	at    map[string]int
	who   *Future
	now   int64
	known []certainty
}

func (o *oracle) all() (f Foretold) {
	for i := range o.rules {
		switch o.ask(i) {
		case yes:
			f.In = append(f.In, i)
		case unsure:
			f.Unsure = append(f.Unsure, i)
		}
	}
	return f
}

// ask answers for a segment, after those that it refers to: there are no circles of them.
func (o *oracle) ask(i int) certainty {
	if o.known[i] != unasked {
		return o.known[i]
	}
	r, is := o.rules[i], no
	switch {
	case r == nil:
	case len(r.Households()) > 0 || r.Draws() || r.Lasts(-1):
		is = unsure
	default:
		rec := &record{kept: make([][]int64, len(r.Leaves())), in: make([]int64, len(r.Segments())), trait: func(name string) (touchstone.JSON, bool) {
			v, ok := o.who.Traits[name]
			return v, ok
		}}
		for n, id := range r.Segments() {
			at, there := o.at[id]
			if !there { // does not answer yet
				o.known[i] = unsure
				return unsure
			}
			switch o.ask(at) {
			case unsure:
				o.known[i] = unsure
				return unsure
			case yes:
				rec.in[n] = 1
			}
		}
		for n := range r.Leaves() {
			rec.kept[n] = o.kept(&r.Leaves()[n])
		}
		if member, _ := r.Eval(rec, o.now); member {
			is = yes
		}
	}
	o.known[i] = is
	return is
}

// kept returns what is kept of the events of a leaf.
func (o *oracle) kept(l *rule.Leaf) (kept []int64) {
	for i := range o.who.Facts {
		f := &o.who.Facts[i]
		at := moment(f.Time.UnixMilli())
		if f.Name != l.Event || f.Type == touchstone.System || l.Horizon > 0 && at <= o.now-l.Horizon.Milliseconds() {
			continue
		}
		if !l.During(at) || !l.Match(f.Properties, f.Context) {
			continue
		}
		if value, ok := l.Value(f.Properties, at); ok {
			kept, _ = l.Add(kept, at, value)
		}
	}
	return kept
}
