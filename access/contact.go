package access

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// class is what sort of contact a field holds by its name, or a value by its form.
type class int

const (
	none  class = iota
	phone       // at least five digits
	email
	plate
	vin
	idCard
	bankCard
	location // where somebody was: nothing of it is shown
	other    // of a kind that is marked as a contact: masked whatever it looks like
)

// words are the parts of names that say what a field holds; names are cut into words at
// capitals and at what is neither a letter nor a digit. Chinese names have no such cuts.
var words = map[string]class{
	"phone": phone, "phones": phone, "telephone": phone, "mobile": phone, "mobilephone": phone, "cellphone": phone, "tel": phone, "msisdn": phone, "whatsapp": phone, "phonenumber": phone, "mobilenumber": phone,
	"email": email, "emails": email, "mail": email, "emailaddress": email, "mailaddress": email,
	"plate": plate, "plates": plate, "licenseplate": plate, "licenceplate": plate, "platenumber": plate, "plateno": plate,
	"vin": vin, "vins": vin, "chassis": vin, "framenumber": vin, "frameno": vin,
}

var hanWords = map[string]class{"手机": phone, "电话": phone, "座机": phone, "邮箱": email, "电子邮件": email, "车牌": plate, "号牌": plate, "车架号": vin, "车辆识别": vin}

// classOf tells by its name what sort of contact a field holds.
func classOf(name string) class {
	for word, c := range hanWords {
		if strings.Contains(name, word) {
			return c
		}
	}
	start, lower := 0, false
	for i, r := range name {
		cut := !unicode.IsLetter(r) && !unicode.IsDigit(r)
		if cut || lower && unicode.IsUpper(r) {
			if c := words[strings.ToLower(name[start:i])]; c != none {
				return c
			}
			start = i
			if cut {
				_, width := utf8.DecodeRuneInString(name[i:])
				start += width
			}
		}
		lower = unicode.IsLower(r)
	}
	return words[strings.ToLower(name[start:])]
}

// classOf tells what sort of contact a field holds, by its name and by the marks of the
// kinds of identifiers.
func (v *Viewer) classOf(name string) class {
	if c := classOf(name); c != none || v == nil {
		return c
	}
	if c := v.Fields.of(name); c != none {
		return c
	}
	if v.Kinds != nil && v.Kinds.Contact(touchstone.IdentifierKind(name)) {
		return other
	}
	return none
}

// maskNamed masks the value of a field that holds contacts of a class.
func maskNamed(c class, s string) string {
	switch { // what the text alone looks like would leave too much of these
	case c == location && s != "":
		return "****"
	case c == bankCard && countDigits(s) >= 8:
		return keepEnds(s, 4, 4)
	case c == idCard && countDigits(s) >= 8:
		return keepEnds(s, 3, 2)
	}
	if masked := maskText(s); masked != s || c == none {
		return masked
	}
	switch c {
	case phone:
		if countDigits(s) < 5 {
			return s // the name of a model, a mark
		}
		return keepEnds(s, 3, 2)
	case plate:
		if utf8.RuneCountInString(s) < 5 {
			return s
		}
		return keepEnds(s, 2, 2)
	case vin:
		if utf8.RuneCountInString(s) < 6 {
			return s
		}
		return keepEnds(s, 3, 3)
	}
	if s == "" || c == bankCard || c == idCard {
		return s
	}
	return keepEnds(s, 1, 0)
}

// maskText masks what looks like a contact in a text.
func maskText(s string) string {
	if !mayHoldContact(s) {
		return s
	}
	s = narrow(s)
	s = maskEmails(s)
	s = maskNumbers(s)
	return maskCars(s)
}

// mayHoldContact is quick, and right when it says no.
func mayHoldContact(s string) bool {
	digits := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '@' || c == '%' || c >= 0xef {
			return true
		}
		if c >= '0' && c <= '9' {
			digits++
		}
		if c >= 0xe4 && c <= 0xe9 && len(s)-i >= 8 { // a Chinese character: a plate may begin here
			return true
		}
	}
	return digits >= 5
}

// narrow turns full-width digits, + and @ into the usual ones.
func narrow(s string) string {
	if strings.IndexByte(s, 0xef) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= '０' && r <= '９' || r == '＠' || r == '＋' {
			return r - 0xfee0
		}
		return r
	}, s)
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func countDigits(s string) (n int) {
	for i := 0; i < len(s); i++ {
		if isDigit(s[i]) {
			n++
		}
	}
	return n
}

// maskEmails leaves the first letter and the domain.
func maskEmails(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		width := 1
		if s[i] != '@' {
			if !strings.HasPrefix(s[i:], "%40") {
				continue
			}
			width = 3
		}
		from := i
		for from > done && (isWord(s[from-1]) || strings.IndexByte(".+-%'*!$^~|`{}", s[from-1]) >= 0 || s[from-1] >= 0x80) {
			from--
		}
		to := i + width
		for to < len(s) && (isWord(s[to]) || s[to] == '.' || s[to] == '-' || s[to] >= 0x80) {
			to++
		}
		if from == i || to == i+width {
			continue
		}
		_, first := utf8.DecodeRuneInString(s[from:])
		b.WriteString(s[done : from+first])
		b.WriteString("***")
		b.WriteString(s[i:to])
		done, i = to, to-1
	}
	b.WriteString(s[done:])
	return b.String()
}

