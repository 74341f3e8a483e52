package quality

import "math"

// sudden knows of a source that is new how much came in the last quarter of an hour: before there is a
// week to compare with, it tells a fall within three minutes from the slow ones of a day.
type sudden struct {
	last   []suddenTick // the newest last
	before []float32    // those that came before them, but for what an alarm was about
}

type suddenTick struct {
	n     float32
	wrong bool
}

const (
	suddenTicks = 18 // a fall is sought within three minutes
	beforeTicks = 90 // in which enough must have come, a quarter of an hour
	leastBefore = 60
	// suddenly is by how much a day's rhythm changes what comes from one of these times to the other, as
	// a logarithm; a fall is to less than fallen of it.
	suddenly = 0.15
	fallen   = 0.6
)

// note takes up a tick's events.
func (s *sudden) note(n float64) {
	if len(s.last) == suddenTicks {
		if !s.last[0].wrong {
			if len(s.before) == beforeTicks {
				s.before = s.before[1:]
			}
			s.before = append(s.before, s.last[0].n)
		}
		s.last = s.last[1:]
	}
	s.last = append(s.last, suddenTick{float32(n), false})
}

// look returns the shortest time in which so much less came that it is no chance. noise is that of
// ten minutes, clumps as in [Expectation]. What it tells is no longer a part of what is usual.
func (s *sudden) look(noise, clumps float64) (f far, found bool) {
	if len(s.before) < leastBefore {
		return far{}, false
	}
	sum := 0.0
	for _, n := range s.before {
		sum += float64(n)
	}
	if sum == 0 {
		return far{}, false
	}
	mean := sum / float64(len(s.before))
	explained := suddenly + explained*(min(noise, maxSuddenNoise)+math.Sqrt(clumps/sum))
	least := math.Exp(-explained)
	sumOf := func(ticks int) (n, expected float64) {
		for _, x := range s.last[len(s.last)-ticks:] {
			n += float64(x.n)
		}
		return n, mean * float64(ticks)
	}
	f, found = lookBack(len(s.last), sumOf, func(f far) bool {
		likely := f.expected * least
		return f.n <= fallen*f.expected && f.newest <= fallen*f.newestExpected && f.n < likely && poissonTail(f.n, likely) > improbable*clumps
	})
	for i := range f.ticks {
		s.last[len(s.last)-1-i].wrong = true
	}
	return f, found
}

// maxSuddenNoise bounds what a source that is new is thought to vary: its noise is not known yet.
const maxSuddenNoise = 0.03
