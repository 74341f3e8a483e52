package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/profile"
)

// Commands puts interventions in the log and tells what became of them: *command.Log.
type Commands interface {
	Submit(ctx context.Context, c touchstone.Command) (*command.Row, error)
	Get(ctx context.Context, id string) (*command.Row, error)
	List(ctx context.Context, kind, state, cursor string, limit int) ([]command.Row, string, error)
	About(ctx context.Context, who keep.Whole, limit int) ([]command.Row, error)
}

func (c *Console) commands() (Commands, error) {
	if c.cfg.Commands == nil {
		return nil, api.NotHere("commands")
	}
	return c.cfg.Commands, nil
}

func (c *Console) commandsResource() api.Resource {
	return api.Resource{Name: "Commands", Routes: []api.Route{
		{Method: get, Path: "/commands", Need: "audit:read", Or: "people:write", Handle: c.listCommands},
		{Method: get, Path: "/commands/{id}", Need: "audit:read", Or: "people:write", Handle: c.getCommand},
		{Method: get, Path: "/persons/{ref}/commands", Need: "audit:read", Or: "people:write", Handle: c.personCommands},
	}}
}

// submit has the pipeline carry out a command and reads its result. A call that is repeated
// with its Idempotency-Key is the same command, also when a crash came in between.
func (c *Console) submit(r *http.Request, kind string, body, result any) (id string, err error) {
	commands, err := c.commands()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	v := api.ViewerOf(r)
	cmd := touchstone.Command{ID: command.NewID(), Kind: kind, Actor: v.ID, Body: touchstone.JSON(text)}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		sum := sha256.Sum256([]byte(v.Kind + ":" + v.ID + "\n" + r.Method + " " + r.URL.Path + "\n" + key))
		cmd.ID = "cmd_" + hex.EncodeToString(sum[:16])
	}
	row, err := commands.Submit(r.Context(), cmd)
	if err != nil {
		return cmd.ID, err
	}
	return row.ID, json.Unmarshal([]byte(row.Result), result)
}

// showCommand leaves out what names people by their contacts, for those who may not see them.
func showCommand(r *http.Request, row *command.Row) {
	if !api.ViewerOf(r).SeesContacts() {
		row.Body, row.Failure = "{}", ""
	}
}

func (c *Console) listCommands(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	commands, err := c.commands()
	if err != nil {
		return err
	}
	q := r.URL.Query()
	items, next, err := commands.List(r.Context(), q.Get("kind"), q.Get("state"), p.After, p.Limit)
	if err != nil {
		return err
	}
	for i := range items {
		showCommand(r, &items[i])
	}
	return api.WritePage(w, items, next)
}

// personCommands lists what operators did to one person.
func (c *Console) personCommands(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	commands, err := c.commands()
	if err != nil {
		return err
	}
	who := keep.Whole{}
	if who.Person, err = c.person(r); err != nil {
		return err
	}
	nodes, err := c.cfg.Identity.NodesOfPersons(r.Context(), []touchstone.PersonID{who.Person})
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
		showCommand(r, &items[i])
	}
	return api.WritePage(w, items, "")
}

func (c *Console) getCommand(w http.ResponseWriter, r *http.Request) error {
	commands, err := c.commands()
	if err != nil {
		return err
	}
	row, err := commands.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	showCommand(r, row)
	return api.WriteJSON(w, http.StatusOK, row)
}

