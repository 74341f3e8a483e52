package console

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/console/chain"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// AuditConfig is how the audit log is sealed and kept.
type AuditConfig struct {
	// Key signs the newest entry each hour; nil: this process signs nothing.
	Key ed25519.PrivateKey
	// Submit puts a signed head in the log; nil with Key.
	Submit func(ctx context.Context, c touchstone.Command) error
	// Keep is how long entries are kept, [LeastAuditKept] at least; 0: for ever.
	Keep time.Duration
}

// LeastAuditKept is how long the law wants entries to be kept: six months.
const LeastAuditKept = 184 * 24 * time.Hour

// HeadCommand keeps a signed head of the audit log's chain in the log.
const HeadCommand = "audit.head"

// The entries that the chain writes itself.
const (
	redactAction = "audit.redact" // detail: entries whose names an erasure has taken out
	pruneAction  = "audit.prune"  // detail: through, hash: where what is kept begins
)

// AuditCommands are the commands of the audit log.
func AuditCommands() []command.Kind {
	return []command.Kind{{Name: HeadCommand, Do: func(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
		var h chain.Head
		if err := json.Unmarshal([]byte(c.Body), &h); err != nil || !h.Genuine() {
			return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
		}
		_, err := tx.Exec(ctx, `INSERT INTO audit_heads (n, at, hash, signed_by, signature) VALUES (?, ?, ?, ?, ?) ON CONFLICT (n, at) DO NOTHING`, h.Number, h.At.UnixMilli(), h.Hash.String(), h.Key, h.Signature)
		return h, err
	}}}
}

// appendAudit writes an entry at the end of the chain. It holds the row of the head until the
// transaction ends, so entries have one order.
func appendAudit(ctx context.Context, tx *store.Tx, e *chain.Entry) error {
	if err := lockHead(ctx, tx, `n = n + 1`); err != nil {
		return err
	}
	before, err := readHead(ctx, tx)
	if err != nil {
		return err
	}
	e.Number, e.Salt = before.n, chain.NewSalt()
	e.Seal(before.hash)
	_, err = tx.Exec(ctx, `INSERT INTO audit_log (id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id, n, salt, commits, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, e.At, e.ActorKind, e.ActorID, e.ActorName, e.Action, e.Open[chain.Target], e.Open[chain.TargetName], e.Open[chain.Detail], e.RequestID, e.Number, e.Salt, commitsOf(e), e.Hash[:])
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE audit_head SET hash = ? WHERE one = 1`, e.Hash[:])
	return err
}

// appendOwn writes an entry of the program itself.
func appendOwn(ctx context.Context, tx *store.Tx, now time.Time, action string, detail any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	return appendAudit(ctx, tx, &chain.Entry{ID: fmt.Sprintf("aud_%011x%s", now.UnixMilli(), randid.String(9)), At: now.UnixMilli(), ActorKind: "system", ActorID: "system", ActorName: "system", Action: action,
		Open: &[chain.Fields]string{"", "", string(text)}})
}

func commitsOf(e *chain.Entry) (list []byte) {
	for i := range e.Commits {
		list = append(list, e.Commits[i][:]...)
	}
	return list
}

// auditHead is the row of the chain.
type auditHead struct {
	n       int64
	hash    chain.Hash
	base    chain.Base
	beganAt int64
	old     int64
}

