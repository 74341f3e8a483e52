package console

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/identity"
)

// IdentityRules is how identifiers are treated: *identity.Rules.
type IdentityRules interface {
	Kinds() *touchstone.KindSet
	View(ctx context.Context) (identity.RulesView, error)
	SetKind(ctx context.Context, k touchstone.KindConfig) error
	ResetKind(ctx context.Context, kind touchstone.IdentifierKind) error
	SetBlocked(ctx context.Context, kind touchstone.IdentifierKind, value string, blocked bool) error
	Check(ctx context.Context, viewer *access.Viewer, kind touchstone.IdentifierKind, value string) (identity.Verdict, error)
	Suggestions(ctx context.Context, viewer *access.Viewer, state string, limit int) ([]identity.Suggestion, error)
	Decide(ctx context.Context, viewer *access.Viewer, kind touchstone.IdentifierKind, value string, block bool) error
}

func (c *Console) identityRules() (IdentityRules, error) {
	if c.cfg.IdentityRules == nil {
		return nil, api.NotHere("identity")
	}
	return c.cfg.IdentityRules, nil
}

func (c *Console) listIdentityKinds(w http.ResponseWriter, r *http.Request) error {
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	return showRules(w, r, rules)
}

// showRules answers with all rules, so that a page is right after each change.
func showRules(w http.ResponseWriter, r *http.Request, rules IdentityRules) error {
	v, err := rules.View(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, v)
}

func (c *Console) updateIdentityKind(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Role       *touchstone.Role `json:"role"`
		Priority   *int             `json:"priority"`
		Limit      *int             `json:"limit"`
		Normaliser *string          `json:"normaliser"`
		MaxLength  *int             `json:"max_length"`
		Contact    *bool            `json:"contact"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	v, err := rules.View(r.Context())
	if err != nil {
		return err
	}
	k := touchstone.OtherKind(touchstone.IdentifierKind(api.Param(r, "kind")))
	known := false
	for _, have := range v.Kinds {
		if have.Kind == k.Kind {
			k.Role, k.Priority, k.Limit, k.Normaliser, k.MaxLength, k.Contact = have.Role, have.Priority, have.Limit, have.Normaliser, have.MaxLength, have.Contact
			known = true
		}
	}
	setGiven(&k.Role, in.Role)
	setGiven(&k.Priority, in.Priority)
	setGiven(&k.Limit, in.Limit)
	setGiven(&k.Normaliser, in.Normaliser)
	setGiven(&k.MaxLength, in.MaxLength)
	if !known {
		k.Contact = touchstone.ContactByForm(k.Normaliser)
	}
	setGiven(&k.Contact, in.Contact)
	if err := rules.SetKind(r.Context(), k); err != nil {
		return err
	}
	api.NoteTarget(r, string(k.Kind), string(k.Kind))
	return showRules(w, r, rules)
}

func setGiven[T any](to *T, given *T) {
	if given != nil {
		*to = *given
	}
}

func (c *Console) resetIdentityKind(w http.ResponseWriter, r *http.Request) error {
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	kind := api.Param(r, "kind")
	if err := rules.ResetKind(r.Context(), touchstone.IdentifierKind(kind)); err != nil {
		return err
	}
	api.NoteTarget(r, kind, kind)
	return showRules(w, r, rules)
}

func (c *Console) setBlockedValue(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind    touchstone.IdentifierKind `json:"kind"`
		Value   string                    `json:"value"`
		Blocked *bool                     `json:"blocked"`
		Cut     bool                      `json:"cut"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Blocked == nil {
		return touchstone.Errorf(touchstone.Invalid, "blocked is missing: true or false.")
	}
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	var done identity.Blocked
	if _, err := c.submit(r, identity.BlockCommand, identity.BlockBody{Kind: in.Kind, Value: in.Value, Blocked: *in.Blocked, Cut: in.Cut}, &done); err != nil {
		return err
	}
	api.NoteTarget(r, blockedTarget(in.Kind, in.Value), in.Value)
	return showRules(w, r, rules)
}

