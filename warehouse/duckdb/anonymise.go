package duckdb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// anonymisedAtOnce bounds the events of one transaction, which a commit of the sink waits for.
const anonymisedAtOnce = 20_000

// pseudonyms gives out those of odd numbers: one for each person and day. Nothing of them is kept.
type pseudonyms struct {
	zone *time.Location
	next touchstone.NodeID
	of   map[personDay]touchstone.NodeID
}

type personDay struct {
	person          int64
	year, dayOfYear int
}

func (p *pseudonyms) take(person int64, at time.Time) touchstone.NodeID {
	at = at.In(p.zone)
	key := personDay{person, at.Year(), at.YearDay()}
	n, known := p.of[key]
	if !known {
		n = p.next
		p.of[key] = n
		p.next -= 2
	}
	return n
}

// anonymise rewrites events: in their place stand those of nobody.
func (w *Warehouse) anonymise(ctx context.Context, e warehouse.Expiry) (total int64, err error) {
	if e.Zone == nil {
		e.Zone = time.UTC
	}
	names := &pseudonyms{zone: e.Zone, of: map[personDay]touchstone.NodeID{}}
	for {
		n, err := w.anonymiseSome(ctx, e, names)
		if total += n; err != nil || n < anonymisedAtOnce {
			return total, err
		}
	}
}

func (w *Warehouse) anonymiseSome(ctx context.Context, e warehouse.Expiry, names *pseudonyms) (n int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, errClosed()
	}
	conn := w.writer.conn
	if err := conn.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return 0, troubled(err)
	}
	undo := w.writer.undo()
	if n, err = w.writer.anonymise(ctx, e, names); err == nil {
		err = conn.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
		undo()
		return 0, troubled(err)
	}
	w.checkpointIfDue(ctx)
	return n, nil
}

func (w *writer) anonymise(ctx context.Context, e warehouse.Expiry, names *pseudonyms) (int64, error) {
	if names.next == 0 {
		err := w.rowsOf(ctx, "SELECT min(node) FROM events_raw", nil, func(row []any) {
			least, _ := row[0].(int64)
			names.next = touchstone.NodeID(min(least, -2)) - 1
			if names.next%2 == 0 {
				names.next--
			}
		})
		if err != nil {
			return 0, err
		}
	}
	where, args := expired(e)
	dims := "e." + strings.Join(warehouse.DimensionNames[:], ", e.")
	query := fmt.Sprintf(`SELECT e.seq, e.time, e.received_at, coalesce(o.person, e.node), n.name, e.type, e.source, CAST(e.properties AS VARCHAR), %s
		FROM (SELECT * FROM events_raw%s ORDER BY seq LIMIT %d) e JOIN event_names n ON n.code = e.event LEFT JOIN overrides o ON o.node = e.node ORDER BY e.seq`,
		dims, where, anonymisedAtOnce)
	var facts []touchstone.Fact
	var seqs []int64
	var failed error
	err := w.rowsOf(ctx, query, args, func(row []any) {
		f, person, err := storedFact(row)
		if err != nil {
			failed = err
			return
		}
		seqs = append(seqs, int64(f.Seq))
		warehouse.Anonymise(&f, names.take(person, f.Time), e.Anonymise)
		facts = append(facts, f)
	})
	if err == nil {
		err = failed
	}
	if err != nil || len(facts) == 0 {
		return 0, err
	}
	if err := w.conn.exec(ctx, "DELETE FROM events_raw WHERE seq IN (SELECT unnest(?::BIGINT[]))", seqs); err != nil {
		return 0, err
	}
	return int64(len(facts)), w.appendFacts(ctx, facts)
}

// storedFact makes an event of a row: what is left of it in the warehouse, with the dimensions as its context.
func storedFact(row []any) (f touchstone.Fact, person int64, err error) {
	seq, _ := row[0].(int64)
	f.Seq = touchstone.Seq(seq)
	f.Time, _ = row[1].(time.Time)
	f.ReceivedAt, _ = row[2].(time.Time)
	person, _ = row[3].(int64)
	f.Name, _ = row[4].(string)
	kind, _ := row[5].(string)
	f.Source, _ = row[6].(string)
	properties, _ := row[7].(string)
	f.Properties = touchstone.JSON(properties)
	known := false
	if f.Type, known = touchstone.ParseEventType(kind); !known {
		return f, 0, touchstone.Errorf(touchstone.Internal, "the warehouse holds an event of the unknown type %q", kind)
	}
	var d warehouse.Dimensions
	for i := range d {
		d[i], _ = row[8+i].(string)
	}
	f.Context = d.Context()
	return f, person, nil
}
