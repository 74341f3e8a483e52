package linkage

import (
	"cmp"
	"context"
	"errors"

	"database/sql"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// linkEffect is the kind of an effect that has a pair linked: a reactor decides, and who
// delivers puts the command in the log.
const linkEffect = "linkage.link"

// linkLater has pairs linked that are beyond doubt, if the organisation wants it.
func (l *Linkage) linkLater(ctx context.Context, tx *store.Tx, found []*Pair, out inbox.Outbox) error {
	settings, _, err := readSettings(ctx, tx)
	if err != nil || !settings.Automatic {
		return err
	}
	threshold := cmp.Or(chosen(settings.Link), sure)
	for _, p := range found {
		if p.Chance < threshold || p.Decision != "" || p.Persons[0] == p.Persons[1] {
			continue
		}
		e := touchstone.Effect{ID: linkEffect + "/" + p.ID(), Kind: linkEffect, Destination: "identity", Person: p.Persons[0], Label: p.ID(), Body: []byte(p.ID())}
		if err := out.Put(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// Deliverer has pairs linked.
func (l *Linkage) Deliverer() outbox.Deliverer { return deliverer{l} }

type deliverer struct{ linkage *Linkage }

func (deliverer) Kind() string { return linkEffect }

func (deliverer) Serves() touchstone.Serves { return touchstone.Operation("who is who") }

// Deliver links a pair unless somebody has decided meanwhile, or the pair has gone.
func (d deliverer) Deliver(ctx context.Context, e touchstone.Effect, _ int) (outbox.Receipt, error) {
	nodes, ok := parsePairID(string(e.Body))
	if !ok {
		return outbox.Receipt{}, touchstone.Errorf(touchstone.Invalid, "%.80q names no pair", e.Body)
	}
	p, err := pairOf(ctx, d.linkage.cfg.DB.Reader(), nodes)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return outbox.Receipt{Answer: "the pair is no more"}, nil
	case err != nil:
		return outbox.Receipt{}, err
	}
	waits, err := d.linkage.waits(ctx, p)
	if err != nil {
		return outbox.Receipt{}, err
	}
	if !waits {
		return outbox.Receipt{Answer: "decided already"}, nil
	}
	if err := d.linkage.link(ctx, p, byModel); err != nil {
		return outbox.Receipt{}, err
	}
	return outbox.Receipt{Answer: string(p.State())}, nil
}

// waits tells whether nobody has decided about the two, under this pair or another one.
func (l *Linkage) waits(ctx context.Context, p *Pair) (bool, error) {
	var n int
	err := l.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM linkage_pairs p WHERE p.node_a = ? AND p.node_b = ? AND `+conditions[Review], int64(p.Nodes[0]), int64(p.Nodes[1])).Scan(&n)
	return n > 0, err
}
