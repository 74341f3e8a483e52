package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
)

var errStop = errors.New("stop")

// bytesOf counts the files under a folder that hold a text.
func bytesOf(t *testing.T, dir, text string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all, err := os.ReadFile(path)
		n += bytes.Count(all, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Records are written anew in their places, shorter or longer, in files of any age; what was in them
// is in no file any more; a run that was cut short leaves a log that opens, and another one ends it. The log goes
// on behind its last record.
func TestRewriteKeepsPlaces(t *testing.T) {
	dir := t.TempDir()
	log := openDir(t, dir)
	const records = 300
	want := make([]string, records+1)
	for i := 1; i <= records; i++ {
		want[i] = fmt.Sprintf("%d|secret-%04d|%s", i, i, strings.Repeat(fmt.Sprint(i, " "), 1+rand.IntN(20_000))) // some 8 MiB: several files
		if _, err := log.Append(t.Context(), 0, []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Trim(t.Context(), 0, 20); err != nil {
		t.Fatal(err)
	}
	log.Close()
	if bytesOf(t, dir, "secret-0140") == 0 {
		t.Fatal("the files do not say what they should: nothing is shown by what they do not say")
	}
	change := func(_ int, at stream.Offset, record []byte) ([]byte, error) {
		if at%7 != 0 && at != records {
			return nil, nil
		}
		return bytes.Replace(record, fmt.Appendf(nil, "secret-%04d", at), bytes.Repeat([]byte("x"), int(at%30)), 1), nil
	}
	for round := range 3 {
		n := 0
		_, err := jetstream.Rewrite(t.Context(), dir, nil, nil, func(p int, at stream.Offset, record []byte) ([]byte, error) {
			if n++; n == 100*(round+1) {
				return nil, errStop
			}
			return change(p, at, record)
		})
		if round < 2 && !errors.Is(err, errStop) {
			t.Fatal(err)
		}
	}
	done, err := jetstream.Rewrite(t.Context(), dir, nil, nil, change)
	if err != nil || done.Records != records { // also those that were trimmed, as long as they lie in a file
		t.Fatalf("%+v, %v", done, err)
	}
	for i := 20; i <= records; i++ {
		gone := i%7 == 0 || i == records
		if gone {
			want[i] = strings.Replace(want[i], fmt.Sprintf("secret-%04d", i), strings.Repeat("x", i%30), 1)
		}
		if n := bytesOf(t, dir, fmt.Sprintf("secret-%04d", i)); gone && n > 0 {
			t.Fatalf("record %d is still there, %d times", i, n)
		}
	}
	log = openDir(t, dir)
	for at := stream.Offset(20); at <= records; at++ {
		got, err := log.Read(t.Context(), 0, at, 1, 1<<20)
		if err != nil || len(got) != 1 || got[0].Offset != at || string(got[0].Data) != want[at] {
			t.Fatalf("record %d is %d of %.60q, %v", at, len(got), got[0].Data, err)
		}
	}
	if first, next, err := log.Bounds(t.Context(), 0); err != nil || first != 20 || next != records+1 {
		t.Fatalf("from %d to %d, %v", first, next, err)
	}
	if at, err := log.Append(t.Context(), 0, []byte("next")); err != nil || at != records+1 {
		t.Fatalf("goes on at %d, %v", at, err)
	}
	wantRecord(t, log, records+1, "next")
}

// A log that a server has open is left alone.
func TestRewriteNeedsTheLog(t *testing.T) {
	dir := t.TempDir()
	openDir(t, dir)
	if _, err := jetstream.Rewrite(context.Background(), dir, nil, nil, nil); err == nil {
		t.Error("a log that is open is written to")
	}
	if done, err := jetstream.Rewrite(context.Background(), t.TempDir(), nil, nil, nil); err != nil || done.Records != 0 {
		t.Errorf("a folder without a log: %+v, %v", done, err)
	}
}
