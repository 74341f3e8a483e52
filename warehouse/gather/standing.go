package gather

import "github.com/touchstone-cdp/touchstone/warehouse"

// Standing is a warehouse in which others stand for some persons: the events of Persons[i] are
// those of For[i]. So whatever is counted by person is counted by household, or by any other
// subject of which each person is in one. For holds numbers of persons.
type Standing struct {
	warehouse.Warehouse
	Persons, For []int64
}

// stand puts those who stand for others behind nodes: behind nodes that were given to
// somebody, and behind the node that has a person's own number, unless it was given away.
func (s Standing) stand(nodes, people []int64) (allNodes, allPeople []int64) {
	of := make(map[int64]int64, len(s.Persons))
	for i, p := range s.Persons {
		of[p] = s.For[i]
	}
	given := make(map[int64]bool, len(nodes))
	for i, n := range nodes {
		given[n] = true
		if other, ok := of[people[i]]; ok {
			people[i] = other
		}
	}
	for _, p := range s.Persons {
		if !given[p] && of[p] != p {
			nodes, people = append(nodes, p), append(people, of[p])
		}
	}
	return nodes, people
}
