package conns

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Pace is how slowly the body of a request may arrive. Zero values take the defaults named there.
type Pace struct {
	Grace time.Duration // before the rate counts; 20 s
	Rate  int           // bytes per second on average; 500
	Wait  time.Duration // for the next bytes; 10 s
}

// WithDefaults fills in what is zero.
func (p Pace) WithDefaults() Pace {
	if p.Grace <= 0 {
		p.Grace = 20 * time.Second
	}
	if p.Rate <= 0 {
		p.Rate = 500
	}
	if p.Wait <= 0 {
		p.Wait = 10 * time.Second
	}
	return p
}

// Deadline is when the next bytes must have come, of a body that began to arrive at began
// and of which n bytes have come.
func (p Pace) Deadline(began, now time.Time, n int64) time.Time {
	average := began.Add(p.Grace + time.Duration(float64(n)/float64(p.Rate)*float64(time.Second)))
	if next := now.Add(p.Wait); next.Before(average) {
		return next
	}
	return average
}

// Slack is how far a deadline may be from what it should be, because setting it for every
// read would cost more than reading.
func (p Pace) Slack() time.Duration { return p.Wait / 10 }

// SlowBodies counts bodies that were cut off.
func SlowBodies(r prometheus.Registerer) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "touchstone", Subsystem: "http", Name: "slow_bodies_total",
		Help: "Requests cut off because their body stopped arriving or arrived too slowly."})
	if r != nil {
		r.MustRegister(c)
	}
	return c
}

// Middleware keeps the bodies of net/http's requests to the pace.
func (p Pace) Middleware(slow prometheus.Counter) func(http.Handler) http.Handler {
	p = p.WithDefaults()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			r.Body = &body{ReadCloser: r.Body, pace: p, slow: slow, control: http.NewResponseController(w), began: time.Now()}
			next.ServeHTTP(w, r)
		})
	}
}

type body struct {
	io.ReadCloser
	pace     Pace
	slow     prometheus.Counter
	control  *http.ResponseController
	began    time.Time
	n        int64
	deadline time.Time
}

func (b *body) Read(p []byte) (int, error) {
	if d := b.pace.Deadline(b.began, time.Now(), b.n); d.Sub(b.deadline).Abs() > b.pace.Slack() {
		b.deadline = d
		_ = b.control.SetReadDeadline(d) // where it cannot be set, the server's own ends the request
	}
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		b.slow.Inc()
	}
	return n, err
}
