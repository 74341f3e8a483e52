package household

import (
	"encoding/json"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// Kind is what persons share, or what is known of one.
type Kind string

// The kinds of clue that say who lives together. Those of an address are one piece of
// evidence: they count once.
const (
	Address     Kind = "address"      // where somebody lives, with the unit
	AddressName Kind = "address_name" // an address that many share, with the family's name
	NearStreet  Kind = "near_street"  // number, unit and family; the streets are alike
	NearNumber  Kind = "near_number"  // street, unit and family; the numbers are alike
	Payment     Kind = "payment"      // a card or an account that pays
	Device      Kind = "device"       // a device, at night
	Declared    Kind = "declared"     // somebody said so
	Vehicle     Kind = "vehicle"      // a car that several drive
	Manual      Kind = "manual"       // an operator said so
)

// Kinds of clue about one person, which connect nobody.
const (
	born Kind = "born" // key is the day since 1970
	role Kind = "role" // key is a role
)

// Rule says what a clue of a kind is worth.
type Rule struct {
	Kind Kind `json:"kind"`
	On   bool `json:"on"`
	// Weight is the share of pairs with such a clue in common that live together, 0 to 1.
	Weight float64 `json:"weight"`
	// Most is how many persons may have it at one time; what more have is a shop's, an
	// office's or a dormitory's, and says nothing.
	Most int `json:"most"`
	// Least is on how many days (nights, of a device) somebody must have been seen with it.
	Least int `json:"least"`
	// Fresh is for how many days it holds after it was last seen; 0: until another one is seen.
	Fresh int `json:"fresh"`
	// Events name what it is read from, beside identify calls; Fields the members of their
	// properties or traits.
	Events []string `json:"events"`
	Fields []string `json:"fields"`
}

// Rules say how households are found.
type Rules struct {
	// Threshold is the score, 0 to 1, from which two live together.
	Threshold float64 `json:"threshold"`
	List      []Rule  `json:"rules"`
	// Strengths take the place of the rules' weights where something was learnt from data.
	Strengths []Strength `json:"strengths,omitempty"`
	// NightFrom and NightTo are hours of the organisation's zone; a night is that of its evening.
	NightFrom int `json:"night_from"`
	NightTo   int `json:"night_to"`
	// Paid says which events are purchases, and PaidFields what holds the amount.
	Paid       []string `json:"paid"`
	PaidFields []string `json:"paid_fields"`
	BornFields []string `json:"born_fields"` // of traits
	RoleFields []string `json:"role_fields"`
	NameFields []string `json:"name_fields"` // of traits: the family's name, or a whole one
}

// ordersOf are names of purchases in the specs of trackers.
var ordersOf = []string{"Order Completed", "Order Paid", "PayOrder", "Purchase", "Receipt"}

// DefaultRules are those of an organisation that has set none.
func DefaultRules() Rules {
	return Rules{
		Threshold: 0.8,
		List: []Rule{
			{Kind: Address, On: true, Weight: 0.9, Most: 10, Least: 1, Fresh: 1100, Events: ordersOf, Fields: []string{"address", "home_address", "shipping_address"}},
			{Kind: Payment, On: true, Weight: 0.7, Most: 5, Least: 1, Fresh: 400, Events: ordersOf, Fields: []string{"payment_token", "card_fingerprint", "payment_account"}},
			{Kind: Device, On: true, Weight: 0.85, Most: 6, Least: 3, Fresh: 180, Events: []string{}, Fields: []string{string(touchstone.KindDeviceID)}},
			{Kind: Declared, On: true, Weight: 0.95, Most: 20, Least: 1, Fresh: 0, Events: []string{"Family Member Added"}, Fields: []string{"household_id", "family_id"}},
			{Kind: Vehicle, On: true, Weight: 0.6, Most: 6, Least: 2, Fresh: 400, Events: []string{}, Fields: []string{string(touchstone.KindVIN), string(touchstone.KindPlate)}},
		},
		NightFrom: 20, NightTo: 6,
		Paid: ordersOf, PaidFields: []string{"revenue", "total", "amount"},
		BornFields: []string{"birthday", "birthdate", "date_of_birth", "dateOfBirth"},
		RoleFields: []string{"household_role", "family_role"},
		NameFields: []string{"lastName", "last_name", "surname", "name"},
	}
}

// Bounds of rules.
const (
	maxNames = 50
	maxText  = 200
	maxMost  = 100
	maxFresh = 36500
)

// settable are the kinds that have a rule.
var settable = []Kind{Address, Payment, Device, Declared, Vehicle}

// ParseRules reads rules as they are set, and tells what is wrong with them.
func ParseRules(text []byte) (r Rules, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return r, touchstone.Errorf(touchstone.Invalid, "the rules are not of their form")
	}
	return r, r.check()
}

