package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func newKey(t testing.TB) *Key {
	k, err := NewKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestFileEqualsBytes: with a key and without, a file reads as what was written into it, also after it was
// opened anew, cut back to where it was synced, or left by a crash in the middle of a write.
func TestFileEqualsBytes(t *testing.T) {
	secret := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "vault")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path, key := filepath.Join(dir, "f"), secret
		if rapid.Bool().Draw(t, "plain") {
			key = nil
		}
		reopen := func() *File {
			f, err := Open(path, key, os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := reopen()
		defer func() { f.Close() }()
		var want []byte
		synced := []int{0}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				part := bytes.Repeat([]byte{byte(len(want)), 1, 2}, rapid.IntRange(0, 50_000).Draw(t, "n"))
				if n, err := f.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
				want = append(want, part...)
			case 1:
				if err := f.Sync(); err != nil {
					t.Fatal(err)
				}
				synced = append(synced, len(want))
			case 2:
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if key != nil && rapid.Bool().Draw(t, "crash") { // a run that was begun
					raw, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
					raw.Write([]byte{200, 0, 0, 0, 1, 2, 3}[:rapid.IntRange(1, 7).Draw(t, "cut")])
					raw.Close()
				}
				f = reopen()
				synced = append(synced, len(want))
			case 3:
				n := rapid.SampledFrom(synced).Draw(t, "to")
				if n > len(want) {
					continue
				}
				if err := f.Truncate(int64(n)); err != nil {
					t.Fatal(err)
				}
				want = want[:n]
				synced = append(synced[:0:0], 0, n)
			}
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if f.Size() != int64(len(want)) {
			t.Fatalf("size %d, want %d", f.Size(), len(want))
		}
		got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d of %d bytes: %v", len(got), len(want), err)
		}
		if got, err := ReadFile(path, key); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read again: %d of %d bytes: %v", len(got), len(want), err)
		}
		if len(want) > 0 && len(want) < 200_000 {
			if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size()), want); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestChangedBytesAreNoticed: no byte of a file may be another one, no run elsewhere, and the key must be the file's.
func TestChangedBytesAreNoticed(t *testing.T) {
	key, path := newKey(t), filepath.Join(t.TempDir(), "f")
	text := []byte("somebody's e-mail address")
	if err := WriteFile(path, key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	stored, _ := os.ReadFile(path)
	if bytes.Contains(stored, text[:8]) {
		t.Fatal("it is in the clear")
	}
	for i := range stored {
		changed := bytes.Clone(stored)
		changed[i] ^= 4
		_ = os.WriteFile(path, changed, 0o600)
		if got, err := ReadFile(path, key); err == nil && len(got) > 0 {
			t.Errorf("byte %d: reads %q", i, got)
		}
	}
	_ = os.WriteFile(path, stored, 0o600)
	if _, err := ReadFile(path, newKey(t)); err == nil {
		t.Error("another key reads it")
	}
	if _, err := ReadFile(path, nil); err == nil || !strings.Contains(err.Error(), "no key was given") {
		t.Errorf("without a key: %v", err)
	}
	clear := path + "2"
	_ = os.WriteFile(clear, text, 0o600)
	if _, err := ReadFile(clear, key); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("in the clear: %v", err)
	}
	if _, err := ReadFile(path+"3", key); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// TestKeyAndFolder: what does not belong together is told apart, and the folder is left as it was.
func TestKeyAndFolder(t *testing.T) {
	dir, key, other := filepath.Join(t.TempDir(), "data"), newKey(t), newKey(t)
	if f, err := OpenFolder(dir, nil, "store.db"); f != nil || err != nil {
		t.Fatal(f, err)
	}
	f, err := OpenFolder(dir, key, "store.db")
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenFolder(dir, key, "store.db")
	if err != nil || !bytes.Equal(f.Secret("a", 32), again.Secret("a", 32)) || bytes.Equal(f.Secret("a", 32), f.Secret("b", 32)) {
		t.Fatal("the keys of a folder depend on it and the purpose", err)
	}
	elsewhere, err := OpenFolder(filepath.Join(t.TempDir(), "b"), key)
	if err != nil || bytes.Equal(f.Secret("a", 32), elsewhere.Secret("a", 32)) {
		t.Fatal("two folders have the same keys", err)
	}
	plain := t.TempDir()
	_ = os.WriteFile(filepath.Join(plain, "store.db"), []byte("x"), 0o600)
	for want, err := range map[string]error{
		"no key was given": second(OpenFolder(dir, nil)), "with the key " + key.ID(): second(OpenFolder(dir, other)), "is not encrypted": second(OpenFolder(plain, key, "store.db")),
		"does not exist": second(LoadKey(filepath.Join(dir, "none"))), "no key file": second(LoadKey(filepath.Join(plain, "store.db"))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if Marked(plain) {
		t.Error("a folder in the clear was marked")
	}
	path := filepath.Join(plain, "key")
	made, err := NewKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded, err := LoadKey(path); err != nil || loaded.ID() != made.ID() {
		t.Error(loaded, err)
	}
	if _, err := NewKeyFile(path); err == nil {
		t.Error("a key was overwritten")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(fmt.Sprint(info.Mode()), err)
	}
}

func second[T any](_ T, err error) error { return err }
