package match

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form brings a value as somebody wrote it into the form of its kind. Its text is empty when there is none.
func form(kind Kind, raw string) value {
	switch kind {
	case Given, Family, Name:
		return nameForm(raw)
	case Phone:
		return phoneForm(raw)
	case Email:
		return emailForm(raw)
	case Address:
		return addressForm(raw)
	case Date:
		if d, ok := dateOf(raw); ok {
			return value{text: d}
		}
		return value{text: digitsOf(raw)}
	case Postcode:
		return value{text: squeeze(fold(raw))}
	case ID:
		return value{text: strings.TrimSuffix(squeeze(fold(strings.TrimSuffix(strings.TrimSpace(raw), ".0"))), " ")}
	case Plate:
		t := squeeze(fold(raw))
		return value{text: t, alt: plateLooks.Replace(t)}
	case Number:
		n, ok := numberOf(raw)
		if !ok {
			return value{}
		}
		return value{text: strconv.FormatFloat(n, 'g', 12, 64)}
	case Year:
		d := digitsOf(raw)
		return value{text: d[:min(4, len(d))]}
	case Text:
		t := fold(raw)
		return value{text: t, tail: codesOf(raw)}
	}
	return value{text: fold(raw)}
}

// plateLooks writes letters that are taken for one another as one.
var plateLooks = strings.NewReplacer("o", "0", "q", "0", "d", "0", "i", "1", "l", "1", "z", "2", "s", "5", "b", "8", "g", "6")

