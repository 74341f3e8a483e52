package privacy

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"sync"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/keyfile"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// Keys are the two secrets of erasure: that of the tombstones, without which nobody can tell whose
// they are, and that which signs receipts.
type Keys struct {
	id        string
	tombstone []byte
	sign      ed25519.PrivateKey
	macs      sync.Pool // of hash.Hash, keyed
}

// keyFile is the file's form.
type keyFile struct {
	Version   int    `json:"version"`
	Note      string `json:"note"`
	Tombstone string `json:"tombstone"` // 32 bytes, hexadecimal
	Receipt   string `json:"receipt"`   // seed of Ed25519, 32 bytes, hexadecimal
}

const keyNote = "Keep a copy of this file apart from the data: without it the tombstones of erased people say nothing, and receipts cannot be signed."

// LoadKeys reads the key file, or makes it, readable for its owner only and encrypted if there is a key for that.
func LoadKeys(path string, key *vault.Key) (*Keys, error) {
	text, err := keyfile.ReadOrMake(path, key, newKeyFile)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "the privacy key %s can neither be read nor made", path).
			WithHint("see to the permissions of the folder, or name another file with privacy.key_file")
	}
	var f keyFile
	err = json.Unmarshal(text, &f)
	tombstone, err1 := hex.DecodeString(f.Tombstone)
	seed, err2 := hex.DecodeString(f.Receipt)
	if errors.Join(err, err1, err2) != nil || f.Version != 1 || len(tombstone) != 32 || len(seed) != ed25519.SeedSize {
		return nil, touchstone.Errorf(touchstone.Invalid, "the privacy key %s is damaged", path).
			WithHint("put the copy of it in its place; a new one would not know who was erased")
	}
	return newKeys(tombstone, seed), nil
}

func newKeys(tombstone, seed []byte) *Keys {
	id := sha256.Sum256(append([]byte("touchstone privacy key\n"), tombstone...))
	k := &Keys{id: hex.EncodeToString(id[:6]), tombstone: tombstone, sign: ed25519.NewKeyFromSeed(seed)}
	k.macs.New = func() any { return hmac.New(sha256.New, tombstone) }
	return k
}

// newKeyFile is a file with new secrets.
func newKeyFile() ([]byte, error) {
	secrets := make([]byte, 64)
	rand.Read(secrets)
	text, err := json.MarshalIndent(keyFile{1, keyNote, hex.EncodeToString(secrets[:32]), hex.EncodeToString(secrets[32:])}, "", "  ")
	return append(text, '\n'), err
}

// ID names the key, and says nothing of it.
func (k *Keys) ID() string { return k.id }

// Public is the key that verifies receipts.
func (k *Keys) Public() ed25519.PublicKey { return k.sign.Public().(ed25519.PublicKey) }

// PublicText is it in base64, as receipts and the API show it.
func (k *Keys) PublicText() string { return base64.StdEncoding.EncodeToString(k.Public()) }

// mac is the beginning of an identifier's HMAC-SHA-256: 128 bits, so that two never meet.
type mac [16]byte

// Of returns an identifier's.
func (k *Keys) of(id touchstone.Identifier) (m mac) {
	h := k.macs.Get().(hash.Hash)
	h.Reset()
	var room [160]byte
	text := append(append(append(room[:0], id.Kind...), ':'), id.Value...)
	h.Write(text)
	var sum [sha256.Size]byte
	copy(m[:], h.Sum(sum[:0]))
	k.macs.Put(h)
	return m
}
