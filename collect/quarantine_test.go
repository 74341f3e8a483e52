package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// settle does what the pipeline does: it writes the rejected events that were appended.
func (e *edge) settle(t *testing.T) {
	t.Helper()
	w := collect.NewQuarantineWriter(nil)
	var rejected []touchstone.Fact
	for _, ev := range e.log.take() {
		if ev.Type == touchstone.Rejected {
			rejected = append(rejected, touchstone.Fact{Event: ev})
		}
	}
	if err := e.db.Update(ctx, func(tx *store.Tx) error { return w.Write(ctx, tx, rejected) }); err != nil {
		t.Fatal(err)
	}
}

func TestQuarantineKeepsListsAndDiscards(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, nil)
		for i := range 7 {
			e.now = e.now.Add(time.Second)
			e.post(t, "/v1/track", fmt.Sprintf(`{"messageId":"m%d","event":"100%%_off","n":%d}`, i, i))
		}
		e.post(t, "/v1/track", `{"messageId":"m0","event":"100%_off","n":0}`) // a client that repeats itself
		e.post(t, "/v1/group", `{"messageId":"g","userId":"u"}`)
		e.settle(t)
		q := e.Quarantine()

		var got []string
		cursor := ""
		for pages := 0; ; pages++ {
			items, next, err := q.List(ctx, access.System(), collect.QuarantineFilter{Code: "missing_user"}, 3, cursor)
			if err != nil || pages > 3 {
				t.Fatal(err, pages)
			}
			for _, item := range items {
				got = append(got, string(item.Event))
			}
			if cursor = next; next == "" {
				break
			}
		}
		var want []string
		for i := 6; i >= 0; i-- {
			want = append(want, fmt.Sprintf(`{"messageId":"m%d","event":"100%%_off","n":%d}`, i, i))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for name, f := range map[string]struct {
			filter collect.QuarantineFilter
			want   int
		}{
			"source": {collect.QuarantineFilter{Source: e.source.ID}, 8}, "other source": {collect.QuarantineFilter{Source: "x"}, 0}, "code": {collect.QuarantineFilter{Code: "missing_group_id"}, 1},
			"reason": {collect.QuarantineFilter{Reason: "needs a groupid"}, 1}, "text": {collect.QuarantineFilter{Text: `"N":3`}, 1}, "wildcards are text": {collect.QuarantineFilter{Text: "100%_OFF"}, 7}, "no wildcard": {collect.QuarantineFilter{Text: "1%0"}, 0},
		} {
			if items, _, err := q.List(ctx, access.System(), f.filter, 50, ""); err != nil || len(items) != f.want {
				t.Errorf("%s: %d items, want %d, %v", name, len(items), f.want, err)
			}
		}
		sum, err := q.Summary(ctx, access.System())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]collect.QuarantineCount{
			{Code: "missing_user", Reason: "there is no userId, no anonymousId and no other identifier", Source: e.source.ID, Count: 7, LastAt: e.now},
			{Code: "missing_group_id", Reason: "a group call needs a groupId", Source: e.source.ID, Count: 1, LastAt: e.now},
		}, sum); d != "" {
			t.Error(d)
		}
		item, _, _ := q.List(ctx, access.System(), collect.QuarantineFilter{Code: "missing_group_id"}, 1, "")
		one, err := q.Get(ctx, item[0].ID)
		if err != nil || one.Origin != "http" || one.Row != nil || one.ReplayedAt != nil || !one.ReceivedAt.Equal(e.now) || !strings.HasPrefix(one.ID, "qr_") {
			t.Errorf("%+v %v", one, err)
		}
		if n, err := q.Discard(ctx, collect.QuarantineFilter{IDs: []string{one.ID, "qr_x"}}); n != 1 || err != nil {
			t.Errorf("discarded %d, %v", n, err)
		}
		if _, err := q.Get(ctx, one.ID); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("get after discard: %v", err)
		}
		if _, err := q.Discard(ctx, collect.QuarantineFilter{}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("an empty choice is not all: %v", err)
		}
		if _, _, err := q.List(ctx, access.System(), collect.QuarantineFilter{}, 1, "junk"); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("cursor: %v", err)
		}
	})
}

