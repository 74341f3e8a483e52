package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/app"
	"github.com/touchstone-cdp/touchstone/sim"
)

// demo is one run of the command.
type demo struct {
	client
	cfg   *app.Config
	out   io.Writer
	world sim.Config
	rate  float64
	keys  map[string]string // source → write key
	ids   map[string]string // source → id
	wrong bool              // plant faults in the live feed
	feed  feed
}

func newDemo() *cobra.Command {
	d := &demo{cfg: app.DefaultConfig()}
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a server with a car brand's customers and 60 days of their events",
		Long: "Starts a server, sends the history of a seeded world of customers through the tracking API, makes some segments, and goes\n" +
			"on with a trickle of live events until Ctrl-C. A folder that holds the history already is used as it is.\n\n" +
			"With --faults a property vanishes, a type changes, half of the events are lost, and so on, for three minutes each: the console's\n" +
			"data quality must tell, and the terminal and faults.json in the folder say what was planted. Live events come at 150 per second\n" +
			"unless --rate says otherwise, so that each is sure within a minute.\n\n" +
			"With --check it uses a folder of its own, compares the server's answers with the world's planted truth, and ends.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.ErrOrStderr()
			if d.wrong && !cmd.Flags().Changed("rate") {
				d.rate = sim.FaultyRate
			}
			if check {
				return d.check(cmd.Context(), cmd.OutOrStdout(), asJSON)
			}
			return d.serve(cmd.Context(), d.present)
		},
	}
	f := cmd.Flags()
	f.StringVar(&d.cfg.Data, "data", filepath.Join("data", "demo"), "folder of the demo")
	f.StringVar(&d.cfg.Listen, "listen", d.cfg.Listen, "HOST:PORT to serve on (a loopback address)")
	f.StringVar(&d.cfg.PprofListen, "pprof-listen", "", "HOST:PORT for Go profiles; empty: off")
	f.IntVar(&d.world.Persons, "persons", 20_000, "people in the world")
	f.IntVar(&d.world.Days, "days", 60, "days of history")
	f.Uint64Var(&d.world.Seed, "seed", 1, "seed of the world")
	f.Float64Var(&d.rate, "rate", 8, "live events per second after the history")
	f.BoolVar(&d.wrong, "faults", false, "plant faults in the live events, one after the other, and say which")
	f.BoolVar(&check, "check", false, "compare with the planted truth and end")
	f.BoolVar(&asJSON, "json", false, "with --check: print the result as JSON")
	return cmd
}

// serve runs the server and work beside it; when work ends, so does the server.
func (d *demo) serve(ctx context.Context, work func(ctx context.Context) error) error {
	d.cfg.Dev, d.cfg.Log.Level, d.cfg.TimeZone = true, "warn", "Asia/Shanghai"
	if err := d.cfg.Load("", nil, func(string) (string, bool) { return "", false }); err != nil {
		return err
	}
	logger, err := newLogger(d.cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	err = serve(ctx, d.cfg, logger, func(a *app.App) {
		d.client = client{server: "http://" + a.Address(), key: "dev", http: &http.Client{Timeout: 5 * time.Minute}}
		go func() {
			worked <- work(ctx)
			stop()
		}()
	})
	if err != nil {
		return err
	}
	if err := <-worked; err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// present fills the server unless it is filled, says where to look, and keeps the world alive.
func (d *demo) present(ctx context.Context) error {
	marker := filepath.Join(d.cfg.Data, "demo.json")
	brand := map[string]any{"organisation": map[string]string{"name": sim.Brand, "currency": "CNY"}}
	if err := d.call(ctx, http.MethodPatch, "/api/v1/settings", brand, nil); err != nil {
		return err
	}
	if err := d.makeSources(ctx); err != nil {
		return err
	}
	world, fresh, err := d.openWorld(marker)
	if err != nil {
		return err
	}
	if fresh {
		if err := d.setConsent(ctx); err != nil {
			return err
		}
		if _, err := d.load(ctx, world); err != nil {
			return err
		}
		if err := d.makeSegments(ctx); err != nil {
			return err
		}
		if err := d.importOffline(ctx, world); err != nil {
			return err
		}
		if err := d.forgetLoad(ctx); err != nil {
			return err
		}
		if err := writeMarker(marker, world.Config()); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.out, "\n  Touchstone is ready:  %s\n\n  Live events arrive at %g per second. Ctrl-C ends the demo; its data stays in %s.\n\n", d.server, d.rate, d.cfg.Data)
	return d.live(ctx, world)
}

// openWorld returns the world of the folder, or a new one.
func (d *demo) openWorld(marker string) (world *sim.World, fresh bool, err error) {
	text, err := os.ReadFile(marker)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &d.world); err != nil {
			return nil, false, touchstone.Errorf(touchstone.Invalid, "%s is damaged: %v", marker, err).WithHint("remove the folder to begin anew")
		}
	case os.IsNotExist(err):
		fresh = true
	default:
		return nil, false, err
	}
	world, err = sim.NewWorld(d.world)
	return world, fresh, err
}

