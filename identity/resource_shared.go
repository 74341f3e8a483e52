package identity

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
)

func (x *resource) listShared(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	state := r.URL.Query().Get("state")
	if state != "" && state != stateShared && state != stateTrusted {
		return touchstone.Errorf(touchstone.Invalid, "state must be shared or trusted.")
	}
	key, err := api.ParseTimeKey(p.After)
	if err != nil {
		return err
	}
	after, err := strconv.ParseInt(cmp.Or(key.ID, "0"), 10, 64)
	if err != nil {
		return api.BadCursor()
	}
	items, err := x.graph().Shared(r.Context(), api.ViewerOf(r), state, key.MS, touchstone.NodeID(after), p.Limit+1)
	if err != nil {
		return err
	}
	items, next := api.FirstPage(items, p.Limit, func(s *SharedIdentifier) api.TimeKey {
		return api.TimeKey{MS: s.At.UnixMilli(), ID: strconv.FormatInt(int64(s.Node), 10)}
	})
	return api.WritePage(w, items, next)
}

func (x *resource) getShared(w http.ResponseWriter, r *http.Request) error {
	node, err := strconv.ParseInt(api.Param(r, "node"), 10, 64)
	if err != nil {
		return touchstone.Errorf(touchstone.NotFound, "there is no identifier %.40q.", api.Param(r, "node"))
	}
	var out struct {
		SharedIdentifier
		RelatedPersons []RelatedPerson `json:"related_persons"`
	}
	if out.SharedIdentifier, out.RelatedPersons, err = x.graph().SharedOne(r.Context(), api.ViewerOf(r), touchstone.NodeID(node)); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x *resource) decideShared(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Node       touchstone.NodeID `json:"node"` // or
		Identifier string            `json:"identifier"`
		State      string            `json:"state"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	g := x.graph()
	var id touchstone.Identifier
	var err error
	switch parsed, ok := g.cfg.Kinds.Parse(in.Identifier); {
	case (in.Node == 0) == (in.Identifier == ""):
		return touchstone.Errorf(touchstone.Invalid, "Name the identifier either by node or as kind:value.")
	case in.Node != 0:
		id, err = g.identifierOf(r.Context(), in.Node)
	case !ok:
		return touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", in.Identifier).WithHint("name each as kind:value")
	default:
		id = parsed
	}
	if err != nil {
		return err
	}
	var out struct {
		Trusted
		Command string `json:"command"`
	}
	if out.Command, err = x.commands(r, TrustCommand, TrustBody{Identifier: id.String(), State: in.State}, &out.Trusted); err != nil {
		return err
	}
	api.NoteTarget(r, out.ID.String(), "")
	api.NoteDetail(r, map[string]any{"state": in.State, "kind": string(id.Kind), "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x *resource) previewCommand(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind string          `json:"kind"`
		Body touchstone.JSON `json:"body"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	p, err := x.preview(r.Context(), api.ViewerOf(r), in.Kind, in.Body)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, p)
}

func (x *resource) undo(w http.ResponseWriter, r *http.Request) error {
	var in UndoBody
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	var out struct {
		Undone
		Command string `json:"command"`
	}
	var err error
	if out.Command, err = x.commands(r, UndoCommand, in, &out.Undone); err != nil {
		return err
	}
	api.NoteTarget(r, out.ID.String(), "")
	api.NoteDetail(r, map[string]any{"other": out.Other, "kind": out.Kind, "undone": in.Command, "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}
