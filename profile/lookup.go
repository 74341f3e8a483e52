package profile

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/slabcache"
	"github.com/touchstone-cdp/touchstone/store"
)

// Prefetch makes the traits of persons ready who have no fact in the batch. The traits of
// those who have one are ready without asking.
func (p *Profiles) Prefetch(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID) error {
	if p.batch == nil {
		p.batch = &batch{ctx: ctx, tx: tx}
	}
	return p.fetch(ctx, tx, persons)
}

// TraitsOf returns a look-up of a person's traits as the batch has left them; of a person that
// it absorbed, as they were then. It is for the stages after this one, inside the batch.
func (p *Profiles) TraitsOf(id touchstone.PersonID) func(name string) (touchstone.JSON, bool) {
	state := p.traitState(id)
	words := p.words[traitWords]
	return func(name string) (touchstone.JSON, bool) {
		if len(state) == 0 {
			return "", false
		}
		json, ok := lookUp(state, words.known(name))
		if !ok {
			return "", false
		}
		return touchstone.JSON(json), true
	}
}

func (p *Profiles) traitState(id touchstone.PersonID) []byte {
	b := p.batch
	if b != nil && len(b.last) > 0 {
		if state, ok := b.last[id]; ok {
			return state
		}
	}
	var key [8]byte
	k := slabcache.IntKey(&key, int64(id))
	if state := p.traits.Get(0, k); state != nil {
		return state
	}
	if b == nil {
		return nil
	}
	one := b.person(id)
	if one != nil && !one.newTraits.empty() { // too large for the cache
		return append([]byte(nil), one.newTraits.of(b.arena)...)
	}
	if state, ok := b.loaded[id]; ok {
		return state
	}
	// The first miss fetches the traits of all persons of the batch.
	wanted := []touchstone.PersonID{id}
	for i := range b.persons {
		if b.persons[i].id != id && b.persons[i].newTraits.empty() {
			wanted = append(wanted, b.persons[i].id)
		}
	}
	if err := p.fetch(b.ctx, b.tx, wanted); err != nil {
		p.cfg.Logger.Error("traits could not be read; the batch will fail and be tried again", "error", err)
		return nil
	}
	return b.loaded[id]
}

func (p *Profiles) fetch(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID) error {
	b := p.batch
	if b.loaded == nil {
		b.loaded = map[touchstone.PersonID][]byte{}
	}
	var key [8]byte
	var missing []touchstone.PersonID
	for _, id := range persons {
		if _, ok := b.loaded[id]; !ok && p.traits.Get(0, slabcache.IntKey(&key, int64(id))) == nil {
			missing = append(missing, id)
		}
	}
	return readStates(ctx, tx, "profile_traits", missing, func(id touchstone.PersonID, state []byte) {
		b.loaded[id] = state
		p.traits.Put(0, slabcache.IntKey(&key, int64(id)), state)
	})
}
