package household

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxRegion bounds the persons that are looked at at once. What hangs together beyond it is
// cut, and counted.
const maxRegion = 5000

// region is all persons that hang together with some, by what they share, by decisions and by
// the households that they are in: nothing outside of it has to do with theirs.
type region struct {
	persons   map[touchstone.PersonID]bool
	things    map[Thing]bool
	crowded   map[Thing]bool
	clues     []Clue
	decisions map[string]Decision
	members   []memberRow // as they are stored
	cut       bool
}

// loadRegion reads what hangs together with persons.
func loadRegion(ctx context.Context, q store.Querier, rules *Rules, start []touchstone.PersonID) (*region, error) {
	r := &region{persons: map[touchstone.PersonID]bool{}, things: map[Thing]bool{}, crowded: map[Thing]bool{}, decisions: map[string]Decision{}}
	households := map[ID]bool{}
	for next := r.add(start); len(next) > 0; {
		things, err := r.readClues(ctx, q, rules, next)
		if err != nil {
			return nil, err
		}
		found, err := r.sharers(ctx, q, things)
		if err != nil {
			return nil, err
		}
		others, err := r.readDecisions(ctx, q, next)
		if err != nil {
			return nil, err
		}
		mates, err := r.readMembers(ctx, q, next, households)
		if err != nil {
			return nil, err
		}
		next = r.add(append(append(found, others...), mates...))
	}
	return r, nil
}

// add returns those of persons who are new.
func (r *region) add(persons []touchstone.PersonID) (fresh []touchstone.PersonID) {
	for _, p := range persons {
		if p == 0 || r.persons[p] {
			continue
		}
		if len(r.persons) >= maxRegion {
			r.cut = true
			break
		}
		r.persons[p] = true
		fresh = append(fresh, p)
	}
	return fresh
}

// readClues returns the things that persons may share with others, by kind.
func (r *region) readClues(ctx context.Context, q store.Querier, rules *Rules, persons []touchstone.PersonID) (map[Kind][]string, error) {
	things := map[Kind][]string{}
	err := store.SelectIn(ctx, q, `SELECT `+clueColumns+` FROM household_clues WHERE person IN (...)`, numbers(persons), func(rows *sql.Rows) error {
		c, err := scanClue(rows)
		if err != nil {
			return err
		}
		r.clues = append(r.clues, c)
		if t := (Thing{c.Kind, c.Key}); c.Kind.connects() && rules.of(c.Kind) != nil && !r.things[t] {
			r.things[t] = true
			things[c.Kind] = append(things[c.Kind], c.Key)
		}
		return nil
	})
	return things, err
}

