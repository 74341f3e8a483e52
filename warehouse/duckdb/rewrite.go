package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
)

// Rewrite copies a warehouse that nobody has open into a new file, which then takes the other's place: what
// was deleted in it is not copied. A kill leaves the one or the other whole. It returns the bytes
// before and after; a file that is not there is left so.
func Rewrite(ctx context.Context, path, key string) (before, after int64, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	before = info.Size()
	fresh := path + ".rewriting"
	for _, leftover := range []string{fresh, fresh + ".wal"} { // of a run that was cut short
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return before, 0, err
		}
	}
	if err := Copy(ctx, path, key, fresh, key); err != nil {
		return before, 0, fmt.Errorf("copy the warehouse: %w", err)
	}
	for _, file := range []string{path + ".wal", fresh + ".wal"} { // its changes would be lost, or taken for the other's
		if _, err := os.Stat(file); err == nil {
			return before, 0, touchstone.Errorf(touchstone.Unavailable, "the warehouse has left %s, so that it was not rewritten", filepath.Base(file))
		}
	}
	f, err := os.Open(fresh)
	if err != nil {
		return before, 0, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return before, 0, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return before, 0, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return before, 0, err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return before, 0, err
	}
	if info, err = os.Stat(path); err != nil {
		return before, 0, err
	}
	return before, info.Size(), nil
}

// Copy copies a warehouse that nobody has open into a new file, each with its own key or none.
func Copy(ctx context.Context, from, fromKey, to, toKey string) error {
	return offline(ctx, to, func(c *conn) []func() error {
		return []func() error{
			func() error { return c.attach(from, fromKey, "original", "") },
			func() error { return c.query("CHECKPOINT original") },
			func() error { return c.attach(to, toKey, "rewritten", "") },
			func() error { return c.query("COPY FROM DATABASE original TO rewritten") },
			func() error { return c.query("CHECKPOINT rewritten") },
			func() error { return c.query("DETACH rewritten") },
			func() error { return c.query("DETACH original") },
		}
	})
}

// alone opens a warehouse that nobody has open; its tables are found by their names.
func alone(ctx context.Context, path, key string, fn func(c *conn) error) error {
	return offline(ctx, path, func(c *conn) []func() error {
		return []func() error{
			func() error { return c.attach(path, key, "original", "") },
			func() error { return c.query("USE original") },
			func() error { return fn(c) },
			func() error { return c.query("CHECKPOINT original") },
			func() error { return c.query("USE memory") },
			func() error { return c.query("DETACH original") },
		}
	})
}

// offline takes steps, one after the other, in an engine of its own that spills beside path.
func offline(ctx context.Context, path string, steps func(c *conn) []func() error) error {
	settings := append([][2]string{{"threads", "2"}, {"memory_limit", "512MB"}, {"temp_directory", path + ".tmp"}, {"preserve_insertion_order", "true"},
		{"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"}}, encryption...)
	db, err := openDatabaseFile(":memory:", settings)
	if err != nil {
		return err
	}
	defer mapping.Close(&db)
	c, err := connect(db)
	if err != nil {
		return err
	}
	defer c.close()
	for _, step := range steps(c) {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return err
		}
	}
	return nil
}

// rowsAtOnce is how many rows of events Redact holds.
const rowsAtOnce = 50_000

// Redact goes through the events of a warehouse that nobody has open and writes properties and context
// anew of those of which change says that they differ; happened is the earlier of an event's two times. All or
// nothing is written. What was there before lies in the file until [Rewrite]. It returns how many have changed; a
// file that is not there has none.
func Redact(ctx context.Context, path, key string, change func(happened time.Time, texts []touchstone.JSON) (differs bool)) (n int64, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	err = alone(ctx, path, key, func(c *conn) error {
		w := &writer{conn: c}
		last := int64(-1)
		if err := w.rows(ctx, "SELECT max(rowid) FROM events_raw", func(row []any) {
			if id, any := row[0].(int64); any {
				last = id
			}
		}); err != nil {
			return err
		}
		if err := c.query("BEGIN TRANSACTION"); err != nil {
			return err
		}
		for from := int64(0); from <= last; from += rowsAtOnce {
			changed, err := w.redact(ctx, from, change)
			if n += changed; err != nil {
				return err // closing takes the rest back
			}
		}
		return c.query("COMMIT")
	})
	return n, err
}

