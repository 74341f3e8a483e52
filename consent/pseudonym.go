package consent

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Refusal is what becomes of the events of those who refuse what they serve.
type Refusal string

// The refusals.
const (
	Drop Refusal = "drop" // also ""
	// Pseudonymise keeps them in the warehouse as nobody's: somebody's of one day under one pseudonym.
	Pseudonymise Refusal = "pseudonymise"
)

// pseudonyms gives nodes of nobody to persons for a day. A day's key and what was made with it are kept until the next
// day that events come in is over; from then on nothing tells whose they were.
type pseudonyms struct {
	tx    *store.Tx
	zone  *time.Location
	today int64 // of the batch
	keys  map[int64][]byte
	known map[personDay]touchstone.NodeID
	given int64 // -1: not read
}

type personDay struct {
	person touchstone.PersonID
	day    int64
}

func newPseudonyms(tx *store.Tx, zone *time.Location, now time.Time) *pseudonyms {
	if zone == nil {
		zone = time.UTC
	}
	return &pseudonyms{tx: tx, zone: zone, today: dayIn(now, zone), keys: map[int64][]byte{}, known: map[personDay]touchstone.NodeID{}, given: -1}
}

// dayIn numbers the days of a zone.
func dayIn(at time.Time, zone *time.Location) int64 {
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

// of returns the pseudonym of a person for an event of that moment.
func (p *pseudonyms) of(ctx context.Context, person touchstone.PersonID, at time.Time) (touchstone.NodeID, error) {
	at1 := personDay{person, dayIn(at, p.zone)}
	if node, ok := p.known[at1]; ok {
		return node, nil
	}
	key, err := p.key(ctx, at1.day)
	if err != nil {
		return 0, err
	}
	sum := hmac.New(sha256.New, key)
	sum.Write(strconv.AppendInt(nil, int64(person), 10))
	mac := hex.EncodeToString(sum.Sum(nil)[:16])
	var n int64
	err = p.tx.QueryRow(ctx, `SELECT n FROM consent_pseudonyms WHERE day = ? AND mac = ?`, at1.day, mac).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		n, err = p.give(ctx, at1.day, mac)
	}
	if err != nil {
		return 0, err
	}
	node := touchstone.NodeID(-2 * n) // even: see touchstone.NodeID.Pseudonym
	p.known[at1] = node
	return node, nil
}

func (p *pseudonyms) give(ctx context.Context, day int64, mac string) (int64, error) {
	if p.given < 0 {
		if err := p.tx.QueryRow(ctx, `SELECT n FROM consent_pseudonym_count WHERE one = 1`).Scan(&p.given); err != nil {
			return 0, err
		}
	}
	p.given++
	_, err := p.tx.Exec(ctx, `INSERT INTO consent_pseudonyms (day, mac, n) VALUES (?, ?, ?)`, day, mac, p.given)
	return p.given, err
}

// key returns a day's, and makes it when there is none. Those of days that are over go then.
func (p *pseudonyms) key(ctx context.Context, day int64) ([]byte, error) {
	if key := p.keys[day]; key != nil {
		return key, nil
	}
	var text string
	err := p.tx.QueryRow(ctx, `SELECT key FROM consent_pseudonym_keys WHERE day = ?`, day).Scan(&text)
	if err == nil {
		p.keys[day], err = base64.StdEncoding.DecodeString(text)
		return p.keys[day], err
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	for _, q := range []string{
		`DELETE FROM consent_pseudonyms WHERE day IN (SELECT day FROM consent_pseudonym_keys WHERE made < ?)`,
		`DELETE FROM consent_pseudonym_keys WHERE made < ?`,
	} {
		if _, err := p.tx.Exec(ctx, q, p.today-1); err != nil {
			return nil, err
		}
	}
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	p.keys[day] = key
	_, err = p.tx.Exec(ctx, `INSERT INTO consent_pseudonym_keys (day, key, made) VALUES (?, ?, ?)`, day, base64.StdEncoding.EncodeToString(key), p.today)
	return key, err
}

// save keeps how many have been given.
func (p *pseudonyms) save(ctx context.Context) error {
	if p.given < 0 {
		return nil
	}
	_, err := p.tx.Exec(ctx, `UPDATE consent_pseudonym_count SET n = ? WHERE one = 1`, p.given)
	return err
}

// name gives pseudonyms to the facts that were left out and are to be kept as nobody's.
func (w *walk) name(ctx context.Context, tx *store.Tx) error {
	if len(w.veil) == 0 {
		return nil
	}
	var zone *time.Location
	if w.stage.c.cfg.Zone != nil {
		zone = w.stage.c.cfg.Zone()
	}
	names := newPseudonyms(tx, zone, w.b.Facts[len(w.b.Facts)-1].ReceivedAt)
	for _, at := range w.veil {
		a := &w.b.Aside[at]
		f := &w.b.Facts[a.Index]
		node, err := names.of(ctx, f.Then(), f.Time)
		if err != nil {
			return err
		}
		a.Pseudonym = node
	}
	return names.save(ctx)
}
