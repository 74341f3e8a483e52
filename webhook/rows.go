package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/store"
)

const columns = `id, name, definition, secrets, created_at, updated_at`

func scan(row interface{ Scan(...any) error }) (*Webhook, error) {
	var id, name, definition, secrets string
	var created, updated int64
	if err := row.Scan(&id, &name, &definition, &secrets, &created, &updated); err != nil {
		return nil, err
	}
	w := &Webhook{}
	if err := errors.Join(json.Unmarshal([]byte(definition), w), json.Unmarshal([]byte(secrets), &w.Secrets)); err != nil {
		return nil, fmt.Errorf("read webhook %s: %w", id, err)
	}
	w.ID, w.Name, w.CreatedAt, w.UpdatedAt = id, name, time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return w, nil
}

func readAll(ctx context.Context, q store.Querier) (map[string]*Webhook, error) {
	rows, err := q.Query(ctx, `SELECT `+columns+` FROM webhooks`)
	if err != nil {
		return nil, fmt.Errorf("read the webhooks: %w", err)
	}
	defer rows.Close()
	all := map[string]*Webhook{}
	for rows.Next() {
		w, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all[w.ID] = w
	}
	return all, rows.Err()
}

func get(ctx context.Context, q store.Querier, id string) (Webhook, error) {
	w, err := scan(q.QueryRow(ctx, `SELECT `+columns+` FROM webhooks WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Webhook{}, notFound(id)
	}
	if err != nil {
		return Webhook{}, err
	}
	return *w, nil
}

// write keeps a webhook, whose name must be its own.
func (h *Webhooks) write(ctx context.Context, tx *store.Tx, w *Webhook, all map[string]*Webhook) error {
	for _, other := range all {
		if other.Name == w.Name && other.ID != w.ID {
			return touchstone.Errorf(touchstone.Conflict, "There is a webhook named %q already.", w.Name).WithHint("Choose another name.")
		}
	}
	definition, err := json.Marshal(w, json.Deterministic(true))
	if err != nil {
		return err
	}
	secrets, err := json.Marshal(w.Secrets)
	if err != nil {
		return err
	}
	u := store.Upsert{Table: "webhooks", Key: []string{"id"}, Columns: []string{"id", "name", "definition", "secrets", "created_at", "updated_at"}}
	return tx.BulkUpsert(ctx, u, 1, func(_ int, args []any) {
		args[0], args[1], args[2], args[3], args[4], args[5] = w.ID, w.Name, string(definition), string(secrets), w.CreatedAt.UnixMilli(), w.UpdatedAt.UnixMilli()
	})
}

// How long what this process holds is believed without a look at what others have changed.
const (
	believeFor = time.Second
	namesFor   = 5 * time.Second
)

// load reads the definitions anew.
func (h *Webhooks) load(ctx context.Context, q store.Querier) error {
	var version int64
	if err := q.QueryRow(ctx, `SELECT version FROM webhook_version WHERE one = 1`).Scan(&version); err != nil {
		return err
	}
	all, err := readAll(ctx, q) // at least as new as the version
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if version >= h.version {
		h.known, h.version, h.checked = all, version, time.Now()
	}
	return nil
}

// current returns the definitions as of some transaction.
func (h *Webhooks) current(ctx context.Context, q store.Querier) (map[string]*Webhook, error) {
	var version int64
	if err := q.QueryRow(ctx, `SELECT version FROM webhook_version WHERE one = 1`).Scan(&version); err != nil {
		return nil, err
	}
	h.mu.Lock()
	known, have := h.known, h.version
	h.mu.Unlock()
	if have == version {
		return known, nil
	}
	return readAll(ctx, q)
}

// find returns a definition from memory, which is at most a second old; nil: there is none.
func (h *Webhooks) find(ctx context.Context, id string) *Webhook {
	h.mu.Lock()
	w := h.known[id]
	stale := time.Since(h.checked) > believeFor && !h.checking
	h.checking = h.checking || stale
	h.mu.Unlock()
	if !stale {
		return w
	}
	defer func() {
		h.mu.Lock()
		h.checking = false
		h.mu.Unlock()
	}()
	if err := h.look(ctx); err != nil {
		h.cfg.Logger.Warn("the webhooks could not be read; the last known ones are used", "error", err)
		return w
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known[id]
}

// look reads the definitions if another process has changed them.
func (h *Webhooks) look(ctx context.Context) error {
	q := h.cfg.DB.Reader()
	var version int64
	if err := q.QueryRow(ctx, `SELECT version FROM webhook_version WHERE one = 1`).Scan(&version); err != nil {
		return err
	}
	h.mu.Lock()
	same := version == h.version
	if same {
		h.checked = time.Now()
	}
	h.mu.Unlock()
	if same {
		return nil
	}
	return h.load(ctx, q)
}

// segmentNames returns the names of segments, a few seconds old at most.
func (h *Webhooks) segmentNames(ctx context.Context, need string) (map[string]string, error) {
	h.mu.Lock()
	names, fresh := h.names, time.Since(h.named) < namesFor
	h.mu.Unlock()
	if _, known := names[need]; fresh && known {
		return names, nil
	}
	names, err := h.cfg.Names(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.names, h.named = names, time.Now()
	h.mu.Unlock()
	return names, nil
}

// Interest is the segments of all webhooks, and persons if one tells of them.
func (h *Webhooks) Interest(ctx context.Context, q store.Querier) (inbox.Interest, error) {
	all, err := readAll(ctx, q)
	if err != nil {
		return inbox.Interest{}, err
	}
	interest := inbox.Interest{Causes: len(all) > 0}
	seen := map[string]bool{}
	for _, w := range all {
		interest.Backfill = interest.Backfill || w.Backfill
		interest.Persons = interest.Persons || w.tellsOfPersons()
		if !w.tellsOfSegments() {
			continue
		}
		for _, s := range w.Segments {
			if !seen[s] {
				seen[s] = true
				interest.Segments = append(interest.Segments, s)
			}
		}
	}
	return interest, nil
}