func (c *Console) splitPerson(w http.ResponseWriter, r *http.Request) error {
	var in identity.SplitBody
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	id, err := c.person(r)
	if err != nil {
		return err
	}
	nodes, err := c.cfg.Identity.NodesOfPersons(r.Context(), []touchstone.PersonID{id})
	if err != nil {
		return err
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
			return err
		}
		if in.Identifiers[i] = node.Identifier().String(); node.ID == 0 {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier of %s.", text, id).WithHint("Name each as kind:value, as the person's page shows it.")
		}
	}
	var out struct {
		identity.Parted
		Command string `json:"command"`
	}
	if out.Command, err = c.submit(r, identity.SplitCommand, in, &out.Parted); err != nil {
		return err
	}
	api.NoteTarget(r, id.String(), "")
	api.NoteDetail(r, map[string]any{"identifiers": in.Identifiers, "other": out.Other, "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

// anchor is the identifier by which a command names a person: the strongest one.
func (c *Console) anchor(ctx context.Context, id touchstone.PersonID) (string, error) {
	ids, err := c.identifiersOf(ctx, id)
	if err != nil {
		return "", err
	}
	return ids[0].String(), nil
}

// identifiersOf returns a person's identifiers, strongest first.
func (c *Console) identifiersOf(ctx context.Context, id touchstone.PersonID) ([]touchstone.Identifier, error) {
	nodes, err := c.cfg.Identity.NodesOfPersons(ctx, []touchstone.PersonID{id})
	if err != nil {
		return nil, err
	}
	if len(nodes[id]) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no person %s", id)
	}
	rules, err := c.identityRules()
	if err != nil {
		return nil, err
	}
	ids := make([]touchstone.Identifier, len(nodes[id]))
	for i, n := range nodes[id] {
		ids[i] = n.Identifier()
	}
	rules.Kinds().Sort(ids)
	return ids, nil
}

func (c *Console) mergePerson(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Other      string `json:"other"` // a reference: an id or kind:value
		OverLimits bool   `json:"over_limits"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	id, err := c.person(r)
	if err != nil {
		return err
	}
	other, err := c.cfg.Identity.Resolve(r.Context(), in.Other)
	if err != nil {
		return err
	}
	if id == other {
		return touchstone.Errorf(touchstone.Invalid, "%.80q is the same person.", in.Other)
	}
	body := identity.MergeBody{OverLimits: in.OverLimits}
	for i, p := range []touchstone.PersonID{id, other} {
		if body.Identifiers[i], err = c.anchor(r.Context(), p); err != nil {
			return err
		}
	}
	var out struct {
		identity.Merged
		Command string `json:"command"`
	}
	if out.Command, err = c.submit(r, identity.MergeCommand, body, &out.Merged); err != nil {
		return err
	}
	api.NoteTarget(r, out.ID.String(), "")
	api.NoteDetail(r, map[string]any{"other": out.Other, "over_limits": in.OverLimits, "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (c *Console) erasePerson(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Confirm touchstone.PersonID `json:"confirm"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	id, err := c.person(r)
	if err != nil {
		return err
	}
	if in.Confirm != id {
		return touchstone.Errorf(touchstone.Invalid, "confirm must be the id of the person: %s.", id).WithHint("An erasure cannot be undone.")
	}
	ids, err := c.identifiersOf(r.Context(), id)
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
	if out.Command, err = c.submit(r, identity.EraseCommand, body, &out.Erased); err != nil {
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

func (c *Console) correctTraits(w http.ResponseWriter, r *http.Request) error {
	var in profile.CorrectBody
	var sent struct {
		Traits map[string]touchstone.JSON `json:"traits"`
	}
	err := api.ReadJSON(r, &sent)
	if err != nil {
		return err
	}
	var out personCommand
	if out.ID, err = c.person(r); err != nil {
		return err
	}
	if in.Person, err = c.anchor(r.Context(), out.ID); err != nil {
		return err
	}
	in.Traits = sent.Traits
	var named profile.Named
	if out.Command, err = c.submit(r, profile.CorrectCommand, in, &named); err != nil {
		return err
	}
	api.NoteTarget(r, out.ID.String(), "")
	api.NoteDetail(r, map[string]any{"traits": strings.Join(slices.Sorted(maps.Keys(in.Traits)), ", "), "command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}

func (c *Console) rebuildPerson(w http.ResponseWriter, r *http.Request) error {
	id, err := c.person(r)
	if err != nil {
		return err
	}
	var in profile.RebuildBody
	if in.Person, err = c.anchor(r.Context(), id); err != nil {
		return err
	}
	out := personCommand{ID: id}
	var named profile.Named
	if out.Command, err = c.submit(r, profile.RebuildCommand, in, &named); err != nil {
		return err
	}
	api.NoteTarget(r, id.String(), "")
	api.NoteDetail(r, map[string]any{"command": out.Command})
	return api.WriteJSON(w, http.StatusOK, out)
}
