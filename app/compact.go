package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/privacy"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// Compaction is what a compaction has done.
type Compaction struct {
	Began       time.Time           `json:"began"`
	Ended       time.Time           `json:"ended"`
	Identifiers int                 `json:"identifiers"` // of the erased, that were looked for
	Log         jetstream.Rewritten `json:"log"`
	Uploads     int                 `json:"uploads"`  // files that named somebody, and were deleted
	Mentions    int64               `json:"mentions"` // events of others in the warehouse that named somebody
	Store       [2]int64            `json:"store"`    // bytes before and after
	Warehouse   [2]int64            `json:"warehouse"`
	Left        []string            `json:"left"` // what was not rewritten, and why; receipts do not say that all was then
}

// CompactOptions say what is to be rewritten, beside the data folder.
type CompactOptions struct {
	KeyFile  string // of the encryption
	Key      string // of the tombstones; empty: that of the data folder
	StoreURL string // of a PostgreSQL; empty: the store is in the data folder
	MostFull int64  // bytes up to which a table of PostgreSQL is rewritten; 0: any
	Step     func(what string)
}

// Compact rewrites the files of a data folder that no server has open, so that nothing is left in
// them of what was erased: records of the log lose the events of the erased, the store and the
// warehouse what lies in their free space, and uploads that name somebody are deleted. Tables of a PostgreSQL are
// rewritten, too. Each step leaves its files as
// they were or done, and does nothing where it was done: after a kill it is begun again.
func Compact(ctx context.Context, data string, o CompactOptions) (c Compaction, err error) {
	step, key := o.Step, o.Key
	if err := backup.CheckFinished(data); err != nil {
		return c, err
	}
	folder, err := openFolder(data, o.KeyFile)
	if err != nil {
		return c, err
	}
	seal, err := logSeal(folder)
	if err != nil {
		return c, err
	}
	c.Began = time.Now().UTC().Truncate(time.Millisecond)
	logDir := filepath.Join(data, streamName)
	step("reading the log")
	var keyKey *vault.Key // one that lies elsewhere is in the clear
	if key == "" {
		key, keyKey = filepath.Join(data, keyName), folder.Key()
	}
	keys, err := privacy.LoadKeys(key, keyKey)
	if err != nil {
		return c, err
	}
	r := privacy.NewRedactor(keys)
	if _, err := jetstream.Rewrite(ctx, logDir, seal, seal, func(partition int, at stream.Offset, record []byte) ([]byte, error) {
		return nil, r.Learn(partition, at, record)
	}); err != nil {
		return c, err
	}
	if c.Identifiers = r.Identifiers(); c.Identifiers > 0 {
		step("uploads") // before the log, which says whom to look for
		if c.Uploads, err = deleteUploads(ctx, filepath.Join(data, "uploads"), folder.Key(), r.Values()); err != nil {
			return c, err
		}
		step("events of others in the warehouse")
		if c.Mentions, err = duckdb.Redact(ctx, filepath.Join(data, warehouseName), warehouseKey(folder), r.StripTexts); err != nil {
			return c, err
		}
		step("rewriting the log")
		if c.Log, err = jetstream.Rewrite(ctx, logDir, seal, seal, r.Change); err != nil {
			return c, err
		}
	}
	step("the warehouse")
	if c.Warehouse[0], c.Warehouse[1], err = duckdb.Rewrite(ctx, filepath.Join(data, warehouseName), warehouseKey(folder)); err != nil {
		return c, err
	}
	if o.StoreURL != "" {
		return c, compactPostgres(ctx, logDir, o, &c)
	}
	step("the store")
	path := filepath.Join(data, storeName)
	if c.Store[0], c.Store[1], err = sqlite.Pack(ctx, path, storeKey(folder)); err != nil || c.Store[0] == 0 {
		return c, err
	}
	c.Ended = time.Now().UTC().Truncate(time.Millisecond)
	db, err := sqlite.Open(path, sqlite.Options{Key: storeKey(folder)})
	if err != nil {
		return c, err
	}
	return c, errors.Join(privacy.NoteCompaction(ctx, db, c.Began, c.Ended, &c), db.Close())
}

