package sim

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	homes "github.com/touchstone-cdp/touchstone/household" // the world has households of its own
)

// The rules of households find those that are planted, from what the world tells: addresses
// that each writes as they like, cards, tablets. An office and shared cards bring hardly anybody
// together.
func TestPlantedHouseholdsAreFound(t *testing.T) {
	for _, seed := range []uint64{3} {
		w := newTestWorld(t, 3000, 30, seed)
		rules := homes.DefaultRules()
		zone := time.FixedZone("CST", 8*3600)
		var clues []homes.Clue
		told := map[string]bool{} // whose address is known
		seq := touchstone.Seq(0)
		w.History(func(e *touchstone.Event) bool {
			seq++
			if e.UserID == "" {
				return true
			}
			n, err := strconv.Atoi(strings.TrimPrefix(e.UserID, "u"))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range rules.Clues(e, seq, zone) {
				c.Person = touchstone.PersonID(n)
				clues = append(clues, c)
				told[e.UserID] = told[e.UserID] || c.Kind == homes.Address
			}
			return true
		})
		truth := map[[2]string]bool{}
		for _, home := range w.Homes() {
			for i, a := range home {
				for _, b := range home[i+1:] {
					if told[a] && told[b] {
						truth[[2]string{a, b}] = true
					}
				}
			}
		}
		found, right := 0, 0
		for _, h := range rules.Derive(homes.Join(clues), nil, nil) {
			for i := range h.Members {
				for j := range h.Members[i+1:] {
					a, b := "u"+strconv.Itoa(int(h.Members[i].Person)), "u"+strconv.Itoa(int(h.Members[i+1+j].Person))
					if !told[a] || !told[b] {
						continue
					}
					found++
					if truth[[2]string{a, b}] {
						right++
					}
				}
			}
		}
		if len(truth) < 20 {
			t.Fatalf("only %d pairs are planted", len(truth))
		}
		if precision, recall := float64(right)/float64(found), float64(right)/float64(len(truth)); precision < 0.95 || recall < 0.98 {
			t.Errorf("seed %d: of %d planted pairs %d are found, with %d that are none", seed, len(truth), right, found-right)
		}
	}
}
