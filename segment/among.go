package segment

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Among are the members of a segment among some persons.
type Among struct {
	ID, Name string
	Size     int64 // of the whole segment
	Members  []touchstone.PersonID
}

// MembersAmong returns the segments that some persons are in, each with those of them that are. It
// is for numbers about everybody: a viewer's rows are not asked.
func (s *Segments) MembersAmong(ctx context.Context, persons []touchstone.PersonID) ([]Among, error) {
	return MembersAmongIn(ctx, s.db.Reader(), persons)
}

// MembersAmongIn is [Segments.MembersAmong] as of a transaction.
func MembersAmongIn(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (list []Among, err error) {
	in := map[uint32][]touchstone.PersonID{}
	err = store.SelectIn(ctx, q, `SELECT person, state FROM segment_states WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		var person touchstone.PersonID
		var stored []byte
		if err := rows.Scan(&person, &stored); err != nil {
			return err
		}
		var st state
		if err := st.decode(stored); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
		for _, m := range st.in {
			in[m.generation] = append(in[m.generation], person)
		}
		return nil
	})
	if err != nil || len(in) == 0 {
		return nil, err
	}
	rows, err := q.Query(ctx, `SELECT s.live, s.id, s.name, g.members FROM segments s JOIN segment_generations g ON g.generation = s.live WHERE s.`+listedKinds+` ORDER BY s.name, s.id`)
	if err != nil {
		return nil, fmt.Errorf("read segments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var generation uint32
		var one Among
		if err := rows.Scan(&generation, &one.ID, &one.Name, &one.Size); err != nil {
			return nil, err
		}
		if one.Members = in[generation]; len(one.Members) > 0 {
			list = append(list, one)
		}
	}
	return list, rows.Err()
}
