// Package app puts the parts together: it opens the back ends, wires the features in
// plain order, and starts and stops them. It is the one place to see who uses whom.
package app

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/activation"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/audience"
	"github.com/touchstone-cdp/touchstone/catalogue"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/imports"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/consent"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/console/ui"
	"github.com/touchstone-cdp/touchstone/household"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/internal/conns"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/linkage"
	"github.com/touchstone-cdp/touchstone/mail"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/privacy"
	"github.com/touchstone-cdp/touchstone/privacy/hold"
	"github.com/touchstone-cdp/touchstone/privacy/register"
	"github.com/touchstone-cdp/touchstone/privacy/retain"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/stage"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/store/presence"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/tag"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/remote"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// Version is set by the build.
var Version = "dev"

// App is one process of Touchstone.
type App struct {
	extra slots

	cfg        *Config
	logger     *slog.Logger
	metrics    *prometheus.Registry
	slowBodies prometheus.Counter
	clock      touchstone.Clock

	*engines
	leases      *lease.Table
	presence    *presence.Board
	rules       *identity.Rules
	kinds       *touchstone.KindSet // those of rules
	fields      *access.Fields      // those of the catalogue
	catalogue   *catalogue.Catalogue
	proxies     []netip.Prefix
	batcher     *stream.Batcher
	collector   *collect.Collector
	graph       *identity.Graph
	profiles    *profile.Profiles
	segments    *segment.Segments
	audiences   *audience.Audience
	households  *household.Households
	tags        *tag.Tags
	cycles      *stage.Stages
	activations *activation.Activations
	consent     *consent.Consent
	inbox       *inbox.Inbox
	commands    *command.Log
	admission   *admission.Versions
	pipeline    *pipeline.Pipeline
	outbox      *outbox.Outbox
	webhooks    *webhook.Webhooks
	mail        *mail.Mail
	linkage     *linkage.Linkage
	sink        *pipeline.Sink
	queries     *analytics.Engine
	quality     *quality.Quality
	holds       *hold.Holds
	retention   *retain.Retention
	privacy     *privacy.Privacy
	register    *register.Register
	settings    *console.Settings
	console     *console.Console
	imports     *imports.Imports // in a process with the role console
	feed        *changeFeed
	feeds       *api.Feeds
	backups     *backup.Keeper
	jobs        *job.Jobs
	schedules   *job.Schedules
	remote      *remote.Handler // nil: no other process may read the warehouse

	setupToken string
	ready      atomic.Bool

	// accepted counts the events that the log has acknowledged since the data folder
	// was made: those consumed before this start, those that were waiting, and new ones.
	accepted atomic.Int64
}

// New opens the data folder and wires everything; nothing runs yet.
func New(ctx context.Context, cfg *Config, logger *slog.Logger) (_ *App, err error) {
	return newWith(ctx, cfg, logger, slots{})
}

