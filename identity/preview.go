package identity

import (
	"context"
	"errors"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
)

// Preview is what a command would do.
type Preview struct {
	Refused string          `json:"refused,omitempty"` // why it cannot be done
	Before  []PreviewPerson `json:"before"`
	After   []PreviewPerson `json:"after"`
}

// PreviewPerson is a person before or after a command.
type PreviewPerson struct {
	ID          touchstone.PersonID     `json:"id"`
	Identifiers []touchstone.Identifier `json:"identifiers"` // oldest first, at most 200
	More        int                     `json:"more"`        // identifiers beyond these
	Events      int64                   `json:"events"`      // under its identifiers

	Segments []PreviewSegment           `json:"segments"` // that it is in, or would be in
	Unsure   []PreviewSegment           `json:"unsure"`   // of one after: what is known afterwards only
	Traits   map[string]touchstone.JSON `json:"traits"`
	// Foretold: segments and traits are told. Of one after, that takes its events.
	Foretold bool `json:"foretold"`

	Nodes []touchstone.NodeID `json:"-"` // all of them
}

// PreviewSegment is a segment of a previewed person.
type PreviewSegment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Previewer carries a command out for somebody to see, and tells also what of a person other
// features keep: [Graph.Preview] with [Preview.Before] and After filled in.
type Previewer func(ctx context.Context, viewer *access.Viewer, kind string, body any) (Preview, error)

const maxPreviewed = 200 // identifiers of a person, and persons

// errPreviewed ends the transaction of a preview: nothing of it stays.
var errPreviewed = errors.New("only a preview")

// previewable are the commands that can be tried.
var previewable = []string{SplitCommand, MergeCommand, UndoCommand, TrustCommand, LinkCommand, UnlinkCommand}

// Preview carries a command out by a graph of its own, in a transaction that it takes back, and
// tells whom it would concern and who they would be, as far as the graph knows.
func (g *Graph) Preview(ctx context.Context, viewer *access.Viewer, kind string, body touchstone.JSON) (Preview, error) {
	out := Preview{Before: []PreviewPerson{}, After: []PreviewPerson{}}
	if !slices.Contains(previewable, kind) {
		return out, touchstone.Errorf(touchstone.Invalid, "there is no preview of %.40q", kind)
	}
	cfg := g.cfg
	cfg.CacheBytes, cfg.Metrics, cfg.Wake, cfg.Through = 1<<20, nil, nil, nil
	scratch, err := New(ctx, cfg)
	if err != nil {
		return out, err
	}
	do := scratch.Commands(nil)[slices.IndexFunc(scratch.Commands(nil), func(k command.Kind) bool { return k.Name == kind })]
	if err := do.Check(body); err != nil {
		return out, err
	}
	var concerned []touchstone.PersonID
	var after map[touchstone.PersonID][]Node
	now := cfg.Clock.Now()
	err = cfg.DB.Update(ctx, func(tx *store.Tx) error {
		b := &touchstone.Batch{Now: now}
		c := touchstone.Command{ID: command.NewID(), Kind: kind, Actor: viewer.ID, SubmittedAt: now, Body: body}
		if _, err := do.Do(ctx, tx, b, c); err != nil {
			return err
		}
		for _, change := range b.Changes {
			concerned = append(concerned, change.Person, change.Other)
		}
		slices.Sort(concerned)
		concerned = slices.Compact(concerned)
		concerned = concerned[:min(len(concerned), maxPreviewed)]
		if after, err = scratch.nodesOf(ctx, tx, concerned); err != nil {
			return err
		}
		return errPreviewed
	})
	var refused *touchstone.Error
	switch {
	case errors.Is(err, errPreviewed):
	case errors.As(err, &refused) && refused.Kind != touchstone.Internal && refused.Kind != touchstone.Unavailable:
		out.Refused = refused.Message
		return out, nil
	default:
		return out, err
	}
	before, err := g.nodesOf(ctx, cfg.DB.Reader(), concerned)
	if err != nil {
		return out, err
	}
	for _, p := range concerned {
		if nodes := before[p]; len(nodes) > 0 {
			out.Before = append(out.Before, previewOf(viewer, p, nodes))
		}
		if nodes := after[p]; len(nodes) > 0 {
			out.After = append(out.After, previewOf(viewer, p, nodes))
		}
	}
	return out, nil
}

func previewOf(viewer *access.Viewer, person touchstone.PersonID, nodes []Node) PreviewPerson {
	p := PreviewPerson{ID: person, Identifiers: []touchstone.Identifier{}, Segments: []PreviewSegment{}, Unsure: []PreviewSegment{}, Traits: map[string]touchstone.JSON{}}
	for i, n := range nodes {
		p.Nodes = append(p.Nodes, n.ID)
		if p.Events += n.Events; i < maxPreviewed {
			p.Identifiers = append(p.Identifiers, viewer.Identifier(n.Identifier()))
		} else {
			p.More++
		}
	}
	return p
}
