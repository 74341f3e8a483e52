package pipeline

import (
	"context"
	"errors"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// commitCut commits a batch piece by piece when err is a stage's wish that it be cut. It reports
// false when it is not, or when there is no such place in the batch.
func (p *Pipeline) commitCut(ctx context.Context, work *chunk, err error) (cut bool, _ error) {
	var where *touchstone.Cut
	if !errors.As(err, &where) {
		return false, nil
	}
	pieces := work.cut(where.Before)
	if len(pieces) < 2 {
		return false, nil
	}
	if work.command != nil { // it was carried out, and taken back with the transaction
		for _, s := range p.cfg.Stages {
			s.Rollback()
		}
	}
	p.metrics.cuts.Add(float64(len(pieces) - 1))
	for _, piece := range pieces {
		if err := p.commitUntilDone(ctx, piece); err != nil {
			return true, err
		}
	}
	return true, nil
}

// cut divides a chunk before the records of some events. The bytes of the pieces are in
// proportion to their events.
func (c *chunk) cut(before []touchstone.Seq) []chunk {
	var pieces []chunk
	rest := *c
	for _, seq := range before {
		at := stream.Offset(seq.Offset())
		if at < rest.first || at > rest.last || at == rest.first {
			continue
		}
		record := touchstone.MakeSeq(c.part.index, uint64(at), 0)
		facts, rejected := placeOf(rest.facts, record), placeOf(rest.rejected, record)
		piece := rest
		piece.last = at - 1
		piece.facts, rest.facts = rest.facts[:facts:facts], rest.facts[facts:]
		piece.rejected, rest.rejected = rest.rejected[:rejected:rejected], rest.rejected[rejected:]
		if n := piece.count() + rest.count(); n > 0 {
			piece.bytes = rest.bytes * piece.count() / n
		}
		rest.bytes -= piece.bytes
		rest.first, rest.command, rest.refused = at, nil, ""
		pieces = append(pieces, piece)
	}
	return append(pieces, rest)
}

// placeOf returns how many facts come before a place of the log.
func placeOf(facts []touchstone.Fact, before touchstone.Seq) int {
	at, _ := slices.BinarySearchFunc(facts, before, func(f touchstone.Fact, seq touchstone.Seq) int { return int(f.Seq - seq) })
	return at
}
