package segment

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Lane returns the stage of a lane: it keeps the segments of the persons that owns says are the
// lane's, and of those of other lanes whom they absorb. It works by the definitions as the
// pipeline's own stage has left them, and builds nothing: that is done for all lanes at once,
// when none of them works. docs/design/scaleout.md tells how.
func (s *Segments) Lane(owns func(touchstone.PersonID) bool, traits Traits, cachePersons int) *Stage {
	cfg := s.cfg
	cfg.Traits, cfg.CachePersons = traits, cachePersons
	lane := newStage(&cfg, newBuilds(s.builds.limits), s.metrics)
	lane.owns = owns
	return lane
}

// Alone tells whether there is work that concerns the persons of all lanes: definitions that
// the stage has not taken up, a build, members of segments that are no more, persons whose
// households have changed. While a segment asks about households all work is such: what happens to
// one may be asked about another, who may be another lane's.
func (s *Stage) Alone(ctx context.Context, q store.Querier) (bool, error) {
	if t := s.snapshot.Load(); s.builds.Waiting() > 0 || t != nil && t.related.any() {
		return true, nil
	}
	var version int64
	var unfinished bool
	err := q.QueryRow(ctx, `SELECT version, EXISTS (SELECT 1 FROM segment_generations WHERE phase <> ?) OR EXISTS (SELECT 1 FROM segment_moved)
		FROM segment_meta WHERE id = 1`, live).Scan(&version, &unfinished)
	return unfinished || version != s.settled.Load(), err
}

// Routed notes the last event that has been routed to the lanes: what a build that begins when
// they have worked on all takes for history.
func (s *Stage) Routed(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	return s.position(ctx, tx, b)
}

// refreshLane loads the definitions when the lane begins, and leaves those that are not
// complete. While it works nobody changes what it has: whoever does has all lanes wait, and
// begin anew.
func (s *Stage) refreshLane(ctx context.Context, tx *store.Tx) error {
	if s.table != nil {
		return nil
	}
	d, err := loadDefinitions(ctx, tx)
	if err != nil {
		return err
	}
	t, err := d.compile()
	if err != nil {
		return err
	}
	t.garbage = nil
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(person), 0) FROM segment_states`).Scan(&s.maxPerson); err != nil {
		return err
	}
	s.table = t
	return nil
}

// mayHaveRow tells whether a person may be in the tables: a new one of one's own is not.
func (s *Stage) mayHaveRow(p touchstone.PersonID) bool {
	return p <= s.maxPerson || s.owns != nil && !s.owns(p)
}

// queueForFeed waits until no other lane can add to the feed before this one, and learns its end.
func (s *Stage) queueForFeed(ctx context.Context, tx *store.Tx) error {
	if s.owns == nil {
		return nil
	}
	if tx.Dialect() == store.Postgres {
		var id int64
		if err := tx.QueryRow(ctx, `SELECT id FROM segment_meta WHERE id = 2 FOR UPDATE`).Scan(&id); err != nil {
			return fmt.Errorf("wait for the feed: %w", err)
		}
	}
	return tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM segment_changes`).Scan(&s.lastID)
}

// writeMemberCount stores how many members a generation has: a lane only adds what it knows.
func (s *Stage) writeMemberCount(ctx context.Context, tx *store.Tx, p *program) error {
	if s.owns == nil {
		_, err := tx.Exec(ctx, `UPDATE segment_generations SET members = ? WHERE generation = ?`, p.members, int64(p.generation))
		return err
	}
	delta := p.members - p.written
	if err := tx.QueryRow(ctx, `UPDATE segment_generations SET members = members + ? WHERE generation = ? RETURNING members`,
		delta, int64(p.generation)).Scan(&p.members); err != nil {
		return fmt.Errorf("count the members of generation %d: %w", p.generation, err)
	}
	p.written = p.members
	if day := s.work.days[p.segment]; day != nil && p.live {
		day.members = p.members
	}
	return nil
}
