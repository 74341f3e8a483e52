package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// TrustBody says of an identifier whether it says who somebody is: "shared", it does not;
// "trusted", it does, whatever it is seen with; "auto", the detector decides.
type TrustBody struct {
	Identifier string `json:"identifier"`
	State      string `json:"state"`
}

const stateAuto = "auto"

// Trusted is the result of a decision about an identifier.
type Trusted struct {
	ID       touchstone.PersonID `json:"id"`    // whose the identifier is now
	State    string              `json:"state"` // shared, trusted, auto
	Parted   int                 `json:"parted,omitempty"`
	Joined   int                 `json:"joined,omitempty"`   // persons that it has joined again
	Refused  int                 `json:"refused,omitempty"`  // persons that a limit keeps from it
	Exposure string              `json:"exposure,omitempty"` // why it stays shared
}

func checkTrust(body touchstone.JSON) error {
	var in TrustBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	if in.State != stateShared && in.State != stateTrusted && in.State != stateAuto {
		return touchstone.Errorf(touchstone.Invalid, "state must be shared, trusted or auto")
	}
	_, err := parseIdentifiers([]string{in.Identifier})
	return err
}

func (g *Graph) doTrust(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in TrustBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	ids, found, err := findNamed(ctx, tx, []string{in.Identifier})
	if err != nil {
		return nil, err
	}
	id, node := ids[0], found[0].node
	kind := g.kinds.number(id.Kind)
	switch {
	case node == 0:
		return nil, touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", id)
	case kind == noKind || g.kinds.relates(kind):
		return nil, touchstone.Errorf(touchstone.Invalid, "%.80q says what somebody has to do with, not who somebody is", id)
	case in.State == stateShared && kind == userIDKind:
		return nil, touchstone.Errorf(touchstone.Invalid, "a user id always says who somebody is").WithHint("block it when it names nobody")
	}
	var now trust
	var with company
	if err := tx.QueryRow(ctx, `SELECT trust, company FROM identity_nodes WHERE id = ?`, int64(node)).Scan(&now, &with); err != nil {
		return nil, fmt.Errorf("read the identifier: %w", err)
	}
	out := Trusted{State: in.State}
	err = g.change(ctx, tx, func(st *state) error {
		st.version++ // other processes' caches hold what it was
		x := &decision{id: node, ident: ident{kind, id.Value}, was: now, company: with}
		switch {
		case in.State == stateShared && now == shared:
			return setDecided(ctx, tx, node, byOperator)
		case in.State == stateShared:
			out.Parted, err = g.demoteNow(ctx, tx, b, st, node, sharedRow{decided: byOperator, at: c.SubmittedAt.UnixMilli(), source: c.Actor})
			return err
		case in.State == stateAuto && g.exposed(x, &out) && now == shared:
			return setDecided(ctx, tx, node, byDetector)
		case in.State == stateAuto && out.Exposure != "":
			out.Parted, err = g.demoteNow(ctx, tx, b, st, node, x.row(byDetector, c.SubmittedAt.UnixMilli(), c.Actor))
			return err
		}
		return g.promote(ctx, tx, b, st, x, in.State, c, &out)
	})
	if err != nil {
		return nil, err
	}
	_, found, err = findNamed(ctx, tx, []string{in.Identifier})
	out.ID = found[0].person
	return out, err
}

// decision is an identifier about which something is decided.
type decision struct {
	ident
	id      touchstone.NodeID
	was     trust
	company company
	why     exposure
	witness touchstone.IdentifierKind
}

// row is why the detector takes it for shared.
func (x *decision) row(decided string, at int64, source string) sharedRow {
	return sharedRow{decided: decided, at: at, source: source, witness: x.witness, seen: x.why.seen, bears: x.why.bears}
}

// exposed tells whether an identifier has been seen with too many.
func (g *Graph) exposed(x *decision, out *Trusted) bool {
	for _, c := range g.cfg.Kinds.Configs() {
		of := g.kinds.number(c.Kind)
		bears, counts := g.kinds.bears(x.kind, of)
		if n := x.company.count(c.Kind); counts && n > bears {
			out.Exposure = fmt.Sprintf("seen with %d %s, bears %d", n, c.Kind, bears)
			x.why, x.witness = exposure{seen: n, bears: bears}, c.Kind
			return true
		}
	}
	return false
}

func setDecided(ctx context.Context, tx *store.Tx, node touchstone.NodeID, by string) error {
	_, err := tx.Exec(ctx, `UPDATE identity_shared SET decided = ? WHERE node = ?`, by, int64(node))
	return err
}

// promote says of an identifier that it says who somebody is. Whoever related to it while it
// was shared is linked to it, as far as the limits let it.
func (g *Graph) promote(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, x *decision, state string, c touchstone.Command, out *Trusted) error {
	now := trusted
	if state == stateAuto {
		now = ordinary
	}
	if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET trust = ? WHERE id = ?`, int64(now), int64(x.id)); err != nil {
		return err
	}
	g.setCached(&node{ident: x.ident, trust: now})
	if state == stateAuto {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_shared WHERE node = ?`, int64(x.id)); err != nil {
			return err
		}
	} else {
		row := sharedRow{node: x.id, state: stateTrusted, decided: byOperator, at: c.SubmittedAt.UnixMilli(), source: c.Actor}
		if err := row.save(ctx, tx); err != nil {
			return err
		}
	}
	if x.was != shared {
		return nil
	}
	st.persons++ // it is somebody again
	list, err := relatedTo(ctx, tx, x.id)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].id = x.ident
	}
	if _, err := tx.Exec(ctx, `DELETE FROM identity_relations WHERE related = ?`, int64(x.id)); err != nil {
		return err
	}
	g.mu.Lock()
	g.bonds.Reset() // those of x must not count any more
	g.mu.Unlock()
	joined, err := g.attempt(ctx, tx, b, st, list, c.SubmittedAt.UnixMilli())
	out.Joined, out.Refused = len(joined), len(list)-len(joined)
	return err
}

const maxRejoined = 10_000 // relations that are made links again

// relatedTo returns who relates to a node, as links to be made.
func relatedTo(ctx context.Context, tx *store.Tx, id touchstone.NodeID) (list []attempt, err error) {
	rows, err := tx.Query(ctx, `SELECT node, message_id, source, first_time FROM identity_relations WHERE related = ? ORDER BY first_time, node LIMIT ?`, int64(id), maxRejoined+1)
	if err != nil {
		return nil, fmt.Errorf("read relations: %w", err)
	}
	defer func() { err = errors.Join(err, closed(rows)) }()
	for rows.Next() {
		var a attempt
		if err := rows.Scan(&a.from, &a.messageID, &a.source, &a.time); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	if len(list) > maxRejoined {
		return nil, touchstone.Errorf(touchstone.TooLarge, "more than %d persons relate to the identifier", maxRejoined).WithHint("it is shared beyond doubt")
	}
	return list, nil
}

func closed(rows *sql.Rows) error { return errors.Join(rows.Err(), rows.Close()) }
