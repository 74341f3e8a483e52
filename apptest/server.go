// Package apptest holds black-box tests: they build the program, run it as users do, and
// talk to it over HTTP. Every test body runs on each deployment [Shape] that it names.
package apptest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
	binaryDir = dir
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

// binaryDir is the folder of the built program; TestMain removes it.
var binaryDir string

// Server is a running `touchstone serve --dev`.
type Server struct {
	URL  string
	Data string

	t      testing.TB
	http   *http.Client
	flags  []string
	binary string   // empty: the one of this test run
	env    []string // beside those of the test
	cmd    *exec.Cmd
	out    *tail
	done   chan error
}

// Start runs a server on a fresh data folder with extra flags, and stops it when the
// test ends.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	return StartIn(t, t.TempDir(), flags...)
}

// StartIn is Start with a data folder.
func StartIn(t testing.TB, data string, flags ...string) *Server {
	t.Helper()
	s := NewServer(t, data, flags...)
	s.Launch()
	t.Cleanup(func() {
		s.Stop()
		s.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the server's last words:\n%s", s.out)
		}
	})
	return s
}

// NewServer is a server that has not been launched.
func NewServer(t testing.TB, data string, flags ...string) *Server {
	t.Helper()
	address := FreeAddress(t)
	return &Server{
		t: t, Data: data, URL: "http://" + address,
		http:  &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		flags: append([]string{"serve", "--dev", "--data", data, "--listen", address}, flags...),
	}
}

// handedOut are the ports that FreeAddress has returned.
var handedOut sync.Map

// FreeAddress returns a loopback address that nothing listens on, and that nobody gets by chance
// while the server is down: systems take the ports of outgoing connections from 32768 on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := 10_000 + rand.IntN(20_000)
		if _, taken := handedOut.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // somebody else's
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// Launch starts the process and waits until it is ready.
func (s *Server) Launch() {
	s.t.Helper()
	s.out = &tail{}
	path := s.binary
	if path == "" {
		path = Binary(s.t)
	}
	s.cmd = exec.Command(path, s.flags...)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(s.cmd, s.done)
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		select {
		case err := <-s.done:
			s.done <- err
			s.t.Fatalf("the server ended before it was ready: %v\n%s", err, s.out)
		default:
		}
		resp, err := s.http.Get(s.URL + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("the server was not ready after %s:\n%s", patience, s.out)
}

// Kill ends the process with SIGKILL.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
	s.done <- nil
	s.http.CloseIdleConnections()
}

// Stop ends the process as a service manager does, and waits. A process that has ended
// stays ended.
func (s *Server) Stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.done:
		s.done <- nil
		if err != nil {
			s.t.Errorf("the server ended with %v", err)
		}
	case <-time.After(time.Minute):
		s.t.Errorf("the server did not stop within a minute of SIGTERM")
		s.Kill()
	}
	s.http.CloseIdleConnections()
}

// Ended tells whether the process ends by itself within the time.
func (s *Server) Ended(within time.Duration) bool {
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.done:
			s.done <- nil
			return true
		default:
		}
		if !time.Now().Before(deadline) {
			return false
		}
	}
}

// Log returns the last that the process has written.
func (s *Server) Log() string { return s.out.String() }

// PID returns the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Command runs another sub-command of the program against this server and returns what
// it printed; it fails the test when the command fails.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	cmd := s.Prepare(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("touchstone %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// Prepare makes the command of another sub-command against this server.
func (s *Server) Prepare(args ...string) *exec.Cmd {
	cmd := exec.Command(Binary(s.t), args...)
	cmd.Env = append(os.Environ(), "TOUCHSTONE_URL="+s.URL, "TOUCHSTONE_KEY=dev")
	return cmd
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
