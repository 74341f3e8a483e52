package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands of the graph. Bodies name identifiers as kind:value, as they are stored.
const (
	SplitCommand = "person.split" // SplitBody
)

// SplitBody takes some of a person's identifiers out of the person.
type SplitBody struct {
	Identifiers []string `json:"identifiers"`
}

// Parted is the result of a split: both persons.
type Parted struct {
	ID    touchstone.PersonID `json:"id"`
	Other touchstone.PersonID `json:"other"`
	Moved int                 `json:"moved"` // identifiers that Other has
}

// Commands returns what operators can do to the graph.
func (g *Graph) Commands() []command.Kind {
	return []command.Kind{
		{Name: SplitCommand, Check: checkSplit, Do: g.doSplit},
	}
}

// maxNamed bounds the identifiers that a command names: no person has more.
const maxNamed = 2000

// readBody decodes a command's body.
func readBody(body touchstone.JSON, into any) error {
	if err := json.Unmarshal([]byte(body), into); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return nil
}

// parseIdentifiers reads kind:value each.
func parseIdentifiers(texts []string) ([]touchstone.Identifier, error) {
	if len(texts) > maxNamed {
		return nil, touchstone.Errorf(touchstone.TooLarge, "a command names at most %d identifiers", maxNamed)
	}
	list := make([]touchstone.Identifier, len(texts))
	for i, text := range texts {
		id, ok := touchstone.ParseIdentifier(text)
		if !ok {
			return nil, touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", text).WithHint("name each as kind:value")
		}
		list[i] = id
	}
	return list, nil
}

func checkSplit(body touchstone.JSON) error {
	var in SplitBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	ids, err := parseIdentifiers(in.Identifiers)
	if err == nil && len(ids) == 0 {
		err = touchstone.Errorf(touchstone.Invalid, "a split needs some identifiers")
	}
	return err
}

// placed is an identifier's place in the graph.
type placed struct {
	node   touchstone.NodeID
	person touchstone.PersonID
}

// findIdentifiers returns where identifiers are, with zeros for those that are nowhere.
func findIdentifiers(ctx context.Context, tx *store.Tx, ids []touchstone.Identifier) ([]placed, error) {
	at := make(map[touchstone.Identifier]placed, len(ids))
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = id.Value
	}
	err := store.SelectIn(ctx, tx, `SELECT id, kind, value, person FROM identity_nodes WHERE value IN (...)`, values, func(rows *sql.Rows) error {
		var node, person int64
		var id touchstone.Identifier
		if err := rows.Scan(&node, &id.Kind, &id.Value, &person); err != nil {
			return err
		}
		at[id] = placed{touchstone.NodeID(node), touchstone.PersonID(person)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read identifiers: %w", err)
	}
	out := make([]placed, len(ids))
	for i, id := range ids {
		out[i] = at[id]
	}
	return out, nil
}

func (g *Graph) doSplit(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in SplitBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	ids, err := parseIdentifiers(in.Identifiers)
	if err != nil {
		return nil, err
	}
	found, err := findIdentifiers(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	req := request{id: c.ID}
	for i, at := range found {
		switch {
		case at.node == 0:
			return nil, touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", ids[i])
		case i > 0 && at.person != req.person:
			return nil, touchstone.Errorf(touchstone.Invalid, "%.80q and %.80q are not of one person", ids[0], ids[i])
		}
		req.person = at.person
		req.nodes = append(req.nodes, at.node)
	}
	out := Parted{ID: req.person}
	err = g.change(ctx, tx, func(st *state) error {
		var p *parting
		p, err = g.split(ctx, tx, b, st, req)
		if err == nil {
			out.Other, out.Moved = p.other, len(p.moved)
		}
		return err
	})
	return out, err
}
