package quality

import (
	"math"
	"time"
)

// Expectation is how many events come usually, by the hour of the week, and how much that varies.
type Expectation struct {
	// Hours are events per minute by hour of the week, Monday 0:00 first; negative: never seen.
	Hours [hoursOfWeek]float32 `json:"hours"`
	// Level is how the last day went beside Hours: a business that grows is no alarm.
	Level float64 `json:"level"`
	// Recent is the rate of the last hours, for what has no day behind it yet.
	Recent Rate `json:"recent"`
	// Variance is by how much the logarithm of ten minutes' events lies beside what was expected,
	// squared, beyond what chance does to a count.
	Variance float64 `json:"variance"`
	// Clumps is how many times the variance of a minute's events is that of independent ones: a visit
	// brings several at once.
	Clumps float64 `json:"clumps"`

	Heard int64 `json:"heard"` // when something last came, within a day: milliseconds since 1970

	Hour   int64   `json:"hour"`    // the hour that is being counted, since 1970
	InHour float64 `json:"in_hour"` // its events
	Spoilt bool    `json:"spoilt"`  // it had an alarm, or was not seen from its beginning

	Block       int64   `json:"block"` // the ten minutes that are being counted
	InBlock     float64 `json:"in_block"`
	BlockExpect float64 `json:"block_expect"`

	Minute   int64   `json:"-"` // the minute that is being counted
	InMinute float64 `json:"-"`
	Before   float64 `json:"-"` // events of the minute before; negative: not known

	// Seen are the last ticks' events, Low and High what was expected, the newest last. They are not
	// stored: after a start the windows fill anew.
	Seen, Low, High running `json:"-"`

	sudden sudden
}

const (
	hoursOfWeek = 7 * 24
	blockMS     = 10 * 60_000
	hourMS      = 3_600_000
	// A week that is new weighs a third; a level follows within a day, the noise within two.
	weekWeight  = 1.0 / 3
	levelWeight = 1.0 / 12
	noiseWeight = 0.02
	clumpWeight = 0.02
	leastNoise  = 0.03
)

// Rate is a mean that forgets: events per minute.
type Rate struct {
	Mean    float64 `json:"mean"`
	Minutes float64 `json:"minutes"` // it was learnt from, bounded
}

func newExpectation() *Expectation {
	e := &Expectation{Level: 1, Variance: 0.06, Clumps: 2}
	for i := range e.Hours {
		e.Hours[i] = -1
	}
	return e
}

// hourOfWeek is the place of a moment in the week of a zone, with the share of the hour that is over.
func hourOfWeek(at time.Time) (int, float64) {
	day := (int(at.Weekday()) + 6) % 7
	return day*24 + at.Hour(), (float64(at.Minute())*60 + float64(at.Second())) / 3600
}

// usual is what is expected at a moment: events per minute, and their noise. Low and high are the
// least and the most within twenty minutes: what goes up and down steeply is not always in time.
type usual struct{ rate, low, high, noise float64 }

// of returns what is usual at a moment; false when that is not known yet. Before a day or a week is
// over, less is known.
func (e *Expectation) of(at time.Time) (u usual, ok bool) {
	hour, _ := hourOfWeek(at)
	if _, ok := e.hour(hour); !ok {
		return usual{e.Recent.Mean, e.Recent.Mean, e.Recent.Mean, max(e.noise(), 0.5)}, e.Recent.Minutes >= recentEnough
	}
	u.noise = e.noise()
	if e.Hours[hour] < 0 {
		u.noise = max(u.noise, 0.25)
	}
	u.rate = e.rate(at)
	before, after := e.rate(at.Add(-steep)), e.rate(at.Add(steep))
	u.low, u.high = min(u.rate, before, after), max(u.rate, before, after)
	return u, true
}

// isNew tells that no week has passed that has this hour.
func (e *Expectation) isNew(at time.Time) bool {
	hour, _ := hourOfWeek(at)
	return e.Hours[hour] < 0
}

