package importer

import (
	"context"
	"net/http"

	"github.com/touchstone-cdp/touchstone"
)

// loadKinds asks the server how it treats identifiers, unless the caller knows. A server
// that does not tell checks every row again all the same.
func (r *run) loadKinds(ctx context.Context) error {
	if !r.askKinds {
		return nil
	}
	set, err := r.server.Kinds(ctx)
	switch kind := touchstone.KindOf(err); {
	case err == nil:
		r.Kinds = set
	case kind == touchstone.NotFound || kind == touchstone.Forbidden:
		r.note("the server does not tell its identity rules; rows are read by the built-in ones, and the server checks them again")
	default:
		return err
	}
	return nil
}

// Kinds is a call of [Server].
func (c *client) Kinds(ctx context.Context) (*touchstone.KindSet, error) {
	type entry struct {
		Value   string `json:"value"`
		Blocked bool   `json:"blocked"`
	}
	var answer struct {
		Kinds []struct {
			touchstone.KindConfig
			Blocked []entry `json:"blocked"`
		} `json:"kinds"`
		Blocked []entry `json:"blocked"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/identity/kinds", jsonBody, nil, &answer); err != nil {
		return nil, err
	}
	values := func(list []entry) (out []string) {
		for _, e := range list {
			if e.Blocked {
				out = append(out, e.Value)
			}
		}
		return out
	}
	rules := touchstone.KindRules{Blocked: values(answer.Blocked)}
	for _, k := range answer.Kinds {
		k.KindConfig.Blocked = values(k.Blocked)
		rules.Kinds = append(rules.Kinds, k.KindConfig)
	}
	return rules.Prepare(nil)
}
