package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/app"
)

// finding is one line of the doctor's report.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

func newDoctor() *cobra.Command {
	var c client
	var asJSON bool
	var file string
	cfg := app.DefaultConfig()
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the data folder and the server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Load(app.DefaultFile(file), cmd.Flags(), app.Environ); err != nil {
				return err
			}
			findings := []finding{checkFolder(cfg.Data), checkFsync(cfg.Data), checkDisk(cfg.Data), checkFiles(), checkServer(cmd, &c, cfg.Listen)}
			findings = append(findings, checkProcesses(cmd, &c)...)
			return report(cmd, findings, asJSON)
		},
	}
	cfg.AddFlags(cmd.Flags())
	c.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&file, "config", "", "configuration file (default touchstone.yaml if it exists)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func report(cmd *cobra.Command, findings []finding, asJSON bool) error {
	out := cmd.OutOrStdout()
	bad := 0
	for _, f := range findings {
		mark := "ok  "
		if !f.OK {
			mark = "BAD "
			bad++
		}
		if !asJSON {
			fmt.Fprintf(out, "%s %-12s %s\n", mark, f.Check, f.Found)
			if f.Advice != "" {
				fmt.Fprintf(out, "                  → %s\n", f.Advice)
			}
		}
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(findings); err != nil {
			return err
		}
	}
	if bad > 0 {
		return touchstone.Errorf(touchstone.Invalid, "%d of %d checks need attention", bad, len(findings))
	}
	return nil
}

func checkFolder(dir string) finding {
	f := finding{Check: "data folder", Found: dir}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		f.Found, f.Advice = err.Error(), "choose a folder that this user may write with --data"
		return f
	}
	f.OK = true
	return f
}

// checkFsync times the flush that stands before every acknowledgement.
func checkFsync(dir string) finding {
	f := finding{Check: "fsync"}
	file, err := os.CreateTemp(dir, "doctor-*")
	if err != nil {
		f.Found, f.Advice = err.Error(), "see the data folder"
		return f
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := make([]byte, 8192)
	const rounds = 50
	began := time.Now()
	for range rounds {
		if _, err = file.Write(block); err == nil {
			err = file.Sync()
		}
		if err != nil {
			f.Found = err.Error()
			return f
		}
	}
	each := time.Since(began) / rounds
	f.Found = fmt.Sprintf("%s per 8 KiB write and flush on %s", each.Round(10*time.Microsecond), filepath.Clean(dir))
	f.OK = each < 20*time.Millisecond
	if !f.OK {
		f.Advice = "every acknowledgement waits for this; put the data folder on a faster disk"
	}
	return f
}

func checkDisk(dir string) finding {
	f := finding{Check: "disk"}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		f.Found = err.Error()
		return f
	}
	free := int64(st.Bavail) * st.Bsize //nolint:gosec // far below 2^63
	f.Found = fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	f.OK = free > 4<<30
	if !f.OK {
		f.Advice = "events are refused with 503 when the disk is nearly full; free some space"
	}
	return f
}

func checkFiles() finding {
	f := finding{Check: "open files"}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		f.Found = err.Error()
		return f
	}
	f.Found, f.OK = fmt.Sprintf("at most %d", limit.Cur), limit.Cur >= 4096
	if !f.OK {
		f.Advice = "each connection takes one; raise the limit with ulimit -n 65536"
	}
	return f
}

// checkProcesses tells which roles run where, and that somebody has each: nothing if no
// server answers, which another check tells.
func checkProcesses(cmd *cobra.Command, c *client) []finding {
	var answer struct {
		Processes []struct {
			Host, Address, Version, State string
			PID                           int
			Roles, Leases                 []string
			Ago                           float64 `json:"seconds_ago"`
			Stuck                         []struct{ Part, Error, Hint string }
		}
	}
	if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/processes", nil, &answer); err != nil {
		return nil
	}
	var findings []finding
	missing := slices.Clone(app.AllRoles)
	for _, p := range answer.Processes {
		f := finding{Check: "process", OK: p.State == "running" && len(p.Stuck) == 0}
		f.Found = fmt.Sprintf("%s pid %d at %s, %s: %s", p.Host, p.PID, p.Address, p.Version, strings.Join(p.Roles, ","))
		if len(p.Leases) > 0 {
			f.Found += "; works on " + strings.Join(p.Leases, ", ")
		}
		switch {
		case p.State != "running":
			f.Found += fmt.Sprintf("; silent for %.0f s", p.Ago)
			f.Advice = "it is gone or stands still; others have taken up its work if they have its roles"
		case len(p.Stuck) > 0:
			f.Found += "; its " + p.Stuck[0].Part + " is stuck: " + p.Stuck[0].Error
			f.Advice = p.Stuck[0].Hint
		}
		if p.State == "running" {
			missing = slices.DeleteFunc(missing, func(role string) bool { return slices.Contains(p.Roles, role) })
		}
		findings = append(findings, f)
	}
	if len(answer.Processes) > 0 && len(missing) > 0 {
		findings = append(findings, finding{Check: "roles", Found: "no running process has " + strings.Join(missing, ", "), Advice: "start one with --roles " + strings.Join(missing, ",")})
	}
	return findings
}

func checkServer(cmd *cobra.Command, c *client, listen string) finding {
	f := finding{Check: "server"}
	s, err := c.stats(cmd.Context())
	if err == nil {
		f.OK, f.Found = true, fmt.Sprintf("%s: %d events accepted, pipeline lag %.1f s, warehouse lag %.1f s", c.server, s.Accepted, s.Lag.Pipeline, s.Lag.Warehouse)
		if len(s.Stuck) > 0 {
			one := s.Stuck[0]
			f.OK, f.Advice = false, one.Hint
			f.Found = fmt.Sprintf("%s: the %s is stuck since %s: %s", c.server, one.Part, one.Since.Local().Format(time.DateTime), one.Error)
		}
		return f
	}
	l, listenErr := net.Listen("tcp", listen)
	if listenErr == nil {
		l.Close()
		f.OK, f.Found = true, "none is running at "+c.server+"; "+listen+" is free"
		return f
	}
	f.Found, f.Advice = errors.Join(err, listenErr).Error(), "another program uses the address, or --server and --key name the wrong server"
	return f
}
