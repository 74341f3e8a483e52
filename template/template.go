package template

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

//go:embed data/*.json
var files embed.FS

// Text is what something is called, by language.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// In returns the text in a language: "zh", or else English.
func (t Text) In(language string) string {
	if language == "zh" {
		return t.ZH
	}
	return t.EN
}

// Template is what is usual in an industry. In its rules "@slot" stands for the event of a slot, and "@slot.amount" for
// the property that says how much it was worth.
type Template struct {
	Key      string    `json:"key"`
	Name     Text      `json:"name"`
	About    Text      `json:"about"`
	Slots    []Slot    `json:"slots"`
	Cycle    Cycle     `json:"cycle"`
	Segments []Segment `json:"segments"`
	Tiers    []Tier    `json:"tiers"` // a tag of ordered rules
}

// Slot is an event that a template goes by.
type Slot struct {
	Key  string   `json:"key"`
	Name Text     `json:"name"`
	Like []string `json:"like"` // names that such an event often has, the likeliest first
	// Amount asks for the property that says how much it was worth.
	Amount bool `json:"amount,omitempty"`
	// Needed slots must be filled; what goes by another that is not is left out.
	Needed bool `json:"needed,omitempty"`
}

// Cycle is a life cycle.
type Cycle struct {
	Key    string  `json:"key"`
	Name   Text    `json:"name"`
	Stages []Stage `json:"stages"`
	Lost   *Stage  `json:"lost,omitempty"`
}

// Stage is a stage, or who is lost.
type Stage struct {
	Key   string          `json:"key"`
	Name  Text            `json:"name"`
	Rule  json.RawMessage `json:"rule"`
	Falls bool            `json:"falls,omitempty"`
	From  string          `json:"from,omitempty"` // of the lost
}

// Segment is a segment.
type Segment struct {
	Name  Text            `json:"name"`
	About Text            `json:"about"`
	Rule  json.RawMessage `json:"rule"`
}

// Tier is a value of the tag of a template, by a rule; the first that holds counts.
type Tier struct {
	Value string          `json:"value"`
	Rule  json.RawMessage `json:"rule"`
}

// All returns the templates, in the order of their keys.
func All() ([]Template, error) {
	entries, err := files.ReadDir("data")
	if err != nil {
		return nil, err
	}
	var list []Template
	for _, e := range entries {
		text, err := files.ReadFile("data/" + e.Name())
		if err != nil {
			return nil, err
		}
		var t Template
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		list = append(list, t)
	}
	return list, nil
}

// find returns a template by key.
func find(key string) (*Template, error) {
	list, err := All()
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Key == key {
			return &list[i], nil
		}
	}
	return nil, touchstone.Errorf(touchstone.NotFound, "there is no template %.40q", key)
}

// Filled says which event and which property stand for a slot.
type Filled struct {
	Event  string `json:"event"`
	Amount string `json:"amount,omitempty"`
}

// fill puts events and properties in the place of slots. ok is false if the rule goes by a slot that nothing fills; of
// what is joined by "or" only the parts that do so are left out.
func fill(rule json.RawMessage, with map[string]Filled) (text touchstone.JSON, ok bool, err error) {
	var v any
	if err := json.Unmarshal(rule, &v); err != nil {
		return "", false, err
	}
	if v, ok = fillIn(v, with); !ok {
		return "", false, nil
	}
	out, err := json.Marshal(v)
	return touchstone.JSON(out), true, err
}

func fillIn(v any, with map[string]Filled) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if of, isList := x.([]any); isList && k == "or" {
				var left []any
				for _, part := range of {
					if part, ok := fillIn(part, with); ok {
						left = append(left, part)
					}
				}
				if len(left) == 0 {
					return nil, false
				}
				v[k] = left
				continue
			}
			filled, ok := fillIn(x, with)
			if !ok {
				return nil, false
			}
			v[k] = filled
		}
	case []any:
		for i, x := range v {
			filled, ok := fillIn(x, with)
			if !ok {
				return nil, false
			}
			v[i] = filled
		}
	case string:
		name, isSlot := strings.CutPrefix(v, "@")
		if !isSlot {
			return v, true
		}
		slot, amount, _ := strings.Cut(name, ".")
		if amount != "" {
			return with[slot].Amount, with[slot].Amount != ""
		}
		return with[slot].Event, with[slot].Event != ""
	}
	return v, true
}

// check says what is wrong with how slots are filled.
func (t *Template) check(with map[string]Filled) error {
	for i := range t.Slots {
		if s := &t.Slots[i]; s.Needed && with[s.Key].Event == "" {
			return touchstone.Errorf(touchstone.Invalid, "events.%s: is missing", s.Key).WithHint("name the event of your own that is %s", s.Name.EN)
		}
	}
	for key, f := range with {
		if !slices.ContainsFunc(t.Slots, func(s Slot) bool { return s.Key == key }) {
			return touchstone.Errorf(touchstone.Invalid, "events.%.40s: the template has no such event", key)
		}
		if len(f.Event) > maxEvent || len(f.Amount) > maxEvent {
			return touchstone.Errorf(touchstone.Invalid, "events.%s: a name has at most %d bytes", key, maxEvent)
		}
	}
	return nil
}

const maxEvent = 500

// Suggest returns the event of a catalogue that is most like what a slot asks for; "" if none is.
func (s *Slot) Suggest(events []string) string {
	best, most := "", 0.0
	for _, name := range events {
		for i, like := range s.Like {
			score := likeness(name, like) - float64(i)*0.01 // the likeliest first
			if score > most || score == most && name < best {
				best, most = name, score
			}
		}
	}
	if most < 0.5 {
		return ""
	}
	return best
}

// likeness is between 0 and 1: how much of the pairs of letters two names have in common, whatever their case and what
// parts their words.
func likeness(a, b string) float64 {
	x, y := pairs(a), pairs(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	common := 0
	for p, n := range x {
		common += min(n, y[p])
	}
	total := 0
	for _, n := range x {
		total += n
	}
	for _, n := range y {
		total += n
	}
	return 2 * float64(common) / float64(total)
}

func pairs(name string) map[string]int {
	var letters []rune
	for _, r := range strings.ToLower(name) {
		switch r {
		case ' ', '_', '-', '.', ':', '/', '$':
		default:
			letters = append(letters, r)
		}
	}
	out := map[string]int{}
	for i := 0; i+1 < len(letters); i++ {
		out[string(letters[i:i+2])]++
	}
	if len(letters) == 1 {
		out[string(letters)]++
	}
	return out
}
