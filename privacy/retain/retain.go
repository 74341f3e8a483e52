// Package retain removes what has been kept long enough: events of the warehouse, and so of
// timelines and of the past that profiles and segments are computed from, and traits. Rules are a
// command in the log, so a store that is built anew has them; a job carries them out each day, and
// at once in a store that has never done it, so a rebuild brings nothing back for long. Whom a legal hold
// keeps is left alone, and counted.
//
// docs/design/retention.md tells the rest.
package retain

import (
	"context"
	"embed"
	"encoding/json"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Kind is what a rule is about.
type Kind string

// The kinds.
const (
	Events Kind = "events" // Event, of Source; empty: all
	Traits Kind = "traits" // Traits: whose value was set so long ago goes
)

// Rule says how long something is kept.
type Rule struct {
	Name   string   `json:"name"`
	Kind   Kind     `json:"kind"`
	Event  string   `json:"event,omitempty"`
	Source string   `json:"source,omitempty"`
	Traits []string `json:"traits,omitempty"`
	// Classes are those of personal data: all traits of one are meant, beside Traits.
	Classes  []access.Class `json:"classes,omitempty"`
	Action   Action         `json:"action,omitempty"`
	KeepDays int            `json:"keep_days"`
}

// Action is what becomes of events whose time has come.
type Action string

// The actions.
const (
	Erase     Action = "erase" // also ""
	Anonymise Action = "anonymise"
)

// SetCommand replaces the rules.
const SetCommand = "retention.set"

// SetBody is its body.
type SetBody struct {
	Rules []Rule `json:"rules"`
}

// Bounds of the rules.
const (
	maxRules  = 50
	maxTraits = 50
	maxDays   = 36_500
	maxText   = 200
	leastDays = 1
)

// Trait is a value of somebody's whose time has come.
type Trait struct {
	Person touchstone.PersonID
	Names  []string
}

// Config is what Open needs.
type Config struct {
	DB    *store.DB
	Clock touchstone.Clock
	// Warehouse deletes events; nil in a process that does not hold it.
	Warehouse warehouse.Expirer
	// Held returns everybody whom a hold keeps, with the nodes of each.
	Held func(ctx context.Context) (map[touchstone.PersonID][]touchstone.NodeID, error)
	// Aged calls fn for persons who have a value of one of the traits that was set before a moment.
	Aged func(ctx context.Context, traits []string, before time.Time, fn func(t Trait) error) error
	// Forget takes traits away from a person, by a command in the log.
	Forget func(ctx context.Context, t Trait) error
	// OfClasses returns the traits that are of one of the classes of personal data.
	OfClasses func(ctx context.Context, classes []access.Class) ([]string, error)
	// Personal tells what is cut from events that are anonymised.
	Personal warehouse.Personal
	// Zone is where days begin; nil is UTC.
	Zone   func() *time.Location
	Logger *slog.Logger
}

// Retention keeps the rules and carries them out.
type Retention struct {
	cfg    Config
	looked atomic.Int64 // when the warehouse was last asked for what should be gone, Unix ms
}

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Retention, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Retention{cfg: cfg}, cfg.DB.Migrate(ctx, "retain", store.Migrations(migrationFiles))
}

// Commands returns what can be done.
func (x *Retention) Commands() []command.Kind {
	return []command.Kind{{Name: SetCommand, Check: checkBody, Do: x.doSet}}
}

