package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// UndoBody takes an operator's split or merge back.
type UndoBody struct {
	Command string `json:"command"` // the split or merge
}

// Undone is the result: both persons of a merge that was taken back, or the one of a split.
type Undone struct {
	ID    touchstone.PersonID `json:"id"`
	Other touchstone.PersonID `json:"other"` // of a split, who was absorbed
	Kind  string              `json:"kind"`  // split, merge: what was taken back
}

const (
	undoSplit = "split"
	undoMerge = "merge"

	undoKept = 400 * 24 * time.Hour // as long as rows of commands
)

func checkUndo(body touchstone.JSON) error {
	var in UndoBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	if in.Command == "" || len(in.Command) > 200 {
		return touchstone.Errorf(touchstone.Invalid, "command must be the id of a split or a merge")
	}
	return nil
}

// remembered is what is known of a command that can be taken back.
type remembered struct {
	command, kind string
	a, b          touchstone.NodeID
	lifted        bool
}

// remember notes a command, and forgets old ones.
func remember(ctx context.Context, tx *store.Tx, u remembered, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM identity_cut WHERE command IN (SELECT command FROM identity_undo WHERE at < ?)`, now.Add(-undoKept).UnixMilli()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM identity_undo WHERE at < ?`, now.Add(-undoKept).UnixMilli()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO identity_undo (command, kind, a, b, at, lifted) VALUES (?, ?, ?, ?, ?, ?)`, u.command, u.kind, int64(u.a), int64(u.b), now.UnixMilli(), asInt(u.lifted))
	if err != nil {
		return fmt.Errorf("note what takes a command back: %w", err)
	}
	return nil
}

// keepCut notes the edges that a split is about to cut.
func keepCut(ctx context.Context, tx *store.Tx, command string, cut []edgeKey) error {
	columns := strings.Join(edgeColumns, ", ")
	for _, e := range cut {
		_, err := tx.Exec(ctx, `INSERT INTO identity_cut (command, `+columns+`) SELECT CAST(? AS TEXT), `+columns+` FROM identity_edges WHERE a = ? AND b = ? AND evidence = ?`,
			command, int64(e.a), int64(e.b), e.evidence.String())
		if err != nil {
			return fmt.Errorf("keep the edges that are cut: %w", err)
		}
	}
	return nil
}

func (g *Graph) doUndo(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in UndoBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	u := remembered{command: in.Command}
	err := tx.QueryRow(ctx, `SELECT kind, a, b, lifted FROM identity_undo WHERE command = ?`, in.Command).Scan(&u.kind, &u.a, &u.b, &u.lifted)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, touchstone.Errorf(touchstone.NotFound, "%.80q is no split or merge that can be taken back", in.Command).WithHint("it was taken back already, or one of the persons was erased since")
	}
	if err != nil {
		return nil, fmt.Errorf("read what takes a command back: %w", err)
	}
	if err := g.flushEdges(ctx, tx); err != nil {
		return nil, err
	}
	out := Undone{Kind: u.kind}
	err = g.change(ctx, tx, func(st *state) error {
		st.version++
		if u.kind == undoMerge {
			return g.undoMerge(ctx, tx, b, st, u)
		}
		return g.undoSplit(ctx, tx, b, st, c, u)
	})
	if err != nil {
		return nil, err
	}
	persons, err := personsOf(ctx, tx, u.a, u.b)
	if err != nil {
		return nil, err
	}
	if out.ID, out.Other = persons[u.a], persons[u.b]; u.kind == undoSplit {
		out.Other = touchstone.PersonID(u.b)
	}
	for _, table := range []string{"identity_cut", "identity_undo"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE command = ?`, u.command); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// flushEdges writes the counts that the cache holds, for edges that may be cut or come back.
func (g *Graph) flushEdges(ctx context.Context, tx *store.Tx) error {
	g.mu.Lock()
	due := g.flush
	g.flush = stats{}
	g.mu.Unlock()
	return saveStats(ctx, tx, due)
}

func personsOf(ctx context.Context, tx *store.Tx, nodes ...touchstone.NodeID) (map[touchstone.NodeID]touchstone.PersonID, error) {
	of := map[touchstone.NodeID]touchstone.PersonID{}
	err := store.SelectIn(ctx, tx, `SELECT id, person FROM identity_nodes WHERE id IN (...)`, nodes, func(rows *sql.Rows) error {
		var id, person int64
		err := rows.Scan(&id, &person)
		of[touchstone.NodeID(id)] = touchstone.PersonID(person)
		return err
	})
	return of, err
}