func TestReplay(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		e := newEdgeOn(t, db, nil)
		then := e.now
		a := e.post(t, "/v1/batch", `{"sentAt":"2026-03-01T13:00:00Z","context":{"locale":"zh-CN"},"batch":[
			{"type":"track","event":"Order","timestamp":"2026-03-01T12:59:00Z","messageId":"m1","properties":{"amount":1},"context":{"ip":"1.1.1.1"}},{"type":"track","event":"No id"}]}`)
		if a.status != 200 {
			t.Fatal(a.body)
		}
		e.post(t, "/v1/track", `{"event":"Single","messageId":"m2"}`)
		e.settle(t)
		e.now = e.now.Add(48 * time.Hour)
		q := e.Quarantine()
		find := func(text string) collect.Quarantined {
			items, _, err := q.List(ctx, access.System(), collect.QuarantineFilter{Text: text}, 10, "")
			if err != nil || len(items) != 1 {
				t.Fatalf("%s: %d, %v", text, len(items), err)
			}
			return items[0]
		}
		order := find("Order")
		if _, err := q.Replay(ctx, order.ID, ""); touchstone.KindOf(err) != touchstone.Invalid || !strings.Contains(err.Error(), "no userId") {
			t.Fatalf("unrepaired: %v", err)
		}
		if _, err := q.Replay(ctx, order.ID, `{"type":`); touchstone.KindOf(err) != touchstone.Invalid {
			t.Fatalf("malformed: %v", err)
		}
		if got := e.log.take(); len(got) != 0 {
			t.Fatalf("stored %v", got)
		}
		repaired := strings.Replace(string(order.Event), `"type"`, `"userId":"u9","type"`, 1)
		if r, err := q.Replay(ctx, order.ID, touchstone.JSON(repaired)); err != nil || r.Replayed != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		want := touchstone.Event{
			Type: touchstone.Track, Name: "Order", MessageID: "m1", UserID: "u9", Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: "u9"}},
			Time: then.Add(-time.Minute), ReceivedAt: then, Source: e.source.ID, // as it would have been
			Properties: `{"amount":1}`, Context: `{"ip":"1.1.1.1","locale":"zh-CN"}`,
		}
		if d := cmp.Diff([]touchstone.Event{want}, e.log.take()); d != "" {
			t.Error(d)
		}
		if got := find("Order"); got.ReplayedAt == nil || !got.ReplayedAt.Equal(e.now) {
			t.Errorf("%+v", got)
		}
		// An event that came without an id keeps the one that it got; a single call keeps its type.
		single := find("Single")
		if r, err := q.Replay(ctx, single.ID, `{"event":"Single","userId":"u1"}`); err != nil || r.Replayed != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		if got := e.log.take(); len(got) != 1 || got[0].MessageID != "m2" || got[0].Type != touchstone.Track {
			t.Errorf("%+v", got)
		}
		// Those replayed before are left out.
		if r, err := q.ReplayAll(ctx, collect.QuarantineFilter{Code: "missing_user"}); err != nil || r.Replayed != 0 || r.Rejected != 1 {
			t.Errorf("%+v %v", r, err)
		}
		if _, err := q.ReplayAll(ctx, collect.QuarantineFilter{}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("an empty choice is not all: %v", err)
		}
		if _, err := q.Replay(ctx, "qr_x", ""); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("%v", err)
		}
	})
}

func TestQuarantineIsBounded(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		for name, test := range map[string]struct {
			change func(*collect.Config)
			want   int
		}{
			"rows":  {func(c *collect.Config) { c.QuarantineRows = 10 }, 10},
			"bytes": {func(c *collect.Config) { c.QuarantineBytes = 100 * 7 }, 7},
			"age":   {func(c *collect.Config) { c.QuarantineAge = 5500 * time.Millisecond }, 6},
		} {
			e := newEdgeOnAgain(t, db, test.change)
			for i := range 25 {
				e.now = e.now.Add(time.Second)
				e.post(t, "/v1/track", fmt.Sprintf(`{"messageId":"%s-%02d","event":"x"%s}`, name, i, strings.Repeat(" ", 100-33-len(name))))
			}
			e.settle(t)
			if err := e.Quarantine().Trim(ctx); err != nil {
				t.Fatal(err)
			}
			items, _, err := e.Quarantine().List(ctx, access.System(), collect.QuarantineFilter{}, 100, "")
			if err != nil || len(items) != test.want || !strings.Contains(string(items[0].Event), "-24") {
				t.Errorf("%s: %d left, want %d, %v", name, len(items), test.want, err)
			}
			if n := e.counter(t, "quarantine_rows_total"); n != float64(25-test.want) {
				t.Errorf("%s: %v counted", name, n)
			}
			if _, err := e.Quarantine().Discard(ctx, collect.QuarantineFilter{Source: e.source.ID}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// newEdgeOnAgain makes another edge on the same database.
func newEdgeOnAgain(t *testing.T, db *store.DB, change func(*collect.Config)) *edge {
	t.Helper()
	if err := db.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sources`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return newEdgeOn(t, db, change)
}

func TestImportedRowsInQuarantine(t *testing.T) {
	e := newEdge(t, nil)
	w := collect.NewQuarantineWriter(nil)
	fact := touchstone.Fact{Event: touchstone.Event{Type: touchstone.Rejected, MessageID: "file:12", Source: e.source.ID, ReceivedAt: e.now, Time: e.now,
		Reason: `column price: "abc" is not a number`, Raw: `{"price":"abc"}`, Context: `{"import":{"row":12}}`}}
	if err := e.db.Update(ctx, func(tx *store.Tx) error { return w.Write(ctx, tx, []touchstone.Fact{fact}) }); err != nil {
		t.Fatal(err)
	}
	items, _, err := e.Quarantine().List(ctx, access.System(), collect.QuarantineFilter{}, 10, "")
	if err != nil || len(items) != 1 {
		t.Fatal(err)
	}
	if got := items[0]; got.Origin != "import" || got.Row == nil || *got.Row != 12 || got.Code != "import_row" || got.Reason != fact.Reason || got.Event != fact.Raw {
		t.Errorf("%+v", got)
	}
}
