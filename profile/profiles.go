// Package profile keeps what is known of each person: traits with the last value by event
// time, first and last seen, channels, counters, sessions, groups and consent.
//
// [Profiles] is the stage after identity, and the reads of the API. A person has two
// small rows: activity, which every event changes, and traits, which few do. Both are
// cached in their binary form, decoded once per batch, and written once per batch in
// the order of persons.
//
// docs/design/profile.md tells why.
package profile

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/internal/slabcache"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations returns the feature's migrations; New runs them.
func Migrations() fs.FS {
	return store.Migrations(migrationFiles)
}

// Config is what New needs. Zero values take the defaults named here.
type Config struct {
	DB      *store.DB
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	// Channel tells the kind of a source, which is the channel of events that do not
	// name one themselves. Without it they have none.
	Channel func(source string) string
	// Identifiers answers searches by identifier and completes summaries. Without it,
	// persons are found by name, e-mail and phone traits only.
	Identifiers Identifiers
	Kinds       *touchstone.KindSet // of identifiers, for the columns of an export
	// Within tells whom a viewer sees who is limited to some persons.
	Within access.Within
	// Persons finds whom a command names; needed for Commands.
	Persons Finder
	// Wake asks the pipeline for a batch even when no event waits: parts of histories do.
	Wake func()
	// History lets a split compute both profiles anew. Without it, all traits and
	// counters stay with the older person.
	History History

	// HoldNothing has days written with each batch: somebody else may change them before a later
	// one would write what was held back.
	HoldNothing bool

	CacheBytes int // states kept in memory, half for activity, half for traits; 192 MiB
}

func (c *Config) setDefaults() {
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Channel == nil {
		c.Channel = func(string) string { return "" }
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 192 << 20
	}
}

// Profiles is the read model of persons: a stage of the pipeline, and the reads of the API.
type Profiles struct {
	cfg     Config
	metrics *metrics
	shown   *glossary // for readers
	recent  *recent   // for readers, too

	lane  int                                           // whose stage it is, from 1; 0: the pipeline's own
	owns  func(touchstone.PersonID) bool                // of a lane: whether a person is its own
	fence func(ctx context.Context, tx *store.Tx) error // of a lane: that of its lease

	histories *backfill.Queue[*history] // from Run
	wanted    chan struct{}             // gets a value when histories are
	partFacts int                       // facts in a part; tests have fewer
	epoch     atomic.Int64              // counts how often histories that were sent may be lost

	// Only the stage uses what follows.
	words            [classes]*vocabulary
	activity, traits *slabcache.Cache // by person, in binary form; an empty value: no row
	version          int64            // of the rows that the caches show; -1: none
	committed        int64            // version that this process has committed last
	newestPerson     touchstone.PersonID
	persons          int64
	catalogue        *catalogue
	gathered         bool // the batch under way has made the lanes' shares part of the catalogue
	labels           map[string]sourceLabels
	days             map[touchstone.PersonID]int64 // of profile_days, committed but not yet written
	daysSaved        time.Time
	rebuilds         map[touchstone.PersonID]*rebuild // that wait for their history
	taken            []backfill.Part[*history]        // by the batch under way
	asked            asked                            // by its commands
	batch            *batch                           // of the latest Apply, for Prefetch and TraitsOf
	scratch          scratch
}

// sourceLabels are the words of a source and of its channel.
type sourceLabels struct{ source, channel uint32 }

// New brings the tables up to date and returns the profiles.
func New(ctx context.Context, cfg Config) (*Profiles, error) {
	cfg.setDefaults()
	if err := cfg.DB.Migrate(ctx, "profile", Migrations()); err != nil {
		return nil, err
	}
	p := newProfiles(cfg, newMetrics(cfg.Metrics))
	p.shown, p.recent = &glossary{}, &recent{}
	return p, nil
}

func newProfiles(cfg Config, m *metrics) *Profiles {
	p := &Profiles{cfg: cfg, metrics: m, activity: slabcache.New(cfg.CacheBytes / 2), traits: slabcache.New(cfg.CacheBytes / 2), days: map[touchstone.PersonID]int64{}, committed: -1,
		histories: backfill.NewQueue[*history](partsWaiting), wanted: make(chan struct{}, 1), partFacts: factsPerPart}
	for c := range classes {
		p.words[c] = newVocabulary(c)
	}
	p.forget()
	return p
}

// Name is the stage's name.
func (p *Profiles) Name() string { return "profile" }

// Rollback forgets what a failed batch may have left in memory.
func (p *Profiles) Rollback() {
	p.forget()
	p.histories.GiveBack(p.taken)
	p.taken, p.asked = nil, asked{}
	if p.gathered {
		p.catalogue, p.gathered = nil, false
	}
}

