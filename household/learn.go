package household

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// How strong a clue is can be estimated from the data, without anybody saying who lives together: two
// who do agree in ways that have nothing to do with the clue, the witness. Of pairs with one card, device or car
// it is the address. Of pairs with one address it is the family's name; where names say little of who lives together
// (spouses in China have different ones), it is whether they have anything else in common; where that says little,
// too, nothing is learnt of addresses, and said so. A level of a clue (two have
// the card, or five) holds pairs who live together, who agree as often as those of the purest level do,
// and pairs who do not, who agree as often as two persons drawn at random. What is seen lies between the
// two, and says how many are which: Fellegi and Sunter's mixture, with the chance of unmatched pairs
// taken from random ones, so that nothing has to be guessed to begin with. What a clue finds by the
// witness itself (a typing error beside the same name) cannot be learnt so, and keeps the rule's weight.
// Few pairs change little, for the rule weighs in as some of them; what operators have decided weighs more.

// Strength is what a clue is worth at a level, as it was learnt.
type Strength struct {
	Kind Kind `json:"kind"`
	// Level says which clues of the kind: how many share it at one time ("2", "3-4", "5-10", "11+"), on
	// how many days or nights the one of two was seen who was seen less ("1-2", "3-9", "10+"), or
	// "near" for an address with a typing error and "name" for a crowd's with one family's name.
	Level  string  `json:"level"`
	Weight float64 `json:"weight"` // share of such pairs that live together, 0 to 1
	Pairs  int     `json:"pairs"`  // that it was estimated from
}

// Learnt is the outcome of [Rules.Learn].
type Learnt struct {
	Strengths []Strength `json:"strengths"`
	// Threshold is that from which pairs are taken for one with the best F1 to be expected by the
	// strengths themselves; of several that take the same pairs, the one closest to the rules'.
	Threshold float64 `json:"threshold"`
	Pairs     int     `json:"pairs"` // with anything in common
	// Precision and Recall are those to be expected at the threshold.
	Precision float64 `json:"expected_precision"`
	Recall    float64 `json:"expected_recall"`
	// Witnesses say for each kind what its strengths were estimated by, or that nothing was good enough.
	Witnesses []Witness `json:"witnesses"`

	rules float64 // the rules' own threshold
}

// Witness is what has nothing to do with a clue and tells who lives together.
type Witness struct {
	Kind Kind   `json:"kind"`
	By   string `json:"by"` // family_name, others (other things in common), address
	// Agreement is how often pairs of the purest level agree in it, ByChance how often two drawn at random do.
	Agreement float64 `json:"agreement"`
	ByChance  float64 `json:"by_chance"`
	// Used is false when it says too little, or of too few pairs: then the rule's weight stays.
	Used bool `json:"used"`
}

// What a clue's strength may be estimated by.
const (
	byFamily  = "family_name"
	byOthers  = "others"
	byAddress = "address"
)

const (
	learnPairs  = 2_000_000 // most that are looked at
	rulesWeigh  = 30        // pairs at each level that the rule stands for
	saysWeigh   = 10        // pairs that an operator's word about one stands for
	fewPairs    = 30        // pairs with a witness that a level needs
	learnCrowd  = 60        // of how many at one time pairs are looked at
	leastLearnt = 0.2       // by how much the purest level must differ from chance
	leastFamily = 0.5       // of those of the purest level, who have one family's name, for it to tell anything
	leastOthers = 0.25      // who have something else in common, of those who could
	oneAddress  = 0.9       // of those who live together and have told an address, who have told one in common, at least
)

// example is a pair with what it has in common.
type example struct {
	pair
	levels  map[Kind]string
	family  int // the family's name: 1 the same, -1 another, 0 not known of both
	address int // the address: so
	others  int // things of other kinds than the address: so
	said    int // what an operator has decided: 1 together, -1 apart
}

