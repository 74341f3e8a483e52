package mail

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/store"
)

// What a mail tells.
const (
	opened = "opened"
	closed = "closed"
)

// Bounds.
const (
	maxLines    = 100                 // alarms that a mail names; it says how many more there are
	keepLetters = 31 * 24 * time.Hour // longer than dead letters, which can be sent again
)

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id makes an id of what caused it, so that telling again is a repeat.
func id(of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\x00")))
	return "mail_" + idText.EncodeToString(sum[:15])
}

// Tell puts an alarm that has been opened or closed in a mail, in the transaction that does so.
func (m *Mail) Tell(ctx context.Context, tx *store.Tx, a quality.Alarm) error {
	s, err := read(ctx, tx)
	if err != nil || !s.On {
		return err
	}
	kind := opened
	if a.ClosedAt != nil {
		if kind = closed; !s.Closures {
			return nil
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	now := m.cfg.Clock.Now()
	letter, place, err := m.gathering(ctx, tx, kind)
	if err != nil {
		return err
	}
	if letter == "" {
		letter = id(a.ID, kind)
		if err := m.begin(ctx, tx, letter, kind, now, &s); err != nil {
			return err
		}
	}
	if place >= maxLines {
		return nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO mail_lines (letter, place, alarm) VALUES (?, ?, ?)`, letter, place, string(text))
	return err
}

// gathering finds the mail that an alarm can still go with, and its place there. A mail is sealed before it is
// written, and the row is locked here: an alarm is in a mail that tells it, or in the next one.
func (m *Mail) gathering(ctx context.Context, tx *store.Tx, kind string) (letter string, place int64, err error) {
	err = tx.QueryRow(ctx, `UPDATE mail_letters SET lines = lines + 1 WHERE sealed = 0 AND id =
		(SELECT id FROM mail_letters WHERE kind = ? AND sealed = 0 ORDER BY due_at DESC, id LIMIT 1) RETURNING id, lines`, kind).Scan(&letter, &place)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, nil
	}
	return letter, place - 1, err
}

// begin opens a mail and puts it in the outbox for everybody who is told.
func (m *Mail) begin(ctx context.Context, tx *store.Tx, letter, kind string, now time.Time, s *Settings) error {
	due := now.Add(m.cfg.Digest)
	if kind == opened {
		var last int64
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(due_at), 0) FROM mail_letters WHERE kind = ?`, kind).Scan(&last); err != nil {
			return err
		}
		// A clock that was put back must not keep people waiting for what it showed before.
		due = now.Add(m.cfg.Gather)
		if next := time.UnixMilli(last).Add(m.cfg.Between); next.After(due) && next.Sub(now) <= m.cfg.Between {
			due = next
		}
	}
	old := now.Add(-keepLetters).UnixMilli()
	if _, err := tx.Exec(ctx, `DELETE FROM mail_lines WHERE letter IN (SELECT id FROM mail_letters WHERE due_at < ?)`, old); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM mail_letters WHERE due_at < ?`, old); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO mail_letters (id, kind, sealed, lines, opened_at, due_at) VALUES (?, ?, 0, 1, ?, ?)`,
		letter, kind, now.UnixMilli(), due.UnixMilli()); err != nil {
		return err
	}
	effects := make([]touchstone.Effect, len(s.Recipients))
	for i, r := range s.Recipients {
		effects[i] = touchstone.Effect{ID: id(letter, r.Address), Kind: Kind, Destination: r.Address, Label: "quality.alarm_" + kind, NotBefore: due, Body: []byte(letter)}
	}
	return m.cfg.Outbox.Put(ctx, tx, effects...)
}

// letter is a mail as it is written.
type letter struct {
	id, kind string
	alarms   []quality.Alarm
	more     int // alarms that it does not name
}

// seal ends the gathering of a mail and returns what is in it.
func (m *Mail) seal(ctx context.Context, id string) (l letter, err error) {
	err = m.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		l = letter{id: id}
		var lines int
		err := tx.QueryRow(ctx, `UPDATE mail_letters SET sealed = 1 WHERE id = ? RETURNING kind, lines`, id).Scan(&l.kind, &lines)
		if errors.Is(err, sql.ErrNoRows) {
			return touchstone.Errorf(touchstone.NotFound, "The mail %q is too old to be sent.", id)
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT alarm FROM mail_lines WHERE letter = ? ORDER BY place`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			var a quality.Alarm
			if err := json.Unmarshal([]byte(text), &a); err != nil {
				return fmt.Errorf("read an alarm of the mail %s: %w", id, err)
			}
			l.alarms = append(l.alarms, a)
		}
		l.more = lines - len(l.alarms)
		return rows.Err()
	})
	return l, err
}
