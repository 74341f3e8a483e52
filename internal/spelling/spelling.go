// Package spelling says how far one name is from another that it may have been meant to be.
package spelling

// Distance is how many bytes are to be changed, added or left out to make b of a (Levenshtein 1966).
// Names are short: it takes the product of their lengths.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
