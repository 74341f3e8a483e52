package keeptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// fataler is a testing.T or a rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// stage is where histories are played: one database, emptied before each.
type stage struct {
	t      testing.TB
	db     *store.DB
	open   Open
	fresh  []table         // all tables as they are before anything has happened
	stored map[string]bool // tables of the keeper in which a person was named
}

// run is a history that is being played.
type run struct {
	*World
	t       fataler
	s       *stage
	feature Feature
	follow  *keep.Stage
	clean   bool
	record  uint64
	said    int
	erased  []grave // in this and earlier batches
}

// grave is what must not be found any more.
type grave struct {
	person touchstone.PersonID
	nodes  []touchstone.NodeID
	tokens []string
}

// play plays a history as it is, then clean, and compares what is kept in the end.
func (s *stage) play(t fataler, batches []batch) {
	t.Helper()
	ctx := context.Background()
	s.wipe(ctx)
	was := &run{World: newWorld(s.db), t: t, s: s}
	was.start()
	for i := range batches {
		was.work(ctx, &batches[i], nil)
	}
	if was.feature.Identity != nil {
		batches = append(slices.Clone(batches), was.quiet())
		was.work(ctx, &batches[len(batches)-1], nil)
	}
	was.wait(ctx, 6)
	was.complete(ctx)
	got, totals := was.exports(ctx), was.totals(ctx)

	s.wipe(ctx)
	never := &run{World: newWorld(s.db), t: t, s: s, clean: true}
	never.start()
	never.people = was.people
	plan := was.plan()
	for i, b := range clean(batches) {
		never.work(ctx, &b, plan[uint64(i)+1]) //nolint:gosec // small
	}
	never.wait(ctx, 6)
	want, wantTotals := never.exports(ctx), never.totals(ctx)
	if d := gocmp.Diff(want, got); d != "" {
		t.Fatalf("what is kept is not what it would be had everything happened to the right person (-) from the start (+ is what there is):\n%s", d)
	}
	if d := gocmp.Diff(wantTotals, totals); d != "" {
		t.Fatalf("totals are not what they would be had everything happened to the right person (-) from the start (+ is what there is):\n%s", d)
	}
}

func (r *run) start() {
	r.feature = r.s.open(r.s.t, r.World)
	r.follow = keep.NewStage([]keep.Keeper{r.feature.Keeper})
}

// quiet is a batch in which everybody speaks of whom nothing has come so far: identity cannot
// know them from the start otherwise.
func (r *run) quiet() batch {
	b := batch{wait: 1}
	for _, p := range r.Persons() {
		if !slices.ContainsFunc(r.past, func(f touchstone.Fact) bool { return r.people.owner[f.Node] == p }) {
			b.says = append(b.says, say{who: r.people.names[touchstone.NodeID(p)]})
		}
	}
	return b
}

// work runs a batch. facts are given when a history is played clean.
func (r *run) work(ctx context.Context, spec *batch, facts []touchstone.Fact) {
	r.t.Helper()
	// Every other batch that only erases comes when nothing else waits to be done: then nobody
	// else's rows may change.
	alone := !r.clean && len(spec.says) == 0 && len(spec.commands) > 0 && r.record%2 == 1
	r.now = r.now.Add(time.Duration(spec.wait) * time.Second)
	if alone {
		r.wait(ctx, 2)
	}
	r.record++
	if spec.restart {
		r.start()
	}
	if spec.fails {
		if _, _, err := r.try(ctx, spec, facts, true); !errors.Is(err, errMeant) {
			r.t.Fatalf("the batch fails: %v", err)
		}
	}
	var before map[string][]string
	if alone {
		before = r.rows(ctx)
	}
	people, b, err := r.try(ctx, spec, facts, false)
	if err != nil {
		r.t.Fatalf("the batch fails: %v", err)
	}
	var graves []grave
	if !r.clean {
		graves = gravesOf(r.people, b.Changes)
		r.people = people
	}
	for _, f := range b.Facts {
		r.said++
		r.past = append(r.past, f)
	}
	r.keepTimers(b)
	r.erased = append(r.erased, graves...)
	r.check(ctx, graves, before, len(spec.commands) == len(graves))
}

