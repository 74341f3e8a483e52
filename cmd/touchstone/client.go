package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/touchstone-cdp/touchstone"
)

// client talks to a running server's management API.
type client struct {
	server string
	key    string
	http   *http.Client
}

// addFlags registers --server and --key; the environment gives their defaults.
func (c *client) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.server, "server", envOr("TOUCHSTONE_URL", "http://127.0.0.1:8484"), "address of the server (TOUCHSTONE_URL)")
	flags.StringVar(&c.key, "key", envOr("TOUCHSTONE_KEY", "dev"), "API key (TOUCHSTONE_KEY)")
	c.http = &http.Client{Timeout: 5 * time.Minute}
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// call sends in as JSON (nil: no body) and decodes the answer into out (nil: dropped).
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(in)
	default:
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.server, "/")+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return touchstone.Errorf(touchstone.Unavailable, "no server answers at %s: %v", c.server, err).
			WithHint("start one with `touchstone serve`, or name another with --server")
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return problem(resp)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// problem turns an RFC 9457 answer into an error for people.
func problem(resp *http.Response) error {
	var p struct {
		Title, Detail, Hint string
		ErrorID             string `json:"error_id"`
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		p.Detail = strings.TrimSpace(string(text))
	}
	message := fmt.Sprintf("the server answered %s: %s", resp.Status, p.Detail)
	if p.Hint != "" {
		message += " (" + p.Hint + ")"
	}
	if p.ErrorID != "" {
		message += " [" + p.ErrorID + "]"
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return touchstone.Errorf(touchstone.Unavailable, "%s", message)
	}
	return fmt.Errorf("%s", message)
}

// serverStats is the part of GET /api/v1/stats that the commands use.
type serverStats struct {
	Accepted    int64 `json:"accepted"`
	Processed   int64 `json:"processed"`
	InWarehouse int64 `json:"in_warehouse"`
	Quarantined int64 `json:"quarantined"`
	Duplicates  int64 `json:"duplicates"`
	SetAside    int64 `json:"set_aside"`
	Erased      int64 `json:"erased"`
	Persons     int64 `json:"persons"`
	Known       int64 `json:"known_persons"`
	Process     struct {
		CPUSeconds float64 `json:"cpu_seconds"`
		RSSBytes   int64   `json:"rss_bytes"`
	} `json:"process"`
	Lag struct {
		Pipeline  float64 `json:"pipeline"`
		Warehouse float64 `json:"warehouse"`
	} `json:"lag_seconds"`
	Stuck []struct {
		Part  string    `json:"part"`
		Since time.Time `json:"since"`
		Error string    `json:"error"`
		Hint  string    `json:"hint"`
	} `json:"stuck"`
}

// drained reports whether every accepted event has reached the warehouse, was a
// duplicate, is in quarantine, refused or set aside, or was erased with its person.
func (s serverStats) drained() bool {
	return s.Accepted == s.Processed+s.Duplicates+s.Quarantined && s.Processed == s.InWarehouse+s.SetAside+s.Erased
}

func (c *client) stats(ctx context.Context) (s serverStats, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/stats", nil, &s)
	return s, err
}

// waitDrained polls until everything accepted is in the warehouse. A server that has too much to do to
// answer in time is asked again, for a minute.
func (c *client) waitDrained(ctx context.Context) (serverStats, error) {
	answered := time.Now()
	for {
		s, err := c.stats(ctx)
		switch {
		case err == nil && s.drained():
			return s, nil
		case err == nil:
			answered = time.Now()
		case touchstone.KindOf(err) != touchstone.Unavailable || time.Since(answered) > time.Minute:
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
