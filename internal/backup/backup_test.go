package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
)

// data makes a folder of files: of no bytes, of a few, and of more than one block.
func data(t *testing.T) (dir string, files map[string]string) {
	t.Helper()
	dir, files = t.TempDir(), map[string]string{"store.db": "rows", "stream/a/1.blk": strings.Repeat("record ", 300_000), "stream/a/2.blk": "", "warehouse.duckdb": "columns"}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, files
}

func copyAll(dir string, files map[string]string) func(context.Context, *Writer) error {
	return func(ctx context.Context, w *Writer) error {
		w.Format("event", 1)
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range files {
				if !yield(name) {
					return
				}
			}
		}) {
			w.Step(name)
			if err := w.Copy(ctx, name, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
		return nil
	}
}

func keeper(t *testing.T, folder string, change func(*Config)) *Keeper {
	t.Helper()
	dir, files := data(t)
	cfg := Config{Folder: folder, Keep: 2, Program: "v1", Clock: touchstone.SystemClock{}, Logger: slog.New(slog.DiscardHandler), Make: copyAll(dir, files),
		Size: func(context.Context) (int64, error) { return 100, nil }, MinFree: func() (int64, error) { return 0, nil }}
	if change != nil {
		change(&cfg)
	}
	k, err := NewKeeper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// made makes a backup and waits for its end.
func made(t *testing.T, k *Keeper) Backup {
	t.Helper()
	b, err := k.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k.running.Wait()
	if b, err = k.Get(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	return b
}

// list names the files of a folder, with slashes, in order.
func list(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err == nil {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(text)
	}
	return got
}

func archived(t *testing.T, b Backup) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Archive(t.Context(), b.Folder, f), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsBackedUpIsRestored(t *testing.T) {
	_, files := data(t)
	b := made(t, keeper(t, filepath.Join(t.TempDir(), "backups"), nil))
	if b.Status != Done || b.Bytes != int64(len(files["stream/a/1.blk"])+11) {
		t.Fatalf("got %+v", b)
	}
	for name, from := range map[string]string{"folder": b.Folder, "archive": archived(t, b)} {
		t.Run(name, func(t *testing.T) {
			if m, err := Verify(t.Context(), from, nil); err != nil || m.Touchstone != "v1" || m.Formats["event"] != 1 {
				t.Errorf("verified as %+v, %v", m, err)
			}
			for kind, to := range map[string]string{"new": filepath.Join(t.TempDir(), "a", "b"), "empty": t.TempDir()} {
				if _, err := Restore(t.Context(), from, to, nil); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(files, contents(t, to)); d != "" {
					t.Errorf("%s: %.300s", kind, d)
				}
				if err := CheckFinished(to); err != nil {
					t.Error(err)
				}
				_, err := Restore(t.Context(), from, to, nil)
				if touchstone.KindOf(err) != touchstone.Conflict || !strings.Contains(err.Error(), "not empty") {
					t.Errorf("over data: %v", err)
				}
			}
		})
	}
}

// Whatever byte of a backup is changed, and wherever it ends, nothing is restored.
func TestDamageIsNoticed(t *testing.T) {
	b := made(t, keeper(t, t.TempDir(), nil))
	whole := archived(t, b)
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func() []byte{"empty": func() []byte { return nil }, "no tar": func() []byte { return []byte("hello") }}
	files := bytes.Index(text, []byte("record record"))
	for _, at := range []int{20, 700, files, files + 500_000, files + 2_000_000} {
		damage[fmt.Sprintf("byte %d", at)] = func() []byte { c := bytes.Clone(text); c[at] ^= 4; return c }
	}
	for _, n := range []int{100, 512, 600, 2048, files + 100, files + 2_099_000, bytes.Index(text, []byte("columns")) - 100} {
		damage[fmt.Sprintf("cut at %d", n)] = func() []byte { return text[:n] }
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			path, to := filepath.Join(t.TempDir(), "bad.tar"), filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(path, change(), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(t.Context(), path, nil); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("verified: %v", err)
			}
			if _, err := Restore(t.Context(), path, to, nil); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("restored: %v", err)
			}
			if got := contents(t, to); len(got) != 0 {
				t.Errorf("left %d files behind", len(got))
			}
		})
	}
	if err := os.Remove(filepath.Join(b.Folder, "store.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), b.Folder, nil); err == nil || !strings.Contains(err.Error(), "store.db is missing") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Verify(t.Context(), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "is no backup") {
		t.Errorf("a folder that is none: %v", err)
	}
}

func TestBackupsOfNewerReleasesAreRefused(t *testing.T) {
	b := made(t, keeper(t, t.TempDir(), func(c *Config) {
		inner := c.Make
		c.Make = func(ctx context.Context, w *Writer) error { w.Format("warehouse", 7); return inner(ctx, w) }
	}))
	if _, err := Verify(t.Context(), b.Folder, map[string]int64{"warehouse": 7}); err != nil {
		t.Error(err)
	}
	if _, err := Restore(t.Context(), b.Folder, filepath.Join(t.TempDir(), "d"), map[string]int64{"warehouse": 6}); !errors.Is(err, touchstone.ErrNewer) || !strings.Contains(err.Error(), "version 7; this one reads up to 6") {
		t.Errorf("got %v", err)
	}
	manifest := filepath.Join(b.Folder, ManifestName)
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, bytes.Replace(text, []byte(`"format": 1`), []byte(`"format": 2`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), b.Folder, nil); !errors.Is(err, touchstone.ErrNewer) {
		t.Errorf("got %v", err)
	}
}

