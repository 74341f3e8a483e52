package tag

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Kind tells where a tag's values come from.
type Kind string

// The kinds.
const (
	Rule     Kind = "rule"     // the first of ordered rules that holds
	SQL      Kind = "sql"      // a query, by the clock
	Interest Kind = "interest" // the strongest items of a taxonomy, of behaviour
	Import   Kind = "import"   // files
	Manual   Kind = "manual"   // people
	Model    Kind = "model"    // a model writes them
)

// Kinds lists all kinds.
var Kinds = []Kind{Rule, SQL, Interest, Import, Manual, Model}

// written tells whether values come from outside, by [WriteCommand].
func (k Kind) written() bool { return k == Import || k == Manual || k == Model }

// Definition is what a version of a tag says. Fields of other kinds are empty.
type Definition struct {
	Rules []ValueRule `json:"rules,omitempty"` // rule: the first that holds gives the value
	SQL   string      `json:"sql,omitempty"`   // sql: the columns person and value
	// EveryMinutes is how often a query runs; 0: only when asked.
	EveryMinutes int `json:"every_minutes,omitempty"`
	// Events names what a query goes by, so that the silence of their sources is told.
	Events   []string     `json:"events,omitempty"`
	Interest *InterestDef `json:"interest,omitempty"`
	// MaxAgeMinutes is how old values may be before an alarm is raised; 0: any age.
	MaxAgeMinutes int `json:"max_age_minutes,omitempty"`
	// ExpiresHours is how long a value holds once it was written; 0: until another comes. Not of rules and interests, which
	// hold as long as they are true.
	ExpiresHours int `json:"expires_hours,omitempty"`
}

// ValueRule gives a value to those for whom a rule of the segment language holds.
type ValueRule struct {
	Value touchstone.JSON `json:"value"`
	Rule  touchstone.JSON `json:"rule"`
}

// InterestDef says how behaviour becomes interest.
type InterestDef struct {
	Taxonomy string          `json:"taxonomy"` // id
	Level    int             `json:"level"`    // of the items that are the value, from 1 at the top; 0: the lowest
	Top      int             `json:"top"`      // how many; of 1 the value is a text, of more a list
	Least    float64         `json:"least"`    // score below which an item is not among them
	HalfLife float64         `json:"half_life_hours"`
	Events   []InterestEvent `json:"events"`
}

// InterestEvent is an event that shows interest in the item that its property names.
type InterestEvent struct {
	Event    string  `json:"event"`
	Property string  `json:"property"`
	Weight   float64 `json:"weight"`
}

func (d *InterestDef) halfLife() time.Duration {
	return time.Duration(d.HalfLife * float64(time.Hour)).Truncate(time.Millisecond)
}

// sameSums tells whether sums of d are also those of another definition.
func (d *InterestDef) sameSums(o *InterestDef) bool {
	return o != nil && d.Taxonomy == o.Taxonomy && d.HalfLife == o.HalfLife && slices.Equal(d.Events, o.Events)
}

// The bounds of a definition.
const (
	maxRules     = 50
	maxSQL       = 100_000
	maxEvents    = 50
	maxTop       = 20
	maxValue     = 500 // bytes
	maxMinutes   = 366 * 24 * 60
	maxHours     = 10 * 366 * 24
	maxText      = 2_000
	maxName      = 200
	maxFolder    = 200
	leastHours   = 1.0 / 60
	maxWeight    = 1000
	maxPersonsIn = 500 // of a command
)

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)

// checkKey tells whether a tag may be called so.
func checkKey(key string) error {
	if !keyForm.MatchString(key) {
		return touchstone.Errorf(touchstone.Invalid, "key: %.80q is no key of a tag", key).WithHint("up to 60 small letters, digits and _, beginning with a letter, as in value_tier")
	}
	return nil
}

