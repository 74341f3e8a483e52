package inbox

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxRowBytes is about how much is packed into one row: a batch with more gets several,
// so that a reader need not take in all of it at once.
const maxRowBytes = 1 << 20

// Writer is the pipeline's last stage but the feed: it writes what some reactor wants,
// in the batch's transaction. A batch in which nobody wants anything costs the read of
// one row.
type Writer struct {
	in *Inbox

	version  int64 // of the interests in wants; 0: read them
	retryAt  time.Time
	asked    map[string]Interest // the latest answers
	wants    wants
	pack     packer
	rows     []packed
	counts   [maxReactors]int64
	wrote    mask
	occurred int
}

// packed is a row to be written.
type packed struct {
	who  mask
	body []byte
}

// Name is the stage's name.
func (*Writer) Name() string { return "inbox" }

// Rollback forgets what was read in the batch that failed.
func (w *Writer) Rollback() { w.version = 0 }

// Committed wakes the reactors that something was written for.
func (w *Writer) Committed(*touchstone.Batch) {
	if w.wrote == 0 {
		return
	}
	w.in.metrics.written.Add(float64(w.occurred))
	w.in.wakeAll(w.wrote)
}

// Apply writes the occurrences of a batch that some reactor wants.
func (w *Writer) Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	w.wrote, w.occurred = 0, 0
	if len(w.in.reactors) == 0 {
		return nil
	}
	if err := w.refresh(ctx, tx, b.Now); err != nil {
		return err
	}
	if w.wants.any == 0 {
		return nil
	}
	w.collect(b)
	if len(w.rows) == 0 {
		return nil
	}
	err := w.write(ctx, tx, b.Now)
	clear(w.rows)
	w.rows = w.rows[:0]
	return err
}

// retryInterest is how long a reactor that could not tell its interest is left alone.
const retryInterest = time.Second

// refresh reads the interests when a definition may have changed. A reactor that cannot
// tell keeps its last interest, and hears of everything if there is none, so that
// nothing is lost; that it fails is seen in its progress.
func (w *Writer) refresh(ctx context.Context, tx *store.Tx, now time.Time) error {
	var version int64
	if err := tx.QueryRow(ctx, `SELECT version FROM inbox_interest WHERE one = 1`).Scan(&version); err != nil {
		return fmt.Errorf("read the version of interests: %w", err)
	}
	if version == w.version && (w.retryAt.IsZero() || now.Before(w.retryAt)) {
		return nil
	}
	w.wants, w.retryAt = wants{}, time.Time{}
	for _, r := range w.in.reactors {
		// Outside of the batch's transaction, which a statement that fails would spoil. What
		// is read may be newer than the version, which then is read again.
		interest, err := r.interest(ctx, w.in.cfg.DB.Reader())
		r.interestFailed(err)
		switch last, known := w.asked[r.name]; {
		case err == nil:
			w.asked[r.name] = interest
		case ctx.Err() != nil:
			return ctx.Err()
		case known:
			interest = last
		default:
			interest = everything()
		}
		if err != nil {
			w.retryAt = now.Add(retryInterest)
			w.in.cfg.Logger.Error("a reactor cannot tell what it wants to hear of; its last interest counts", "reactor", r.name, "error", err)
		}
		w.wants.add(r.bit, interest)
	}
	w.version = version
	return nil
}

// collect packs what is wanted of a batch into rows.
func (w *Writer) collect(b *touchstone.Batch) {
	w.counts = [maxReactors]int64{}
	w.pack.reset()
	gone := lastErasures(b)
	if gone != nil { // whoever is erased may come again, with the same news
		w.wants.forget()
		defer w.wants.forget()
	}
	place := 0
	for item := range b.Ordered() {
		place++
		who := w.wanted(item)
		if who == 0 {
			continue
		}
		o := item.Occurrence()
		if gone != nil && o.Kind != touchstone.Erased && place < max(gone[o.Person], gone[o.Other]) {
			continue // the batch itself erases the person further on
		}
		carries := who
		if o.Kind != touchstone.EventHappened {
			carries &= w.wants.causes
		}
		w.pack.add(&o, who, carries)
		w.occurred++
		for rest := who; rest != 0; rest &= rest - 1 {
			w.counts[bits.TrailingZeros64(uint64(rest))]++
		}
		if w.pack.bytes() >= maxRowBytes {
			w.endRow()
		}
	}
	w.endRow()
}

func (w *Writer) endRow() {
	if w.pack.itemCount == 0 {
		return
	}
	w.rows = append(w.rows, packed{w.pack.who, w.pack.body()})
	w.wrote |= w.pack.who
	w.pack.reset()
}

// wanted tells who wants a step of the batch's order.
func (w *Writer) wanted(i touchstone.Item) mask {
	switch {
	case i.Change != nil:
		return w.wants.change(i.Change)
	case i.Timer != nil:
		return w.wants.timers.of(i.Timer.Owner)
	}
	return w.wants.event(i.Fact)
}

// lastErasures returns the place of each erased person's erasure in the batch's order.
func lastErasures(b *touchstone.Batch) map[touchstone.PersonID]int {
	var gone map[touchstone.PersonID]int
	for i := range b.Changes {
		if b.Changes[i].Kind == touchstone.PersonErased {
			gone = map[touchstone.PersonID]int{}
			break
		}
	}
	if gone == nil {
		return nil
	}
	place := 0
	for item := range b.Ordered() {
		place++
		if c := item.Change; c != nil && c.Kind == touchstone.PersonErased {
			gone[c.Person] = place
			if c.Parts != nil {
				for _, n := range c.Parts.Nodes { // persons that it had absorbed
					gone[touchstone.PersonID(n)] = place
				}
			}
		}
	}
	return gone
}

// write gives the rows their places behind those that are there. The head's row makes
// writers queue, so rows become visible in the order of their ids.
func (w *Writer) write(ctx context.Context, tx *store.Tx, now time.Time) error {
	total := int64(0)
	for _, r := range w.rows {
		total += int64(len(r.body))
	}
	var last, bytes int64
	if err := tx.QueryRow(ctx, `UPDATE inbox_head SET last_row = last_row + ?, bytes = bytes + ? WHERE one = 1 RETURNING last_row, bytes`,
		len(w.rows), total).Scan(&last, &bytes); err != nil {
		return fmt.Errorf("take places in the inbox: %w", err)
	}
	id, before := last-int64(len(w.rows)), bytes-total
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "inbox_rows", Columns: []string{"id", "written_at", "wants", "edition", "before", "body"}},
		len(w.rows), func(i int, args []any) {
			r := &w.rows[i]
			id++
			args[0], args[1], args[2], args[3], args[4], args[5] = id, now.UnixMilli(), int64(r.who), 0, before, r.body //nolint:gosec // 63 reactors at most
			before += int64(len(r.body))
		})
	if err != nil {
		return err
	}
	for i, n := range w.counts {
		if n == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE inbox_written SET occurrences = occurrences + ? WHERE bit = ?`, n, i); err != nil {
			return fmt.Errorf("count what was written: %w", err)
		}
	}
	return nil
}
