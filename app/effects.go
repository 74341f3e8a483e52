package app

import (
	"context"
	"net/netip"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/mail"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// deliverers lists who does effects, each those of its kind.
func (a *App) deliverers() []outbox.Deliverer {
	return append([]outbox.Deliverer{
		webhook.Deliverer{Webhooks: a.webhooks},
		mail.Deliverer{Mail: a.mail},
		a.collector.Emitter(),
		a.linkage.Deliverer(),
		a.tags.Deliverer(),
		a.cycles.Deliverer(),
	}, a.extra.deliverers...)
}

// wireOutbox makes the outbox, which takes what is decided and has it done.
func (a *App) wireOutbox(ctx context.Context) (err error) {
	a.outbox, err = outbox.New(ctx, outbox.Config{DB: a.store, Asks: a.asks, Clock: a.clock, Logger: a.part("effects"), Metrics: a.metrics})
	return err
}

// deliver does effects, beside other processes.
func (a *App) deliver(ctx context.Context) error { return a.outbox.Run(ctx, a.deliverers()...) }

// wireWebhooks makes the webhooks of segments.
func (a *App) wireWebhooks(ctx context.Context) error {
	allow, err := parsePrefixes("webhooks.allow_networks", a.cfg.Webhooks.AllowNetworks)
	if err != nil {
		return err
	}
	if a.cfg.Dev { // whoever tries it out has the receiver on the same machine
		allow = append(allow, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	a.webhooks, err = webhook.Open(ctx, webhook.Config{
		DB: a.store, Outbox: a.outbox, Names: a.segmentNames, Identifiers: personIdentifiers{a.graph, a.kinds}.IdentifiersOf,
		Mask: a.maskContact, Purposes: a.checkPurpose, Protected: a.households.Protected, Clock: a.clock, Logger: a.part("webhooks"), Allow: allow, Version: Version,
	})
	return err
}

// segmentNames returns the names of all segments, by id.
func (a *App) segmentNames(ctx context.Context) (map[string]string, error) {
	all, err := a.segments.List(ctx, access.System())
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for i := range all {
		names[all[i].ID] = all[i].Name
	}
	return names, nil
}

// maskContact shows an identifier as to somebody who may not see contacts.
func (a *App) maskContact(id touchstone.Identifier) touchstone.Identifier {
	v := access.Viewer{Kinds: a.kinds, Fields: a.fields}
	return v.Identifier(id)
}
