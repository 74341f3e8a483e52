package httpfront

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the front takes for a post, net/http must read the same way: the same head, the
// same length of the body. Everything else it may leave.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
		"POST /v1/track HTTP/1.1\r\nhost: h:80\r\nA: 1\r\na: 2\r\nContent-Type:\tx\r\nContent-Length: 0\r\n\r\n",
		"POST /v1/track HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"POST /v1/track HTTP/1.1\r\nHost: h\r\nA: 1\n B: 2\r\nContent-Length : 5\r\n\r\nhello",
		"POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\nContent-Length: 05\r\n\r\nhello",
		"GET /v1/track HTTP/1.1\r\n\r\n",
		"POST /v1/track HTTP/1.0\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
		"POST /v1/track HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
		"POST /v1/track HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello",
	} {
		f.Add([]byte(seed))
	}
	routes := newRoutes(map[string]http.Handler{"/v1/track": http.NotFoundHandler()})
	f.Fuzz(func(t *testing.T, data []byte) {
		h := head{fields: http.Header{"Left": {"over"}}}
		size, to, _ := h.parse(data, routes)
		if to == nil {
			return
		}
		in := bufio.NewReader(bytes.NewReader(data))
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("net/http refuses what the front takes: %v", err)
		}
		if r.Method != http.MethodPost || r.RequestURI != to.url.Path || r.ProtoMajor != 1 || r.ProtoMinor == 0 != h.old || r.Close != h.last || len(r.TransferEncoding) > 0 || r.Trailer != nil {
			t.Errorf("%s %s %s close=%t %v %v", r.Method, r.RequestURI, r.Proto, r.Close, r.TransferEncoding, r.Trailer)
		}
		if r.Host != h.host || r.ContentLength != h.length || len(data)-in.Buffered() != size {
			t.Errorf("host %q and %q, length %d and %d, head of %d and %d bytes", r.Host, h.host, r.ContentLength, h.length, len(data)-in.Buffered(), size)
		}
		if diff := cmp.Diff(r.Header, h.fields); diff != "" {
			t.Errorf("headers of net/http (-) and the front (+):\n%s", diff)
		}
	})
}
