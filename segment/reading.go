package segment

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// Reading is a rule in each of its forms.
type Reading struct {
	Rule     touchstone.JSON   `json:"rule"`
	Text     string            `json:"text"`  // rule.ParseText reads it back
	Words    map[string]string `json:"words"` // by language
	Warnings []rule.Warning    `json:"warnings"`
}

// Read tells a rule in all its forms. Segments are called by their names in the sentences, and by their ids elsewhere.
func (s *Segments) Read(ctx context.Context, r *rule.Rule) (Reading, error) {
	names, err := s.namesOf(ctx, r.Segments())
	if err != nil {
		return Reading{}, err
	}
	out := Reading{Rule: r.JSON(), Text: r.Text(), Words: map[string]string{}, Warnings: append([]rule.Warning{}, r.Warnings()...)}
	for _, language := range rule.Languages {
		out.Words[language] = r.Words(language, rule.Names{Segment: func(id string) string {
			if name, ok := names[id]; ok {
				return name
			}
			return id
		}})
	}
	return out, nil
}

func (s *Segments) namesOf(ctx context.Context, ids []string) (map[string]string, error) {
	names := map[string]string{}
	err := store.SelectIn(ctx, s.db.Reader(), `SELECT id, name FROM segments WHERE id IN (...)`, ids, func(rows *sql.Rows) error {
		var id, name string
		err := rows.Scan(&id, &name)
		names[id] = name
		return err
	})
	return names, err
}

func (x *resource) read(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Rule touchstone.JSON `json:"rule"`
		Text *string         `json:"text"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	var read *rule.Rule
	switch given := in.Rule != "" && in.Rule != "null"; {
	case given == (in.Text != nil):
		return touchstone.Errorf(touchstone.Invalid, "Give either \"rule\" or \"text\".")
	case given:
		read, err = rule.Parse(in.Rule)
	default:
		read, err = rule.ParseText(*in.Text)
	}
	if err != nil {
		return err
	}
	answer, err := segments.Read(r.Context(), read)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}