// compactPostgres rewrites the tables, and notes that all is done if it is: records of a log that is not in the folder
// stay.
func compactPostgres(ctx context.Context, logDir string, o CompactOptions, c *Compaction) error {
	o.Step("the tables of PostgreSQL")
	done, err := postgres.Rewrite(ctx, o.StoreURL, o.MostFull)
	c.Store, c.Left = [2]int64{done.Before, done.After}, done.Left
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(logDir, "jetstream")); errors.Is(err, fs.ErrNotExist) {
		c.Left = append(c.Left, "the log is not in the data folder")
	}
	c.Ended = time.Now().UTC().Truncate(time.Millisecond)
	if len(c.Left) > 0 {
		return nil
	}
	db, err := postgres.Open(ctx, o.StoreURL, postgres.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	return errors.Join(privacy.NoteCompaction(ctx, db, c.Began, c.Ended, c), db.Close())
}

// Found is a value in a file.
type Found struct {
	File  string `json:"file"`
	Value string `json:"value"`
	Times int    `json:"times"`
}

// Scan looks for values in every byte of a folder's files, and in the records of its log, which
// are packed. Folders of backups are passed over: they end when they are rotated out. In an encrypted folder, whose bytes tell
// nothing, it looks into what they mean: every byte of the store with its free pages, of the program's own
// files, and every row of the warehouse, but not what lies in the free space of that.
func Scan(ctx context.Context, data, keyFile string, values []string) (found []Found, files int, err error) {
	folder, err := openFolder(data, keyFile)
	if err != nil {
		return nil, 0, err
	}
	seal, err := logSeal(folder)
	if err != nil {
		return nil, 0, err
	}
	m, err := newSearch(values)
	if err != nil {
		return nil, 0, err
	}
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "backups" {
				return filepath.SkipDir
			}
			return ctx.Err()
		}
		if !d.Type().IsRegular() {
			return nil
		}
		files++
		name, err := filepath.Rel(data, path)
		if err != nil {
			return err
		}
		key := folder.Key()
		if is, err := vault.Sealed(path); err != nil || !is {
			key = nil
		}
		times, err := searchFile(path, key, m)
		for v, n := range times {
			found = append(found, Found{name, v, n})
		}
		return err
	})
	if err != nil {
		return found, files, err
	}
	logDir := filepath.Join(data, streamName)
	if _, err := os.Stat(logDir); errors.Is(err, fs.ErrNotExist) { // a folder of something else
		return found, files, nil
	}
	_, err = jetstream.Rewrite(ctx, logDir, seal, seal, func(_ int, at stream.Offset, record []byte) ([]byte, error) {
		frames, err := stream.DecodeRecord(record)
		if err != nil {
			return nil, err
		}
		times := map[string]int{}
		for frame := range frames.All() {
			m.count([]byte(frame), times)
		}
		for v, n := range times {
			found = append(found, Found{fmt.Sprintf("%s, record %d", streamName, at), v, n})
		}
		return nil, nil
	})
	if err == nil && folder != nil {
		err = scanEncrypted(ctx, data, folder, m, &found)
	}
	return found, files, err
}

// newSearch refuses values that would be found by chance.
func newSearch(values []string) (*matcher, error) {
	for _, v := range values {
		if len(v) < 5 {
			return nil, touchstone.Errorf(touchstone.Invalid, "%q is too short to be looked for: it would be found by chance", v).WithHint("name values of five bytes or more")
		}
	}
	return newMatcher(values), nil
}

