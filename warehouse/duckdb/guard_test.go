package duckdb

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// asker answers statements in this process: what is refused is refused before it runs.
func asker(t *testing.T) func(sql string) error {
	t.Helper()
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return func(sql string) error {
		_, err := w.Query(context.Background(), warehouse.Statement{SQL: sql})
		return err
	}
}

func TestStatementsThatWouldMakeHugeValuesAreRefused(t *testing.T) {
	run := asker(t)
	for _, sql := range []string{
		"select repeat('x', 2000000000)", `select "REPEAT"/**/('x', 1e9::int)`, "select 'x'.repeat(2000000000)", "select repeat(repeat(repeat('x', 1000), 1000), 1000)",
		"with a as (select repeat('x', 900000) s) select repeat(s, 900) from a", "select repeat('x', range) from range(10)", "select lpad('x', 1000000000, 'y')", "select rpad('x', 1000000000, 'y')",
		"select range(100000000)", "select unnest(range(100000000))", "select generate_series(timestamp '1900-01-01', timestamp '2100-01-01', interval '1 second')", "select [x for x in range(1000000000)]",
		"select * from (select range(1 + 100000000)) t", "select list_resize([1], 1000000000)", "select bitstring('1', 1000000000)", "select to_base(1, 2, 1000000)||repeat('x', 1000)",
		"select format('{:>1000000000}', 'x')", "select format('{:>{}}', 'x', 1000000000)", "select printf('%*d', 1000000000, 1)", "select format(event, 1) from events", "select sleep_ms(100000)", "select touchstone_scan(1, 2)", "select Main.\"TouchStone_Scan\"(1, node) from events",
		"from query('select 1')", "explain analyze select repeat('x', 1000000000)", "select 1 from range(10) t(x) where length(repeat('x', 1000000000)) > 1", "from range(10) order by repeat('x', 1000000000)",
		"select system.main.repeat('x', 1000000000)", "pivot (select range a, repeat('x', 1000000000) b from range(2)) on a using count(*)",
		"select replace(replace(repeat('a', 1000), 'a', repeat('b', 1000)), 'b', 'c')", "select replace(replace(event, 'a', '" + strings.Repeat("b", 2000) + "'), 'b', '" + strings.Repeat("c", 2000) + "') from events", "select replace(event, city, type) from events",
		"select regexp_replace(regexp_replace(event, '', '" + strings.Repeat("b", 2000) + "', 'g'), '', '" + strings.Repeat("b", 2000) + "', 'g') from events", "select regexp_replace(event, 'x', city) from events",
		"select " + strings.Repeat("hex(", 30) + "'a'" + strings.Repeat(")", 30), "select " + strings.Repeat("json_quote(", 30) + "'\"'" + strings.Repeat(")", 30),
		"select sum(repeat('x', 1000000000)) over () from range(2)", "select bar(1, 0, 1, 1000000000)", "select null::int[100000000]",
	} {
		if err := run(sql); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%.300s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"select repeat('x', 1000)", "select lpad(cast(range as varchar), 8, '0') from range(1000)", "select count(*) from range(1000000)", "select * from generate_series(timestamp '2026-01-01', timestamp '2026-02-01', interval '1 day')",
		"select unnest(range(10))", "select range(0, 100, 10)", "select format('{:,}', 1234567), printf('%05.1f', 3.5)", "select properties->>'repeat', 'query range' from events", "select rank() over (range between unbounded preceding and current row) from range(3)",
		"select count(*) as query from events", "select replace('format', 'f', 'F')", "select replace(event, ' ', '') from events", "select regexp_replace(event, '([a-z]+)', '<\\1>', 'g') from events",
	} {
		if err := run(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// What is refused is named, with what to use in its place.
func TestRefusalsSayWhatToUse(t *testing.T) {
	run := asker(t)
	for sql, words := range map[string][]string{
		"select json_transform(properties, '{}') from events":                               {`"json_transform"`, "properties->>'price'"},
		"select from_json('[]', '[\"JSON\"]')":                                              {`"from_json"`, "->>"},
		"select * from read_csv('x.csv')":                                                   {`"read_csv"`, "touchstone import"},
		"select pg_sleep(3)":                                                                {`"pg_sleep"`, "wait"},
		"select json_extrct_string(context, 'a') from events":                               {`"json_extrct_string"`, "did you mean json_extract_string?"},
		"select aes_encrypt('x') from events":                                               {`"aes_encrypt"`, "docs/queries.md"},
		"select event like '%a%b%c%d%e%f%g%h%i%' from events":                               {"LIKE", "8 %", "regexp_matches"},
		"select event like city from events":                                                {"LIKE", "starts_with"},
		"select event not ilike city from events":                                           {"ILIKE", "starts_with"},
		"select event like city escape 'x' from events":                                     {"LIKE", "starts_with"},
		"select event glob '*a*b*c*d*' from events":                                         {"GLOB", "4 *"},
		"select 1::variant":                                                                 {"type", "VARIANT"},
		"select '" + strings.Repeat("x", 10_001) + "'":                                      {"10001 bytes", "10000"},
		"select " + strings.Repeat("1+", 500) + "1":                                         {"deeper than 400"},
		"select null::" + strings.Repeat("struct(a ", 20) + "int" + strings.Repeat(")", 20): {"type nests deeper than 8"},
		"select * from duckdb_logs":                                                         {`"duckdb_logs"`, "SHOW TABLES"},
		"select * from pg_catalog.pg_settings":                                              {`"pg_settings"`, "SHOW TABLES"},
		"select * from sqlite_master":                                                       {`"sqlite_master"`},
		"select * from events at (version => 3)":                                            {"another version"},
		"select replace(event, city, 'x') from events":                                      {"replace", "as texts"},
		"select unnest(range(100000000))":                                                   {"range", "as a table"},
		"select current_setting('memory_limit')":                                            {"current_setting", "duckdb_settings()"},
	} {
		err := run(sql)
		if touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%.200s: %v", sql, err)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%.200s: %q does not say %q", sql, err, w)
			}
		}
	}
}

