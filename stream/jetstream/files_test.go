package jetstream_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
)

// copyOf copies an open log's files, as a backup does, and opens the copy.
func copyOf(t *testing.T, log *jetstream.Log) *jetstream.Log {
	t.Helper()
	release, err := log.HoldTrims(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	from, names, err := log.Files()
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return openDir(t, to)
}

func openDir(t *testing.T, dir string) *jetstream.Log {
	t.Helper()
	log, err := jetstream.OpenEmbedded(t.Context(), jetstream.EmbeddedConfig{Dir: dir, MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func wantRecord(t *testing.T, log stream.Log, at stream.Offset, want string) {
	t.Helper()
	records, err := log.Read(t.Context(), 0, at, 1, 1<<20)
	if err != nil || len(records) != 1 || records[0].Offset != at || string(records[0].Data[:len(want)]) != want {
		t.Fatalf("record %d: %d records, %v", at, len(records), err)
	}
}

// A log that is copied while records are appended has all of those that were acknowledged
// before, and goes on behind its last one.
func TestCopyUnderAppends(t *testing.T) {
	log := openDir(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	var appending sync.WaitGroup
	var acknowledged atomic.Uint64
	padding := string(make([]byte, 200_000)) // so that a block file is full now and then
	appending.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			at, err := log.Append(context.Background(), 0, []byte(fmt.Sprintf("record %d %s", n, padding[:n*7919%len(padding)])))
			if err != nil || at != stream.Offset(n) {
				t.Errorf("record %d got offset %d, %v", n, at, err)
				return
			}
			acknowledged.Store(uint64(at))
		}
	})
	defer appending.Wait()
	defer stop()
	for least := uint64(20); least < 400; least += 100 {
		for acknowledged.Load() < least && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		before := acknowledged.Load()
		again := copyOf(t, log)
		first, next, err := again.Bounds(t.Context(), 0)
		if err != nil || first != 1 || uint64(next) <= before {
			t.Fatalf("the copy has records %d to %d (%v), %d were acknowledged before it", first, next-1, err, before)
		}
		for at := first; at < next; at++ {
			wantRecord(t, again, at, fmt.Sprintf("record %d ", at))
		}
		if at, err := again.Append(t.Context(), 0, []byte("more")); err != nil || at != next {
			t.Errorf("the copy goes on at %d, not %d: %v", at, next, err)
		}
		again.Close()
	}
}

// What was trimmed stays away in the copy, and trims wait for those who copy.
func TestCopyOfATrimmedLog(t *testing.T) {
	log := openDir(t, t.TempDir())
	for n := 1; n <= 100; n++ {
		if _, err := log.Append(t.Context(), 0, []byte(fmt.Sprintf("record %d ", n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Trim(t.Context(), 0, 61); err != nil {
		t.Fatal(err)
	}
	again := copyOf(t, log)
	if first, next, err := again.Bounds(t.Context(), 0); err != nil || first != 61 || next != 101 {
		t.Errorf("the copy has records %d to %d, %v", first, next-1, err)
	}
	wantRecord(t, again, 61, "record 61 ")

	release, err := log.HoldTrims(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := log.Trim(short, 0, 80); err == nil {
		t.Error("trimmed while trims are held")
	}
	release()
	if err := log.Trim(t.Context(), 0, 80); err != nil {
		t.Error(err)
	}
}
