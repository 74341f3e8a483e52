package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
)

// Commands puts interventions in the log and tells what became of them: *command.Log.
type Commands interface {
	Submit(ctx context.Context, c touchstone.Command) (*command.Row, error)
	Get(ctx context.Context, id string) (*command.Row, error)
	List(ctx context.Context, kind, state, cursor string, limit int) ([]command.Row, string, error)
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
