package privacy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jsonexact "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// A receipt is a JSON object: what is said, and a signature of that in canonical form (RFC 8785),
// so that it can be formatted anew but nothing in it changed.

// Format names the form of a receipt.
const Format = "touchstone.erasure-receipt.v1"

// Receipt says what was removed where.
type Receipt struct {
	Format    string    `json:"format"`
	ID        string    `json:"id"`
	IssuedAt  time.Time `json:"issued_at"`
	Program   string    `json:"program"`
	Request   string    `json:"request"` // empty: an operator erased one person
	Reason    string    `json:"reason"`
	AskedBy   string    `json:"asked_by"`
	AskedAt   time.Time `json:"asked_at"`
	Command   string    `json:"command"` // its place in the log is its order among all events
	ErasedAt  time.Time `json:"erased_at"`
	Persons   int       `json:"persons"`
	Removed   []Removed `json:"removed"`
	Places    []Place   `json:"places"`
	Tombstone Tombstone `json:"tombstone"`
	Compacted Compacted `json:"compaction"`
	Key       string    `json:"key"` // public, of Ed25519, base64
}

// Removed counts the rows that named the person in one place.
type Removed struct {
	Part   string `json:"part"`
	Place  string `json:"place"` // table.column
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// Place is a store that was gone through, and how.
type Place struct {
	Part string `json:"part"`
	How  string `json:"how"`
}

// Tombstone is what is left: keyed hashes of identifiers.
type Tombstone struct {
	Key         string `json:"key"` // which key, not the key
	Identifiers int64  `json:"identifiers"`
	Suppress    bool   `json:"suppress"`
}

// Compacted tells whether the files hold nothing any more that was deleted in them.
type Compacted struct {
	State string     `json:"state"` // pending or done
	At    *time.Time `json:"at"`
}

// Signed is a receipt as it is given out.
type Signed struct {
	Receipt   jsontext.Value `json:"receipt"`
	Signature string         `json:"signature"` // base64
}

// places are what an erasure goes through beside the tables that are counted.
var places = []Place{
	{"log", "the person's events are left out by every reader from the command on, and taken out of its files by the next compaction"},
	{"graph", "identifiers, links between them, merges and what others were seen with are deleted"},
	{"profile", "traits, counters, days and words of the search are deleted"},
	{"segments", "memberships, states and their history are deleted"},
	{"warehouse", "events are deleted in the transaction that notes the erasure, and left out when it is built anew"},
	{"quarantine", "refused events that name the person are deleted"},
	{"outbox", "what waits to be told to others about the person is deleted"},
	{"exports", "files of jobs that may hold the person are deleted and cannot be fetched from this moment on"},
	{"uploads", "uploaded files that name the person are deleted by the next compaction"},
	{"derived", "households, pairs, timers, dead letters and saved answers are deleted"},
	{"audit", "who did what stays; names of the person are taken out"},
}

// canonical returns the canonical form of a JSON value.
func canonical(text []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(text))
	err := v.Canonicalize()
	return v, err
}

// Sign makes a receipt that can be given out.
func (k *Keys) Sign(r *Receipt) ([]byte, error) {
	r.Key = k.PublicText()
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	text, err = canonical(text)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Signed{text, base64.StdEncoding.EncodeToString(ed25519.Sign(k.sign, text))})
}