// gravesOf notes what was said in the lives that have ended.
func gravesOf(before *people, changes []touchstone.Change) (list []grave) {
	for _, c := range changes {
		if c.Kind != touchstone.PersonErased {
			continue
		}
		g := grave{person: c.Person, nodes: c.Parts.Nodes}
		for _, n := range c.Parts.Nodes {
			g.tokens = append(g.tokens, before.token(before.names[n]))
		}
		list = append(list, g)
	}
	return list
}

var errMeant = errors.New("meant to fail")

// try runs a batch in a transaction, as the pipeline does.
func (r *run) try(ctx context.Context, spec *batch, facts []touchstone.Fact, fail bool) (*people, *touchstone.Batch, error) {
	committed, people := r.people, r.people.clone()
	b := &touchstone.Batch{Now: r.now, Due: r.due()}
	r.people = people // what the world answers inside the batch
	defer func() { r.people = committed }()
	err := r.DB.Update(ctx, func(tx *store.Tx) error {
		b.Facts = slices.Clone(facts)
		if !r.clean {
			if err := r.command(ctx, tx, b, people, spec.commands); err != nil {
				return err
			}
			r.say(b, people, spec.says)
		}
		if err := r.apply(ctx, tx, b); err != nil {
			return err
		}
		if err := r.follow.Apply(ctx, tx, b); err != nil {
			return err
		}
		if r.feature.React != nil {
			if err := r.feature.React(ctx, tx, b); err != nil {
				return err
			}
		}
		if fail {
			return errMeant
		}
		return nil
	})
	if err != nil {
		r.follow.Rollback()
		if r.feature.Rollback != nil {
			r.feature.Rollback()
		}
		return nil, nil, err
	}
	if r.feature.Committed != nil {
		r.feature.Committed(b)
	}
	if r.clean {
		return committed, b, nil
	}
	return people, b, nil
}

// apply has the feature work. Identity's own must come to the same nodes and persons as the
// textbook's.
func (r *run) apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	if r.feature.Apply == nil {
		return nil
	}
	if r.feature.Identity == nil {
		return r.feature.Apply(ctx, tx, b)
	}
	want, changes := slices.Clone(b.Facts), b.Changes
	b.Changes = slices.DeleteFunc(slices.Clone(changes), func(c touchstone.Change) bool { return c.Kind == touchstone.PersonsMerged })
	for i := range b.Facts {
		b.Facts[i].Node, b.Facts[i].Person = 0, 0
	}
	if err := r.feature.Apply(ctx, tx, b); err != nil || r.clean {
		return err
	}
	for i, f := range b.Facts {
		if f.Node != want[i].Node || f.Person != want[i].Person {
			return fmt.Errorf("event %s of %v: node %d of %s, not %d of %s", f.MessageID, f.Identifiers, f.Node, f.Person, want[i].Node, want[i].Person)
		}
		if f.Was != want[i].Was {
			return fmt.Errorf("event %s was of %s, not of %s", f.MessageID, f.Was, want[i].Was)
		}
	}
	return sameMerges(changes, b.Changes)
}

func sameMerges(want, got []touchstone.Change) error {
	list := func(changes []touchstone.Change) (pairs []string) {
		for _, c := range changes {
			if c.Kind == touchstone.PersonsMerged {
				pairs = append(pairs, fmt.Sprint(c.Person, "←", c.Other, " by ", c.Cause))
			}
		}
		return pairs
	}
	if d := gocmp.Diff(list(want), list(got)); d != "" {
		return fmt.Errorf("merges (-want +got): %s", d)
	}
	return nil
}

