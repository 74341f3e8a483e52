package console

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

type sessionUser struct {
	ID    string      `json:"id"`
	Email string      `json:"email"`
	Role  access.Role `json:"role"`
}

type sessionAnswer struct {
	User          *sessionUser        `json:"user"`
	Dev           bool                `json:"dev"`
	SetupRequired bool                `json:"setup_required"`
	Organisation  Organisation        `json:"organisation"`
	Permissions   []access.Permission `json:"permissions"`
	// Closed are those of the permissions that are worth nothing to the caller, because what they
	// allow is about everybody and the caller sees some persons only.
	Closed  []access.Permission `json:"closed"`
	Version string              `json:"version"`
	// Rows says whom the caller may see; nil: everybody.
	Rows *seesAnswer `json:"rows"`
}

func (c *Console) session(ctx context.Context, p *principal) (*sessionAnswer, error) {
	a := &sessionAnswer{Dev: p.Kind == "dev", Version: c.cfg.Version, Permissions: []access.Permission{}, Closed: []access.Permission{}}
	if p.Role != "" {
		a.User = &sessionUser{p.ID, p.Name, p.Role}
	}
	for _, perm := range access.Permissions() {
		if p.May(perm) {
			a.Permissions = append(a.Permissions, perm)
			if p.Limited() && c.closed[perm] {
				a.Closed = append(a.Closed, perm)
			}
		}
	}
	if p.Limited() {
		a.Rows = &seesAnswer{p.Rows.Any}
	}
	var err error
	if a.Organisation, err = c.cfg.Settings.Organisation(ctx); err != nil {
		return nil, err
	}
	if p.Kind == "anonymous" {
		a.SetupRequired, err = c.noUsers(ctx, c.cfg.DB.Reader())
	}
	return a, err
}

func (c *Console) getSession(w http.ResponseWriter, r *http.Request) error {
	a, err := c.session(r.Context(), principalOf(r))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, a)
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	email := normaliseEmail(in.Email)
	if email == "" || in.Password == "" || len(email) > 254 || len(in.Password) > maxPasswordBytes {
		return wrongPassword()
	}
	undo, err := c.guesses.reserve(clientNetwork(r, c.cfg.TrustedProxies), email, c.cfg.Clock.Now())
	if err != nil {
		c.metrics.signInsRefused.Inc()
		return err
	}
	p := &principal{Viewer: access.Viewer{Kind: "user", Name: email}}
	stored := noPassword
	var l limits
	err = c.cfg.DB.Reader().QueryRow(r.Context(), `SELECT id, role, password, rows_any, rows_set FROM console_users WHERE email = ?`, email).
		Scan(&p.ID, &p.Role, &stored, &l.anyOf, &l.set)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	ok, err := c.passwords.verify(r.Context(), stored, in.Password)
	if err != nil {
		return err
	}
	if !ok || p.ID == "" {
		c.metrics.signInsRefused.Inc()
		return wrongPassword()
	}
	undo()
	p.Permissions, _ = access.Of(p.Role)
	p.Rows = l.viewerRows()
	return c.startSession(w, r, p, http.StatusOK)
}

func wrongPassword() error {
	return touchstone.Errorf(touchstone.Unauthenticated, "The e-mail or the password is wrong.")
}

// startSession gives p a cookie and answers with the session.
func (c *Console) startSession(w http.ResponseWriter, r *http.Request, p *principal, status int) error {
	token := randid.String(40)
	now := c.cfg.Clock.Now()
	err := c.cfg.DB.Retry(r.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec(r.Context(), `UPDATE console_users SET last_seen_at = ? WHERE id = ?`, now.UnixMilli(), p.ID); err != nil {
			return err
		}
		_, err := tx.Exec(r.Context(), `INSERT INTO console_sessions (token, user_id, created_at, last_seen_at) VALUES (?, ?, ?, ?)`,
			hashSecret(token), p.ID, now.UnixMilli(), now.UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	api.NoteActor(r, &p.Viewer)
	api.NoteTarget(r, p.ID, p.Name)
	a, err := c.session(r.Context(), p)
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(r, token, int(c.cfg.SessionLifetime/time.Second)))
	return api.WriteJSON(w, status, a)
}

func (c *Console) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		// A proxy in front may end TLS. Who forges the header only changes his own cookie.
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}