// Resume forgets what outlives a failed batch, too: another process may have worked since.
// Days that were not written yet are lost, as after a crash.
func (p *Profiles) Resume() {
	p.forget()
	p.catalogue, p.gathered, p.committed = nil, false, -1
	clear(p.days)
	p.histories.Clear()
	p.epoch.Add(1)
}

// Committed makes the batch's persons the most recently active ones.
func (p *Profiles) Committed(*touchstone.Batch) {
	p.asked = asked{}
	if p.batch == nil {
		return
	}
	p.historyDone()
	p.commitDays(p.batch)
	p.catalogue.commit(p.batch)
	p.committed, p.gathered = p.version, false
	p.recent.add(p.batch.seen, p.batch.gone)
	if p.lane > 0 { // the gauges are the pipeline's own
		return
	}
	p.metrics.cachedActivity.Set(float64(p.activity.Len()))
	p.metrics.cachedTraits.Set(float64(p.traits.Len()))
	p.metrics.cacheBytes.Set(float64(p.activity.Bytes() + p.traits.Bytes()))
	p.metrics.persons.Set(float64(p.persons))
}

func (p *Profiles) forget() {
	p.activity.Reset()
	p.traits.Reset()
	p.version = -1
	p.labels = map[string]sourceLabels{}
	p.rebuilds = nil
	p.batch = nil
}

// Flush writes what is held back: days and details of the catalogue. Call it when the
// pipeline has stopped. fence lets it commit only if no other process works by now.
func (p *Profiles) Flush(ctx context.Context, fence func(ctx context.Context, tx *store.Tx) error) error {
	if p.catalogue == nil { // no batch has been worked on
		return nil
	}
	rows := make([]dayRow, 0, len(p.days))
	for id, day := range p.days {
		rows = append(rows, dayRow{id, day})
	}
	err := p.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		if err := saveDays(ctx, tx, rows); err != nil {
			return err
		}
		if err := p.catalogue.saveDetails(ctx, tx); err != nil || p.catalogue.unsure || p.lane > 0 {
			return err
		}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "profile_examples", Columns: []string{"trait", "detail"}, Key: []string{"trait"}}, 1, func(_ int, args []any) { args[0], args[1] = sealTrait, "{}" })
	})
	if err == nil {
		clear(p.days)
		clear(p.catalogue.stale)
		p.catalogue.sealed = !p.catalogue.unsure && p.lane == 0
	}
	return err
}

// begin makes sure that the caches show what the store holds.
func (p *Profiles) begin(ctx context.Context, tx *store.Tx) error {
	version, err := p.readState(ctx, tx)
	if err != nil {
		return fmt.Errorf("read the profiles' counters: %w", err)
	}
	if version == p.version {
		return nil
	}
	p.forget()
	if err := p.loadVocabularies(ctx, tx); err != nil {
		return err
	}
	var newest int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(person), 0) FROM profile_activity`).Scan(&newest); err != nil {
		return err
	}
	p.newestPerson = touchstone.PersonID(newest)
	if p.catalogue == nil || version != p.committed { // else a batch has failed, and it knows more than the store
		if err := p.openCatalogue(ctx, tx); err != nil {
			return err
		}
	}
	if p.rebuilds, err = loadRebuilds(ctx, tx); err != nil {
		return err
	}
	p.version = version
	return nil
}

// readState reads the row of counters, which a lane makes for itself.
func (p *Profiles) readState(ctx context.Context, tx *store.Tx) (version int64, err error) {
	query := `SELECT version, persons FROM profile_state WHERE id = ?`
	if tx.Dialect() == store.Postgres {
		query += ` FOR UPDATE` // processors take turns
	}
	err = tx.QueryRow(ctx, query, 1+p.lane).Scan(&version, &p.persons)
	if p.lane > 0 && errors.Is(err, sql.ErrNoRows) {
		p.persons = 0
		_, err = tx.Exec(ctx, `INSERT INTO profile_state (id, version, persons) VALUES (?, 0, 0)`, 1+p.lane)
	}
	return version, err
}

// openCatalogue reads the catalogue, or a lane's share of it.
func (p *Profiles) openCatalogue(ctx context.Context, tx *store.Tx) (err error) {
	if p.lane > 0 {
		p.catalogue, err = loadShare(ctx, tx, p.lane)
		return err
	}
	if p.catalogue, err = openCatalogue(ctx, tx); err != nil {
		return err
	}
	p.gathered, err = p.catalogue.gather(ctx, tx)
	return err
}

func (p *Profiles) loadVocabularies(ctx context.Context, q store.Querier) error {
	for c := range classes {
		words, err := loadWords(ctx, q, c)
		if err != nil {
			return err
		}
		p.words[c].set(words)
	}
	return nil
}
