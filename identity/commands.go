package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands of the graph. Bodies name identifiers as kind:value, as they are stored.
const (
	SplitCommand = "person.split"     // SplitBody
	MergeCommand = "person.merge"     // MergeBody
	EraseCommand = "person.erase"     // EraseBody
	BlockCommand = "identifier.block" // BlockBody
	TrustCommand = "identifier.trust" // TrustBody

	UndoCommand   = "person.undo"   // UndoBody
	LinkCommand   = "person.link"   // LinkBody
	UnlinkCommand = "person.unlink" // UnlinkBody

	RulesCommand   = "identity.rules"   // RulesBody
	RejudgeCommand = "identity.rejudge" // RejudgeBody
)

// SplitBody takes some of a person's identifiers out of the person.
type SplitBody struct {
	Identifiers []string `json:"identifiers"`
}

// MergeBody makes two persons one, each named by one of its identifiers. It joins also who was
// parted before.
type MergeBody struct {
	Identifiers [2]string `json:"identifiers"`
	// OverLimits joins them also when they have more identifiers of a kind together than a
	// person may. The bound on all identifiers of a person holds in any case.
	OverLimits bool `json:"over_limits,omitempty"`
}

// Merged is the result of a merge.
type Merged struct {
	ID    touchstone.PersonID `json:"id"`
	Other touchstone.PersonID `json:"other"` // was absorbed
}

// EraseBody forgets who has any of the identifiers: all that a person had when it was asked
// for, so that a store that knows less of what belongs together forgets all parts.
type EraseBody struct {
	Identifiers []string `json:"identifiers"`
}

// Erased is the result of an erasure.
type Erased struct {
	Persons     []touchstone.PersonID `json:"persons"`
	Identifiers int                   `json:"identifiers"` // how many
	Files       int                   `json:"files"`       // results of jobs that are looked at for them
}

// BlockBody says that a value names nobody, or that it does after all.
type BlockBody struct {
	Kind    touchstone.IdentifierKind `json:"kind"` // empty: of every kind
	Value   string                    `json:"value"`
	Blocked bool                      `json:"blocked"`
	// Cut takes identifiers that are exactly the value out of their persons.
	Cut bool `json:"cut,omitempty"`
}

// Blocked is the result of a block.
type Blocked struct {
	Cut []Parted `json:"cut"` // who had the value, and who it is now
}

// Parted is the result of a split: both persons.
type Parted struct {
	ID    touchstone.PersonID `json:"id"`
	Other touchstone.PersonID `json:"other"`
	Moved int                 `json:"moved"` // identifiers that Other has
}

