package people

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/profile"
)

// commandsAbout lists what operators did to one person.
func (x *resource) commandsAbout(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	commands := x.parts().Commands
	if commands == nil {
		return api.NotHere("commands")
	}
	who := keep.Whole{}
	if who.Person, err = x.person(r); err != nil {
		return err
	}
	nodes, err := x.graph().NodesOfPersons(r.Context(), []touchstone.PersonID{who.Person})
	if err != nil {
		return err
	}
	for _, n := range nodes[who.Person] {
		who.Nodes, who.Identifiers = append(who.Nodes, n.ID), append(who.Identifiers, n.Identifier())
	}
	items, err := commands.About(r.Context(), who, p.Limit)
	if err != nil {
		return err
	}
	for i := range items {
		items[i].Show(api.ViewerOf(r))
	}
	return api.WritePage(w, items, "")
}

// splitBody reads which identifiers of the person of the path are meant, as the viewer was shown them.
func (x *resource) splitBody(r *http.Request) (id touchstone.PersonID, in identity.SplitBody, err error) {
	if id, err = x.person(r); err != nil {
		return 0, in, err
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return 0, in, err
	}
	nodes, err := x.graph().NodesOfPersons(r.Context(), []touchstone.PersonID{id})
	if err != nil {
		return 0, in, err
	}
	own := map[string]bool{}
	for _, n := range nodes[id] {
		own[n.Identifier().String()] = true
	}
	for i, text := range in.Identifiers {
		if own[text] {
			continue
		}
		node, err := shownNode(api.ViewerOf(r), nodes[id], text)
		if err != nil {
			return 0, in, err
		}
		if in.Identifiers[i] = node.Identifier().String(); node.ID == 0 {
			return 0, in, touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier of %s.", text, id).WithHint("Name each as kind:value, as the person's page shows it.")
		}
	}
	return id, in, nil
}