// A manifest cannot make a restore write elsewhere.
func TestNamesStayInside(t *testing.T) {
	for _, name := range []string{"../x", "/etc/x", "a/../../x", "", ManifestName, `a\..\x`, "."} {
		dir := t.TempDir()
		m := &Manifest{Format: 1, Files: []File{{name, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}
		m.SHA256 = m.sum()
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ManifestName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), dir, filepath.Join(t.TempDir(), "d"), nil); err == nil || !strings.Contains(err.Error(), "names the file") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A restore that was cut short can be told, by the next restore and by a server.
func TestARestoreThatWasCutShort(t *testing.T) {
	b := made(t, keeper(t, t.TempDir(), nil))
	to := t.TempDir()
	if err := os.MkdirAll(filepath.Join(to, unfinished), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{CheckFinished(to), func() error { _, err := Restore(t.Context(), b.Folder, to, nil); return err }()} {
		if touchstone.KindOf(err) != touchstone.Conflict || !strings.Contains(err.Error(), "has not finished") {
			t.Errorf("got %v", err)
		}
	}
}

// A backup that fails leaves nothing that looks like one, says why, and the next one works.
func TestFailuresLeaveNothing(t *testing.T) {
	folder := t.TempDir()
	fail := errors.New("the disk caught fire")
	k := keeper(t, folder, func(c *Config) {
		inner := c.Make
		c.Make = func(ctx context.Context, w *Writer) error {
			if err := inner(ctx, w); err != nil {
				return err
			}
			return fail
		}
	})
	b := made(t, k)
	if b.Status != Failed || b.Failure != fail.Error() || b.FinishedAt == nil {
		t.Errorf("got %+v", b)
	}
	if err := k.Archive(t.Context(), b.ID, &bytes.Buffer{}); touchstone.KindOf(err) != touchstone.NotFound {
		t.Errorf("an archive of it: %v", err)
	}
	if left := contents(t, folder); len(left) > 0 {
		t.Errorf("left behind: %d files", len(left))
	}
	fail = nil
	if b := made(t, k); b.Status != Done {
		t.Errorf("the next one: %+v", b)
	}
	if all, err := k.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d backups, %v", len(all), err)
	}
}

// Space is asked for before anything is written, and looked at while it is.
func TestADiskThatIsNearlyFull(t *testing.T) {
	k := keeper(t, t.TempDir(), func(c *Config) { c.MinFree = func() (int64, error) { return 1 << 60, nil } })
	_, err := k.Start(t.Context())
	if touchstone.KindOf(err) != touchstone.Unavailable || !strings.Contains(err.Error(), "too little space") || !strings.Contains(err.Error(), "backup.folder") {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(k.cfg.Folder); len(entries) > 0 {
		t.Error("a folder was left behind")
	}
}

func TestOneAtATimeTheNewestAreKept(t *testing.T) {
	hold := make(chan struct{})
	var once sync.Once
	k := keeper(t, t.TempDir(), func(c *Config) {
		inner := c.Make
		c.Make = func(ctx context.Context, w *Writer) error { once.Do(func() { <-hold }); return inner(ctx, w) }
	})
	first, err := k.Start(t.Context())
	if err != nil || first.Status != Running || first.TotalBytes != 100 {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := k.Start(t.Context()); touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("a second one: %v", err)
	}
	close(hold)
	k.running.Wait()
	ids := []string{first.ID}
	for range 3 {
		ids = append(ids, made(t, k).ID)
	}
	all, err := k.List(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != ids[3] || all[1].ID != ids[2] {
		t.Errorf("of %v are kept %+v, %v", ids, all, err)
	}
	if err := k.Delete(t.Context(), ids[3]); err != nil {
		t.Error(err)
	}
	if err := k.Delete(t.Context(), ids[3]); touchstone.KindOf(err) != touchstone.NotFound {
		t.Errorf("twice: %v", err)
	}
}

// A process that was killed leaves a folder that the next one removes; one that stops ends
// its backup first.
func TestKeepersEnd(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, partial+"20260101T000000Z", "stream"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := keeper(t, folder, func(c *Config) {
		c.Make = func(ctx context.Context, w *Writer) error { <-ctx.Done(); return ctx.Err() }
	})
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Errorf("the unfinished backup is still there")
	}
	b, err := k.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if b, err = k.Get(t.Context(), b.ID); err != nil || b.Status != Failed || b.Failure != "the server was stopped" {
		t.Errorf("%+v, %v", b, err)
	}
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Errorf("something is left")
	}
	if _, err := k.Start(t.Context()); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestRateIsKept(t *testing.T) {
	began := time.Now()
	b := made(t, keeper(t, t.TempDir(), func(c *Config) { c.Rate = 10 << 20 }))
	if took, least := time.Since(began), time.Duration(float64(b.Bytes)/(10<<20)*float64(time.Second)); took < least {
		t.Errorf("%d bytes took %s, less than %s", b.Bytes, took, least)
	}
}

// One file is read without the others, of a folder and of an archive, and it is what the manifest says.
func TestPeek(t *testing.T) {
	_, files := data(t)
	b := made(t, keeper(t, filepath.Join(t.TempDir(), "backups"), nil))
	for _, from := range []string{b.Folder, archived(t, b)} {
		for path, want := range map[string]string{"warehouse.duckdb": files["warehouse.duckdb"], "stream/a/2.blk": "", "none": ""} {
			got, err := Peek(t.Context(), from, nil, path)
			if err != nil || string(got) != want || (got == nil) != (path == "none") {
				t.Errorf("%s of %s: %q, %v", path, from, got, err)
			}
		}
		if _, err := Peek(t.Context(), from, nil, "stream/a/1.blk"); err == nil {
			t.Errorf("a large file of %s is read into memory", from)
		}
	}
}
