package apptest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to look into a store from outside
)

// refusedStart runs the program with flags that it must refuse, and returns what it says.
func refusedStart(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(t), append([]string{"serve", "--listen", FreeAddress(t)}, flags...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil || err == nil {
		t.Errorf("%v: the server did not refuse to start:\n%s", flags, out.String())
	}
	if strings.Contains(out.String(), "goroutine ") {
		t.Errorf("%v: it panicked:\n%s", flags, out.String())
	}
	return out.String()
}

func wantWords(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: the message does not say %q:\n%s", what, w, text)
		}
	}
}

// One process holds a data folder, and one an address.
func TestSecondProcessIsRefused(t *testing.T) {
	s := Start(t)
	s.Track(Event{"type": "track", "event": "Before", "userId": "u-1"})
	wantWords(t, "the same folder", refusedStart(t, "--dev", "--data", s.Data), "another process", s.Data)
	address := strings.TrimPrefix(s.URL, "http://")
	wantWords(t, "the same address", refusedStart(t, "--dev", "--data", t.TempDir(), "--listen", address), address, "in use", "--listen")
	s.Track(Event{"type": "track", "event": "After", "userId": "u-1"})
	if st := s.Drain(); st.InWarehouse != 2 {
		t.Errorf("the first process has %+v", st)
	}
}

// Wrong settings are refused before anything is touched, by name.
func TestWrongSettingsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "touchstone.yaml")
	writeFile(t, file, "stream:\n  min_fre_bytes: 1GB\n")
	for name, test := range map[string]struct{ flags, words []string }{
		"open to all":         {[]string{"--dev", "--listen", "0.0.0.0:0"}, []string{"loopback", "--dev"}},
		"an unknown role":     {[]string{"--dev", "--roles", "colect"}, []string{"colect", "collect"}},
		"an unknown key":      {[]string{"--dev", "--config", file}, []string{"stream.min_fre_bytes"}},
		"no such file":        {[]string{"--dev", "--config", file + "x"}, []string{file + "x"}},
		"a wrong size":        {[]string{"--dev", "--memory-limit", "much"}, []string{"memory-limit", "much"}},
		"no such database":    {[]string{"--dev", "--store-url", "postgres://nobody@127.0.0.1:1/x"}, []string{"PostgreSQL", "127.0.0.1"}},
		"no such log":         {[]string{"--dev", "--stream-url", "nats://127.0.0.1:1"}, []string{"NATS"}},
		"no level":            {[]string{"--dev", "--log-level", "loud"}, []string{"loud", "debug"}},
		"a file for a folder": {[]string{"--dev", "--data", file}, []string{file}},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			text := refusedStart(t, append([]string{"--data", data}, test.flags...)...)
			wantWords(t, name, text, test.words...)
			if strings.Count(text, "\n") > 6 {
				t.Errorf("the message is long:\n%s", text)
			}
		})
	}
}

// stopsWithin is twice as long as the program promises to take at most from SIGTERM to its end:
// the machine may have other things to do.
const stopsWithin = 20 * time.Second

// underWay waits until so many statements of SQL run or wait for others.
func underWay(s *Server, n float64) {
	s.t.Helper()
	Eventually(s.t, time.Minute, fmt.Sprint(n, " statements are under way"), func() bool {
		return s.metric("touchstone_sql_running")+s.metric("touchstone_sql_waiting") >= n
	})
}

// A server that is told to stop under load stops within seconds, answers what it has
// taken, and loses nothing.
func TestStopUnderLoad(t *testing.T) {
	s := Start(t)
	for range 3 {
		c := startAckClient(s)
		heavy, end := context.WithCancel(context.Background())
		var asked sync.WaitGroup
		for range 3 {
			asked.Go(func() {
				body := strings.NewReader(`{"kind":"sql","sql":"select sum(a.range * b.range) from range(100000000) a, range(1000000) b"}`)
				req, err := http.NewRequestWithContext(heavy, http.MethodPost, s.URL+"/api/v1/query", body)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer dev")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Errorf("a question that was under way has no answer: %v", err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("a question that was under way is answered with %s", resp.Status)
				}
			})
		}
		underWay(s, 3)
		Eventually(t, time.Minute, "events are acknowledged", func() bool { return c.count() > 100 })
		began := time.Now()
		s.Stop()
		if took := time.Since(began); took > stopsWithin {
			t.Errorf("it took %s to stop", took)
		} else {
			t.Logf("stopped in %s with %d events acknowledged and queries under way", took.Round(time.Millisecond), c.count())
		}
		end()
		asked.Wait()
		s.Launch()
		c.finish(t, s)
	}
}