// changePassword is how a user replaces the password that an administrator gave.
func (c *Console) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Current  string `json:"current_password"`
		Password string `json:"password"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	ctx, p := r.Context(), principalOf(r)
	if p.Kind != "user" {
		return touchstone.Errorf(touchstone.Forbidden, "Only a user who is signed in has a password.")
	}
	if err := checkPassword(in.Password); err != nil {
		return err
	}
	undo, err := c.guesses.reserve(clientNetwork(r, c.cfg.TrustedProxies), p.Name, c.cfg.Clock.Now())
	if err != nil {
		return err
	}
	var stored string
	if err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT password FROM console_users WHERE id = ?`, p.ID).Scan(&stored); err != nil {
		return err
	}
	ok, err := c.passwords.verify(ctx, stored, in.Current)
	if err != nil {
		return err
	}
	if !ok {
		return touchstone.Errorf(touchstone.Forbidden, "The current password is wrong.")
	}
	undo()
	hash, err := c.passwords.hash(ctx, in.Password)
	if err != nil {
		return err
	}
	err = c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE console_users SET password = ? WHERE id = ?`, hash, p.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM console_sessions WHERE user_id = ? AND token <> ?`, p.ID, p.token)
		return err
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, p.ID, p.Name)
	return api.NoContent(w)
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) error {
	p := principalOf(r)
	if p.token != "" {
		err := c.cfg.DB.Retry(r.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(r.Context(), `DELETE FROM console_sessions WHERE token = ?`, p.token)
			return err
		})
		if err != nil {
			return err
		}
		api.NoteTarget(r, p.ID, p.Name)
	} else {
		api.NoteNothing(r)
	}
	http.SetCookie(w, c.cookie(r, "", -1))
	return api.NoContent(w)
}

// setupToken is the one-time secret that lets the first administrator in.
type setupToken struct {
	mu    sync.Mutex
	token string
}

// SetupToken returns the token that POST setup asks for, to be printed when the server
// starts, and "" when there is a user already or no sign-in is needed.
func (c *Console) SetupToken(ctx context.Context) (string, error) {
	if c.cfg.Dev {
		return "", nil
	}
	none, err := c.noUsers(ctx, c.cfg.DB.Reader())
	if err != nil || !none {
		return "", err
	}
	c.setup.mu.Lock()
	defer c.setup.mu.Unlock()
	if c.setup.token == "" {
		s := randid.String(24)
		c.setup.token = strings.Join([]string{s[:6], s[6:12], s[12:18], s[18:]}, "-")
	}
	return c.setup.token, nil
}

func (c *Console) noUsers(ctx context.Context, q store.Querier) (bool, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT count(*) FROM console_users`).Scan(&n)
	return n == 0, err
}

func (c *Console) postSetup(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Token    string `json:"token"`
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	undo, err := c.guesses.reserve(clientNetwork(r, c.cfg.TrustedProxies), "setup", c.cfg.Clock.Now())
	if err != nil {
		return err
	}
	c.setup.mu.Lock()
	defer c.setup.mu.Unlock()
	none, err := c.noUsers(r.Context(), c.cfg.DB.Reader())
	if err != nil {
		return err
	}
	if !none {
		return touchstone.Errorf(touchstone.Conflict, "The server is set up already.").WithHint("Sign in.")
	}
	token := strings.ToLower(strings.TrimSpace(in.Token))
	if c.setup.token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(c.setup.token)) != 1 {
		return touchstone.Errorf(touchstone.Forbidden, "The setup token is wrong.").
			WithHint("The server printed it when it started; a restart prints a new one.")
	}
	undo()
	u, err := c.addUser(r.Context(), newUser{email: in.Email, password: in.Password, role: access.Admin}, true)
	if err != nil {
		return err
	}
	c.setup.token = ""
	return c.startSession(w, r, userOf(u), http.StatusCreated)
}

func normaliseEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func checkEmail(email string) error {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > 254 {
		return touchstone.Errorf(touchstone.Invalid, "%.60q is not an e-mail address.", email)
	}
	return nil
}

// userOf is a user who is signed in.
func userOf(u *user) *principal {
	p := &principal{Viewer: access.Viewer{Kind: "user", ID: u.ID, Name: u.Email, Role: u.Role}}
	p.Permissions, _ = access.Of(u.Role)
	p.Rows = u.limits.viewerRows()
	return p
}
