package household

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

type memberID struct {
	household ID
	person    touchstone.PersonID
}

// write stores the region's memberships: what differs from those that are stored. It returns whose
// household is another, or has other members.
func (r *region) write(ctx context.Context, tx *store.Tx, rows []memberRow, known map[touchstone.PersonID]*about) (others []touchstone.PersonID, err error) {
	before := make(map[memberID]memberRow, len(r.members))
	for _, m := range r.members {
		before[memberID{m.household, m.person}] = m
	}
	after := make(map[memberID]bool, len(rows))
	var changed []memberRow
	for _, m := range rows {
		id := memberID{m.household, m.person}
		after[id] = true
		if before[id] != m {
			changed = append(changed, m)
		}
	}
	var gone []memberRow
	for id, m := range before {
		if !after[id] {
			gone = append(gone, m)
		}
	}
	slices.SortFunc(gone, func(a, b memberRow) int {
		return cmp.Or(cmp.Compare(a.household, b.household), cmp.Compare(a.person, b.person))
	})
	if err := r.births(ctx, tx, known); err != nil {
		return nil, err
	}
	if len(changed)+len(gone) == 0 {
		return nil, nil
	}
	if err := tx.BulkDeleteRows(ctx, "household_members", []string{"household", "person"}, len(gone), func(i int, args []any) {
		args[0], args[1] = int64(gone[i].household), int64(gone[i].person)
	}); err != nil {
		return nil, err
	}
	if err := upsertMembers(ctx, tx, changed); err != nil {
		return nil, err
	}
	if err := follow(ctx, tx, gone, rows); err != nil {
		return nil, err
	}
	return moved(before, rows, gone), touch(ctx, tx)
}

// touch tells that answers about households may have changed.
func touch(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE household_version SET version = version + 1 WHERE one = 1`)
	return err
}

func upsertMembers(ctx context.Context, tx *store.Tx, list []memberRow) error {
	return tx.BulkUpsert(ctx, store.Upsert{Table: "household_members", Key: []string{"household", "person"},
		Columns: []string{"household", "person", "spans", "from_day", "until_day", "score", "roles", "born", "evidence"}}, len(list), func(i int, args []any) {
		m := &list[i]
		args[0], args[1], args[2], args[3], args[4] = int64(m.household), int64(m.person), m.spans, int64(m.from), int64(m.until)
		args[5], args[6], args[7], args[8] = m.score, m.roles, int64(m.born), m.evidence
	})
}

// follow notes what became of households that are no more: the one that has most of their
// members. An old address then leads there.
func follow(ctx context.Context, tx *store.Tx, gone, rows []memberRow) error {
	alive, of := map[ID]bool{}, map[touchstone.PersonID][]ID{}
	for _, m := range rows {
		alive[m.household] = true
		of[m.person] = append(of[m.person], m.household)
	}
	votes := map[ID]map[ID]int{}
	for _, m := range gone {
		if alive[m.household] {
			continue
		}
		if votes[m.household] == nil {
			votes[m.household] = map[ID]int{}
		}
		for _, id := range of[m.person] {
			votes[m.household][id]++
		}
	}
	for _, old := range slices.Sorted(maps.Keys(votes)) {
		best, most := ID(0), 0
		for id, n := range votes[old] {
			if n > most || n == most && id < best {
				best, most = id, n
			}
		}
		if best == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO household_aliases (old, household) VALUES (?, ?) ON CONFLICT (old) DO UPDATE SET household = excluded.household`, int64(old), int64(best)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE household_aliases SET household = ? WHERE household = ?`, int64(best), int64(old)); err != nil {
			return err
		}
	}
	ids := make([]int64, 0, len(alive))
	for id := range alive {
		ids = append(ids, int64(id))
	}
	slices.Sort(ids)
	return store.ExecIn(ctx, tx, `DELETE FROM household_aliases WHERE old IN (...)`, ids)
}

// births stores who was born when.
func (r *region) births(ctx context.Context, tx *store.Tx, known map[touchstone.PersonID]*about) error {
	stored := map[touchstone.PersonID]Day{}
	err := store.SelectIn(ctx, tx, `SELECT person, born FROM household_births WHERE person IN (...)`, numbers(slices.Sorted(maps.Keys(r.persons))), func(rows *sql.Rows) error {
		var p, day int64
		err := rows.Scan(&p, &day)
		stored[touchstone.PersonID(p)] = Day(day) //nolint:gosec // a day
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(known)) {
		was, there := stored[p]
		switch now := known[p].birth(); {
		case now < forever && (!there || was != now):
			_, err = tx.Exec(ctx, `INSERT INTO household_births (person, born) VALUES (?, ?) ON CONFLICT (person) DO UPDATE SET born = excluded.born`, int64(p), int64(now))
		case now == forever && there:
			_, err = tx.Exec(ctx, `DELETE FROM household_births WHERE person = ?`, int64(p))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// birth is the day of birth. Whom somebody has called a child and of whom none is known is one
// until somebody says otherwise.
func (a *about) birth() Day {
	if a.born == forever && a.role == "child" {
		return unknownChild
	}
	return a.born
}

// unknownChild stands for the birth of a child of which none is known: it lies ahead of all
// days that are asked about.
const unknownChild Day = forever - 1