// checkValue brings a value into the form in which it is kept. null takes a value away.
func checkValue(at string, v touchstone.JSON) (touchstone.JSON, error) {
	var out bytes.Buffer
	if json.Compact(&out, []byte(v)) != nil {
		return "", touchstone.Errorf(touchstone.Invalid, "%s: is no JSON", at)
	}
	text := out.String()
	switch {
	case len(text) > maxValue:
		return "", touchstone.Errorf(touchstone.Invalid, "%s: is longer than %d bytes", at, maxValue)
	case !utf8.ValidString(text) || strings.Contains(text, `\u0000`):
		return "", touchstone.Errorf(touchstone.Invalid, "%s: is not valid text", at)
	case text[0] == '{':
		return "", touchstone.Errorf(touchstone.Invalid, "%s: is an object; a value is a text, a number, true or false, or a list", at)
	}
	return touchstone.JSON(text), nil
}

// Check brings a definition into the form in which it is kept, or says what is wrong with it. It asks nobody.
func (d *Definition) Check(kind Kind) (err error) {
	if !slices.Contains(Kinds, kind) {
		return touchstone.Errorf(touchstone.Invalid, "kind: %.40q is none of rule, sql, interest, import, manual, model", kind)
	}
	for _, one := range []struct {
		field  string
		filled bool
		kind   Kind
	}{{"rules", len(d.Rules) > 0, Rule}, {"sql", d.SQL != "", SQL}, {"every_minutes", d.EveryMinutes != 0, SQL},
		{"events", len(d.Events) > 0, SQL}, {"interest", d.Interest != nil, Interest}} {
		if one.filled && one.kind != kind {
			return touchstone.Errorf(touchstone.Invalid, "%s: is not for tags of the kind %s", one.field, kind)
		}
	}
	if d.MaxAgeMinutes < 0 || d.MaxAgeMinutes > maxMinutes || d.EveryMinutes < 0 || d.EveryMinutes > maxMinutes {
		return touchstone.Errorf(touchstone.Invalid, "max_age_minutes, every_minutes: are between 0 and %d", maxMinutes)
	}
	if d.ExpiresHours < 0 || d.ExpiresHours > maxHours {
		return touchstone.Errorf(touchstone.Invalid, "expires_hours: is between 0 and %d", maxHours)
	}
	switch kind {
	case Rule:
		return d.checkRules()
	case SQL:
		return d.checkSQL()
	case Interest:
		if d.Interest == nil {
			return touchstone.Errorf(touchstone.Invalid, "interest: is missing")
		}
		if d.ExpiresHours != 0 {
			return touchstone.Errorf(touchstone.Invalid, "expires_hours: an interest ends when its score falls below the least one")
		}
		return d.Interest.check()
	}
	return nil
}

func (d *Definition) checkRules() (err error) {
	if len(d.Rules) == 0 || len(d.Rules) > maxRules {
		return touchstone.Errorf(touchstone.Invalid, "rules: there are 1 to %d", maxRules)
	}
	if d.ExpiresHours != 0 {
		return touchstone.Errorf(touchstone.Invalid, "expires_hours: a value by rules ends when its rule no longer holds")
	}
	for i := range d.Rules {
		at := "rules." + strconv.Itoa(i) + ".value"
		if d.Rules[i].Value, err = checkValue(at, d.Rules[i].Value); err != nil {
			return err
		}
		if d.Rules[i].Value == "null" {
			return touchstone.Errorf(touchstone.Invalid, "%s: null is no value", at).WithHint("whoever passes no rule has none")
		}
	}
	return nil
}

func (d *Definition) checkSQL() error {
	if strings.TrimSpace(d.SQL) == "" || len(d.SQL) > maxSQL {
		return touchstone.Errorf(touchstone.Invalid, "sql: is one SELECT of the columns person and value, of at most %d bytes", maxSQL)
	}
	if len(d.Events) > maxEvents {
		return touchstone.Errorf(touchstone.Invalid, "events: there are at most %d", maxEvents)
	}
	if d.EveryMinutes > 0 && d.MaxAgeMinutes > 0 && d.MaxAgeMinutes <= d.EveryMinutes {
		return touchstone.Errorf(touchstone.Invalid, "max_age_minutes: values that are computed every %d minutes are older than %d before the next run ends", d.EveryMinutes, d.MaxAgeMinutes).
			WithHint("allow at least the time between two runs and that of one run")
	}
	return nil
}