func (r *Rules) check() error {
	if r.Threshold <= 0 || r.Threshold > 1 {
		return touchstone.Errorf(touchstone.Invalid, "the threshold lies above 0 and is at most 1")
	}
	if r.NightFrom < 0 || r.NightFrom > 23 || r.NightTo < 0 || r.NightTo > 23 || r.NightFrom == r.NightTo {
		return touchstone.Errorf(touchstone.Invalid, "a night begins and ends at different hours from 0 to 23")
	}
	for i := range r.List {
		if err := r.List[i].check(); err != nil {
			return err
		}
		if slices.ContainsFunc(r.List[:i], func(o Rule) bool { return o.Kind == r.List[i].Kind }) {
			return touchstone.Errorf(touchstone.Invalid, "there are two rules for %s", r.List[i].Kind)
		}
	}
	if len(r.Strengths) > maxNames {
		return touchstone.Errorf(touchstone.Invalid, "at most %d strengths fit into the rules", maxNames)
	}
	for _, s := range r.Strengths {
		if !slices.Contains(settable, s.Kind) || levelOrder(s.Level) < 0 || s.Weight < 0 || s.Weight > 1 {
			return touchstone.Errorf(touchstone.Invalid, "%.40q at %.40q is no strength with a weight from 0 to 1", s.Kind, s.Level).WithHint("take them as they were learnt, or leave them out")
		}
	}
	for _, list := range [][]string{r.Paid, r.PaidFields, r.BornFields, r.RoleFields, r.NameFields} {
		if err := checkNames(list); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check() error {
	switch {
	case !slices.Contains(settable, r.Kind):
		return touchstone.Errorf(touchstone.Invalid, "there is no rule of the kind %.40q", r.Kind).WithHint("the kinds are address, payment, device, declared and vehicle")
	case r.Weight < 0 || r.Weight > 1:
		return touchstone.Errorf(touchstone.Invalid, "%s: a weight lies between 0 and 1", r.Kind)
	case r.Most < 2 || r.Most > maxMost:
		return touchstone.Errorf(touchstone.Invalid, "%s: from 2 to %d persons may share it", r.Kind, maxMost)
	case r.Least < 1 || r.Least > keptDays:
		return touchstone.Errorf(touchstone.Invalid, "%s: it must be seen on 1 to %d days", r.Kind, keptDays)
	case r.Fresh < 0 || r.Fresh > maxFresh:
		return touchstone.Errorf(touchstone.Invalid, "%s: it holds for 0 to %d days", r.Kind, maxFresh)
	}
	if err := checkNames(r.Events); err != nil {
		return err
	}
	return checkNames(r.Fields)
}

func checkNames(list []string) error {
	if len(list) > maxNames {
		return touchstone.Errorf(touchstone.Invalid, "at most %d names fit into a list of the rules", maxNames)
	}
	for _, n := range list {
		if n == "" || len(n) > maxText {
			return touchstone.Errorf(touchstone.Invalid, "a name in the rules has 1 to %d bytes", maxText)
		}
	}
	return nil
}

// of returns the rule that clues of a kind go by, nil if they say nothing. Those that follow
// from an address go by the address's.
func (r *Rules) of(k Kind) *Rule {
	switch k {
	case AddressName, NearStreet, NearNumber:
		k = Address
	case Manual:
		return &manualRule
	}
	for i := range r.List {
		if r.List[i].Kind == k && r.List[i].On {
			return &r.List[i]
		}
	}
	return nil
}

var manualRule = Rule{Kind: Manual, On: true, Weight: 1, Most: maxMost, Least: 1}

// home tells that somebody has one of a kind at a time, as a rule: a new one ends an old one.
func (k Kind) home() bool {
	switch k {
	case Address, AddressName, NearStreet, NearNumber, Declared:
		return true
	}
	return false
}

// source is the kind whose rule and evidence it is.
func (k Kind) source() Kind {
	switch k {
	case AddressName, NearStreet, NearNumber:
		return Address
	}
	return k
}

// connects tells that persons may have a clue of the kind in common.
func (k Kind) connects() bool { return k != born && k != role }
