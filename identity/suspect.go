package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

// What makes a value suspicious, within suspectWindow. People have a few devices and
// addresses; a value that a program or a clerk puts in place of an identifier meets
// strangers all day.
const (
	suspectWindow   = 24 * time.Hour
	suspectMerges   = 8  // persons joined through it
	suspectRefusals = 20 // persons it was kept from by a limit
	suspectOthers   = 50 // new identifiers seen with it, or persons that relate to it
)

const (
	sketchRows    = 2
	sketchColumns = 1 << 17 // also how many signs it takes before it fades, so that an import does not fill it
	maxSuspects   = 10_000
	maxExamples   = 5
)

// sign is what happened to an identifier.
type sign uint8

const (
	joined sign = iota
	refused
	met
	signs
)

var suspectAt = [signs]uint32{suspectMerges, suspectRefusals, suspectOthers}

// suspects finds identifiers that suddenly join many persons, in bounded memory: a sketch
// counts roughly, and only what it finds frequent is counted by name.
type suspects struct {
	began   time.Time
	sketch  [signs][sketchRows][]uint8
	noted   [signs]int // since it faded
	watched map[ident]*suspect
}

// suspect is an identifier that is counted by name.
type suspect struct {
	counts   [signs]uint32
	examples []string
	written  uint32 // sum of counts at the last write
}

func newSuspects() *suspects { return &suspects{watched: map[ident]*suspect{}} }

// renew starts a new window.
func (s *suspects) renew(now time.Time) {
	if now.Sub(s.began) < suspectWindow && !now.Before(s.began) {
		return
	}
	s.began = now
	clear(s.watched)
	for i := range s.sketch {
		for j := range s.sketch[i] {
			clear(s.sketch[i][j])
		}
	}
}

// add counts a sign of an identifier that came with other.
func (s *suspects) add(what sign, id, other ident, name func(uint8) touchstone.IdentifierKind) {
	w := s.watched[id]
	if w == nil {
		// Half of the way is counted roughly, the other half by name.
		n := s.roughly(what, id)
		if n < suspectAt[what]/2 {
			return
		}
		if len(s.watched) >= maxSuspects {
			clear(s.watched)
		}
		w = &suspect{}
		w.counts[what] = n - 1
		s.watched[id] = w
	}
	w.counts[what]++
	if len(w.examples) < maxExamples {
		if text := string(name(other.kind)) + ":" + other.value; !slices.Contains(w.examples, text) {
			w.examples = append(w.examples, text)
		}
	}
}

// roughly counts a sign and returns about how often it was there; never too few.
func (s *suspects) roughly(what sign, id ident) uint32 {
	if s.noted[what]++; s.noted[what] > sketchColumns {
		s.noted[what] = 0
		for _, row := range s.sketch[what] {
			for i := range row {
				row[i] /= 2
			}
		}
	}
	h := xxhash.Sum64String(id.value) ^ uint64(id.kind)*0x9E3779B97F4A7C15
	least := uint8(255)
	for row := range s.sketch[what] {
		if s.sketch[what][row] == nil {
			s.sketch[what][row] = make([]uint8, sketchColumns)
		}
		c := &s.sketch[what][row][mix(h+uint64(row))%sketchColumns] //nolint:gosec // below sketchRows
		if *c < 255 {
			*c++
		}
		least = min(least, *c)
	}
	return uint32(least)
}

// ripe returns those that have become suspicious, or twice as suspicious as when they
// were last written.
func (s *suspects) ripe() map[ident]*suspect {
	found := map[ident]*suspect{}
	for id, w := range s.watched {
		sum, over := uint32(0), false
		for what, n := range w.counts {
			sum += n
			over = over || n >= suspectAt[what]
		}
		if over && sum >= 2*w.written {
			found[id] = w
		}
	}
	return found
}

// suspect looks at what a region has found out, and writes down what is suspicious.
func (g *Graph) suspect(ctx context.Context, tx *store.Tx, r *region, now time.Time) error {
	s := g.suspects
	s.renew(now)
	name := g.kinds.name
	for i := range r.merges {
		m := &r.merges[i]
		s.add(joined, m.ends[0].ident, m.ends[1].ident, name)
		s.add(joined, m.ends[1].ident, m.ends[0].ident, name)
	}
	for i := range r.drops {
		d := &r.drops[i]
		s.add(refused, d.ident, d.from.ident, name)
	}
	for _, e := range r.edges {
		if !e.fresh {
			continue
		}
		for i, n := range e.ends {
			if !n.fresh || n.degree > 1 { // nearly all that is new has met one other
				s.add(met, n.ident, e.ends[1-i].ident, name)
			}
		}
	}
	for _, b := range r.bonds {
		s.add(met, b.ends[1].ident, b.ends[0].ident, name)
	}
	return g.writeSuspects(ctx, tx, now)
}

