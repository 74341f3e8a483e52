package access

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Class is what sort of personal data a field holds.
type Class string

// The classes of fields. NoClass is none, or nobody knows of one.
const (
	NoClass  Class = ""
	Phone    Class = "phone"
	Email    Class = "email"
	IDCard   Class = "id_card" // of the People's Republic
	Plate    Class = "plate"
	VIN      Class = "vin"
	BankCard Class = "bank_card"
	Location Class = "location"
)

// Classes lists the classes. Do not change it.
func Classes() []Class { return classNames }

var (
	classNames   = []Class{Phone, Email, IDCard, Plate, VIN, BankCard, Location}
	classNumbers = map[Class]class{Phone: phone, Email: email, IDCard: idCard, Plate: plate, VIN: vin, BankCard: bankCard, Location: location}
)

// NamedClass is the class that a field's name tells, whatever is known of its values.
func NamedClass(name string) Class {
	number := classOf(name)
	for _, c := range classNames {
		if number != none && number == classNumbers[c] {
			return c
		}
	}
	return NoClass
}

// Fields is which fields hold personal data although their names say nothing. A nil one has none. It may be
// used by several goroutines.
type Fields struct {
	all atomic.Pointer[map[string]Class]
}

// NewFields makes one of names of traits, properties and columns, with their classes.
func NewFields(of map[string]Class) *Fields {
	f := &Fields{}
	f.Set(of)
	return f
}

// Set takes other fields; the map belongs to f from then on.
func (f *Fields) Set(of map[string]Class) { f.all.Store(&of) }

// All returns the fields with their classes. Do not change it.
func (f *Fields) All() map[string]Class {
	if f == nil || f.all.Load() == nil {
		return nil
	}
	return *f.all.Load()
}

func (f *Fields) of(name string) class { return classNumbers[f.All()[name]] }

// FormOf is the class that a value has by its form. Of a number between two limits the form says little, so
// a latitude or longitude alone is known by its field's name, too.
func FormOf(name string, value touchstone.JSON) Class {
	v := gjson.Parse(string(value))
	switch {
	case v.Type == gjson.String:
		return formOfText(strings.TrimSpace(narrow(v.Str)))
	case v.Type == gjson.Number:
		if axisOf(name) != 0 && isAxis(v.Raw, axisOf(name)) {
			return Location
		}
		if strings.ContainsAny(v.Raw, ".eE-") {
			return NoClass
		}
		return formOfText(v.Raw)
	case v.IsObject():
		axes, good := 0, true
		v.ForEach(func(key, of gjson.Result) bool {
			if axis := axisOf(key.Str); axis != 0 {
				axes++
				good = good && isAxis(of.String(), axis)
			}
			return true
		})
		if axes == 2 && good {
			return Location
		}
	case v.IsArray():
		if pair := v.Array(); len(pair) == 2 && pair[0].Type == gjson.Number && pair[1].Type == gjson.Number {
			return formOfText(pair[0].Raw + "," + pair[1].Raw)
		}
	}
	return NoClass
}

func formOfText(s string) Class {
	switch {
	case s == "" || len(s) > 254:
	case isEmail(s):
		return Email
	case isIDCard(s):
		return IDCard
	case len(s) == 17 && isVIN(s) && vinSum(s):
		return VIN
	case isCardNumber(s):
		return BankCard
	case len(s) <= maxPhoneBytes && onlyPhone(s):
		return Phone
	case isPlate(s):
		return Plate
	case isPair(s):
		return Location
	}
	return NoClass
}

func isEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && strings.LastIndexByte(s, '.') > at+1 && s[len(s)-1] != '.' && strings.Count(s, "@") == 1 && !strings.ContainsAny(s, " ,;:/<>()[]\"\\")
}

func onlyPhone(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) && !isSeparator(s[i]) && (i > 0 || s[i] != '+') {
			return false
		}
	}
	return isPhone(s)
}

func isPlate(s string) bool {
	for _, r := range provinces {
		if rest, ok := strings.CutPrefix(s, string(r)); ok {
			return plateEnd(s, len(s)-len(rest)) == len(s)
		}
	}
	return false
}

// isIDCard checks 18 digits, of which the last may be an X: province, day of birth, and the sum of GB 11643.
func isIDCard(s string) bool {
	if len(s) != 18 || s[0] < '1' || s[0] > '8' || countDigits(s[:17]) != 17 {
		return false
	}
	if born, err := time.Parse("20060102", s[6:14]); err != nil || born.Year() < 1900 || born.Year() > 2100 {
		return false
	}
	sum, weight := 0, 1 // the weights are powers of two modulo 11, from the right
	for i := 16; i >= 0; i-- {
		weight = weight * 2 % 11
		sum += weight * int(s[i]-'0')
	}
	return "10X98765432"[sum%11] == s[17] || s[17] == 'x' && sum%11 == 2
}

// vinSum checks the ninth character of a chassis number by ISO 3779.
func vinSum(s string) bool {
	const values = "12345678.12345.7.923456789" // of A to Z
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	s, sum := strings.ToUpper(s), 0
	for i := range s {
		n := int(s[i] - '0')
		if !isDigit(s[i]) {
			n = int(values[s[i]-'A'] - '0')
		}
		sum += n * weights[i]
	}
	return "0123456789X"[sum%11] == s[8]
}

// isCardNumber checks the length and beginning of bank cards, and Luhn's sum.
func isCardNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) && s[i] != ' ' && s[i] != '-' {
			return false
		}
	}
	d := digitsOf(s)
	switch {
	case len(d) == 15 && (strings.HasPrefix(d, "34") || strings.HasPrefix(d, "37")):
	case len(d) >= 16 && len(d) <= 19 && d[0] >= '2' && d[0] <= '6':
	default:
		return false
	}
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return sum%10 == 0
}

// minDecimals of a coordinate: a hundred metres. Fewer may be a price, or say where a city is.
const minDecimals = 3

// isPair tells "31.2304,121.4737", in either order.
func isPair(s string) bool {
	a, b, ok := strings.Cut(s, ",")
	if !ok {
		return false
	}
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	return isAxis(a, 90) && isAxis(b, 180) || isAxis(a, 180) && isAxis(b, 90)
}

// axisOf tells by its name whether a field is a latitude (90) or a longitude (180); 0: neither.
func axisOf(name string) float64 {
	switch strings.ToLower(name[strings.LastIndexAny(name, "._")+1:]) {
	case "lat", "latitude", "纬度":
		return 90
	case "lng", "lon", "long", "longitude", "经度":
		return 180
	}
	return 0
}

func isAxis(s string, most float64) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && math.Abs(f) <= most && len(s)-strings.IndexByte(s, '.') > minDecimals && strings.IndexByte(s, '.') >= 0
}
