package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Config says which world. The zero value of a field takes the default named there.
type Config struct {
	Seed    uint64    `json:"seed"`
	Persons int       `json:"persons"` // 20,000
	Days    int       `json:"days"`    // 60
	End     time.Time `json:"end"`     // of the history; now, to the second
}

// Bounds of a world: phone numbers and chassis numbers are unique below them.
const (
	maxPersons = 1_900_000
	maxDays    = 3650
)

func (c Config) withDefaults() (Config, error) {
	if c.Persons == 0 {
		c.Persons = 20_000
	}
	if c.Days == 0 {
		c.Days = 60
	}
	if c.End.IsZero() {
		c.End = time.Now().Truncate(time.Second)
	}
	if c.Persons < 1 || c.Persons > maxPersons || c.Days < 1 || c.Days > maxDays {
		return c, touchstone.Errorf(touchstone.Invalid, "a world has 1 to %d persons and 1 to %d days, not %d and %d", maxPersons, maxDays, c.Persons, c.Days)
	}
	c.End = c.End.UTC().Truncate(time.Millisecond)
	return c, nil
}

// shanghai is where the brand lives. It has had no summer time for decades.
const shanghaiOffset = 8 * hourMillis

// Source is a place that events come from; Name is what Event.Source says.
type Source struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // of Touchstone's sources
}

// Sources returns the sources of every world.
func Sources() []Source {
	return []Source{{sourceWeb, "web"}, {sourceApp, "app"}, {sourceMini, "mini_program"}, {sourceStore, "store"}, {sourceCall, "call_center"}, {sourceVehicle, "device"}}
}

// World is a brand's customers and what they do. It is used by one goroutine at a time.
type World struct {
	cfg   Config
	kinds *touchstone.KindSet

	start, end int64 // Unix milliseconds: the first local midnight, and the history's end
	people     []person
	households []household

	day     int32 // the next one to live
	slabs   [][]happening
	used    int
	today   []*happening // by time
	at      int          // how many of today are done
	carry   []happening  // of later days
	steady  bool         // lives go on without nights and weekends: see Live
	scratch []byte
	scene   scene
	dice    dice
	told    uint64 // events so far, for message ids
	prefix  string // of message ids

	truth recorder
}

// NewWorld makes the people; nothing has happened yet.
func NewWorld(c Config) (*World, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &World{cfg: c, kinds: touchstone.DefaultKindSet(), end: c.End.UnixMilli()}
	local := w.end + shanghaiOffset
	w.start = local - local%dayMillis - int64(c.Days)*dayMillis - shanghaiOffset
	w.prefix = "sim" + strconv.FormatUint(mix(c.Seed^uint64(c.Persons)<<20^uint64(w.end))>>24, 36) + "-"
	w.scene.w, w.scene.d = w, &w.dice
	w.truth.init(w)
	w.populate()
	return w, nil
}

// Config returns what the world was made of, defaults filled in.
func (w *World) Config() Config { return w.cfg }

// Start is the beginning of the history, a midnight in Shanghai.
func (w *World) Start() time.Time { return time.UnixMilli(w.start).UTC() }

const slabSize = 1024

// newHappening returns memory for an event of the day being lived.
func (w *World) newHappening() *happening {
	slab := w.used / slabSize
	if slab == len(w.slabs) {
		w.slabs = append(w.slabs, make([]happening, slabSize))
	}
	h := &w.slabs[slab][w.used%slabSize]
	h.nr = uint32(w.used)
	w.used++
	return h
}

// liveDay lets everybody live the next day and puts its events in order. What goes on
// past midnight waits for its day.
func (w *World) liveDay() {
	day := w.day
	w.day++
	w.used, w.at = 0, 0
	w.today = w.today[:0]
	for _, h := range w.carry {
		next := w.newHappening()
		nr := next.nr
		*next = h
		next.nr = nr
	}
	w.carry = w.carry[:0]
	for i := range w.people {
		p := &w.people[i]
		if p.joined > day {
			continue
		}
		if w.steady {
			w.liveApart(p, day)
			continue
		}
		w.livePerson(p, day)
	}
	midnight := w.start + int64(day+1)*dayMillis
	for n := range w.used {
		h := &w.slabs[n/slabSize][n%slabSize]
		if h.at >= midnight {
			w.carry = append(w.carry, *h)
			continue
		}
		w.today = append(w.today, h)
	}
	slices.SortFunc(w.today, func(a, b *happening) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return int(a.nr) - int(b.nr)
	})
}

// livePerson lets one person live a day.
func (w *World) livePerson(p *person, day int32) {
	w.dice.seed(w.cfg.Seed, diceDay, uint64(p.id), uint64(day))
	w.scene.p = p
	w.live(&w.scene, day)
}

// advance returns the next event, living another day when today's are done.
func (w *World) advance() *happening {
	for w.at == len(w.today) {
		w.liveDay()
	}
	h := w.today[w.at]
	w.at++
	return h
}

// History yields the events before the end, in the order of time. An event is valid until
// yield returns; its texts stay. It stops when yield returns false, and can go on later.
func (w *World) History(yield func(*touchstone.Event) bool) {
	w.tell(func(h *happening) bool { return yield(&h.Event) })
}

func (w *World) tell(yield func(*happening) bool) {
	for {
		h := w.advance()
		if h.at >= w.end {
			w.at-- // it belongs to Live
			return
		}
		w.name(h)
		w.truth.note(h)
		if !yield(h) {
			return
		}
	}
}

// name gives an event its message id.
func (w *World) name(h *happening) {
	w.told++
	b := append(w.scratch[:0], w.prefix...)
	b = strconv.AppendUint(b, w.told, 36)
	w.scratch = b
	h.MessageID = string(b)
}
