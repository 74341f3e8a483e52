package household

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

// town is made of homes whose members have an address and, mostly, a family's name and a card in
// common; of a dormitory; and of a card that strangers lend each other.
type town struct {
	clues []Clue
	seq   touchstone.Seq
	homes map[touchstone.PersonID]int
}

func (w *town) put(p touchstone.PersonID, kind Kind, key string, days ...Day) {
	w.seq++
	w.clues = append(w.clues, Clue{Identifier: fmt.Sprint("user_id:", p), Kind: kind, Key: key, Person: p, Days: days, Seq: w.seq, Note: key})
}

func (w *town) lives(p touchstone.PersonID, address, family string) {
	w.put(p, Address, address, 100, 300)
	w.put(p, AddressName, address+"|"+family, 100, 300)
}

// newTown makes a town in which a share of those who have a card in common live together.
func newTown(honest float64, seed uint64) *town {
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
	w := &town{homes: map[touchstone.PersonID]int{}}
	p := touchstone.PersonID(0)
	for home := range 400 {
		family := fmt.Sprint("f", rng.IntN(80))
		first := p + 1
		for range 2 + rng.IntN(2) {
			p++
			own := family
			if rng.Float64() < 0.25 {
				own = fmt.Sprint("f", rng.IntN(80))
			}
			w.homes[p] = home + 1
			w.lives(p, fmt.Sprint("home", home), own)
		}
		card := fmt.Sprint("card", home)
		w.put(first, Payment, card, 200)
		if rng.Float64() < honest {
			w.put(first+1, Payment, card, 200)
		} else if first > 10 {
			w.put(touchstone.PersonID(1+rng.IntN(int(first)-1)), Payment, card, 200) //nolint:gosec // small
		}
	}
	for room := range 120 {
		for range 8 {
			p++
			w.lives(p, fmt.Sprint("dorm", room), fmt.Sprint("f", rng.IntN(80)))
		}
	}
	return w
}

func weightOf(l Learnt, kind Kind, level string) float64 {
	for _, s := range l.Strengths {
		if s.Kind == kind && s.Level == level {
			return s.Weight
		}
	}
	return -1
}

// What is learnt is close to what is true, whatever the rules believe, and the same in any order.
func TestStrengthsAreLearnt(t *testing.T) {
	rules := DefaultRules()
	for _, c := range []struct{ honest, from, to float64 }{{0.95, 0.85, 1}, {0.5, 0.4, 0.65}, {0.1, 0, 0.25}} {
		w := newTown(c.honest, 3)
		got := rules.Learn(w.clues, nil, nil)
		if card := weightOf(got, Payment, "2"); card < c.from || card > c.to {
			t.Errorf("of those with one card %.2f live together; learnt %.2f", c.honest, card)
		}
		if home, dorm := weightOf(got, Address, "2"), weightOf(got, Address, "5-10"); home < 0.85 || dorm > 0.1 {
			t.Errorf("an address of two says %.2f, one of eight in a dormitory %.2f", home, dorm)
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(w.clues), func(i, j int) { w.clues[i], w.clues[j] = w.clues[j], w.clues[i] }) //nolint:gosec // repeatable
		if again := rules.Learn(w.clues, nil, nil); fmt.Sprint(again) != fmt.Sprint(got) {
			t.Errorf("in another order:\n%v\n%v", again, got)
		}
	}
}

// With what was learnt a dormitory is no home, and homes are found as before.
func TestLearntStrengthsFindHomes(t *testing.T) {
	w := newTown(0.5, 5)
	right := func(r Rules) (precision, recall float64) {
		found, both, all := 0, 0, 0
		for _, h := range r.Derive(w.clues, nil, nil) {
			for i, a := range h.Members {
				for _, b := range h.Members[i+1:] {
					found++
					if home := w.homes[a.Person]; home != 0 && home == w.homes[b.Person] {
						both++
					}
				}
			}
		}
		size := map[int]int{}
		for _, home := range w.homes {
			size[home]++
		}
		for _, n := range size {
			all += n * (n - 1) / 2
		}
		return float64(both) / float64(max(found, 1)), float64(both) / float64(all)
	}
	rules := DefaultRules()
	before, _ := right(rules)
	learnt := rules.Learn(w.clues, nil, nil)
	rules.Strengths, rules.Threshold = learnt.Strengths, learnt.Threshold
	if err := rules.check(); err != nil {
		t.Fatal(err)
	}
	precision, recall := right(rules)
	t.Logf("precision %.3f, %.3f before; recall %.3f; threshold %.3f, expected %.3f and %.3f", precision, before, recall, learnt.Threshold, learnt.Precision, learnt.Recall)
	if precision < 0.9 || recall < 0.95 || before > 0.5 {
		t.Errorf("precision %.3f (%.3f by the rules), recall %.3f", precision, before, recall)
	}
	if d := precision - learnt.Precision; d > 0.15 || d < -0.05 {
		t.Errorf("a precision of %.3f was expected, it is %.3f", learnt.Precision, precision)
	}
}

