package household

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// Name is that of the reactor, the keeper and the migrations.
func (*Households) Name() string { return "household" }

// Interest is what may hold clues: identify calls, the events and identifiers that rules name,
// purchases; and who became one, two or nobody. History counts as the present does. What has been
// said that day is not asked for again.
func (h *Households) Interest(ctx context.Context, q store.Querier) (inbox.Interest, error) {
	rules, err := h.current(ctx, q)
	if err != nil {
		return inbox.Interest{}, err
	}
	want := inbox.Interest{Events: append([]string{"$identify"}, rules.Paid...), Timers: []string{"household"}, Persons: true, Backfill: true}
	for _, r := range rules.List {
		if r.On {
			want.Events = append(want.Events, r.Events...)
		}
	}
	want.Beside = rules.kindsOf(Device, Payment, Vehicle, Declared)
	slices.Sort(want.Events)
	want.Events = slices.Compact(want.Events)
	want.News = rules.news(want.Events, h.cfg.Zone)
	return want, nil
}

// news says what an event may say that is new. Clues join, so the same words on the same day add nothing; purchases do. events
// are those that are wanted by their names, in order.
func (r *Rules) news(events []string, zone func() *time.Location) func(f *touchstone.Fact) (uint64, bool) {
	nights, days := r.kindsOf(Device), r.kindsOf(Payment, Vehicle, Declared)
	return func(f *touchstone.Fact) (uint64, bool) {
		identify := f.Type == touchstone.Identify
		if _, named := slices.BinarySearch(events, f.Name); named && !identify {
			return 0, true
		}
		if len(f.Identifiers) == 0 {
			return 0, false
		}
		var d xxhash.Digest
		d.Reset()
		var day [2]Day // UTC's, and that of the night
		day[0] = DayOf(f.Time)
		night, dark := Day(0), false
		if len(f.Identifiers) > 1 && len(nights) > 0 {
			if night, dark = r.nightOf(f.Time.In(zone())); dark {
				day[1] = night
			}
		}
		wanted := identify
		for i, id := range f.Identifiers {
			beside := i > 0 && (dark && slices.Contains(nights, id.Kind) || slices.Contains(days, id.Kind))
			wanted = wanted || beside
			if i == 0 || beside || identify {
				for _, text := range [...]string{string(id.Kind), "\x00", id.Value, "\x00"} {
					_, _ = d.WriteString(text)
				}
			}
		}
		if !wanted {
			return 0, false
		}
		if identify {
			for _, text := range [...]string{string(f.Traits), "\x00", string(f.Properties), "\x00"} {
				_, _ = d.WriteString(text)
			}
		}
		var last [8]byte
		binary.LittleEndian.PutUint32(last[:4], uint32(day[0])) //nolint:gosec // bits
		binary.LittleEndian.PutUint32(last[4:], uint32(day[1])) //nolint:gosec // bits
		_, _ = d.Write(last[:])
		return d.Sum64() | 1, true
	}
}

// kindsOf are the kinds of identifiers that rules of some kinds read.
func (r *Rules) kindsOf(kinds ...Kind) (list []touchstone.IdentifierKind) {
	for i := range r.List {
		if rule := &r.List[i]; rule.On && slices.Contains(kinds, rule.Kind) {
			for _, f := range rule.Fields {
				list = append(list, touchstone.IdentifierKind(f))
			}
		}
	}
	return list
}

// Patience lets purchases gather: in a busy shop there are some with each batch, and each call is a transaction.
func (*Households) Patience() time.Duration { return time.Second }

// perReact bounds the persons that wait and are derived beside those of the occurrences.
const perReact = 500

// React keeps what events say, and derives anew the households that it touches.
func (h *Households) React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, _ inbox.Outbox) error {
	rules, err := h.current(ctx, tx)
	if err != nil {
		return err
	}
	if err := lock(ctx, tx); err != nil {
		return err
	}
	touched, err := h.take(ctx, tx, rules, occurrences)
	if err != nil {
		return err
	}
	waiting, err := takeDirty(ctx, tx)
	if err != nil {
		return err
	}
	if err := h.derive(ctx, tx, rules, touched, quiet(occurrences)); err != nil {
		return err
	}
	return h.derive(ctx, tx, rules, waiting, true)
}

// quiet tells that all that has happened came with history.
func quiet(occurrences []touchstone.Occurrence) bool {
	return !slices.ContainsFunc(occurrences, func(o touchstone.Occurrence) bool { return o.Kind != touchstone.TimerDue && !o.Backfill })
}