// copyData copies the folder of a stopped server.
func copyData(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A folder whose parts are damaged, of another version, or do not belong together is
// refused with a word about what to do; a lost warehouse is made anew from the log.
func TestDamagedFolders(t *testing.T) {
	t.Parallel()
	s := Start(t)
	var batch []Event
	for i := range 100 {
		batch = append(batch, Event{"type": "track", "event": "Kept", "userId": fmt.Sprintf("u-%d", i%9), "anonymousId": fmt.Sprintf("a-%d", i), "messageId": fmt.Sprintf("kept-%d", i%90)})
	}
	s.Track(batch...)
	s.Drain()
	s.Stop()

	garbage := bytes.Repeat([]byte("not a database. "), 4096)
	for name, test := range map[string]struct {
		damage func(dir string) error
		words  []string
	}{
		"a store that is garbage":     {func(dir string) error { return os.WriteFile(filepath.Join(dir, "store.db"), garbage, 0o600) }, []string{"store.db", "not a database"}},
		"a store that is cut off":     {func(dir string) error { return os.Truncate(filepath.Join(dir, "store.db"), 5000) }, []string{"store.db", "malformed"}},
		"a warehouse that is garbage": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "warehouse.duckdb"), garbage, 0o600) }, []string{"warehouse.duckdb", "not a valid", "made anew"}},
		"a warehouse that is cut off": {func(dir string) error { return os.Truncate(filepath.Join(dir, "warehouse.duckdb"), 8000) }, []string{"warehouse.duckdb"}},
		"a store that is lost":        {func(dir string) error { return os.Remove(filepath.Join(dir, "store.db")) }, []string{"store", "backup"}},
		"a log that is lost":          {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "stream")) }, []string{"log", "backup"}},
		"a store of a newer version":  {ageStore, []string{"newer", "version"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyData(t, s.Data)
			if err := test.damage(dir); err != nil {
				t.Fatal(err)
			}
			wantWords(t, name, refusedStart(t, "--dev", "--data", dir), test.words...)
		})
	}
	t.Run("a warehouse that is lost", func(t *testing.T) {
		dir := copyData(t, s.Data)
		if err := os.Remove(filepath.Join(dir, "warehouse.duckdb")); err != nil {
			t.Fatal(err)
		}
		again := StartIn(t, dir)
		if st := again.Drain(); st.InWarehouse != 90 || st.Duplicates != 10 {
			t.Errorf("after the loss of the warehouse: %+v", st)
		}
		if n := len(again.Timeline("anonymous_id:a-3", 500)); n != int(again.Person("anonymous_id:a-3").Counters.Events) {
			t.Errorf("the timeline has %d events, the profile counts %+v", n, again.Person("anonymous_id:a-3").Counters)
		}
	})
}

// ageStore makes a store look like that of a later release.
func ageStore(dir string) error {
	db, err := sql.Open("sqlite3", filepath.Join(dir, "store.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`INSERT INTO migrations_profile (version_id, is_applied) VALUES (9999, 1)`)
	return err
}

// An empty server is ready soon and takes little.
func TestEmptyServer(t *testing.T) {
	s := NewServer(t, t.TempDir())
	began := time.Now()
	s.Launch()
	t.Cleanup(s.Stop)
	ready := time.Since(began)
	time.Sleep(time.Second)
	first, at := s.Stats(), time.Now()
	time.Sleep(5 * time.Second)
	last := s.Stats()
	share := (last.Process.CPUSeconds - first.Process.CPUSeconds) / time.Since(at).Seconds()
	t.Logf("ready in %s, %d MiB resident, %.2f %% of a processor when idle", ready.Round(time.Millisecond), last.Process.RSSBytes>>20, 100*share)
	if ready > time.Minute || last.Process.RSSBytes > 200<<20 {
		t.Errorf("an empty server is ready in %s and takes %d MiB", ready, last.Process.RSSBytes>>20)
	}
	if share > 0.25 {
		t.Errorf("an idle server takes %.0f %% of a processor", 100*share)
	}
}
