package privacy

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/store"
)

// grave is what a tombstone says of an identifier.
type grave struct {
	at       int64 // when its person was forgotten, Unix ms
	suppress bool  // nothing is taken in
	lifted   int64 // until when imports are refused, and all if it suppresses; 0: it is not lifted
}

// stands tells whether a tombstone holds for what comes in at a moment. What came before it was lifted
// stays away when the log is read again.
func (g grave) stands(received int64) bool { return g.lifted == 0 || received <= g.lifted }

// graves are the tombstones that were made with this process's key. It is never changed: a new
// one takes its place. Few are added to many, so what is recent is a map of its own.
type graves struct {
	base, recent map[mac]grave
	newest       int64 // the latest erasure, Unix ms
	suppressed   bool  // some suppress
}

func (g *graves) size() int { return len(g.base) + len(g.recent) }

func (g *graves) get(m mac) (one grave, known bool) {
	if one, known = g.recent[m]; !known {
		one, known = g.base[m]
	}
	return one, known
}

// with returns what is known when there are more.
func (g *graves) with(more map[mac]grave) *graves {
	next := &graves{base: g.base, recent: make(map[mac]grave, len(g.recent)+len(more)), newest: g.newest, suppressed: g.suppressed}
	maps.Copy(next.recent, g.recent)
	maps.Copy(next.recent, more)
	for _, one := range more {
		next.newest = max(next.newest, one.at)
		next.suppressed = next.suppressed || one.suppress
	}
	if len(next.recent) > 4096+len(g.base)/8 {
		all := make(map[mac]grave, len(g.base)+len(next.recent))
		maps.Copy(all, g.base)
		maps.Copy(all, next.recent)
		next.base, next.recent = all, nil
	}
	return next
}

// Why an event was left out.
const (
	whyBefore     = "before"     // it is from before the erasure
	whyImport     = "import"     // of a file or another source of history
	whySuppressed = "suppressed" // nothing is to be taken in
)

// LeavesOut tells why an event must not be taken in, "" if it may: its person was forgotten later than
// it happened or came in; or it comes with an import, or at all, and that was not to be. It
// depends on the event and the tombstones only, so a log that is read again is read the same.
//
// An event that happened after all erasures costs a comparison; others a keyed hash for each
// identifier.
func (p *Privacy) LeavesOut(e *touchstone.Event) string {
	g := p.graves.Load()
	if dug := p.dug.Load(); dug != nil {
		g = dug.over(g)
	}
	if g.size() == 0 {
		return ""
	}
	received := e.ReceivedAt.UnixMilli()
	happened := min(e.Time.UnixMilli(), received)
	imported := p.cfg.Imports != nil && p.cfg.Imports(e.Source)
	if happened > g.newest && !g.suppressed && !imported {
		return ""
	}
	for i := range e.Identifiers {
		one, known := g.get(p.cfg.Keys.of(e.Identifiers[i]))
		switch {
		case !known:
		case one.suppress && one.stands(received):
			return whySuppressed
		case imported && one.stands(received):
			return whyImport
		case i == 0 && happened <= one.at: // the strongest says whose event it is; others may be of somebody else's
			return whyBefore
		}
	}
	return ""
}

// Refuses tells whether an event that comes in now, with an import, is of somebody who was erased.
func (p *Privacy) Refuses(e *touchstone.Event) bool {
	g := p.graves.Load()
	for i := range e.Identifiers {
		if one, known := g.get(p.cfg.Keys.of(e.Identifiers[i])); known && one.lifted == 0 {
			p.LeftOut(whyImport, 1)
			return true
		}
	}
	return false
}

// Any tells whether there are tombstones at all.
func (p *Privacy) Any() bool { return p.graves.Load().size() > 0 }

// LeftOut counts events that were left out, once their batch was committed.
func (p *Privacy) LeftOut(why string, n int) { p.leftOut.WithLabelValues(why).Add(float64(n)) }

// buried are the tombstones that one transaction makes.
type buried struct {
	p       *Privacy
	command touchstone.Command
	version int64
	more    map[mac]grave
	order   []mac // of more, as they came

	with    *graves // of the pipeline's goroutine, as is counted
	counted int
}

// dig begins with tombstones; they are known in this process once tx has been committed.
func (p *Privacy) dig(ctx context.Context, tx *store.Tx, c touchstone.Command) (*buried, error) {
	version, err := nextVersion(ctx, tx)
	b := &buried{p: p, command: c, version: version, more: map[mac]grave{}}
	p.dug.Store(b)
	tx.AfterCommit(func() {
		if p.dug.CompareAndSwap(b, nil) { // not if the command was taken back
			p.add(b.more)
		}
	})
	return b, err
}

