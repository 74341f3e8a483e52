package apptest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wantFull checks that events are refused because of the disk, so that clients keep them,
// and that everything else works.
func wantFull(t *testing.T, s *Server) {
	t.Helper()
	body := `{"writeKey":"dev","event":"Refused","userId":"user-1"}`
	req, err := http.NewRequest(http.MethodPost, s.URL+"/v1/track", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://shop.example")
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct{ Detail string }
	if err := json.Unmarshal(text, &problem); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if resp.StatusCode != http.StatusServiceUnavailable || err != nil || seconds < 1 || !strings.Contains(problem.Detail, "disk") {
		t.Errorf("with a full disk an event is answered with %s, Retry-After %q: %s", resp.Status, resp.Header.Get("Retry-After"), text)
	}
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("a page of another origin cannot read the refusal")
	}
	s.Stats()
	s.SQL("select count(*) from events")
}

// Below the watermark events are refused; those before are worked on, and after a restart
// with room enough everything goes on.
func TestDiskBelowTheWatermark(t *testing.T) {
	data := t.TempDir()
	s := StartIn(t, data)
	c := startAckClient(s)
	Eventually(t, time.Minute, "events are acknowledged", func() bool { return c.count() > 100 })
	s.Kill() // with work left to do
	s.flags = append(s.flags, "--stream-min-free-bytes", "4096TiB")
	s.Launch()
	wantFull(t, s)
	before := c.count()
	s.Drain()
	wantFull(t, s)
	if after := c.count(); after != before {
		t.Errorf("%d events were acknowledged below the watermark", after-before)
	}
	s.Stop()
	s.flags = append(s.flags, "--stream-min-free-bytes", "1MiB")
	s.Launch()
	Eventually(t, 20*time.Second, "events are acknowledged again", func() bool { return c.count() > before+100 })
	c.finish(t, s)
}

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system can be mounted here (%v); TestDiskBelowTheWatermark tests the refusal", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file that leaves free bytes on a disk, and returns its path.
func fill(t *testing.T, dir string, free int64) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		left := int64(st.Bavail)*st.Bsize - free
		if left <= 0 {
			return path
		}
		if _, err := f.Write(block[:min(left, int64(len(block)))]); err != nil {
			return path // to the last byte
		}
	}
}

// Somebody else fills the disk while events arrive: events are refused in time, nothing
// that was acknowledged is lost, and with room again it goes on by itself.
func TestDiskFillsUp(t *testing.T) {
	for _, test := range []struct {
		name      string
		watermark string
		free      int64 // that is left
	}{
		{"to the watermark", "48MiB", 32 << 20},
		{"to the last byte", "1", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			disk := smallDisk(t, "256m")
			s := StartIn(t, filepath.Join(disk, "data"), "--stream-min-free-bytes", test.watermark)
			c := startAckClient(s)
			Eventually(t, 20*time.Second, "events are acknowledged", func() bool { return c.count() > 500 })
			filler := fill(t, disk, test.free)
			Eventually(t, 20*time.Second, "events are refused", func() bool {
				status, _ := s.Send("dev", Event{"type": "track", "event": "Probe", "userId": "user-1"})
				return status == http.StatusServiceUnavailable || s.Ended(0)
			})
			for range 10 {
				if status, text := s.Send("dev", Event{"type": "track", "event": "Probe", "userId": "user-1"}); status != http.StatusServiceUnavailable && status != http.StatusOK && (status != 0 || test.free > 0) {
					t.Errorf("on a full disk an event is answered with %d: %s", status, text)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if test.free > 0 {
				s.Drain()
				wantFull(t, s)
			}
			full := c.count()
			if test.free == 0 && s.Ended(15*time.Second) { // the log could not be written: a service manager would start it anew
				wantWords(t, "the end", s.Log(), "the log can no longer be written", "no space left")
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			Eventually(t, 40*time.Second, "events are acknowledged again", func() bool {
				if s.Ended(0) {
					s.Launch()
				}
				return c.count() > full+500
			})
			c.finish(t, s)
			t.Logf("%d events were acknowledged before it was full", full)
		})
	}
}
