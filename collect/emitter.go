package collect

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	effects "github.com/touchstone-cdp/touchstone/outbox"
)

// EmitKind is the kind of effects that are events of our own.
const EmitKind = "event"

// Emitter puts events that a feature has decided on into the log: it does the effects of
// EmitKind. The destination is the source that they come from, the body a tracking call with
// its type, as in a batch, and without messageId: the event's is the effect's id, so that a
// repeat is dropped as a duplicate. The body's timestamp should be that of the decision.
//
// The checks are those of the edge. What they refuse is an error of the feature, a dead
// letter and not a quarantined event.
type Emitter struct{ c *Collector }

// Emitter returns the collector's.
func (c *Collector) Emitter() Emitter { return Emitter{c} }

// Kind is EmitKind.
func (Emitter) Kind() string { return EmitKind }

// Serves: nothing leaves the program.
func (Emitter) Serves() touchstone.Serves {
	return touchstone.Operation("an event of our own goes into our own log, and is asked for when it is worked on")
}

// Policy lets many events wait for the log together: it syncs once for all of them.
func (Emitter) Policy(string) effects.Policy { return effects.Policy{Concurrency: 64} }

// Deliver appends one event, and returns when it is durable.
func (e Emitter) Deliver(ctx context.Context, effect touchstone.Effect, _ int) (effects.Receipt, error) {
	src := e.c.sources.byID(effect.Destination)
	if src == nil {
		if err := e.c.sources.reloadIfChanged(ctx); err != nil {
			return effects.Receipt{}, err
		}
		if src = e.c.sources.byID(effect.Destination); src == nil {
			return effects.Receipt{}, touchstone.Errorf(touchstone.NotFound, "There is no source %q.", effect.Destination)
		}
	}
	x := e.c.exchanges.Get().(*exchange)
	defer e.c.release(x)
	body := append(append([]byte(`{"batch":[`), effect.Body...), `]}`...)
	if !x.scanner.scan(body, true, scanLimits{events: 1, eventBytes: e.c.cfg.MaxEventBytes}) || len(x.scanner.events) != 1 {
		return effects.Receipt{}, touchstone.Errorf(touchstone.Invalid, "The event is malformed: %s.", x.scanner.err.message)
	}
	if x.scanner.events[0].fields[fMessageID] != (span{}) || len(effect.ID) > e.c.cfg.MaxIDBytes {
		return effects.Receipt{}, touchstone.Errorf(touchstone.Invalid, "The messageId of an emitted event is its effect's id, of at most %d bytes.", e.c.cfg.MaxIDBytes)
	}
	now := e.c.clock.Now().UnixMilli()
	x.builder.start(&x.scanner, true, origin{source: src.ID, received: now, messageID: effect.ID})
	if code := x.builder.build(&x.scanner.events[0], &x.event); code != "" {
		return effects.Receipt{}, touchstone.Errorf(touchstone.Invalid, "The event is refused: %s", x.event.Reason)
	}
	o := e.c.outboxes.Get().(*outbox)
	defer e.c.putOutbox(o)
	e.c.put(o, &x.event)
	return effects.Receipt{}, e.c.store(ctx, o, &delivery{source: src, received: now, events: 1})
}

var _ effects.Policer = Emitter{}
