package household

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tidwall/gjson"
)

// place is an address in parts, each in one form whatever its script, case and order.
type place struct {
	number, street, unit, town string
}

// key names the place; "" when it says too little to tell one home from another.
func (p *place) key() string {
	if p.street == "" && p.number == "" || p.number == "" && p.unit == "" {
		return ""
	}
	return p.number + "|" + p.street + "|" + p.unit + "|" + p.town
}

// readPlace reads an address that is a text, or an object with the usual members.
func readPlace(v gjson.Result) place {
	if v.Type == gjson.String {
		return parsePlace(v.Str)
	}
	if !v.IsObject() {
		return place{}
	}
	first := func(names ...string) string {
		for _, n := range names {
			if m := v.Get(n); m.Type == gjson.String || m.Type == gjson.Number {
				if t := strings.TrimSpace(m.String()); t != "" {
					return t
				}
			}
		}
		return ""
	}
	line := first("street", "line1", "address1", "street_address", "detail")
	name, number := first("street_name"), first("street_number", "house_number")
	unit := first("unit", "unit_number", "line2", "address2", "apartment", "room")
	town := first("city", "town")
	if name == "" && number == "" {
		p := parsePlace(strings.TrimSpace(first("district", "county") + line))
		if unit != "" {
			p.unit = unitOf(unit)
		}
		if t := townOf(town); t != "" {
			p.town = t
		}
		return p
	}
	if line != "" && name == "" {
		name = line
	}
	return place{number: compact(number), street: streetOf(name), unit: unitOf(unit), town: townOf(town)}
}

// parsePlace reads an address in one line.
func parsePlace(s string) place {
	s = plain(s)
	if strings.IndexFunc(s, isHan) >= 0 {
		return parseHan(s)
	}
	return parseLatin(s)
}

// plain brings a text into half-width lower case without accents.
func plain(s string) string {
	s = norm.NFKD.String(s)
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	return strings.TrimSpace(s)
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

// compact leaves letters and digits.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, plain(s))
}

func townOf(s string) string {
	s = compact(s)
	for _, suffix := range []string{"特别行政区", "自治州", "地区", "市"} {
		if t := strings.TrimSuffix(s, suffix); t != "" {
			s = t
		}
	}
	return s
}

// hanEndings are what parts of a Chinese address end with, each with the form that is kept.
var hanEndings = []struct{ text, kept string }{
	{"号楼", "栋"}, {"幢", "栋"}, {"座", "栋"}, {"楼栋", "栋"}, {"栋", "栋"}, {"单元", "单元"}, {"门", "单元"},
	{"室", "室"}, {"房", "室"}, {"户", "室"}, {"号", "号"}, {"弄", "弄"}, {"巷", "弄"}, {"层", "层"}, {"楼", "层"},
}

var hanDigits = map[rune]int{'〇': 0, '零': 0, '一': 1, '二': 2, '两': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9}

// provinces and towns are names that many leave 省 and 市 off.
var (
	provinces = []string{"河北", "山西", "辽宁", "吉林", "黑龙江", "江苏", "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南", "广东", "海南", "四川", "贵州", "云南",
		"陕西", "甘肃", "青海", "内蒙古", "广西", "西藏", "宁夏", "新疆"}
	towns = []string{"北京", "上海", "天津", "重庆", "广州", "深圳", "杭州", "南京", "苏州", "成都", "武汉", "西安", "长沙", "郑州", "青岛", "济南", "大连", "沈阳", "宁波", "厦门", "福州",
		"合肥", "无锡", "佛山", "东莞", "昆明", "哈尔滨", "长春", "石家庄", "太原", "南昌", "贵阳", "南宁", "海口", "兰州", "乌鲁木齐", "呼和浩特", "银川", "西宁", "拉萨", "香港", "澳门"}
)

// parseHan reads 省市区, road and numbers. What names the province is left out, because only
// some write it; the town and the district lose their endings for the same reason.
func parseHan(s string) place {
	s = arabic(compact(s))
	s = strings.TrimPrefix(s, "中国")
	var p place
	if i := cut(s, "省", 9); i > 0 {
		s = s[i:]
	} else if i := cut(s, "自治区", 9); i > 0 {
		s = s[i:]
	}
	for _, province := range provinces {
		if rest, ok := strings.CutPrefix(s, province); ok && !strings.HasPrefix(rest, "路") && !strings.HasPrefix(rest, "市") {
			s = strings.TrimPrefix(rest, "省")
			break
		}
	}
	for i := cut(s, "市", 8); i > 0; i = cut(s, "市", 8) { // 上海市上海市
		p.town, s = townOf(s[:i]), s[i:]
	}
	for _, town := range towns { // 上海浦东新区
		if rest, ok := strings.CutPrefix(s, town); ok && p.town == "" && !strings.HasPrefix(rest, "路") {
			p.town, s = town, rest
			break
		}
	}
	if i := cut(s, "区", 6); i > 0 {
		s = s[i:] // the road with its number tells districts of a town apart
	} else if i := cut(s, "县", 6); i > 0 {
		s = s[i:]
	}
	// The road is what stands before the first number.
	digit := strings.IndexFunc(s, unicode.IsDigit)
	if digit < 0 {
		p.street = s
		return p
	}
	p.street = s[:digit]
	var numbers, units []string
	last := ""
	for rest := s[digit:]; rest != ""; {
		n := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsDigit(r) && (r < 'a' || r > 'z') })
		if n < 0 {
			n = len(rest)
		}
		number, text := strings.TrimLeft(rest[:n], "0"), rest[n:]
		next := strings.IndexFunc(text, func(r rune) bool { return unicode.IsDigit(r) || r >= 'a' && r <= 'z' })
		if next < 0 {
			next = len(text)
		}
		ending := endingOf(text[:next])
		rest = text[next:]
		switch {
		case number == "" && ending == "":
		case ending == "弄" || ending == "号" && len(units) == 0:
			numbers = append(numbers, number)
		case ending == "室" || ending == "" && last != "":
			units = append(units, number)
		default:
			units = append(units, number)
		}
		last = ending
	}
	p.number, p.unit = strings.Join(numbers, "-"), strings.Join(units, "-")
	if p.number == "" && len(units) > 0 {
		p.number, p.unit = units[0], strings.Join(units[1:], "-")
	}
	return p
}

