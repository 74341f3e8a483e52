package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/touchstone-cdp/touchstone"
)

// The parameters that OWASP recommends for argon2id. They are stored with each hash, so
// that they can be raised later.
const (
	argonMemoryKiB = 19 * 1024
	argonPasses    = 2
	argonKeyBytes  = 32
	argonSaltBytes = 16
)

const (
	minPasswordLength = 10
	maxPasswordBytes  = 256
)

// passwords hashes a few passwords at a time: each takes 19 MiB and a processor for a moment.
type passwords struct {
	slots chan struct{}
}

func newPasswords() *passwords { return &passwords{slots: make(chan struct{}, 2)} }

func (p *passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passwords) leave() { <-p.slots }

func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	salt := make([]byte, argonSaltBytes)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemoryKiB, 1, argonKeyBytes)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, argonMemoryKiB, argonPasses,
		enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// noPassword is compared against when there is no such user, so that the answer takes
// as long as for one that exists.
var noPassword = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, argonMemoryKiB, argonPasses,
	strings.Repeat("A", 22), strings.Repeat("A", 43))

func (p *passwords) verify(ctx context.Context, stored, password string) (bool, error) {
	var version, memory, passes, threads int
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("a stored password has an unknown form")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &threads); err != nil {
		return false, fmt.Errorf("a stored password has unknown parameters: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, err
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, err
	}
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func checkPassword(password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPasswordLength:
		return touchstone.Errorf(touchstone.Invalid, "The password is too short.").
			WithHint("Use at least %d characters; a few words are better than symbols.", minPasswordLength)
	case len(password) > maxPasswordBytes:
		return touchstone.Errorf(touchstone.Invalid, "The password is longer than %d bytes.", maxPasswordBytes)
	}
	return nil
}
