// Package presence is the list of the processes that share a store: which roles run where,
// and how they are. It is for people; nothing is decided by it.
package presence

import (
	"context"
	"embed"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Process is a process as it told last.
type Process struct {
	ID      string // one start of it
	Host    string
	PID     int
	Address string // HOST:PORT that it listens on
	Version string
	Roles   []string
	Started time.Time
	Status  touchstone.JSON
	// Ago is how long ago it was last heard of.
	Ago time.Duration
}

// Every is how often a process tells that it is there. One that has been silent for Gone is
// gone, or stands still.
const (
	Every = 2 * time.Second
	Gone  = 4 * Every
	keep  = 24 * time.Hour
)

// Board is where processes tell and are read.
type Board struct {
	db *store.DB

	mu   sync.Mutex
	self Process
	told time.Time
}

// Open returns the board of a store. An SQLite store has one process, so nothing is written.
func Open(ctx context.Context, db *store.DB) (*Board, error) {
	return &Board{db: db}, db.Migrate(ctx, "presence", store.Migrations(migrationFiles))
}

// now is the database's time in unix milliseconds.
const now = `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`

// Tell says that a process is there.
func (b *Board) Tell(ctx context.Context, p Process) error {
	b.mu.Lock()
	b.self, b.told = p, time.Now()
	b.mu.Unlock()
	if b.db.Dialect() == store.SQLite {
		return nil
	}
	return b.db.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO processes (id, host, pid, address, version, roles, started, seen, status) VALUES (?, ?, ?, ?, ?, ?, ?, `+now+`, ?)
			ON CONFLICT (id) DO UPDATE SET address = excluded.address, seen = excluded.seen, status = excluded.status`,
			p.ID, p.Host, p.PID, p.Address, p.Version, strings.Join(p.Roles, ","), p.Started.UnixMilli(), string(p.Status))
		if err != nil {
			return err
		}
		// One that listened where this one does has been replaced by it.
		_, err = tx.Exec(ctx, `DELETE FROM processes WHERE seen < `+now+` - ? OR (host = ? AND address = ? AND id <> ?)`, keep.Milliseconds(), p.Host, p.Address, p.ID)
		return err
	})
}

// Leave takes a process that stops off the list.
func (b *Board) Leave(ctx context.Context, id string) error {
	if b.db.Dialect() == store.SQLite {
		return nil
	}
	return b.db.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM processes WHERE id = ?`, id)
		return err
	})
}

// List returns the processes of the last day, those first that were heard of last.
func (b *Board) List(ctx context.Context) ([]Process, error) {
	if b.db.Dialect() == store.SQLite {
		b.mu.Lock()
		defer b.mu.Unlock()
		self := b.self
		self.Ago = time.Since(b.told)
		if self.ID == "" {
			return nil, nil
		}
		return []Process{self}, nil
	}
	rows, err := b.db.Reader().Query(ctx, `SELECT id, host, pid, address, version, roles, started, status, `+now+` - seen FROM processes ORDER BY seen DESC, id LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Process
	for rows.Next() {
		var p Process
		var roles, status string
		var started, ago int64
		if err := rows.Scan(&p.ID, &p.Host, &p.PID, &p.Address, &p.Version, &roles, &started, &status, &ago); err != nil {
			return nil, err
		}
		p.Roles, p.Status = strings.Split(roles, ","), touchstone.JSON(status)
		p.Started, p.Ago = time.UnixMilli(started).UTC(), max(0, time.Duration(ago)*time.Millisecond)
		all = append(all, p)
	}
	return all, rows.Err()
}
