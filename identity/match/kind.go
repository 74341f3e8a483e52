package match

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is what a column holds. It decides how values are brought into one form, which degrees of agreement there
// are, and which keys find pairs.
type Kind string

// The kinds.
const (
	Ignored  Kind = "ignored"    // not compared
	Given    Kind = "given_name" // of a person; may have changed places with the family name
	Family   Kind = "family_name"
	Name     Kind = "name" // full name of a person or a company
	Phone    Kind = "phone"
	Email    Kind = "email"
	Address  Kind = "address"  // a street with or without its number, or all of it in one text
	Place    Kind = "place"    // city, district, state, and other short words of few values
	Postcode Kind = "postcode" // also house numbers and other short codes
	Date     Kind = "date"     // of birth
	Plate    Kind = "plate"
	ID       Kind = "id" // a number that somebody gave: passport, social security, member
	Number   Kind = "number"
	Year     Kind = "year"
	Text     Kind = "text" // titles, products, lists of names: many words
)

// Kinds returns all kinds, for those who choose.
func Kinds() []Kind {
	return []Kind{Ignored, Given, Family, Name, Phone, Email, Address, Place, Postcode, Date, Plate, ID, Number, Year, Text}
}

// Column is a column of the records.
type Column struct {
	Name string `json:"name" yaml:"name"`
	Kind Kind   `json:"kind" yaml:"kind"`
	// Reason says why it was taken for this kind; empty when somebody said so.
	Reason string `json:"reason,omitempty" yaml:"-"`
}

// Separator stands between the values of a column that has several: the phones of a person. Two records agree as
// well as the best pair of their values.
const Separator = "\x1f"

// headers are words in the name of a column that say what is in it. The first that fits counts, so longer and rarer
// ones come first.
var headers = []struct {
	kind  Kind
	words []string
}{
	{Email, []string{"email", "e mail", "mail", "邮箱", "邮件"}},
	{Phone, []string{"phone", "mobile", "tel", "telephone", "cell", "msisdn", "fax", "手机", "电话", "联系方式"}},
	{Plate, []string{"plate", "license plate", "licence plate", "registration", "车牌"}},
	{Date, []string{"birth", "dob", "birthday", "birthdate", "date of birth", "born", "生日", "出生", "date"}},
	{Postcode, []string{"postcode", "zip", "zipcode", "postal", "plz", "邮编", "street number", "house number", "streetnumber", "门牌"}},
	{ID, []string{"ssn", "soc sec", "passport", "national id", "id number", "tax", "vin", "id card", "sku", "isbn", "ean", "upc", "barcode", "model number", "modelno", "身份证", "证件", "会员号", "车架号"}},
	{Given, []string{"given", "first name", "firstname", "forename", "fname", "given name", "名字"}},
	{Family, []string{"surname", "last name", "lastname", "family name", "familyname", "lname", "姓氏"}},
	{Address, []string{"address", "addr", "street", "road", "地址", "住址", "街道"}},
	{Place, []string{"city", "suburb", "town", "state", "province", "county", "country", "region", "district", "gender", "sex", "category", "brand", "manufacturer", "venue", "城市", "省份", "省", "市", "区", "性别", "品牌", "类别"}},
	{Year, []string{"year", "yob", "年份", "年"}},
	{Number, []string{"price", "amount", "cost", "weight", "价格", "金额", "售价"}},
	{Text, []string{"title", "description", "authors", "author", "product", "comment", "标题", "描述", "商品", "作者"}},
	{Name, []string{"name", "fullname", "full name", "姓名", "客户", "联系人"}},
}

var (
	emailShape   = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	mobileShape  = regexp.MustCompile(`^(\+?86)?1[3-9]\d{9}$`)
	plateShape   = regexp.MustCompile(`^[\p{Han}][A-Za-z][·.\- ]?[A-Za-z0-9]{5,6}$`)
	yearShape    = regexp.MustCompile(`^(1[6-9]|20)\d\d(\.0)?$`)
	hanNameShape = regexp.MustCompile(`^\p{Han}{2,4}$`)
	hanPlace     = regexp.MustCompile(`[省市区县镇乡路街巷弄号室栋]`)
	streetWord   = regexp.MustCompile(`(?i)\b(street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|place|pl|crescent|circuit|close|way|blvd|boulevard|strasse|straße|rue|calle|via)\b\.?`)
)

