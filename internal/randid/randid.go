// Package randid makes identifiers that cannot be guessed: "src_7qk3m0z2xw4d".
package randid

import (
	"crypto/rand"
	"encoding/base32"
)

// The lower-case Crockford alphabet: no i, l, o or u to misread.
var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New returns prefix, "_" and 16 random characters (80 bits).
func New(prefix string) string { return prefix + "_" + String(16) }

// String returns n random characters of five bits each: a secret needs 26 or more.
func String(n int) string {
	b := make([]byte, (n*5+7)/8)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return encoding.EncodeToString(b)[:n]
}
