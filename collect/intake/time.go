package intake

import "time"

// ParseTime reads the times that clients send, as milliseconds since 1970, cut to the
// millisecond: ISO 8601 (extended or basic, any precision, with Z, an offset, or no zone,
// which is read as UTC; a date alone is its midnight), or a number as [ParseEpoch] reads
// it. It allocates nothing.
func ParseTime(s string) (ms int64, ok bool) {
	if len(s) > 4 && s[4] == '-' {
		return parseISO(s, true)
	}
	if len(s) == 8 || len(s) > 8 && s[8]|0x20 == 't' {
		return parseISO(s, false)
	}
	return ParseEpoch(s)
}

func parseISO(s string, extended bool) (int64, bool) {
	p := digitReader{s: s}
	separator := func(c byte) {
		if extended {
			p.expect(c)
		}
	}
	year := p.number(4)
	separator('-')
	month := p.number(2)
	separator('-')
	day := p.number(2)
	if p.bad || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	ms := int64(daysSince1970(year, month, day)) * 86_400_000
	if p.s == "" {
		return ms, true
	}
	if c := p.s[0]; c != 'T' && c != 't' && c != ' ' {
		return 0, false
	}
	p.s = p.s[1:]
	hour := p.number(2)
	separator(':')
	minute := p.number(2)
	second, milli := 0, 0
	if p.hasSecond(extended) {
		separator(':')
		second = p.number(2)
		milli = p.fraction()
	}
	offset := p.zone()
	if p.bad || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	return ms + int64(hour*3600+minute*60+second-offset)*1000 + int64(milli), true
}

// hasSecond tells whether seconds follow the minutes.
func (p *digitReader) hasSecond(extended bool) bool {
	if p.s == "" {
		return false
	}
	if extended {
		return p.s[0] == ':'
	}
	return p.s[0]-'0' <= 9
}

// ParseEpoch reads a number of seconds, milliseconds, microseconds or nanoseconds since
// 1970, however it is written: 1772240523, 1772240523.456, 1.772240523456E12. The size
// tells the unit, so that each unit covers the years 1973 to 5138:
//
//	from 1e8 seconds, from 1e11 milliseconds, from 1e14 microseconds, from 1e17 to 1e20 nanoseconds
//
// A smaller or larger number is no time; 0 above all is a time that was never set.
func ParseEpoch(s string) (ms int64, ok bool) {
	d, ok := parseDecimal(s)
	if !ok || d.digits == 0 {
		return 0, false
	}
	magnitude := d.exponent // of the leading digit
	for n := d.digits; n >= 10; n /= 10 {
		magnitude++
	}
	if magnitude < 8 || magnitude > 19 {
		return 0, false
	}
	// From the unit to milliseconds: 3, 0, -3 or -6 decimal places.
	ms = d.shifted(3 - 3*((magnitude-8)/3))
	if d.negative {
		ms = -ms
	}
	return ms, true
}

// decimal is digits × 10^exponent.
type decimal struct {
	digits   uint64
	exponent int
	negative bool
}

// parseDecimal reads a number as JSON writes it, with leading zeros and a plus sign
// allowed. Digits beyond the eighteenth are below a millisecond and are cut.
func parseDecimal(s string) (d decimal, ok bool) {
	i := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		i++
	}
	seen, point := false, false
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if s[i] == '.' && !point && seen {
			point = true
			continue
		}
		if c > 9 {
			break
		}
		seen = true
		switch {
		case d.digits < 1e17:
			d.digits = d.digits*10 + uint64(c)
			if point {
				d.exponent--
			}
		case !point:
			d.exponent++
		}
	}
	if !seen || s[i-1] == '.' || len(s) > 64 {
		return d, false
	}
	if i == len(s) {
		return d, true
	}
	if s[i]|0x20 != 'e' {
		return d, false
	}
	p := digitReader{s: s[i+1:]}
	sign := 1
	if p.s != "" && (p.s[0] == '-' || p.s[0] == '+') {
		if p.s[0] == '-' {
			sign = -1
		}
		p.s = p.s[1:]
	}
	if p.s == "" || len(p.s) > 3 {
		return d, false
	}
	d.exponent += sign * p.number(len(p.s))
	return d, !p.bad
}

// shifted returns the number times 10^places, cut to an integer.
func (d decimal) shifted(places int) int64 {
	n := d.digits
	for e := d.exponent + places; e != 0 && n != 0; {
		if e > 0 {
			n *= 10
			e--
		} else {
			n /= 10
			e++
		}
	}
	return int64(n)
}

// digitReader cuts numbers off the front of a string; bad stays set after a failure.
type digitReader struct {
	s   string
	bad bool
}

func (p *digitReader) number(digits int) int {
	if len(p.s) < digits {
		p.bad = true
		return 0
	}
	n := 0
	for i := range digits {
		d := p.s[i] - '0'
		if d > 9 {
			p.bad = true
			return 0
		}
		n = n*10 + int(d)
	}
	p.s = p.s[digits:]
	return n
}

func (p *digitReader) expect(c byte) {
	if p.s == "" || p.s[0] != c {
		p.bad = true
		return
	}
	p.s = p.s[1:]
}

// fraction reads decimals of a second, if there are any, cut to milliseconds.
func (p *digitReader) fraction() int {
	if p.s == "" || p.s[0] != '.' && p.s[0] != ',' {
		return 0
	}
	ms, weight, i := 0, 100, 1
	for ; i < len(p.s) && p.s[i]-'0' <= 9; i++ {
		ms += int(p.s[i]-'0') * weight
		weight /= 10
	}
	p.bad = p.bad || i == 1 || i > 20
	p.s = p.s[i:]
	return ms
}

// zone reads the offset in seconds; it must be the last thing.
func (p *digitReader) zone() int {
	if p.s == "" || p.s == "Z" || p.s == "z" {
		return 0
	}
	sign := 1
	switch p.s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		p.bad = true
		return 0
	}
	p.s = p.s[1:]
	hours := p.number(2)
	minutes := 0
	if p.s != "" {
		if p.s[0] == ':' {
			p.s = p.s[1:]
		}
		minutes = p.number(2)
	}
	p.bad = p.bad || p.s != "" || hours > 18 || minutes > 59
	return sign * (hours*3600 + minutes*60)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in the Gregorian calendar (Howard Hinnant's days_from_civil).
func daysSince1970(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yoe := year - era*400
	doy := (153*(month-3)+2)/5 + day - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// FromMillis returns the time of a number of milliseconds since 1970.
func FromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
