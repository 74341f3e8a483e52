package console

import (
	"context"
	"io"
	"net/http"

	"github.com/touchstone-cdp/touchstone/internal/backup"

	"github.com/touchstone-cdp/touchstone/api"
)

// Backups are copies of the data folder: *backup.Keeper.
type Backups interface {
	Start(ctx context.Context) (backup.Backup, error)
	List(ctx context.Context) ([]backup.Backup, error)
	Get(ctx context.Context, id string) (backup.Backup, error)
	Delete(ctx context.Context, id string) error
	// Archive writes nothing before it knows that there is such a backup.
	Archive(ctx context.Context, id string, out io.Writer) error
}

func (c *Console) backups() (Backups, error) {
	if c.cfg.Backups == nil {
		return nil, api.NotHere("backups")
	}
	return c.cfg.Backups, nil
}

func (c *Console) listBackups(w http.ResponseWriter, r *http.Request) error {
	backups, err := c.backups()
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

// createBackup begins one; it goes on without the request.
func (c *Console) createBackup(w http.ResponseWriter, r *http.Request) error {
	backups, err := c.backups()
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

func (c *Console) getBackup(w http.ResponseWriter, r *http.Request) error {
	backups, err := c.backups()
	if err != nil {
		return err
	}
	b, err := backups.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, b)
}

func (c *Console) getBackupArchive(w http.ResponseWriter, r *http.Request) error {
	backups, err := c.backups()
	if err != nil {
		return err
	}
	b, err := backups.Get(r.Context(), api.Param(r, "id"))
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

func (c *Console) deleteBackup(w http.ResponseWriter, r *http.Request) error {
	backups, err := c.backups()
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
