package match

import (
	bit "math/bits"
	"unicode/utf8"
)

const maxMeasured = 64 // letters; what is behind them is not looked at

// letters holds the beginning of a text without an allocation.
type letters struct {
	at [maxMeasured]rune
	n  int
}

func (l *letters) read(s string) {
	l.n = 0
	for _, r := range s {
		if l.n == maxMeasured {
			return
		}
		l.at[l.n] = r
		l.n++
	}
}

// jaroWinkler is how alike two texts are, from 0 to 1, with a bonus for an equal beginning (Winkler 1990).
func jaroWinkler(a, b string) float64 {
	if plain(a) && plain(b) {
		return jaroWinklerPlain(a, b)
	}
	var x, y letters
	x.read(a)
	y.read(b)
	if x.n == 0 || y.n == 0 {
		return 0
	}
	window := max(max(x.n, y.n)/2-1, 0)
	var inX, inY uint64
	common := 0
	for i := range x.n {
		for j := max(0, i-window); j <= min(y.n-1, i+window); j++ {
			if inY&(1<<j) == 0 && x.at[i] == y.at[j] {
				inX |= 1 << i
				inY |= 1 << j
				common++
				break
			}
		}
	}
	if common == 0 {
		return 0
	}
	moved, j := 0, 0
	for i := range x.n {
		if inX&(1<<i) == 0 {
			continue
		}
		for inY&(1<<j) == 0 {
			j++
		}
		if x.at[i] != y.at[j] {
			moved++
		}
		j++
	}
	c := float64(common)
	jaro := (c/float64(x.n) + c/float64(y.n) + (c-float64(moved/2))/c) / 3
	prefix := 0
	for prefix < min(4, x.n, y.n) && x.at[prefix] == y.at[prefix] {
		prefix++
	}
	return jaro + float64(prefix)*0.1*(1-jaro)
}

// plain tells whether a text is short and of ASCII letters: then each is a byte.
func plain(s string) bool {
	if len(s) > maxMeasured {
		return false
	}
	all := byte(0)
	for i := range len(s) {
		all |= s[i]
	}
	return all < utf8.RuneSelf
}

// jaroWinklerPlain is jaroWinkler for plain texts.
func jaroWinklerPlain(x, y string) float64 {
	if x == "" || y == "" {
		return 0
	}
	window := max(max(len(x), len(y))/2-1, 0)
	var inX, inY uint64
	common := 0
	for i := range len(x) {
		c := x[i]
		for j := max(0, i-window); j <= min(len(y)-1, i+window); j++ {
			if y[j] == c && inY&(1<<j) == 0 {
				inX |= 1 << i
				inY |= 1 << j
				common++
				break
			}
		}
	}
	if common == 0 {
		return 0
	}
	moved := 0
	for restX, restY := inX, inY; restX != 0; restX, restY = restX&(restX-1), restY&(restY-1) {
		if x[bit.TrailingZeros64(restX)] != y[bit.TrailingZeros64(restY)] {
			moved++
		}
	}
	c := float64(common)
	jaro := (c/float64(len(x)) + c/float64(len(y)) + (c-float64(moved/2))/c) / 3
	prefix := 0
	for prefix < min(4, len(x), len(y)) && x[prefix] == y[prefix] {
		prefix++
	}
	return jaro + float64(prefix)*0.1*(1-jaro)
}

// oneSlip is slips with the limit 1 for plain texts that differ: what is left of them between an equal beginning and an equal end is a
// letter, or two that changed places.
func oneSlip(a, b string) int {
	if d := len(a) - len(b); d > 1 || d < -1 {
		return 2
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0] {
		return 1
	}
	return 2
}

// slips counts the typing errors between two texts, up to limit: a letter too many, missing, another one, or two
// neighbours that changed places. It returns limit+1 for more.
func slips(a, b string, limit int) int {
	if a == b {
		return 0
	}
	if limit == 1 && plain(a) && plain(b) {
		return oneSlip(a, b)
	}
	if d := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); d > limit || -d > limit {
		return limit + 1
	}
	var x, y letters
	x.read(a)
	y.read(b)
	var rows [3][maxMeasured + 1]int
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range y.n + 1 {
		last[j] = j
	}
	for i := 1; i <= x.n; i++ {
		now[0] = i
		least := i
		for j := 1; j <= y.n; j++ {
			cost := 1
			if x.at[i-1] == y.at[j-1] {
				cost = 0
			}
			d := min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x.at[i-1] == y.at[j-2] && x.at[i-2] == y.at[j-1] {
				d = min(d, before[j-2]+1)
			}
			now[j] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
		before, last, now = last, now, before
	}
	return min(last[y.n], limit+1)
}
