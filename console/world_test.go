package console

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/collect/imports"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/people"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// world is a console with every feature behind it, from the edge to the warehouse, and a
// few people in it.
type world struct {
	*testServer
	admin    string // an API key
	edge     *collect.Collector
	graph    *identity.Graph
	segments *segment.Segments
	rules    *identity.Rules
	pipeline *pipeline.Pipeline
	sink     *pipeline.Sink
	engine   *analytics.Engine
	lake     warehouse.Warehouse
	behind   behind
	imports  *imports.Imports
	folder   string // of uploads
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, db, dir := context.Background(), newTestDB(t), t.TempDir()
	w := &world{}
	clock := &testClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if err := db.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		t.Fatal(err)
	}
	log := memory.New(1, clock)
	batcher := stream.NewBatcher(log, stream.BatcherConfig{})
	rules := must(identity.OpenRules(ctx, identity.RulesConfig{DB: db, Clock: clock}))(t)
	w.rules = rules
	w.edge = must(collect.New(ctx, collect.Config{DB: db, Log: batcher, Clock: clock, Kinds: rules.Kinds()}))(t)
	w.graph = must(identity.New(ctx, identity.Config{DB: db, Clock: clock, Kinds: rules.Kinds(), Within: w.within, Wake: func() { w.pipeline.Wake() }}))(t)
	profiles := must(profile.New(ctx, profile.Config{DB: db, Clock: clock, Identifiers: worldIdentifiers{w.graph}, Persons: w.graph, Within: w.within}))(t)
	w.segments = must(segment.Open(ctx, segment.Config{DB: db, Clock: clock, Traits: profiles, Persons: w.graph, Profiles: profiles,
		History: worldHistory{w}, Wake: func() { w.pipeline.Wake() }}))(t)
	changes := live.New[touchstone.Occurrence](200, 10)
	commands := must(command.New(ctx, command.Config{DB: db, Log: log, Clock: clock, Kinds: append(w.graph.Commands(rules), profiles.Commands()...)}))(t)
	w.pipeline = must(pipeline.New(ctx, pipeline.Config{Log: log, DB: db, Clock: clock, MinInterval: time.Millisecond,
		Stages: []pipeline.Stage{w.graph, profiles, w.segments.Stage(), worldFeed{changes}}, Commands: commands, Reject: collect.NewQuarantineWriter(nil).Write}))(t)
	lake := must(duckdb.Open(ctx, filepath.Join(dir, "events.duckdb"), duckdb.Options{}))(t)
	w.lake = lake
	t.Cleanup(func() { lake.Close() })
	w.sink = must(pipeline.NewSink(ctx, pipeline.SinkConfig{Log: log, DB: db, Warehouse: lake, Graph: w.graph, Pipeline: w.pipeline, Clock: clock, Interval: time.Millisecond}))(t)
	settings := must(OpenSettings(ctx, db, Organisation{Name: "Hexagon", TimeZone: "Asia/Shanghai", Currency: "CNY"}))(t)
	w.engine = analytics.New(lake, analytics.Options{Segments: worldMembers{w.segments}, Clock: clock, Zone: settings.Zone})

	w.testServer = newTestServerOn(t, db, func(c *Config) {
		c.Clock, c.Settings = clock, settings
		c.Counters = w.counters
		c.Rows = w.segments
		c.Kinds, c.Feeds = rules.Kinds(), api.NewFeeds(200, nil)
		w.behind = behind{
			incoming: collect.Parts{Sources: w.edge.Sources(), Quarantine: w.edge.Quarantine(), Events: w.edge.Feed(), Persons: w.behind.personsOf},
			persons:  people.Parts{Graph: w.graph, Kinds: rules.Kinds(), Profiles: profiles, Timeline: w.engine, Segments: w.segments, Commands: commands, Changes: changes, Preview: w.behind.preview},
			rules:    rules, engine: w.engine, clock: clock, feeds: c.Feeds,
		}
		c.Resources = featureResources(&w.behind)
	})
	w.clock = clock
	w.folder = filepath.Join(dir, "uploads")
	w.takeFiles(imports.UploadConfig{})
	w.admin = w.apiKey("admin")

	running, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{
		func(ctx context.Context) error { return w.pipeline.Run(ctx, nil) }, func(ctx context.Context) error { return w.sink.Run(ctx, nil) }, w.segments.Run,
	} {
		wg.Go(func() {
			if err := run(running); err != nil && running.Err() == nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { batcher.Close(); stop(); wg.Wait() })
	return w
}

func (w *world) counters(context.Context) (Counters, error) {
	n := w.pipeline.Totals()
	return Counters{Processed: n.Processed, Duplicates: n.Duplicates, Quarantined: n.Rejected, InWarehouse: w.sink.Events()}, nil
}

// takeFiles makes the part that takes files, anew: as after a restart, or with other bounds.
func (w *world) takeFiles(bounds imports.UploadConfig) {
	w.t.Helper()
	bounds.Dir = w.folder
	files, err := imports.New(w.t.Context(), imports.Config{DB: w.db, Clock: w.clock, Logger: slog.New(slog.NewTextHandler(testWriter{w.t}, nil)),
		Sources: w.edge.Sources(), Frames: w.edge, Kinds: w.rules.Kinds(), Persons: simulated(w.graph), Uploads: bounds,
		Stats: func(ctx context.Context) (importer.Stats, error) {
			n, err := w.counters(ctx)
			return importer.Stats{Processed: n.Processed, InWarehouse: n.InWarehouse, Quarantined: n.Quarantined, Duplicates: n.Duplicates}, err
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.imports, w.behind.imports = files, files
}

func (w *world) within(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return w.segments.Within(ctx, v, persons)
}

// The adapters that the program's wiring has, too.

type worldIdentifiers struct{ *identity.Graph }

func (g worldIdentifiers) IdentifiersOf(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error) {
	nodes, err := g.NodesOfPersons(ctx, persons)
	out := map[touchstone.PersonID][]touchstone.Identifier{}
	for p, list := range nodes {
		for _, n := range list {
			out[p] = append(out[p], n.Identifier())
		}
	}
	return out, err
}

func (g worldIdentifiers) FindIdentifiers(ctx context.Context, prefix string, after touchstone.Identifier, limit int) (ids []touchstone.Identifier, persons []touchstone.PersonID, err error) {
	found, err := g.Search(ctx, prefix, after, limit)
	for _, m := range found {
		ids, persons = append(ids, m.Identifier), append(persons, m.Person)
	}
	return ids, persons, err
}

type worldHistory struct{ w *world }

func (h worldHistory) Position(_ context.Context, partition int) (touchstone.Seq, error) {
	return touchstone.MakeSeq(partition, uint64(h.w.sink.Through(partition)), touchstone.MaxEventsPerRecord-1), nil
}

func (h worldHistory) LatestTimes(ctx context.Context, q segment.LatestQuery, fn func(touchstone.PersonID, []int64) error) error {
	return h.w.engine.LatestTimes(ctx, analytics.LatestQuery(q), fn)
}

func (h worldHistory) Kept(ctx context.Context, q segment.KeptQuery, workers int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	return h.w.engine.Kept(ctx, analytics.KeptQuery(q), workers, fn)
}

func (h worldHistory) Values(ctx context.Context, q segment.ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	return h.w.engine.EventValues(ctx, analytics.EventValuesQuery{LatestQuery: analytics.LatestQuery(q.LatestQuery), Property: q.Property, Amounts: q.Amounts, Timeless: q.Timeless}, fn)
}

type worldMembers struct{ *segment.Segments }

func (m worldMembers) Members(ctx context.Context, id string) ([]touchstone.PersonID, error) {
	return m.MemberIDs(ctx, id)
}

type worldFeed struct {
	hub *live.Hub[touchstone.Occurrence]
}

func (worldFeed) Name() string                                              { return "feed" }
func (worldFeed) Apply(context.Context, *store.Tx, *touchstone.Batch) error { return nil }
func (worldFeed) Rollback()                                                 {}
func (f worldFeed) Committed(b *touchstone.Batch) {
	for o := range b.Occurrences() {
		if o.Kind != touchstone.EventHappened {
			f.hub.Publish(o)
		}
	}
}

// send gives the edge events as an import and waits until they are in the warehouse.
func (w *world) send(events ...touchstone.Event) {
	w.t.Helper()
	ctx := context.Background()
	source, err := w.edge.Sources().EnsureByName(ctx, "shop", "web")
	if err != nil {
		w.t.Fatal(err)
	}
	var frames []byte
	for i := range events {
		e := &events[i]
		if e.MessageID == "" {
			e.MessageID = fmt.Sprintf("m-%d-%d", w.clock.Now().UnixNano(), i)
		}
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, e))
	}
	if _, err := w.edge.AppendFrames(ctx, source.ID, collect.Rows{}, newBody(frames)); err != nil {
		w.t.Fatal(err)
	}
	w.settle()
}

// settle waits until everything in the log has reached its end.
func (w *world) settle() {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		accepted, err := w.pipeline.Accepted(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		if accepted == w.pipeline.Totals().Consumed() && w.sink.Through(0) >= w.pipeline.Through(0) {
			return
		}
	}
	w.t.Fatal("the events did not arrive")
}

func ids(pairs ...string) []touchstone.Identifier {
	var list []touchstone.Identifier
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, touchstone.Identifier{Kind: touchstone.IdentifierKind(pairs[i]), Value: pairs[i+1]})
	}
	return list
}

