package job

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/disk"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// FilesConfig says where files of results go. Without a folder there are none.
type FilesConfig struct {
	Folder string
	Key    *vault.Key    // that encrypts them; nil: they are in the clear
	Max    int64         // bytes of all files together; 4 GiB
	Keep   time.Duration // how long a file is kept; 7 days. Most are about people
	// MinFree is what stays free on the disk, as [disk.Least] takes it; negative: anything.
	MinFree int64
}

const defaultMaxFiles = 4 << 30

// files is the folder of results: a folder per job, a file in each.
type files struct{ cfg FilesConfig }

func openFiles(cfg FilesConfig) (*files, error) {
	cfg.Max = cmp.Or(cfg.Max, defaultMaxFiles)
	cfg.Keep = cmp.Or(cfg.Keep, 7*24*time.Hour)
	if cfg.Folder == "" {
		return &files{cfg}, nil
	}
	return &files{cfg}, os.MkdirAll(cfg.Folder, 0o750)
}

// FileInfo names a file of a result. It belongs into the result as "file".
type FileInfo struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// File is a file of a result while it is written. Nobody sees it before the job is done.
type File struct {
	of      *files
	name    string
	f       *vault.File
	persons *vault.File // see About
	size    int64
	room    int64 // bytes that may still be written before the bounds are looked at again
}

var errNoFolder = touchstone.Errorf(touchstone.Unavailable, "This server has no folder for the files of jobs.")

func (f *files) open(id, name string) (*File, error) {
	if f.cfg.Folder == "" {
		return nil, errNoFolder
	}
	dir := filepath.Join(f.cfg.Folder, id)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	name = safeName(name)
	file, err := vault.Open(filepath.Join(dir, name), f.cfg.Key, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	persons, err := vault.Open(filepath.Join(dir, personsName), f.cfg.Key, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &File{of: f, name: name, f: file, persons: persons}, nil
}

// safeName keeps a name of a file to what every system takes.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "file"
	}
	for len(name) > 120 { // bytes; most file systems take 255. The end says of what sort it is
		_, size := utf8.DecodeRuneInString(name)
		name = name[size:]
	}
	return name
}

// Resume goes on behind the first n bytes, which an earlier attempt wrote and flushed. When
// they are not there, because that was on another machine, it returns false and the file
// is empty.
func (f *File) Resume(n int64) (bool, error) {
	if f.f.Size() < n {
		n = 0
	}
	err := f.f.Truncate(n)
	if err != nil && n > 0 {
		n = 0
		err = f.f.Truncate(n)
	}
	f.size = n
	if err == nil && n == 0 {
		err = f.persons.Truncate(0)
	}
	return n > 0, err
}

const roomAtOnce = 8 << 20

// Write appends. It fails in words when the folder or the disk is full.
func (f *File) Write(b []byte) (int, error) {
	if f.room -= int64(len(b)); f.room < 0 {
		if err := f.of.checkRoom(int64(len(b)) + roomAtOnce); err != nil {
			return 0, err
		}
		f.room = roomAtOnce
	}
	n, err := f.f.Write(b)
	f.size += int64(n)
	return n, err
}

// Flush makes what has been written safe, and returns its size: call it before Save.
func (f *File) Flush() (int64, error) {
	if err := f.persons.Sync(); err != nil {
		return f.size, err
	}
	return f.size, f.f.Sync()
}

// Reader reads what has been flushed, from the beginning.
func (f *File) Reader() io.Reader { return io.NewSectionReader(f.f, 0, f.f.Size()) }

// Close closes the file. One that was flushed stays for the next attempt.
func (f *File) Close() error { return errors.Join(f.f.Close(), f.persons.Close()) }

// Info names the file for the result.
func (f *File) Info() FileInfo { return FileInfo{f.name, f.size} }

func (f *files) checkRoom(more int64) error {
	used, err := f.size()
	if err != nil {
		return err
	}
	if used+more > f.cfg.Max {
		return touchstone.Errorf(touchstone.TooLarge, "The files of jobs take %s, and %s is the limit.", disk.Text(used), disk.Text(f.cfg.Max)).
			WithHint("Delete jobs whose files nobody needs, or raise jobs.max_bytes.")
	}
	free, total, err := disk.Free(f.cfg.Folder)
	if err != nil || f.cfg.MinFree < 0 {
		return err
	}
	if least := disk.Least(f.cfg.MinFree, total); free-more < least {
		return touchstone.Errorf(touchstone.TooLarge, "The disk has %s free, and %s must stay free for events.", disk.Text(free), disk.Text(least)).
			WithHint("Make room on the disk.")
	}
	return nil
}

func (f *files) size() (total int64, err error) {
	if f.cfg.Folder == "" {
		return 0, nil
	}
	err = filepath.WalkDir(f.cfg.Folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return ignoreGone(err)
	})
	return total, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// OpenFile opens the file of a job that is done, unless it may hold somebody who was erased.
func (j *Jobs) OpenFile(ctx context.Context, job *Job) (*vault.File, error) {
	if job.FileErasedAt != nil {
		return nil, errFileErased()
	}
	if job.File == nil {
		return nil, touchstone.Errorf(touchstone.NotFound, "The job has no file.")
	}
	if j.files.cfg.Folder == "" {
		return nil, errNoFolder
	}
	last, err := lastErasure(ctx, j.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	if gone, err := j.eraseFile(ctx, job, last); gone || err != nil {
		return nil, errors.Join(err, errFileErased())
	}
	f, err := vault.Open(filepath.Join(j.files.cfg.Folder, job.ID, safeName(job.File.Name)), j.files.cfg.Key, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, touchstone.Errorf(touchstone.NotFound, "The job's file is no longer there: it was deleted, or it is on another server.").
			WithHint("Files are kept for a week. With several servers, jobs.folder is a folder that all of them share.")
	}
	return f, err
}

// remove deletes a job's folder.
func (f *files) remove(id string) error {
	if f.cfg.Folder == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(f.cfg.Folder, id))
}

// sweep deletes the folders of jobs that are no more, and what is older than it may get. One
// that is young may be of a job that another process has just started.
func (f *files) sweep(ctx context.Context, now time.Time, known func(ids []string) (map[string]bool, error)) error {
	if f.cfg.Folder == "" {
		return nil
	}
	entries, err := os.ReadDir(f.cfg.Folder)
	if err != nil {
		return err
	}
	var ids []string
	old := map[string]bool{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), "job_") {
			continue
		}
		if age := now.Sub(info.ModTime()); age > time.Hour {
			ids = append(ids, e.Name())
			old[e.Name()] = age > f.cfg.Keep
		}
	}
	there, err := known(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if (!there[id] || old[id]) && ctx.Err() == nil {
			err = errors.Join(err, f.remove(id))
		}
	}
	return err
}
