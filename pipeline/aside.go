package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
)

// reasonStage begins the reason of an event that a stage refuses.
const reasonStage = "stage_refused: "

// mark notes which facts come with history.
func (p *Pipeline) mark(facts []touchstone.Fact) {
	history{p.cfg.Imports, p.cfg.BackfillAge}.mark(facts)
}

// apply runs stages. aside is called for each fact that one of them sets aside, which the
// next ones do not see.
func (p *Pipeline) apply(ctx context.Context, tx *store.Tx, stages []Stage, b *touchstone.Batch, aside func(touchstone.Aside)) error {
	for _, s := range stages {
		stop := p.metrics.timeStage(s.Name())
		err := bisect.Guard(func() error { return s.Apply(ctx, tx, b) })
		stop()
		if err != nil {
			return fmt.Errorf("stage %s: %w", s.Name(), err)
		}
		if len(b.Aside) == 0 {
			continue
		}
		out := make(map[int]bool, len(b.Aside))
		for _, a := range b.Aside {
			if !out[a.Index] {
				out[a.Index] = true
				aside(a)
			}
		}
		b.Remove(func(i int) bool { return out[i] })
		b.Aside = nil
	}
	return nil
}

// totals is what a batch adds to the counters.
func (fresh *freshIDs) totals(work chunk) Totals {
	return Totals{int64(len(fresh.facts) + len(fresh.veiled)), int64(fresh.duplicates), int64(len(work.rejected) + len(fresh.aside) + fresh.silent + fresh.leftOut())}
}

// partition is the number of a chunk's partition; one without events counts as the first's.
func (c *chunk) partition() int {
	if c.part == nil {
		return 0
	}
	return c.part.index
}

// isolate finds the events that make a batch fail, by trying parts of it in transactions
// that are rolled back, and returns them with the reason; nil when events are not at
// fault, which a plain event tells that the stages should take: then nothing is set aside.
// A trouble leaves the hunt pending: it goes on at the next failure.
func (p *Pipeline) isolate(ctx context.Context, work chunk, hunt *bisect.Hunt) map[touchstone.Seq]string {
	if work.part == nil {
		return nil
	}
	fresh := work.part.dropDuplicates(work, p.cfg.Clock.Now())
	work.part.undo(fresh)
	if fresh.facts, _ = admitted(p.rules, fresh.facts, nil, nil); len(fresh.facts) == 0 {
		return nil
	}
	if err := p.try(ctx, work.part.index, []touchstone.Fact{plainFact(&fresh.facts[0])}, nil); err != nil {
		if store.IsTrouble(err) {
			hunt.Pause()
			return nil
		}
		hunt.Forget()
		p.cfg.Logger.Warn("the stages take no plain event either: events are not at fault", "error", err)
		return nil
	}
	poison := map[touchstone.Seq]string{}
	for seq, why := range work.poison {
		poison[seq] = why
	}
	before := len(poison)
	try := func(facts []touchstone.Fact) error { return p.try(ctx, work.part.index, facts, nil) }
	of := fmt.Sprint(fresh.facts[0].Seq, len(fresh.facts), before) // the work stays the same until it is done
	bisect.Search(hunt, of, fresh.facts, try, store.IsTrouble, func(i int, err error) {
		f := &fresh.facts[i]
		p.cfg.Logger.Error("an event cannot be worked on and is set aside", "message_id", f.MessageID, "seq", int64(f.Seq), "error", err)
		poison[f.Seq] = reasonStage + bisect.Shortly(err)
	})
	if len(poison) == before || ctx.Err() != nil {
		return nil
	}
	return poison
}

var errTried = errors.New("only tried")

// try tells whether the stages take facts and timers. Nothing of it stays.
func (p *Pipeline) try(ctx context.Context, partition int, facts []touchstone.Fact, due []touchstone.Timer) error {
	return p.tryBatch(ctx, &touchstone.Batch{Whole: true, Partition: partition, Now: p.cfg.Clock.Now(), Facts: slices.Clone(facts), Due: due}, &chunk{})
}

// tryBatch tries a batch, which begins with the command of work if there is one.
func (p *Pipeline) tryBatch(ctx context.Context, b *touchstone.Batch, work *chunk) error {
	err := p.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		if err := p.obey(ctx, tx, b, work); err != nil {
			return err
		}
		if work.command != nil { // other facts come as they were admitted
			rules, err := p.rulesFor(ctx, tx, work)
			if err != nil {
				return err
			}
			b.Facts, _ = admitted(rules, b.Facts, nil, nil)
		}
		p.mark(b.Facts)
		if err := p.apply(ctx, tx, p.tried(), b, func(touchstone.Aside) {}); err != nil {
			return err
		}
		return errTried
	})
	for _, s := range p.cfg.Stages {
		s.Rollback()
	}
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// plainFact is an event that every stage takes, in the place of another.
func plainFact(at *touchstone.Fact) touchstone.Fact {
	const name = "touchstone-trial"
	return touchstone.Fact{Seq: at.Seq, Event: touchstone.Event{
		Type: touchstone.Track, MessageID: name, Name: name, Time: at.ReceivedAt, ReceivedAt: at.ReceivedAt, Source: at.Source,
		AnonymousID: name, Identifiers: []touchstone.Identifier{{Kind: touchstone.KindAnonymousID, Value: name}},
	}}
}