func checkBody(body touchstone.JSON) error {
	var in SetBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if len(in.Rules) > maxRules {
		return touchstone.Errorf(touchstone.TooLarge, "there are at most %d rules of retention", maxRules)
	}
	for i := range in.Rules {
		if err := in.Rules[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check() error {
	switch {
	case r.Name == "" || len(r.Name) > maxText:
		return touchstone.Errorf(touchstone.Invalid, "a rule of retention needs a name of at most %d bytes", maxText)
	case r.KeepDays < leastDays || r.KeepDays > maxDays:
		return touchstone.Errorf(touchstone.Invalid, "%s: something is kept for %d to %d days", r.Name, leastDays, maxDays)
	case r.Kind == Events && len(r.Traits) > 0, r.Kind == Events && len(r.Classes) > 0, r.Kind == Traits && (r.Event != "" || r.Source != ""):
		return touchstone.Errorf(touchstone.Invalid, "%s: a rule is about events or about traits", r.Name)
	case r.Action != "" && r.Action != Erase && r.Action != Anonymise:
		return touchstone.Errorf(touchstone.Invalid, "%s: %.40q is none of erase and anonymise", r.Name, r.Action)
	case r.Kind == Traits && r.Action == Anonymise:
		return touchstone.Errorf(touchstone.Invalid, "%s: traits are a person's; without the person nothing of them is left", r.Name).WithHint("choose erase")
	case slices.ContainsFunc(r.Classes, func(c access.Class) bool { return !slices.Contains(access.Classes(), c) }):
		return touchstone.Errorf(touchstone.Invalid, "%s: there is no such class of personal data", r.Name)
	case r.Kind == Traits && (len(r.Traits)+len(r.Classes) == 0 || len(r.Traits) > maxTraits):
		return touchstone.Errorf(touchstone.Invalid, "%s: a rule is about 1 to %d traits", r.Name, maxTraits)
	case r.Kind != Events && r.Kind != Traits:
		return touchstone.Errorf(touchstone.Invalid, "%s: a rule is about events or about traits", r.Name)
	case len(r.Event) > maxText || len(r.Source) > maxText || slices.ContainsFunc(r.Traits, func(t string) bool { return t == "" || len(t) > maxText }):
		return touchstone.Errorf(touchstone.Invalid, "%s: names have 1 to %d bytes", r.Name, maxText)
	}
	return nil
}

func (x *Retention) doSet(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in SetBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if in.Rules == nil {
		in.Rules = []Rule{}
	}
	text, err := json.Marshal(in.Rules)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE retention_rules SET version = ?, rules = ?, actor = ?, set_at = ? WHERE one = 1`, int64(c.Seq), string(text), c.Actor, c.SubmittedAt.UnixMilli())
	return map[string]any{"rules": len(in.Rules)}, err
}

// RuleSet is the rules as they are.
type RuleSet struct {
	Version int64      `json:"version"`
	Rules   []Rule     `json:"rules"`
	Actor   string     `json:"actor"`
	SetAt   *time.Time `json:"set_at"`
}

// Rules returns them.
func (x *Retention) Rules(ctx context.Context) (s RuleSet, err error) {
	var text string
	var at int64
	if err := x.cfg.DB.Reader().QueryRow(ctx, `SELECT version, rules, actor, set_at FROM retention_rules WHERE one = 1`).Scan(&s.Version, &text, &s.Actor, &at); err != nil {
		return s, err
	}
	if at != 0 {
		moment := time.UnixMilli(at).UTC()
		s.SetAt = &moment
	}
	return s, json.Unmarshal([]byte(text), &s.Rules)
}

// Count is what a rule removes, or would.
type Count struct {
	Rule   string    `json:"rule"`
	Kind   Kind      `json:"kind"`
	Before time.Time `json:"before"`
	// Removed counts events, or values of traits.
	Removed int64 `json:"removed"`
	// Action is what becomes, or would, of the events.
	Action Action `json:"action"`
	// Held counts what a hold has kept.
	Held int64 `json:"held"`
	// Left counts values of traits that the next run takes: one run takes a bounded number.
	Left int64 `json:"left,omitempty"`
}

// Receipt is what a run has removed.
type Receipt struct {
	ID        string     `json:"id"` // of the job
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Version   int64      `json:"version"`
	Counts    []Count    `json:"counts"`
}

// Receipts returns the latest runs, newest first.
func (x *Retention) Receipts(ctx context.Context) ([]Receipt, error) {
	list := []Receipt{}
	err := keep.Each(ctx, x.cfg.DB.Reader(), `SELECT id, started_at, ended_at, version, counts FROM retention_runs ORDER BY started_at DESC, id DESC LIMIT 100`, nil, func(scan func(...any) error) error {
		var r Receipt
		var started, ended int64
		var counts string
		if err := scan(&r.ID, &started, &ended, &r.Version, &counts); err != nil {
			return err
		}
		r.StartedAt = time.UnixMilli(started).UTC()
		if ended != 0 {
			at := time.UnixMilli(ended).UTC()
			r.EndedAt = &at
		}
		list = append(list, r)
		return json.Unmarshal([]byte(counts), &list[len(list)-1].Counts)
	})
	return list, err
}

// A run is due each day; and, looked for each hour, when there is what should have gone a day ago: a
// warehouse that was built anew from the log has it again.
const (
	every = 24 * time.Hour
	again = time.Hour
)

// Due tells whether a run is due: there are rules, and none by them has ended this day, or there is
// what it should have removed.
func (x *Retention) Due(ctx context.Context) (bool, error) {
	rules, err := x.Rules(ctx)
	if err != nil || len(rules.Rules) == 0 {
		return false, err
	}
	var last int64
	err = x.cfg.DB.Reader().QueryRow(ctx, `SELECT COALESCE(MAX(started_at), 0) FROM retention_runs WHERE ended_at > 0 AND version = ?`, rules.Version).Scan(&last)
	ago := x.cfg.Clock.Now().Sub(time.UnixMilli(last))
	if err != nil || ago >= every || ago < again || x.cfg.Warehouse == nil {
		return err == nil && ago >= every, err
	}
	now := x.cfg.Clock.Now().UnixMilli()
	if now-x.looked.Load() < again.Milliseconds() {
		return false, nil
	}
	x.looked.Store(now)
	nodes, err := x.heldNodes(ctx)
	for i := range rules.Rules {
		r := &rules.Rules[i]
		if err != nil || r.Kind != Events {
			continue
		}
		var ok bool
		if _, ok, err = x.cfg.Warehouse.Oldest(ctx, x.expiry(r, x.before(r).Add(-every), nodes)); ok {
			return true, nil
		}
	}
	return false, err
}

// before is the moment before which what a rule is about goes.
// Events are anonymised by whole days, so that somebody has one pseudonym on a day.
func (x *Retention) before(r *Rule) time.Time {
	at := x.cfg.Clock.Now().AddDate(0, 0, -r.KeepDays)
	if r.Action == Anonymise {
		return dayOf(at, x.zone())
	}
	return at
}

func (x *Retention) zone() *time.Location {
	if x.cfg.Zone == nil {
		return time.UTC
	}
	return x.cfg.Zone()
}

// dayOf returns when the day of a moment began.
func dayOf(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, zone).UTC()
}

// expiry is what a rule about events asks of the warehouse.
func (x *Retention) expiry(r *Rule, before time.Time, keep []touchstone.NodeID) warehouse.Expiry {
	e := warehouse.Expiry{Event: r.Event, Source: r.Source, Before: before, Keep: keep, Zone: x.zone()}
	if r.Action == Anonymise {
		e.Anonymise = x.cfg.Personal
	}
	return e
}

func (x *Retention) heldNodes(ctx context.Context) (nodes []touchstone.NodeID, err error) {
	held, err := x.cfg.Held(ctx)
	for _, list := range held {
		nodes = append(nodes, list...)
	}
	return nodes, err
}