// sharers returns who else has the things, unless they are a crowd's.
func (r *region) sharers(ctx context.Context, q store.Querier, things map[Kind][]string) (found []touchstone.PersonID, err error) {
	for _, kind := range slices.Sorted(maps.Keys(things)) {
		var few []string
		err := store.SelectIn(ctx, q, `SELECT key, COUNT(DISTINCT person) FROM household_clues WHERE kind = ? AND key IN (...) GROUP BY key`, things[kind], func(rows *sql.Rows) error {
			var key string
			var n int64
			if err := rows.Scan(&key, &n); err != nil {
				return err
			}
			if n > crowd {
				r.crowded[Thing{kind, key}] = true
			} else if n > 1 {
				few = append(few, key)
			}
			return nil
		}, string(kind))
		if err != nil {
			return nil, err
		}
		err = store.SelectIn(ctx, q, `SELECT DISTINCT person FROM household_clues WHERE kind = ? AND key IN (...)`, few, func(rows *sql.Rows) error {
			var p int64
			err := rows.Scan(&p)
			found = append(found, touchstone.PersonID(p))
			return err
		}, string(kind))
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(found)
	return found, nil
}

const decisionColumns = `who, with_whom, person, other, verdict, seq, day, actor`

func scanDecision(rows *sql.Rows) (d Decision, actor string, err error) {
	var who, with, verdict string
	err = rows.Scan(&who, &with, (*int64)(&d.Person), (*int64)(&d.Other), &verdict, (*int64)(&d.Seq), &d.Day, &actor)
	d.Together, d.Key = verdict == together_, who+"\x00"+with
	return d, actor, err
}

// The verdicts of decisions, as rows hold them.
const (
	together_ = "together"
	apart_    = "apart"
)

func (r *region) readDecisions(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (others []touchstone.PersonID, err error) {
	for _, column := range []string{"person", "other"} {
		err := store.SelectIn(ctx, q, `SELECT `+decisionColumns+` FROM household_decisions WHERE `+column+` IN (...)`, numbers(persons), func(rows *sql.Rows) error {
			d, _, err := scanDecision(rows)
			r.decisions[d.Key] = d
			others = append(others, d.Person, d.Other)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return others, nil
}

// memberRow is a membership as it is stored.
type memberRow struct {
	household   ID
	person      touchstone.PersonID
	spans       string
	from, until Day
	score       int64
	roles       string
	born        Day
	evidence    string
}

const memberColumns = `household, person, spans, from_day, until_day, score, roles, born, evidence`

func scanMember(rows *sql.Rows) (m memberRow, err error) {
	err = rows.Scan((*int64)(&m.household), (*int64)(&m.person), &m.spans, &m.from, &m.until, &m.score, &m.roles, &m.born, &m.evidence)
	return m, err
}

// unseenOf returns the households of persons that are not in seen, and puts them there.
func unseenOf(ctx context.Context, q store.Querier, persons []touchstone.PersonID, seen map[ID]bool) (fresh []int64, err error) {
	err = store.SelectIn(ctx, q, `SELECT DISTINCT household FROM household_members WHERE person IN (...)`, numbers(persons), func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		if !seen[ID(id)] {
			seen[ID(id)] = true
			fresh = append(fresh, id)
		}
		return err
	})
	return fresh, err
}

// readMembers reads the households that persons are in, and returns who else is in them.
func (r *region) readMembers(ctx context.Context, q store.Querier, persons []touchstone.PersonID, seen map[ID]bool) (mates []touchstone.PersonID, err error) {
	fresh, err := unseenOf(ctx, q, persons, seen)
	if err != nil {
		return nil, err
	}
	err = store.SelectIn(ctx, q, `SELECT `+memberColumns+` FROM household_members WHERE household IN (...)`, fresh, func(rows *sql.Rows) error {
		m, err := scanMember(rows)
		r.members = append(r.members, m)
		mates = append(mates, m.person)
		return err
	})
	return mates, err
}

// about is what is known of a person beside what is shared.
type about struct {
	born  Day
	role  string
	drive bool
	paid  int64
}

// about reads what the clues of one person each say: the latest word counts.
func (r *region) about(ctx context.Context, q store.Querier) (map[touchstone.PersonID]*about, error) {
	all := make(map[touchstone.PersonID]*about, len(r.persons))
	for p := range r.persons {
		all[p] = &about{born: forever}
	}
	type word struct {
		day Day
		key string
	}
	latest := map[touchstone.PersonID]map[Kind]word{}
	for i := range r.clues {
		c := &r.clues[i]
		if c.Kind == Vehicle {
			all[c.Person].drive = true
		}
		if c.Kind.connects() {
			continue
		}
		if latest[c.Person] == nil {
			latest[c.Person] = map[Kind]word{}
		}
		last := c.Days[len(c.Days)-1]
		if w, ok := latest[c.Person][c.Kind]; !ok || last > w.day || last == w.day && c.Key > w.key {
			latest[c.Person][c.Kind] = word{last, c.Key}
		}
	}
	for p, words := range latest {
		if w, ok := words[born]; ok {
			n, err := strconv.Atoi(w.key)
			if err != nil {
				return nil, err
			}
			all[p].born = Day(n) //nolint:gosec // a day
		}
		all[p].role = words[role].key
	}
	err := store.SelectIn(ctx, q, `SELECT person, paid FROM household_value WHERE paid > 0 AND person IN (...)`, numbers(slices.Sorted(maps.Keys(r.persons))), func(rows *sql.Rows) error {
		var p, paid int64
		err := rows.Scan(&p, &paid)
		if a := all[touchstone.PersonID(p)]; a != nil {
			a.paid += paid
		}
		return err
	})
	return all, err
}

// roles returns the roles of a member: what somebody said, and what somebody does.
func (a *about) roles() string {
	var list []string
	if a.role == "child" {
		list = append(list, "child")
	}
	if a.role == "driver" || a.drive {
		list = append(list, "driver")
	}
	if a.role == "payer" || a.paid > 0 {
		list = append(list, "payer")
	}
	if len(list) == 0 || a.role == "user" {
		list = append(list, "user")
	}
	return strings.Join(list, " ")
}

// rows returns the memberships as they are to be stored.
func (r *region) rows(ctx context.Context, q store.Querier, rules *Rules) ([]memberRow, map[touchstone.PersonID]*about, error) {
	all, err := r.about(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	var rows []memberRow
	for _, h := range rules.Derive(r.clues, slices.Collect(maps.Values(r.decisions)), r.crowded) {
		for _, m := range h.Members {
			evidence, err := json.Marshal(m.Evidence)
			if err != nil {
				return nil, nil, err
			}
			a := all[m.Person]
			if a == nil { // a decision about somebody beyond a region that was cut
				a = &about{born: forever}
			}
			last := m.Spans[len(m.Spans)-1]
			rows = append(rows, memberRow{household: h.ID, person: m.Person, spans: m.Spans.String(), from: last.From, until: last.Until,
				score: int64(m.Score*1000 + 0.5), roles: a.roles(), born: a.birth(), evidence: string(evidence)})
		}
	}
	return rows, all, nil
}
