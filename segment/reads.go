package segment

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

// Member is a person in a segment.
type Member struct {
	Person    touchstone.PersonID `json:"person"`
	EnteredAt time.Time           `json:"entered_at"`
}

// Members returns a page of those of a segment's members that v may see, those who entered last
// first, and the cursor of the next page, empty at the end.
func (s *Segments) Members(ctx context.Context, v *access.Viewer, id string, limit int, cursor string) ([]Member, string, error) {
	generation, err := s.liveGeneration(ctx, id)
	if err != nil {
		return nil, "", err
	}
	at, person := int64(1)<<62, int64(1)<<62
	if cursor != "" {
		a, p, ok := strings.Cut(cursor, ".")
		var errs [2]error
		at, errs[0] = strconv.ParseInt(a, 36, 64)
		person, errs[1] = strconv.ParseInt(p, 36, 64)
		if !ok || errors.Join(errs[:]...) != nil {
			return nil, "", badCursor()
		}
	}
	visible, args, err := s.visible(ctx, v)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.db.Reader().Query(ctx, `SELECT entered_at, person FROM segment_members
		WHERE generation = ? AND (entered_at, person) < (CAST(? AS BIGINT), CAST(? AS BIGINT))`+visible+` ORDER BY entered_at DESC, person DESC LIMIT ?`,
		slices.Concat([]any{generation, at, person}, args, []any{limit + 1})...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var members []Member
	for rows.Next() {
		var m Member
		if err := rows.Scan(&at, &m.Person); err != nil {
			return nil, "", err
		}
		m.EnteredAt = time.UnixMilli(at).UTC()
		members = append(members, m)
	}
	if len(members) <= limit {
		return members, "", rows.Err()
	}
	members = members[:limit]
	last := members[limit-1]
	next := strconv.FormatInt(last.EnteredAt.UnixMilli(), 36) + "." + strconv.FormatInt(int64(last.Person), 36)
	return members, next, rows.Err()
}

func badCursor() error {
	return touchstone.Errorf(touchstone.Invalid, "cursor: is not one that this list has given")
}

// MemberIDs returns all members of a segment, ascending.
func (s *Segments) MemberIDs(ctx context.Context, id string) ([]touchstone.PersonID, error) {
	generation, err := s.liveGeneration(ctx, id)
	if err != nil {
		return nil, err
	}
	persons, err := readPersons(ctx, s.db.Reader(), `SELECT person FROM segment_members WHERE generation = ?`, generation)
	slices.Sort(persons)
	return persons, err
}

// membersSince returns since when each member of a segment is one.
func (s *Segments) membersSince(ctx context.Context, id string) (map[touchstone.PersonID]int64, error) {
	generation, err := s.liveGeneration(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Reader().Query(ctx, `SELECT person, entered_at FROM segment_members WHERE generation = ?`, generation)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	since := map[touchstone.PersonID]int64{}
	for rows.Next() {
		var person touchstone.PersonID
		var at int64
		if err := rows.Scan(&person, &at); err != nil {
			return nil, err
		}
		since[person] = max(at, 1)
	}
	return since, rows.Err()
}

// liveGeneration returns the generation that answers for a segment, 0 before its first
// build is done.
func (s *Segments) liveGeneration(ctx context.Context, id string) (generation int64, err error) {
	err = s.db.Reader().QueryRow(ctx, `SELECT live FROM segments WHERE id = ?`, id).Scan(&generation)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound(id)
	}
	return generation, err
}

// Membership is a segment that a person is in.
type Membership struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Purpose   string    `json:"-"` // of consent, that the segment serves; "": that of what is done with it
	EnteredAt time.Time `json:"entered_at"`
}

