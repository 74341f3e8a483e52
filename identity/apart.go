package identity

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// apartness knows which persons were parted, by operators and by clients that unbind. All
// are in memory, by person: a merge asks about two of them, not about all.
type apartness struct {
	from map[touchstone.PersonID]map[touchstone.PersonID]struct{} // both ways
}

func (a *apartness) clear() { a.from = nil }

func (a *apartness) has(p, q touchstone.PersonID) bool {
	if a == nil || len(a.from) == 0 {
		return false
	}
	_, ok := a.from[p][q]
	return ok
}

func (a *apartness) add(p, q touchstone.PersonID) {
	if a.from == nil {
		a.from = map[touchstone.PersonID]map[touchstone.PersonID]struct{}{}
	}
	for _, side := range [][2]touchstone.PersonID{{p, q}, {q, p}} {
		if a.from[side[0]] == nil {
			a.from[side[0]] = map[touchstone.PersonID]struct{}{}
		}
		a.from[side[0]][side[1]] = struct{}{}
	}
}

func (a *apartness) remove(p, q touchstone.PersonID) {
	for _, side := range [][2]touchstone.PersonID{{p, q}, {q, p}} {
		delete(a.from[side[0]], side[1])
		if len(a.from[side[0]]) == 0 {
			delete(a.from, side[0])
		}
	}
}

// merged carries the constraints of an absorbed person over to the one that keeps it.
func (a *apartness) merged(kept, absorbed touchstone.PersonID) {
	if a == nil || len(a.from) == 0 {
		return
	}
	for other := range a.from[absorbed] {
		a.remove(absorbed, other)
		a.add(kept, other)
	}
}

const apartQuery = `SELECT a.person, b.person FROM identity_apart p JOIN identity_nodes a ON a.id = p.a JOIN identity_nodes b ON b.id = p.b`

// load reads all pairs.
func (a *apartness) load(ctx context.Context, q store.Querier) error {
	a.clear()
	return a.read(ctx, q, apartQuery)
}

// reload reads the pairs of the two persons that one has become: rows name nodes, and
// which of the two has a node is only now known.
func (a *apartness) reload(ctx context.Context, q store.Querier, was, other touchstone.PersonID) error {
	for p := range a.from[was] {
		a.remove(was, p)
	}
	for _, column := range []string{"a", "b"} {
		err := a.read(ctx, q, apartQuery+` WHERE p.`+column+` IN (SELECT id FROM identity_nodes WHERE person IN (?, ?))`, int64(was), int64(other))
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *apartness) read(ctx context.Context, q store.Querier, query string, args ...any) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read the persons kept apart: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p, o int64
		if err := rows.Scan(&p, &o); err != nil {
			return err
		}
		a.add(touchstone.PersonID(p), touchstone.PersonID(o))
	}
	return rows.Err()
}
