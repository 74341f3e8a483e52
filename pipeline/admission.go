package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Admission tells which rules hold where: *admission.Versions.
type Admission interface {
	// Current returns the rules that hold now, nil for none.
	Current(ctx context.Context, q store.Querier) (*admission.Rules, error)
	// Spans returns what held for the records from first to last of a partition, in order.
	Spans(ctx context.Context, q store.Querier, partition int, first, last uint64) ([]admission.Span, error)
	// Record writes down what a batch's events broke of their tracking plans.
	Record(ctx context.Context, tx *store.Tx, now time.Time, t *admission.Tally) error
	// Prune forgets what only records before first needed.
	Prune(ctx context.Context, tx *store.Tx, partition int, first uint64) error
}

// Committed returns, for each of n partitions, the last record that the pipeline has committed.
func Committed(ctx context.Context, q store.Querier, n int) ([]uint64, error) {
	rows, err := q.Query(ctx, `SELECT partition_id, through FROM pipeline_positions`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make([]uint64, n)
	for rows.Next() {
		var partition int
		var through int64
		if err := rows.Scan(&partition, &through); err != nil {
			return nil, err
		}
		if partition < n {
			all[partition] = uint64(through) //nolint:gosec // offsets are positive
		}
	}
	return all, rows.Err()
}

// rulesFor returns what holds for a batch: what held for the one before, unless it begins with
// a command, which has been carried out in tx.
func (p *Pipeline) rulesFor(ctx context.Context, tx *store.Tx, work *chunk) (*admission.Rules, error) {
	if p.cfg.Admission == nil || work.command == nil {
		return p.rules, nil
	}
	return p.cfg.Admission.Current(ctx, tx)
}

// prepare carries out the command that a batch begins with, and then makes of its facts what
// the rules want, before the stages see them. The rules hold from there on if tx commits.
func (p *Pipeline) prepare(ctx context.Context, tx *store.Tx, b *touchstone.Batch, work *chunk, fresh *freshIDs) (rules *admission.Rules, masked int, err error) {
	if err := p.obey(ctx, tx, b, work); err != nil {
		return nil, 0, err
	}
	if rules, err = p.rulesFor(ctx, tx, work); err != nil {
		return nil, 0, err
	}
	p.forget(b, work.part, fresh)
	var tally admission.Tally
	masked = work.part.admit(rules, b, fresh, &tally)
	for i := range work.rejected {
		tally.CountRefused(work.rejected[i].Source, work.rejected[i].Context)
	}
	if p.cfg.Admission != nil {
		err = p.cfg.Admission.Record(ctx, tx, b.Now, &tally)
	}
	return rules, masked, err
}

// admitted returns facts as rules want them: those that are left out are not among them, and
// out is called for each, masked. It changes none of facts, which may be tried again under
// other rules. masked counts those of the result that were masked; what breaks a plan is counted
// in tally, unless that is nil.
func admitted(rules *admission.Rules, facts []touchstone.Fact, tally *admission.Tally, out func(f *touchstone.Fact, reason string)) (kept []touchstone.Fact, masked int) {
	if rules == nil {
		return facts, 0
	}
	kept = facts
	own := false // kept is a copy
	for i := range facts {
		v := rules.Admit(&facts[i].Event)
		if tally != nil {
			tally.Count(facts[i].Source, facts[i].Name, &v)
		}
		if !own && !v.Changed && v.Drop == "" {
			continue
		}
		if !own {
			own, kept = true, append(make([]touchstone.Fact, 0, len(facts)), facts[:i]...)
		}
		f := facts[i]
		v.Apply(&f.Event)
		if v.Drop != "" {
			if out != nil {
				out(&f, v.Drop)
			}
			continue
		}
		if v.Masked {
			masked++
		}
		kept = append(kept, f)
	}
	return kept, masked
}

// admit takes out of a batch what the rules leave out, and masks the rest. A batch of timers
// alone has no partition, and no facts.
func (part *partition) admit(rules *admission.Rules, b *touchstone.Batch, fresh *freshIDs, tally *admission.Tally) (masked int) {
	if rules == nil || part == nil {
		return 0
	}
	for i := range fresh.aside { // those before the stages, which go to quarantine as they are
		v := rules.Mask(&fresh.aside[i].Event)
		v.Apply(&fresh.aside[i].Event)
	}
	gone := map[uint64]bool{} // message ids, so that they can be sent again
	b.Facts, masked = admitted(rules, b.Facts, tally, func(f *touchstone.Fact, reason string) {
		fresh.setAside(f, reason)
		gone[xxhash.Sum64String(f.MessageID)] = true
	})
	if len(gone) > 0 && len(fresh.again) > 0 {
		masked += readmit(rules, b, fresh, gone, tally)
	}
	if len(gone) > 0 {
		part.takeBack(fresh, gone)
	}
	return masked
}

// readmit asks again for those facts of a batch that repeat one which the rules have left out, in
// their order: a replay that is read together with what it repairs is no duplicate. What is kept is
// taken out of gone.
func readmit(rules *admission.Rules, b *touchstone.Batch, fresh *freshIDs, gone map[uint64]bool, tally *admission.Tally) (masked int) {
	back := false
	for i := range fresh.again {
		f := &fresh.again[i]
		hash := xxhash.Sum64String(f.MessageID)
		if !gone[hash] {
			continue
		}
		fresh.duplicates--
		fresh.repeated[f.Source]--
		kept, m := admitted(rules, fresh.again[i:i+1], tally, func(f *touchstone.Fact, reason string) {
			aside := *f
			aside.Reason = reason
			fresh.aside = append(fresh.aside, aside)
		})
		if masked += m; len(kept) == 0 {
			continue
		}
		delete(gone, hash)
		fresh.undrop(f.Seq)
		if !back {
			back, b.Facts = true, slices.Clone(b.Facts)
		}
		b.Facts = append(b.Facts, kept[0])
	}
	if back {
		slices.SortFunc(b.Facts, func(x, y touchstone.Fact) int { return cmp.Compare(x.Seq, y.Seq) })
	}
	return masked
}

// admit makes of facts of the log what the pipeline made of them. Those that it left out are
// noted in pipeline_dropped, and gone already; should a rule name one that is not, it stays out.
func (s *Sink) admit(ctx context.Context, partition int, facts []touchstone.Fact, first, last stream.Offset) ([]touchstone.Fact, error) {
	if s.cfg.Admission == nil || len(facts) == 0 {
		return facts, nil
	}
	spans, err := s.cfg.Admission.Spans(ctx, s.cfg.DB.Reader(), partition, uint64(first), uint64(last))
	if err != nil || len(spans) == 0 {
		return facts, err
	}
	kept := facts[:0]
	var rules *admission.Rules
	for _, f := range facts {
		for len(spans) > 0 && spans[0].From <= f.Seq.Offset() {
			rules, spans = spans[0].Rules, spans[1:]
		}
		v := rules.Admit(&f.Event)
		if v.Drop != "" {
			s.cfg.Logger.Error("an event that a rule leaves out had not been left out by the pipeline", "seq", int64(f.Seq), "reason", v.Drop)
			continue
		}
		v.Apply(&f.Event)
		kept = append(kept, f)
	}
	return kept, nil
}