const steep = 20 * time.Minute

// rate goes, between the middles of two hours, from the rate of one to that of the other.
func (e *Expectation) rate(at time.Time) float64 {
	hour, over := hourOfWeek(at)
	here, _ := e.hour(hour)
	other, share := hour-1, 0.5-over
	if over >= 0.5 {
		other, share = hour+1, over-0.5
	}
	if next, ok := e.hour((other + hoursOfWeek) % hoursOfWeek); ok {
		here += (next - here) * share
	}
	return here * e.Level
}

const recentEnough = 45 // minutes

// noise is the standard deviation of the logarithm of what comes in ten minutes.
func (e *Expectation) noise() float64 { return math.Sqrt(max(e.Variance, leastNoise*leastNoise)) }

// hour is the usual rate of an hour of the week: its own, or before a week is over the mean of
// the same hour of other days.
func (e *Expectation) hour(hour int) (float64, bool) {
	if e.Hours[hour] >= 0 {
		return float64(e.Hours[hour]), true
	}
	sum, n := 0.0, 0.0
	for day := range 7 {
		if r := e.Hours[day*24+hour%24]; r >= 0 {
			sum, n = sum+float64(r), n+1
		}
	}
	return sum / max(n, 1), n > 0
}

// learn takes up the events of a tick of some minutes. wrong: an alarm is open, so that what is
// seen is not usual.
func (e *Expectation) learn(at time.Time, n, minutes, expected float64, wrong bool) {
	if hour := at.UnixMilli() / hourMS; hour != e.Hour {
		if e.Hour != 0 && !e.Spoilt {
			e.endHour(at.Add(-time.Hour))
		}
		e.Spoilt = e.Hour == 0 || hour != e.Hour+1
		e.Hour, e.InHour = hour, 0
	}
	e.InHour += n
	e.Spoilt = e.Spoilt || wrong
	if wrong {
		e.Block, e.Minute = 0, 0
		return
	}
	e.learnClumps(at, n)
	e.Recent.Minutes = min(e.Recent.Minutes+minutes, 180)
	e.Recent.Mean += (n/minutes - e.Recent.Mean) * minutes / e.Recent.Minutes
	if block := at.UnixMilli() / blockMS; block != e.Block {
		if e.Block != 0 && e.BlockExpect >= 5 {
			beside := math.Log((e.InBlock + 0.5) / (e.BlockExpect + 0.5))
			variance := min(beside*beside-1/e.BlockExpect, 16*e.noise()*e.noise()) // below zero, too: cut off there it would be too high
			e.Variance += noiseWeight * (variance - e.Variance)
		}
		e.Block, e.InBlock, e.BlockExpect = block, 0, 0
	}
	e.InBlock += n
	e.BlockExpect += expected
}

// learnClumps compares a minute's events with those of the minute before: what changes slowly, or once,
// has little to say there.
func (e *Expectation) learnClumps(at time.Time, n float64) {
	if minute := at.UnixMilli() / 60_000; minute != e.Minute {
		if both := e.InMinute + e.Before; e.Minute != 0 && e.Before >= 0 && both > 0 {
			beside := (e.InMinute - e.Before) * (e.InMinute - e.Before) / both
			e.Clumps += clumpWeight * (min(beside, 6*e.clumps()) - e.Clumps)
		}
		e.Before = e.InMinute
		if e.Minute == 0 { // it was not seen from its beginning
			e.Before = -1
		}
		e.Minute, e.InMinute = minute, 0
	}
	e.InMinute += n
}

// clumps is at least 1: chance alone.
func (e *Expectation) clumps() float64 { return max(1, e.Clumps) }

