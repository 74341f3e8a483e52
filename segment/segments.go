package segment

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// History is what the package asks the warehouse.
type History interface {
	// Position returns the last event of a partition that the warehouse holds, with all
	// before it. It may name any place up to the next event. Who is behind an event is
	// known as of that event or later.
	Position(ctx context.Context, partition int) (touchstone.Seq, error)
	// LatestTimes calls fn for each person that has such events, in any order, once.
	// times is ascending, in unix milliseconds, and valid during the call only.
	LatestTimes(ctx context.Context, q LatestQuery, fn func(person touchstone.PersonID, times []int64) error) error
	// Values calls fn for each person's events that have such a value, in any order, often. Events may come
	// together: n of them, of which value is the sum.
	Values(ctx context.Context, q ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error
}

// Marker is a History that can tell whether it knows who is behind each event as of a
// moment. app's History is one; without it a build trusts Position alone, which may be too
// early after a split of a person.
type Marker interface {
	// Mark returns a text that stands for all that the pipeline has committed.
	Mark(ctx context.Context) (string, error)
	// Reached tells whether the warehouse holds all that a mark stands for.
	Reached(ctx context.Context, mark string) (bool, error)
}

// Folder is a History that puts together what is kept of people's events, where the events are. Without it that is done here, from
// the answers of LatestTimes and Values.
type Folder interface {
	// Kept calls fn for each person with events of the leaf, once, with what [rule.Leaf.Add] makes of them. It is called from several
	// goroutines: worker, which is less than workers, tells them apart, and each has its persons in ascending order. kept is valid during the call only.
	Kept(ctx context.Context, q KeptQuery, workers int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error
}

// KeptQuery asks for what is kept of each person's events of a leaf.
type KeptQuery struct {
	Leaf    *rule.Leaf
	Since   int64            // only times from this moment on (unix ms); 0 = all
	Until   int64            // only times before this moment; 0 = all
	Through []touchstone.Seq // as in LatestQuery
	Passing bool             // it is asked about and forgotten: values need not be rule.Digest, but only tell values apart
}

// LatestQuery asks for the times of each person's events.
type LatestQuery struct {
	Event string
	Where []rule.Filter
	Keep  int   // at most so many times per person, the latest; 0 = all
	Since int64 // only times from this moment on (unix ms); 0 = all
	Until int64 // only times before this moment; 0 = all
	// Oldest asks for the first times in the place of the latest.
	Oldest bool
	// Through names, for each partition from 0 on, the last event to look at; nil = all
	// events. Partitions beyond its end count as empty.
	Through []touchstone.Seq
}

// ValuesQuery asks for the values of a property in each person's events. Keep and Oldest are not looked at.
type ValuesQuery struct {
	LatestQuery
	Property string
	// Amounts asks for rule.Amount of numbers; otherwise it is rule.Digest of texts, and the latest time of each.
	Amounts bool
	// Timeless adds all of a person together; times are 0.
	Timeless bool
}

// Profiles is what the package asks the profiles that have been committed.
type Profiles interface {
	// Each calls fn for every person. trait is valid during the call only.
	Each(ctx context.Context, fn func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error) error
	// Count returns the number of persons.
	Count(ctx context.Context) (int64, error)
}

// Config is what Open needs.
type Config struct {
	DB       *store.DB
	Traits   Traits
	Persons  Persons
	History  History
	Profiles Profiles
	// Households answers who lives together; nil: everybody lives alone.
	Households Households
	Clock      touchstone.Clock
	// Purposes refuses a purpose of consent that there is not; nil takes any.
	Purposes func(ctx context.Context, q store.Querier, purpose string) error
	// Wake makes the pipeline run a batch soon even when no event waits.
	Wake func()
	// WakeIn does so once a transaction has been committed, whichever process runs batches.
	WakeIn  func(ctx context.Context, tx *store.Tx) error
	Zone    func() *time.Location // of the daily history; UTC by default
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	CachePersons int // decoded states held in memory, of 512 bytes each on average; 150,000
	FeedLength   int // changes kept in the feed, of all segments together; 200,000
	MaxSegments  int // 1,000
}

func (c *Config) setDefaults() {
	c.CachePersons = cmp.Or(c.CachePersons, 150_000)
	c.FeedLength = cmp.Or(c.FeedLength, 200_000)
	c.MaxSegments = cmp.Or(c.MaxSegments, 1_000)
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.WakeIn == nil {
		c.WakeIn = func(context.Context, *store.Tx) error { c.Wake(); return nil }
	}
	if c.Zone == nil {
		c.Zone = func() *time.Location { return time.UTC }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Segments holds the definitions of segments and answers questions about them. Its
// methods may be called at the same time.
type Segments struct {
	cfg     Config
	db      *store.DB
	stage   *Stage
	builds  *builds
	metrics *metrics
	bitmaps *bitmaps
}

// Open prepares the tables. Put Stage into the pipeline and start Run beside it.
func Open(ctx context.Context, cfg Config) (*Segments, error) {
	cfg.setDefaults()
	if err := cfg.DB.Migrate(ctx, "segment", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	b, m := newBuilds(limits{chunkPersons: 5_000, chunksPerBatch: 2, chunksWaiting: 4}), newMetrics(cfg.Metrics)
	return &Segments{cfg: cfg, db: cfg.DB, stage: newStage(&cfg, b, m), builds: b, metrics: m, bitmaps: newBitmaps(&cfg)}, nil
}

// Stage returns the pipeline's stage; it comes after identity and profile.
func (s *Segments) Stage() *Stage { return s.stage }

// Kind tells where a segment's members come from.
type Kind string

// The kinds of segment.
const (
	KindRule   Kind = "rule"
	KindStatic Kind = "static"
)

// Status tells whether a segment answers by its present definition.
type Status string

// The states of a segment. While a segment whose rule was changed is being built, or when that
// failed, the members are those by the rule before.
const (
	Building Status = "building"
	Live     Status = "live"
	Failed   Status = "failed"
)

// Segment is a definition with its present size.
type Segment struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Purpose     string          `json:"purpose"` // of consent, that it serves; "": that of what is done with it
	Kind        Kind            `json:"kind"`
	Rule        touchstone.JSON `json:"rule"` // null for a static segment
	Status      Status          `json:"status"`
	Failure     string          `json:"failure,omitempty"` // why it failed
	Progress    float64         `json:"progress"`          // of the build, 0 to 1
	Members     int64           `json:"members"`
	Version     int64           `json:"version"` // counts changes of the rule
	Draft       int64           `json:"draft"`   // the version that waits for approval; 0: none
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Place
}

const selectSegments = `SELECT s.id, s.name, s.description, s.purpose, s.kind, s.rule, s.version, s.building, s.failure,
	s.created_at, s.updated_at, coalesce(g.members, 0), s.folder, s.labels, s.owner, s.guarded,
	coalesce((SELECT max(v.version) FROM segment_versions v WHERE v.segment = s.id AND v.held_at = 0), 0)
	FROM segments s LEFT JOIN segment_generations g ON g.generation = s.live WHERE s.` + listedKinds

// List returns all segments, by name. Their sizes count whom v may see.
func (s *Segments) List(ctx context.Context, v *access.Viewer) ([]Segment, error) {
	list, err := s.list(ctx, s.db.Reader(), selectSegments+` ORDER BY s.name, s.id`)
	if err != nil {
		return nil, err
	}
	return list, s.countVisible(ctx, v, list)
}

// Get returns one segment, or a NotFound error. Its size counts whom v may see.
func (s *Segments) Get(ctx context.Context, v *access.Viewer, id string) (Segment, error) {
	found, err := s.list(ctx, s.db.Reader(), selectSegments+` AND s.id = ?`, id)
	if err == nil && len(found) == 0 {
		return Segment{}, notFound(id)
	}
	if err != nil {
		return Segment{}, err
	}
	one := found[0]
	condition, args, err := s.visible(ctx, v)
	if err == nil && condition != "" {
		err = s.db.Reader().QueryRow(ctx, `SELECT count(*) FROM segment_members WHERE generation = (SELECT live FROM segments WHERE id = ?)`+condition,
			append([]any{id}, args...)...).Scan(&one.Members)
	}
	return one, err
}

// Count returns the number of segments.
func (s *Segments) Count(ctx context.Context) (n int64, err error) {
	err = s.db.Reader().QueryRow(ctx, `SELECT count(*) FROM segments WHERE `+listedKinds).Scan(&n)
	return n, err
}

func notFound(id string) error {
	return touchstone.Errorf(touchstone.NotFound, "there is no segment %s", id)
}

func (s *Segments) list(ctx context.Context, q store.Querier, query string, args ...any) ([]Segment, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Segment
	for rows.Next() {
		var g Segment
		var text string
		var labels string
		var building, created, updated, guarded int64
		if err := rows.Scan(&g.ID, &g.Name, &g.Description, &g.Purpose, &g.Kind, &text, &g.Version, &building, &g.Failure, &created, &updated, &g.Members,
			&g.Folder, &labels, &g.Owner, &guarded, &g.Draft); err != nil {
			return nil, err
		}
		g.Rule, g.Guarded, g.Labels = touchstone.JSON(text), guarded == 1, []string{}
		if labels != "" {
			g.Labels = strings.Split(labels, "\n")
		}
		g.CreatedAt, g.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
		switch {
		case building != 0:
			g.Status, g.Failure, g.Progress = Building, "", s.builds.progress(uint32(building)) //nolint:gosec // counts from one
		case g.Failure != "":
			g.Status = Failed
		default:
			g.Status, g.Progress = Live, 1
		}
		all = append(all, g)
	}
	return all, rows.Err()
}

// update runs fn in a transaction and lets the pipeline see at once what changed.
func (s *Segments) update(ctx context.Context, fn func(tx *store.Tx) error) error {
	err := s.db.Retry(ctx, fn)
	if err == nil {
		s.cfg.Wake()
	}
	return err
}
