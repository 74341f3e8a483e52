package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// bench drives a graph as the pipeline does.
type bench struct {
	t     testing.TB
	db    *store.DB
	g     *Graph
	rules *Rules // for blocking; nil in most tests
	seq   int
	now   time.Time
}

func newBench(t testing.TB, db *store.DB, change ...func(*Config)) *bench {
	t.Helper()
	cfg := Config{DB: db}
	for _, c := range change {
		c(&cfg)
	}
	g, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, db: db, g: g, now: day}
}

// event makes a fact of identifiers written as "kind:value"; the first may be preceded
// by "identify ".
func (b *bench) event(ids ...string) touchstone.Fact {
	b.seq++
	f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(b.seq), 0)}
	f.Type, f.Name, f.MessageID, f.Source = touchstone.Track, "Viewed", fmt.Sprint("m", b.seq), "src_web"
	f.Time = day.Add(time.Duration(b.seq) * time.Second)
	f.ReceivedAt = f.Time
	for _, text := range ids {
		if rest, ok := strings.CutPrefix(text, "identify "); ok {
			f.Type, f.Name, text = touchstone.Identify, "$identify", rest
		}
		if rest, ok := strings.CutPrefix(text, "alias "); ok {
			f.Type, f.Name = touchstone.Alias, "$alias"
			f.PreviousID, text, _ = strings.Cut(rest, " ")
		}
		id, ok := touchstone.ParseIdentifier(text)
		if !ok {
			b.t.Fatalf("bad identifier %q", text)
		}
		f.Identifiers = append(f.Identifiers, id)
	}
	return f
}

var errStop = errors.New("stop here")

func (b *bench) apply(facts ...touchstone.Fact) *touchstone.Batch {
	b.t.Helper()
	batch, err := b.try(false, facts...)
	if err != nil {
		b.t.Fatal(err)
	}
	return batch
}

func (b *bench) person(ref string) touchstone.PersonID {
	b.t.Helper()
	p, err := b.g.Resolve(context.Background(), ref)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) view(ref string) *View {
	b.t.Helper()
	v, err := b.g.Identity(context.Background(), access.System(), b.person(ref))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) overrides() map[touchstone.NodeID]touchstone.PersonID {
	b.t.Helper()
	all := map[touchstone.NodeID]touchstone.PersonID{}
	for version := int64(0); ; {
		list, next, err := b.g.OverridesSince(context.Background(), version, 3)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(list) == 0 {
			return all
		}
		if next <= version {
			b.t.Fatalf("version went from %d to %d", version, next)
		}
		version = next
		for _, o := range list {
			all[o.Node] = o.Person
		}
	}
}

func TestAnonymousVisitorBecomesKnown(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		one := b.apply(b.event("anonymous_id:a1"), b.event("anonymous_id:a1"))
		if one.Facts[0].Person != 1 || one.Facts[1].Node != 1 {
			t.Fatalf("got %+v", one.Facts)
		}
		two := b.apply(b.event("identify user_id:u1", "email:ann@example.com", "anonymous_id:a1"), b.event("user_id:u1", "anonymous_id:a1"))
		for _, f := range two.Facts {
			if f.Person != 1 || f.Node != 2 {
				t.Fatalf("person %d, node %d", f.Person, f.Node)
			}
		}
		if len(two.Changes) != 0 {
			t.Fatalf("a new identifier joins without a merge, got %v", two.Changes)
		}
		if d := gocmp.Diff(map[touchstone.NodeID]touchstone.PersonID{2: 1}, b.overrides()); d != "" {
			t.Error(d)
		}
		v := b.view("email:Ann@Example.com")
		var ids []string
		for _, n := range v.Nodes {
			ids = append(ids, fmt.Sprintf("%s %d", n.Identifier(), n.Events))
		}
		if d := gocmp.Diff([]string{"anonymous_id:a1 4", "user_id:u1 2", "email:ann@example.com 1"}, ids); d != "" {
			t.Error(d)
		}
		persons, known, err := b.g.Counts(context.Background())
		if err != nil || persons != 1 || known != 1 {
			t.Fatalf("%d persons, %d known, %v", persons, known, err)
		}
	})
}

