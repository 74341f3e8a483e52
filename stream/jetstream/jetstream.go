// Package jetstream keeps the log in NATS JetStream: in a server inside the process
// ([OpenEmbedded]) or in a cluster ([Connect]).
package jetstream

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

const (
	defaultName    = "TS_EVENTS"
	requestTimeout = 10 * time.Second
	// A cluster's records come from other processes too; should their announcement get
	// lost, a waiting reader looks again after this time.
	pollInterval = 2 * time.Second
	// So often is a replica asked again, each after a millisecond, when it does not
	// have a record that was announced.
	maxStaleReads = 50
	// A read asks for at most so many records at once.
	readQueue = 1024
)

// Log is a log in JetStream: one stream per partition.
type Log struct {
	parts  []*partition
	logger *slog.Logger
	lost   prometheus.Counter

	// Reads have a connection of their own, so that a large answer does not hold up
	// appends.
	writeConn, readConn *nats.Conn
	js                  jetstream.JetStream
	seal                cipher.AEAD // nil: records are in the clear

	dir    string        // embedded: of its files; else empty
	trims  chan struct{} // full while somebody trims, or holds trims
	refuse func() error  // nil, or why appends are refused now
	broken *breakage     // embedded; else nil
	stop   []func()      // in order
	closed sync.Once
}

type partition struct {
	number  int
	name    string
	subject string
	stream  jetstream.Stream
	synced  func() error // embedded: makes a new file's name durable; else nil

	mu    sync.Mutex
	grown chan struct{} // closed and replaced when a record was added
	last  stream.Offset // of the records that were announced

	shared   bool       // other processes append too
	watchMu  sync.Mutex // guards watching
	watching jetstream.ConsumeContext
}

// config is what OpenEmbedded and Connect share.
type config struct {
	name       string
	partitions int
	replicas   int
	shared     bool // with other processes
	logger     *slog.Logger
	register   prometheus.Registerer
	seal       cipher.AEAD // nil: records are in the clear
}

// open finds or makes the streams.
func open(ctx context.Context, write, read *nats.Conn, cfg config) (*Log, error) {
	js, err := jetstream.New(write)
	if err != nil {
		return nil, err
	}
	l := &Log{writeConn: write, readConn: read, js: js, seal: cfg.seal, logger: cfg.logger, trims: make(chan struct{}, 1),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_stream_lost_records_total",
			Help: "Records missing in the middle of the log: storage has been damaged."})}
	if cfg.register != nil {
		cfg.register.MustRegister(l.lost)
	}
	found, err := countStreams(ctx, js, cfg.name)
	if err != nil {
		return nil, err
	}
	n := cfg.partitions
	switch {
	case n <= 0 && found > 0:
		n = found
	case n <= 0:
		n = 1
	case found > 0 && found != n:
		return nil, touchstone.Errorf(touchstone.Invalid, "the log has %d partitions, not %d", found, n).
			WithHint("a log keeps the number of partitions that it was made with")
	}
	for i := range n {
		p := &partition{number: i, name: cfg.name + "_" + strconv.Itoa(i), grown: make(chan struct{}), shared: cfg.shared}
		p.subject = strings.ToLower(strings.ReplaceAll(cfg.name, "_", ".")) + "." + strconv.Itoa(i)
		if p.stream, err = openStream(ctx, js, p, cfg.replicas); err != nil {
			return nil, err
		}
		l.parts = append(l.parts, p)
	}
	return l, nil
}

func countStreams(ctx context.Context, js jetstream.JetStream, name string) (int, error) {
	n := 0
	names := js.StreamNames(ctx)
	for s := range names.Name() {
		if i, err := strconv.Atoi(strings.TrimPrefix(s, name+"_")); err == nil && i >= 0 {
			n++
		}
	}
	if err := names.Err(); err != nil {
		return 0, touchstone.Wrap(touchstone.Unavailable, err, "cannot list the streams of the log").
			WithHint("check that JetStream is enabled on the NATS server and that this user may use it")
	}
	return n, nil
}

func openStream(ctx context.Context, js jetstream.JetStream, p *partition, replicas int) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, p.name)
	if err == nil {
		return s, nil // as it is: the operator may have tuned it
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("open the log's stream %s: %w", p.name, err)
	}
	s, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: p.name, Subjects: []string{p.subject}, Description: "Touchstone's events",
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
		Replicas: replicas, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1, AllowDirect: true,
	})
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot create the log's stream %s with %d replicas", p.name, replicas).
			WithHint("check the JetStream limits of the account and the number of servers")
	}
	return s, nil
}

// Partitions implements stream.Log.
func (l *Log) Partitions() int { return len(l.parts) }

