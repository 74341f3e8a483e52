package profile

import (
	"context"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// dayInStore is the day of a person's latest event as the store has it.
func (b *bench) dayInStore(person touchstone.PersonID) (day int64) {
	b.t.Helper()
	if err := b.db.Reader().QueryRow(context.Background(), `SELECT day FROM profile_days WHERE person = ?`, int64(person)).Scan(&day); err != nil {
		b.t.Fatal(err)
	}
	return day
}

// What committed batches have left in memory to be written later is there also after a
// batch that fails, and after the process has stopped.
func TestWhatIsHeldBackOutlivesAFailedBatch(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.track(1, 0, "Viewed"), b.track(2, 0, "Viewed"))
		const week = 7 * 24 * 60
		b.apply(b.track(1, week, "Viewed"), b.identify(2, week, `{"plan":"gold"}`))
		if _, err := b.try(true, nil, b.track(1, 2*week, "Viewed"), b.identify(2, 2*week, `{"plan":"tin"}`)); err == nil {
			t.Fatal("the batch should have failed")
		}
		b.apply(b.track(2, week+1, "Viewed"))
		if err := b.p.Flush(t.Context(), noFence); err != nil {
			t.Fatal(err)
		}
		want := floorDay(day.UnixMilli()) + 7
		for person := range touchstone.PersonID(2) {
			if got := b.dayInStore(person + 1); got != want {
				t.Errorf("the latest day of person %d is %d, want %d", person+1, got, want)
			}
		}
		traits, err := b.p.Traits(t.Context(), access.System())
		if err != nil || len(traits) != 1 || len(traits[0].Examples) != 1 || traits[0].Examples[0] != `"gold"` || traits[0].Persons != 1 {
			t.Errorf("traits %+v, %v", traits, err)
		}
	})
}

// A stop right after a failed batch writes what was held back, too.
func TestFlushAfterAFailedBatch(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.track(1, 0, "Viewed"))
		b.apply(b.track(1, 24*60, "Viewed"))
		_, _ = b.try(true, nil, b.track(1, 48*60, "Viewed"))
		if err := b.p.Flush(t.Context(), noFence); err != nil {
			t.Fatal(err)
		}
		if got, want := b.dayInStore(1), floorDay(day.UnixMilli())+1; got != want {
			t.Errorf("the latest day is %d, want %d", got, want)
		}
	})
}

// noFence is the fence of a store that nobody else works on.
func noFence(context.Context, *store.Tx) error { return nil }
