package sim

import (
	"context"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/touchstone-cdp/touchstone"
)

// LiveOptions say how lives go on.
type LiveOptions struct {
	Rate   float64                         // events per second; 0 is 5
	Clock  touchstone.Clock                // nil is the machine's
	Faults Faults                          // what goes wrong, from the first live event on
	Wait   func(ctx context.Context) error // for the next event's turn; nil waits by the machine's clock
}

// Live yields what happens after the history, at a rate that is faster than life: events
// keep their order and get the present as their time. It first passes over what is left
// of the history. It returns when ctx is done or yield fails.
//
// A night would be over in half an hour, and a shop closed for ten minutes. So households live
// at days of the week and hours of their own: each person's events keep their order, and a
// source sends as much at one time as at another.
//
// Message ids tell runs apart, so a server that is started again on the same data takes
// the new run's events.
func (w *World) Live(ctx context.Context, o LiveOptions, yield func(*touchstone.Event) error) error {
	if o.Rate <= 0 {
		o.Rate = 5
	}
	if o.Clock == nil {
		o.Clock = touchstone.SystemClock{}
	}
	if o.Wait == nil {
		o.Wait = rate.NewLimiter(rate.Limit(o.Rate), int(o.Rate/4)+1).Wait
	}
	w.History(func(*touchstone.Event) bool { return ctx.Err() == nil })
	w.spread()
	began := o.Clock.Now()
	w.prefix += strconv.FormatInt(began.UnixMilli(), 36) + "-"
	for ctx.Err() == nil {
		h := w.advance()
		if err := o.Wait(ctx); err != nil {
			break
		}
		w.name(h)
		h.Time = o.Clock.Now().UTC().Truncate(time.Millisecond)
		h.ReceivedAt = h.Time
		for range o.Faults.apply(h.Time.Sub(began), &h.Event) {
			if err := yield(&h.Event); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

const weekDays = 7

// apart is by how many days, and by what part of a day, a household's clock is beside the others'.
func (w *World) apart(p *person) (days int32, millis int64) {
	who := uint64(p.id) << 1 //nolint:gosec // not negative
	if p.household >= 0 {
		who = uint64(p.household)<<1 | 1 //nolint:gosec // not negative
	}
	x := mix(w.cfg.Seed ^ mix(who))
	return int32(x % weekDays), int64(x >> 8 % dayMillis) //nolint:gosec // small
}

// spread sets the clocks of all households apart: who is ahead lives some days unseen, and all of
// them one, so that the next has those who come late, too.
func (w *World) spread() {
	w.today, w.at, w.used = w.today[:0], 0, 0
	for i := range w.people {
		p := &w.people[i]
		ahead, _ := w.apart(p)
		for day := w.day; day < w.day+ahead; day++ {
			w.livePerson(p, day)
		}
	}
	w.carry = w.carry[:0]
	w.steady = true
	w.liveDay()
	w.at = len(w.today)
}

// liveApart lets a person live the day that its clock shows, and puts what happens where it is by
// everybody's.
func (w *World) liveApart(p *person, day int32) {
	ahead, later := w.apart(p)
	from := w.used
	w.livePerson(p, day+ahead)
	for n := from; n < w.used; n++ {
		h := &w.slabs[n/slabSize][n%slabSize]
		h.at += later - int64(ahead)*dayMillis
	}
}
