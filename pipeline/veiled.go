package pipeline

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// A fact is veiled if a stage leaves it out silently under a pseudonym: no later stage sees it, and the warehouse
// gets it as nobody's. It counts as processed, as it is in the warehouse. Which facts are veiled, and under which
// pseudonyms, is stored with the offset, as long as the log has their records: a warehouse that is filled again has
// them under the same.

// veil takes a fact out of the batch for the warehouse only.
func (fresh *freshIDs) veil(f *touchstone.Fact, pseudonym touchstone.NodeID) {
	veiled := *f
	veiled.Node = pseudonym
	fresh.veiled = append(fresh.veiled, veiled)
}

// handed returns what the sink gets of a batch: the facts, and between them those that are nobody's.
func handed(facts []touchstone.Fact, fresh *freshIDs, personal warehouse.Personal) []touchstone.Fact {
	if len(fresh.veiled) == 0 {
		return facts
	}
	all := slices.Clone(facts)
	for _, f := range fresh.veiled {
		warehouse.Anonymise(&f, f.Node, personal)
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b touchstone.Fact) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

const veiledBytes = 2 + 8

// saveVeiled notes them for a sink that reads the log.
func (part *partition) saveVeiled(ctx context.Context, tx *store.Tx, veiled []touchstone.Fact) error {
	bodies := map[uint64][]byte{}
	for i := range veiled {
		seq := veiled[i].Seq
		b := binary.LittleEndian.AppendUint16(bodies[seq.Offset()], uint16(seq.Index()))   //nolint:gosec // 16 bits by construction
		bodies[seq.Offset()] = binary.LittleEndian.AppendUint64(b, uint64(veiled[i].Node)) //nolint:gosec // read the same way
	}
	for record, body := range bodies {
		if _, err := tx.Exec(ctx, `INSERT INTO pipeline_veiled (partition_id, record, body) VALUES (?, ?, ?)`, part.index, int64(record), body); err != nil { //nolint:gosec // 40 bits
			return err
		}
	}
	return nil
}

// veiledIn returns the pseudonyms of the veiled facts of the records from first to last.
func veiledIn(ctx context.Context, q store.Querier, partition int, first, last stream.Offset) (map[touchstone.Seq]touchstone.NodeID, error) {
	var veiled map[touchstone.Seq]touchstone.NodeID
	err := keep.Each(ctx, q, `SELECT record, body FROM pipeline_veiled WHERE partition_id = ? AND record >= ? AND record <= ?`, []any{partition, int64(first), int64(last)}, func(scan func(...any) error) error {
		var record int64
		var body []byte
		if err := scan(&record, &body); err != nil {
			return err
		}
		if veiled == nil {
			veiled = map[touchstone.Seq]touchstone.NodeID{}
		}
		for ; len(body) >= veiledBytes; body = body[veiledBytes:] {
			seq := touchstone.MakeSeq(partition, uint64(record), int(binary.LittleEndian.Uint16(body))) //nolint:gosec // offsets are positive
			veiled[seq] = touchstone.NodeID(binary.LittleEndian.Uint64(body[2:]))                       //nolint:gosec // written the same way
		}
		return nil
	})
	return veiled, err
}

// veil makes those facts nobody's that are to be, of what was read from the log.
func (s *Sink) veil(ctx context.Context, partition int, facts []touchstone.Fact, first, last stream.Offset) error {
	if len(facts) == 0 {
		return nil
	}
	veiled, err := veiledIn(ctx, s.cfg.DB.Reader(), partition, first, last)
	if err != nil || len(veiled) == 0 {
		return err
	}
	for i := range facts {
		if pseudonym, ok := veiled[facts[i].Seq]; ok {
			warehouse.Anonymise(&facts[i], pseudonym, s.cfg.Personal)
		}
	}
	return nil
}
