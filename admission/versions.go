package admission

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Command is the kind of the command that sets rules: [Body].
const Command = "admission.set"

// Body is what a version says, and the body of [Command], which replaces the rules and leaves
// plans and mending rules as they are.
type Body struct {
	Rules []Rule      `json:"rules"`
	Plans []Use       `json:"plans,omitempty"` // by their ids
	Mends []mend.Rule `json:"mends,omitempty"` // in the order in which they work
}

// Result tells what the command made.
type Result struct {
	Version uint64 `json:"version"`
}

// Version is a set of rules that holds, or has held.
type Version struct {
	Version uint64    // the record of its command; 0 when none was ever set
	SetAt   time.Time // when the command was given
	Actor   string
	Body
}

// Span says from which record of a partition on rules hold, up to the next span.
type Span struct {
	From  uint64
	Rules *Rules
}

// Config is what Open needs.
type Config struct {
	DB    *store.DB
	Clock touchstone.Clock // of drafts
	// Committed tells, by partition, the last record that the pipeline has committed.
	Committed func(ctx context.Context, q store.Querier) ([]uint64, error)
}

// Versions are the rules of a store, with their places in the log.
type Versions struct {
	cfg Config

	mu       sync.Mutex
	compiled map[uint64]*Rules

	edge edge

	tidied int64 // the hour in which old breaches were last deleted
}

// maxCompiled bounds the sets of rules that are kept ready.
const maxCompiled = 32

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Versions, error) {
	return &Versions{cfg: cfg, compiled: map[uint64]*Rules{}}, cfg.DB.Migrate(ctx, "admission", store.Migrations(migrationFiles))
}

// CheckBody tells what is wrong with a command's body.
func CheckBody(body touchstone.JSON) error {
	_, err := parseRules(body)
	return err
}

func parseRules(body touchstone.JSON) (Body, error) {
	in, err := parse(string(body))
	if err == nil && len(in.Plans)+len(in.Mends) > 0 {
		err = touchstone.Errorf(touchstone.Invalid, "Plans are published and mending rules put one by one, not with the rules.")
	}
	return in, err
}

func parse(body string) (in Body, err error) {
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return in, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return in, Check(in.Rules)
}

// Set carries the command out.
func (v *Versions) Set(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	in, err := parseRules(c.Body)
	if err != nil {
		return nil, err
	}
	return v.change(ctx, tx, &c, func(b *Body) error {
		b.Rules = in.Rules
		return nil
	})
}

// change makes a new version of the latest. It holds for what follows the command: in its own
// partition from its record on, in the others from where the pipeline is in this transaction.
func (v *Versions) change(ctx context.Context, tx *store.Tx, c *touchstone.Command, edit func(*Body) error) (Result, error) {
	latest, err := v.Latest(ctx, tx)
	if err != nil {
		return Result{}, err
	}
	if err := edit(&latest.Body); err != nil {
		return Result{}, err
	}
	text, err := json.Marshal(latest.Body)
	if err != nil {
		return Result{}, err
	}
	if _, err := Compile(&latest.Body); err != nil {
		return Result{}, err
	}
	committed, err := v.cfg.Committed(ctx, tx)
	if err != nil {
		return Result{}, err
	}
	version := c.Seq.Offset()
	if _, err := tx.Exec(ctx, `INSERT INTO admission_versions (version, set_at, actor, rules) VALUES (?, ?, ?, ?)`,
		int64(version), c.SubmittedAt.UnixMilli(), c.Actor, string(text)); err != nil { //nolint:gosec // 40 bits
		return Result{}, err
	}
	for i, through := range committed {
		from := through + 1
		if i == c.Seq.Partition() {
			from = version
		}
		if _, err := tx.Exec(ctx, `INSERT INTO admission_places (version, partition_id, from_record) VALUES (?, ?, ?)`, int64(version), i, int64(from)); err != nil { //nolint:gosec // 40 bits
			return Result{}, err
		}
	}
	return Result{version}, nil
}

// Latest returns the version that holds now.
func (v *Versions) Latest(ctx context.Context, q store.Querier) (Version, error) {
	var out Version
	var version, at int64
	var text string
	err := q.QueryRow(ctx, `SELECT version, set_at, actor, rules FROM admission_versions ORDER BY version DESC LIMIT 1`).Scan(&version, &at, &out.Actor, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return Version{Body: Body{Rules: []Rule{}}}, nil
	}
	if err != nil {
		return out, err
	}
	body, err := parse(text)
	out.Version, out.SetAt, out.Body = uint64(version), time.UnixMilli(at), body //nolint:gosec // 40 bits
	return out, err
}

// Current returns the rules that hold now; nil when there are none.
func (v *Versions) Current(ctx context.Context, q store.Querier) (*Rules, error) {
	var version int64
	err := q.QueryRow(ctx, `SELECT COALESCE(MAX(version), 0) FROM admission_versions`).Scan(&version)
	if err != nil || version == 0 {
		return nil, err
	}
	return v.rules(ctx, q, uint64(version)) //nolint:gosec // 40 bits
}

// Spans returns what held for the records of a partition from first to last, in order; nil
// when nothing did.
func (v *Versions) Spans(ctx context.Context, q store.Querier, partition int, first, last uint64) ([]Span, error) {
	rows, err := q.Query(ctx, `SELECT v.version, COALESCE(p.from_record, 0) AS since FROM admission_versions v
		LEFT JOIN admission_places p ON p.version = v.version AND p.partition_id = ?
		WHERE COALESCE(p.from_record, 0) <= ? ORDER BY v.version`, partition, int64(last)) //nolint:gosec // 40 bits
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type place struct{ version, from uint64 }
	var places []place
	for rows.Next() {
		var version, from int64
		if err := rows.Scan(&version, &from); err != nil {
			return nil, err
		}
		at := place{uint64(version), uint64(from)} //nolint:gosec // 40 bits
		if at.from <= first {                      // the ones before have ended
			places = places[:0]
		}
		places = append(places, at)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var spans []Span
	for _, at := range places {
		rules, err := v.rules(ctx, q, at.version)
		if err != nil {
			return nil, err
		}
		spans = append(spans, Span{at.from, rules})
	}
	return spans, nil
}

// rules returns a version made ready. A version's number is its command's place in the log,
// so what is kept under it stays right, also when the transaction that set it is taken back.
func (v *Versions) rules(ctx context.Context, q store.Querier, version uint64) (*Rules, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.compiled[version]; ok {
		return c, nil
	}
	var text string
	if err := q.QueryRow(ctx, `SELECT rules FROM admission_versions WHERE version = ?`, int64(version)).Scan(&text); err != nil { //nolint:gosec // 40 bits
		return nil, fmt.Errorf("version %d of the admission rules: %w", version, err)
	}
	body, err := parse(text)
	if err != nil {
		return nil, err
	}
	c, err := Compile(&body)
	if err != nil {
		return nil, err
	}
	if len(v.compiled) >= maxCompiled {
		clear(v.compiled)
	}
	v.compiled[version] = c
	return c, nil
}

// Prune forgets what only records before first of a partition needed: they are gone.
func (v *Versions) Prune(ctx context.Context, tx *store.Tx, partition int, first uint64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM admission_places WHERE partition_id = ? AND version <
		(SELECT MAX(version) FROM admission_places WHERE partition_id = ? AND from_record <= ?)`, partition, partition, int64(first)); err != nil { //nolint:gosec // 40 bits
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM admission_versions WHERE version NOT IN (SELECT version FROM admission_places)
		AND version < (SELECT MAX(version) FROM admission_versions)`)
	return err
}
