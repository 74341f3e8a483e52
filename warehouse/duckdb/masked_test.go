package duckdb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// What no answer to a masked statement may hold, in any writing that the statements below make.
var hiddenContacts = []string{"13800138001", "zoe.lee", "LSVAU2A37N4123456", "wx_zoe_77"}

func maskedWarehouse(t *testing.T) warehouse.Warehouse {
	t.Helper()
	w := open(t, t.TempDir(), separate())
	t.Cleanup(func() { w.Close() })
	fact := touchstone.Fact{Seq: touchstone.MakeSeq(0, 1, 0), Node: 1, Event: touchstone.Event{MessageID: "13800138001", Type: touchstone.Identify, Name: "$identify",
		Properties: `{"phone":"13800138001","email":"zoe.lee@example.com","n":13800138001,"vin":"LSVAU2A37N4123456","wechat":"wx_zoe_77","price":12.5,"deep":{"list":[{"note":"ring 13800138001"}]}}`,
		Context:    `{"traits":{"email":"zoe.lee@example.com"},"page":{"path":"/u/zoe.lee@example.com"}}`}}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: []touchstone.Fact{fact}}); err != nil {
		t.Fatal(err)
	}
	return w
}

func masked(sql string) warehouse.Statement {
	return warehouse.Statement{SQL: sql, Masked: true, Contacts: []string{"phone", "email", "vin", "wechat"}}
}

func TestMaskedStatements(t *testing.T) {
	w := maskedWarehouse(t)
	for sql, want := range map[string]string{
		"select count(*) from events":                                                "[[1]]",
		"select properties->>'phone' from events":                                    "[[138****8001]]",
		"select properties->>'email', context->'traits'->>'email' from events":       "[[z***@example.com z***@example.com]]",
		"select properties->>'n' from events":                                        "[[138****8001]]",
		"select properties->>'wechat' from events":                                   "[[w****]]",
		"select sum((properties->>'price')::double) from events":                     "[[12.5]]",
		"select count(*) from events where properties->>'phone' = '13800138001'":     "[[0]]",
		"select count(*) from events where properties::varchar like '%1380013%'":     "[[0]]",
		"select count(*) from events where position('zoe.' in context::varchar) > 0": "[[0]]",
		"select page_path, message_id from events":                                   "[[/u/z***@example.com 138****8001]]",
		"select typeof(properties), person, event from events":                       "[[JSON p_1 $identify]]",
		"with x as (select * from events) select properties->>'vin' from x":          "[[LSV****3456]]",
		"select substr(properties->>'phone', 4, 4) from events":                      "[[****]]",
		"select count(*) from main.events":                                           "[[1]]",
		"select value->>'note' from events, json_each(properties, '$.deep.list')":    "[[ring 138****8001]]",
	} {
		res, err := w.Query(t.Context(), masked(sql))
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if got := fmt.Sprint(res.Rows); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	res, err := w.Query(t.Context(), warehouse.Statement{SQL: "select properties->>'phone' from events"})
	if err != nil || fmt.Sprint(res.Rows) != "[[13800138001]]" {
		t.Errorf("who may see contacts sees %v, %v", res, err)
	}
}

// Nothing that can be written reaches past the view: it fails, or shows nothing.
func TestMaskedStatementsCannotReachTheWarehouse(t *testing.T) {
	w := maskedWarehouse(t)
	for _, sql := range []string{
		"select * from events_raw",
		"select * from main.events_raw",
		"select * from memory.main.events_raw",
		"select * from w.main.events_raw",
		"select * from histogram('events_raw', properties)",
		"select * from histogram(events_raw, properties)",
		"select * from query_table('events_raw')",
		"select * from query('select * from events_raw')",
		"select * from summary((select * from events_raw))",
		"summarize events_raw",
		"select * from duckdb_databases()",
		"select * from duckdb_tables()",
		"select * from duckdb_views()",
		"select * from duckdb_columns()",
		"select * from duckdb_settings()",
		"show all tables",
		"describe events",
		"explain select properties from events",
		"explain analyze select properties from events where properties->>'phone' = '13800138001'",
		"select * from information_schema.tables",
		"select * from pragma_storage_info('events_raw')",
		"select * from sqlite_master",
		"select * from events, events_raw",
		"select (select any_value(properties) from events_raw)",
		"select * from events union all by name select * from events_raw",
		"select touchstone_mask_json(properties) from events",
		"select to_base64(properties::varchar::blob) from events",
		"select reverse(properties::varchar) from events",
		"select list(ascii(c)) from (select unnest(string_split(properties->>'phone', '')) c from events)",
		"select hex(properties::varchar) from events",
		"select md5(properties->>'phone') from events",
		"select * from events order by properties->>'phone'",
		"select json_tree.* from events, json_tree(properties)",
		"select properties::integer from events",
		"select (properties->>'n')::bigint from events",
		"select error(properties::varchar) from events",
		"select columns(*)::varchar from events",
		"select * from read_csv('/etc/passwd')",
		"attach 'x' as y",
		"set enable_external_access = true",
		"create view x as select 1",
	} {
		res, err := w.Query(t.Context(), masked(sql))
		said := fmt.Sprint(err)
		if err == nil {
			said = fmt.Sprint(res.Columns, res.Rows)
		}
		for _, contact := range hiddenContacts {
			for _, writing := range writings(contact) {
				if strings.Contains(strings.ToLower(said), strings.ToLower(writing)) && !strings.Contains(sql, contact) {
					t.Errorf("%s tells %s: %.300s", sql, contact, said)
				}
			}
		}
	}
}

// writings are the forms in which a statement above could let a contact through.
func writings(contact string) []string {
	r := []rune(contact)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return []string{contact, string(r), fmt.Sprintf("%x", contact), strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(contact)), " ", ", "), "[]")}
}

// Without a process of its own there is no masked SQL.
func TestMaskedStatementsNeedAProcess(t *testing.T) {
	w := open(t, t.TempDir(), duckdb.Options{})
	defer w.Close()
	if _, err := w.Query(t.Context(), masked("select 1")); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("in this process: %v", err)
	}
}
