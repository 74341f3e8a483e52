package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// MarkName is the file in a data folder that says that it is encrypted, and with which key. Backups hold it.
const MarkName = "encryption.json"

// mark is what it holds: nothing that is secret.
type mark struct {
	Version int    `json:"version"`
	KeyID   string `json:"key_id"`
	Salt    []byte `json:"salt"` // so that no two folders have the same keys
}

const markVersion = 1

// Folder is a data folder that is encrypted.
type Folder struct {
	key  *Key
	salt []byte
}

// OpenFolder sees to it that a key and a data folder belong together. A folder that is empty or does
// not exist takes the key that it is given; one that is used without a key stays as it is.
// holdings are the names in it that show that it is used.
func OpenFolder(dir string, key *Key, holdings ...string) (*Folder, error) {
	text, err := os.ReadFile(filepath.Join(dir, MarkName))
	switch {
	case errors.Is(err, fs.ErrNotExist) && key == nil:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return begin(dir, key, holdings)
	case err != nil:
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot read how %s is encrypted", dir)
	}
	return OpenMark(text, dir, key)
}

// OpenMark does so for what [MarkName] holds, or nil if there is none, of a folder or of a backup that is not a folder yet.
func OpenMark(text []byte, dir string, key *Key) (*Folder, error) {
	if text == nil && key == nil {
		return nil, nil
	}
	if text == nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is not encrypted, and a key was given", dir).
			WithHint("leave --encryption-key-file out; an encrypted copy of a folder is made with: touchstone encryption copy")
	}
	var m mark
	if err := json.Unmarshal(text, &m); err != nil || m.KeyID == "" || len(m.Salt) == 0 {
		return nil, touchstone.Errorf(touchstone.Unavailable, "%s in %s is damaged", MarkName, dir).WithHint("take it from a backup of the folder: without it the key opens nothing")
	}
	if m.Version != markVersion {
		return nil, touchstone.Errorf(touchstone.Unavailable, "%s was encrypted by a newer Touchstone", dir).WithHint("upgrade this program: nothing is damaged")
	}
	if key == nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is encrypted, and no key was given", dir).
			WithHint("name the file of the key %s with --encryption-key-file (encryption.key_file)", m.KeyID)
	}
	if key.ID() != m.KeyID {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is encrypted with the key %s, and this is the key %s", dir, m.KeyID, key.ID()).
			WithHint("name the file of that key with --encryption-key-file (encryption.key_file)")
	}
	return &Folder{key, m.Salt}, nil
}

// begin makes a folder an encrypted one, if it holds nothing yet.
func begin(dir string, key *Key, holdings []string) (*Folder, error) {
	for _, name := range holdings {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, touchstone.Errorf(touchstone.Invalid, "%s is not encrypted, and a key was given", dir).
				WithHint("start without --encryption-key-file, or make an encrypted copy of it with: touchstone encryption copy --data %s --to NEW --new-key-file FILE", dir)
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot make the data folder %s", dir)
	}
	m := mark{Version: markVersion, KeyID: key.ID(), Salt: make([]byte, 16)}
	_, _ = rand.Read(m.Salt) // never fails
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	// Under a name of its own until it is whole: a mark that was cut off would lock the folder.
	f, err := os.CreateTemp(dir, ".encryption-*") // mode 0600
	if err != nil {
		return nil, err
	}
	temp := f.Name()
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close(), link(temp, filepath.Join(dir, MarkName)), syncDir(dir)); err != nil {
		return nil, err
	}
	return OpenFolder(dir, key) // as another process may have marked it that was first
}

func link(temp, path string) error {
	err := os.Link(temp, path)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(temp))
}

// Key returns the key of the folder's files; nil: they are in the clear.
func (f *Folder) Key() *Key {
	if f == nil {
		return nil
	}
	return f.key
}

// Secret returns the key of so many bytes for a purpose in this folder; nil: none.
func (f *Folder) Secret(purpose string, n int) []byte {
	if f == nil {
		return nil
	}
	return f.key.derive(f.salt, purpose, n)
}

// Sealer encrypts messages for a purpose, each with a nonce that it draws; nil: none.
func (f *Folder) Sealer(purpose string) (cipher.AEAD, error) {
	if f == nil {
		return nil, nil
	}
	block, err := aes.NewCipher(f.Secret(purpose, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Marked reports whether a folder says that it is encrypted.
func Marked(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, MarkName))
	return err == nil
}

// Rest are the names in a folder but for some.
func Rest(dir string, but ...string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !slices.Contains(but, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}
