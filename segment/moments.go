package segment

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// What time changes has the moment of its deadline, however late the batch is that finds it out. So persons whose timers
// have gone off are asked at the moments at which they were due, one after the other, before the batch's clock is looked at.

// maxMoments bounds how many times persons are asked in a batch for what was due before it. Beyond it
// everything is asked once, at the batch's time.
const maxMoments = 100_000

// due is a person who is to be asked at a moment.
type due struct {
	at    int64
	state *state
}

// dues is a heap, earliest first; of one moment in the order of persons.
type dues []due

func (d dues) less(i, j int) bool {
	return cmp.Or(cmp.Compare(d[i].at, d[j].at), cmp.Compare(d[i].state.person, d[j].state.person)) < 0
}

func (d *dues) push(at int64, st *state) {
	*d = append(*d, due{at, st})
	for i := len(*d) - 1; i > 0 && d.less(i, (i-1)/2); i = (i - 1) / 2 {
		(*d)[i], (*d)[(i-1)/2] = (*d)[(i-1)/2], (*d)[i]
	}
}

func (d *dues) pop() due {
	first, last := (*d)[0], len(*d)-1
	(*d)[0], (*d)[last] = (*d)[last], due{}
	*d = (*d)[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if d.less(child, least) {
				least = child
			}
		}
		if least == i {
			return first
		}
		(*d)[i], (*d)[least] = (*d)[least], (*d)[i]
		i = least
	}
}

// ring has the persons asked whose timers are due, at each of their moments. Those without a timer have been absorbed since:
// theirs was left behind. One whose own is later was given an earlier one by whom it absorbed.
func (s *Stage) ring(b *touchstone.Batch) {
	w := &s.work
	for i := range b.Due {
		if d := &b.Due[i]; d.Owner == StageName {
			if st := s.touch(d.Subject.Person()); st.timer > w.now {
				st.armed = true // again, for the row is gone
			}
		}
	}
	for _, st := range w.touched {
		if !w.erases(st.person) { // nobody is told of one who is
			w.due.await(st, w.now)
		}
	}
	now, asked := w.now, 0
	for len(w.due) > 0 {
		if w.now = w.due[0].at; asked >= maxMoments {
			w.now = now
		}
		for len(w.due) > 0 && w.due[0].at <= w.now {
			st := w.due.pop().state
			if st.timer == 0 || st.timer > w.now { // has been asked at this very moment
				continue
			}
			asked++
			st.timer, st.dirty = 0, true
			s.askTimed(st)
			w.concern(st)
			w.rung = append(w.rung, st)
		}
		s.step(b, origin{time: time.UnixMilli(w.now).UTC()})
		for _, st := range w.rung {
			st.pruned = 0 // which was for this moment
			w.due.await(st, now)
		}
		w.rung = w.rung[:0]
	}
	if w.now = now; asked > maxMoments {
		w.together += asked - maxMoments
	}
}

// askTimed has those programs asked about a person whom time alone may change: by events that are known of him, by his being in, or by what
// is not events. To the others he is as he was.
func (s *Stage) askTimed(st *state) {
	t := s.table
	for i := range st.leaves {
		if l := t.leaf(st.leaves[i].leaf); l != nil {
			st.ask.or(l.timed)
		}
	}
	for _, m := range st.in {
		if p := t.program(m.generation); p != nil && t.timed.has(p.index) {
			st.ask.set(p.index)
		}
	}
	st.ask.or(t.clocked)
}

// await puts a person whose timer is due among those who are to be asked.
func (d *dues) await(st *state, now int64) {
	if st.timer != 0 && st.timer <= now {
		d.push(st.timer, st)
	}
}

// pastDay is a segment's day before today.
type pastDay struct{ segment, day string }

// pastCount is what a batch adds to it.
type pastCount struct {
	program           *program
	entered, departed int64
}

// pastOf returns the day of the moment at work, "" if that is today, as it is but for timers that go off late.
func (s *Stage) pastOf() string {
	w := &s.work
	if w.now == w.at.UnixMilli() {
		return ""
	}
	day := time.UnixMilli(w.now).In(s.zone()).Format(time.DateOnly)
	if day == w.at.In(s.zone()).Format(time.DateOnly) {
		return ""
	}
	return day
}

// tally counts an entry or exit of a live segment on the day of the moment at work.
func (s *Stage) tally(p *program, entered bool) {
	w := &s.work
	if day := s.pastOf(); day != "" {
		w.countPast(pastDay{p.segment, day}, pastCount{program: p}.and(entered))
	} else {
		w.countToday(p, pastCount{program: p}.and(entered))
	}
}

func (c pastCount) and(entered bool) pastCount {
	if entered {
		c.entered++
	} else {
		c.departed++
	}
	return c
}

func (w *work) countPast(d pastDay, more pastCount) {
	if w.past == nil {
		w.past = map[pastDay]pastCount{}
	}
	c := w.past[d]
	w.past[d] = pastCount{more.program, c.entered + more.entered, c.departed + more.departed}
}

func (w *work) countToday(p *program, more pastCount) {
	if w.days == nil {
		w.days = map[string]*dayCount{}
	}
	day := w.days[p.segment]
	if day == nil {
		day = &dayCount{}
		w.days[p.segment] = day
	}
	day.members = p.members
	day.entered += more.entered
	day.departed += more.departed
}

// writePast adds to the days before today what has happened on them, and the difference to those after that are
// written already. What was due before a segment's first day is counted today.
func (s *Stage) writePast(ctx context.Context, tx *store.Tx) error {
	days := slices.SortedFunc(maps.Keys(s.work.past), func(a, b pastDay) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.day, b.day))
	})
	for _, d := range days {
		c := s.work.past[d]
		net := c.entered - c.departed
		res, err := tx.Exec(ctx, `INSERT INTO segment_days (segment, day, members, entered, departed)
			SELECT segment, CAST(? AS TEXT), members + CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT)
				FROM segment_days WHERE segment = ? AND day <= ? ORDER BY day DESC LIMIT 1
			ON CONFLICT (segment, day) DO UPDATE SET members = excluded.members,
				entered = segment_days.entered + excluded.entered, departed = segment_days.departed + excluded.departed`,
			d.day, net, c.entered, c.departed, d.segment, d.day)
		if err != nil {
			return fmt.Errorf("count what happened on %s: %w", d.day, err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			s.work.countToday(c.program, c)
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE segment_days SET members = members + ? WHERE segment = ? AND day > ?`, net, d.segment, d.day); err != nil {
			return fmt.Errorf("count the days after %s: %w", d.day, err)
		}
	}
	return nil
}
