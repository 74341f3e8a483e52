package app

import (
	"context"
	"net/netip"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/activation"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// wireActivations makes what brings members of segments to others.
func (a *App) wireActivations(ctx context.Context) error {
	allow, err := parsePrefixes("webhooks.allow_networks", a.cfg.Webhooks.AllowNetworks)
	if err != nil {
		return err
	}
	if a.cfg.Dev {
		allow = append(allow, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	sender := webhook.NewSender(allow, Version, a.clock)
	a.activations, err = activation.Open(ctx, activation.Config{
		DB: a.store, Segment: a.segmentSent, Members: a.membersSent, Identifiers: a.nodesOf, Kinds: a.identifierKinds(),
		Protected: a.households.Protected, Agreeing: a.agreeing, Purposes: a.checkPurpose, Dial: sender.Dial, Post: sender.Post, CheckURL: sender.CheckURL, Clock: a.clock,
	})
	return err
}

func (a *App) segmentSent(ctx context.Context, id string) (name, purpose string, err error) {
	one, err := a.segments.Get(ctx, access.System(), id)
	return one.Name, one.Purpose, err
}

func (a *App) membersSent(ctx context.Context, segment string, limit int, cursor string) ([]touchstone.PersonID, string, error) {
	return a.memberIDs(ctx, access.System(), segment, limit, cursor)
}

// nodesOf returns what identifies persons, with the nodes, as a transaction sees them.
func (a *App) nodesOf(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID][]activation.Identifier, error) {
	found, err := a.graph.NodesIn(ctx, q, persons)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID][]activation.Identifier, len(found))
	for person, nodes := range found {
		for i := range nodes {
			out[person] = append(out[person], activation.Identifier{Identifier: nodes[i].Identifier(), Node: nodes[i].ID})
		}
	}
	return out, nil
}

func (a *App) activationResource() api.Resource {
	return activation.Resource(func() *activation.Activations { return a.activations })
}
