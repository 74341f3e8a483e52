package household

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// ChildAge is the age, in years, below which a person is protected.
const ChildAge = 14

// childBorn returns the day after which children were born: who is under [ChildAge] today.
func (h *Households) childBorn() Day { return DayOf(h.cfg.Clock.Now().AddDate(-ChildAge, 0, 0)) }

func isChild(born, after Day) bool { return born > after && born < forever }

// Protected returns those of persons who are children: nothing about them goes out for
// marketing, whatever segment they are in.
func (h *Households) Protected(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]bool, error) {
	out := map[touchstone.PersonID]bool{}
	after := h.childBorn()
	err := store.SelectIn(ctx, h.cfg.DB.Reader(), `SELECT person, born FROM household_births WHERE person IN (...)`, numbers(persons), func(rows *sql.Rows) error {
		var p, day int64
		err := rows.Scan(&p, &day)
		if isChild(Day(day), after) { //nolint:gosec // a day
			out[touchstone.PersonID(p)] = true
		}
		return err
	})
	return out, err
}

// Summary is a line of the list of households, as of now.
type Summary struct {
	ID       ID                `json:"id"`
	Size     int               `json:"size"`
	Children int               `json:"children"`
	Orders   int64             `json:"orders"`
	Revenue  float64           `json:"revenue"`
	Lately   float64           `json:"revenue_365"` // paid within the last 365 days
	Payers   int               `json:"payers"`      // members who have paid
	Vehicles int               `json:"vehicles"`    // cars that members drive or have said to have
	Score    float64           `json:"score"`       // of the member who fits least
	Tags     []string          `json:"tags"`
	Since    time.Time         `json:"since"`
	Members  []MiniatureMember `json:"members"`
}

// MiniatureMember is who somebody is in a list.
type MiniatureMember struct {
	ID    touchstone.PersonID `json:"id"`
	Name  *string             `json:"name"`
	Roles []string            `json:"roles"`
	Child bool                `json:"child"`
}

// The orders of the list.
const (
	byRevenue = "revenue"
	bySize    = "size"
	byScore   = "score"
)

// ListQuery asks for a page of households.
type ListQuery struct {
	Sort     string
	Children bool
	MinSize  int
	Tag      string
	Persons  []touchstone.PersonID // households of these only; nil: all
	Limit    int
	After    string // "value.id" of the last one
}

// grouped selects households as they are on a day, with what they are worth.
const grouped = `SELECT m.household AS id, COUNT(*) AS size, CAST(SUM(CASE WHEN m.born > ? AND m.born < ? THEN 1 ELSE 0 END) AS BIGINT) AS children,
	CAST(SUM(CASE WHEN v.paid > 0 THEN 1 ELSE 0 END) AS BIGINT) AS payers, CAST(SUM(COALESCE(v.orders, 0)) AS BIGINT) AS orders, CAST(SUM(COALESCE(v.paid, 0)) AS BIGINT) AS revenue, MIN(m.score) AS score, MIN(m.from_day) AS since
	FROM household_members m LEFT JOIN (SELECT person, SUM(orders) AS orders, SUM(paid) AS paid FROM household_value GROUP BY person) v ON v.person = m.person
	WHERE m.from_day <= ? AND m.until_day > ?`

func (h *Households) groupedArgs() []any {
	today := int64(h.today())
	return []any{int64(h.childBorn()), int64(forever), today, today}
}

