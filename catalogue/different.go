package catalogue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/axiomhq/hyperloglog"
	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Feed hands over what has been stored, in the order of the log.
type Feed interface {
	// Partitions is how many the log has.
	Partitions() int
	// After calls fn with the next n events of a partition behind one, and returns the last of them; last when there are none.
	After(ctx context.Context, last touchstone.Seq, n int, fn func(event string, properties touchstone.JSON)) (touchstone.Seq, error)
}

const (
	// sketchBits is how many registers a sketch has: 2 to the power of it, a byte each.
	sketchBits = 12
	// SketchError is how far a sketch's number is off the truth, as a share of it, in two of three cases.
	SketchError = 1.04 / 64 // the root of 2 to the power of sketchBits

	countAtOnce  = 20_000 // events
	countPerLook = 3      // times as many events in one look: what is beyond waits for the next one
	maxSketches  = 5_000  // properties of events
	maxOfEvent   = 500    // properties of one event that are looked at
)

// Different is how many different values a property has had, about.
type Different struct {
	Values int64   `json:"values"`
	Error  float64 `json:"error"` // share of Values, one standard error
}

// place is a property of an event.
type place struct{ event, name string }

// sketch counts the different values of a property.
type sketch struct {
	*hyperloglog.Sketch
	told    uint64 // what was told by what is stored
	touched bool
}

func newSketch() *hyperloglog.Sketch {
	s, err := hyperloglog.NewSketch(sketchBits, true)
	if err != nil {
		panic(err) // the precision is a constant
	}
	return s
}

// counting is the sketches of the process that looks. What it holds is what is stored, unless another process has counted
// meanwhile: then it begins with what that has left.
type counting struct {
	sketches map[place]*sketch
	last     map[int]touchstone.Seq // by partition
}

// errCountedBeside tells that another process has counted further.
var errCountedBeside = errors.New("another process counts different values")

// count counts different values in what has come since.
func (c *Catalogue) count(ctx context.Context, fence Fence) (err error) {
	defer func() {
		if err != nil {
			c.counts = nil
		}
		if errors.Is(err, errCountedBeside) {
			err = nil
		}
	}()
	if c.cfg.Feed == nil {
		return nil
	}
	if c.counts == nil {
		if c.counts, err = c.readCounts(ctx); err != nil {
			return err
		}
	}
	for partition := range c.cfg.Feed.Partitions() {
		for range countPerLook {
			last := max(c.counts.last[partition], touchstone.MakeSeq(partition, 0, 0))
			next, err := c.cfg.Feed.After(ctx, last, countAtOnce, c.see)
			if err != nil {
				return err
			}
			if next == last {
				break
			}
			if err := c.saveCounts(ctx, fence, partition, c.counts.last[partition], next); err != nil {
				return err
			}
			c.counts.last[partition] = next
		}
	}
	return nil
}

// see counts the values of an event.
func (c *Catalogue) see(event string, properties touchstone.JSON) {
	n := 0
	c.counted.Inc()
	gjson.Parse(string(properties)).ForEach(func(key, value gjson.Result) bool {
		if n++; n > maxOfEvent {
			return false
		}
		if value.Type == gjson.Null {
			return true
		}
		s := c.counts.sketches[place{event, key.Str}]
		if s == nil {
			if len(c.counts.sketches) == maxSketches {
				c.uncounted.Inc()
				return true
			}
			s = &sketch{Sketch: newSketch()}
			c.counts.sketches[place{strings.Clone(event), strings.Clone(key.Str)}] = s
		}
		s.InsertHash(xxhash.Sum64String(value.Raw))
		s.touched = true
		return true
	})
}

// saveCounts stores the sketches that say something else than what is stored, and how far they have counted.
func (c *Catalogue) saveCounts(ctx context.Context, fence Fence, partition int, was, next touchstone.Seq) error {
	type row struct {
		place
		*sketch
		text []byte
		says uint64
	}
	var rows []row
	for at, s := range c.counts.sketches {
		if !s.touched {
			continue
		}
		s.touched = false
		says := s.Estimate()
		if says == s.told {
			continue
		}
		text, err := s.MarshalBinary()
		if err != nil {
			return fmt.Errorf("keep how many different values %s has: %w", at.name, err)
		}
		rows = append(rows, row{at, s, text, says})
	}
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `INSERT INTO catalogue_counted (lane, seq) VALUES (?, ?) ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq WHERE catalogue_counted.seq = ?`,
			int64(partition), int64(next), int64(was)) //nolint:gosec // numbers of events
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(errCountedBeside, err)
		}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "catalogue_different", Columns: []string{"event", "name", "sketch"}, Key: []string{"event", "name"}}, len(rows), func(i int, args []any) {
			args[0], args[1], args[2] = rows[i].event, rows[i].name, rows[i].text
		})
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		r.told = r.says
	}
	return nil
}

func (c *Catalogue) readCounts(ctx context.Context) (*counting, error) {
	counts := &counting{sketches: map[place]*sketch{}, last: map[int]touchstone.Seq{}}
	q := c.cfg.DB.Reader()
	rows, err := q.Query(ctx, `SELECT lane, seq FROM catalogue_counted`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var lane, seq int64
		if err := rows.Scan(&lane, &seq); err != nil {
			return nil, err
		}
		counts.last[int(lane)] = touchstone.Seq(seq) //nolint:gosec // as it was stored
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	err = eachSketch(ctx, q, `SELECT event, name, sketch FROM catalogue_different`, nil, func(at place, s *hyperloglog.Sketch) {
		counts.sketches[at] = &sketch{Sketch: s, told: s.Estimate()}
	})
	return counts, err
}

func eachSketch(ctx context.Context, q store.Querier, query string, args []any, fn func(at place, s *hyperloglog.Sketch)) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at place
		var text []byte
		if err := rows.Scan(&at.event, &at.name, &text); err != nil {
			return err
		}
		s := newSketch()
		if err := s.UnmarshalBinary(text); err != nil {
			return fmt.Errorf("read how many different values %s has: %w", at.name, err)
		}
		fn(at, s)
	}
	return rows.Err()
}

// Different returns, by property, how many different values an event has had, of all that have come: those of who was erased,
// and of events that were kept no longer, count on.
func (c *Catalogue) Different(ctx context.Context, event string) (map[string]Different, error) {
	found := map[string]Different{}
	err := eachSketch(ctx, c.cfg.DB.Reader(), `SELECT event, name, sketch FROM catalogue_different WHERE event = ?`, []any{event}, func(at place, s *hyperloglog.Sketch) {
		found[at.name] = Different{Values: int64(min(s.Estimate(), math.MaxInt64)), Error: SketchError} //nolint:gosec // bounded
	})
	return found, err
}
