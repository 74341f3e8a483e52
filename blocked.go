package touchstone

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The shapes: families of values that name nobody. They stand in lists of blocked values
// like any other value.
const (
	ShapeZeros      = "{zeros}"      // 0, 0.0, 00000000-0000-0000-0000-000000000000
	ShapeMarks      = "{marks}"      // --, ???, [], {}: no letter and no digit
	ShapeScientific = "{scientific}" // 1.38E+10: what a spreadsheet makes of a long number
	ShapeTemplate   = "{template}"   // {{user_id}}, ${uid}, __OAID__: a blank that nobody filled in
	ShapeRepeated   = "{repeated}"   // 11111111111: one character, five times or more
)

// BlockedShapes returns the names of all shapes.
func BlockedShapes() []string {
	return []string{ShapeZeros, ShapeMarks, ShapeScientific, ShapeTemplate, ShapeRepeated}
}

// BlockedValues returns what is blocked for every kind unless somebody says otherwise:
// values that broken clients and spreadsheets send instead of an identifier. Quotes and
// brackets around a value do not matter, nor does case.
func BlockedValues() []string {
	return slices.Concat(
		[]string{ShapeZeros, ShapeMarks, ShapeScientific, ShapeTemplate},
		// Nothing, as programs write it.
		[]string{
			"null", "nil", "none", "undefined", "undefined undefined", "null null", "nan", "inf", "infinity", "-infinity", "n/a", "na", "void",
			"empty", "unset", "not set", "not_set", `\n`, "-1", "true", "false", "object object", "object", "string", "<null>", "%s", "%d", "%@",
		},
		// Somebody that nobody knows.
		[]string{
			"unknown", "anonymous", "anonymoususer", "anonymous_user", "anonymous user", "guest", "visitor", "nobody", "no_user", "nouser",
			"no user", "not_authenticated", "notauthenticated", "unauthenticated", "not_logged_in", "not logged in",
			"无", "空", "未知", "匿名", "游客", "访客", "暂无", "不详", "未登录", "未填写", "未提供", "无名氏", "匿名用户", "未知用户", "游客用户",
		},
		// The field's name instead of its value.
		[]string{
			"id", "uid", "uuid", "guid", "userid", "user_id", "user id", "customerid", "customer_id", "memberid", "member_id", "distinctid", "distinct_id",
			"anonymousid", "anonymous_id", "visitorid", "visitor_id", "deviceid", "device_id", "advertisingid", "advertising_id", "openid", "open_id",
			"unionid", "union_id", "email", "e-mail", "mail", "phone", "mobile", "telephone", "username", "user_name", "vin", "plate", "imei", "idfa", "oaid",
			"用户id", "会员id", "用户编号", "会员号", "会员编号", "手机", "手机号", "手机号码", "电话", "邮箱", "车架号", "车牌", "车牌号",
		},
		// Spreadsheets' errors, in the languages that translate them.
		[]string{
			"#n/a", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#getting_data", "#field!", "#blocked!", "#connect!",
			"#busy!", "#unknown!", "#error!", "#nv", "#bezug!", "#wert!", "#zahl!", "#leer!", "#überlauf!", "#valeur!", "#nom?", "#nombre!", "#nul!",
			"#¡ref!", "#¡valor!", "#¿nombre?", "#¡num!", "#¡nulo!", "#¡div/0!", "#n/d", "#valor!", "#nome?", "#núm!", "#rif!", "#valore!", "#nulo!", "#n/b",
			"#waarde!", "#naam?", "#getal!", "#verw!", "#adr!", "#arg!", "#liczba!", "#nazwa?", "#н/д", "#знач!", "#ссылка!", "#имя?", "#число!", "#дел/0!",
		},
		// The same for a whole generation of devices.
		[]string{"9774d56d682e549c", "02:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	)
}

// blockList holds values folded to one case, patterns with one star, and shapes.
type blockList struct {
	literals map[string]struct{}
	// lengths has a bit per length (63: that or more) of the literals that begin with a byte,
	// so that nearly every value is passed without being looked up.
	lengths  [256]uint64
	patterns [][2]string // prefix, suffix
	regexps  []*regexp.Regexp
	shapes   []func(string) bool
}

// newBlockList reads a list: literals, values with one *, shapes, and regular expressions between slashes. normalise gives a literal's form as identifiers of the kind are
// stored, so that it is found however somebody wrote it; nil: none.
func newBlockList(values []string, normalise Normaliser) (blockList, error) {
	b := blockList{literals: make(map[string]struct{}, len(values))}
	for _, v := range values {
		if shape := shapeNamed(v); shape != nil {
			b.shapes = append(b.shapes, shape)
			continue
		}
		if isRegexp(v) {
			re, err := blockedRegexp(v)
			if err != nil {
				return b, err
			}
			if b.regexps = append(b.regexps, re); len(b.regexps) > maxRegexps {
				return b, fmt.Errorf("at most %d regular expressions are blocked together", maxRegexps)
			}
			continue
		}
		folded := fold(trim(v))
		prefix, suffix, star := strings.Cut(folded, "*")
		switch {
		case folded == "":
			return b, fmt.Errorf("a blocked value is empty")
		case !star:
			b.add(folded)
			if normalise != nil {
				if n, ok := normalise(trim(v)); ok && n != "" {
					b.add(fold(n))
				}
			}
		case strings.Contains(suffix, "*") || prefix+suffix == "":
			return b, fmt.Errorf("blocked value %q: use one * and some text", v)
		default:
			b.patterns = append(b.patterns, [2]string{prefix, suffix})
		}
	}
	return b, nil
}

// CheckBlockedValue tells what is wrong with an entry of a list of blocked values.
func CheckBlockedValue(value string) error {
	_, err := newBlockList([]string{value}, nil)
	return err
}

func (b *blockList) add(literal string) {
	b.literals[literal] = struct{}{}
	b.lengths[literal[0]] |= 1 << min(len(literal), 63)
}

// has tells whether a value that is not empty is on the list.
func (b *blockList) has(v string) bool {
	for _, shape := range b.shapes {
		if shape(v) {
			return true
		}
	}
	if v[0] >= utf8.RuneSelf || v[0] == '#' { // spreadsheets translate their errors
		v = fold(v)
	}
	if b.lengths[lower(v[0])]&(1<<min(len(v), 63)) != 0 {
		var buf [64]byte
		if _, ok := b.literals[string(appendLower(buf[:0], v))]; ok {
			return true
		}
	}
	if len(b.patterns) == 0 && len(b.regexps) == 0 {
		return false
	}
	low := strings.ToLower(v) // no allocation when it is lower-case already
	for _, p := range b.patterns {
		if len(low) >= len(p[0])+len(p[1]) && strings.HasPrefix(low, p[0]) && strings.HasSuffix(low, p[1]) {
			return true
		}
	}
	for _, re := range b.regexps {
		if re.MatchString(low) {
			return true
		}
	}
	return false
}

const (
	maxRegexps       = 50
	maxRegexpLength  = 200
	maxRegexpProgram = 2000 // instructions: what a match costs at most per byte
)

// isRegexp tells an entry of the form /…/.
func isRegexp(v string) bool {
	v = trim(v)
	return len(v) > 2 && v[0] == '/' && v[len(v)-1] == '/'
}

// blockedRegexp reads an entry /…/: RE2's syntax, so that a match takes time linear in the value; of
// whole values, whatever their case. What would match any value is refused.
func blockedRegexp(v string) (*regexp.Regexp, error) {
	text := trim(v)
	if text = text[1 : len(text)-1]; len(text) > maxRegexpLength {
		return nil, fmt.Errorf("the regular expression %.40q… is longer than %d bytes", text, maxRegexpLength)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", text, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", text, err)
	}
	if len(prog.Inst) > maxRegexpProgram {
		return nil, fmt.Errorf("the regular expression %q repeats too much", text)
	}
	re, err := regexp.Compile(`(?is)^(?:` + text + `)$`)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", text, err)
	}
	if re.MatchString("") || re.MatchString("q") && re.MatchString("7301958426") && re.MatchString("w.zhang@mail.cn") {
		return nil, fmt.Errorf("the regular expression %q would block any value", text)
	}
	return re, nil
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, lower(s[i]))
	}
	return dst
}

