package household

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// What is read of households, on every store: the list by members and size, seats, what members
// have paid lately, cars, and who is told that others live with them.
func TestReads(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, now := context.Background(), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		told := map[touchstone.PersonID]bool{}
		h, err := Open(ctx, Config{DB: db, Clock: touchstone.ClockFunc(func() time.Time { return now }),
			Moved: func(_ context.Context, _ *store.Tx, persons []touchstone.PersonID, quiet bool) error {
				for _, p := range persons {
					told[p] = quiet
				}
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		seq := uint64(0)
		hear := func(backfill bool, p touchstone.PersonID, e touchstone.Event) {
			t.Helper()
			seq++
			e.Identifiers = append([]touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", p)}}, e.Identifiers...)
			o := touchstone.Occurrence{Kind: touchstone.EventHappened, Person: p, Name: e.Name, Time: e.Time, Cause: touchstone.MakeSeq(0, seq, 0), Event: &e, Backfill: backfill}
			if err := db.Update(ctx, func(tx *store.Tx) error { return h.React(ctx, tx, []touchstone.Occurrence{o}, nowhere{}) }); err != nil {
				t.Fatal(err)
			}
		}
		lives := func(backfill bool, p touchstone.PersonID, number int) {
			hear(backfill, p, touchstone.Event{Type: touchstone.Identify, Name: "$identify", Time: now.AddDate(0, -1, 0),
				Traits: touchstone.JSON(fmt.Sprintf(`{"address":"上海市张江路%d号301室","name":"王%d"}`, number, p))})
		}
		lives(true, 1, 5)
		lives(true, 2, 5)
		if !told[1] || !told[2] || len(told) != 2 {
			t.Errorf("told of history: %v", told)
		}
		lives(false, 3, 7)
		lives(false, 4, 7)
		lives(false, 5, 7)
		if quiet, heard := told[3]; !heard || quiet || len(told) != 5 {
			t.Errorf("told: %v", told)
		}
		clear(told)
		lives(false, 5, 7)
		if len(told) != 0 {
			t.Errorf("that nothing is new was told: %v", told)
		}
		hear(false, 3, touchstone.Event{Name: "Order Completed", Time: now.AddDate(-2, 0, 0), Properties: `{"revenue":100}`})
		hear(false, 3, touchstone.Event{Name: "Order Completed", Time: now.AddDate(0, -2, 0), Properties: `{"revenue":20.5}`})
		hear(false, 3, touchstone.Event{Name: "Order Completed", Time: now.AddDate(0, -2, 0), Properties: `{"revenue":1}`})
		hear(false, 4, touchstone.Event{Name: "Drove", Time: now, Identifiers: []touchstone.Identifier{{Kind: touchstone.KindVIN, Value: "LMR1"}}})

		list := func(q ListQuery) (sizes []int) {
			t.Helper()
			q.Limit = 10
			found, _, err := h.List(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range found {
				sizes = append(sizes, s.Size)
			}
			return sizes
		}
		for _, c := range []struct {
			q    ListQuery
			want []int
		}{
			{ListQuery{}, []int{3, 2}}, {ListQuery{Sort: bySize}, []int{3, 2}}, {ListQuery{MinSize: 3}, []int{3}}, {ListQuery{MinSize: 4}, nil},
			{ListQuery{Persons: []touchstone.PersonID{2, 9}}, []int{2}}, {ListQuery{Persons: []touchstone.PersonID{1, 5}, Sort: byScore}, []int{3, 2}},
		} {
			if got := list(c.q); len(got) != len(c.want) || c.q.Sort != byScore && !slices.Equal(got, c.want) {
				t.Errorf("%+v lists households of %v, not %v", c.q, got, c.want)
			}
		}
		lately, err := h.spentLately(ctx, []touchstone.PersonID{3, 4})
		if err != nil || lately[3] != 21.5 || lately[4] != 0 {
			t.Errorf("paid lately: %v, %v", lately, err)
		}
		cars, err := h.vehicles(ctx, []touchstone.PersonID{3, 4})
		if err != nil || carsOf(cars, []touchstone.PersonID{3, 4}, func(p touchstone.PersonID) touchstone.PersonID { return p }) != 1 {
			t.Errorf("cars: %v, %v", cars, err)
		}
		seats, err := h.Seats(ctx, db.Reader(), []touchstone.PersonID{4})
		if err != nil || len(seats) != 3 {
			t.Errorf("seats: %+v, %v", seats, err)
		}
		for _, s := range seats {
			if s.From > now.UnixMilli() || s.Until <= now.UnixMilli() || s.Person == 3 && !slices.Contains(s.Roles, "payer") {
				t.Errorf("a seat: %+v", s)
			}
		}
		all := 0
		if err := h.EachSeat(ctx, func(Seat) error { all++; return nil }); err != nil || all != 5 {
			t.Errorf("%d seats, %v", all, err)
		}
		if learnt, err := h.Learn(ctx); err != nil || learnt.Pairs != 4 || len(learnt.Strengths) != 0 {
			t.Errorf("learnt of four pairs: %+v, %v", learnt, err)
		}
	})
}
