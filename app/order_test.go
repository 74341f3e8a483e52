package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/stream"
)

// chain is identity, profiles and segments behind each other on one store, without a loop:
// the test says where batches end.
type chain struct {
	db       *store.DB
	graph    *identity.Graph
	profiles *profile.Profiles
	segments *segment.Segments
	stages   []pipeline.Stage
	now      time.Time
}

// nothingYet is the past of a warehouse without events.
type nothingYet struct{}

func (nothingYet) Position(context.Context, int) (touchstone.Seq, error) { return 1 << 62, nil }

func (nothingYet) LatestTimes(context.Context, segment.LatestQuery, func(touchstone.PersonID, []int64) error) error {
	return nil
}

func (nothingYet) Values(context.Context, segment.ValuesQuery, func(person touchstone.PersonID, at, n, value int64) error) error {
	return nil
}

func openChain(path string) (*chain, error) {
	db, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	c := &chain{db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := touchstone.ClockFunc(func() time.Time { return c.now })
	if c.graph, err = identity.New(context.Background(), identity.Config{DB: db, Clock: clock}); err != nil {
		return nil, err
	}
	if c.profiles, err = profile.New(context.Background(), profile.Config{DB: db, Clock: clock}); err != nil {
		return nil, err
	}
	c.segments, err = segment.Open(context.Background(), segment.Config{DB: db, Clock: clock, Traits: c.profiles, Persons: c.graph, Profiles: c.profiles, History: nothingYet{}})
	if err != nil {
		return nil, err
	}
	c.stages = []pipeline.Stage{c.graph, c.profiles, c.segments.Stage()}
	return c, nil
}

var errInjected = errors.New("injected failure")

// batch works on facts in one transaction, after some attempts that fail in the end; in several
// when a stage asks for it.
func (c *chain) batch(facts []touchstone.Fact, failures int) ([]*touchstone.Batch, error) {
	b, err := c.one(facts, failures)
	var cut *touchstone.Cut
	if !errors.As(err, &cut) {
		return []*touchstone.Batch{b}, err
	}
	var all []*touchstone.Batch
	for _, before := range append(cut.Before, 1<<62) {
		n, _ := slices.BinarySearchFunc(facts, before, func(f touchstone.Fact, at touchstone.Seq) int { return cmp.Compare(f.Seq, at) })
		b, err := c.one(facts[:n:n], failures)
		if err != nil {
			return nil, err
		}
		all, facts = append(all, b), facts[n:]
	}
	return all, nil
}

func (c *chain) one(facts []touchstone.Fact, failures int) (*touchstone.Batch, error) {
	for {
		b := &touchstone.Batch{Now: c.now, Facts: facts}
		err := c.db.Update(context.Background(), func(tx *store.Tx) error {
			for _, s := range c.stages {
				if err := s.Apply(context.Background(), tx, b); err != nil {
					return err
				}
			}
			if failures > 0 {
				return errInjected
			}
			return nil
		})
		if err == nil {
			for _, s := range c.stages {
				if s, ok := s.(pipeline.Committer); ok {
					s.Committed(b)
				}
			}
			return b, nil
		}
		if errors.As(err, new(*touchstone.Cut)) { // it says that nothing has changed
			return nil, err
		}
		for _, s := range c.stages {
			s.Rollback()
		}
		if failures--; !errors.Is(err, errInjected) {
			return nil, err
		}
	}
}

// orderRules are segments that refer to each other by their places.
var orderRules = []string{
	`{"event":"A","count":{"op":"gte","value":2}}`,
	`{"event":"A","count":{"op":"eq","value":1},"within":"1h"}`,
	`{"trait":"plan","op":"eq","value":"pro"}`,
	`{"and":[{"segment":"0"},{"segment":"2"}]}`,
	`{"not":{"segment":"3"}}`,
	`{"trait":"n","op":"gte","value":2}`,
	`{"or":[{"segment":"5"},{"event":"B","where":[{"property":"x","op":"gte","value":2}],"count":{"op":"lte","value":1}}]}`,
	`{"and":[{"segment":"1"},{"trait":"city","op":"not_exists"}]}`,
}

// define makes the segments and waits until they answer.
func (c *chain) define(t *testing.T) {
	ids := make([]string, len(orderRules))
	for i, text := range orderRules {
		for at, id := range ids[:i] {
			text = strings.ReplaceAll(text, fmt.Sprintf(`"segment":"%d"`, at), fmt.Sprintf(`"segment":%q`, id))
		}
		g, err := c.segments.Create(t.Context(), segment.Draft{Name: fmt.Sprint(i), Rule: touchstone.JSON(text)})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = g.ID
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.segments.Run(ctx) }()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if _, err := c.batch(nil, 0); err != nil {
			t.Fatal(err)
		}
		list, err := c.segments.List(ctx, access.System())
		if err != nil {
			t.Fatal(err)
		}
		live := 0
		for _, g := range list {
			if g.Status == segment.Live {
				live++
			}
		}
		if live == len(orderRules) {
			stop()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the segments do not come to life")
}

// drawFacts makes events with identifiers of a few people, in which they turn out to be one,
// traits and operations on them, and many that come late.
func drawFacts(t *rapid.T, now time.Time) (facts []touchstone.Fact) {
	kinds := touchstone.DefaultKindSet()
	names := []touchstone.IdentifierKind{"anonymous_id", "anonymous_id", "email", "user_id", "vin"}
	most, more := 4, 1                                 // values of a kind, and identifiers of an event
	if crowd := rapid.Bool().Draw(t, "crowd"); crowd { // some identifiers turn out to be shared
		names, most, more = []touchstone.IdentifierKind{"anonymous_id", "email", "email", "user_id", "user_id"}, 7, 2
	}
	record, index := 1, -1
	for i := range rapid.IntRange(1, 25*more).Draw(t, "events") {
		if index++; index > 0 && rapid.IntRange(0, 3).Draw(t, "record") > 0 {
			record, index = record+1, 0
		}
		f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(record), index)} //nolint:gosec // small
		f.Type, f.MessageID, f.Source, f.ReceivedAt = touchstone.Track, fmt.Sprint("m", i), "src", now
		f.Name = rapid.SampledFrom([]string{"A", "A", "B"}).Draw(t, "name")
		f.Properties = touchstone.JSON(fmt.Sprintf(`{"x":%d}`, rapid.IntRange(1, 3).Draw(t, "x")))
		f.Time = now.Add(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 50, 70, 3000}).Draw(t, "late")) * time.Minute)
		f.Backfill = now.Sub(f.Time) > 24*time.Hour
		seen := map[touchstone.Identifier]bool{}
		for range more * rapid.SampledFrom([]int{1, 1, 1, 2, 2, 3}).Draw(t, "identifiers") {
			kind := rapid.SampledFrom(names).Draw(t, "kind")
			id := touchstone.Identifier{Kind: kind, Value: fmt.Sprint(kind[:1], rapid.IntRange(1, most).Draw(t, "who"))}
			if !seen[id] {
				seen[id] = true
				f.Identifiers = append(f.Identifiers, id)
			}
		}
		kinds.Sort(f.Identifiers)
		switch rapid.IntRange(0, 9).Draw(t, "type") {
		case 0, 1:
			f.Type, f.Name = touchstone.Identify, "$identify"
			f.Traits = touchstone.JSON(rapid.SampledFrom([]string{`{"plan":"pro"}`, `{"plan":"free","city":"Rome"}`, `{"plan":null}`, `{"city":null,"n":1}`, `{"n":3,"plan":"pro"}`}).Draw(t, "traits"))
		case 2:
			f.Type, f.Name = touchstone.Identify, "$identify"
			f.Context = touchstone.JSON(rapid.SampledFrom([]string{`{"traitOperations":{"increment":{"n":1}}}`, `{"traitOperations":{"setOnce":{"plan":"pro"}}}`, `{"traitOperations":{"delete":true}}`}).Draw(t, "operation"))
		case 3:
			f.Type, f.Name, f.PreviousID = touchstone.Alias, "$alias", fmt.Sprint("a", rapid.IntRange(1, 4).Draw(t, "previous"))
		}
		facts = append(facts, f)
	}
	return facts
}

