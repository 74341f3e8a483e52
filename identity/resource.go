package identity

import (
	"cmp"
	_ "embed"
	"net/http"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	mayRead   access.Permission = "identity:read"
	mayWrite  access.Permission = "identity:write"
	mayImport access.Permission = "imports:write" // declared by imports
)

// Ask has the pipeline carry out a command for the caller of the API and reads its result.
type Ask func(r *http.Request, kind string, body, result any) (id string, err error)

type resource struct {
	rules    func() *Rules
	graph    func() *Graph
	commands Ask
	preview  Previewer
}

// Resource is the API of the rules of identity, and of what is shared and decided. The functions
// are asked when a request comes.
func Resource(rules func() *Rules, graph func() *Graph, commands Ask, preview Previewer) api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	x := &resource{rules, graph, commands, preview}
	return api.Resource{Name: "Identity", Spec: spec, Serves: touchstone.Operation("who is who must be known, or a refusal on one device is not kept on the next"), Permissions: []access.Declared{
		{Permission: mayRead, Allows: "see the rules of identity"},
		{Permission: mayWrite, Allows: "change the rules of identity"},
	}, Routes: []api.Route{
		// The command line reads the rules before it turns rows into events.
		{Method: get, Path: "/identity/kinds", Need: mayRead, Or: mayImport, Handle: x.kinds},
		{Method: patch, Path: "/identity/kinds/{kind}", Need: mayWrite, Handle: x.updateKind, Action: "identity.kind.update"},
		{Method: del, Path: "/identity/kinds/{kind}", Need: mayWrite, Handle: x.resetKind, Action: "identity.kind.reset"},
		{Method: post, Path: "/identity/blocked", Need: mayWrite, Handle: x.block, Action: "identity.block"},
		{Method: post, Path: "/identity/blocked/test", Need: mayRead, Handle: x.testBlocked},
		{Method: post, Path: "/identity/check", Need: mayRead, Handle: x.check},
		{Method: get, Path: "/identity/suggestions", Need: mayRead, Handle: x.suggestions},
		{Method: post, Path: "/identity/suggestions", Need: mayWrite, Handle: x.decide, Action: "identity.suggestion.decide"},
		{Method: get, Path: "/identity/shared", Need: mayRead, Handle: x.listShared},
		{Method: get, Path: "/identity/shared/{node}", Need: mayRead, Handle: x.getShared},
		{Method: post, Path: "/identity/shared", Need: mayWrite, Handle: x.decideShared, Action: "identity.trust"},
		{Method: post, Path: "/identity/preview", Need: "people:write", Handle: x.previewCommand},
		{Method: get, Path: "/identity/reruns/{job}/samples", Need: mayRead, Handle: x.rerunSamples},
		{Method: post, Path: "/identity/undo", Need: "people:write", Handle: x.undo, Action: "person.undo"},
	}}
}

func (x *resource) kinds(w http.ResponseWriter, r *http.Request) error {
	rules := x.rules()
	return showRules(w, r, rules)
}

// showRules answers with all rules, so that a page is right after each change.
func showRules(w http.ResponseWriter, r *http.Request, rules *Rules) error {
	v, err := rules.View(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, v)
}

