package quality

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// feed plays a source: a week's pattern with noise, growth, and fields; faults are planted by at.
type feed struct {
	r     *rand.Rand
	peak  float64 // events per minute at the busiest hour
	noise float64 // of each ten minutes' rate, as a share
	level float64
	block int64
}

func newFeed(seed uint64, peak, noise float64) *feed {
	return &feed{r: rand.New(rand.NewPCG(seed, 7)), peak: peak, noise: noise, level: 1}
}

// twin is a feed with chances of its own, the same on every run.
func (f *feed) twin() *feed {
	return &feed{r: rand.New(rand.NewPCG(11, 7)), peak: f.peak, noise: f.noise, level: 1}
}

func (f *feed) rate(at time.Time) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	bump := func(middle, width float64) float64 {
		d := math.Mod(hour-middle+36, 24) - 12
		return math.Exp(-math.Pow(d/width, 2))
	}
	day := 0.25 + 0.75*bump(20, 5) + 0.3*bump(12, 2)
	if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		day *= 1.4
	}
	return f.peak / 1.4 * day
}

func (f *feed) poisson(mean float64) int64 {
	if mean > 50 {
		return int64(math.Max(0, math.Round(mean+math.Sqrt(mean)*f.r.NormFloat64())))
	}
	n, p := int64(0), math.Exp(-mean)
	for product := f.r.Float64(); product > p; product *= f.r.Float64() {
		n++
	}
	return n
}

func (f *feed) binomial(n int64, p float64) (k int64) {
	for range n {
		if f.r.Float64() < p {
			k++
		}
	}
	return k
}

type fault struct {
	volume            float64 // times the usual
	price, priceText  float64 // share of events with it, of those as text
	skewed, aside, re float64
}

var fine = fault{volume: 1, price: 0.97, skewed: 0.01, aside: 0.002, re: 0.003}

func (f *feed) tick(at time.Time, x fault) *Counts {
	if block := at.UnixMilli() / blockMS; block != f.block {
		f.block, f.level = block, math.Exp(f.noise*f.r.NormFloat64())
	}
	n := f.poisson(f.rate(at) * f.level * x.volume * Tick.Minutes())
	c := &Counts{Events: n, Skewed: f.binomial(n, x.skewed), Aside: f.poisson(float64(n) * x.aside), Repeats: f.poisson(float64(n) * x.re), Sampled: min(n, 50)}
	c.Fields = map[string]Values{"sku": {Strings: c.Sampled}}
	price := f.binomial(c.Sampled, x.price)
	text := f.binomial(price, x.priceText)
	c.Fields["price"] = Values{Numbers: price - text, Strings: text}
	if coupon := f.binomial(c.Sampled, 0.35); coupon > 0 {
		c.Fields["coupon"] = Values{Strings: coupon}
	}
	return c
}

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

// alarms plays days of ticks and returns when which findings first came, and how often one began.
func (f *feed) play(s *Series, from time.Time, d time.Duration, x fault) (first map[Kind]time.Duration, began int) {
	first = map[Kind]time.Duration{}
	open := map[string]bool{}
	for at := from.Add(Tick); !at.After(from.Add(d)); at = at.Add(Tick) {
		now := map[string]bool{}
		for _, found := range s.Look(at, f.tick(at, x)) {
			now[string(found.Kind)+found.Field] = true
			if !open[string(found.Kind)+found.Field] {
				began++
			}
			if _, ok := first[found.Kind]; !ok {
				first[found.Kind] = at.Sub(from)
			}
		}
		open = now
	}
	return first, began
}

// Thirty days without a fault, from the first event on, with noise, steep mornings and weekends: at most one alarm. And
// then each fault is found within a minute, by its name.
func TestFaultsAreFoundWithinAMinuteAndLittleElse(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			f := newFeed(seed, 1500, 0.04)
			s := NewSeries()
			if _, began := f.play(s, start, 30*24*time.Hour, fine); began > 1 {
				t.Errorf("%d false alarms in 30 days", began)
			}
			noon := start.Add(30*24*time.Hour + 12*time.Hour)
			f.play(s, start.Add(30*24*time.Hour), 12*time.Hour, fine)
			for kind, change := range map[Kind]func(*fault){
				Silent:       func(x *fault) { x.volume = 0 },
				VolumeDrop:   func(x *fault) { x.volume = 0.5 },
				VolumeSurge:  func(x *fault) { x.volume = 3 },
				FieldMissing: func(x *fault) { x.price = 0 },
				TypeChanged:  func(x *fault) { x.priceText = 1 },
				ClockOff:     func(x *fault) { x.skewed = 1 },
				Refused:      func(x *fault) { x.aside = 0.5 },
				Repeated:     func(x *fault) { x.re = 2 },
			} {
				x := fine
				change(&x)
				first, _ := f.twin().play(copySeries(t, s), noon, 5*time.Minute, x) // whatever the order of the kinds
				if took, ok := first[kind]; !ok || took > time.Minute {
					t.Errorf("%s is found after %v (%v)", kind, took, first)
				}
				delete(first, kind)
				for other := range first {
					if kind != Silent || other != VolumeDrop {
						t.Errorf("%s looks like %s, too", kind, other)
					}
				}
			}
		})
	}
}

// What a source that sends less pays: the fewer events, the later a halving is sure.
func TestAHalvingIsFoundTheSoonerTheMoreComes(t *testing.T) {
	for _, c := range []struct {
		peak          float64
		half, nothing time.Duration
	}{{30, 30 * time.Minute, 3 * time.Minute}, {150, 6 * time.Minute, time.Minute}, {3000, 20 * time.Second, 10 * time.Second}} {
		t.Run(fmt.Sprint(c.peak, " a minute"), func(t *testing.T) {
			t.Parallel()
			f := newFeed(9, c.peak, 0.04)
			s := NewSeries()
			if _, began := f.play(s, start, 15*24*time.Hour, fine); began > 0 {
				t.Errorf("%d false alarms in 15 days", began)
			}
			evening := start.Add(15*24*time.Hour + 20*time.Hour)
			f.play(s, start.Add(15*24*time.Hour), 20*time.Hour, fine)
			half, nothing := fine, fine
			half.volume, nothing.volume = 0.5, 0
			first, _ := f.twin().play(copySeries(t, s), evening, time.Hour, half)
			if took, ok := first[VolumeDrop]; !ok || took > c.half {
				t.Errorf("a halving is found after %v", first)
			}
			first, _ = f.twin().play(copySeries(t, s), evening, time.Hour, nothing)
			if took, ok := first[Silent]; !ok || took > c.nothing {
				t.Errorf("silence is found after %v", first)
			}
		})
	}
}
