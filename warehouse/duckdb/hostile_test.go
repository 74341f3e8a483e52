package duckdb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// TestHostileSQL sends SQL that would read files, reach the network, change data or
// settings. Each must be refused as the author's mistake.
func TestHostileSQL(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("word\nhunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, dir, duckdb.Options{})
	defer w.Close()
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: webFacts(100, 1)}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		// files and network
		"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('" + secret + "')", "SELECT * FROM '" + secret + "'",
		"SELECT * FROM read_blob('/etc/passwd')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM read_json('/proc/self/environ')",
		"SELECT * FROM read_parquet('https://example.com/x.parquet')", "SELECT * FROM 'http://example.com/x.csv'",
		"SELECT * FROM parquet_metadata('" + secret + "')", "SELECT * FROM sniff_csv('" + secret + "')",
		"COPY events TO '" + dir + "/out.csv'", "COPY (SELECT 1) TO '/dev/stdout'", "COPY event_names FROM '" + secret + "'", "EXPORT DATABASE '" + dir + "/dump'", "IMPORT DATABASE '" + dir + "'",
		"ATTACH '" + dir + "/other.db'", "ATTACH ':memory:' AS m", "DETACH w", "USE memory",
		"INSTALL httpfs", "LOAD httpfs", "FORCE INSTALL httpfs", "UPDATE EXTENSIONS",
		// settings
		"SET memory_limit='100GB'", "SET enable_external_access=true", "RESET lock_configuration", "PRAGMA enable_profiling", "PRAGMA database_list", "SET VARIABLE x = 1",
		"CALL enable_logging()", "SELECT * FROM enable_logging()", "SELECT * FROM pragma_storage_info('nothing')", "PRAGMA memory_limit='1GB'", "CALL pragma_version()",
		"SET search_path='x'", "SET SESSION threads=64", "SET GLOBAL temp_directory='/tmp/x'",
		// writing
		"INSERT INTO event_names VALUES (99, 'x')", "DELETE FROM events_raw", "UPDATE events_raw SET node = 1", "DROP TABLE events_raw", "DROP VIEW events",
		"CREATE TABLE t (i INT)", "CREATE TEMP TABLE t AS SELECT 1", "CREATE VIEW v AS SELECT 1", "CREATE MACRO m(a) AS a", "CREATE SECRET s (TYPE S3)", "CREATE SEQUENCE q", "CREATE SCHEMA x",
		"ALTER TABLE events_raw ADD COLUMN x INT", "TRUNCATE events_raw", "VACUUM", "ANALYZE", "CHECKPOINT", "FORCE CHECKPOINT", "COMMENT ON TABLE events_raw IS 'x'",
		"EXPLAIN ANALYZE DELETE FROM events_raw", "EXPLAIN ANALYZE INSERT INTO event_names VALUES (98, 'x')", "WITH x AS (DELETE FROM events_raw RETURNING *) SELECT * FROM x",
		"MERGE INTO event_names USING (SELECT 1 AS code) s ON event_names.code = s.code WHEN MATCHED THEN DELETE",
		// transactions and statements in others
		"COMMIT", "ROLLBACK", "BEGIN", "SELECT 1; DROP TABLE events_raw", "SELECT 1; SELECT 2", "; DROP TABLE events_raw", "PREPARE p AS DELETE FROM events_raw", "EXECUTE p", "DEALLOCATE p",
		"SELECT * FROM query('DELETE FROM events_raw')", "SELECT * FROM query_table('/etc/passwd')", "SELECT * FROM json_execute_serialized_sql('{}')", "FROM sql_auto_complete(1)",
		// nonsense
		"", "  ", "-- nothing", "SELECT", "SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM events", "SELECT 1 \x00", "SELECT 'a'::INTEGER", "SELECT ?", "SELECT $1", "SELECT getenv('HOME')",
		"(((((", strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), "SELECT " + strings.Repeat("-", 100) + "\n",
	} {
		_, err := w.Query(t.Context(), warehouse.Statement{SQL: sql, MaxRows: 100})
		if touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%.100q: got %v", sql, err)
		}
	}
	// Nothing has happened.
	for sql, want := range map[string]int64{
		"SELECT count(*) FROM events": 100, "SELECT count(*) FROM event_names": 4, "SELECT count(*) FROM duckdb_tables()": 9, "SELECT count(*) FROM duckdb_views() WHERE NOT internal": 1,
		"SELECT count(*) FROM duckdb_databases() WHERE NOT internal": 1, "SELECT count(*) FROM duckdb_settings() WHERE name = 'enable_external_access' AND value = 'false'": 1,
	} {
		res, err := w.Query(t.Context(), warehouse.Statement{SQL: sql})
		if err != nil || res.Rows[0][0] != want {
			t.Errorf("%s: got %v, %v, want %d", sql, res, err, want)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 4 { // the file, its log, its temporary folder, the secret
		t.Errorf("there are new files: %v", files)
	}
}

// TestReadingSQL lets through what analysts write.
func TestReadingSQL(t *testing.T) {
	w := open(t, t.TempDir(), duckdb.Options{})
	defer w.Close()
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: webFacts(100, 1)}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"select event, count(*) from events group by 1;", "  WITH x AS (SELECT 1 AS a) SELECT * FROM x -- done", "FROM events LIMIT 3", "DESCRIBE events", "SHOW TABLES", "SUMMARIZE SELECT platform FROM events",
		"EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT count(*) FROM events", "SELECT (properties->>'price')::DOUBLE AS price, city FROM events ORDER BY price DESC LIMIT 5", "VALUES (1, 'a')", "TABLE event_names",
		"SELECT [1, 2], {'a': 1}, MAP {'k': 'v'}, DATE '2026-01-01', TIME '12:00', INTERVAL 1 DAY, 1.5::DECIMAL(9,2), 123456789012345678901234567890, uuid(), 'a'::BLOB, TRUE, NULL, 'nan'::DOUBLE, now(), [{'x': [1]}], 'a'::ENUM('a', 'b'), 1::UTINYINT, '101'::BIT",
		"SELECT * FROM events PIVOT (count(*) FOR platform IN ('web'))", "SELECT event, time_bucket(INTERVAL '1 week', time) AS w, count(DISTINCT person) FROM events GROUP BY ALL", "SELECT unnest(range(10))",
		"SELECT time AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai' FROM events LIMIT 1",
	} {
		if _, err := w.Query(t.Context(), warehouse.Statement{SQL: sql, MaxRows: 100}); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestGreedySQL runs statements that would take all memory or time: they end within the
// bounds, and the warehouse still works.
func TestGreedySQL(t *testing.T) {
	w := open(t, t.TempDir(), duckdb.Options{MemoryLimit: "200MB"})
	defer w.Close()
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: webFacts(20_000, 1)}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"SELECT count(*) FROM events a, events b, events c",
		"SELECT * FROM events a, events b, events c ORDER BY a.message_id, b.message_id, c.message_id",
		"SELECT a.properties FROM events a, events b",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
		"SELECT list(a.properties || b.properties) FROM events a, events b",
		"SELECT string_agg(a.context, ',') FROM events a, events b",
		"SELECT count(DISTINCT a.message_id || b.message_id) FROM events a, events b",
		"SELECT repeat('x', 1000000000)", "SELECT length(repeat(repeat('x', 1000000), 100000))", "SELECT list_aggregate(range(1000000000000), 'sum')", "SELECT range(1000000000)",
		"SELECT repeat('x', 100000000) || i FROM range(1000) t(i)", "SELECT lpad('', 2000000000, 'x')", "SELECT bitstring('0', 2000000000)", "SELECT count(*) FROM range(1000000000000000)",
		"SELECT regexp_replace(repeat('a', 10000000), '(a*)*b', 'x')", "SELECT printf('%2000000000d', 1)", "SELECT factorial(1000000)",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		began := time.Now()
		res, err := w.Query(ctx, warehouse.Statement{SQL: sql, MaxRows: 1000})
		cancel()
		switch {
		case err == nil && len(res.Rows) > 1000:
			t.Errorf("%s: %d rows", sql, len(res.Rows))
		case err != nil && touchstone.KindOf(err) != touchstone.Invalid && !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("%s: %v", sql, err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s: took %v", sql, took)
		}
		t.Logf("%6d MB most, %8v, %.60s: %.90s", maxResident()>>20, time.Since(began).Round(time.Millisecond), sql, fmt.Sprint(err))
	}
	if n, err := w.Count(t.Context()); err != nil || n != 20_000 {
		t.Errorf("count afterwards: %d, %v", n, err)
	}
	if most := maxResident(); most > 3<<30 {
		t.Errorf("resident memory came to %d MB", most>>20)
	}
}

func maxResident() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Maxrss * 1024
}
