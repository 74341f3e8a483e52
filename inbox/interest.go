package inbox

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Interest is what a reactor wants to hear of. The zero Interest is nothing.
type Interest struct {
	Events   []string // names; "*" is all
	Traits   []string // names; "*" is all
	Segments []string // ids, of entries and exits; "*" is all
	Timers   []string // owners
	// Beside are kinds of identifiers: events of any name that carry one behind their first.
	Beside   []touchstone.IdentifierKind
	Persons  bool // merges, splits and erasures
	Backfill bool // also what came with history
	Causes   bool // changes carry the event that caused them
	// News, if there is one, looks at each event that is wanted: false says that it is of no use after all. Of events with one
	// key, that of an event that says nothing which another one has not said, the first is told, and others as far
	// as they are not remembered: after a while, a failure, an erasure or other interests they come again. Key 0 is always told.
	// It is called by the pipeline, so it must be quick, and knows nothing but the event and what it has been made of.
	News func(f *touchstone.Fact) (key uint64, wanted bool)
}

// everything is what a reactor is given whose interest could not be asked for yet.
func everything() Interest {
	all := []string{"*"}
	return Interest{Events: all, Traits: all, Segments: all, Timers: all, Persons: true, Backfill: true, Causes: true}
}

// Touch says that some reactor's interest may have changed, in the transaction that
// changes its definitions: batches that begin after the commit, in whatever process,
// go by the new one.
func Touch(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE inbox_interest SET version = version + 1 WHERE one = 1`)
	return err
}

// mask is a set of reactors, by their number.
type mask uint64

// words tells which reactors want what has a name.
type words struct {
	all  mask
	some map[string]mask
}

func (w *words) add(names []string, reactor mask) {
	for _, n := range names {
		if n == "*" {
			w.all |= reactor
			continue
		}
		if w.some == nil {
			w.some = map[string]mask{}
		}
		w.some[n] |= reactor
	}
}

func (w *words) of(name string) mask {
	if len(w.some) == 0 {
		return w.all
	}
	return w.all | w.some[name]
}

// wants is what all reactors want, made to be asked for each fact and change of a batch.
type wants struct {
	any                              mask
	events, traits, segments, timers words
	beside                           map[touchstone.IdentifierKind]mask
	persons, backfill, causes        mask
	news                             []news
}

// news is what is remembered of what a reactor was told.
type news struct {
	reactor mask
	ask     func(f *touchstone.Fact) (key uint64, wanted bool)
	now     map[uint64]struct{}
	before  map[uint64]struct{} // those that came earlier
}

// mostNews bounds the keys of each of the two maps.
const mostNews = 1 << 16

func (n *news) is(f *touchstone.Fact) bool {
	key, wanted := n.ask(f)
	if !wanted || key == 0 {
		return wanted
	}
	if _, told := n.now[key]; told {
		return false
	}
	_, told := n.before[key]
	if len(n.now) >= mostNews {
		n.now, n.before = n.before, n.now
		clear(n.now)
	}
	n.now[key] = struct{}{}
	return !told
}

// forget has everything told again.
func (w *wants) forget() {
	for i := range w.news {
		clear(w.news[i].now)
		clear(w.news[i].before)
	}
}

func (w *wants) add(reactor mask, i Interest) {
	w.events.add(i.Events, reactor)
	w.traits.add(i.Traits, reactor)
	w.segments.add(i.Segments, reactor)
	w.timers.add(i.Timers, reactor)
	for _, kind := range i.Beside {
		if w.beside == nil {
			w.beside = map[touchstone.IdentifierKind]mask{}
		}
		w.beside[kind] |= reactor
	}
	if i.Persons {
		w.persons |= reactor
	}
	if len(i.Beside)+len(i.Events)+len(i.Traits)+len(i.Segments)+len(i.Timers) > 0 || i.Persons {
		w.any |= reactor
	}
	if i.Backfill {
		w.backfill |= reactor
	}
	if i.Causes {
		w.causes |= reactor
	}
	if i.News != nil {
		w.news = append(w.news, news{reactor, i.News, map[uint64]struct{}{}, map[uint64]struct{}{}})
	}
}

func (w *wants) change(c *touchstone.Change) mask {
	var who mask
	switch c.Kind {
	case touchstone.TraitChanged:
		who = w.traits.of(c.Name)
	case touchstone.SegmentEntered, touchstone.SegmentLeft:
		who = w.segments.of(c.Name)
	default:
		// Who somebody is matters to whoever keeps something about the person, also when it
		// was history that told.
		return w.persons
	}
	return w.unlessBackfill(who, c.Backfill)
}

// event tells who wants a fact: by its name, or by an identifier that it carries beside.
func (w *wants) event(f *touchstone.Fact) mask {
	who := w.events.of(f.Name)
	if len(w.beside) > 0 {
		for i := 1; i < len(f.Identifiers); i++ {
			who |= w.beside[f.Identifiers[i].Kind]
		}
	}
	who = w.unlessBackfill(who, f.Backfill)
	for i := range w.news {
		if n := &w.news[i]; who&n.reactor != 0 && !n.is(f) {
			who &^= n.reactor
		}
	}
	return who
}

func (w *wants) unlessBackfill(who mask, backfill bool) mask {
	if backfill {
		return who & w.backfill
	}
	return who
}
