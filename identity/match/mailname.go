package match

import (
	"cmp"
	"slices"
	"strings"
)

// Mail addresses are made of names. Two strangers of one name have addresses that are alike because the names are, and a shop that numbers its
// namesakes (anna.lee.17, anna.lee.42) makes them alike up to the number, too. So what of two addresses agrees is asked of what is left of them
// without the names of the two records: agreement that is nothing but the names' says nothing that the names do not say.

// mailRest is what is left of a mail address before its @ without names: its letters and its digits, in order.
type mailRest struct{ letters, digits string }

// What agreement of the rest needs, so that it is not by chance: of two numbers of few digits many are one slip apart.
const (
	restEqual      = 3  // letters and digits of a rest that is the same
	restAlike      = 5  // of one that is nearly the same
	nameInMail     = 2  // letters that a name must have to be taken out
	initialsInMail = 3  // letters that are taken for initials when all of them are
	hostOfFew      = 5  // addresses that a host of few has at most,
	hostOfMany     = 64 // or one over the share of them
)

// nameWords are the words of names as they stand in mail addresses, the longest first, and the letters that names begin with.
type nameWords struct {
	words    []string
	initials string
}

func (w *nameWords) add(v *value) {
	for _, one := range partsOf(v) {
		if one.alt == "" {
			for word := range strings.SplitSeq(one.text, " ") {
				w.word(word)
			}
			continue
		}
		w.han(one.text)
	}
}

// han adds how a Chinese name is written in Latin letters: all of it, its beginnings and its ends.
func (w *nameWords) han(text string) {
	runes := []rune(text)
	for i := range runes {
		w.word(romanise(string(runes[i:])))
		if i > 0 {
			w.word(romanise(string(runes[:i])))
		}
		if s := romanise(string(runes[i : i+1])); s != "" && !strings.Contains(w.initials, s[:1]) {
			w.initials += s[:1]
		}
	}
}

func (w *nameWords) word(s string) {
	if s == "" {
		return
	}
	if !strings.Contains(w.initials, s[:1]) {
		w.initials += s[:1]
	}
	if len(s) >= nameInMail && !slices.Contains(w.words, s) {
		w.words = append(w.words, s)
	}
}

// inOrder puts long words first: zixuan goes before xuan.
func (w *nameWords) inOrder() {
	slices.SortFunc(w.words, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
}

// rest takes names out of an address before its @, and what is left of letters if all are initials; found tells whether a word of
// them stood in it.
func (w *nameWords) rest(local string) (r mailRest, found bool) {
	for _, word := range w.words {
		if strings.Contains(local, word) {
			local, found = strings.ReplaceAll(local, word, " "), true
		}
	}
	var letters, digits strings.Builder
	for piece := range strings.FieldsFuncSeq(local, func(c rune) bool { return c == ' ' || c == '.' || c == '_' || c == '-' }) {
		only := strings.Trim(piece, "0123456789")
		if len(only) <= initialsInMail && strings.Trim(only, w.initials) == "" {
			piece = strings.ReplaceAll(piece, only, "")
		}
		for i := range len(piece) {
			if piece[i] >= '0' && piece[i] <= '9' {
				digits.WriteByte(piece[i])
			} else {
				letters.WriteByte(piece[i])
			}
		}
	}
	return mailRest{letters.String(), digits.String()}, found
}

// withoutNames is the level of two mail addresses of which the parts before the @ agree somehow; names are those of the two records. ownHost says
// that they agree on a host that few others have: then hardly anybody else has such an address, whatever it is made of.
func (w *nameWords) withoutNames(level int, a, b *value, ownHost bool) int {
	if level == mailEqual || level >= mailDifferent {
		return level
	}
	x, foundX := w.rest(a.alt)
	y, foundY := w.rest(b.alt)
	switch {
	case !foundX && !foundY:
		return level
	case ownHost && slips(x.digits, y.digits, 1) <= 1:
		return level
	case x == y && len(x.letters)+len(x.digits) >= restEqual:
		return level
	case x == y:
		return -1 // the names say it
	case x.digits != y.digits && slips(x.digits, y.digits, 1) > 1:
	case x.digits != y.digits && min(len(x.digits), len(y.digits)) < restAlike:
		return -1 // a slip, or the next namesake
	case level == mailSlip, min(len(x.letters), len(y.letters)) >= restAlike && jaroWinkler(x.letters, y.letters) >= mailAlikeFrom:
		return level // a slip in the name, as it is written in one of the addresses
	}
	return mailDifferent
}

// mailLevel is levelOf for mail addresses; at gives the values of the two records in a column.
func (c *comparer) mailLevel(one *boundComparison, a, b *value, at func(column int) (x, y *value)) int {
	level := one.col.levelOf("", a, b)
	if level == mailEqual || level >= mailDifferent && len(a.parts())+len(b.parts()) == 0 {
		return level
	}
	var names nameWords
	for i := range c.each {
		if !isName(c.each[i].Kind) {
			continue
		}
		x, y := at(c.each[i].at)
		if x != nil {
			names.add(x)
		}
		if y != nil {
			names.add(y)
		}
	}
	names.inOrder()
	best := -1
	for _, x := range partsOf(a) {
		for _, y := range partsOf(b) {
			l := names.withoutNames(one.col.levelOf("", x, y), x, y, one.col.ownHost(x, y))
			if l >= 0 && (best < 0 || l < best) {
				best = l
			}
		}
	}
	return best
}

// ownHost tells whether two addresses agree on a host that few have.
func (c *column) ownHost(a, b *value) bool {
	x, y := hostOf(a), hostOf(b)
	return (x == y || jaroWinkler(x, y) >= mailAlikeFrom) && !c.ofMany(x) && !c.ofMany(y)
}

func (c *column) ofMany(host string) bool {
	n := c.hosts[host]
	return n > hostOfFew && n > c.n/hostOfMany
}

func hostOf(address *value) string {
	_, host, _ := strings.Cut(address.text, "@")
	return host
}

func isName(k Kind) bool { return k == Given || k == Family || k == Name }

// mailNames is what equal mail addresses owe to names: where addresses are made of them and nobody sees to it that each is given once, two Anna
// Lees who are strangers may have the same one.
type mailNames struct {
	names   []float64 // by comparison of names: share of the records whose address is made of that name
	oneHost float64   // chance that two addresses are of one host, so that they can be equal because names are
}

const mailsLooked = 5000 // of looking whether mail addresses are made of names

func (t *trainer) mailNames() mailNames {
	m := mailNames{names: make([]float64, len(t.comparer.each))}
	at := slices.IndexFunc(t.comparer.each, func(o boundComparison) bool { return o.Kind == Email })
	if at < 0 {
		return m
	}
	mail := t.comparer.each[at].at
	for i, one := range t.comparer.each {
		if !isName(one.Kind) {
			continue
		}
		both, within := 0, 0
		t.eachMail(mail, func(r uint32, address *value) {
			if name := t.set.at(r, one.at); name != nil {
				both++
				var words nameWords
				words.add(name)
				words.inOrder()
				if _, found := words.rest(address.alt); found {
					within++
				}
			}
		})
		m.names[i] = float64(within) / float64(max(both, 1))
	}
	hosts, all := make(map[string]float64), 0.
	t.eachMail(mail, func(_ uint32, address *value) {
		hosts[hostOf(address)]++
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