func TestMergeKeepsTheOlderPersonAndMovesHistory(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("email:ann@example.com"), b.event("anonymous_id:a1"), b.event("anonymous_id:a2"), b.event("anonymous_id:a2"))
		merged := b.apply(
			b.event("anonymous_id:a2"),
			b.event("email:ann@example.com", "anonymous_id:a1"),
			b.event("identify user_id:u1", "anonymous_id:a2"),
			b.event("user_id:u1", "email:ann@example.com"),
		)
		for i, then := range []touchstone.PersonID{3, 1, 3, 1} {
			if f := merged.Facts[i]; f.Person != 1 || f.Then() != then {
				t.Errorf("fact %d is of person %d, and was of %d; want 1 and %d", i, f.Person, f.Then(), then)
			}
		}
		want := []touchstone.Change{
			{Kind: touchstone.PersonsMerged, Person: 1, Other: 2, Time: merged.Facts[1].Time, Cause: 2},
			{Kind: touchstone.PersonsMerged, Person: 1, Other: 3, Time: merged.Facts[3].Time, Cause: 4},
		}
		if d := gocmp.Diff(want, merged.Changes); d != "" {
			t.Error(d)
		}
		for _, ref := range []string{"p_1", "p_2", "p_3", "anonymous_id:a2", "user_id:u1"} {
			if p := b.person(ref); p != 1 {
				t.Errorf("%s is person %d", ref, p)
			}
		}
		if d := gocmp.Diff(map[touchstone.NodeID]touchstone.PersonID{2: 1, 3: 1, 4: 1}, b.overrides()); d != "" {
			t.Error(d)
		}
		now, err := b.g.Canonical(context.Background(), db.Reader(), []touchstone.PersonID{3, 1, 99})
		if d := gocmp.Diff([]touchstone.PersonID{1, 1, 99}, now); err != nil || d != "" {
			t.Error(d, err)
		}
		v := b.view("p_3")
		if d := gocmp.Diff([]touchstone.PersonID{2, 3}, v.Aliases()); d != "" {
			t.Error(d)
		}
		if v.Merges[1].Because.Evidence != "event" || v.Merges[1].MessageID != merged.Facts[3].MessageID {
			t.Errorf("because %+v", v.Merges[1])
		}
		path, err := b.g.Explain(context.Background(), touchstone.Identifier{Kind: "anonymous_id", Value: "a1"}, touchstone.Identifier{Kind: "anonymous_id", Value: "a2"})
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for _, e := range path {
			steps = append(steps, fmt.Sprintf("%d-%d %s", e.From, e.To, e.Evidence))
		}
		if d := gocmp.Diff([]string{"2-1 event", "1-4 event", "4-3 identify"}, steps); d != "" {
			t.Error(d)
		}
	})
}

func TestSharedDeviceStaysWithItsFirstUser(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "anonymous_id:a1"))
		for range 3 { // from the store, then from memory
			got := b.apply(b.event("user_id:u2", "anonymous_id:a1"), b.event("anonymous_id:a1"))
			if got.Facts[0].Person != 3 || got.Facts[1].Person != 1 {
				t.Fatalf("persons %d and %d", got.Facts[0].Person, got.Facts[1].Person)
			}
		}
		dropped := b.view("user_id:u2").Dropped
		if len(dropped) != 1 || dropped[0].Identifier.String() != "anonymous_id:a1" || dropped[0].Reason != "limit of 1 user_id" {
			t.Errorf("dropped %+v", dropped)
		}
		recent, err := b.g.RecentlyDropped(context.Background(), 10)
		if err != nil || len(recent) != 1 {
			t.Errorf("recently dropped %v, %v", recent, err)
		}
	})
}

func TestAliasJoinsTwoUsers(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:old", "anonymous_id:a1"), b.event("user_id:new"), b.event("anonymous_id:a2"))
		got := b.apply(b.event("alias old user_id:new"), b.event("alias a2 user_id:new"), b.event("alias never-seen user_id:new"))
		for _, f := range got.Facts {
			if f.Person != 1 || f.Node != 3 {
				t.Errorf("person %d, node %d", f.Person, f.Node)
			}
		}
		v := b.view("anonymous_id:never-seen")
		if v.Person != 1 || len(v.Nodes) != 5 || v.Merges[0].Because.Evidence != "alias" {
			t.Errorf("%+v", v)
		}
		_, known, _ := b.g.Counts(context.Background())
		if known != 1 {
			t.Errorf("%d known persons", known)
		}
		// The person is over the limit now; that keeps nothing else from linking.
		b.apply(b.event("email:x@example.com"), b.event("user_id:new", "email:x@example.com"))
		if b.person("email:x@example.com") != 1 {
			t.Error("the e-mail did not link")
		}
	})
}