func blockedTarget(kind touchstone.IdentifierKind, value string) string {
	if kind == "" {
		kind = "*"
	}
	return string(kind) + ":" + value
}

func (c *Console) checkIdentifier(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind  touchstone.IdentifierKind `json:"kind"`
		Value string                    `json:"value"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	kind, ok := touchstone.ParseKind(string(in.Kind))
	if !ok {
		return touchstone.Errorf(touchstone.Invalid, "%.40q is no kind of identifier.", in.Kind).WithHint("Use a-z, 0-9 and _, at most 32.")
	}
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	v, err := rules.Check(r.Context(), api.ViewerOf(r), kind, in.Value)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, v)
}

const maxSuggestions = 200

func (c *Console) listSuggestions(w http.ResponseWriter, r *http.Request) error {
	state := r.URL.Query().Get("state")
	state = cmp.Or(state, "open")
	if state != "open" && state != "blocked" && state != "dismissed" {
		return touchstone.Errorf(touchstone.Invalid, "state must be open, blocked or dismissed.")
	}
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	items, err := rules.Suggestions(r.Context(), api.ViewerOf(r), state, maxSuggestions)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (c *Console) decideSuggestion(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind     touchstone.IdentifierKind `json:"kind"`
		Value    string                    `json:"value"`
		Decision string                    `json:"decision"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Decision != "block" && in.Decision != "dismiss" {
		return touchstone.Errorf(touchstone.Invalid, "decision must be block or dismiss.")
	}
	rules, err := c.identityRules()
	if err != nil {
		return err
	}
	if err := rules.Decide(r.Context(), api.ViewerOf(r), in.Kind, in.Value, in.Decision == "block"); err != nil {
		return err
	}
	api.NoteTarget(r, blockedTarget(in.Kind, in.Value), in.Value)
	return api.NoContent(w)
}

// relatedPerson is a person that has to do with a car, an account, a household.
type relatedPerson struct {
	ID        touchstone.PersonID `json:"id"`
	Name      *string             `json:"name"`
	FirstSeen time.Time           `json:"first_seen"`
	LastSeen  time.Time           `json:"last_seen"`
	Events    int64               `json:"events"`
}

// addRelations fills in what a person has to do with, and who with it.
func (c *Console) addRelations(ctx context.Context, v *access.Viewer, a *personAnswer, id touchstone.PersonID) error {
	of, by, err := c.cfg.Identity.Relations(ctx, v, id)
	if err != nil {
		return err
	}
	a.Relations, a.RelatedPersons = of, make([]relatedPerson, len(by))
	ids := make([]touchstone.PersonID, len(by))
	for i, p := range by {
		ids[i] = p.Person
	}
	lines, err := c.summaries(ctx, v, ids)
	if err != nil {
		return err
	}
	for i, p := range by {
		a.RelatedPersons[i] = relatedPerson{p.Person, lines[i].Name, p.FirstSeen, p.LastSeen, p.Events}
	}
	return nil
}

// shownNode finds the node that a viewer was shown with its contact masked; an empty one is none.
func shownNode(v *access.Viewer, nodes []identity.Node, shown string) (found identity.Node, err error) {
	for _, n := range nodes {
		if v.SeesContacts() || v.Identifier(n.Identifier()).String() != shown {
			continue
		}
		if found.ID != 0 {
			return found, touchstone.Errorf(touchstone.Conflict, "Several identifiers of this person look like %.80s.", shown).
				WithHint("Reveal the person's contacts and name it in full.")
		}
		found = n
	}
	return found, nil
}

// meant returns the identifier of a person that a viewer may have been shown masked.
func (c *Console) meant(ctx context.Context, v *access.Viewer, person touchstone.PersonID, shown touchstone.Identifier) (touchstone.Identifier, error) {
	if v.SeesContacts() {
		return shown, nil
	}
	nodes, err := c.cfg.Identity.NodesOfPersons(ctx, []touchstone.PersonID{person})
	if err != nil {
		return shown, err
	}
	node, err := shownNode(v, nodes[person], shown.String())
	if err != nil || node.ID == 0 {
		return shown, err
	}
	return node.Identifier(), nil
}
