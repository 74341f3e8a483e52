package console

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Config is what console needs. DB is required.
type Config struct {
	DB      *store.DB
	Clock   touchstone.Clock
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: not registered
	Version string
	Dev     bool  // no sign-in; for loopback addresses only
	UI      fs.FS // the console's pages with index.html in the root; nil: none

	Settings *Settings           // nil: opened by New
	Kinds    *touchstone.KindSet // of identifiers, for viewers to know contacts by; nil: by their names
	Fields   *access.Fields      // classes of fields, for the same; nil: by their names

	SessionIdle     time.Duration  // a session ends when it was not used for so long; 12 h
	SessionLifetime time.Duration  // and after so long in any case; 7 days
	TrustedProxies  []netip.Prefix // whose X-Forwarded-For is believed; loopback
	Feeds           *api.Feeds     // bounds the live feeds and ends them; nil: 200 at a time

	// Counters and Storage are asked for statistics: Counters each second, so it must cost
	// next to nothing, Storage every ten.
	Counters func(ctx context.Context) (Counters, error)
	Storage  func(ctx context.Context) (Storage, error)

	Checks []Check  // of /readyz, in order
	Roles  []string // of this process, for /readyz

	Audit AuditConfig

	Rows RowSets // nil: nobody can be limited to some persons here
	// Consents are asked before routes that serve a use hand persons to programs; nil: they hand out nobody.
	Consents api.Consents

	// Resources are the parts of the API that features bring, beside those of console.
	Resources []api.Resource
}

func (c *Config) setDefaults() {
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.SessionIdle = cmp.Or(c.SessionIdle, 12*time.Hour)
	c.SessionLifetime = cmp.Or(c.SessionLifetime, 7*24*time.Hour)
	if c.TrustedProxies == nil {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if c.Feeds == nil {
		c.Feeds = api.NewFeeds(200, c.Metrics)
	}
}

// Console serves the management API and the pages. Make it with New, mount Routes, call
// Run, and Close it before the HTTP server shuts down.
type Console struct {
	cfg       Config
	compress  func(http.Handler) http.HandlerFunc
	origin    *http.CrossOriginProtection
	passwords *passwords
	guesses   signInLimit
	seen      lastSeen
	setup     setupToken
	metrics   *metrics
	stats     statsRing
	document  *document
	resources []api.Resource // console's own and those of features
	closed    map[access.Permission]bool
	audited   atomic.Uint64 // entries written to the audit log
	checking  sync.Mutex    // held by who goes along the whole audit log
}

// New makes a Console.
func New(ctx context.Context, cfg Config) (*Console, error) {
	cfg.setDefaults()
	if cfg.Settings == nil {
		var err error
		if cfg.Settings, err = OpenSettings(ctx, cfg.DB, Organisation{}); err != nil {
			return nil, err
		}
	}
	if err := chainOld(ctx, cfg.DB, cfg.Clock.Now()); err != nil {
		return nil, fmt.Errorf("take the audit log into its chain: %w", err)
	}
	compress, err := newCompressor()
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	c := &Console{
		cfg: cfg, compress: compress, origin: http.NewCrossOriginProtection(),
		passwords: newPasswords(), metrics: newMetrics(cfg.Metrics),
		stats: statsRing{started: cfg.Clock.Now()},
	}
	c.resources = slices.Concat(c.ownResources(), cfg.Resources)
	if err := api.Check(c.resources); err != nil {
		return nil, err
	}
	c.closed = closedTo(c.resources)
	if c.document, err = newDocument(cfg.Resources); err != nil {
		return nil, err
	}
	return c, nil
}

// Resources returns all parts of the API.
func (c *Console) Resources() []api.Resource { return c.resources }

// Close ends all live feeds, so that the HTTP server can shut down.
func (c *Console) Close() { c.cfg.Feeds.Close() }

// Run does console's housekeeping until ctx is done: it samples throughput, writes down
// when keys were last used, and forgets old sessions and answers.
func (c *Console) Run(ctx context.Context) error {
	second, minute, hour := time.NewTicker(time.Second), time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer second.Stop()
	defer minute.Stop()
	defer hour.Stop()
	c.warn("housekeeping failed", c.forgetOld(ctx))
	c.warn("the audit log was not signed", c.SignAudit(ctx))
	for {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			c.warn("last uses were not written down", c.seen.flush(end, c.cfg.DB))
			return nil
		case <-second.C:
			c.sample(ctx)
		case <-minute.C:
			c.warn("last uses were not written down", c.seen.flush(ctx, c.cfg.DB))
			c.warn("settings were not read", c.cfg.Settings.refresh(ctx))
		case <-hour.C:
			c.warn("housekeeping failed", c.forgetOld(ctx))
			c.warn("the audit log was not signed", c.SignAudit(ctx))
			c.warn("old entries of the audit log were not deleted", c.pruneAudit(ctx))
		}
	}
}

func (c *Console) warn(what string, err error) {
	if err != nil {
		c.cfg.Log.Warn(what, "error", err)
	}
}

// forgetOld deletes what has run out.
func (c *Console) forgetOld(ctx context.Context) error {
	now := c.cfg.Clock.Now()
	if err := c.keepRows(ctx); err != nil {
		return err
	}
	return c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM console_sessions WHERE last_seen_at < ? OR created_at < ?`,
			now.Add(-c.cfg.SessionIdle-time.Hour).UnixMilli(), now.Add(-c.cfg.SessionLifetime).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM console_answers WHERE created_at < ?`, now.Add(-keepAnswers).UnixMilli())
		return err
	})
}
