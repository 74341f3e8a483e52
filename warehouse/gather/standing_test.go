package gather

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whoever is behind a node, by overrides and then by who stands for whom, is whom the map says.
func TestStanding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const last = 20
		owner := map[int64]int64{} // of nodes that were given away
		for n := int64(2); n <= last; n++ {
			if rapid.Bool().Draw(t, "given") {
				p := rapid.Int64Range(1, n-1).Draw(t, "to")
				for owner[p] != 0 {
					p = owner[p]
				}
				owner[n] = p
			}
		}
		var nodes, people, persons, standing []int64
		for n, p := range owner {
			nodes, people = append(nodes, n), append(people, p)
		}
		of, first := map[int64]int64{}, map[int]int64{}
		for p := int64(1); p <= last; p++ {
			if owner[p] != 0 || rapid.Bool().Draw(t, "alone") {
				continue
			}
			home := rapid.IntRange(1, 3).Draw(t, "home")
			if first[home] == 0 {
				first[home] = p
			}
			of[p] = first[home]
			persons, standing = append(persons, p), append(standing, first[home])
		}
		allNodes, allPeople := Standing{Persons: persons, For: standing}.stand(slices.Clone(nodes), slices.Clone(people))
		m := newPersonMap(allNodes, allPeople, last)
		for n := int64(1); n <= last; n++ {
			want := n
			if p, ok := owner[n]; ok {
				want = p
			}
			if s, ok := of[want]; ok {
				want = s
			}
			var got [stride]int64
			var moved [stride]int32
			m.all([]int64{n}, []int32{0}, 1<<40, &got, &moved)
			if got[0] != want {
				t.Fatalf("node %d is %d's, not %d's", n, got[0], want)
			}
		}
	})
}
