package importer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/touchstone-cdp/touchstone"
)

// encodingSample is how much of a file is looked at to see its encoding.
const encodingSample = 256 << 10

func encodingByName(name string) (encoding.Encoding, error) {
	switch name {
	case "", "auto":
		return nil, nil
	case "utf-16":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil, err
	}
	if canonical, err := htmlindex.Name(enc); err == nil && canonical == "utf-8" {
		return nil, nil
	}
	return enc, nil
}

// encodingOf returns what turns a file into UTF-8: as its mapping says, or as head, its
// beginning, shows. nil = it is UTF-8.
func encodingOf(head []byte, name string) (encoding.Encoding, []Guess, error) {
	enc, err := encodingByName(name)
	if err != nil {
		return nil, nil, touchstone.Wrap(touchstone.Invalid, err, "encoding %q is unknown", name)
	}
	if name != "" && name != "auto" && enc != nil || isParquet(head) {
		return enc, nil, nil
	}
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil, nil
	}
	if name != "" && name != "auto" || bytes.HasPrefix(head, utf8Mark) {
		return nil, nil, nil
	}
	name, reason := guessEncoding(head)
	if name == "" {
		return nil, nil, nil
	}
	enc, err = encodingByName(name)
	return enc, []Guess{{Key: "encoding", Value: name, Reason: reason}}, err
}

var utf8Mark = []byte("\xef\xbb\xbf")

// decodeText turns a file into UTF-8 and drops a byte order mark. Bytes that are no UTF-8
// in a file that should be are left for the rows to complain about.
func decodeText(r *bufio.Reader, head []byte, enc encoding.Encoding) (io.Reader, error) {
	switch {
	case enc != nil:
		return transform.NewReader(r, enc.NewDecoder()), nil
	case bytes.HasPrefix(head, utf8Mark):
		_, err := r.Discard(len(utf8Mark))
		return r, err
	}
	return r, nil
}

// beginning returns the first text of a file.
func beginning(head []byte, enc encoding.Encoding) []byte {
	if enc == nil {
		return head
	}
	text, _, _ := transform.Bytes(enc.NewDecoder(), head[:min(len(head), 4<<10)]) // it may be cut
	return text
}

// guessEncoding tells the encoding of a text that is not UTF-8; "" when it is, or mostly.
// Spreadsheets write the encoding of their country without saying so.
func guessEncoding(head []byte) (name, reason string) {
	if name := utf16WithoutMark(head); name != "" {
		return name, "every other byte is zero"
	}
	good, bad := countUTF8(head)
	if bad == 0 || good > bad {
		return "", ""
	}
	pairs, common, bigFive, kana, alone := 0, 0, 0, 0, 0
	for i := 0; i < len(head); i++ {
		lead := head[i]
		if lead < utf8.RuneSelf {
			continue
		}
		if i+1 == len(head) {
			break
		}
		trail := head[i+1]
		if trail < 0x30 || trail == 0x7f {
			alone++
			continue
		}
		i++
		pairs++
		if lead >= 0xa1 && lead <= 0xf7 && trail >= 0xa1 { // GB 2312; level 1 from 0xb0 to 0xd7
			common++
		}
		if lead >= 0xa1 && lead <= 0xc6 && (trail >= 0x40 && trail <= 0x7e || trail >= 0xa1) { // level 1 of Big5
			bigFive++
		}
		if lead == 0x82 || lead == 0x83 {
			kana++
		}
	}
	share := func(n int) float64 { return float64(n) / float64(max(pairs+alone, 1)) }
	told := func(what string) string { return fmt.Sprintf("guessed from %d %s", pairs, what) }
	switch {
	case share(kana) > 0.3 && alone*5 < pairs:
		return "shift_jis", told("pairs of bytes, many of them kana")
	case share(common) >= 0.8:
		return "gb18030", told("pairs of bytes like Chinese characters")
	case share(bigFive) >= 0.9 && pairs > 1:
		return "big5", told("pairs of bytes like traditional Chinese characters")
	case share(common) >= 0.5 && alone == 0 && pairs > 4:
		return "gb18030", told("pairs of bytes like Chinese characters")
	}
	return "windows-1252", fmt.Sprintf("guessed from %d bytes that are no UTF-8", bad)
}

// countUTF8 counts the characters beyond ASCII that are UTF-8 and the bytes that are not.
func countUTF8(head []byte) (good, bad int) {
	for i := 0; i < len(head); {
		if head[i] < utf8.RuneSelf {
			i++
			continue
		}
		if !utf8.FullRune(head[i:]) { // cut
			break
		}
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 {
			bad++
		} else {
			good++
		}
		i += size
	}
	return good, bad
}

func utf16WithoutMark(head []byte) string {
	n := min(len(head), 1000) &^ 1
	if n < 8 {
		return ""
	}
	even, odd := 0, 0
	for i := 0; i < n; i += 2 {
		if head[i] == 0 {
			even++
		}
		if head[i+1] == 0 {
			odd++
		}
	}
	switch {
	case odd*10 >= n/2*6 && even == 0:
		return "utf-16le"
	case even*10 >= n/2*6 && odd == 0:
		return "utf-16be"
	}
	return ""
}
