package keep

import "strings"

// Texts finds out whether one of many texts is in another, in one pass over that, however many
// there are: as they begin and end with a quotation mark, as JSON's strings do, only places
// between quotation marks are looked up, and of those only the ones whose last letters are some text's.
type Texts struct {
	all     map[string]struct{}
	longest int
	marks   []int                 // how many quotation marks the texts have, each number once
	tails   [tailBits / 64]uint64 // hashes of the last letters before the last mark
	others  []string              // of another form
}

const (
	tailBits = 1 << 14
	tailSize = 3
	maxMarks = 64
)

// NewTexts prepares the texts. One that is of another form, as one of a single letter, is searched by itself.
func NewTexts(list []string) *Texts {
	t := &Texts{all: make(map[string]struct{}, len(list))}
	var known [maxMarks + 1]bool
	for _, text := range list {
		n := strings.Count(text, `"`)
		if len(text) <= tailSize || text[0] != '"' || text[len(text)-1] != '"' || n > maxMarks {
			t.others = append(t.others, text)
			continue
		}
		t.all[text] = struct{}{}
		t.longest = max(t.longest, len(text))
		if !known[n] {
			known[n], t.marks = true, append(t.marks, n)
		}
		h := tailOf(text, len(text)-1)
		t.tails[h/64] |= 1 << (h % 64)
	}
	return t
}

// tailOf hashes the letters before a place.
func tailOf(text string, end int) uint32 {
	v := uint32(text[end-3]) | uint32(text[end-2])<<8 | uint32(text[end-1])<<16
	return v * 2654435761 >> (32 - 14)
}

// In tells whether one of the texts is in text, letter for letter.
func (t *Texts) In(text string) bool {
	for _, other := range t.others {
		if strings.Contains(text, other) {
			return true
		}
	}
	if len(t.all) == 0 {
		return false
	}
	var at [maxMarks]int // the places of the latest marks
	for n, end := 0, 0; ; n++ {
		next := strings.IndexByte(text[end:], '"')
		if next < 0 {
			return false
		}
		end += next
		at[n%maxMarks] = end
		if end >= tailSize {
			if h := tailOf(text, end); t.tails[h/64]&(1<<(h%64)) != 0 && t.endsAt(text, at[:], n, end) {
				return true
			}
		}
		end++
	}
}

// endsAt tells whether one of the texts ends with the mark of number n.
func (t *Texts) endsAt(text string, at []int, n, end int) bool {
	for _, marks := range t.marks {
		if n+1 < marks {
			continue
		}
		from := at[(n+1-marks)%maxMarks]
		if size := end + 1 - from; size > t.longest {
			continue
		}
		if _, is := t.all[text[from:end+1]]; is {
			return true
		}
	}
	return false
}
