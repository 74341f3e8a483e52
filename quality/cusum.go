package quality

import "math"

// Sum is a one-sided CUSUM: it adds up how much likelier what is seen is under a change than
// under what is usual, and starts again at zero when the usual is likelier (Page, "Continuous
// inspection schemes", Biometrika 41, 1954). It reaches a limit h by chance about once in e^h looks.
type Sum struct {
	S float64 `json:"s"`
	// Since is the tick in which it last left zero: where the change began, if it is one.
	Since int64 `json:"since,omitempty"`
}

// add takes up a log-likelihood ratio of a tick, and reports whether the limit is reached.
func (c *Sum) add(ratio, limit float64, tick int64) bool {
	if c.S == 0 {
		c.Since = tick
	}
	if c.S += ratio; c.S <= 0 {
		*c = Sum{}
	}
	// Bounded, so that an alarm ends soon after what it is about.
	c.S = min(c.S, 1.5*limit)
	return c.S >= limit
}

// shareRatio is the log-likelihood ratio of hits among n, for a change of the share from to to.
func shareRatio(hits, n, from, to float64) float64 {
	from, to = clip(from), clip(to)
	return hits*math.Log(to/from) + (n-hits)*math.Log((1-to)/(1-from))
}

// clip keeps a share away from 0 and 1: a thing that never happened may still happen once.
func clip(p float64) float64 { return min(max(p, 0.005), 0.995) }

// Share is a usual share, learnt from what is seen while nothing is wrong.
type Share struct {
	Mean   float64 `json:"mean"`
	Weight float64 `json:"weight"` // events that it was learnt from, bounded
	// Spread is how much larger the variance of shares of a tick is than that of independent events:
	// what comes in bursts is less surprising.
	Spread float64 `json:"spread,omitempty"`
	Change Sum     `json:"change"`
}

// learnt is how many events a share is made of before it is believed, remembered how many it
// remembers at most.
const (
	learnt     = 200
	remembered = 20_000
)

func (s *Share) known() bool { return s.Weight >= learnt }

// learn takes up hits among n.
func (s *Share) learn(hits, n float64) {
	if n == 0 {
		return
	}
	if s.known() && n >= 5 {
		expected := clip(s.Mean)
		z := (hits - n*s.Mean) * (hits - n*s.Mean) / (n * expected * (1 - expected))
		s.Spread = max(1, s.Spread) + 0.02*(min(z, 100)-max(1, s.Spread))
		s.Spread = max(1, s.Spread)
	}
	s.Weight = min(s.Weight+n, remembered)
	s.Mean += (hits/n - s.Mean) * n / s.Weight
}

// look takes up a tick and reports whether the share has changed to to or beyond.
func (s *Share) look(hits, n, to, limit float64, tick int64) bool {
	if !s.known() {
		return false
	}
	return s.Change.add(shareRatio(hits, n, s.Mean, to)/max(1, s.Spread), limit, tick)
}
