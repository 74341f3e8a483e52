package duckdb

import (
	"context"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// The columns of events_raw that stand before and after the dimensions. chunkWriter
// fills them by place.
var (
	leadingColumns = []string{"seq BIGINT NOT NULL", "message_id VARCHAR", "time TIMESTAMP NOT NULL", "received_at TIMESTAMP",
		"node BIGINT NOT NULL", "event INTEGER NOT NULL", "type VARCHAR", "source VARCHAR"}
	trailingColumns = []string{"properties JSON", "context JSON"}
)

// The view is what people see: names instead of codes, persons instead of nodes.
const eventsView = `CREATE OR REPLACE VIEW events AS
SELECT r.seq, r.message_id, r.time, r.received_at, n.name AS event,
  'p_' || lower(to_base(coalesce(o.person, r.node), 36)) AS person, coalesce(o.person, r.node) AS person_id, r.node,
  r.type, r.source, %s, r.properties, r.context
FROM events_raw r JOIN event_names n ON n.code = r.event LEFT JOIN overrides o ON o.node = r.node`

// migrate makes what is missing. Every step can be run again.
func (w *writer) migrate(ctx context.Context) error {
	columns := append([]string{}, leadingColumns...)
	for _, name := range warehouse.DimensionNames {
		columns = append(columns, name+" VARCHAR")
	}
	columns = append(columns, trailingColumns...)
	dims := "r." + strings.Join(warehouse.DimensionNames[:], ", r.")
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS events_raw (" + strings.Join(columns, ", ") + ")",
		"CREATE TABLE IF NOT EXISTS event_names (code INTEGER NOT NULL, name VARCHAR NOT NULL)",
		"CREATE TABLE IF NOT EXISTS overrides (node BIGINT NOT NULL, person BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS positions (partition INTEGER NOT NULL, through BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS override_version (version BIGINT NOT NULL)",
		fmt.Sprintf(eventsView, dims),
	} {
		if err := w.conn.exec(ctx, statement); err != nil {
			return fmt.Errorf("preparing the warehouse: %w", err)
		}
	}
	return nil
}

// load reads the small tables, and the last node, that the writer keeps in memory.
func (w *writer) load(ctx context.Context) error {
	w.names, w.positions, w.overrideVersion = map[string]int32{}, map[int]stream.Offset{}, 0
	return errorsJoin(
		w.rows(ctx, "SELECT code, name FROM event_names", func(row []any) {
			w.names[row[1].(string)] = int32(row[0].(int64))
		}),
		w.rows(ctx, "SELECT partition, through FROM positions", func(row []any) {
			w.positions[int(row[0].(int64))] = stream.Offset(row[1].(int64))
		}),
		w.rows(ctx, "SELECT max(version) FROM override_version", func(row []any) {
			w.overrideVersion, _ = row[0].(int64)
		}),
		w.rows(ctx, "SELECT max(node) FROM events_raw", func(row []any) {
			last, _ := row[0].(int64)
			w.lastNode.Store(last)
		}),
	)
}

func (w *writer) rows(ctx context.Context, query string, fn func(row []any)) error {
	return w.conn.run(ctx, query, nil, func(res *mapping.Result) error {
		table, err := collect(ctx, res, maxSmallTable)
		if err != nil {
			return err
		}
		if table.Truncated {
			return touchstone.Errorf(touchstone.Internal, "more than %d rows: %s", maxSmallTable, query)
		}
		for _, row := range table.Rows {
			fn(row)
		}
		return nil
	})
}

// maxSmallTable bounds the tables that are kept in memory.
const maxSmallTable = 10_000_000
