package apptest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scan looks for values in every byte of the server's folder, and returns what was found.
func (s *Server) scan(values []string) (found string, none bool) {
	cmd := exec.Command(Binary(s.t), "privacy", "scan", "--data", s.Data)
	cmd.Stdin = strings.NewReader(strings.Join(values, "\n"))
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// compact rewrites the files; killed in the middle if that is wanted.
func (s *Server) compact(kill time.Duration) {
	s.t.Helper()
	cmd := exec.Command(Binary(s.t), "privacy", "compact", "--data", s.Data)
	if kill > 0 {
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(kill)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("the compaction fails: %v\n%s", err, out)
	}
}

// After an erasure and a compaction, that is killed some times before it is let end, no byte of the data folder
// says who was erased; the others are as they were, also in a store and a warehouse that are made
// anew from the rewritten log, under the same ids; the receipt says that it was done.
func TestCompactionLeavesNoByte(t *testing.T) {
	t.Parallel()
	s := Start(t)
	c := &crowd{s, t, 40}
	at := time.Now().Add(-time.Hour)
	c.live(at, 0, 20, "a")
	c.live(at, 20, 20, "a")
	var values []string
	for i := range 30 {
		values = append(values, fmt.Sprintf("crowd-user-%04d", i), fmt.Sprintf("139%08d", 70000000+i), fmt.Sprintf("crowd-device-%04d", i), fmt.Sprintf("crowd-name-%04d", i))
	}
	refs := []string{"user_id:crowd-user-0033", "user_id:crowd-user-0039", "phone:+8613970000035"}
	before := portrait(s, refs...)
	ids, _ := c.ask(0, 30, false)
	c.awaitDone(ids)
	c.live(at, 0, 5, "late") // left out, but in the log
	first := c.request(ids[0]).Receipt
	s.Stop()
	if found, none := s.scan(values); none {
		t.Fatalf("before the compaction nothing is found: nothing is shown by what is not found afterwards: %s", found)
	}
	for range 4 {
		s.compact(time.Duration(1+rand.IntN(400)) * time.Millisecond) //nolint:gosec // any moment will do
	}
	s.compact(0)
	if found, none := s.scan(values); !none {
		t.Errorf("after the compaction there is: %.3000s", found)
	}
	s.Launch()
	c.awaitDone(ids)
	Eventually(t, time.Minute, "the receipts say that files were rewritten", func() bool {
		var signed struct {
			Receipt struct{ Compaction struct{ State string } }
		}
		r := c.request(ids[0])
		c.Call("GET", "/api/v1/privacy/receipts/"+r.Receipt, nil, &signed)
		return r.Receipt != first && signed.Receipt.Compaction.State == "done"
	})
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Errorf("after the compaction another is somebody else: %s", d)
	}
	s.Stop()
	s.forget(true)
	s.Launch()
	Eventually(t, time.Minute, "the warehouse is made anew", func() bool { return s.Number("SELECT count(*) FROM events") == 20 })
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Errorf("made anew from the rewritten log another is somebody else: %s", d)
	}
	c.n = 30
	c.nobodyOf(30)
}

// A backup from before an erasure is restored with the tombstones from after it: who was erased is erased
// once more, and the others are as they were.
func TestARestoreBringsNobodyBack(t *testing.T) {
	t.Parallel()
	s := Start(t)
	c := &crowd{s, t, 10}
	c.live(time.Now().Add(-time.Hour), 0, 10, "a")
	refs := []string{"user_id:crowd-user-0008"}
	before := portrait(s, refs...)
	tar := filepath.Join(t.TempDir(), "backup.tar")
	s.Command("backup", "--to", tar)
	ids, _ := c.ask(0, 5, false)
	c.awaitDone(ids)
	Eventually(t, time.Minute, "the tombstones are listed", func() bool {
		text, err := os.ReadFile(filepath.Join(s.Data, "tombstones.jsonl"))
		return err == nil && strings.Count(string(text), "\n") >= 15
	})
	s.Stop()
	restored := filepath.Join(t.TempDir(), "data")
	out, err := exec.Command(Binary(t), "restore", "--from", tar, "--data", restored, "--tombstones", filepath.Join(s.Data, "tombstones.jsonl"), "--privacy-key", filepath.Join(s.Data, "privacy.key")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.Data = restored
	s.Launch()
	Eventually(t, time.Minute, "they are erased once more", func() bool { return s.Number("SELECT count(*) FROM events") == 10 })
	c.nobodyOf(5)
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Errorf("after the restore another is somebody else: %s", d)
	}
}
