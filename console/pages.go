package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

// pages serves the console's application: files as they are, and index.html for every
// other path, because the application has its own routes.
type pages struct {
	files fs.FS
}

func newPages(files fs.FS) *pages { return &pages{files} }

// The style of components is put into the page at run time (Ant Design), hence
// 'unsafe-inline' for styles; scripts come from here only.
const pagePolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

// hashed matches names that the build gives to files by their content, as in
// "index-BxU3k9_a.js": they never change.
var hashed = regexp.MustCompile(`^assets/.+[-.][A-Za-z0-9_-]{8,}\.[a-z0-9.]+$`)

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	httpapi.Handler(p.serve)(w, r)
}

func (p *pages) serve(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "v1" || strings.HasPrefix(name, "v1/") || name == "metrics" {
		return touchstone.Errorf(touchstone.NotFound, "There is no %s.", r.URL.Path)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if name == "" || !fs.ValidPath(name) || !p.isFile(name) {
		if strings.HasPrefix(name, "assets/") { // of an older build: a page would confuse the browser
			return touchstone.Errorf(touchstone.NotFound, "There is no %s.", r.URL.Path).WithHint("Reload the page.")
		}
		name = "index.html"
	}
	switch {
	case name == "index.html":
		h.Set("Cache-Control", "no-cache")
	case hashed.MatchString(name):
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	default:
		h.Set("Cache-Control", "public, max-age=3600")
	}
	return p.send(w, r, name)
}

func (p *pages) isFile(name string) bool {
	info, err := fs.Stat(p.files, name)
	return err == nil && info.Mode().IsRegular()
}

// send writes a file, compressed when the build left a compressed copy beside it.
func (p *pages) send(w http.ResponseWriter, r *http.Request, name string) error {
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Add("Vary", "Accept-Encoding")
	file, encoding := name, ""
	for _, e := range []struct{ name, ext string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(r, e.name) && p.isFile(name+e.ext) {
			file, encoding = name+e.ext, e.name
			break
		}
	}
	content, err := fs.ReadFile(p.files, file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return touchstone.Errorf(touchstone.NotFound, "The console was not built into this server.")
		}
		return fmt.Errorf("read %s: %w", file, err)
	}
	if encoding == "" {
		h.Set("ETag", api.ETag(string(content)))
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
		return nil
	}
	h.Set("Content-Encoding", encoding)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("ETag", api.ETag(encoding, string(content)))
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, h.Get("ETag")) {
		h.Del("Content-Length")
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if r.Method != http.MethodHead {
		io.Copy(w, bytes.NewReader(content))
	}
	return nil
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// accepts reports whether the client takes an encoding (and does not say q=0).
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q = strings.ReplaceAll(q, " ", "")
			weight, err := strconv.ParseFloat(strings.TrimPrefix(q, "q="), 64)
			return q == "" || err != nil || weight > 0
		}
	}
	return false
}
