package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// An event of our own takes the way of all events: it is checked, once in the log however
// often it is decided on or done, and with its person. What the checks refuse is a dead letter.
func TestEmittedEventsAreEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole program")
	}
	r := run(t)
	emit := func(id, body string) touchstone.Effect {
		return touchstone.Effect{ID: id, Kind: collect.EmitKind, Destination: r.source, Body: []byte(body)}
	}
	put := func(effects ...touchstone.Effect) {
		t.Helper()
		if err := r.store.Update(t.Context(), func(tx *store.Tx) error { return r.outbox.Put(t.Context(), tx, effects...) }); err != nil {
			t.Fatal(err)
		}
	}
	await := func(id string, state outbox.State) outbox.Letter {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
			l, _, err := r.outbox.Get(t.Context(), id)
			if err == nil && l.State == state {
				return l
			}
			if time.Now().After(end) {
				t.Fatalf("%s is %+v, %v", id, l, err)
			}
		}
	}
	const n = 200
	for i := range n {
		body := fmt.Sprintf(`{"type":"track","event":"Reward Granted","userId":"u%d","timestamp":"2026-05-01T08:00:00Z","properties":{"points":%d}}`, i%10, i)
		put(emit(fmt.Sprintf("reward/%d", i), body))
	}
	for i := range n {
		await(fmt.Sprintf("reward/%d", i), outbox.Delivered)
	}
	// Done once more with the same key, as after a kill between deed and note.
	for i := range n {
		body := fmt.Sprintf(`{"type":"track","event":"Reward Granted","userId":"u%d","timestamp":"2026-05-01T08:00:00Z","properties":{"points":%d}}`, i%10, i)
		if _, err := r.collector.Emitter().Deliver(t.Context(), emit(fmt.Sprintf("reward/%d", i), body), 2); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range map[string]string{
		"nobody":    `{"type":"track","event":"x"}`,
		"malformed": `{"type":"track",`,
		"own id":    `{"type":"track","event":"x","userId":"u","messageId":"m"}`,
	} {
		put(emit(name, body))
		if l := await(name, outbox.Dead); l.Error == "" {
			t.Errorf("%s: no reason", name)
		}
	}
	if err := r.settled(); err != nil {
		t.Fatal(err)
	}
	c, err := r.counters(t.Context())
	if err != nil || c.Processed != n || c.Duplicates != n || c.Quarantined != 0 {
		t.Errorf("%+v %v", c, err)
	}
	res, err := r.warehouse.Query(t.Context(), warehouse.Statement{SQL: `SELECT count(*), count(DISTINCT message_id), count(DISTINCT person), sum(CAST(properties->>'$.points' AS BIGINT)) FROM events`, Own: true})
	if err != nil || fmt.Sprint(res.Rows[0]) != fmt.Sprint([]any{n, n, 10, n * (n - 1) / 2}) {
		t.Errorf("%v %v", res.Rows, err)
	}
}
