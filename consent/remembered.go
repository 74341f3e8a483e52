package consent

import "github.com/touchstone-cdp/touchstone"

// refusals returns, as bits by the place of the purpose in the policy, what a person with these
// cells refuses, by what was decided or not.
func (p *Policy) refusals(cells []cell) (mask uint32) {
	for i := range p.Purposes {
		if v := p.judge(cells, false, p.Purposes[i].Key, ""); v.Outcome == Refused {
			mask |= 1 << i
		}
	}
	return mask
}

// place returns the index of a purpose; it is there.
func (p *Policy) place(key string) int {
	for i := range p.Purposes {
		if p.Purposes[i].Key == key {
			return i
		}
	}
	return 0
}

// remembered is what persons refuse under one version of the policy. It holds at most twice
// most/2 persons: when the young half is full it becomes the old one, and what of that was not asked
// for again is forgotten.
type remembered struct {
	most       int
	version    int64
	young, old map[touchstone.PersonID]uint32
}

// of says which policy holds; another one's is forgotten.
func (r *remembered) of(version int64) {
	if r.version != version {
		r.clear()
		r.version = version
	}
}

func (r *remembered) clear() { r.young, r.old = nil, nil }

// anything reports whether it matters what persons refuse: some event serves a purpose that can be refused.
func (*remembered) anything(p *Policy) bool {
	if u := p.Purpose(p.Uses[touchstone.UseCollect]); u != nil && u.Basis != Necessary {
		return true
	}
	for i := range p.Collected {
		if p.Purpose(p.Collected[i].Purpose).Basis != Necessary {
			return true
		}
	}
	return false
}

func (r *remembered) get(p touchstone.PersonID) (mask uint32, ok bool) {
	if mask, ok = r.young[p]; ok {
		return mask, true
	}
	if mask, ok = r.old[p]; ok {
		r.put(p, mask)
	}
	return mask, ok
}

func (r *remembered) put(p touchstone.PersonID, mask uint32) {
	if r.young == nil {
		r.young = map[touchstone.PersonID]uint32{}
	}
	if len(r.young) >= r.most/2 {
		if _, there := r.young[p]; !there {
			r.old, r.young = r.young, map[touchstone.PersonID]uint32{}
		}
	}
	r.young[p] = mask
}

func (r *remembered) forget(p touchstone.PersonID) {
	delete(r.young, p)
	delete(r.old, p)
}
