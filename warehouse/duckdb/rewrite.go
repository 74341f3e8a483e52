package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	duck "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
)

// Rewrite copies a warehouse that nobody has open into a new file, which then takes the other's place: what
// was deleted in it is not copied. A kill leaves the one or the other whole. It returns the bytes
// before and after; a file that is not there is left so.
func Rewrite(ctx context.Context, path string) (before, after int64, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	before = info.Size()
	fresh := path + ".rewriting"
	for _, leftover := range []string{fresh, fresh + ".wal"} { // of a run that was cut short
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return before, 0, err
		}
	}
	if err := copyDatabase(ctx, path, fresh); err != nil {
		return before, 0, fmt.Errorf("copy the warehouse: %w", err)
	}
	for _, file := range []string{path + ".wal", fresh + ".wal"} { // its changes would be lost, or taken for the other's
		if _, err := os.Stat(file); err == nil {
			return before, 0, touchstone.Errorf(touchstone.Unavailable, "the warehouse has left %s, so that it was not rewritten", filepath.Base(file))
		}
	}
	f, err := os.Open(fresh)
	if err != nil {
		return before, 0, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return before, 0, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return before, 0, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return before, 0, err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return before, 0, err
	}
	if info, err = os.Stat(path); err != nil {
		return before, 0, err
	}
	return before, info.Size(), nil
}

// copyDatabase copies all of a database file into a new one.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	var config mapping.Config
	if mapping.CreateConfig(&config) == mapping.StateError {
		return errors.New("duckdb: cannot make a configuration")
	}
	defer mapping.DestroyConfig(&config)
	for _, kv := range [][2]string{{"threads", "2"}, {"memory_limit", "512MB"}, {"temp_directory", from + ".tmp"}, {"preserve_insertion_order", "true"},
		{"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"}} {
		if mapping.SetConfig(config, kv[0], kv[1]) == mapping.StateError {
			return fmt.Errorf("duckdb: setting %s=%s was refused", kv[0], kv[1])
		}
	}
	var db mapping.Database
	var msg string
	if mapping.GetOrCreateFromCache(duck.GetInstanceCache(), from, &db, config, &msg) == mapping.StateError {
		return &engineError{msg}
	}
	defer mapping.Close(&db)
	c, err := connect(db)
	if err != nil {
		return err
	}
	defer c.close()
	name := strings.TrimSuffix(filepath.Base(from), filepath.Ext(from))
	for _, statement := range []string{
		"CHECKPOINT",
		"ATTACH " + quote(to) + " AS rewritten",
		`COPY FROM DATABASE "` + strings.ReplaceAll(name, `"`, `""`) + `" TO rewritten`,
		"CHECKPOINT rewritten",
		"DETACH rewritten",
	} {
		if err := errors.Join(ctx.Err(), c.query(statement)); err != nil {
			return err
		}
	}
	return nil
}

// query runs a statement that cannot be prepared, since the engine makes several of it.
func (c *conn) query(text string) error {
	var res mapping.Result
	defer mapping.DestroyResult(&res)
	if mapping.Query(c.c, text, &res) == mapping.StateError {
		return &engineError{mapping.ResultError(&res)}
	}
	return nil
}