// over is what holds within the batch; it is worked out once, when the command is done.
func (b *buried) over(g *graves) *graves {
	if b.with == nil || b.counted != len(b.more) {
		b.with, b.counted = g.with(b.more), len(b.more)
	}
	return b.with
}

// bury makes the tombstones of identifiers; save writes them. Those that are there already get a later
// moment; to suppress stays until it is lifted.
func (b *buried) bury(ids []touchstone.Identifier, suppress bool) {
	for _, id := range ids {
		m := b.p.cfg.Keys.of(id)
		one := grave{at: b.command.SubmittedAt.UnixMilli(), suppress: suppress}
		was, known := b.more[m]
		if !known {
			b.order = append(b.order, m)
			was, known = b.p.graves.Load().get(m)
		}
		if known && was.lifted == 0 {
			one.at, one.suppress = max(one.at, was.at), one.suppress || was.suppress
		}
		b.more[m] = one
	}
}

// save writes what was buried.
func (b *buried) save(ctx context.Context, tx *store.Tx) error {
	list := make([]stone, 0, len(b.order))
	for _, m := range b.order {
		list = append(list, stoneOf(m, b.more[m], b.p.cfg.Keys.id, &b.command))
	}
	return saveStones(ctx, tx, list, b.version)
}

// saveStones writes tombstones over those that are there, under one version.
func saveStones(ctx context.Context, tx *store.Tx, list []stone, version int64) error {
	slices.SortFunc(list, func(a, b stone) int { return strings.Compare(a.MAC, b.MAC) })
	columns := []string{"mac", "key_id", "at", "suppress", "lifted_at", "command", "seq", "version"}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "privacy_tombstones", Columns: columns, Key: columns[:1]}, len(list), func(i int, args []any) {
		s := &list[i]
		args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7] = s.MAC, s.Key, s.At, s.Suppress, s.Lifted, s.Command, s.Seq, version
	})
}

func nextVersion(ctx context.Context, q store.Querier) (v int64, err error) {
	err = q.QueryRow(ctx, `SELECT COALESCE(MAX(version), 0) + 1 FROM privacy_tombstones`).Scan(&v)
	return v, err
}

func (p *Privacy) add(more map[mac]grave) {
	for {
		was := p.graves.Load()
		if p.graves.CompareAndSwap(was, was.with(more)) {
			return
		}
	}
}

// lift opens the way for imports of identifiers again, and for all that was suppressed. That events
// from before the erasure stay away is not lifted.
func (p *Privacy) lift(ctx context.Context, tx *store.Tx, ids []touchstone.Identifier, c *touchstone.Command) (n int, err error) {
	version, err := nextVersion(ctx, tx)
	if err != nil {
		return 0, err
	}
	more := map[mac]grave{}
	var list []stone
	for _, id := range ids {
		m := p.cfg.Keys.of(id)
		one, known := p.graves.Load().get(m)
		if _, twice := more[m]; !known || one.lifted != 0 || twice {
			continue
		}
		one.lifted = c.SubmittedAt.UnixMilli()
		more[m] = one
		list = append(list, stoneOf(m, one, p.cfg.Keys.id, c))
	}
	if err := saveStones(ctx, tx, list, version); err != nil {
		return 0, err
	}
	if len(more) > 0 {
		tx.AfterCommit(func() { p.add(more) })
	}
	return len(more), nil
}

// stone is a row, and a line of the file beside.
type stone struct {
	MAC      string `json:"mac"`
	Key      string `json:"key"`
	At       int64  `json:"at"`
	Suppress bool   `json:"suppress,omitempty"`
	Lifted   int64  `json:"lifted,omitempty"`
	Command  string `json:"command"`
	Seq      int64  `json:"seq"`

	version int64
}

func stoneOf(m mac, g grave, key string, c *touchstone.Command) stone {
	return stone{MAC: hex.EncodeToString(m[:]), Key: key, At: g.at, Suppress: g.suppress, Lifted: g.lifted, Command: c.ID, Seq: int64(c.Seq)}
}

func (s *stone) grave() (m mac, g grave, ok bool) {
	b, err := hex.DecodeString(s.MAC)
	if err != nil || len(b) != len(m) {
		return m, g, false
	}
	copy(m[:], b)
	return m, grave{at: s.At, suppress: s.Suppress, lifted: s.Lifted}, true
}

