package stage

import (
	"context"
	"database/sql"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper moves spans with the identifiers that they came under. What was reached together stays with the identifier
// that it was noted under; where each stands is asked anew after a split.
type keeper struct{}

// Keeper returns the stages as a keeper of rows about persons.
func (s *Stages) Keeper() keep.Keeper { return keeper{} }

func (keeper) Name() string { return "stage" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "stage_spans", Persons: []string{"person"}, Nodes: []string{"node"}, Texts: []string{"message"}}}
}

// join gives what one person has to another.
func (keeper) join(ctx context.Context, tx *store.Tx, from, into touchstone.PersonID) error {
	_, err := tx.Exec(ctx, `UPDATE stage_spans SET person = ? WHERE person = ?`, int64(into), int64(from))
	return err
}

// Merge gives the other all of it. The reactor makes one of two open spans.
func (k keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	order, into := keep.Final(merges)
	for _, from := range order {
		if err := k.join(ctx, tx, from, into[from]); err != nil {
			return err
		}
	}
	return nil
}

// Split gives each what came under the identifiers that are theirs. Who has spans and none that is open is where the last
// one left them, until they are asked.
func (keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		if err := store.ExecIn(ctx, tx, `UPDATE stage_spans SET person = ? WHERE node IN (...)`, s.Moved, int64(s.To)); err != nil {
			return err
		}
	}
	return nil
}

// Erase deletes all of it.
func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, w := range persons {
		for _, column := range []string{"person", "node"} {
			if err := store.ExecIn(ctx, tx, `DELETE FROM stage_spans WHERE `+column+` IN (...)`, w.Numbers()); err != nil {
				return err
			}
		}
	}
	return nil
}

// exported is a span in the copy for a person.
type exported struct {
	Cycle   string     `json:"life_cycle"`
	Stage   string     `json:"stage"`
	From    string     `json:"from,omitempty"`
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty"`
	Why     string     `json:"why"`
	Cause   string     `json:"cause,omitempty"`
	Message string     `json:"message_id,omitempty"`
}

// Export hands over the spans, oldest first.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return store.SelectIn(ctx, q, `SELECT COALESCE((SELECT key FROM stage_cycles c WHERE c.id = s.cycle), s.cycle), s.stage, s.origin, s.began, s.ended, s.why, s.cause, s.message
		FROM stage_spans s WHERE s.person IN (...) ORDER BY 1, s.began`, []touchstone.PersonID{who.Person}, func(rows *sql.Rows) error {
		var e exported
		var began, ended int64
		if err := rows.Scan(&e.Cycle, &e.Stage, &e.From, &began, &ended, &e.Why, &e.Cause, &e.Message); err != nil {
			return err
		}
		e.Began, e.Ended = time.UnixMilli(began).UTC(), momentOf(ended)
		return put("span", e)
	})
}