func (w *writer) redact(ctx context.Context, from int64, change func(time.Time, []touchstone.JSON) bool) (int64, error) {
	type row struct {
		id    int64
		texts []touchstone.JSON
	}
	var changed []row
	const query = `SELECT rowid, epoch_ms(least(time, received_at)), properties::VARCHAR, context::VARCHAR FROM events_raw WHERE rowid >= ? AND rowid < ? AND (properties IS NOT NULL OR context IS NOT NULL)`
	err := w.rowsOf(ctx, query, []any{from, from + rowsAtOnce}, func(values []any) {
		id, _ := values[0].(int64)
		ms, _ := values[1].(int64)
		properties, _ := values[2].(string)
		about, _ := values[3].(string)
		texts := []touchstone.JSON{touchstone.JSON(properties), touchstone.JSON(about)}
		if change(time.UnixMilli(ms).UTC(), texts) {
			changed = append(changed, row{id, texts})
		}
	})
	for _, r := range changed {
		if err == nil {
			err = w.conn.exec(ctx, "UPDATE events_raw SET properties = nullif(?, '')::JSON, context = nullif(?, '')::JSON WHERE rowid = ?", string(r.texts[0]), string(r.texts[1]), r.id)
		}
	}
	return int64(len(changed)), err
}

// query runs a statement that cannot be prepared, since the engine makes several of it.
func (c *conn) query(text string) error {
	var res mapping.Result
	defer mapping.DestroyResult(&res)
	if mapping.Query(c.c, text, &res) == mapping.StateError {
		return &engineError{mapping.ResultError(&res)}
	}
	return nil
}

// textAtOnce is how many rows [Texts] reads at a time.
const textAtOnce = 20_000

// Texts calls fn with every row of a warehouse that nobody has open, as text. What lies in the file's free space is not
// seen: for an encrypted file there is no other way to look into it.
func Texts(ctx context.Context, path, key string, fn func(table, row string)) error {
	settings := append([][2]string{{"threads", "2"}, {"memory_limit", "512MB"}, {"temp_directory", path + ".tmp"},
		{"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"}}, encryption...)
	db, err := openDatabaseFile(":memory:", settings)
	if err != nil {
		return err
	}
	defer mapping.Close(&db)
	c, err := connect(db)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.attach(path, key, attachedName, ""); err != nil {
		return err
	}
	tables, err := c.all(ctx, "SELECT table_name FROM duckdb_tables() WHERE database_name = '"+attachedName+"'")
	if err != nil {
		return err
	}
	for _, row := range tables {
		table, _ := row[0].(string)
		from := attachedName + `.main."` + strings.ReplaceAll(table, `"`, `""`) + `"`
		last, err := c.all(ctx, "SELECT coalesce(max(rowid), -1) FROM "+from)
		if err != nil {
			return err
		}
		for at, end := int64(0), last[0][0].(int64); at <= end; at += textAtOnce {
			rows, err := c.all(ctx, "SELECT CAST(t AS VARCHAR) FROM "+from+" t WHERE rowid >= ? AND rowid < ?", at, at+textAtOnce)
			if err != nil {
				return err
			}
			for _, r := range rows {
				text, _ := r[0].(string)
				fn(table, text)
			}
		}
	}
	return nil
}

func (c *conn) all(ctx context.Context, query string, args ...any) (rows [][]any, err error) {
	err = c.run(ctx, query, args, func(res *mapping.Result) error {
		table, err := collect(ctx, res, maxSmallTable)
		if err == nil {
			rows = table.Rows
		}
		return err
	})
	return rows, err
}
