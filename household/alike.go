package household

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// distance is how many letters must be changed, added, taken out or swapped with their
// neighbour to make one text of the other; more than most counts as most+1.
func distance(x, y string, most int) int {
	a, b := []rune(x), []rune(y)
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], most+1)
}

// alike tells whether two ways to write a street, or a number, may be one. What is left out
// contradicts nothing.
func alike(k Kind, x, y string) bool {
	switch {
	case x == "" || y == "":
	case x == y: // that is the address itself, which counts unless it is a crowd's
		return false
	case k == NearStreet:
		return distance(x, y, 3) <= max(1, min(3, min(len([]rune(x)), len([]rune(y)))/4))
	case k == NearNumber: // neighbours have other numbers, too: one letter, or two that are swapped
		return min(len(x), len(y)) >= 3 && distance(x, y, 1) <= 1
	}
	return true
}
