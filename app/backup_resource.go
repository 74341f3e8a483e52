package app

import (
	_ "embed"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/backup"
)

//go:embed backups.yaml
var backupSpec []byte

// The permissions.
const (
	readBackups  access.Permission = "backups:read"
	writeBackups access.Permission = "backups:write"
)

// backupResource is the API of backups, which are copies of this process's data folder.
type backupResource struct{ app *App }

func (x backupResource) resource() api.Resource {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	return api.Resource{Name: "Backups", Spec: backupSpec, Serves: touchstone.Operation("copies for the organisation itself"), Permissions: []access.Declared{
		{Permission: readBackups, Allows: "see and download backups"},
		{Permission: writeBackups, Allows: "make and delete backups"},
	}, Routes: []api.Route{
		{Method: get, Path: "/backups", Need: readBackups, Handle: x.list},
		{Method: post, Path: "/backups", Need: writeBackups, Handle: x.create, Action: "backup.create"},
		{Method: get, Path: "/backups/{id}", Need: readBackups, Handle: x.get},
		{Method: get, Path: "/backups/{id}/archive", Need: readBackups, Handle: x.archive, Stream: true},
		{Method: del, Path: "/backups/{id}", Need: writeBackups, Handle: x.remove, Action: "backup.delete"},
	}}
}

func (x backupResource) keeper() (*backup.Keeper, error) {
	if k := x.app.backups; k != nil {
		return k, nil
	}
	return nil, api.NotHere("backups")
}

// find returns the backup that the path names.
func (x backupResource) find(r *http.Request) (*backup.Keeper, backup.Backup, error) {
	backups, err := x.keeper()
	if err != nil {
		return nil, backup.Backup{}, err
	}
	b, err := backups.Get(r.Context(), api.Param(r, "id"))
	return backups, b, err
}

func (x backupResource) list(w http.ResponseWriter, r *http.Request) error {
	backups, err := x.keeper()
	if err != nil {
		return err
	}
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := backups.List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(b *backup.Backup) string { return b.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

// create begins one; it goes on without the request.
func (x backupResource) create(w http.ResponseWriter, r *http.Request) error {
	backups, err := x.keeper()
	if err != nil {
		return err
	}
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	if len(body) > 0 { // there is nothing to choose
		if err := api.DecodeJSON(body, &struct{}{}); err != nil {
			return err
		}
	}
	b, err := backups.Start(r.Context())
	if err != nil {
		return err
	}
	api.NoteTarget(r, b.ID, "")
	return api.WriteJSON(w, http.StatusAccepted, b)
}

func (x backupResource) get(w http.ResponseWriter, r *http.Request) error {
	_, b, err := x.find(r)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, b)
}

func (x backupResource) archive(w http.ResponseWriter, r *http.Request) error {
	backups, b, err := x.find(r)
	if err != nil {
		return err
	}
	out := &archiveAnswer{ResponseWriter: w, name: "touchstone-" + b.ID + ".tar"}
	err = backups.Archive(r.Context(), b.ID, out)
	if err != nil && out.began {
		panic(http.ErrAbortHandler) // half an archive must not look like a whole one
	}
	return err
}

// archiveAnswer says what follows when the first byte does.
type archiveAnswer struct {
	http.ResponseWriter
	name  string
	began bool
}

func (a *archiveAnswer) Write(b []byte) (int, error) {
	if !a.began {
		a.began = true
		a.Header().Set("Content-Type", "application/x-tar")
		a.Header().Set("X-Accel-Buffering", "no") // a proxy would keep all of it first
		a.Header().Set("Content-Disposition", `attachment; filename="`+a.name+`"`)
	}
	return a.ResponseWriter.Write(b)
}

func (x backupResource) remove(w http.ResponseWriter, r *http.Request) error {
	backups, err := x.keeper()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	if err := backups.Delete(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	return api.NoContent(w)
}
