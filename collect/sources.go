package collect

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// SourceKinds are the kinds of sources, by where their events arise.
var SourceKinds = []string{"web", "app", "server", "mini_program", "official_account", "community", "store", "call_center", "device", "import"}

// RotationGrace is how long the old write key works after a rotation.
const RotationGrace = 24 * time.Hour

const (
	maxSources     = 10_000
	maxSourceName  = 100
	devWriteKey    = "dev"
	reloadEvery    = 2 * time.Second // looks for changes by other processes
	flushEvery     = 5 * time.Second // writes counters
	missesPerCheck = time.Second     // an unknown key makes the sources be read again at most this often
)

// Source is who sends events: a site, an app, a server.
type Source struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	WriteKey    string     `json:"write_key"`
	Enabled     bool       `json:"enabled"`
	RateLimit   float64    `json:"rate_limit"` // events per second; 0: none
	CreatedAt   time.Time  `json:"created_at"`
	LastEventAt *time.Time `json:"last_event_at"`
	Accepted    int64      `json:"accepted"`
	Quarantined int64      `json:"quarantined"`

	// PreviousKeyUntil is set while the key before the last rotation still works.
	PreviousKeyUntil *time.Time `json:"previous_key_until,omitempty"`

	previousKey string
}

// NewSource is what a source is made of.
type NewSource struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	RateLimit float64 `json:"rate_limit"`
}

// SourceChange names the fields of a source to change; nil leaves one as it is.
type SourceChange struct {
	Name      *string  `json:"name"`
	Kind      *string  `json:"kind"`
	Enabled   *bool    `json:"enabled"`
	RateLimit *float64 `json:"rate_limit"`
}

// Sources keeps the sources: rows in the database, and in memory what the edge needs
// per request.
type Sources struct {
	db    *store.DB
	clock touchstone.Clock
	burst int

	known  atomic.Pointer[sourceSnapshot]
	mu     sync.Mutex // one reload at a time
	missed time.Time
}

// sourceSnapshot is immutable, but for the counters that its entries point to.
type sourceSnapshot struct {
	version int64
	byKey   map[string]*knownSource // also the previous keys
	byID    map[string]*knownSource
}

// knownSource is a source in memory. The limiter and the counters outlive reloads.
type knownSource struct {
	Source
	limiter  *rate.Limiter
	counts   *sourceCounts
	onDevice bool // runs on people's devices: web, app, mini_program, device
}

// sourceCounts is what has not been written to the database yet.
type sourceCounts struct {
	accepted, quarantined, last atomic.Int64
}

func newSources(ctx context.Context, db *store.DB, clock touchstone.Clock, burst int) (*Sources, error) {
	s := &Sources{db: db, clock: clock, burst: burst}
	s.known.Store(&sourceSnapshot{})
	return s, s.reload(ctx)
}

// resolve returns the source that a write key belongs to.
func (s *Sources) resolve(ctx context.Context, key string) (*knownSource, error) {
	src := s.known.Load().byKey[key]
	if src == nil && key != "" && s.mayCheck() { // another process may have made it
		if err := s.reload(ctx); err == nil {
			src = s.known.Load().byKey[key]
		}
	}
	switch {
	case src == nil:
		return nil, touchstone.Errorf(touchstone.Unauthenticated, "The write key is unknown.").
			WithHint("Copy the key of a source from the console under Data → Sources.")
	case src.WriteKey != key && s.clock.Now().After(*src.PreviousKeyUntil):
		return nil, touchstone.Errorf(touchstone.Unauthenticated, "The write key was rotated and no longer works.").
			WithHint("Use the new key of source %q.", src.Name)
	case !src.Enabled:
		return nil, touchstone.Errorf(touchstone.Unauthenticated, "The source %q of this write key is disabled.", src.Name)
	}
	return src, nil
}

func (s *Sources) mayCheck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if now.Sub(s.missed).Abs() < missesPerCheck {
		return false
	}
	s.missed = now
	return true
}

// byID returns a source in memory, nil when there is none.
func (s *Sources) byID(id string) *knownSource { return s.known.Load().byID[id] }

