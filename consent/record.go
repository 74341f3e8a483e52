package consent

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
)

// Emit puts a tracking call into the log under a message id and waits until the pipeline has come
// to it; done is false when that takes too long: it will be done all the same.
type Emit func(ctx context.Context, messageID string, call []byte) (done bool, err error)

// Choice is a decision about a purpose.
type Choice struct {
	Purpose string   `json:"purpose"`
	Channel string   `json:"channel"`
	Choice  Decision `json:"choice"`
	Wording int      `json:"wording"` // version of the text that was shown; 0: the one that holds
}

// Recorded is what somebody decided, in a form or a call.
type Recorded struct {
	Identifiers []touchstone.Identifier
	Choices     []Choice
	At          time.Time // zero: now
	Method      string    // "api", "page", "paper"
	Language    string
	Place       string
	MessageID   string // "": a new one
}

const maxIdentifiers = 20

// check completes what was recorded.
func (r *Recorded) check(p *Policy, now time.Time) error {
	switch {
	case p == nil:
		return touchstone.Errorf(touchstone.Conflict, "There is no consent policy yet, so nothing can be agreed to.").WithHint("Set one: PUT /api/v1/consent/policy.")
	case len(r.Identifiers) == 0 || len(r.Identifiers) > maxIdentifiers:
		return touchstone.Errorf(touchstone.Invalid, "Name the person by 1 to %d identifiers.", maxIdentifiers)
	case len(r.Choices) == 0 || len(r.Choices) > maxSaid:
		return touchstone.Errorf(touchstone.Invalid, "Give 1 to %d decisions.", maxSaid)
	case r.At.After(now.Add(time.Minute)):
		return touchstone.Errorf(touchstone.Invalid, "A decision of the future cannot be recorded.")
	}
	for _, id := range r.Identifiers {
		if id.Kind == "" || id.Value == "" {
			return touchstone.Errorf(touchstone.Invalid, "An identifier has a kind and a value.")
		}
	}
	if r.At.IsZero() {
		r.At = now
	}
	if r.MessageID == "" {
		r.MessageID = randid.New("cns")
	}
	for i := range r.Choices {
		c := &r.Choices[i]
		u := p.Purpose(c.Purpose)
		switch {
		case u == nil:
			return p.noPurpose(c.Purpose)
		case u.Basis == Necessary:
			return touchstone.Errorf(touchstone.Invalid, "Nobody is asked about %s: it is necessary.", c.Purpose)
		case c.Channel != "" && !slices.Contains(u.Channels, c.Channel):
			return touchstone.Errorf(touchstone.Invalid, "The purpose %s has no channel %.40q.", c.Purpose, c.Channel)
		case !c.Choice.valid():
			return touchstone.Errorf(touchstone.Invalid, "%.40q is no decision: granted, denied or non_personalised.", c.Choice)
		case c.Choice == NonPersonalised && u.Class != Personalised:
			return touchstone.Errorf(touchstone.Invalid, "The purpose %s has no form that is the same for everybody.", c.Purpose)
		case c.Wording < 0 || c.Wording > u.Wording:
			return touchstone.Errorf(touchstone.Invalid, "The text of %s has no version %d.", c.Purpose, c.Wording)
		}
		if c.Wording == 0 {
			c.Wording = u.Wording
		}
	}
	return nil
}

// call is the tracking call that carries what was recorded.
func (r *Recorded) call() ([]byte, error) {
	purposes, wording := map[string]map[string]Decision{}, map[string]int{}
	for _, c := range r.Choices {
		if purposes[c.Purpose] == nil {
			purposes[c.Purpose] = map[string]Decision{}
		}
		purposes[c.Purpose][c.Channel] = c.Choice
		wording[c.Purpose] = c.Wording
	}
	body := map[string]any{"type": "track", "event": touchstone.ConsentEvent, "timestamp": r.At.UTC().Format("2006-01-02T15:04:05.000Z")}
	inside := map[string]any{"consent": map[string]any{"purposes": purposes, "wording": wording, "method": r.Method, "language": r.Language, "place": r.Place}}
	var external []map[string]string
	for _, id := range r.Identifiers {
		switch {
		case id.Kind == touchstone.KindUserID && body["userId"] == nil:
			body["userId"] = id.Value
		case id.Kind == touchstone.KindAnonymousID && body["anonymousId"] == nil:
			body["anonymousId"] = id.Value
		default:
			external = append(external, map[string]string{"id": id.Value, "type": string(id.Kind), "collection": "users", "encoding": "none"})
		}
	}
	if external != nil {
		inside["externalIds"] = external
	}
	body["context"] = inside
	return json.Marshal(body, json.Deterministic(true))
}

// Record puts a decision into the log; see [Emit]. The message id tells the proof.
func (c *Consent) Record(ctx context.Context, r Recorded, emit Emit) (messageID string, done bool, err error) {
	policy, _, err := c.current(ctx, c.cfg.DB.Reader())
	if err != nil {
		return "", false, err
	}
	if err := r.check(policy, c.cfg.Clock.Now()); err != nil {
		return "", false, err
	}
	call, err := r.call()
	if err != nil {
		return "", false, err
	}
	done, err = emit(ctx, r.MessageID, call)
	return r.MessageID, done, err
}
