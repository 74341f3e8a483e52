package rule

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Household holds by what is true of the person's household: of one of its members, of all, or
// of none. With a role it asks about the members who have it only. Somebody without a household
// is one of their own, in which nobody has a role.
type Household struct {
	Role string // empty: whatever role; see Roles
	Who  Quantifier
	Of   Node // of a member; no Household is within it

	number int // among the rule's household conditions
}

func (*Household) node() {}

// Quantifier says of how many members a condition must be true.
type Quantifier string

// The quantifiers. All is false when there is nobody to ask, None is true.
const (
	Any  Quantifier = "any"
	All  Quantifier = "all"
	None Quantifier = "none"
)

var quantifiers = []Quantifier{Any, All, None}

// Roles are the roles that members of a household may have.
var Roles = []string{"payer", "user", "driver", roleChild}

const roleChild = "child"

// Households returns the rule's household conditions. The index of one is what
// [Subject.Household] is asked with.
func (r *Rule) Households() []*Household { return r.households }

// Number is the condition's index in [Rule.Households].
func (h *Household) Number() int { return h.number }

// Seat is somebody's place in a household. Moments are unix milliseconds.
type Seat struct {
	From, Until int64    // a member while From <= now < Until
	Roles       []string // beside child
	ChildUntil  int64    // a child before this moment
}

// EvalMember tells whether a member passes what household condition n asks of them, and until
// when that stands at least.
func (r *Rule) EvalMember(n int, member Subject, now int64) (bool, int64) {
	return eval(r.households[n].Of, member, now)
}

// Among answers household condition n from all who are, were or will be in the household; passes
// tells [Rule.EvalMember] of one of them, and is asked of those only on whom it depends.
func (r *Rule) Among(n int, seats []*Seat, passes func(i int) (bool, int64), now int64) (bool, int64) {
	h := r.households[n]
	some, each := answer{false, Never}, answer{true, Never} // of those who are asked
	anybody := answer{false, Never}
	for i, s := range seats {
		in := s.has(h.Role, now)
		if !in.holds && in.until == Never {
			continue
		}
		anybody = anybody.or(in)
		if !in.holds { // what it would say does not matter before it is one
			some, each = some.or(in), each.and(in.not())
			continue
		}
		var does answer
		does.holds, does.until = passes(i)
		some, each = some.or(in.and(does)), each.and(in.not().or(does))
	}
	switch h.Who {
	case All:
		some = each.and(anybody)
	case None:
		some = some.not()
	}
	return some.holds, some.until
}

// has tells whether the one who has the seat is a member with a role.
func (s *Seat) has(role string, now int64) answer {
	in := answer{s.From <= now && now < s.Until, Never}
	switch {
	case now < s.From:
		in.until = s.From
	case in.holds:
		in.until = s.Until
	}
	if role == roleChild && !slices.Contains(s.Roles, roleChild) {
		child := answer{now < s.ChildUntil, Never}
		if child.holds {
			child.until = s.ChildUntil
		}
		return in.and(child)
	}
	if role != "" && !slices.Contains(s.Roles, role) {
		return answer{false, Never}
	}
	return in
}

// answer is whether something holds, and until when that stands at least.
type answer struct {
	holds bool
	until int64
}

func (a answer) not() answer { return answer{!a.holds, a.until} }

// and is the conjunction: while a false part stands, it is false.
func (a answer) and(b answer) answer {
	switch {
	case !a.holds && !b.holds:
		return answer{false, max(a.until, b.until)}
	case !a.holds:
		return a
	case !b.holds:
		return b
	}
	return answer{true, min(a.until, b.until)}
}

func (a answer) or(b answer) answer { return a.not().and(b.not()).not() }

const householdFields = "role, and one of any, all, none"

// household reads {"role": …, "any": …}.
func (p *parser) household(at string, v jsontext.Value, depth int) *Household {
	inside := join(at, "household")
	n := &Household{}
	if p.inside {
		p.fail(inside, "what is asked of a household's member cannot be about households again")
		return n
	}
	p.condition(at, n)
	o := p.object(inside, v)
	if role, ok := o.take("role"); ok {
		n.Role = p.text(join(inside, "role"), role)
		if p.err == nil && !slices.Contains(Roles, n.Role) {
			p.fail(join(inside, "role"), "there is no role %q; use one of payer, user, driver, child", n.Role)
		}
	}
	for _, q := range quantifiers {
		of, ok := o.take(string(q))
		if !ok {
			continue
		}
		if n.Who != "" {
			p.fail(inside, "holds both %q and %q; one condition per object", n.Who, q)
			return n
		}
		n.Who = q
		p.inside = true
		n.Of = p.node(join(inside, string(q)), of, depth+1)
		p.inside = false
	}
	p.done(o, householdFields)
	if p.err == nil && n.Who == "" {
		p.fail(inside, "must hold one of any, all, none: of whom the condition must be true")
	}
	return n
}
