package apptest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inClear returns the files under a folder that hold one of the values, each byte looked at.
func inClear(t *testing.T, dir string, values []string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			if os.IsNotExist(err) { // a running server deletes what it has made for a moment
				return nil
			}
			return err
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		for _, v := range values {
			if bytes.Contains(text, []byte(v)) {
				found = append(found, path+" holds "+v)
				break
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// scanWith is scan with a key file; empty: none.
func scanWith(t *testing.T, data, key string, values ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(Binary(t), "privacy", "scan", "--data", data, "--encryption-key-file", key)
	cmd.Stdin = strings.NewReader(strings.Join(values, "\n"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func newKeyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.key")
	mustCommand(t, "encryption", "new-key", path)
	return path
}

// copyOf asks for all that is kept of somebody, and returns what it says for machines.
func (c *crowd) copyOf(ref string) string {
	c.t.Helper()
	var out struct{ Items []asked }
	c.Call(http.MethodPost, "/api/v1/privacy/requests", map[string]any{"kind": "access", "reason": "request", "people": [][]string{{ref}}}, &out)
	if len(out.Items) != 1 {
		c.t.Fatalf("%+v", out)
	}
	id := out.Items[0].ID
	var job string
	Eventually(c.t, time.Minute, "the copy is made", func() bool { r := c.request(id); job = r.Job; return r.State == "done" })
	Eventually(c.t, time.Minute, "the job that made it has ended", func() bool {
		var j struct{ Status string }
		c.Call(http.MethodGet, "/api/v1/jobs/"+job, nil, &j)
		return j.Status == "done"
	})
	request, err := http.NewRequest(http.MethodGet, c.URL+"/api/v1/jobs/"+job+"/file", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer dev")
	answer, err := c.http.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || int64(len(text)) != answer.ContentLength {
		c.t.Fatalf("%d, %v: %d of %d bytes", answer.StatusCode, err, len(text), answer.ContentLength)
	}
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		c.t.Fatal(err)
	}
	page, err := z.Open("person.json")
	if err != nil {
		c.t.Fatal(err)
	}
	defer page.Close()
	if text, err = io.ReadAll(page); err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// TestEncryptedDataFolder: with a key file, no byte of the data folder and of its backups tells who is in it, while
// the server runs, after it was killed and after it has stopped, with uploads, copies for people, SQL and erasures; all
// commands work with the key and none without; another folder can be made with another key, or none.
func TestEncryptedDataFolder(t *testing.T) {
	t.Parallel()
	key, data := newKeyFile(t), filepath.Join(t.TempDir(), "data")
	s := StartIn(t, data, "--encryption-key-file", key)
	c := &crowd{s, t, 40}
	at := time.Now().Add(-time.Hour)
	c.live(at, 0, 40, "a")
	values := []string{"dealer-visitor"}
	for i := range 40 {
		values = append(values, fmt.Sprintf("crowd-user-%04d", i), fmt.Sprintf("139%08d", 70000000+i), fmt.Sprintf("crowd-device-%04d", i), fmt.Sprintf("crowd-name-%04d", i))
	}
	closed := func(when, dir string) {
		t.Helper()
		if found := inClear(t, dir, values); len(found) > 0 {
			t.Errorf("%s: %s", when, strings.Join(found, "\n"))
		}
	}
	var rows strings.Builder
	rows.WriteString("when,phone,email,customer\n")
	for i := range 3000 { // more than one run of an encrypted file
		fmt.Fprintf(&rows, "2026-01-02T10:00:00Z,139%08d,dealer-visitor-%d@example.com,dealer-visitor-%d\n", 71000000+i, i, i)
	}
	upload := s.upload("visits.csv", rows.String())
	if p := s.tryUpload(upload, dealerMapping); p.Created != 3000 {
		t.Errorf("the dry run: %+v", p)
	}
	s.importUpload(upload, dealerMapping, nil)
	s.Drain()
	if page := c.copyOf("user_id:crowd-user-0039"); !strings.Contains(page, "crowd-name-0039") {
		t.Error("the copy for somebody does not hold what is kept of them")
	}
	if n := s.Number("SELECT count(*) FROM events WHERE event = 'Dealer Visited'"); n != 3000 {
		t.Errorf("%d rows were imported", n)
	}
	ids, _ := c.ask(0, 3, false)
	c.awaitDone(ids)
	closed("running", data)
	tar := filepath.Join(t.TempDir(), "backup.tar")
	mustCommand(t, "backup", "--server", s.URL, "--to", tar)
	mustCommand(t, "backup", "--server", s.URL)
	closed("with a backup", data)
	closed("a backup", filepath.Dir(tar))
	more, _ := c.ask(3, 2, false) // after the backup
	c.awaitDone(more)
	refs := []string{"user_id:crowd-user-0033", "phone:+8613971000007"}
	want := portrait(s, refs...)
	s.Kill()
	closed("killed", data)
	s.Launch()
	if d := cmp.Diff(want, portrait(s, refs...)); d != "" {
		t.Errorf("after a kill: %s", d)
	}
	s.Stop()
	closed("stopped", data)

	// What is in it can be found with the key only; a compaction takes away who was erased.
	if out, err := scanWith(t, data, key, "13970000033"); err == nil || !strings.Contains(out, "store.db") || !strings.Contains(out, "warehouse.duckdb") || !strings.Contains(out, "record") {
		t.Errorf("the scan does not see what is there: %v %s", err, out)
	}
	mustCommand(t, "privacy", "compact", "--data", data, "--encryption-key-file", key)
	if out, err := scanWith(t, data, key, "crowd-user-0000", "13970000001", "crowd-device-0004"); err != nil {
		t.Errorf("after the compaction: %v %s", err, out)
	}
	closed("compacted", data)
	s.Launch()
	s.Drain()
	if d := cmp.Diff(want, portrait(s, refs...)); d != "" {
		t.Errorf("after the compaction: %s", d)
	}
	s.Stop()
	refuses(t, data, key)

	// A restore of the backup, with the newest tombstones: who was erased after it does not come back.
	list := []string{"--tombstones", filepath.Join(data, "tombstones.jsonl"), "--privacy-key", filepath.Join(data, "privacy.key")}
	refusesToRestore(t, tar, newKeyFile(t), "is encrypted with the key", list...)
	refusesToRestore(t, tar, "", "is encrypted, and no key was given", list...)
	refusesToRestore(t, tar, key, "none cannot be read", "--tombstones", filepath.Join(data, "none"), "--privacy-key", list[3])
	restored := filepath.Join(t.TempDir(), "restored")
	mustCommand(t, "restore", "--from", tar, "--data", restored, "--encryption-key-file", key,
		"--tombstones", filepath.Join(data, "tombstones.jsonl"), "--privacy-key", filepath.Join(data, "privacy.key"))
	r := &crowd{StartIn(t, restored, "--encryption-key-file", key), t, 40}
	Eventually(t, time.Minute, "who was erased after the backup is erased once more", func() bool {
		status, _ := r.Do(http.MethodGet, "/api/v1/persons/user_id:crowd-user-0004", nil, nil)
		return status == http.StatusNotFound
	})
	r.Drain()
	if d := cmp.Diff(want, portrait(r.Server, refs...)); d != "" {
		t.Errorf("after the restore: %s", d)
	}
	closed("restored", restored)
	r.Stop()
	changesKeys(t, data, key, values, want, refs)
}

// refuses: what does not belong together is said in words, and nothing is changed.
func refuses(t *testing.T, data, key string) {
	t.Helper()
	other, plain := newKeyFile(t), t.TempDir()
	s := StartIn(t, plain)
	s.Track(Event{"type": "track", "userId": "somebody", "event": "Viewed"})
	s.Drain()
	clear := filepath.Join(t.TempDir(), "clear.tar")
	mustCommand(t, "backup", "--server", s.URL, "--to", clear)
	s.Stop()
	refusesToRestore(t, clear, key, "is not encrypted, and a key was given")
	damaged := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(damaged, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct{ data, key, says string }{
		{data, "", "is encrypted, and no key was given"},
		{data, other, "is encrypted with the key"},
		{data, other + ".none", "does not exist"},
		{data, damaged, "is no key file"},
		{plain, key, "is not encrypted, and a key was given"},
	} {
		for _, args := range [][]string{
			{"serve", "--dev", "--listen", "127.0.0.1:0", "--data", one.data, "--encryption-key-file", one.key},
			{"privacy", "compact", "--data", one.data, "--encryption-key-file", one.key},
			{"encryption", "copy", "--data", one.data, "--encryption-key-file", one.key, "--to", filepath.Join(t.TempDir(), "to")},
		} {
			if out, err := command(t, args...); err == nil || !strings.Contains(out, one.says) {
				t.Errorf("touchstone %s: %v, wants %q: %s", args[0], err, one.says, out)
			}
		}
	}
	if out, err := command(t, "encryption", "new-key", key); err == nil || !strings.Contains(out, "exists") {
		t.Errorf("a key is overwritten: %v %s", err, out)
	}
}

// refusesToRestore: what cannot be restored is said before anything is copied.
func refusesToRestore(t *testing.T, from, key, says string, more ...string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "refused")
	if out, err := command(t, append([]string{"restore", "--from", from, "--data", to, "--encryption-key-file", key}, more...)...); err == nil || !strings.Contains(out, says) {
		t.Errorf("touchstone restore: %v, wants %q: %s", err, says, out)
	}
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("a restore that is refused has begun: %v", err)
	}
}

// changesKeys: copies of a folder in the clear, encrypted again and with another key give the same answers.
func changesKeys(t *testing.T, data, key string, values, want, refs []string) {
	t.Helper()
	other := newKeyFile(t)
	keys := []string{key, "", other}
	for i := 1; i < len(keys); i++ {
		to := filepath.Join(t.TempDir(), fmt.Sprint("copy", i))
		mustCommand(t, "encryption", "copy", "--data", data, "--encryption-key-file", keys[i-1], "--to", to, "--new-key-file", keys[i])
		if found := inClear(t, to, values); (len(found) == 0) != (keys[i] != "") {
			t.Errorf("copy %d: %v", i, found)
		}
		s := StartIn(t, to, "--encryption-key-file", keys[i])
		s.Drain()
		if d := cmp.Diff(want, portrait(s, refs...)); d != "" {
			t.Errorf("copy %d: %s", i, d)
		}
		if n := s.Number("SELECT count(*) FROM events WHERE event = 'Dealer Visited'"); n != 3000 {
			t.Errorf("copy %d: %d rows were imported", i, n)
		}
		s.Track(Event{"type": "track", "messageId": fmt.Sprint("copied", i), "userId": "somebody", "event": "Copied"})
		s.Drain()
		if n := s.Number("SELECT count(*) FROM events WHERE event = 'Copied'"); n != int64(i) {
			t.Errorf("copy %d does not go on", i)
		}
		s.Stop()
		data = to
		if i == 1 { // what came into it is not in the next one
			if out, err := scanWith(t, to, "", "crowd-user-0033"); err == nil {
				t.Errorf("nothing is found in the clear: %s", out)
			}
			mustCommand(t, "encryption", "copy", "--data", to, "--to", to+"again") // from the clear into the clear
		}
	}
}
