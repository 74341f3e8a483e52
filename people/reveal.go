package people

import (
	"net/http"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// reveal answers with the contacts of one person as they are: identifiers and traits
// that are shown masked elsewhere. It is a write, so that the audit log has it: who, whose,
// when, why, and not the contacts themselves.
func (x *resource) reveal(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Reason = strings.TrimSpace(in.Reason); in.Reason == "" {
		return touchstone.Errorf(touchstone.Invalid, "The field %q is missing.", "reason").
			WithHint("Write why the contacts are needed: the audit log keeps it.")
	}
	if n := len([]rune(in.Reason)); n > maxReason {
		return touchstone.Errorf(touchstone.Invalid, "The field %q has %d characters; at most %d fit.", "reason", n, maxReason)
	}
	ctx := r.Context()
	id, err := x.person(r)
	if err != nil {
		return err
	}
	profiles, err := x.profiles()
	if err != nil {
		return err
	}
	// What is masked is what a viewer without the right sees otherwise.
	without := &access.Viewer{Kinds: x.parts().Kinds, Fields: x.parts().Fields}
	a := revealAnswer{ID: id, Identifiers: []touchstone.Identifier{}, Traits: map[string]touchstone.JSON{}}
	view, err := x.graph().Identity(ctx, access.System(), id)
	if err != nil {
		return err
	}
	for _, n := range view.Nodes {
		if id := n.Identifier(); without.Identifier(id) != id {
			a.Identifiers = append(a.Identifiers, id)
		}
	}
	relations, _, err := x.graph().Relations(ctx, access.System(), id)
	if err != nil {
		return err
	}
	for _, r := range relations {
		if id := (touchstone.Identifier{Kind: r.Kind, Value: r.Value}); without.Identifier(id) != id {
			a.Identifiers = append(a.Identifiers, id)
		}
	}
	p, err := profiles.Get(ctx, access.System(), id)
	if err != nil && touchstone.KindOf(err) != touchstone.NotFound {
		return err
	}
	if err == nil {
		for name, value := range p.Traits {
			if without.Field(name, value) != value {
				a.Traits[name] = value
			}
		}
	}
	kinds := []string{}
	for _, id := range a.Identifiers {
		kinds = append(kinds, string(id.Kind))
	}
	api.NoteTarget(r, id.String(), "")
	api.NoteDetail(r, map[string]any{"reason": in.Reason, "kinds": kinds, "traits": len(a.Traits)})
	return api.WriteJSON(w, http.StatusOK, a)
}

const maxReason = 500

type revealAnswer struct {
	ID          touchstone.PersonID        `json:"id"`
	Identifiers []touchstone.Identifier    `json:"identifiers"`
	Traits      map[string]touchstone.JSON `json:"traits"`
}
