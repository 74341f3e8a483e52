package keeptest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// table is a table's rows.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// prepare opens the feature once, so that its tables are there, and remembers what a fresh
// database holds.
func (s *stage) prepare() {
	s.t.Helper()
	s.open(s.t, newWorld(s.db))
	ctx := context.Background()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if s.db.Dialect() == store.Postgres {
		query = `SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	var names []string
	s.must(keep.Each(ctx, s.db.Reader(), query, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		if !strings.HasPrefix(name, "migrations_") {
			names = append(names, name)
		}
		return err
	}))
	slices.Sort(names)
	for _, name := range names {
		t, err := read(ctx, s.db.Reader(), name)
		s.must(err)
		s.fresh = append(s.fresh, t)
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wipe makes the database a fresh one.
func (s *stage) wipe(ctx context.Context) {
	s.t.Helper()
	s.must(s.db.Update(ctx, func(tx *store.Tx) error {
		for _, t := range s.fresh {
			if _, err := tx.Exec(ctx, `DELETE FROM `+t.name); err != nil {
				return err
			}
			err := tx.BulkUpsert(ctx, store.Upsert{Table: t.name, Columns: t.columns}, len(t.rows), func(i int, args []any) { copy(args, t.rows[i]) })
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func read(ctx context.Context, q store.Querier, name string) (table, error) {
	t := table{name: name}
	rows, err := q.Query(ctx, `SELECT * FROM `+name)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	if t.columns, err = rows.Columns(); err != nil {
		return t, err
	}
	for rows.Next() {
		row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return t, err
		}
		t.rows = append(t.rows, row)
	}
	return t, rows.Err()
}

// tables reads the keeper's tables.
func (r *run) tables(ctx context.Context) (list []table, of []keep.Table) {
	r.t.Helper()
	of = r.feature.Keeper.Tables()
	for _, d := range of {
		t, err := read(ctx, r.DB.Reader(), d.Name)
		if err != nil {
			r.t.Fatalf("Tables() of %s: %v", r.feature.Keeper.Name(), err)
		}
		if len(t.rows) > 0 && r.feature.Unpack != nil {
			t = r.unpack(t)
		}
		for _, c := range slices.Concat(d.Persons, d.Nodes, d.Texts) {
			if !slices.Contains(t.columns, c) && (len(t.rows) > 0 || r.feature.Unpack == nil) {
				r.t.Fatalf("Tables() of %s: %s has no column %s", r.feature.Keeper.Name(), d.Name, c)
			}
		}
		list = append(list, t)
	}
	return list, of
}

func (r *run) unpack(packed table) table {
	t := table{name: packed.name, columns: packed.columns}
	for _, row := range packed.rows {
		columns, rows := r.feature.Unpack(packed.name, packed.columns, row)
		t.columns, t.rows = columns, append(t.rows, rows...)
	}
	return t
}

// names tells whether a row names one of the numbers in a column of persons or nodes.
func names(t *table, d *keep.Table, row []any, numbers []int64) bool {
	for i, c := range t.columns {
		if !slices.Contains(d.Persons, c) && !slices.Contains(d.Nodes, c) {
			continue
		}
		if n, ok := row[i].(int64); ok && slices.Contains(numbers, n) {
			return true
		}
	}
	return false
}

// says tells whether a row holds an identifier of a person: that is how a table without numbers
// names one.
func says(row []any, parts *touchstone.Parts) bool {
	whole := text(row)
	return slices.ContainsFunc(parts.Identifiers, func(id touchstone.Identifier) bool { return strings.Contains(whole, id.Value) })
}

func numbersOf(person touchstone.PersonID, nodes []touchstone.NodeID) []int64 {
	return (&keep.Whole{Person: person, Nodes: nodes}).Numbers()
}

func text(row []any) string {
	var b strings.Builder
	for _, v := range row {
		switch v := v.(type) {
		case []byte:
			fmt.Fprintf(&b, "%s|", v)
		default:
			fmt.Fprintf(&b, "%v|", v)
		}
	}
	return b.String()
}

// rows returns the rows that name somebody, as texts, by table.
func (r *run) rows(ctx context.Context) map[string][]string {
	r.t.Helper()
	all := map[string][]string{}
	list, of := r.tables(ctx)
	for i := range list {
		if slices.Contains(r.feature.Follows, of[i].Name) || of[i].Stays != "" || len(of[i].Persons)+len(of[i].Nodes) == 0 {
			continue
		}
		for _, row := range list[i].rows {
			named := numbers(&list[i], &of[i], row)
			if !slices.ContainsFunc(named, func(n int64) bool { return n != 0 }) {
				continue
			}
			for c, name := range list[i].columns {
				if slices.Contains(r.feature.Gathered, name) {
					row[c] = nil
				}
			}
			all[of[i].Name] = append(all[of[i].Name], key(row, named))
		}
	}
	return all
}

// numbers returns the persons and nodes that a row names.
func numbers(t *table, d *keep.Table, row []any) (list []int64) {
	for i, c := range t.columns {
		if n, ok := row[i].(int64); ok && (slices.Contains(d.Persons, c) || slices.Contains(d.Nodes, c)) {
			list = append(list, n)
		}
	}
	return list
}

// key is a row's text behind the numbers that it names: "3,4#…".
func key(row []any, numbers []int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]") + "#" + text(row)
}

// check asks, after a batch, whether anything is left of those who were erased, and, when the
// batch did nothing else, whether all others' rows are as they were.
func (r *run) check(ctx context.Context, graves []grave, before map[string][]string, erasedOnly bool) {
	r.t.Helper()
	list, of := r.tables(ctx)
	for i := range list {
		t, d := &list[i], &of[i]
		if len(t.rows) > 0 {
			r.s.stored[d.Name] = true
		}
		for _, row := range t.rows {
			for _, g := range r.erased {
				r.neverThere(t, d, row, &g)
			}
			r.unknown(d, row)
		}
	}
	if len(graves) == 0 || !erasedOnly || before == nil {
		return
	}
	after := r.rows(ctx)
	for i := range of {
		name := of[i].Name
		kept := slices.DeleteFunc(slices.Clone(before[name]), func(k string) bool {
			return slices.ContainsFunc(graves, func(g grave) bool { return namedIn(k, numbersOf(g.person, g.nodes)) })
		})
		now := after[name]
		slices.Sort(kept)
		slices.Sort(now)
		if !slices.Equal(kept, now) {
			r.t.Fatalf("the erasure of %s changed rows of others in %s:\nbefore %q\nafter  %q", graves[0].person, name, kept, now)
		}
	}
}

func namedIn(key string, numbers []int64) bool {
	head, _, _ := strings.Cut(key, "#")
	for n := range strings.SplitSeq(head, ",") {
		if slices.ContainsFunc(numbers, func(m int64) bool { return fmt.Sprint(m) == n }) {
			return true
		}
	}
	return false
}

func (r *run) neverThere(t *table, d *keep.Table, row []any, g *grave) {
	r.t.Helper()
	if d.Stays == "" && names(t, d, row, numbersOf(g.person, g.nodes)) {
		r.t.Fatalf("%s still has a row that names %s, who was erased (nodes %v): %s", d.Name, g.person, g.nodes, text(row))
	}
	whole := text(row)
	for _, token := range g.tokens {
		if strings.Contains(whole, token) {
			r.t.Fatalf("%s still holds what %s, who was erased, has said (%s): %q", d.Name, g.person, token, whole)
		}
	}
}

// unknown asks that no identifier is there that has not come again since its person was erased.
func (r *run) unknown(d *keep.Table, row []any) {
	r.t.Helper()
	for who, lives := range r.people.lives {
		if value := identifier(who).Value; lives > 0 && r.people.nodes[who] == 0 && !r.clean && strings.Contains(text(row), value) {
			r.t.Fatalf("%s still holds the identifier %s, whose person was erased: %q", d.Name, value, text(row))
		}
	}
}

// current asks that a column of persons names nobody who was absorbed.
func (r *run) current(t *table, d *keep.Table, row []any) {
	r.t.Helper()
	for i, c := range t.columns {
		n, ok := row[i].(int64)
		if !ok || n == 0 || !slices.Contains(d.Persons, c) || r.clean {
			continue
		}
		if owner := r.people.owner[touchstone.NodeID(n)]; owner != touchstone.PersonID(n) {
			r.t.Fatalf("%s.%s names %s, who is %s now: %s", d.Name, c, touchstone.PersonID(n), owner, text(row))
		}
	}
}

// complete asks, in the end, whether each person's export is there when rows are, and holds
// nothing that others have said.
func (r *run) complete(ctx context.Context) {
	r.t.Helper()
	list, of := r.tables(ctx)
	for i := range list {
		for _, row := range list[i].rows {
			r.current(&list[i], &of[i], row)
		}
	}
	for p := touchstone.PersonID(1); p <= touchstone.PersonID(r.people.last); p++ {
		parts := r.people.partsOf(p)
		numbers := numbersOf(p, parts.Nodes)
		named, stays := "", ""
		for i := range list {
			if of[i].Stays == "" && slices.ContainsFunc(list[i].rows, func(row []any) bool {
				return names(&list[i], &of[i], row, numbers) || len(of[i].Persons)+len(of[i].Nodes) == 0 && says(row, parts)
			}) {
				named = of[i].Name
			}
			// Rows that stay may be about the person, in words or by its number.
			if of[i].Stays != "" && slices.ContainsFunc(list[i].rows, func(row []any) bool {
				return says(row, parts) || slices.ContainsFunc(row, func(v any) bool { return v == p.String() })
			}) {
				stays = of[i].Name
			}
		}
		export := r.export(ctx, p)
		live := len(parts.Nodes) > 0 // else numbers of persons that were absorbed or erased
		if live && named != "" && len(export) == 0 {
			r.t.Fatalf("the export of %s is empty, but %s has rows of it", p, named)
		}
		if named == "" && stays == "" && len(export) > 0 {
			r.t.Fatalf("no row names %s, but its export holds %v", p, export)
		}
		whole, err := json.Marshal(export)
		if err != nil {
			r.t.Fatalf("%v", err)
		}
		for who := range r.people.nodes {
			if n := r.people.nodes[who]; r.people.owner[n] != p && strings.Contains(string(whole), r.people.token(who)) {
				r.t.Fatalf("the export of %s holds what another person has said (%s): %s", p, r.people.token(who), whole)
			}
		}
	}
}

// meant fails an exercise in which nothing was kept: it would show nothing.
func (s *stage) meant(t fataler) {
	t.Helper()
	if len(s.stored) == 0 {
		t.Fatalf("the feature kept no row about anybody: Apply must do what it does in the pipeline")
	}
}