func newWith(ctx context.Context, cfg *Config, logger *slog.Logger, extra slots) (_ *App, err error) {
	a := &App{extra: extra, cfg: cfg, logger: logger, metrics: prometheus.NewRegistry(), clock: touchstone.SystemClock{}}
	if extra.clock != nil {
		a.clock = extra.clock
	}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.slowBodies = conns.SlowBodies(a.metrics)
	a.feed, a.feeds = newChangeFeed(), api.NewFeeds(feedWatchers, a.metrics)
	if err := backup.CheckFinished(cfg.Data); err != nil {
		return nil, err
	}
	folder, err := openFolder(cfg.Data, cfg.Encryption.KeyFile)
	if err != nil {
		return nil, err
	}
	if a.engines, err = openEngines(ctx, cfg, folder, logger, a.metrics); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = a.engines.close()
		}
	}()
	for _, part := range a.parts() {
		if !a.has(part.roles...) {
			continue
		}
		if err := part.wire(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// wiring makes a part of the program for the roles that need it; without roles, for all.
type wiring struct {
	wire  func(context.Context) error
	roles []string
}

// Roles that know persons beyond their identifiers.
var personRoles = []string{"process", "act", "console"}

// parts lists what is wired, in order.
func (a *App) parts() []wiring {
	return []wiring{
		{a.wireLeases, nil},
		{a.wirePresence, nil},
		{a.wireSettings, nil},
		{a.wireEdge, nil}, // also imports and replays come in by it
		{a.wireCatalogue, nil},
		{a.wireGraph, nil},
		{a.wirePersons, personRoles},
		{a.wireConsent, personRoles},
		{a.wireHouseholds, personRoles},
		{a.wireTags, personRoles},
		{a.wireAudiences, []string{"console"}},
		{a.wireStages, personRoles},
		{a.wireHolds, personRoles},
		{a.wireRetention, personRoles},
		{a.wireExtra, personRoles},
		{a.wireOutbox, personRoles},
		{a.wireWebhooks, personRoles},
		{a.wireActivations, personRoles},
		{a.wireMail, personRoles},
		{a.wireLinkage, personRoles},
		{a.wireReactors, personRoles},
		{a.wireAdmission, nil},       // the sink reads the log by the rules, too
		{a.wirePrivacy, personRoles}, // before the commands, some of which are its own
		{a.wireCommands, personRoles},
		{a.wireJobTables, personRoles}, // erasures are noted there
		{a.wireQuality, personRoles},
		{a.wireRegister, personRoles},
		{a.wirePipeline, nil}, // everybody follows how far it is
		{func(ctx context.Context) error { return a.privacy.Recall(ctx) }, personRoles}, // it asks how far the pipeline is
		{a.wireQueries, personRoles},
		{a.wireRemote, []string{"sink"}},
		{a.wireBackups, []string{"act", "console"}},
		{a.wireJobs, []string{"act", "console"}},
		{a.wireImports, []string{"console"}},
		{a.wireConsole, nil}, // for /metrics and health; its routes are for the role
	}
}

func (a *App) part(name string) *slog.Logger { return a.logger.With("part", name) }

// wireSettings reads what the organisation has chosen in the console.
func (a *App) wireSettings(ctx context.Context) (err error) {
	a.settings, err = console.OpenSettings(ctx, a.store, console.Organisation{Name: "Touchstone", TimeZone: a.cfg.TimeZone})
	return err
}

// wireEdge makes the tracking API: events go through the batcher into the log.
func (a *App) wireEdge(ctx context.Context) error {
	phones := collect.PhoneNormaliser(a.cfg.Collect.PhoneRegion)
	rules, err := identity.OpenRules(ctx, identity.RulesConfig{DB: a.store, Normalisers: map[string]touchstone.Normaliser{"phone": phones}, Clock: a.clock, Logger: a.part("identity")})
	if err != nil {
		return err
	}
	a.rules, a.kinds = rules, rules.Kinds()
	if a.proxies, err = parsePrefixes("collect.trusted_proxies", a.cfg.Collect.TrustedProxies); err != nil {
		return err
	}
	projects, err := parsePairs(a.cfg.Collect.SensorsProjects)
	if err != nil {
		return err
	}
	a.batcher = stream.NewBatcher(a.log, stream.BatcherConfig{MaxPendingBytes: int(a.cfg.Collect.MaxPendingBytes), Register: a.metrics})
	if err := a.store.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		return err
	}
	a.collector, err = collect.New(ctx, collect.Config{
		DB: a.store, Log: countingAppender{a.batcher, &a.accepted}, Kinds: a.kinds, Takes: a.takes, Refuses: a.refuses, Governed: governed{a}, Forgotten: a.forgottenAt, Clock: a.clock, Logger: a.part("collect"), Metrics: a.metrics,
		MaxEventBytes: int(a.cfg.Collect.MaxEventBytes), MaxBatchBytes: int(a.cfg.Collect.MaxBatchBytes), MaxBatchEvents: a.cfg.Collect.MaxBatchEvents,
		TrustedProxies: a.proxies, SensorsProjects: projects, MaxItems: a.cfg.Collect.MaxItems,
	})
	if err != nil {
		return err
	}
	a.feed.events = a.collector.Feed
	if !a.cfg.Dev {
		return nil
	}
	_, err = a.collector.Sources().EnsureDev(ctx)
	return err
}

// takes asks the identity graph, which is wired after the edge.
func (a *App) takes(kind touchstone.IdentifierKind) bool { return a.graph.Takes(kind) }

// countingAppender counts the events that the log has acknowledged.
type countingAppender struct {
	*stream.Batcher
	accepted *atomic.Int64
}

func (c countingAppender) Append(ctx context.Context, partition int, frames []byte, count int) (stream.Receipt, error) {
	receipt, err := c.Batcher.Append(ctx, partition, frames, count)
	if err == nil {
		c.accepted.Add(int64(count))
	}
	return receipt, err
}

// parsePairs reads "project=source".
func parsePairs(texts []string) (map[string]string, error) {
	out := make(map[string]string, len(texts))
	for _, text := range texts {
		project, source, ok := strings.Cut(text, "=")
		if !ok || project == "" || source == "" {
			return nil, touchstone.Errorf(touchstone.Invalid, "collect.sensors_projects: %q is not of the form project=source", text)
		}
		out[project] = source
	}
	return out, nil
}

func parsePrefixes(setting string, texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, touchstone.Errorf(touchstone.Invalid, "%s: %q is not a network like 10.0.0.0/8", setting, text)
		}
		out = append(out, p)
	}
	return out, nil
}

