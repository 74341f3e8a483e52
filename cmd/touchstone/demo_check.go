package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/sim"
)

// verdict is one comparison of the server with the world.
type verdict struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
}

// check loads a world into a fresh folder and compares every answer with its truth.
func (d *demo) check(ctx context.Context, out io.Writer, asJSON bool) error {
	dir, err := os.MkdirTemp("", "touchstone-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d.cfg.Data, d.cfg.Listen = dir, "127.0.0.1:0"
	var verdicts []verdict
	err = d.serve(ctx, func(ctx context.Context) error {
		if verdicts, err = d.compare(ctx); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	bad := 0
	for _, v := range verdicts {
		if !v.OK {
			bad++
		}
		if !asJSON {
			fmt.Fprintf(out, "%s  %-44s %s\n", map[bool]string{true: "ok ", false: "BAD"}[v.OK], v.Check, v.Found)
		}
	}
	if asJSON {
		if err := printLine(out, verdicts); err != nil {
			return err
		}
	}
	if bad > 0 || len(verdicts) == 0 {
		return touchstone.Errorf(touchstone.Internal, "%d of %d answers differ from the planted truth", bad, len(verdicts))
	}
	return nil
}

func (d *demo) compare(ctx context.Context) ([]verdict, error) {
	world, err := sim.NewWorld(d.world)
	if err != nil {
		return nil, err
	}
	if err := d.makeSources(ctx); err != nil {
		return nil, err
	}
	if err := d.setConsent(ctx); err != nil {
		return nil, err
	}
	if _, err := d.load(ctx, world); err != nil {
		return nil, err
	}
	stats, err := d.stats(ctx)
	if err != nil {
		return nil, err
	}
	truth := world.Truth()
	number := func(name string, got, want int64) verdict {
		return verdict{name, got == want, fmt.Sprintf("%d, planted %d", got, want)}
	}
	verdicts := []verdict{
		number("events in the warehouse", stats.InWarehouse, truth.Events),
		number("quarantined", stats.Quarantined, 0),
		number("duplicates", stats.Duplicates, 0),
		number("persons", stats.Persons, int64(truth.Persons)),
		number("known persons", stats.Known, int64(truth.KnownPersons)),
	}
	for _, c := range truth.Checks() {
		var answer json.RawMessage
		if err := d.call(ctx, http.MethodPost, "/api/v1/query", []byte(c.Query), &answer); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		v := verdict{c.Name, true, "equal"}
		if err := c.Verify(answer); err != nil {
			v.OK, v.Found = false, err.Error()
		}
		verdicts = append(verdicts, v)
	}
	segments, err := d.compareSegments(ctx, world)
	return append(verdicts, segments...), err
}

// compareSegments makes the segments, waits until they are built, and compares their
// sizes. People leave by the clock while it looks, so a size between those of the
// moments before and after is right.
func (d *demo) compareSegments(ctx context.Context, world *sim.World) ([]verdict, error) {
	if err := d.makeSegments(ctx); err != nil {
		return nil, err
	}
	type segment struct {
		Name, Status string
		Members      int
	}
	var list struct{ Items []segment }
	var before map[string]int
	for deadline := time.Now().Add(2 * time.Minute); ; {
		before = world.Members(time.Now())
		if err := d.call(ctx, http.MethodGet, "/api/v1/segments?limit=500", nil, &list); err != nil {
			return nil, err
		}
		building := 0
		for _, s := range list.Items {
			if s.Status == "building" {
				building++
			}
		}
		if building == 0 {
			break
		}
		if time.Now().After(deadline) {
			return nil, touchstone.Errorf(touchstone.Unavailable, "%d segments were still building after two minutes", building)
		}
		time.Sleep(200 * time.Millisecond)
	}
	after := world.Members(time.Now())
	var verdicts []verdict
	for _, def := range sim.Definitions() {
		v := verdict{Check: "segment: " + def.Name, Found: "missing"}
		for _, s := range list.Items {
			if strings.HasSuffix(s.Name, " · "+def.Name) {
				low, high := min(before[def.Key], after[def.Key]), max(before[def.Key], after[def.Key])
				v.OK, v.Found = s.Members >= low && s.Members <= high, fmt.Sprintf("%d, planted %d to %d", s.Members, low, high)
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}
