package httpfront

import (
	"net/http"
	"strconv"
	"strings"
)

// response collects what a handler answers.
type response struct {
	header http.Header
	status int // 0 until the handler says it
	body   []byte
	wire   []byte
}

const keepBytes = 64 << 10 // a buffer that a rare large answer has made larger is not kept

func (r *response) reset() {
	clear(r.header)
	r.status, r.body = 0, r.body[:0]
	if cap(r.body)+cap(r.wire) > keepBytes {
		r.body, r.wire = nil, nil
	}
}

func (r *response) Header() http.Header { return r.header }

// WriteHeader sets the status; the first call counts.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
}

func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body = append(r.body, p...)
	return len(p), nil
}

// render writes the answer down as it goes over the wire, until the next reset.
func (r *response) render(old bool, date string, goesOn bool) []byte {
	r.WriteHeader(http.StatusOK)
	version := "HTTP/1.1 "
	if old {
		version = "HTTP/1.0 "
	}
	b := append(r.wire[:0], version...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(append(append(b, ' '), http.StatusText(r.status)...), "\r\nDate: "...)
	b = append(b, date...)
	for name, values := range r.header {
		switch name {
		case "Content-Length", "Connection", "Date", "Transfer-Encoding":
			continue
		}
		for _, v := range values {
			b = append(append(append(b, "\r\n"...), name...), ": "...)
			b = append(b, oneLine(v)...)
		}
	}
	bodyless := r.status == http.StatusNoContent || r.status == http.StatusNotModified
	if !bodyless {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
	}
	if !goesOn && !old { // HTTP/1.0 ends it anyway
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\n\r\n"...)
	if !bodyless {
		b = append(b, r.body...)
	}
	r.wire = b
	return b
}

var newlines = strings.NewReplacer("\n", " ", "\r", " ")

// oneLine keeps a value from ending its line.
func oneLine(v string) string {
	if strings.ContainsAny(v, "\r\n") {
		return newlines.Replace(v)
	}
	return v
}
