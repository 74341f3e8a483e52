package household

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Bounds of what is learnt from at once.
const (
	learnPersons = 60_000 // beyond, each so many-th person, with all who hang together
	learnChunk   = 500
)

// Learn estimates what clues are worth from those that are kept, and from decisions. It changes nothing:
// rules are set with what it says, or not.
func (h *Households) Learn(ctx context.Context) (Learnt, error) {
	q := h.cfg.DB.Reader()
	rules, err := h.current(ctx, q)
	if err != nil {
		return Learnt{}, err
	}
	var persons int64
	if err := q.QueryRow(ctx, `SELECT COUNT(DISTINCT person) FROM household_clues`).Scan(&persons); err != nil {
		return Learnt{}, err
	}
	every := persons/learnPersons + 1
	clues := map[rowID]Clue{}
	decisions := map[string]Decision{}
	crowded := map[Thing]bool{}
	met := map[touchstone.PersonID]bool{}
	for from := int64(0); len(met) < 2*learnPersons; {
		var next []touchstone.PersonID
		err := readNumbers(ctx, q, `SELECT DISTINCT person FROM household_clues WHERE person > ? AND person % ? = 0 ORDER BY person LIMIT ?`, []any{from, every, learnChunk}, func(p int64) {
			from = p
			if !met[touchstone.PersonID(p)] {
				next = append(next, touchstone.PersonID(p))
			}
		}, &persons)
		if err != nil {
			return Learnt{}, err
		}
		if persons == 0 {
			break
		}
		if len(next) == 0 {
			continue
		}
		r, err := loadRegion(ctx, q, rules, next)
		if err != nil {
			return Learnt{}, err
		}
		for _, c := range r.clues {
			clues[c.row()] = c
		}
		maps.Copy(met, r.persons)
		maps.Copy(decisions, r.decisions)
		maps.Copy(crowded, r.crowded)
	}
	return rules.Learn(slices.Collect(maps.Values(clues)), slices.Collect(maps.Values(decisions)), crowded), nil
}

// readNumbers calls fn for each number of an answer and counts them.
func readNumbers(ctx context.Context, q store.Querier, query string, args []any, fn func(n int64), count *int64) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	return eachNumber(rows, fn, count)
}

func eachNumber(rows *sql.Rows, fn func(n int64), count *int64) error {
	defer rows.Close()
	*count = 0
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		*count++
		fn(n)
	}
	return rows.Err()
}