func (g *Graph) writeSuspects(ctx context.Context, tx *store.Tx, now time.Time) error {
	if len(g.suspects.watched) == 0 {
		return nil
	}
	ripe := g.suspects.ripe()
	ids := make([]ident, 0, len(ripe))
	for id := range ripe {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, byValue)
	for _, id := range ids {
		w := ripe[id]
		examples, err := json.Marshal(w.examples)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO identity_suggestions (kind, value, state, first_at, last_at, decided, merges, refusals, others, examples)
			VALUES (?, ?, 'open', ?, ?, 0, ?, ?, ?, ?)
			ON CONFLICT (kind, value) DO UPDATE SET last_at = excluded.last_at, merges = excluded.merges, refusals = excluded.refusals,
			others = excluded.others, examples = excluded.examples`,
			string(g.kinds.name(id.kind)), id.value, g.suspects.began.UnixMilli(), now.UnixMilli(), w.counts[joined], w.counts[refused], w.counts[met], string(examples))
		if err != nil {
			return fmt.Errorf("write a suggestion: %w", err)
		}
		if w.written == 0 {
			g.metrics.suspected.Inc()
		}
		w.written = w.counts[joined] + w.counts[refused] + w.counts[met]
	}
	return nil
}

// Suggestion is a value that suddenly joins many persons, for an operator to judge.
type Suggestion struct {
	Kind     touchstone.IdentifierKind `json:"kind"`
	Value    string                    `json:"value"`
	State    string                    `json:"state"` // open, blocked, dismissed
	FirstAt  time.Time                 `json:"first_at"`
	LastAt   time.Time                 `json:"last_at"`
	Merges   int64                     `json:"merges"`   // persons joined through it
	Refusals int64                     `json:"refusals"` // persons that a limit kept it from
	Others   int64                     `json:"others"`   // new identifiers seen with it
	Examples []string                  `json:"examples"` // kind:value
	Person   *touchstone.PersonID      `json:"person"`   // who holds it
}

// Suggestions returns values in a state (open, blocked, dismissed), the latest first.
func (r *Rules) Suggestions(ctx context.Context, viewer *access.Viewer, state string, limit int) ([]Suggestion, error) {
	rows, err := r.cfg.DB.Reader().Query(ctx, `SELECT s.kind, s.value, s.state, s.first_at, s.last_at, s.merges, s.refusals, s.others, s.examples, COALESCE(n.person, 0)
		FROM identity_suggestions s LEFT JOIN identity_nodes n ON n.value = s.value AND n.kind = s.kind
		WHERE s.state = ? ORDER BY s.last_at DESC, s.kind, s.value LIMIT ?`, state, limit)
	if err != nil {
		return nil, fmt.Errorf("read suggestions: %w", err)
	}
	defer rows.Close()
	list := []Suggestion{}
	for rows.Next() {
		var s Suggestion
		var first, last, person int64
		var examples string
		if err := rows.Scan(&s.Kind, &s.Value, &s.State, &first, &last, &s.Merges, &s.Refusals, &s.Others, &examples, &person); err != nil {
			return nil, err
		}
		s.FirstAt, s.LastAt = timeOf(first), timeOf(last)
		if err := json.Unmarshal([]byte(examples), &s.Examples); err != nil {
			return nil, err
		}
		if person != 0 {
			p := touchstone.PersonID(person)
			s.Person = &p
		}
		s.Value = viewer.Identifier(touchstone.Identifier{Kind: s.Kind, Value: s.Value}).Value
		for i, text := range s.Examples {
			if id, ok := touchstone.ParseIdentifier(text); ok {
				s.Examples[i] = viewer.Identifier(id).String()
			}
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// suggested finds the value that a viewer means, who may have seen it masked.
func (r *Rules) suggested(ctx context.Context, viewer *access.Viewer, kind touchstone.IdentifierKind, shown string) (string, error) {
	if viewer.SeesContacts() {
		return shown, nil
	}
	var meant []string
	for _, state := range []string{"open", "dismissed", "blocked"} {
		list, err := r.Suggestions(ctx, access.System(), state, maxMeant)
		if err != nil {
			return "", err
		}
		for _, s := range list {
			if s.Kind != kind {
				continue
			}
			if s.Value == shown {
				return shown, nil
			}
			if viewer.Identifier(touchstone.Identifier{Kind: kind, Value: s.Value}).Value == shown {
				meant = append(meant, s.Value)
			}
		}
		if len(meant) > 0 {
			break
		}
	}
	switch len(meant) {
	case 0:
		return shown, nil
	case 1:
		return meant[0], nil
	}
	return "", touchstone.Errorf(touchstone.Conflict, "%d suggested values look like %s.", len(meant), shown).
		WithHint("Somebody who may see contacts can decide about each.")
}

const maxMeant = 1000 // suggestions looked through for one that was shown masked

// decide notes that a suggested value was blocked, or that the suggestion is dismissed.
func (r *Rules) decide(ctx context.Context, kind touchstone.IdentifierKind, value, state string) error {
	return r.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE identity_suggestions SET state = ?, decided = ? WHERE kind = ? AND value = ?`, state, r.cfg.Clock.Now().UnixMilli(), string(kind), value)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return touchstone.Errorf(touchstone.NotFound, "nothing suggests to block %s:%.80s", kind, value)
		}
		return nil
	})
}

// isSuggested reports whether there is a suggestion about a value, whatever was decided.
func (r *Rules) isSuggested(ctx context.Context, kind touchstone.IdentifierKind, value string) (is bool, err error) {
	var n int
	err = r.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM identity_suggestions WHERE kind = ? AND value = ?`, string(kind), value).Scan(&n)
	return n > 0, err
}
