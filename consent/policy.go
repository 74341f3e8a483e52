// Package consent knows what each person allows: a policy says for which purposes data is used,
// over which channels and in which words people are asked; decisions are kept with their
// proof, by the node that they came under, so that they follow merges and splits; and one [Gate]
// tells whether something may be done with somebody. The pipeline's [Stage] leaves out events of
// those who refused to be counted.
//
// docs/design/consent.md tells the rest.
package consent

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Basis says what holds while a person has not decided.
type Basis string

// The bases.
const (
	Necessary Basis = "necessary" // a contract or a duty: nobody is asked, nobody can refuse
	OptIn     Basis = "opt_in"    // only who agreed
	OptOut    Basis = "opt_out"   // all but who refused
)

// Class says which rule of the law on personal information asks for more than a consent.
type Class string

// The classes.
const (
	Plain        Class = ""
	Personalised Class = "personalised" // article 24: an option that does not go by the person
	Sharing      Class = "sharing"      // article 23: consent of its own to hand data to others
	Location     Class = "location"     // articles 28, 29: where somebody was; sensitive
	Minor        Class = "minor"        // article 31: under 14; the guardian's consent
	Biometric    Class = "biometric"    // article 28: sensitive
)

// separate reports whether a purpose of the class needs a consent of its own, that no other
// one brings along.
func (c Class) separate() bool {
	return c == Sharing || c == Location || c == Minor || c == Biometric
}

// Text is a text in the languages of the preference page.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Purpose is what data is used for.
type Purpose struct {
	Key      string   `json:"key"` // "marketing"
	Basis    Basis    `json:"basis"`
	Class    Class    `json:"class"`
	Channels []string `json:"channels"` // by which a person can decide on its own; empty: as a whole only
	Title    Text     `json:"title"`
	Text     Text     `json:"text"` // what people are asked
	// Wording counts the versions of title and text, from 1. The policy's command sets it.
	Wording int `json:"wording"`
}

// Channel is a way to reach people.
type Channel struct {
	Key   string `json:"key"` // "email"
	Title Text   `json:"title"`
}

// Signal makes an event that others send a decision: "Email Unsubscribed".
type Signal struct {
	Event   string   `json:"event"`
	Purpose string   `json:"purpose"`
	Channel string   `json:"channel"` // "" for all
	Choice  Decision `json:"choice"`
}

// Collected says which purpose events serve. The first that matches holds; what none matches
// serves the purpose of the use collect.
type Collected struct {
	Event   string `json:"event"`   // "" for all
	Source  string `json:"source"`  // "" for all
	Purpose string `json:"purpose"` // a necessary one keeps them in any case
	// Refused is what becomes of those of who refuses; "" drops them.
	Refused Refusal `json:"refused,omitempty"`
}

// Policy is what holds about consent. The zero Policy holds nobody back.
type Policy struct {
	Name     Text      `json:"name"` // who asks, on the preference page
	Purposes []Purpose `json:"purposes"`
	Channels []Channel `json:"channels"`
	// Categories are the names that consent managers send in context.consent.categoryPreferences
	// (Segment) and in the lists of context.consentManagement (RudderStack), with the purposes that each means.
	Categories map[string][]string       `json:"categories"`
	Signals    []Signal                  `json:"signals"`
	Collected  []Collected               `json:"collected"`
	Uses       map[touchstone.Use]string `json:"uses"` // the purpose that each serves
	// Refused is what becomes of events that no rule of Collected names, of who refuses them; "" drops them.
	Refused    Refusal `json:"refused,omitempty"`
	PrivacyURL string  `json:"privacy_url"`
}

