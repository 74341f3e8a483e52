package sim

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// dice is a random generator whose draws are the same on every machine.
type dice struct{ pcg rand.PCG }

// seed starts the generator of one purpose; a, b and c tell purposes apart.
func (d *dice) seed(world, a, b, c uint64) {
	d.pcg.Seed(mix(world^mix(a)), mix(b<<32^c^0x9e3779b97f4a7c15))
}

// mix spreads the bits of x (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// n returns 0 … k−1.
func (d *dice) n(k int) int {
	high, _ := bits.Mul64(d.pcg.Uint64(), uint64(k))
	return int(high)
}

// between returns low … high.
func (d *dice) between(low, high int) int { return low + d.n(high-low+1) }

// float returns a number in [0, 1).
func (d *dice) float() float64 { return float64(d.pcg.Uint64()>>11) / (1 << 53) }

func (d *dice) chance(p float64) bool { return d.float() < p }

// normal returns a draw close to the standard normal distribution.
func (d *dice) normal() float64 {
	sum := 0.0
	for range 12 {
		sum += d.float()
	}
	return sum - 6
}

// poisson returns a count with the given mean, at most 60.
func (d *dice) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	limit, product := exp(-mean), d.float()
	n := 0
	for product > limit && n < 60 {
		product *= d.float()
		n++
	}
	return n
}

// tail returns low or more; each step further has the chance p.
func (d *dice) tail(low, high int, p float64) int {
	for low < high && d.chance(p) {
		low++
	}
	return low
}

// pick returns an index, each with its weight.
func (d *dice) pick(weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	at := d.n(total)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// times rounds a product before anything is added to it.
func times(x, y float64) float64 { return float64(x * y) }

// exp is e to the x, the same to the last bit on every machine.
func exp(x float64) float64 {
	switch {
	case x > 700:
		x = 700
	case x < -700:
		return 0
	}
	const log2e, ln2 = 1.4426950408889634, 0.6931471805599453
	k := int(times(x, log2e))
	r := x - times(float64(k), ln2)
	sum := 1.0
	for i := 14; i > 0; i-- {
		sum = 1 + float64(times(sum, r)/float64(i))
	}
	return times(sum, math.Float64frombits(uint64(1023+k)<<52))
}

// logistic turns log odds into a probability.
func logistic(x float64) float64 { return 1 / (1 + exp(-x)) }
