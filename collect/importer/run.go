package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// Run imports a file. It can be broken off and run again at any time: it goes on behind
// the last row that the server acknowledged, and a file that was imported adds nothing.
// When it is broken off, the summary tells how far it came.
func Run(ctx context.Context, options Options) (Summary, error) {
	o, err := options.withDefaults()
	if err != nil {
		return Summary{}, err
	}
	r := newRun(o)
	began := time.Now()
	if err = r.run(ctx); err != nil && ctx.Err() != nil {
		// Being broken off is the cause of whatever failed then.
		err = touchstone.Wrap(touchstone.Unavailable, ctx.Err(), "the import was broken off after %s rows", thousands(r.summary.Rows)).
			WithHint("the same command goes on there")
	}
	r.summary.Seconds = time.Since(began).Seconds()
	if sent := r.summary.Rows - r.summary.Skipped; sent > 0 {
		r.summary.RowsPerSecond = float64(sent) / r.summary.Seconds
	}
	return r.summary, err
}

// run is one import under way.
type run struct {
	Options
	server  Server
	sum     string
	size    int64
	state   State
	began   State // as it was when this run began
	before  Stats
	summary Summary
	done    Progress
}

func newRun(o Options) *run {
	r := &run{Options: o, summary: Summary{File: o.File, Source: o.Source, Reasons: []intake.RowReason{}}}
	wait := patience{retryFor: o.RetryFor, pause: o.pause, note: r.note}
	if r.server = o.To; r.server != nil {
		r.server = patientServer{o.To, wait}
	} else {
		r.server = &client{patience: wait, http: o.Client, base: o.Server, key: o.Key}
	}
	return r
}

// patientServer waits with a part while a server of the same process cannot take it: the disk
// is nearly full, say. Over HTTP every call waits.
type patientServer struct {
	Server
	patience
}

func (p patientServer) Append(ctx context.Context, id string, part Part) (step Step, err error) {
	err = p.do(ctx, func() (err error) {
		step, err = p.Server.Append(ctx, id, part)
		return err
	})
	return step, err
}

// note reports something to tell once.
func (r *run) note(text string) {
	p := r.done
	p.Note = text
	r.Progress(p)
}

func (r *run) report(phase Phase) {
	r.done.Phase, r.done.TotalBytes = phase, r.size
	r.Progress(r.done)
}

func (r *run) run(ctx context.Context) error {
	if err := r.probe(); err != nil {
		return err
	}
	var err error
	if r.sum, r.size, err = r.know(ctx); err != nil {
		return err
	}
	if err := r.loadKinds(ctx); err != nil {
		return err
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	if r.summary.AlreadyImported {
		return nil
	}
	if r.before, err = r.server.Stats(ctx); err != nil {
		return err
	}
	r.summary.PersonsBefore = r.before.Persons
	if err := r.sendAll(ctx); err != nil {
		return err
	}
	if r.state, err = r.server.Finish(ctx, r.state.ID); err != nil {
		return err
	}
	// What the server has counted is the truth: it refuses rows that passed here, and its
	// answer to a part may have been lost.
	r.summary.Accepted, r.summary.Rejected = r.state.Accepted-r.began.Accepted, r.state.Rejected-r.began.Rejected
	r.summary.Reasons = r.state.Reasons[:min(len(r.state.Reasons), maxShownReasons)]
	return r.settle(ctx)
}

// Begin finds or makes the import that [Run] would go on with, and sends no row. A later Run
// with the Fingerprint of the summary, and without Again, is of that import.
func Begin(ctx context.Context, options Options) (Summary, error) {
	o, err := options.withDefaults()
	if err != nil {
		return Summary{}, err
	}
	r := newRun(o)
	if err = r.probe(); err != nil {
		return r.summary, err
	}
	if r.sum, r.size, err = r.know(ctx); err != nil {
		return r.summary, err
	}
	err = r.begin(ctx)
	return r.summary, err
}

// probe finds a mapping that does not fit the file before the server is troubled.
func (r *run) probe() error {
	c, err := newConverter(r.File, r.Mapping, planOptions{key: r.FileKey, kinds: r.Kinds})
	if err != nil {
		return err
	}
	if err := c.close(); err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", r.File)
	}
	return nil
}

// know returns what names the content of the file, and its size.
func (r *run) know(ctx context.Context) (sum string, size int64, err error) {
	if r.Fingerprint == "" {
		return fingerprint(ctx, r.File, r.FileKey, r.Progress)
	}
	f, err := vault.Open(r.File, r.FileKey, os.O_RDONLY, 0)
	if err != nil {
		return "", 0, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", r.File)
	}
	return r.Fingerprint, f.Size(), f.Close()
}

// maxAgain bounds how often one file is imported again.
const maxAgain = 1000

