// Package keyfile keeps a secret in a file that only its owner reads, and that several processes may
// want to make at once.
package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// ReadOrMake returns what a file holds, which is encrypted if there is a key. One that is missing is made of what content returns: whole or
// not at all, and by one process only, whose content all others read.
func ReadOrMake(path string, key *vault.Key, content func() ([]byte, error)) ([]byte, error) {
	text, err := vault.ReadFile(path, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if err := makeFile(path, key, content); err != nil && !errors.Is(err, fs.ErrExist) { // another process was first
		return nil, err
	}
	return vault.ReadFile(path, key)
}

func makeFile(path string, key *vault.Key, content func() ([]byte, error)) error {
	text, err := content()
	if err != nil {
		return err
	}
	made, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(made.Name())
	if err := made.Close(); err != nil {
		return err
	}
	f, err := vault.Open(made.Name(), key, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(made.Name(), path) // fails if there is one
}
