package rule

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// Random holds for a part of all persons that chance has chosen: those whose bucket, of ten thousand, is from From until To. A person's bucket
// follows from the public id and the salt, so it stays, is the same in every rule with that salt, and does not go with that of another
// salt. A merge keeps the bucket of the person who is kept; a person that a split makes is new, and has one of its own.
type Random struct {
	Salt     string
	From, To int // in hundredths of a percent
}

func (*Random) node() {}

// Buckets is how many there are.
const Buckets = 10_000

// MaxSalt bounds a salt, in bytes.
const MaxSalt = 64

// Bucket is a person's place among the buckets of a salt: [Digest] of the salt, a colon and the public id, modulo [Buckets].
func Bucket(salt string, person touchstone.PersonID) int {
	return int(Digest(salt+":"+person.String()) % Buckets)
}

func (n *Random) holds(person touchstone.PersonID) bool {
	b := Bucket(n.Salt, person)
	return n.From <= b && b < n.To
}

// Draws tells whether chance has a part in the rule.
func (r *Rule) Draws() bool {
	return r.has(func(n Node) bool { _, ok := n.(*Random); return ok })
}

// random reads {"salt":"spring","from":0,"to":10}, in percent.
func (p *parser) random(at string, v jsontext.Value) Node {
	n := &Random{To: Buckets}
	p.condition(at, n)
	at = join(at, "random")
	o := p.object(at, v)
	salt, _ := o.take("salt")
	n.Salt = p.text(join(at, "salt"), salt)
	if p.err == nil && (n.Salt == "" || len(n.Salt) > MaxSalt) {
		p.fail(join(at, "salt"), "must have 1 to %d bytes: what is drawn with the same salt is the same part", MaxSalt)
	}
	if v, ok := o.take("from"); ok {
		n.From = p.percent(join(at, "from"), v)
	}
	if v, ok := o.take("to"); ok {
		n.To = p.percent(join(at, "to"), v)
	}
	if p.err == nil && n.From >= n.To {
		p.fail(join(at, "to"), "must be more than from")
	}
	p.done(o, "salt, from, to")
	return n
}

func (p *parser) percent(at string, v jsontext.Value) int {
	n := -1.0
	if kindOf(v) == '0' {
		n = p.number(at, v)
	}
	hundredths := math.Round(n * 100)
	if p.err == nil && (n < 0 || n > 100 || math.Abs(n*100-hundredths) > 1e-6) {
		p.fail(at, "must be a percentage from 0 to 100 with at most two decimals")
		return 0
	}
	return int(hundredths)
}

func (p *printer) random(n *Random) {
	p.WriteString(`{"random":{"salt":`)
	p.text(n.Salt)
	for _, bound := range []struct {
		name  string
		value int
	}{{"from", n.From}, {"to", n.To}} {
		p.WriteString(`,"` + bound.name + `":`)
		p.value(Value{Kind: Number, Number: float64(bound.value) / 100})
	}
	p.WriteString("}}")
}