// shop sends a small story. Ann views twice, is recognised, and buys. Ben views and puts
// something into the cart. Nobody knows the third one.
func (w *world) shop() {
	w.t.Helper()
	at := func(hours int) time.Time { return time.Date(2026, 2, 20, hours, 0, 0, 0, time.UTC) }
	track := func(hours int, name string, properties touchstone.JSON, who ...string) touchstone.Event {
		return touchstone.Event{Type: touchstone.Track, MessageID: fmt.Sprint("e", hours), Name: name, Time: at(hours), Properties: properties, Identifiers: ids(who...),
			Context: `{"page":{"path":"/shop"}}`}
	}
	w.send(
		track(1, "view", `{"price":9,"city":"上海"}`, "anonymous_id", "a1"),
		track(2, "view", `{"price":12.5,"city":"上海"}`, "anonymous_id", "a1"),
		touchstone.Event{Type: touchstone.Identify, MessageID: "e3", Name: "$identify", Time: at(3), Traits: `{"name":"Ann Lee","email":"ann@example.com","city":"上海"}`,
			Identifiers: ids("user_id", "u-ann", "email", "ann@example.com", "anonymous_id", "a1")},
		track(4, "addtocart", `{"price":12.5}`, "user_id", "u-ann"),
		track(5, "transaction", `{"price":12.5,"amount":25}`, "user_id", "u-ann"),
		track(6, "view", `{"price":"n/a"}`, "user_id", "u-ben", "anonymous_id", "b1"),
		track(7, "addtocart", `{"price":3}`, "user_id", "u-ben"),
		touchstone.Event{Type: touchstone.Identify, MessageID: "e8", Name: "$identify", Time: at(8), Traits: `{"name":"Ben","city":"北京"}`, Identifiers: ids("user_id", "u-ben")},
		track(9, "view", `{}`, "anonymous_id", "c1"),
	)
}

// live waits until a segment is built.
func (w *world) live(id string) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		s, err := w.segments.Get(context.Background(), access.System(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if s.Status == segment.Live {
			return
		}
	}
	w.t.Fatalf("segment %s is not live", id)
}