// command does what operators asked for.
func (r *run) command(ctx context.Context, tx *store.Tx, b *touchstone.Batch, p *people, commands []command) error {
	for _, c := range commands {
		if c.erase {
			person := p.owner[p.nodes[c.who[0]]]
			if person == 0 {
				continue
			}
			change := p.erase(person, b.Now)
			if r.feature.Identity == nil {
				b.Due = slices.DeleteFunc(b.Due, func(t touchstone.Timer) bool { return t.Subject.Person() == person })
				b.Changes = append(b.Changes, change)
			} else if err := r.feature.Identity.Erase(ctx, tx, b, person); err != nil {
				return err
			}
			continue
		}
		person, moved, ok := p.parting(c.who)
		if !ok {
			continue
		}
		change := p.split(person, moved, b.Now)
		if r.feature.Identity == nil {
			b.Changes = append(b.Changes, change)
		} else if err := r.feature.Identity.Split(ctx, tx, b, person, moved); err != nil {
			return err
		}
	}
	return nil
}

// say makes the facts, with the persons that they have when the batch ends, and the merges.
func (r *run) say(b *touchstone.Batch, p *people, says []say) {
	then := make([]touchstone.PersonID, len(says))
	for i, s := range says {
		if n, m := p.nodes[s.who], p.nodes[s.with]; s.with != 0 && n != 0 && m != 0 && p.keptApart(n, m) {
			s.with = 0
		}
		f := r.fact(p, i, &s)
		var merge *touchstone.Change
		f.Node, merge = p.meet(s.who, s.with)
		b.Facts = append(b.Facts, f)
		then[i] = p.owner[f.Node]
		if merge != nil {
			b.Because(i, *merge)
		}
	}
	for i := range b.Facts {
		f := &b.Facts[i]
		if f.Person = p.owner[f.Node]; then[i] != f.Person {
			f.Was = then[i]
		}
	}
}

func (r *run) fact(p *people, i int, s *say) touchstone.Fact {
	n, token := r.said+i, p.token(s.who)
	f := touchstone.Fact{Seq: touchstone.MakeSeq(0, r.record, i)}
	f.Type, f.Name, f.MessageID, f.Source = touchstone.Track, []string{"Viewed", "Bought"}[n%2], fmt.Sprintf("%s-m%d", token, n), "src_web"
	f.ReceivedAt = r.now
	f.Time = r.now.Add(-time.Duration(s.late)*time.Second - time.Duration(i)*time.Millisecond)
	f.Identifiers = []touchstone.Identifier{identifier(s.who)}
	f.AnonymousID = f.Identifiers[0].Value
	f.Context = "{}"
	if s.identify {
		f.Type, f.Name = touchstone.Identify, "$identify"
		f.Traits = touchstone.JSON(fmt.Sprintf(`{"name":"%s name","email":"%s@example.com","plan":"p%d","n%d":%d}`, token, token, n%3, n%4, n))
	} else {
		f.Properties = touchstone.JSON(fmt.Sprintf(`{"price":%d,"note":"%s"}`, n%5, token))
	}
	if s.with != 0 && s.with != s.who {
		f.Identifiers = append(f.Identifiers, identifier(s.with))
	}
	return f
}

// plan is the history to be played clean, by record.
func (r *run) plan() map[uint64][]touchstone.Fact {
	list := map[uint64][]touchstone.Fact{}
	met := map[touchstone.PersonID]bool{}
	for _, f := range r.Facts(r.Mark()) {
		f.Identifiers = f.Identifiers[:1]
		if !met[f.Person] { // all of the person is known from the start
			met[f.Person] = true
			own := f.Identifiers[0]
			f.Identifiers = []touchstone.Identifier{own}
			for _, id := range r.people.partsOf(f.Person).Identifiers {
				if id != own {
					f.Identifiers = append(f.Identifiers, id)
				}
			}
		}
		list[f.Seq.Offset()] = append(list[f.Seq.Offset()], f)
	}
	return list
}

// maxRounds bounds how long the feature may say that work waits.
const maxRounds = 500

// wait lets work that waits be done, for some rounds at least.
func (r *run) wait(ctx context.Context, rounds int) {
	r.t.Helper()
	for more := true; more || rounds > 0; rounds-- {
		if rounds < -maxRounds {
			r.t.Fatalf("Settle does not come to an end")
		}
		more = false
		now, record := r.now, r.record // a history that is played clean does not wait here
		r.work(ctx, &batch{wait: 2}, nil)
		r.now, r.record = now, record
		if r.feature.Settle == nil {
			continue
		}
		var err error
		if more, err = r.feature.Settle(ctx); err != nil {
			r.t.Fatalf("settle: %v", err)
		}
	}
}

