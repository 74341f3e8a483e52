package audience

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestIntervalsCover draws audiences at random out of a population where the value is independent of membership, so the true index is 1: about
// 95 of 100 intervals must hold it, small audiences too.
func TestIntervalsCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 9))
	for _, size := range []int{8, 40, 400} {
		const total, rounds, share = 2_000, 3_000, 0.2
		covered := 0
		for range rounds {
			var in, all int64
			for i := range total {
				if rng.Float64() < share {
					all++
					if i < size {
						in++
					}
				}
			}
			f := compare(in, int64(size), all, total)
			if *f.Low <= 1 && 1 <= *f.High {
				covered++
			}
		}
		if rate := float64(covered) / rounds; rate < 0.93 || rate > 0.995 {
			t.Errorf("of audiences of %d the interval holds the truth in %.3f", size, rate)
		}
	}
}

func TestIndexOfWholeAndNobody(t *testing.T) {
	if f := compare(3, 10, 3, 10); *f.Index != 1 || *f.Low != 1 || *f.High != 1 {
		t.Errorf("everybody: %+v", f)
	}
	if f := compare(0, 0, 3, 10); f.Index != nil || f.Share != 0 {
		t.Errorf("an empty audience: %+v", f)
	}
	f := compare(30, 100, 130, 1000)
	if math.Abs(*f.Index-0.3/0.13) > 1e-9 || *f.Low < 1.5 || *f.High > 3.3 {
		t.Errorf("%v from %v to %v", *f.Index, *f.Low, *f.High)
	}
}

// TestTellingIsOfWhatTells: chance tells nothing however many values there are, and what decides tells all.
func TestTellingIsOfWhatTells(t *testing.T) {
	if v := telling([]cell{{100, 0}, {0, 900}}); v < 0.99 {
		t.Errorf("what decides tells %.2f", v)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	cells := make([]cell, 300)
	for range 3_000 {
		c := &cells[rng.IntN(len(cells))]
		if rng.IntN(10) == 0 {
			c.in++
		} else {
			c.out++
		}
	}
	if v := telling(cells); v > 0.12 {
		t.Errorf("chance tells %.2f", v)
	}
	if v := telling([]cell{{60, 200}, {40, 700}}); v < 0.2 || v > 0.3 {
		t.Errorf("half of it tells %.2f", v)
	}
}