const sourceColumns = `id, name, kind, write_key, previous_key, previous_key_until, enabled, rate_limit, created_at, last_event_at, accepted, quarantined`

func scanSource(row interface{ Scan(...any) error }) (Source, error) {
	var s Source
	var until, created, last int64
	err := row.Scan(&s.ID, &s.Name, &s.Kind, &s.WriteKey, &s.previousKey, &until, &s.Enabled, &s.RateLimit, &created, &last, &s.Accepted, &s.Quarantined)
	s.CreatedAt = intake.FromMillis(created)
	if last > 0 {
		at := intake.FromMillis(last)
		s.LastEventAt = &at
	}
	if s.previousKey != "" {
		at := intake.FromMillis(until)
		s.PreviousKeyUntil = &at
	}
	return s, err
}

// reload reads all sources.
func (s *Sources) reload(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.known.Load()
	next := &sourceSnapshot{byKey: make(map[string]*knownSource), byID: make(map[string]*knownSource)}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT version FROM sources_version WHERE id = 1`).Scan(&next.version); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+sourceColumns+` FROM sources ORDER BY created_at, id LIMIT ?`, maxSources)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			src, err := scanSource(rows)
			if err != nil {
				return err
			}
			k := &knownSource{Source: src, onDevice: slices.Contains([]string{"web", "app", "mini_program", "device"}, src.Kind)}
			if before := old.byID[src.ID]; before != nil {
				k.counts, k.limiter = before.counts, before.limiter
			} else {
				k.counts = new(sourceCounts)
			}
			k.limiter = s.limiter(k.limiter, src.RateLimit)
			next.byID[src.ID] = k
			next.byKey[src.WriteKey] = k
			if src.previousKey != "" && next.byKey[src.previousKey] == nil {
				next.byKey[src.previousKey] = k
			}
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	s.known.Store(next)
	return nil
}

func (s *Sources) limiter(l *rate.Limiter, perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	if l == nil || l.Limit() != rate.Limit(perSecond) {
		// A burst below the largest batch would refuse that batch for ever.
		l = rate.NewLimiter(rate.Limit(perSecond), max(s.burst, int(min(2*perSecond, math.MaxInt32))))
	}
	return l
}

// reloadIfChanged reads the sources again when any process has changed one.
func (s *Sources) reloadIfChanged(ctx context.Context) error {
	var version int64
	if err := s.db.Reader().QueryRow(ctx, `SELECT version FROM sources_version WHERE id = 1`).Scan(&version); err != nil {
		return err
	}
	if version == s.known.Load().version {
		return nil
	}
	return s.reload(ctx)
}

// List returns all sources, oldest first.
func (s *Sources) List(ctx context.Context) ([]Source, error) {
	rows, err := s.db.Reader().Query(ctx, `SELECT `+sourceColumns+` FROM sources ORDER BY created_at, id LIMIT ?`, maxSources)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Source{}
	for rows.Next() {
		src, err := scanSource(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, s.withCounts(src))
	}
	return list, rows.Err()
}

// withCounts adds what has not been written yet.
func (s *Sources) withCounts(src Source) Source {
	k := s.byID(src.ID)
	if k == nil {
		return src
	}
	src.Accepted += k.counts.accepted.Load()
	src.Quarantined += k.counts.quarantined.Load()
	if last := k.counts.last.Load(); last > 0 && (src.LastEventAt == nil || src.LastEventAt.UnixMilli() < last) {
		at := intake.FromMillis(last)
		src.LastEventAt = &at
	}
	return src
}

// Get returns a source; touchstone.NotFound without one.
func (s *Sources) Get(ctx context.Context, id string) (Source, error) {
	src, err := s.one(ctx, s.db.Reader(), "id", id)
	return s.withCounts(src), err
}

func (s *Sources) one(ctx context.Context, q store.Querier, column, value string) (Source, error) {
	src, err := scanSource(q.QueryRow(ctx, `SELECT `+sourceColumns+` FROM sources WHERE `+column+` = ?`, value))
	if errors.Is(err, sql.ErrNoRows) {
		return Source{}, touchstone.Errorf(touchstone.NotFound, "There is no source %q.", value)
	}
	return src, err
}

// Create makes a source with a new write key.
func (s *Sources) Create(ctx context.Context, n NewSource) (Source, error) {
	return s.create(ctx, n, "wk_"+randid.String(32))
}

func (s *Sources) create(ctx context.Context, n NewSource, key string) (Source, error) {
	src := Source{
		ID: randid.New("src"), Name: strings.TrimSpace(n.Name), Kind: n.Kind, WriteKey: key,
		Enabled: true, RateLimit: n.RateLimit, CreatedAt: s.clock.Now().UTC().Truncate(time.Millisecond),
	}
	if err := src.check(); err != nil {
		return Source{}, err
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM sources`).Scan(&n); err != nil {
			return err
		}
		if n >= maxSources {
			return touchstone.Errorf(touchstone.Conflict, "There are %d sources already, the most that are kept.", n)
		}
		if err := s.nameIsFree(ctx, tx, src.Name, src.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO sources (`+sourceColumns+`) VALUES (?, ?, ?, ?, '', 0, ?, ?, ?, 0, 0, 0)`,
			src.ID, src.Name, src.Kind, src.WriteKey, src.Enabled, src.RateLimit, src.CreatedAt.UnixMilli())
		return err
	})
	return src, err
}

func (s *Source) check() error {
	switch {
	case s.Name == "" || len(s.Name) > maxSourceName:
		return touchstone.Errorf(touchstone.Invalid, "name must have 1 to %d bytes.", maxSourceName)
	case !slices.Contains(SourceKinds, s.Kind):
		return touchstone.Errorf(touchstone.Invalid, "kind must be one of %s, not %q.", strings.Join(SourceKinds, ", "), s.Kind)
	case s.RateLimit < 0 || s.RateLimit > 1e9 || math.IsNaN(s.RateLimit):
		return touchstone.Errorf(touchstone.Invalid, "rate_limit must be 0 (none) or a number of events per second.")
	}
	return nil
}

func (s *Sources) nameIsFree(ctx context.Context, tx *store.Tx, name, id string) error {
	other, err := s.one(ctx, tx, "name", name)
	switch {
	case touchstone.KindOf(err) == touchstone.NotFound:
		return nil
	case err != nil:
		return err
	case other.ID != id:
		return touchstone.Errorf(touchstone.Conflict, "There is a source named %q already.", name)
	}
	return nil
}

// change runs fn in a transaction and makes every process see what it did.
func (s *Sources) change(ctx context.Context, fn func(tx *store.Tx) error) error {
	err := s.db.Retry(ctx, func(tx *store.Tx) error {
		// First, so that changes queue here and none sees a name as free that another takes.
		if _, err := tx.Exec(ctx, `UPDATE sources_version SET version = version + 1 WHERE id = 1`); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		return err
	}
	return s.reload(ctx)
}

// Update changes a source.
func (s *Sources) Update(ctx context.Context, id string, c SourceChange) (Source, error) {
	return s.edit(ctx, id, func(src *Source) {
		if c.Name != nil {
			src.Name = strings.TrimSpace(*c.Name)
		}
		if c.Kind != nil {
			src.Kind = *c.Kind
		}
		if c.Enabled != nil {
			src.Enabled = *c.Enabled
		}
		if c.RateLimit != nil {
			src.RateLimit = *c.RateLimit
		}
	})
}

// Rotate gives a source a new write key. The old one works for grace ([RotationGrace]
// is usual); 0 ends it at once.
func (s *Sources) Rotate(ctx context.Context, id string, grace time.Duration) (Source, error) {
	return s.edit(ctx, id, func(src *Source) {
		src.previousKey, src.PreviousKeyUntil = "", nil
		if grace > 0 {
			until := s.clock.Now().Add(grace)
			src.previousKey, src.PreviousKeyUntil = src.WriteKey, &until
		}
		src.WriteKey = "wk_" + randid.String(32)
	})
}

func (s *Sources) edit(ctx context.Context, id string, fn func(*Source)) (Source, error) {
	var src Source
	err := s.change(ctx, func(tx *store.Tx) (err error) {
		if src, err = s.one(ctx, tx, "id", id); err != nil {
			return err
		}
		fn(&src)
		if err := src.check(); err != nil {
			return err
		}
		if err := s.nameIsFree(ctx, tx, src.Name, src.ID); err != nil {
			return err
		}
		var until int64
		if src.PreviousKeyUntil != nil {
			until = src.PreviousKeyUntil.UnixMilli()
		}
		_, err = tx.Exec(ctx, `UPDATE sources SET name = ?, kind = ?, write_key = ?, previous_key = ?, previous_key_until = ?, enabled = ?, rate_limit = ? WHERE id = ?`,
			src.Name, src.Kind, src.WriteKey, src.previousKey, until, src.Enabled, src.RateLimit, src.ID)
		return err
	})
	return s.withCounts(src), err
}

// Delete removes a source. Its events stay; its write key stops working at once.
func (s *Sources) Delete(ctx context.Context, id string) error {
	return s.change(ctx, func(tx *store.Tx) error {
		if _, err := s.one(ctx, tx, "id", id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM sources WHERE id = ?`, id)
		return err
	})
}