func (e *Expectation) endHour(at time.Time) {
	hour, _ := hourOfWeek(at)
	rate := e.InHour / 60
	if e.Hours[hour] < 0 { // no day of the week like it: what is beside the others is no level
		e.Hours[hour] = float32(rate / e.Level)
		return
	}
	if was := float64(e.Hours[hour]); was*60 >= 5 {
		e.Level += levelWeight * (min(max(rate/was, 0.2), 5) - e.Level)
	}
	// The level has its own memory: a week learns what it is beside it.
	e.Hours[hour] += float32(weekWeight * (rate/e.Level - float64(e.Hours[hour])))
}

// windows are how many ticks back counts are added up: a source that is busy is seen to be silent
// within a tick, one that sends once a minute within an hour.
var windows = [...]int{1, 2, 3, 4, 6, 9, 12, 18, 30, 60, 120, 360}

// skip begins anew behind a time that nobody looked at.
func (e *Expectation) skip() {
	e.Hour, e.Spoilt, e.Block = 0, true, 0
	e.Seen, e.Low, e.High = nil, nil, nil
	e.Minute, e.sudden = 0, sudden{}
}

// note takes up a tick's events beside what was expected.
func (e *Expectation) note(n, low, high float64) {
	e.Seen, e.Low, e.High = e.Seen.add(n), e.Low.add(low), e.High.add(high)
}

// running are the sums of the newest ticks: each the sum of all up to it.
type running []float64

func (r running) add(n float64) running {
	if r == nil {
		r = append(r, 0)
	}
	if len(r) > windows[len(windows)-1] {
		r = r[1:]
	}
	return append(r, r[len(r)-1]+n)
}

// ticks is how many there are, newest the sum of the newest of them.
func (r running) ticks() int { return max(0, len(r)-1) }

func (r running) newest(ticks int) float64 { return r[len(r)-1] - r[len(r)-1-ticks] }

// Noise explains up to so many standard deviations of it; what is left must be less likely than
// e^-improbable for a count, or for one of clumps.
const (
	explained  = 4
	improbable = 16
)

// far is a count that is far from what was expected. The newest third of its time must be far, too: what
// is over is no news.
type far struct {
	ticks                  int
	n, expected            float64
	newest, newestExpected float64
}

// below looks back through the windows, and returns the first in which there are at most share times
// as many events as expected, and that is no chance.
func (e *Expectation) below(noise, share float64) (far, bool) {
	least := math.Exp(-explained * noise)
	return e.look(e.Low, func(f far) bool {
		likely := f.expected * least
		return f.n <= share*f.expected && f.newest <= share*f.newestExpected && f.n < likely && poissonTail(f.n, likely) > improbable*e.clumps()
	})
}

// above is like below: at least share times as many.
func (e *Expectation) above(noise, share float64) (far, bool) {
	most := math.Exp(explained * noise)
	return e.look(e.High, func(f far) bool {
		likely := f.expected*most + 1
		return f.n >= share*f.expected && f.newest >= share*f.newestExpected && f.n > likely && poissonTail(f.n, likely) > improbable*e.clumps()
	})
}

func (e *Expectation) look(expected running, is func(far) bool) (f far, found bool) {
	return lookBack(e.Seen.ticks(), func(ticks int) (float64, float64) { return e.Seen.newest(ticks), expected.newest(ticks) }, is)
}

// lookBack sums up the newest ticks by windows, and returns the first that is what is sought.
func lookBack(ticks int, sum func(ticks int) (n, expected float64), is func(far) bool) (far, bool) {
	for _, w := range windows {
		if ticks == 0 {
			break
		}
		f := far{ticks: min(w, ticks)}
		f.n, f.expected = sum(f.ticks)
		f.newest, f.newestExpected = sum((f.ticks + 2) / 3)
		if is(f) {
			return f, true
		}
		if ticks <= w {
			break
		}
	}
	return far{}, false
}

// poissonTail bounds minus the logarithm of the chance of a count as far from its mean as n
// (Chernoff).
func poissonTail(n, mean float64) float64 {
	if n == 0 {
		return mean
	}
	return mean - n + n*math.Log(n/mean)
}
