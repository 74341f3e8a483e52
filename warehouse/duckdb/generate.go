package duckdb

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
)

// The shape of generated events.
const (
	generatedPartition = 127 // a partition of their own keeps their seqs apart
	generatedDays      = 90
)

// generatedEvents are the names with their share of a thousand events.
var generatedEvents = []struct {
	name  string
	share int
}{{"view", 500}, {"search", 250}, {"addtocart", 120}, {"checkout", 60}, {"transaction", 40}, {"review", 30}}

// Generate adds n made-up events of a shop to an empty warehouse, for benchmarks: of about
// users people, over the 90 days from 1 January 2026, in the order of time. Every fifth
// person has a second node. The same numbers give the same events.
func (w *Warehouse) Generate(ctx context.Context, n, users int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed()
	}
	if n <= 0 || users <= 0 || len(w.writer.names) > 0 {
		return touchstone.Errorf(touchstone.Invalid, "events are generated for an empty warehouse only, at least one of at least one user")
	}
	w.helpers.begin()
	defer w.helpers.end()
	c := w.writer.conn
	if err := c.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err := w.generate(ctx, c, n, users)
	if err == nil {
		err = c.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	err = errorsJoin(err, w.writer.load(context.WithoutCancel(ctx)))
	w.checkpointIfDue(ctx)
	return err
}

func (w *Warehouse) generate(ctx context.Context, c *conn, n, users int64) error {
	code, upTo := "CASE", 0
	for i, e := range generatedEvents {
		if err := c.exec(ctx, "INSERT INTO event_names VALUES (?, ?)", int64(i+1), e.name); err != nil {
			return err
		}
		upTo += e.share
		code += fmt.Sprintf(" WHEN h %% 1000 < %d THEN %d", upTo, i+1)
	}
	step := generatedDays * 86_400_000_000 / n // microseconds
	// Three independent draws from one hash: the event, the user, and the node.
	return errorsJoin(
		c.exec(ctx, fmt.Sprintf(`INSERT INTO events_raw BY NAME
SELECT %d + i AS seq, 'g' || i AS message_id, TIMESTAMP '2026-01-01' + to_microseconds((i * %d) // 1000 * 1000) AS time, time AS received_at,
  CAST(CASE WHEN u %% 5 = 0 AND h // 8000 %% 2 = 0 THEN u + %d ELSE u END + 1 AS BIGINT) AS node,
  CAST(%s END AS INTEGER) AS event, 'track' AS type, 'src_generated' AS source,
  ['web', 'ios', 'android', 'mini_program'][h // 16000 %% 4 + 1] AS platform, ['CN', 'DE', 'US'][h // 64000 %% 3 + 1] AS country,
  '{"price":' || (h // 200000 %% 10000 / 100) || ',"sku":"sku-' || (h // 7 %% 5000) || '","quantity":' || (h // 11 %% 5 + 1) || '}' AS properties
FROM (SELECT i, CAST(hash(i) // 2 AS BIGINT) AS h, CAST(hash(i + 1000000007) %% %d AS BIGINT) AS u FROM range(%d) r(i)) x`,
			touchstone.MakeSeq(generatedPartition, 1, 0), step, users, code, users, n)),
		c.exec(ctx, fmt.Sprintf("INSERT INTO overrides SELECT u + %d + 1, u + 1 FROM range(0, %d, 5) r(u)", users, users)),
	)
}