// maxPhoneBytes bounds how a phone number may be written.
const maxPhoneBytes = 32

// maskNumbers masks phone numbers, written with or without separators.
func maskNumbers(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) && s[i] != '+' && s[i] != '(' || i > 0 && isWord(s[i-1]) {
			continue
		}
		to, ends := i, []int(nil) // ends of what may be one number, the longest last
		for to < min(len(s), i+maxPhoneBytes) && (isDigit(s[to]) || to == i && s[to] == '+' || isSeparator(s[to])) {
			to++
			if isDigit(s[to-1]) && (to == len(s) || !isWord(s[to])) && !(to+1 < len(s) && s[to] == '.' && isDigit(s[to+1])) {
				ends = append(ends, to)
			}
		}
		for k := len(ends) - 1; k >= 0; k-- {
			if isPhone(s[i:ends[k]]) {
				b.WriteString(s[done:i])
				b.WriteString(maskPhone(s[i:ends[k]]))
				done, i = ends[k], ends[k]-1
				break
			}
		}
	}
	b.WriteString(s[done:])
	return b.String()
}

func isSeparator(c byte) bool { return strings.IndexByte(" -.()", c) >= 0 }

func digitsOf(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if isDigit(s[i]) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// isPhone tells by its form: a Chinese mobile number, one with a country's code, or a
// landline with its area's.
func isPhone(s string) bool {
	d := digitsOf(s)
	if len(d) < 8 || len(d) > 17 {
		return false
	}
	if s[0] == '+' {
		return len(d) <= 15
	}
	d = strings.TrimPrefix(d, "00")
	switch len(d) {
	case 13:
		return strings.HasPrefix(d, "86") && d[2] == '1' && d[3] >= '3'
	case 11:
		return d[0] == '1' && d[1] >= '3' || d[0] == '0' && d[1] != '0'
	case 10, 12:
		return d[0] == '0' && d[1] != '0'
	}
	return false
}

// maskPhone leaves the beginning and the last four digits: +86138****8001.
func maskPhone(s string) string {
	d := digitsOf(s)
	plus := ""
	if s[0] == '+' {
		plus = "+"
	}
	head := 3
	if strings.HasPrefix(d, "86") && len(d) == 13 {
		head = 5
	}
	return plus + d[:min(head, len(d)-6)] + "****" + d[len(d)-4:]
}

const provinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"

// maskCars masks chassis numbers and Chinese plates.
func maskCars(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		r, width := utf8.DecodeRuneInString(s[i:])
		end := 0
		switch {
		case width == 3 && strings.ContainsRune(provinces, r):
			end = plateEnd(s, i+width)
		case width == 1 && isWord(s[i]):
			to := i
			for to < len(s) && isWord(s[to]) {
				to++
			}
			if !isVIN(s[i:to]) {
				i = to
				continue
			}
			end = to
		}
		if end == 0 {
			i += width
			continue
		}
		b.WriteString(s[done:i])
		if width == 3 {
			b.WriteString(keepEnds(s[i:end], 2, 2))
		} else {
			b.WriteString(keepEnds(s[i:end], 3, 4))
		}
		done, i = end, end
	}
	b.WriteString(s[done:])
	return b.String()
}

// plateEnd returns where a plate ends whose province ends at i; 0 when it is none.
func plateEnd(s string, i int) int {
	if i >= len(s) || !isWord(s[i]) || isDigit(s[i]) || s[i] == '_' {
		return 0
	}
	i++
	for _, sep := range []string{"·", "•", " ", "-"} {
		if rest, ok := strings.CutPrefix(s[min(i, len(s)):], sep); ok {
			i = len(s) - len(rest)
			break
		}
	}
	from := i
	for i < len(s) && isWord(s[i]) && s[i] != '_' {
		i++
	}
	if n := i - from; n < 4 || n > 6 || countDigits(s[from:i]) < 2 {
		return 0
	}
	return i
}

// isVIN tells by its form: 17 letters and digits without I, O and Q, some of each.
func isVIN(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; !isDigit(s[i]) && (c < 'a' || c > 'z') { // a phone number with its spaces is as long
			return false
		}
	}
	return len(s) == 17 && !strings.ContainsAny(s, "IOQioq_") && countDigits(s) >= 4 && countDigits(s) < 17
}

// keepEnds leaves some characters of a value's beginning and end.
func keepEnds(s string, head, tail int) string {
	r := []rune(s)
	if len(r) <= head+tail+1 {
		head, tail = min(1, len(r)), 0
	}
	return string(r[:head]) + "****" + string(r[len(r)-tail:])
}
