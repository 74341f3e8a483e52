package quality

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Bounds of what is counted in a tick.
const (
	maxSampled = 40    // events of a source and a name whose fields are looked at
	maxEvents  = 500   // names of a source that are told apart; others count for the source only
	maxSeries  = 5_000 // sources and names at a time
	// FarOff is how far from its receipt the time of an event lies whose clock is off.
	FarOff   = 10 * time.Minute
	maxName  = 200    // bytes of a name
	maxAside = 20_000 // events of a tick that were set aside and are known again
	maxPaths = 20     // wrong places of an event that are told apart
	maxTicks = 360    // that wait to be taken, an hour; a pipeline that is further behind is not watched
)

// Gatherer counts what the pipeline commits, by the ten seconds in which the edge received it. It is told by the
// pipeline's goroutine, and emptied by another.
type Gatherer struct {
	imports func(source string) bool

	mu      sync.Mutex
	ticks   map[int64]*gathered
	through int64 // taken; what comes a little late counts for the next
	mended  map[minute]int64
	full    int64 // events that were not told apart
}

type gathered struct {
	counts map[place]*Counts
	names  map[string]int  // of a source
	aside  map[uint64]bool // message ids of those set aside, as hashes: they may come in at once
}

// minute is one of a source, in minutes since 1970.
type minute struct {
	source string
	number int64
}

// place is a source, or an event of it.
type place struct{ source, event string }

// newGatherer leaves imports out: they come when somebody sends a file.
func newGatherer(imports func(source string) bool) *Gatherer {
	return &Gatherer{imports: imports, ticks: map[int64]*gathered{}, mended: map[minute]int64{}}
}

// Observe takes up what a batch has committed: events that were kept, those that were refused or
// set aside, and how many were repeated, by source. Nothing of them is held on to but names.
func (g *Gatherer) Observe(at time.Time, kept, aside []touchstone.Fact, repeated map[string]int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var in cursor
	for i := range kept {
		f := &kept[i]
		if g.late(f) || f.Backfill || !g.at(&in, f) { // history comes when somebody sends it
			continue
		}
		again := in.tick.takeAside(f)
		if again {
			in.whole.Aside--
			in.whole.Out--
		}
		in.whole.Events++
		if f.ReceivedAt.Sub(f.Time).Abs() > FarOff {
			in.whole.Skewed++
		}
		if c := g.count(in.tick, f.Source, f.Name); c != nil {
			if again && c.Aside > 0 {
				c.Aside--
			}
			c.Events++
			look(f, &c.Sampled, &c.Fields)
		}
	}
	for i := range aside {
		f := &aside[i]
		if g.isLate(f) || f.Backfill || !g.at(&in, f) {
			continue
		}
		in.whole.Aside++
		if f.Name == "" { // the edge has refused it
			continue
		}
		if c := g.count(in.tick, f.Source, f.Name); c != nil {
			in.whole.Out++
			c.Aside++
			in.tick.noteAside(f)
			look(f, &c.OutSampled, &c.OutFields)
			c.wrong(f.Reason)
		}
	}
	for source, n := range repeated {
		if g.at(&in, &touchstone.Fact{Event: touchstone.Event{Source: source, ReceivedAt: at}}) {
			in.whole.Repeats += n
		}
	}
}

// cursor is where the events before this one counted: neighbours mostly have the same source and tick.
type cursor struct {
	source   string
	number   int64
	tick     *gathered
	whole    *Counts // of the source
	imported bool
}

// at moves to an event's tick and source, and reports whether it counts.
func (g *Gatherer) at(in *cursor, f *touchstone.Fact) bool {
	number := max(f.ReceivedAt.UnixMilli()/Tick.Milliseconds(), g.through+1)
	if in.tick == nil || number != in.number {
		in.number, in.tick, in.whole = number, g.ticks[number], nil
		if in.tick == nil {
			if len(g.ticks) >= maxTicks {
				g.full++
				return false
			}
			in.tick = &gathered{map[place]*Counts{}, map[string]int{}, map[uint64]bool{}}
			g.ticks[number] = in.tick
		}
	}
	if in.whole == nil || f.Source != in.source {
		in.source, in.imported = f.Source, f.Source == "" || g.imports != nil && g.imports(f.Source)
		if in.imported {
			in.whole = &Counts{}
			return false
		}
		in.whole = g.count(in.tick, f.Source, "")
	}
	return !in.imported && in.whole != nil
}

