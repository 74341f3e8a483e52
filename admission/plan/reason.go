package plan

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone/internal/spelling"
)

var (
	unplannedText = regexp.MustCompile(`^(.+) is not in the tracking plan$`)
	missingText   = regexp.MustCompile(`^(.+) is missing$`)
	wrongText     = regexp.MustCompile(`^(.+?) is (.*), not (.+)$`)
	furtherText   = regexp.MustCompile(` \(and \d+ more\)$`)
)

// ParseReason reads what [Verdict.Reason] wrote: where the event broke the plan, and how. A value of
// the wrong form has the rule WrongType, whichever it broke; what was wanted says more.
func ParseReason(reason string) (b Breach, ok bool) {
	reason = furtherText.ReplaceAllString(reason, "")
	if reason == (Breach{Rule: UnplannedEvent}).String() {
		return Breach{Rule: UnplannedEvent}, true
	}
	if m := unplannedText.FindStringSubmatch(reason); m != nil {
		return Breach{Rule: UnplannedProperty, Path: m[1]}, true
	}
	if m := missingText.FindStringSubmatch(reason); m != nil {
		return Breach{Rule: MissingProperty, Path: m[1]}, true
	}
	if m := wrongText.FindStringSubmatch(reason); m != nil {
		return Breach{Rule: WrongType, Path: m[1], Got: m[2], Want: m[3]}, true
	}
	return b, false
}

// EveryElement is a path without the places in lists: "items[2].price" is "items[].price".
func EveryElement(path string) string { return place.ReplaceAllString(path, "[]") }

var place = regexp.MustCompile(`\[\d+\]`)

// Members returns the names that an event's schema has, sorted; planned reports whether the plan
// has the event at all.
func (p *Plan) Members(event string) (names []string, planned bool) {
	if p == nil {
		return nil, false
	}
	s, planned := p.events[event]
	if s == nil {
		return nil, planned
	}
	return slices.Sorted(maps.Keys(s.members)), true
}

// Alike reports how much two names look like one that was misspelt or written in another way, 0 for
// the same to 1 for nothing alike.
func Alike(a, b string) float64 {
	x, y := plainName(a), plainName(b)
	if x == y {
		return 0
	}
	longer := max(len(x), len(y))
	d := float64(spelling.Distance(x, y)) / float64(longer)
	if short, long := minmax(x, y); len(short) >= 2 && long != "" && short[0] == long[0] && within(short, long) {
		d = min(d, 0.35) // amt, amount
	}
	return d
}

func plainName(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "", ".", "", "$", "").Replace(strings.ToLower(s))
}

func minmax(x, y string) (short, long string) {
	if len(x) < len(y) {
		return x, y
	}
	return y, x
}

// within reports whether the letters of short stand in long in their order.
func within(short, long string) bool {
	i := 0
	for k := 0; k < len(long) && i < len(short); k++ {
		if long[k] == short[i] {
			i++
		}
	}
	return i == len(short)
}
