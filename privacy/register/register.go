// Package register keeps the records of processing that the law asks for (GDPR article 30; PIPL articles 55 and 56): what
// is done with which data of whom, why, on what ground, who gets it and how long it is kept; and the assessments of what
// that means for people. What the program can know it fills in and holds against what people have written: data that is
// collected, recipients, purposes and rules of retention. What no activity covers is a [Gap].
//
// docs/design/register.md tells the rest.
package register

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Config is what Open needs.
type Config struct {
	DB    *store.DB
	Clock touchstone.Clock
	// Facts tells what the program knows of itself.
	Facts func(ctx context.Context) (Facts, error)
	// Tell tells people of a gap that was opened or closed, in the transaction that writes it down; nil: nobody is told.
	Tell   func(ctx context.Context, tx *store.Tx, g Gap) error
	Logger *slog.Logger
}

// Register keeps the records.
type Register struct{ cfg Config }

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Register, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Register{cfg}, cfg.DB.Migrate(ctx, "register", store.Migrations(migrationFiles))
}

// kind is what a record is.
type kind string

const (
	headKind       kind = "head"
	activityKind   kind = "activity"
	assessmentKind kind = "assessment"
)

const headID = "head"

// maxRecords bounds activities, and assessments.
const (
	maxRecords = 500
	maxBytes   = 256 << 10 // of one
)

// Stamp says which version of a record it is, and whose.
type Stamp struct {
	ID        string    `json:"id"`
	Version   int64     `json:"version"`
	ChangedBy string    `json:"changed_by"`
	ChangedAt time.Time `json:"changed_at"`
}

// row is a record as it is stored.
type row struct {
	Stamp
	kind kind
	body string
}

const rowColumns = `id, kind, version, body, changed_by, changed_at`

func scanRow(scan func(...any) error) (r row, err error) {
	var at int64
	err = scan(&r.ID, &r.kind, &r.Version, &r.body, &r.ChangedBy, &at)
	r.ChangedAt = time.UnixMilli(at).UTC()
	return r, err
}

func readRow(ctx context.Context, q store.Querier, id string, k kind) (row, error) {
	r, err := scanRow(q.QueryRow(ctx, `SELECT `+rowColumns+` FROM register_records WHERE id = ? AND kind = ?`, id, string(k)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, touchstone.Errorf(touchstone.NotFound, "There is no record %.60q in the register.", id)
	}
	return r, err
}

func readRows(ctx context.Context, q store.Querier) (list []row, err error) {
	rows, err := q.Query(ctx, `SELECT `+rowColumns+` FROM register_records ORDER BY kind, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// write keeps the next version of a record beside those before it.
func (x *Register) write(ctx context.Context, tx *store.Tx, was row, body any, by string) (Stamp, error) {
	s := Stamp{ID: was.ID, Version: was.Version + 1, ChangedBy: by, ChangedAt: x.cfg.Clock.Now().UTC().Truncate(time.Millisecond)}
	text, err := json.Marshal(body)
	if err != nil {
		return s, err
	}
	if len(text) > maxBytes {
		return s, touchstone.Errorf(touchstone.TooLarge, "A record of the register has at most %d bytes.", maxBytes)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO register_records (id, kind, version, body, changed_by, changed_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		s.ID, string(was.kind), s.Version, string(text), by, s.ChangedAt.UnixMilli()); err != nil {
		return s, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO register_versions (id, version, body, changed_by, changed_at) VALUES (?, ?, ?, ?, ?)`, s.ID, s.Version, string(text), by, s.ChangedAt.UnixMilli())
	return s, err
}

// create makes a record, unless there are too many of its kind.
func (x *Register) create(ctx context.Context, tx *store.Tx, k kind, prefix string, body any, by string) (Stamp, error) {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM register_records WHERE kind = ?`, string(k)).Scan(&n); err != nil {
		return Stamp{}, err
	}
	if n >= maxRecords {
		return Stamp{}, touchstone.Errorf(touchstone.Conflict, "The register has %d records of this kind, the most there are.", n)
	}
	return x.write(ctx, tx, row{Stamp: Stamp{ID: randid.New(prefix)}, kind: k}, body, by)
}

// Version is a record as it was.
type Version struct {
	Stamp
	Record json.RawMessage `json:"record"`
}

// Versions returns the versions of a record, the newest first, at most 200.
func (x *Register) Versions(ctx context.Context, id string) ([]Version, error) {
	rows, err := x.cfg.DB.Reader().Query(ctx, `SELECT id, version, body, changed_by, changed_at FROM register_versions WHERE id = ? ORDER BY version DESC LIMIT 200`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Version{}
	for rows.Next() {
		var v Version
		var body string
		var at int64
		if err := rows.Scan(&v.ID, &v.Version, &body, &v.ChangedBy, &at); err != nil {
			return nil, err
		}
		v.ChangedAt, v.Record = time.UnixMilli(at).UTC(), json.RawMessage(body)
		list = append(list, v)
	}
	if err := rows.Err(); err == nil && len(list) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "There is no record %.60q in the register.", id)
	}
	return list, rows.Err()
}