// TestWhatHappensDoesNotDependOnBatches: the same events, cut into batches in any way, with
// batches that fail and are tried again, bring the same occurrences about, in the same order:
// merges, traits, entries and exits, each with the same cause, time and mark.
func TestWhatHappensDoesNotDependOnBatches(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "order") // what a disk does is not the subject
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	defined := filepath.Join(dir, "defined.db")
	c, err := openChain(defined)
	if err != nil {
		t.Fatal(err)
	}
	c.define(t)
	if err := c.db.Close(); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(defined)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[touchstone.OccurrenceKind]int{}
	rapid.Check(t, func(rt *rapid.T) {
		facts := drawFacts(rt, c.now)
		ends := func(i int) bool { return i == len(facts)-1 || facts[i+1].Seq.Offset() > facts[i].Seq.Offset() }
		want := occurrences(rt, empty, dir, facts, func(i int) (bool, int) { return ends(i), 0 }, kinds)
		got := occurrences(rt, empty, dir, facts, func(i int) (bool, int) {
			return ends(i) && rapid.IntRange(0, 5).Draw(rt, "cut") == 0, rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "failures")
		}, kinds)
		if d := gocmp.Diff(want, got); d != "" {
			rt.Fatalf("record by record (-) and in batches (+): %s", d)
		}
	})
	for k := touchstone.EventHappened; k <= touchstone.BecameTwo; k++ {
		if kinds[k] == 0 && !t.Failed() {
			t.Errorf("no %s has occurred: the test shows nothing about it", k)
		}
	}
}

