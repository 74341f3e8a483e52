package segment

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Touch is what some persons did with a segment in a span of time.
type Touch struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Entered int64  `json:"entered"` // times
	Left    int64  `json:"left"`
	Members int64  `json:"members"` // of them, now
}

// Touched tells how persons entered and left segments since a moment, as far back as the feed of changes goes, and in
// which of them they are; those with most first. Segments without any of it are left out.
func (s *Segments) Touched(ctx context.Context, ids []string, persons []touchstone.PersonID, since time.Time) ([]Touch, error) {
	by, generations := map[string]*Touch{}, map[int64]*Touch{}
	q := s.db.Reader()
	err := store.SelectIn(ctx, q, `SELECT id, name, live FROM segments WHERE `+listedKinds+` AND id IN (...)`, ids, func(rows *sql.Rows) error {
		var live int64
		t := &Touch{}
		err := rows.Scan(&t.ID, &t.Name, &live)
		by[t.ID], generations[live] = t, t
		return err
	})
	if err != nil || len(by) == 0 {
		return []Touch{}, err
	}
	who := make(map[int64]bool, len(persons))
	numbers := make([]int64, len(persons))
	for i, p := range persons {
		numbers[i], who[int64(p)] = int64(p), true
	}
	for id, t := range by {
		if err := s.touches(ctx, id, who, since, t); err != nil {
			return nil, err
		}
	}
	err = store.SelectIn(ctx, q, `SELECT state FROM segment_states WHERE person IN (...)`, numbers, func(rows *sql.Rows) error {
		var stored []byte
		if err := rows.Scan(&stored); err != nil {
			return err
		}
		var st state
		if err := st.decode(stored); err != nil {
			return err
		}
		for _, m := range st.in {
			if t := generations[int64(m.generation)]; t != nil {
				t.Members++
			}
		}
		return nil
	})
	list := []Touch{}
	for _, t := range by {
		if t.Entered+t.Left+t.Members > 0 {
			list = append(list, *t)
		}
	}
	slices.SortFunc(list, func(a, b Touch) int {
		return cmp.Or(cmp.Compare(b.Entered+b.Left, a.Entered+a.Left), cmp.Compare(b.Members, a.Members), cmp.Compare(a.ID, b.ID))
	})
	return list, err
}

// touches counts a segment's entries and exits in the feed, which is bounded. It reads from the newest on, and the index has its order.
func (s *Segments) touches(ctx context.Context, id string, who map[int64]bool, since time.Time, t *Touch) error {
	rows, err := s.db.Reader().Query(ctx, `SELECT person, entered FROM segment_changes WHERE segment = ? AND at >= ? ORDER BY id DESC`, id, since.UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var person, entered int64
		if err := rows.Scan(&person, &entered); err != nil {
			return err
		}
		switch {
		case !who[person]:
		case entered != 0:
			t.Entered++
		default:
			t.Left++
		}
	}
	return rows.Err()
}
