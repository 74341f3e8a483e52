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
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// permission is what an operation asks for, as x-permission in openapi.yaml.
type permission string

const (
	permNone     permission = "none"     // anyone, signed in or not
	permRead     permission = "read"     // see people, segments, answers, sources
	permSegments permission = "segments" // change segments
	permData     permission = "data"     // change sources, repair quarantine
	permImport   permission = "import"   // send files
	permAudit    permission = "audit"    // read the audit log
	permAdmin    permission = "admin"    // settings, users, API keys
	permMetrics  permission = "metrics"  // the process's figures; whoever may read has them too
)

var allPermissions = []permission{permRead, permSegments, permData, permImport, permAudit, permAdmin}

// Role is what a user is. Marketers and analysts differ in what the console offers them
// first, not in what they may do.
type Role string

// The roles.
const (
	RoleAdmin     Role = "admin"
	RoleAnalyst   Role = "analyst"
	RoleMarketer  Role = "marketer"
	RoleDeveloper Role = "developer"
	RoleAuditor   Role = "auditor"
)

var rolePermissions = map[Role][]permission{
	RoleAdmin:     allPermissions,
	RoleAnalyst:   {permRead, permSegments},
	RoleMarketer:  {permRead, permSegments},
	RoleDeveloper: {permRead, permData, permImport},
	RoleAuditor:   {permRead, permAudit},
}

var scopePermissions = map[string][]permission{
	"ingest":  {permImport},
	"metrics": {permMetrics},
	"read":    {permRead},
	"write":   {permRead, permSegments, permData, permImport},
	"admin":   allPermissions,
}

// principal is who asks.
type principal struct {
	kind  string // user, key, dev or anonymous
	id    string
	name  string // e-mail of a user, name of a key
	role  Role   // of a user
	perms []permission
	token string // hash of the session's token, for signing out
}

func (p *principal) may(need permission) bool {
	return need == permNone || slices.Contains(p.perms, need)
}

var (
	anonymous = &principal{kind: "anonymous"}
	developer = &principal{kind: "dev", id: "usr_dev", name: "dev@localhost", role: RoleAdmin, perms: allPermissions}
)

type principalKey struct{}

func principalOf(r *http.Request) *principal {
	if p, ok := r.Context().Value(principalKey{}).(*principal); ok {
		return p
	}
	return anonymous
}

func withPrincipal(r *http.Request, p *principal) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
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
	p := &principal{kind: "key"}
	var scopes string
	err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT id, name, scopes FROM console_api_keys WHERE hash = ?`, hashSecret(key)).
		Scan(&p.id, &p.name, &scopes)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, touchstone.Errorf(touchstone.Unauthenticated, "The API key is not known; it may have been revoked.").
			WithHint("Make one in the console under Settings, API keys.")
	}
	if err != nil {
		return nil, err
	}
	for scope := range strings.SplitSeq(scopes, ",") {
		p.perms = append(p.perms, scopePermissions[scope]...)
	}
	c.seen.mark(seenKey{"key", p.id}, c.cfg.Clock.Now())
	return p, nil
}

// principalOfSession returns nil when the session is over.
func (c *Console) principalOfSession(ctx context.Context, token string) (*principal, error) {
	hash := hashSecret(token)
	p := &principal{kind: "user", token: hash}
	var created, seen int64
	err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT u.id, u.email, u.role, s.created_at, s.last_seen_at
		FROM console_sessions s JOIN console_users u ON u.id = s.user_id WHERE s.token = ?`, hash).
		Scan(&p.id, &p.name, &p.role, &created, &seen)
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
	p.perms = rolePermissions[p.role]
	c.seen.mark(seenKey{"session", hash}, now)
	c.seen.mark(seenKey{"user", p.id}, now)
	return p, nil
}

// authorise checks that p may do what the operation needs.
func authorise(w http.ResponseWriter, p *principal, need, or permission) error {
	if p.may(need) || or != "" && p.may(or) {
		return nil
	}
	if p.kind == "anonymous" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="touchstone"`)
		return touchstone.Errorf(touchstone.Unauthenticated, "Sign in, or send an API key.").
			WithHint("Authorization: Bearer tsk_…")
	}
	if p.kind == "key" {
		return touchstone.Errorf(touchstone.Forbidden, "This API key may not do that: it lacks the permission %q.", need).
			WithHint("The scope %s would grant it.", scopesThatGrant(need))
	}
	return touchstone.Errorf(touchstone.Forbidden, "Your role %q may not do that: it lacks the permission %q.", p.role, need).
		WithHint("An administrator can change your role.")
}

func scopesThatGrant(need permission) string {
	var scopes []string
	for _, s := range []string{"ingest", "metrics", "read", "write", "admin"} {
		if slices.Contains(scopePermissions[s], need) {
			scopes = append(scopes, s)
		}
	}
	return strings.Join(scopes, " or ")
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