// Bounds of a policy.
const (
	maxPurposes   = 20
	maxChannels   = 10
	maxCategories = 100
	maxSignals    = 50
	maxCollected  = 100
	maxTitle      = 80   // characters
	maxText       = 2000 // characters
	maxName       = 200  // bytes
)

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Check tells what is wrong with a policy.
func (p *Policy) Check() error {
	switch {
	case len(p.Purposes) == 0 || len(p.Purposes) > maxPurposes:
		return touchstone.Errorf(touchstone.Invalid, "A consent policy has 1 to %d purposes, not %d.", maxPurposes, len(p.Purposes))
	case len(p.Channels) > maxChannels:
		return touchstone.Errorf(touchstone.Invalid, "There are %d channels; at most %d fit.", len(p.Channels), maxChannels)
	case len(p.Categories) > maxCategories || len(p.Signals) > maxSignals || len(p.Collected) > maxCollected:
		return touchstone.Errorf(touchstone.Invalid, "At most %d categories, %d signals and %d rules of what is collected fit.", maxCategories, maxSignals, maxCollected)
	case p.PrivacyURL != "" && (!strings.HasPrefix(p.PrivacyURL, "https://") || len(p.PrivacyURL) > 500 || strings.IndexFunc(p.PrivacyURL, unicode.IsSpace) >= 0):
		return touchstone.Errorf(touchstone.Invalid, "The address of the privacy notice begins with https:// and has at most %d bytes.", 500)
	}
	if err := checkText("the name", p.Name, maxTitle, true); err != nil {
		return err
	}
	for i, c := range p.Channels {
		if !keyForm.MatchString(c.Key) || slices.ContainsFunc(p.Channels[:i], func(d Channel) bool { return d.Key == c.Key }) {
			return badKey(c.Key)
		}
		if err := checkText("the channel "+c.Key, c.Title, maxTitle, false); err != nil {
			return err
		}
	}
	for i := range p.Purposes {
		if slices.ContainsFunc(p.Purposes[:i], func(d Purpose) bool { return d.Key == p.Purposes[i].Key }) {
			return badKey(p.Purposes[i].Key)
		}
		if err := p.checkPurpose(&p.Purposes[i]); err != nil {
			return err
		}
	}
	return p.checkMeanings()
}

func badKey(key string) error {
	return touchstone.Errorf(touchstone.Invalid, "%.40q is no key, or there are two of it.", key).
		WithHint("A key has lower-case letters, digits and _, begins with a letter and has at most 32 of them.")
}

func checkText(of string, t Text, most int, mayLack bool) error {
	for _, s := range []string{t.ZH, t.EN} {
		control := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) >= 0
		if !utf8.ValidString(s) || control || utf8.RuneCountInString(s) > most || strings.TrimSpace(s) == "" && !mayLack {
			return touchstone.Errorf(touchstone.Invalid, "The text of %s must be there in Chinese and English, with at most %d characters each.", of, most)
		}
	}
	return nil
}

func (p *Policy) checkPurpose(u *Purpose) error {
	if !keyForm.MatchString(u.Key) {
		return badKey(u.Key)
	}
	switch u.Basis {
	case Necessary, OptIn, OptOut:
	default:
		return touchstone.Errorf(touchstone.Invalid, "The purpose %s: %.40q is none of necessary, opt_in, opt_out.", u.Key, u.Basis)
	}
	switch u.Class {
	case Plain, Personalised:
	case Sharing, Location, Minor, Biometric:
		if u.Basis != OptIn {
			return touchstone.Errorf(touchstone.Invalid, "The purpose %s: the law wants a consent given for it alone, so it is opt_in.", u.Key)
		}
	default:
		return touchstone.Errorf(touchstone.Invalid, "The purpose %s: there is no class %.40q.", u.Key, u.Class)
	}
	for i, c := range u.Channels {
		if p.channel(c) == nil || slices.Contains(u.Channels[:i], c) {
			return touchstone.Errorf(touchstone.Invalid, "The purpose %s: there is no channel %.40q, or it is named twice.", u.Key, c)
		}
	}
	if err := checkText("the purpose "+u.Key, u.Title, maxTitle, false); err != nil {
		return err
	}
	return checkText("the purpose "+u.Key, u.Text, maxText, false)
}

// checkMeanings looks at what names purposes.
func (p *Policy) checkMeanings() error {
	for name, keys := range p.Categories {
		if name == "" || len(name) > maxName || len(keys) == 0 {
			return touchstone.Errorf(touchstone.Invalid, "The category %.40q means no purpose, or has no name.", name)
		}
		for _, key := range keys {
			switch u := p.Purpose(key); {
			case u == nil:
				return p.noPurpose(key)
			case u.Class.separate() && len(keys) > 1:
				return touchstone.Errorf(touchstone.Invalid, "The category %.40q means %s together with others, and that purpose needs a consent of its own.", name, key)
			}
		}
	}
	for _, s := range p.Signals {
		u := p.Purpose(s.Purpose)
		switch {
		case u == nil:
			return p.noPurpose(s.Purpose)
		case s.Event == "" || len(s.Event) > maxName || s.Channel != "" && !slices.Contains(u.Channels, s.Channel):
			return touchstone.Errorf(touchstone.Invalid, "A signal names an event, a purpose and one of its channels, or none: %.40q does not.", s.Event)
		case !s.Choice.valid():
			return touchstone.Errorf(touchstone.Invalid, "%.40q is no decision: granted, denied or non_personalised.", s.Choice)
		case u.Class.separate() && s.Choice == Granted:
			return touchstone.Errorf(touchstone.Invalid, "The signal %.40q cannot grant %s: that needs a consent of its own.", s.Event, s.Purpose)
		}
	}
	for _, c := range p.Collected {
		if p.Purpose(c.Purpose) == nil {
			return p.noPurpose(c.Purpose)
		}
		if err := p.checkRefusal(c.Refused, c.Purpose); err != nil {
			return err
		}
	}
	if err := p.checkRefusal(p.Refused, p.Uses[touchstone.UseCollect]); err != nil {
		return err
	}
	for use, key := range p.Uses {
		if !slices.Contains(touchstone.Uses, use) {
			return touchstone.Errorf(touchstone.Invalid, "There is no use %.40q.", use)
		}
		if p.Purpose(key) == nil {
			return p.noPurpose(key)
		}
	}
	return nil
}

