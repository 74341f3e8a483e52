package household

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Day counts days since 1970.
type Day = int32

// forever is the end of what has none, and the birth of whom none is known.
const forever Day = 1 << 24

// DayOf returns the day of a moment.
func DayOf(t time.Time) Day { return Day(t.Unix() / 86400) } //nolint:gosec // years

// timeOfDay returns the day's first moment; zero for forever.
func timeOfDay(d Day) time.Time {
	if d >= forever {
		return time.Time{}
	}
	return time.Unix(int64(d)*86400, 0).UTC()
}

// Clue is what one identifier has said about one thing. Clues of one identifier, kind and key
// are one, whatever the order in which they came: see [Clue.add].
type Clue struct {
	Identifier string
	Person     touchstone.PersonID
	Kind       Kind
	Key        string
	Days       []Day          // on which it was seen, ascending
	Seq        touchstone.Seq // of the first to arrive
	Note       string         // how that one wrote it
}

// Join makes one of all clues about the same, in the order of the first of each.
func Join(all []Clue) (list []Clue) {
	at := map[rowID]int{}
	for i := range all {
		c := &all[i]
		if n, ok := at[c.row()]; ok {
			list[n].add(c)
			continue
		}
		at[c.row()] = len(list)
		list = append(list, *c)
	}
	return list
}

// keptDays bounds the days that a clue remembers: the first one and the latest.
const keptDays = 64

// add makes one of two clues about the same.
func (c *Clue) add(other *Clue) {
	c.Days = joinDays(c.Days, other.Days)
	if other.Seq < c.Seq {
		c.Seq, c.Note = other.Seq, other.Note
	}
}

func joinDays(a, b []Day) []Day {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > keptDays {
		all = append(all[:1:1], all[len(all)-keptDays+1:]...)
	}
	return all
}

// Clues returns the clues of an event, of nobody yet.
func (r *Rules) Clues(e *touchstone.Event, seq touchstone.Seq, zone *time.Location) []Clue {
	if len(e.Identifiers) == 0 {
		return nil
	}
	x := reader{rules: r, event: e, clue: Clue{Identifier: e.Identifiers[0].String(), Seq: seq, Days: []Day{DayOf(e.Time)}}}
	for i := range r.List {
		if rule := &r.List[i]; rule.On {
			x.rule(rule, zone)
		}
	}
	if e.Type == touchstone.Identify {
		x.about()
	}
	return x.out
}

type reader struct {
	rules *Rules
	event *touchstone.Event
	clue  Clue
	out   []Clue
}

func (x *reader) put(k Kind, key, note string) {
	if key == "" || len(key) > maxKey {
		return
	}
	c := x.clue
	c.Kind, c.Key, c.Note = k, key, cutText(note)
	if !slices.ContainsFunc(x.out, func(o Clue) bool { return o.Kind == k && o.Key == key }) {
		x.out = append(x.out, c)
	}
}

const maxKey = 512

func cutText(s string) string {
	if len(s) <= maxKey {
		return s
	}
	return strings.ToValidUTF8(s[:maxKey], "")
}

// fields returns the members of traits and properties that a list names.
func (x *reader) fields(names []string, fn func(v gjson.Result)) {
	for _, object := range []touchstone.JSON{x.event.Traits, x.event.Properties} {
		if object == "" || x.event.Type == touchstone.Group {
			continue
		}
		for _, n := range names {
			if v := gjson.Get(string(object), gjson.Escape(n)); v.Exists() && v.Type != gjson.Null {
				fn(v)
			}
		}
	}
}

func (x *reader) rule(rule *Rule, zone *time.Location) {
	heard := x.event.Type == touchstone.Identify || slices.Contains(rule.Events, x.event.Name)
	switch rule.Kind {
	case Address:
		if heard {
			x.fields(rule.Fields, x.address)
		}
	case Device:
		day, night := x.rules.nightOf(x.event.Time.In(zone))
		if night && len(x.event.Identifiers) > 1 {
			whole := x.clue.Days
			x.clue.Days = []Day{day}
			x.identifiers(rule)
			x.clue.Days = whole
		}
	case Payment, Vehicle, Declared:
		if heard {
			x.fields(rule.Fields, func(v gjson.Result) {
				if text := strings.TrimSpace(v.String()); v.Type == gjson.String || v.Type == gjson.Number {
					x.put(rule.Kind, strings.ToLower(text), text)
				}
			})
		}
		x.identifiers(rule)
	}
}

// identifiers reads what an event names beside the person: a device, a car, a household.
func (x *reader) identifiers(rule *Rule) {
	for i, id := range x.event.Identifiers {
		if i > 0 && slices.Contains(rule.Fields, string(id.Kind)) {
			x.put(rule.Kind, strings.ToLower(id.Value), id.Value)
		}
	}
}

// nightOf returns the day on whose evening a night began, and whether it is night at all.
func (r *Rules) nightOf(t time.Time) (Day, bool) {
	day := Day(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400) //nolint:gosec // years
	h := t.Hour()
	switch {
	case r.NightFrom < r.NightTo:
		return day, h >= r.NightFrom && h < r.NightTo
	case h >= r.NightFrom:
		return day, true
	}
	return day - 1, h < r.NightTo
}

func (x *reader) address(v gjson.Result) {
	p := readPlace(v)
	x.place(&p, addressText(v), x.family())
}

