package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// SharedIdentifier is an identifier that is shared, or of which somebody has said that it is not.
type SharedIdentifier struct {
	Node    touchstone.NodeID         `json:"node"`
	ID      touchstone.PersonID       `json:"id"` // whose it is; of a shared one, itself: its own events
	Kind    touchstone.IdentifierKind `json:"kind"`
	Value   string                    `json:"value"`
	State   string                    `json:"state"`   // shared, trusted
	Decided string                    `json:"decided"` // detector, operator
	At      time.Time                 `json:"at"`
	Witness touchstone.IdentifierKind `json:"witness"` // of which kind it was seen with too many; empty: somebody's word
	Seen    int                       `json:"seen"`    // how many, when it was decided
	Bears   int                       `json:"bears"`   // how many it may be seen with
	Source  string                    `json:"source"`  // of the event that brought it about, or who decided
	Parted  int                       `json:"parted"`  // persons that there were afterwards where there was one
	Persons int64                     `json:"persons"` // who relate to it
	Events  int64                     `json:"events"`  // in which they were seen with it
}

const sharedColumns = `s.node, n.person, n.kind, n.value, s.verdict, s.decided, s.at, s.witness, s.seen, s.bears, s.source, s.parted,
	(SELECT COUNT(*) FROM identity_relations r WHERE r.related = s.node), (SELECT COALESCE(CAST(SUM(r.count) AS BIGINT), 0) FROM identity_relations r WHERE r.related = s.node)
	FROM identity_shared s JOIN identity_nodes n ON n.id = s.node`

func scanShared(scan func(...any) error, viewer *access.Viewer) (s SharedIdentifier, err error) {
	var at int64
	err = scan(&s.Node, (*int64)(&s.ID), &s.Kind, &s.Value, &s.State, &s.Decided, &at, &s.Witness, &s.Seen, &s.Bears, &s.Source, &s.Parted, &s.Persons, &s.Events)
	s.At = timeOf(at)
	s.Value = viewer.Identifier(touchstone.Identifier{Kind: s.Kind, Value: s.Value}).Value
	return s, err
}

// Shared returns identifiers in a state (shared, trusted; empty: both), the latest first, after
// a moment (Unix milliseconds) and a node.
func (g *Graph) Shared(ctx context.Context, viewer *access.Viewer, state string, before int64, after touchstone.NodeID, limit int) ([]SharedIdentifier, error) {
	query, args := `SELECT `+sharedColumns+` WHERE (s.at < ? OR s.at = ? AND s.node > ?)`, []any{before, before, int64(after)}
	if state != "" {
		query += ` AND s.verdict = ?`
		args = append(args, state)
	}
	rows, err := g.cfg.DB.Reader().Query(ctx, query+` ORDER BY s.at DESC, s.node LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read shared identifiers: %w", err)
	}
	defer rows.Close()
	list := []SharedIdentifier{}
	for rows.Next() {
		s, err := scanShared(rows.Scan, viewer)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// SharedOne returns a shared identifier with those who relate to it, the latest first.
func (g *Graph) SharedOne(ctx context.Context, viewer *access.Viewer, id touchstone.NodeID) (SharedIdentifier, []RelatedPerson, error) {
	s, err := scanShared(g.cfg.DB.Reader().QueryRow(ctx, `SELECT `+sharedColumns+` WHERE s.node = ?`, int64(id)).Scan, viewer)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil, touchstone.Errorf(touchstone.NotFound, "nothing was decided about the identifier %d.", id)
	}
	if err != nil {
		return s, nil, fmt.Errorf("read a shared identifier: %w", err)
	}
	by := []RelatedPerson{}
	if s.State == stateShared {
		_, by, err = g.Relations(ctx, viewer, s.ID)
	}
	return s, by, err
}

// identifierOf returns the identifier of a node.
func (g *Graph) identifierOf(ctx context.Context, id touchstone.NodeID) (out touchstone.Identifier, err error) {
	err = g.cfg.DB.Reader().QueryRow(ctx, `SELECT kind, value FROM identity_nodes WHERE id = ?`, int64(id)).Scan(&out.Kind, &out.Value)
	if errors.Is(err, sql.ErrNoRows) {
		err = touchstone.Errorf(touchstone.NotFound, "there is no identifier %d.", id)
	}
	return out, err
}
