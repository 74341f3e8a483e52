package sim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// FaultKind is what goes wrong with what a source sends, by the name of the alarm that tells it.
type FaultKind string

// The faults that can be planted.
const (
	FieldVanishes FaultKind = "field_missing"
	TypeChanges   FaultKind = "type_changed"
	VolumeHalves  FaultKind = "volume_drop"
	SourceSilent  FaultKind = "silent"
	ClockOff      FaultKind = "clock_off"
	SentTwice     FaultKind = "repeated"
	EnumDrifts    FaultKind = "refused" // a value that the tracking plan does not know
)

// Fault is something that goes wrong for a while.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Source string    `json:"source"`
	Event  string    `json:"event,omitempty"` // "": all of the source
	Field  string    `json:"field,omitempty"` // a property
	Story  string    `json:"story"`           // why, as a release note would say it
}

// Faults are what goes wrong, one after the other and again from the beginning. The zero value
// is that nothing does.
type Faults struct {
	List  []Fault
	After time.Duration // of the first one
	Last  time.Duration // each
	Calm  time.Duration // until the next one
}

// DefaultFaults has every kind of fault, so far apart that the alarm of one is over before the
// next begins. A quarter of an hour is what it takes to know how much usually comes.
func DefaultFaults() Faults {
	return Faults{After: 15 * time.Minute, Last: 3 * time.Minute, Calm: 5 * time.Minute, List: []Fault{
		{TypeChanges, sourceWeb, "Product Viewed", "price", "a release of the website sends prices as texts"},
		{FieldVanishes, sourceApp, "Application Opened", "app_version", "a release of the app no longer says its version"},
		{ClockOff, sourceVehicle, "", "", "after an update the cars' clocks are three hours behind"},
		{VolumeHalves, sourceWeb, "", "", "a blocker stops every second event of the website"},
		{SentTwice, sourceMini, "", "", "the mini program sends everything twice"},
		{SourceSilent, sourceVehicle, "", "", "the vehicle gateway is down"},
		{EnumDrifts, sourceWeb, "Content Viewed", "topic", "an editor has made up a topic that nobody planned"},
	}}
}

// At returns what goes wrong at a moment of the feed, and the turn, counted from 0; false when
// nothing does.
func (f Faults) At(since time.Duration) (fault Fault, turn int, ok bool) {
	since -= f.After
	if len(f.List) == 0 || since < 0 {
		return Fault{}, 0, false
	}
	turn = int(since / (f.Last + f.Calm))
	if since%(f.Last+f.Calm) >= f.Last {
		return Fault{}, turn, false
	}
	return f.List[turn%len(f.List)], turn, true
}

// apply changes an event by what goes wrong, and returns how many times it is sent.
func (f Faults) apply(since time.Duration, e *touchstone.Event) (times int) {
	fault, _, ok := f.At(since)
	if !ok || fault.Source != e.Source || fault.Event != "" && fault.Event != e.Name {
		return 1
	}
	switch fault.Kind {
	case SourceSilent:
		return 0
	case VolumeHalves:
		return int(coin(e.MessageID))
	case SentTwice:
		return 2
	case ClockOff:
		e.Time = e.Time.Add(-3 * time.Hour)
	case FieldVanishes:
		e.Properties = edit(e.Properties, fault.Field, func(string) string { return "" })
	case TypeChanges:
		e.Properties = edit(e.Properties, fault.Field, func(v string) string { return `"¥` + strings.Trim(v, `"`) + `"` })
	case EnumDrifts:
		e.Properties = edit(e.Properties, fault.Field, func(string) string { return `"new-in-spring"` })
	}
	return 1
}

// edit changes a member of an object, or takes it away; one without it stays as it is.
func edit(object touchstone.JSON, name string, to func(value string) string) touchstone.JSON {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &members) != nil || members[name] == nil {
		return object
	}
	if v := to(string(members[name])); v == "" {
		delete(members, name)
	} else {
		members[name] = json.RawMessage(v)
	}
	text, err := json.Marshal(members)
	if err != nil {
		return object
	}
	return touchstone.JSON(text)
}

// coin is 0 or 1 for a text, the same on every run.
func coin(text string) uint64 {
	x := uint64(14695981039346656037) // FNV-1a
	for i := range len(text) {
		x = (x ^ uint64(text[i])) * 1099511628211
	}
	return mix(x) & 1
}

// FaultyPlan is a tracking plan for the website: what breaks it is set aside, to be mended.
// Only what is planted breaks it.
func FaultyPlan() string {
	topics := map[string]bool{}
	for _, a := range articles {
		topics[a.topic] = true
	}
	list, _ := json.Marshal(slices.Sorted(maps.Keys(topics))) // texts
	return `{"invalid":"quarantine","events":[
		{"name":"Product Viewed","schema":{"type":"object","properties":{"price":{"type":"number","minimum":0},"product_id":{"type":"string"}}}},
		{"name":"Content Viewed","schema":{"type":"object","properties":{"topic":{"enum":` + string(list) + `}}}}]}`
}

// FaultyRate is a feed's events per second at which each of [DefaultFaults] is sure within a minute.
const FaultyRate = 150
