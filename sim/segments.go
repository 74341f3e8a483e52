package sim

import (
	"encoding/json"
	"time"
)

// Definition is a segment that the demo saves.
type Definition struct {
	Key         string          `json:"key"` // of Truth.Segments
	Name        string          `json:"name"`
	NameZH      string          `json:"name_zh"`
	Description string          `json:"description"`
	Purpose     string          `json:"purpose"` // of consent, that acting on its members serves; "": none in particular
	Rule        json.RawMessage `json:"rule"`
}

// activityEvents are the events by which somebody counts as active.
var activityEvents = []string{"$page", "Application Opened", "Content Viewed", "Product Viewed", "Store Visited", "Trip Ended"}

const day = 24 * time.Hour

// Definitions returns the segments of the demo.
func Definitions() []Definition {
	list := make([]Definition, len(definitions))
	for i, d := range definitions {
		list[i] = d.Definition
	}
	return list
}

// definition is a segment as a rule, which a server evaluates, and as Go, which Members
// counts with.
type definition struct {
	Definition
	member func(h history) bool
}

// history is a person's deeds as a segment asks for them.
type history struct {
	deeds []deed
	now   int64
}

// count counts deeds of some kinds within a time before now; 0 is ever.
func (h history) count(within time.Duration, kinds ...fact) int {
	n := 0
	for _, d := range h.deeds {
		if within > 0 && h.now >= d.at+within.Milliseconds() {
			continue
		}
		for _, k := range kinds {
			if d.what == k {
				n++
			}
		}
	}
	return n
}

func (h history) active(within time.Duration) bool {
	return h.count(within, factActive, factViewed, factTrip) > 0
}

var definitions = []definition{
	{Definition{"high_intent_no_drive", "High intent, no test drive yet", "高意向未试驾",
		"Looked at cars four times or configured one within two weeks, and has neither driven nor ordered.", "marketing",
		json.RawMessage(`{"and":[
			{"or":[{"event":"Product Viewed","count":{"op":"gte","value":4},"within":"14d"},{"event":"Configurator Completed","within":"14d"}]},
			{"not":{"event":"Test Drive Completed"}},
			{"not":{"event":"Order Completed","where":[{"property":"order_type","op":"eq","value":"vehicle"}]}},
			{"trait":"vehicle_model","op":"not_exists"}]}`)},
		func(h history) bool {
			return (h.count(14*day, factViewed) >= 4 || h.count(14*day, factConfigured) > 0) &&
				h.count(0, factDrove) == 0 && h.count(0, factVehicle) == 0 && h.count(0, factOwner) == 0
		}},
	{Definition{"drive_no_order", "Test drive without an order in 14 days", "试驾后14天未下单",
		"Drove within 60 days, not in the last 14, and has not ordered a car.", "partners",
		json.RawMessage(`{"and":[
			{"event":"Test Drive Completed","within":"60d"},
			{"not":{"event":"Test Drive Completed","within":"14d"}},
			{"not":{"event":"Order Completed","where":[{"property":"order_type","op":"eq","value":"vehicle"}],"within":"60d"}}]}`)},
		func(h history) bool {
			return h.count(60*day, factDrove) > 0 && h.count(14*day, factDrove) == 0 && h.count(60*day, factVehicle) == 0
		}},
	{Definition{"owners", "Owners", "车主", "Has a car of the brand.", "",
		json.RawMessage(`{"trait":"vehicle_model","op":"exists"}`)},
		func(h history) bool { return h.count(0, factOwner) > 0 }},
	{Definition{"active_7d", "Active in 7 days", "7天活跃", "Did anything within a week: online, in a store, on the road.", "",
		activeRule("7d")},
		func(h history) bool { return h.active(7 * day) }},
	{Definition{"silent_30d", "Silent for 30 days", "30天沉默", "Is known by name and has done nothing for 30 days.", "marketing",
		json.RawMessage(`{"and":[{"trait":"name","op":"exists"},{"not":` + string(activeRule("30d")) + `}]}`)},
		func(h history) bool { return h.count(0, factNamed, factOwner) > 0 && !h.active(30*day) }},
	{Definition{"accessory_buyers", "Bought accessories twice in 30 days", "30天内两次购买精品", "Two orders of accessories within 30 days.", "",
		json.RawMessage(`{"event":"Order Completed","where":[{"property":"order_type","op":"eq","value":"accessory"}],"count":{"op":"gte","value":2},"within":"30d"}`)},
		func(h history) bool { return h.count(30*day, factAccessory) >= 2 }},
}

func activeRule(within string) json.RawMessage {
	type leaf struct {
		Event  string `json:"event"`
		Within string `json:"within"`
	}
	leaves := make([]leaf, len(activityEvents))
	for i, e := range activityEvents {
		leaves[i] = leaf{e, within}
	}
	text, err := json.Marshal(map[string]any{"or": leaves})
	if err != nil { // strings only
		panic(err)
	}
	return text
}

// Members counts the members of each of the demo's segments at a moment, as far as the
// history was told.
func (w *World) Members(now time.Time) map[string]int {
	counts := make(map[string]int, len(definitions))
	for _, d := range definitions {
		counts[d.Key] = 0
	}
	w.truth.persons(func(deeds []deed) {
		h := history{deeds, now.UnixMilli()}
		for _, d := range definitions {
			if d.member(h) {
				counts[d.Key]++
			}
		}
	})
	return counts
}
