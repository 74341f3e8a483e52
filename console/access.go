package console

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// principal is a viewer with what signs it out.
type principal struct {
	access.Viewer
	token string // hash of the session's token
}

var (
	anonymous = &principal{Viewer: *access.Anonymous()}
	developer = developerOf()
)

// developerOf is the implicit administrator of development.
func developerOf() *principal {
	p := &principal{Viewer: access.Viewer{Kind: "dev", ID: "usr_dev", Name: "dev@localhost", Role: access.Admin}}
	p.Permissions, _ = access.Of(access.Admin)
	return p
}

type principalKey struct{}

func principalOf(r *http.Request) *principal {
	if p, ok := r.Context().Value(principalKey{}).(*principal); ok {
		return p
	}
	return anonymous
}

func withPrincipal(r *http.Request, p *principal) *http.Request {
	return r.WithContext(context.WithValue(api.WithViewer(r.Context(), &p.Viewer), principalKey{}, p))
}

const sessionCookie = "touchstone_session"

// authenticate finds out who asks. A wrong key is an error; no credential is anonymous.
func (c *Console) authenticate(r *http.Request) (*principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, key, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, touchstone.Errorf(touchstone.Unauthenticated, "The Authorization header is not of the form Bearer tsk_….").
				WithHint("Write keys are for the tracking API; the management API takes API keys.")
		}
		return c.principalOfKey(r.Context(), strings.TrimSpace(key))
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		p, err := c.principalOfSession(r.Context(), cookie.Value)
		if p != nil || err != nil {
			return p, err
		}
	}
	if c.cfg.Dev && localHost(r.Host) {
		return developer, nil
	}
	return anonymous, nil
}

func (c *Console) principalOfKey(ctx context.Context, key string) (*principal, error) {
	if c.cfg.Dev && key == "dev" {
		return developer, nil
	}
	p := &principal{Viewer: access.Viewer{Kind: "key"}}
	var scopes string
	var l limits
	err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT id, name, scopes, rows_any, rows_set FROM console_api_keys WHERE hash = ?`, hashSecret(key)).
		Scan(&p.ID, &p.Name, &scopes, &l.anyOf, &l.set)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, touchstone.Errorf(touchstone.Unauthenticated, "The API key is not known; it may have been revoked.").
			WithHint("Make one in the console under Settings, API keys.")
	}
	if err != nil {
		return nil, err
	}
	var granted []access.Set
	for scope := range strings.SplitSeq(scopes, ",") {
		set, _ := access.OfScope(scope) // a scope that is no more grants nothing
		granted = append(granted, set)
	}
	p.Permissions, p.Rows = access.Union(granted...), l.viewerRows()
	c.seen.mark(seenKey{"key", p.ID}, c.cfg.Clock.Now())
	return p, nil
}

// principalOfSession returns nil when the session is over.
func (c *Console) principalOfSession(ctx context.Context, token string) (*principal, error) {
	hash := hashSecret(token)
	p := &principal{Viewer: access.Viewer{Kind: "user"}, token: hash}
	var created, seen int64
	var l limits
	err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT u.id, u.email, u.role, u.rows_any, u.rows_set, s.created_at, s.last_seen_at
		FROM console_sessions s JOIN console_users u ON u.id = s.user_id WHERE s.token = ?`, hash).
		Scan(&p.ID, &p.Name, &p.Role, &l.anyOf, &l.set, &created, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := c.cfg.Clock.Now()
	last := time.UnixMilli(seen)
	if t, ok := c.seen.last(seenKey{"session", hash}); ok && t.After(last) {
		last = t
	}
	if now.Sub(last) > c.cfg.SessionIdle || now.Sub(time.UnixMilli(created)) > c.cfg.SessionLifetime {
		return nil, nil
	}
	p.Permissions, _ = access.Of(p.Role)
	p.Rows = l.viewerRows()
	c.seen.mark(seenKey{"session", hash}, now)
	c.seen.mark(seenKey{"user", p.ID}, now)
	return p, nil
}

// authorise checks that p may do what the operation needs.
func authorise(w http.ResponseWriter, p *principal, need, or access.Permission) error {
	if p.May(need) || or != access.None && p.May(or) {
		return nil
	}
	if p.Kind == "anonymous" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="touchstone"`)
		return touchstone.Errorf(touchstone.Unauthenticated, "Sign in, or send an API key.").
			WithHint("Authorization: Bearer tsk_…")
	}
	return p.Require(need)
}

// checkOrigin refuses writes that another site's page makes with the visitor's cookie (or
// with the implicit administrator of development). A bearer key cannot be sent that way.
func (c *Console) checkOrigin(r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		return nil
	}
	if err := c.origin.Check(r); err != nil {
		return touchstone.Wrap(touchstone.Forbidden, err, "The request comes from another site's page.").
			WithHint("Open the console under the address that the request names as its host.")
	}
	return nil
}

// localHost reports whether a Host header is one that no outsider's DNS name can have:
// localhost or an IP address. Without this, a page on any site could have its own name
// point here (DNS rebinding) and act as the implicit administrator of development.
func localHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// hashSecret is how random secrets are stored. They have 128 bits and more, so one
// round of SHA-256 is enough; passwords go through argon2id instead.
func hashSecret(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}
