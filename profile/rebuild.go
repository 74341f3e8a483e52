package profile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// History is the past of a person, for computing a profile anew after a split.
type History interface {
	// Mark returns a text that stands for all events which the pipeline has committed.
	Mark() string
	// Events calls fn with a person's events up to a mark, and none after it, in any
	// order. It reports false, and calls fn for none, while they are not all there yet.
	Events(ctx context.Context, person touchstone.PersonID, mark string, fn func(f *touchstone.Fact) error) (bool, error)
}

// After a split, nobody can tell from a state which part of it came from which
// identifier, so both persons are computed anew. The past up to the batch of the split
// (the mark) comes from the history, once the warehouse has it; what happens
// meanwhile is folded into a delta as well. History and delta have no event in common, so
// merged they are the profile. Until then the older person keeps what it had.

// rebuild is a profile that waits for its history.
type rebuild struct {
	mark             string
	activity, traits []byte // the delta, in binary form
	dirty            bool
}

// rebuilt is a profile that was computed anew.
type rebuilt struct {
	activity activity
	traits   traits
	at       time.Time
}

const (
	rebuildsPerBatch = 4
	rebuildPause     = time.Second
	rebuildRetry     = 10 * time.Second
	rebuildTimeout   = 5 * time.Second
	timerOwner       = "profile"
)

func loadRebuilds(ctx context.Context, q store.Querier) (map[touchstone.PersonID]*rebuild, error) {
	rows, err := q.Query(ctx, `SELECT person, mark, activity, traits FROM profile_rebuilds`)
	if err != nil {
		return nil, fmt.Errorf("read the profiles to rebuild: %w", err)
	}
	defer rows.Close()
	list := map[touchstone.PersonID]*rebuild{}
	for rows.Next() {
		var person int64
		d := &rebuild{}
		if err := rows.Scan(&person, &d.mark, &d.activity, &d.traits); err != nil {
			return nil, err
		}
		list[touchstone.PersonID(person)] = d
	}
	return list, rows.Err()
}

// rebuildDue starts the rebuilds that splits ask for and ends those whose history is there.
func (p *Profiles) rebuildDue(ctx context.Context, b *batch, tb *touchstone.Batch) error {
	for _, c := range tb.Changes {
		if c.Kind != touchstone.PersonSplit {
			continue
		}
		if p.cfg.History == nil {
			p.cfg.Logger.Warn("without a history, all of the profile stays with the older person", "person", c.Person, "parted", c.Other)
			continue
		}
		p.startRebuild(b, c.Person)
		p.startRebuild(b, c.Other)
	}
	if len(p.rebuilds) == 0 || p.cfg.History == nil {
		return nil
	}
	for i := range b.persons {
		p.mergeRebuilds(b, &b.persons[i])
	}
	waiting := make([]touchstone.PersonID, 0, len(p.rebuilds))
	for id := range p.rebuilds {
		if !slices.Contains(b.startedRebuilds, id) {
			waiting = append(waiting, id)
		}
	}
	slices.Sort(waiting)
	pause := rebuildPause
	for _, id := range waiting[:min(len(waiting), rebuildsPerBatch)] {
		done, err := p.compute(ctx, id, tb.Now)
		switch {
		case err != nil:
			p.cfg.Logger.Error("a profile could not be computed anew; trying again", "person", id, "error", err)
			pause = rebuildRetry
		case done != nil:
			b.include([]touchstone.PersonID{id})
			one := b.person(id)
			one.rebuilt, one.rare = done, true
			p.endRebuild(b, id)
			p.metrics.rebuilt.Inc()
		}
	}
	for id := range p.rebuilds {
		tb.Timers = append(tb.Timers, touchstone.Timer{Owner: timerOwner, Subject: touchstone.PersonSubject(id), Key: "rebuild", At: tb.Now.Add(pause)})
	}
	return nil
}

func (p *Profiles) startRebuild(b *batch, id touchstone.PersonID) {
	p.rebuilds[id] = &rebuild{mark: p.cfg.History.Mark(), dirty: true}
	b.startedRebuilds = append(b.startedRebuilds, id)
}

func (p *Profiles) endRebuild(b *batch, id touchstone.PersonID) {
	delete(p.rebuilds, id)
	b.endedRebuilds = append(b.endedRebuilds, id)
}

