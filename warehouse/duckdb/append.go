package duckdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// writer is the one connection that writes, with the small tables in memory.
type writer struct {
	conn            *conn
	names           map[string]int32 // the dictionary of event names
	positions       map[int]stream.Offset
	overrideVersion int64
	lastNode        atomic.Int64 // of the events; read by questions
	chunk           *chunkWriter
	places          []int // of eventColumns in events_raw
}

func (w *writer) close() {
	if w.chunk != nil {
		w.chunk.close()
	}
	w.conn.close()
}

// Append implements warehouse.Warehouse. Commits of several partitions follow one another.
func (w *Warehouse) Append(ctx context.Context, c warehouse.Commit) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed()
	}
	if err := w.writer.append(ctx, c); err != nil {
		return err
	}
	w.checkpointIfDue(ctx)
	return nil
}

func (w *writer) append(ctx context.Context, c warehouse.Commit) (err error) {
	before := w.positions[c.Partition]
	facts, left := withoutErased(after(c.Facts, before))
	overrides := c.Overrides
	if c.OverrideVersion <= w.overrideVersion {
		overrides = nil
	}
	through, version := max(before, c.Through), max(w.overrideVersion, c.OverrideVersion)
	if len(facts) == 0 && len(overrides) == 0 && through == before && version == w.overrideVersion && len(c.Erased) == 0 {
		return nil
	}
	if err := w.conn.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	undo, committing := w.undo(), false
	defer func() {
		switch {
		case err == nil && !c.Trial:
			return
		case !committing:
			_ = w.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
			undo()
		default: // a failed COMMIT may have been one: read the state anew
			clean := context.WithoutCancel(ctx)
			_ = w.conn.exec(clean, "ROLLBACK")
			err = errorsJoin(err, w.load(clean))
		}
		err = troubled(err)
	}()
	if err := w.appendNames(ctx, facts); err != nil {
		return err
	}
	if err := w.appendFacts(ctx, facts); err != nil {
		return err
	}
	if err := w.applyOverrides(ctx, overrides); err != nil {
		return err
	}
	if err := w.erase(ctx, c.Erased, left); err != nil {
		return err
	}
	if err := w.setPosition(ctx, c.Partition, through, version); err != nil {
		return err
	}
	if c.Trial {
		return nil
	}
	committing = true
	if err := w.conn.exec(ctx, "COMMIT"); err != nil {
		return err
	}
	w.positions[c.Partition], w.overrideVersion = through, version
	return nil
}

// undo returns what brings the tables in memory back to what they are now.
func (w *writer) undo() func() {
	names, lastNode := len(w.names), w.lastNode.Load()
	return func() {
		if len(w.names) > names { // codes count up
			maps.DeleteFunc(w.names, func(_ string, code int32) bool { return int(code) > names })
		}
		w.lastNode.Store(lastNode)
	}
}

// troubled marks the engine's errors that are not about what was to be written.
func troubled(err error) error {
	var engine *engineError
	if !errors.As(err, &engine) {
		return err
	}
	for _, class := range []string{"IO Error", "Out of Memory Error", "FATAL Error", "INTERNAL Error", "TransactionContext Error",
		"Connection Error", "Permission Error", "INTERRUPT Error", "Serialization Error", "Catalog Error"} {
		if strings.HasPrefix(engine.msg, class) {
			return touchstone.Wrap(touchstone.Unavailable, err, "the warehouse cannot be written")
		}
	}
	return err
}

// after returns the facts of records behind through.
func after(facts []touchstone.Fact, through stream.Offset) []touchstone.Fact {
	for i := range facts {
		if facts[i].Seq.Offset() > uint64(through) {
			return facts[i:]
		}
	}
	return nil
}

// appendNames gives codes to names not seen before.
func (w *writer) appendNames(ctx context.Context, facts []touchstone.Fact) error {
	for i := range facts {
		name := facts[i].Name
		if _, known := w.names[name]; known {
			continue
		}
		name = valid(name)
		code, known := w.names[name]
		if !known {
			code = int32(len(w.names) + 1)
			if err := w.conn.exec(ctx, "INSERT INTO event_names VALUES (?, ?)", int64(code), name); err != nil {
				return err
			}
			w.names[name] = code
		}
	}
	return nil
}

