package segment

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

// Bitmap is a compressed set of persons by their numbers. Nobody changes one that has been handed out.
type Bitmap = roaring64.Bitmap

// bitmaps keeps who is in each segment, so that sizes, overlaps and combinations of segments need
// no rows. It is a copy of segment_members that follows the feed of changes, which the stage writes in the
// same transaction: whoever asks first has it catch up, in one snapshot, so what it says is what the store says. A copy that the feed no longer
// leads to, or that has another number of members than was written, is read again: those who were erased
// left without a line in the feed.
type bitmaps struct {
	db      *store.DB
	budget  int64 // bytes; what one question needs may be more
	metrics *bitmapMetrics
	warm    time.Duration // between two times of catching up unasked

	mu     sync.Mutex
	copies map[int64]*bitmapCopy // by generation
	bytes  int64
	asked  int64 // questions, the clock of what was used last
}

// bitmapCopy is who is in a generation as of a line of the feed.
type bitmapCopy struct {
	segment string
	persons *Bitmap
	at      int64 // the last line of the feed that it knows
	off     int64 // by how many the written number differed from the rows when they were read
	bytes   int64
	used    int64
}

const bitmapBudget = 256 << 20

func newBitmaps(cfg *Config) *bitmaps {
	return &bitmaps{db: cfg.DB, budget: bitmapBudget, metrics: newBitmapMetrics(cfg.Metrics), warm: time.Second, copies: map[int64]*bitmapCopy{}}
}

// Bitmaps returns who is in each of some segments, or in the set that a viewer is limited to, as of one moment: that of
// the question. A segment that does not answer yet has nobody.
func (s *Segments) Bitmaps(ctx context.Context, ids ...string) ([]*Bitmap, error) {
	return s.bitmaps.of(ctx, ids)
}

