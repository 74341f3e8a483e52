package imports

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/store"
)

// importRow is an import as it is stored.
type importRow struct {
	id, file, fingerprint string
	size                  int64
	sourceID, sourceName  string
	mapping               string
	nextRow               int64
	accepted, rejected    int64
	duplicates            int64
	createdAt, finishedAt int64 // milliseconds
	reasons               []intake.RowReason
}

func (i *importRow) status() string {
	if i.finishedAt != 0 {
		return "finished"
	}
	return "running"
}

// firstImportRow is the number of a file's first row behind its header.
const firstImportRow = 1

const importColumns = `id, file, fingerprint, size, source_id, source_name, mapping, next_row, accepted, rejected, duplicates, created_at, finished_at, reasons`

func scanImport(row scanner) (importRow, error) {
	i := importRow{reasons: []intake.RowReason{}}
	var reasons string
	err := row.Scan(&i.id, &i.file, &i.fingerprint, &i.size, &i.sourceID, &i.sourceName, &i.mapping,
		&i.nextRow, &i.accepted, &i.rejected, &i.duplicates, &i.createdAt, &i.finishedAt, &reasons)
	if err == nil {
		err = json.Unmarshal([]byte(reasons), &i.reasons)
	}
	return i, err
}

func (i *importRow) reasonsJSON() string {
	text, _ := json.Marshal(i.reasons) // texts and numbers only
	return string(text)
}

