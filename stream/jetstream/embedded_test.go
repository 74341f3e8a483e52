package jetstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// childEnv makes the test binary append to the log in the folder that it names.
const childEnv = "TOUCHSTONE_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := appendForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// appendForEver appends through a batcher, as the edge does, and prints each event
// once it is acknowledged.
func appendForEver(dir string) error {
	l, err := OpenEmbedded(ctx, EmbeddedConfig{Dir: dir, MinFreeBytes: -1})
	if err != nil {
		return err
	}
	b := stream.NewBatcher(l, stream.BatcherConfig{})
	fmt.Println("ready")
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := 0; failed.Load() == nil; i++ {
				text := fmt.Sprintf("%d-%d-%d %s", os.Getpid(), w, i, strings.Repeat("x", rand.IntN(3000)))
				r, err := b.Append(ctx, 0, stream.AppendFrame(nil, []byte(text)), 1)
				if err != nil {
					failed.Store(&err)
					return
				}
				// One write: what is on the pipe was acknowledged, whole lines only.
				fmt.Printf("%d %s\n", r.Seq(0), text[:strings.IndexByte(text, ' ')])
			}
		})
	}
	wg.Wait()
	return *failed.Load()
}

// TestKillLosesNothing kills an appending process at random moments and looks for
// every event that it had acknowledged, in its place.
func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[touchstone.Seq]string{}
	for round := 0; round < 6 || len(acknowledged) < 100 && round < 100; round++ {
		killed := killAfter(t, dir, time.Duration(20+rand.IntN(300))*time.Millisecond)
		for seq, text := range killed {
			if other, ok := acknowledged[seq]; ok {
				t.Fatalf("round %d: %q and %q have the same place", round, other, text)
			}
			acknowledged[seq] = text
		}
	}
	if len(acknowledged) < 100 {
		t.Fatalf("only %d events were acknowledged; the test shows nothing", len(acknowledged))
	}
	l := openEmbedded(t, EmbeddedConfig{Dir: dir})
	got := map[touchstone.Seq]string{}
	seen := map[string]bool{}
	first, next, err := l.Bounds(ctx, 0)
	if err != nil || first != 1 {
		t.Fatal(first, next, err)
	}
	for from := first; from < next; {
		records, err := l.Read(ctx, 0, from, 100, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Offset != from {
				t.Fatalf("record %d follows record %d", r.Offset, from-1)
			}
			from++
			frames, err := stream.DecodeRecord(r.Data)
			if err != nil {
				t.Fatalf("record %d: %v", r.Offset, err)
			}
			i := 0
			for frame := range frames.All() {
				text, _, _ := strings.Cut(frame, " ")
				if seen[text] {
					t.Errorf("%s is there twice", text)
				}
				seen[text] = true
				got[touchstone.MakeSeq(0, uint64(r.Offset), i)] = text
				i++
			}
		}
	}
	for seq, text := range acknowledged {
		if got[seq] != text {
			t.Errorf("%s was acknowledged at %d; there is %q", text, seq, got[seq])
		}
	}
	t.Logf("%d events acknowledged, %d stored in %d records", len(acknowledged), len(got), next-1)
}

// killAfter runs a child that appends, kills it some time after it is ready, and returns
// what it had acknowledged.
func killAfter(t *testing.T, dir string, d time.Duration) map[touchstone.Seq]string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[touchstone.Seq]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			time.AfterFunc(d, func() { cmd.Process.Kill() })
			continue
		}
		var seq touchstone.Seq
		var text string
		if _, err := fmt.Sscan(lines.Text(), &seq, &text); err != nil {
			break // the last line, cut by the kill
		}
		acknowledged[seq] = text
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return acknowledged
}

// A power failure may leave the end of the file that was written last in any state.
func TestTornLastWriteIsNotFatal(t *testing.T) {
	for name, tear := range map[string]func(data []byte) []byte{
		"cut":      func(data []byte) []byte { return data[:len(data)-37] },
		"zeroes":   func(data []byte) []byte { return append(data, make([]byte, 5000)...) },
		"garbage":  func(data []byte) []byte { return append(data, bytes.Repeat([]byte{0xa7, 3}, 999)...) },
		"overlaid": func(data []byte) []byte { return append(data[:len(data)-50], make([]byte, 50)...) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openEmbedded(t, EmbeddedConfig{Dir: dir})
			const records = 20
			for i := range records {
				if _, err := l.Append(ctx, 0, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 300))); err != nil {
					t.Fatal(err)
				}
			}
			l.Close()
			msgs := filepath.Join(dir, "jetstream", "$G", "streams", "TS_EVENTS_0", "msgs")
			// Close writes an index that a power failure would not have left.
			if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil {
				t.Fatal(err)
			}
			block := filepath.Join(msgs, "1.blk")
			data, err := os.ReadFile(block)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(block, tear(data), 0o600); err != nil {
				t.Fatal(err)
			}
			l = openEmbedded(t, EmbeddedConfig{Dir: dir})
			first, next, err := l.Bounds(ctx, 0)
			if err != nil || first != 1 || next < records {
				t.Fatalf("bounds %d, %d, %v", first, next, err)
			}
			at, err := l.Append(ctx, 0, []byte("after"))
			if err != nil || at != next {
				t.Fatalf("appended at %d, %v; want %d", at, err, next)
			}
			for from := first; from <= at; {
				got, err := l.Read(ctx, 0, from, 100, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range got {
					want := fmt.Sprintf("%d ", from-1)
					if r.Offset != from || r.Offset < at && !strings.HasPrefix(string(r.Data), want) {
						t.Fatalf("record %d is %.20q, want %d", r.Offset, r.Data, from)
					}
					from++
				}
			}
		})
	}
}

