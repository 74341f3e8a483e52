package httpfront

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// A head must fit in with the buffer; a larger one is net/http's business.
	bufferBytes = 4 << 10
	// So much of a body that a handler left is read, so that the connection can go on.
	mostLeftover = 256 << 10
	// A connection that is cut while the client still sends is kept so long, half closed,
	// because a reset could overtake the answer.
	lingerTime = 500 * time.Millisecond
)

// conn is a connection that the front serves.
type conn struct {
	l        *Listener
	net      net.Conn
	state    atomic.Int32
	deadline time.Time // that the network has been told

	buf        []byte
	start, end int // of what has been read and not yet used

	base     *http.Request // what all requests of the connection have in common
	request  http.Request
	head     head
	body     body
	response response
}

// The states of a connection.
const (
	waiting int32 = iota // for a request
	busy                 // with one
	ended                // while it waited
)

func newConn(l *Listener, nc net.Conn) *conn {
	c := &conn{l: l, net: nc, buf: make([]byte, bufferBytes)}
	ctx := context.WithValue(l.cfg.BaseContext, http.LocalAddrContextKey, nc.LocalAddr())
	c.base = (&http.Request{Method: http.MethodPost, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: nc.RemoteAddr().String()}).WithContext(ctx)
	c.head.fields = make(http.Header, 16)
	c.response.header = make(http.Header, 8)
	c.body.c = c
	return c
}

// serve answers posts until the connection ends or is handed over.
func (c *conn) serve() {
	defer c.l.forget(c)
	c.extend(c.l.cfg.FirstTimeout)
	for {
		if c.start == c.end && !c.fill() {
			c.net.Close()
			return
		}
		size, route, why := c.head.parse(c.buf[c.start:c.end], c.l.routes)
		if route == nil {
			c.l.handedOver[why].Inc()
			c.handOver()
			return
		}
		c.start += size
		// A request that comes together with the end gets no answer, which tells the client
		// to send it again; half of its body would get a wrong one.
		if !c.state.CompareAndSwap(waiting, busy) || !c.answer(route) {
			c.net.Close()
			return
		}
		c.state.Store(waiting)
	}
}

// fill reads into the empty buffer; false when nothing comes any more.
func (c *conn) fill() bool {
	// Close may have been called while nothing waited here that it could interrupt.
	if c.l.isClosed() {
		return false
	}
	n, _ := c.net.Read(c.buf)
	c.start, c.end = 0, n
	return n > 0
}

// extend gives the connection more time once half of it is over; doing so for each
// request would cost more than reading it.
func (c *conn) extend(wait time.Duration) {
	now := time.Now()
	if c.deadline.Sub(now) < wait/2 {
		c.deadline = now.Add(wait)
		_ = c.net.SetDeadline(c.deadline)
	}
}

// interrupt ends the wait for a next request.
func (c *conn) interrupt() {
	if c.state.CompareAndSwap(waiting, ended) {
		_ = c.net.SetReadDeadline(time.Unix(1, 0))
	}
}

// handOver gives the connection, with what has been read of it, to net/http.
func (c *conn) handOver() {
	_ = c.net.SetDeadline(time.Time{})
	if !c.l.handOver(accepted{conn: &handed{Conn: c.net, read: bytes.Clone(c.buf[c.start:c.end])}}) {
		c.net.Close()
	}
}

// answer lets the handler work on one request and sends what it answers. It reports
// whether the connection goes on.
func (c *conn) answer(r *route) (goesOn bool) {
	c.extend(c.l.cfg.IdleTimeout)
	c.request = *c.base
	c.request.URL, c.request.RequestURI = r.url, r.url.Path
	c.request.Host, c.request.Header, c.request.ContentLength = c.head.host, c.head.fields, c.head.length
	c.request.Close = c.head.last
	if c.head.old {
		c.request.Proto, c.request.ProtoMinor = "HTTP/1.0", 0
	}
	c.body = body{c: c, left: c.head.length}
	c.request.Body = &c.body
	c.response.reset()
	c.l.served.Inc()
	if !c.call(r.handler) {
		return false
	}
	rest := c.body.left
	if rest > 0 && rest <= mostLeftover {
		_, _ = io.Copy(io.Discard, &c.body)
		rest = c.body.left
	}
	goesOn = rest == 0 && !c.head.last && !c.l.isClosed()
	if _, err := c.net.Write(c.response.render(c.head.old, c.l.dateAt(time.Now()), goesOn)); err != nil {
		return false
	}
	if (rest > 0 || !goesOn && c.start < c.end) && c.body.err == nil {
		c.linger()
	}
	if goesOn && c.body.waited { // for the next request there is more time than for the rest of a body
		c.extend(c.l.cfg.IdleTimeout)
	}
	return goesOn
}

// call runs the handler; false when it panicked.
func (c *conn) call(h http.Handler) (ok bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			c.l.cfg.Logger.Error("httpfront: a handler panicked", "path", c.request.URL.Path, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	h.ServeHTTP(&c.response, &c.request)
	return true
}

// linger closes the way out and waits a moment for the client to read the answer.
func (c *conn) linger() {
	if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		time.Sleep(lingerTime)
	}
}

// body is what follows the head.
type body struct {
	c    *conn
	left int64
	err  error

	waited bool // for the network, since began
	began  time.Time
	come   int64 // bytes from the network
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := 0, error(nil)
	if c := b.c; c.start < c.end {
		n = copy(p, c.buf[c.start:c.end])
		c.start += n
	} else {
		n, err = b.wait(p)
	}
	b.left -= int64(n)
	switch {
	case b.left == 0:
		return n, io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}

// wait reads from the network, for as long as the pace leaves.
func (b *body) wait(p []byte) (int, error) {
	c, now := b.c, time.Now()
	if !b.waited {
		b.waited, b.began = true, now
	}
	if d := c.l.cfg.Pace.Deadline(b.began, now, b.come); d.Sub(c.deadline).Abs() > c.l.cfg.Pace.Slack() {
		c.deadline = d
		_ = c.net.SetReadDeadline(d)
	}
	n, err := c.net.Read(p)
	b.come += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.l.cfg.SlowBodies != nil {
		c.l.cfg.SlowBodies.Inc()
	}
	return n, err
}

func (b *body) Close() error { return nil }

// handed is a connection whose first bytes have been read.
type handed struct {
	net.Conn
	read []byte
}

func (h *handed) Read(p []byte) (int, error) {
	if len(h.read) == 0 {
		return h.Conn.Read(p)
	}
	n := copy(p, h.read)
	h.read = h.read[n:]
	return n, nil
}

// CloseWrite lets net/http end an answer properly while the client still sends.
func (h *handed) CloseWrite() error {
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return os.ErrInvalid
}
