package linkage

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// live compares who is new or has changed with everybody, by an index in memory.
type live struct {
	mu      sync.Mutex
	index   *match.Index // nil until it is loaded
	model   *keptModel   // that it was made by
	reader  *reader
	loading bool
	// Persons that changed while it was being loaded.
	touched map[touchstone.PersonID]struct{}
}

// Bounds.
const (
	mostTouched    = 100_000
	mostCandidates = 20
	lookForModel   = 10 * time.Second
	leastStale     = 10_000 // records that have gone and are worth a new index
)

// status tells whether the index is there.
func (v *live) status() (state string, persons int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.index != nil:
		return "ready", v.index.Len()
	case v.loading:
		return "loading", 0
	}
	return "off", 0
}

// Run keeps the index in step with the newest model, in the process that acts.
func (l *Linkage) Run(ctx context.Context) error {
	for {
		m, err := l.newestModel(ctx, l.cfg.DB.Reader())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			l.cfg.Logger.Warn("the model of record linkage could not be read", "error", err)
		case m != nil && !l.live.fits(m.id):
			if err := l.load(ctx, m); err != nil && ctx.Err() == nil {
				l.cfg.Logger.Error("the index of persons could not be loaded; new ones are compared by the next run of the job only", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookForModel):
		case <-l.fresh:
		}
	}
}

// fits tells whether the index is the model's, and holds more that is there than what has gone: each change of a
// person leaves traces of the record before.
func (v *live) fits(model int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.model == nil || v.model.id != model {
		return false
	}
	return v.index.Stale() <= max(v.index.Len(), leastStale)
}

