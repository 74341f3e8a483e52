package profile

import "github.com/touchstone-cdp/touchstone"

// Foretell returns the traits that events and corrections make of somebody who has no others, as a
// rebuild from history would: for who is only thought of. The facts may come in any order.
func Foretell(facts []touchstone.Fact) (map[string]touchstone.JSON, error) {
	cfg := Config{CacheBytes: 1 << 12}
	cfg.setDefaults()
	p := newProfiles(cfg, newMetrics(nil)) // words of its own, which nobody keeps
	r, err := p.foldHistory(&rebuild{}, &history{first: true, facts: facts})
	if err != nil {
		return nil, err
	}
	traits := make(map[string]touchstone.JSON, len(r.traits.list))
	for _, t := range r.traits.list {
		if t.json != "" {
			traits[p.words[traitWords].word(t.name)] = touchstone.JSON(t.json)
		}
	}
	return traits, nil
}