// occurrences works on facts and returns what occurs, in order, and in the end who is where.
// cut tells whether a batch ends behind a fact, and how often it fails first.
func occurrences(t *rapid.T, empty []byte, dir string, facts []touchstone.Fact, cut func(i int) (bool, int), kinds map[touchstone.OccurrenceKind]int) (told []string) {
	path := filepath.Join(dir, "run.db")
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := openChain(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.db.Close()
	list, err := c.segments.List(context.Background(), access.System())
	if err != nil {
		t.Fatal(err)
	}
	names, members, gone := map[string]string{}, map[string]map[touchstone.PersonID]bool{}, map[touchstone.PersonID]bool{}
	for _, g := range list {
		names[g.ID], members[g.ID] = "segment "+g.Name, map[touchstone.PersonID]bool{}
	}
	work := make([]touchstone.Fact, 0, len(facts))
	for i, f := range facts {
		work = append(work, f)
		end, failures := cut(i)
		if !end && i < len(facts)-1 {
			continue
		}
		batches, err := c.batch(work, failures)
		if err != nil {
			t.Fatal(err)
		}
		work = make([]touchstone.Fact, 0, len(facts))
		for o := range occurrencesOf(batches) {
			kinds[o.Kind]++
			switch in := members[o.Name]; o.Kind {
			case touchstone.EnteredSegment, touchstone.LeftSegment:
				if entered := o.Kind == touchstone.EnteredSegment; in[o.Person] == entered || gone[o.Person] {
					t.Fatalf("%s of %d from %s tells nothing new, after\n%s", o.Kind, o.Person, names[o.Name], strings.Join(told, "\n"))
				} else if in[o.Person] = entered; !entered {
					delete(in, o.Person)
				}
			case touchstone.BecameOne:
				gone[o.Other] = true
				for _, in := range members {
					delete(in, o.Other)
				}
			case touchstone.BecameTwo: // whom a merge had absorbed is there again
				delete(gone, o.Other)
			}
			if gone[o.Person] {
				t.Fatalf("%s of %d, who is no more, after\n%s", o.Kind, o.Person, strings.Join(told, "\n"))
			}
			name := o.Name
			if n, ok := names[name]; ok {
				name = n
			}
			if o.Kind == touchstone.EventHappened {
				name += fmt.Sprint(o.Event.Identifiers, o.Event.PreviousID, o.Event.Traits, o.Event.Context)
			}
			told = append(told, fmt.Sprintf("%s: %s %d+%d %s %s>%s at %s backfill %v", o.MessageID, o.Kind, o.Person, o.Other, name, o.Old, o.New, o.Time.Format(time.DateTime), o.Backfill))
		}
	}
	for _, g := range list { // entered minus left are the members
		ids, err := c.segments.MemberIDs(context.Background(), g.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) != len(members[g.ID]) {
			t.Fatalf("segment %s: changes lead to %v, members are %v", g.Name, members[g.ID], ids)
		}
		for _, p := range ids {
			if !members[g.ID][p] {
				t.Fatalf("segment %s: %d is a member, but has not entered", g.Name, p)
			}
			told = append(told, fmt.Sprintf("%d is in segment %s", p, g.Name))
		}
	}
	return append(told, c.graphRows(t)...)
}

// graphRows is the graph as it is stored, but for counts and times that are written later.
func (c *chain) graphRows(t *rapid.T) (list []string) {
	const name = `(SELECT kind || ':' || value FROM identity_nodes WHERE id = `
	for _, query := range []string{
		`SELECT 'node ' || id || ' ' || kind || ':' || value || ' of ' || person || ' is shared ' || trust FROM identity_nodes`,
		`SELECT 'edge ' || ` + name + `a) || ' - ' || ` + name + `b) || ' by ' || message_id || ' ' || evidence FROM identity_edges`,
		`SELECT 'dropped ' || ` + name + `node) || ' - ' || kind || ':' || value || ' by ' || message_id || ' ' || reason FROM identity_dropped`,
		`SELECT 'relation ' || ` + name + `node) || ' - ' || ` + name + `related) || ' by ' || message_id FROM identity_relations`,
		`SELECT 'override ' || node || ' ' || person FROM identity_overrides`,
	} {
		rows, err := c.db.Reader().Query(context.Background(), query+` ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func occurrencesOf(batches []*touchstone.Batch) iter.Seq[touchstone.Occurrence] {
	return func(yield func(touchstone.Occurrence) bool) {
		for _, b := range batches {
			for o := range b.Occurrences() {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// The whole program knows what comes with history: an import, and what is old when it arrives.
func TestBackfillIsKnown(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole program")
	}
	r := run(t)
	changes, ok := r.feed.hub.Subscribe(t.Context(), 0, 100, func(o touchstone.Occurrence) bool { return o.Kind == touchstone.EnteredSegment })
	if !ok {
		t.Fatal("nobody may watch")
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) { // who enters while a segment is built is not told
		list, err := r.segments.List(t.Context(), access.System())
		if err != nil || time.Now().After(deadline) {
			t.Fatal("the segments do not come to life: ", err)
		}
		if !slices.ContainsFunc(list, func(g segment.Segment) bool { return g.Status != segment.Live }) {
			break
		}
	}
	old := time.Now().Add(-25 * time.Hour).UTC().Format(time.RFC3339)
	for _, body := range []string{
		`{"writeKey":"dev","userId":"new","event":"Viewed","messageId":"as it happens"}`,
		`{"writeKey":"dev","userId":"old","event":"Viewed","messageId":"old","timestamp":"` + old + `"}`,
	} {
		if status, text := r.post("/v1/track", body); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	file := touchstone.Event{Type: touchstone.Track, Name: "Viewed", MessageID: "imported", Time: time.Now(), ReceivedAt: time.Now(),
		Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "file"}}}
	frames := stream.AppendFrame(nil, touchstone.AppendEvent(nil, &file))
	if _, err := r.collector.AppendFrames(t.Context(), r.source, collect.Rows{}, bytes.NewReader(frames)); err != nil {
		t.Fatal(err)
	}
	want, deadline := map[string]bool{"as it happens": false, "old": true, "imported": true}, time.After(2*time.Minute)
	for len(want) > 0 {
		select {
		case o := <-changes:
			backfill, waits := want[o.MessageID]
			if !waits || o.Backfill != backfill || o.Cause == 0 {
				t.Errorf("%+v", o)
			}
			delete(want, o.MessageID)
		case <-deadline:
			t.Fatalf("nothing of %v", want)
		}
	}
}
