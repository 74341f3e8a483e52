package catalogue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

// Fence fails when this process no longer looks.
type Fence func(ctx context.Context, tx *store.Tx) error

const (
	lookEvery = 10 * time.Second
	lookMost  = time.Hour // between two samples of the same event
	perLook   = 8         // samples of events
	maxTurns  = 5_000     // events whose turns are remembered

	// enough values must have the form, and half of those that were seen: two may be chance, and among real
	// values are always some that are mistyped or say "unknown".
	enough = 3
)

// turn is what is sampled at once: the properties of an event, or the traits.
type turn struct {
	sort  Sort
	event string
}

// due is when a turn comes: after 10 s, 20 s, 40 s …, an hour, as what is sent seldom changes.
type due struct {
	at   time.Time
	wait time.Duration
}

// Look samples values until ctx ends, in one process at a time. What fails is tried again.
func (c *Catalogue) Look(ctx context.Context, fence Fence) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := c.LookOnce(ctx, fence); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("personal data could not be looked for in events and traits, and will be again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// LookOnce takes the samples whose turn it is, at most so many, and counts different values in what has come. One that fails
// keeps nobody from theirs.
func (c *Catalogue) LookOnce(ctx context.Context, fence Fence) error {
	failed := []error{c.countGuarded(ctx, fence)}
	if t := (turn{sort: Trait}); c.isDue(t) {
		failed = append(failed, c.take(ctx, fence, t, c.cfg.Samples.Traits))
	}
	events, err := c.cfg.Samples.Events(ctx)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	for left := perLook; len(events) > 0 && left > 0; events = events[1:] {
		t := turn{Property, events[0]}
		if !c.isDue(t) {
			continue
		}
		left--
		failed = append(failed, c.take(ctx, fence, t, func(ctx context.Context) (map[string][]touchstone.JSON, error) {
			return c.cfg.Samples.Properties(ctx, t.event)
		}))
	}
	return errors.Join(failed...)
}

// take takes a sample. What is in it was sent by anybody: a fault at it must not end the program, which would find the
// same sample when it starts again.
func (c *Catalogue) take(ctx context.Context, fence Fence, t turn, sample func(context.Context) (map[string][]touchstone.JSON, error)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.later(t, false)
			c.cfg.Logger.Error("a sample of values stopped the search for personal data in it, which is a fault of this program: report it",
				"sort", t.sort, "event", t.event, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	values, err := sample(ctx)
	if err != nil {
		return err
	}
	return c.note(ctx, fence, t, values)
}

// countGuarded is count that no value can end the program with.
func (c *Catalogue) countGuarded(ctx context.Context, fence Fence) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.counts = nil
			err = fmt.Errorf("a value stopped the count of different values, which is a fault of this program: %v\n%s", p, debug.Stack())
		}
	}()
	return c.count(ctx, fence)
}

func (c *Catalogue) isDue(t turn) bool {
	d := c.turns[t]
	return d == nil && len(c.turns) < maxTurns || d != nil && !c.cfg.Clock.Now().Before(d.at)
}

// later makes a turn wait, twice as long as the time before; a sample of nothing says that there is none yet.
func (c *Catalogue) later(t turn, empty bool) {
	d := c.turns[t]
	if d == nil {
		d = &due{wait: lookEvery / 2}
		c.turns[t] = d
	}
	if !empty || d.wait < lookEvery {
		d.wait = min(2*d.wait, lookMost)
	}
	d.at = c.cfg.Clock.Now().Add(d.wait)
}

// finding is what a sample says of a field.
type finding struct {
	name          string
	class         access.Class
	seen, matched int
}

// find says what the values of a field are: the class of most, if half of all have a form. Lists are looked
// into.
func find(name string, values []touchstone.JSON) finding {
	f := finding{name: name}
	counts := map[access.Class]int{}
	answers := 0 // true and false: "consent_email" says whether, not where
	for _, v := range values {
		if v == `""` || v == "null" {
			continue
		}
		f.seen++
		if v == "true" || v == "false" {
			answers++
		}
		if class := access.FormOf(name, v); class != access.NoClass {
			counts[class]++
		}
	}
	all, most := 0, 0
	for _, class := range access.Classes() { // in their order: the first of equal ones
		all += counts[class]
		if counts[class] > most {
			most, f.class, f.matched = counts[class], class, counts[class]
		}
	}
	if (all < enough || 2*all < f.seen) && (answers == 0 || answers < f.seen) {
		f.class = access.NamedClass(name)
		f.matched = counts[f.class]
	}
	return f
}

// note keeps what a sample says. A field that once held personal data holds it still, in older events: its class
// stays until somebody says otherwise.
func (c *Catalogue) note(ctx context.Context, fence Fence, t turn, sample map[string][]touchstone.JSON) error {
	c.sampled.Inc()
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		known, room, err := known(ctx, tx, t)
		if err != nil {
			return err
		}
		var list []finding
		changed := false
		for name, values := range sample {
			f := find(name, values)
			before, was := known[name]
			if !was && (f.class == access.NoClass || room == 0) {
				if f.class != access.NoClass {
					c.left.Inc()
				}
				continue
			}
			if was && f.class != before.class && before.class != access.NoClass && 2*f.matched < f.seen {
				f.class, f.matched = before.class, matches(name, before.class, values)
			}
			if !was {
				room--
			}
			changed = changed || f.class != before.class
			if f != before {
				list = append(list, f)
			}
		}
		if changed {
			if err := bump(ctx, tx); err != nil {
				return err
			}
		}
		at := c.cfg.Clock.Now().UnixMilli()
		return tx.BulkUpsert(ctx, store.Upsert{Table: "catalogue_seen", Columns: []string{"sort", "event", "name", "class", "values_seen", "values_matched", "seen_at"},
			Key: []string{"sort", "event", "name"}}, len(list), func(i int, args []any) {
			f := list[i]
			args[0], args[1], args[2], args[3], args[4], args[5], args[6] = string(t.sort), t.event, f.name, string(f.class), int64(f.seen), int64(f.matched), at
		})
	})
	if err != nil {
		return err
	}
	c.later(t, len(sample) == 0)
	return c.Reload(ctx)
}

func matches(name string, class access.Class, values []touchstone.JSON) (n int) {
	for _, v := range values {
		if access.FormOf(name, v) == class {
			n++
		}
	}
	return n
}

// known reads what was found before, and how many more fields there is room for.
func known(ctx context.Context, tx *store.Tx, t turn) (found map[string]finding, room int64, err error) {
	var count int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM catalogue_seen`).Scan(&count); err != nil {
		return nil, 0, err
	}
	rows, err := tx.Query(ctx, `SELECT name, class, values_seen, values_matched FROM catalogue_seen WHERE sort = ? AND event = ?`, string(t.sort), t.event)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	found = map[string]finding{}
	for rows.Next() {
		var f finding
		if err := rows.Scan(&f.name, &f.class, &f.seen, &f.matched); err != nil {
			return nil, 0, err
		}
		found[f.name] = f
	}
	return found, max(0, maxSeen-count), rows.Err()
}
