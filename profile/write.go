package profile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/slabcache"
	"github.com/touchstone-cdp/touchstone/store"
)

// dayRow is the day of a person's latest event.
type dayRow struct {
	person touchstone.PersonID
	day    int64
}

const noDay = -1 << 40

func dayOf(a *activity) int64 {
	if a.empty() {
		return noDay
	}
	return floorDay(a.last)
}

const millisPerDay = 24 * 60 * 60 * 1000

func floorDay(at int64) int64 {
	d := at / millisPerDay
	if at%millisPerDay < 0 {
		d--
	}
	return d
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

const (
	maxHeldDays = 1 << 16
	dayPause    = 10 * time.Second
)

// noteDay notes the day of a person's latest event. That of a new person is written with
// the batch; changes are held back for seconds, because a backfill brings a person to
// another day with every batch, and the list that they are for can be a little late.
func (p *Profiles) noteDay(b *batch, id touchstone.PersonID, day int64, fresh bool) {
	if fresh || p.cfg.HoldNothing || len(p.days)+len(b.heldDays) >= maxHeldDays {
		b.days = append(b.days, dayRow{id, day})
		return
	}
	b.heldDays = append(b.heldDays, dayRow{id, day})
}

// writeDays writes the days that cannot wait, and now and then those that are held back.
// What is held stays in memory until the batch has been committed: days of earlier batches
// must outlive one that fails.
func (p *Profiles) writeDays(ctx context.Context, tx *store.Tx, b *batch) error {
	rows := b.days
	if b.now.Sub(p.daysSaved).Abs() >= dayPause || len(p.days) >= maxHeldDays {
		b.daysWritten = true
		rows = append(slices.Clone(rows), b.heldDays...)
		now := make(map[touchstone.PersonID]struct{}, len(rows))
		for _, r := range rows {
			now[r.person] = struct{}{}
		}
		for id, day := range p.days {
			if _, newer := now[id]; !newer {
				rows = append(rows, dayRow{id, day})
			}
		}
	}
	return saveDays(ctx, tx, rows)
}

func saveDays(ctx context.Context, tx *store.Tx, rows []dayRow) error {
	slices.SortFunc(rows, func(x, y dayRow) int { return cmp.Compare(x.person, y.person) })
	return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_days", Columns: []string{"person", "day"}, Key: []string{"person"}},
		len(rows), func(i int, args []any) { args[0], args[1] = int64(rows[i].person), rows[i].day })
}

// commitDays brings what is held back to what the store has after a batch.
func (p *Profiles) commitDays(b *batch) {
	if b.daysWritten {
		clear(p.days)
		p.daysSaved = b.now
	} else {
		for _, r := range b.heldDays {
			p.days[r.person] = r.day
		}
	}
	for _, r := range b.days {
		delete(p.days, r.person)
	}
	for _, id := range b.gone {
		delete(p.days, id)
	}
}

// write stores the batch's new states, each table in the order of its key.
func (p *Profiles) write(ctx context.Context, tx *store.Tx, b *batch) error {
	for _, v := range p.words {
		if err := v.save(ctx, tx); err != nil {
			return err
		}
	}
	active := b.persons
	if slices.ContainsFunc(active, func(one person) bool { return one.newActivity.empty() }) {
		active = slices.DeleteFunc(slices.Clone(active), func(one person) bool { return one.newActivity.empty() })
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "profile_activity", Columns: []string{"person", "state"}, Key: []string{"person"}},
		len(active), func(i int, args []any) {
			args[0], args[1] = int64(active[i].id), active[i].newActivity.of(b.arena)
		})
	if err != nil {
		return err
	}
	if err := p.writeTraits(ctx, tx, b); err != nil {
		return err
	}
	if err := p.writeDays(ctx, tx, b); err != nil {
		return err
	}
	if err := p.writeGone(ctx, tx, b); err != nil { // after the days: one of them may be among them
		return err
	}
	if err := b.terms.save(ctx, tx); err != nil {
		return err
	}
	if err := p.catalogue.save(ctx, tx, b); err != nil {
		return err
	}
	if err := p.saveRebuilds(ctx, tx, b); err != nil {
		return err
	}
	p.version++
	p.persons += b.fresh
	_, err = tx.Exec(ctx, `UPDATE profile_state SET version = ?, persons = ? WHERE id = ?`, p.version, p.persons, 1+p.lane)
	return err
}

func (p *Profiles) writeTraits(ctx context.Context, tx *store.Tx, b *batch) error {
	var changed, emptied []*person
	for i := range b.persons {
		one := &b.persons[i]
		switch {
		case !one.newTraits.empty():
			changed = append(changed, one)
		case one.dropTraits:
			emptied = append(emptied, one)
		}
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "profile_traits", Columns: []string{"person", "state"}, Key: []string{"person"}},
		len(changed), func(i int, args []any) {
			args[0], args[1] = int64(changed[i].id), changed[i].newTraits.of(b.arena)
		})
	if err != nil {
		return err
	}
	return tx.BulkDelete(ctx, "profile_traits", "person", len(emptied), func(i int) any { return int64(emptied[i].id) })
}

// writeGone deletes the rows of persons that were absorbed.
func (p *Profiles) writeGone(ctx context.Context, tx *store.Tx, b *batch) error {
	slices.Sort(b.gone)
	for _, table := range []string{"profile_activity", "profile_traits", "profile_days"} {
		if err := tx.BulkDelete(ctx, table, "person", len(b.gone), func(i int) any { return int64(b.gone[i]) }); err != nil {
			return err
		}
	}
	return nil
}

// remember puts the batch's states in the caches.
func (p *Profiles) remember(b *batch) {
	// First those that fit where the old one is, which needs no look-up: what is put
	// afterwards may move entries.
	for i := range b.persons {
		one := &b.persons[i]
		if now := one.newActivity.of(b.arena); one.cached && len(now) == len(one.activity) {
			copy(one.activity, now)
			one.newActivity = area{}
		}
	}
	var key [8]byte
	for i := range b.persons {
		one := &b.persons[i]
		k := slabcache.IntKey(&key, int64(one.id))
		if !one.newActivity.empty() {
			p.activity.Put(0, k, one.newActivity.of(b.arena))
		}
		switch {
		case !one.newTraits.empty():
			p.traits.Put(0, k, one.newTraits.of(b.arena))
		case one.dropTraits, one.hasTraits && len(one.traits) == 0:
			p.traits.Put(0, k, nil)
		case one.hasTraits:
			if p.traits.Get(0, k) == nil { // read from the store
				p.traits.Put(0, k, one.traits)
			}
		}
		p.newestPerson = max(p.newestPerson, one.id)
	}
	for _, id := range b.gone {
		k := slabcache.IntKey(&key, int64(id))
		p.activity.Put(0, k, nil)
		p.traits.Put(0, k, nil)
	}
}
