package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// Retention says how much of the log is kept. Zero means no limit. The limits are
// wishes, the bound of [RetainConfig.KeepFrom] is a law: what has not been worked on is kept.
type Retention struct {
	MaxAge   time.Duration
	MaxBytes int64 // of all partitions together, split evenly
}

// RetainConfig configures [Retain].
type RetainConfig struct {
	Retention
	// KeepFrom returns the first record of a partition that is still needed: not yet
	// processed, or not yet in the warehouse. It and all later ones are kept.
	KeepFrom func(ctx context.Context, partition int) (Offset, error)
	Interval time.Duration    // between two trims; 1 min by default
	Clock    touchstone.Clock // the system's by default
	Logger   *slog.Logger     // nil: quiet
	Register prometheus.Registerer
}

// Retain trims the log until ctx is done.
func Retain(ctx context.Context, log Log, cfg RetainConfig) {
	if cfg.Interval <= 0 {
		cfg.Interval = time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	trimmed := prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_stream_trimmed_records_total",
		Help: "Records dropped from the log by age or size, after they had been processed."})
	if cfg.Register != nil {
		err := cfg.Register.Register(trimmed)
		if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok { // of an earlier call
			trimmed = known.ExistingCollector.(prometheus.Counter)
		}
	}
	t := time.NewTicker(cfg.Interval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		n, err := Trim(ctx, log, cfg.Retention, cfg.Clock.Now(), cfg.KeepFrom)
		trimmed.Add(float64(n))
		if err != nil && ctx.Err() == nil {
			cfg.Logger.Error("cannot trim the log", "error", err)
		}
	}
}

// Trim drops the records that are older than r.MaxAge at now and, if the log is larger
// than r.MaxBytes, the oldest ones over that, but none from keepFrom on. It returns how
// many were dropped.
func Trim(ctx context.Context, log Log, r Retention, now time.Time, keepFrom func(context.Context, int) (Offset, error)) (int, error) {
	size := int64(0)
	if r.MaxBytes > 0 {
		var err error
		if size, err = log.Size(ctx); err != nil {
			return 0, fmt.Errorf("measure the log: %w", err)
		}
	}
	total := 0
	for p := range log.Partitions() {
		n, err := trimPartition(ctx, log, p, r, size, now, keepFrom)
		total += n
		if err != nil {
			return total, fmt.Errorf("trim partition %d: %w", p, err)
		}
	}
	return total, nil
}

func trimPartition(ctx context.Context, log Log, p int, r Retention, size int64, now time.Time,
	keepFrom func(context.Context, int) (Offset, error)) (int, error) {
	keep, err := keepFrom(ctx, p)
	if err != nil {
		return 0, err
	}
	first, next, err := log.Bounds(ctx, p)
	if err != nil {
		return 0, err
	}
	keep = min(keep, next)
	if keep <= first {
		return 0, nil
	}
	s := scan{ctx: ctx, log: log, partition: p}
	before := first
	if r.MaxAge > 0 {
		oldest := now.Add(-r.MaxAge)
		if before, err = s.firstNot(first, keep, func(rec Record) bool { return rec.Time.Before(oldest) }); err != nil {
			return 0, err
		}
	}
	over := (size - r.MaxBytes) / int64(log.Partitions())
	if r.MaxBytes > 0 && over > 0 {
		bySize, err := s.skipBytes(first, keep, over)
		if err != nil {
			return 0, err
		}
		before = max(before, bySize)
	}
	if before <= first {
		return 0, nil
	}
	return int(before - first), log.Trim(ctx, p, before)
}

// scan looks at stored records of one partition.
type scan struct {
	ctx       context.Context
	log       Log
	partition int
}

func (s scan) read(at Offset, records, bytes int) ([]Record, error) {
	// The record exists, so this does not wait for one; but never hang on a surprise.
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	return s.log.Read(ctx, s.partition, at, records, bytes)
}

// firstNot returns the first of the offsets [from, to) whose record is not old, or to.
// Records are stored in the order of time, so it searches by halves.
func (s scan) firstNot(from, to Offset, old func(Record) bool) (Offset, error) {
	for from < to {
		middle := from + (to-from)/2
		records, err := s.read(middle, 1, 1)
		if err != nil {
			return 0, err
		}
		if old(records[0]) {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, nil
}

// skipBytes returns the offset behind the first records of [from, to) that have bytes
// together, or to.
func (s scan) skipBytes(from, to Offset, bytes int64) (Offset, error) {
	for from < to && bytes > 0 {
		records, err := s.read(from, int(min(to-from, 256)), 8<<20)
		if err != nil {
			return 0, err
		}
		for _, r := range records {
			if bytes <= 0 || r.Offset >= to {
				break
			}
			bytes -= int64(len(r.Data))
			from = r.Offset + 1
		}
	}
	return min(from, to), nil
}