// What an identifier and a person's profile take in their caches, both with what is around them.
const (
	identifierBytes = 110
	profileBytes    = 1340
)

// wake makes the pipeline, which is wired after those that ask for it, run a batch soon.
func (a *App) wake() { a.pipeline.Wake() }

// wakeIn does so when a transaction has been committed.
func (a *App) wakeIn(ctx context.Context, tx *store.Tx) error { return a.pipeline.WakeIn(ctx, tx) }

// wireGraph makes identity: the edge asks which kinds there is room for, the sink for nodes.
func (a *App) wireGraph(ctx context.Context) (err error) {
	a.graph, err = identity.New(ctx, identity.Config{DB: a.store, Kinds: a.kinds, Clock: a.clock, Logger: a.part("identity"), Metrics: a.metrics, Wake: a.wake,
		Within:     a.within,
		Imports:    a.isImport,
		Through:    a.through,
		Files:      job.CountFiles,
		CacheBytes: a.cfg.Cache.Identifiers * identifierBytes})
	return err
}

// wirePersons makes profiles and segments.
func (a *App) wirePersons(ctx context.Context) (err error) {
	a.profiles, err = profile.New(ctx, profile.Config{DB: a.store, Clock: a.clock, Logger: a.part("profile"), Metrics: a.metrics,
		CacheBytes: a.cfg.Cache.Profiles * profileBytes, Channel: a.collector.Sources().Kind, Identifiers: personIdentifiers{a.graph, a.kinds}, Kinds: a.kinds, History: profileHistory{a},
		Persons: a.graph, Within: a.within, Wake: a.wake, HoldNothing: a.cfg.Lanes > 1})
	if err != nil {
		return err
	}
	a.segments, err = segment.Open(ctx, segment.Config{
		DB: a.store, Traits: a.profiles, Persons: a.graph, Profiles: a.profiles,
		Purposes: a.checkPurpose,
		History:  segmentHistory{a}, Households: segmentHomes{a}, WakeIn: a.wakeIn,
		Clock: a.clock, Wake: a.wake, Zone: a.settings.Zone, Logger: a.part("segment"), Metrics: a.metrics, CachePersons: a.cfg.Cache.Segments,
	})
	return err
}