func TestGroupIdsAreNoPersons(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "group_id:acme"), b.event("user_id:u2", "group_id:acme"))
		if b.person("user_id:u1") == b.person("user_id:u2") {
			t.Error("an account joined two users")
		}
	})
}

func TestHostileIdentifiersDoNotStopThePipeline(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		long := strings.Repeat("x", maxValueBytes)
		events := []touchstone.Fact{b.event("user_id:u1"), b.event("user_id:" + long), b.event("user_id:u1")}
		events[0].Identifiers = append(events[0].Identifiers, touchstone.Identifier{Kind: "email", Value: "a\x00b"}, touchstone.Identifier{Kind: "email", Value: "\xff"},
			touchstone.Identifier{Kind: "email", Value: long + "x"})
		events[2].Identifiers = []touchstone.Identifier{{Kind: "email", Value: ""}}
		for range 2 {
			got := b.apply(events...)
			if got.Facts[0].Person != 1 || got.Facts[1].Person != 2 || got.Facts[2].Person != 0 || got.Facts[2].Node != 0 {
				t.Fatalf("%+v", got.Facts)
			}
		}
		odd := b.event("user_id:odd")
		odd.Identifiers = append(odd.Identifiers, touchstone.Identifier{Kind: "\xfe", Value: "v"}, touchstone.Identifier{Kind: "\xff", Value: "v"}, touchstone.Identifier{Kind: "", Value: "v"})
		if n := len(b.apply(odd).Facts); n != 1 || len(b.view("user_id:odd").Nodes) != 1 {
			t.Error("odd kinds became nodes")
		}
		many := b.event("user_id:many")
		for i := range 400 {
			many.Identifiers = append(many.Identifiers, touchstone.Identifier{Kind: touchstone.IdentifierKind(fmt.Sprint("k", i)), Value: "v"})
		}
		b.apply(many)
		if n := len(b.view("user_id:many").Nodes); n > maxKinds {
			t.Errorf("%d nodes", n)
		}
	})
}

func TestSplitMovesHistoryBackAndStays(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("anonymous_id:a1"), b.event("anonymous_id:a2"), b.event("identify user_id:u1", "email:e@x.org", "anonymous_id:a1"))
		b.apply(b.event("email:e@x.org", "anonymous_id:a2"))
		if d := gocmp.Diff(map[touchstone.NodeID]touchstone.PersonID{2: 1, 3: 1, 4: 1}, b.overrides()); d != "" {
			t.Fatal(d)
		}
		result, batch, err := b.command(SplitCommand, SplitBody{[]string{"anonymous_id:a2", "email:e@x.org"}})
		if d := gocmp.Diff(Parted{1, 2, 2}, result); err != nil || d != "" {
			t.Fatal(d, err)
		}
		if d := gocmp.Diff([]touchstone.Change{{Kind: touchstone.PersonSplit, Person: 1, Other: 2, Time: day, Parts: &touchstone.Parts{
			Nodes: []touchstone.NodeID{2, 4}, Identifiers: []touchstone.Identifier{{Kind: "anonymous_id", Value: "a2"}, {Kind: "email", Value: "e@x.org"}}}}}, batch.Changes); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff(map[touchstone.NodeID]touchstone.PersonID{2: 0, 3: 1, 4: 2}, b.overrides()); d != "" {
			t.Error(d)
		}
		// The same events again, from memory and from the store: nothing joins.
		for range 2 {
			got := b.apply(b.event("email:e@x.org", "anonymous_id:a2"), b.event("user_id:u1", "email:e@x.org", "anonymous_id:a1"))
			if got.Facts[0].Person != 2 || got.Facts[1].Person != 1 || len(got.Changes) != 0 {
				t.Fatalf("persons %d and %d, changes %v", got.Facts[0].Person, got.Facts[1].Person, got.Changes)
			}
			b.g.Rollback()
		}
		v := b.view("p_2")
		if len(v.Parted) != 1 || v.Parted[0].Person != 1 || len(v.Nodes) != 2 || len(v.Edges) != 1 {
			t.Errorf("%+v", v)
		}
		if persons, _, _ := b.g.Counts(context.Background()); persons != 2 {
			t.Errorf("%d persons", persons)
		}
		for name, bad := range map[string][]string{"all": {"anonymous_id:a2", "email:e@x.org"}, "none": {}, "of two": {"email:e@x.org", "user_id:u1"}, "no identifier": {"x"}} {
			if _, _, err := b.command(SplitCommand, SplitBody{bad}); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := b.command(SplitCommand, SplitBody{[]string{"email:nobody"}}); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("of nobody: %v", err)
		}
	})
}

