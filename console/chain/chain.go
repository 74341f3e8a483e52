// Package chain makes a list of entries tamper-evident: each entry's hash covers the one before
// it, and the newest hash is signed from time to time and kept elsewhere. What names people may be
// taken out of an entry without breaking the chain: the hash covers salted hashes of those fields,
// and a later entry must say which entries were redacted. It knows no database.
//
// docs/design/audit.md tells the rest.
package chain

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// The fields of an entry that may be redacted, in their order.
const (
	Target = iota
	TargetName
	Detail
	Fields
)

// Hash is a SHA-256, in hexadecimal where it is written.
type Hash [sha256.Size]byte

// MarshalText and UnmarshalText use hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("%.80q is no SHA-256", text)
	}
	copy(h[:], b)
	return nil
}

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Entry is an entry of the chain.
type Entry struct {
	Number    int64  `json:"n"` // from 1, without gaps
	ID        string `json:"id"`
	At        int64  `json:"at"` // milliseconds since 1970
	ActorKind string `json:"actor_kind"`
	ActorID   string `json:"actor_id"`
	ActorName string `json:"actor_name"`
	Action    string `json:"action"`
	RequestID string `json:"request_id"`

	Commits [Fields]Hash `json:"commits"` // of Open under Salt
	Hash    Hash         `json:"hash"`

	// Salt and Open are what the commits are of. Without a salt they were redacted, or withheld
	// from who reads.
	Salt     []byte          `json:"salt,omitempty"`
	Open     *[Fields]string `json:"open,omitempty"` // target, target name, detail
	Redacted bool            `json:"redacted,omitempty"`
}

// SaltBytes is how long salts are: nobody can try what a field may have been.
const SaltBytes = 16

// NewSalt draws one.
func NewSalt() []byte {
	salt := make([]byte, SaltBytes)
	rand.Read(salt)
	return salt
}

// Commit returns the salted hash of a field.
func Commit(salt []byte, field int, text string) Hash {
	return sum("touchstone audit field 1", salt, []byte{byte(field)}, []byte(text))
}

// Seal sets the entry's commits and its hash behind the one before it.
func (e *Entry) Seal(before Hash) {
	for i := range e.Commits {
		e.Commits[i] = Commit(e.Salt, i, e.Open[i])
	}
	e.Hash = e.sum(before)
}

// sum is the entry's hash by what it says.
func (e *Entry) sum(before Hash) Hash {
	parts := [][]byte{number(e.Number), before[:], []byte(e.ID), number(e.At), []byte(e.ActorKind), []byte(e.ActorID), []byte(e.ActorName), []byte(e.Action), []byte(e.RequestID)}
	for i := range e.Commits {
		parts = append(parts, e.Commits[i][:])
	}
	return sum("touchstone audit entry 1", parts...)
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) } //nolint:gosec // the same bits