// List returns households of today, and the key of the next page.
func (h *Households) List(ctx context.Context, q ListQuery) (list []Summary, next string, err error) {
	column, order, compare := "revenue", "DESC", "<"
	switch q.Sort {
	case bySize:
		column = "size"
	case byScore:
		column, order, compare = "score", "ASC", ">"
	}
	text, args := `SELECT id, size, children, payers, orders, revenue, score, since FROM (`+grouped+` GROUP BY m.household) AS g WHERE size > 1`, h.groupedArgs()
	if q.Children {
		text += ` AND children > 0`
	}
	if q.MinSize > 2 {
		text += ` AND size >= ?`
		args = append(args, q.MinSize)
	}
	if q.Tag != "" {
		text += ` AND (id IN (SELECT household FROM household_tags WHERE tag = ?) OR id IN (SELECT a.household FROM household_tags t JOIN household_aliases a ON a.old = t.household WHERE t.tag = ?))`
		args = append(args, q.Tag, q.Tag)
	}
	if q.Persons != nil {
		marks := make([]string, len(q.Persons))
		for i, p := range q.Persons {
			marks[i] = "?"
			args = append(args, int64(p))
		}
		text += ` AND id IN (SELECT household FROM household_members WHERE person IN (` + strings.Join(marks, ", ") + `))`
	}
	if q.After != "" {
		value, id, ok := strings.Cut(q.After, ".")
		v, err1 := strconv.ParseInt(value, 10, 64)
		n, err2 := strconv.ParseInt(id, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			return nil, "", touchstone.Errorf(touchstone.Invalid, "The cursor is not one that this list gave.")
		}
		text += fmt.Sprintf(` AND (%s %s ? OR %s = ? AND id > ?)`, column, compare, column)
		args = append(args, v, v, n)
	}
	text += fmt.Sprintf(` ORDER BY %s %s, id LIMIT ?`, column, order)
	rows, err := h.cfg.DB.Reader().Query(ctx, text, append(args, q.Limit+1)...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		s, key, err := scanSummary(rows, column)
		if err != nil {
			return nil, "", err
		}
		list, keys = append(list, s), append(keys, key)
	}
	if len(list) > q.Limit {
		list, next = list[:q.Limit], keys[q.Limit-1]
	}
	return list, next, rows.Err()
}

func scanSummary(rows *sql.Rows, column string) (s Summary, key string, err error) {
	var revenue, score, since int64
	if err := rows.Scan((*int64)(&s.ID), &s.Size, &s.Children, &s.Payers, &s.Orders, &revenue, &score, &since); err != nil {
		return s, "", err
	}
	s.Revenue, s.Score, s.Since = float64(revenue)/10_000, float64(score)/1000, timeOfDay(Day(since)) //nolint:gosec // a day
	value := map[string]int64{"revenue": revenue, "size": int64(s.Size), "score": score}[column]
	return s, fmt.Sprintf("%d.%d", value, int64(s.ID)), nil
}

// Totals counts the households of today.
type Totals struct {
	Households int64     `json:"households"`
	Persons    int64     `json:"persons"`
	Children   int64     `json:"children"` // with or without a household
	Waiting    int64     `json:"waiting"`  // persons whose households are about to be derived
	Evidence   []Counted `json:"evidence"`
}

// Counted is how many persons have shown clues of a kind.
type Counted struct {
	Kind    Kind  `json:"kind"`
	Persons int64 `json:"persons"`
	Things  int64 `json:"things"`
}

// Totals counts.
func (h *Households) Totals(ctx context.Context) (t Totals, err error) {
	q := h.cfg.DB.Reader()
	today := int64(h.today())
	if err := q.QueryRow(ctx, `SELECT COUNT(*), CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM (SELECT COUNT(*) AS n FROM household_members WHERE from_day <= ? AND until_day > ? GROUP BY household HAVING COUNT(*) > 1) AS g`,
		today, today).Scan(&t.Households, &t.Persons); err != nil {
		return t, err
	}
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM household_births WHERE born > ?`, int64(h.childBorn())).Scan(&t.Children); err != nil {
		return t, err
	}
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM household_dirty`).Scan(&t.Waiting); err != nil {
		return t, err
	}
	rows, err := q.Query(ctx, `SELECT kind, COUNT(DISTINCT person), COUNT(DISTINCT key) FROM household_clues GROUP BY kind ORDER BY kind`)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	t.Evidence = []Counted{}
	for rows.Next() {
		var c Counted
		if err := rows.Scan(&c.Kind, &c.Persons, &c.Things); err != nil {
			return t, err
		}
		if slices.Contains(settable, c.Kind) {
			t.Evidence = append(t.Evidence, c)
		}
	}
	return t, rows.Err()
}

// View is a household with its history.
type View struct {
	ID        ID             `json:"id"`
	Size      int            `json:"size"`
	Children  int            `json:"children"`
	Orders    int64          `json:"orders"`
	Revenue   float64        `json:"revenue"`
	Lately    float64        `json:"revenue_365"`
	Payers    int            `json:"payers"`
	Vehicles  int            `json:"vehicles"`
	Cities    []string       `json:"cities"`
	FirstSeen time.Time      `json:"first_seen"`
	LastSeen  time.Time      `json:"last_seen"`
	Members   []ViewMember   `json:"members"`
	Decisions []ViewDecision `json:"decisions"`
	Tags      []Tag          `json:"tags"`
}

