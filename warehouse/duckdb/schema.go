package duckdb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// step brings a file from the version before it to its own. Steps are never changed once
// released: what is to be different is a step more. Each is one transaction, so that one that
// was cut short begins again.
//
// A dimension is added by a step that adds its column:
//
//	{"ALTER TABLE events_raw ADD COLUMN store VARCHAR"}
//
// It comes to stand last, and rows from before have none in it.
type step []string

// steps are all versions: a file's is the number of steps that it has been through.
var steps = []step{
	{ // 1: as the first release made it; files of before versions were noted have all of it
		`CREATE TABLE IF NOT EXISTS events_raw (seq BIGINT NOT NULL, message_id VARCHAR, time TIMESTAMP NOT NULL, received_at TIMESTAMP,
			node BIGINT NOT NULL, event INTEGER NOT NULL, type VARCHAR, source VARCHAR,
			session VARCHAR, platform VARCHAR, os VARCHAR, country VARCHAR, city VARCHAR, utm_source VARCHAR, utm_medium VARCHAR,
			utm_campaign VARCHAR, utm_term VARCHAR, utm_content VARCHAR, channel VARCHAR, page_path VARCHAR, properties JSON, context JSON)`,
		"CREATE TABLE IF NOT EXISTS event_names (code INTEGER NOT NULL, name VARCHAR NOT NULL)",
		"CREATE TABLE IF NOT EXISTS overrides (node BIGINT NOT NULL, person BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS positions (partition INTEGER NOT NULL, through BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS override_version (version BIGINT NOT NULL)",
	},
	{ // 2: sets of the program's own
		"CREATE TABLE set_names (code INTEGER NOT NULL, name VARCHAR NOT NULL, version VARCHAR NOT NULL)",
		"CREATE TABLE set_members (code INTEGER NOT NULL, n BIGINT NOT NULL)",
	},
	{ // 3: how many events of erased persons were deleted or not kept
		"CREATE TABLE erased_events (n BIGINT NOT NULL)",
		"INSERT INTO erased_events VALUES (0)",
	},
}

// eventColumns are the columns of events_raw in the order in which chunkWriter fills them;
// where they stand in the table depends on the file's history.
func eventColumns() []string {
	names := []string{"seq", "message_id", "time", "received_at", "node", "event", "type", "source"}
	names = append(names, warehouse.DimensionNames[:]...)
	return append(names, "properties", "context")
}

// The view is what people see: names instead of codes, persons instead of nodes.
const eventsView = `CREATE OR REPLACE VIEW events AS
SELECT r.seq, r.message_id, r.time, r.received_at, n.name AS event,
  CASE WHEN r.node < 0 THEN 'nobody_' || lower(to_base(-r.node, 36)) ELSE 'p_' || lower(to_base(coalesce(o.person, r.node), 36)) END AS person, coalesce(o.person, r.node) AS person_id, r.node,
  r.type, r.source, %s, r.properties, r.context
FROM events_raw r JOIN event_names n ON n.code = r.event LEFT JOIN overrides o ON o.node = r.node`

// migrate brings the file to the version of the last step and refuses one beyond it.
func (w *writer) migrate(ctx context.Context, steps []step) error {
	version, err := w.version(ctx)
	if err != nil {
		return fmt.Errorf("preparing the warehouse: %w", err)
	}
	if version > len(steps) {
		return touchstone.Newer("the warehouse", int64(version), int64(len(steps)))
	}
	for ; version < len(steps); version++ {
		if err := w.take(ctx, steps[version], version+1); err != nil {
			return fmt.Errorf("bringing the warehouse to version %d: %w", version+1, err)
		}
	}
	if err := w.place(ctx); err != nil {
		return err
	}
	dims := "r." + strings.Join(warehouse.DimensionNames[:], ", r.")
	if err := w.conn.exec(ctx, fmt.Sprintf(eventsView, dims)); err != nil {
		return fmt.Errorf("preparing the warehouse: %w", err)
	}
	return nil
}

// version returns how many steps the file has been through, 0 for one that is new or of
// before versions were noted.
func (w *writer) version(ctx context.Context) (version int, err error) {
	noted := false
	err = w.rows(ctx, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = 'schema_version'", func([]any) { noted = true })
	if err != nil || !noted {
		return 0, err
	}
	err = w.rows(ctx, "SELECT max(version) FROM schema_version", func(row []any) {
		n, _ := row[0].(int64)
		version = int(n)
	})
	return version, err
}

// take runs a step and notes it, all or nothing.
func (w *writer) take(ctx context.Context, s step, version int) (err error) {
	if err := w.conn.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = w.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	for _, statement := range s {
		if err := w.conn.exec(ctx, statement); err != nil {
			return err
		}
	}
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)",
		"DELETE FROM schema_version",
		fmt.Sprintf("INSERT INTO schema_version VALUES (%d)", version),
		"COMMIT",
	} {
		if err := w.conn.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// place finds where the columns stand in this file.
func (w *writer) place(ctx context.Context) error {
	at := map[string]int{}
	var others []string
	err := w.rows(ctx, "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = 'events_raw' ORDER BY column_index", func(row []any) {
		name := row[0].(string)
		at[name] = len(at)
		others = append(others, name)
	})
	if err != nil {
		return fmt.Errorf("preparing the warehouse: %w", err)
	}
	w.places = nil
	for _, name := range eventColumns() {
		i, ok := at[name]
		if !ok {
			return touchstone.Errorf(touchstone.Internal, "the warehouse's events have no column %s", name).
				WithHint("a new column needs a step in warehouse/duckdb/schema.go")
		}
		w.places = append(w.places, i)
		others = slices.DeleteFunc(others, func(other string) bool { return other == name })
	}
	if len(others) > 0 {
		return touchstone.Errorf(touchstone.Internal, "the warehouse's events have columns that this program does not know: %s", strings.Join(others, ", "))
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
		w.rows(ctx, "SELECT greatest(max(node), -min(node)) FROM events_raw", func(row []any) {
			last, _ := row[0].(int64)
			w.lastNode.Store(last)
		}),
	)
}

func (w *writer) rows(ctx context.Context, query string, fn func(row []any)) error {
	return w.rowsOf(ctx, query, nil, fn)
}

func (w *writer) rowsOf(ctx context.Context, query string, args []any, fn func(row []any)) error {
	return w.conn.run(ctx, query, args, func(res *mapping.Result) error {
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