// mergeRebuilds starts again when a person that waits has absorbed another, or the other
// way round: all of the past is the kept person's then.
func (p *Profiles) mergeRebuilds(b *batch, one *person) {
	if len(one.absorbed) == 0 {
		return
	}
	waits := p.rebuilds[one.id] != nil
	for _, id := range one.absorbed {
		if p.rebuilds[id] != nil {
			waits = true
			p.endRebuild(b, id)
		}
	}
	if waits {
		p.startRebuild(b, one.id)
	}
}

// compute reads a person's history and joins it with the delta. It returns nil while the
// history is not complete.
func (p *Profiles) compute(ctx context.Context, id touchstone.PersonID, now time.Time) (*rebuilt, error) {
	d := p.rebuilds[id]
	r := &rebuilt{at: now}
	ctx, cancel := context.WithTimeout(ctx, rebuildTimeout) // a busy warehouse must not hold up the pipeline
	defer cancel()
	complete, err := p.cfg.History.Events(ctx, id, d.mark, func(f *touchstone.Fact) error {
		s := p.parse(f)
		r.activity.fold(s.touch)
		if s.rare(f) {
			p.foldRare(f, &s, &r.traits, func(uint32, string, string) {})
		}
		return nil
	})
	if err != nil || !complete {
		return nil, err
	}
	var delta rebuilt
	if err := d.decode(&delta.activity, &delta.traits); err != nil {
		return nil, err
	}
	r.activity.merge(&delta.activity)
	r.traits.merge(&delta.traits, func(uint32, string, string, stamp) {})
	return r, nil
}

func (d *rebuild) decode(a *activity, t *traits) error {
	if len(d.activity) > 0 {
		if err := a.decode(d.activity); err != nil {
			return err
		}
	}
	if len(d.traits) > 0 {
		return t.decode(d.traits)
	}
	return nil
}

// foldDelta folds a waiting person's events into the delta, too.
func (p *Profiles) foldDelta(b *batch, one *person, d *rebuild) error {
	var a activity
	var t traits
	if err := d.decode(&a, &t); err != nil {
		return fmt.Errorf("person %s: %w", one.id, err)
	}
	for _, key := range b.order[one.from:one.to] {
		at := int(key & (maxFacts - 1)) //nolint:gosec // masked
		a.fold(b.parsed[at].touch)
		p.foldRare(&b.facts[at], &b.parsed[at], &t, func(uint32, string, string) {})
	}
	if !a.empty() {
		d.activity, d.traits, d.dirty = a.append(nil), t.append(nil), true
	}
	return nil
}

// install puts the computed profile in the place of the old one and reports the traits
// that differ. Groups stay: the warehouse does not keep who called group.
func (p *Profiles) install(b *batch, one *person, a *activity, t *traits) {
	r := one.rebuilt
	for _, g := range t.groups {
		r.traits.join(g.id, g.stamp)
	}
	for _, x := range t.list {
		now := ""
		if i, ok := r.traits.find(x.name); ok {
			now = r.traits.list[i].json
		}
		if now != x.json {
			p.traitChanged(b, one.id, r.at, x.name, x.json, now)
		}
	}
	for _, x := range r.traits.list {
		if _, had := t.find(x.name); !had && x.json != "" {
			p.traitChanged(b, one.id, r.at, x.name, "", x.json)
		}
	}
	*a, *t = r.activity, r.traits
}

func (p *Profiles) saveRebuilds(ctx context.Context, tx *store.Tx, b *batch) error {
	var dirty []touchstone.PersonID
	for id, d := range p.rebuilds {
		if d.dirty {
			d.dirty = false
			dirty = append(dirty, id)
		}
	}
	slices.Sort(dirty)
	if err := tx.BulkDelete(ctx, "profile_rebuilds", "person", len(b.endedRebuilds), func(i int) any { return int64(b.endedRebuilds[i]) }); err != nil {
		return err
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_rebuilds", Columns: []string{"person", "mark", "activity", "traits"}, Key: []string{"person"}},
		len(dirty), func(i int, args []any) {
			d := p.rebuilds[dirty[i]]
			args[0], args[1], args[2], args[3] = int64(dirty[i]), d.mark, notNil(d.activity), notNil(d.traits)
		})
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
