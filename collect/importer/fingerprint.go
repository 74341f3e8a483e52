package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// fingerprint returns a SHA-256 of the whole file's bytes. Size and time alone would take
// a corrected file for the old one, or a copy for a new one.
func fingerprint(ctx context.Context, path string, key *vault.Key, progress func(Progress)) (sum string, size int64, err error) {
	f, err := vault.Open(path, key, os.O_RDONLY, 0)
	if err != nil {
		return "", 0, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", path)
	}
	if !info.Mode().IsRegular() {
		return "", 0, touchstone.Errorf(touchstone.Invalid, "%s is not a regular file, so an import of it could not be resumed", path)
	}
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for size = 0; ; {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		progress(Progress{Phase: PhaseFingerprint, Bytes: size, TotalBytes: f.Size()})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", 0, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", path)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), size, nil
}

// repeated names the n-th import of the same file.
func repeated(fingerprint string, n int) string {
	if n < 2 {
		return fingerprint
	}
	return fmt.Sprintf("%s#%d", fingerprint, n)
}
