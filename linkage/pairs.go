package linkage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// State is what became of a pair. It follows from who its persons are now and what was
// decided, so merges and splits keep it right.
type State string

// The states.
const (
	Review   State = "review"   // waits for a decision
	Linked   State = "linked"   // its persons are one, whoever joined them
	Rejected State = "rejected" // they are two, says somebody: a rejection, or a split of what was linked
	Refused  State = "refused"  // to link them was decided, and identity did not: Refusal
)

// What was decided about a pair.
const (
	link   = "link"
	reject = "reject"
)

// Pair is two persons who may be one.
type Pair struct {
	Nodes     [2]touchstone.NodeID   // the persons' numbers when it was found, the lesser first
	Persons   [2]touchstone.PersonID // who they are now
	Weight    float64                // bits
	Chance    float64                // that they are one
	Evidence  touchstone.JSON        // what speaks for and against it; no values
	Model     int64
	Decision  string // link, reject, or ""
	Refusal   string // why it was not linked
	DecidedBy string // "" nobody yet; "model" by itself
	DecidedAt time.Time
	FoundAt   time.Time
}

const pairColumns = `node_a, node_b, person_a, person_b, weight, chance, evidence, model, decision, refusal, decided_by, decided_at, found_at`

// ID names the pair: "lp_1a_2b".
func (p *Pair) ID() string {
	return "lp_" + strconv.FormatUint(uint64(p.Nodes[0]), 36) + "_" + strconv.FormatUint(uint64(p.Nodes[1]), 36)
}

// State tells what became of the pair.
func (p *Pair) State() State {
	switch {
	case p.Persons[0] == p.Persons[1]:
		return Linked
	case p.Refusal != "":
		return Refused
	case p.Decision != "":
		return Rejected
	}
	return Review
}

// conditions are the states in SQL, over a row named p. What waits leaves out pairs about two
// persons whom another pair, found before they were merged, has rejected.
var conditions = map[State]string{
	Linked:   `p.person_a = p.person_b`,
	Refused:  `p.person_a <> p.person_b AND p.decision = 'link' AND p.refusal <> ''`,
	Rejected: `p.person_a <> p.person_b AND p.decision <> '' AND p.refusal = ''`,
	Review: `p.person_a <> p.person_b AND p.decision = '' AND NOT EXISTS (SELECT 1 FROM linkage_pairs o
		WHERE o.decision = 'reject' AND o.person_a IN (p.person_a, p.person_b) AND o.person_b IN (p.person_a, p.person_b) AND o.person_a <> o.person_b)`,
}

// parsePairID reads the two nodes of an id.
func parsePairID(id string) (nodes [2]touchstone.NodeID, ok bool) {
	rest, ok := strings.CutPrefix(id, "lp_")
	a, b, two := strings.Cut(rest, "_")
	for i, text := range []string{a, b} {
		n, err := strconv.ParseInt(text, 36, 64)
		ok = ok && err == nil && n > 0
		nodes[i] = touchstone.NodeID(n)
	}
	return nodes, ok && two && nodes[0] < nodes[1]
}

func scanPair(row interface{ Scan(...any) error }) (*Pair, error) {
	p := &Pair{}
	var nodes, persons [2]int64
	var evidence string
	var decided, found int64
	err := row.Scan(&nodes[0], &nodes[1], &persons[0], &persons[1], &p.Weight, &p.Chance, &evidence, &p.Model, &p.Decision, &p.Refusal, &p.DecidedBy, &decided, &found)
	if err != nil {
		return nil, err
	}
	for i := range 2 {
		p.Nodes[i], p.Persons[i] = touchstone.NodeID(nodes[i]), touchstone.PersonID(persons[i])
	}
	p.Evidence, p.FoundAt = touchstone.JSON(evidence), time.UnixMilli(found).UTC()
	if decided != 0 {
		p.DecidedAt = time.UnixMilli(decided).UTC()
	}
	return p, nil
}

func pairNotFound(id string) error {
	return touchstone.Errorf(touchstone.NotFound, "There is no pair %.80q.", id).WithHint("It may have gone with one of its persons.")
}

// Pair returns a pair.
func (l *Linkage) Pair(ctx context.Context, id string) (*Pair, error) {
	nodes, ok := parsePairID(id)
	if !ok {
		return nil, pairNotFound(id)
	}
	p, err := pairOf(ctx, l.cfg.DB.Reader(), nodes)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pairNotFound(id)
	}
	return p, err
}

func pairOf(ctx context.Context, q store.Querier, nodes [2]touchstone.NodeID) (*Pair, error) {
	return scanPair(q.QueryRow(ctx, `SELECT `+pairColumns+` FROM linkage_pairs WHERE node_a = ? AND node_b = ?`, int64(nodes[0]), int64(nodes[1])))
}

// place is where a page of pairs goes on.
type place struct {
	weight float64
	nodes  [2]touchstone.NodeID
}

// pairs returns pairs of a state, the heaviest first, behind a place.
func (l *Linkage) pairs(ctx context.Context, state State, after *place, limit int) (list []*Pair, err error) {
	query, args := `SELECT `+pairColumns+` FROM linkage_pairs p WHERE `+conditions[state], []any{}
	if after != nil {
		query += ` AND (weight < ? OR weight = ? AND (node_a > ? OR node_a = ? AND node_b > ?))`
		args = append(args, after.weight, after.weight, int64(after.nodes[0]), int64(after.nodes[0]), int64(after.nodes[1]))
	}
	return readPairs(ctx, l.cfg.DB.Reader(), query+` ORDER BY weight DESC, node_a, node_b LIMIT ?`, append(args, limit)...)
}

// PairsOf returns the pairs of a person, the heaviest first.
func (l *Linkage) PairsOf(ctx context.Context, person touchstone.PersonID) ([]*Pair, error) {
	return readPairs(ctx, l.cfg.DB.Reader(), `SELECT `+pairColumns+` FROM linkage_pairs WHERE person_a = ? OR person_b = ? ORDER BY weight DESC, node_a, node_b LIMIT 200`, int64(person), int64(person))
}

func readPairs(ctx context.Context, q store.Querier, query string, args ...any) (list []*Pair, err error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read pairs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		p, err := scanPair(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// Counts returns how many pairs there are of each state.
func (l *Linkage) Counts(ctx context.Context) (map[State]int64, error) {
	counts := make(map[State]int64, len(conditions))
	for state, condition := range conditions {
		var n int64
		if err := l.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM linkage_pairs p WHERE `+condition).Scan(&n); err != nil {
			return nil, fmt.Errorf("count pairs: %w", err)
		}
		counts[state] = n
	}
	return counts, nil
}

// writePairs writes pairs over those of the same nodes.
func writePairs(ctx context.Context, tx *store.Tx, list []*Pair) error {
	u := store.Upsert{Table: "linkage_pairs", Key: []string{"node_a", "node_b"}, Columns: strings.Split(strings.ReplaceAll(pairColumns, " ", ""), ",")}
	return tx.BulkUpsert(ctx, u, len(list), func(i int, args []any) {
		p := list[i]
		decided := int64(0)
		if !p.DecidedAt.IsZero() {
			decided = p.DecidedAt.UnixMilli()
		}
		args[0], args[1], args[2], args[3] = int64(p.Nodes[0]), int64(p.Nodes[1]), int64(p.Persons[0]), int64(p.Persons[1])
		args[4], args[5], args[6], args[7], args[8] = p.Weight, p.Chance, string(p.Evidence), p.Model, p.Decision
		args[9], args[10], args[11], args[12] = p.Refusal, p.DecidedBy, decided, p.FoundAt.UnixMilli()
	})
}