// due takes the timers that have come.
func (r *run) due() (list []touchstone.Timer) {
	for t, at := range r.timers {
		if !at.After(r.now) {
			list = append(list, touchstone.Timer{Owner: t.owner, Subject: touchstone.PersonSubject(t.person), Key: t.key, At: at})
		}
	}
	slices.SortFunc(list, func(x, y touchstone.Timer) int { return x.At.Compare(y.At)*2 + int(x.Subject.ID-y.Subject.ID)%2 })
	return list
}

// keepTimers follows a batch as the pipeline's own keeper does.
func (r *run) keepTimers(b *touchstone.Batch) {
	for _, t := range b.Due {
		delete(r.timers, timer{t.Owner, t.Key, t.Subject.Person()})
	}
	for _, c := range b.Changes {
		for t, at := range r.timers {
			switch {
			case c.Kind == touchstone.PersonErased && t.person == c.Person:
				delete(r.timers, t)
			case c.Kind == touchstone.PersonsMerged && t.person == c.Other:
				delete(r.timers, t)
				t.person = c.Person
				if own, ok := r.timers[t]; !ok || at.Before(own) {
					r.timers[t] = at
				}
			}
		}
	}
	for _, t := range b.Timers {
		k := timer{t.Owner, t.Key, t.Subject.Person()}
		if r.timers[k] = t.At; t.At.IsZero() {
			delete(r.timers, k)
		}
	}
}

// exported is one value of an export.
type exported struct {
	Name  string
	Value any
}

// exports returns what is promised of everybody, by person.
func (r *run) exports(ctx context.Context) map[string][]exported {
	r.t.Helper()
	all := map[string][]exported{}
	for p := touchstone.PersonID(1); p <= touchstone.PersonID(r.people.last); p++ {
		person, key := p, p.String()
		if r.feature.Identity != nil {
			at := slices.IndexFunc(r.past, func(f touchstone.Fact) bool { return r.people.owner[r.nodeOf(f)] == p })
			if at < 0 {
				continue // one of whom nothing came cannot have been from the start
			}
			person, key = r.past[at].Person, r.people.key(p) // numbers differ when it is played clean
			if !r.clean {
				person = p
			}
		}
		list := r.export(ctx, person)
		if r.feature.Promise == nil {
			all[key] = list
			continue
		}
		for _, e := range list {
			if v := r.feature.Promise(e.Name, e.Value); v != nil {
				all[key] = append(all[key], exported{e.Name, v})
			}
		}
	}
	for key, list := range all {
		if len(list) == 0 {
			delete(all, key)
		}
	}
	return all
}

// nodeOf returns the node that an event came under, as the textbook numbers it.
func (r *run) nodeOf(f touchstone.Fact) touchstone.NodeID {
	if r.clean {
		return r.people.nodes[f.AnonymousID[8]]
	}
	return f.Node
}

// export returns a person's export, as it reads after a way through JSON.
func (r *run) export(ctx context.Context, person touchstone.PersonID) (list []exported) {
	r.t.Helper()
	parts := r.people.partsOf(person)
	err := r.feature.Keeper.Export(ctx, r.DB.Reader(), keep.Whole{Person: person, Nodes: parts.Nodes, Identifiers: parts.Identifiers}, func(name string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		e := exported{Name: name}
		err = json.Unmarshal(text, &e.Value)
		list = append(list, e)
		return err
	})
	if err != nil {
		r.t.Fatalf("export %s: %v", person, err)
	}
	return list
}

func (r *run) totals(ctx context.Context) any {
	r.t.Helper()
	if r.feature.Totals == nil {
		return nil
	}
	v, err := r.feature.Totals(ctx, r.DB.Reader())
	if err != nil {
		r.t.Fatalf("totals: %v", err)
	}
	return v
}
