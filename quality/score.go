package quality

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// Parts are what a score is made of, each from 0 (nothing is right) to 1.
type Parts struct {
	Completeness float64 `json:"completeness"` // of the properties that nearly all events have, how many were there
	Validity     float64 `json:"validity"`     // events that were not refused, with values of their usual types
	Freshness    float64 `json:"freshness"`    // time in which events came when they were due, with clocks that are right
	Uniqueness   float64 `json:"uniqueness"`   // events that were sent once
	Volume       float64 `json:"volume"`       // events beside what is usual, too few or too many
	Schema       float64 `json:"schema"`       // properties that were known before
}

// Score is the parts' product, from 0 to 100: one that is bad is not made up for by the others.
func (p Parts) Score() float64 {
	product := 1.0
	for _, x := range [...]float64{p.Completeness, p.Validity, p.Freshness, p.Uniqueness, p.Volume, p.Schema} {
		product *= x
	}
	return math.Round(1000*product) / 10
}

// scoring adds up a minute, or an hour, of all sources.
type scoring struct {
	span    time.Duration
	start   int64 // milliseconds since 1970
	sources map[string]*sums
}

type sums struct {
	events, aside, repeats, skewed float64
	mended                         float64 // of aside, came in since
	due, there                     float64 // values of properties that nearly all events have
	values, odd, unknown           float64
	ticks, fresh                   float64
	low, high                      float64 // events that were expected, at least and at most
	clumps                         float64
	known                          bool
}

func newScoring(span time.Duration, start int64) *scoring {
	return &scoring{span, start, map[string]*sums{}}
}

func (s *scoring) covers(at minute) bool {
	ms := at.number * time.Minute.Milliseconds()
	return ms >= s.start && ms < s.start+s.span.Milliseconds()
}

func (s *scoring) of(source string) *sums {
	x := s.sources[source]
	if x == nil {
		x = &sums{}
		s.sources[source] = x
	}
	return x
}

// volume takes up a source's tick, after the series has looked at it.
func (x *sums) volume(s *Series, c *Counts, found []Finding) {
	x.events += float64(c.Events)
	x.aside += float64(c.Aside)
	x.repeats += float64(c.Repeats)
	x.skewed += float64(c.Skewed)
	x.ticks++
	fresh := true
	for _, f := range found {
		fresh = fresh && f.Kind != Silent
	}
	if fresh {
		x.fresh++
	}
	if s.Volume.Seen.ticks() > 0 {
		spread := math.Exp(2 * s.Volume.noise())
		x.clumps = s.Volume.clumps()
		x.low, x.high, x.known = x.low+s.Volume.Low.newest(1)/spread, x.high+s.Volume.High.newest(1)*spread, true
	}
}

// fields takes up the sample of an event's tick, before the series learns from it.
func (x *sums) fields(s *Series, c *Counts) {
	if c.Sampled == 0 || s == nil {
		return
	}
	for name, f := range s.Fields {
		if f.Present.known() && f.Present.Mean >= 0.9 {
			v := c.Fields[name]
			x.due += float64(c.Sampled)
			x.there += float64(v.present())
		}
	}
	for name, v := range c.Fields {
		present := float64(v.present())
		f := s.Fields[name]
		if f == nil || !f.Present.known() {
			if len(s.Fields) > 0 && s.settled() {
				x.unknown += present
			}
			x.values += present
			continue
		}
		x.values += present
		for i, n := range v.byType() {
			if f.Types[i].Mean < 0.05 {
				x.odd += float64(n)
			}
		}
	}
}

// settled tells that what an event has is known, so that something new is news.
func (s *Series) settled() bool {
	for _, f := range s.Fields {
		if f.Present.Weight > 5*learnt {
			return true
		}
	}
	return false
}

func ratio(n, of float64) float64 {
	if of <= 0 {
		return 1
	}
	return min(max(n/of, 0), 1)
}

func (x *sums) parts() Parts {
	all := x.events + x.aside + x.repeats
	p := Parts{
		Completeness: ratio(x.there, x.due),
		Validity:     ratio(all-max(0, x.aside-x.mended), all) * ratio(x.values-x.odd, x.values),
		Freshness:    ratio(x.fresh, x.ticks) * ratio(x.events-x.skewed, x.events),
		Uniqueness:   ratio(all-x.repeats, all),
		Volume:       1,
		Schema:       ratio(x.values-x.unknown, x.values),
	}
	if x.known && x.high >= 1 {
		came := x.events + x.aside
		switch chance := 3 * math.Sqrt(x.high*x.clumps); { // a count is no rate
		case came+chance < x.low:
			p.Volume = ratio(came, x.low)
		case came-chance > x.high:
			p.Volume = ratio(x.high, came)
		}
	}
	return p
}

// end writes the scores of a span down.
func (s *scoring) end(ctx context.Context, tx *store.Tx) error {
	for source, x := range s.sources {
		parts := x.parts()
		text, err := json.Marshal(parts)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO quality_scores (span, start, source, events, parts, score, refused, mended) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (span, start, source) DO UPDATE SET events = excluded.events, parts = excluded.parts, score = excluded.score, refused = excluded.refused, mended = excluded.mended`,
			s.span.Milliseconds(), s.start, source, int64(x.events), string(text), parts.Score(), int64(x.aside), int64(min(x.aside, x.mended))); err != nil {
			return err
		}
	}
	return nil
}

// Scored is how good a source's data was in a span.
type Scored struct {
	Source string    `json:"source"`
	Start  time.Time `json:"start"`
	Events int64     `json:"events"`
	Parts  Parts     `json:"parts"`
	Score  float64   `json:"score"` // 0 to 100
	// Refused went to quarantine; Mended of them have come in since.
	Refused int64 `json:"refused"`
	Mended  int64 `json:"mended"`
}

// Scores returns the scores of all sources, or of one, by minute or by hour since a moment, oldest first.
func (q *Quality) Scores(ctx context.Context, source string, span time.Duration, since time.Time) ([]Scored, error) {
	query, args := `SELECT source, start, events, parts, score, refused, mended FROM quality_scores WHERE span = ? AND start >= ?`, []any{span.Milliseconds(), since.UnixMilli()}
	if source != "" {
		query, args = query+` AND source = ?`, append(args, source)
	}
	rows, err := q.cfg.DB.Reader().Query(ctx, query+` ORDER BY start, source LIMIT 100000`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Scored{}
	for rows.Next() {
		var s Scored
		var start int64
		var parts string
		if err := rows.Scan(&s.Source, &start, &s.Events, &parts, &s.Score, &s.Refused, &s.Mended); err != nil {
			return nil, err
		}
		s.Start = time.UnixMilli(start)
		if err := json.Unmarshal([]byte(parts), &s.Parts); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}