// Memberships returns the segments that a person is in, by name; none of a person that v may
// not see.
func (s *Segments) Memberships(ctx context.Context, v *access.Viewer, person touchstone.PersonID) ([]Membership, error) {
	if seen, err := s.Within(ctx, v, []touchstone.PersonID{person}); err != nil || len(seen) == 0 {
		return nil, err
	}
	var stored []byte
	err := s.db.Reader().QueryRow(ctx, `SELECT state FROM segment_states WHERE person = ?`, int64(person)).Scan(&stored)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var st state
	if err := st.decode(stored); err != nil {
		return nil, fmt.Errorf("person %s: %w", person, err)
	}
	if len(st.in) == 0 {
		return nil, nil
	}
	args := make([]any, len(st.in))
	for i, m := range st.in {
		args[i] = int64(m.generation)
	}
	rows, err := s.db.Reader().Query(ctx, `SELECT live, id, name, purpose FROM segments WHERE live IN `+store.Marks(len(args))+` AND `+listedKinds, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Membership
	for rows.Next() {
		var m Membership
		var generation uint32
		if err := rows.Scan(&generation, &m.ID, &m.Name, &m.Purpose); err != nil {
			return nil, err
		}
		at, _ := st.enteredAt(generation)
		m.EnteredAt = time.UnixMilli(at).UTC()
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Membership) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return all, rows.Err()
}

// Change is an entry or exit in the feed.
type Change struct {
	Segment string              `json:"segment"`
	Person  touchstone.PersonID `json:"person"`
	Kind    string              `json:"kind"` // entered or left
	Time    time.Time           `json:"time"`
}

// Changes returns a page of the latest entries and exits of whom v may see, newest first: of one
// segment, or of all when id is empty. The feed keeps a bounded number of changes of all segments
// together; an absorbed person's exits are in it.
func (s *Segments) Changes(ctx context.Context, v *access.Viewer, id string, limit int, cursor string) ([]Change, string, error) {
	before := int64(1) << 62
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 36, 64)
		if before = n; err != nil {
			return nil, "", badCursor()
		}
	}
	visible, shown, err := s.visible(ctx, v)
	if err != nil {
		return nil, "", err
	}
	query, args := `SELECT id, segment, person, entered, at FROM segment_changes WHERE id < ? AND segment NOT LIKE 'rows!_%' ESCAPE '!' AND segment NOT LIKE 'tagv!_%' ESCAPE '!' AND segment NOT LIKE 'stgv!_%' ESCAPE '!'`+visible, append([]any{before}, shown...)
	if id != "" {
		if _, err := s.liveGeneration(ctx, id); err != nil {
			return nil, "", err
		}
		query, args = query+` AND segment = ?`, append(args, id)
	}
	rows, err := s.db.Reader().Query(ctx, query+` ORDER BY id DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var changes []Change
	var ids []int64
	for rows.Next() {
		var c Change
		var number, entered, at int64
		if err := rows.Scan(&number, &c.Segment, &c.Person, &entered, &at); err != nil {
			return nil, "", err
		}
		c.Kind, c.Time = "left", time.UnixMilli(at).UTC()
		if entered != 0 {
			c.Kind = "entered"
		}
		changes, ids = append(changes, c), append(ids, number)
	}
	if len(changes) <= limit {
		return changes, "", rows.Err()
	}
	return changes[:limit], strconv.FormatInt(ids[limit-1], 36), rows.Err()
}

// Day is how a segment changed on one day, in the zone of the configuration.
type Day struct {
	Date    string `json:"date"`    // 2026-01-31
	Members int64  `json:"members"` // at the end of the day, or now
	Entered int64  `json:"entered"`
	Left    int64  `json:"left"`
}

// History returns the latest days of a segment up to today, oldest first, without gaps,
// from the day on which it first went live. It counts everybody, so it is closed to viewers who
// are limited to some persons.
func (s *Segments) History(ctx context.Context, v *access.Viewer, id string, days int) ([]Day, error) {
	if err := v.RequireAll(); err != nil {
		return nil, err
	}
	if _, err := s.liveGeneration(ctx, id); err != nil {
		return nil, err
	}
	first, today := s.firstDay(days), s.firstDay(1)
	rows, err := s.db.Reader().Query(ctx, `SELECT day, members, entered, departed FROM segment_days WHERE segment = ? AND day >=
		coalesce((SELECT max(day) FROM segment_days WHERE segment = ? AND day <= ?), '') ORDER BY day`, id, id, first)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var history []Day
	for rows.Next() {
		var d Day
		if err := rows.Scan(&d.Date, &d.Members, &d.Entered, &d.Left); err != nil {
			return nil, err
		}
		history = append(history, d)
	}
	return fillDays(history, first, today), rows.Err()
}

// firstDay is the first of the latest days, of which today is the last. Days are counted
// without their clock: the moment that it is now may have been skipped on another.
func (s *Segments) firstDay(days int) string {
	y, m, d := s.cfg.Clock.Now().In(s.cfg.Zone()).Date()
	return time.Date(y, m, d+1-days, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// Movement is how a segment changed over some days, up to now.
type Movement struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Members int64  `json:"members"`
	Entered int64  `json:"entered"`
	Left    int64  `json:"left"`
}

// Movements returns the live segments that persons entered or left within the latest days,
// today among them; those that moved most first. Closed as History is.
func (s *Segments) Movements(ctx context.Context, v *access.Viewer, days, limit int) ([]Movement, error) {
	if err := v.RequireAll(); err != nil {
		return nil, err
	}
	rows, err := s.db.Reader().Query(ctx, `SELECT s.id, s.name, g.members, d.entered, d.departed FROM
		(SELECT segment, CAST(sum(entered) AS BIGINT) AS entered, CAST(sum(departed) AS BIGINT) AS departed FROM segment_days WHERE day >= ? GROUP BY segment) d
		JOIN segments s ON s.id = d.segment JOIN segment_generations g ON g.generation = s.live WHERE s.`+listedKinds+` AND d.entered + d.departed > 0
		ORDER BY d.entered + d.departed DESC, s.id LIMIT ?`, s.firstDay(days), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Movement{}
	for rows.Next() {
		var m Movement
		if err := rows.Scan(&m.ID, &m.Name, &m.Members, &m.Entered, &m.Left); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// fillDays adds the days on which nothing happened.
func fillDays(known []Day, first, last string) []Day {
	var all []Day
	var members int64
	if len(known) > 0 {
		first = max(first, known[0].Date)
	} else {
		return nil
	}
	for day, err := time.Parse(time.DateOnly, first); err == nil && day.Format(time.DateOnly) <= last; day = day.AddDate(0, 0, 1) {
		d := Day{Date: day.Format(time.DateOnly)}
		for len(known) > 0 && known[0].Date < d.Date {
			members, known = known[0].Members, known[1:]
		}
		d.Members = members
		if len(known) > 0 && known[0].Date == d.Date {
			d, members, known = known[0], known[0].Members, known[1:]
		}
		all = append(all, d)
	}
	return all
}