// shape counts what the values of a column look like.
type shape struct {
	filled, words, distinct, runes              int
	email, date, mobile, phone, plate, year     int
	number, hanName, hanPlace, street, code, id int
}

func shapeOf(values []string) shape {
	var s shape
	seen := make(map[string]struct{})
	for _, v := range values {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		seen[v] = struct{}{}
		s.add(v)
	}
	s.distinct = len(seen)
	return s
}

func (s *shape) add(v string) {
	is := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	digits := digitsOf(v)
	bare := strings.Trim(v, "+0123456789 -()./")
	s.filled++
	s.words += len(strings.Fields(v))
	s.runes += utf8.RuneCountInString(v)
	is(&s.email, emailShape.MatchString(v))
	_, dated := dateOf(v)
	is(&s.date, dated)
	is(&s.mobile, mobileShape.MatchString(strings.NewReplacer(" ", "", "-", "").Replace(v)))
	is(&s.phone, bare == "" && len(digits) >= 7 && len(digits) <= 15 && (v[0] == '+' || v[0] == '0' || v[0] == '(' || strings.ContainsAny(v, "-( ")))
	is(&s.plate, plateShape.MatchString(v))
	is(&s.year, yearShape.MatchString(v))
	_, numbered := numberOf(v)
	is(&s.number, numbered)
	is(&s.hanName, hanNameShape.MatchString(v))
	is(&s.hanPlace, hasHan(v) && hanPlace.MatchString(v) && len(v) > 12)
	is(&s.street, streetWord.MatchString(v))
	is(&s.code, len(digits) > 0 && len(strings.Fields(v)) == 1)
	is(&s.id, len(digits) >= 5 && len(strings.Fields(v)) == 1)
}

// Guess says what the columns hold, from their names and from a sample of rows. What a column's name says counts
// when its values do not speak against it.
func Guess(names []string, sample [][]string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		values := make([]string, 0, len(sample))
		for _, row := range sample {
			if i < len(row) {
				values = append(values, row[i])
			}
		}
		columns[i] = guess(name, shapeOf(values))
	}
	return columns
}

func guess(name string, s shape) Column {
	most := func(n int) bool { return n*10 >= s.filled*8 }
	byName := kindByName(name)
	why := func(kind Kind, reason string) Column { return Column{name, kind, reason} }
	switch {
	case s.filled == 0:
		return why(Ignored, "it is empty")
	case isKeyName(name) && s.distinct == s.filled:
		return why(Ignored, "it numbers the rows")
	case s.distinct == 1 && s.filled > 20:
		return why(Ignored, "it always says the same")
	case most(s.email):
		return why(Email, "its values are e-mail addresses")
	case byName == Phone && fits(Phone, s):
		return why(Phone, "its name says so")
	case most(s.mobile) || most(s.phone) && byName == "":
		return why(Phone, "its values are phone numbers")
	case most(s.plate):
		return why(Plate, "its values are number plates")
	case most(s.year) && byName != ID && byName != Postcode:
		return why(Year, "its values are years")
	case most(s.date) && byName != ID:
		return why(Date, "its values are dates")
	case byName != "" && fits(byName, s):
		return why(refine(byName, s), "its name says so")
	}
	return byShape(name, s)
}

func byShape(name string, s shape) Column {
	most := func(n int) bool { return n*10 >= s.filled*8 }
	few := s.distinct*20 < s.filled || s.distinct <= 3
	switch {
	case s.hanPlace*2 >= s.filled, s.street*2 >= s.filled:
		return Column{name, Address, "its values are addresses"}
	case most(s.hanName) && !few:
		return Column{name, Name, "its values are Chinese names"}
	case most(s.number) && !few && !most(s.id):
		return Column{name, Number, "its values are numbers"}
	case most(s.id):
		return Column{name, ID, "its values are codes"}
	case most(s.code):
		return Column{name, Postcode, "its values are short codes"}
	case s.words >= 4*s.filled || s.runes >= 40*s.filled:
		return Column{name, Text, "its values have many words"}
	case few:
		return Column{name, Place, "it has few different values"}
	case s.words*10 >= s.filled*15:
		return Column{name, Name, "its values are a few words"}
	}
	return Column{name, Place, "its values are short"}
}