// ViewMember is a member of today or before.
type ViewMember struct {
	MiniatureMember
	Current   bool           `json:"current"`
	Times     []timeSpan     `json:"times"`
	Score     float64        `json:"score"`
	Orders    int64          `json:"orders"`
	Revenue   float64        `json:"revenue"`
	FirstSeen time.Time      `json:"first_seen"`
	LastSeen  time.Time      `json:"last_seen"`
	Evidence  []ViewEvidence `json:"evidence"`
	Others    []ID           `json:"other_households"`
}

// ViewEvidence is what a member has in common with others.
type ViewEvidence struct {
	Kind   Kind      `json:"kind"`
	Value  string    `json:"value"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Days   int       `json:"days"`
	Weight float64   `json:"weight"`
	Shared int       `json:"shared"`
}

// ViewDecision is what an operator has decided about two persons.
type ViewDecision struct {
	Who     touchstone.PersonID `json:"who"`
	With    touchstone.PersonID `json:"with"`
	Verdict string              `json:"verdict"`
	Actor   string              `json:"actor"`
	At      time.Time           `json:"at"`
}

// resolve follows aliases of an id.
func (h *Households) resolve(ctx context.Context, id ID) (ID, error) {
	return h.aliasOf(ctx, h.cfg.DB.Reader(), id)
}

func (h *Households) aliasOf(ctx context.Context, q store.Querier, id ID) (ID, error) {
	var now int64
	err := q.QueryRow(ctx, `SELECT household FROM household_aliases WHERE old = ?`, int64(id)).Scan(&now)
	switch {
	case err == nil:
		return ID(now), nil
	case err != sql.ErrNoRows:
		return 0, err
	}
	return id, nil
}

// Get returns a household.
func (h *Households) Get(ctx context.Context, v *access.Viewer, id ID) (*View, error) {
	id, err := h.resolve(ctx, id)
	if err != nil {
		return nil, err
	}
	q := h.cfg.DB.Reader()
	out := &View{ID: id, Cities: []string{}, Members: []ViewMember{}, Decisions: []ViewDecision{}, Tags: []Tag{}}
	var persons []touchstone.PersonID
	err = store.SelectIn(ctx, q, `SELECT `+memberColumns+` FROM household_members WHERE household IN (...) ORDER BY person`, []int64{int64(id)}, func(rows *sql.Rows) error {
		row, err := scanMember(rows)
		if err != nil {
			return err
		}
		m, err := h.viewMember(v, &row)
		out.Members = append(out.Members, m)
		persons = append(persons, row.person)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(out.Members) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no household %s", id).WithHint("its members may have been parted, or erased")
	}
	if err := h.addValues(ctx, q, out, persons); err != nil {
		return nil, err
	}
	tags, err := tagsOf(ctx, q, []int64{int64(id)})
	if err != nil {
		return nil, err
	}
	out.Tags = append(out.Tags, tags[id]...)
	out.Decisions, err = h.decisionsOf(ctx, q, persons)
	return out, err
}

func (h *Households) viewMember(v *access.Viewer, row *memberRow) (m ViewMember, err error) {
	today := h.today()
	m = ViewMember{Current: row.from <= today && row.until > today, Score: float64(row.score) / 1000, Evidence: []ViewEvidence{}, Others: []ID{}}
	m.MiniatureMember = h.miniature(row)
	list, err := parseSpans(row.spans)
	if err != nil {
		return m, err
	}
	m.Times = timesOf(list)
	var evidence []Evidence
	if err := json.Unmarshal([]byte(row.evidence), &evidence); err != nil {
		return m, err
	}
	for _, e := range evidence {
		value := e.Note
		if !v.SeesContacts() {
			value = "" // an address, a card, a plate
		}
		m.Evidence = append(m.Evidence, ViewEvidence{e.Kind, value, timeOfDay(e.First), timeOfDay(e.Last), e.Days, e.Weight, e.Shared})
	}
	return m, nil
}

func (h *Households) miniature(row *memberRow) MiniatureMember {
	m := MiniatureMember{ID: row.person, Roles: strings.Fields(row.roles), Child: isChild(row.born, h.childBorn())}
	if m.Child && !slices.Contains(m.Roles, "child") {
		m.Roles = append([]string{"child"}, m.Roles...)
	}
	if !m.Child && row.born < unknownChild { // who was called a child has grown up
		m.Roles = slices.DeleteFunc(m.Roles, func(r string) bool { return r == "child" })
	}
	return m
}

// addValues adds what members have paid, and their other households.
func (h *Households) addValues(ctx context.Context, q store.Querier, out *View, persons []touchstone.PersonID) error {
	at := map[touchstone.PersonID]*ViewMember{}
	for i := range out.Members {
		at[out.Members[i].ID] = &out.Members[i]
	}
	err := store.SelectIn(ctx, q, `SELECT person, orders, paid FROM household_value WHERE person IN (...)`, numbers(persons), func(rows *sql.Rows) error {
		var p, orders, paid int64
		err := rows.Scan(&p, &orders, &paid)
		m := at[touchstone.PersonID(p)]
		m.Orders, m.Revenue = m.Orders+orders, m.Revenue+float64(paid)/10_000
		return err
	})
	if err != nil {
		return err
	}
	err = store.SelectIn(ctx, q, `SELECT person, household FROM household_members WHERE person IN (...)`, numbers(persons), func(rows *sql.Rows) error {
		var p, id int64
		err := rows.Scan(&p, &id)
		if m := at[touchstone.PersonID(p)]; m != nil && ID(id) != out.ID {
			m.Others = append(m.Others, ID(id))
		}
		return err
	})
	return err
}

func (h *Households) decisionsOf(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]ViewDecision, error) {
	list, seen := []ViewDecision{}, map[string]bool{}
	for _, column := range []string{"person", "other"} {
		err := store.SelectIn(ctx, q, `SELECT `+decisionColumns+` FROM household_decisions WHERE `+column+` IN (...)`, numbers(persons), func(rows *sql.Rows) error {
			d, actor, err := scanDecision(rows)
			if err != nil || seen[d.Key] {
				return err
			}
			seen[d.Key] = true
			verdict := apart_
			if d.Together {
				verdict = together_
			}
			list = append(list, ViewDecision{d.Person, d.Other, verdict, actor, timeOfDay(d.Day)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Of returns the households that a person is or was in, the present ones first.
func (h *Households) Of(ctx context.Context, v *access.Viewer, person touchstone.PersonID) ([]*View, error) {
	var ids []ID
	rows, err := h.cfg.DB.Reader().Query(ctx, `SELECT household FROM household_members WHERE person = ? ORDER BY until_day DESC, score DESC, household LIMIT 20`, int64(person))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, ID(id))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	list := []*View{}
	for _, id := range ids {
		one, err := h.Get(ctx, v, id)
		if touchstone.KindOf(err) == touchstone.NotFound { // it has changed meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// addMembers adds who is in the households of a page today.
func (h *Households) addMembers(ctx context.Context, list []Summary) error {
	at := map[ID]*Summary{}
	ids := make([]int64, len(list))
	for i := range list {
		list[i].Members = []MiniatureMember{}
		at[list[i].ID], ids[i] = &list[i], int64(list[i].ID)
	}
	today := int64(h.today())
	err := store.SelectIn(ctx, h.cfg.DB.Reader(), `SELECT `+memberColumns+` FROM household_members WHERE from_day <= ? AND until_day > ? AND household IN (...) ORDER BY person`, ids, func(rows *sql.Rows) error {
		row, err := scanMember(rows)
		if err != nil {
			return err
		}
		s := at[row.household]
		s.Members = append(s.Members, h.miniature(&row))
		return nil
	}, today, today)
	if err != nil {
		return err
	}
	tags, err := tagsOf(ctx, h.cfg.DB.Reader(), ids)
	for id, s := range at {
		s.Tags = []string{}
		for _, t := range tags[id] {
			s.Tags = append(s.Tags, t.Tag)
		}
	}
	return err
}

func (h *Households) rulesNow(ctx context.Context) (v rulesView, err error) {
	var text string
	var at int64
	if err := h.cfg.DB.Reader().QueryRow(ctx, `SELECT version, rules, actor, set_at FROM household_rules WHERE one = 1`).Scan(&v.Version, &text, &v.Actor, &at); err != nil {
		return v, err
	}
	v.Default, v.Rules = text == "", DefaultRules()
	if at > 0 {
		v.SetAt = time.UnixMilli(at).UTC()
	}
	if text != "" {
		v.Rules, err = ParseRules([]byte(text))
	}
	return v, err
}

func (v *rulesView) etag() string { return api.ETag("households", strconv.FormatInt(v.Version, 10)) }
