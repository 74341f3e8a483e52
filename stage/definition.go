package stage

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Definition is what a version of a life cycle says.
type Definition struct {
	Stages []Stage `json:"stages"` // in order
	Lost   *Lost   `json:"lost,omitempty"`
}

// Stage is one stage.
type Stage struct {
	Key  string          `json:"key"`
	Name string          `json:"name"`
	Rule touchstone.JSON `json:"rule"` // of the segment language: who has come so far
	// Falls says that whoever does not pass the rule any more is back where the other rules say. Otherwise a stage
	// stays once it was entered.
	Falls bool `json:"falls,omitempty"`
}

// Lost says who is lost: by silence, say.
type Lost struct {
	Key  string          `json:"key"`
	Name string          `json:"name"`
	Rule touchstone.JSON `json:"rule"`
	From string          `json:"from,omitempty"` // key of the least stage from which one may be lost; "": the first
	// Restart forgets what was reached: whoever comes back begins where the rules say that hold then.
	Restart bool `json:"restart,omitempty"`
}

// The bounds of a definition.
const (
	maxStages = 20
	maxName   = 200
	maxText   = 2_000
	maxBytes  = 200_000
)

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func checkKey(field, key string) error {
	if !keyForm.MatchString(key) {
		return touchstone.Errorf(touchstone.Invalid, "%s: %.80q is no key", field, key).WithHint("up to 40 small letters, digits and _, beginning with a letter, as in test_drive")
	}
	return nil
}

func checkName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxName {
		return "", touchstone.Errorf(touchstone.Invalid, "%s: has 1 to %d characters", field, maxName)
	}
	return name, nil
}

// Check brings a definition into the form in which it is kept, or says what is wrong with it. Rules are checked by those
// who keep them.
func (d *Definition) Check() (err error) {
	if len(d.Stages) == 0 || len(d.Stages) > maxStages {
		return touchstone.Errorf(touchstone.Invalid, "stages: there are 1 to %d", maxStages)
	}
	seen := map[string]bool{}
	for i := range d.Stages {
		s, at := &d.Stages[i], fmt.Sprintf("stages.%d.", i)
		if err := checkKey(at+"key", s.Key); err != nil {
			return err
		}
		if s.Name, err = checkName(at+"name", s.Name); err != nil {
			return err
		}
		if seen[s.Key] {
			return touchstone.Errorf(touchstone.Invalid, "%skey: there is a stage %s already", at, s.Key)
		}
		seen[s.Key] = true
	}
	l := d.Lost
	if l == nil {
		return nil
	}
	if err := checkKey("lost.key", l.Key); err != nil {
		return err
	}
	if l.Name, err = checkName("lost.name", l.Name); err != nil {
		return err
	}
	if seen[l.Key] {
		return touchstone.Errorf(touchstone.Invalid, "lost.key: there is a stage %s already", l.Key)
	}
	if l.From != "" && !seen[l.From] {
		return touchstone.Errorf(touchstone.Invalid, "lost.from: there is no stage %.80q", l.From).WithHint("name the key of the least stage from which somebody may be lost")
	}
	return nil
}

// rules are those of a definition, in the order of places: the stages', and that of the lost.
func (d *Definition) rules() []touchstone.JSON {
	list := make([]touchstone.JSON, 0, len(d.Stages)+1)
	for i := range d.Stages {
		list = append(list, d.Stages[i].Rule)
	}
	if d.Lost != nil {
		list = append(list, d.Lost.Rule)
	}
	return list
}

// field names the place of a rule in the definition, for messages.
func (d *Definition) field(rule int) string {
	if rule == len(d.Stages) {
		return "lost.rule"
	}
	return fmt.Sprintf("stages.%d.rule", rule)
}

// name returns what a stage is called; "" for none, and the key of one that is no longer there.
func (d *Definition) name(key string) string {
	if d.Lost != nil && d.Lost.Key == key {
		return d.Lost.Name
	}
	for i := range d.Stages {
		if d.Stages[i].Key == key {
			return d.Stages[i].Name
		}
	}
	return key
}

// Difference is a field that two versions do not have in common. Old or New is absent where a version lacks it.
type Difference struct {
	Path string          `json:"path"` // "stages.0.rule"
	Old  touchstone.JSON `json:"old,omitempty"`
	New  touchstone.JSON `json:"new,omitempty"`
}

// Differences tells in which fields b differs from a, stages being the same by their keys.
func Differences(a, b *Definition) []Difference {
	was, is := flat(a), flat(b)
	list := []Difference{}
	for path, old := range was {
		if now, ok := is[path]; !ok || now != old {
			list = append(list, Difference{path, touchstone.JSON(old), touchstone.JSON(now)})
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

// flat returns the fields of a definition by path; a rule is one of them.
func flat(d *Definition) map[string]string {
	out := map[string]string{}
	put := func(path string, v any) {
		if text, err := json.Marshal(v); err == nil {
			out[path] = string(text)
		}
	}
	for i := range d.Stages {
		s, at := &d.Stages[i], "stages."+d.Stages[i].Key+"."
		put(at+"place", i+1)
		put(at+"name", s.Name)
		put(at+"rule", s.Rule)
		put(at+"falls", s.Falls)
	}
	if l := d.Lost; l != nil {
		put("lost.key", l.Key)
		put("lost.name", l.Name)
		put("lost.rule", l.Rule)
		put("lost.from", l.From)
		put("lost.restart", l.Restart)
	}
	return out
}
