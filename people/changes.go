package people

import (
	"context"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

type liveSegment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type liveChange struct {
	Kind    string               `json:"kind"`
	Time    time.Time            `json:"time"`
	Person  touchstone.PersonID  `json:"person"`
	Name    *string              `json:"name"`
	Other   *touchstone.PersonID `json:"other"`
	Segment *liveSegment         `json:"segment"`
	// MessageID is that of the event that brought it about; null for a timer or a command.
	MessageID *string `json:"message_id"`
	Backfill  bool    `json:"backfill"`
}

func (x *resource) changes(w http.ResponseWriter, r *http.Request) error {
	hub := x.parts().Changes
	if hub == nil {
		return api.NotHere("the pipeline")
	}
	segment, person := r.URL.Query().Get("segment"), r.URL.Query().Get("person")
	keep := func(ch touchstone.Occurrence) bool {
		return ch.Kind != touchstone.TraitHasChanged && (segment == "" || ch.Name == segment) &&
			(person == "" || ch.Person.String() == person || ch.Other != 0 && ch.Other.String() == person)
	}
	v, names := api.ViewerOf(r), map[string]string{} // of segments, for as long as the feed lasts
	return api.Relay(x.feeds, w, r, hub, keep, func(ctx context.Context, ch touchstone.Occurrence) any {
		name, seen := x.displayName(ctx, v, ch.Person)
		if !seen {
			return nil
		}
		a := liveChange{Kind: ch.Kind.String(), Time: ch.Time, Person: ch.Person, Name: name, Backfill: ch.Backfill}
		if ch.MessageID != "" {
			a.MessageID = &ch.MessageID
		}
		switch ch.Kind {
		case touchstone.BecameOne, touchstone.BecameTwo:
			if !v.Limited() { // who knows who that was
				a.Other = &ch.Other
			}
		case touchstone.EnteredSegment, touchstone.LeftSegment:
			a.Segment = &liveSegment{ch.Name, x.segmentName(ctx, names, ch.Name)}
		}
		return a
	})
}

// displayName returns what a person is called, and whether v may see it at all.
func (x *resource) displayName(ctx context.Context, v *access.Viewer, p touchstone.PersonID) (name *string, seen bool) {
	people, err := x.people.Lines(ctx, v, []touchstone.PersonID{p})
	if err != nil { // the feed goes on without names
		return nil, !v.Limited()
	}
	if len(people) == 0 {
		return nil, false
	}
	return people[0].Name, true
}

// segmentName returns a segment's name, or its id when it is gone.
func (x *resource) segmentName(ctx context.Context, known map[string]string, id string) string {
	if name, ok := known[id]; ok {
		return name
	}
	name := id
	if segments := x.parts().Segments; segments != nil {
		if s, err := segments.Get(ctx, access.System(), id); err == nil {
			name = s.Name
		}
	}
	known[id] = name
	return name
}