func (x *resource) updateKind(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Role       *touchstone.Role `json:"role"`
		Priority   *int             `json:"priority"`
		Limit      *int             `json:"limit"`
		Normaliser *string          `json:"normaliser"`
		MaxLength  *int             `json:"max_length"`
		Contact    *bool            `json:"contact"`

		TellsApart  *bool `json:"tells_apart"`
		SharedAfter *int  `json:"shared_after"`
		WindowLimit *int  `json:"window_limit"`
		WindowDays  *int  `json:"window_days"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	rules := x.rules()
	v, err := rules.View(r.Context())
	if err != nil {
		return err
	}
	k := touchstone.OtherKind(touchstone.IdentifierKind(api.Param(r, "kind")))
	known := false
	for _, have := range v.Kinds {
		if have.Kind == k.Kind {
			k.Role, k.Priority, k.Limit, k.Normaliser, k.MaxLength, k.Contact = have.Role, have.Priority, have.Limit, have.Normaliser, have.MaxLength, have.Contact
			k.TellsApart, k.SharedAfter = have.TellsApart, have.SharedAfter
			k.WindowLimit, k.WindowDays = have.WindowLimit, have.WindowDays
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
	setGiven(&k.TellsApart, in.TellsApart)
	setGiven(&k.SharedAfter, in.SharedAfter)
	setGiven(&k.WindowLimit, in.WindowLimit)
	setGiven(&k.WindowDays, in.WindowDays)
	if err := x.changeRules(r, RulesBody{Kinds: []touchstone.KindConfig{k}}); err != nil {
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

// changeRules puts a change of the rules in the log, and waits until it is in force.
func (x *resource) changeRules(r *http.Request, in RulesBody) error {
	return x.rules().change(r.Context(), in, x.submitRules(r))
}

func (x *resource) submitRules(r *http.Request) func(RulesBody, bool) error {
	return func(in RulesBody, asked bool) error {
		call := r
		if !asked { // the key of the call is that of its own command
			call = r.Clone(r.Context())
			call.Header.Del("Idempotency-Key")
		}
		var done Ruled
		_, err := x.commands(call, RulesCommand, in, &done)
		return err
	}
}

func (x *resource) resetKind(w http.ResponseWriter, r *http.Request) error {
	rules := x.rules()
	kind := api.Param(r, "kind")
	v, err := rules.View(r.Context())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.Kinds, func(k KindView) bool { return string(k.Kind) == kind && k.Changed }) {
		return touchstone.Errorf(touchstone.NotFound, "the rules of %.40q were not changed", kind)
	}
	if err := x.changeRules(r, RulesBody{Reset: []touchstone.IdentifierKind{touchstone.IdentifierKind(kind)}}); err != nil {
		return err
	}
	api.NoteTarget(r, kind, kind)
	return showRules(w, r, rules)
}

func (x *resource) block(w http.ResponseWriter, r *http.Request) error {
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
	rules := x.rules()
	if err := rules.tell(r.Context(), x.submitRules(r)); err != nil {
		return err
	}
	var done Blocked
	if _, err := x.commands(r, BlockCommand, BlockBody{Kind: in.Kind, Value: in.Value, Blocked: *in.Blocked, Cut: in.Cut}, &done); err != nil {
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

func (x *resource) check(w http.ResponseWriter, r *http.Request) error {
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
	rules := x.rules()
	v, err := rules.Check(r.Context(), api.ViewerOf(r), kind, in.Value)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, v)
}

const maxSuggestions = 200

func (x *resource) suggestions(w http.ResponseWriter, r *http.Request) error {
	state := r.URL.Query().Get("state")
	state = cmp.Or(state, "open")
	if state != "open" && state != "blocked" && state != "dismissed" {
		return touchstone.Errorf(touchstone.Invalid, "state must be open, blocked or dismissed.")
	}
	rules := x.rules()
	items, err := rules.Suggestions(r.Context(), api.ViewerOf(r), state, maxSuggestions)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (x *resource) decide(w http.ResponseWriter, r *http.Request) error {
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
	rules := x.rules()
	value, err := rules.suggested(r.Context(), api.ViewerOf(r), in.Kind, in.Value)
	if err != nil {
		return err
	}
	state := "dismissed"
	if in.Decision == "block" {
		state = "blocked"
		there, err := rules.isSuggested(r.Context(), in.Kind, value)
		if err != nil {
			return err
		}
		if there {
			if err := x.changeRules(r, RulesBody{Blocked: []BlockRule{{in.Kind, value, true}}}); err != nil {
				return err
			}
		}
	}
	if err := rules.decide(r.Context(), in.Kind, value, state); err != nil {
		return err
	}
	api.NoteTarget(r, blockedTarget(in.Kind, in.Value), in.Value)
	return api.NoContent(w)
}
