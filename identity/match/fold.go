package match

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/text/unicode/norm"
)

// fold brings a text into the form that is compared: lower case, without accents, letters and digits in words that are
// set apart by one blank.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			s = norm.NFKD.String(s)
			break
		}
	}
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r == '\'' || r == '’':
			continue // O'Neill is Oneill
		case r < utf8.RuneSelf:
			blank = true
			continue
		case unicode.Is(unicode.Mn, r):
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			r = unicode.ToLower(r)
		default:
			blank = true
			continue
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(r)
	}
	return b.String()
}

func isHan(r rune) bool { return r >= 0x3400 && unicode.Is(unicode.Han, r) }

func hasHan(s string) bool {
	for i := range len(s) {
		if s[i] >= 0xe3 {
			return strings.IndexFunc(s, isHan) >= 0
		}
	}
	return false
}

// romanise writes each Chinese character as its syllable, without tone: 张伟 is zhangwei. Other letters stay.
func romanise(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch sound, ok := pinyin.PinyinDict[int(r)]; {
		case ok:
			first, _, _ := strings.Cut(sound, ",")
			for _, r := range norm.NFD.String(first) {
				switch {
				case r == '\u0308': // ü is written v
					t := b.String()
					b.Reset()
					b.WriteString(t[:len(t)-1] + "v")
				case r < utf8.RuneSelf:
					b.WriteRune(r)
				}
			}
		case r != ' ':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// digitsOf keeps the digits of a text.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		}
		return -1
	}, s)
}

// squeeze takes the blanks out.
func squeeze(s string) string {
	if strings.IndexByte(s, ' ') < 0 {
		return s
	}
	return strings.ReplaceAll(s, " ", "")
}

// soundOf is a short key that names which sound alike share: the first letter and the classes of the consonants
// after it (Russell's Soundex, not cut at three).
func soundOf(s string) string {
	const classes = "01230120022455012623010202" // of a to z; 0: a vowel or mute
	var b [8]byte
	n := 0
	last := byte('0')
	for i := 0; i < len(s) && n < len(b); i++ {
		c := s[i]
		if c < 'a' || c > 'z' {
			if c == ' ' {
				continue
			}
			if n == 0 {
				b[0], n = c, 1
			}
			continue
		}
		class := classes[c-'a']
		switch {
		case n == 0:
			b[0], n = c, 1
		case class != '0' && class != last:
			b[n] = class
			n++
		}
		if c != 'h' && c != 'w' {
			last = class
		}
	}
	return string(b[:n])
}
