package quality

import (
	"maps"
	"time"
)

// Tick is how often counts are looked at.
const Tick = 10 * time.Second

// limit is what a sum must reach: by chance about once in e^20 looks, that is once in 150 years of
// a thousand series.
const limit = 20

// Counts are the events of a source, or of one of its events, in a tick.
type Counts struct {
	Events  int64 // that came in as they happen: no history
	Skewed  int64 // of a time far from their receipt
	Aside   int64 // refused, or set aside
	Repeats int64 // known message ids
	// Fields are those of a sample of the events; Sampled its size.
	Sampled int64
	Fields  map[string]Values
	// Out is of a source how many of Aside have an event of their own, where they count, too. Of an event
	// OutFields are those of a sample of them, and Paths what tracking plans say is wrong with them.
	Out        int64
	OutSampled int64
	OutFields  map[string]Values
	Paths      map[string]int64
}

// came is how many events there were, whatever became of them.
func (c *Counts) came() float64 { return float64(c.Events + c.Aside) }

// sample is what was sent, kept or not.
func (c *Counts) sample() (n int64, fields map[string]Values) {
	if c.OutSampled == 0 {
		return c.Sampled, c.Fields
	}
	fields = maps.Clone(c.OutFields)
	if fields == nil {
		fields = map[string]Values{}
	}
	for name, v := range c.Fields {
		o := fields[name]
		fields[name] = Values{v.Strings + o.Strings, v.Numbers + o.Numbers, v.Booleans + o.Booleans, v.Objects + o.Objects, v.Arrays + o.Arrays}
	}
	return c.Sampled + c.OutSampled, fields
}

// path is what is wrong with most of those set aside.
func (c *Counts) path() (path string) {
	for p, n := range c.Paths {
		if most := c.Paths[path]; n > most || n == most && p < path {
			path = p
		}
	}
	return path
}

// Values are what a sample had of a field: how many of each JSON type. null counts as absent.
type Values struct {
	Strings  int64
	Numbers  int64
	Booleans int64
	Objects  int64
	Arrays   int64
}

func (v *Values) present() int64 { return v.Strings + v.Numbers + v.Booleans + v.Objects + v.Arrays }

func (v *Values) byType() [5]int64 {
	return [5]int64{v.Strings, v.Numbers, v.Booleans, v.Objects, v.Arrays}
}

var fieldTypes = [5]string{"string", "number", "boolean", "object", "array"}

// Kind names what an alarm is about.
type Kind string

// The kinds of alarms.
const (
	Silent       Kind = "silent"        // nothing comes any more
	VolumeDrop   Kind = "volume_drop"   // much less comes
	VolumeSurge  Kind = "volume_surge"  // much more comes
	FieldMissing Kind = "field_missing" // a property is no longer sent
	TypeChanged  Kind = "type_changed"  // a property has values of another type
	ClockOff     Kind = "clock_off"     // events' times lie far from their receipt
	Refused      Kind = "refused"       // events go to quarantine
	Repeated     Kind = "repeated"      // events are sent again and again
	Uncovered    Kind = "uncovered"     // the register of processing does not cover what is collected or shared; told, not found here
)

// Finding is that something is not as usual, in a tick.
type Finding struct {
	Kind  Kind
	Field string // of FieldMissing and TypeChanged; of Refused what a tracking plan does not want, "" without one
	Since int64  // tick in which it began
	Usual float64
	Now   float64
	// UsualType and NowType are those of TypeChanged.
	UsualType, NowType string
}

// Series is what is known of a source's counts, or of those of one of its events.
type Series struct {
	Volume  *Expectation      `json:"volume"`
	Skewed  Share             `json:"skewed"`
	Aside   Share             `json:"aside"`
	Repeats Share             `json:"repeats"`
	Fields  map[string]*Field `json:"fields,omitempty"`

	Path string `json:"path,omitempty"` // what tracking plans last did not want
	Last int64  `json:"last"`           // tick that was looked at last
}

// Field is what is known of a property.
type Field struct {
	Present Share    `json:"present"`
	Types   [5]Share `json:"types"` // of those present
	Odd     Sum      `json:"odd"`   // values of unusual types
	Quiet   int64    `json:"quiet"` // tick in which it was last seen
}

// maxFields bounds the properties of an event that are watched.
const maxFields = 100

// NewSeries knows nothing yet.
func NewSeries() *Series { return &Series{Volume: newExpectation()} }

// Look takes up a tick's counts and returns what is not as usual. at is the tick's end in the
// workspace's zone. Ticks come in order; one without events counts.
func (s *Series) Look(at time.Time, c *Counts) (found []Finding) {
	tick := at.UnixMilli() / Tick.Milliseconds()
	minutes := Tick.Minutes()
	if tick != s.Last+1 { // nobody looked in between: nothing is known of that time
		s.Volume.skip()
	}
	s.Last = tick
	u, known := s.Volume.of(at)
	s.Volume.sudden.note(c.came())
	if known {
		s.Volume.note(c.came(), u.low*minutes, u.high*minutes)
		found = s.lookAtVolume(tick, u.noise)
	}
	if len(found) == 0 && s.Volume.isNew(at) {
		found = s.lookForFall(tick)
	}
	found = append(found, s.lookAtShares(tick, c)...)
	s.Volume.learn(at, c.came(), minutes, u.rate*minutes, len(found) > 0 && found[0].ofVolume())
	return append(found, s.lookAtFields(tick, c)...)
}