// Commands returns what operators can do to the graph. Without rules nothing can be blocked.
func (g *Graph) Commands(rules *Rules) []command.Kind {
	kinds := []command.Kind{
		{Name: SplitCommand, Check: checkSplit, Do: g.doSplit},
		{Name: MergeCommand, Check: checkMerge, Do: g.doMerge},
		{Name: UndoCommand, Check: checkUndo, Do: g.doUndo},
		{Name: LinkCommand, Check: checkLink, Do: g.doLink},
		{Name: UnlinkCommand, Check: checkUnlink, Do: g.doUnlink},
		{Name: TrustCommand, Check: checkTrust, Do: g.doTrust},
		{Name: RejudgeCommand, Check: checkRejudge, Do: g.doRejudge},
		{Name: EraseCommand, Check: checkSplit, Do: g.doErase, Forgets: true}, // the same form
	}
	if rules != nil {
		kinds = append(kinds, command.Kind{Name: BlockCommand, Check: checkBlock, Do: blocker{g, rules}.do},
			command.Kind{Name: RulesCommand, Check: checkRules, Do: ruler{g, rules}.do})
	}
	return kinds
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
func findIdentifiers(ctx context.Context, tx store.Querier, ids []touchstone.Identifier) ([]placed, error) {
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

// findNamed reads identifiers and returns where they are.
func findNamed(ctx context.Context, tx store.Querier, texts []string) ([]touchstone.Identifier, []placed, error) {
	ids, err := parseIdentifiers(texts)
	if err != nil {
		return nil, nil, err
	}
	found, err := findIdentifiers(ctx, tx, ids)
	return ids, found, err
}

// PersonsOf returns who has each of the identifiers, as they are stored; 0 where nobody has it.
func (g *Graph) PersonsOf(ctx context.Context, q store.Querier, ids []touchstone.Identifier) ([]touchstone.PersonID, error) {
	found, err := findIdentifiers(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	persons := make([]touchstone.PersonID, len(ids))
	for i := range found {
		persons[i] = found[i].person
	}
	return persons, nil
}

// Find returns the node and the person of an identifier, as it is stored; zeros if nobody has it.
func (g *Graph) Find(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error) {
	found, err := findIdentifiers(ctx, q, []touchstone.Identifier{id})
	if err != nil {
		return 0, 0, err
	}
	return found[0].node, found[0].person, nil
}

// Carries tells whether events came under any of a person's identifiers.
func (g *Graph) Carries(ctx context.Context, q store.Querier, person touchstone.PersonID) (carries bool, err error) {
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM identity_nodes WHERE person = ? AND carries)`, int64(person)).Scan(&carries)
	return carries, err
}

func (g *Graph) doSplit(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in SplitBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	ids, found, err := findNamed(ctx, tx, in.Identifiers)
	if err != nil {
		return nil, err
	}
	req := request{id: c.ID, undo: true}
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

func checkMerge(body touchstone.JSON) error {
	var in MergeBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	_, err := parseIdentifiers(in.Identifiers[:])
	return err
}

func (g *Graph) doMerge(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in MergeBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	ids, err := parseIdentifiers(in.Identifiers[:])
	if err != nil {
		return nil, err
	}
	out := Merged{}
	err = g.change(ctx, tx, func(st *state) error {
		out, err = g.merge(ctx, tx, b, st, c, ids, in.OverLimits)
		return err
	})
	return out, err
}

// merge makes the persons of two identifiers one.
func (g *Graph) merge(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, c touchstone.Command, ids []touchstone.Identifier, overLimits bool) (Merged, error) {
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), 1)
	var idents [2]ident
	for i, id := range ids {
		var ok bool
		if idents[i], ok = g.ident(id); !ok {
			return Merged{}, touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", id)
		}
		if r.relates(idents[i].kind) {
			return Merged{}, touchstone.Errorf(touchstone.Invalid, "%.80q says what somebody has to do with, not who somebody is", id)
		}
	}
	if err := g.loadIdents(ctx, tx, r, slices.Clone(idents[:])); err != nil {
		return Merged{}, err
	}
	first, second := r.nodes[idents[0]], r.nodes[idents[1]]
	for i, n := range []*node{first, second} {
		if n == nil {
			return Merged{}, touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", ids[i])
		}
	}
	p, q := first.part, second.part
	for i, n := range []*node{first, second} {
		if n.trust == shared {
			return Merged{}, touchstone.Errorf(touchstone.Invalid, "%.80q is shared: it does not say who somebody is", ids[i]).WithHint("name the person by another identifier")
		}
	}
	if p == q {
		return Merged{}, touchstone.Errorf(touchstone.Conflict, "%.80q and %.80q are of one person already", ids[0], ids[1])
	}
	if err := g.loadPersons(ctx, tx, r, []touchstone.PersonID{p.person, q.person}); err != nil {
		return Merged{}, err
	}
	if reason := r.unite(first, second, cause{evidence: operated, messageID: c.ID, source: c.Actor, time: c.SubmittedAt.UnixMilli()}, overLimits); reason != "" {
		return Merged{}, touchstone.Errorf(touchstone.Invalid, "%s and %s cannot become one person: %s", p.person, q.person, reason)
	}
	m := r.merges[0]
	b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonsMerged, Person: m.kept, Other: m.absorbed, Time: c.SubmittedAt})
	g.metrics.merged.Inc()
	g.settle(r)
	if err := remember(ctx, tx, remembered{command: c.ID, kind: undoMerge, a: touchstone.NodeID(m.kept), b: touchstone.NodeID(m.absorbed), lifted: len(r.lifted) > 0}, b.Now); err != nil {
		return Merged{}, err
	}
	return Merged{m.kept, m.absorbed}, g.write(ctx, tx, r, st)
}

// unite makes the persons of two nodes one because an operator says so, or says why not.
func (r *region) unite(first, second *node, c cause, overLimits bool) (refusal string) {
	p, q := first.part.root(), second.part.root()
	r.binding = true
	switch reason := r.refuseMerge(p, q, false); {
	case reason == "":
	case !overLimits:
		return reason
	case len(p.nodes)+len(q.nodes) > r.maxNodes:
		return reason
	case r.apart.has(p.person, q.person):
		r.lift(p.person, q.person)
	}
	r.merge(p, q, first, second, c)
	r.edge(first, second, c)
	return ""
}

func checkBlock(body touchstone.JSON) error {
	var in BlockBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	if in.Cut && !in.Blocked {
		return touchstone.Errorf(touchstone.Invalid, "only what is blocked can be cut")
	}
	return checkBlockRule(BlockRule{in.Kind, in.Value, in.Blocked})
}

// blocker changes rules at a place of the log, and the graph with them.
type blocker struct {
	graph *Graph
	rules *Rules
}

func (k blocker) do(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in BlockBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	out := Blocked{Cut: []Parted{}}
	if in.Cut {
		if err := k.graph.cut(ctx, tx, b, c, in, &out); err != nil {
			return nil, err
		}
	}
	_, err := k.graph.changeRules(ctx, tx, k.rules, c, RulesBody{Blocked: []BlockRule{{in.Kind, in.Value, in.Blocked}}})
	return out, err
}

// cut parts the identifiers that are exactly a blocked value from their persons.
func (g *Graph) cut(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command, in BlockBody, out *Blocked) error {
	var found []request
	err := store.SelectIn(ctx, tx, `SELECT id, kind, person FROM identity_nodes WHERE value IN (...)`, []string{in.Value}, func(rows *sql.Rows) error {
		var node, person int64
		var kind touchstone.IdentifierKind
		if err := rows.Scan(&node, &kind, &person); err != nil {
			return err
		}
		if in.Kind == "" || kind == in.Kind {
			found = append(found, request{id: c.ID, person: touchstone.PersonID(person), nodes: []touchstone.NodeID{touchstone.NodeID(node)}})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read identifiers: %w", err)
	}
	slices.SortFunc(found, func(x, y request) int { return int(x.nodes[0] - y.nodes[0]) })
	return g.change(ctx, tx, func(st *state) error {
		for _, req := range found {
			p, err := g.split(ctx, tx, b, st, req)
			if touchstone.KindOf(err) == touchstone.Invalid { // the person has nothing else
				continue
			}
			if err != nil {
				return err
			}
			out.Cut = append(out.Cut, Parted{req.person, p.other, len(p.moved)})
		}
		return nil
	})
}

func (g *Graph) doErase(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in EraseBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	_, found, err := findNamed(ctx, tx, in.Identifiers)
	if err != nil {
		return nil, err
	}
	out := Erased{Persons: []touchstone.PersonID{}}
	for _, at := range found {
		if at.node != 0 && !slices.Contains(out.Persons, at.person) {
			out.Persons = append(out.Persons, at.person)
		}
	}
	if len(out.Persons) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "nobody has one of the identifiers")
	}
	slices.Sort(out.Persons)
	gone, err := g.Erase(ctx, tx, b, out.Persons)
	if err != nil {
		return nil, err
	}
	for _, parts := range gone {
		out.Identifiers += len(parts.Nodes)
	}
	if g.cfg.Files != nil {
		if out.Files, err = g.cfg.Files(ctx, tx); err != nil {
			return nil, fmt.Errorf("count the files of jobs: %w", err)
		}
	}
	return out, nil
}
