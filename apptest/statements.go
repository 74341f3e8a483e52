package apptest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// statements writes random SQL: what analysts write, what they may not, and what is meant
// to break the engine: nesting, huge texts and numbers, patterns that backtrack, recursion,
// joins and lists without end.
type statements struct {
	r         *rand.Rand
	functions []string // all that the engine knows
	left      int      // parts that the statement may still have
}

func (s *statements) pick(words ...string) string { return words[s.r.IntN(len(words))] }

// next is one statement.
func (s *statements) next() string {
	s.left = 4 + s.r.IntN(60)
	if s.r.IntN(4) > 0 {
		return s.filled(s.pick(forms["query"]...))
	}
	switch s.r.IntN(40) {
	case 0:
		return s.pick("drop table events_raw", "delete from events_raw", "copy events to '/tmp/x.csv'", "set memory_limit='100GB'", "attach ':memory:' as m", "checkpoint", "pragma enable_profiling",
			"install httpfs", "call pragma_version()", "create table t as "+s.query(), "explain analyze delete from events", "select 1; select 2", ";", "begin", "load json")
	case 1:
		return s.deep()
	case 2: // cut off or garbled
		text := []byte(s.query())
		if s.r.IntN(2) == 0 {
			return string(text[:s.r.IntN(len(text)+1)])
		}
		for range 1 + s.r.IntN(3) {
			text[s.r.IntN(len(text))] = byte(32 + s.r.IntN(95))
		}
		return string(text)
	case 3:
		return s.pick("explain ", "explain analyze ", "describe ", "summarize ") + s.query()
	}
	return s.query()
}

// deep nests one thing in itself.
func (s *statements) deep() string {
	n := []int{10, 200, 1000, 9000}[s.r.IntN(4)]
	switch open, shut := "", ""; s.r.IntN(9) {
	case 0:
		open, shut = "(", ")"
		return "select " + strings.Repeat(open, n) + "1" + strings.Repeat(shut, n)
	case 1:
		return "select " + strings.Repeat("[", n) + strings.Repeat("]", n)
	case 2:
		return "select " + s.call(s.pick(s.functions...), "'"+strings.Repeat("[", n)+strings.Repeat("]", n)+"'")
	case 3:
		return "select '" + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) + "'::json" + s.pick("", "->'a'", "::struct(a json)", "::json[]", "::map(varchar, json)")
	case 4:
		return "select " + strings.Repeat("not ", n) + "true"
	case 5:
		return strings.Repeat("select * from (", n) + "select 1" + strings.Repeat(")", n)
	case 6:
		return "select null::" + strings.Repeat("struct(a ", n) + "int" + strings.Repeat(")", n)
	case 7:
		return "select " + strings.Repeat(s.pick("upper", "hex", "json_quote", "to_json", "list_value", "abs")+"(", n) + "'x'" + strings.Repeat(")", n)
	}
	return "select " + strings.Repeat("case when true then ", n) + "1" + strings.Repeat(" end", n)
}

func (s *statements) query() string {
	with := ""
	if s.r.IntN(6) == 0 {
		with = s.pick("with a as ("+s.sub()+") ", "with recursive a as (select 1 as n, 'x' as s union all select n + 1, "+s.pick("s || s", "s", "repeat(s, 2)", "replace(s, 'x', 'xx')")+" from a"+s.pick("", " where n < 50")+") ")
	}
	return with + "select " + s.list() + " from " + s.source() + s.pick("", "", " where "+s.expr()) +
		s.pick("", "", " group by all", " group by 1", " group by cube(1, 2)") + s.pick("", "", " order by "+s.expr(), " order by all", " qualify row_number() over () < 3") + s.pick("", " limit 10", " limit "+s.number())
}

func (s *statements) sub() string {
	if s.left--; s.left < 0 {
		return "select 1 as n"
	}
	return s.query()
}

func (s *statements) list() string {
	items := []string{}
	for range 1 + s.r.IntN(3) {
		items = append(items, s.expr())
	}
	return strings.Join(items, ", ")
}

