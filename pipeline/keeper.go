package pipeline

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Keeper returns who sees to the timers of persons. It stands first in the list, so that the
// timers' owners can change in their own keepers what it has done.
func Keeper() keep.Keeper { return keeper{} }

type keeper struct{}

// Name is that of the migrations.
func (keeper) Name() string { return "pipeline" }

// Tables lists the timers. Those of other subjects are their owners'.
func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "timers", Persons: []string{"subject_id"}}}
}

// Merge makes the timers of absorbed persons the other's; of two with the same owner and key
// the earlier stays, so that none is late.
func (keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	absorbed, into := keep.Final(merges)
	left, err := timersOfPersons(ctx, tx, absorbed)
	if err != nil || len(left) == 0 {
		return err
	}
	var heirs []touchstone.PersonID
	for i := range left {
		heirs = append(heirs, into[left[i].Subject.Person()])
	}
	slices.Sort(heirs)
	own, err := timersOfPersons(ctx, tx, slices.Compact(heirs))
	if err != nil {
		return err
	}
	earliest := make(map[timerOf]time.Time, len(own))
	for i := range own {
		earliest[keyOf(&own[i])] = own[i].At
	}
	if err := deleteTimers(ctx, tx, left); err != nil {
		return err
	}
	var set []touchstone.Timer
	for _, t := range left {
		t.Subject = touchstone.PersonSubject(into[t.Subject.Person()])
		if at, known := earliest[keyOf(&t)]; !known || t.At.Before(at) {
			earliest[keyOf(&t)] = t.At
			set = append(set, t)
		}
	}
	return SetTimers(ctx, tx, set...)
}

// Split leaves timers with the older person: what the other one needs is asked for anew.
func (keeper) Split(context.Context, *store.Tx, []keep.Split) error { return nil }

// Erase cancels the persons' timers.
func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	var list []int64
	for _, e := range persons {
		list = append(list, e.Numbers()...)
	}
	return store.ExecIn(ctx, tx, `DELETE FROM timers WHERE subject = ? AND subject_id IN (...)`, list, touchstone.SubjectPerson)
}

// Export hands over the person's timers.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	list, err := timersOfPersons(ctx, q, []touchstone.PersonID{who.Person})
	if err != nil {
		return err
	}
	slices.SortFunc(list, byTimerKey)
	for _, t := range list {
		if err := put("timer", map[string]any{"owner": t.Owner, "key": t.Key, "at": t.At}); err != nil {
			return err
		}
	}
	return nil
}

func timersOfPersons(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (list []touchstone.Timer, err error) {
	ids := make([]int64, len(persons))
	for i, p := range persons {
		ids[i] = int64(p)
	}
	err = store.SelectIn(ctx, q, `SELECT subject, subject_id, owner, name, due_at FROM timers WHERE subject = ? AND subject_id IN (...)`, ids, func(rows *sql.Rows) error {
		t, err := scanTimer(rows)
		list = append(list, t)
		return err
	}, touchstone.SubjectPerson)
	return list, err
}