func (l *Log) partition(i int) (*partition, error) {
	if i < 0 || i >= len(l.parts) {
		return nil, touchstone.Errorf(touchstone.Internal, "there is no partition %d", i)
	}
	return l.parts[i], nil
}

// Append implements stream.Log.
func (l *Log) Append(ctx context.Context, partition int, data []byte) (stream.Offset, error) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, err
	}
	if l.refuse != nil {
		if err := l.refuse(); err != nil {
			return 0, err
		}
	}
	if len(data) > stream.MaxRecordBytes {
		return 0, touchstone.Errorf(touchstone.TooLarge, "a record of %d bytes; at most %d are possible", len(data), stream.MaxRecordBytes)
	}
	if l.seal != nil {
		data = sealRecord(l.seal, partition, data)
	}
	ack, err := l.publish(ctx, p, data)
	if err != nil {
		return 0, explain(err)
	}
	if p.synced != nil {
		if err := p.synced(); err != nil {
			return 0, fmt.Errorf("sync the log's folder: %w", err)
		}
	}
	at := stream.Offset(ack.Sequence)
	p.announce(at)
	return at, nil
}

// explain tells callers about the errors that they can wait out.
func explain(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "the log refused the record",
			Hint: "check the limits of the JetStream account and the space on its disks", RetryAfter: 5 * time.Second, Err: err}
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse):
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "no server of the log answers",
			Hint: "send again in a second", RetryAfter: time.Second, Err: err}
	}
	return err
}

// announce wakes the readers that wait for a record.
func (p *partition) announce(at stream.Offset) {
	p.mu.Lock()
	p.last = max(p.last, at)
	close(p.grown)
	p.grown = make(chan struct{})
	p.mu.Unlock()
}

// growth returns a channel that is closed at the next announcement, and the last
// record announced so far.
func (p *partition) growth() (grown <-chan struct{}, last stream.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.grown, p.last
}

// Read implements stream.Log.
func (l *Log) Read(ctx context.Context, partition int, from stream.Offset, maxRecords, maxBytes int) ([]stream.Record, error) {
	p, err := l.partition(partition)
	if err != nil {
		return nil, err
	}
	if l.isClosed() {
		return nil, nats.ErrConnectionClosed
	}
	from, maxRecords, maxBytes = max(from, 1), max(maxRecords, 1), max(maxBytes, 1)
	for stale := 0; ; {
		grown, last := p.growth()
		records, err := l.fetch(ctx, p, from, maxRecords, maxBytes)
		if err != nil || len(records) > 0 {
			return records, err
		}
		if p.shared && last >= from && stale < maxStaleReads {
			// A replica that lags behind has answered, or the record was trimmed.
			if stale++; !sleep(ctx, time.Millisecond) {
				return nil, ctx.Err()
			}
			continue
		}
		if !l.watch(ctx, p) {
			continue // only now are records of others announced: look once more
		}
		if err := p.wait(ctx, grown, l.readConn); err != nil {
			return nil, err
		}
	}
}

// wait blocks until the partition may have grown.
func (p *partition) wait(ctx context.Context, grown <-chan struct{}, conn *nats.Conn) error {
	var poll <-chan time.Time
	if p.shared {
		t := time.NewTimer(pollInterval)
		defer t.Stop()
		poll = t.C
	}
	select {
	case <-grown:
	case <-poll:
	case <-ctx.Done():
		return ctx.Err()
	}
	if conn.IsClosed() {
		return nats.ErrConnectionClosed
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// watch sees to it that records which other processes append wake readers here: a
// consumer of headers only, made when the first reader waits. It returns false when
// it has just been made.
func (l *Log) watch(ctx context.Context, p *partition) bool {
	if !p.shared {
		return true
	}
	p.watchMu.Lock()
	defer p.watchMu.Unlock()
	if p.watching != nil {
		return true
	}
	c, err := p.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverNewPolicy, HeadersOnly: true})
	if err == nil {
		p.watching, err = c.Consume(func(m jetstream.Msg) {
			if meta, err := m.Metadata(); err == nil {
				p.announce(stream.Offset(meta.Sequence.Stream))
			}
		})
	}
	if err != nil {
		if ctx.Err() == nil {
			l.logger.Warn("cannot watch the log; polling instead", "stream", p.name, "error", err)
		}
		return true
	}
	return false
}

// batchRequest asks for a run of records; see the direct get API of JetStream.
type batchRequest struct {
	Seq      uint64 `json:"seq"`
	Batch    int    `json:"batch"`
	MaxBytes int    `json:"max_bytes"`
}