// begin finds the import of this file on the server or makes it.
func (r *run) begin(ctx context.Context) (err error) {
	request := Request{
		File: r.Name, Size: r.size, Source: r.Source, Mapping: r.Mapping.JSON(), Fingerprint: r.sum,
	}
	for n := 1; n <= maxAgain; n++ {
		request.Fingerprint = repeated(r.sum, n)
		if r.state, err = r.server.Begin(ctx, request); err != nil {
			return err
		}
		if r.state.Status != statusFinished || !r.Again {
			break
		}
	}
	r.sum, r.began = request.Fingerprint, r.state
	r.summary.Fingerprint = r.sum
	r.summary.Import = r.state.ID
	if r.state.Source.Name != "" {
		r.summary.Source = r.state.Source.Name
	}
	taken := r.state.NextRow - firstRow
	other := len(r.state.Mapping) > 0 && !sameJSON(r.state.Mapping, r.Mapping.JSON())
	switch {
	case r.state.Status == statusFinished:
		r.summary.AlreadyImported = true
		r.summary.Rows, r.summary.Skipped = max(taken, 0), max(taken, 0)
		if other {
			r.note("this file was imported with another mapping; --again imports it as a new import beside the first")
		}
	case taken > 0 && other:
		return touchstone.Errorf(touchstone.Conflict, "%s rows of this file were imported with another mapping", thousands(taken)).
			WithHint("go on with that mapping, or begin a new import of the file with --again")
	case taken > 0:
		r.summary.Resumed = true
		r.summary.Skipped = taken
		r.note(fmt.Sprintf("going on behind row %s, which the server has", thousands(taken)))
	}
	return nil
}

// firstRow is the number of a file's first row behind the header.
const firstRow = 1

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return bytes.Equal(a, b) || json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// maxRestarts bounds how often the server may say that it misses rows which it had
// acknowledged (it was restored from a backup, say).
const maxRestarts = 5

// sendAll sends every row behind those that the server has.
func (r *run) sendAll(ctx context.Context) error {
	for restarts := 0; ; restarts++ {
		err := r.sendFrom(ctx, max(r.state.NextRow, firstRow))
		if touchstone.KindOf(err) != touchstone.Conflict || restarts == maxRestarts {
			return err
		}
		before := r.state.NextRow
		state, stateErr := r.server.State(ctx, r.state.ID)
		if stateErr != nil {
			return err
		}
		if state.NextRow == before && restarts > 0 {
			return err
		}
		r.state.NextRow = state.NextRow
		r.note(fmt.Sprintf("the server asks for row %s", thousands(state.NextRow)))
	}
}

// sendFrom converts in one goroutine and sends in another, a few chunks behind. Chunks
// go out one at a time: the server takes rows in order, and a chunk is large enough for
// its round trip not to matter.
func (r *run) sendFrom(ctx context.Context, from int64) error {
	c, err := newConverter(r.File, r.Mapping, planOptions{
		key:   r.FileKey,
		leave: r.Leave,
		kinds: r.Kinds, source: r.state.Source.ID, received: now(r.Clock), undated: now(r.Clock), idPrefix: idPrefix(r.sum, r.summary.Source),
	})
	if err != nil {
		return err
	}
	defer c.close() // only read from
	if from > firstRow {
		r.report(PhaseSkip)
		if err := c.skip(from - 1); err != nil {
			return touchstone.Wrap(touchstone.Conflict, err, "the server has %s rows of this import, but the file ends before", thousands(from-1))
		}
	}
	r.done.Rows = c.row
	group, ctx := errgroup.WithContext(ctx)
	chunks := make(chan *chunk, r.Ahead-1)
	group.Go(func() error {
		defer close(chunks)
		var scratch chunkScratch
		for {
			k, err := c.chunk(r.ChunkRows, &scratch)
			if k == nil || err != nil {
				return err
			}
			select {
			case chunks <- k:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	group.Go(func() error {
		for k := range chunks {
			step, err := r.server.Append(ctx, r.state.ID, Part{First: k.first, Rows: k.rows, Frames: k.body})
			if err != nil {
				return err
			}
			r.state.NextRow = k.first + k.rows
			r.summary.Rows = k.first + k.rows - firstRow
			r.summary.Accepted += step.Accepted // corrected at the end: the answer to a part may have been lost
			r.summary.Rejected += step.Rejected
			r.done.Rows, r.done.Rejected, r.done.Bytes = r.summary.Rows, r.summary.Rejected, k.bytes
			r.report(PhaseSend)
		}
		return nil
	})
	err = group.Wait()
	r.summary.WithoutID = c.plan.noID
	if err == nil {
		r.summary.Rows = c.row
	}
	return err
}

// idPrefix makes generated message ids: a digest of file and source, then the row. So a
// row keeps its id in every run, and the same file in another source is other events.
func idPrefix(fingerprint, source string) string {
	sum := sha256.Sum256([]byte(fingerprint + "\x00" + source))
	return hex.EncodeToString(sum[:9]) + "-"
}

// How long an import waits for the warehouse.
const (
	pollEvery  = 50 * time.Millisecond
	stalledFor = 30 * time.Second
)

// settle waits until everything that was accepted has reached the warehouse or the
// quarantine, and reads what came of it.
func (r *run) settle(ctx context.Context) error {
	last, err := r.server.Stats(ctx)
	if err != nil {
		return err
	}
	goal := last.Accepted
	moved := time.Now()
	for !r.NoWait && !last.settled(goal) && time.Since(moved) < stalledFor {
		r.report(PhaseSettle)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
		s, err := r.server.Stats(ctx)
		if err != nil {
			return err
		}
		if s.InWarehouse != last.InWarehouse || s.Processed != last.Processed {
			moved = time.Now()
		}
		last = s
	}
	r.summary.InWarehouse = last.settled(goal)
	r.summary.Duplicates = last.Duplicates - r.before.Duplicates
	r.summary.Persons = last.Persons
	return nil
}
