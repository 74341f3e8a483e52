package consent

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Minors tells who of persons is a child under 14, as far as that is known.
type Minors func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]bool, error)

// Config is what Open needs.
type Config struct {
	DB      *store.DB
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// Minors may be nil: nobody is known to be a child.
	Minors Minors
	// Zone is where days begin; nil is UTC.
	Zone func() *time.Location
	// CachePersons bounds the persons of whom the stage remembers what they refuse; 500,000.
	CachePersons int
}

// Consent is the policies and what persons have decided. Make it with Open.
type Consent struct {
	cfg     Config
	metrics *metrics

	mu       sync.Mutex
	compiled map[int64]*Policy // by version
	key      []byte            // of links
}

// maxCompiled bounds the policies that are kept ready.
const maxCompiled = 16

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Consent, error) {
	cfg.CachePersons = cmp.Or(cfg.CachePersons, 500_000)
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Consent{cfg: cfg, metrics: newMetrics(cfg.Metrics), compiled: map[int64]*Policy{}}
	return c, cfg.DB.Migrate(ctx, "consent", store.Migrations(migrationFiles))
}

type metrics struct {
	leftOut  prometheus.Counter
	decided  *prometheus.CounterVec
	verdicts *prometheus.CounterVec
	lookups  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_consent_left_out_total",
			Help: "Events that were left out because their person refuses what they serve."}),
		decided: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_consent_decisions_total",
			Help: "Decisions of persons that were kept, by choice."}, []string{"choice"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_consent_verdicts_total",
			Help: "Persons that the gate was asked about, by outcome."}, []string{"outcome"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_consent_lookups_total",
			Help: "Persons of batches of whom it was asked what they refuse: remembered, or read from the store."}, []string{"from"}),
	}
	if r != nil {
		r.MustRegister(m.leftOut, m.decided, m.verdicts, m.lookups)
	}
	return m
}

// Version is a policy with its place in the log.
type Version struct {
	Version int64     `json:"version"` // the record of its command; 0: none has been set
	SetAt   time.Time `json:"set_at"`
	Actor   string    `json:"actor"`
	Note    string    `json:"note"` // what is new, in the words of who set it
	Policy  *Policy   `json:"policy"`
}

const versionColumns = `version, set_at, actor, note, policy`

func scanVersion(row interface{ Scan(...any) error }) (v Version, err error) {
	var at int64
	var text string
	if err := row.Scan(&v.Version, &at, &v.Actor, &v.Note, &text); err != nil {
		return v, err
	}
	v.SetAt = time.UnixMilli(at).UTC()
	v.Policy, err = parsePolicy(text)
	return v, err
}

// Latest returns the policy that holds; its Policy is nil when none was set.
func (c *Consent) Latest(ctx context.Context, q store.Querier) (Version, error) {
	v, err := scanVersion(q.QueryRow(ctx, `SELECT `+versionColumns+` FROM consent_policies ORDER BY version DESC LIMIT 1`))
	if errors.Is(err, sql.ErrNoRows) {
		return Version{}, nil
	}
	return v, err
}

// keptVersions bounds the policies that are listed.
const keptVersions = 200

// Versions returns the policies, the newest first.
func (c *Consent) Versions(ctx context.Context, q store.Querier) ([]Version, error) {
	rows, err := q.Query(ctx, `SELECT `+versionColumns+` FROM consent_policies ORDER BY version DESC LIMIT ?`, keptVersions)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Version{}
	for rows.Next() {
		v, err := scanVersion(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// current returns the policy that holds, ready, with its version; nil and 0 without one. It costs
// a look at one key.
func (c *Consent) current(ctx context.Context, q store.Querier) (*Policy, int64, error) {
	var version int64
	err := q.QueryRow(ctx, `SELECT COALESCE(MAX(version), 0) FROM consent_policies`).Scan(&version)
	if err != nil || version == 0 {
		return nil, 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.compiled[version]; p != nil {
		return p, version, nil
	}
	v, err := scanVersion(q.QueryRow(ctx, `SELECT `+versionColumns+` FROM consent_policies WHERE version = ?`, version))
	if err != nil {
		return nil, 0, err
	}
	if len(c.compiled) >= maxCompiled {
		clear(c.compiled)
	}
	c.compiled[version] = v.Policy
	return v.Policy, version, nil
}

// SetCommand is the kind of the command that replaces the policy.
const SetCommand = "consent.policy"

// SetResult is what the command answers.
type SetResult struct {
	Version int64 `json:"version"`
}

// Set carries the command out: the policy holds for what follows it in the log.
func (c *Consent) Set(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, cmd touchstone.Command) (any, error) {
	body, err := parseSet(cmd.Body)
	if err != nil {
		return nil, err
	}
	latest, err := c.Latest(ctx, tx)
	if err != nil {
		return nil, err
	}
	body.Policy.number(latest.Policy)
	text, err := encode(body.Policy)
	if err != nil {
		return nil, err
	}
	version := int64(cmd.Seq.Offset()) //nolint:gosec // 40 bits
	_, err = tx.Exec(ctx, `INSERT INTO consent_policies (`+versionColumns+`) VALUES (?, ?, ?, ?, ?)`, version, cmd.SubmittedAt.UnixMilli(), cmd.Actor, body.Note, text)
	return SetResult{version}, err
}
