package app

import (
	"context"
	"os"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

// The leases of loops that one process runs at a time. Others are made of a feature's name
// and what it works on: "reactor:webhook".
const (
	leasePipeline = "pipeline"
	leaseSink     = "sink"
)

// wireLeases tells this process from the others that share the store.
func (a *App) wireLeases(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "process"
	}
	cfg := lease.Config{DB: a.store, Owner: lease.NewOwner(host), For: a.cfg.Lease, Logger: a.part("lease"), Metrics: a.metrics}
	if a.store.Dialect() == store.SQLite {
		cfg.For = 0 // nobody else can open it
	}
	a.leases, err = lease.Open(ctx, cfg)
	return err
}
