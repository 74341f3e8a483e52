package imports

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxMappings bounds the saved mappings: the list is read whole.
const maxMappings = 500

// mappingAnswer is a saved mapping.
type mappingAnswer struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Mapping   jsontext.Value `json:"mapping"`
	Columns   []string       `json:"columns"` // of the file that it was made for
	UpdatedAt time.Time      `json:"updated_at"`
	UpdatedBy string         `json:"updated_by"`
}

const mappingColumns = `id, name, mapping, columns, updated_at, updated_by`

func scanMapping(row scanner) (m mappingAnswer, err error) {
	var mapping, columns string
	var at int64
	if err = row.Scan(&m.ID, &m.Name, &mapping, &columns, &at, &m.UpdatedBy); err != nil {
		return m, err
	}
	m.Mapping, m.UpdatedAt = jsontext.Value(mapping), time.UnixMilli(at)
	return m, json.Unmarshal([]byte(columns), &m.Columns)
}

func (x *Imports) readMappings(ctx context.Context) ([]mappingAnswer, error) {
	rows, err := x.cfg.DB.Reader().Query(ctx, `SELECT `+mappingColumns+` FROM import_mappings ORDER BY updated_at DESC, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []mappingAnswer{}
	for rows.Next() {
		m, err := scanMapping(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// mappingsFor returns the mappings that were made for the same columns, in any order.
func (x *Imports) mappingsFor(ctx context.Context, columns []string) ([]mappingAnswer, error) {
	all, err := x.readMappings(ctx)
	want := slices.Sorted(slices.Values(columns))
	return slices.DeleteFunc(all, func(m mappingAnswer) bool {
		return !slices.Equal(want, slices.Sorted(slices.Values(m.Columns)))
	}), err
}

func (x *Imports) listMappings(w http.ResponseWriter, r *http.Request) error {
	items, err := x.readMappings(r.Context())
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (x *Imports) findMapping(ctx context.Context, q store.Querier, id string) (mappingAnswer, error) {
	m, err := scanMapping(q.QueryRow(ctx, `SELECT `+mappingColumns+` FROM import_mappings WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return m, touchstone.Errorf(touchstone.NotFound, "There is no mapping %.60q.", id)
	}
	return m, err
}

func (x *Imports) getMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := x.findMapping(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, m)
}

func (x *Imports) createMapping(w http.ResponseWriter, r *http.Request) error {
	m := mappingAnswer{ID: randid.New("map"), Columns: []string{}}
	if err := x.readMapping(r, &m); err != nil {
		return err
	}
	if m.Name == "" || len(m.Mapping) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "A saved mapping needs a name and the mapping.")
	}
	err := x.cfg.DB.Retry(r.Context(), func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(r.Context(), `SELECT count(*) FROM import_mappings`).Scan(&n); err != nil {
			return err
		}
		if n >= maxMappings {
			return touchstone.Errorf(touchstone.Conflict, "There are %d saved mappings, the most that there may be.", n).WithHint("Delete one that is not used.")
		}
		return saveMapping(r.Context(), tx, m)
	})
	if err != nil {
		return err
	}
	api.NoteTarget(r, m.ID, m.Name)
	return api.WriteJSON(w, http.StatusCreated, m)
}

func (x *Imports) updateMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := x.findMapping(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	if err := x.readMapping(r, &m); err != nil {
		return err
	}
	err = x.cfg.DB.Retry(r.Context(), func(tx *store.Tx) error { return saveMapping(r.Context(), tx, m) })
	if err != nil {
		return err
	}
	api.NoteTarget(r, m.ID, m.Name)
	return api.WriteJSON(w, http.StatusOK, m)
}

// readMapping lays what a body says over m.
func (x *Imports) readMapping(r *http.Request, m *mappingAnswer) (err error) {
	var in struct {
		Name    *string        `json:"name"`
		Mapping jsontext.Value `json:"mapping"`
		YAML    string         `json:"yaml"`
		Columns []string       `json:"columns"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Name != nil {
		if m.Name, err = api.CheckName("name", *in.Name, 200); err != nil {
			return err
		}
	}
	if len(in.Mapping) > 0 || in.YAML != "" {
		parsed, _, err := mappingInput{in.Mapping, in.YAML}.parse()
		if err != nil {
			return err
		}
		m.Mapping = jsontext.Value(parsed.JSON())
	}
	if in.Columns != nil {
		m.Columns = in.Columns
	}
	m.UpdatedAt, m.UpdatedBy = x.cfg.Clock.Now(), api.ViewerOf(r).Name
	return nil
}

func saveMapping(ctx context.Context, tx *store.Tx, m mappingAnswer) error {
	var other string
	err := tx.QueryRow(ctx, `SELECT id FROM import_mappings WHERE name = ? AND id <> ?`, m.Name, m.ID).Scan(&other)
	if err == nil {
		return touchstone.Errorf(touchstone.Conflict, "There is another mapping called %q.", m.Name).WithHint("Choose another name, or change that one.")
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	columns, err := json.Marshal(m.Columns)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO import_mappings (`+mappingColumns+`) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, mapping = excluded.mapping, columns = excluded.columns,
		updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		m.ID, m.Name, string(m.Mapping), string(columns), m.UpdatedAt.UnixMilli(), m.UpdatedBy)
	return err
}

func (x *Imports) deleteMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := x.findMapping(r.Context(), x.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	if err := x.cfg.DB.Retry(r.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(r.Context(), `DELETE FROM import_mappings WHERE id = ?`, m.ID)
		return err
	}); err != nil {
		return err
	}
	api.NoteTarget(r, m.ID, m.Name)
	return api.NoContent(w)
}
