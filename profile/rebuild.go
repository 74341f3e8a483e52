package profile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// History is the past of a person, for computing a profile anew.
type History interface {
	// Mark returns a text that stands for all events which the pipeline has committed.
	Mark() string
	// Events calls fn with a person's events up to a mark, and none after it, oldest first:
	// also with corrections ([Profiles.Corrections]). It reports false, and calls fn for none,
	// while they are not all there yet.
	Events(ctx context.Context, person touchstone.PersonID, mark string, fn func(f *touchstone.Fact) error) (bool, error)
}

// After a split, nobody can tell from a state which part of it came from which
// identifier, so both persons are computed anew. The past up to the batch of the split
// (the mark) comes from the history, once the warehouse has it; what happens
// meanwhile is folded into a delta as well. History and delta have no event in common, so
// merged they are the profile. Until then the older person keeps what it had.
//
// [Profiles.Run] reads the history beside the pipeline and sends it in parts; a batch joins
// them (internal/backfill).

// rebuild is a profile that waits for its history.
type rebuild struct {
	// key is the mark, "#" and a number that tells rebuilds of the same mark apart: what was
	// read for another one is of no use.
	key              string
	activity, traits []byte    // the delta, in binary form
	past             [2][]byte // of the history so far: activity and traits
	joined           int64     // the last part of it
	dirty            bool
}

// rebuilt is a profile that was computed anew.
type rebuilt struct {
	activity activity
	traits   traits
	at       time.Time
}

func loadRebuilds(ctx context.Context, q store.Querier) (map[touchstone.PersonID]*rebuild, error) {
	rows, err := q.Query(ctx, `SELECT person, mark, activity, traits, past_activity, past_traits, joined FROM profile_rebuilds`)
	if err != nil {
		return nil, fmt.Errorf("read the profiles to rebuild: %w", err)
	}
	defer rows.Close()
	list := map[touchstone.PersonID]*rebuild{}
	for rows.Next() {
		var person int64
		d := &rebuild{}
		if err := rows.Scan(&person, &d.key, &d.activity, &d.traits, &d.past[0], &d.past[1], &d.joined); err != nil {
			return nil, err
		}
		list[touchstone.PersonID(person)] = d
	}
	return list, rows.Err()
}

// rebuildDue starts the rebuilds that splits and commands ask for, and joins what has been read
// for those that wait.
func (p *Profiles) rebuildDue(b *batch, tb *touchstone.Batch) error {
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
	for _, id := range p.asked.rebuilds {
		p.startRebuild(b, id)
	}
	if p.cfg.History == nil {
		return nil
	}
	for i := range b.persons {
		p.mergeRebuilds(b, &b.persons[i])
	}
	return p.joinHistory(b, tb.Now)
}

func (p *Profiles) startRebuild(b *batch, id touchstone.PersonID) {
	p.rebuilds[id] = &rebuild{key: p.cfg.History.Mark() + "#" + strconv.FormatInt(p.version, 36), dirty: true}
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

// joinHistory folds the next parts of histories, and ends the rebuilds that are complete.
func (p *Profiles) joinHistory(b *batch, now time.Time) error {
	for range partsPerBatch {
		part, ok := p.histories.Take()
		if !ok {
			return nil
		}
		p.taken = append(p.taken, part) // before anything can fail, so that Rollback finds it
		h := part.What
		d := p.rebuilds[h.person]
		if d == nil || d.key != h.key || part.Number <= d.joined {
			continue
		}
		r, err := p.foldHistory(d, h)
		if err != nil {
			return fmt.Errorf("person %s: %w", h.person, err)
		}
		d.joined, d.dirty = part.Number, true
		if !h.last {
			d.past = [2][]byte{r.activity.append(nil), r.traits.append(nil)}
			continue
		}
		var delta rebuilt
		if err := d.decode(&delta.activity, &delta.traits); err != nil {
			return fmt.Errorf("person %s: %w", h.person, err)
		}
		r.at = now
		r.activity.merge(&delta.activity)
		r.traits.merge(&delta.traits, func(uint32, string, string, stamp) {})
		b.include([]touchstone.PersonID{h.person})
		one := b.person(h.person)
		one.rebuilt, one.rare = r, true
		p.endRebuild(b, h.person)
		p.metrics.rebuilt.Inc()
	}
	return nil
}

// foldHistory returns what a history says up to the end of a part.
func (p *Profiles) foldHistory(d *rebuild, h *history) (*rebuilt, error) {
	r := &rebuilt{}
	if !h.first && len(d.past[0]) > 0 {
		if err := r.activity.decode(d.past[0]); err != nil {
			return nil, err
		}
		if err := r.traits.decode(d.past[1]); err != nil {
			return nil, err
		}
	}
	for i := range h.facts {
		f := &h.facts[i]
		if f.Type == touchstone.System {
			p.setTraits(string(f.Traits), &r.traits, p.correctionStamp(f), func(uint32, string, string) {})
			continue
		}
		s := p.parse(f)
		r.activity.fold(s.touch)
		if s.rare(f) {
			p.foldRare(f, &s, &r.traits, func(uint32, string, string) {})
		}
	}
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
	corrected := p.correct(one.id, &t, func(*touchstone.Fact, uint32, string, string) {})
	for _, id := range one.absorbed { // they were corrected before they were absorbed
		corrected = p.correct(id, &t, func(*touchstone.Fact, uint32, string, string) {}) || corrected
	}
	if !a.empty() || corrected {
		d.activity, d.traits, d.dirty = a.append(nil), t.append(nil), true
	}
	return nil
}

// install puts the computed profile in the place of the old one and reports the traits
// that differ. Groups stay: the warehouse does not keep who called group.
func (p *Profiles) install(b *batch, one *person, a *activity, t *traits) {
	r := one.rebuilt
	if r.activity.empty() && one.from == one.to && len(one.merges) == 0 {
		r.traits.reset() // nobody is shown who has no events
	}
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
	return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_rebuilds", Columns: []string{"person", "mark", "activity", "traits", "past_activity", "past_traits", "joined"}, Key: []string{"person"}},
		len(dirty), func(i int, args []any) {
			d := p.rebuilds[dirty[i]]
			args[0], args[1], args[2], args[3] = int64(dirty[i]), d.key, notNil(d.activity), notNil(d.traits)
			args[4], args[5], args[6] = notNil(d.past[0]), notNil(d.past[1]), d.joined
		})
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