// fold brings texts that differ in case or width only into one form.
func fold(s string) string { return strings.ToLower(halfWidth(s)) }

// bare takes quotes, brackets and backslashes off both ends: "null", “null”, (null), \"null\"
// and [null] are all null.
func bare(s string) string {
	first, last := s[0], s[len(s)-1]
	if first < utf8.RuneSelf && last < utf8.RuneSelf && !wraps(rune(first)) && !wraps(rune(last)) {
		return s // nearly all values
	}
	return strings.TrimFunc(s, func(r rune) bool { return wraps(r) || unicode.IsSpace(r) })
}

func wraps(r rune) bool {
	if r < utf8.RuneSelf {
		switch r {
		case '"', '\'', '`', '\\', '(', ')', '[', ']', '{', '}', '<', '>':
			return true
		}
		return false
	}
	return strings.ContainsRune("´‘’‚‛“”„‟‹›«»「」『』《》〈〉【】（）［］｛｝＂＇｀〝〞〟", r)
}

func shapeNamed(name string) func(string) bool {
	switch name {
	case ShapeZeros:
		return onlyZeros
	case ShapeMarks:
		return onlyMarks
	case ShapeScientific:
		return scientific
	case ShapeTemplate:
		return template
	case ShapeRepeated:
		return repeated
	}
	return nil
}

