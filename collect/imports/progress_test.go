package imports

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
)

// place is imports over the real edge, with a log of its own.
type place struct {
	*Imports
	t   testing.TB
	log *memory.Log
}

func newDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newPlace(t *testing.T, db *store.DB, configure func(*Config)) *place {
	t.Helper()
	ctx := context.Background()
	if err := db.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		t.Fatal(err)
	}
	log := memory.New(1, nil)
	batcher := stream.NewBatcher(log, stream.BatcherConfig{})
	t.Cleanup(batcher.Close)
	edge, err := collect.New(ctx, collect.Config{DB: db, Log: batcher})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{DB: db, Clock: touchstone.SystemClock{}, Logger: slog.New(slog.DiscardHandler), Sources: edge.Sources(), Frames: edge, Kinds: touchstone.DefaultKindSet()}
	if configure != nil {
		configure(&cfg)
	}
	x, err := New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &place{x, t, log}
}

// begin begins the import that all tests are about.
func (p *place) begin() string {
	p.t.Helper()
	s, err := p.Server().Begin(p.t.Context(), importer.Request{File: "shop.csv", Fingerprint: "sha256:1", Source: "retail", Mapping: []byte(`{}`)})
	if err != nil {
		p.t.Fatal(err)
	}
	return s.ID
}

// send gives rows first…first+n-1.
func (p *place) send(id string, first, n int) (importer.Step, error) {
	var packed bytes.Buffer
	w := s2.NewWriter(&packed)
	for row := first; row < first+n; row++ {
		w.Write(stream.AppendFrame(nil, touchstone.AppendEvent(nil, &touchstone.Event{
			Type: touchstone.Track, MessageID: fmt.Sprint("row-", row), Name: "Bought", Time: time.UnixMilli(1e12), ReceivedAt: time.UnixMilli(1e12),
			Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: fmt.Sprint("u", row%2)}},
		})))
	}
	w.Close()
	return p.Server().Append(p.t.Context(), id, importer.Part{First: int64(first), Rows: int64(n), Frames: packed.Bytes()})
}

// want sends rows and wants the next ones to be from there on.
func (p *place) want(id string, first, n int, next int64) {
	p.t.Helper()
	if step, err := p.send(id, first, n); err != nil || step.NextRow != next {
		p.t.Errorf("rows from %d on: %+v, %v; want row %d next", first, step, err, next)
	}
}

func (p *place) wantState(id string, next int64, status string) {
	p.t.Helper()
	if s, err := p.Server().State(p.t.Context(), id); err != nil || s.NextRow != next || s.Status != status {
		p.t.Errorf("%+v, %v; want row %d next, %s", s, err, next, status)
	}
}

// collectMessages adds the message ids in the log.
func (p *place) collectMessages(ids map[string]int) {
	p.t.Helper()
	ctx := context.Background()
	_, end, err := p.log.Bounds(ctx, 0)
	for at := stream.Offset(1); err == nil && at < end; {
		var records []stream.Record
		if records, err = p.log.Read(ctx, 0, at, 100, 1<<20); err != nil {
			break
		}
		for _, r := range records {
			frames, err := stream.DecodeRecord(r.Data)
			if err != nil {
				p.t.Fatal(err)
			}
			for f := range frames.All() {
				var e touchstone.Event
				if err := touchstone.DecodeEvent(f, &e); err != nil {
					p.t.Fatal(err)
				}
				ids[e.MessageID]++
			}
			at = r.Offset + 1
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// A crash may lose the last second of progress, never rows: the server asks for some of
// them again.
func TestProgressIsWrittenBehind(t *testing.T) {
	db := newDB(t)
	p := newPlace(t, db, nil)
	id := p.begin()
	p.want(id, 1, 5, 6)
	if err := p.progress.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.want(id, 6, 5, 11)

	after := newPlace(t, db, nil) // the process that comes after the crash
	if _, err := after.send(id, 11, 5); touchstone.KindOf(err) != touchstone.Conflict {
		t.Errorf("rows behind a gap: %v", err)
	}
	after.wantState(id, 6, "running")
	after.want(id, 6, 10, 16)
	if s, err := after.Server().Finish(t.Context(), id); err != nil || s.NextRow != 16 {
		t.Errorf("%+v, %v", s, err)
	}
	newPlace(t, db, nil).wantState(id, 16, "finished")
}

// Two clients send the same file at once; with PostgreSQL through two servers.
func TestSeveralSendOneFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		places := []*place{newPlace(t, db, nil)}
		if db.Dialect() == store.Postgres {
			places = append(places, newPlace(t, db, nil))
		} else {
			places = append(places, places[0])
		}
		id := places[0].begin()
		const parts, size = 30, 7
		var senders, flusher sync.WaitGroup
		stop := make(chan struct{})
		flusher.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := places[0].progress.flush(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		for _, p := range places {
			senders.Go(func() {
				for part := range parts {
					if _, err := p.send(id, 1+part*size, size); err != nil {
						t.Errorf("part %d: %v", part, err)
						return
					}
				}
			})
		}
		senders.Wait()
		close(stop)
		flusher.Wait()
		if s, err := places[0].Server().Finish(t.Context(), id); err != nil || s.NextRow != parts*size+1 {
			t.Errorf("%+v, %v", s, err)
		}
		seen := map[string]int{}
		places[0].collectMessages(seen)
		if places[1] != places[0] {
			places[1].collectMessages(seen)
		}
		if len(seen) != parts*size {
			t.Errorf("%d of %d rows are in the logs", len(seen), parts*size)
		}
	})
}

// What is asked about imports that are not there takes no memory, and no more imports than
// may be are held: one that has nothing to write makes room.
func TestProgressIsBounded(t *testing.T) {
	p := newPlace(t, newDB(t), func(c *Config) { c.MaxOpen = 2 })
	for i := range 5 {
		if _, err := p.send(fmt.Sprint("imp_none", i), 1, 1); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("an import that is not there: %v", err)
		}
	}
	if n := len(p.progress.open); n != 0 {
		t.Errorf("%d imports that are not there are held", n)
	}
	var ids []string
	for i := range 3 {
		s, err := p.Server().Begin(t.Context(), importer.Request{File: "f", Fingerprint: fmt.Sprint(i), Source: "s", Mapping: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	p.want(ids[0], 1, 1, 2)
	p.want(ids[1], 1, 1, 2)
	if _, err := p.send(ids[2], 1, 1); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("a third import beside two with something to write: %v", err)
	}
	if err := p.progress.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.want(ids[2], 1, 1, 2)
	if n := len(p.progress.open); n != 2 {
		t.Errorf("%d imports are held", n)
	}
}