// fits tells whether what the name of a column says may be true of its values.
func fits(k Kind, s shape) bool {
	switch k {
	case Email:
		return s.email*2 >= s.filled
	case Phone:
		return (s.phone+s.mobile+s.id)*2 >= s.filled
	case Date:
		return s.date*2 >= s.filled
	case Year:
		return s.year*2 >= s.filled
	case Number:
		return s.number*2 >= s.filled
	case Plate:
		return s.code*2 >= s.filled
	}
	return true
}

// refine corrects what a name leaves open: the name of a product is text, a venue may be a sentence.
func refine(k Kind, s shape) Kind {
	switch {
	case k == Name && s.words >= 4*s.filled:
		return Text
	case k == Place && s.words >= 4*s.filled:
		return Text
	case k == Text && s.words <= 2*s.filled && s.runes <= 20*s.filled:
		return Place
	}
	return k
}

func kindByName(name string) Kind {
	padded := " " + headerWords(name) + " "
	for _, h := range headers {
		for _, word := range h.words {
			if hasHan(word) && strings.Contains(padded, word) || strings.Contains(padded, " "+word+" ") {
				return h.kind
			}
		}
	}
	return ""
}

// headerWords writes "dateOfBirth", "date_of_birth" and "Date of birth" alike.
func headerWords(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if r >= 'A' && r <= 'Z' && lower {
			b.WriteByte(' ')
		}
		lower = r >= 'a' && r <= 'z'
		b.WriteRune(r)
	}
	words := strings.Fields(fold(b.String()))
	for i, w := range words {
		words[i] = strings.TrimRight(w, "0123456789")
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

func isKeyName(name string) bool {
	words := strings.Fields(headerWords(name))
	return slices.Contains([]string{"id", "rec id", "record id", "unique id", "uid", "uuid", "key", "row", "index", "编号", "序号"}, strings.Join(words, " "))
}

// dateOf reads a day as eight digits, year first. What cannot be a day (month 13) but is written as one stays, as a typing
// error must still be alike to what was meant.
func dateOf(v string) (string, bool) {
	v, _, _ = strings.Cut(strings.TrimSpace(v), "T")
	parts := strings.FieldsFunc(v, func(r rune) bool { return r < '0' || r > '9' })
	switch {
	case len(parts) == 1 && len(parts[0]) == 8 && len(v) == 8:
		if century := parts[0][:2]; century >= "17" && century <= "21" {
			return parts[0], true
		}
		if century := parts[0][4:6]; century == "19" || century == "20" { // day first
			return parts[0][4:] + parts[0][2:4] + parts[0][:2], true
		}
		return "", false
	case len(parts) < 3:
		return "", false
	}
	y, m, d := parts[0], parts[1], parts[2]
	if len(y) < 4 {
		y, d = d, y
		if n, _ := strconv.Atoi(m); n > 12 { // month first
			m, d = d, m
		}
	}
	if len(y) != 4 || len(m) > 2 || len(d) > 2 || !strings.ContainsAny(v, "-/.年 ") {
		return "", false
	}
	return y + two(m) + two(d), true
}

func two(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}

// numberOf reads a number with what stands around it: "$1,299.00", "￥99".
func numberOf(v string) (float64, bool) {
	v = strings.TrimFunc(strings.TrimSpace(v), func(r rune) bool {
		return r == '$' || r == '€' || r == '£' || r == '¥' || r == '￥' || r == '元' || r == ' '
	})
	n, err := strconv.ParseFloat(strings.ReplaceAll(v, ",", ""), 64)
	return n, err == nil
}
