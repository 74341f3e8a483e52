package job_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if err := job.Migrate(ctx, w.DB); err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: job.Keeper(nil)}
	})
}

// peopleKind writes a file about the persons that its input lists, waiting before the last; with
// silent set it does not say whom the file is about.
func peopleKind(wait func(ctx context.Context) error, silent bool) job.Kind {
	return job.Kind{Name: "people", Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		var persons []touchstone.PersonID
		if err := json.Unmarshal([]byte(r.Input()), &persons); err != nil {
			return "", err
		}
		f, err := r.File("people.csv")
		if err != nil {
			return "", err
		}
		defer f.Close()
		if _, err := f.Resume(0); err != nil {
			return "", err
		}
		for i, p := range persons {
			if i == len(persons)-1 {
				if err := wait(ctx); err != nil {
					return "", err
				}
			}
			if !silent {
				if err := f.About(p); err != nil {
					return "", err
				}
			}
			fmt.Fprintln(f, p)
		}
		if _, err := f.Flush(); err != nil {
			return "", err
		}
		return touchstone.JSON(fmt.Sprintf(`{"file":{"name":%q,"bytes":%d}}`, f.Info().Name, f.Info().Bytes)), nil
	}}
}

func atOnce(context.Context) error { return nil }

// files is a process on a store, and the folder of its files.
type filesRig struct {
	*process
	t      *testing.T
	db     *store.DB
	folder string
	kind   job.Kind
}

func newFilesRig(t *testing.T, db *store.DB, kind job.Kind) *filesRig {
	t.Helper()
	f := &filesRig{t: t, db: db, folder: t.TempDir(), kind: kind}
	f.open()
	return f
}

func (f *filesRig) open() {
	f.t.Helper()
	f.process = start(f.t, f.db, func(c *job.Config) { c.Files = job.FilesConfig{Folder: f.folder, MinFree: -1} }, f.kind)
}

func (f *filesRig) export(persons ...touchstone.PersonID) job.Job {
	f.t.Helper()
	input, err := json.Marshal(persons)
	if err != nil {
		f.t.Fatal(err)
	}
	j := f.start(f.t, do("people", string(input)))
	return f.awaitStatus(f.t, j.ID, job.Done)
}

// keeper runs fn in a transaction; wake is what the pipeline's process does after it.
func (f *filesRig) keeper(wake func(), fn func(ctx context.Context, tx *store.Tx, k keep.Keeper) error) {
	f.t.Helper()
	err := f.db.Retry(ctx, func(tx *store.Tx) error { return fn(ctx, tx, job.Keeper(wake)) })
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *filesRig) erase(wake func(), nodes ...touchstone.NodeID) {
	f.t.Helper()
	f.keeper(wake, func(ctx context.Context, tx *store.Tx, k keep.Keeper) error {
		return k.Erase(ctx, tx, []keep.Whole{{Person: touchstone.PersonID(nodes[0]), Nodes: nodes}})
	})
}

// gone asks at once: nobody may fetch a file, whether or not it was looked at yet.
func (f *filesRig) gone(id string) bool {
	f.t.Helper()
	j, err := f.Get(ctx, id)
	if err != nil {
		f.t.Fatal(err)
	}
	file, err := f.OpenFile(ctx, &j)
	if err == nil {
		file.Close()
		return false
	}
	if j, _ = f.Get(ctx, id); touchstone.KindOf(err) != touchstone.NotFound || j.FileErasedAt == nil || j.File != nil {
		f.t.Errorf("the file of %s: %v; the job says %v", id, err, j.FileErasedAt)
	}
	if _, err := os.Stat(filepath.Join(f.folder, id)); !os.IsNotExist(err) {
		f.t.Errorf("the file of %s is still there: %v", id, err)
	}
	return true
}

// An erasure deletes every file that may hold the person, also under the number of somebody that
// it had absorbed or was parted from, and no other.
func TestErasureDeletesFiles(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		f := newFilesRig(t, db, peopleKind(atOnce, false))
		both, first, second, old, none := f.export(1, 2), f.export(1), f.export(2, 3), f.export(7), f.export()
		f.keeper(nil, func(ctx context.Context, tx *store.Tx, k keep.Keeper) error {
			if n, err := job.CountFiles(ctx, tx); err != nil || n != 5 {
				t.Errorf("%d files, %v", n, err)
			}
			return k.Split(ctx, tx, []keep.Split{{From: 7, To: 9, Moved: []touchstone.NodeID{9}}})
		})
		f.erase(nil, 2)
		if !f.gone(both.ID) || !f.gone(second.ID) || f.gone(first.ID) || f.gone(old.ID) {
			t.Error("the erasure of 2 deletes other files than those with 2")
		}
		f.erase(nil, 5, 1) // had absorbed 1
		if !f.gone(first.ID) {
			t.Error("a file with somebody who was absorbed is left")
		}
		f.erase(nil, 9) // was parted from 7
		if !f.gone(old.ID) {
			t.Error("a file from before a split is left")
		}
		f.gone(none.ID) // nobody is in it, but that is not said
		if later := f.export(2, 3); f.gone(later.ID) {
			t.Error("a file that was begun after the erasure is deleted")
		}
	})
}

// Files go without anybody asking for them, also those that were written while the erasure was
// worked on, those of a process that was away, and those of which nobody said whom they are about.
func TestFilesGoByThemselves(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		var held atomic.Bool
		entered, release := make(chan struct{}, 1), make(chan struct{})
		f := newFilesRig(t, db, peopleKind(func(ctx context.Context) error {
			if !held.Load() {
				return nil
			}
			entered <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		}, false))
		away := func(id string) func(job.Job) bool {
			return func(j job.Job) bool {
				_, err := os.Stat(filepath.Join(f.folder, id))
				return os.IsNotExist(err) && j.FileErasedAt != nil
			}
		}
		done := f.export(1)
		f.erase(f.WakeErasures, 1)
		f.await(t, done.ID, "no file", away(done.ID))

		held.Store(true)
		running := f.start(t, do("people", `["p_2","p_3"]`))
		<-entered
		f.erase(f.WakeErasures, 2)
		release <- struct{}{}
		held.Store(false)
		f.await(t, running.ID, "no file", away(running.ID))

		third, fourth := f.export(4), f.export(5)
		f.stop()
		f.erase(nil, 4)
		f.open()
		f.await(t, third.ID, "no file", away(third.ID))
		if f.gone(fourth.ID) {
			t.Error("the file of somebody else is gone")
		}
		f.stop()
		f.kind = peopleKind(atOnce, true)
		f.open()
		silent := f.export(6)
		f.erase(f.WakeErasures, 77)
		f.await(t, silent.ID, "no file", away(silent.ID))
	})
}
