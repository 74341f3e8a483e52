package consent

import (
	"cmp"
	"context"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// Held is how many of a segment's members may be acted on for what it serves. They are asked when the
// question comes, as they are when they go out.
type Held struct {
	Purpose         string           `json:"purpose"` // of the policy; "" when it names none for the use
	Members         int64            `json:"members"` // that were asked
	Allowed         int64            `json:"allowed"`
	NonPersonalised int64            `json:"non_personalised"` // only what is the same for everybody
	Refused         int64            `json:"refused"`
	Reasons         map[Reason]int64 `json:"reasons"` // why not, of the last two
	More            bool             `json:"more"`    // there are more members, who were not asked
}

// How many members are asked at most, and at a time.
const (
	mostAsked = 200_000
	askedStep = 5_000
)

// held asks about a segment's members, for the purpose, or for what the segment serves.
func (p *Parts) held(ctx context.Context, v *access.Viewer, segment, purpose, channel string) (*Held, error) {
	own, err := p.PurposeOf(ctx, v, segment)
	if err != nil {
		return nil, err
	}
	if err := p.Consent.Gate().Check(ctx, p.Consent.cfg.DB.Reader(), purpose); err != nil {
		return nil, err
	}
	purpose = cmp.Or(purpose, own)
	h := &Held{Reasons: map[Reason]int64{}}
	ask := Ask{Purpose: purpose, Use: touchstone.UseAct, Channel: channel}
	policy, _, err := p.Consent.current(ctx, p.Consent.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	h.Purpose = ask.purpose(policy)
	for cursor := ""; ; {
		persons, next, err := p.Members(ctx, v, segment, askedStep, cursor)
		if err != nil {
			return nil, err
		}
		verdicts, err := p.Consent.Gate().Verdicts(ctx, persons, ask)
		if err != nil {
			return nil, err
		}
		for _, person := range persons {
			h.add(verdicts[person])
		}
		if cursor = next; cursor == "" || h.Members >= mostAsked {
			h.More = cursor != ""
			return h, nil
		}
	}
}

func (h *Held) add(v Verdict) {
	h.Members++
	switch v.Outcome {
	case Allowed:
		h.Allowed++
		return
	case Generic:
		h.NonPersonalised++
	case Refused:
		h.Refused++
	}
	h.Reasons[v.Reason]++
}

// Serving is a segment with what it serves, and the gate's answer about one of its members.
type Serving struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Purpose string  `json:"purpose"` // of the policy; "" when it names none for the use
	Outcome Outcome `json:"outcome"`
	Reason  Reason  `json:"reason"`
}

// heldFrom returns those of a person's segments from which consent holds the person back.
func (p *Parts) heldFrom(ctx context.Context, v *access.Viewer, person touchstone.PersonID) ([]Serving, error) {
	held := []Serving{}
	if p.SegmentsOf == nil {
		return held, nil
	}
	all, err := p.SegmentsOf(ctx, v, person)
	if err != nil {
		return nil, err
	}
	asked := map[string]Verdict{} // many segments serve one purpose
	for _, s := range all {
		verdict, known := asked[s.Purpose]
		if !known {
			if verdict, err = p.Consent.Gate().Allows(ctx, person, Ask{Purpose: s.Purpose, Use: touchstone.UseAct}); err != nil {
				return nil, err
			}
			asked[s.Purpose] = verdict
		}
		if s.Purpose, s.Outcome, s.Reason = verdict.Purpose, verdict.Outcome, verdict.Reason; s.Outcome != Allowed {
			held = append(held, s)
		}
	}
	return held, nil
}

func (x resource) ofSegment(w http.ResponseWriter, r *http.Request) error {
	p, err := x.here()
	if err != nil {
		return err
	}
	if p.Members == nil {
		return api.NotHere("segments")
	}
	q := r.URL.Query()
	h, err := p.held(r.Context(), api.ViewerOf(r), api.Param(r, "id"), q.Get("purpose"), q.Get("channel"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, h)
}