// titles are words before a name, and hanTitles those after a Chinese one, that are no part of it.
var (
	titles    = []string{"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "herr", "frau", "mme", "monsieur"}
	hanTitles = []string{"先生", "女士", "小姐", "太太", "老师", "师傅", "经理", "同学"}
)

func nameForm(raw string) value {
	v := value{text: fold(raw)}
	if !hasHan(v.text) {
		v.text = untitled(v.text)
		return v
	}
	v.text = squeeze(v.text)
	for _, title := range hanTitles {
		if name, ok := strings.CutSuffix(v.text, title); ok && name != "" {
			v.text = name
			break
		}
	}
	v.alt = romanise(v.text)
	return v
}

// untitled takes titles off the front of a name, unless nothing else is there.
func untitled(name string) string {
	for {
		first, rest, more := strings.Cut(name, " ")
		if !more || !slices.Contains(titles, first) {
			return name
		}
		name = rest
	}
}

// phoneForm keeps the digits that a caller within the country dials, without the trunk zero.
func phoneForm(raw string) value {
	raw, _, _ = strings.Cut(strings.ToLower(raw), "ext")
	d := digitsOf(raw)
	d = strings.TrimPrefix(d, "00")
	if len(d) > 11 && strings.HasPrefix(d, "86") {
		d = d[2:]
	}
	d = strings.TrimLeft(d, "0")
	if len(d) < 5 {
		return value{}
	}
	return value{text: d}
}

func emailForm(raw string) value {
	t := strings.ToLower(strings.TrimSpace(raw))
	if t == "" {
		return value{}
	}
	local, host, ok := strings.Cut(t, "@")
	if plain, _, tagged := strings.Cut(local, "+"); tagged && plain != "" {
		local = plain
	}
	if host == "gmail.com" || host == "googlemail.com" {
		local, host = strings.ReplaceAll(local, ".", ""), "gmail.com"
	}
	if ok {
		t = local + "@" + host
	}
	return value{text: t, alt: t[:len(local)]}
}

// streetWords are the words of addresses that are written in several ways.
var streetWords = map[string]string{
	"street": "st", "saint": "st", "road": "rd", "avenue": "ave", "av": "ave", "lane": "ln", "drive": "dr", "court": "ct", "crt": "ct", "place": "pl",
	"crescent": "cres", "cr": "cres", "circuit": "cct", "close": "cl", "terrace": "tce", "ter": "tce", "boulevard": "blvd", "highway": "hwy",
	"parade": "pde", "square": "sq", "apartment": "apt", "unit": "apt", "flat": "apt", "suite": "ste", "building": "bldg", "floor": "fl",
	"north": "n", "south": "s", "east": "e", "west": "w", "strasse": "str", "straße": "str", "mount": "mt", "grove": "gr", "parkway": "pkwy",
}

// hanUnits end the parts of a Chinese address, from the province down.
var hanUnits = strings.NewReplacer("自治区", "省", "特别行政区", "省", "自治州", "市", "地区", "市", "大街", "街", "大道", "路", "号楼", "栋", "号院", "号", "幢", "栋", "座", "栋", "房间", "室", "房", "室", "门牌", "", "第", "")

func addressForm(raw string) value {
	t := fold(raw)
	if hasHan(t) {
		return hanAddress(t)
	}
	words := strings.Fields(t)
	var name, numbers []string
	for i, w := range words {
		if short, ok := streetWords[w]; ok {
			words[i], w = short, short
		}
		if w[0] >= '0' && w[0] <= '9' {
			numbers = append(numbers, w)
		} else {
			name = append(name, w)
		}
	}
	return value{text: strings.Join(words, " "), alt: strings.Join(name, " "), tail: strings.Join(numbers, " ")}
}

// hanDigits are the numbers of lanes and floors as words.
var hanDigits = strings.NewReplacer("一", "1", "二", "2", "三", "3", "四", "4", "五", "5", "六", "6", "七", "7", "八", "8", "九", "9", "〇", "0", "零", "0")

// hanAddress takes province, city and district off the front (one writes them, another does not) and sets the
// numbers apart: alt is road and compound, tail the numbers.
func hanAddress(t string) value {
	t = hanUnits.Replace(squeeze(t))
	detail := t
	for _, unit := range []string{"省", "市", "区", "县"} {
		if i := strings.Index(detail, unit); i > 0 && utf8.RuneCountInString(detail[:i]) <= 8 && i+len(unit) < len(detail) {
			detail = detail[i+len(unit):]
		}
	}
	var name strings.Builder
	var numbers []string
	for _, piece := range splitNumbers(hanNumbers(detail)) {
		if piece[0] >= '0' && piece[0] <= '9' {
			numbers = append(numbers, piece)
		} else {
			name.WriteString(piece)
		}
	}
	alt := strings.NewReplacer("号", "", "栋", "", "室", "", "单元", "", "弄", "", "楼", "", "层", "").Replace(name.String())
	return value{text: t, alt: alt, tail: strings.Join(numbers, " ")}
}

// hanNumbers writes 三单元 as 3单元; road names keep their numerals (五一路, 三里屯).
func hanNumbers(s string) string {
	for _, unit := range []string{"单元", "栋", "室", "号", "楼", "层"} {
		for from := 0; ; {
			i := strings.Index(s[from:], unit)
			if i < 0 {
				break
			}
			i += from
			if r, size := utf8.DecodeLastRuneInString(s[:i]); strings.ContainsRune("一二三四五六七八九", r) {
				s = s[:i-size] + hanDigits.Replace(string(r)) + s[i:]
				i -= size - 1
			}
			from = i + len(unit)
		}
	}
	return s
}

// splitNumbers cuts a text between digits and others.
func splitNumbers(s string) []string {
	var pieces []string
	begin := 0
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	for i := 1; i <= len(s); i++ {
		if i == len(s) || digit(s[i]) != digit(s[i-1]) {
			if begin < i {
				pieces = append(pieces, s[begin:i])
			}
			begin = i
		}
	}
	return pieces
}

// codesOf finds model numbers in a text: words that mix letters and digits, joined by dashes or not, and long
// numbers. They are sorted and joined by blanks.
func codesOf(raw string) string {
	var codes []string
	for _, w := range strings.FieldsFunc(raw, func(r rune) bool {
		return r == ' ' || r == ',' || r == ';' || r == '(' || r == ')' || r == '/' || r == '"' || r == ':' || isHan(r)
	}) {
		code := squeeze(fold(w))
		digits := len(digitsOf(code))
		letters := 0
		for i := range len(code) {
			if code[i] >= 'a' && code[i] <= 'z' {
				letters++
			}
		}
		if len(code) >= 4 && len(code) <= 24 && digits >= 2 && (letters >= 1 || digits >= 5) && !measure(code, letters) && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

// measure tells 1080p, 500gb and 100mbps from model numbers: digits, then a short unit.
func measure(code string, letters int) bool {
	if letters > 4 {
		return false
	}
	unit := strings.TrimLeft(code, "0123456789")
	return len(unit) == letters && len(unit) < len(code) && slices.Contains([]string{
		"p", "i", "gb", "mb", "tb", "kb", "ghz", "mhz", "hz", "khz", "mbps", "gbps", "kbps", "mah", "ml", "mm", "cm", "kg", "in", "inch", "ft", "w", "v", "watt", "watts", "btu", "mp", "rpm", "nm", "dpi", "x", "th", "s",
	}, unit)
}