func (s *statements) source() string {
	if s.left--; s.left < 0 {
		return "range(3) t(n)"
	}
	switch s.r.IntN(14) {
	case 0, 1, 2, 3:
		return "events"
	case 4:
		return "events_raw, event_names"
	case 5:
		return "(" + s.sub() + ") q"
	case 6:
		return "range(" + s.number() + ") t(n)"
	case 7:
		return "generate_series(" + s.number() + ", " + s.number() + ") t(n)"
	case 8:
		return "unnest(" + s.expr() + ") t(n)"
	case 9:
		return s.source() + s.pick(" join ", " cross join ", " left join ", " full join ", " positional join ", " semi join ") + s.source() + s.pick("", " on true", " using (n)", " on "+s.expr())
	case 10:
		return s.pick("read_csv('/etc/passwd')", "'/etc/passwd'", "duckdb_settings()", "pragma_storage_info('events_raw')", "test_all_types()", "json_each('"+strings.Repeat("[", s.r.IntN(3000))+"')", "sql_auto_complete('x')", "query('select 1')", "duckdb_logs()")
	case 11:
		return "repeat(" + s.expr() + ", " + s.number() + ")"
	case 12:
		return "events a, events b" + s.pick("", ", events c", ", events c, events d")
	}
	return s.pick("a", "overrides", "information_schema.tables", "events tablesample 10%", "summary(events)", "pg_catalog.pg_class")
}

func (s *statements) number() string {
	return s.pick("0", "1", "-1", "2", "7", "10", "100", "1000", "100000", "1000000000", "9223372036854775807", "-9223372036854775808", "1e308", "1e-308", "'nan'::double", "null", "170141183460469231731687303715884105727", "0.1", "3.7e9")
}

func (s *statements) text() string {
	n := []int{0, 1, 3, 30, 3000, 9000}[s.r.IntN(6)]
	return "'" + s.pick(strings.Repeat("a", n), strings.Repeat("%a", min(n, 50)), strings.Repeat("*a", min(n, 50))+"b", strings.Repeat("(a*)*", min(n, 200)), strings.Repeat("[", min(n, 4000)), "$.a[*]..b", "{{:>9}}", "%9d",
		strings.Repeat("长", n/3), "2026-01-01", "Asia/Shanghai", "month", `{"a":[1,2,{"b":null}]}`, `["JSON"]`, "1 day", "x''y", "\\\\1\\\\0", "(?i)x{1000}", "sum", "json") + "'"
}

func (s *statements) expr() string {
	if s.left--; s.left < 0 {
		return s.pick("n", "seq", "event", "1", "'x'", "time", "properties", "null")
	}
	switch s.r.IntN(16) {
	case 0, 1:
		return s.pick("seq", "event", "person", "time", "properties", "context", "node", "n", "*", "a.event", "count(*)", "columns('.*')", "#1", "?", "default")
	case 2:
		return s.number()
	case 3:
		return s.text()
	case 4, 5, 6, 7:
		return s.call(s.pick(s.functions...), s.args()...)
	case 8:
		return "(" + s.expr() + s.pick("+", "-", "*", "/", "//", "%", "**", "||", "<", "=", " is distinct from ", " and ", " or ", "->", "->>", "<<", "&&", "^@", " in ", " like ", " ilike ", " not like ", " glob ", " similar to ", " at time zone ", " between 1 and ", "~", "<->", "^") + s.expr() + ")"
	case 9:
		return s.pick("cast(", "try_cast(") + s.expr() + " as " + s.kind() + ")"
	case 10:
		return "case when " + s.expr() + " then " + s.expr() + " else " + s.expr() + " end"
	case 11:
		return "[" + s.expr() + ", " + s.expr() + "]" + s.pick("", "[1]", "[1:2]", "[-1000000000:1000000000]")
	case 12:
		return s.pick("list_transform(", "list_filter(", "list_reduce(") + s.expr() + ", " + s.pick("lambda x: ", "lambda x, y: ", "x -> ") + s.expr() + ")"
	case 13:
		return s.call(s.pick("sum", "count", "string_agg", "list", "median", "max_by", "histogram", "json_group_array", "product", "approx_top_k", "first", "quantile"), s.args()...) + s.pick("", " over (partition by "+s.expr()+" order by "+s.expr()+")", " filter (where "+s.expr()+")")
	case 14:
		return s.pick("(", "exists (", "array(", "1 = any(") + s.sub() + ")"
	}
	return s.pick("{'a': "+s.expr()+"}", "map {"+s.expr()+": "+s.expr()+"}", "[x for x in "+s.expr()+"]", "-"+s.expr(), "not "+s.expr(), s.expr()+" is null", "interval '1' month * "+s.expr(), "extract(year from "+s.expr()+")")
}

