package match

import "unicode/utf8"

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

// slips counts the typing errors between two texts, up to limit: a letter too many, missing, another one, or two
// neighbours that changed places. It returns limit+1 for more.
func slips(a, b string, limit int) int {
	if a == b {
		return 0
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