// Learn estimates what clues are worth.
func (r *Rules) Learn(clues []Clue, decisions []Decision, crowded map[Thing]bool) Learnt {
	plain := r.widened()
	d := &derivation{rules: plain, crowded: crowded, shares: map[pair]map[witness]share{}, score: map[pair]float64{}, strong: map[pair]spans{}, byOwner: map[touchstone.PersonID][]*group{}}
	d.meet(clues)
	d.pairs()
	names, homes := families(clues), addresses(clues)
	list := d.examples(names, homes, things(clues))
	heard(list, decisions)
	out := Learnt{Pairs: len(list), Strengths: []Strength{}, Witnesses: []Witness{}, Threshold: r.Threshold, rules: r.Threshold}
	if len(list) == 0 {
		return out
	}
	family := agreement{byChance: alikeByChance(names)}
	for _, k := range settable {
		if r.of(k) == nil {
			continue
		}
		list, by := r.strengths(k, list, family.byChance)
		out.Strengths = append(out.Strengths, list...)
		out.Witnesses = append(out.Witnesses, by)
		if by.Used && by.By == byFamily {
			family.together = by.Agreement
		}
	}
	if len(out.Strengths) == 0 {
		return out
	}
	plain.Strengths = out.Strengths
	plain.choose(list, family, &out)
	return out
}

// agreement is how often pairs agree in something: who live together, and others.
type agreement struct{ together, byChance float64 }

// says returns by how much the odds that two live together grow when they agree (1) or do not (-1).
func (a agreement) says(agrees int) float64 {
	switch {
	case agrees > 0 && a.byChance > 0 && a.together > a.byChance:
		return a.together / a.byChance
	case agrees < 0 && a.together > a.byChance:
		return (1 - a.together) / (1 - a.byChance)
	}
	return 1
}

// widened are the rules by which pairs are looked for: nothing learnt, and crowds are followed
// further, for those who live beside each other show what chance looks like.
func (r *Rules) widened() *Rules {
	plain := *r
	plain.Strengths, plain.List = nil, slices.Clone(r.List)
	for i := range plain.List {
		plain.List[i].Most = min(max(plain.List[i].Most, learnCrowd), maxMost)
	}
	return &plain
}

// families are the family's names that persons have used with an address.
func families(clues []Clue) map[touchstone.PersonID]map[string]bool {
	return texts(clues, AddressName, func(key string) string { return key[len(addressOf(key))+1:] })
}

// addresses are those that persons have given.
func addresses(clues []Clue) map[touchstone.PersonID]map[string]bool {
	return texts(clues, Address, func(key string) string { return key })
}

func texts(clues []Clue, kind Kind, of func(key string) string) map[touchstone.PersonID]map[string]bool {
	all := map[touchstone.PersonID]map[string]bool{}
	for i := range clues {
		c := &clues[i]
		if c.Kind != kind {
			continue
		}
		if all[c.Person] == nil {
			all[c.Person] = map[string]bool{}
		}
		all[c.Person][of(c.Key)] = true
	}
	return all
}

// alikeByChance is how often two persons drawn at random have a family's name in common.
func alikeByChance(names map[touchstone.PersonID]map[string]bool) float64 {
	count := map[string]float64{}
	for _, own := range names {
		for n := range own {
			count[n]++
		}
	}
	n, same := float64(len(names)), 0.0
	for _, name := range slices.Sorted(maps.Keys(count)) { // sums of floats depend on their order
		same += count[name] * (count[name] - 1)
	}
	return min(same/max(n*(n-1), 1), 1)
}

// examples makes one of each pair with something in common, in the order of the persons.
func (d *derivation) examples(names, homes map[touchstone.PersonID]map[string]bool, things map[touchstone.PersonID]uint16) []*example {
	at := map[pair]*example{}
	for _, h := range d.hubs {
		h.each(func(p, q *presence, _ spans) {
			who := pairOf(p.person, q.person)
			e := at[who]
			if e == nil {
				if len(at) >= learnPairs {
					return
				}
				e = &example{pair: who, levels: map[Kind]string{}}
				at[who] = e
			}
			kind := h.kind.source()
			if level := h.level(p, q); e.levels[kind] == "" || levelOrder(level) > levelOrder(e.levels[kind]) {
				e.levels[kind] = level
			}
		})
	}
	list := slices.SortedFunc(maps.Values(at), func(a, b *example) int { return cmp.Or(cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b)) })
	for _, e := range list {
		e.family, e.address = agree(names[e.a], names[e.b]), agree(homes[e.a], homes[e.b])
		switch {
		case len(e.levels) > 1 || e.levels[Address] == "":
			e.others = 1
		case things[e.a]&things[e.b] != 0:
			e.others = -1
		}
	}
	return list
}