// Each list is what it is for: the engine knows each name, and no name is there twice.
func TestAllowedNamesExist(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	res, err := w.Query(t.Context(), warehouse.Statement{Own: true, SQL: "SELECT DISTINCT lower(function_name) FROM duckdb_functions()"})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, row := range res.Rows {
		known[row[0].(string)] = true
	}
	// Made by the parser or by the binder, so not in the catalogue.
	for _, name := range []string{"coalesce", "ifnull", "grouping", "grouping_id", "unnest", "count_star", "cume_dist", "!", "date_add", "position"} {
		known[name] = true
	}
	seen := map[string]bool{}
	for _, f := range families {
		for _, name := range strings.Fields(f.functions) {
			if name = strings.ToLower(name); !known[name] || seen[name] {
				t.Errorf("%s: the engine knows %q: %t, it is there twice: %t", f.name, name, known[name], seen[name])
			}
			seen[name] = true
		}
	}
	for name := range bounds {
		if !seen[name] {
			t.Errorf("%s has a bound but is not allowed", name)
		}
	}
	for name := range instead {
		if seen[name] {
			t.Errorf("%s is allowed but has something in its place", name)
		}
	}
	for _, name := range strings.Fields(tableFunctions) {
		if !known[name] {
			t.Errorf("the engine does not know the table function %s", name)
		}
	}
}

