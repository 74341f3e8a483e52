package tag

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
)

// Sums are how much somebody cares for the items of a taxonomy: per item, and period of one half-life, a whole number.
// Adding is exact in any order. An event that is older than keptPeriods half-lives counts nothing.
type Sums struct {
	items []itemSums // by number
}

type itemSums struct {
	item    int64
	periods []periodSum // by period
}

// periodSum is the sum of Σ w·2^f·scale over the events of a period, f being how far each lies in it, from 0 to 1.
type periodSum struct{ period, sum int64 }

const (
	keptPeriods = 24
	scale       = 1 << 20
	maxItems    = 500 // of one person's identifier: the strongest stay
	// maxSum bounds a period: beyond it scores do not grow.
	maxSum = 1 << 53
)

// periodOf returns in which half-life since 1970 a moment lies, and how far in it.
func periodOf(at int64, halfLife time.Duration) (period int64, part float64) {
	h := halfLife.Milliseconds()
	period = at / h
	if at%h < 0 {
		period--
	}
	return period, float64(at-period*h) / float64(h)
}

// Add counts an event at a moment, in unix milliseconds.
func (s *Sums) Add(item, at int64, weight float64, halfLife time.Duration) {
	period, part := periodOf(at, halfLife)
	s.add(item, period, int64(math.Round(weight*math.Exp2(part)*scale)))
}

func (s *Sums) add(item, period, sum int64) {
	i, found := slices.BinarySearchFunc(s.items, item, func(x itemSums, item int64) int { return cmp.Compare(x.item, item) })
	if !found {
		s.items = slices.Insert(s.items, i, itemSums{item: item})
	}
	list := &s.items[i].periods
	j, found := slices.BinarySearchFunc(*list, period, func(x periodSum, period int64) int { return cmp.Compare(x.period, period) })
	if !found {
		*list = slices.Insert(*list, j, periodSum{period: period})
	}
	(*list)[j].sum = min((*list)[j].sum+sum, maxSum)
}

// Join adds what another identifier of the same person has.
func (s *Sums) Join(o *Sums) {
	for _, x := range o.items {
		for _, p := range x.periods {
			s.add(x.item, p.period, p.sum)
		}
	}
}

// Prune forgets what counts nothing at a moment, nor later. It tells how many items had no room.
func (s *Sums) Prune(at int64, halfLife time.Duration) (crowded int) {
	now, _ := periodOf(at, halfLife)
	for i := range s.items {
		s.items[i].periods = slices.DeleteFunc(s.items[i].periods, func(p periodSum) bool { return p.period <= now-keptPeriods })
	}
	s.items = slices.DeleteFunc(s.items, func(x itemSums) bool { return len(x.periods) == 0 })
	if crowded = len(s.items) - maxItems; crowded <= 0 {
		return 0
	}
	byScore := slices.Clone(s.items)
	slices.SortFunc(byScore, func(a, b itemSums) int {
		return cmp.Or(cmp.Compare(b.level(now), a.level(now)), cmp.Compare(a.item, b.item))
	})
	s.items = byScore[:maxItems]
	slices.SortFunc(s.items, func(a, b itemSums) int { return cmp.Compare(a.item, b.item) })
	return crowded
}

// level is a score at the beginning of a period, in events of weight 1 times scale.
func (x *itemSums) level(now int64) (sum float64) {
	for _, p := range x.periods { // ascending: the smallest first, always in one order
		if p.period > now-keptPeriods {
			sum += float64(p.sum) * math.Exp2(float64(p.period-now))
		}
	}
	return sum
}

// ceases returns the first period in which the oldest events that count now do not.
func (x *itemSums) ceases(now int64) int64 {
	for _, p := range x.periods {
		if p.period > now-keptPeriods {
			return p.period + keptPeriods
		}
	}
	return now
}

// Score is how much somebody cares for an item at a moment: an event of weight 1 counts 1 when it happens.
type Score struct {
	Item  int64
	Score float64
	// Until is when it has to be asked again: the score has fallen below the least one that was asked for by then, or
	// old events have ceased to count. Before that moment it is not below.
	Until time.Time
}

// Scores returns the items whose score is at least least at a moment, the strongest first. up maps an item to those that it
// counts for; a nil one to itself.
func (s *Sums) Scores(at int64, halfLife time.Duration, least float64, up func(item int64) []int64) []Score {
	now, part := periodOf(at, halfLife)
	whole := &Sums{}
	for _, x := range s.items {
		for_ := []int64{x.item}
		if up != nil {
			for_ = up(x.item)
		}
		for _, item := range for_ {
			for _, p := range x.periods {
				whole.add(item, p.period, p.sum)
			}
		}
	}
	var list []Score
	for i := range whole.items {
		score := whole.items[i].level(now) / scale * math.Exp2(-part)
		if score <= 0 || score < least {
			continue
		}
		one := Score{Item: whole.items[i].item, Score: score}
		if least > 0 {
			left := math.Floor(float64(halfLife.Milliseconds())*math.Log2(score/least)) + 1
			one.Until = time.UnixMilli(max(at+1, min(at+int64(left), whole.items[i].ceases(now)*halfLife.Milliseconds()))).UTC()
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Score) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Item, b.Item)) })
	return list
}

// sumsVersion begins the stored form.
const sumsVersion = 1

// Append adds the stored form to b.
func (s *Sums) Append(b []byte) []byte {
	b = append(b, sumsVersion)
	b = binary.AppendUvarint(b, uint64(len(s.items)))
	for _, x := range s.items {
		b = binary.AppendVarint(b, x.item)
		b = binary.AppendUvarint(b, uint64(len(x.periods)))
		for _, p := range x.periods {
			b = binary.AppendVarint(b, p.period)
			b = binary.AppendVarint(b, p.sum)
		}
	}
	return b
}

// Decode reads the stored form.
func (s *Sums) Decode(b []byte) error {
	s.items = s.items[:0]
	if len(b) == 0 || b[0] != sumsVersion {
		return fmt.Errorf("these sums of interest are not of version %d", sumsVersion)
	}
	b = b[1:]
	broken := false
	next := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			broken, b = true, nil
			return 0
		}
		b = b[n:]
		return v
	}
	count := func() int {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > uint64(len(b)) {
			broken, b = true, nil
			return 0
		}
		b = b[n:]
		return int(v) //nolint:gosec // at most the length of b
	}
	for range count() {
		x := itemSums{item: next()}
		for range count() {
			x.periods = append(x.periods, periodSum{next(), next()})
		}
		s.items = append(s.items, x)
	}
	if broken || len(b) > 0 {
		return fmt.Errorf("these sums of interest are damaged")
	}
	return nil
}
