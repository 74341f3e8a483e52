package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/app"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

func newBenchSegments() *cobra.Command {
	b := &segmentsBench{}
	cmd := &cobra.Command{
		Use:   "segments",
		Short: "Measure previews of rules, builds of segments and the evaluator, in a folder of their own",
		Long: "Works in this process on a warehouse and a store of its own, with the persons and events that it makes up.\n" +
			"Each answer is compared with the definition, asked in SQL; a wrong one is an error.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.Int64Var(&b.events, "events", 20_000_000, "events to generate, over 90 days")
	f.Int64Var(&b.users, "users", 1_000_000, "persons that they belong to")
	f.IntVar(&b.runs, "runs", 3, "times that each rule is previewed, after one that does not count")
	f.IntVar(&b.live, "live", 500_000, "events that each point of the evaluator's curve is measured with, after as many that do not count")
	f.StringVar(&b.only, "only", "", "preview, build or curve; empty: all")
	f.StringVar(&b.dir, "dir", "", "keeps the warehouse in this folder, and uses the one that is there; empty: a temporary one")
	return cmd
}

// segmentsBench is what `bench segments` works with.
type segmentsBench struct {
	events, users int64
	runs, live    int
	dir, only     string

	w      *duckdb.Warehouse
	engine *analytics.Engine
	db     *store.DB
	now    time.Time // of what is measured: when the last event happened
}

// generatedUntil is the end of the days that Generate makes events for.
var generatedUntil = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

func (b *segmentsBench) run(ctx context.Context, out io.Writer) error {
	dir := b.dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "touchstone-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if b.only == "curve" {
		return b.curve(ctx, out, dir)
	}
	var err error
	b.w, err = duckdb.Open(ctx, filepath.Join(dir, "warehouse.duckdb"), duckdb.Options{MemoryLimit: fmt.Sprintf("%dB", app.DefaultConfig().Warehouse.MemoryLimit)})
	if err != nil {
		return err
	}
	defer b.w.Close()
	n, err := b.w.Count(ctx)
	if err == nil && n == 0 {
		err = b.w.Generate(ctx, b.events, b.users)
	}
	if err != nil {
		return err
	}
	b.engine, b.now = analytics.New(b.w, analytics.Options{}), generatedUntil
	name := filepath.Join(dir, "store.db")
	if b.db, err = sqlite.Open(name, sqlite.Options{}); err != nil {
		return err
	}
	defer os.Remove(name)
	defer b.db.Close()
	if b.only == "" || b.only == "preview" {
		if err := b.previews(ctx, out); err != nil {
			return err
		}
	}
	if b.only == "" || b.only == "build" {
		if err := b.build(ctx, out, dir); err != nil {
			return err
		}
	}
	if b.only == "" {
		return b.curve(ctx, out, dir)
	}
	return nil
}

// benchRule is a rule, and its members by the definition: persons in SQL.
type benchRule struct{ name, rule, members string }

// of selects the persons of whom a condition holds that is asked of their events.
func of(where, having string) string {
	return `SELECT person_id FROM (SELECT coalesce(o.person, r.node) AS person_id, n.name AS event, r.time, r.properties->>'sku' AS sku, CAST(r.properties->>'price' AS DOUBLE) AS price
		FROM events_raw r JOIN event_names n ON n.code = r.event LEFT JOIN overrides o ON o.node = r.node) e WHERE ` + where + ` GROUP BY person_id HAVING ` + having
}

const last30 = `time > TIMESTAMP '2026-04-01' - INTERVAL 30 DAY`

var previewRules = []benchRule{
	{"bought twice in 30 days", `{"event":"transaction","count":{"op":"gte","value":2},"within":"30d"}`,
		of(`event = 'transaction' AND `+last30, `count(*) >= 2`)},
	{"viewed 3 times for 50 or more in 30 days", `{"event":"view","where":[{"property":"price","op":"gte","value":50}],"count":{"op":"gte","value":3},"within":"30d"}`,
		of(`event = 'view' AND price >= 50 AND `+last30, `count(*) >= 3`)},
	{"viewed, ever", `{"event":"view"}`, of(`event = 'view'`, `true`)},
	{"spent 100 in 30 days", `{"event":"transaction","sum":{"property":"price","op":"gte","value":100},"within":"30d"}`,
		of(`event = 'transaction' AND `+last30, `sum(CAST(round(price * 10000) AS BIGINT)) >= 1000000`)},
	{"viewed for 500 in 30 days", `{"event":"view","sum":{"property":"price","op":"gte","value":500},"within":"30d"}`,
		of(`event = 'view' AND `+last30, `sum(CAST(round(price * 10000) AS BIGINT)) >= 5000000`)},
	{"viewed 5 different things in 30 days", `{"event":"view","distinct":{"property":"sku","op":"gte","value":5},"within":"30d"}`,
		of(`event = 'view' AND `+last30, `count(DISTINCT sku) >= 5`)},
	{"searched on 4 days in 30 days", `{"event":"search","days":{"op":"gte","value":4},"within":"30d"}`,
		of(`event = 'search' AND `+last30, `count(DISTINCT date_trunc('day', time)) >= 4`)},
	{"viewed twice between 60 and 30 days ago", `{"event":"view","count":{"op":"gte","value":2},"ago":{"from":"60d","to":"30d"}}`,
		of(`event = 'view' AND time > TIMESTAMP '2026-04-01' - INTERVAL 60 DAY AND time <= TIMESTAMP '2026-04-01' - INTERVAL 30 DAY`, `count(*) >= 2`)},
	{"put into the basket and did not buy within a day", `{"sequence":[{"event":"addtocart"},{"event":"transaction","within":"1d","not":true}],"within":"30d"}`,
		`SELECT DISTINCT person_id FROM (` + of2(`event = 'addtocart'`) + `) a WHERE time > TIMESTAMP '2026-04-01' - INTERVAL 30 DAY AND time <= TIMESTAMP '2026-04-01' - INTERVAL 1 DAY
			AND NOT EXISTS (SELECT 1 FROM (` + of2(`event = 'transaction'`) + `) b WHERE b.person_id = a.person_id AND b.time > a.time AND b.time <= a.time + INTERVAL 1 DAY)`},
	{"bought, but not in 30 days", `{"and":[{"event":"transaction"},{"not":{"event":"transaction","within":"30d"}}]}`,
		of(`event = 'transaction'`, `max(time) <= TIMESTAMP '2026-04-01' - INTERVAL 30 DAY`)},
}