func writeMarker(path string, c sim.Config) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// makeSources makes the world's sources, or finds them, and keeps their write keys.
func (d *demo) makeSources(ctx context.Context) error {
	type source struct {
		ID       string `json:"id,omitempty"`
		Name     string `json:"name"`
		Kind     string `json:"kind"`
		WriteKey string `json:"write_key,omitempty"`
	}
	var have struct{ Items []source }
	if err := d.call(ctx, http.MethodGet, "/api/v1/sources?limit=500", nil, &have); err != nil {
		return err
	}
	d.keys, d.ids = map[string]string{}, map[string]string{}
	for _, s := range have.Items {
		d.keys[s.Name], d.ids[s.Name] = s.WriteKey, s.ID
	}
	for _, s := range sim.Sources() {
		if d.keys[s.Name] != "" {
			continue
		}
		var made source
		if err := d.call(ctx, http.MethodPost, "/api/v1/sources", source{Name: s.Name, Kind: s.Kind}, &made); err != nil {
			return err
		}
		d.keys[s.Name], d.ids[s.Name] = made.WriteKey, made.ID
	}
	return nil
}

// setConsent sets the brand's policy of consent in all its versions, so that decisions of the history find the words in which
// people were asked.
func (d *demo) setConsent(ctx context.Context) error {
	for _, policy := range sim.ConsentPolicies() {
		if err := d.call(ctx, http.MethodPut, "/api/v1/consent/policy", map[string]any{"policy": json.RawMessage(policy), "note": "demo"}, nil); err != nil {
			return err
		}
	}
	return nil
}

// makeSegments saves the world's segments under both their names.
func (d *demo) makeSegments(ctx context.Context) error {
	for _, s := range sim.Definitions() {
		body := map[string]any{"name": s.NameZH + " · " + s.Name, "description": s.Description, "rule": s.Rule, "purpose": s.Purpose}
		if err := d.call(ctx, http.MethodPost, "/api/v1/segments", body, nil); err != nil {
			return err
		}
	}
	return nil
}

// load sends the history and waits until every event is in the warehouse.
func (d *demo) load(ctx context.Context, world *sim.World) (sim.LoadResult, error) {
	c := world.Config()
	fmt.Fprintf(d.out, "Sending %d days of %d people's events through the tracking API …\n", c.Days, c.Persons)
	progress, done := d.meter()
	result, err := sim.Load(ctx, world, sim.LoadOptions{Server: d.server, Keys: d.keys, Progress: progress})
	done()
	if err != nil {
		return result, err
	}
	began := time.Now()
	stats, err := d.waitDrained(ctx)
	if err != nil {
		return result, err
	}
	total := result.Seconds + time.Since(began).Seconds()
	fmt.Fprintf(d.out, "%d events of %d people are in profiles, segments and reports: %.0f events/s (accepted at %.0f/s).\n",
		stats.InWarehouse, stats.Persons, float64(result.Events)/total, float64(result.Events)/result.Seconds)
	return result, nil
}

// meter shows the load's progress: a bar on a terminal, a line now and then elsewhere.
func (d *demo) meter() (report func(sim.LoadProgress), done func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		last := time.Now()
		return func(p sim.LoadProgress) {
			if time.Since(last) > 2*time.Second {
				last = time.Now()
				fmt.Fprintf(d.out, "%3.0f %%  %d events, up to %s\n", p.Share*100, p.Events, p.Time.Format(time.DateOnly))
			}
		}, func() {}
	}
	bars := mpb.New(mpb.WithOutput(d.out), mpb.WithWidth(48))
	var events int64
	var day string
	bar := bars.New(1000, mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░"),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return day + "  " })),
		mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return fmt.Sprintf("  %d events", events) })))
	return func(p sim.LoadProgress) {
			events, day = p.Events, p.Time.Format(time.DateOnly)
			bar.SetCurrent(int64(p.Share * 1000))
		}, func() {
			bar.SetCurrent(1000)
			bars.Wait()
		}
}
