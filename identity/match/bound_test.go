package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone/identity/match/matchtest"
)

// trained returns a set of dirty persons, some with several values in a column, and what compares them.
func trained(t testing.TB, seed uint64) (*Set, *comparer) {
	t.Helper()
	rows := matchtest.Persons(matchtest.Options{Seed: seed, Entities: 300, Copies: .7, Errors: .3, Missing: .15, Relatives: .1})
	var sample [][]string
	for _, r := range rows {
		sample = append(sample, r.Values)
	}
	set, err := NewSet(Guess(matchtest.PersonColumns, sample))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 3))
	for _, r := range rows {
		if random.IntN(4) == 0 {
			c := random.IntN(len(r.Values))
			r.Values[c] += Separator + rows[random.IntN(len(rows))].Values[c]
		}
		if err := set.Add(0, Record{ID: r.ID, Values: r.Values}); err != nil {
			t.Fatal(err)
		}
	}
	model, err := Train(t.Context(), set, Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	c, err := model.bind(set.columns)
	if err != nil {
		t.Fatal(err)
	}
	return set, c
}

// What is left out early is what the whole comparison would have left out, and what is kept has the pattern that it finds.
func TestAPairThatIsNotComparedToTheEndIsHopeless(t *testing.T) {
	hopeless, kept := 0, 0
	for seed := range uint64(3) {
		set, c := trained(t, seed)
		for x := range uint32(len(set.ids)) {
			for y := range x {
				a, b := set.read(y, nil), set.read(x, nil)
				whole := c.pattern(a, b)
				weight := c.weight(whole, a, b)
				for _, least := range []float64{keptBits, -12, 0} {
					p, ok := c.promising(set, y, x, least)
					switch {
					case !ok && weight >= least:
						t.Fatalf("seed %d: %v and %v weigh %.2f bits and were taken for hopeless at %.0f", seed, texts(a), texts(b), weight, least)
					case ok && p != whole:
						t.Fatalf("seed %d: %v and %v: pattern %x, and not %x", seed, texts(a), texts(b), p, whole)
					case ok:
						kept++
					default:
						hopeless++
					}
				}
				if most := c.most(whole); most < weight-1e-9 {
					t.Fatalf("seed %d: %v and %v weigh %.2f bits, above their bound of %.2f", seed, texts(a), texts(b), weight, most)
				}
			}
		}
	}
	if kept == 0 || hopeless < 10*kept {
		t.Errorf("%d pairs were kept and %d left out early", kept, hopeless)
	}
}

func texts(values []*value) string {
	var list []string
	for _, v := range values {
		if v == nil {
			list = append(list, "-")
			continue
		}
		list = append(list, v.text)
	}
	return fmt.Sprintf("%q", list)
}

// Short texts of ASCII letters are compared another way, with the same result: a letter beyond ASCII makes the difference here.
func TestPlainTextsAreComparedAsOthersAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringOfN(rapid.RuneFrom([]rune("ab c1")), 0, 9, -1).Draw(t, "a")
		b := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom([]rune("ab c1")), 0, 9, -1), rapid.Just(a), rapid.Custom(func(t *rapid.T) string {
			i := rapid.IntRange(0, len(a)).Draw(t, "at")
			return a[:i] + rapid.SampledFrom([]string{"", "b", "a"}).Draw(t, "put") + a[min(len(a), i+rapid.IntRange(0, 2).Draw(t, "cut")):]
		})).Draw(t, "b")
		wide := strings.NewReplacer("a", "ä", "b", "伟", "c", "ç", "1", "１", " ", "　")
		if plain, other := slips(a, b, 1), slips(wide.Replace(a), wide.Replace(b), 1); plain != other {
			t.Errorf("%q and %q: %d slips, and %d beyond ASCII", a, b, plain, other)
		}
		if plain, other := jaroWinkler(a, b), jaroWinkler(wide.Replace(a), wide.Replace(b)); plain != other {
			t.Errorf("%q and %q are %v alike, and %v beyond ASCII", a, b, plain, other)
		}
	})
}

// Pairs are found once each, whatever the rules, and as keys that are compared one by one say.
func TestRulesFindEachPairOnce(t *testing.T) {
	set, c := trained(t, 7)
	rules, err := c.model.blockers(set.columns)
	if err != nil {
		t.Fatal(err)
	}
	lists := make([]*keyList, len(rules))
	for i, r := range rules {
		lists[i] = set.blocksOf(set.listOf(r)).keys
	}
	seen := make([]map[[2]uint32]int, 64)
	err = set.eachPair(t.Context(), rules, false, func(w, rule int, a, b uint32) {
		if seen[w] == nil {
			seen[w] = make(map[[2]uint32]int)
		}
		if _, twice := seen[w][[2]uint32{a, b}]; twice {
			t.Errorf("%d and %d came twice", a, b)
		}
		seen[w][[2]uint32{a, b}] = rule
	})
	if err != nil {
		t.Fatal(err)
	}
	pairs := make(map[[2]uint32]int)
	for _, some := range seen {
		for p, rule := range some {
			if _, twice := pairs[p]; twice {
				t.Errorf("%v came twice", p)
			}
			pairs[p] = rule
		}
	}
	for b := range uint32(len(set.ids)) {
		for a := range b {
			want := -1
			for i, l := range lists {
				if l.firstShared(a, b) != 0 {
					want = i
					break
				}
			}
			if got, ok := pairs[[2]uint32{a, b}]; ok != (want >= 0) || ok && got != want {
				t.Fatalf("%d and %d: found by rule %d (%v), and share a key of rule %d", a, b, got, ok, want)
			}
		}
	}
	if len(pairs) == 0 {
		t.Error("no pair was found")
	}
}

// Postings that were packed and those that came one by one answer alike, also when records go and keys become too frequent.
func TestPostingsAnswerAsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 60
		keys := make([][]uint64, n)
		for i := range keys {
			for range rapid.IntRange(0, 3).Draw(t, "keys") {
				keys[i] = append(keys[i], rapid.Uint64Range(1, 6).Draw(t, "key")<<59|1)
			}
			keys[i] = inOrder(keys[i], 0)
		}
		packed := rapid.IntRange(0, n).Draw(t, "packed")
		list := make([]uint8, n)
		p := newPostings(listed(packed, func(r uint32, out []uint64) []uint64 { return append(out, keys[r]...) }))
		for r := packed; r < n; r++ {
			if i := rapid.IntRange(0, r).Draw(t, "gone"); i < r {
				list[i] = gone
			}
			for _, k := range keys[r] {
				p.add(k, uint32(r), list)
			}
		}
		for k := range uint64(7) {
			var want, got []uint32
			for r := range uint32(n) {
				if list[r] != gone && len(keys[r]) > 0 && slices.Contains(keys[r], k<<59|1) {
					want = append(want, r)
				}
			}
			f := p.find(k<<59 | 1)
			for r := range f.records() {
				if list[r] != gone {
					got = append(got, r)
				}
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Fatalf("key %d: %v, and not %v", k, got, want)
			}
		}
	})
}