// fetch asks for the records from an offset on; none when there is none yet.
func (l *Log) fetch(ctx context.Context, p *partition, from stream.Offset, maxRecords, maxBytes int) ([]stream.Record, error) {
	inbox := l.readConn.NewRespInbox()
	sub, err := l.readConn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	if err := sub.SetPendingLimits(-1, -1); err != nil { // maxBytes bounds it
		return nil, err
	}
	req, err := json.Marshal(batchRequest{Seq: uint64(from), Batch: maxRecords, MaxBytes: maxBytes})
	if err != nil {
		return nil, err
	}
	if err := l.readConn.PublishRequest("$JS.API.DIRECT.GET."+p.name, inbox, req); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errSlow)
	defer cancel()
	var records []stream.Record
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return nil, err
		}
		if status := m.Header.Get("Status"); status != "" {
			return l.endOfBatch(status, m, p, records)
		}
		r, err := l.record(p, m)
		if err != nil {
			return nil, err
		}
		if n := len(records); n > 0 && r.Offset != records[n-1].Offset+1 {
			missing := r.Offset - records[n-1].Offset - 1
			l.lost.Add(float64(missing))
			l.logger.Error("records are missing in the log", "stream", p.name, "before", r.Offset, "records", missing)
		}
		records = append(records, r)
	}
}

var errSlow = &touchstone.Error{Kind: touchstone.Unavailable, Message: "the log did not answer in time", RetryAfter: time.Second}

// endOfBatch handles the message without a record that ends each answer.
func (l *Log) endOfBatch(status string, m *nats.Msg, p *partition, records []stream.Record) ([]stream.Record, error) {
	switch status {
	case "204", "404": // end of batch; nothing there
		return records, nil
	case "503":
		return nil, explain(nats.ErrNoResponders)
	}
	return nil, fmt.Errorf("read stream %s: status %s %s", p.name, status, m.Header.Get("Description"))
}

func (l *Log) record(p *partition, m *nats.Msg) (stream.Record, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return stream.Record{}, fmt.Errorf("an answer without a sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return stream.Record{}, fmt.Errorf("an answer without a time: %w", err)
	}
	r := stream.Record{Offset: stream.Offset(seq), Time: at, Data: m.Data}
	if l.seal != nil {
		if r.Data, err = openRecord(l.seal, p.number, m.Data); err != nil {
			return stream.Record{}, fmt.Errorf("record %d of %s: %w", seq, p.name, err)
		}
	}
	return r, nil
}

// Bounds implements stream.Log.
func (l *Log) Bounds(ctx context.Context, partition int) (first, next stream.Offset, err error) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, 0, err
	}
	info, err := l.info(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	next = stream.Offset(info.State.LastSeq) + 1
	if info.State.Msgs == 0 {
		return next, next, nil
	}
	return stream.Offset(info.State.FirstSeq), next, nil
}

func (l *Log) info(ctx context.Context, p *partition) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errSlow)
	defer cancel()
	info, err := p.stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask about stream %s: %w", p.name, explain(err))
	}
	return info, nil
}

// Trim implements stream.Log.
func (l *Log) Trim(ctx context.Context, partition int, before stream.Offset) error {
	first, next, err := l.Bounds(ctx, partition)
	if err != nil {
		return err
	}
	before = min(before, next) // JetStream would skip offsets that were never given out
	if before <= first {
		return nil
	}
	release, err := l.HoldTrims(ctx)
	if err != nil {
		return err
	}
	defer release()
	p := l.parts[partition]
	if err := p.stream.Purge(ctx, jetstream.WithPurgeSequence(uint64(before))); err != nil {
		return fmt.Errorf("trim stream %s: %w", p.name, err)
	}
	return nil
}

// Size implements stream.Log.
func (l *Log) Size(ctx context.Context) (int64, error) {
	var n int64
	for _, p := range l.parts {
		info, err := l.info(ctx, p)
		if err != nil {
			return 0, err
		}
		n += int64(info.State.Bytes)
	}
	return n, nil
}

func (l *Log) isClosed() bool { return l.readConn.IsClosed() }

// Close implements stream.Log.
func (l *Log) Close() error {
	l.closed.Do(func() {
		for _, p := range l.parts {
			p.watchMu.Lock()
			if p.watching != nil {
				p.watching.Stop()
			}
			p.watchMu.Unlock()
		}
		l.readConn.Close()
		l.writeConn.Close()
		for _, p := range l.parts {
			p.announce(0) // waiting readers see that the connection is closed
		}
		for _, stop := range l.stop {
			stop()
		}
	})
	return nil
}

var _ stream.Log = (*Log)(nil)
