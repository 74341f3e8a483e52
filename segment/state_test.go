package segment

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

func TestStateRoundTrip(t *testing.T) {
	for name, want := range map[string]*state{
		"empty": {},
		"full": {timer: 1767225600123,
			leaves: []leafTimes{{1, 1, nil}, {3, 1, []int64{0, 5, 5, 1767225600000}}, {4, 2, []int64{1767225600000, -7, 1767225600001, 1 << 62}}, {5, 3, []int64{0, 7, -1 << 63}}, {70_000, 1, []int64{maxMoment}}},
			in:     []membership{{1, 1767225600001}, {1 << 31, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got state
			if err := got.decode(want.append(nil)); err != nil {
				t.Fatal(err)
			}
			if got.timer != want.timer || !slices.EqualFunc(got.leaves, want.leaves, func(a, b leafTimes) bool {
				return a.leaf == b.leaf && a.stride == b.stride && slices.Equal(a.times, b.times)
			}) ||
				!slices.Equal(got.in, want.in) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			stored := want.append(nil)
			for n := range len(stored) {
				if new(state).decode(stored[:n]) == nil {
					t.Errorf("accepted the first %d of %d bytes", n, len(stored))
				}
			}
			if new(state).decode(append(stored, 0)) == nil {
				t.Error("accepted a trailing byte")
			}
		})
	}
}

// States stay in the store for years: when this fails, the form has changed, which takes a
// new version, a reader for this one, and a migration, so that programs before refuse the store.
func TestStateFormStandsStill(t *testing.T) {
	s := &state{timer: 1767225600123, leaves: []leafTimes{{3, 1, []int64{0, 5, 1767225600000}}, {70_000, 1, []int64{maxMoment}}}, in: []membership{{1, 1767225600001}}}
	const version1 = "017ba8da769b0102030300000000000005fbcfeab6b733f0a20401ffffffffff7f010101a8da769b01"
	const version2 = "027ba8da769b0102030c00000000000005fbcfeab6b733f0a20404ffffffffff7f010101a8da769b01"
	if got := hex.EncodeToString(s.append(nil)); got != version2 {
		t.Errorf("written as\n%s, not\n%s", got, version2)
	}
	var stored []byte
	for _, form := range []string{version1, version2} {
		var err error
		if stored, err = hex.DecodeString(form); err != nil {
			t.Fatal(err)
		}
		var got state
		if err := got.decode(stored); err != nil || hex.EncodeToString(got.append(nil)) != version2 {
			t.Errorf("read as %+v, %v", got, err)
		}
	}
	var got state
	stored[0]++
	if err := got.decode(stored); !errors.Is(err, touchstone.ErrNewer) {
		t.Errorf("a newer one: %v", err)
	}
}

func FuzzStateDecode(f *testing.F) {
	f.Add((&state{timer: 5, leaves: []leafTimes{{3, 1, []int64{1, 2}}, {4, 3, []int64{1, 2, -3}}}, in: []membership{{1, 2}}}).append(nil))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again state
		if s.decode(b) != nil {
			return
		}
		stored := s.append(nil)
		if err := again.decode(stored); err != nil {
			t.Fatalf("a decoded state does not survive: %v", err)
		}
		if string(again.append(nil)) != string(stored) {
			t.Fatal("not stable")
		}
	})
}

// TestLatestTimes checks that any order of arrival and any split between two persons that
// are merged later leaves the latest times.
func TestLatestTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(0, 20), 0, 12).Draw(t, "times")
		keep := rapid.IntRange(1, 5).Draw(t, "keep")
		l := &leaf{id: 1, Leaf: rule.Leaf{Keep: keep, Windowed: true}}
		a, b := &state{}, &state{}
		for _, at := range times {
			rapid.SampledFrom([]*state{a, b}).Draw(t, "person").add(l, at, 0)
		}
		a.join(l, b.times(1))
		slices.Sort(times)
		want := times[max(0, len(times)-keep):]
		if got := a.times(1); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestAddTellsWhetherItMatters(t *testing.T) {
	never := &leaf{id: 1, Leaf: rule.Leaf{Keep: 2}}
	s := &state{}
	for i, want := range []bool{true, true, false, false} {
		if got := s.add(never, int64(i), 0); got != want {
			t.Errorf("event %d of a leaf without windows: changed %v", i+1, got)
		}
	}
	windowed := &leaf{id: 2, Leaf: rule.Leaf{Keep: 2, Windowed: true}}
	for i, at := range []int64{5, 7, 4, 6, 6} {
		want := []bool{true, true, false, true, false}[i]
		if got := s.add(windowed, at, 0); got != want {
			t.Errorf("event %d at %d of a windowed leaf: changed %v", i+1, at, got)
		}
	}
	if d := cmp.Diff([]int64{6, 7}, s.times(2)); d != "" {
		t.Error(d)
	}
}

func TestCacheKeepsItsLimitAndWhatIsUsed(t *testing.T) {
	c := newCache(100)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := 1; i <= 5_000; i++ {
		if c.get(7) == nil { // used all the time
			s := &state{person: 7}
			c.put(s)
			c.weigh(s)
			if i > 1 {
				t.Fatal("the person who is used all the time was let go")
			}
		}
		s := &state{person: touchstone.PersonID(100 + i)}
		for range rnd.IntN(20) {
			s.leaves = append(s.leaves, leafTimes{1, 1, make([]int64, rnd.IntN(10))})
		}
		c.put(s)
		c.weigh(s)
		c.trim()
		if c.bytes > c.limit {
			t.Fatalf("%d bytes, the limit is %d", c.bytes, c.limit)
		}
	}
	total := 0
	for p, s := range c.persons {
		total += s.bytes
		if c.ring[s.slot] != s || s.person != p {
			t.Fatal("the ring is out of step")
		}
	}
	if total != c.bytes || len(c.ring) != len(c.persons) {
		t.Errorf("counts %d bytes, has %d", c.bytes, total)
	}
	for _, s := range slices.Clone(c.ring) {
		c.remove(s)
	}
	if c.bytes != 0 || len(c.persons) != 0 {
		t.Errorf("%d bytes in %d persons are left", c.bytes, len(c.persons))
	}
}

func TestNumbered(t *testing.T) {
	var n numbered[int]
	want := map[uint32]int{}
	for _, i := range []uint32{7, 9, 3, 20, 1} {
		v := int(i)
		n.set(i, &v)
		want[i] = v
	}
	for i := range uint32(40) {
		got := n.get(i)
		if v, ok := want[i]; ok != (got != nil) || ok && *got != v {
			t.Errorf("%d: got %v", i, got)
		}
	}
}