// stones reads the rows that have changed after a version.
func (p *Privacy) stones(ctx context.Context, q store.Querier, after int64) (list []stone, err error) {
	rows, err := q.Query(ctx, `SELECT mac, key_id, at, suppress, lifted_at, command, seq, version FROM privacy_tombstones WHERE version > ? ORDER BY version, mac`, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s stone
		if err := rows.Scan(&s.MAC, &s.Key, &s.At, &s.Suppress, &s.Lifted, &s.Command, &s.Seq, &s.version); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// reload takes up what has changed in the table.
func (p *Privacy) reload(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	list, err := p.stones(ctx, p.cfg.DB.Reader(), p.version)
	if err != nil || len(list) == 0 {
		return err
	}
	more := map[mac]grave{}
	for i := range list {
		if list[i].Key != p.cfg.Keys.id {
			continue
		}
		if m, g, ok := list[i].grave(); ok {
			more[m] = g
		}
	}
	p.add(more)
	if strange := len(list) - len(more); strange > 0 {
		p.cfg.Logger.Error("tombstones were made with another privacy key: whom they are about can come back with an import or a backup", "tombstones", strange,
			"hint", "give all processes the key file that the first one made (privacy.key_file)")
	}
	p.version = list[len(list)-1].version
	return nil
}

// listBeside appends what has changed to the file beside. It holds no identifier.
func (p *Privacy) listBeside(ctx context.Context) error {
	if p.cfg.Beside == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list, err := p.stones(ctx, p.cfg.DB.Reader(), p.listed)
	if err != nil || len(list) == 0 {
		return err
	}
	version := list[len(list)-1].version
	var lines bytes.Buffer
	if p.listed == 0 { // this process has not looked yet: most are listed already
		listed, torn, err := readStones(p.cfg.Beside, p.cfg.BesideKey, nil)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(s stone) bool {
			s.version = 0
			return listed[s.MAC] == s
		})
		if torn {
			lines.WriteByte('\n')
		}
	}
	for i := range list {
		text, err := json.Marshal(list[i])
		if err != nil {
			return err
		}
		lines.Write(append(text, '\n'))
	}
	if len(list) == 0 {
		p.listed = version
		return nil
	}
	f, err := vault.Open(p.cfg.Beside, p.cfg.BesideKey, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		p.listed = version
	}
	return err
}

// readStones reads the file beside: of the lines that takes lets through, nil: all, the last one about each
// identifier counts. torn tells that the last line was cut off. A file that is not there is empty.
func readStones(path string, key *vault.Key, takes func(s *stone) (bool, error)) (list map[string]stone, torn bool, err error) {
	text, err := vault.ReadFile(path, key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, touchstone.Wrap(touchstone.Unavailable, err, "the list of tombstones %s cannot be read", path)
	}
	list = map[string]stone{}
	for line := range bytes.Lines(text) {
		var s stone
		if json.Unmarshal(line, &s) != nil {
			continue
		}
		if takes != nil {
			if ok, err := takes(&s); err != nil {
				return nil, false, err
			} else if !ok {
				continue
			}
		}
		list[s.MAC] = s
	}
	return list, len(text) > 0 && text[len(text)-1] != '\n', nil
}

// readBeside takes up the tombstones of the file that the table lacks: the store was restored
// from a backup that is older than they are, or was made anew from a log that lacks them. The last line
// about an identifier counts; one that was cut off is left out, and so is one whose command is in the log and
// still to be carried out: until its place the person was there, so others get the numbers that they had.
func (p *Privacy) readBeside(ctx context.Context) (taken map[mac]bool, err error) {
	if p.cfg.Beside == "" {
		return nil, nil
	}
	comes := map[string]bool{}
	last, _, err := readStones(p.cfg.Beside, p.cfg.BesideKey, func(s *stone) (bool, error) {
		if _, asked := comes[s.Command]; !asked && p.cfg.Comes != nil {
			if comes[s.Command], err = p.cfg.Comes(ctx, s.Command, touchstone.Seq(s.Seq)); err != nil {
				return false, err
			}
		}
		return !comes[s.Command], nil
	})
	if err != nil || len(last) == 0 {
		return nil, err
	}
	err = p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		taken = map[mac]bool{}
		known, err := p.stones(ctx, tx, 0)
		if err != nil {
			return err
		}
		for i := range known {
			if s, listed := last[known[i].MAC]; listed && s.At <= known[i].At && s.Lifted <= known[i].Lifted {
				delete(last, known[i].MAC)
			}
		}
		version, err := nextVersion(ctx, tx)
		if err != nil {
			return err
		}
		var list []stone
		for _, s := range last {
			if m, _, ok := s.grave(); ok {
				taken[m] = s.Key == p.cfg.Keys.id
				list = append(list, s)
			}
		}
		if err := saveStones(ctx, tx, list, version); err != nil {
			return err
		}
		if len(last) > 0 {
			p.cfg.Logger.Info("tombstones were taken from the list beside the store", "tombstones", len(last))
		}
		return nil
	})
	return taken, err
}
