package collect

import (
	"context"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper is the quarantine as a keeper. A refused event belongs to nobody yet, so nothing
// merges or splits; one that names a person is erased and exported with the person. See
// [keep.NewSearch] for what is found.
type keeper struct{}

// Keeper returns the keeper of what the edge has refused.
func Keeper() keep.Keeper { return keeper{} }

func (keeper) Name() string { return "collect" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "quarantine", Texts: []string{"raw", "request", "message_id"}}}
}

func (keeper) Merge(context.Context, *store.Tx, []keep.Merge) error { return nil }

func (keeper) Split(context.Context, *store.Tx, []keep.Split) error { return nil }

func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	var ids []string
	err := mentioned(ctx, tx, persons, func(q Quarantined) error {
		ids = append(ids, q.ID)
		return nil
	})
	if err != nil {
		return err
	}
	return store.ExecIn(ctx, tx, `DELETE FROM quarantine WHERE id IN (...)`, ids)
}

func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return mentioned(ctx, q, []keep.Whole{who}, func(q Quarantined) error { return put("refused_event", q) })
}

// mentioned calls fn for each refused event that names one of the persons.
func mentioned(ctx context.Context, q store.Querier, persons []keep.Whole, fn func(Quarantined) error) error {
	search := keep.NewSearch(persons)
	return keep.Each(ctx, q, `SELECT `+quarantineColumns+` FROM quarantine ORDER BY received_at, message_id, source`, nil, func(scan func(...any) error) error {
		item, err := scanQuarantined(rowScan(scan))
		if err != nil || !search.In(string(item.Event), item.request) {
			return err
		}
		return fn(item)
	})
}

// rowScan is a row's Scan.
type rowScan func(...any) error

func (s rowScan) Scan(into ...any) error { return s(into...) }
