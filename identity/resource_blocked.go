package identity

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// BlockTest is what an entry of the blocked values would catch.
type BlockTest struct {
	Samples  []SampleVerdict         `json:"samples"`
	Looked   int                     `json:"looked"`   // identifiers that are there, the latest
	Caught   int                     `json:"caught"`   // of these, that would name nobody and do now
	Examples []touchstone.Identifier `json:"examples"` // of those
}

// SampleVerdict says what becomes of a value.
type SampleVerdict struct {
	Value   string `json:"value"`
	Blocked bool   `json:"blocked"` // by this entry or another
}

const (
	maxBlockSamples  = 100
	maxBlockLooked   = 20_000
	maxBlockExamples = 20
)

// TestBlocked tells what an entry would catch, before it is saved: of some values, and of the
// identifiers that came last.
func (r *Rules) TestBlocked(ctx context.Context, viewer *access.Viewer, entry BlockRule, samples []string) (out BlockTest, err error) {
	out = BlockTest{Samples: []SampleVerdict{}, Examples: []touchstone.Identifier{}}
	if err := touchstone.CheckBlockedValue(entry.Value); err != nil {
		return out, touchstone.Wrap(touchstone.Invalid, err, "%s", err)
	}
	entry.Blocked = true
	set, err := r.Proposed(ctx, RulesBody{Blocked: []BlockRule{entry}})
	if err != nil {
		return out, err
	}
	for _, value := range samples[:min(len(samples), maxBlockSamples)] {
		_, refused := set.Check(entry.Kind, value)
		out.Samples = append(out.Samples, SampleVerdict{value, refused == touchstone.RefusedBlocked})
	}
	where, args := "", []any{}
	if entry.Kind != "" {
		where, args = ` WHERE kind = ?`, []any{string(entry.Kind)}
	}
	rows, err := r.cfg.DB.Reader().Query(ctx, `SELECT kind, value FROM identity_nodes`+where+` ORDER BY id DESC LIMIT ?`, append(args, maxBlockLooked)...)
	if err != nil {
		return out, fmt.Errorf("read the latest identifiers: %w", err)
	}
	defer func(rows *sql.Rows) { rows.Close() }(rows)
	for rows.Next() {
		var id touchstone.Identifier
		if err := rows.Scan(&id.Kind, &id.Value); err != nil {
			return out, err
		}
		out.Looked++
		_, then := set.Check(id.Kind, id.Value)
		_, now := r.set.Check(id.Kind, id.Value)
		if then != touchstone.RefusedBlocked || now == touchstone.RefusedBlocked {
			continue
		}
		if out.Caught++; len(out.Examples) < maxBlockExamples {
			out.Examples = append(out.Examples, viewer.Identifier(id))
		}
	}
	return out, rows.Err()
}

func (x *resource) testBlocked(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind    touchstone.IdentifierKind `json:"kind"`
		Value   string                    `json:"value"`
		Samples []string                  `json:"samples"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := x.rules().TestBlocked(r.Context(), api.ViewerOf(r), BlockRule{Kind: in.Kind, Value: in.Value}, in.Samples)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, out)
}
