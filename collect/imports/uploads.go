package imports

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/disk"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/store"
)

// UploadConfig bounds the files that are sent in.
type UploadConfig struct {
	Dir      string     // where they lie; empty: no uploads here
	Key      *vault.Key // that encrypts them; nil: they are in the clear
	MaxBytes int64      // of one file; 1 GiB
	MaxTotal int64      // of all, as they were announced; 10 GiB
	MaxFiles int        // 100

	KeepPartial time.Duration // how long an unfinished one is kept after its last part; 2 days
	KeepDone    time.Duration // and a whole one after it was last used; 7 days

	MinFreeBytes int64 // of the disk; 0: 2 %, at least 1 GiB
	Free         func(dir string) (free, total int64, err error)
}

func (c *UploadConfig) setDefaults() {
	c.MaxBytes = cmp.Or(c.MaxBytes, 1<<30)
	c.MaxTotal = cmp.Or(c.MaxTotal, 10<<30)
	c.MaxFiles = cmp.Or(c.MaxFiles, 100)
	c.KeepPartial = cmp.Or(c.KeepPartial, 48*time.Hour)
	c.KeepDone = cmp.Or(c.KeepDone, 7*24*time.Hour)
	if c.Free == nil {
		c.Free = disk.Free
	}
}

// uploads keeps files that are sent in parts. What the store says was received is on disk:
// a part is written and synced first and counted then, so a crash between the two leaves
// bytes behind the counted ones, which the next part overwrites.
type uploads struct {
	UploadConfig
	db    *store.DB
	clock touchstone.Clock
	turn  chan struct{} // capacity 1: one part is written at a time

	bytes   prometheus.Counter
	refused *prometheus.CounterVec
}

func newUploads(cfg UploadConfig, db *store.DB, clock touchstone.Clock, reg prometheus.Registerer) *uploads {
	cfg.setDefaults()
	u := &uploads{UploadConfig: cfg, db: db, clock: clock, turn: make(chan struct{}, 1),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_console_upload_bytes_total",
			Help: "Bytes of uploaded files that were written."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_import_uploads_refused_total",
			Help: "Uploads and parts of them that were refused, by reason: too_large, full, disk."}, []string{"reason"}),
	}
	if reg != nil {
		reg.MustRegister(u.bytes, u.refused)
	}
	return u
}

// uploadRow is an upload as it is stored.
type uploadRow struct {
	id, name, head                   string
	size, received                   int64
	hash, fingerprint                string
	actorKind, actorID, actorName    string
	createdAt, touchedAt, finishedAt int64
}

const uploadColumns = `id, name, head, size, received, hash, fingerprint, actor_kind, actor_id, actor_name, created_at, touched_at, finished_at`

func scanUpload(row scanner) (u uploadRow, err error) {
	return u, row.Scan(&u.id, &u.name, &u.head, &u.size, &u.received, &u.hash, &u.fingerprint, &u.actorKind, &u.actorID, &u.actorName,
		&u.createdAt, &u.touchedAt, &u.finishedAt)
}

func (u *uploads) here() error {
	if u.Dir == "" {
		return api.NotHere("uploads")
	}
	return nil
}

// path is where the bytes of an upload lie. Ids are made here; what people call a file never
// becomes a part of a path.
func (u *uploads) path(row uploadRow) string { return filepath.Join(u.Dir, row.id) }

func (u *uploads) find(ctx context.Context, q store.Querier, id string) (uploadRow, error) {
	if err := u.here(); err != nil {
		return uploadRow{}, err
	}
	row, err := scanUpload(q.QueryRow(ctx, `SELECT `+uploadColumns+` FROM import_uploads WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return row, touchstone.Errorf(touchstone.NotFound, "There is no upload %.60q.", id).WithHint("Unfinished and used files are deleted after some days. Send the file again.")
	}
	return row, err
}

// whole returns an upload of which every byte is here.
func (u *uploads) whole(ctx context.Context, id string) (uploadRow, error) {
	row, err := u.find(ctx, u.db.Reader(), id)
	if err != nil {
		return row, err
	}
	if row.finishedAt == 0 {
		return row, touchstone.Errorf(touchstone.Conflict, "The file is not here as a whole yet: %s of %s.", disk.Text(row.received), disk.Text(row.size))
	}
	if size, err := u.stored(row); err != nil || size != row.size {
		return row, lostUpload()
	}
	now := u.clock.Now().UnixMilli()
	if now-row.touchedAt > time.Hour.Milliseconds() { // it is in use: keep it
		err = u.db.Retry(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE import_uploads SET touched_at = ? WHERE id = ?`, now, row.id)
			return err
		})
	}
	return row, err
}