// isImport tells whether a source is an import.
func (a *App) isImport(source string) bool { return a.collector.Sources().Kind(source) == "import" }

// thinStages see all events in one order, also where lanes share the work: identity and consent.
const thinStages = 2

// stages lists the pipeline's stages in their order.
func (a *App) stages() []pipeline.Stage {
	if !a.has("process") {
		return nil
	}
	return []pipeline.Stage{
		a.graph,
		a.consent.Stage(),
		a.profiles,
		a.segments.Stage(),
		keep.NewStage(a.keepers()),
		a.inbox.Writer(),
		a.feed,
	}
}

// wirePipeline makes the pipeline and the sink behind it. In a process without the role they
// only follow how far those of others are.
func (a *App) wirePipeline(ctx context.Context) (err error) {
	quarantine := collect.NewQuarantineWriter(a.metrics)
	a.pipeline, err = pipeline.New(ctx, pipeline.Config{
		Log: a.log, DB: a.store, Stages: a.stages(), Commands: a.commands, Admission: a.admission, Forgotten: a.forgotten(), Observer: a.observer(),
		Reject: quarantine.Write,
		Clock:  a.clock, Logger: a.part("pipeline"), Metrics: a.metrics,
		MaxEvents: a.cfg.Pipeline.MaxEvents, MinInterval: a.cfg.Pipeline.MinInterval,
		DedupeWindow: a.cfg.Pipeline.DedupeWindow, DedupeMax: a.cfg.Pipeline.DedupeMax,
		Personal: a.personal(), Imports: a.isImport, BackfillAge: a.cfg.Pipeline.BackfillAge, Lanes: a.cfg.Lanes, Thin: thinStages,
	})
	if err != nil {
		return err
	}
	accepted, err := a.pipeline.Accepted(ctx)
	if err != nil {
		return err
	}
	a.accepted.Store(accepted)
	var held warehouse.Warehouse
	if a.duck != nil {
		held = a.duck
	}
	a.sink, err = pipeline.NewSink(ctx, pipeline.SinkConfig{
		Personal: a.personal(),
		Log:      a.log, DB: a.store, Warehouse: held, Graph: a.graph, Pipeline: a.pipeline, Admission: a.admission, Reject: quarantine.Write,
		Clock: a.clock, Logger: a.part("sink"), Metrics: a.metrics,
	})
	if err == nil {
		a.registerLags()
	}
	return err
}

// wireQueries lets analytics ask the warehouse.
func (a *App) wireQueries(context.Context) error {
	if a.warehouse == nil {
		return nil
	}
	a.queries = analytics.New(a.warehouse, analytics.Options{
		Segments: segmentMembers{a.segments}, Households: a.households, Probable: probableLinks{a.graph}, Clock: a.clock, Zone: a.settings.Zone, Timeout: a.cfg.Query.Timeout, MaxRows: a.cfg.Query.MaxRows,
	})
	return nil
}

// wireConsole makes the management API and the pages.
func (a *App) wireConsole(ctx context.Context) (err error) {
	audit, err := a.auditConfig()
	if err != nil {
		return err
	}
	a.console, err = console.New(ctx, console.Config{
		DB: a.store, Clock: a.clock, Log: a.part("console"), Metrics: a.metrics, Version: Version, Dev: a.cfg.Dev, UI: ui.Dist(),
		Settings: a.settings, Kinds: a.kinds, Fields: a.fields, Feeds: a.feeds, TrustedProxies: a.proxies, Counters: a.counters, Storage: a.storage, Checks: a.checks(), Roles: a.cfg.Roles,
		Audit: audit, Rows: a.rowSets(), Consents: a.consents(), Resources: a.resources(),
	})
	if err != nil {
		return err
	}
	a.setupToken, err = a.console.SetupToken(ctx)
	return err
}
