package jetstream_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
)

func sealer(t testing.TB, n byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

func openSealed(t *testing.T, dir string, seal cipher.AEAD) *jetstream.Log {
	t.Helper()
	log, err := jetstream.OpenEmbedded(t.Context(), jetstream.EmbeddedConfig{Dir: dir, MinFreeBytes: -1, Seal: seal})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func readAll(t *testing.T, log *jetstream.Log) (texts []string, err error) {
	t.Helper()
	first, next, err := log.Bounds(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := first; at < next; {
		records, err := log.Read(t.Context(), 0, at, 1000, 8<<20)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			texts, at = append(texts, string(r.Data)), r.Offset+1
		}
	}
	return texts, nil
}

// TestSealedRecords: nothing of a record is in the files; records are rewritten in their places under the same key; another key,
// and none, read nothing; a log can be given a key, another one, and none.
func TestSealedRecords(t *testing.T) {
	dir, one, two := t.TempDir(), sealer(t, 1), sealer(t, 2)
	log := openSealed(t, dir, one)
	var want []string
	for i := 1; i <= 50; i++ {
		want = append(want, fmt.Sprint("secret-", i, strings.Repeat(" x", i)))
		if _, err := log.Append(t.Context(), 0, []byte(want[i-1])); err != nil {
			t.Fatal(err)
		}
	}
	log.Close()
	if n := bytesOf(t, dir, "secret-"); n != 0 {
		t.Fatalf("%d records are in the clear", n)
	}
	keep := func(int, stream.Offset, []byte) ([]byte, error) { return nil, nil }
	if done, err := jetstream.Rewrite(t.Context(), dir, one, one, keep); err != nil || done.Changed != 0 || done.Records != 50 {
		t.Fatalf("what stays is written anew: %+v, %v", done, err)
	}
	for what, seal := range map[string]cipher.AEAD{"another key": two, "no key": nil} {
		if _, err := jetstream.Rewrite(t.Context(), dir, seal, seal, keep); err == nil {
			t.Errorf("with %s records are read", what)
		}
	}
	if _, err := jetstream.Rewrite(t.Context(), dir, one, one, func(_ int, at stream.Offset, record []byte) ([]byte, error) {
		if at != 7 {
			return nil, nil
		}
		want[6] = strings.ToUpper(string(record))
		return []byte(want[6]), nil
	}); err != nil {
		t.Fatal(err)
	}
	seals := []cipher.AEAD{one, two, nil, one}
	for i, seal := range seals {
		if i > 0 {
			if done, err := jetstream.Rewrite(context.Background(), dir, seals[i-1], seal, keep); err != nil || done.Changed != 50 {
				t.Fatalf("%d: %+v, %v", i, done, err)
			}
		}
		if n := bytesOf(t, dir, "secret-"); (n > 0) != (seal == nil) {
			t.Errorf("%d: %d records are in the clear", i, n)
		}
		log := openSealed(t, dir, seal)
		got, err := readAll(t, log)
		log.Close()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d: %v\n%.300v\n%.300v", i, err, got, want)
		}
	}
	log = openSealed(t, dir, two)
	defer log.Close()
	if got, err := readAll(t, log); err == nil {
		t.Errorf("another key reads %d records", len(got))
	}
}
