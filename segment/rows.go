package segment

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// A viewer may be limited to some persons ([access.Rows]). Who they are is a segment of a rule
// over traits, kept up to date like every other one and listed nowhere: its entries and exits
// are told to nobody, no rule may name it, and viewers with the same conditions share it. Until
// it is built it is empty, so its viewers see nobody.

// kindRows is the kind of such a segment.
const kindRows Kind = "rows"

// rowsPrefix begins its id.
const rowsPrefix = "rows_"

// maxRows is how many sets there may be.
const maxRows = 2_000

// rowsRule is the rule that holds when one of the conditions does.
func rowsRule(anyOf []access.RowCondition) (*rule.Rule, error) {
	type condition struct {
		Trait string   `json:"trait"`
		Op    string   `json:"op"`
		Value []string `json:"value"`
	}
	list := make([]condition, len(anyOf))
	for i, c := range anyOf {
		values := slices.Clone(c.Values)
		slices.Sort(values)
		list[i] = condition{c.Trait, "in", slices.Compact(values)}
	}
	slices.SortFunc(list, func(a, b condition) int {
		return cmp.Or(strings.Compare(a.Trait, b.Trait), slices.Compare(a.Value, b.Value))
	})
	text, err := json.Marshal(map[string]any{"or": list})
	if err != nil {
		return nil, err
	}
	return rule.Parse(touchstone.JSON(text))
}

// KeepRows makes the set of persons for whom one of the conditions holds, if it is not there,
// and returns its name. A set whose build has failed is built again.
func (s *Segments) KeepRows(ctx context.Context, anyOf []access.RowCondition) (set string, err error) {
	r, err := rowsRule(anyOf)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(r.JSON()))
	set = rowsPrefix + hex.EncodeToString(sum[:12])
	return set, s.update(ctx, func(tx *store.Tx) error {
		var failure string
		err := tx.QueryRow(ctx, `SELECT failure FROM segments WHERE id = ?`, set).Scan(&failure)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return s.insert(ctx, tx, set, kindRows, Draft{Name: set}, r, nil)
		case err != nil || failure == "":
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE segments SET failure = '' WHERE id = ?`, set); err != nil {
			return err
		}
		if _, err := newGeneration(ctx, tx, set, r.JSON()); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// ForgetRows deletes the sets made before a moment that are not in use.
func (s *Segments) ForgetRows(ctx context.Context, used []string, before time.Time) error {
	return s.update(ctx, func(tx *store.Tx) error {
		var unused []string
		rows, err := tx.Query(ctx, `SELECT id FROM segments WHERE kind = ? AND created_at < ?`, string(kindRows), before.UnixMilli())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			if !slices.Contains(used, id) {
				unused = append(unused, id)
			}
		}
		if err := rows.Err(); err != nil || len(unused) == 0 {
			return err
		}
		_ = rows.Close()
		for _, id := range unused {
			if err := remove(ctx, tx, id); err != nil {
				return err
			}
		}
		return bump(ctx, tx)
	})
}

// Within returns those of the persons that v may see, in the order asked.
func (s *Segments) Within(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	if !v.Limited() || len(persons) == 0 {
		return persons, nil
	}
	generation, err := s.rowsGeneration(ctx, v)
	if err != nil || generation == 0 {
		return nil, err
	}
	in := map[touchstone.PersonID]bool{}
	err = store.SelectIn(ctx, s.db.Reader(), `SELECT person, state FROM segment_states WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		var person touchstone.PersonID
		var text []byte
		if err := rows.Scan(&person, &text); err != nil {
			return err
		}
		var st state
		if err := st.decode(text); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
		_, in[person] = st.enteredAt(uint32(generation)) //nolint:gosec // counts from one
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(persons), func(p touchstone.PersonID) bool { return !in[p] }), nil
}

// rowsGeneration is the generation of segment_members that holds whom a limited viewer sees; 0
// when that is nobody.
func (s *Segments) rowsGeneration(ctx context.Context, v *access.Viewer) (generation int64, err error) {
	err = s.db.Reader().QueryRow(ctx, `SELECT live FROM segments WHERE id = ? AND kind = ?`, v.Rows.Set, string(kindRows)).Scan(&generation)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return generation, err
}

// visible is a condition on a column person, with its arguments, that holds for those that v
// may see; empty for a viewer who sees everybody.
func (s *Segments) visible(ctx context.Context, v *access.Viewer) (condition string, args []any, err error) {
	if !v.Limited() {
		return "", nil, nil
	}
	generation, err := s.rowsGeneration(ctx, v)
	return ` AND person IN (SELECT person FROM segment_members WHERE generation = ?)`, []any{generation}, err
}

// countVisible replaces the sizes of segments by how many of those members v may see. Few
// members are visible where viewers are limited, so it looks at what each of those is in.
func (s *Segments) countVisible(ctx context.Context, v *access.Viewer, list []Segment) error {
	if !v.Limited() {
		return nil
	}
	generation, err := s.rowsGeneration(ctx, v)
	if err != nil {
		return err
	}
	counts := map[uint32]int64{}
	rows, err := s.db.Reader().Query(ctx, `SELECT st.state FROM segment_members m JOIN segment_states st ON st.person = m.person WHERE m.generation = ?`, generation)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text []byte
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var st state
		if err := st.decode(text); err != nil {
			return err
		}
		for _, m := range st.in {
			counts[m.generation]++
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_ = rows.Close()
	live, err := s.liveGenerations(ctx)
	for i := range list {
		list[i].Members = counts[live[list[i].ID]]
	}
	return err
}

// liveGenerations returns the generation that answers for each segment.
func (s *Segments) liveGenerations(ctx context.Context) (map[string]uint32, error) {
	rows, err := s.db.Reader().Query(ctx, `SELECT id, live FROM segments`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	live := map[string]uint32{}
	for rows.Next() {
		var id string
		var generation uint32
		if err := rows.Scan(&id, &generation); err != nil {
			return nil, err
		}
		live[id] = generation
	}
	return live, rows.Err()
}

// visibleSet is whom v may see; nil: everybody.
func (s *Segments) visibleSet(ctx context.Context, v *access.Viewer) (map[touchstone.PersonID]bool, error) {
	if !v.Limited() {
		return nil, nil
	}
	set := map[touchstone.PersonID]bool{}
	generation, err := s.rowsGeneration(ctx, v)
	if err != nil {
		return nil, err
	}
	persons, err := readPersons(ctx, s.db.Reader(), `SELECT person FROM segment_members WHERE generation = ?`, generation)
	for _, p := range persons {
		set[p] = true
	}
	return set, err
}
