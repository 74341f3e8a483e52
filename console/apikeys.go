package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
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
	Key        string    `json:"key,omitzero"` // in the answer that makes it only
}

func (c *Console) listAPIKeys(w http.ResponseWriter, r *http.Request) error {
	p, err := readPaging(r)
	if err != nil {
		return err
	}
	after, err := parseTimeKey(p.after)
	if err != nil {
		return err
	}
	rows, err := c.cfg.DB.Reader().Query(r.Context(), `SELECT id, name, prefix, scopes, created_at, last_used_at FROM console_api_keys
		WHERE created_at < ? OR (created_at = ? AND id < ?) ORDER BY created_at DESC, id DESC LIMIT ?`, after.ms, after.ms, after.id, p.limit+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	var items []apiKey
	for rows.Next() {
		var k apiKey
		var scopes string
		var created, used int64
		if err := rows.Scan(&k.ID, &k.Name, &k.Prefix, &scopes, &created, &used); err != nil {
			return err
		}
		k.Scopes, k.CreatedAt, k.LastUsedAt = strings.Split(scopes, ","), time.UnixMilli(created), timeOrZero(used)
		items = append(items, k)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	items, next := firstPage(items, p.limit, func(k *apiKey) timeKey { return timeKey{k.CreatedAt.UnixMilli(), k.ID} })
	return writePage(w, items, next)
}

// maxAPIKeys is far beyond need; it stops a runaway script.
const maxAPIKeys = 1000

func (c *Console) createAPIKey(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	name, err := checkName("name", in.Name, 100)
	if err != nil {
		return err
	}
	if len(in.Scopes) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "Name at least one scope.").WithHint("The scopes are ingest, metrics, read, write and admin.")
	}
	for _, s := range in.Scopes {
		if _, ok := scopePermissions[s]; !ok {
			return touchstone.Errorf(touchstone.Invalid, "There is no scope %.40q.", s).WithHint("The scopes are ingest, metrics, read, write and admin.")
		}
	}
	slices.Sort(in.Scopes)
	k := apiKey{ID: randid.New("key"), Name: name, Scopes: slices.Compact(in.Scopes), CreatedAt: c.cfg.Clock.Now(), Key: "tsk_" + randid.String(40)}
	k.Prefix = k.Key[:10]
	ctx := r.Context()
	err = update(ctx, c.cfg.DB, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM console_api_keys`).Scan(&n); err != nil {
			return err
		}
		if n >= maxAPIKeys {
			return touchstone.Errorf(touchstone.Conflict, "There are %d API keys already.", n).WithHint("Revoke some that are not used.")
		}
		_, err := tx.Exec(ctx, `INSERT INTO console_api_keys (id, name, prefix, hash, scopes, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			k.ID, k.Name, k.Prefix, hashSecret(k.Key), strings.Join(k.Scopes, ","), principalOf(r).id, k.CreatedAt.UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	noteTarget(r, k.ID, k.Name)
	noteDetail(r, map[string]any{"name": k.Name, "scopes": k.Scopes})
	return writeJSON(w, http.StatusCreated, k)
}

func (c *Console) deleteAPIKey(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), param(r, "id")
	name := ""
	err := update(ctx, c.cfg.DB, func(tx *store.Tx) error {
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
	noteTarget(r, id, name)
	return noContent(w)
}

// checkName trims a name that a person gave and bounds it.
func checkName(field, name string, most int) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "", touchstone.Errorf(touchstone.Invalid, "The field %q is empty.", field)
	}
	if n := len([]rune(name)); n > most {
		return "", touchstone.Errorf(touchstone.Invalid, "The field %q has %d characters; at most %d fit.", field, n, most)
	}
	return name, nil
}
