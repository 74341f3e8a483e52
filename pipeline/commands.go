package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

// errCommand ends a chunk before a command: a batch begins with it. It is a fault only at a
// chunk's beginning, where it says that the command's record holds something else.
var errCommand = errors.New("a command shares its record with other events")

// follows tells whether a chunk may be added to a batch under way.
func (c *chunk) follows(work *chunk) bool { return c.part == work.part && c.command == nil }

// holdsCommand tells whether a record of one event is a command's.
func holdsCommand(record []byte) bool {
	frames, err := stream.DecodeRecord(record)
	if err != nil {
		return false
	}
	var e touchstone.Event
	for frame := range frames.All() {
		return touchstone.DecodeEvent(frame, &e) == nil && e.Type == touchstone.System
	}
	return false
}

// enter lets a command have its say before anything is read, and checks who works here.
func (p *Pipeline) enter(ctx context.Context, tx *store.Tx, work *chunk) error {
	if work.command != nil && p.cfg.Commands != nil {
		if err := p.cfg.Commands.Begin(ctx, tx, *work.command); err != nil {
			return fmt.Errorf("command %s: %w", work.command.ID, err)
		}
	}
	return p.fence(ctx, tx)
}

// obey carries out the command that a batch begins with.
func (p *Pipeline) obey(ctx context.Context, tx *store.Tx, b *touchstone.Batch, work *chunk) error {
	if work.command == nil {
		return nil
	}
	if p.cfg.Commands == nil {
		return fmt.Errorf("the log holds the command %s, and this pipeline does none", work.command.ID)
	}
	facts := b.Facts
	b.Facts = nil // it stands before them
	undone, err := p.cfg.Commands.Do(ctx, tx, b, *work.command, work.refused)
	b.Facts = facts
	if err != nil {
		return fmt.Errorf("command %s: %w", work.command.ID, err)
	}
	if undone {
		for _, s := range p.cfg.Stages {
			s.Rollback()
		}
	}
	return nil
}

// blame looks for what makes a batch fail: events, or its command. It reports whether the
// batch can be tried again without them.
func (p *Pipeline) blame(ctx context.Context, work *chunk, hunt *bisect.Hunt) bool {
	if poison := p.isolate(ctx, *work, hunt); poison != nil {
		work.poison = poison
		hunt.Forget()
		return true
	}
	if hunt.Pending() {
		return false // a trouble came in between: the events have not all been tried
	}
	if work.command == nil || work.refused != "" {
		return false
	}
	fresh := work.part.dropDuplicates(*work, p.cfg.Clock.Now())
	work.part.undo(fresh)
	if plain, _ := admitted(p.rules, fresh.facts, nil, nil); p.try(ctx, work.part.index, plain, nil) != nil {
		return false // the command is not at fault when the batch fails without it
	}
	b := &touchstone.Batch{Whole: true, Partition: work.part.index, Now: p.cfg.Clock.Now(), Facts: slices.Clone(fresh.facts)}
	err := p.tryBatch(ctx, b, work)
	if err == nil || store.IsTrouble(err) || ctx.Err() != nil {
		return false
	}
	p.cfg.Logger.Error("what a command brings about cannot be worked on; it is left out", "command", work.command.ID, "kind", work.command.Kind, "error", err)
	work.refused = bisect.Shortly(err)
	return true
}
