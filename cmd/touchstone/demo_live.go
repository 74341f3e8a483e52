package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/sim"
)

// feed is the live events of a demo that wait to be sent together.
type feed struct {
	waiting map[string][]byte // by source: elements of a batch
	events  int
	sent    time.Time // when something was last sent
}

// A feed that is faster than slowFeed per second sends several events together.
const (
	slowFeed   = 20
	feedEvery  = 200 * time.Millisecond
	feedAtOnce = 200
	faultsFile = "faults.json"
)

// forgetLoad has learnt anew what is usual of the sources: the history's last day came within seconds.
func (d *demo) forgetLoad(ctx context.Context) error {
	for _, s := range sim.Sources() {
		if err := d.call(ctx, http.MethodPost, "/api/v1/quality/sources/"+d.ids[s.Name]+"/relearn", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// live keeps the world alive, with faults if they are wanted.
func (d *demo) live(ctx context.Context, world *sim.World) error {
	o := sim.LiveOptions{Rate: d.rate}
	began := time.Now()
	if d.wrong {
		o.Faults = sim.DefaultFaults()
		if err := d.planFaults(ctx); err != nil {
			return err
		}
		first := began.Add(o.Faults.After)
		fmt.Fprintf(d.out, "  Faults are planted from %s on: until then it is learnt what is usual.\n\n", first.Format(time.TimeOnly))
		go d.tellFaults(ctx, o.Faults, began)
	}
	d.feed = feed{waiting: map[string][]byte{}, sent: began}
	return world.Live(ctx, o, func(e *touchstone.Event) error { return d.send(ctx, e) })
}

// planFaults publishes the tracking plan of the website, unless there is one.
func (d *demo) planFaults(ctx context.Context) error {
	type made struct {
		ID      string   `json:"id"`
		Sources []string `json:"sources"`
	}
	var have struct{ Items []made }
	if err := d.call(ctx, http.MethodGet, "/api/v1/plans", nil, &have); err != nil {
		return err
	}
	for _, p := range have.Items {
		for _, id := range p.Sources {
			if id == d.ids["web"] {
				return nil
			}
		}
	}
	var p made
	body := map[string]any{"name": "Website", "sources": []string{d.ids["web"]}, "draft": json.RawMessage(sim.FaultyPlan())}
	if err := d.call(ctx, http.MethodPost, "/api/v1/plans", body, &p); err != nil {
		return err
	}
	return d.call(ctx, http.MethodPost, "/api/v1/plans/"+p.ID+"/publish", map[string]any{}, nil)
}

// planted is a fault with its time: the truth, for whoever compares it with the alarms.
type planted struct {
	sim.Fault
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

const maxPlanted = 1000 // that are written down, the latest

// tellFaults says what goes wrong when it does, on the terminal and in a file.
func (d *demo) tellFaults(ctx context.Context, faults sim.Faults, began time.Time) {
	var list []planted
	last := -1
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		fault, turn, ok := faults.At(time.Since(began))
		if !ok || turn == last {
			continue
		}
		last = turn
		from := began.Add(faults.After + time.Duration(turn)*(faults.Last+faults.Calm)).UTC()
		list = append(list[max(0, len(list)+1-maxPlanted):], planted{fault, from, from.Add(faults.Last)})
		fmt.Fprintf(d.out, "  %s  %-13s %s: %s\n", time.Now().Format(time.TimeOnly), fault.Kind, fault.Source, fault.Story)
		text, err := json.MarshalIndent(list, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(d.cfg.Data, faultsFile), append(text, '\n'), 0o600)
		}
		if err != nil {
			fmt.Fprintln(d.out, "  what was planted cannot be written down:", err)
		}
	}
}

// send sends a live event, or keeps it for a moment when many come. A server that is busy is
// asked again.
func (d *demo) send(ctx context.Context, e *touchstone.Event) error {
	body := d.feed.waiting[e.Source]
	if len(body) == 0 {
		body = append(body, `{"batch":[`...)
	} else {
		body = append(body, ',')
	}
	d.feed.waiting[e.Source] = sim.AppendJSON(body, e)
	if d.feed.events++; d.rate > slowFeed && d.feed.events < feedAtOnce && time.Since(d.feed.sent) < feedEvery {
		return nil
	}
	d.feed.events, d.feed.sent = 0, time.Now()
	for source, body := range d.feed.waiting {
		if len(body) == 0 {
			continue
		}
		sender := client{server: d.server, key: d.keys[source], http: d.http}
		err := sender.call(ctx, http.MethodPost, "/v1/batch", append(body, `]}`...), nil)
		d.feed.waiting[source] = body[:0]
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			fmt.Fprintln(d.out, "live events were not taken:", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}
