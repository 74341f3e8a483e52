package stage

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Report is a life cycle over a period: how many are where, who goes on, how long it takes.
type Report struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Persons are in a stage now; Began of all those who came into their first stage within the period: the funnel is about them.
	Persons int64         `json:"persons"`
	Began   int64         `json:"began"`
	Stages  []StageReport `json:"stages"` // in order, the lost last
	Days    []DayReport   `json:"days"`
	Flows   []Flow        `json:"flows"`
	// Sampled says that times are those of some of the people: there are too many.
	Sampled bool `json:"sampled"`
}

// StageReport is about one stage.
type StageReport struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Lost    bool   `json:"lost"`
	Now     int64  `json:"now"`     // persons
	Entered int64  `json:"entered"` // times that somebody came into it within the period
	// Reached counts those of the funnel who came so far, or further, up to now.
	Reached int64 `json:"reached"`
	ToNext  Times `json:"to_next"` // of those who went further: from here to there
	Stay    Times `json:"stay"`    // of the stays that ended within the period
}

// Times is a distribution, in seconds.
type Times struct {
	Count   int64    `json:"count"`
	P25     int64    `json:"p25"`
	Median  int64    `json:"median"`
	P75     int64    `json:"p75"`
	P90     int64    `json:"p90"`
	Buckets []Bucket `json:"buckets"`
}

// Bucket counts times below a bound that are not below the bucket before.
type Bucket struct {
	Below int64 `json:"below"` // seconds; 0: no bound
	Count int64 `json:"count"`
}

// DayReport is who is where at the end of a day, or now; Persons[i] is about Report.Stages[i].
type DayReport struct {
	Date    string  `json:"date"`
	Persons []int64 `json:"persons"`
}

// Flow is how many times somebody went from one stage to another; "" is none.
type Flow struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Count int64  `json:"count"`
}

// The bounds of reports.
const (
	maxReportDays = 400
	maxTimes      = 500_000 // of one distribution
	maxReports    = 32      // remembered
	rememberFor   = 10 * time.Second
)

type reportKey struct {
	cycle    string
	from, to int64
	serving  int64
}

type remembered struct {
	at     time.Time
	report Report
}

// Report looks at the spans of a life cycle.
func (s *Stages) Report(ctx context.Context, id string, from, to time.Time) (Report, error) {
	x, err := s.Get(ctx, id)
	if err != nil {
		return Report{}, err
	}
	if !from.Before(to) || to.Sub(from) > maxReportDays*24*time.Hour {
		return Report{}, touchstone.Errorf(touchstone.Invalid, "from, to: a report is about at most %d days, of which from is the first", maxReportDays)
	}
	now := s.cfg.Clock.Now()
	key := reportKey{id, from.UnixMilli(), to.UnixMilli(), x.Serving}
	s.mu.Lock()
	old, is := s.reports[key]
	s.mu.Unlock()
	if is && now.Sub(old.at) < rememberFor {
		return old.report, nil
	}
	c := newCounter(&x, from, to, now, s.cfg.Zone())
	rows, err := s.cfg.DB.Reader().Query(ctx, `SELECT person, began, ended, stage FROM stage_spans WHERE cycle = ? ORDER BY person, began`, id)
	if err != nil {
		return Report{}, err
	}
	defer rows.Close()
	if err := c.walk(rows); err != nil {
		return Report{}, err
	}
	report := c.report()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reports) >= maxReports {
		clear(s.reports)
	}
	s.reports[key] = remembered{now, report}
	return report, nil
}

// leg is a piece of somebody's way.
type leg struct {
	began, ended int64 // ended 0: it goes on
	at           int   // place; 0 none
}

// counter gathers a report.
type counter struct {
	x        *Cycle
	p        places
	from, to int64
	ends     []int64  // of days
	dates    []string // of them
	in       [][]int64
	out      Report
	reached  []int64
	toNext   []sample
	stay     []sample
	now      []int64
	entered  []int64
	flows    map[[2]int]int64
}

func newCounter(x *Cycle, from, to, now time.Time, zone *time.Location) *counter {
	p := placesOf(&x.Definition)
	n := len(x.Definition.Stages) + 2 // none, the stages, the lost
	c := &counter{x: x, p: p, from: from.UnixMilli(), to: to.UnixMilli(), out: Report{From: from.UTC(), To: to.UTC()}, reached: make([]int64, n), toNext: make([]sample, n), stay: make([]sample, n),
		now: make([]int64, n), entered: make([]int64, n), flows: map[[2]int]int64{}}
	for day := from.In(zone); day.Before(to) && !day.After(now); {
		y, m, d := day.Date()
		next := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
		c.ends = append(c.ends, min(next.UnixMilli(), to.UnixMilli(), now.UnixMilli()+1))
		c.dates = append(c.dates, day.Format(time.DateOnly))
		day = next
	}
	c.in = make([][]int64, len(c.ends)+1) // differences
	for i := range c.in {
		c.in[i] = make([]int64, n)
	}
	return c
}

func (c *counter) walk(rows *sql.Rows) error {
	var person int64
	var legs []leg
	for rows.Next() {
		var who int64
		var l leg
		var key string
		if err := rows.Scan(&who, &l.began, &l.ended, &key); err != nil {
			return err
		}
		l.at = c.p.of[key]
		if who != person {
			c.person(legs)
			person, legs = who, legs[:0]
		}
		legs = append(legs, l)
	}
	c.person(legs)
	return rows.Err()
}