func lostUpload() error {
	return touchstone.Errorf(touchstone.NotFound, "The file's bytes are not on this server.").WithHint("Send the file again.")
}

// begin finds the upload of the same file by the same person, or makes it.
func (u *uploads) begin(ctx context.Context, want uploadRow) (row uploadRow, made bool, err error) {
	if err := u.here(); err != nil {
		return row, false, err
	}
	switch {
	case want.size <= 0:
		return row, false, touchstone.Errorf(touchstone.Invalid, "The file is empty.")
	case want.size > u.MaxBytes:
		u.refused.WithLabelValues("too_large").Inc()
		return row, false, touchstone.Errorf(touchstone.TooLarge, "The file has %s; the limit is %s.", disk.Text(want.size), disk.Text(u.MaxBytes)).
			WithHint("Pack it with gzip, or send it with touchstone import, which has no limit.")
	}
	if err := u.sweep(ctx); err != nil {
		return row, false, err
	}
	if err := u.checkDisk(want.size); err != nil {
		return row, false, err
	}
	if err := os.MkdirAll(u.Dir, 0o700); err != nil {
		return row, false, fmt.Errorf("make the folder of uploads: %w", err)
	}
	err = u.db.Retry(ctx, func(tx *store.Tx) error {
		row, err = scanUpload(tx.QueryRow(ctx, `SELECT `+uploadColumns+` FROM import_uploads
			WHERE name = ? AND size = ? AND head = ? AND actor_kind = ? AND actor_id = ? ORDER BY created_at DESC LIMIT 1`,
			want.name, want.size, want.head, want.actorKind, want.actorID))
		if made = errors.Is(err, sql.ErrNoRows); !made {
			return err
		}
		return u.insert(ctx, tx, &row, want)
	})
	return row, made, err
}

func (u *uploads) insert(ctx context.Context, tx *store.Tx, row *uploadRow, want uploadRow) error {
	var files, total int64
	if err := tx.QueryRow(ctx, `SELECT count(*), coalesce(sum(size), 0) FROM import_uploads`).Scan(&files, &total); err != nil {
		return err
	}
	if files >= int64(u.MaxFiles) || total+want.size > u.MaxTotal {
		u.refused.WithLabelValues("full").Inc()
		return touchstone.Errorf(touchstone.Conflict, "There is no room for another file: %d uploads with %s are kept.", files, disk.Text(total)).
			WithHint("Delete some that are done with; whole ones go by themselves after %d days without use.", int(u.KeepDone.Hours()/24))
	}
	now := u.clock.Now().UnixMilli()
	*row = want
	row.id, row.createdAt, row.touchedAt = randid.New("upl"), now, now
	_, err := tx.Exec(ctx, `INSERT INTO import_uploads (`+uploadColumns+`) VALUES (?, ?, ?, ?, 0, '', '', ?, ?, ?, ?, ?, 0)`,
		row.id, row.name, row.head, row.size, row.actorKind, row.actorID, row.actorName, row.createdAt, row.touchedAt)
	return err
}

// checkDisk refuses bytes that would leave too little room for events.
func (u *uploads) checkDisk(more int64) error {
	dir := u.Dir
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Dir(dir)
	}
	free, total, err := u.Free(dir)
	if err != nil || free-more >= disk.Least(u.MinFreeBytes, total) {
		return nil //nolint:nilerr // what cannot be measured does not stop uploads
	}
	u.refused.WithLabelValues("disk").Inc()
	e := touchstone.Errorf(touchstone.Unavailable, "The disk is nearly full: %s of %s free.", disk.Text(free), disk.Text(total)).
		WithHint("Free space on the server, or send the file packed.")
	e.RetryAfter = 30 * time.Second
	return e
}

// wrongOffset tells where an upload goes on.
type wrongOffset struct {
	err    *touchstone.Error
	offset int64
}

func (e wrongOffset) Error() string { return e.err.Error() }
func (e wrongOffset) Unwrap() error { return e.err }