func findImport(ctx context.Context, q store.Querier, id string) (importRow, error) {
	i, err := scanImport(q.QueryRow(ctx, `SELECT `+importColumns+` FROM imports WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return i, touchstone.Errorf(touchstone.NotFound, "There is no import %.60q.", id)
	}
	return i, err
}

// progress holds how far running imports are.
//
// With SQLite there is one writer, and a pipeline at work holds it for much of the time.
// If each part of a file waited for it, parts and micro-batches would take turns and the
// import would run at half its speed. So progress is written behind, within a second, by
// the one process that there is. After a crash the store may be some parts behind what
// clients were told: they are asked for those rows again (409), and the rows have the
// same message ids, so they are dropped as duplicates.
//
// With PostgreSQL several servers may take parts of one import, and writers do not wait
// for each other: there progress is written with each part, guarded by next_row.
type progress struct {
	db    *store.DB
	limit int

	mu   sync.Mutex
	open map[string]*openImport
}

// openImport is one import in memory. The holder of turn may use the rest.
type openImport struct {
	turn  chan struct{} // capacity 1: parts come one at a time
	row   importRow
	known bool // row was read
	dirty bool // row is ahead of the store
	users int  // guarded by progress.mu
	used  time.Time
}

func newProgress(db *store.DB, limit int) *progress {
	return &progress{db: db, limit: limit, open: make(map[string]*openImport)}
}

func (p *progress) behind() bool { return p.db.Dialect() == store.SQLite }

// take waits for the import's turn and returns it with its row read. Call leave when done.
func (p *progress) take(ctx context.Context, id string, now time.Time) (*openImport, error) {
	o, err := p.enter(id, now)
	if err != nil {
		return nil, err
	}
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		p.exit(o)
		return nil, ctx.Err()
	}
	if !o.known || !p.behind() {
		if o.row, err = findImport(ctx, p.db.Reader(), id); err != nil {
			p.leave(o)
			return nil, err
		}
		o.known = true
	}
	return o, nil
}

func (p *progress) leave(o *openImport) {
	<-o.turn
	p.exit(o)
}

func (p *progress) enter(id string, now time.Time) (*openImport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.open[id]
	if o == nil {
		if len(p.open) >= p.limit && !p.makeRoom() {
			e := touchstone.Errorf(touchstone.Unavailable, "Too many imports are running.")
			e.RetryAfter = 5 * time.Second
			return nil, e
		}
		o = &openImport{turn: make(chan struct{}, 1)}
		p.open[id] = o
	}
	o.users++
	o.used = now
	return o, nil
}

func (p *progress) exit(o *openImport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.users--
	if o.users == 0 && !o.known { // there is no such import
		for id, other := range p.open {
			if other == o {
				delete(p.open, id)
			}
		}
	}
}

// makeRoom forgets the import that was not used for longest and has nothing to write.
func (p *progress) makeRoom() bool {
	oldest := ""
	for id, o := range p.open {
		if o.users == 0 && !o.dirty && (oldest == "" || o.used.Before(p.open[oldest].used)) {
			oldest = id
		}
	}
	delete(p.open, oldest)
	return oldest != ""
}

// advance notes a part that is in the log.
func (p *progress) advance(ctx context.Context, o *openImport, was int64) error {
	if p.behind() {
		o.dirty = true
		return nil
	}
	return p.db.Retry(ctx, func(tx *store.Tx) error {
		res, err := saveImport(ctx, tx, &o.row, was)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		// Another server took the same part; its events are dropped as duplicates.
		o.row, err = findImport(ctx, tx, o.row.id)
		return err
	})
}

const anyRow = -1

func saveImport(ctx context.Context, tx *store.Tx, i *importRow, was int64) (sql.Result, error) {
	return tx.Exec(ctx, `UPDATE imports SET next_row = ?, accepted = ?, rejected = ?, duplicates = ?, finished_at = ?, reasons = ?
		WHERE id = ? AND (next_row = ? OR ? = -1)`, i.nextRow, i.accepted, i.rejected, i.duplicates, i.finishedAt, i.reasonsJSON(), i.id, was, was)
}

// finish writes the import's last state.
func (p *progress) finish(ctx context.Context, o *openImport, now time.Time) error {
	if o.row.finishedAt != 0 {
		return nil
	}
	row := o.row
	row.finishedAt = now.UnixMilli()
	err := p.db.Retry(ctx, func(tx *store.Tx) error {
		_, err := saveImport(ctx, tx, &row, anyRow)
		return err
	})
	if err == nil {
		o.row, o.dirty = row, false
	}
	return err
}

// current returns an import as memory knows it, if it does.
func (p *progress) current(ctx context.Context, row importRow) importRow {
	row, _ = p.visit(ctx, row, func(*importRow) {}) // the stored row will do
	return row
}

// adopt brings memory up to date after the stored source or mapping was changed.
func (p *progress) adopt(ctx context.Context, row importRow) (importRow, error) {
	return p.visit(ctx, row, func(known *importRow) { known.sourceID, known.mapping = row.sourceID, row.mapping })
}

// visit calls fn on the import in memory, if it is there, and returns it; else row.
func (p *progress) visit(ctx context.Context, row importRow, fn func(*importRow)) (importRow, error) {
	if !p.behind() {
		return row, nil
	}
	p.mu.Lock()
	o := p.open[row.id]
	if o != nil {
		o.users++
	}
	p.mu.Unlock()
	if o == nil {
		return row, nil
	}
	defer p.exit(o)
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return row, ctx.Err()
	}
	defer func() { <-o.turn }()
	if !o.known {
		return row, nil
	}
	fn(&o.row)
	return o.row, nil
}

// flush writes what is ahead of the store.
func (p *progress) flush(ctx context.Context) error {
	p.mu.Lock()
	var busy []*openImport
	for _, o := range p.open {
		o.users++
		busy = append(busy, o)
	}
	p.mu.Unlock()
	defer func() {
		for _, o := range busy {
			p.exit(o)
		}
	}()
	var dirty []*openImport
	var rows []importRow
	for _, o := range busy {
		select {
		case o.turn <- struct{}{}:
			if o.dirty {
				dirty, rows = append(dirty, o), append(rows, o.row)
				o.dirty = false
			}
			<-o.turn
		case <-ctx.Done():
		}
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b importRow) int { return int(a.createdAt - b.createdAt) })
	// Not under the imports' turns: parts go on meanwhile. next_row only grows.
	err := p.db.Retry(ctx, func(tx *store.Tx) error {
		for i := range rows {
			_, err := tx.Exec(ctx, `UPDATE imports SET next_row = ?, accepted = ?, rejected = ?, duplicates = ?, reasons = ?
				WHERE id = ? AND next_row < ?`, rows[i].nextRow, rows[i].accepted, rows[i].rejected, rows[i].duplicates, rows[i].reasonsJSON(), rows[i].id, rows[i].nextRow)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, o := range dirty {
			o.turn <- struct{}{} // a part takes seconds at most
			o.dirty = true
			<-o.turn
		}
	}
	return err
}
