package match

import (
	"slices"
	"strings"
)

// mailNames is what mail addresses owe to names. Where they are made of names, two Anna Lees who are strangers have nearly the same address, and it
// must not count beside their names as if it were a matter of its own.
type mailNames struct {
	names   []float64 // by comparison of names: share of the records whose address is made of that name
	oneHost float64   // chance that two addresses are of one host, so that they can be equal because names are
}

// Of looking whether mail addresses are made of names.
const (
	mailsLooked = 5000
	nameInMail  = 3 // letters that a name must have to be looked for
)

func (t *trainer) mailNames() mailNames {
	m := mailNames{names: make([]float64, len(t.comparer.each))}
	at := slices.IndexFunc(t.comparer.each, func(o boundComparison) bool { return o.Kind == Email })
	if at < 0 {
		return m
	}
	mail := t.comparer.each[at].at
	for i, one := range t.comparer.each {
		if one.Kind != Given && one.Kind != Family && one.Kind != Name {
			continue
		}
		both, within := 0, 0
		t.eachMail(mail, func(r uint32, address *value) {
			if name := t.set.at(r, one.at); name != nil && len(name.parts()) == 0 {
				both++
				if standsIn(name, address.alt) {
					within++
				}
			}
		})
		m.names[i] = float64(within) / float64(max(both, 1))
	}
	hosts, all := make(map[string]float64), 0.
	t.eachMail(mail, func(_ uint32, address *value) {
		_, host, _ := strings.Cut(address.text, "@")
		hosts[host]++
		all++
	})
	for _, n := range hosts {
		m.oneHost += n / all * n / all
	}
	return m
}

// eachMail calls fn for records that have one mail address.
func (t *trainer) eachMail(column int, fn func(record uint32, address *value)) {
	n := 0
	for r := uint32(0); int(r) < len(t.set.ids) && n < mailsLooked; r++ {
		if address := t.set.at(r, column); address != nil && len(address.parts()) == 0 {
			n++
			fn(r, address)
		}
	}
}

// standsIn tells whether a name, or a word of it, or how it sounds, stands in a mail address before its @.
func standsIn(name *value, local string) bool {
	if name.alt != "" {
		return len(name.alt) >= nameInMail && strings.Contains(local, name.alt)
	}
	for word := range strings.SplitSeq(name.text, " ") {
		if len(word) >= nameInMail && strings.Contains(local, word) {
			return true
		}
	}
	return false
}
