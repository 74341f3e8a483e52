package analyticstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// keptLeaves are of each kind, small and large.
func keptLeaves() []rule.Leaf {
	texts := []string{
		`{"event":"x"}`, `{"event":"x","count":{"op":"gte","value":3}}`, `{"event":"x","count":{"op":"gte","value":2},"where":[{"property":"n","op":"gte","value":2}]}`,
		`{"event":"x","first":{"property":"n","op":"eq","value":1}}`, `{"event":"x","last":{"property":"n","op":"eq","value":1},"within":"30d"}`,
		`{"event":"x","count":{"op":"gte","value":2},"ago":{"from":"9d","to":"3d"}}`, `{"event":"x","days":{"op":"gte","value":2,"tz":"Asia/Shanghai"},"within":"30d"}`,
		`{"event":"x","distinct":{"property":"n","op":"gte","value":2}}`, `{"event":"x","distinct":{"property":"n","op":"gte","value":9},"within":"20d"}`,
		`{"event":"x","sum":{"property":"n","op":"gte","value":2}}`, `{"event":"x","avg":{"property":"n","op":"gte","value":2},"within":"30d"}`,
		`{"event":"x","sum":{"property":"n","op":"gte","value":2},"since":"2026-01-05","until":"2026-01-20"}`,
	}
	var leaves []rule.Leaf
	for _, text := range texts {
		r, err := rule.Parse(touchstone.JSON(text))
		if err != nil {
			panic(err)
		}
		leaves = append(leaves, r.Leaves()...)
	}
	few := leaves[len(leaves)-2] // a moving sum that knows few events by themselves
	few.Keep, few.Grain = 4, time.Hour
	return append(leaves, few)
}

// runKept checks that what is put together out of the warehouse is what [rule.Leaf.Add] makes of the events one by one: of persons with
// several nodes, without pseudonyms, in one pass and in several.
func runKept(t *testing.T, w warehouse.Warehouse) {
	r := rand.New(rand.NewPCG(7, 7))
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	props := []string{`{"n":1}`, `{"n":2}`, `{"n":2.5}`, `{"n":"2"}`, `{"n":"red"}`, `{}`, `{"n":null}`, `{"n":-3}`, `{"n":100000000001}`, `{"n":[1]}`}
	var text strings.Builder
	for i := range 600 {
		name := "x"
		if i%5 == 0 {
			name = "y"
		}
		at := begin.Add(time.Duration(r.IntN(30*24*3600)) * time.Second)
		fmt.Fprintf(&text, "%d %s %s %s\n", r.IntN(40)+1, name, at.Format(time.RFC3339), props[r.IntN(len(props))])
	}
	commit, err := ParseEvents(text.String())
	if err != nil {
		t.Fatal(err)
	}
	person := func(node touchstone.NodeID) touchstone.PersonID {
		if node%7 == 0 {
			return 3
		}
		return touchstone.PersonID(node)
	}
	for node := touchstone.NodeID(7); node <= 40; node += 7 {
		commit.Overrides, commit.OverrideVersion = append(commit.Overrides, warehouse.Override{Node: node, Person: 3}), 1
	}
	for i := range commit.Facts {
		if i%50 == 7 {
			commit.Facts[i].Node = -commit.Facts[i].Node
		}
	}
	if err := w.Append(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	half := commit.Facts[len(commit.Facts)/2].Seq
	inTime := slices.SortedStableFunc(slices.Values(commit.Facts), func(a, b touchstone.Fact) int { return a.Time.Compare(b.Time) })
	for _, held := range []int{0, 800} {
		e := analytics.New(w, analytics.Options{GatherEvents: held})
		for _, l := range keptLeaves() {
			for _, q := range []analytics.KeptQuery{{}, {Since: begin.AddDate(0, 0, 12).UnixMilli()}, {Until: begin.AddDate(0, 0, 20).UnixMilli()}, {Through: []touchstone.Seq{half}}, {Passing: true}} {
				q.Leaf = &l
				want := map[touchstone.PersonID][]int64{}
				for i := range inTime { // for what is dense may be left out by another choice
					f := &inTime[i]
					at := f.Time.UnixMilli()
					v, ok := l.Value(f.Properties, at)
					if f.Node > 0 && f.Name == l.Event && ok && l.Match(f.Properties, f.Context) && l.During(at) && at >= q.Since && (q.Until == 0 || at < q.Until) && (q.Through == nil || f.Seq <= half) {
						want[person(f.Node)], _ = l.Add(want[person(f.Node)], at, v)
					}
				}
				if d := cmp.Diff(shown(&l, q.Passing, want), shown(&l, q.Passing, keptOf(t, e, q))); d != "" {
					t.Errorf("%s, held %d, since %d, passing %v (-one by one +warehouse):\n%.1500s", l.Key(), held, q.Since, q.Passing, d)
				}
			}
		}
	}
}

// shown leaves out the digests of what is passing, which are the engine's, and times of which only the number matters.
func shown(l *rule.Leaf, passing bool, kept map[touchstone.PersonID][]int64) map[touchstone.PersonID][]int64 {
	if passing && l.Kind == rule.Distinct {
		for _, list := range kept {
			for i := 1; i < len(list); i += 2 {
				list[i] = 0
			}
		}
	}
	if l.Kind == rule.Latest && !l.Windowed {
		for _, list := range kept {
			clear(list)
		}
	}
	return kept
}

func keptOf(t *testing.T, e *analytics.Engine, q analytics.KeptQuery) map[touchstone.PersonID][]int64 {
	t.Helper()
	got := map[touchstone.PersonID][]int64{}
	var several sync.Mutex
	last := [3]touchstone.PersonID{}
	err := e.Kept(t.Context(), q, len(last), func(worker int, p touchstone.PersonID, kept []int64) error {
		several.Lock()
		defer several.Unlock()
		if p <= last[worker] || got[p] != nil {
			return fmt.Errorf("person %s comes after %s, or twice", p, last[worker])
		}
		last[worker] = p
		got[p] = append([]int64{}, kept...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
