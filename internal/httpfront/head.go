package httpfront

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// route is a path that the front serves.
type route struct {
	handler http.Handler
	url     *url.URL
}

func newRoutes(handlers map[string]http.Handler) map[string]*route {
	routes := make(map[string]*route, len(handlers))
	for path, h := range handlers {
		routes[path] = &route{h, &url.URL{Path: path}}
	}
	return routes
}

// head is what a request says before its body.
type head struct {
	host   string
	length int64
	old    bool // HTTP/1.0
	last   bool // of the connection
	fields http.Header
	values [24]string // that fields point to
	used   int
}

var (
	endOfHead = []byte("\r\n\r\n")
	post      = []byte("POST ")
	version   = []byte(" HTTP/1.")
)

// mostDigits of a Content-Length keep it within an int64.
const mostDigits = 15

// The reasons why a connection is handed over.
const (
	otherMethod  = "method"     // not POST
	otherPath    = "path"       // not one of the handlers
	otherVersion = "version"    // not HTTP/1.0 or 1.1
	otherHead    = "head"       // not complete, or not beyond doubt
	otherWish    = "transfer"   // chunks, Expect, Upgrade, …
	otherEnd     = "connection" // Connection says something else than close or, in HTTP/1.1, keep-alive
	noLength     = "no_length"  // no Content-Length
)

var reasons = []string{otherMethod, otherPath, otherVersion, otherHead, otherWish, otherEnd, noLength}

// parse reads a head at the start of data. It returns the head's size and the route that
// the request takes, or nil and the reason for everything that is not plainly a post to a known path:
// that is another method, path or version, a head that is not complete or not beyond
// doubt (RFC 9112: folded lines, lone line feeds, control characters, a length that is
// missing or said twice), and every wish for another way of transfer.
func (h *head) parse(data []byte, routes map[string]*route) (size int, to *route, why string) {
	rest, ok := bytes.CutPrefix(data, post)
	if !ok {
		return 0, nil, otherMethod
	}
	path, rest, ok := bytes.Cut(rest, version)
	if !ok || len(rest) < 3 || rest[0] != '0' && rest[0] != '1' || rest[1] != '\r' || rest[2] != '\n' {
		return 0, nil, otherVersion
	}
	old := rest[0] == '0'
	rest = rest[3:]
	if to = routes[string(path)]; to == nil {
		return 0, nil, otherPath
	}
	end := bytes.Index(rest, endOfHead)
	if end < 0 {
		return 0, nil, otherHead
	}
	clear(h.fields)
	h.host, h.length, h.used, h.old, h.last = "", -1, 0, old, old
	// One string for all names and values.
	for line := range strings.SplitSeq(string(rest[:end]), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !httpguts.ValidHeaderFieldName(name) {
			return 0, nil, otherHead
		}
		value = strings.Trim(value, " \t")
		if !httpguts.ValidHeaderFieldValue(value) {
			return 0, nil, otherHead
		}
		if why := h.add(textproto.CanonicalMIMEHeaderKey(name), value); why != "" {
			return 0, nil, why
		}
	}
	switch {
	case h.host == "":
		return 0, nil, otherHead
	case h.length < 0:
		return 0, nil, noLength
	}
	return len(data) - len(rest) + end + len(endOfHead), to, ""
}

// add takes one header field; the reason when it makes the request special.
func (h *head) add(name, value string) (why string) {
	switch name {
	case "Host":
		if h.host != "" || !httpguts.ValidHostHeader(value) {
			return otherHead
		}
		h.host = value
		return "" // http.Request keeps it apart
	case "Content-Length":
		if h.length >= 0 || value == "" || len(value) > mostDigits {
			return otherHead
		}
		h.length = 0
		for i := range len(value) {
			if value[i] < '0' || value[i] > '9' {
				return otherHead
			}
			h.length = 10*h.length + int64(value[i]-'0')
		}
	case "Connection":
		switch {
		case strings.EqualFold(value, "close"):
			h.last = true
		case h.old || !strings.EqualFold(value, "keep-alive"):
			return otherEnd
		}
	case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Te", "Http2-Settings":
		return otherWish
	}
	if before, again := h.fields[name]; again || h.used == len(h.values) {
		h.fields[name] = append(before, value)
		return ""
	}
	h.values[h.used] = value
	h.fields[name] = h.values[h.used : h.used+1 : h.used+1]
	h.used++
	return ""
}