// lock makes those who derive queue: the reactor and the job.
func lock(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE household_version SET version = version WHERE one = 1`)
	return err
}

// take keeps the clues of events and returns whom they are about.
func (h *Households) take(ctx context.Context, tx *store.Tx, rules *Rules, occurrences []touchstone.Occurrence) (touched []touchstone.PersonID, err error) {
	var clues []Clue
	paid, daily := map[string]*worth{}, map[spentOn]*spent{}
	zone := h.cfg.Zone()
	for i := range occurrences {
		o := &occurrences[i]
		switch {
		case o.Kind == touchstone.BecameOne || o.Kind == touchstone.BecameTwo:
			if err := h.whose(ctx, tx, o.Person, o.Other); err != nil {
				return nil, err
			}
			touched = append(touched, o.Person, o.Other)
		case o.Kind == touchstone.EventHappened && o.Event != nil && o.Person != 0 && len(o.Event.Identifiers) > 0:
			for _, c := range rules.Clues(o.Event, o.Cause, zone) {
				c.Person = o.Person
				clues = append(clues, c)
			}
			if amount, purchase := rules.paid(o.Event); purchase {
				addWorth(paid, daily, o, amount)
			}
		}
	}
	persons, things, err := keepClues(ctx, tx, clues)
	if err != nil {
		return nil, err
	}
	turned, err := keepWorth(ctx, tx, paid)
	if err != nil {
		return nil, err
	}
	if err := keepSpent(ctx, tx, daily); err != nil {
		return nil, err
	}
	return slices.Concat(touched, persons, turned), crowding(ctx, tx, things)
}

func addWorth(paid map[string]*worth, daily map[spentOn]*spent, o *touchstone.Occurrence, amount int64) {
	id, at := o.Event.Identifiers[0].String(), o.Time.UnixMilli()
	w := paid[id]
	if w == nil {
		w = &worth{identifier: id, first: at, last: at}
		paid[id] = w
	}
	w.person, w.orders, w.paid = o.Person, w.orders+1, w.paid+amount
	w.first, w.last = min(w.first, at), max(w.last, at)
	on := spentOn{id, DayOf(o.Time)}
	if daily[on] == nil {
		daily[on] = &spent{}
	}
	daily[on].person, daily[on].paid = o.Person, daily[on].paid+amount
}

// crowding notes everybody who has a thing that has become a crowd's by those who are new to
// it: it held persons together until now, and will not be followed any more.
func crowding(ctx context.Context, tx *store.Tx, things map[Thing]int) error {
	for t, added := range things {
		if !t.kind.connects() {
			continue
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(DISTINCT person) FROM household_clues WHERE kind = ? AND key = ?`, string(t.kind), t.key).Scan(&n); err != nil {
			return err
		}
		if n <= crowd || n-added > crowd {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO household_dirty (person) SELECT DISTINCT person FROM household_clues WHERE kind = ? AND key = ? ON CONFLICT (person) DO NOTHING`,
			string(t.kind), t.key); err != nil {
			return err
		}
	}
	return nil
}

// whose gives rows of two persons to who has their identifiers now. On PostgreSQL rows may have
// been written beside the batch that moved the others.
func (h *Households) whose(ctx context.Context, tx *store.Tx, persons ...touchstone.PersonID) error {
	if h.cfg.Persons == nil {
		return nil
	}
	for _, t := range []struct{ table, identifier, person string }{
		{"household_clues", "identifier", "person"}, {"household_value", "identifier", "person"}, {"household_spent", "identifier", "person"},
		{"household_decisions", "who", "person"}, {"household_decisions", "with_whom", "other"},
	} {
		at := map[string]int64{}
		err := store.SelectIn(ctx, tx, fmt.Sprintf(`SELECT DISTINCT %s, %s FROM %s WHERE %s IN (...)`, t.identifier, t.person, t.table, t.person), numbers(persons), func(rows *sql.Rows) error {
			var id string
			var p int64
			err := rows.Scan(&id, &p)
			at[id] = p
			return err
		})
		if err != nil {
			return err
		}
		for _, text := range slices.Sorted(maps.Keys(at)) {
			id, ok := touchstone.ParseIdentifier(text)
			if !ok {
				continue
			}
			_, now, err := h.cfg.Persons.Find(ctx, tx, id)
			if err != nil {
				return err
			}
			if now == 0 || int64(now) == at[text] {
				continue
			}
			if _, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE %s SET %s = ? WHERE %s = ?`, t.table, t.person, t.identifier), int64(now), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeDirty takes some of the persons who wait.
func takeDirty(ctx context.Context, tx *store.Tx) ([]touchstone.PersonID, error) {
	var list []touchstone.PersonID
	rows, err := tx.Query(ctx, `SELECT person FROM household_dirty ORDER BY person LIMIT ?`, perReact)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p int64
		if err := rows.Scan(&p); err != nil {
			return nil, err
		}
		list = append(list, touchstone.PersonID(p))
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return list, store.ExecIn(ctx, tx, `DELETE FROM household_dirty WHERE person IN (...)`, numbers(list))
}

// derive finds the households of persons anew, writes what has changed, and tells who asks about
// households; quiet says that it did not happen now: it came with history, or rules and decisions
// are others.
func (h *Households) derive(ctx context.Context, tx *store.Tx, rules *Rules, persons []touchstone.PersonID, quiet bool) error {
	if len(persons) == 0 {
		return nil
	}
	slices.Sort(persons)
	r, err := loadRegion(ctx, tx, rules, slices.Compact(persons))
	if err != nil {
		return err
	}
	if r.cut {
		h.metrics.overflown.Inc()
		h.cfg.Logger.Warn("more persons hang together than are looked at at once; households at the edge may be wrong", "most", maxRegion)
	}
	h.metrics.derived.Add(float64(len(r.persons)))
	rows, known, err := r.rows(ctx, tx, rules)
	if err != nil {
		return err
	}
	others, err := r.write(ctx, tx, rows, known)
	if err != nil || len(others) == 0 || h.cfg.Moved == nil {
		return err
	}
	return h.cfg.Moved(ctx, tx, others, quiet)
}
