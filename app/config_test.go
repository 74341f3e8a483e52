package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestConfigFlagsWinOverEnvironmentOverFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "touchstone.yaml")
	text := "listen: 127.0.0.1:1\nlog:\n  level: debug\nwarehouse:\n  memory_limit: 1.5GiB\nquery:\n  timeout: 5s\nroles: [collect, sink]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.AddFlags(flags)
	if err := flags.Parse([]string{"--listen", "127.0.0.1:3"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"TOUCHSTONE_LISTEN": "127.0.0.1:2", "TOUCHSTONE_QUERY_TIMEOUT": "7s"}
	if err := c.Load(file, flags, func(k string) (string, bool) { v, ok := env[k]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.Query.Timeout != 7*time.Second || c.Log.Level != "debug" ||
		c.Warehouse.MemoryLimit != 3<<29 || strings.Join(c.Roles, "+") != "collect+sink" {
		t.Errorf("got %+v", c)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"unknown role":   {map[string]string{"TOUCHSTONE_ROLES": "collect,cook"}, `"cook" is not a role`},
		"bad size":       {map[string]string{"TOUCHSTONE_WAREHOUSE_MEMORY_LIMIT": "lots"}, "TOUCHSTONE_WAREHOUSE_MEMORY_LIMIT"},
		"bad address":    {map[string]string{"TOUCHSTONE_LISTEN": "8484"}, "HOST:PORT"},
		"dev for others": {map[string]string{"TOUCHSTONE_DEV": "true", "TOUCHSTONE_LISTEN": "0.0.0.0:8484"}, "loopback"},
	} {
		t.Run(name, func(t *testing.T) {
			err := DefaultConfig().Load("", nil, func(k string) (string, bool) { v, ok := tt.env[k]; return v, ok })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestConfigRefusesUnknownKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("lissten: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := DefaultConfig().Load(file, nil, func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), `"lissten"`) {
		t.Errorf("got %v", err)
	}
}

func TestBytesText(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "12": 12, "1KB": 1000, "2KiB": 2048, "1.5GiB": 3 << 29, " 7 MB ": 7_000_000} {
		var b Bytes
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%q: got %d, %v; want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1QB", "9e99TB"} {
		if err := new(Bytes).Set(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// Lanes need a store and a log that several processes reach.
func TestLanesNeedServers(t *testing.T) {
	for _, c := range []struct {
		lanes         int
		store, stream string
		ok            bool
	}{
		{1, "", "", true},
		{2, "", "", false},
		{2, "postgres://x", "", false},
		{2, "postgres://x", "nats://x", true},
		{0, "postgres://x", "nats://x", false},
		{100, "postgres://x", "nats://x", false},
	} {
		cfg := DefaultConfig()
		cfg.Lanes, cfg.Store.URL, cfg.Stream.URL = c.lanes, c.store, c.stream
		if err := cfg.validate(); (err == nil) != c.ok {
			t.Errorf("%d lanes with store %q and stream %q: %v", c.lanes, c.store, c.stream, err)
		}
	}
}
