// Package backup is the form of a backup: a folder, or the same folder in one tar file, with
// the files of a data folder and a manifest of their checksums. It makes, checks and restores
// them; what is copied, and in which order, the caller says.
package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// ManifestName is the file that is written last and makes a backup whole.
const ManifestName = "manifest.json"

// formatVersion is that of the manifest and of what it says about the files.
const formatVersion = 1

// maxManifestBytes bounds what is read: a file takes some 150 bytes.
const maxManifestBytes = 64 << 20

// Manifest describes a backup.
type Manifest struct {
	Format     int64            `json:"format"`
	Touchstone string           `json:"touchstone"` // the program that made it
	Formats    map[string]int64 `json:"formats"`    // versions of what the files hold
	Began      time.Time        `json:"began"`
	Finished   time.Time        `json:"finished"`
	Files      []File           `json:"files"`
	SHA256     string           `json:"sha256"` // of all above; see sum
}

// File is a file of a backup.
type File struct {
	Path   string `json:"path"` // in the data folder, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// file returns the line of a path, or nil.
func (m *Manifest) file(path string) *File {
	if i := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == path }); i >= 0 {
		return &m.Files[i]
	}
	return nil
}

// Bytes returns how much the files take.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// sum is the checksum of everything that the manifest says.
func (m *Manifest) sum() string {
	c := *m
	c.SHA256 = ""
	text, err := json.Marshal(&c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// check refuses a manifest of a later release, or one whose files would lie elsewhere.
// reads are the versions that this program knows.
func (m *Manifest) check(reads map[string]int64) error {
	if m.Format > formatVersion {
		return touchstone.Newer("the backup", m.Format, formatVersion)
	}
	if m.Format < 1 || len(m.Files) == 0 || m.SHA256 != m.sum() {
		return damaged("its %s is not what was written", ManifestName)
	}
	for what, version := range m.Formats {
		if known, ok := reads[what]; ok && version > known {
			return touchstone.Newer(fmt.Sprintf("the %s in the backup, by Touchstone %s,", what, m.Touchstone), version, known)
		}
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || path.Clean(f.Path) != f.Path || f.Path == "." || f.Path == ManifestName || strings.Contains(f.Path, `\`) || f.Bytes < 0 {
			return damaged("its %s names the file %q", ManifestName, f.Path)
		}
	}
	return nil
}

func parseManifest(text []byte, reads map[string]int64) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, damaged("its %s cannot be read: %v", ManifestName, err)
	}
	return m, m.check(reads)
}

func damaged(format string, args ...any) error {
	return touchstone.Errorf(touchstone.Invalid, "the backup is damaged: "+format, args...).WithHint("use another backup")
}

// read returns the manifest of a folder.
func readManifest(dir string, reads map[string]int64) (*Manifest, error) {
	at := filepath.Join(dir, ManifestName)
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is no backup: it has no %s", dir, ManifestName)
	case err != nil:
		return nil, err
	case info.Size() > maxManifestBytes:
		return nil, damaged("its %s has %d bytes", ManifestName, info.Size())
	}
	text, err := os.ReadFile(at)
	if err != nil {
		return nil, err
	}
	return parseManifest(text, reads)
}