// sum hashes a list of texts, each behind its length, so that no two lists are the same bytes.
func sum(what string, parts ...[]byte) (out Hash) {
	h := sha256.New()
	h.Write([]byte(what))
	for _, p := range parts {
		h.Write(number(int64(len(p))))
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

// Head is a signed statement that the chain was so at a moment.
type Head struct {
	Number    int64     `json:"n"` // of the newest entry
	Hash      Hash      `json:"hash"`
	At        time.Time `json:"at"`
	Key       string    `json:"key"`       // public, hexadecimal
	Signature string    `json:"signature"` // Ed25519, hexadecimal
}

// message is what is signed.
func (h *Head) message() []byte {
	m := sum("touchstone audit head 1", number(h.Number), h.Hash[:], number(h.At.UnixMilli()))
	return m[:]
}

// Sign makes a head.
func Sign(key ed25519.PrivateKey, n int64, hash Hash, at time.Time) Head {
	h := Head{Number: n, Hash: hash, At: at.UTC().Truncate(time.Millisecond), Key: hex.EncodeToString(key.Public().(ed25519.PublicKey))}
	h.Signature = hex.EncodeToString(ed25519.Sign(key, h.message()))
	return h
}

// Genuine tells whether the holder of the key has signed it; without keys, whoever it names.
func (h *Head) Genuine(keys ...string) bool {
	key, err := hex.DecodeString(h.Key)
	signature, err2 := hex.DecodeString(h.Signature)
	if err != nil || err2 != nil || len(key) != ed25519.PublicKeySize || len(keys) > 0 && !slices.Contains(keys, h.Key) {
		return false
	}
	return ed25519.Verify(key, h.message(), signature)
}

// Base is where the entries that are kept begin: those up to Number were pruned when their time
// had come. An entry of the chain must say so.
type Base struct {
	Number int64 `json:"through"`
	Hash   Hash  `json:"hash"`
}

// Kind is what is wrong with a chain.
type Kind string

// What may be wrong.
const (
	Changed   Kind = "changed"   // an entry does not say what it said
	Missing   Kind = "missing"   // entries are not there
	Reordered Kind = "reordered" // entries stand in another order, or one was put between
	Emptied   Kind = "emptied"   // a field was taken out, and no entry says so
	Unsigned  Kind = "unsigned"  // a head's signature is not good
	Replaced  Kind = "replaced"  // the chain is whole, but not the one that was signed
	Pruned    Kind = "pruned"    // the beginning is missing, and no entry says so
)

// Fault is the first thing that is wrong.
type Fault struct {
	Kind   Kind   `json:"kind"`
	Number int64  `json:"n"` // of the entry
	ID     string `json:"id,omitempty"`
}

// Error says it.
func (f *Fault) Error() string {
	return fmt.Sprintf("entry %d of the audit log (%s) is %s", f.Number, f.ID, f.Kind)
}

// Verdict is what a check has found.
type Verdict struct {
	Entries  int64     `json:"entries"`
	Redacted int64     `json:"redacted"`
	Withheld int64     `json:"withheld"` // whose fields the reader may not see; their hashes were checked
	Heads    int64     `json:"heads"`
	Through  int64     `json:"through"` // the newest entry that is as it was
	Until    time.Time `json:"until"`   // the time of that one
	Signed   int64     `json:"signed"`  // the newest entry that a signature covers
	SignedAt time.Time `json:"signed_at"`
	Fault    *Fault    `json:"fault,omitempty"`
}

// Check goes along a chain. Call Entry for each in order, then Finish.
type Check struct {
	Verdict
	base     Base
	last     Hash
	began    bool
	signed   map[int64]Hash // by heads, not yet passed
	newest   int64          // of heads
	redacted map[int64]string
	excused  map[int64]bool // that a later entry says were redacted
	based    bool           // that an entry says that what is before the base was pruned
}

// NewCheck begins a check behind what was pruned; the zero Base is the beginning.
func NewCheck(base Base, heads []Head, keys ...string) *Check {
	c := &Check{base: base, last: base.Hash, signed: map[int64]Hash{}, redacted: map[int64]string{}, excused: map[int64]bool{}, based: base.Number == 0}
	c.Through = base.Number
	for i := range heads {
		h := &heads[i]
		c.Heads++
		if !h.Genuine(keys...) {
			c.fault(Unsigned, h.Number, "")
			continue
		}
		if have, twice := c.signed[h.Number]; twice && have != h.Hash {
			c.fault(Replaced, h.Number, "")
		}
		if c.signed[h.Number] = h.Hash; h.Number > c.newest {
			c.newest = h.Number
		}
		if h.At.After(c.SignedAt) {
			c.Signed, c.SignedAt = h.Number, h.At
		}
	}
	return c
}

// fault notes what is wrong; the first by number counts.
func (c *Check) fault(kind Kind, n int64, id string) {
	if c.Fault == nil || n < c.Fault.Number {
		c.Fault = &Fault{kind, n, id}
	}
}

// Entry looks at the next one.
func (c *Check) Entry(e *Entry) {
	c.Entries++
	if c.Fault != nil && c.Fault.Number <= c.Through+1 && c.Fault.Kind != Unsigned {
		return // what follows the first fault says nothing
	}
	switch want := c.Through + 1; {
	case e.Number > want:
		c.fault(Missing, want, "")
		return
	case e.Number < want:
		c.fault(Reordered, e.Number, e.ID)
		return
	case subtle.ConstantTimeCompare(e.Hash[:], hashOf(e, c.last)) != 1:
		c.fault(Changed, e.Number, e.ID)
		return
	}
	if !c.fields(e) {
		c.fault(Changed, e.Number, e.ID)
		return
	}
	if want, ok := c.signed[e.Number]; ok && want != e.Hash {
		c.fault(Replaced, e.Number, e.ID)
		return
	}
	c.last, c.Through, c.Until = e.Hash, e.Number, time.UnixMilli(e.At).UTC()
}

func hashOf(e *Entry, before Hash) []byte {
	h := e.sum(before)
	return h[:]
}

// fields holds the open fields against their commits.
func (c *Check) fields(e *Entry) bool {
	switch {
	case e.Redacted:
		c.Redacted++
		c.redacted[e.Number] = e.ID
		return true
	case len(e.Salt) == 0:
		c.Withheld++
		return true
	case e.Open == nil:
		return false
	}
	for i := range e.Commits {
		if Commit(e.Salt, i, e.Open[i]) != e.Commits[i] {
			return false
		}
	}
	return true
}

// Excuse says that an entry of the chain names others as redacted. Who withholds fields excuses all.
func (c *Check) Excuse(numbers ...int64) {
	for _, n := range numbers {
		c.excused[n] = true
	}
}

// PrunedThrough says that an entry of the chain tells up to where the beginning was pruned.
func (c *Check) PrunedThrough(b Base) {
	c.based = c.based || b == c.base
}

// Finish says what has been found. head is the number of the newest entry as its own row says, 0: unknown.
func (c *Check) Finish(head int64) Verdict {
	if end := max(head, c.newest); end > c.Through && c.Fault == nil {
		c.fault(Missing, c.Through+1, "")
	}
	if !c.based && c.Fault == nil {
		c.fault(Pruned, c.base.Number, "")
	}
	for n, id := range c.redacted {
		if !c.excused[n] {
			c.fault(Emptied, n, id)
		}
	}
	return c.Verdict
}
