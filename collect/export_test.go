package collect

import (
	"context"
	"errors"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

var benchLimits = scanLimits{events: 2500, eventBytes: 32 << 10}

// BenchParse returns a function that scans, builds and encodes all events of a batch.
func BenchParse() func(body []byte) error {
	c := &Collector{partitions: 1, metrics: newMetrics(nil, callNames()), clock: touchstone.SystemClock{}}
	c.cfg.Kinds = touchstone.DefaultKindSet()
	c.cfg.MaxNameBytes, c.cfg.MaxIDBytes, c.cfg.MaxIdentifiers, c.cfg.MaxEventBytes, c.cfg.MaxFuture = 256, 256, 20, 32<<10, 24*time.Hour
	c.feed = newFeed(0, c.metrics.sampledOut)
	x, o := c.newExchange(), c.newOutbox()
	return func(body []byte) error {
		if !x.scanner.scan(body, true, benchLimits) {
			return errors.New(x.scanner.err.message)
		}
		o.parts[0] = part{frames: o.parts[0].frames[:0]}
		rejected := c.encode(x, o, true, origin{source: "src_0123456789abcdef", received: time.Now().UnixMilli()})
		if rejected != nil {
			return errors.New(x.event.Reason)
		}
		return nil
	}
}

// SplitCost scans a batch and tells how many bytes were passed to split it.
func SplitCost(body []byte) int {
	var s scanner
	s.scan(body, true, scanLimits{events: 60_000, eventBytes: 32 << 10})
	return s.walked
}

var benchScanner scanner

// BenchScan only scans.
func BenchScan(body []byte) error {
	if !benchScanner.scan(body, true, benchLimits) {
		return errors.New(benchScanner.err.message)
	}
	return nil
}

// RecountItems brings the number of items up to date, as Run does from time to time.
func (c *Collector) RecountItems(ctx context.Context) error { return c.items.count(ctx) }
