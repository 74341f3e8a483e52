package people

import (
	"context"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
)

type personIdentifier struct {
	Kind      touchstone.IdentifierKind `json:"kind"`
	Value     string                    `json:"value"`
	FirstSeen time.Time                 `json:"first_seen"`
	LastSeen  time.Time                 `json:"last_seen"`
	Events    int64                     `json:"events"`
}

type personAnswer struct {
	*profile.Profile
	Segments    []segment.Membership       `json:"segments"`
	Identifiers []personIdentifier         `json:"identifiers"`
	Scores      map[string]touchstone.JSON `json:"scores"`
	Aliases     []touchstone.PersonID      `json:"aliases"`
	// Relations are what the person has to do with; RelatedPersons who has to do with it.
	Relations      []identity.Relation `json:"relations"`
	RelatedPersons []relatedPerson     `json:"related_persons"`
}

func (x *resource) get(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), api.ViewerOf(r)
	id, err := x.person(r)
	if err != nil {
		return err
	}
	profiles, err := x.profiles()
	if err != nil {
		return err
	}
	a := personAnswer{}
	view, err := x.graph().Identity(ctx, v, id)
	if err != nil {
		return err
	}
	a.Profile, err = profiles.Get(ctx, v, id)
	if touchstone.KindOf(err) == touchstone.NotFound { // a car that has not reported anything itself
		a.Profile, err = bareProfile(view), nil
	}
	if err != nil {
		return err
	}
	if a.Consent == "" {
		a.Consent = "{}"
	}
	if err := x.addRelations(ctx, v, &a, id); err != nil {
		return err
	}
	a.Aliases = view.Aliases()
	for _, n := range view.Nodes {
		a.Identifiers = append(a.Identifiers, personIdentifier{n.Kind, n.Value, n.FirstSeen, n.LastSeen, n.Events})
	}
	if segments := x.parts().Segments; segments != nil {
		if a.Segments, err = segments.Memberships(ctx, v, id); err != nil {
			return err
		}
	}
	return api.WriteJSON(w, http.StatusOK, a)
}

// bareProfile is the profile of what has identifiers and no events of its own.
func bareProfile(v *identity.View) *profile.Profile {
	p := &profile.Profile{ID: v.Person, Traits: map[string]touchstone.JSON{}, TraitMeta: map[string]profile.TraitMeta{}, Groups: []profile.Group{},
		Counters:  profile.Counters{ByEvent: map[string]uint64{}, ByChannel: map[string]uint64{}, BySource: map[string]uint64{}},
		FirstSeen: v.Nodes[0].FirstSeen, LastSeen: v.Nodes[0].LastSeen}
	for _, n := range v.Nodes[1:] {
		if n.FirstSeen.Before(p.FirstSeen) {
			p.FirstSeen = n.FirstSeen
		}
		if n.LastSeen.After(p.LastSeen) {
			p.LastSeen = n.LastSeen
		}
	}
	return p
}

func (x *resource) events(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	timeline := x.parts().Timeline
	if timeline == nil {
		return api.NotHere("analytics")
	}
	id, err := x.person(r)
	if err != nil {
		return err
	}
	nodes, err := x.graph().NodesOfPersons(ctx, []touchstone.PersonID{id})
	if err != nil {
		return err
	}
	q := analytics.TimelineQuery{Person: id, Event: r.URL.Query().Get("event"), Cursor: p.After, Limit: p.Limit}
	for _, n := range nodes[id] {
		q.Nodes = append(q.Nodes, n.ID)
	}
	items, next, err := timeline.Timeline(ctx, api.ViewerOf(r), q)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (x *resource) identity(w http.ResponseWriter, r *http.Request) error {
	ctx, v, q := r.Context(), api.ViewerOf(r), r.URL.Query()
	person, err := x.person(r)
	if err != nil {
		return err
	}
	view, err := x.graph().Identity(ctx, v, person)
	if err != nil {
		return err
	}
	if from, to := q.Get("from"), q.Get("to"); from != "" || to != "" {
		a, ok1 := touchstone.ParseIdentifier(from)
		b, ok2 := touchstone.ParseIdentifier(to)
		if !ok1 || !ok2 {
			return touchstone.Errorf(touchstone.Invalid, "Give both from and to, each as kind:value.")
		}
		for _, id := range []*touchstone.Identifier{&a, &b} { // as they were shown
			if *id, err = x.meant(ctx, v, person, *id); err != nil {
				return err
			}
		}
		if view.Path, err = x.graph().Explain(ctx, a, b); err != nil {
			if !v.SeesContacts() && touchstone.KindOf(err) != touchstone.Internal { // it names them
				return touchstone.Errorf(touchstone.KindOf(err), "There is no way from %.80s to %.80s.", from, to)
			}
			return err
		}
	}
	return api.WriteJSON(w, http.StatusOK, view)
}

// relatedPerson is a person that has to do with a car, an account, a household.
type relatedPerson struct {
	ID        touchstone.PersonID `json:"id"`
	Name      *string             `json:"name"`
	FirstSeen time.Time           `json:"first_seen"`
	LastSeen  time.Time           `json:"last_seen"`
	Events    int64               `json:"events"`
}

// addRelations fills in what a person has to do with, and who with it.
func (x *resource) addRelations(ctx context.Context, v *access.Viewer, a *personAnswer, id touchstone.PersonID) error {
	of, by, err := x.graph().Relations(ctx, v, id)
	if err != nil {
		return err
	}
	a.Relations, a.RelatedPersons = of, []relatedPerson{}
	ids := make([]touchstone.PersonID, len(by))
	for i, p := range by {
		ids[i] = p.Person
	}
	lines, err := x.people.Lines(ctx, v, ids)
	if err != nil {
		return err
	}
	names := make(map[touchstone.PersonID]*string, len(lines))
	for i := range lines {
		names[lines[i].ID] = lines[i].Name
	}
	for _, p := range by {
		if name, seen := names[p.Person]; seen {
			a.RelatedPersons = append(a.RelatedPersons, relatedPerson{p.Person, name, p.FirstSeen, p.LastSeen, p.Events})
		}
	}
	return nil
}
