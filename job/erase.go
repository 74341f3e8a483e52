package job

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/store"
)

// Beside a file of a result stands a list of the persons in it: 8 bytes each, in any order,
// some more than once. It may hold more than the file, and never fewer: it is written first. A
// file without a list may hold anybody.

// personsName cannot be the name of a result: see safeName.
const personsName = ".persons"

// About notes persons of whom something is about to be written. Every kind whose files are
// about persons calls it before it writes; one that never does loses its files whenever
// somebody is erased.
func (f *File) About(persons ...touchstone.PersonID) error {
	b := make([]byte, 0, 8*len(persons))
	for _, p := range persons {
		b = binary.LittleEndian.AppendUint64(b, uint64(p)) //nolint:gosec // bits
	}
	if _, err := f.persons.Write(b); err != nil {
		return err
	}
	return f.persons.Settle()
}

// mayHold tells whether a job's file may hold one of the persons. A file that is not here
// holds nobody: it is gone, or on the machine of another process.
func (f *files) mayHold(id string, numbers map[int64]struct{}) (bool, error) {
	dir := filepath.Join(f.cfg.Folder, id)
	list, err := vault.Open(filepath.Join(dir, personsName), f.cfg.Key, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(dir)
		return err == nil, ignoreGone(err)
	}
	if err != nil {
		return false, err
	}
	defer list.Close()
	r := bufio.NewReaderSize(list, 64<<10)
	listed := false
	for {
		var b [8]byte
		switch _, err := io.ReadFull(r, b[:]); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // an end that was cut off: nothing was written behind it
			return !listed, nil
		case err != nil:
			return false, err
		}
		listed = true
		if _, erased := numbers[int64(binary.LittleEndian.Uint64(b[:]))]; erased { //nolint:gosec // bits
			return true, nil
		}
	}
}

// here lists the jobs whose folders are on this machine.
func (f *files) here() (ids []string, err error) {
	if f.cfg.Folder == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(f.cfg.Folder)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "job_") {
			ids = append(ids, e.Name())
		}
	}
	return ids, ignoreGone(err)
}

// lookEvery is how soon a process deletes files after an erasure that another one has worked on.
// Nobody can fetch them meanwhile.
const lookEvery = time.Minute

// watchErasures deletes files that may hold persons who were erased.
func (j *Jobs) watchErasures(ctx context.Context) {
	for ctx.Err() == nil {
		if err := j.eraseFiles(ctx); err != nil && ctx.Err() == nil {
			j.cfg.Logger.Error("files of jobs were not looked at for persons who were erased; nobody can fetch them until they are", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-j.erasures:
		case <-time.After(lookEvery):
		}
	}
}

// WakeErasures has files looked at after an erasure.
func (j *Jobs) WakeErasures() {
	select {
	case j.erasures <- struct{}{}:
	default:
	}
}

// eraseFiles looks at the files that are here. Those of jobs that go on are looked at when
// they have ended.
func (j *Jobs) eraseFiles(ctx context.Context) error {
	last, err := lastErasure(ctx, j.cfg.DB.Reader())
	if err != nil || last == 0 {
		return err
	}
	ids, err := j.files.here()
	if err != nil {
		return err
	}
	j.forgetLooks(ids)
	var ended []*Job
	err = store.SelectIn(ctx, j.cfg.DB.Reader(), `SELECT `+columns+` FROM jobs WHERE id IN (...)`, ids, func(rows *sql.Rows) error {
		job, err := scanJob(rows)
		if err == nil && job.Status.Ended() {
			ended = append(ended, &job)
		}
		return err
	})
	for _, job := range ended {
		if err == nil {
			_, err = j.eraseFile(ctx, job, last)
		}
	}
	return err
}

// forgetLooks drops what is remembered of folders that are no more.
func (j *Jobs) forgetLooks(ids []string) {
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[id] = true
	}
	j.looksMu.Lock()
	defer j.looksMu.Unlock()
	for id := range j.looks {
		if !there[id] {
			delete(j.looks, id)
		}
	}
}

// eraseFile deletes the file of a job that has ended if it may hold somebody who was erased
// since the job was started, up to the erasure last. It returns whether it is gone.
func (j *Jobs) eraseFile(ctx context.Context, job *Job, last int64) (bool, error) {
	if job.FileErasedAt != nil {
		return true, j.files.remove(job.ID) // what a kill has left
	}
	j.looksMu.Lock()
	from := max(job.erasures, j.looks[job.ID])
	j.looksMu.Unlock()
	if from >= last {
		return false, nil
	}
	numbers := map[int64]struct{}{}
	err := eachNumber(ctx, j.cfg.DB.Reader(), from, func(n int64) { numbers[n] = struct{}{} })
	if err != nil {
		return false, err
	}
	holds, err := j.files.mayHold(job.ID, numbers)
	if err != nil {
		return false, err
	}
	if !holds {
		j.looksMu.Lock()
		j.looks[job.ID] = last
		j.looksMu.Unlock()
		return false, nil
	}
	// The row first: whoever reads it then is told why there is no file.
	err = j.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE jobs SET file_erased_at = ? WHERE id = ?`, j.cfg.Clock.Now().UnixMilli(), job.ID)
		return err
	})
	if err == nil {
		err = j.files.remove(job.ID)
	}
	if err == nil {
		j.metrics.filesErased.Inc()
		j.cfg.Logger.Info("a job's file was deleted: it may have held a person who was erased", "job", job.ID, "kind", job.Kind)
	}
	return true, err
}

func eachNumber(ctx context.Context, q store.Querier, after int64, fn func(n int64)) error {
	rows, err := q.Query(ctx, `SELECT node FROM job_erased WHERE erasure > ?`, after)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		fn(n)
	}
	return rows.Err()
}

// errFileErased is why a job has no file any more.
func errFileErased() error {
	return touchstone.Errorf(touchstone.NotFound, "The job's file was deleted: it may have held a person who was erased since.").
		WithHint("Start the job again for a file without the person.")
}

// forgetErasures deletes numbers of erasures that are older than any file.
func (j *Jobs) forgetErasures(ctx context.Context, tx *store.Tx, now time.Time) error {
	before := now.Add(-2 * max(j.files.cfg.Keep, j.cfg.Keep)).UnixMilli()
	if _, err := tx.Exec(ctx, `DELETE FROM job_erased WHERE at < ? AND erasure < (SELECT max(erasure) FROM job_erased)`, before); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM job_parted WHERE at < ?`, before)
	return err
}
