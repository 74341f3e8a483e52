package apptest

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// command runs a sub-command and returns what it printed.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(Binary(t), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func mustCommand(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, args...)
	if err != nil {
		t.Fatalf("touchstone %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Everything that a server keeps is in its backup, as a folder and as a file, and a server
// on what was restored gives the same answers and goes on.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	backups, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	s := StartIn(t, data, "--backup-folder", backups)
	s.Source("shop", "server")
	s.Call(http.MethodPost, "/api/v1/users", map[string]any{"email": "ann@example.com", "password": "correct horse battery", "role": "analyst"}, nil)
	story(s, 0)
	s.Drain()
	s.CreateSegment("buyers", DidEvent("Order Completed", 2, ""))
	s.Drain()
	want := answersOf(s)
	file := filepath.Join(t.TempDir(), "backup.tar")
	out := mustCommand(t, "backup", "--server", s.URL)
	wantWords(t, "backup", out, backups, "bytes")
	mustCommand(t, "backup", "--server", s.URL, "--to", file)
	made, err := filepath.Glob(filepath.Join(backups, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("the folder holds %v, %v: one that was fetched is gone, the other stays", made, err)
	}
	s.Kill()

	for name, from := range map[string]string{"folder": made[0], "file": file} {
		t.Run(name, func(t *testing.T) {
			wantWords(t, "verify", mustCommand(t, "backup", "--verify", from), "is whole")
			to := filepath.Join(t.TempDir(), "restored")
			wantWords(t, "restore", mustCommand(t, "restore", "--from", from, "--data", to), "is as it was")
			again := StartIn(t, to)
			again.Drain()
			got := answersOf(again)
			if audit := got["/api/v1/audit"].([]any); len(audit) > 0 { // newest first: the notes of the backups themselves
				got["/api/v1/audit"] = audit[len(audit)-len(want["/api/v1/audit"].([]any)):]
			}
			wantAnswers(t, got, want)
			before := again.Stats()
			story(again, 0) // clients send it once more
			story(again, 1)
			if st := again.Drain(); st.Duplicates <= before.Duplicates || st.InWarehouse <= before.InWarehouse {
				t.Errorf("it does not go on: %+v, before %+v", st, before)
			}
			if n := again.Number("select count(*) - count(distinct message_id) from events"); n != 0 {
				t.Errorf("%d events are there twice", n)
			}
			if out, err := command(t, "restore", "--from", from, "--data", to); err == nil || !strings.Contains(out, "not empty") {
				t.Errorf("a restore over data: %v, %s", err, out)
			}
		})
	}
	damaged := filepath.Join(t.TempDir(), "damaged.tar")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"backup", "--verify", damaged}, {"restore", "--from", damaged, "--data", filepath.Join(t.TempDir(), "x")}} {
		if out, err := command(t, args...); err == nil || !strings.Contains(out, "damaged") || strings.Count(out, "\n") > 3 {
			t.Errorf("touchstone %s: %v, %s", args[0], err, out)
		}
	}
}