// Verify tells whether a receipt is as it was signed, by the key that it names; with a key, also
// whether it is that one. It returns what the receipt says.
func Verify(text []byte, key ed25519.PublicKey) (*Receipt, error) {
	no := func(format string, args ...any) error {
		return touchstone.Errorf(touchstone.Invalid, "the receipt does not hold: "+format, args...)
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text)) // refuses names that come twice
	v, err := dec.ReadValue()
	if err != nil {
		return nil, no("it is no JSON")
	}
	if rest := bytes.TrimSpace(text[dec.InputOffset():]); len(rest) > 0 {
		return nil, no("something follows it")
	}
	var signed Signed
	if err := jsonexact.Unmarshal(v, &signed, jsonexact.RejectUnknownMembers(true)); err != nil || len(signed.Receipt) == 0 { // names in their exact case
		return nil, no("it is not of the form of one")
	}
	said, err := canonical(signed.Receipt)
	if err != nil {
		return nil, no("it is no JSON")
	}
	var r Receipt
	if err := jsonexact.Unmarshal(said, &r, jsonexact.RejectUnknownMembers(true)); err != nil || r.Format != Format {
		return nil, no("it is of another form than %s", Format)
	}
	by, err := base64.StdEncoding.Strict().DecodeString(r.Key)
	if err != nil || len(by) != ed25519.PublicKeySize {
		return nil, no("it names no key")
	}
	if key != nil && !bytes.Equal(key, by) {
		return nil, no("it is signed by another key")
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(signed.Signature)
	if err != nil || !ed25519.Verify(by, said, signature) {
		return nil, no("the signature is not that of what it says")
	}
	return &r, nil
}

// ParsePublic reads a public key, in base64 or hexadecimal.
func ParsePublic(text string) (ed25519.PublicKey, error) {
	text = strings.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){base64.StdEncoding.DecodeString, hex.DecodeString} {
		if b, err := decode(text); err == nil && len(b) == ed25519.PublicKeySize {
			return b, nil
		}
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "%.80q is no public key", text).WithHint("give the key as GET /api/v1/privacy/key shows it")
}

// erasure is a row of what was counted.
type erasure struct {
	id, command, request string
	at                   time.Time
	identifiers          int64
	before, after        counts
}

// receiptsAtOnce bounds what one transaction does: the pipeline waits for it.
const receiptsAtOnce = 50

// WriteReceipts gives a receipt for each erasure that has none and of which the warehouse has
// heard, and returns how many. What was erased for one request has one.
func (p *Privacy) WriteReceipts(ctx context.Context) (n int, err error) {
	var waits bool // looked at first: the writer is the pipeline's
	if err := p.cfg.DB.Reader().QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM privacy_erasures WHERE receipt = '')`).Scan(&waits); err != nil || !waits {
		return 0, err
	}
	if p.cfg.Copied != nil {
		if done, err := p.cfg.Copied(ctx); err != nil || !done {
			return 0, err
		}
	}
	for {
		written, err := p.writeSome(ctx)
		n += written
		if err != nil || written == 0 {
			return n, err
		}
	}
}

func (p *Privacy) writeSome(ctx context.Context) (n int, err error) {
	now := p.cfg.Clock.Now().UTC().Truncate(time.Millisecond)
	err = p.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		n = 0
		list, err := unreceipted(ctx, tx)
		if err != nil {
			return err
		}
		full := len(list) == receiptsAtOnce
		for len(list) > 0 {
			end := 1
			for end < len(list) && list[end].command == list[0].command && list[end].request == list[0].request && list[0].request != "" {
				end++
			}
			if full && end == len(list) && n > 0 { // there may be more of this one
				break
			}
			if err := p.writeReceipt(ctx, tx, list[:end], now); err != nil {
				return err
			}
			list, n = list[end:], n+1
		}
		return nil
	})
	return n, err
}

func unreceipted(ctx context.Context, tx *store.Tx) (list []erasure, err error) {
	rows, err := tx.Query(ctx, `SELECT id, command, request, at, identifiers, before, after FROM privacy_erasures WHERE receipt = '' ORDER BY at, command, request, id LIMIT ?`, receiptsAtOnce)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e erasure
		var at int64
		var before, after string
		if err := rows.Scan(&e.id, &e.command, &e.request, &at, &e.identifiers, &before, &after); err != nil {
			return nil, err
		}
		e.at = time.UnixMilli(at).UTC()
		if err := json.Unmarshal([]byte(before), &e.before); err != nil {
			return nil, err
		}
		if after != "" {
			if err := json.Unmarshal([]byte(after), &e.after); err != nil {
				return nil, err
			}
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// writeReceipt signs what is known of some erasures of one request.
func (p *Privacy) writeReceipt(ctx context.Context, tx *store.Tx, list []erasure, now time.Time) error {
	r := Receipt{Format: Format, ID: randid.New("rcpt"), IssuedAt: now, Program: p.cfg.Program, Request: list[0].request, Command: list[0].command, AskedAt: list[0].at, ErasedAt: list[0].at,
		Persons: len(list), Removed: []Removed{}, Places: places, Tombstone: Tombstone{Key: p.cfg.Keys.id}, Compacted: Compacted{State: "pending"}}
	before, after := counts{}, counts{}
	var ids []string
	for i := range list {
		ids = append(ids, list[i].id)
		r.Tombstone.Identifiers += list[i].identifiers
		for name, n := range list[i].before {
			before[name] += n
		}
		for name, n := range list[i].after {
			after[name] += n
		}
	}
	for name, n := range before {
		part, _, _ := strings.Cut(name, "_")
		part, _, _ = strings.Cut(part, ".")
		r.Removed = append(r.Removed, Removed{part, name, n, after[name]})
	}
	slices.SortFunc(r.Removed, func(a, b Removed) int { return strings.Compare(a.Place, b.Place) })
	if r.Request != "" {
		one, err := scanRequest(tx.QueryRow(ctx, `SELECT `+requestColumns+` FROM privacy_requests WHERE id = ?`, r.Request).Scan)
		switch {
		case err == nil:
			r.Reason, r.AskedBy, r.AskedAt, r.Tombstone.Suppress = one.Reason, one.AskedBy, one.AskedAt, one.Suppress
		case !errors.Is(err, sql.ErrNoRows): // a store that was made anew has no requests
			return err
		}
	}
	if err := compactedSince(ctx, tx, list[len(list)-1].at, &r.Compacted); err != nil {
		return err
	}
	text, err := p.cfg.Keys.Sign(&r)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO privacy_receipts (id, request, command, at, body) VALUES (?, ?, ?, ?, ?)`, r.ID, r.Request, r.Command, now.UnixMilli(), string(text)); err != nil {
		return fmt.Errorf("write a receipt: %w", err)
	}
	return store.ExecIn(ctx, tx, `UPDATE privacy_erasures SET receipt = ? WHERE id IN (...)`, ids, r.ID)
}

