package rule

import (
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// Operators of texts, lists, versions and places.
const (
	NotContains Op = "not_contains"
	EndsWith    Op = "ends_with"

	// Matches looks for a regular expression (RE2) anywhere in the text. A text of more than [MaxMatched] characters matches none.
	Matches    Op = "matches"
	NotMatches Op = "not_matches"

	// A value that is a list is compared element by element as by [Eq]; any other is a list of one. Elements that are null are not there.
	HasAny  Op = "has_any"
	HasAll  Op = "has_all"
	HasNone Op = "has_none"

	// A version is up to eight numbers of at most nine digits with points between them; a v before it and what follows the numbers
	// is not looked at. Missing numbers are 0. What is no version passes none.
	VersionEq  Op = "version_eq"
	VersionGt  Op = "version_gt"
	VersionGte Op = "version_gte"
	VersionLt  Op = "version_lt"
	VersionLte Op = "version_lte"

	// Near holds for a place, {"lat":…,"lng":…} or "31.23,121.47", that is no farther away than so many kilometres as the crow flies.
	Near Op = "near"
)

// The bounds of the operators.
const (
	MaxElements = 100 // values of one has_any, has_all or has_none

	MaxPatterns     = 10    // regular expressions of one rule
	MaxPattern      = 200   // bytes of one
	MaxInstructions = 1_000 // of the program that it becomes, which bounds its memory and its time per character
	MaxMatched      = 4_096 // characters of a text that is matched

	MaxKilometres = 20_038 // half around the earth
	earthRadius   = 6371.0088
)

// Listed tells of an operator that compares with a list.
func (op Op) Listed() bool {
	return slices.Contains([]Op{In, NotIn, HasAny, HasAll, HasNone}, op)
}

// prepared is what a test has made of its values to be quick.
type prepared struct {
	pattern  *regexp.Regexp
	version  string
	lat, lng float64
	cosine   float64 // of lat
	most     float64 // of the haversine
	clock    clock
}

func (t *Test) prepare() *prepared {
	if len(t.Values) == 0 || t.Op == Near && len(t.Values) < 3 { // exists, or a mistake that has been told
		return nil
	}
	switch t.Op {
	case Matches, NotMatches:
		if p, err := regexp.Compile(t.Values[0].Text); err == nil { // it was tried when the rule was read
			return &prepared{pattern: p}
		}
		return &prepared{}
	case VersionEq, VersionGt, VersionGte, VersionLt, VersionLte:
		key, _ := versionKey(t.Values[0].Text)
		return &prepared{version: key}
	case Near:
		lat, lng, half := t.Values[0].Number, t.Values[1].Number, t.Values[2].Number/(2*earthRadius)
		most := math.Pow(math.Sin(min(half, math.Pi/2)), 2)
		return &prepared{lat: lat, lng: lng, cosine: math.Cos(radians(lat)), most: most}
	}
	if slices.Contains(clockOps, t.Op) {
		return &prepared{clock: t.clock()}
	}
	return nil
}

func (r *prepared) matches(text string) bool {
	return r.pattern != nil && (len(text) <= MaxMatched || utf8.RuneCountInString(text) <= MaxMatched) && r.pattern.MatchString(text)
}

// pattern checks a regular expression.
func (p *parser) pattern(at, text string) {
	if p.patterns++; p.patterns > MaxPatterns {
		p.fail(at, "is one more than the %d regular expressions allowed", MaxPatterns)
		return
	}
	if len(text) > MaxPattern {
		p.fail(at, "a regular expression has at most %d bytes", MaxPattern)
		return
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		p.fail(at, "is not a regular expression (RE2): %v", err)
		return
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > MaxInstructions {
		p.fail(at, "is too large a regular expression; repeat less, or fewer times")
	}
}

// elements calls fn for what a list holds, until it returns false.
func elements(v gjson.Result, fn func(gjson.Result) bool) {
	if !v.IsArray() {
		fn(v)
		return
	}
	v.ForEach(func(_, e gjson.Result) bool { return e.Type == gjson.Null || fn(e) })
}

func (t *Test) hasAny(v gjson.Result) (found bool) {
	elements(v, func(e gjson.Result) bool {
		found = t.listed(e)
		return !found
	})
	return found
}

func (t *Test) hasAll(v gjson.Result) bool {
	missing := t.Values
	elements(v, func(e gjson.Result) bool {
		if slices.ContainsFunc(missing, func(want Value) bool { return want.equal(e) }) {
			missing = slices.DeleteFunc(slices.Clone(missing), func(want Value) bool { return want.equal(e) })
		}
		return len(missing) > 0
	})
	return len(missing) == 0
}

// Versions is the regular expression, for every engine, of a version; its first group are the numbers.
const Versions = `(?s)^[vV]?([0-9]{1,9}(?:\.[0-9]{1,9}){0,7})(?:[^0-9.].*)?$`

var versions = regexp.MustCompile(Versions)

// versionKey makes of a version a text that is before that of a later one: its eight numbers of nine digits.
func versionKey(text string) (key string, ok bool) {
	found := versions.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	numbers := strings.Split(found[1], ".")
	var b strings.Builder
	for i := range 8 {
		number := ""
		if i < len(numbers) {
			number = numbers[i]
		}
		b.WriteString("000000000"[len(number):] + number)
	}
	return b.String(), true
}

// VersionKey is what the test's version becomes, as every engine compares them: eight numbers of nine digits.
func (t *Test) VersionKey() string {
	key, _ := versionKey(t.Values[0].Text)
	return key
}

func (t *Test) version(v gjson.Result) bool {
	key, ok := versionKey(textOf(v))
	order := strings.Compare(key, t.ready.version)
	switch {
	case !ok:
		return false
	case t.Op == VersionGt:
		return order > 0
	case t.Op == VersionGte:
		return order >= 0
	case t.Op == VersionLt:
		return order < 0
	case t.Op == VersionLte:
		return order <= 0
	}
	return order == 0
}

// Places is the regular expression of a place written as a text; its groups are latitude and longitude.
const Places = `^ *(-?[0-9]{1,3}(?:\.[0-9]{1,15})?) *, *(-?[0-9]{1,3}(?:\.[0-9]{1,15})?) *$`

var places = regexp.MustCompile(Places)

// placeOf reads a place.
func placeOf(v gjson.Result) (lat, lng float64, ok bool) {
	var north, east bool
	switch {
	case v.IsObject():
		lat, north = numberOf(v.Get("lat"))
		if lng, east = numberOf(v.Get("lng")); !east {
			lng, east = numberOf(v.Get("lon"))
		}
	case v.Type == gjson.String:
		if found := places.FindStringSubmatch(v.Str); found != nil {
			lat, north = parseNumber(found[1])
			lng, east = parseNumber(found[2])
		}
	}
	return lat, lng, north && east && math.Abs(lat) <= 90 && math.Abs(lng) <= 180
}

// near compares haversines, which saves the arc: sin² of half the angle between the two places.
func (r *prepared) near(v gjson.Result) bool {
	lat, lng, ok := placeOf(v)
	if !ok {
		return false
	}
	north, east := math.Sin(radians(lat-r.lat)/2), math.Sin(radians(lng-r.lng)/2)
	return north*north+r.cosine*math.Cos(radians(lat))*east*east <= r.most
}

// Haversine is what [Near] compares with: the cosine of the place's latitude, and the most that the haversine may be.
func (t *Test) Haversine() (lat, lng, cosine, most float64) {
	r := t.prepare()
	return r.lat, r.lng, r.cosine, r.most
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// place reads {"lat":31.23,"lng":121.47,"km":5}.
func (p *parser) place(at string, v jsontext.Value, t *Test) {
	o := p.object(at, v)
	for _, part := range []struct {
		name string
		most float64
	}{{"lat", 90}, {"lng", 180}, {"km", MaxKilometres}} {
		number, ok := o.take(part.name)
		if p.err == nil && (!ok || kindOf(number) != '0') {
			p.fail(join(at, part.name), `must be a number; a place is {"lat":31.23,"lng":121.47,"km":5}`)
		}
		if p.err != nil {
			return
		}
		n := p.number(join(at, part.name), number)
		if math.Abs(n) > part.most || part.name == "km" && n <= 0 {
			p.fail(join(at, part.name), "is out of range: lat is from -90 to 90, lng from -180 to 180, km more than 0 and at most %d", MaxKilometres)
		}
		t.Values = append(t.Values, Value{Kind: Number, Number: n})
	}
	p.done(o, "lat, lng, km")
}

func (p *printer) place(t *Test) {
	for i, open := range []string{`,"value":{"lat":`, `,"lng":`, `,"km":`} {
		p.WriteString(open)
		p.value(t.Values[i])
	}
	p.WriteByte('}')
}
