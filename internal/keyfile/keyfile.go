// Package keyfile keeps a secret in a file that only its owner reads, and that several processes may
// want to make at once.
package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadOrMake returns what a file holds. One that is missing is made of what content returns: whole or
// not at all, and by one process only, whose content all others read.
func ReadOrMake(path string, content func() ([]byte, error)) ([]byte, error) {
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if err := makeFile(path, content); err != nil && !errors.Is(err, fs.ErrExist) { // another process was first
		return nil, err
	}
	return os.ReadFile(path)
}

func makeFile(path string, content func() ([]byte, error)) error {
	text, err := content()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path) // fails if there is one
}