// compactedSince tells of the first compaction that began after a moment.
func compactedSince(ctx context.Context, q store.Querier, at time.Time, c *Compacted) error {
	var began, ended int64
	err := q.QueryRow(ctx, `SELECT began_at, ended_at FROM privacy_compactions WHERE began_at > ? AND ended_at > 0 ORDER BY began_at LIMIT 1`, at.UnixMilli()).Scan(&began, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		done := time.UnixMilli(ended).UTC()
		c.State, c.At = "done", &done
	}
	return err
}

// ReceiptRow is a receipt in a list.
type ReceiptRow struct {
	ID      string    `json:"id"`
	Request string    `json:"request"`
	Command string    `json:"command"`
	At      time.Time `json:"at"`
}

// Receipt returns one as it was given out.
func (p *Privacy) Receipt(ctx context.Context, id string) (body touchstone.JSON, err error) {
	var text string
	err = p.cfg.DB.Reader().QueryRow(ctx, `SELECT body FROM privacy_receipts WHERE id = ?`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", touchstone.Errorf(touchstone.NotFound, "There is no receipt %.40q.", id)
	}
	return touchstone.JSON(text), err
}

// Receipts lists them, the newest first.
func (p *Privacy) Receipts(ctx context.Context, beforeMS int64, beforeID string, limit int) (list []ReceiptRow, err error) {
	query, args := `SELECT id, request, command, at FROM privacy_receipts`, []any{}
	if beforeMS != 0 {
		query, args = query+` WHERE at < ? OR at = ? AND id < ?`, []any{beforeMS, beforeMS, beforeID}
	}
	rows, err := p.cfg.DB.Reader().Query(ctx, query+` ORDER BY at DESC, id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list = []ReceiptRow{}
	for rows.Next() {
		var r ReceiptRow
		var at int64
		if err := rows.Scan(&r.ID, &r.Request, &r.Command, &at); err != nil {
			return nil, err
		}
		r.At = time.UnixMilli(at).UTC()
		list = append(list, r)
	}
	return list, rows.Err()
}
