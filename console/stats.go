package console

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone/api"
)

// Counters are the totals since the data folder was made, and how far behind the parts are.
type Counters struct {
	Accepted    int64
	Processed   int64
	InWarehouse int64
	Quarantined int64
	Duplicates  int64
	SetAside    int64 // processed, but not taken by the warehouse
	Erased      int64 // processed, but not in the warehouse because their persons were erased

	PipelineLag  time.Duration // age of the oldest event that is not processed
	WarehouseLag time.Duration // age of the oldest event that is not in the warehouse

	Stuck []Stuck

	Persons, KnownPersons int64
	Segments              int64
}

// Stuck is a part that cannot go on.
type Stuck struct {
	Part      string    `json:"part"` // pipeline or warehouse
	Partition int       `json:"partition"`
	Since     time.Time `json:"since"`
	Attempts  int       `json:"attempts"`
	Error     string    `json:"error"`
	Hint      string    `json:"hint"`
}

// Storage is what the parts occupy on disk.
type Storage struct {
	LogBytes       int64 `json:"log_bytes"`
	StoreBytes     int64 `json:"store_bytes"`
	WarehouseBytes int64 `json:"warehouse_bytes"`
	DiskFreeBytes  int64 `json:"disk_free_bytes"`
}

type statsAnswer struct {
	Accepted    int64 `json:"accepted"`
	Processed   int64 `json:"processed"`
	InWarehouse int64 `json:"in_warehouse"`
	Quarantined int64 `json:"quarantined"`
	Duplicates  int64 `json:"duplicates"`
	SetAside    int64 `json:"set_aside"`
	Erased      int64 `json:"erased"`
	Lag         struct {
		Pipeline  float64 `json:"pipeline"`
		Warehouse float64 `json:"warehouse"`
	} `json:"lag_seconds"`
	Stuck        []Stuck `json:"stuck"`
	Persons      int64   `json:"persons"`
	KnownPersons int64   `json:"known_persons"`
	Segments     int64   `json:"segments"`
	Throughput   struct {
		Accepted  float64 `json:"accepted_per_second"`
		Processed float64 `json:"processed_per_second"`
		// History is there in answers, not in the live feed.
		History []float64 `json:"history,omitempty"`
	} `json:"throughput"`
	Process struct {
		CPU        float64 `json:"cpu_seconds"`
		RSS        int64   `json:"rss_bytes"`
		Goroutines int     `json:"goroutines"`
		Uptime     float64 `json:"uptime_seconds"`
	} `json:"process"`
	Storage Storage   `json:"storage"`
	Time    time.Time `json:"time"`
}

// historySeconds is how many seconds of throughput are kept for charts that have just been
// opened.
const historySeconds = 180

// throughputWindow is over how many of the last seconds throughput is a mean: short
// enough to feel live, long enough that micro-batches do not make it jump.
const throughputWindow = 5

// statsRing remembers the counters of the last seconds.
type statsRing struct {
	started time.Time

	mu      sync.Mutex
	samples [throughputWindow + 1]sample
	n       int       // samples taken so far
	history []float64 // accepted per second, oldest first

	storage     Storage
	storageTime time.Time
}

type sample struct {
	at                  time.Time
	accepted, processed int64
}

func (s *statsRing) add(x sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n > 0 {
		last := s.samples[(s.n-1)%len(s.samples)]
		if seconds := x.at.Sub(last.at).Seconds(); seconds > 0 {
			s.history = append(s.history, max(0, float64(x.accepted-last.accepted)/seconds))
			s.history = s.history[max(0, len(s.history)-historySeconds):]
		}
	}
	s.samples[s.n%len(s.samples)] = x
	s.n++
}

// recent returns the throughput of the last seconds, oldest first.
func (s *statsRing) recent() []float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history)
}

// rates returns the means between the oldest sample of the window and now.
func (s *statsRing) rates(now sample) (accepted, processed float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		return 0, 0
	}
	oldest := s.samples[0]
	if s.n > len(s.samples) {
		oldest = s.samples[s.n%len(s.samples)]
	}
	seconds := now.at.Sub(oldest.at).Seconds()
	if seconds < 0.1 {
		return 0, 0
	}
	return max(0, float64(now.accepted-oldest.accepted)/seconds), max(0, float64(now.processed-oldest.processed)/seconds)
}

// sample notes the counters of this second.
func (c *Console) sample(ctx context.Context) {
	if c.cfg.Counters == nil {
		return
	}
	n, err := c.cfg.Counters(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.cfg.Log.Warn("counters were not read", "error", err)
		}
		return
	}
	c.stats.add(sample{c.cfg.Clock.Now(), n.Accepted, n.Processed})
}

// storageEvery bounds how often folders are measured.
const storageEvery = 10 * time.Second

func (c *Console) storage(ctx context.Context, now time.Time) (Storage, error) {
	s := &c.stats
	s.mu.Lock()
	fresh := !s.storageTime.IsZero() && now.Sub(s.storageTime) < storageEvery
	last := s.storage
	if !fresh {
		s.storageTime = now // the others take the last value meanwhile
	}
	s.mu.Unlock()
	if fresh || c.cfg.Storage == nil {
		return last, nil
	}
	got, err := c.cfg.Storage(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.storageTime = time.Time{}
		return last, err
	}
	s.storage = got
	return got, nil
}

func (c *Console) currentStats(ctx context.Context) (*statsAnswer, error) {
	if c.cfg.Counters == nil {
		return nil, api.NotHere("statistics")
	}
	n, err := c.cfg.Counters(ctx)
	if err != nil {
		return nil, err
	}
	now := c.cfg.Clock.Now()
	a := &statsAnswer{
		Accepted: n.Accepted, Processed: n.Processed, InWarehouse: n.InWarehouse, Quarantined: n.Quarantined, Duplicates: n.Duplicates, SetAside: n.SetAside, Erased: n.Erased,
		Stuck:   append([]Stuck{}, n.Stuck...),
		Persons: n.Persons, KnownPersons: n.KnownPersons, Segments: n.Segments, Time: now,
	}
	a.Lag.Pipeline, a.Lag.Warehouse = n.PipelineLag.Seconds(), n.WarehouseLag.Seconds()
	a.Throughput.Accepted, a.Throughput.Processed = c.stats.rates(sample{now, n.Accepted, n.Processed})
	a.Process.CPU, a.Process.RSS = processUsage()
	a.Process.Goroutines = runtime.NumGoroutine()
	a.Process.Uptime = now.Sub(c.stats.started).Seconds()
	a.Storage, err = c.storage(ctx, now)
	if err != nil {
		c.cfg.Log.Warn("storage was not measured", "error", err)
	}
	return a, nil
}

func (c *Console) getStats(w http.ResponseWriter, r *http.Request) error {
	a, err := c.currentStats(r.Context())
	if err != nil {
		return err
	}
	a.Throughput.History = c.stats.recent()
	return api.WriteJSON(w, http.StatusOK, a)
}
