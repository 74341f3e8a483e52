package consent

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells which events the policy goes by: those that are decisions, and those that serve a purpose of their own.
func (c *Consent) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	v, err := c.Latest(ctx, c.cfg.DB.Reader())
	if err != nil || v.Policy == nil {
		return nil, err
	}
	d := touchstone.Definition{Kind: touchstone.DefConsent, ID: "policy", Owner: v.Actor, Need: string(mayRead)}
	for _, s := range v.Policy.Signals {
		d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.EventField, Name: s.Event}, How: touchstone.Decides})
	}
	for _, s := range v.Policy.Collected {
		if s.Event != "" {
			d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.EventField, Name: s.Event}, How: touchstone.Checks})
		}
	}
	d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.ContextField, Name: "consent"}, How: touchstone.Decides})
	return []touchstone.Definition{d}, nil
}