func TestDiskWatermark(t *testing.T) {
	var free atomic.Int64
	free.Store(10 << 30)
	l := openEmbedded(t, EmbeddedConfig{Dir: t.TempDir(), MinFreeBytes: 5 << 30,
		FreeSpace: func(string) (int64, int64, error) { return free.Load(), 100 << 30, nil }})
	if _, err := l.Append(ctx, 0, []byte("a")); err != nil {
		t.Fatal(err)
	}
	waitFor := func(refused bool) error {
		for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if _, err := l.Append(ctx, 0, []byte("b")); (err != nil) == refused {
				return err
			}
		}
		t.Fatalf("refused does not become %v", refused)
		return nil
	}
	free.Store(5<<30 - 1)
	err := waitFor(true)
	var e *touchstone.Error
	if !errors.As(err, &e) || e.Kind != touchstone.Unavailable || e.RetryAfter <= 0 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"disk nearly full", "5.0 GiB of 100.0 GiB free", "stream.min_free_bytes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if _, err := l.Read(ctx, 0, 1, 1, 1); err != nil {
		t.Errorf("reading goes on: %v", err)
	}
	free.Store(6 << 30)
	waitFor(false)
}

func TestWatermarkDefault(t *testing.T) {
	for _, tt := range []struct {
		free, total int64
		refused     bool
	}{
		{2 << 30, 10 << 30, false},
		{1<<30 - 1, 10 << 30, true},
		{15 << 30, 1000 << 30, true}, // 2 % are 20 GiB
		{21 << 30, 1000 << 30, false},
	} {
		w := newWatermark(EmbeddedConfig{Logger: discardLogger,
			FreeSpace: func(string) (int64, int64, error) { return tt.free, tt.total, nil }})
		if got := w.refusal() != nil; got != tt.refused {
			t.Errorf("%d of %d free: refused is %v", tt.free, tt.total, got)
		}
		w.stop()
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	openEmbedded(t, EmbeddedConfig{Dir: dir})
	_, err := OpenEmbedded(ctx, EmbeddedConfig{Dir: dir})
	if touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestPartitionsAreKept(t *testing.T) {
	dir := t.TempDir()
	openEmbedded(t, EmbeddedConfig{Dir: dir, Partitions: 3}).Close()
	if _, err := OpenEmbedded(ctx, EmbeddedConfig{Dir: dir, Partitions: 2}); touchstone.KindOf(err) != touchstone.Invalid {
		t.Errorf("another number: %v", err)
	}
	if n := openEmbedded(t, EmbeddedConfig{Dir: dir}).Partitions(); n != 3 {
		t.Errorf("%d partitions", n)
	}
}

func TestNobodyCanConnectFromOutside(t *testing.T) {
	l := openEmbedded(t, EmbeddedConfig{Dir: t.TempDir()})
	if addr := l.writeConn.ConnectedAddr(); addr != "pipe" {
		t.Errorf("connected by %q", addr)
	}
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Skip("needs /proc")
	}
	listening := map[string]bool{} // "socket:[inode]"
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" {
			listening["socket:["+f[9]+"]"] = true
		}
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && listening[target] {
			t.Errorf("the process listens: %s", target)
		}
	}
}

// An idle log must cost nothing, also while readers wait.
func TestIdleCostsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	l := openEmbedded(t, EmbeddedConfig{Dir: t.TempDir(), Partitions: 4})
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for p := range 4 {
		for range 2 {
			wg.Go(func() { l.Read(short, p, 1, 1, 1) })
		}
	}
	time.Sleep(200 * time.Millisecond)
	before, start := cpu(), time.Now()
	wg.Wait()
	used, took := cpu()-before, time.Since(start)
	t.Logf("%.2f %% of a processor", 100*used.Seconds()/took.Seconds())
	if used > took/10 {
		t.Errorf("an idle log used %v of processor time in %v", used, took)
	}
}

// Reads must not disturb appends, and a waiting reader must see a record at once.
func TestReaderWakesAtOnce(t *testing.T) {
	l := openEmbedded(t, EmbeddedConfig{Dir: t.TempDir()})
	acked := make(chan time.Time, 1)
	var delays []time.Duration
	for i := range 50 {
		go func() {
			time.Sleep(2 * time.Millisecond)
			if _, err := l.Append(ctx, 0, []byte("x")); err != nil {
				t.Error(err)
			}
			acked <- time.Now()
		}()
		if _, err := l.Read(ctx, 0, stream.Offset(i+1), 1, 1); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		delays = append(delays, now.Sub(<-acked))
	}
	slices.Sort(delays) // a machine that does other things holds some up
	median := delays[len(delays)/2]
	t.Logf("read %v after the acknowledgement, in the middle", median)
	if median > 100*time.Millisecond { // a poll would show
		t.Errorf("a reader sees a record %v after it was acknowledged", median)
	}
}