// place puts what an address says: itself, and what finds it again behind a typing error.
func (x *reader) place(p *place, note, family string) {
	x.put(Address, p.key(), note)
	if family == "" {
		return
	}
	if p.key() != "" {
		x.put(AddressName, p.key()+"|"+family, note)
	}
	if p.number != "" {
		x.put(NearStreet, strings.Join([]string{p.number, p.unit, family, p.town}, "|"), p.street)
	}
	if p.street != "" {
		x.put(NearNumber, strings.Join([]string{p.street, p.unit, family, p.town}, "|"), p.number)
	}
}

// addressText is an address as people read it.
func addressText(v gjson.Result) string {
	if !v.IsObject() {
		return v.String()
	}
	var parts []string
	v.ForEach(func(_, m gjson.Result) bool {
		if t := strings.TrimSpace(m.String()); t != "" && (m.Type == gjson.String || m.Type == gjson.Number) {
			parts = append(parts, t)
		}
		return true
	})
	return strings.Join(parts, ", ")
}

// family returns the family's name that comes with an address.
func (x *reader) family() (name string) {
	x.fields(x.rules.NameFields, func(v gjson.Result) {
		if name == "" && v.Type == gjson.String {
			name = familyOf(v.Str)
		}
	})
	return name
}

// compound are Chinese family names of two characters.
var compound = []string{"欧阳", "司马", "诸葛", "上官", "司徒", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯", "长孙", "端木", "百里", "南宫"}

// familyOf returns the family's name of a whole name: the first character of a Chinese one,
// the last word of another, what stands before a comma.
func familyOf(name string) string {
	name = plain(name)
	if strings.IndexFunc(name, isHan) >= 0 {
		name = compact(name)
		for _, c := range compound {
			if strings.HasPrefix(name, c) {
				return c
			}
		}
		for _, r := range name {
			return string(r)
		}
	}
	if last, _, ok := strings.Cut(name, ","); ok {
		return compact(last)
	}
	list := strings.Fields(name)
	if len(list) == 0 {
		return ""
	}
	return compact(list[len(list)-1])
}

// roles that can be declared, by the words for them.
var roleWords = map[string]string{
	"child": "child", "son": "child", "daughter": "child", "kid": "child", "孩子": "child", "子女": "child", "儿子": "child", "女儿": "child", "儿童": "child",
	"driver": "driver", "司机": "driver", "驾驶人": "driver", "payer": "payer", "付款人": "payer", "user": "user", "使用人": "user",
	"head": "adult", "spouse": "adult", "parent": "adult", "partner": "adult", "户主": "adult", "配偶": "adult", "父亲": "adult", "母亲": "adult",
}

// about reads what an identify call says about the person: when it was born, and its role.
func (x *reader) about() {
	x.fields(x.rules.BornFields, func(v gjson.Result) {
		if day, ok := readBirth(v.String()); ok {
			x.put(born, itoa(int(day)), "")
		}
	})
	x.fields(x.rules.RoleFields, func(v gjson.Result) {
		if word, ok := roleWords[strings.ToLower(strings.TrimSpace(v.String()))]; ok {
			x.put(role, word, "")
		}
	})
}

// readBirth reads a day of birth: 2019-05-01, 2019/5/1, 20190501, with or without a time.
func readBirth(s string) (Day, bool) {
	s = strings.TrimSpace(s)
	s, _, _ = strings.Cut(s, "T")
	s, _, _ = strings.Cut(s, " ")
	s = strings.NewReplacer("/", "-", ".", "-", "年", "-", "月", "-", "日", "").Replace(s)
	for _, form := range []string{"2006-1-2", "20060102"} {
		if t, err := time.Parse(form, s); err == nil && t.Year() > 1890 {
			return DayOf(t), true
		}
	}
	return 0, false
}

// paid returns what a purchase was worth, in ten-thousandths.
func (r *Rules) paid(e *touchstone.Event) (amount int64, purchase bool) {
	if !slices.Contains(r.Paid, e.Name) {
		return 0, false
	}
	for _, n := range r.PaidFields {
		v := gjson.Get(string(e.Properties), gjson.Escape(n))
		if v.Type == gjson.Number || v.Type == gjson.String {
			if amount, ok := tenThousandths(v.String()); ok {
				return amount, true
			}
		}
	}
	return 0, true
}

// tenThousandths reads a decimal number exactly; digits beyond the fourth are left out. So a
// sum does not depend on the order of what is added.
func tenThousandths(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	sign := int64(1)
	if strings.HasPrefix(s, "-") {
		sign, s = -1, s[1:]
	}
	whole, part, _ := strings.Cut(s, ".")
	if whole == "" && part == "" || len(whole) > 13 {
		return 0, false
	}
	n := int64(0)
	for _, c := range whole + (part + "0000")[:4] {
		if !unicode.IsDigit(c) || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return sign * n, true
}

func formatDays(days []Day) string {
	var b strings.Builder
	for i, d := range days {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(itoa(int(d)))
	}
	return b.String()
}

func parseDays(s string) (days []Day) {
	for f := range strings.FieldsSeq(s) {
		n := 0
		neg := strings.HasPrefix(f, "-")
		for _, c := range strings.TrimPrefix(f, "-") {
			n = n*10 + int(c-'0')
		}
		if neg {
			n = -n
		}
		days = append(days, Day(n)) //nolint:gosec // written by formatDays
	}
	return days
}
