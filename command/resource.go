package command

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// Permissions that commands are shown for; they are declared where what they allow is.
const (
	readAudit   access.Permission = "audit:read"
	writePeople access.Permission = "people:write"
)

// Resource is the API of commands: what operators did, and what became of it. The function is
// asked when a request comes; it returns nil in a process that runs no commands.
func Resource(log func() *Log) api.Resource {
	x := &resource{log}
	return api.Resource{Name: "Commands", Spec: spec, Serves: touchstone.Operation("what operators did"), Routes: []api.Route{
		{Method: http.MethodGet, Path: "/commands", Need: readAudit, Or: writePeople, Handle: x.list},
		{Method: http.MethodGet, Path: "/commands/{id}", Need: readAudit, Or: writePeople, Handle: x.get},
	}}
}

type resource struct{ log func() *Log }

func (x *resource) commands() (*Log, error) {
	if l := x.log(); l != nil {
		return l, nil
	}
	return nil, api.NotHere("commands")
}

// Ask has the pipeline carry out a command for the caller of the API and reads its result. A
// call that is repeated with its Idempotency-Key is the same command, also when a crash came in
// between. A nil log is that of a process that runs no commands.
func (l *Log) Ask(r *http.Request, kind string, body, result any) (id string, err error) {
	if l == nil {
		return "", api.NotHere("commands")
	}
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	v := api.ViewerOf(r)
	cmd := touchstone.Command{ID: NewID(), Kind: kind, Actor: v.ID, Body: touchstone.JSON(text)}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		sum := sha256.Sum256([]byte(v.Kind + ":" + v.ID + "\n" + r.Method + " " + r.URL.Path + "\n" + key))
		cmd.ID = "cmd_" + hex.EncodeToString(sum[:16])
	}
	row, err := l.Submit(r.Context(), cmd)
	if err != nil {
		return cmd.ID, err
	}
	return row.ID, json.Unmarshal([]byte(row.Result), result)
}

// Show leaves out what names people by their contacts, for those who may not see them.
func (row *Row) Show(v *access.Viewer) {
	if !v.SeesContacts() {
		row.Body, row.Failure = "{}", ""
	}
}

func (x *resource) list(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	commands, err := x.commands()
	if err != nil {
		return err
	}
	q := r.URL.Query()
	items, next, err := commands.List(r.Context(), q.Get("kind"), q.Get("state"), p.After, p.Limit)
	if err != nil {
		return err
	}
	for i := range items {
		items[i].Show(api.ViewerOf(r))
	}
	return api.WritePage(w, items, next)
}

func (x *resource) get(w http.ResponseWriter, r *http.Request) error {
	commands, err := x.commands()
	if err != nil {
		return err
	}
	row, err := commands.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	row.Show(api.ViewerOf(r))
	return api.WriteJSON(w, http.StatusOK, row)
}