func TestSplitKeepsEachPartConnected(t *testing.T) {
	p := &parting{}
	for i := range 6 {
		n := &node{id: touchstone.NodeID(i + 1)}
		if i%2 == 0 {
			p.kept = append(p.kept, n)
		} else {
			p.moved = append(p.moved, n)
		}
	}
	// A star around node 1, and one edge inside the moved part.
	p.sortEdges([]edgeKey{{1, 2, 0}, {1, 3, 0}, {1, 4, 0}, {1, 6, 0}, {4, 6, 0}, {2, 5, 0}})
	want := []edgeKey{keyOf(1, 5, operated), keyOf(2, 4, operated)}
	if d := gocmp.Diff(want, p.tied, gocmp.AllowUnexported(edgeKey{})); d != "" {
		t.Error(d)
	}
	if len(p.cut) != 4 {
		t.Errorf("cut %v", p.cut)
	}
}

func TestCountsSurviveFlush(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		for range 5 {
			b.apply(b.event("user_id:u1", "anonymous_id:a1"), b.event("identify user_id:u1", "anonymous_id:a1"))
		}
		check := func(when string, fromMemory bool) {
			v := b.view("user_id:u1")
			for _, n := range v.Nodes {
				if n.Events != 10 || n.LastSeen.Sub(day) != 10*time.Second {
					t.Errorf("%s: %s has %d events, last %v", when, n.Identifier(), n.Events, n.LastSeen)
				}
			}
			for _, e := range v.Edges {
				if e.Count != 5 && !fromMemory {
					t.Errorf("%s: edge %s counts %d", when, e.Evidence, e.Count)
				}
			}
		}
		check("in memory", true)
		if err := b.g.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		b.g.Rollback() // forgets the cache
		check("in the store", false)
	})
}

func TestSweepWritesCountsInTime(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1"))
		b.apply(b.event("user_id:u1"))
		for range 40 {
			b.now = b.now.Add(time.Minute)
			b.apply()
		}
		b.g.Rollback()
		if n := b.view("user_id:u1").Nodes[0].Events; n != 2 {
			t.Errorf("%d events in the store", n)
		}
	})
}

func TestSearchByPrefix(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:ann"), b.event("user_id:Ann"), b.event("email:ann@x.org"), b.event("user_id:张伟"), b.event("user_id:anna"), b.event("user_id:张三"), b.event("phone:+8613800138001"))
		search := func(q string) (found []string) {
			var after touchstone.Identifier
			for {
				list, err := b.g.Search(context.Background(), q, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range list {
					found = append(found, m.Identifier.String())
					after = m.Identifier
				}
				if len(list) < 2 {
					return found
				}
			}
		}
		for q, want := range map[string][]string{
			"ann":               {"user_id:ann", "email:ann@x.org", "user_id:anna"},
			"email:ann":         {"email:ann@x.org"},
			"user_id:an":        {"user_id:ann", "user_id:anna"},
			"张":                 {"user_id:张三", "user_id:张伟"},
			"none":              nil,
			"%":                 nil,
			"ANN@X.org":         {"email:ann@x.org"}, // as the edge would have written it
			"+86 138-0013-8001": {"phone:+8613800138001"},
		} {
			if d := gocmp.Diff(want, search(q)); d != "" {
				t.Errorf("%s: %s", q, d)
			}
		}
	})
}

func TestLargePersonsAreListed(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		for i := range 30 {
			b.apply(b.event("user_id:u1", fmt.Sprint("anonymous_id:a", i)), b.event("user_id:u2", fmt.Sprint("anonymous_id:b", i%22)))
		}
		got, err := b.g.Largest(context.Background(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff([]Size{{1, 31}, {3, 23}}, got); d != "" {
			t.Error(d)
		}
	})
}

