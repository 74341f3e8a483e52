package sim

import (
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// fact is what an event means for the truth. Facts are few, so that a world of millions
// of events is remembered in some megabytes.
type fact uint8

const (
	factNone       fact = iota
	factActive          // one of activityEvents, and none of the below
	factNamed           // an identify call: the person has a name
	factOwner           // an identify call that tells a vehicle
	factViewed          // Product Viewed
	factConfigured      // Configurator Completed
	factBooked          // Test Drive Booked
	factDrove           // Test Drive Completed
	factVehicle         // Order Completed of a car
	factAccessory       // Order Completed of accessories
	factTrip            // Trip Ended
)

// Truth is what a system that got the whole history must say about it.
type Truth struct {
	Config Config    `json:"config"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"` // exclusive

	Events          int64                       `json:"events"`
	EventsByName    map[string]int64            `json:"events_by_name"`
	EventsByDay     map[string]map[string]int64 `json:"events_by_day"` // date in Shanghai → name → events
	EventsBySource  map[string]int64            `json:"events_by_source"`
	EventsByChannel map[string]int64            `json:"events_by_channel"`

	People        int            `json:"people"`          // who have done something
	PeopleByStage map[string]int `json:"people_by_stage"` // of them, after the last day
	Households    int            `json:"households"`      // of two or more
	Identifiers   int            `json:"identifiers"`
	// Persons is how many persons a deterministic resolver finds: components of the
	// identifiers that were seen together, under the limits of touchstone.DefaultKinds.
	Persons      int `json:"persons"`
	KnownPersons int `json:"known_persons"` // of them with a user_id

	Orders         int64 `json:"orders"`
	VehicleOrders  int64 `json:"vehicle_orders"`
	RevenueCents   int64 `json:"revenue_cents"`
	VehicleRevenue int64 `json:"vehicle_revenue_cents"`

	Funnel   Funnel         `json:"funnel"`
	Segments map[string]int `json:"segments"` // members at the end, by key
	Drivers  Drivers        `json:"drivers"`
}

// Funnel is one funnel's answer: how many persons reached each step.
type Funnel struct {
	Steps   []string      `json:"steps"`
	Window  time.Duration `json:"window"`
	Persons []int         `json:"persons"`
}

// funnelSteps are the steps of the demo's funnel, and the facts that they are.
var funnelSteps = []string{"Product Viewed", "Test Drive Booked", "Test Drive Completed", "Order Completed"}

const funnelWindow = 30 * 24 * time.Hour

// recorder takes down the truth while the history is told.
type recorder struct {
	world *World
	truth Truth
	nodes map[touchstone.Identifier]int32
	graph components
	deeds []deed
	alive []bool
	day   map[string]int64
	until int64 // end of that day

	decided map[int32]Consent // by person
}

// deed is a fact about the node that its event came under.
type deed struct {
	at   int64
	node int32
	what fact
}

func (r *recorder) init(w *World) {
	r.world = w
	r.nodes = make(map[touchstone.Identifier]int32)
	r.alive = make([]bool, w.cfg.Persons)
	r.decided = make(map[int32]Consent)
	r.truth = Truth{
		Config: w.cfg, Start: w.Start(), End: w.cfg.End, Drivers: planted, EventsByName: map[string]int64{},
		EventsByDay: map[string]map[string]int64{}, EventsBySource: map[string]int64{}, EventsByChannel: map[string]int64{},
	}
}

// note takes down one event.
func (r *recorder) note(h *happening) {
	t := &r.truth
	t.Events++
	t.EventsByName[h.Name]++
	t.EventsBySource[h.Source]++
	t.EventsByChannel[channelOf(h.Context)]++
	if h.at >= r.until {
		local := h.at + shanghaiOffset
		r.until = local - local%dayMillis + dayMillis - shanghaiOffset
		r.day = make(map[string]int64)
		t.EventsByDay[time.UnixMilli(local).UTC().Format(time.DateOnly)] = r.day
	}
	r.day[h.Name]++
	if !r.alive[h.person] {
		r.alive[h.person] = true
		t.People++
	}
	if h.cents != 0 {
		t.Orders++
		t.RevenueCents += h.cents
		if h.what == factVehicle {
			t.VehicleOrders++
			t.VehicleRevenue += h.cents
		}
	}
	if h.says != nil {
		r.hear(h)
	}
	node := r.link(h.Identifiers)
	if h.what != factNone {
		r.deeds = append(r.deeds, deed{h.at, node, h.what})
	}
}

// channelOf reads the channel, which every context begins with.
func channelOf(context touchstone.JSON) string {
	const head = `{"channel":"`
	rest := context[len(head):]
	for i := range len(rest) {
		if rest[i] == '"' {
			return string(rest[:i])
		}
	}
	return ""
}

// link joins the identifiers of an event that say who somebody is to the strongest one, and
// returns its node.
func (r *recorder) link(ids []touchstone.Identifier) int32 {
	first := r.node(ids[0])
	for _, id := range ids[1:] {
		if n := r.node(id); r.world.kinds.Role(id.Kind) == touchstone.Identifies {
			r.graph.join(first, n)
		}
	}
	return first
}

func (r *recorder) node(id touchstone.Identifier) int32 {
	n, ok := r.nodes[id]
	if !ok {
		n = r.graph.add(id.Kind, r.world.kinds.Limit(id.Kind))
		r.nodes[id] = n
	}
	return n
}

// components is a union-find that keeps how many identifiers of a kind each component
// has, and refuses a union that would break a limit.
type components struct {
	parent []int32
	counts [][]kindCount // of roots
}

type kindCount struct {
	kind     touchstone.IdentifierKind
	n, limit int32
}

func (c *components) add(kind touchstone.IdentifierKind, limit int) int32 {
	n := int32(len(c.parent))
	c.parent = append(c.parent, n)
	c.counts = append(c.counts, []kindCount{{kind, 1, int32(limit)}})
	return n
}

func (c *components) root(n int32) int32 {
	for c.parent[n] != n {
		c.parent[n] = c.parent[c.parent[n]]
		n = c.parent[n]
	}
	return n
}

func (c *components) join(a, b int32) {
	a, b = c.root(a), c.root(b)
	if a == b {
		return
	}
	sum := append([]kindCount(nil), c.counts[a]...)
next:
	for _, x := range c.counts[b] {
		for i := range sum {
			if sum[i].kind == x.kind {
				if sum[i].n += x.n; sum[i].n > x.limit {
					return
				}
				continue next
			}
		}
		sum = append(sum, x)
	}
	c.parent[b], c.counts[a], c.counts[b] = a, sum, nil
}

// Truth returns what is true of the history told so far, which is all of it once
// History has returned by itself.
func (w *World) Truth() Truth {
	r := &w.truth
	t := r.truth
	t.Identifiers = len(r.nodes)
	t.PeopleByStage = make(map[string]int)
	for i, alive := range r.alive {
		if alive {
			t.PeopleByStage[w.people[i].stage.String()]++
		}
	}
	for _, h := range w.households {
		for i := h.first; i < h.first+h.size; i++ {
			if r.alive[i] {
				t.Households++
				break
			}
		}
	}
	for n := range r.graph.parent {
		if int(r.graph.root(int32(n))) != n || w.kinds.Role(r.graph.counts[n][0].kind) == touchstone.Relates {
			continue // a car, for one, is no person
		}
		t.Persons++
		for _, k := range r.graph.counts[n] {
			if k.kind == touchstone.KindUserID {
				t.KnownPersons++
			}
		}
	}
	t.Funnel = r.funnel()
	t.Segments = w.Members(w.cfg.End)
	return t
}

// persons calls fn with the deeds of each person found, in the order of time.
func (r *recorder) persons(fn func(deeds []deed)) {
	// A counting sort by component keeps the order of time.
	next := make([]int32, len(r.graph.parent)+1)
	for _, d := range r.deeds {
		next[r.graph.root(d.node)+1]++
	}
	for i := 1; i < len(next); i++ {
		next[i] += next[i-1]
	}
	sorted := make([]deed, len(r.deeds))
	place := append([]int32(nil), next...)
	for _, d := range r.deeds {
		root := r.graph.root(d.node)
		sorted[place[root]] = d
		place[root]++
	}
	for root := range r.graph.parent {
		if from, to := next[root], next[root+1]; to > from {
			fn(sorted[from:to])
		}
	}
}

// funnel counts, for each person, the furthest step within the window of any first step.
func (r *recorder) funnel() Funnel {
	f := Funnel{Steps: funnelSteps, Window: funnelWindow, Persons: make([]int, len(funnelSteps))}
	is := func(what fact, step int) bool {
		switch step {
		case 0:
			return what == factViewed
		case 1:
			return what == factBooked
		case 2:
			return what == factDrove
		}
		return what == factVehicle || what == factAccessory
	}
	r.persons(func(deeds []deed) {
		best := 0
		for i, d := range deeds {
			if !is(d.what, 0) {
				continue
			}
			step := 1
			for _, later := range deeds[i+1:] {
				if later.at-d.at > funnelWindow.Milliseconds() || step == len(funnelSteps) {
					break
				}
				if is(later.what, step) {
					step++
				}
			}
			best = max(best, step)
		}
		for step := range best {
			f.Persons[step]++
		}
	})
	return f
}

// Planted yields every identifier of the history with the number of the people that it
// truly belongs to; the ones of a household's tablet belong to its first member.
func (w *World) Planted(yield func(person int, id touchstone.Identifier) bool) {
	for i := range w.people {
		p := &w.people[i]
		for _, id := range w.identifiersOf(p) {
			if _, seen := w.truth.nodes[id]; seen && !yield(i, id) {
				return
			}
		}
	}
}

func (w *World) identifiersOf(p *person) []touchstone.Identifier {
	ids := []touchstone.Identifier{
		{Kind: touchstone.KindUserID, Value: w.userID(p)}, {Kind: touchstone.KindPhone, Value: w.phoneNumber(p)}, {Kind: touchstone.KindEmail, Value: w.email(p)},
		{Kind: touchstone.KindUnionID, Value: w.unionID(p)}, {Kind: touchstone.KindOpenID, Value: w.miniOpenID(p)}, {Kind: touchstone.KindOpenID, Value: w.officialID(p)},
		{Kind: touchstone.KindAnonymousID, Value: w.appInstall(p)}, {Kind: touchstone.KindDeviceID, Value: w.phoneDevice(p)},
		{Kind: touchstone.KindAnonymousID, Value: w.miniInstall(p)},
	}
	copied := *p
	for copied.cookie = 0; copied.cookie <= p.cookie; copied.cookie++ {
		ids = append(ids, touchstone.Identifier{Kind: touchstone.KindAnonymousID, Value: w.cookie(&copied)})
	}
	for copied.car.number = 0; copied.car.number <= p.car.number; copied.car.number++ {
		vin := w.vin(&copied)
		ids = append(ids, touchstone.Identifier{Kind: touchstone.KindVIN, Value: vin})
	}
	if p.household >= 0 && w.households[p.household].owner == p.id {
		ids = append(ids, touchstone.Identifier{Kind: touchstone.KindAnonymousID, Value: w.tabletInstall(p.household)},
			touchstone.Identifier{Kind: touchstone.KindDeviceID, Value: w.tabletDevice(p.household)})
	}
	return ids
}

// Stages returns how far those have come, after the last day, who have done something and are known by a user_id.
func (w *World) Stages() map[string]string {
	out := map[string]string{}
	for i, alive := range w.truth.alive {
		p := &w.people[i]
		id := w.userID(p)
		if _, told := w.truth.nodes[touchstone.Identifier{Kind: touchstone.KindUserID, Value: id}]; alive && told {
			out[id] = p.stage.String()
		}
	}
	return out
}