// things are the kinds, beside the address, of which persons have something: a bit for each, as they stand in settable.
func things(clues []Clue) map[touchstone.PersonID]uint16 {
	all := map[touchstone.PersonID]uint16{}
	for i := range clues {
		if at := slices.Index(settable, clues[i].Kind); at >= 0 && clues[i].Kind != Address {
			all[clues[i].Person] |= 1 << at
		}
	}
	return all
}

// agree tells whether two have a text in common: 1, -1, or 0 if one has none.
func agree(a, b map[string]bool) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	for t := range a {
		if b[t] {
			return 1
		}
	}
	return -1
}

// level says how two have a thing in common.
func (h *hub) level(p, q *presence) string {
	switch h.kind {
	case NearStreet, NearNumber:
		return "near"
	case AddressName:
		if h.crowd > h.rule.Most {
			return "name"
		}
		return crowdLevel(h.crowd) // not of how many have the name, which is what addresses are learnt by
	case Device, Vehicle:
		switch n := min(len(p.days), len(q.days)); {
		case n < 3:
			return "1-2"
		case n < 10:
			return "3-9"
		}
		return "10+"
	}
	return crowdLevel(h.most)
}

func crowdLevel(n int) string {
	switch {
	case n <= 2:
		return "2"
	case n <= 4:
		return "3-4"
	case n <= 10:
		return "5-10"
	}
	return "11+"
}

// levelOrder orders levels of a kind by how much they say.
func levelOrder(level string) int {
	return slices.Index([]string{"name", "11+", "5-10", "near", "3-4", "2", "1-2", "3-9", "10+"}, level)
}

// heard notes what operators have decided of pairs.
func heard(list []*example, decisions []Decision) {
	latest := map[pair]Decision{}
	for _, d := range decisions {
		if at := pairOf(d.Person, d.Other); latest[at].Seq <= d.Seq {
			latest[at] = d
		}
	}
	for _, e := range list {
		if d, ok := latest[e.pair]; ok {
			if e.said = -1; d.Together {
				e.said = 1
			}
		}
	}
}

// witnessed counts the pairs of a level, and how they agree in what has nothing to do with the clue.
type witnessed struct{ pairs, seen, agree, together, apart float64 }

// measured counts the pairs of a kind by level, and how they agree in a witness.
func measured(kind Kind, by string, list []*example) map[string]*witnessed {
	at := map[string]*witnessed{}
	for _, e := range list {
		level := e.levels[kind]
		if level == "" {
			continue
		}
		if at[level] == nil {
			at[level] = &witnessed{}
		}
		w, agrees := at[level], e.address
		switch by {
		case byFamily:
			agrees = e.family
		case byOthers:
			agrees = e.others
		}
		w.pairs++
		if agrees != 0 {
			w.seen++
		}
		if agrees > 0 {
			w.agree++
		}
		switch e.said {
		case 1:
			w.together += saysWeigh
		case -1:
			w.apart += saysWeigh
		}
	}
	return at
}

// learnable tells whether a level can be learnt by a witness: what is found by the witness itself cannot.
func (w *witnessed) learnable(level string) bool {
	return w.seen >= fewPairs && level != "near" && level != "name"
}

// witnessFor finds the first of a kind's witnesses that tells who lives together, and how pairs agree in it; else the first, unused.
func witnessFor(kind Kind, list []*example, family float64) (by Witness, at map[string]*witnessed) {
	candidates := []Witness{{Kind: kind, By: byAddress}} // nobody has a stranger's address by chance
	if kind == Address {
		candidates = []Witness{{Kind: kind, By: byFamily, ByChance: family}, {Kind: kind, By: byOthers}}
	}
	var first map[string]*witnessed
	for i := range candidates {
		c, at := &candidates[i], measured(kind, candidates[i].By, list)
		if first == nil {
			first = at
		}
		seen, least := false, leastLearnt
		switch c.By {
		case byAddress:
			c.Agreement = oneAddress
		case byFamily:
			least = leastFamily
		case byOthers:
			least = leastOthers
		}
		for level, w := range at {
			if w.learnable(level) {
				seen, c.Agreement = true, max(c.Agreement, w.agree/w.seen)
			}
		}
		if c.Used = seen && c.Agreement >= least && c.Agreement > c.ByChance+leastLearnt; c.Used {
			return *c, at
		}
	}
	return candidates[0], first
}

