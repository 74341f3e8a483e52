package console

import (
	"context"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity"
)

// Identity is the graph of identifiers: *identity.Graph.
type Identity interface {
	Resolve(ctx context.Context, ref string) (touchstone.PersonID, error)
	Identity(ctx context.Context, person touchstone.PersonID) (*identity.View, error)
	Explain(ctx context.Context, from, to touchstone.Identifier) ([]identity.Edge, error)
	NodesOfPersons(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]identity.Node, error)
	Search(ctx context.Context, prefix string, after touchstone.Identifier, limit int) ([]identity.Match, error)
}

func (c *Console) identity() (Identity, error) {
	if c.cfg.Identity == nil {
		return nil, notHere("identity")
	}
	return c.cfg.Identity, nil
}

type personSummary struct {
	ID          touchstone.PersonID     `json:"id"`
	Name        *string                 `json:"name"`
	Known       bool                    `json:"known"`
	Identifiers []touchstone.Identifier `json:"identifiers"`
	FirstSeen   time.Time               `json:"first_seen"`
	LastSeen    time.Time               `json:"last_seen"`
	Events      int64                   `json:"events"`
	Channels    []string                `json:"channels"`
	City        *string                 `json:"city"`
}

func (c *Console) summaries(context.Context, []touchstone.PersonID) ([]personSummary, error) {
	return nil, nil
}

func (c *Console) getPersonIdentity(w http.ResponseWriter, r *http.Request) error {
	graph, err := c.identity()
	if err != nil {
		return err
	}
	ctx, q := r.Context(), r.URL.Query()
	person, err := graph.Resolve(ctx, param(r, "ref"))
	if err != nil {
		return err
	}
	view, err := graph.Identity(ctx, person)
	if err != nil {
		return err
	}
	if from, to := q.Get("from"), q.Get("to"); from != "" || to != "" {
		a, ok1 := touchstone.ParseIdentifier(from)
		b, ok2 := touchstone.ParseIdentifier(to)
		if !ok1 || !ok2 {
			return touchstone.Errorf(touchstone.Invalid, "Give both from and to, each as kind:value.")
		}
		if view.Path, err = graph.Explain(ctx, a, b); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, view)
}