func (x *resource) split(w http.ResponseWriter, r *http.Request) error {
	id, in, err := x.splitBody(r)
	if err != nil {
		return err
	}
	var out struct {
		identity.Parted
		Command string `json:"command"`
	}
	if out.Command, err = x.parts().Commands.Ask(r, identity.SplitCommand, in, &out.Parted); err != nil {
		return err
	}
	api.NoteTarget(r, id.String(), "")
	api.NoteDetail(r, map[string]any{"identifiers": in.Identifiers, "other": out.Other, "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x *resource) previewSplit(w http.ResponseWriter, r *http.Request) error {
	_, in, err := x.splitBody(r)
	if err != nil {
		return err
	}
	return x.preview(w, r, identity.SplitCommand, in)
}

func (x *resource) previewMerge(w http.ResponseWriter, r *http.Request) error {
	_, in, err := x.mergeBody(r)
	if err != nil {
		return err
	}
	return x.preview(w, r, identity.MergeCommand, in)
}

// preview tells what a command would do, if it concerns only whom the viewer may see.
func (x *resource) preview(w http.ResponseWriter, r *http.Request, kind string, body any) error {
	if x.parts().Preview == nil {
		return api.NotHere("profiles")
	}
	v := api.ViewerOf(r)
	p, err := x.parts().Preview(r.Context(), v, kind, body)
	if err != nil {
		return err
	}
	ids := make([]touchstone.PersonID, len(p.Before))
	for i := range p.Before {
		ids[i] = p.Before[i].ID
	}
	seen, err := x.people.Within(r.Context(), v, ids)
	if err != nil {
		return err
	}
	if len(seen) < len(ids) {
		return touchstone.Errorf(touchstone.Forbidden, "It would concern persons whom you may not see.").WithHint("Ask somebody who sees everybody.")
	}
	return api.WriteJSON(w, http.StatusOK, p)
}

// anchor is the identifier by which a command names a person: the strongest one.
func (x *resource) anchor(ctx context.Context, id touchstone.PersonID) (string, error) {
	ids, err := x.identifiersOf(ctx, id)
	if err != nil {
		return "", err
	}
	return ids[0].String(), nil
}

// identifiersOf returns a person's identifiers, strongest first.
func (x *resource) identifiersOf(ctx context.Context, id touchstone.PersonID) ([]touchstone.Identifier, error) {
	nodes, err := x.graph().NodesOfPersons(ctx, []touchstone.PersonID{id})
	if err != nil {
		return nil, err
	}
	if len(nodes[id]) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no person %s", id)
	}
	ids := make([]touchstone.Identifier, len(nodes[id]))
	for i, n := range nodes[id] {
		ids[i] = n.Identifier()
	}
	x.parts().Kinds.Sort(ids)
	return ids, nil
}

// mergeBody reads with whom the person of the path is to be made one.
func (x *resource) mergeBody(r *http.Request) (id touchstone.PersonID, body identity.MergeBody, err error) {
	var in struct {
		Other      string `json:"other"` // a reference: an id or kind:value
		OverLimits bool   `json:"over_limits"`
	}
	if id, err = x.person(r); err != nil {
		return 0, body, err
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return 0, body, err
	}
	other, err := x.people.Find(r.Context(), api.ViewerOf(r), in.Other)
	if err != nil {
		return 0, body, err
	}
	if id == other {
		return 0, body, touchstone.Errorf(touchstone.Invalid, "%.80q is the same person.", in.Other)
	}
	body.OverLimits = in.OverLimits
	for i, p := range []touchstone.PersonID{id, other} {
		if body.Identifiers[i], err = x.anchor(r.Context(), p); err != nil {
			return 0, body, err
		}
	}
	return id, body, nil
}

func (x *resource) merge(w http.ResponseWriter, r *http.Request) error {
	_, body, err := x.mergeBody(r)
	if err != nil {
		return err
	}
	var out struct {
		identity.Merged
		Command string `json:"command"`
	}
	if out.Command, err = x.parts().Commands.Ask(r, identity.MergeCommand, body, &out.Merged); err != nil {
		return err
	}
	api.NoteTarget(r, out.ID.String(), "")
	api.NoteDetail(r, map[string]any{"other": out.Other, "over_limits": body.OverLimits, "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x *resource) erase(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Confirm touchstone.PersonID `json:"confirm"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	id, err := x.person(r)
	if err != nil {
		return err
	}
	if in.Confirm != id {
		return touchstone.Errorf(touchstone.Invalid, "confirm must be the id of the person: %s.", id).WithHint("An erasure cannot be undone.")
	}
	ids, err := x.identifiersOf(r.Context(), id)
	if err != nil {
		return err
	}
	var body identity.EraseBody
	for _, one := range ids {
		body.Identifiers = append(body.Identifiers, one.String())
	}
	var out struct {
		identity.Erased
		Command string `json:"command"`
	}
	if out.Command, err = x.parts().Commands.Ask(r, identity.EraseCommand, body, &out.Erased); err != nil {
		return err
	}
	api.NoteTarget(r, id.String(), "")
	api.NoteDetail(r, map[string]any{"identifiers": out.Identifiers, "files": out.Files, "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

// personCommand is the answer of a command about one person.
type personCommand struct {
	ID      touchstone.PersonID `json:"id"`
	Command string              `json:"command"`
}

func (x *resource) correct(w http.ResponseWriter, r *http.Request) error {
	var in profile.CorrectBody
	var sent struct {
		Traits map[string]touchstone.JSON `json:"traits"`
	}
	err := api.ReadJSON(r, &sent)
	if err != nil {
		return err
	}
	var out personCommand
	if out.ID, err = x.person(r); err != nil {
		return err
	}
	if in.Person, err = x.anchor(r.Context(), out.ID); err != nil {
		return err
	}
	in.Traits = sent.Traits
	var named profile.Named
	if out.Command, err = x.parts().Commands.Ask(r, profile.CorrectCommand, in, &named); err != nil {
		return err
	}
	api.NoteTarget(r, out.ID.String(), "")
	api.NoteDetail(r, map[string]any{"traits": strings.Join(slices.Sorted(maps.Keys(in.Traits)), ", "), "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (x *resource) rebuild(w http.ResponseWriter, r *http.Request) error {
	id, err := x.person(r)
	if err != nil {
		return err
	}
	var in profile.RebuildBody
	if in.Person, err = x.anchor(r.Context(), id); err != nil {
		return err
	}
	out := personCommand{ID: id}
	var named profile.Named
	if out.Command, err = x.parts().Commands.Ask(r, profile.RebuildCommand, in, &named); err != nil {
		return err
	}
	api.NoteTarget(r, id.String(), "")
	api.NoteDetail(r, map[string]any{"command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
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
func (x *resource) meant(ctx context.Context, v *access.Viewer, person touchstone.PersonID, shown touchstone.Identifier) (touchstone.Identifier, error) {
	if v.SeesContacts() {
		return shown, nil
	}
	nodes, err := x.graph().NodesOfPersons(ctx, []touchstone.PersonID{person})
	if err != nil {
		return shown, err
	}
	node, err := shownNode(v, nodes[person], shown.String())
	if err != nil || node.ID == 0 {
		return shown, err
	}
	return node.Identifier(), nil
}
