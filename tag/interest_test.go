package tag

import (
	"bytes"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type liked struct {
	item, at int64
	weight   float64
}

func drawLiked(t *rapid.T, halfLife time.Duration) []liked {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) liked {
		return liked{rapid.Int64Range(1, 5).Draw(t, "item"), rapid.Int64Range(-40*halfLife.Milliseconds(), 40*halfLife.Milliseconds()).Draw(t, "at"),
			float64(rapid.IntRange(1, 1000).Draw(t, "weight")) / 10}
	}), 0, 40).Draw(t, "likings")
}

func encoded(s *Sums) []byte { return s.Append(nil) }

// What is kept does not depend on the order in which events came, on whose identifiers they came under, nor on when what
// counts nothing was forgotten.
func TestSumsAreTheSameInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		halfLife := time.Duration(rapid.Int64Range(1, 1_000_000).Draw(t, "half-life")) * time.Millisecond
		list := drawLiked(t, halfLife)
		now := rapid.Int64Range(0, 60*halfLife.Milliseconds()).Draw(t, "now")
		batch := &Sums{}
		for _, l := range list {
			batch.Add(l.item, l.at, l.weight, halfLife)
		}
		batch.Prune(now, halfLife)

		parts := []*Sums{{}, {}, {}}
		for _, l := range rapid.Permutation(list).Draw(t, "order") {
			one := parts[rapid.IntRange(0, 2).Draw(t, "identifier")]
			one.Add(l.item, l.at, l.weight, halfLife)
			one.Prune(min(now, rapid.Int64Range(0, now).Draw(t, "forgotten")), halfLife)
			var again Sums
			if err := again.Decode(encoded(one)); err != nil {
				t.Fatal(err)
			}
			*one = again
		}
		live := &Sums{}
		for _, one := range parts {
			live.Join(one)
		}
		live.Prune(now, halfLife)
		if !bytes.Equal(encoded(live), encoded(batch)) {
			t.Fatalf("in pieces %v, at once %v", live, batch)
		}
	})
}

// Scores are what the definition says, to one part in 100,000; their order holds until an event comes, and Until is when they fall.
func TestScoresAreWhatTheDefinitionSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		halfLife := time.Duration(rapid.Int64Range(1000, 10_000_000).Draw(t, "half-life")) * time.Millisecond
		h := float64(halfLife.Milliseconds())
		list := drawLiked(t, halfLife)
		now := int64(rapid.Float64Range(40, 50).Draw(t, "now") * h)
		s := &Sums{}
		want := map[int64]float64{}
		for _, l := range list {
			s.Add(l.item, l.at, l.weight, halfLife)
			if math.Floor(float64(l.at)/h) > math.Floor(float64(now)/h)-keptPeriods {
				want[l.item] += l.weight * math.Exp2(float64(l.at-now)/h)
			}
		}
		got := s.Scores(now, halfLife, 0, nil)
		if len(got) != len(want) {
			t.Fatalf("%d items have a score, not %d", len(got), len(want))
		}
		for i, x := range got {
			if math.Abs(x.Score-want[x.Item]) > 1e-5*want[x.Item]+1e-12 {
				t.Fatalf("item %d has %g, not %g", x.Item, x.Score, want[x.Item])
			}
			if i > 0 && got[i-1].Score < x.Score {
				t.Fatal("the strongest do not come first")
			}
		}
		if len(got) == 0 {
			return
		}
		least := got[0].Score * rapid.Float64Range(0.01, 1).Draw(t, "least")
		find := func(at int64) (Score, bool) {
			for _, x := range s.Scores(at, halfLife, least, nil) {
				if x.Item == got[0].Item {
					return x, true
				}
			}
			return Score{}, false
		}
		// Asked again whenever it says, a few times, it is there until it is gone.
		asked := 0
		for at := now; ; asked++ {
			x, there := find(at)
			if !there {
				break
			}
			until := x.Until.UnixMilli()
			if until <= at || asked > 2*keptPeriods {
				t.Fatalf("asked %d times, at %d again at %d", asked, at, until)
			}
			// Rounding may move the moment by a millisecond.
			if before := rapid.Int64Range(at, max(at, until-2)).Draw(t, "before"); before > at {
				if _, there := find(before); !there {
					t.Fatalf("at %d it has fallen, though it was said to hold until %d", before, until)
				}
			}
			at = until
		}
	})
}

// A score counts for what is above, once.
func TestScoresCountForWhatIsAbove(t *testing.T) {
	s := &Sums{}
	s.Add(11, 0, 1, time.Hour)
	s.Add(12, 0, 2, time.Hour)
	s.Add(21, 0, 2.5, time.Hour)
	brands := s.Scores(0, time.Hour, 0, func(item int64) []int64 { return []int64{item / 10} })
	if len(brands) != 2 || brands[0].Item != 1 || brands[0].Score != 3 || brands[1].Score != 2.5 {
		t.Fatalf("brands are %v", brands)
	}
	later := s.Scores(time.Hour.Milliseconds(), time.Hour, 0, nil)
	if later[0].Item != 21 || later[0].Score != 1.25 {
		t.Fatalf("after a half-life they are %v", later)
	}
}

func FuzzSumsDecode(f *testing.F) {
	s := &Sums{}
	s.Add(1, 1, 1, time.Hour)
	f.Add(encoded(s))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sums
		if s.Decode(b) == nil {
			var again Sums
			if err := again.Decode(encoded(&s)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