// TestStoredGraphEqualsPureOne runs random events in random batches, with failures, cold
// caches and other writers between, and compares what the store holds with what the
// linking rules alone give.
func TestStoredGraphEqualsPureOne(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			reset(t, db, b)
			pure := newRegion(b.g.rules(&apartness{}), 0, 0)
			var ways []*node
			var facts []touchstone.Fact
			events := drawEvents(rt, 3)
			for len(events) > 0 {
				n := rapid.IntRange(1, min(9, len(events))).Draw(rt, "batch")
				var batch []touchstone.Fact
				for _, ids := range events[:n] {
					var texts []string
					for _, i := range ids {
						texts = append(texts, string(b.g.kinds.name(i.kind))+":"+i.value)
					}
					f := b.event(texts...)
					batch = append(batch, f)
					ways = append(ways, pure.mention(b.g.mention(&f)))
				}
				events = events[n:]
				switch rapid.IntRange(0, 7).Draw(rt, "trouble") {
				case 0:
					if _, err := b.try(true, batch...); !errors.Is(err, errStop) {
						rt.Fatal(err)
					}
				case 1:
					b.g.Rollback()
				}
				done := b.apply(batch...)
				facts = append(facts, done.Facts...)
			}
			compare(rt, b, pure, facts, ways)
		})
	})
}

func reset(t *testing.T, db *store.DB, b *bench) {
	t.Helper()
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		for _, table := range []string{"nodes", "edges", "merges", "dropped", "overrides", "large", "apart", "requests", "relations", "shared", "undo", "cut", "rerun_samples", "rerun_reasons"} {
			if _, err := tx.Exec(context.Background(), "DELETE FROM identity_"+table); err != nil {
				return err
			}
		}
		return state{}.save(context.Background(), tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.g.Rollback()
	b.seq = 0
}

func compare(t *rapid.T, b *bench, pure *region, facts []touchstone.Fact, ways []*node) {
	ctx := context.Background()
	overrides := b.overrides()
	for i, f := range facts {
		if f.Node != ways[i].id {
			t.Fatalf("fact %d came under node %d, want %d", i, f.Node, ways[i].id)
		}
		person := touchstone.PersonID(f.Node)
		if p := overrides[f.Node]; p != 0 {
			person = p
		}
		if want := ways[i].part.root().person; person != want {
			t.Fatalf("the warehouse would give fact %d to person %d, want %d", i, person, want)
		}
	}
	edges := map[touchstone.PersonID]int{}
	for k := range pure.edges {
		for _, n := range pure.nodes {
			if n.id == k.a {
				edges[n.part.root().person]++
			}
		}
	}
	for _, p := range pure.parts {
		if p.into != nil {
			continue
		}
		v, err := b.g.Identity(ctx, access.System(), p.person)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Nodes) != len(p.nodes) || len(v.Edges) != edges[p.person] {
			t.Fatalf("person %d: %d nodes and %d edges, want %d and %d", p.person, len(v.Nodes), len(v.Edges), len(p.nodes), edges[p.person])
		}
		for _, n := range v.Nodes {
			want := pure.nodes[ident{b.g.kinds.number(n.Kind), n.Value}]
			if want.id != n.ID || want.part.root().person != n.Person {
				t.Fatalf("%s is node %d of %d, want %d of %d", n.Identifier(), n.ID, n.Person, want.id, want.part.root().person)
			}
			for _, other := range v.Nodes {
				if v.Explain(n.Identifier(), other.Identifier()) == nil {
					t.Fatalf("nothing explains %s – %s", n.Identifier(), other.Identifier())
				}
			}
		}
	}
	compareBonds(t, b, pure)
	persons, known, err := b.g.Counts(ctx)
	if err != nil || persons != pure.persons || known != pure.known {
		t.Fatalf("%d persons, %d known, want %d and %d (%v)", persons, known, pure.persons, pure.known, err)
	}
}

func compareBonds(t *rapid.T, b *bench, pure *region) {
	if err := b.g.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	rows, err := b.db.Reader().Query(context.Background(), `SELECT node, related, first_time, last_time, count FROM identity_relations`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var node, related, first, last, count int64
		if err := rows.Scan(&node, &related, &first, &last, &count); err != nil {
			t.Fatal(err)
		}
		n++
		// Counts in memory are lost with a failed batch, and only they.
		want := pure.bonds[bondKey{touchstone.NodeID(node), touchstone.NodeID(related)}]
		if want == nil || first != want.time || last > want.last || count > want.count || count < 1 {
			t.Fatalf("relation %d – %d: %d to %d, %d times; want %+v", node, related, first, last, count, want)
		}
	}
	if n != len(pure.bonds) {
		t.Fatalf("%d relations, want %d", n, len(pure.bonds))
	}
}

