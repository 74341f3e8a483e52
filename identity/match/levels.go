package match

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A degree is a level of agreement before anything is learnt: its name, and how often two records of one and the
// same are expected to agree so (fitting starts from there, and stays near where data are few).
type degree struct {
	name string
	m    float64
}

// degreesOf returns the levels of a kind, best first. The first is for equal values.
func degreesOf(aspect string, kind Kind) []degree {
	switch {
	case aspect == aspectCodes:
		return []degree{{"all codes equal", .3}, {"a code in common", .3}, {"a code begins the other", .15}, {"no code in common", .25}}
	case kind == Text:
		list := []degree{{"equal", .1}}
		for at := 9; at >= 1; at-- {
			list = append(list, degree{"words " + strconv.Itoa(at*10) + " % alike", .1})
		}
		return append(list, degree{"different words", .02})
	}
	switch kind {
	case Given, Family, Name:
		return []degree{
			{"equal", .75}, {"given and family name changed places", .01}, {"another form of the name", .03}, {"one slip", .08},
			{"part or initials of the other", .02}, {"alike", .04}, {"different", .07},
		}
	case Phone:
		return []degree{{"equal", .8}, {"one slip", .06}, {"last seven digits equal", .02}, {"different", .12}}
	case Email:
		return []degree{{"equal", .7}, {"equal before the @", .06}, {"one slip", .08}, {"alike before the @", .06}, {"different", .1}}
	case Address:
		return []degree{
			{"equal", .6}, {"equal but for a slip or the order", .15}, {"same numbers, street alike", .08}, {"street equal", .05},
			{"some words equal", .04}, {"different", .08},
		}
	case Date:
		return []degree{{"equal", .82}, {"one slip, or day and month changed places", .1}, {"two of day, month and year equal", .03}, {"same year", .01}, {"different", .04}}
	case ID, Postcode:
		return []degree{{"equal", .85}, {"one slip", .08}, {"two slips", .02}, {"same beginning", .01}, {"different", .04}}
	case Plate:
		return []degree{{"equal", .85}, {"equal but for letters that look alike", .03}, {"one slip", .07}, {"different", .05}}
	case Number:
		return []degree{{"equal", .5}, {"within 1 %", .1}, {"within 5 %", .1}, {"within 15 %", .1}, {"within 40 %", .1}, {"different", .1}}
	case Year:
		return []degree{{"equal", .9}, {"one apart", .05}, {"up to three apart", .02}, {"different", .03}}
	}
	return []degree{{"equal", .8}, {"one slip", .07}, {"alike, or the beginning of the other", .05}, {"different", .08}}
}

// levelOf says how well two values agree that differ (of texts: whose words differ). Values that are several agree as
// well as their best pair.
func (c *column) levelOf(aspect string, a, b *value) int {
	if len(a.parts()) == 0 && len(b.parts()) == 0 {
		return c.levelOfTwo(aspect, a, b)
	}
	best := math.MaxInt
	each := func(v *value) []*value {
		if parts := v.parts(); len(parts) > 0 {
			return parts
		}
		return []*value{v}
	}
	for _, x := range each(a) {
		for _, y := range each(b) {
			if l := c.levelOfTwo(aspect, x, y); l >= 0 {
				best = min(best, l)
			}
		}
	}
	if best == math.MaxInt {
		return -1
	}
	return best
}

func (c *column) levelOfTwo(aspect string, a, b *value) int {
	if aspect == aspectCodes {
		return codesLevel(a.tail, b.tail)
	}
	if a.text == b.text {
		return 0
	}
	switch c.Kind {
	case Given, Family, Name:
		return nameLevel(a, b, c.Kind)
	case Phone:
		return phoneLevel(a.text, b.text)
	case Email:
		return emailLevel(a, b)
	case Address:
		return addressLevel(a, b)
	case Date:
		return dateLevel(a.text, b.text)
	case ID, Postcode:
		return codeLevel(a.text, b.text)
	case Plate:
		return plateLevel(a, b)
	case Number:
		return numberLevel(a.text, b.text)
	case Year:
		return yearLevel(a.text, b.text)
	case Text:
		return textLevel(c.cosine(a, b))
	}
	return placeLevel(a.text, b.text)
}

// Levels of names, as in degreesOf.
const (
	nameSwapped   = 1
	nameForms     = 2
	nameSlip      = 3
	namePart      = 4
	nameAlike     = 5
	nameDifferent = 6
)

func nameLevel(a, b *value, kind Kind) int {
	if a.alt != "" || b.alt != "" {
		return hanNameLevel(a, b)
	}
	x, y := a.text, b.text
	if kind != Family && (nicknamed(x, y) || kind == Name && nicknamedFirst(x, y)) {
		return nameForms
	}
	many := strings.IndexByte(x, ' ') >= 0 || strings.IndexByte(y, ' ') >= 0
	if many && sameWords(x, y) {
		return nameForms
	}
	alike := jaroWinkler(x, y)
	switch {
	case squeeze(x) == squeeze(y):
		return nameForms
	case alike > .8 && min(len(x), len(y)) >= 3 && slips(x, y, 1) <= 1:
		return nameSlip
	case (many || min(len(x), len(y)) == 1) && initials(x, y):
		return namePart
	case alike >= .85:
		return nameAlike
	}
	return nameDifferent
}

