package collect

import "time"

// parseInstant reads the dates that clients send, as milliseconds since 1970: ISO 8601 with any
// precision, with Z, an offset or (read as UTC) no zone, a date alone, and, as some
// clients do, seconds or milliseconds since 1970. It allocates nothing.
func parseInstant(s string) (int64, bool) {
	if ms, ok := parseEpoch(s); ok {
		return ms, true
	}
	p := digitReader{s: s}
	year, month, day := p.number(4), 0, 0
	p.expect('-')
	month = p.number(2)
	p.expect('-')
	day = p.number(2)
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
	p.expect(':')
	minute := p.number(2)
	second, milli := 0, 0
	if len(p.s) > 0 && p.s[0] == ':' {
		p.s = p.s[1:]
		second = p.number(2)
		milli = p.fraction()
	}
	offset := p.zone()
	if p.bad || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	return ms + int64(hour*3600+minute*60+second-offset)*1000 + int64(milli), true
}

// parseEpoch reads whole seconds or milliseconds, with or without decimals of seconds.
func parseEpoch(s string) (int64, bool) {
	if len(s) < 9 || len(s) > 17 {
		return 0, false
	}
	var n int64
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	switch {
	case i == len(s) && i >= 12 && i <= 14:
		return n, true
	case i >= 9 && i <= 10 && i == len(s):
		return n * 1000, true
	case i < len(s) && i >= 9 && i <= 14 && i != 11 && s[i] == '.':
		p := digitReader{s: s[i:]}
		milli := p.fraction()
		if p.bad || p.s != "" {
			return 0, false
		}
		if i >= 12 {
			return n, true
		}
		return n*1000 + int64(milli), true
	}
	return 0, false
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

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
