package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

type apiKey struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Prefix     string    `json:"prefix"`
	Scopes     []string  `json:"scopes"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	// Rows says whom the key may see; nil: everybody.
	Rows *seesAnswer `json:"rows"`
	Key  string      `json:"key,omitzero"` // in the answer that makes it only
}

func (c *Console) listAPIKeys(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	after, err := api.ParseTimeKey(p.After)
	if err != nil {
		return err
	}
	rows, err := c.cfg.DB.Reader().Query(r.Context(), `SELECT id, name, prefix, scopes, created_at, last_used_at, rows_any FROM console_api_keys
		WHERE created_at < ? OR (created_at = ? AND id < ?) ORDER BY created_at DESC, id DESC LIMIT ?`, after.MS, after.MS, after.ID, p.Limit+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	var items []apiKey
	for rows.Next() {
		var k apiKey
		var scopes string
		var created, used int64
		var l limits
		if err := rows.Scan(&k.ID, &k.Name, &k.Prefix, &scopes, &created, &used, &l.anyOf); err != nil {
			return err
		}
		if k.Rows, err = l.answer(); err != nil {
			return err
		}
		k.Scopes, k.CreatedAt, k.LastUsedAt = strings.Split(scopes, ","), time.UnixMilli(created), timeOrZero(used)
		items = append(items, k)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	items, next := api.FirstPage(items, p.Limit, func(k *apiKey) api.TimeKey { return api.TimeKey{MS: k.CreatedAt.UnixMilli(), ID: k.ID} })
	return api.WritePage(w, items, next)
}

// maxAPIKeys is far beyond need; it stops a runaway script.
const maxAPIKeys = 1000

func (c *Console) createAPIKey(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`

		Rows touchstone.JSON `json:"rows"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	name, err := api.CheckName("name", in.Name, 100)
	if err != nil {
		return err
	}
	if len(in.Scopes) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "Name at least one scope.").WithHint("The scopes are %s, and each permission by itself.", strings.Join(access.Scopes(), ", "))
	}
	for _, s := range in.Scopes {
		if _, ok := access.OfScope(s); !ok {
			return touchstone.Errorf(touchstone.Invalid, "There is no scope %.40q.", s).WithHint("The scopes are %s, and each permission by itself.", strings.Join(access.Scopes(), ", "))
		}
	}
	ctx := r.Context()
	l, err := c.readLimits(ctx, in.Rows)
	if err != nil {
		return err
	}
	slices.Sort(in.Scopes)
	k := apiKey{ID: randid.New("key"), Name: name, Scopes: slices.Compact(in.Scopes), CreatedAt: c.cfg.Clock.Now(), Key: "tsk_" + randid.String(40)}
	k.Prefix = k.Key[:10]
	if k.Rows, err = l.answer(); err != nil {
		return err
	}
	err = c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM console_api_keys`).Scan(&n); err != nil {
			return err
		}
		if n >= maxAPIKeys {
			return touchstone.Errorf(touchstone.Conflict, "There are %d API keys already.", n).WithHint("Revoke some that are not used.")
		}
		_, err := tx.Exec(ctx, `INSERT INTO console_api_keys (id, name, prefix, hash, scopes, created_by, created_at, rows_any, rows_set) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			k.ID, k.Name, k.Prefix, hashSecret(k.Key), strings.Join(k.Scopes, ","), api.ViewerOf(r).ID, k.CreatedAt.UnixMilli(), l.anyOf, l.set)
		return err
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, k.ID, k.Name)
	api.NoteDetail(r, map[string]any{"name": k.Name, "scopes": k.Scopes, "rows": k.Rows})
	return api.WriteJSON(w, http.StatusCreated, k)
}

func (c *Console) deleteAPIKey(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), api.Param(r, "id")
	name := ""
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(name), '') FROM console_api_keys WHERE id = ?`, id).Scan(&name); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM console_api_keys WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return touchstone.Errorf(touchstone.NotFound, "There is no API key %.60q.", id)
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, name)
	return api.NoContent(w)
}
