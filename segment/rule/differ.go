package rule

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// Difference is a part in which two rules differ.
type Difference struct {
	Path string          `json:"path"` // "and.0.count.value": in the newer rule, or in the older one of what it lacks
	Old  touchstone.JSON `json:"old"`  // null: it was not there
	New  touchstone.JSON `json:"new"`  // null: it is gone
}

// Differences tells in what the rule now differs from the rule was, each in its canonical JSON; an empty text is no rule. The parts of a
// list have no order, one that only stands elsewhere is no difference; but the steps of a sequence have.
func Differences(was, now touchstone.JSON) ([]Difference, error) {
	a, b := jsontext.Value(was), jsontext.Value(now)
	for _, v := range []*jsontext.Value{&a, &b} {
		if len(*v) == 0 {
			*v = jsontext.Value("null")
			continue
		}
		if err := v.Canonicalize(); err != nil {
			return nil, err
		}
	}
	list := []Difference{}
	err := differ("", a, b, &list)
	return list, err
}

func differ(at string, was, now jsontext.Value, list *[]Difference) error {
	switch {
	case bytes.Equal(was, now):
		return nil
	case was.Kind() == '{' && now.Kind() == '{':
		return differFields(at, was, now, list)
	case was.Kind() == '[' && now.Kind() == '[' && (at == "sequence" || strings.HasSuffix(at, ".sequence")):
		return differSteps(at, was, now, list)
	case was.Kind() == '[' && now.Kind() == '[':
		return differParts(at, was, now, list)
	}
	*list = append(*list, Difference{at, touchstone.JSON(was), touchstone.JSON(now)})
	return nil
}

// sorts are the fields by one of which a condition is told from another: where they differ it is another condition, not a changed one.
var sorts = []string{"and", "or", "not", "trait", "event", "sequence", "segment", "household"}

func differFields(at string, was, now jsontext.Value, list *[]Difference) error {
	var a, b map[string]jsontext.Value
	if err := json.Unmarshal(was, &a); err != nil {
		return err
	}
	if err := json.Unmarshal(now, &b); err != nil {
		return err
	}
	for _, sort := range sorts {
		_, had := a[sort]
		if _, has := b[sort]; had != has {
			*list = append(*list, Difference{at, touchstone.JSON(was), touchstone.JSON(now)})
			return nil
		}
	}
	for _, name := range fieldNames(a, b) {
		one, other := a[name], b[name]
		if one == nil {
			one = jsontext.Value("null")
		}
		if other == nil {
			other = jsontext.Value("null")
		}
		if err := differ(join(at, name), one, other, list); err != nil {
			return err
		}
	}
	return nil
}

func fieldNames(a, b map[string]jsontext.Value) []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// item is a part of a list and where it stands.
type item struct {
	at   int
	text jsontext.Value
}

// differParts compares lists: what is in both is passed over; of the rest, those about the same thing are compared.
func differParts(at string, was, now jsontext.Value, list *[]Difference) error {
	var a, b []jsontext.Value
	if err := json.Unmarshal(was, &a); err != nil {
		return err
	}
	if err := json.Unmarshal(now, &b); err != nil {
		return err
	}
	gone, come := apart(a, b), apart(b, a)
	for _, c := range come {
		path := join(at, fmt.Sprint(c.at))
		i := slices.IndexFunc(gone, func(g item) bool { return about(g.text) == about(c.text) })
		old := jsontext.Value("null")
		if i >= 0 {
			old = gone[i].text
			gone = slices.Delete(gone, i, i+1)
		}
		if err := differ(path, old, c.text, list); err != nil {
			return err
		}
	}
	for _, g := range gone {
		*list = append(*list, Difference{join(at, fmt.Sprint(g.at)), touchstone.JSON(g.text), "null"})
	}
	return nil
}

// differSteps compares lists place by place.
func differSteps(at string, was, now jsontext.Value, list *[]Difference) error {
	var a, b []jsontext.Value
	if err := json.Unmarshal(was, &a); err != nil {
		return err
	}
	if err := json.Unmarshal(now, &b); err != nil {
		return err
	}
	for i := range max(len(a), len(b)) {
		one, other := jsontext.Value("null"), jsontext.Value("null")
		if i < len(a) {
			one = a[i]
		}
		if i < len(b) {
			other = b[i]
		}
		if err := differ(join(at, fmt.Sprint(i)), one, other, list); err != nil {
			return err
		}
	}
	return nil
}

// apart returns the parts of a that b has not, each as often as it is missing.
func apart(a, b []jsontext.Value) []item {
	left := map[string]int{}
	for _, v := range b {
		left[string(v)]++
	}
	var list []item
	for i, v := range a {
		if left[string(v)]--; left[string(v)] < 0 {
			list = append(list, item{i, v})
		}
	}
	return list
}

// about says what a condition is about: two that say the same are one that was changed.
func about(v jsontext.Value) string {
	if v.Kind() != '{' {
		return "value"
	}
	var fields map[string]jsontext.Value
	if json.Unmarshal(v, &fields) != nil {
		return ""
	}
	for _, sort := range sorts {
		if f, ok := fields[sort]; ok {
			if f.Kind() == '"' {
				return sort + " " + string(f)
			}
			return sort
		}
	}
	return string(cmp.Or(string(fields["property"]), "part"))
}
