package collect

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/touchstone-cdp/touchstone"
)

var errBodyTooLarge = errors.New("body over the hard limit")

// readBody appends the request's body to dst, unpacked, and reports how many bytes came
// over the wire. It never holds more than hard bytes: a small body that unpacks to a
// huge one ends there.
func readBody(dst []byte, r *http.Request, hard int) (body []byte, wire int64, err error) {
	if r.ContentLength > int64(hard) {
		return dst, 0, tooLarge(hard)
	}
	in := &countingReader{r: r.Body, left: int64(hard)}
	var src io.Reader = in
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		if n := int(r.ContentLength); n > cap(dst) {
			dst = make([]byte, 0, n+1)
		}
	case "gzip", "x-gzip":
		z, err := getGzip(in)
		if err != nil {
			return dst, in.n, bodyError(err, "gzip", hard)
		}
		defer gzipReaders.Put(z)
		src = z
	case "zstd":
		z, err := getZstd(in, hard)
		if err != nil {
			return dst, in.n, bodyError(err, "zstd", hard)
		}
		defer putZstd(z)
		src = z
	default:
		return dst, 0, touchstone.Errorf(touchstone.Invalid, "Content-Encoding %q is not supported.", encoding).WithHint("Use gzip, zstd or none.")
	}
	dst, err = appendAll(dst, src, hard)
	if err != nil {
		return dst, in.n, bodyError(err, r.Header.Get("Content-Encoding"), hard)
	}
	return dst, in.n, nil
}

func appendAll(dst []byte, src io.Reader, hard int) ([]byte, error) {
	if cap(dst) == 0 {
		dst = make([]byte, 0, 4<<10)
	}
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := src.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > hard:
			return dst, errBodyTooLarge
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

func tooLarge(hard int) error {
	return touchstone.Errorf(touchstone.TooLarge, "The body is larger than %d bytes, the most that this server reads.", hard)
}

func bodyError(err error, encoding string, hard int) error {
	var maxBytes *http.MaxBytesError
	switch {
	case errors.Is(err, errBodyTooLarge), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.As(err, &maxBytes):
		return tooLarge(hard)
	case encoding != "" && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return touchstone.Wrap(touchstone.Invalid, err, "The %s body ends too early.", encoding)
	case encoding != "":
		return touchstone.Wrap(touchstone.Invalid, err, "The body is not valid %s.", encoding)
	}
	return touchstone.Wrap(touchstone.Invalid, err, "The body could not be read to its end.")
}

// countingReader counts the bytes that came over the wire and bounds them.
type countingReader struct {
	r    io.Reader
	n    int64
	left int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.left -= int64(n); c.left < 0 {
		return n, errBodyTooLarge
	}
	return n, err
}

var gzipReaders sync.Pool

func getGzip(r io.Reader) (*gzip.Reader, error) {
	if z, ok := gzipReaders.Get().(*gzip.Reader); ok {
		if err := z.Reset(r); err != nil {
			gzipReaders.Put(z)
			return nil, err
		}
		return z, nil
	}
	return gzip.NewReader(r)
}

var zstdReaders sync.Pool

func getZstd(r io.Reader, hard int) (*zstd.Decoder, error) {
	if z, ok := zstdReaders.Get().(*zstd.Decoder); ok {
		if err := z.Reset(r); err != nil {
			return nil, err
		}
		return z, nil
	}
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(uint64(max(hard, 1<<20))))
}

func putZstd(z *zstd.Decoder) {
	if z.Reset(nil) == nil { // drops its reference to the request
		zstdReaders.Put(z)
	}
}