// append writes the next part of a file.
func (u *uploads) append(ctx context.Context, id string, offset int64, part []byte) (row uploadRow, err error) {
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return row, ctx.Err()
	}
	if row, err = u.find(ctx, u.db.Reader(), id); err != nil {
		return row, err
	}
	end := offset + int64(len(part))
	switch {
	case offset != row.received:
		return row, wrongOffset{touchstone.Errorf(touchstone.Conflict, "The file goes on with byte %d, not with byte %d.", row.received, offset).
			WithHint("GET /api/v1/uploads/%s tells the offset.", row.id), row.received}
	case end > row.size:
		return row, touchstone.Errorf(touchstone.TooLarge, "The file was announced with %d bytes; this part ends at %d.", row.size, end)
	case len(part) == 0:
		return row, nil
	}
	if err := u.checkDisk(int64(len(part))); err != nil {
		return row, err
	}
	sum, err := resumeHash(row.hash)
	if err != nil {
		return row, err
	}
	if err := u.write(row, part); err != nil {
		return row, err
	}
	sum.Write(part)
	row.received, row.touchedAt = end, u.clock.Now().UnixMilli()
	if row.hash, err = pauseHash(sum); err != nil {
		return row, err
	}
	if row.received == row.size {
		row.finishedAt, row.fingerprint = row.touchedAt, "sha256:"+hex.EncodeToString(sum.Sum(nil))
	}
	u.bytes.Add(float64(len(part)))
	// The part is on disk, also if the caller has gone.
	ctx = context.WithoutCancel(ctx)
	return row, u.db.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE import_uploads SET received = ?, hash = ?, fingerprint = ?, touched_at = ?, finished_at = ? WHERE id = ?`,
			row.received, row.hash, row.fingerprint, row.touchedAt, row.finishedAt, row.id)
		return err
	})
}

// stored is how many bytes of an upload there are.
func (u *uploads) stored(row uploadRow) (int64, error) {
	f, err := vault.Open(u.path(row), u.Key, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	return f.Size(), f.Close()
}

// write puts a part behind the bytes that count and has the disk keep it.
func (u *uploads) write(row uploadRow, part []byte) (err error) {
	f, err := vault.Open(u.path(row), u.Key, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open an upload: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Size() < row.received {
		return lostUpload()
	}
	if err := f.Truncate(row.received); err != nil {
		return fmt.Errorf("cut an upload: %w", err)
	}
	if _, err := f.Write(part); err != nil {
		return fmt.Errorf("write an upload: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync an upload: %w", err)
	}
	if row.received == 0 {
		return syncFolder(u.Dir)
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the folder of uploads: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the folder of uploads: %w", err)
	}
	return nil
}

// The state of a SHA-256 is kept with the offset, so that a gigabyte is not read again.
func resumeHash(state string) (hash.Hash, error) {
	h := sha256.New()
	if state == "" {
		return h, nil
	}
	b, err := hex.DecodeString(state)
	if err == nil {
		err = h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
	}
	if err != nil {
		return nil, fmt.Errorf("the kept digest of an upload: %w", err)
	}
	return h, nil
}

func pauseHash(h hash.Hash) (string, error) {
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	return hex.EncodeToString(b), err
}

// remove deletes an upload.
func (u *uploads) remove(ctx context.Context, row uploadRow) error {
	err := u.db.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM import_uploads WHERE id = ?`, row.id)
		return err
	})
	if err == nil {
		if err = os.Remove(u.path(row)); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	return err
}

// sweep deletes what nobody went on with, what was used, and files that no row names. Uploads
// that an import still reads stay.
func (u *uploads) sweep(ctx context.Context) error {
	if u.Dir == "" {
		return nil
	}
	now := u.clock.Now()
	old, err := u.list(ctx, `WHERE (finished_at = 0 AND touched_at < ? OR touched_at < ?)
		AND id NOT IN (SELECT upload_id FROM import_runs WHERE state = 'running')`,
		now.Add(-u.KeepPartial).UnixMilli(), now.Add(-u.KeepDone).UnixMilli())
	if err != nil {
		return err
	}
	for _, row := range old {
		if err := u.remove(ctx, row); err != nil {
			return err
		}
	}
	return u.sweepFolder(ctx)
}

// sweepFolder deletes files that no row names: a crash came between the two.
func (u *uploads) sweepFolder(ctx context.Context) error {
	files, err := os.ReadDir(u.Dir)
	if errors.Is(err, os.ErrNotExist) || len(files) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	known := map[string]bool{}
	rows, err := u.list(ctx, "")
	if err != nil {
		return err
	}
	for _, row := range rows {
		known[row.id] = true
	}
	for _, f := range files {
		info, err := f.Info()
		if known[f.Name()] || err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(u.Dir, f.Name())); err != nil {
			return fmt.Errorf("delete an upload: %w", err)
		}
	}
	return nil
}

func (u *uploads) list(ctx context.Context, where string, args ...any) ([]uploadRow, error) {
	rows, err := u.db.Reader().Query(ctx, `SELECT `+uploadColumns+` FROM import_uploads `+where+` ORDER BY created_at DESC, id DESC`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []uploadRow
	for rows.Next() {
		row, err := scanUpload(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}
