// Package hold keeps legal holds: while a lawsuit or an authority asks for it, nothing about
// some persons may be removed, neither by an erasure nor by retention. A hold names persons, or a
// segment whose members are held as long as they are in it. Who removes anything about persons asks
// [Holds.Held] first, and says whom it has left alone, and why.
//
// docs/design/retention.md tells the rest.
package hold

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Config is what Open needs.
type Config struct {
	DB    *store.DB
	Clock touchstone.Clock
	// Find returns the node and the person of an identifier, zeros if nobody has it.
	Find func(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error)
	// Among returns which of the persons are in which of the segments; nil: a process without segments.
	Among func(ctx context.Context, q store.Querier, segments []string, persons []touchstone.PersonID) (map[string][]touchstone.PersonID, error)
	// Members returns everybody in a segment; one that is not there any more has nobody.
	Members func(ctx context.Context, segment string) ([]touchstone.PersonID, error)
}

// Holds keeps them.
type Holds struct{ cfg Config }

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Holds, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	return &Holds{cfg}, cfg.DB.Migrate(ctx, "hold", store.Migrations(migrationFiles))
}

// State is where a hold is in its life.
type State string

// The states.
const (
	Holding State = "holding"
	Ended   State = "ended"  // its time has come
	Lifted  State = "lifted" // by somebody
)

// Hold is one of them.
type Hold struct {
	ID       string     `json:"id"`
	State    State      `json:"state"`
	Reason   string     `json:"reason"`
	Segment  string     `json:"segment,omitempty"`
	Persons  int        `json:"persons"` // named, as they are today; 0 with a segment
	PlacedBy string     `json:"placed_by"`
	PlacedAt time.Time  `json:"placed_at"`
	Until    *time.Time `json:"until"` // null: until it is lifted
	LiftedBy string     `json:"lifted_by,omitempty"`
	LiftedAt *time.Time `json:"lifted_at"`
}

const columns = `id, reason, segment, placed_by, placed_at, until_at, lifted_by, lifted_at`

func (h *Holds) scan(scan func(...any) error) (*Hold, error) {
	var one Hold
	var placed, until, lifted int64
	if err := scan(&one.ID, &one.Reason, &one.Segment, &one.PlacedBy, &placed, &until, &one.LiftedBy, &lifted); err != nil {
		return nil, err
	}
	one.PlacedAt, one.State = time.UnixMilli(placed).UTC(), Holding
	if until != 0 {
		at := time.UnixMilli(until).UTC()
		if one.Until = &at; !h.cfg.Clock.Now().Before(at) {
			one.State = Ended
		}
	}
	if lifted != 0 {
		at := time.UnixMilli(lifted).UTC()
		one.LiftedAt, one.State = &at, Lifted
	}
	return &one, nil
}