// The analysts' page lists every function, type and bound.
func TestDocumentationListsWhatIsAllowed(t *testing.T) {
	page, err := os.ReadFile("../../docs/queries.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(page), func(r rune) bool { return strings.ContainsRune(" \n\t`,;()|.", r) }) {
		words[w] = true
	}
	for _, f := range families {
		if f.name == "operators" {
			continue
		}
		for _, name := range strings.Fields(f.functions) {
			if !words[name] {
				t.Errorf("docs/queries.md does not name the function %s (%s)", name, f.name)
			}
		}
	}
	for _, name := range strings.Fields(tableFunctions) {
		if !words[name] {
			t.Errorf("docs/queries.md does not name the table function %s", name)
		}
	}
}

// What analysts write passes.
func TestUsefulStatementsAreAllowed(t *testing.T) {
	run := asker(t)
	for _, sql := range []string{
		"with firsts as (select person, min(time) as first from events where event = 'Signed Up' group by 1) select date_trunc('week', first) as cohort, count(*) from firsts group by all order by all",
		"select person, time, lag(time) over (partition by person order by time) as before, time - lag(time) over w as gap from events window w as (partition by person order by time) qualify row_number() over w < 10",
		"select event, quantile_cont(cast(properties->>'price' as double), [0.5, 0.9]) from events group by 1", "select * from (select person, event, count(*) n from events group by all) pivot (sum(n) for event in ('View', 'Pay'))",
		"with recursive d(day) as (select date '2026-01-01' union all select day + 1 from d where day < date '2026-01-31') select d.day, count(e.seq) from d left join events e on e.time::date = d.day group by 1 order by 1",
		"select json_extract_string(properties, '$.items[0].sku'), properties->'items'->0->>'sku', json_array_length(properties->'items'), json_keys(context) from events",
		"select sku, count(*) from (select unnest(json_extract_string(properties, '$.items[*].sku')) as sku from events) group by 1", "select e.event, j.key, j.value from events e, json_each(e.properties) j",
		"select list_transform([1,2,3], lambda x: x * 2), list_filter([1,2,3], lambda x: x > 1), [x + 1 for x in [1, 2]], list_sum([1,2]), list_reduce([1,2,3], lambda a, b: a + b)",
		"select regexp_extract(context->>'userAgent', 'Chrome/([0-9]+)', 1) from events", "select event from events where event like '%iew%' or event ilike 'p_y' or event similar to '(a|b)+' or event glob 'V*' or event not like 'x%' escape '!'",
		"select strftime(time, '%Y-%m'), date_diff('day', time, now()::timestamp), extract(hour from time), time_bucket(interval 1 week, time), date_part('dow', time), time + interval '3 days', timezone('Asia/Shanghai', time), epoch_ms(time) from events",
		"select count(*) filter (where event = 'Pay') * 100.0 / nullif(count(*), 0), count(distinct person), approx_count_distinct(person), mode(city), string_agg(distinct event, ', ' order by event), array_agg(time order by time)[1:3] from events",
		"select case when a > 1 then 'x' else 'y' end, a between 1 and 2, a in (1, 2), not a is null, coalesce(a, 0), greatest(a, 1), a::text || 'x', cast(a as decimal(10, 2)), try_cast('x' as int), substring('abc' from 2 for 1), trim(both 'x' from 'xax'), position('a' in 'ba') from range(3) t(a)",
		"select * from events a join events b using (person) semi join event_names n on n.name = a.event asof join events c on c.person = a.person and c.time <= a.time where exists (select 1 from overrides) limit 10 offset 5",
		"select event, platform, count(*), grouping(event) from events group by cube(event, platform) having count(*) > 1", "select * exclude (properties) from events union all by name select * from events where columns('utm_.*') = 'x'", "select 1 union select 2 except select 3 intersect select 4",
		"select corr(a, a * 2), regr_slope(a, a), stddev(a), median(a), histogram(a % 3), max_by(a, -a), first(a order by a) from range(100) t(a)", "select width, bar(width, 0, 10, 20) from range(10) t(width)", "from events select event, count() group by 1", "select * from events using sample 10%",
		"select {'a': 1, 'b': [1,2]}.b[1], map {'k': 1}['k'], struct_pack(x := 1), row(1, 2), array_value(1, 2)::int[2], 'a'::enum('a', 'b'), '{}'::json, 1::hugeint, '00:10'::time, 'x'::blob, timestamptz '2026-01-01 00:00:00+08'",
		"select table_name from information_schema.tables", "select * from duckdb_tables()", "show tables", "describe events", "summarize events", "unpivot (select 1 as a, 2 as b) on a, b into name n value v", "select levenshtein(event, 'View'), md5(event), url_decode('a%20b'), strip_accents('é'), reverse('ab') from events",
	} {
		if err := run(sql); err != nil {
			t.Errorf("%s\n\t%v", sql, err)
		}
	}
}