// noteAside remembers an event that is set aside, takeAside reports whether one was that comes in now.
func (t *gathered) noteAside(f *touchstone.Fact) {
	if len(t.aside) < maxAside {
		t.aside[xxhash.Sum64String(f.MessageID)] = true
	}
}

func (t *gathered) takeAside(f *touchstone.Fact) bool {
	if len(t.aside) == 0 {
		return false
	}
	hash := xxhash.Sum64String(f.MessageID)
	was := t.aside[hash]
	delete(t.aside, hash)
	return was
}

// isLate tells that an event was received in a time that was looked at: it was in quarantine, and
// comes in now. It makes the minute good in which it was refused, and says nothing of the present one.
func (g *Gatherer) isLate(f *touchstone.Fact) bool {
	return f.ReceivedAt.UnixMilli()/Tick.Milliseconds() <= g.through
}

// late notes an event that is late.
func (g *Gatherer) late(f *touchstone.Fact) bool {
	if !g.isLate(f) {
		return false
	}
	at := minute{f.Source, f.ReceivedAt.Unix() / 60}
	if _, known := g.mended[at]; !known {
		if len(g.mended) >= maxSeries {
			g.full++
			return true
		}
		at.source = strings.Clone(at.source)
	}
	g.mended[at]++
	return true
}

// takeMended returns by minute how many events came in that were refused, and forgets it.
func (g *Gatherer) takeMended() map[minute]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.mended) == 0 {
		return nil
	}
	taken := g.mended
	g.mended = map[minute]int64{}
	return taken
}

// drop forgets what was counted of a source and not looked at yet.
func (g *Gatherer) drop(source string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, in := range g.ticks {
		maps.DeleteFunc(in.counts, func(at place, _ *Counts) bool { return at.source == source })
	}
}

// count returns the counts of a place; nil when there is no room for it.
func (g *Gatherer) count(tick *gathered, source, event string) *Counts {
	c := tick.counts[place{source, event}]
	if c != nil {
		return c
	}
	if len(tick.counts) >= maxSeries || event != "" && tick.names[source] >= maxEvents || len(event) > maxName {
		g.full++
		return nil
	}
	source, event = strings.Clone(source), strings.Clone(event) // they lie in the log's record
	if event != "" {
		tick.names[source]++
	}
	c = &Counts{}
	tick.counts[place{source, event}] = c
	return c
}

// wrong notes what a tracking plan says is wrong with an event.
func (c *Counts) wrong(reason string) {
	_, sentence, _ := strings.Cut(reason, ": ")
	b, ok := plan.ParseReason(sentence)
	if !ok || len(b.Path) > maxName {
		return
	}
	path := plan.EveryElement(b.Path)
	if _, known := c.Paths[path]; !known && len(c.Paths) >= maxPaths {
		return
	}
	if c.Paths == nil {
		c.Paths = map[string]int64{}
	}
	c.Paths[path]++
}

// look counts an event's fields, if the sample has room.
func look(f *touchstone.Fact, sampled *int64, fields *map[string]Values) {
	if *sampled >= maxSampled {
		return
	}
	*sampled++
	object := f.Properties
	if f.Type == touchstone.Identify || f.Type == touchstone.Group {
		object = f.Traits
	}
	jsonwalk.Members(string(object), func(key, value string) bool {
		v, known := (*fields)[key]
		if !known && (len(*fields) >= 2*maxFields || len(key) > maxName) {
			return true
		}
		switch value[0] {
		case '"':
			v.Strings++
		case '{':
			v.Objects++
		case '[':
			v.Arrays++
		case 't', 'f':
			v.Booleans++
		case 'n':
			return true
		default:
			v.Numbers++
		}
		if *fields == nil {
			*fields = map[string]Values{}
		}
		if !known {
			key = strings.Clone(key)
		}
		(*fields)[key] = v
		return true
	})
}

// take returns the counts of a tick, and forgets it and those before.
func (g *Gatherer) take(tick int64) map[place]*Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.through = tick
	var counts map[place]*Counts
	for number, in := range g.ticks {
		if number == tick {
			counts = in.counts
		}
		if number <= tick {
			delete(g.ticks, number)
		}
	}
	return counts
}
