package sim

import (
	"strconv"
	"strings"
	"time"
)

// What of households is planted: who lives together shares an address, which each writes as
// they like; some work in an office and give its address, which says nothing; the head's card
// pays for all; some children are under 14.

const (
	diceAddress uint64 = 40 + iota
	diceSpelling
	diceChild
)

const (
	shareOffice = 0.1 // of those who live alone, who give the address of an office
	shareMinor  = 0.6 // of children in households
)

var (
	districts = []string{"滨江", "新城", "东湖", "西郊", "南山", "北苑"}
	streets   = []string{"张江路", "建国路", "解放大道", "人民路", "科技园路", "学府街", "长安街", "世纪大道", "望江路", "花园街", "和平路", "体育西路"}
)

// home is what the address of a person is drawn from: the household's, or the person's own.
func (w *World) home(p *person) (owner uint64, office bool) {
	if p.household >= 0 {
		return uint64(p.household), false //nolint:gosec // not negative
	}
	var d dice
	d.seed(w.cfg.Seed, diceAddress, uint64(p.id), 1)
	return 1<<32 + uint64(p.id), d.chance(shareOffice) //nolint:gosec // not negative
}

// address is where a person lives, spelt as the person does.
func (w *World) address(p *person) string {
	owner, office := w.home(p)
	var d dice
	d.seed(w.cfg.Seed, diceAddress, owner, 0)
	district, street := districts[d.n(len(districts))], streets[d.n(len(streets))]
	number, block, room := d.between(1, 1999), d.between(1, 30), d.between(1, 24)*100+d.between(1, 6)
	if office {
		return "上海市高新区创业路1号" // the head office of many
	}
	var s dice
	s.seed(w.cfg.Seed, diceSpelling, uint64(p.id), 0) //nolint:gosec // not negative
	city, ending, flat := cities[p.city].name+"市", "栋", "室"
	if s.chance(0.3) {
		city = cities[p.city].name
	}
	if s.chance(0.4) {
		ending = []string{"幢", "号楼"}[s.n(2)]
	}
	if s.chance(0.3) {
		flat = ""
	}
	text := city + district + "区" + street + strconv.Itoa(number) + "号" + strconv.Itoa(block) + ending + strconv.Itoa(room) + flat
	if s.chance(0.2) {
		text = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r - '0' + '０'
			}
			return r
		}, text)
	}
	if s.chance(0.2) {
		text = strings.Replace(text, "区", "区 ", 1)
	}
	return text
}

// minor tells whether a person is under 14 for all of the history.
func (w *World) minor(p *person) bool {
	if p.household < 0 || roles[p.role] != "child" {
		return false
	}
	var d dice
	d.seed(w.cfg.Seed, diceChild, uint64(p.id), 0) //nolint:gosec // not negative
	return d.chance(shareMinor)
}

// birthday is that of a minor, the only ones who have told it.
func (w *World) birthday(p *person) string {
	var d dice
	d.seed(w.cfg.Seed, diceChild, uint64(p.id), 1) //nolint:gosec // not negative
	return time.UnixMilli(w.end).UTC().AddDate(-d.between(6, 12), 0, -d.n(300)).Format(time.DateOnly)
}

// card is what an order is paid with: that of the household's head, or one's own.
func (w *World) card(p *person) string {
	payer := p.id
	if p.household >= 0 {
		payer = w.households[p.household].first
	}
	return "card_" + strconv.FormatUint(mix(w.cfg.Seed^uint64(payer)<<8^77)>>16, 36) //nolint:gosec // not negative
}

// Homes returns, by household, the user ids of the people who live in it: the planted truth.
func (w *World) Homes() [][]string {
	var list [][]string
	for _, h := range w.households {
		var ids []string
		for i := h.first; i < h.first+h.size; i++ {
			ids = append(ids, w.userID(&w.people[i]))
		}
		list = append(list, ids)
	}
	return list
}

// Minors returns the user ids of those under 14.
func (w *World) Minors() map[string]bool {
	out := map[string]bool{}
	for i := range w.people {
		if p := &w.people[i]; w.minor(p) {
			out[w.userID(p)] = true
		}
	}
	return out
}
