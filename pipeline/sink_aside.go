package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// The reasons of events that the sink sets aside begin with these.
const (
	reasonNobody    = "no_person: the identity graph knows none of the event's identifiers"
	reasonWarehouse = "warehouse_refused: "
)

// replayID is the message id under which an event that the sink sets aside is kept and
// replayed: the pipeline has seen its own, and would drop it as a duplicate.
func replayID(f *touchstone.Fact) string {
	return f.MessageID + "#" + strconv.FormatInt(int64(f.Seq), 36)
}

// SetAside returns the number of events that the warehouse could not take, since the data
// folder was made.
func (s *Sink) SetAside() int64 { return s.aside.Load() }

func (s *Sink) loadAside(ctx context.Context) error {
	rows, err := s.cfg.DB.Reader().Query(ctx, `SELECT t.partition_id, t.set_aside, COALESCE(MAX(a.seq), 0)
		FROM sink_totals t LEFT JOIN sink_aside a ON a.partition_id = t.partition_id GROUP BY t.partition_id, t.set_aside`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var total int64
	for rows.Next() {
		var partition int
		var n int64
		var latest touchstone.Seq
		if err := rows.Scan(&partition, &n, &latest); err != nil {
			return err
		}
		total += n
		if partition < len(s.latest) {
			s.latest[partition] = latest
		}
	}
	s.aside.Store(total)
	return rows.Err()
}

// known gives facts their nodes and leaves out those that were set aside before, and those
// that the graph does not know, which it sets aside. Those of persons who have been erased since
// the pipeline took them in stay, for the warehouse to count.
func (s *Sink) known(ctx context.Context, partition int, facts []touchstone.Fact) ([]touchstone.Fact, error) {
	if len(facts) == 0 {
		return facts, nil
	}
	facts, err := s.leaveOut(ctx, partition, facts)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Graph.SetNodes(ctx, facts); err != nil {
		return nil, err
	}
	var nobody []touchstone.Aside
	for i := range facts {
		if facts[i].Node == 0 {
			nobody = append(nobody, touchstone.Aside{Index: i, Reason: reasonNobody})
		}
	}
	return s.setThemAside(ctx, partition, facts, nobody)
}

// leaveOut leaves out what was set aside before: an append that failed comes again.
func (s *Sink) leaveOut(ctx context.Context, partition int, facts []touchstone.Fact) ([]touchstone.Fact, error) {
	if facts[0].Seq > s.latest[partition] {
		return facts, nil
	}
	known, err := asideIn(ctx, s.cfg.DB.Reader(), partition, facts)
	if err != nil || len(known) == 0 {
		return facts, err
	}
	return slices.DeleteFunc(slices.Clone(facts), func(f touchstone.Fact) bool { return known[f.Seq] }), nil
}

// asideIn returns which of the facts, in order of Seq, have been set aside.
func asideIn(ctx context.Context, q store.Querier, partition int, facts []touchstone.Fact) (map[touchstone.Seq]bool, error) {
	rows, err := q.Query(ctx, `SELECT seq FROM sink_aside WHERE partition_id = ? AND seq >= ? AND seq <= ?`,
		partition, int64(facts[0].Seq), int64(facts[len(facts)-1].Seq))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := map[touchstone.Seq]bool{}
	for rows.Next() {
		var seq touchstone.Seq
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		known[seq] = true
	}
	return known, rows.Err()
}

// setThemAside puts facts in quarantine and returns the others. It counts each once,
// whatever becomes of the append that follows.
func (s *Sink) setThemAside(ctx context.Context, partition int, facts []touchstone.Fact, asides []touchstone.Aside) ([]touchstone.Fact, error) {
	if len(asides) == 0 {
		return facts, nil
	}
	kept := slices.Clone(facts)
	var gone []touchstone.Fact
	for _, a := range asides {
		f := facts[a.Index]
		f.Reason, f.MessageID = a.Reason, replayID(&f)
		gone = append(gone, f)
		kept[a.Index].Seq = -1
	}
	var fresh []touchstone.Fact
	err := s.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		if err := s.fence(ctx, tx); err != nil {
			return err
		}
		known, err := asideIn(ctx, tx, partition, gone)
		if err != nil {
			return err
		}
		fresh = slices.DeleteFunc(slices.Clone(gone), func(f touchstone.Fact) bool { return known[f.Seq] })
		err = tx.BulkUpsert(ctx, store.Upsert{Table: "sink_aside", Columns: []string{"partition_id", "seq"}}, len(fresh),
			func(i int, args []any) { args[0], args[1] = partition, int64(fresh[i].Seq) })
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO sink_totals (partition_id, set_aside) VALUES (?, ?)
			ON CONFLICT (partition_id) DO UPDATE SET set_aside = sink_totals.set_aside + excluded.set_aside`, partition, len(fresh)); err != nil {
			return err
		}
		return s.cfg.Reject(ctx, tx, fresh)
	})
	if err != nil {
		return nil, err
	}
	s.latest[partition] = max(s.latest[partition], gone[len(gone)-1].Seq)
	s.aside.Add(int64(len(fresh)))
	for i := range fresh {
		s.setAside.WithLabelValues(codeOf(fresh[i].Reason)).Inc()
	}
	s.cfg.Logger.Error("events were set aside that the warehouse cannot take; they are in quarantine", "partition", partition,
		"events", len(gone), "reason", gone[0].Reason, "first", facts[asides[0].Index].MessageID)
	return slices.DeleteFunc(kept, func(f touchstone.Fact) bool { return f.Seq == -1 }), nil
}

// isTrouble tells errors of the warehouse's disk, memory or state from those about facts.
func isTrouble(err error) bool {
	return touchstone.KindOf(err) == touchstone.Unavailable || store.IsTrouble(err)
}

// isolate sets aside the facts that make an append fail with err, and returns the others.
// A plain fact is tried first: if the warehouse takes none either, facts are not at fault.
func (s *Sink) isolate(ctx context.Context, partition int, facts []touchstone.Fact, err error, hunt *bisect.Hunt) ([]touchstone.Fact, error) {
	if len(facts) == 0 {
		return nil, err
	}
	try := func(facts []touchstone.Fact) error {
		return s.cfg.Warehouse.Append(ctx, warehouse.Commit{Partition: partition, Through: s.Through(partition) + 1, Facts: facts, Trial: true})
	}
	plain := plainFact(&facts[0])
	plain.Node = 1
	if e := try([]touchstone.Fact{plain}); e != nil {
		if isTrouble(e) {
			hunt.Pause()
		} else {
			hunt.Forget()
		}
		return nil, err
	}
	var bad []touchstone.Aside
	of := fmt.Sprint(facts[0].Seq, facts[len(facts)-1].Seq, len(facts))
	bisect.Search(hunt, of, facts, try, isTrouble, func(i int, e error) {
		bad = append(bad, touchstone.Aside{Index: i, Reason: reasonWarehouse + bisect.Shortly(e)})
	})
	if len(bad) == 0 || ctx.Err() != nil {
		return nil, err
	}
	slices.SortFunc(bad, func(a, b touchstone.Aside) int { return a.Index - b.Index })
	return s.setThemAside(ctx, partition, facts, bad)
}
