package pipeline

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// checkLog refuses a log that ends before what was committed: it was lost or is another
// one, and its next records would be taken for old ones.
func (part *partition) checkLog(ctx context.Context, log stream.Log) error {
	_, next, err := log.Bounds(ctx, part.index)
	if err != nil {
		return err
	}
	if through := stream.Offset(part.taken.Load()); through >= next {
		return touchstone.Errorf(touchstone.Conflict, "the store has taken in records up to %d of partition %d, but the log ends at %d", through, part.index, next-1).
			WithHint("the log was lost or is another one; restore log, store and warehouse from the same backup")
	}
	return nil
}

// loadWindow adds the message ids that have come to the database since it was last called.
func (part *partition) loadWindow(ctx context.Context, q store.Querier, since time.Time) error {
	rows, err := q.Query(ctx, `SELECT through, seen_at, hashes FROM pipeline_message_ids WHERE partition_id = ? AND through > ? AND seen_at >= ? ORDER BY through`,
		part.index, int64(part.loaded), since.UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var through, at int64
		var hashes []byte
		if err := rows.Scan(&through, &at, &hashes); err != nil {
			return err
		}
		for ; len(hashes) >= 8; hashes = hashes[8:] {
			part.seen.add(binary.LittleEndian.Uint64(hashes), time.UnixMilli(at))
		}
		part.loaded = stream.Offset(through) //nolint:gosec // offsets are positive
	}
	return rows.Err()
}

// claim moves the offset from where this process left it: if it is anywhere else, what the
// process holds in memory is out of date and nothing may be committed.
func (part *partition) claim(ctx context.Context, tx *store.Tx, to stream.Offset, t Totals) error {
	var res sql.Result
	var err error
	if part.stored {
		res, err = tx.Exec(ctx, `UPDATE pipeline_positions SET through = ?, processed = ?, duplicates = ?, rejected = ?
			WHERE partition_id = ? AND through = ?`, int64(to), t.Processed, t.Duplicates, t.Rejected, part.index, int64(part.taken.Load())) //nolint:gosec // offsets are positive
	} else {
		res, err = tx.Exec(ctx, `INSERT INTO pipeline_positions (partition_id, through, processed, duplicates, rejected) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (partition_id) DO NOTHING`, part.index, int64(to), t.Processed, t.Duplicates, t.Rejected)
	}
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		return errMoved
	}
	return err
}

// save writes what the batch did to the partition: the offset, the counters, the message
// ids and which events were duplicates. Ids that have left the window are deleted.
func (part *partition) save(ctx context.Context, tx *store.Tx, work chunk, fresh freshIDs, delta Totals, now time.Time) error {
	t := part.totals.plus(delta)
	if err := part.claim(ctx, tx, work.last, t); err != nil {
		return err
	}
	if len(fresh.hashes) > 0 {
		if _, err := tx.Exec(ctx, `INSERT INTO pipeline_message_ids (partition_id, through, seen_at, hashes) VALUES (?, ?, ?, ?)`,
			part.index, int64(work.last), now.UnixMilli(), appendHashes(make([]byte, 0, 8*len(fresh.hashes)), fresh.hashes)); err != nil {
			return err
		}
	}
	if hour := hourOf(now); hour != part.swept {
		part.swept = hour
		if _, err := tx.Exec(ctx, `DELETE FROM pipeline_message_ids WHERE partition_id = ? AND seen_at < ?`,
			part.index, now.Add(-part.seen.span).UnixMilli()); err != nil {
			return err
		}
	}
	if err := part.saveVeiled(ctx, tx, fresh.veiled); err != nil {
		return err
	}
	for record, indexes := range fresh.dropped {
		b := make([]byte, 0, 2*len(indexes))
		for _, i := range indexes {
			b = binary.LittleEndian.AppendUint16(b, i)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO pipeline_dropped (partition_id, record, indexes) VALUES (?, ?, ?)`,
			part.index, int64(record), b); err != nil {
			return err
		}
	}
	return nil
}

// droppedIn returns the duplicates of the records from first to last.
func droppedIn(ctx context.Context, q store.Querier, partition int, first, last stream.Offset) (map[touchstone.Seq]bool, error) {
	rows, err := q.Query(ctx, `SELECT record, indexes FROM pipeline_dropped WHERE partition_id = ? AND record >= ? AND record <= ?`,
		partition, int64(first), int64(last))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	dropped := map[touchstone.Seq]bool{}
	for rows.Next() {
		var record int64
		var indexes []byte
		if err := rows.Scan(&record, &indexes); err != nil {
			return nil, err
		}
		for ; len(indexes) >= 2; indexes = indexes[2:] {
			i := int(binary.LittleEndian.Uint16(indexes))
			dropped[touchstone.MakeSeq(partition, uint64(record), i)] = true //nolint:gosec // offsets are positive
		}
	}
	return dropped, rows.Err()
}
