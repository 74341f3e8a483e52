package consent

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Links to the preference page are valid for so long at most.
const (
	MaxLinkAge     = 90 * 24 * time.Hour
	defaultLinkAge = 30 * 24 * time.Hour
)

// signingKey returns what links are signed with, the same in all processes; it is made when first asked for.
func (c *Consent) signingKey(ctx context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != nil {
		return c.key, nil
	}
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	var text string
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO consent_keys (one, key) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`, base64.StdEncoding.EncodeToString(fresh)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT key FROM consent_keys WHERE one = 1`).Scan(&text)
	})
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		c.key = key
	}
	return key, err
}

const (
	tokenVersion = 1
	tokenBody    = 1 + 8 + 8 // version, person, expiry in s
)

// Token returns what a link to the preference page of a person ends with. Nothing in it is an
// identifier, and whoever has it can do nothing but see and change what the person agrees to.
func (c *Consent) Token(ctx context.Context, person touchstone.PersonID, until time.Time) (string, error) {
	key, err := c.signingKey(ctx)
	if err != nil {
		return "", err
	}
	body := make([]byte, 0, tokenBody+sha256.Size)
	body = append(body, tokenVersion)
	body = binary.BigEndian.AppendUint64(body, uint64(person))       //nolint:gosec // positive
	body = binary.BigEndian.AppendUint64(body, uint64(until.Unix())) //nolint:gosec // after 1970
	return base64.RawURLEncoding.EncodeToString(append(body, sign(key, body)...)), nil
}

func sign(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("touchstone preference page\x00"))
	h.Write(body)
	return h.Sum(nil)
}

// ReadToken returns whom a token names, as long as it is valid.
func (c *Consent) ReadToken(ctx context.Context, token string) (touchstone.PersonID, error) {
	bad := touchstone.Errorf(touchstone.NotFound, "This link is not valid, or no longer.").WithHint("Ask for a new one.")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBody+sha256.Size || raw[0] != tokenVersion {
		return 0, bad
	}
	key, err := c.signingKey(ctx)
	if err != nil {
		return 0, err
	}
	body := raw[:tokenBody]
	until := time.Unix(int64(binary.BigEndian.Uint64(body[9:])), 0) //nolint:gosec // our own
	if !hmac.Equal(sign(key, body), raw[tokenBody:]) || !c.cfg.Clock.Now().Before(until) {
		return 0, bad
	}
	return touchstone.PersonID(binary.BigEndian.Uint64(body[1:])), nil //nolint:gosec // our own
}