func (f *Finding) ofVolume() bool {
	return f.Kind == Silent || f.Kind == VolumeDrop || f.Kind == VolumeSurge
}

// What is told: less than a fiftieth of the usual is silence, less than 0.75 a drop, more than twice a surge.
const (
	silence = 0.02
	drop    = 0.75
	surge   = 2
)

func (s *Series) lookAtVolume(tick int64, noise float64) []Finding {
	for _, x := range [...]struct {
		kind  Kind
		look  func(noise, share float64) (far, bool)
		share float64
	}{{Silent, s.Volume.below, silence}, {VolumeDrop, s.Volume.below, drop}, {VolumeSurge, s.Volume.above, surge}} {
		if f, ok := x.look(noise, x.share); ok {
			minutes := float64(f.ticks) * Tick.Minutes()
			return []Finding{{Kind: x.kind, Since: tick - int64(f.ticks) + 1, Usual: f.expected / minutes, Now: f.n / minutes}}
		}
	}
	return nil
}

func (s *Series) lookForFall(tick int64) []Finding {
	f, ok := s.Volume.sudden.look(s.Volume.noise(), s.Volume.clumps())
	if !ok {
		return nil
	}
	kind, minutes := VolumeDrop, float64(f.ticks)*Tick.Minutes()
	if f.n <= silence*f.expected {
		kind = Silent
	}
	return []Finding{{Kind: kind, Since: tick - int64(f.ticks) + 1, Usual: f.expected / minutes, Now: f.n / minutes}}
}

func (s *Series) lookAtShares(tick int64, c *Counts) (found []Finding) {
	all := float64(c.Events + c.Aside + c.Repeats)
	if path := c.path(); path != "" {
		s.Path = path
	}
	for _, x := range [...]struct {
		kind  Kind
		share *Share
		hits  int64
		of    float64
		to    float64 // at least
		field string
	}{
		{ClockOff, &s.Skewed, c.Skewed, float64(c.Events), 0.4, ""},
		{Refused, &s.Aside, c.Aside - c.Out, all, 0.1, s.Path},
		{Repeated, &s.Repeats, c.Repeats, all, 0.3, ""},
	} {
		if x.of == 0 {
			continue
		}
		to := max(x.to, min(3*x.share.Mean, 0.9))
		if x.share.Mean < 0.6 && x.share.look(float64(x.hits), x.of, to, limit, tick) {
			found = append(found, Finding{Kind: x.kind, Field: x.field, Since: x.share.Change.Since, Usual: x.share.Mean, Now: float64(x.hits) / x.of})
			continue
		}
		if x.share.Change.S < limit/2 {
			x.share.learn(float64(x.hits), x.of)
		}
	}
	return found
}

func (s *Series) lookAtFields(tick int64, c *Counts) (found []Finding) {
	sampled, fields := c.sample()
	if sampled == 0 {
		return nil
	}
	if s.Fields == nil {
		s.Fields = map[string]*Field{}
	}
	for name, v := range fields {
		f := s.Fields[name]
		if f == nil {
			if len(s.Fields) >= maxFields {
				continue
			}
			f = &Field{}
			s.Fields[name] = f
		}
		f.Quiet = tick
		found = append(found, f.lookAtTypes(name, tick, v)...)
	}
	for name, f := range s.Fields {
		v := fields[name]
		present, n := float64(v.present()), float64(sampled)
		to := 0.02 // it is gone
		if f.Present.Mean >= 0.9 {
			to = 0.5 // or half of the senders have lost it
		}
		if f.Present.Mean >= 0.3 && f.Present.look(present, n, to, limit, tick) {
			found = append(found, Finding{Kind: FieldMissing, Field: name, Since: f.Present.Change.Since, Usual: f.Present.Mean, Now: present / n})
			continue
		}
		if f.Present.Change.S < limit/2 {
			f.Present.learn(present, n)
		}
		if f.Present.Mean < 0.01 && tick-f.Quiet > forgetTicks {
			delete(s.Fields, name)
		}
	}
	return found
}

const forgetTicks = 7 * 24 * 360

func (f *Field) lookAtTypes(name string, tick int64, v Values) []Finding {
	counts, present := v.byType(), v.present()
	if present == 0 {
		return nil
	}
	usual, most := 0, 0
	odd := int64(0)
	for i := range counts {
		if f.Types[i].Mean > f.Types[usual].Mean {
			usual = i
		}
		if f.Types[i].Mean < 0.05 { // not seen, or hardly ever
			if odd += counts[i]; counts[i] > counts[most] || f.Types[most].Mean >= 0.05 {
				most = i
			}
		}
	}
	if f.Types[usual].known() && f.Odd.add(shareRatio(float64(odd), float64(present), 0.005, 0.5), limit, tick) {
		return []Finding{{Kind: TypeChanged, Field: name, Since: f.Odd.Since, Usual: f.Types[usual].Mean, Now: float64(odd) / float64(present), UsualType: fieldTypes[usual], NowType: fieldTypes[most]}}
	}
	if f.Odd.S < limit/2 {
		for i := range counts {
			f.Types[i].learn(float64(counts[i]), float64(present))
		}
	}
	return nil
}