// hanNameLevel compares names of which at least one is Chinese: by character, then by sound, in both orders.
func hanNameLevel(a, b *value) int {
	soundA, soundB := a.alt, b.alt
	if soundA == "" {
		soundA = squeeze(a.text)
	}
	if soundB == "" {
		soundB = squeeze(b.text)
	}
	switch {
	case soundA == soundB, a.alt != "" && b.alt != "" && turned(a.text, b.text), a.alt == "" && reversed(a.text) == soundB, b.alt == "" && reversed(b.text) == soundA:
		return nameForms
	case slips(soundA, soundB, 1) <= 1 && len(soundA) >= 5:
		return nameSlip // shi and si, zhang and zang: one letter
	case a.alt != "" && b.alt != "" && utf8.RuneCountInString(a.text) >= 3 && slips(a.text, b.text, 1) <= 1:
		return nameAlike
	case a.alt != "" && b.alt != "" && familyOf(a.text, b.text):
		return namePart
	}
	return nameDifferent
}

// turned tells whether one Chinese name is the other with the family name, of one character or two, behind.
func turned(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if n := utf8.RuneCountInString(a[:i]); n > 0 && n <= 2 && (a[i:]+a[:i] == b || b[i:]+b[:i] == a) {
			return true
		}
	}
	return false
}

// familyOf tells whether one of two Chinese names is the family name of the other, as in 王先生.
func familyOf(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return utf8.RuneCountInString(a) <= 2 && len(a) < len(b) && strings.HasPrefix(b, a)
}

// reversed puts the last word of a name first: "wei zhang" is zhangwei.
func reversed(name string) string {
	i := strings.LastIndexByte(name, ' ')
	if i < 0 {
		return name
	}
	return name[i+1:] + squeeze(name[:i])
}

func nicknamedFirst(x, y string) bool {
	firstX, restX, okX := strings.Cut(x, " ")
	firstY, restY, okY := strings.Cut(y, " ")
	return okX && okY && restX == restY && nicknamed(firstX, firstY)
}

// sameWords tells whether two texts have the same words in any order.
func sameWords(x, y string) bool {
	if len(x) != len(y) {
		return false
	}
	a, b := strings.Fields(x), strings.Fields(y)
	if len(a) != len(b) || len(a) > 32 {
		return false
	}
	var used uint32
next:
	for _, w := range a {
		for j, v := range b {
			if used&(1<<j) == 0 && w == v {
				used |= 1 << j
				continue next
			}
		}
		return false
	}
	return true
}

// initials tells whether each word of the shorter name is a word of the longer one or its initial, in order, and one
// of them is in full or the names are single letters.
func initials(x, y string) bool {
	a, b := strings.Fields(x), strings.Fields(y)
	if len(a) > len(b) {
		a, b = b, a
	}
	full, j := 0, 0
	for _, w := range a {
		for j < len(b) && w != b[j] && !(len(w) == 1 && strings.HasPrefix(b[j], w)) && !(len(b[j]) == 1 && strings.HasPrefix(w, b[j])) {
			j++
		}
		if j == len(b) {
			return false
		}
		if w == b[j] && len(w) > 1 {
			full++
		}
		j++
	}
	return full > 0 || len(a) == 1 && len(b) == 1
}

func phoneLevel(x, y string) int {
	switch {
	case slips(x, y, 1) <= 1:
		return 1
	case len(x) >= 7 && len(y) >= 7 && x[len(x)-7:] == y[len(y)-7:]:
		return 2
	}
	return 3
}

// Levels of mail addresses, as in degreesOf.
const (
	mailEqual     = 0
	mailSlip      = 2
	mailDifferent = 4
)

const mailAlikeFrom = .88 // from which on texts before the @ are alike

func emailLevel(a, b *value) int {
	switch {
	case a.alt == b.alt:
		return 1
	case slips(a.text, b.text, 1) <= 1:
		return mailSlip
	case jaroWinkler(a.alt, b.alt) >= mailAlikeFrom:
		return 3
	}
	return mailDifferent
}

func addressLevel(a, b *value) int {
	if sameWords(a.text, b.text) || a.alt == b.alt && a.tail == b.tail || slips(a.text, b.text, 1) <= 1 {
		return 1
	}
	street := 0.
	switch {
	case a.alt == "" || b.alt == "":
	case a.alt == b.alt:
		street = 1
	default:
		street = max(jaroWinkler(a.alt, b.alt), shared(a.alt, b.alt))
	}
	numbers := a.tail != "" && a.tail == b.tail
	switch {
	case street >= .85 && (numbers || a.tail == "" && b.tail == ""):
		return 2
	case street >= .93:
		return 3
	case street >= .7 || numbers && shared(a.tail, b.tail) > .5 && strings.IndexByte(a.tail, ' ') > 0:
		return 4
	}
	return 5
}

