package app

import (
	"context"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/internal/filelock"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/store/sqlite/sealed"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/jetstream"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// openFolder sees to it that a data folder and a key file belong together.
func openFolder(data, keyFile string) (*vault.Folder, error) {
	key, err := vault.LoadKey(keyFile)
	if err != nil {
		return nil, err
	}
	return vault.OpenFolder(data, key, streamName, storeName, warehouseName, keyName, auditKeyName, tombstonesName)
}

// What each back end is given. The names are part of the form: another one makes another key.
func logSeal(f *vault.Folder) (cipher.AEAD, error) { return f.Sealer("log") }
func storeKey(f *vault.Folder) []byte              { return f.Secret("store", sealed.KeyBytes) }
func warehouseKey(f *vault.Folder) string {
	return base64.StdEncoding.EncodeToString(f.Secret("warehouse", 32))
}

// keyOf returns where one of the program's own keys lies, and with what it is encrypted there: one
// that lies outside of the data folder is its operator's to keep.
func (a *App) keyOf(configured, name string) (path string, key *vault.Key) {
	if configured != "" {
		return configured, nil
	}
	return filepath.Join(a.cfg.Data, name), a.folder.Key()
}

// Recrypted is what [Recrypt] has done.
type Recrypted struct {
	From    string `json:"from"` // the key's name; empty: in the clear
	To      string `json:"to"`
	Records int64  `json:"records"` // of the log
	Files   int    `json:"files"`   // others, that were written anew
}

// Recrypt copies a data folder that no server has open into a new one with another key, or with one where there was none, or
// without one. The old folder is left as it is; a copy that was cut short is deleted and begun again by the next call.
func Recrypt(ctx context.Context, data, keyFile, to, newKeyFile string, step func(what string)) (done Recrypted, err error) {
	if err := backup.CheckFinished(data); err != nil {
		return done, err
	}
	from, err := openFolder(data, keyFile)
	if err != nil {
		return done, err
	}
	newKey, err := vault.LoadKey(newKeyFile)
	if err != nil {
		return done, err
	}
	part := strings.TrimRight(to, string(filepath.Separator)) + ".part"
	if rest, err := vault.Rest(to, "lost+found"); len(rest) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, touchstone.Errorf(touchstone.Conflict, "%s is not empty", to).WithHint("name a new folder with --to")
	}
	if err := os.RemoveAll(part); err != nil { // of a run that was cut short
		return done, err
	}
	if err := os.MkdirAll(part, 0o750); err != nil {
		return done, err
	}
	if err := os.WriteFile(filepath.Join(part, backup.Copying), nil, 0o600); err != nil { // before all that could be taken for data
		return done, err
	}
	lock, err := filelock.Lock(filepath.Join(data, streamName, "lock"), "log")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	if err == nil {
		defer lock.Close()
	}
	target, err := vault.OpenFolder(part, newKey)
	if err != nil {
		return done, err
	}
	done.From, done.To = keyID(from.Key()), keyID(newKey)
	r := recrypter{from: from, to: target, data: data, part: part, done: &done, step: step}
	if err := r.all(ctx); err != nil {
		return done, err
	}
	if err := errors.Join(syncAll(part), os.Remove(filepath.Join(part, backup.Copying)), syncFolder(part)); err != nil {
		return done, err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	return done, errors.Join(os.Rename(part, to), syncFolder(filepath.Dir(to)))
}

func keyID(k *vault.Key) string {
	if k == nil {
		return ""
	}
	return k.ID()
}

type recrypter struct {
	from, to   *vault.Folder
	data, part string
	done       *Recrypted
	step       func(string)
}

func (r *recrypter) all(ctx context.Context) error {
	for _, one := range []struct {
		what string
		do   func(context.Context) error
	}{{"the log", r.log}, {"the store", r.store}, {"the warehouse", r.warehouse}, {"other files", r.rest}} {
		r.step(one.what)
		if err := one.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *recrypter) log(ctx context.Context) error {
	dir := filepath.Join(r.data, streamName)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := eachFile(ctx, dir, func(path, name string) error {
		switch filepath.Base(name) {
		case "lock", "index.db": // the server makes its index anew
			return nil
		}
		return copyFile(path, nil, filepath.Join(r.part, streamName, name), nil)
	})
	if err != nil {
		return err
	}
	from, err := logSeal(r.from)
	if err != nil {
		return err
	}
	to, err := logSeal(r.to)
	if err != nil {
		return err
	}
	out, err := jetstream.Rewrite(ctx, filepath.Join(r.part, streamName), from, to, func(int, stream.Offset, []byte) ([]byte, error) { return nil, nil })
	r.done.Records = out.Records
	return err
}

func (r *recrypter) store(ctx context.Context) error {
	path := filepath.Join(r.data, storeName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := filelock.Lock(path+".lock", "store")
	if err != nil {
		return err
	}
	defer lock.Close()
	return sqlite.Copy(ctx, path, storeKey(r.from), filepath.Join(r.part, storeName), storeKey(r.to))
}

func (r *recrypter) warehouse(ctx context.Context) error {
	path := filepath.Join(r.data, warehouseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return duckdb.Copy(ctx, path, warehouseKey(r.from), filepath.Join(r.part, warehouseName), warehouseKey(r.to))
}

// passed are names in a data folder that are not copied: what was copied in another way, what says how
// the folder is encrypted, backups, which have the key that they were made with, and what holds for a running server only.
func passed(name string) bool {
	return slices.Contains([]string{streamName, vault.MarkName, "backups", "trial", "lost+found"}, name) || strings.HasPrefix(name, storeName) || strings.HasPrefix(name, warehouseName)
}

func (r *recrypter) rest(ctx context.Context) error {
	names, err := vault.Rest(r.data)
	if err != nil {
		return err
	}
	for _, top := range names {
		if passed(top) {
			continue
		}
		err := eachFile(ctx, filepath.Join(r.data, top), func(path, name string) error {
			to := filepath.Join(r.part, top, name)
			from, target := r.from.Key(), r.to.Key()
			if is, err := vault.Sealed(path); err != nil || !is {
				from = nil // a file that the program does not encrypt, such as a note of the operator
				if err != nil {
					return err
				}
				if r.from != nil {
					target = nil
				}
			}
			r.done.Files++
			return copyFile(path, from, to, target)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachFile calls fn with the files under a path, which may be one itself.
func eachFile(ctx context.Context, root string, fn func(path, name string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return errors.Join(err, ctx.Err())
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return errors.Join(ctx.Err(), fn(path, name))
	})
}

func copyFile(from string, fromKey *vault.Key, to string, toKey *vault.Key) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	var text io.Reader = src
	if fromKey != nil {
		f, err := vault.Open(from, fromKey, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		text = f
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	if toKey == nil {
		_, err = io.Copy(dst, text)
		return errors.Join(err, dst.Sync(), dst.Close())
	}
	if err := dst.Close(); err != nil {
		return err
	}
	f, err := vault.Open(to, toKey, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncAll makes the names in a folder, and the files under it, durable.
func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFolder(path)
	})
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
