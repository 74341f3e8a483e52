package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/internal/keyfile"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// auditKeyName is the file in the data folder with the key that signs the audit log.
const auditKeyName = "audit.key"

// auditConfig is how the audit log is signed and kept. A process that cannot put commands in the log
// signs nothing.
func (a *App) auditConfig() (cfg console.AuditConfig, err error) {
	cfg.Keep = a.cfg.Audit.Keep
	if !a.has("console") || a.commands == nil {
		return cfg, nil
	}
	path, key := a.keyOf(a.cfg.Audit.KeyFile, auditKeyName)
	cfg.Submit = func(ctx context.Context, c touchstone.Command) error {
		_, err := a.commands.Submit(ctx, c)
		return err
	}
	cfg.Key, err = loadAuditKey(path, key)
	return cfg, err
}

// loadAuditKey reads the key, or makes it: the seed of an Ed25519 key in hexadecimal, for its owner only.
func loadAuditKey(path string, key *vault.Key) (ed25519.PrivateKey, error) {
	text, err := keyfile.ReadOrMake(path, key, func() ([]byte, error) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		return []byte(hex.EncodeToString(seed) + "\n"), nil
	})
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "the key of the audit log, %s, can neither be read nor made", path).WithHint("see to the permissions of the folder, or name another file with audit.key_file")
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, touchstone.Errorf(touchstone.Invalid, "the key of the audit log, %s, is damaged", path).WithHint("put the copy of it in its place; with a new one earlier signatures are another key's")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