// VisibleBitmap is whom v may see; nil: everybody.
func (s *Segments) VisibleBitmap(ctx context.Context, v *access.Viewer) (*Bitmap, error) {
	if !v.Limited() {
		return nil, nil
	}
	list, err := s.bitmaps.of(ctx, []string{v.Rows.Set})
	if touchstone.KindOf(err) == touchstone.NotFound { // a set that is not known has nobody in it
		return roaring64.New(), nil
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// KeepBitmaps has the copies follow the store until ctx is done, so that a question finds them close behind. It
// begins with reading all segments, while there is room; one that is asked for earlier is read for whoever asks.
func (s *Segments) KeepBitmaps(ctx context.Context) error {
	b, begun := s.bitmaps, false
	for {
		var err error
		if !begun {
			err = b.begin(ctx)
			begun = err == nil
		} else {
			_, err = b.catchUp(ctx, nil)
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("the sets of members could not be brought up to date; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(b.warm):
		}
	}
}

// begin reads all segments, until the copies take half of the room.
func (b *bitmaps) begin(ctx context.Context) error {
	live, err := readLive(ctx, b.db.Reader())
	if err != nil {
		return err
	}
	for _, id := range sortedKeys(live) {
		b.mu.Lock()
		full := b.bytes > b.budget/2
		b.mu.Unlock()
		if full {
			break
		}
		if _, err := b.of(ctx, []string{id}); err != nil && touchstone.KindOf(err) != touchstone.NotFound {
			return err
		}
	}
	return nil
}

// liveSet is the generation that answers for a segment and how many were written to be in it.
type liveSet struct{ generation, members int64 }

// readLive lists segments and the sets that viewers are limited to. Those of tags are left out: the feed does not tell of them.
func readLive(ctx context.Context, q store.Querier) (map[string]liveSet, error) {
	rows, err := q.Query(ctx, `SELECT s.id, s.live, coalesce(g.members, 0) FROM segments s LEFT JOIN segment_generations g ON g.generation = s.live WHERE s.kind <> ?`, string(kindTag))
	if err != nil {
		return nil, fmt.Errorf("read segments: %w", err)
	}
	defer rows.Close()
	live := map[string]liveSet{}
	for rows.Next() {
		var id string
		var l liveSet
		if err := rows.Scan(&id, &l.generation, &l.members); err != nil {
			return nil, err
		}
		live[id] = l
	}
	return live, rows.Err()
}

// maxRounds bounds how often a question begins anew because a segment was rebuilt meanwhile.
const maxRounds = 10

func (b *bitmaps) of(ctx context.Context, ids []string) ([]*Bitmap, error) {
	for range maxRounds {
		answer, err := b.catchUp(ctx, ids)
		if err != nil {
			return nil, err
		}
		if len(answer.missing) == 0 {
			return answer.sets, nil
		}
		for _, m := range answer.missing {
			if err := b.read(ctx, m.id, m.generation); err != nil {
				return nil, err
			}
		}
	}
	return nil, touchstone.Errorf(touchstone.Unavailable, "The segments change faster than they can be read.").WithHint("Ask again in a moment.")
}

// bitmapAnswer is what is known of the segments that were asked for; missing are those that must be read first.
type bitmapAnswer struct {
	sets    []*Bitmap
	missing []missingSet
}

type missingSet struct {
	id         string
	generation int64
}

// catchUp brings all copies to one moment.
func (b *bitmaps) catchUp(ctx context.Context, ids []string) (answer bitmapAnswer, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(ids) == 0 && len(b.copies) == 0 {
		return answer, nil
	}
	b.asked++
	var live map[string]liveSet
	// The lock is held while one snapshot is read: only a few lines are new, and no copy may go ahead of the others.
	err = b.db.View(ctx, func(tx *store.Tx) error {
		if live, err = readLive(ctx, tx); err != nil {
			return err
		}
		return b.follow(ctx, tx, live)
	})
	if err != nil {
		return answer, fmt.Errorf("catch up with the members of segments: %w", err)
	}
	for _, id := range ids {
		l, ok := live[id]
		c := b.copies[l.generation]
		switch {
		case !ok:
			return answer, notFound(id)
		case l.generation == 0:
			answer.sets = append(answer.sets, roaring64.New())
		case c == nil:
			answer.missing = append(answer.missing, missingSet{id, l.generation})
		default:
			c.used = b.asked
			answer.sets = append(answer.sets, c.persons)
		}
	}
	if len(answer.missing) == 0 {
		b.evict()
	}
	return answer, nil
}

// follow applies what the feed has told since, and lets go of copies that it does not lead to.
func (b *bitmaps) follow(ctx context.Context, tx *store.Tx, live map[string]liveSet) error {
	var oldest, last int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM segment_changes`).Scan(&oldest, &last); err != nil {
		return err
	}
	from, by := last, map[string]*bitmapCopy{}
	for generation, c := range b.copies {
		switch {
		case live[c.segment].generation != generation:
			b.drop(generation, "replaced")
		case last > c.at && oldest > c.at+1, last < c.at:
			b.drop(generation, "behind")
		default:
			from, by[c.segment] = min(from, c.at), c
		}
	}
	if from < last {
		if err := b.apply(ctx, tx, from, by); err != nil {
			return err
		}
	}
	for id, c := range by {
		c.at = last
		if l := live[id]; int64(c.persons.GetCardinality())-c.off != l.members { //nolint:gosec // far fewer
			b.drop(l.generation, "erased")
		}
	}
	b.metrics.show(len(b.copies), b.bytes)
	return nil
}

// apply reads the lines of the feed behind a line. What was handed out stays as it is: a set that changes is copied first.
func (b *bitmaps) apply(ctx context.Context, tx *store.Tx, from int64, by map[string]*bitmapCopy) error {
	rows, err := tx.Query(ctx, `SELECT id, segment, person, entered FROM segment_changes WHERE id > ? ORDER BY id`, from)
	if err != nil {
		return err
	}
	defer rows.Close()
	changed := map[*bitmapCopy]*Bitmap{}
	for rows.Next() {
		var id, person, entered int64
		var segment string
		if err := rows.Scan(&id, &segment, &person, &entered); err != nil {
			return err
		}
		c := by[segment]
		if c == nil || id <= c.at {
			continue
		}
		persons := changed[c]
		if persons == nil {
			persons = c.persons.Clone()
			changed[c] = persons
		}
		if entered != 0 {
			persons.Add(uint64(person)) //nolint:gosec // above 0
		} else {
			persons.Remove(uint64(person)) //nolint:gosec // above 0
		}
		b.metrics.followed.Inc()
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for c, persons := range changed {
		c.persons = persons
		b.weigh(c)
	}
	return nil
}

// read copies a generation from its rows.
func (b *bitmaps) read(ctx context.Context, id string, generation int64) error {
	c := &bitmapCopy{segment: id, persons: roaring64.New()}
	err := b.db.View(ctx, func(tx *store.Tx) error {
		var members int64
		err := tx.QueryRow(ctx, `SELECT g.members, coalesce((SELECT max(id) FROM segment_changes), 0) FROM segments s JOIN segment_generations g ON g.generation = s.live
			WHERE s.id = ? AND s.live = ?`, id, generation).Scan(&members, &c.at)
		if err != nil {
			return err
		}
		block := make([]uint64, 0, 4096)
		rows, err := tx.Query(ctx, `SELECT person FROM segment_members WHERE generation = ?`, generation)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var person uint64
			if err := rows.Scan(&person); err != nil {
				return err
			}
			if block = append(block, person); len(block) == cap(block) {
				c.persons.AddMany(block)
				block = block[:0]
			}
		}
		c.persons.AddMany(block)
		c.off = int64(c.persons.GetCardinality()) - members //nolint:gosec // far fewer
		return rows.Err()
	})
	if errors.Is(err, sql.ErrNoRows) { // replaced meanwhile: who asks sees by what
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the members of %s: %w", id, err)
	}
	c.persons.RunOptimize()
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.copies[generation]; known == nil || known.at < c.at {
		if known != nil {
			b.bytes -= known.bytes
		}
		c.used = b.asked
		b.copies[generation] = c
		b.weigh(c)
	}
	b.metrics.read.Inc()
	return nil
}

// weigh notes what a copy takes.
func (b *bitmaps) weigh(c *bitmapCopy) {
	b.bytes -= c.bytes
	c.bytes = int64(c.persons.GetSizeInBytes()) + 128 //nolint:gosec // far less
	b.bytes += c.bytes
}

// drop lets go of a copy: who asks next reads it again.
func (b *bitmaps) drop(generation int64, why string) {
	b.bytes -= b.copies[generation].bytes
	delete(b.copies, generation)
	b.metrics.dropped.WithLabelValues(why).Inc()
}

// evict makes room: those go that were not asked for the longest, never what was asked for just now.
func (b *bitmaps) evict() {
	if b.bytes <= b.budget {
		return
	}
	old := slices.SortedFunc(maps.Keys(b.copies), func(x, y int64) int { return cmp.Compare(b.copies[x].used, b.copies[y].used) })
	for _, generation := range old {
		if b.bytes <= b.budget || b.copies[generation].used == b.asked {
			return
		}
		b.drop(generation, "evicted")
	}
}

type bitmapMetrics struct {
	copies, bytes  prometheus.Gauge
	read, followed prometheus.Counter
	dropped        *prometheus.CounterVec
}

func newBitmapMetrics(reg prometheus.Registerer) *bitmapMetrics {
	const prefix = "touchstone_segment_bitmaps"
	m := &bitmapMetrics{
		copies:   prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix, Help: "Segments whose members are held in memory."}),
		bytes:    prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "_bytes", Help: "Memory of the members held."}),
		read:     prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "_read_total", Help: "Times that the members of a segment were read from the store."}),
		followed: prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "_followed_total", Help: "Entries and exits taken over from the feed of changes."}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "_dropped_total",
			Help: "Copies let go: replaced by another build, behind the feed, members erased, or evicted for room."}, []string{"why"}),
	}
	if reg != nil {
		reg.MustRegister(m.copies, m.bytes, m.read, m.followed, m.dropped)
	}
	return m
}

func (m *bitmapMetrics) show(copies int, bytes int64) {
	m.copies.Set(float64(copies))
	m.bytes.Set(float64(bytes))
}