// load makes the index of all persons. Who changes meanwhile is noted, and compared afterwards.
func (l *Linkage) load(ctx context.Context, m *keptModel) error {
	l.live.mu.Lock()
	l.live.loading, l.live.touched = true, map[touchstone.PersonID]struct{}{}
	l.live.mu.Unlock()
	x, r, err := l.indexOf(ctx, m)
	l.live.mu.Lock()
	l.live.loading = false
	if err == nil {
		l.live.index, l.live.reader, l.live.model = x, r, m
		l.metrics.indexed.Set(float64(x.Len()))
	}
	touched := l.live.touched
	l.live.touched = nil
	l.live.mu.Unlock()
	if err != nil || len(touched) == 0 {
		return err
	}
	persons := make([]touchstone.PersonID, 0, len(touched))
	for p := range touched {
		persons = append(persons, p)
	}
	slices.Sort(persons)
	for some := range slices.Chunk(persons, pairsAtOnce) {
		found, err := l.compare(ctx, some)
		if err == nil {
			err = l.propose(ctx, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Linkage) indexOf(ctx context.Context, m *keptModel) (*match.Index, *reader, error) {
	r := newReader(l.cfg.People, m.Columns, m.Clean)
	set, err := r.set(ctx, l.cfg.MaxPersons, func() error { return nil }, func(int) {})
	if err != nil {
		return nil, nil, err
	}
	x, err := match.NewIndex(m.Match, set)
	return x, r, err
}

// Name is that of the reactor.
func (l *Linkage) Name() string { return "linkage" }

// Interest is in the traits that are compared, and in who merges, splits and goes.
func (l *Linkage) Interest(ctx context.Context, q store.Querier) (inbox.Interest, error) {
	m, err := l.newestModel(ctx, q)
	if err != nil || m == nil {
		return inbox.Interest{}, err
	}
	wants := inbox.Interest{Persons: true, Backfill: true}
	for _, c := range m.Columns {
		for _, from := range c.From {
			switch trait, ok := strings.CutPrefix(from, traitSource); {
			case ok:
				wants.Traits = append(wants.Traits, trait)
			case from == nameSource:
				wants.Traits = append(wants.Traits, "name", "first_name", "last_name")
			}
		}
	}
	return wants, nil
}

// Patience lets the changes of a person that follow each other be one.
func (l *Linkage) Patience() time.Duration { return time.Second }

// React compares who has changed with everybody, and has what is beyond doubt linked if the
// organisation wants that.
func (l *Linkage) React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out inbox.Outbox) error {
	var changed, old, gone []touchstone.PersonID
	for i := range occurrences {
		o := &occurrences[i]
		switch o.Kind {
		case touchstone.Erased:
			gone = append(gone, o.Person)
			continue
		case touchstone.BecameOne:
			gone = append(gone, o.Other)
		case touchstone.BecameTwo:
			changed = append(changed, o.Other)
		}
		switch {
		case o.Person == 0:
		case o.Backfill:
			old = append(old, o.Person)
		default:
			changed = append(changed, o.Person)
		}
	}
	changed, old = distinct(changed), distinct(old)
	if !l.live.ready(changed, gone, l.metrics) {
		return nil
	}
	if err := l.index(ctx, old); err != nil {
		return err
	}
	found, err := l.compare(ctx, changed)
	if err != nil || len(found) == 0 {
		return err
	}
	if err := l.proposeIn(ctx, tx, found); err != nil {
		return err
	}
	return l.linkLater(ctx, tx, found, out)
}

func distinct(persons []touchstone.PersonID) []touchstone.PersonID {
	slices.Sort(persons)
	return slices.Compact(persons)
}

// index brings persons up to date in the index without comparing them: what comes with history, a million rows
// maybe, is compared by the next run of the job.
func (l *Linkage) index(ctx context.Context, persons []touchstone.PersonID) error {
	l.live.mu.Lock()
	x, r := l.live.index, l.live.reader
	l.live.mu.Unlock()
	return r.refresh(ctx, x, persons, nil)
}

// ready forgets who is gone, and tells whether there is an index; if it is being loaded, it notes who has changed.
func (v *live) ready(changed, gone []touchstone.PersonID, metrics *metrics) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range gone {
		delete(v.touched, p)
		if v.index != nil {
			v.index.Remove(recordID(p))
		}
	}
	if v.loading {
		for _, p := range changed {
			if len(v.touched) >= mostTouched {
				metrics.unready.Inc()
				continue
			}
			v.touched[p] = struct{}{}
		}
	}
	return v.index != nil
}

// compare brings persons up to date in the index and returns whom they may be. A person that the index has
// already under the same values is compared again, too: others may be new.
func (l *Linkage) compare(ctx context.Context, persons []touchstone.PersonID) (pairs []*Pair, err error) {
	l.live.mu.Lock()
	x, m, r := l.live.index, l.live.model, l.live.reader
	l.live.mu.Unlock()
	if x == nil || len(persons) == 0 {
		return nil, nil
	}
	settings, _, err := l.Settings(ctx)
	if err != nil {
		return nil, err
	}
	review := m.review(settings)
	err = r.refresh(ctx, x, persons, func(person touchstone.PersonID, record match.Record) error {
		candidates, err := x.Find(record, mostCandidates)
		if err != nil {
			return err
		}
		for _, c := range candidates {
			if c.Probability < review {
				continue
			}
			why, ok := x.Explain(record, c.ID)
			if !ok { // it has gone meanwhile
				continue
			}
			one, err := l.newPair(m, person, personOf(c.ID), c.Probability, why)
			if err != nil {
				return err
			}
			pairs = append(pairs, one)
		}
		return nil
	})
	l.metrics.indexed.Set(float64(x.Len()))
	return pairs, err
}

// review is the chance from which a pair waits for a decision.
func (m *keptModel) review(s Settings) float64 {
	if s.Review != nil {
		return *s.Review
	}
	return m.Match.Thresholds.Review
}

// Candidate is somebody who may be the one that a record is about.
type Candidate struct {
	Person touchstone.PersonID
	Weight float64 // bits
	Chance float64
}

// Find returns who a record may be about, the most probable first. Values are by the names of the columns.
func (l *Linkage) Find(_ context.Context, values map[string]string) ([]Candidate, error) {
	l.live.mu.Lock()
	x, m := l.live.index, l.live.model
	l.live.mu.Unlock()
	if x == nil {
		return nil, touchstone.Errorf(touchstone.Unavailable, "The index of persons is not loaded in this process.").
			WithHint("It is loaded when the job linkage.match has run once, in the process with the role act.")
	}
	record := match.Record{Values: make([]string, len(m.Columns))}
	known := 0
	for i, c := range m.Columns {
		if text, ok := values[c.Name]; ok {
			record.Values[i] = text
			known++
		}
	}
	if known < len(values) || known == 0 {
		names := make([]string, len(m.Columns))
		for i, c := range m.Columns {
			names[i] = c.Name
		}
		return nil, touchstone.Errorf(touchstone.Invalid, "The values need names of the columns that are compared.").WithHint("They are %s.", strings.Join(names, ", "))
	}
	candidates, err := x.Find(record, mostCandidates)
	if err != nil {
		return nil, err
	}
	found := make([]Candidate, len(candidates))
	for i, c := range candidates {
		found[i] = Candidate{personOf(c.ID), c.Weight, c.Probability}
	}
	return found, nil
}
