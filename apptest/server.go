// Package apptest holds black-box tests: they build the program, run it as users do, and
// talk to it over HTTP. Every test body runs on each deployment [Shape] that it names.
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary builds the program once per test run, unless TOUCHSTONE_TEST_BINARY names one
// that is to be tested as it is.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("TOUCHSTONE_TEST_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "touchstone-apptest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "touchstone")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/touchstone")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// Binary returns the path of the built program.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Server is a running `touchstone serve --dev`.
type Server struct {
	URL  string
	Data string

	t     testing.TB
	flags []string
	cmd   *exec.Cmd
	out   *tail
	done  chan error
}

// Start runs a server on a fresh data folder with extra flags, and stops it when the
// test ends.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	s := &Server{t: t, Data: t.TempDir(), flags: flags}
	address := FreeAddress(t)
	s.URL = "http://" + address
	s.flags = append([]string{"serve", "--dev", "--data", s.Data, "--listen", address}, flags...)
	s.Launch()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("the server's last words:\n%s", s.out)
		}
	})
	return s
}

// FreeAddress returns a loopback address that nothing listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Launch starts the process and waits until it is ready.
func (s *Server) Launch() {
	s.t.Helper()
	s.out = &tail{}
	s.cmd = exec.Command(Binary(s.t), s.flags...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(s.cmd, s.done)
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case err := <-s.done:
			s.done <- err
			s.t.Fatalf("the server ended before it was ready: %v\n%s", err, s.out)
		default:
		}
		resp, err := http.Get(s.URL + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("the server was not ready after a minute:\n%s", s.out)
}

// Kill ends the process with SIGKILL.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
	s.done <- nil
}

// Stop ends the process as a service manager does, and waits.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-s.done:
		s.done <- err
	case <-time.After(30 * time.Second):
		s.t.Errorf("the server did not stop within 30 s of SIGINT")
		s.Kill()
	}
}

// PID returns the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Command runs another sub-command of the program against this server and returns what
// it printed; it fails the test when the command fails.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(Binary(s.t), args...)
	cmd.Env = append(os.Environ(), "TOUCHSTONE_URL="+s.URL, "TOUCHSTONE_KEY=dev")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("touchstone %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// Do calls the management API and decodes the answer into out. It returns the status.
func (s *Server) Do(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if out == nil || len(text) == 0 {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(text, out)
}

// Call is Do that fails the test unless the answer is a success.
func (s *Server) Call(method, path string, in, out any) {
	s.t.Helper()
	if _, err := s.Do(method, path, in, out); err != nil {
		s.t.Fatal(err)
	}
}

// Stats is the part of GET /api/v1/stats that tests look at.
type Stats struct {
	Accepted     int64 `json:"accepted"`
	Processed    int64 `json:"processed"`
	InWarehouse  int64 `json:"in_warehouse"`
	Quarantined  int64 `json:"quarantined"`
	Duplicates   int64 `json:"duplicates"`
	Persons      int64 `json:"persons"`
	KnownPersons int64 `json:"known_persons"`
	Process      struct {
		CPUSeconds float64 `json:"cpu_seconds"`
		RSSBytes   int64   `json:"rss_bytes"`
	} `json:"process"`
}

// Drain waits until every accepted event is in the warehouse, a duplicate or in quarantine.
func (s *Server) Drain() Stats {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var st Stats
	for ctx.Err() == nil {
		s.Call(http.MethodGet, "/api/v1/stats", nil, &st)
		if st.Accepted == st.Processed+st.Duplicates+st.Quarantined && st.Processed == st.InWarehouse {
			return st
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("not drained after five minutes: %+v", st)
	return st
}

// Query asks one analytics question and returns the rows.
func (s *Server) Query(question any) [][]any {
	s.t.Helper()
	var answer struct{ Rows [][]any }
	s.Call(http.MethodPost, "/api/v1/query", question, &answer)
	return answer.Rows
}

// SQL runs an ad-hoc statement.
func (s *Server) SQL(format string, args ...any) [][]any {
	s.t.Helper()
	return s.Query(map[string]any{"kind": "sql", "sql": fmt.Sprintf(format, args...)})
}

// Track sends events to the batch call and fails the test unless they are accepted.
func (s *Server) Track(events ...map[string]any) {
	s.t.Helper()
	s.Call(http.MethodPost, "/v1/batch", map[string]any{"batch": events}, nil)
}

// SharedFile returns the path of a public data file. Tests that need one are skipped on
// a machine without the data, and fail in CI.
func SharedFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TOUCHSTONE_SHARED_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "the public data file "+name)
	}
	return path
}

// Missing ends a test whose component is not on this machine: a skip at home, a failure in CI.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is required in CI and is missing", what)
	}
	t.Skipf("%s is missing on this machine", what)
}

// tail keeps the last 64 KiB written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p...)
	if over := len(w.buf) - 64<<10; over > 0 {
		w.buf = append(w.buf[:0], w.buf[over:]...)
	}
	return len(p), nil
}

// String returns what was kept.
func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.buf)
}
