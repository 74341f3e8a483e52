package privacy

import (
	"context"
	"errors"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper sees to what requests say of people: their identifiers go with the person. That
// somebody asked, when and what became of it stays: it must be shown. It stands last on app's list,
// so that it counts what the others have left.
type keeper struct {
	keep.ByStage // requests name identifiers, which neither merge nor split

	p *Privacy
}

// Keeper returns the keeper of requests.
func (p *Privacy) Keeper() keep.Keeper { return keeper{p: p} }

// Rollback forgets the tombstones of a batch that failed.
func (k keeper) Rollback() { k.p.dug.Store(nil) }

func (keeper) Name() string { return "privacy" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "privacy_requests", Texts: []string{"identifiers", "note"}, Stays: "that somebody asked must be shown; identifiers and notes are taken out"},
		{Name: "privacy_erasures", Nodes: []string{"number"}, Stays: "the tombstone: a number, and counts for the receipt"},
	}
}

// Erase takes identifiers and notes out of requests that name the persons, and counts what is left of
// them. A request to be told what is kept ends: nothing is.
func (k keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	named := map[string]bool{}
	for i := range persons {
		for _, id := range persons[i].Identifiers {
			named[id.String()] = true
		}
	}
	var about []string
	err := eachNaming(ctx, tx, named, func(r *Request) error {
		about = append(about, r.ID)
		return nil
	})
	if err != nil {
		return err
	}
	err = store.ExecIn(ctx, tx, `UPDATE privacy_requests SET identifiers = '', note = '', ended_at = CASE WHEN ended_at = 0 THEN asked_at ELSE ended_at END,
		state = CASE WHEN state IN ('waiting', 'running', 'held', 'failed') THEN 'nobody' ELSE state END WHERE id IN (...)`, about)
	if err != nil || k.p.cfg.Keepers == nil {
		return err
	}
	return k.countAfter(ctx, tx, persons)
}

// countAfter counts in the end of the transaction what was counted in its beginning.
func (k keeper) countAfter(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	left, err := k.p.count(ctx, tx, persons)
	if err != nil {
		return err
	}
	for person, n := range left {
		if _, err := tx.Exec(ctx, `UPDATE privacy_erasures SET after = ? WHERE number = ? AND after = ''`, encodeCounts(n), int64(person)); err != nil {
			return err
		}
	}
	return nil
}

func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	named := map[string]bool{}
	for _, id := range who.Identifiers {
		named[id.String()] = true
	}
	return eachNaming(ctx, q, named, func(r *Request) error {
		return put("request", struct {
			Kind   Kind   `json:"kind"`
			State  State  `json:"state"`
			Reason string `json:"reason"`
			Note   string `json:"note"`
		}{r.Kind, r.State, r.Reason, r.Note})
	})
}

// eachNaming calls fn for each request that names one of the identifiers. Requests that have ended
// name nobody.
func eachNaming(ctx context.Context, q store.Querier, named map[string]bool, fn func(r *Request) error) error {
	rows, err := q.Query(ctx, `SELECT `+requestColumns+` FROM privacy_requests WHERE identifiers <> '' ORDER BY asked_at, id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []Request
	for rows.Next() {
		r, err := scanRequest(rows.Scan)
		if err != nil {
			return err
		}
		for _, id := range r.Identifiers {
			if named[id] {
				list = append(list, r)
				break
			}
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for i := range list {
		if err := fn(&list[i]); err != nil {
			return err
		}
	}
	return nil
}