func TestEvidenceOfImports(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, func(c *Config) { c.Imports = func(source string) bool { return source == "src_file" } })
		imported := func() touchstone.Fact {
			f := b.event("identify user_id:u1", "anonymous_id:a1")
			f.Source = "src_file"
			return f
		}
		for range 2 { // from the region, then from the cache
			b.apply(imported(), b.event("user_id:u1", "anonymous_id:a1"), imported())
		}
		if err := b.g.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int64{}
		for _, e := range b.view("user_id:u1").Edges {
			counts[e.Evidence] = e.Count
		}
		if d := gocmp.Diff(map[string]int64{"import": 4, "event": 2}, counts); d != "" {
			t.Error(d)
		}
	})
}

// People know the end of a phone number, a chassis number or a plate.
func TestSearchByEnd(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "phone:+8613800138001"), b.event("user_id:8001-x", "vin:LSVAA000000008001"), b.event("user_id:u3", "plate:沪A88001"), b.event("anonymous_id:zz8001"))
		for q, want := range map[string]string{
			"8001":       "8001-x +8613800138001 LSVAA000000008001 LSVAA000000008001 沪A88001 沪A88001", // the car and its driver
			"138 8001":   "",
			"0013-8001":  "+8613800138001",
			"a88001":     "沪A88001 沪A88001",
			"沪A·88001":   "",
			"001":        "",
			"phone:8001": "",
			"zz8001":     "zz8001",
		} {
			list, err := b.g.Search(t.Context(), q, touchstone.Identifier{}, 50)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range list {
				got = append(got, m.Identifier.Value)
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s finds %q, want %q", q, text, want)
			}
		}
	})
}

// An event that joins three persons makes them one at once: nobody hears of the one who would
// have been kept for a moment.
func TestMergesOfOneEventLeadToWhoRemains(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("email:ann@example.com"), b.event("anonymous_id:a1"), b.event("anonymous_id:a2"))
		merged := b.apply(b.event("anonymous_id:a1", "anonymous_id:a2", "email:ann@example.com"))
		var got []string
		for _, c := range merged.Changes {
			got = append(got, fmt.Sprintf("%d+%d because of %d", c.Person, c.Other, c.Cause))
		}
		if want := []string{"1+3 because of 1", "1+2 because of 1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A batch that is tried again without the event that merged two persons knows nothing of it.
func TestWhoAFactWasIsForgottenWithTheAttempt(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		facts := []touchstone.Fact{b.event("email:ann@example.com"), b.event("anonymous_id:a1"), b.event("email:ann@example.com", "anonymous_id:a1")}
		attempt := func(facts []touchstone.Fact, fail error) {
			batch := &touchstone.Batch{Now: b.now, Facts: facts}
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				if err := b.g.Apply(t.Context(), tx, batch); err != nil {
					return err
				}
				return fail
			})
			if !errors.Is(err, fail) {
				t.Fatal(err)
			}
			b.g.Rollback()
		}
		attempt(facts, errStop)
		if facts[1].Person != 1 || facts[1].Was != 2 {
			t.Fatalf("person %d, who was %d", facts[1].Person, facts[1].Was)
		}
		attempt(facts[1:2], nil)
		if facts[1].Person != 1 || facts[1].Then() != 1 {
			t.Errorf("person %d, who was %d", facts[1].Person, facts[1].Then())
		}
	})
}

// An alias call of a car, which is no person, joins nobody: nothing else lets a car absorb
// people, and the graph does not load what it would take.
func TestAnAliasOfACarJoinsNobody(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db)
		b.apply(b.event("user_id:u1", "anonymous_id:a1"), b.event("user_id:u2", "anonymous_id:a2"), b.event("vin:LSVAA4182E2184847"))
		for _, previous := range []string{"a1", "a2", "u1", "nobody"} {
			if done := b.apply(b.event("alias " + previous + " vin:LSVAA4182E2184847")); len(done.Changes) > 0 || done.Facts[0].Person != b.person("vin:LSVAA4182E2184847") {
				t.Errorf("alias of %s: %+v, of person %d", previous, done.Changes, done.Facts[0].Person)
			}
		}
		for _, ref := range []string{"anonymous_id:a1", "anonymous_id:a2"} {
			if p, done := b.person(ref), b.apply(b.event(ref)); done.Facts[0].Person != p {
				t.Errorf("%s is %d in the store and %d in the cache", ref, p, done.Facts[0].Person)
			}
		}
		if persons, _, err := b.g.Counts(t.Context()); persons != 2 || err != nil {
			t.Errorf("%d persons, %v", persons, err)
		}
	})
}