// checkRefusal looks at what becomes of refused events of a purpose.
func (p *Policy) checkRefusal(r Refusal, purpose string) error {
	if r != "" && r != Drop && r != Pseudonymise {
		return touchstone.Errorf(touchstone.Invalid, "%.40q does not say what becomes of events that are refused: drop or pseudonymise.", r)
	}
	if u := p.Purpose(purpose); r == Pseudonymise && u != nil && u.Class.separate() {
		return touchstone.Errorf(touchstone.Invalid, "Events of %s that are refused cannot be kept, as nobody's either: the law wants a consent given for it alone.", purpose).WithHint("Let them be dropped.")
	}
	return nil
}

func (p *Policy) noPurpose(key string) error {
	return touchstone.Errorf(touchstone.Invalid, "There is no purpose %.40q.", key)
}

// Purpose returns one of the policy's, nil when it is not there.
func (p *Policy) Purpose(key string) *Purpose {
	if p == nil {
		return nil
	}
	for i := range p.Purposes {
		if p.Purposes[i].Key == key {
			return &p.Purposes[i]
		}
	}
	return nil
}

func (p *Policy) channel(key string) *Channel {
	for i := range p.Channels {
		if p.Channels[i].Key == key {
			return &p.Channels[i]
		}
	}
	return nil
}

// number counts wordings on from those of the policy before: a purpose whose texts differ has a
// new one.
func (p *Policy) number(before *Policy) {
	for i := range p.Purposes {
		u := &p.Purposes[i]
		u.Wording = 1
		if was := before.Purpose(u.Key); was != nil {
			u.Wording = was.Wording
			if was.Title != u.Title || was.Text != u.Text {
				u.Wording++
			}
		}
	}
}

// fill makes lists that are absent empty, so that answers say [] and {}.
func (p *Policy) fill() {
	if p.Channels == nil {
		p.Channels = []Channel{}
	}
	if p.Categories == nil {
		p.Categories = map[string][]string{}
	}
	if p.Signals == nil {
		p.Signals = []Signal{}
	}
	if p.Collected == nil {
		p.Collected = []Collected{}
	}
	if p.Uses == nil {
		p.Uses = map[touchstone.Use]string{}
	}
	if p.Purposes == nil {
		p.Purposes = []Purpose{}
	}
	for i := range p.Purposes {
		if p.Purposes[i].Channels == nil {
			p.Purposes[i].Channels = []string{}
		}
	}
}

// parsePolicy reads a policy and checks it.
func parsePolicy(text string) (*Policy, error) {
	p := &Policy{}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	p.fill()
	return p, p.Check()
}

func encode(p *Policy) (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}

// SetBody is the body of the command.
type SetBody struct {
	Policy *Policy `json:"policy"`
	Note   string  `json:"note"`
}

func parseSet(body touchstone.JSON) (in SetBody, err error) {
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Policy == nil {
		return in, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if utf8.RuneCountInString(in.Note) > maxTitle*4 {
		return in, touchstone.Errorf(touchstone.Invalid, "The note has more than %d characters.", maxTitle*4)
	}
	in.Policy.fill()
	return in, in.Policy.Check()
}

// CheckSet tells what is wrong with a command's body.
func CheckSet(body touchstone.JSON) error {
	_, err := parseSet(body)
	return err
}

func encodeBody(in *SetBody) (touchstone.JSON, error) {
	text, err := json.Marshal(in)
	return touchstone.JSON(text), err
}