func (s *statements) kind() string {
	return s.pick("int", "bigint", "hugeint", "double", "varchar", "json", "date", "time", "timestamp", "timestamptz", "interval", "uuid", "blob", "bit", "int[]", "varchar[][]", "struct(a int, b json)", "map(varchar, int)",
		"decimal(38,10)", "enum('a','b')", "int[100000000]", "int[3]", "variant", "union(a int)", "geometry", "nothing", "utinyint", "json[]")
}

func (s *statements) args() []string {
	args := []string{}
	for range s.r.IntN(4) {
		args = append(args, s.expr())
	}
	return args
}

func (s *statements) call(name string, args ...string) string {
	if !strings.ContainsAny(name[:1], "abcdefghijklmnopqrstuvwxyz_") {
		name = fmt.Sprintf("%q", name)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// forms are what statements that the engine understands consist of, by what they are. A
// word in braces stands for a form of that name.
var forms = map[string][]string{
	"query": {
		"select {number}, {text}, {time} from events where {bool} limit 100", "select {text} as k, {sum}, {sum} from events where {bool} group by 1 order by 2", "select {sum}, {sum} from events",
		"select {text} as k, {sum} from events, range({size}) r(n) group by 1", "select {sum} from events join (select person, event as other from events where {bool}) b using (person) where {bool}",
		"with a as materialized (select {text} as x, {number} as y, time from events) select x, sum(y) over (partition by x order by time rows 3 preceding) from a qualify row_number() over () < {size}",
		"with recursive a(n, s) as (select 1, {literal} union all select n + 1, {grown} from a where n < {size}) select max(n), max(length(s)) from a", "select distinct {text}, {list} from events order by all limit {size}",
		"select * from (select {text} as k, {number} as v from events) pivot (sum(v) for k in ('View', 'Pay'))", "select unnest({list}) as u, {text} from events", "select {number} from events a asof join (select time as t2 from events) b on a.time >= b.t2",
		"select n, {grown} from (select n, {literal} as s from range({size}) r(n)) limit {size}", "select {sum} from events, events b where {bool}", "select (select {sum} from events where {bool}), exists (select 1 from events where {bool})",
		"select {text} as k, {sum} from events group by rollup (1) union all select {text}, {number} from events", "explain analyze select {sum} from events where {bool}", "select e.event, j.key, j.type from events e, json_tree(e.properties) j limit {size}",
	},
	"number": {"events.seq", "events.node", "length({text})", "({number} + {number})", "({number} * {number})", "abs({number})", "date_diff('day', {time}, {time})", "json_array_length({json})", "case when {bool} then {number} else {number} end",
		"try_cast({text} as double)", "list_sum({list})", "strpos({text}, {text})", "hash({text}) % 1000", "levenshtein({text}, {text})", "len({list})", "factorial({size} % 30)", "xor({size}, 7)", "{size}", "row_number() over (order by {text})", "bit_count({size})"},
	"text": {"events.event", "events.person", "events.message_id", "upper({text})", "({text} || {text})", "replace({text}, 'a', {literal})", "regexp_replace({text}, {pattern}, 'x', 'g')", "substring({text}, 1, {size})", "(events.properties->>'city')", "repeat({text}, {size})",
		"lpad({text}, {size}, 'x')", "array_to_string({list}, ',')", "reverse({text})", "cast({json} as varchar)", "hex({text})", "url_encode({text})", "strftime({time}, '%Y-%m')", "regexp_extract({text}, {pattern})", "format('{{:>9}}', {text})", "translate({text}, 'ab', 'cd')", "concat_ws({literal}, {text}, {text})", "json_pretty({json})", "{literal}"},
	"json":    {"events.properties", "events.context", "(events.properties->'a')", "json_object('a', {number})", "to_json({list})", "json_extract({json}, {path})", "json_array({text}, {json})", "json_merge_patch({json}, {json})", "json_transform({json}, {literal})", "try_cast({text} as json)"},
	"time":    {"events.time", "events.received_at", "date_trunc('week', {time})", "({time} + interval 1 day * ({size} % 1000))", "time_bucket(interval 3 hours, {time})", "({time} at time zone 'UTC')::timestamp"},
	"list":    {"[{number}, {number}]", "list_transform({list}, lambda x: x + 1)", "range({size})", "list_sort({list})", "list_filter({list}, lambda x: x > 3)", "list_concat({list}, {list})", "list_distinct({list})", "{list}[1:{size}]", "list_resize({list}, {size})"},
	"bool":    {"{number} > {number}", "{text} like {pattern}", "{text} ilike {pattern}", "{text} glob {pattern}", "regexp_matches({text}, {pattern})", "{text} in (select name from event_names)", "({bool} and {bool})", "({bool} or {bool})", "not {bool}", "{time} > {time}", "contains({text}, {text})", "list_contains({list}, {number})", "{json} is null", "{text} similar to {pattern}", "true"},
	"sum":     {"count(*)", "sum({number})", "count(distinct {text})", "quantile_cont({number}, 0.5)", "string_agg({text}, ',')", "list({number})", "max_by({text}, {number})", "approx_count_distinct({text})", "histogram({text})", "json_group_array({json})", "count(*) filter (where {bool})", "mode({text})", "arg_min({text}, {time})", "list({list})", "median({number})", "approx_top_k({text}, 3)"},
	"grown":   {"s || s", "repeat(s, 2)", "replace(s, 'a', 'bb')", "hex(s)", "json_quote(s)", "concat(s, s, s)", "regexp_replace(s, '', 'xx', 'g')", "lpad(s, 100, s)", "string_split(s, 'a')::varchar", "s"},
	"size":    {"0", "1", "3", "10", "100", "1000", "100000", "3000000", "2000000000", "-1", "9223372036854775807"},
	"pattern": {"'%'", "'%a%b%c%'", "'*a*a*b'", "'(a*)*b'", "'%a%a%a%a%a%a%a%a%a%a%b'", "'*a*a*a*a*a*a*b'", "'[a-z]+'", "'(((a{{1,50}}){{1,50}}))'", "'V_ew'", "'x'", "''", "'(?i)view|pay'", "{text}"},
	"path":    {"'$.a'", "'$.items[*].sku'", "'$..a'", "'/a/b'", "'$'", "'x'"},
	"literal": {"'a'", "''", "'{long}'", "'长'", "'[1,2,3]'", `'{{"a":"JSON"}}'`, "'a''b'", "'{deep}'"},
	"long":    {strings.Repeat("a", 50), strings.Repeat("a", 3000), strings.Repeat("ab", 4900), strings.Repeat("a", 20_000)},
	"deep":    {strings.Repeat("[", 50) + strings.Repeat("]", 50), strings.Repeat("[", 4000) + strings.Repeat("]", 4000), strings.Repeat(`{{"a":`, 900) + "1" + strings.Repeat("}}", 900)},
}

// ends are forms without others in them, for a statement that has become long.
var ends = map[string]string{"number": "events.node", "text": "events.event", "json": "events.properties", "time": "events.time", "list": "[1, 2]", "bool": "true", "sum": "count(*)", "pattern": "'x'"}

// filled puts forms into the braces of a form; doubled braces stand for themselves.
func (s *statements) filled(form string) string {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if c := form[i]; c != '{' && c != '}' {
			b.WriteByte(c)
			continue
		}
		if strings.HasPrefix(form[i+1:], form[i:i+1]) {
			b.WriteByte(form[i])
			i++
			continue
		}
		name, _, _ := strings.Cut(form[i+1:], "}")
		if end := ends[name]; end != "" && s.left <= 0 {
			b.WriteString(end)
		} else {
			s.left--
			b.WriteString(s.filled(s.pick(forms[name]...)))
		}
		i += len(name) + 1
	}
	return b.String()
}
