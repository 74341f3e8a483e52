package app

import (
	"context"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse/remote"
)

// errNoWarehouse is the answer to who asks for events where none can be reached.
func errNoWarehouse() error {
	return touchstone.Errorf(touchstone.Unavailable, "this process does not reach the warehouse").
		WithHint("set warehouse.url to the process with the role sink")
}

// wireRemote lets other processes read the warehouse that this one holds, if they share a secret.
func (a *App) wireRemote(context.Context) (err error) {
	if a.cfg.Warehouse.Secret != "" {
		a.remote, err = remote.NewHandler(a.duck, a.cfg.Warehouse.Secret, a.metrics)
	}
	return err
}

// warnAlone tells when nobody can do the work that this process leaves out: what is in its
// data folder no other process can open.
func (a *App) warnAlone() {
	var missing []string
	for _, role := range AllRoles {
		if !a.has(role) {
			missing = append(missing, role)
		}
	}
	if len(missing) > 0 && (a.cfg.Store.URL == "" || a.cfg.Stream.URL == "") {
		a.logger.Warn("log or store are in this process's data folder, so no other process can run the roles that it lacks", "roles", strings.Join(missing, ","))
	}
}
