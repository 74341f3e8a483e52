package consent

import (
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// said is a decision that an event carries, and how it came about.
type said struct {
	purpose, channel string
	choice           Decision
	wording          int
}

// told is all that an event says of consent.
type told struct {
	list                    []said
	method, language, place string
}

// Bounds of what is kept of an event.
const (
	maxSaid  = maxPurposes * (maxChannels + 1)
	maxProof = 300 // bytes of a method, a language, a place
)

// mentions reports whether an event may say something of consent. Most do not, so it reads nothing.
func (p *Policy) mentions(e *touchstone.Event) bool {
	if strings.Contains(string(e.Context), `"consent`) {
		return true
	}
	for i := range p.Signals {
		if p.Signals[i].Event == e.Name {
			return true
		}
	}
	return false
}

// read returns what an event says. What names no purpose or channel of the policy is left out; of two
// decisions about one thing the stricter is taken.
func (p *Policy) read(e *touchstone.Event) (t told) {
	add := func(s said) {
		if u := p.Purpose(s.purpose); u == nil || u.Basis == Necessary || s.channel != "" && !slices.Contains(u.Channels, s.channel) {
			return
		}
		for i := range t.list {
			if old := &t.list[i]; old.purpose == s.purpose && old.channel == s.channel {
				if s.choice.strictness() > old.choice.strictness() {
					*old = s
				}
				return
			}
		}
		if len(t.list) < maxSaid {
			t.list = append(t.list, s)
		}
	}
	for i := range p.Signals {
		if s := &p.Signals[i]; s.Event == e.Name {
			t.method = "signal"
			add(said{s.Purpose, s.Channel, s.Choice, 0})
		}
	}
	page := ""
	jsonwalk.Members(string(e.Context), func(key, value string) bool {
		switch jsonwalk.Unescape(key) {
		case "consent":
			p.readConsent(value, &t, add)
		case "consentManagement":
			p.readManaged(value, &t, add)
		case "page":
			page = jsonwalk.Text(jsonwalk.Member(value, "url"))
		}
		return true
	})
	if t.place == "" {
		t.place, _, _ = strings.Cut(page, "?") // what follows may name the person
	}
	t.place, _, _ = strings.Cut(t.place, "#")
	t.method, t.language, t.place = short(t.method), short(t.language), short(t.place)
	return t
}

func short(s string) string {
	if len(s) > maxProof {
		s = strings.ToValidUTF8(s[:maxProof], "")
	}
	return s
}

// readConsent reads context.consent: Segment's categoryPreferences, and our own purposes,
// {"marketing": true, "ads": {"email": "denied"}}, with wording, method, language and place.
func (p *Policy) readConsent(object string, t *told, add func(said)) {
	wording := jsonwalk.Member(object, "wording")
	t.method = "categories"
	if jsonwalk.Member(object, "purposes") != "" {
		t.method = "purposes"
	}
	jsonwalk.Members(object, func(key, value string) bool {
		switch jsonwalk.Unescape(key) {
		case "categoryPreferences":
			jsonwalk.Members(value, func(name, yes string) bool {
				if choice := choiceOf(yes); choice != "" {
					p.addCategory(jsonwalk.Unescape(name), choice, add)
				}
				return true
			})
		case "purposes":
			jsonwalk.Members(value, func(name, choice string) bool {
				readPurpose(jsonwalk.Unescape(name), choice, wording, add)
				return true
			})
		case "method":
			t.method = jsonwalk.Text(value)
		case "language":
			t.language = jsonwalk.Text(value)
		case "place":
			t.place, _, _ = strings.Cut(jsonwalk.Text(value), "?")
		}
		return true
	})
}

func readPurpose(purpose, value, wording string, add func(said)) {
	version := wordingOf(wording, purpose)
	if strings.HasPrefix(value, "{") {
		jsonwalk.Members(value, func(channel, choice string) bool {
			if c := choiceOf(choice); c != "" {
				add(said{purpose, jsonwalk.Unescape(channel), c, version})
			}
			return true
		})
		return
	}
	if c := choiceOf(value); c != "" {
		add(said{purpose, "", c, version})
	}
}

// wordingOf reads a number, or that of a purpose in an object; 0 when it is not said.
func wordingOf(value, purpose string) int {
	if strings.HasPrefix(value, "{") {
		value = jsonwalk.Member(value, purpose)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 1_000_000 {
		return 0
	}
	return n
}

// choices are the words for decisions, beside their names: those that columns of files hold.
var choices = map[string]Decision{
	"true": Granted, "yes": Granted, "y": Granted, "1": Granted, "是": Granted, "同意": Granted,
	"false": Denied, "no": Denied, "n": Denied, "0": Denied, "否": Denied, "不同意": Denied, "拒绝": Denied,
}

// choiceOf reads a decision: true, false, its name or a word; "" for anything else, which decides nothing.
func choiceOf(value string) Decision {
	if text := jsonwalk.Text(value); text != "" {
		value = strings.ToLower(strings.TrimSpace(text))
	}
	if d := Decision(value); d.valid() {
		return d
	}
	return choices[value]
}

func (p *Policy) addCategory(name string, choice Decision, add func(said)) {
	for _, purpose := range p.Categories[name] {
		add(said{purpose, "", choice, 0})
	}
}

// readManaged reads what RudderStack's libraries send: context.consentManagement with
// allowedConsentIds and deniedConsentIds, lists or, of older ones, objects by provider.
func (p *Policy) readManaged(object string, t *told, add func(said)) {
	if t.method == "" {
		t.method = "categories"
	}
	each := func(value string, choice Decision) {
		names := func(list string) {
			jsonwalk.Elements(list, func(name string) bool {
				p.addCategory(jsonwalk.Text(name), choice, add)
				return true
			})
		}
		if strings.HasPrefix(value, "{") {
			jsonwalk.Members(value, func(_, list string) bool {
				names(list)
				return true
			})
			return
		}
		names(value)
	}
	each(jsonwalk.Member(object, "allowedConsentIds"), Granted)
	each(jsonwalk.Member(object, "deniedConsentIds"), Denied)
}

// collectedFor returns the purpose that an event serves, nil for one that needs nobody's consent, and what
// becomes of it if that is refused.
func (p *Policy) collectedFor(e *touchstone.Event) (*Purpose, Refusal) {
	key, refused := p.Uses[touchstone.UseCollect], p.Refused
	for i := range p.Collected {
		if c := &p.Collected[i]; (c.Event == "" || c.Event == e.Name) && (c.Source == "" || c.Source == e.Source) {
			key, refused = c.Purpose, c.Refused
			break
		}
	}
	if u := p.Purpose(key); u != nil && u.Basis != Necessary {
		return u, refused
	}
	return nil, Drop
}
