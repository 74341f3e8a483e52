package console

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

type user struct {
	ID         string      `json:"id"`
	Email      string      `json:"email"`
	Role       access.Role `json:"role"`
	CreatedAt  time.Time   `json:"created_at"`
	LastSeenAt time.Time   `json:"last_seen_at"`
	// Rows says whom the user may see; nil: everybody.
	Rows *seesAnswer `json:"rows"`

	limits limits
}

const selectUsers = `SELECT id, email, role, created_at, last_seen_at, rows_any, rows_set FROM console_users`

type scanner interface{ Scan(dest ...any) error }

func scanUser(row scanner) (user, error) {
	var u user
	var created, seen int64
	err := row.Scan(&u.ID, &u.Email, &u.Role, &created, &seen, &u.limits.anyOf, &u.limits.set)
	if err != nil {
		return u, err
	}
	u.CreatedAt, u.LastSeenAt = time.UnixMilli(created), timeOrZero(seen)
	u.Rows, err = u.limits.answer()
	return u, err
}

// timeOrZero reads a stored time; 0 means never.
func timeOrZero(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (c *Console) listUsers(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	rows, err := c.cfg.DB.Reader().Query(r.Context(), selectUsers+` WHERE email > ? ORDER BY email LIMIT ?`, p.After, p.Limit+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	var items []user
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return err
		}
		items = append(items, u)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	next := ""
	if len(items) > p.Limit {
		items = items[:p.Limit]
		next = items[p.Limit-1].Email
	}
	return api.WritePage(w, items, next)
}

func (c *Console) createUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email    string      `json:"email"`
		Password string      `json:"password"`
		Role     access.Role `json:"role"`

		Rows touchstone.JSON `json:"rows"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	u, err := c.addUser(r.Context(), newUser{in.Email, in.Password, in.Role, in.Rows}, false)
	if err != nil {
		return err
	}
	api.NoteTarget(r, u.ID, u.Email)
	api.NoteDetail(r, map[string]any{"email": u.Email, "role": u.Role, "rows": u.Rows})
	return api.WriteJSON(w, http.StatusCreated, u)
}

type newUser struct {
	email, password string
	role            access.Role
	rows            touchstone.JSON
}

// addUser makes a user; with first only when there is none yet.
func (c *Console) addUser(ctx context.Context, n newUser, first bool) (*user, error) {
	email := normaliseEmail(n.email)
	if err := errors.Join(checkEmail(email), checkPassword(n.password), checkRole(n.role)); err != nil {
		return nil, err
	}
	hash, err := c.passwords.hash(ctx, n.password)
	if err != nil {
		return nil, err
	}
	u := &user{ID: randid.New("usr"), Email: email, Role: n.role, CreatedAt: c.cfg.Clock.Now()}
	if u.limits, err = c.readLimits(ctx, n.rows, u.Email, u.ID); err != nil {
		return nil, err
	}
	if err := checkRowsOfRole(u.Role, u.limits); err != nil {
		return nil, err
	}
	if u.Rows, err = u.limits.answer(); err != nil {
		return nil, err
	}
	err = c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if first {
			if none, err := c.noUsers(ctx, tx); err != nil {
				return err
			} else if !none {
				return touchstone.Errorf(touchstone.Conflict, "The server is set up already.").WithHint("Sign in.")
			}
		}
		var taken int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM console_users WHERE email = ?`, email).Scan(&taken); err != nil {
			return err
		}
		if taken > 0 {
			return touchstone.Errorf(touchstone.Conflict, "There is a user %s already.", email)
		}
		_, err := tx.Exec(ctx, `INSERT INTO console_users (id, email, password, role, created_at, rows_any, rows_set) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			u.ID, email, hash, string(u.Role), u.CreatedAt.UnixMilli(), u.limits.anyOf, u.limits.set)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func checkRole(role access.Role) error {
	if _, ok := access.Of(role); !ok {
		return touchstone.Errorf(touchstone.Invalid, "There is no role %.40q.", role).
			WithHint("The roles are admin, analyst, marketer, consultant, auditor and developer.")
	}
	return nil
}

func (c *Console) updateUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Role     *access.Role `json:"role"`
		Password *string      `json:"password"`

		Rows touchstone.JSON `json:"rows"` // null, that is everybody, differs from nothing said
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	ctx, id, hash := r.Context(), api.Param(r, "id"), ""
	detail := map[string]any{"password_changed": in.Password != nil}
	if in.Role != nil {
		if err := checkRole(*in.Role); err != nil {
			return err
		}
		detail["role"] = *in.Role
	}
	if in.Password != nil {
		var err error
		if hash, err = c.newPassword(ctx, *in.Password); err != nil {
			return err
		}
	}
	u, err := findUser(ctx, c.cfg.DB.Reader(), id)
	if err != nil {
		return err
	}
	given, err := c.noteLimits(ctx, in.Rows, &u, detail)
	if err != nil {
		return err
	}
	err = c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var err error
		if u, err = findUser(ctx, tx, id); err != nil {
			return err
		}
		if in.Rows != "" {
			u.limits, err = given, saveLimits(ctx, tx, "console_users", id, given)
		}
		if err != nil {
			return err
		}
		if in.Role != nil && *in.Role != u.Role {
			if err := keepAnAdmin(ctx, tx, u); err != nil {
				return err
			}
			u.Role = *in.Role
			if _, err := tx.Exec(ctx, `UPDATE console_users SET role = ? WHERE id = ?`, string(u.Role), id); err != nil {
				return err
			}
		}
		if err := checkRowsOfRole(u.Role, u.limits); err != nil {
			return err
		}
		if u.Rows, err = u.limits.answer(); err != nil || hash == "" {
			return err
		}
		return replacePassword(ctx, tx, id, hash)
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, u.Email)
	api.NoteDetail(r, detail)
	return api.WriteJSON(w, http.StatusOK, u)
}

// noteLimits is readLimits for a user, and notes them if something is said about them.
func (c *Console) noteLimits(ctx context.Context, rows touchstone.JSON, u *user, detail map[string]any) (limits, error) {
	given, err := c.readLimits(ctx, rows, u.Email, u.ID)
	if err == nil && rows != "" {
		detail["rows"], err = given.answer()
	}
	return given, err
}

func (c *Console) newPassword(ctx context.Context, password string) (hash string, err error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	return c.passwords.hash(ctx, password)
}

// replacePassword also signs the user out everywhere.
func replacePassword(ctx context.Context, tx *store.Tx, id, hash string) error {
	if _, err := tx.Exec(ctx, `UPDATE console_users SET password = ? WHERE id = ?`, hash, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM console_sessions WHERE user_id = ?`, id)
	return err
}

func (c *Console) deleteUser(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), api.Param(r, "id")
	var u user
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var err error
		if u, err = findUser(ctx, tx, id); err != nil {
			return err
		}
		if err := keepAnAdmin(ctx, tx, u); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM console_sessions WHERE user_id = ?`, id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM console_users WHERE id = ?`, id)
		return err
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, u.Email)
	return api.NoContent(w)
}

func findUser(ctx context.Context, q store.Querier, id string) (user, error) {
	u, err := scanUser(q.QueryRow(ctx, selectUsers+` WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return u, touchstone.Errorf(touchstone.NotFound, "There is no user %.60q.", id)
	}
	return u, err
}

// keepAnAdmin refuses to take the role from the last administrator, who could not be replaced.
func keepAnAdmin(ctx context.Context, tx *store.Tx, u user) error {
	if u.Role != access.Admin {
		return nil
	}
	var others int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM console_users WHERE role = 'admin' AND id <> ?`, u.ID).Scan(&others); err != nil {
		return err
	}
	if others == 0 {
		return touchstone.Errorf(touchstone.Conflict, "%s is the last administrator.", u.Email).WithHint("Make someone else an administrator first.")
	}
	return nil
}