// of2 selects persons and times of events.
func of2(where string) string {
	return `SELECT coalesce(o.person, r.node) AS person_id, r.time FROM events_raw r JOIN event_names n ON n.code = r.event LEFT JOIN overrides o ON o.node = r.node WHERE ` +
		`n.name` + where[len("event"):]
}

// previewFigures is a line of `bench segments` about a preview.
type previewFigures struct {
	Bench   string  `json:"bench"`
	Rule    string  `json:"rule"`
	Events  int64   `json:"events"`
	Persons int64   `json:"persons"`
	Runs    int     `json:"runs"`
	Min     float64 `json:"min_ms"`
	Median  float64 `json:"median_ms"`
	Max     float64 `json:"max_ms"`
	CPU     float64 `json:"cpu_ms"` // a run
	Members int64   `json:"members"`
	conditions
}

func (b *segmentsBench) previews(ctx context.Context, out io.Writer) error {
	segs, err := segment.Open(ctx, segment.Config{DB: b.db, History: benchHistory{b.engine}, Profiles: benchProfiles(b.users), Clock: touchstone.ClockFunc(func() time.Time { return b.now })})
	if err != nil {
		return err
	}
	for _, r := range previewRules {
		var took []time.Duration
		var p segment.Preview
		var cpu time.Duration
		for i := range b.runs + 1 {
			began, before := time.Now(), cpuTime()
			if p, err = segs.Preview(ctx, access.System(), touchstone.JSON(r.rule)); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if i > 0 {
				took, cpu = append(took, time.Since(began)), cpu+cpuTime()-before
			}
		}
		slices.Sort(took)
		if err := b.check(ctx, r, p.Members); err != nil {
			return err
		}
		line := previewFigures{Bench: "segments, preview", Rule: r.name, Events: b.events, Persons: b.users, Runs: b.runs,
			Min: milliseconds(took[0]), Median: milliseconds(took[len(took)/2]), Max: milliseconds(took[len(took)-1]), CPU: milliseconds(cpu) / float64(b.runs),
			Members: p.Members, conditions: newConditions("embedded warehouse with its default memory limit")}
		if err := printLine(out, line); err != nil {
			return err
		}
	}
	return nil
}

// check compares a number of members with the definition.
func (b *segmentsBench) check(ctx context.Context, r benchRule, members int64) error {
	res, err := b.w.Query(ctx, warehouse.Statement{SQL: `SELECT count(*) FROM (` + r.members + `) m`, Own: true})
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if want := res.Rows[0][0]; want != members {
		return touchstone.Errorf(touchstone.Internal, "%s: %d members where the definition gives %v", r.name, members, want)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// benchHistory asks the warehouse alone: nobody is merged but as its overrides say.
type benchHistory struct{ engine *analytics.Engine }

func (benchHistory) Position(_ context.Context, partition int) (touchstone.Seq, error) {
	return touchstone.MakeSeq(partition, 1<<40, 0), nil
}

func (h benchHistory) LatestTimes(ctx context.Context, q segment.LatestQuery, fn func(person touchstone.PersonID, times []int64) error) error {
	return h.engine.LatestTimes(ctx, analytics.LatestQuery(q), fn)
}

func (h benchHistory) Values(ctx context.Context, q segment.ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	return h.engine.EventValues(ctx, analytics.EventValuesQuery{LatestQuery: analytics.LatestQuery(q.LatestQuery), Property: q.Property, Amounts: q.Amounts, Timeless: q.Timeless}, fn)
}

// Kept asks for all events: none comes while it is measured.
func (h benchHistory) Kept(ctx context.Context, q segment.KeptQuery, workers int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	q.Through = nil
	return h.engine.Kept(ctx, analytics.KeptQuery(q), workers, fn)
}

// benchProfiles are so many persons without traits.
type benchProfiles int64

func (n benchProfiles) Count(context.Context) (int64, error) { return int64(n), nil }

func (n benchProfiles) Each(_ context.Context, fn func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error) error {
	none := func(string) (touchstone.JSON, bool) { return "", false }
	for p := range touchstone.PersonID(n) {
		if err := fn(p+1, none); err != nil {
			return err
		}
	}
	return nil
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
