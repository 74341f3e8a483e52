package identity

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// Prophecy is which segments some persons who are only thought of would be in.
type Prophecy struct {
	Segments []RerunSegment // ID, Name, Size
	In       [][]int        // of each person, places in Segments; nil: too much history to tell
	Unsure   [][]int        // those that only the change itself tells
}

// maxThought bounds the persons of a preview who are thought of: each takes its events.
const maxThought = 500

// fortune is a cluster whose persons would change: who they are, and who they would be.
type fortune struct {
	persons []touchstone.PersonID
	after   []touchstone.PersonID
	nodes   [][]touchstone.NodeID // of each one afterwards
}

// think notes who would be who in a cluster, for touch to foretell.
func (x *rerun) think(v *verdict, concerned map[touchstone.PersonID]bool) {
	if x.in.Commit || x.cfg.Foretell == nil || len(concerned) == 0 {
		return
	}
	of := map[touchstone.PersonID][]touchstone.NodeID{}
	met := map[touchstone.PersonID]bool{}
	for _, m := range v.sorted() {
		to := v.becomes(m)
		of[to] = append(of[to], m.id)
		met[to] = met[to] || concerned[m.person]
	}
	var f fortune
	for person := range concerned {
		f.persons = append(f.persons, person)
	}
	for person, nodes := range of {
		if met[person] {
			f.after, f.nodes = append(f.after, person), append(f.nodes, nodes)
		}
	}
	if x.thought+len(f.after) > maxThought {
		return
	}
	x.thought += len(f.after)
	x.fortunes = append(x.fortunes, f)
}

// touch counts the segments that those who would change are in, and would be in.
func (x *rerun) touch(ctx context.Context) error {
	persons, becomes, fortunes := x.persons, x.becomes, x.fortunes
	x.persons, x.becomes, x.fortunes = nil, map[touchstone.PersonID]touchstone.PersonID{}, nil
	if len(persons) == 0 || x.cfg.Segments == nil {
		return nil
	}
	slices.Sort(persons)
	had := map[touchstone.PersonID][]string{}
	err := x.cfg.Segments(ctx, persons, func(s RerunSegment, members []touchstone.PersonID) {
		have := x.segment(s)
		have.Touch += int64(len(members))
		into := map[touchstone.PersonID]int64{}
		for _, p := range members {
			had[p] = append(had[p], s.ID)
			if target, ok := becomes[p]; ok {
				into[target]++
			}
		}
		for _, n := range into {
			have.Merged += n - 1
		}
	})
	if err != nil || len(fortunes) == 0 {
		return err
	}
	return x.foretell(ctx, fortunes, had)
}

func (x *rerun) segment(s RerunSegment) *RerunSegment {
	have := x.segments[s.ID]
	if have == nil {
		have = &RerunSegment{ID: s.ID, Name: s.Name}
		x.segments[s.ID] = have
	}
	have.Size = s.Size
	return have
}

// foretell counts who comes and goes.
func (x *rerun) foretell(ctx context.Context, fortunes []fortune, had map[touchstone.PersonID][]string) error {
	var nodes [][]touchstone.NodeID
	for _, f := range fortunes {
		nodes = append(nodes, f.nodes...)
	}
	p, err := x.cfg.Foretell(ctx, nodes)
	if err != nil {
		return err
	}
	at := 0
	for _, f := range fortunes {
		in, unsure := p.In[at:at+len(f.after)], p.Unsure[at:at+len(f.after)]
		at += len(f.after)
		if slices.ContainsFunc(in, func(list []int) bool { return list == nil }) {
			continue
		}
		x.out.Foretold += int64(len(f.persons))
		for _, person := range f.persons {
			if i := slices.Index(f.after, person); i >= 0 {
				x.moves(&p, in[i], unsure[i], had[person])
			} else { // absorbed
				x.moves(&p, nil, nil, had[person])
			}
		}
		for i, person := range f.after {
			if !slices.Contains(f.persons, person) {
				x.moves(&p, in[i], unsure[i], nil)
			}
		}
	}
	return nil
}

// moves counts the segments that a person enters and leaves.
func (x *rerun) moves(p *Prophecy, in, unsure []int, had []string) {
	stays := map[string]bool{}
	for _, i := range unsure {
		stays[p.Segments[i].ID] = true
	}
	for _, i := range in {
		s := p.Segments[i]
		if stays[s.ID] = true; !slices.Contains(had, s.ID) {
			x.segment(s).Enter++
		}
	}
	for _, id := range had {
		if !stays[id] {
			x.segments[id].Leave++
		}
	}
}