func (d *InterestDef) check() error {
	switch {
	case d.Taxonomy == "":
		return touchstone.Errorf(touchstone.Invalid, "interest.taxonomy: is missing")
	case d.Level < 0 || d.Level > maxLevels:
		return touchstone.Errorf(touchstone.Invalid, "interest.level: is between 0 and %d", maxLevels)
	case d.Top < 1 || d.Top > maxTop:
		return touchstone.Errorf(touchstone.Invalid, "interest.top: is between 1 and %d", maxTop)
	case d.Least <= 0 || d.Least > maxWeight:
		return touchstone.Errorf(touchstone.Invalid, "interest.least: is more than 0 and at most %d", maxWeight).WithHint("without a least score nobody ever loses an interest")
	case d.HalfLife < leastHours || d.HalfLife > maxHours:
		return touchstone.Errorf(touchstone.Invalid, "interest.half_life_hours: is between a minute and %d hours", maxHours)
	case len(d.Events) == 0 || len(d.Events) > maxEvents:
		return touchstone.Errorf(touchstone.Invalid, "interest.events: there are 1 to %d", maxEvents)
	}
	for i, e := range d.Events {
		at := "interest.events." + strconv.Itoa(i)
		if e.Event == "" || e.Property == "" {
			return touchstone.Errorf(touchstone.Invalid, "%s: names an event and the property that holds the item", at)
		}
		if e.Weight <= 0 || e.Weight > maxWeight {
			return touchstone.Errorf(touchstone.Invalid, "%s.weight: is more than 0 and at most %d", at, maxWeight)
		}
		if slices.ContainsFunc(d.Events[:i], func(o InterestEvent) bool { return o.Event == e.Event && o.Property == e.Property }) {
			return touchstone.Errorf(touchstone.Invalid, "%s: %.80q with %.80q is there twice", at, e.Event, e.Property)
		}
	}
	return nil
}

// Difference is a field that two versions do not have in common. Old or New is absent where a version lacks it.
type Difference struct {
	Path string          `json:"path"` // "rules.0.value"
	Old  touchstone.JSON `json:"old,omitempty"`
	New  touchstone.JSON `json:"new,omitempty"`
}

// Differences tells in which fields b differs from a, by path.
func Differences(a, b *Definition) []Difference {
	was, is := map[string]string{}, map[string]string{}
	for _, one := range []struct {
		d  *Definition
		to map[string]string
	}{{a, was}, {b, is}} {
		text, err := json.Marshal(one.d)
		if err != nil {
			continue // it was made of JSON
		}
		var v any
		if json.Unmarshal(text, &v) == nil {
			flatten("", v, one.to)
		}
	}
	list := []Difference{}
	for path, old := range was {
		if now, ok := is[path]; !ok || now != old {
			list = append(list, Difference{path, touchstone.JSON(old), touchstone.JSON(is[path])})
		}
	}
	for path, now := range is {
		if _, ok := was[path]; !ok {
			list = append(list, Difference{Path: path, New: touchstone.JSON(now)})
		}
	}
	slices.SortFunc(list, func(x, y Difference) int { return strings.Compare(x.Path, y.Path) })
	return list
}

// flatten writes the leaves of a definition by their paths. A rule is one leaf: it is read as a whole.
func flatten(at string, v any, to map[string]string) {
	join := func(name string) string { return strings.TrimPrefix(at+"."+name, ".") }
	switch v := v.(type) {
	case map[string]any:
		if !strings.HasSuffix(at, ".rule") {
			for name, x := range v {
				flatten(join(name), x, to)
			}
			return
		}
	case []any:
		for i, x := range v {
			flatten(join(strconv.Itoa(i)), x, to)
		}
		return
	}
	if text, err := json.Marshal(v); err == nil {
		to[at] = string(text)
	}
}