// lockHead makes the row of the head unless it is there, and holds it until the transaction ends.
func lockHead(ctx context.Context, tx *store.Tx, set string) error {
	_, err := tx.Exec(ctx, `INSERT INTO audit_head (one, n, hash, base_n, base_hash, began_at, old) VALUES (1, 0, ?, 0, ?, 0, 0) ON CONFLICT (one) DO NOTHING`, make([]byte, 32), make([]byte, 32))
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE audit_head SET `+set+` WHERE one = 1`)
	}
	return err
}

func readHead(ctx context.Context, q store.Querier) (h auditHead, err error) {
	var hash, base []byte
	err = q.QueryRow(ctx, `SELECT n, hash, base_n, base_hash, began_at, old FROM audit_head WHERE one = 1`).Scan(&h.n, &hash, &h.base.Number, &base, &h.beganAt, &h.old)
	copy(h.hash[:], hash)
	copy(h.base.Hash[:], base)
	return h, err
}

// chainOld takes the entries from before the chain into it, once. What was done to them before then
// nobody can tell; what is done to them later, anybody.
func chainOld(ctx context.Context, db *store.DB, now time.Time) error {
	return db.Retry(ctx, func(tx *store.Tx) error {
		if err := lockHead(ctx, tx, `old = old`); err != nil {
			return err
		}
		head, err := readHead(ctx, tx)
		if err != nil || head.beganAt != 0 {
			return err
		}
		var old []chain.Entry
		err = keep.Each(ctx, tx, `SELECT `+entryColumns+` FROM audit_log WHERE n = 0 ORDER BY at, id`, nil, func(scan func(...any) error) error {
			e, err := scanEntry(scan)
			old = append(old, e)
			return err
		})
		if err != nil {
			return err
		}
		for i := range old {
			e := &old[i]
			e.Number, e.Salt = head.n+1, chain.NewSalt()
			e.Seal(head.hash)
			if _, err := tx.Exec(ctx, `UPDATE audit_log SET n = ?, salt = ?, commits = ?, hash = ? WHERE id = ?`, e.Number, e.Salt, commitsOf(e), e.Hash[:], e.ID); err != nil {
				return err
			}
			head.n, head.hash = e.Number, e.Hash
		}
		_, err = tx.Exec(ctx, `UPDATE audit_head SET n = ?, hash = ?, began_at = ?, old = ? WHERE one = 1`, head.n, head.hash[:], now.UnixMilli(), len(old))
		return err
	})
}

const entryColumns = `id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id, n, salt, commits, hash`

func scanEntry(scan func(...any) error) (e chain.Entry, err error) {
	var open [chain.Fields]string
	var commits, hash []byte
	err = scan(&e.ID, &e.At, &e.ActorKind, &e.ActorID, &e.ActorName, &e.Action, &open[chain.Target], &open[chain.TargetName], &open[chain.Detail], &e.RequestID, &e.Number, &e.Salt, &commits, &hash)
	for i := range e.Commits {
		if len(commits) >= 32*(i+1) {
			copy(e.Commits[i][:], commits[32*i:])
		}
	}
	copy(e.Hash[:], hash)
	e.Open, e.Redacted = &open, len(e.Salt) == 0 && e.Number > 0
	return e, err
}

// eachEntry calls fn for each entry of the chain, in its order, and for those that are in none.
func eachEntry(ctx context.Context, q store.Querier, fn func(e *chain.Entry) error) error {
	return keep.Each(ctx, q, `SELECT `+entryColumns+` FROM audit_log ORDER BY n, at, id`, nil, func(scan func(...any) error) error {
		e, err := scanEntry(scan)
		if err != nil {
			return err
		}
		return fn(&e)
	})
}

func readHeads(ctx context.Context, q store.Querier) (list []chain.Head, err error) {
	err = keep.Each(ctx, q, `SELECT n, at, hash, signed_by, signature FROM audit_heads ORDER BY n, at`, nil, func(scan func(...any) error) error {
		var h chain.Head
		var at int64
		var hash string
		if err := scan(&h.Number, &at, &hash, &h.Key, &h.Signature); err != nil {
			return err
		}
		h.At = time.UnixMilli(at).UTC()
		err := h.Hash.UnmarshalText([]byte(hash))
		list = append(list, h)
		return err
	})
	return list, err
}

// CheckAudit goes along the whole chain, as of one moment. Costs a hash or four an entry.
func CheckAudit(ctx context.Context, db *store.DB) (chain.Verdict, error) {
	v, _, _, err := checkAudit(ctx, db)
	return v, err
}

// checkAudit is CheckAudit, with the head and the signed heads that it went by.
func checkAudit(ctx context.Context, db *store.DB) (v chain.Verdict, head auditHead, heads []chain.Head, err error) {
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		if head, err = readHead(ctx, tx); err != nil {
			return err
		}
		if heads, err = readHeads(ctx, tx); err != nil {
			return err
		}
		c := chain.NewCheck(head.base, heads)
		err = eachEntry(ctx, tx, func(e *chain.Entry) error {
			checkEntry(c, e)
			return nil
		})
		v = c.Finish(head.n)
		return err
	})
	return v, head, heads, err
}

// checkEntry hands an entry to the check, with what it says of others.
func checkEntry(c *chain.Check, e *chain.Entry) {
	c.Entry(e)
	if e.Open == nil || e.Redacted {
		return
	}
	switch e.Action {
	case redactAction:
		var of redacted
		if err := json.Unmarshal([]byte(e.Open[chain.Detail]), &of); err == nil {
			c.Excuse(of.Entries...)
		}
	case pruneAction:
		var b chain.Base
		if err := json.Unmarshal([]byte(e.Open[chain.Detail]), &b); err == nil {
			c.PrunedThrough(b)
		}
	}
}

// redacted is the detail of an entry that says which entries an erasure has taken names out of.
type redacted struct {
	Entries []int64 `json:"entries"`
}

// SignAudit signs the newest entry and has the log keep it, if somebody has done something since the
// last one, or that is hours ago.
func (c *Console) SignAudit(ctx context.Context) error {
	if c.cfg.Audit.Key == nil || c.cfg.Audit.Submit == nil {
		return nil
	}
	head, err := readHead(ctx, c.cfg.DB.Reader())
	if err != nil || head.n == 0 {
		return err
	}
	var signed int64
	if err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT COALESCE(MAX(n), 0) FROM audit_heads`).Scan(&signed); err != nil || signed >= head.n {
		return err
	}
	h := chain.Sign(c.cfg.Audit.Key, head.n, head.hash, c.cfg.Clock.Now())
	body, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return c.cfg.Audit.Submit(ctx, touchstone.Command{ID: command.NewID(), Kind: HeadCommand, Actor: "system", SubmittedAt: h.At, Body: touchstone.JSON(body)})
}