// What operators have said of pairs weighs in, and few data keep the rules' weight.
func TestDecisionsAreLearntFrom(t *testing.T) {
	w := &town{}
	for p := touchstone.PersonID(1); p <= 12; p += 2 {
		w.put(p, Vehicle, fmt.Sprint("car", p), 1, 5)
		w.put(p+1, Vehicle, fmt.Sprint("car", p), 1, 5)
	}
	rules := DefaultRules()
	if got := rules.Learn(w.clues, nil, nil); len(got.Strengths) != 0 || got.Threshold != rules.Threshold {
		t.Errorf("of six pairs without a witness was learnt: %+v", got)
	}
	var decisions []Decision
	for p := touchstone.PersonID(1); p <= 12; p += 2 {
		decisions = append(decisions, Decision{Person: p, Other: p + 1, Seq: touchstone.Seq(p), Key: fmt.Sprint(p)}) //nolint:gosec // small
	}
	apart := weightOf(rules.Learn(w.clues, decisions, nil), Vehicle, "1-2")
	for i := range decisions {
		decisions[i].Together = true
	}
	together := weightOf(rules.Learn(w.clues, decisions, nil), Vehicle, "1-2")
	if w := rules.of(Vehicle).Weight; !(apart >= 0 && apart < w && w < together) {
		t.Errorf("a car says %.2f after six times apart, %.2f after six times together; the rule %.2f", apart, together, w)
	}
	if !slices.IsSorted([]float64{apart, together}) {
		t.Error("more of one word says less")
	}
}

// chineseTown makes the spouses' and half of the parents' and children's family names different, as they are in China, in homes of two to four; cards
// says how many of two grown-ups have one in common.
func chineseTown(cards float64, seed uint64) *town {
	rng := rand.New(rand.NewPCG(seed, 9)) //nolint:gosec // repeatable
	w := &town{homes: map[touchstone.PersonID]int{}}
	p := touchstone.PersonID(0)
	name := func() string { return fmt.Sprint("f", rng.IntN(80)) }
	for home := range 400 {
		address, father := fmt.Sprint("home", home), name()
		first := p + 1
		for k := range 2 + rng.IntN(3) {
			p++
			own := father
			if k == 1 {
				own = name()
			}
			w.homes[p] = home + 1
			w.lives(p, address, own)
		}
		w.put(first, Payment, fmt.Sprint("card", home), 200)
		if rng.Float64() < cards {
			w.put(first+1, Payment, fmt.Sprint("card", home), 200)
		} else {
			w.put(first+1, Payment, fmt.Sprint("own card", home), 200)
		}
	}
	for room := range 120 {
		for k := range 8 {
			p++
			w.lives(p, fmt.Sprint("dorm", room), name())
			if k < 4 {
				w.put(p, Payment, fmt.Sprint("card of ", p), 200)
			}
		}
	}
	return w
}

func witnessOf(l Learnt, kind Kind) Witness {
	for _, w := range l.Witnesses {
		if w.Kind == kind {
			return w
		}
	}
	return Witness{}
}

// Where spouses have different names the name says little of who lives together: what else two have in common is asked, and where that is little, too,
// nothing is learnt of addresses.
func TestAWeakWitnessIsNotBelieved(t *testing.T) {
	rules := DefaultRules()
	got := rules.Learn(chineseTown(.6, 4).clues, nil, nil)
	if by := witnessOf(got, Address); by.By != byOthers || !by.Used {
		t.Errorf("strengths of addresses were learnt by %+v", by)
	}
	if home, dorm := weightOf(got, Address, "2"), weightOf(got, Address, "5-10"); home < 0.8 || dorm > 0.15 {
		t.Errorf("an address of two says %.2f, one of eight in a dormitory %.2f: %+v", home, dorm, got)
	}
	got = rules.Learn(chineseTown(.1, 4).clues, nil, nil)
	if by := witnessOf(got, Address); by.Used || by.By != byFamily || by.Agreement >= leastFamily {
		t.Errorf("strengths of addresses were learnt by %+v", by)
	}
	for _, s := range got.Strengths {
		if s.Kind == Address {
			t.Errorf("without a witness was learnt: %+v", s)
		}
	}
	if by := witnessOf(rules.Learn(newTown(.5, 3).clues, nil, nil), Address); by.By != byFamily || !by.Used {
		t.Errorf("where families have one name, strengths were learnt by %+v", by)
	}
}