func (w *writer) appendFacts(ctx context.Context, facts []touchstone.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	if w.chunk == nil {
		w.chunk = newChunkWriter(w.places)
	}
	// Before the commit: a question must never see an event beyond the last node.
	last := w.lastNode.Load()
	for i := range facts {
		last = max(last, int64(facts[i].Node), -int64(facts[i].Node))
	}
	w.lastNode.Store(last)
	return w.chunk.write(ctx, w.conn, facts, w.names)
}

// applyOverrides replaces the rows of the nodes named. The last one of a node counts.
func (w *writer) applyOverrides(ctx context.Context, overrides []warehouse.Override) error {
	if len(overrides) == 0 {
		return nil
	}
	last := make(map[touchstone.NodeID]touchstone.PersonID, len(overrides))
	for _, o := range overrides {
		last[o.Node] = o.Person
	}
	var all, nodes, persons []int64
	for node, person := range last {
		all = append(all, int64(node))
		if person != 0 && int64(person) != int64(node) {
			nodes, persons = append(nodes, int64(node)), append(persons, int64(person))
		}
	}
	if err := w.conn.exec(ctx, "DELETE FROM overrides WHERE node IN (SELECT unnest(?::BIGINT[]))", all); err != nil {
		return fmt.Errorf("overrides: %w", err)
	}
	if len(nodes) == 0 {
		return nil
	}
	return w.conn.exec(ctx, "INSERT INTO overrides SELECT unnest(?::BIGINT[]), unnest(?::BIGINT[])", nodes, persons)
}

// withoutErased returns the facts that are to be kept, and the number of the others.
func withoutErased(facts []touchstone.Fact) (kept []touchstone.Fact, left int64) {
	for i := range facts {
		if facts[i].Node == touchstone.ErasedNode {
			left++
		}
	}
	if left == 0 {
		return facts, 0
	}
	kept = make([]touchstone.Fact, 0, len(facts))
	for i := range facts {
		if facts[i].Node != touchstone.ErasedNode {
			kept = append(kept, facts[i])
		}
	}
	return kept, left
}

// erase deletes what is kept of nodes, and counts their events with those that were left out. It
// reads the column of nodes once, however many they are. A person's number is that of a node.
func (w *writer) erase(ctx context.Context, erased []touchstone.NodeID, left int64) error {
	if len(erased) > 0 {
		nodes := make([]int64, len(erased))
		for i, n := range erased {
			nodes[i] = int64(n)
		}
		const theirs = " IN (SELECT unnest(?::BIGINT[]))"
		err := w.rowsOf(ctx, "DELETE FROM events_raw WHERE node"+theirs, []any{nodes}, func(row []any) {
			n, _ := row[0].(int64)
			left += n
		})
		for _, what := range []string{"overrides WHERE node", "set_members WHERE n"} {
			if err == nil {
				err = w.conn.exec(ctx, "DELETE FROM "+what+theirs, nodes)
			}
		}
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	if left == 0 {
		return nil
	}
	return w.conn.exec(ctx, "UPDATE erased_events SET n = n + ?", left)
}

func (w *writer) setPosition(ctx context.Context, partition int, through stream.Offset, version int64) error {
	if version != w.overrideVersion {
		if err := w.conn.exec(ctx, "DELETE FROM override_version"); err != nil {
			return err
		}
		if err := w.conn.exec(ctx, "INSERT INTO override_version VALUES (?)", version); err != nil {
			return err
		}
	}
	if err := w.conn.exec(ctx, "DELETE FROM positions WHERE partition = ?", partition); err != nil {
		return err
	}
	return w.conn.exec(ctx, "INSERT INTO positions VALUES (?, ?)", partition, int64(through))
}

func errorsJoin(errs ...error) error { return errors.Join(errs...) }
