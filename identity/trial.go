package identity

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Trial tells what events would do to the graph. What they touch is copied into a store of its
// own, and the stage itself works there: so what it says is what happens. The graph is only read,
// some events at a time, so the pipeline goes on meanwhile.
type Trial struct {
	g       *Graph
	scratch *Graph
	db      *store.DB
	base    touchstone.NodeID // nodes after it are the trial's own

	loaded map[touchstone.PersonID]struct{}
	nodes  int // copied
	woken  bool
	sparse bool

	tried  []tried
	result TrialResult
}

// TrialEvent is an event that stands for some rows of a file with the same identifiers.
type TrialEvent struct {
	touchstone.Event
	Row  int64 // the first of them
	Rows int64
}

// TrialOptions say how a trial goes.
type TrialOptions struct {
	// WithoutMerges leaves out each event that would make one of two persons who are there.
	WithoutMerges bool
}

// TrialResult is what events would do.
type TrialResult struct {
	Created int64 // persons who would be new
	Matched int64 // persons who are there and would get events
	Merged  int64 // persons who are there and would be absorbed by others
	Parted  int64 // persons who would fall apart, because an identifier turns out to be shared

	RowsOfNew, RowsOfKnown int64 // rows that come under a person who would be new, or is there
	RowsAside              int64 // rows that nobody's identifier is in

	Merges  []TrialMerge   // the first
	Refused []TrialRefusal // links that would not be made, by reason, the most frequent first
	Shared  []TrialShared  // identifiers that would turn out to be shared, the first
	SharedN int64
	// Left are rows that are left out, each the first of those that its event stands for.
	Left     []int64
	LeftRows int64
	// Truncated tells that the events hang together with more identifiers than are copied.
	Truncated bool
}

// TrialMerge is a row that makes one of two persons who are there.
type TrialMerge struct {
	Row            int64
	Kept, Absorbed touchstone.PersonID
	Identifiers    []touchstone.Identifier // of the row
}

// TrialRefusal is a reason for which links are not made.
type TrialRefusal struct {
	Reason   string
	Links    int64
	Examples []TrialLink
}

// TrialLink is a link of a row.
type TrialLink struct {
	Row        int64
	Identifier touchstone.Identifier
}

// TrialShared is an identifier that turns out to be shared.
type TrialShared struct {
	touchstone.Identifier
	Witness touchstone.IdentifierKind // the kind of which it was seen with too many
	Seen    int64
	Bears   int64
	Parted  int64
}

// tried is what is kept of an event.
type tried struct {
	node      touchstone.NodeID
	row, rows int64
}

const (
	trialGap = 1 << 40 // between the graph's nodes and the trial's, so that the graph can grow meanwhile
	// maxTrialNodes bounds what is copied, and so the disk that a trial needs: about 300 bytes each.
	maxTrialNodes    = 2_000_000
	maxTrialExamples = 50
	maxTrialReasons  = 20
	// trialSource is the source of the trial's events: a name that no source has.
	trialSource = "(trial)"
)

// NewTrial begins a trial in an empty store, which the caller closes and deletes.
func (g *Graph) NewTrial(ctx context.Context, scratch *store.DB, o TrialOptions) (*Trial, error) {
	t := &Trial{g: g, db: scratch, sparse: o.WithoutMerges, loaded: map[touchstone.PersonID]struct{}{}}
	t.result = TrialResult{Merges: []TrialMerge{}, Refused: []TrialRefusal{}, Shared: []TrialShared{}}
	if err := scratch.Migrate(ctx, "identity", Migrations()); err != nil {
		return nil, err
	}
	var st state
	var kinds [][]any
	err := g.cfg.DB.View(ctx, func(tx *store.Tx) (err error) {
		if st, err = loadState(ctx, tx, false); err != nil {
			return err
		}
		kinds, err = rowsOf(ctx, tx, `SELECT kind FROM identity_kinds`)
		return err
	})
	if err != nil {
		return nil, err
	}
	st.version, st.requests = 1, 0
	st.lastNode += trialGap
	t.base = touchstone.NodeID(st.lastNode)
	err = scratch.Update(ctx, func(tx *store.Tx) error {
		if err := st.save(ctx, tx); err != nil {
			return err
		}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "identity_kinds", Columns: []string{"kind"}, IgnoreConflict: true}, len(kinds), func(i int, args []any) { copy(args, kinds[i]) })
	})
	if err != nil {
		return nil, err
	}
	cfg := g.cfg
	cfg.DB, cfg.CacheBytes, cfg.Metrics, cfg.Through = scratch, 16<<20, nil, nil
	cfg.Wake = func() { t.woken = true }
	cfg.Imports = func(string) bool { return true }
	t.scratch, err = New(ctx, cfg)
	return t, err
}