// strengths estimates what the levels of a kind are worth, and says by what.
func (r *Rules) strengths(kind Kind, list []*example, family float64) (out []Strength, by Witness) {
	by, at := witnessFor(kind, list, family)
	for _, level := range slices.Sorted(maps.Keys(at)) {
		w, rule := at[level], r.of(kind).Weight
		n, sum := float64(rulesWeigh), rulesWeigh*rule
		if by.Used && w.learnable(level) {
			n, sum = n+w.seen, sum+w.seen*min(max((w.agree/w.seen-by.ByChance)/(by.Agreement-by.ByChance), 0), 1)
		} else if w.together+w.apart == 0 {
			continue
		}
		n, sum = n+w.together+w.apart, sum+w.together
		out = append(out, Strength{kind, level, math.Round(sum/n*1000) / 1000, int(w.pairs)})
	}
	slices.SortFunc(out, func(a, b Strength) int { return cmp.Compare(levelOrder(b.Level), levelOrder(a.Level)) })
	by.Agreement, by.ByChance = round3(by.Agreement), round3(by.ByChance)
	return out, by
}

// choose finds the threshold with the best F1 to be expected. A pair has a score, as households are
// derived by it; how likely it lives together follows from the score and from what the witnesses
// say, which households are not derived by.
func (r *Rules) choose(list []*example, family agreement, out *Learnt) {
	type scored struct{ score, chance float64 }
	scores := make([]scored, 0, len(list))
	home := agreement{together: oneAddress}
	total := 0.0
	for _, e := range list {
		open := 1.0
		for _, k := range settable {
			if level := e.levels[k]; level != "" && r.of(k) != nil {
				open *= 1 - r.worth(r.of(k), k, level)
			}
		}
		odds := (1 - open) / max(open, 1e-9)
		switch level := e.levels[Address]; level {
		case "near", "name":
		case "":
			odds *= home.says(min(e.address, 0))
		default:
			odds *= family.says(e.family)
		}
		one := scored{1 - open, odds / (1 + odds)}
		if e.said != 0 {
			one.chance = float64(1+e.said) / 2
		}
		scores = append(scores, one)
		total += one.chance
	}
	slices.SortFunc(scores, func(a, b scored) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.chance, a.chance)) })
	best, right := 0.0, 0.0
	for i := range scores {
		score, next := scores[i].score, 0.0
		right += scores[i].chance
		if i+1 < len(scores) {
			next = scores[i+1].score
		}
		if next == score {
			continue
		}
		precision, recall := right/float64(i+1), right/max(total, 1e-9)
		if f1 := 2 * precision * recall / max(precision+recall, 1e-9); f1 > best {
			best = f1
			out.Threshold = round3(min(max(out.rules, (next+score)/2), score-1e-6))
			if out.rules > next && out.rules <= score {
				out.Threshold = out.rules
			}
			out.Precision, out.Recall = round3(precision), round3(recall)
		}
	}
}

func round3(f float64) float64 { return math.Floor(f*1000) / 1000 }

// worth is what a clue of a kind says at a level: as learnt, else as the rule has it.
func (r *Rules) worth(rule *Rule, kind Kind, level string) float64 {
	for i := range r.Strengths {
		if s := &r.Strengths[i]; s.Kind == kind && s.Level == level {
			return s.Weight
		}
	}
	return rule.Weight
}

// worth is what the thing says of one who has it: by who of the others has it most alike.
func (h *hub) worth(r *Rules, who *presence) (best float64) {
	for _, other := range h.who {
		if other.person != who.person {
			best = max(best, r.worth(h.rule, h.kind.source(), h.level(who, other)))
		}
	}
	return best
}