// onlyZeros tells "0", "0.0", "00000000-0000-0000-0000-000000000000" and the like.
func onlyZeros(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '0', '-', ':', '.':
		default:
			return false
		}
	}
	return true
}

// onlyMarks tells "-", "???", "____", "（）" and the like. Emoji are no marks: people choose
// them as names.
func onlyMarks(s string) bool {
	for _, r := range s {
		if !unicode.IsPunct(r) && !strings.ContainsRune("$+<=>^`|~＋－＝ \u3000", r) {
			return false
		}
	}
	return true
}

// scientific tells 1.38E+10, 1,38e10 and 1E+10, not 1e5: that may well be an id, and
// hexadecimal ids are full of it. So there is a decimal point or a sign.
func scientific(s string) bool {
	i, sure := 0, false
	digits := func() bool {
		from := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if s[0] == '-' || s[0] == '+' {
		i++
	}
	if !digits() {
		return false
	}
	if i < len(s) && (s[i] == '.' || s[i] == ',') {
		i++
		sure = true
		if !digits() {
			return false
		}
	}
	if i >= len(s) || s[i]|0x20 != 'e' {
		return false
	}
	i++
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
		sure = true
	}
	return digits() && i == len(s) && sure
}

// template tells a blank that nobody filled in: {{user_id}}, ${uid}, <user id>, {uid}, %%ID%%, __OAID__.
func template(s string) bool {
	switch s[0] {
	case '{', '$', '<', '%', '[', '_':
	default:
		return false
	}
	for _, ends := range [...][2]string{{"{{", "}}"}, {"${", "}"}, {"$(", ")"}, {"<%", "%>"}, {"{%", "%}"}, {"%%", "%%"}, {"[[", "]]"}} {
		if len(s) > len(ends[0])+len(ends[1]) && strings.HasPrefix(s, ends[0]) && strings.HasSuffix(s, ends[1]) {
			return true
		}
	}
	last := len(s) - 1
	switch {
	case last < 2:
		return false
	case s[0] == '<' && s[last] == '>':
		return true
	case s[0] == '{' && s[last] == '}': // a GUID in braces is one
		return words(s[1:last], true)
	case last > 4 && strings.HasPrefix(s, "__") && strings.HasSuffix(s, "__"):
		return words(s[2:last-1], false)
	}
	return false
}

// words tells letters, dots and underscores; without lowerCase also digits, but no small letter.
func words(s string, lowerCase bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c == '_':
		case lowerCase && (c >= 'a' && c <= 'z' || c == '.'):
		case !lowerCase && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return true
}

// repeated tells one letter or digit five times or more, separators aside, and behind a
// country's calling code: 11111111111, +86 11111111111, AAAAA-AAAAA.
func repeated(s string) bool {
	if allSame(s, 5) {
		return true
	}
	for code := 2; s[0] == '+' && code <= 4 && code < len(s); code++ {
		if allSame(s[code:], 7) {
			return true
		}
	}
	return false
}

func allSame(s string, least int) bool {
	var one byte
	n := 0
	for i := range len(s) {
		switch c := lower(s[i]); {
		case c == '-' || c == ' ' || c == ':' || c == '.' || c == '+':
		case n > 0 && c != one:
			return false
		default:
			one = c
			n++
		}
	}
	return n >= least
}
