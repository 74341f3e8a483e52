package app

import (
	"context"
	_ "embed"
	"net/http"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store/presence"
)

// wirePresence opens the list of the processes that share the store.
func (a *App) wirePresence(ctx context.Context) (err error) {
	a.presence, err = presence.Open(ctx, a.store)
	return err
}

// processStatus is what a process tells about itself.
type processStatus struct {
	Leases []string        `json:"leases"` // that it has: what it works on, and others stand by for
	Stuck  []console.Stuck `json:"stuck"`
}

// present tells the others that this process is there, and how it is, until ctx is done.
func (a *App) present(ctx context.Context) error {
	host, _ := os.Hostname() // empty is fine
	started := a.clock.Now()
	tick := time.NewTicker(presence.Every)
	defer tick.Stop()
	failing := false
	for {
		status, err := json.Marshal(processStatus{Leases: a.leases.Held(), Stuck: a.stuck()})
		if err == nil {
			err = a.presence.Tell(ctx, presence.Process{ID: a.leases.Owner(), Host: host, PID: os.Getpid(), Address: a.cfg.Listen, Version: Version,
				Roles: a.cfg.Roles, Started: started, Status: touchstone.JSON(status)})
		}
		if err != nil && !failing && ctx.Err() == nil {
			a.logger.Warn("this process cannot tell the others how it is; trying on", "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := a.presence.Leave(last, a.leases.Owner()); err != nil {
				a.logger.Warn("this process stays on the list of processes for a day", "error", err)
			}
			return nil
		}
	}
}

// The states of a process: a silent one is gone, or stands still.
const (
	processRunning = "running"
	processSilent  = "silent"
)

// runningProcess is a row of the answer.
type runningProcess struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Address string    `json:"address"`
	Version string    `json:"version"`
	Roles   []string  `json:"roles"`
	Started time.Time `json:"started_at"`
	State   string    `json:"state"`
	Ago     float64   `json:"seconds_ago"`
	processStatus
}

func (a *App) listProcesses(ctx context.Context) ([]runningProcess, error) {
	list, err := a.presence.List(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]runningProcess, 0, len(list))
	for _, p := range list {
		row := runningProcess{ID: p.ID, Host: p.Host, PID: p.PID, Address: p.Address, Version: p.Version, Roles: p.Roles, Started: p.Started,
			State: processRunning, Ago: p.Ago.Seconds(), processStatus: processStatus{Leases: []string{}, Stuck: []console.Stuck{}}}
		if p.Ago > presence.Gone {
			row.State = processSilent
		}
		if err := json.Unmarshal([]byte(p.Status), &row.processStatus); err != nil {
			a.logger.Warn("what a process tells of itself cannot be read", "process", p.ID, "error", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

//go:embed processes.yaml
var processesSpec []byte

// processResource shows which roles run where.
func (a *App) processResource() api.Resource {
	return api.Resource{Name: "Processes", Spec: processesSpec, Serves: touchstone.Operation("of the program itself"), Routes: []api.Route{
		{Method: http.MethodGet, Path: "/processes", Need: "stats:read", Handle: func(w http.ResponseWriter, r *http.Request) error {
			rows, err := a.listProcesses(r.Context())
			if err != nil {
				return err
			}
			return httpapi.WriteJSON(w, http.StatusOK, map[string]any{"processes": rows})
		}},
	}}
}