// EnsureByName returns the source of that name and makes it when it is missing.
func (s *Sources) EnsureByName(ctx context.Context, name, kind string) (Source, error) {
	return s.ensure(ctx, NewSource{Name: name, Kind: kind}, "")
}

// EnsureDev makes the source with write key "dev" of a development server.
func (s *Sources) EnsureDev(ctx context.Context) (Source, error) {
	return s.ensure(ctx, NewSource{Name: "dev", Kind: "web"}, devWriteKey)
}

func (s *Sources) ensure(ctx context.Context, n NewSource, key string) (Source, error) {
	find := func() (Source, error) { return s.one(ctx, s.db.Reader(), "name", strings.TrimSpace(n.Name)) }
	src, err := find()
	if touchstone.KindOf(err) != touchstone.NotFound {
		return src, err
	}
	if key == "" {
		key = "wk_" + randid.String(32)
	}
	src, err = s.create(ctx, n, key)
	if touchstone.KindOf(err) == touchstone.Conflict { // another process was faster
		return find()
	}
	return src, err
}

// flush writes the counters of sources that had events.
func (s *Sources) flush(ctx context.Context) error {
	type delta struct {
		k                           *knownSource
		accepted, quarantined, last int64
	}
	var deltas []delta
	for _, k := range s.known.Load().byID {
		d := delta{k, k.counts.accepted.Swap(0), k.counts.quarantined.Swap(0), k.counts.last.Load()}
		if d.accepted != 0 || d.quarantined != 0 {
			deltas = append(deltas, d)
		}
	}
	if len(deltas) == 0 {
		return nil
	}
	slices.SortFunc(deltas, func(a, b delta) int { return strings.Compare(a.k.ID, b.k.ID) }) // one order of locks
	err := s.db.Retry(ctx, func(tx *store.Tx) error {
		for _, d := range deltas {
			if _, err := tx.Exec(ctx, `UPDATE sources SET accepted = accepted + ?, quarantined = quarantined + ?,
				last_event_at = CASE WHEN last_event_at > ? THEN last_event_at ELSE ? END WHERE id = ?`,
				d.accepted, d.quarantined, d.last, d.last, d.k.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // they are counted with the next flush
		for _, d := range deltas {
			d.k.counts.accepted.Add(d.accepted)
			d.k.counts.quarantined.Add(d.quarantined)
		}
	}
	return err
}

// Kind returns the kind of a source, "" if there is none with this id. It costs a map
// look-up and may be called for every event.
func (s *Sources) Kind(id string) string {
	if src := s.byID(id); src != nil {
		return src.Kind
	}
	return ""
}

// Name returns how people call a source, "" if there is none with this id.
func (s *Sources) Name(id string) string {
	if src := s.byID(id); src != nil {
		return src.Name
	}
	return ""
}
