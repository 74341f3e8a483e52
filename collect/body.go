package collect

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/touchstone-cdp/touchstone"
)

var (
	errBodyTooLarge = errors.New("body over the hard limit")
	errBusy         = errors.New("no memory for this request")
)

// bodyReader reads requests' bodies, unpacked. A small body that unpacks to a huge one
// ends at the hard limit.
type bodyReader struct {
	hard int
	zstd *zstd.Decoder
	gzip sync.Pool
}

func newBodyReader(hard int) (*bodyReader, error) {
	// Decoding whole bodies needs memory for what they hold; a streaming decoder would
	// need as much as their head says.
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(uint64(hard)), zstd.WithDecoderConcurrency(4))
	return &bodyReader{hard: hard, zstd: d}, err
}

// read fills x.body. It reports how many bytes came over the wire.
func (b *bodyReader) read(x *exchange, r *http.Request, l *lease) (wire int, err error) {
	if r.ContentLength > int64(b.hard) {
		return 0, b.tooLarge()
	}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	in := &countingReader{r: r.Body, most: b.hard}
	switch encoding {
	case "", "identity":
		encoding = ""
		x.body, err = b.all(x.body[:0], in, r.ContentLength, 0, l)
	case "gzip", "x-gzip":
		x.body, err = b.gunzip(x.body[:0], in, l)
	case "zstd":
		if x.packed, err = b.all(x.packed[:0], in, r.ContentLength, cap(x.body), l); err == nil {
			x.body, err = b.zstd.DecodeAll(x.packed, x.body[:0])
		}
		if err == nil && len(x.packed) == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && !l.resize(cap(x.packed)+cap(x.body)) {
			err = errBusy
		}
	default:
		return 0, touchstone.Errorf(touchstone.Invalid, "Content-Encoding %q is not supported.", encoding).WithHint("Use gzip, zstd or none.")
	}
	if err != nil {
		return in.n, b.explain(err, encoding)
	}
	return in.n, nil
}

// all appends what src holds to dst. length is what the head promised, if it is not
// negative; it is not believed before the bytes come. others is what the request holds besides dst.
func (b *bodyReader) all(dst []byte, src io.Reader, length int64, others int, l *lease) ([]byte, error) {
	if !l.resize(cap(dst) + others) { // an earlier request's buffer may be larger than there is room for now
		dst = nil
	}
	if cap(dst) == 0 {
		dst = make([]byte, 0, min(max(length+1, 512), 64<<10))
	}
	if !l.resize(cap(dst) + others) {
		return dst, errBusy
	}
	for {
		if len(dst) == cap(dst) {
			if !l.resize(2*cap(dst) + others) {
				return dst, errBusy
			}
			dst = append(make([]byte, 0, 2*cap(dst)), dst...)
		}
		n, err := src.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > b.hard:
			return dst, errBodyTooLarge
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

func (b *bodyReader) gunzip(dst []byte, src io.Reader, l *lease) ([]byte, error) {
	z, _ := b.gzip.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer b.gzip.Put(z)
	if err := z.Reset(src); err != nil {
		return dst, err
	}
	return b.all(dst, z, -1, 0, l)
}

func (b *bodyReader) tooLarge() error {
	return touchstone.Errorf(touchstone.TooLarge, "The body is larger than %d bytes, the most that this server reads.", b.hard)
}

func (b *bodyReader) explain(err error, encoding string) error {
	var maxBytes *http.MaxBytesError
	switch {
	case errors.Is(err, errBusy):
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "The server works on too many large requests.", Hint: "Send it again.", RetryAfter: time.Second}
	case errors.Is(err, errBodyTooLarge), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.As(err, &maxBytes):
		return b.tooLarge()
	case encoding != "" && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return touchstone.Wrap(touchstone.Invalid, err, "The %s body ends too early.", encoding)
	case encoding != "":
		return touchstone.Wrap(touchstone.Invalid, err, "The body is not valid %s.", encoding)
	}
	return touchstone.Wrap(touchstone.Invalid, err, "The body could not be read to its end.")
}

// countingReader counts the bytes that come over the wire and bounds them.
type countingReader struct {
	r       io.Reader
	n, most int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += n; c.n > c.most {
		return n, errBodyTooLarge
	}
	return n, err
}