// Take tries events that would be one record of the log.
func (t *Trial) Take(ctx context.Context, events []TrialEvent) error {
	facts := make([]touchstone.Fact, len(events))
	for i := range events {
		f := &facts[i]
		f.Event, f.Backfill = events[i].Event, true
		// Evidence in the scratch store names the row.
		f.MessageID, f.Source = strconv.FormatInt(events[i].Row, 10), trialSource
	}
	if err := t.fetch(ctx, facts); err != nil {
		return err
	}
	kept := make([]int, len(events)) // by fact, which event it is
	for i := range kept {
		kept[i] = i
	}
	b, err := t.apply(ctx, facts, func(left []int) {
		for _, at := range slices.Backward(left) {
			t.result.Left = append(t.result.Left, events[kept[at]].Row)
			t.result.LeftRows += events[kept[at]].Rows
			kept = slices.Delete(kept, at, at+1)
		}
	})
	if err != nil {
		return err
	}
	for _, a := range b.Aside {
		t.result.RowsAside += events[kept[a.Index]].Rows
	}
	for i := range b.Facts {
		if f := &b.Facts[i]; f.Node != 0 {
			t.tried = append(t.tried, tried{f.Node, events[kept[i]].Row, events[kept[i]].Rows})
		}
	}
	t.note(b)
	for t.woken && len(events) == 0 { // what clients have unbound
		t.woken = false
		if _, err := t.apply(ctx, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// errMerging takes back a batch in which events would make one of two persons who are there.
var errMerging = errors.New("events that would merge are left out")

// apply has the stage work on facts. Where merges are not wanted, those that cause some are left out, which
// left is told, and the rest is tried again: another one may join the two then.
func (t *Trial) apply(ctx context.Context, facts []touchstone.Fact, left func([]int)) (*touchstone.Batch, error) {
	for {
		b := &touchstone.Batch{Now: t.g.cfg.Clock.Now(), Facts: slices.Clone(facts), Whole: true}
		var causes []int
		err := t.db.Update(ctx, func(tx *store.Tx) error {
			if err := t.scratch.Apply(ctx, tx, b); err != nil {
				return err
			}
			if causes = t.mergers(b); t.sparse && len(causes) > 0 {
				return errMerging
			}
			return nil
		})
		if err == nil {
			t.scratch.Committed(b)
			return b, nil
		}
		t.scratch.Rollback()
		if !errors.Is(err, errMerging) {
			return nil, fmt.Errorf("try events: %w", err)
		}
		left(causes)
		for _, at := range slices.Backward(causes) {
			facts = slices.Delete(facts, at, at+1)
		}
	}
}

// mergers returns the places of the facts that make one of two persons who are there.
func (t *Trial) mergers(b *touchstone.Batch) (at []int) {
	for i := range b.Changes {
		if c := &b.Changes[i]; t.joins(c) {
			at = append(at, cmp.Or(c.Cause, c.Ahead)-1)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// joins tells whether a change makes one of two persons who are there.
func (t *Trial) joins(c *touchstone.Change) bool {
	return c.Kind == touchstone.PersonsMerged && !t.isNew(c.Person) && !t.isNew(c.Other) && cmp.Or(c.Cause, c.Ahead) > 0
}

func (t *Trial) isNew(p touchstone.PersonID) bool { return touchstone.NodeID(p) > t.base }

// note keeps examples.
func (t *Trial) note(b *touchstone.Batch) {
	for i := range b.Changes {
		c := &b.Changes[i]
		if !t.joins(c) || len(t.result.Merges) == maxTrialExamples {
			continue
		}
		f := &b.Facts[cmp.Or(c.Cause, c.Ahead)-1]
		row, _ := strconv.ParseInt(f.MessageID, 10, 64) // it is one
		t.result.Merges = append(t.result.Merges, TrialMerge{row, c.Person, c.Other, slices.Clone(f.Identifiers)})
	}
}

// Finish returns what the events that were taken would do, and calls who, unless it is nil, with the row and the
// person of each in order, and whether that would be new. Events that are set aside or left out have none.
func (t *Trial) Finish(ctx context.Context, who func(row int64, person touchstone.PersonID, fresh bool)) (TrialResult, error) {
	if err := t.Take(ctx, nil); err != nil {
		return t.result, err
	}
	q := t.db.Reader()
	persons, err := t.persons(ctx, q)
	if err != nil {
		return t.result, err
	}
	matched := map[touchstone.PersonID]struct{}{}
	relates, err := t.relating(ctx, q)
	if err != nil {
		return t.result, err
	}
	for _, e := range t.tried {
		p := persons[e.node]
		fresh := t.isNew(p)
		if fresh {
			t.result.RowsOfNew += e.rows
		} else {
			t.result.RowsOfKnown += e.rows
			if !relates[p] {
				matched[p] = struct{}{}
			}
		}
		if who != nil {
			who(e.row, p, fresh)
		}
	}
	t.result.Matched = int64(len(matched))
	slices.Sort(t.result.Left)
	return t.result, errors.Join(t.count(ctx, q), t.refusals(ctx, q), t.sharedOnes(ctx, q))
}

// persons returns whose each node of an event is in the end.
func (t *Trial) persons(ctx context.Context, q store.Querier) (map[touchstone.NodeID]touchstone.PersonID, error) {
	nodes := make([]touchstone.NodeID, 0, len(t.tried))
	for _, e := range t.tried {
		nodes = append(nodes, e.node)
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	persons := make(map[touchstone.NodeID]touchstone.PersonID, len(nodes))
	err := store.SelectIn(ctx, q, `SELECT id, person FROM identity_nodes WHERE id IN (...)`, nodes, func(rows *sql.Rows) error {
		var n touchstone.NodeID
		var p touchstone.PersonID
		err := rows.Scan(&n, &p)
		persons[n] = p
		return err
	})
	return persons, err
}

// whoIs is a condition that leaves out what relates, and its arguments.
func (t *Trial) whoIs() (string, []any) {
	where, args := t.scratch.relatingKinds()
	return `n.trust <> 1` + where, args
}

// relating returns the subjects that are no persons: cars, tablets of a shop.
func (t *Trial) relating(ctx context.Context, q store.Querier) (map[touchstone.PersonID]bool, error) {
	where, args := t.whoIs()
	found := map[touchstone.PersonID]bool{}
	rows, err := q.Query(ctx, `SELECT n.person FROM identity_nodes n WHERE NOT (`+where+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p touchstone.PersonID
		if err := rows.Scan(&p); err != nil {
			return nil, err
		}
		found[p] = true
	}
	return found, rows.Err()
}

// count compares who is there with who was.
func (t *Trial) count(ctx context.Context, q store.Querier) error {
	where, args := t.whoIs()
	var known int64
	err := q.QueryRow(ctx, `SELECT COUNT(DISTINCT CASE WHEN n.person > ? THEN n.person END), COUNT(DISTINCT CASE WHEN n.person <= ? THEN n.person END) FROM identity_nodes n WHERE `+where,
		append([]any{int64(t.base), int64(t.base)}, args...)...).Scan(&t.result.Created, &known)
	if err != nil {
		return fmt.Errorf("count persons of a trial: %w", err)
	}
	was := make([]touchstone.PersonID, 0, len(t.loaded))
	for p := range t.loaded {
		was = append(was, p)
	}
	slices.Sort(was)
	// A person is named by the least of its nodes: who was absorbed has none of that name any more.
	err = store.SelectIn(ctx, q, `SELECT id, person FROM identity_nodes WHERE id IN (...)`, was, func(rows *sql.Rows) error {
		var id, person int64
		err := rows.Scan(&id, &person)
		if id != person {
			t.result.Merged++
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.QueryRow(ctx, `SELECT COUNT(*) FROM identity_shared WHERE source = ? AND parted > 1`, trialSource).Scan(&t.result.Parted)
}

// refusals reads which links were not made. Evidence of the trial has its source.
func (t *Trial) refusals(ctx context.Context, q store.Querier) error {
	rows, err := q.Query(ctx, `SELECT reason, COUNT(*) FROM identity_dropped WHERE source = ? GROUP BY reason ORDER BY 2 DESC, reason LIMIT ?`, trialSource, maxTrialReasons)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r := TrialRefusal{Examples: []TrialLink{}}
		if err := rows.Scan(&r.Reason, &r.Links); err != nil {
			return err
		}
		t.result.Refused = append(t.result.Refused, r)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i := range t.result.Refused {
		r := &t.result.Refused[i]
		found, err := rowsOf(ctx, q, `SELECT message_id, kind, value FROM identity_dropped WHERE source = ? AND reason = ? ORDER BY time, node, value LIMIT 5`, trialSource, r.Reason)
		if err != nil {
			return err
		}
		for _, one := range found {
			row, _ := strconv.ParseInt(textOf(one[0]), 10, 64) // it is one
			r.Examples = append(r.Examples, TrialLink{row, touchstone.Identifier{Kind: touchstone.IdentifierKind(textOf(one[1])), Value: textOf(one[2])}})
		}
	}
	return nil
}

func (t *Trial) sharedOnes(ctx context.Context, q store.Querier) error {
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM identity_shared WHERE source = ?`, trialSource).Scan(&t.result.SharedN); err != nil {
		return err
	}
	rows, err := q.Query(ctx, `SELECT n.kind, n.value, s.witness, s.seen, s.bears, s.parted FROM identity_shared s JOIN identity_nodes n ON n.id = s.node WHERE s.source = ? ORDER BY s.seen DESC, s.node LIMIT ?`, trialSource, maxTrialExamples)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s TrialShared
		if err := rows.Scan(&s.Kind, &s.Value, &s.Witness, &s.Seen, &s.Bears, &s.Parted); err != nil {
			return err
		}
		t.result.Shared = append(t.result.Shared, s)
	}
	return rows.Err()
}

// rowsOf reads rows whose columns are of any type.
func rowsOf(ctx context.Context, q store.Querier, query string, args ...any) (list [][]any, err error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := anyRow(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

func anyRow(rows *sql.Rows) ([]any, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	one := make([]any, len(columns))
	to := make([]any, len(columns))
	for i := range one {
		to[i] = &one[i]
	}
	return one, rows.Scan(to...)
}

func textOf(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	s, _ := v.(string)
	return strings.Clone(s)
}
