// Package loadgen sends tracking events over HTTP as cheaply as it can, so that on a
// small machine the measurement is of the server and not of the client. Requests are
// rendered once; only the message ids and user ids are patched before each send.
package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Config says what to send.
type Config struct {
	Address     string // HOST:PORT
	WriteKey    string
	Connections int
	Batch       int // events per request; 1 sends single track calls
	Users       int // size of the pool of user ids
	Duration    time.Duration
	Rate        float64 // events per second over all connections; 0: as fast as answers come
	Seed        uint64
}

// Result is what came back.
type Result struct {
	Requests  int64           `json:"requests"`
	Events    int64           `json:"events"` // in requests answered with 200
	Refused   map[int]int64   `json:"refused,omitempty"`
	Seconds   float64         `json:"seconds"`
	Latencies []time.Duration `json:"-"` // of every request, sorted
}

// EventsPerSecond is the rate of accepted events.
func (r Result) EventsPerSecond() float64 { return float64(r.Events) / r.Seconds }

// RequestsPerSecond is the rate of answers of any status.
func (r Result) RequestsPerSecond() float64 { return float64(r.Requests) / r.Seconds }

// Quantile returns the latency below which the share q of the requests lies.
func (r Result) Quantile(q float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	return r.Latencies[min(int(q*float64(len(r.Latencies))), len(r.Latencies)-1)]
}

// Run sends until the duration is over or ctx is done. Each connection has one request
// under way at a time.
func Run(ctx context.Context, cfg Config) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Duration)
	defer cancel()
	results := make([]Result, cfg.Connections)
	errs := make([]error, cfg.Connections)
	began := time.Now()
	var all sync.WaitGroup
	for i := range cfg.Connections {
		all.Go(func() { results[i], errs[i] = runConnection(ctx, cfg, i) })
	}
	all.Wait()
	total := Result{Refused: map[int]int64{}, Seconds: time.Since(began).Seconds()}
	for _, r := range results {
		total.Requests += r.Requests
		total.Events += r.Events
		for code, n := range r.Refused {
			total.Refused[code] += n
		}
		total.Latencies = append(total.Latencies, r.Latencies...)
	}
	slices.Sort(total.Latencies)
	return total, errors.Join(errs...)
}

func runConnection(ctx context.Context, cfg Config, index int) (Result, error) {
	r := Result{Refused: map[int]int64{}}
	conn, err := net.Dial("tcp", cfg.Address)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 4096)
	req := NewRequest(cfg, index)
	var interval time.Duration
	if cfg.Rate > 0 {
		interval = time.Duration(float64(time.Second) * float64(cfg.Connections*cfg.Batch) / cfg.Rate)
	}
	next := time.Now().Add(time.Duration(rand.Int64N(int64(interval) + 1))) //nolint:gosec // spreads the connections
	for ctx.Err() == nil {
		if interval > 0 {
			pause(ctx, time.Until(next))
			next = next.Add(interval)
		}
		at := time.Now()
		if _, err := conn.Write(req.Next()); err != nil {
			return r, err
		}
		code, err := readAnswer(in)
		if err != nil {
			return r, err
		}
		r.Latencies = append(r.Latencies, time.Since(at))
		r.Requests++
		if code == 200 {
			r.Events += int64(cfg.Batch)
		} else {
			r.Refused[code]++
		}
	}
	return r, nil
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// readAnswer reads one HTTP/1.1 answer with a Content-Length and returns its status.
func readAnswer(in *bufio.Reader) (status int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("odd status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("content-length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return status, err
}

// Request is a rendered HTTP request whose ids change with each Next.
type Request struct {
	buf   []byte
	ids   []int // where each event's 16-digit message number is
	users []int // where each event's 9-digit user number is, twice an event: user and device
	rng   *rand.Rand
	pool  int
	next  uint64
}

const (
	messageDigits = 16
	userDigits    = 9
)

// NewRequest renders the request of one connection. Message ids of different
// connections and seeds never meet.
func NewRequest(cfg Config, connection int) *Request {
	req := &Request{rng: rand.New(rand.NewPCG(cfg.Seed, uint64(connection))), pool: cfg.Users} //nolint:gosec // not a secret
	var body bytes.Buffer
	path := "/v1/track"
	if cfg.Batch > 1 {
		path = "/v1/batch"
		body.WriteString(`{"batch":[`)
	}
	for i := range cfg.Batch {
		if i > 0 {
			body.WriteByte(',')
		}
		req.writeEvent(&body, cfg, connection)
	}
	if cfg.Batch > 1 {
		body.WriteString(`]}`)
	}
	auth := base64.StdEncoding.EncodeToString([]byte(cfg.WriteKey + ":"))
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, cfg.Address, auth, body.Len())
	for i := range req.ids {
		req.ids[i] += len(head)
		req.users[2*i] += len(head)
		req.users[2*i+1] += len(head)
	}
	req.buf = append([]byte(head), body.Bytes()...)
	return req
}

// writeEvent writes a track call of about 770 bytes: ten properties and a context.
func (r *Request) writeEvent(b *bytes.Buffer, cfg Config, connection int) {
	fmt.Fprintf(b, `{"type":"track","event":"%s","messageId":"load-%d-%d-`, events[len(r.ids)%len(events)], cfg.Seed, connection)
	r.ids = append(r.ids, b.Len())
	b.WriteString("0000000000000000")
	b.WriteString(`","userId":"load-user-`)
	r.users = append(r.users, b.Len())
	b.WriteString(`000000000","anonymousId":"load-device-`)
	r.users = append(r.users, b.Len())
	b.WriteString(`000000000","properties":{"product_id":"p-48213","sku":"TS-2026-EX","category":"electric suv","name":"Basalt EX Long Range","brand":"Touchstone",` +
		`"price":289900,"quantity":1,"currency":"CNY","coupon":"AUTUMN26","in_stock":true},` +
		`"context":{"ip":"203.0.113.24","locale":"zh-CN","timezone":"Asia/Shanghai","userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",` +
		`"library":{"name":"analytics.js","version":"2.11.1"},"page":{"path":"/models/basalt-ex","url":"https://shop.example.com/models/basalt-ex","title":"Basalt EX"},"campaign":{"source":"weibo","medium":"cpc","name":"autumn"}}}`)
}

var events = [...]string{"Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Content Viewed", "Test Drive Booked"}

// Next patches fresh ids in and returns the bytes to send, valid until the next call.
func (r *Request) Next() []byte {
	for i := range r.ids {
		r.next++
		putDigits(r.buf[r.ids[i]:r.ids[i]+messageDigits], r.next)
		user := r.rng.Uint64N(uint64(r.pool)) //nolint:gosec // positive
		putDigits(r.buf[r.users[2*i]:r.users[2*i]+userDigits], user)
		putDigits(r.buf[r.users[2*i+1]:r.users[2*i+1]+userDigits], user)
	}
	return r.buf
}

func putDigits(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}