// undoMerge takes the operator's edge away: the two come apart as if it had never been, unless
// events have joined them since.
func (g *Graph) undoMerge(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, u remembered) error {
	persons, err := personsOf(ctx, tx, u.a, u.b)
	if err != nil {
		return err
	}
	if persons[u.a] != persons[u.b] {
		return touchstone.Errorf(touchstone.Conflict, "the two were parted since").WithHint("nothing is left to take back")
	}
	_, err = tx.Exec(ctx, `DELETE FROM identity_edges WHERE evidence = ? AND message_id = ? AND a IN (SELECT id FROM identity_nodes WHERE person = ?)`, operated.String(), u.command, int64(persons[u.a]))
	if err != nil {
		return err
	}
	if u.lifted { // before links are tried again
		if _, err := tx.Exec(ctx, `INSERT INTO identity_apart (a, b, time) VALUES (?, ?, ?) ON CONFLICT (a, b) DO NOTHING`, int64(u.a), int64(u.b), b.Now.UnixMilli()); err != nil {
			return err
		}
	}
	if err := g.fallApart(ctx, tx, b, st, persons[u.a]); err != nil {
		return err
	}
	if persons, err = personsOf(ctx, tx, u.a, u.b); err != nil {
		return err
	}
	if persons[u.a] == persons[u.b] {
		return touchstone.Errorf(touchstone.Conflict, "events since then say that the two are one person").WithHint("split the person instead")
	}
	return nil
}

// undoSplit puts the edges back that were cut, and makes the two one again.
func (g *Graph) undoSplit(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, c touchstone.Command, u remembered) error {
	persons, err := personsOf(ctx, tx, u.a, u.b)
	if err != nil {
		return err
	}
	if persons[u.a] == persons[u.b] {
		return touchstone.Errorf(touchstone.Conflict, "the two are one person again already")
	}
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), 1)
	for _, p := range persons {
		if err := g.loadPersons(ctx, tx, r, appendPart(r, p)); err != nil {
			return err
		}
	}
	ends := map[touchstone.NodeID]*node{}
	for _, n := range r.nodes {
		ends[n.id] = n
	}
	first, second := ends[u.a], ends[u.b]
	if first == nil || second == nil {
		return touchstone.Errorf(touchstone.Conflict, "the two are no longer who they were")
	}
	if reason := r.unite(first, second, cause{evidence: operated, messageID: c.ID, source: c.Actor, time: c.SubmittedAt.UnixMilli()}, true); reason != "" {
		return touchstone.Errorf(touchstone.Conflict, "%s and %s cannot become one person: %s", persons[u.a], persons[u.b], reason)
	}
	if err := g.commitRegion(ctx, tx, b, r, st, c.SubmittedAt.UnixMilli()); err != nil {
		return err
	}
	nodes := slices.Clone(first.part.root().nodes)
	columns := strings.Join(edgeColumns, ", ")
	_, err = tx.Exec(ctx, `INSERT INTO identity_edges (`+columns+`) SELECT `+columns+` FROM identity_cut WHERE command = ?
		AND a IN (SELECT id FROM identity_nodes WHERE person = ?) AND b IN (SELECT id FROM identity_nodes WHERE person = ?) ON CONFLICT (a, b, evidence) DO NOTHING`,
		u.command, int64(first.part.root().person), int64(first.part.root().person))
	if err != nil {
		return fmt.Errorf("put the edges back: %w", err)
	}
	// What the operator had to tie, and this tie itself, goes when the edges hold without it.
	for _, message := range []string{u.command, c.ID} {
		if err := dropTies(ctx, tx, nodes, message); err != nil {
			return err
		}
	}
	return g.retry(ctx, tx, b, st, nodes)
}

// dropTies deletes the operator's edges of a message, if nodes hang together without them.
func dropTies(ctx context.Context, tx *store.Tx, nodes []*node, message string) error {
	var keys []edgeKey
	var ties []edgeKey
	err := store.SelectIn(ctx, tx, `SELECT a, b, evidence, message_id FROM identity_edges WHERE a IN (...)`, idsOf(nodes), func(rows *sql.Rows) error {
		var e edgeKey
		var name, of string
		if err := rows.Scan(&e.a, &e.b, &name, &of); err != nil {
			return err
		}
		if name == operated.String() && of == message {
			ties = append(ties, e)
		} else {
			keys = append(keys, e)
		}
		return nil
	})
	if err != nil || len(ties) == 0 || len(componentsOf(nodes, keys)) > 1 {
		return err
	}
	for _, e := range ties {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_edges WHERE a = ? AND b = ? AND evidence = ?`, int64(e.a), int64(e.b), operated.String()); err != nil {
			return err
		}
	}
	return nil
}
