package profile

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxSearch bounds a page and a query.
const (
	maxSearchLimit = 500
	maxSearchBytes = 256
)

// Search returns persons: the most recently active ones when q is empty, else those with
// an identifier that begins with q, and then those with such a name, e-mail address or
// phone number among their traits. cursor is "" or what the last call returned.
func (p *Profiles) Search(ctx context.Context, v *access.Viewer, q string, limit int, cursor string) ([]api.PersonLine, string, error) {
	limit = min(max(limit, 1), maxSearchLimit)
	if len(q) > maxSearchBytes {
		return nil, "", touchstone.Errorf(touchstone.Invalid, "the search text is longer than %d bytes", maxSearchBytes)
	}
	at, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var ids []touchstone.PersonID
	var next string
	if q = strings.TrimSpace(q); q == "" {
		ids, next, err = p.newest(ctx, limit, at)
	} else {
		ids, next, err = p.matching(ctx, v, q, limit, at)
	}
	if err != nil {
		return nil, "", err
	}
	list, err := p.Lines(ctx, v, ids)
	return list, next, err
}

// A cursor is a phase and two values, packed so that nobody builds on their form.
type cursorAt struct {
	phase string // "" at the start; recent, day; id, term
	a, b  string
}

func (c cursorAt) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.phase + "\x00" + c.a + "\x00" + c.b))
}

func (c cursorAt) numbers() (a, b int64) {
	a, _ = strconv.ParseInt(c.a, 10, 64)
	b, _ = strconv.ParseInt(c.b, 10, 64)
	return a, b
}

func numberCursor(phase string, a, b int64) cursorAt {
	return cursorAt{phase, strconv.FormatInt(a, 10), strconv.FormatInt(b, 10)}
}

func parseCursor(s string) (cursorAt, error) {
	if s == "" {
		return cursorAt{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(raw), "\x00")
	if err != nil || len(parts) != 3 {
		return cursorAt{}, touchstone.Errorf(touchstone.Invalid, "this cursor is not one of ours").WithHint("start again without a cursor")
	}
	return cursorAt{parts[0], parts[1], parts[2]}, nil
}

// newest lists persons by latest activity: exactly as far as memory goes, then by day.
func (p *Profiles) newest(ctx context.Context, limit int, at cursorAt) (ids []touchstone.PersonID, next string, err error) {
	head, err := p.recentPersons(ctx)
	if err != nil {
		return nil, "", err
	}
	if at.phase != "day" {
		from := activePerson{last: 1<<63 - 1}
		if at.phase == "recent" {
			last, person := at.numbers()
			from = activePerson{touchstone.PersonID(person), last}
		}
		for _, a := range head {
			if newestFirst(from, a) >= 0 {
				continue
			}
			ids = append(ids, a.person)
			if len(ids) == limit {
				return ids, numberCursor("recent", a.last, int64(a.person)).String(), nil
			}
		}
		if len(head) < maxRecent {
			return ids, "", nil // that was everybody
		}
		at = numberCursor("day", floorDay(head[len(head)-1].last), 1<<62)
	}
	tail, next, err := p.byDay(ctx, limit-len(ids), at, head)
	return append(ids, tail...), next, err
}

// byDay goes on where the list in memory ends.
func (p *Profiles) byDay(ctx context.Context, limit int, at cursorAt, head []activePerson) (ids []touchstone.PersonID, next string, err error) {
	inHead := make(map[touchstone.PersonID]bool, len(head))
	for _, a := range head {
		inHead[a.person] = true
	}
	day, person := at.numbers()
	rows, err := p.cfg.DB.Reader().Query(ctx, `SELECT day, person FROM profile_days WHERE day < ? OR day = ? AND person < ? ORDER BY day DESC, person DESC LIMIT ?`, day, day, person, limit+len(head))
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&day, &person); err != nil {
			return nil, "", err
		}
		if inHead[touchstone.PersonID(person)] {
			continue
		}
		ids = append(ids, touchstone.PersonID(person))
		if len(ids) == limit {
			return ids, numberCursor("day", day, person).String(), nil
		}
	}
	return ids, "", rows.Err()
}

// maxHiddenPages bounds how many pages of identifiers that the viewer may not find are looked
// through for those that it may. The whole value comes first: it is the shortest.
const maxHiddenPages = 4

// matching lists persons by identifier, then by term. A person is listed once per page.
func (p *Profiles) matching(ctx context.Context, v *access.Viewer, q string, limit int, at cursorAt) (ids []touchstone.PersonID, next string, err error) {
	seen := map[touchstone.PersonID]bool{}
	add := func(id touchstone.PersonID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if id, ok := touchstone.ParsePersonID(q); ok && at.phase == "" {
		add(id)
	}
	if at.phase != "term" && p.cfg.Identifiers != nil {
		after := touchstone.Identifier{Kind: touchstone.IdentifierKind(at.b), Value: at.a}
		for pages := 0; len(ids) < limit && (pages < maxHiddenPages || v.SeesContacts()); pages++ {
			found, persons, err := p.cfg.Identifiers.FindIdentifiers(ctx, q, after, limit)
			if err != nil {
				return nil, "", err
			}
			for i, f := range found {
				after = f
				if !v.FindsIdentifier(f, q) {
					continue
				}
				add(persons[i])
				if len(ids) == limit {
					return ids, cursorAt{"id", after.Value, string(after.Kind)}.String(), nil
				}
			}
			if len(found) < limit {
				break
			}
		}
		at = cursorAt{}
	}
	next, err = p.byTerm(ctx, cutTerm(foldTerm(q)), limit-len(ids), at, func(term string, id touchstone.PersonID) {
		if v.Finds(term, cutTerm(foldTerm(q))) {
			add(id)
		}
	})
	return ids, next, err
}

func (p *Profiles) byTerm(ctx context.Context, q string, limit int, at cursorAt, add func(term string, id touchstone.PersonID)) (next string, err error) {
	query := `SELECT term, person FROM profile_terms WHERE term >= ? AND (term > ? OR person > ?)`
	_, person := at.numbers()
	args := []any{max(q, at.a), at.a, person}
	if end := store.PrefixEnd(q); end != "" {
		query += ` AND term < ?`
		args = append(args, end)
	}
	rows, err := p.cfg.DB.Reader().Query(ctx, query+` ORDER BY term, person LIMIT ?`, append(slices.Clip(args), limit)...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var term string
		if err := rows.Scan(&term, &person); err != nil {
			return "", err
		}
		add(term, touchstone.PersonID(person))
		if n++; n == limit {
			next = cursorAt{"term", term, strconv.FormatInt(person, 10)}.String()
		}
	}
	return next, rows.Err()
}