// shared is how much of the words of two texts is in both (Jaccard); of Chinese, of the pairs of characters.
func shared(x, y string) float64 {
	a, b := tokens(x), tokens(y)
	if len(a) == 0 || len(b) == 0 || len(a) > 64 || len(b) > 64 {
		return 0
	}
	both := 0
	for _, w := range a {
		for _, v := range b {
			if w == v {
				both++
				break
			}
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

func dateLevel(x, y string) int {
	if len(x) != 8 || len(y) != 8 {
		if slips(x, y, 1) <= 1 {
			return 1
		}
		return 4
	}
	year, month, day := x[:4] == y[:4], x[4:6] == y[4:6], x[6:] == y[6:]
	switch {
	case year && x[4:6] == y[6:] && x[6:] == y[4:6], slips(x, y, 1) <= 1:
		return 1
	case year && month, year && day, month && day:
		return 2
	case year:
		return 3
	}
	return 4
}

func codeLevel(x, y string) int {
	n := min(len(x), len(y))
	switch d := slips(x, y, 2); {
	case n <= 2:
		return 4
	case d <= 1:
		return 1
	case d == 2 && n >= 6:
		return 2
	case n >= 4 && x[:n/2] == y[:n/2]:
		return 3
	}
	return 4
}

func plateLevel(a, b *value) int {
	switch {
	case a.alt == b.alt:
		return 1
	case slips(a.text, b.text, 1) <= 1:
		return 2
	}
	return 3
}

func numberLevel(x, y string) int {
	a, _ := strconv.ParseFloat(x, 64)
	b, _ := strconv.ParseFloat(y, 64)
	apart := math.Abs(a-b) / max(math.Abs(a), math.Abs(b))
	for i, bound := range []float64{.01, .05, .15, .4} {
		if apart <= bound {
			return i + 1
		}
	}
	return 5
}

func yearLevel(x, y string) int {
	a, _ := strconv.Atoi(x)
	b, _ := strconv.Atoi(y)
	switch d := max(a-b, b-a); {
	case d <= 1:
		return 1
	case d <= 3:
		return 2
	}
	return 3
}

func placeLevel(x, y string) int {
	n := min(len(x), len(y))
	alike := jaroWinkler(x, y)
	switch {
	case n >= 4 && alike > .8 && slips(x, y, 1) <= 1:
		return 1
	case n >= 3 && (alike >= .88 || strings.HasPrefix(x, y) || strings.HasPrefix(y, x)), sameWords(x, y):
		return 2
	}
	return 3
}

func textLevel(cosine float64) int {
	for at := 9; at >= 1; at-- {
		if cosine >= float64(at)/10 {
			return 10 - at
		}
	}
	return 10
}

// cosine compares the words of two texts by their weights. Words that are left over on both sides and differ by one
// slip count nearly as one (soft TF-IDF; Cohen, Ravikumar and Fienberg 2003).
func (c *column) cosine(a, b *value) float64 {
	x, y := a.more.words, b.more.words
	const some = 24
	var leftX, leftY [some]weight
	nx, ny := 0, 0
	var sum float64
	for i, j := 0, 0; i < len(x) || j < len(y); {
		switch {
		case j == len(y) || i < len(x) && x[i].word < y[j].word:
			if nx < some {
				leftX[nx] = x[i]
				nx++
			}
			i++
		case i == len(x) || y[j].word < x[i].word:
			if ny < some {
				leftY[ny] = y[j]
				ny++
			}
			j++
		default:
			sum += float64(x[i].tf) * float64(y[j].tf)
			i++
			j++
		}
	}
	if sum < .15 || sum > .97 {
		return sum // nothing that a slip would change
	}
	for _, p := range leftX[:nx] {
		for k, q := range leftY[:ny] {
			if q.tf > 0 && c.slipped(p.word, q.word) {
				sum += .9 * float64(p.tf) * float64(q.tf)
				leftY[k].tf = 0
				break
			}
		}
	}
	return sum
}

func (c *column) slipped(a, b uint32) bool {
	if int64(a) >= int64(len(c.words)) || int64(b) >= int64(len(c.words)) {
		return false
	}
	x, y := c.words[a], c.words[b]
	return min(len(x), len(y)) >= 4 && (x[0] == y[0] || x[len(x)-1] == y[len(y)-1]) && !strings.ContainsAny(x+y, "0123456789") && slips(x, y, 1) <= 1
}

// codesLevel compares model numbers; -1: one side has none.
func codesLevel(x, y string) int {
	if x == "" || y == "" {
		return -1
	}
	if x == y {
		return 0
	}
	begins := false
	for a := range strings.SplitSeq(x, " ") {
		for b := range strings.SplitSeq(y, " ") {
			if a == b {
				return 1
			}
			n := min(len(a), len(b))
			begins = begins || n >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
		}
	}
	if begins {
		return 2
	}
	return 3
}
