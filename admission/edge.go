package admission

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
)

// lookEvery is how long the edge goes by the rules that it has seen last.
const lookEvery = 2 * time.Second

// edge is what holds now, for the edge, which is in no transaction.
type edge struct {
	known atomic.Pointer[known]
	look  sync.Mutex // held by the one who looks; others go by what is known
}

type known struct {
	rules *Rules
	at    time.Time
}

// refusal is what the edge writes beside an event that a plan refuses, so that the pipeline can
// count it: there it is a text that nobody has read.
type refusal struct {
	Event    string        `json:"event"`
	Breaches []plan.Breach `json:"breaches"`
}

// Refuses returns what says why the plan of a source refuses an event, "" when it does not, with
// what [Tally.CountRefused] has to know; nil when that plan refuses nothing. It follows changes within two seconds, and when the store does
// not answer it goes by what it has seen last: the pipeline holds events against the plan once more.
func (v *Versions) Refuses(ctx context.Context, source string) func(*touchstone.Event) (reason string, note touchstone.JSON) {
	rules := v.latest(ctx)
	p := rules.Plan(source)
	if !p.Rejects() {
		return nil
	}
	return func(e *touchstone.Event) (string, touchstone.JSON) {
		mended := rules.mend(e, new(Verdict))
		held := p.Check(mended)
		if held.Action != plan.Reject || e.Name == touchstone.ConsentEvent {
			return "", ""
		}
		reason := held.Reason()
		for i := range held.Breaches {
			held.Breaches[i].Got = "" // counts hold no values
		}
		note, err := json.Marshal(refusal{mended.Name, held.Breaches})
		if err != nil {
			return reason, ""
		}
		return reason, touchstone.JSON(note)
	}
}

func (v *Versions) latest(ctx context.Context) *Rules {
	now := v.cfg.Clock.Now()
	k := v.edge.known.Load()
	if k != nil && now.Sub(k.at).Abs() < lookEvery || !v.edge.look.TryLock() {
		if k == nil {
			return nil
		}
		return k.rules
	}
	defer v.edge.look.Unlock()
	fresh := &known{at: now}
	rules, err := v.Current(context.WithoutCancel(ctx), v.cfg.DB.Reader())
	switch {
	case err == nil:
		fresh.rules = rules
	case k != nil:
		fresh.rules = k.rules
	}
	v.edge.known.Store(fresh)
	return fresh.rules
}