func endingOf(text string) string {
	for _, e := range hanEndings {
		if strings.HasPrefix(text, e.text) {
			return e.kept
		}
	}
	return ""
}

// cut returns where the first part that ends so is over, if it has 2 to most runes; else 0.
func cut(s, ending string, most int) int {
	i := strings.Index(s, ending)
	if i <= 0 {
		return 0
	}
	if n := len([]rune(s[:i])); n < 2 || n > most {
		return 0
	}
	if strings.IndexFunc(s[:i], unicode.IsDigit) >= 0 {
		return 0
	}
	return i + len(ending)
}

// arabic writes Chinese numerals that stand before an ending of an address as digits:
// 十二号 is 12号, 三单元 is 3单元. Names keep theirs: 三里屯.
func arabic(s string) string {
	r := []rune(s)
	var b strings.Builder
	for i := 0; i < len(r); {
		n, to := hanNumber(r[i:])
		if to > 0 && endingOf(string(r[i+to:])) != "" {
			b.WriteString(itoa(n))
			i += to
			continue
		}
		b.WriteRune(r[i])
		i++
	}
	return b.String()
}

// hanNumber reads a numeral below 10,000 and returns how many runes it has.
func hanNumber(r []rune) (n, length int) {
	total, digit, unit, plainDigits := 0, 0, false, 0
	for length < len(r) && length < 8 {
		c := r[length]
		if d, ok := hanDigits[c]; ok {
			if !unit {
				plainDigits = plainDigits*10 + d
			}
			digit = d
			length++
			continue
		}
		of := map[rune]int{'十': 10, '百': 100, '千': 1000}[c]
		if of == 0 {
			break
		}
		unit = true
		total += max(digit, 1) * of
		digit = 0
		length++
	}
	if !unit {
		return plainDigits, length
	}
	return total + digit, length
}

// latinWords are words of streets, each with the form that is kept.
var latinWords = map[string]string{
	"street": "st", "str": "st", "avenue": "ave", "av": "ave", "road": "rd", "drive": "dr", "lane": "ln", "boulevard": "blvd", "court": "ct", "place": "pl",
	"square": "sq", "terrace": "ter", "highway": "hwy", "parkway": "pkwy", "circle": "cir", "trail": "trl", "mount": "mt", "saint": "st", "strasse": "st", "straße": "st",
	"north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
}

var unitWords = []string{"apartment", "apt", "unit", "suite", "ste", "room", "rm", "flat", "floor", "fl", "no", "lot"}

func words(s string) []string {
	return strings.FieldsFunc(plain(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func streetOf(s string) string {
	if strings.IndexFunc(s, isHan) >= 0 {
		return compact(s)
	}
	list := words(s)
	for i, w := range list {
		if short, ok := latinWords[w]; ok {
			list[i] = short
		}
	}
	return strings.Join(list, " ")
}

func unitOf(s string) string {
	if strings.IndexFunc(s, isHan) >= 0 {
		p := parseHan(s)
		return strings.Trim(p.number+"-"+p.unit, "-")
	}
	list := words(s)
	list = slices.DeleteFunc(list, func(w string) bool { return slices.Contains(unitWords, w) })
	return strings.TrimLeft(strings.Join(list, ""), "0")
}

// parseLatin reads "12 Main Street, Apt 4, Springfield, 12345" in its usual orders: the
// number before the street, or behind it.
func parseLatin(s string) place {
	var p place
	parts := strings.Split(strings.ReplaceAll(s, "#", " unit "), ",")
	street := words(parts[0])
	for i, w := range street { // a unit within the line
		if i > 0 && slices.Contains(unitWords, w) && w != "no" && i+1 < len(street) {
			p.unit, street = strings.TrimLeft(strings.Join(street[i+1:], ""), "0"), street[:i]
			break
		}
	}
	for i, w := range street {
		if w[0] >= '0' && w[0] <= '9' && (i == 0 || i == len(street)-1) && !ordinal(w) {
			p.number = w
			street = slices.Delete(slices.Clone(street), i, i+1)
			break
		}
	}
	p.street = streetOf(strings.Join(street, " "))
	for _, part := range parts[1:] {
		list := words(part)
		switch {
		case len(list) == 0:
		case p.unit == "" && slices.Contains(unitWords, list[0]):
			p.unit = unitOf(part)
		case p.town == "" && !strings.ContainsFunc(part, unicode.IsDigit):
			p.town = compact(part)
		}
	}
	return p
}

// ordinal tells 145th from 145.
func ordinal(w string) bool {
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		if strings.HasSuffix(w, suffix) {
			return true
		}
	}
	return false
}