// ScanStore looks for values in all rows of all tables of a PostgreSQL, and in what its planner has sampled.
func ScanStore(ctx context.Context, url string, values []string) (found []Found, tables int, err error) {
	m, err := newSearch(values)
	if err != nil {
		return nil, 0, err
	}
	tables, err = postgres.Dump(ctx, url, func(table string, rows io.Reader) error {
		times, err := searchIn(rows, m)
		for v, n := range times {
			found = append(found, Found{table, v, n})
		}
		return err
	})
	return found, tables, err
}

// scanEncrypted looks for values in what a store and a warehouse hold that are encrypted.
func scanEncrypted(ctx context.Context, data string, folder *vault.Folder, m *matcher, found *[]Found) error {
	add := func(where string, times map[string]int) {
		for v, n := range times {
			*found = append(*found, Found{where, v, n})
		}
	}
	times, tail := map[string]int{}, []byte(nil)
	err := sqlite.Read(filepath.Join(data, storeName), storeKey(folder), func(_ string, at int64, part []byte) error {
		if at == 0 { // another file
			tail = nil
		}
		whole := append(tail, part...)
		m.count(whole, times)
		keep := bytes.Clone(whole[len(whole)-min(len(whole), m.longest-1):])
		m.uncount(keep, times)
		tail = keep
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	m.count(tail, times)
	add(storeName, times)
	path := filepath.Join(data, warehouseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	rows := map[string]map[string]int{}
	err = duckdb.Texts(ctx, path, warehouseKey(folder), func(table, row string) {
		if rows[table] == nil {
			rows[table] = map[string]int{}
		}
		m.count([]byte(row), rows[table])
	})
	for table, times := range rows {
		add(warehouseName+", table "+table, times)
	}
	return err
}

// searchFile counts values in a file, which is encrypted if there is a key.
func searchFile(path string, key *vault.Key, m *matcher) (map[string]int, error) {
	f, err := openEither(path, key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return searchIn(f, m)
}

// searchIn counts values in all that r gives.
func searchIn(r io.Reader, m *matcher) (map[string]int, error) {
	times := map[string]int{}
	const piece = 4 << 20
	buf := make([]byte, 0, piece+m.longest)
	for {
		n, err := io.ReadFull(r, buf[len(buf):piece])
		buf = buf[:len(buf)+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return nil, err
		}
		m.count(buf, times)
		if last {
			return times, nil
		}
		keep := min(len(buf), m.longest-1) // a value may begin in it; one that is whole in it is too short to be
		tail := buf[len(buf)-keep:]
		m.uncount(tail, times)
		buf = append(buf[:0], tail...)
	}
}

func openEither(path string, key *vault.Key) (io.ReadCloser, error) {
	if key == nil {
		return os.Open(path)
	}
	return vault.Open(path, key, os.O_RDONLY, 0)
}

// matcher finds many values in one pass: by their first bytes.
type matcher struct {
	by      map[[5]byte][]string
	longest int
}

func newMatcher(values []string) *matcher {
	m := &matcher{by: map[[5]byte][]string{}}
	for _, v := range values {
		if len(v) < 5 {
			continue
		}
		head := [5]byte([]byte(v[:5]))
		m.by[head] = append(m.by[head], v)
		m.longest = max(m.longest, len(v))
	}
	m.longest = max(m.longest, 1)
	return m
}

func (m *matcher) each(text []byte, fn func(v string)) {
	for i := 0; i+5 <= len(text); i++ {
		list, some := m.by[[5]byte(text[i:i+5])]
		if !some {
			continue
		}
		for _, v := range list {
			if bytes.HasPrefix(text[i:], []byte(v)) {
				fn(v)
			}
		}
	}
}

func (m *matcher) count(text []byte, times map[string]int) {
	m.each(text, func(v string) { times[v]++ })
}

// uncount takes back what lies whole in a piece that comes once more.
func (m *matcher) uncount(text []byte, times map[string]int) {
	m.each(text, func(v string) {
		if times[v]--; times[v] == 0 {
			delete(times, v)
		}
	})
}
