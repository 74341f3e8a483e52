package segment

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
)

// MembersVersion names who is in a segment: its generation, how many they are, how many came
// and left ever, and the last change in the feed. Read before the members, it may be behind
// them, never ahead.
func (s *Segments) MembersVersion(ctx context.Context, id string) (version string, members int64, err error) {
	generation, err := s.liveGeneration(ctx, id)
	if err != nil {
		return "", 0, err
	}
	var came, left, last int64
	err = s.db.Reader().QueryRow(ctx, `SELECT
		coalesce((SELECT members FROM segment_generations WHERE generation = ?), 0),
		coalesce((SELECT sum(entered) FROM segment_days WHERE segment = ?), 0), coalesce((SELECT sum(departed) FROM segment_days WHERE segment = ?), 0),
		coalesce((SELECT max(id) FROM segment_changes WHERE segment = ?), 0)`, generation, id, id, id).Scan(&members, &came, &left, &last)
	return fmt.Sprintf("%d.%d.%d.%d.%d", generation, last, members, came, left), members, err
}

// mostChanges is how many changes are still worth telling one by one.
const mostChanges = 50_000

// MembersSince returns who came to a segment and who left it since a version; ok is false
// when the feed does not reach back so far, or too much happened.
func (s *Segments) MembersSince(ctx context.Context, id, version string) (add, remove []touchstone.PersonID, ok bool, err error) {
	var then, last int64
	if _, err := fmt.Sscanf(version, "%d.%d.", &then, &last); err != nil || last == 0 {
		return nil, nil, false, nil //nolint:nilerr // a version of another program
	}
	generation, err := s.liveGeneration(ctx, id)
	if err != nil || generation != then {
		return nil, nil, false, err
	}
	var oldest int64
	if err := s.db.Reader().QueryRow(ctx, `SELECT coalesce(min(id), 0) FROM segment_changes`).Scan(&oldest); err != nil || oldest > last+1 {
		return nil, nil, false, err
	}
	rows, err := s.db.Reader().Query(ctx, `SELECT person, entered FROM segment_changes WHERE segment = ? AND id > ? ORDER BY id LIMIT ?`, id, last, mostChanges+1)
	if err != nil {
		return nil, nil, false, err
	}
	defer rows.Close()
	in, n := map[touchstone.PersonID]bool{}, 0
	for rows.Next() {
		var person touchstone.PersonID
		var entered int64
		if err := rows.Scan(&person, &entered); err != nil {
			return nil, nil, false, err
		}
		in[person] = entered == 1
		n++
	}
	for person, is := range in {
		if is {
			add = append(add, person)
		} else {
			remove = append(remove, person)
		}
	}
	return add, remove, n <= mostChanges, rows.Err()
}