// List returns all holds, those that hold first, then the newest.
func (h *Holds) List(ctx context.Context) ([]*Hold, error) {
	list := []*Hold{}
	named := map[string]int{}
	q := h.cfg.DB.Reader()
	err := keep.Each(ctx, q, `SELECT hold, COUNT(DISTINCT person) FROM privacy_held GROUP BY hold`, nil, func(scan func(...any) error) error {
		var id string
		var n int
		err := scan(&id, &n)
		named[id] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	err = keep.Each(ctx, q, `SELECT `+columns+` FROM privacy_holds ORDER BY placed_at DESC, id DESC LIMIT 1000`, nil, func(scan func(...any) error) error {
		one, err := h.scan(scan)
		if err == nil {
			one.Persons = named[one.ID]
			list = append(list, one)
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b *Hold) int {
		switch {
		case a.State == Holding && b.State != Holding:
			return -1
		case a.State != Holding && b.State == Holding:
			return 1
		}
		return 0
	})
	return list, err
}

// Named returns whom a hold names, as they are today.
func (h *Holds) Named(ctx context.Context, id string) (persons []touchstone.PersonID, err error) {
	err = keep.Each(ctx, h.cfg.DB.Reader(), `SELECT DISTINCT person FROM privacy_held WHERE hold = ? ORDER BY person`, []any{id}, func(scan func(...any) error) error {
		var p int64
		err := scan(&p)
		persons = append(persons, touchstone.PersonID(p))
		return err
	})
	return persons, err
}

// Held tells which of the persons a hold keeps at this moment, and why. q is the transaction of
// whoever is about to remove something, so that a hold that was placed before is seen. One indexed
// look per 500 persons; nothing is read when there are no holds.
func (h *Holds) Held(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID]string, error) {
	held := map[touchstone.PersonID]string{}
	holds, segments := map[string]string{}, []string{}
	segmentOf := map[string]string{}
	now := h.cfg.Clock.Now().UnixMilli()
	err := keep.Each(ctx, q, `SELECT id, reason, segment FROM privacy_holds WHERE lifted_at = 0 AND (until_at = 0 OR until_at > ?) ORDER BY placed_at DESC, id DESC`, []any{now}, func(scan func(...any) error) error {
		var id, reason, segment string
		err := scan(&id, &reason, &segment)
		if holds[id] = id + ": " + reason; segment != "" {
			segments, segmentOf[segment] = append(segments, segment), id
		}
		return err
	})
	if err != nil || len(holds) == 0 || len(persons) == 0 {
		return held, err
	}
	if len(segments) > 0 && h.cfg.Among != nil {
		in, err := h.cfg.Among(ctx, q, segments, persons)
		if err != nil {
			return nil, err
		}
		for _, segment := range segments {
			for _, p := range in[segment] {
				held[p] = holds[segmentOf[segment]]
			}
		}
	}
	err = store.SelectIn(ctx, q, `SELECT person, hold FROM privacy_held WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		var p int64
		var id string
		err := rows.Scan(&p, &id)
		if why := holds[id]; why != "" {
			held[touchstone.PersonID(p)] = why
		}
		return err
	})
	return held, err
}

// Holding returns how many holds keep somebody at this moment.
func (h *Holds) Holding(ctx context.Context, q store.Querier) (n int, err error) {
	err = q.QueryRow(ctx, `SELECT COUNT(*) FROM privacy_holds WHERE lifted_at = 0 AND (until_at = 0 OR until_at > ?)`, h.cfg.Clock.Now().UnixMilli()).Scan(&n)
	return n, err
}

// get reads one hold.
func (h *Holds) get(ctx context.Context, q store.Querier, id string) (*Hold, error) {
	one, err := h.scan(q.QueryRow(ctx, `SELECT `+columns+` FROM privacy_holds WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no hold %.60q", id)
	}
	return one, err
}

// IDOf returns the id of the hold that a command places.
func IDOf(cmd string) string { return "hold_" + strings.TrimPrefix(cmd, "cmd_") }

// Everybody returns all whom a hold keeps at this moment, ascending.
func (h *Holds) Everybody(ctx context.Context) (persons []touchstone.PersonID, err error) {
	q, now := h.cfg.DB.Reader(), h.cfg.Clock.Now().UnixMilli()
	const holding = ` h.lifted_at = 0 AND (h.until_at = 0 OR h.until_at > ?)`
	err = keep.Each(ctx, q, `SELECT DISTINCT p.person FROM privacy_held p JOIN privacy_holds h ON h.id = p.hold WHERE`+holding, []any{now}, func(scan func(...any) error) error {
		var p int64
		err := scan(&p)
		persons = append(persons, touchstone.PersonID(p))
		return err
	})
	if err != nil {
		return nil, err
	}
	var segments []string
	err = keep.Each(ctx, q, `SELECT DISTINCT h.segment FROM privacy_holds h WHERE h.segment <> '' AND`+holding, []any{now}, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		segments = append(segments, id)
		return err
	})
	for _, id := range segments {
		if err != nil {
			return nil, err
		}
		var members []touchstone.PersonID
		members, err = h.cfg.Members(ctx, id)
		persons = append(persons, members...)
	}
	slices.Sort(persons)
	return slices.Compact(persons), err
}