// path makes one way of the spans of several who are one: at each moment the further place counts.
func (c *counter) path(legs []leg) []leg {
	const open = int64(1) << 62
	overlap := false
	for i := 1; i < len(legs); i++ {
		if before := legs[i-1].ended; before == 0 || before > legs[i].began {
			overlap = true
		}
	}
	if !overlap {
		return legs
	}
	var marks []int64
	for i := range legs {
		if legs[i].ended == 0 {
			legs[i].ended = open
		}
		marks = append(marks, legs[i].began, legs[i].ended)
	}
	slices.Sort(marks)
	marks = slices.Compact(marks)
	var way []leg
	for i := 1; i < len(marks); i++ {
		at, is := 0, false
		for _, l := range legs {
			if l.began <= marks[i-1] && l.ended >= marks[i] {
				at, is = c.p.further(at, l.at), true
			}
		}
		switch last := len(way) - 1; {
		case !is:
		case last >= 0 && way[last].at == at && way[last].ended == marks[i-1]:
			way[last].ended = marks[i]
		default:
			way = append(way, leg{marks[i-1], marks[i], at})
		}
	}
	for i := range way {
		if way[i].ended == open {
			way[i].ended = 0
		}
	}
	return way
}

// person counts somebody's way.
func (c *counter) person(legs []leg) {
	if len(legs) == 0 {
		return
	}
	legs = c.path(legs)
	lost := c.p.lost()
	first := make([]int64, lost) // when each place, or a further one, was reached; 0: not
	before := 0
	for _, l := range legs {
		if l.at > 0 && l.at < lost {
			for at := l.at; at > 0 && first[at] == 0; at-- {
				first[at] = l.began
			}
		}
		within := func(ms int64) bool { return ms >= c.from && ms < c.to }
		if within(l.began) && before != l.at {
			c.entered[l.at]++
			c.flows[[2]int{before, l.at}]++
		}
		if l.ended == 0 {
			c.now[l.at]++
		} else if within(l.ended) {
			c.stay[l.at].add((l.ended - l.began) / 1000)
		}
		c.days(l)
		before = l.at
	}
	if lost < 2 || first[1] < c.from || first[1] >= c.to {
		return
	}
	c.out.Began++
	for at := 1; at < lost && first[at] > 0; at++ {
		c.reached[at]++
		if at+1 < lost && first[at+1] > 0 {
			c.toNext[at].add((first[at+1] - first[at]) / 1000)
		}
	}
}

// days counts a leg for the days at whose end it lasts.
func (c *counter) days(l leg) {
	if l.at == 0 {
		return
	}
	after := func(ms int64) int { // the first day that ends behind a moment
		i, _ := slices.BinarySearch(c.ends, ms+1)
		return i
	}
	begin, end := after(l.began), len(c.ends)
	if l.ended != 0 {
		end = after(l.ended)
	}
	c.in[begin][l.at]++
	c.in[end][l.at]--
}

func (c *counter) report() Report {
	r := c.out
	r.Stages, r.Days, r.Flows = []StageReport{}, []DayReport{}, []Flow{}
	add := func(at int, key, name string, lost bool) {
		r.Stages = append(r.Stages, StageReport{Key: key, Name: name, Lost: lost, Now: c.now[at], Entered: c.entered[at], Reached: c.reached[at], ToNext: c.toNext[at].times(), Stay: c.stay[at].times()})
		r.Persons += c.now[at]
		r.Sampled = r.Sampled || c.toNext[at].every > 1 || c.stay[at].every > 1
	}
	for i, st := range c.x.Definition.Stages {
		add(i+1, st.Key, st.Name, false)
	}
	if l := c.x.Definition.Lost; l != nil {
		add(c.p.lost(), l.Key, l.Name, true)
	}
	sums := make([]int64, len(c.now))
	for i, date := range c.dates {
		for at := range sums {
			sums[at] += c.in[i][at]
		}
		r.Days = append(r.Days, DayReport{date, slices.Clone(sums[1 : 1+len(r.Stages)])})
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.flows), func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) }) {
		r.Flows = append(r.Flows, Flow{c.keyOf(k[0]), c.keyOf(k[1]), c.flows[k]})
	}
	return r
}

func (c *counter) keyOf(at int) string {
	if at == c.p.lost() && c.x.Definition.Lost == nil {
		return ""
	}
	return c.p.key(at)
}

// sample keeps each value, or from maxTimes on each second, fourth … one.
type sample struct {
	values []int64
	every  int64 // 0 is 1
	n      int64
}

func (s *sample) add(v int64) {
	s.every = max(s.every, 1)
	s.n++
	if s.n%s.every != 0 {
		return
	}
	if len(s.values) == maxTimes {
		half := s.values[:0]
		for i := 1; i < maxTimes; i += 2 {
			half = append(half, s.values[i])
		}
		s.values, s.every = half, s.every*2
		if s.n%s.every != 0 {
			return
		}
	}
	s.values = append(s.values, v)
}

// bounds of the buckets of times, in seconds: an hour, a day, three, a week, two, a month, two, three, half a year, a year.
var bounds = []int64{3600, 86400, 3 * 86400, 7 * 86400, 14 * 86400, 30 * 86400, 60 * 86400, 90 * 86400, 182 * 86400, 365 * 86400}

func (s *sample) times() Times {
	t := Times{Count: s.n, Buckets: make([]Bucket, len(bounds)+1)}
	for i := range bounds {
		t.Buckets[i].Below = bounds[i]
	}
	if len(s.values) == 0 {
		return t
	}
	slices.Sort(s.values)
	for _, v := range s.values {
		i, equal := slices.BinarySearch(bounds, v)
		if equal {
			i++
		}
		t.Buckets[i].Count += s.every
	}
	at := func(q float64) int64 { return s.values[int(q*float64(len(s.values)-1)+0.5)] }
	t.P25, t.Median, t.P75, t.P90 = at(0.25), at(0.5), at(0.75), at(0.9)
	return t
}