// pruneAudit deletes entries whose time has come, but for the newest of them, and says so in the chain.
func (c *Console) pruneAudit(ctx context.Context) error {
	if c.cfg.Audit.Keep <= 0 {
		return nil
	}
	now := c.cfg.Clock.Now()
	before := now.Add(-max(c.cfg.Audit.Keep, LeastAuditKept)).UnixMilli()
	return c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var n, first int64
		var hash []byte
		err := tx.QueryRow(ctx, `SELECT COALESCE(MIN(n), 0) FROM audit_log WHERE n > 0 AND at < ?`, before-(24*time.Hour).Milliseconds()).Scan(&first)
		if err != nil || first == 0 { // once a day is often enough
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT n, hash FROM audit_log WHERE n > 0 AND n < (SELECT COALESCE(MIN(n), 0) FROM audit_log WHERE n > 0 AND at >= ?) ORDER BY n DESC LIMIT 1`, before).Scan(&n, &hash); err != nil {
			if errors.Is(err, sql.ErrNoRows) { // nothing is younger: the newest stay
				return nil
			}
			return err
		}
		base := chain.Base{Number: n}
		copy(base.Hash[:], hash)
		if err := appendOwn(ctx, tx, now, pruneAction, base); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM audit_log WHERE n > 0 AND n <= ?`, n); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM audit_heads WHERE n <= ?`, n); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE audit_head SET base_n = ?, base_hash = ? WHERE one = 1`, n, hash)
		return err
	})
}

// keyOf is the public half of what signs, in hexadecimal; empty where nothing does.
func (a *AuditConfig) keyOf() string {
	if a.Key == nil {
		return ""
	}
	return hex.EncodeToString(a.Key.Public().(ed25519.PublicKey))
}
