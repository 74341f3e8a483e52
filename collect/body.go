package collect

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/touchstone-cdp/touchstone"
)

const firstBytes = 4 << 10 // of memory that a body gets to begin with

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

// encodingOf returns the name of a body's encoding; "" for none.
func encodingOf(r *http.Request) (string, error) {
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "zstd":
		return "zstd", nil
	default:
		return "", touchstone.Errorf(touchstone.Invalid, "Content-Encoding %q is not supported.", encoding).WithHint("Use gzip, zstd or none.")
	}
}

// await waits for the first byte of a body. Until it has come, a request holds nothing
// but its connection.
func (b *bodyReader) await(r *http.Request) (*arriving, error) {
	if r.ContentLength > int64(b.hard) {
		return nil, b.tooLarge()
	}
	encoding, err := encodingOf(r)
	if err != nil {
		return nil, err
	}
	a := &arriving{r: r.Body, most: b.hard, encoding: encoding}
	for a.n == 0 && a.err == nil {
		a.n, a.err = r.Body.Read(a.first[:])
	}
	if a.n == 0 && a.err != io.EOF {
		return nil, b.explain(a.err, encoding)
	}
	a.began = time.Now()
	return a, nil
}

// read fills x.body. It reports how many bytes came over the wire.
func (b *bodyReader) read(x *exchange, in *arriving, l *lease) (wire int, err error) {
	if in.encoding == "" {
		x.body, err = b.all(x.body[:0], in, 0, l)
	} else if x.packed, err = b.all(x.packed[:0], in, cap(x.body), l); err == nil {
		// What is packed is unpacked when it is there in full, so that the memory which that
		// takes is not held for a client that is slow.
		if in.encoding == "gzip" {
			x.body, err = b.gunzip(x.body[:0], x.packed, l)
		} else if x.body, err = b.zstd.DecodeAll(x.packed, x.body[:0]); err == nil && !l.resize(cap(x.packed)+cap(x.body)) {
			err = errBusy
		}
		if err == nil && len(x.packed) == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		return in.n, b.explain(err, in.encoding)
	}
	return in.n, nil
}

// all appends what src holds to dst. The room for it grows as the bytes come, whatever
// length the head promised. others is what the request holds besides dst.
func (b *bodyReader) all(dst []byte, src io.Reader, others int, l *lease) ([]byte, error) {
	if !l.resize(cap(dst) + others) { // an earlier request's buffer may be larger than there is room for now
		dst = nil
	}
	if cap(dst) == 0 {
		dst = make([]byte, 0, firstBytes)
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
		if err == nil && l.budget.scarce() && tooSlow(src, len(dst)) {
			return dst, errBusy
		}
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

// While memory is scarce, a body that arrives more slowly gives up its room for others.
const (
	scarceGrace = 2 * time.Second
	scarceRate  = 16 << 10 // bytes per second
)

func tooSlow(src io.Reader, n int) bool {
	in, ok := src.(*arriving)
	if !ok {
		return false
	}
	took := time.Since(in.began) - scarceGrace
	return took > 0 && float64(n) < took.Seconds()*scarceRate
}

func (b *bodyReader) gunzip(dst, packed []byte, l *lease) ([]byte, error) {
	z, _ := b.gzip.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer b.gzip.Put(z)
	if err := z.Reset(bytes.NewReader(packed)); err != nil {
		return dst, err
	}
	return b.all(dst, z, cap(packed), l)
}

func (b *bodyReader) tooLarge() error {
	return touchstone.Errorf(touchstone.TooLarge, "The body is larger than %d bytes, the most that this server reads.", b.hard)
}

func (b *bodyReader) explain(err error, encoding string) error {
	var maxBytes *http.MaxBytesError
	switch {
	case errors.Is(err, errBusy):
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "The server works on too many large requests.", Hint: "Send it again.", RetryAfter: time.Second, Err: errBusy}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "The body arrived too slowly.", Hint: "Send it again, in smaller batches if the network is slow.", RetryAfter: time.Second}
	case errors.Is(err, errBodyTooLarge), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.As(err, &maxBytes):
		return b.tooLarge()
	case encoding != "" && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return touchstone.Wrap(touchstone.Invalid, err, "The %s body ends too early.", encoding)
	case encoding != "":
		return touchstone.Wrap(touchstone.Invalid, err, "The body is not valid %s.", encoding)
	}
	return touchstone.Wrap(touchstone.Invalid, err, "The body could not be read to its end.")
}

// arriving is a body whose first byte has come. It counts the bytes that come over the
// wire and bounds them.
type arriving struct {
	r        io.Reader
	encoding string
	began    time.Time
	n, most  int

	first [1]byte
	given bool  // the first byte has been read again
	err   error // that came with it
}

func (a *arriving) Read(p []byte) (int, error) {
	if !a.given && a.n > 0 {
		a.given = true
		return copy(p, a.first[:]), nil
	}
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.r.Read(p)
	if a.n += n; a.n > a.most {
		return n, errBodyTooLarge
	}
	return n, err
}
