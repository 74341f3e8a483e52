package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
)

// Identity is the graph of identifiers: *identity.Graph.
type Identity interface {
	Resolve(ctx context.Context, ref string) (touchstone.PersonID, error)
	Identity(ctx context.Context, v *access.Viewer, person touchstone.PersonID) (*identity.View, error)
	Explain(ctx context.Context, from, to touchstone.Identifier) ([]identity.Edge, error)
	NodesOfPersons(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]identity.Node, error)
	Relations(ctx context.Context, v *access.Viewer, person touchstone.PersonID) ([]identity.Relation, []identity.RelatedPerson, error)
}

// Profiles are what is known of persons: *profile.Profiles.
type Profiles interface {
	Get(ctx context.Context, v *access.Viewer, person touchstone.PersonID) (*profile.Profile, error)
	Lines(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]api.PersonLine, error)
	Search(ctx context.Context, v *access.Viewer, q string, limit int, cursor string) ([]api.PersonLine, string, error)
	Traits(ctx context.Context, v *access.Viewer) ([]profile.TraitInfo, error)
	Values(ctx context.Context, v *access.Viewer, trait, q string, limit int) ([]touchstone.JSON, error)
}

// Timeline reads the events of a person: *analytics.Engine.
type Timeline interface {
	Timeline(ctx context.Context, v *access.Viewer, q analytics.TimelineQuery) ([]analytics.TimelineEvent, string, error)
}

func (c *Console) identity() (Identity, error) {
	if c.cfg.Identity == nil {
		return nil, api.NotHere("identity")
	}
	return c.cfg.Identity, nil
}

func (c *Console) profiles() (Profiles, error) {
	if c.cfg.Profiles == nil {
		return nil, api.NotHere("profiles")
	}
	return c.cfg.Profiles, nil
}

// person is the person that the path names.
func (c *Console) person(r *http.Request) (touchstone.PersonID, error) {
	graph, err := c.identity()
	if err != nil {
		return 0, err
	}
	return graph.Resolve(r.Context(), api.Param(r, "ref"))
}

// summaries returns a line per person, in the order asked. One without a profile (it was
// merged into another in the meantime) has its id only.
func (c *Console) summaries(ctx context.Context, v *access.Viewer, ids []touchstone.PersonID) ([]api.PersonLine, error) {
	lines := make([]api.PersonLine, len(ids))
	if len(ids) == 0 {
		return lines, nil
	}
	profiles, err := c.profiles()
	if err != nil {
		return nil, err
	}
	found, err := profiles.Lines(ctx, v, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[touchstone.PersonID]*api.PersonLine, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	for i, id := range ids {
		if s := byID[id]; s != nil {
			lines[i] = *s
		} else {
			lines[i].ID = id
		}
	}
	return lines, nil
}

func (c *Console) listPersons(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	profiles, err := c.profiles()
	if err != nil {
		return err
	}
	f, err := readPersonFilter(r)
	if err != nil {
		return err
	}
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	search := profiles.Search
	if f.narrows() {
		search = func(ctx context.Context, v *access.Viewer, q string, _ int, _ string) ([]api.PersonLine, string, error) {
			return c.filteredPersons(ctx, v, q, f, p)
		}
	}
	items, next, err := search(r.Context(), api.ViewerOf(r), q, p.Limit, p.After)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

type personIdentifier struct {
	Kind      touchstone.IdentifierKind `json:"kind"`
	Value     string                    `json:"value"`
	FirstSeen time.Time                 `json:"first_seen"`
	LastSeen  time.Time                 `json:"last_seen"`
	Events    int64                     `json:"events"`
}

// personTag is a computed fact about a person. No package computes tags yet.
type personTag struct {
	Tag        string          `json:"tag"`
	Value      touchstone.JSON `json:"value"`
	ComputedAt time.Time       `json:"computed_at"`
	By         string          `json:"by"`
	StaleAt    time.Time       `json:"stale_at"`
}

type personAnswer struct {
	*profile.Profile
	Tags        []personTag                `json:"tags"`
	Segments    []segment.Membership       `json:"segments"`
	Identifiers []personIdentifier         `json:"identifiers"`
	Scores      map[string]touchstone.JSON `json:"scores"`
	Aliases     []touchstone.PersonID      `json:"aliases"`
	// Relations are what the person has to do with; RelatedPersons who has to do with it.
	Relations      []identity.Relation `json:"relations"`
	RelatedPersons []relatedPerson     `json:"related_persons"`
}

func (c *Console) getPerson(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), api.ViewerOf(r)
	id, err := c.person(r)
	if err != nil {
		return err
	}
	profiles, err := c.profiles()
	if err != nil {
		return err
	}
	a := personAnswer{}
	view, err := c.cfg.Identity.Identity(ctx, v, id)
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
	if err := c.addRelations(ctx, v, &a, id); err != nil {
		return err
	}
	a.Aliases = view.Aliases()
	for _, n := range view.Nodes {
		a.Identifiers = append(a.Identifiers, personIdentifier{n.Kind, n.Value, n.FirstSeen, n.LastSeen, n.Events})
	}
	if c.cfg.Members != nil {
		if a.Segments, err = c.cfg.Members.Memberships(ctx, id); err != nil {
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

func (c *Console) listPersonEvents(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	if c.cfg.Timeline == nil {
		return api.NotHere("analytics")
	}
	id, err := c.person(r)
	if err != nil {
		return err
	}
	nodes, err := c.cfg.Identity.NodesOfPersons(ctx, []touchstone.PersonID{id})
	if err != nil {
		return err
	}
	q := analytics.TimelineQuery{Person: id, Event: r.URL.Query().Get("event"), Cursor: p.After, Limit: p.Limit}
	for _, n := range nodes[id] {
		q.Nodes = append(q.Nodes, n.ID)
	}
	items, next, err := c.cfg.Timeline.Timeline(ctx, api.ViewerOf(r), q)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (c *Console) getPersonIdentity(w http.ResponseWriter, r *http.Request) error {
	ctx, v, q := r.Context(), api.ViewerOf(r), r.URL.Query()
	person, err := c.person(r)
	if err != nil {
		return err
	}
	view, err := c.cfg.Identity.Identity(ctx, v, person)
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
			if *id, err = c.meant(ctx, v, person, *id); err != nil {
				return err
			}
		}
		if view.Path, err = c.cfg.Identity.Explain(ctx, a, b); err != nil {
			if !v.SeesContacts() && touchstone.KindOf(err) != touchstone.Internal { // it names them
				return touchstone.Errorf(touchstone.KindOf(err), "There is no way from %.80s to %.80s.", from, to)
			}
			return err
		}
	}
	return api.WriteJSON(w, http.StatusOK, view)
}

// knownPersons returns the persons that ids mean now: those that were merged are
// followed, and one that does not exist is an error.
func (c *Console) knownPersons(ctx context.Context, ids []touchstone.PersonID) ([]touchstone.PersonID, error) {
	graph, err := c.identity()
	if err != nil {
		return nil, err
	}
	nodes, err := graph.NodesOfPersons(ctx, ids)
	if err != nil {
		return nil, err
	}
	known := make([]touchstone.PersonID, len(ids))
	for i, id := range ids {
		if known[i] = id; len(nodes[id]) > 0 {
			continue
		}
		known[i], err = graph.Resolve(ctx, id.String())
		if touchstone.KindOf(err) == touchstone.NotFound {
			return nil, touchstone.Errorf(touchstone.Invalid, "There is no person %s.", id)
		}
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}