// The drill: a backup under load, more events, the loss of everything, a restore. What was
// acknowledged before the backup began is there, nothing of after its end, nothing half;
// and when the clients have sent again what they have, all is there once.
func TestBackupDrill(t *testing.T) {
	backups, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	s := StartIn(t, data, "--backup-folder", backups)
	seg := s.CreateSegment("at least 20", DidEvent("Kill Test", 20, ""))
	c := startAckClient(s)
	Eventually(t, time.Minute, "events are acknowledged", func() bool { return c.count() > 5000 })
	before := c.acknowledged()
	mustCommand(t, "backup", "--server", s.URL)
	after := c.acknowledged()
	Eventually(t, time.Minute, "more events are acknowledged", func() bool { return c.count() > len(after)+2000 })
	s.Kill()
	close(c.stop)
	c.senders.Wait()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	made, err := filepath.Glob(filepath.Join(backups, "2*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("the folder holds %v, %v", made, err)
	}
	mustCommand(t, "restore", "--from", made[0], "--data", data)
	s.Launch()
	s.Drain()
	stored := map[string]bool{}
	for _, row := range s.eachRow("select message_id from events where message_id like '%s-%%' order by 1", c.prefix) {
		stored[row[0].(string)] = true
	}
	lost, early := 0, 0
	for id := range before {
		if !stored[id] {
			lost++
		}
	}
	for id := range stored {
		if _, ok := after[id]; !ok {
			early++
		}
	}
	// A request that was acknowledged at the end of the backup may have been noted here after it.
	if lost > 0 || early > 5*4 {
		t.Errorf("of %d events acknowledged before the backup %d are missing; %d are there that came after it", len(before), lost, early)
	}
	t.Logf("%d events before the backup, %d after it, %d in it, %d in all", len(before), len(after), len(stored), len(c.acked))
	c.sendAgain(t, s)
	s.Drain()
	if n := s.Number("select count(*) - count(distinct message_id) from events"); n != 0 {
		t.Errorf("%d events are there twice", n)
	}
	c.verify(t, s)
	members := s.Members(seg.ID)
	for _, row := range s.SQL("select person from events where event = 'Kill Test' group by 1 having count(*) >= 20") {
		if _, in := members[row[0].(string)]; !in {
			t.Errorf("%s has done enough for the segment, but is not in it", row[0])
		}
	}
}

// acknowledged returns a copy of what was acknowledged by now.
func (c *ackClient) acknowledged() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	acked := make(map[string]string, len(c.acked))
	for id, user := range c.acked {
		acked[id] = user
	}
	return acked
}

// sendAgain sends every batch that was acknowledged once more.
func (c *ackClient) sendAgain(t *testing.T, s *Server) {
	t.Helper()
	last := map[int]int{}
	for id := range c.acked {
		var sender, n, i int
		if _, err := fmt.Sscanf(strings.TrimPrefix(id, c.prefix), "-%d-%d-%d", &sender, &n, &i); err != nil {
			t.Fatal(err)
		}
		last[sender] = max(last[sender], n)
	}
	for sender, most := range last {
		for n := range most + 1 {
			if _, body := c.batch(sender, n); !send(s.http, s.URL, body) {
				t.Fatal("a batch is not accepted again")
			}
		}
	}
}

// eachRow runs a statement without a limit of its own in pages.
func (s *Server) eachRow(format string, args ...any) (all [][]any) {
	s.t.Helper()
	const page = 10_000
	for {
		rows := s.SQL(format+" limit %d offset %d", append(slices.Clone(args), page, len(all))...)
		if all = append(all, rows...); len(rows) < page {
			return all
		}
	}
}

// A server that has its state elsewhere says what to do instead.
func TestBackupOfWhatIsElsewhere(t *testing.T) {
	s := ScaleOut(t).Start(t)
	out, err := command(t, "backup", "--server", s.URL)
	if err == nil {
		t.Errorf("it made one: %s", out)
	}
	wantWords(t, "backup", out, "PostgreSQL", "NATS", "operations.md")
}

// A disk that is too small for a backup, from the start or while it is written, costs the
// backup and nothing else.
func TestBackupOnAFullDisk(t *testing.T) {
	small := smallDisk(t, "1m")
	s := StartIn(t, t.TempDir(), "--backup-folder", filepath.Join(small, "backups"))
	c := startAckClient(s)
	Eventually(t, time.Minute, "the data is larger than the disk", func() bool {
		return c.count() > 8000
	})
	out, err := command(t, "backup", "--server", s.URL)
	if err == nil {
		t.Errorf("it made one: %s", out)
	}
	wantWords(t, "a small disk", out, "disk", "backup.folder")
	if left, _ := filepath.Glob(filepath.Join(small, "backups", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	c.finish(t, s)
}
