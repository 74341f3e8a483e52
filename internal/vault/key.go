// Package vault keeps what a data folder holds encrypted, with one key that lies in a file elsewhere.
// Of that key it makes those of the back ends, one for each purpose and folder, and it has files of its own form
// for what is written by the program itself: see [File].
//
// A nil *Key and a nil *Folder stand for "in the clear", and all functions take them.
package vault

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

const (
	keyPrefix = "touchstone-encryption-key-1:"
	keyBytes  = 32
)

// Key is what all others are made of.
type Key struct{ secret []byte }

// NewKeyFile makes a file with a new key, for its owner only. It never overwrites one.
func NewKeyFile(path string) (*Key, error) {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, touchstone.Errorf(touchstone.Conflict, "%s exists", path).WithHint("name a new file: what was encrypted with a key cannot be read without it")
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(keyPrefix + base64.StdEncoding.EncodeToString(secret) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return nil, err
	}
	return &Key{secret}, nil
}

// LoadKey reads a key file. An empty path is no key.
func LoadKey(path string) (*Key, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, touchstone.Errorf(touchstone.Invalid, "the key file %s does not exist", path).
			WithHint("name the one that the data was encrypted with; for a new data folder make one with: touchstone encryption new-key %s", path)
	}
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "the key file %s cannot be read", path)
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), keyPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) != keyBytes {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is no key file of Touchstone", path).
			WithHint("it has one line that begins with %s; make one with: touchstone encryption new-key FILE", keyPrefix)
	}
	return &Key{secret}, nil
}

// ID names a key and tells nothing of it.
func (k *Key) ID() string { return hex.EncodeToString(k.derive(nil, "id", 8)) }

func (k *Key) derive(salt []byte, purpose string, n int) []byte {
	out, err := hkdf.Key(sha256.New, k.secret, salt, "touchstone/1/"+purpose, n)
	if err != nil {
		panic(err) // only for more than 255 hashes
	}
	return out
}
