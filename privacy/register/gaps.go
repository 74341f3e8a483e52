package register

import (
	"slices"
	"strings"
	"time"
)

// Facts are what the program knows of itself.
type Facts struct {
	Data       []Collected `json:"data"`
	Recipients []Recipient `json:"recipients"`
	Purposes   []Purpose   `json:"purposes"`
	Rules      []string    `json:"rules"` // of retention, by name
}

// Collected is a class of personal data, with the fields in which it was found.
type Collected struct {
	Class  string   `json:"class"`
	Fields []string `json:"fields"` // "property:nr", "trait:email"; at most 100
}

// Recipient is who gets data from the program.
type Recipient struct {
	Kind     string `json:"kind"` // webhook, schedule, mail
	ID       string `json:"id"`
	Name     string `json:"name"`     // of the definition
	To       string `json:"to"`       // a host, a domain, a kind of file
	Contacts string `json:"contacts"` // none, masked, full
}

// Purpose is one of the consent policy.
type Purpose struct {
	Key   string `json:"key"`
	ZH    string `json:"zh"`
	EN    string `json:"en"`
	Class string `json:"class"` // sharing, location, minor, biometric, personalised; empty
}

// GapKind says what is not covered.
type GapKind string

// The kinds. The first four are about something that no activity covers, the others about an activity.
const (
	DataGap          GapKind = "data"           // a class is collected
	RecipientGap     GapKind = "recipient"      // somebody gets data
	PurposeGap       GapKind = "purpose"        // people are asked for it
	CountryGap       GapKind = "country"        // nobody has said where a recipient is
	TransferGap      GapKind = "transfer"       // it goes abroad without a safeguard
	AssessmentGap    GapKind = "assessment"     // one is needed, and none is approved
	AssessmentDueGap GapKind = "assessment_due" // the one that is approved has expired
	ReviewGap        GapKind = "review"         // the day of its review is over
	RetentionGap     GapKind = "retention"      // nothing says how long
	GoneGap          GapKind = "gone"           // it names what is no more
)

// Gap is something that the register does not cover, or no longer.
type Gap struct {
	Kind     GapKind   `json:"kind"`
	Subject  string    `json:"subject"`  // a class, a purpose, "webhook:wh_…", the name of a rule
	Name     string    `json:"name"`     // for people
	Activity string    `json:"activity"` // id; empty: none
	FoundAt  time.Time `json:"found_at"`
	// ClosedAt is when it was covered; zero while it is open.
	ClosedAt time.Time `json:"-"`
}

// Key names a gap: as long as it is the same, it is open.
func (g *Gap) Key() string { return string(g.Kind) + "|" + g.Activity + "|" + g.Subject }

// sensitive are classes of data, and of purposes, whose use needs an assessment: PIPL articles 28, 51 and 55.
var (
	sensitiveData     = []string{"id_card", "bank_card", "location"}
	sensitivePurposes = []string{"sharing", "location", "minor", "biometric"}
)

// Gaps holds what people have written against what there is. It is pure; FoundAt is zero.
func Gaps(f Facts, c Contents, today time.Time) (list []Gap) {
	day := today.Format(time.DateOnly)
	list = uncovered(f, c)
	for i := range c.Activities {
		a := &c.Activities[i]
		if a.Ended {
			continue
		}
		add := func(kind GapKind, subject, name string) {
			g := Gap{Kind: kind, Subject: subject, Name: name, Activity: a.ID}
			if !slices.ContainsFunc(list, func(o Gap) bool { return o.Key() == g.Key() }) {
				list = append(list, g)
			}
		}
		if a.ReviewAt != "" && a.ReviewAt <= day {
			add(ReviewGap, "", a.Name)
		}
		if len(a.Rules) == 0 && strings.TrimSpace(a.Retention) == "" {
			add(RetentionGap, "", a.Name)
		}
		for _, r := range a.Recipients {
			subject := strings.Trim(r.Kind+":"+r.ID, ":")
			if subject == "" {
				subject = r.Name
			}
			switch {
			case r.Country == "":
				add(CountryGap, subject, r.Name)
			case r.Country != c.Head.Country && strings.TrimSpace(r.Safeguard) == "":
				add(TransferGap, subject, r.Name)
			}
			if r.Kind != "" && !slices.ContainsFunc(f.Recipients, func(o Recipient) bool { return o.Kind == r.Kind && o.ID == r.ID }) {
				add(GoneGap, subject, r.Name)
			}
		}
		for _, rule := range a.Rules {
			if !slices.Contains(f.Rules, rule) {
				add(GoneGap, "rule:"+rule, rule)
			}
		}
		for _, key := range a.Purposes {
			if !slices.ContainsFunc(f.Purposes, func(p Purpose) bool { return p.Key == key }) {
				add(GoneGap, "purpose:"+key, key)
			}
		}
		if a.needsAssessment(f, c.Head.Country) {
			switch c.assessed(a.ID, day) {
			case "":
				add(AssessmentGap, "", a.Name)
			case "due":
				add(AssessmentDueGap, "", a.Name)
			}
		}
	}
	return list
}

// uncovered returns what is collected, shared and asked for, and in no activity that goes on.
func uncovered(f Facts, c Contents) (list []Gap) {
	any := func(holds func(a *ActivityRecord) bool) bool {
		return slices.ContainsFunc(c.Activities, func(a ActivityRecord) bool { return !a.Ended && holds(&a) })
	}
	for _, d := range f.Data {
		if !any(func(a *ActivityRecord) bool { return slices.Contains(a.Classes, d.Class) }) {
			list = append(list, Gap{Kind: DataGap, Subject: d.Class, Name: d.Class})
		}
	}
	for _, r := range f.Recipients {
		if !any(func(a *ActivityRecord) bool {
			return slices.ContainsFunc(a.Recipients, func(s Shared) bool { return s.Kind == r.Kind && s.ID == r.ID })
		}) {
			list = append(list, Gap{Kind: RecipientGap, Subject: r.Kind + ":" + r.ID, Name: r.Name})
		}
	}
	for _, p := range f.Purposes {
		if !any(func(a *ActivityRecord) bool { return slices.Contains(a.Purposes, p.Key) }) {
			list = append(list, Gap{Kind: PurposeGap, Subject: p.Key, Name: p.Key})
		}
	}
	return list
}

// needsAssessment tells whether the law wants one before: sensitive data, decisions without a person, data that is handed
// to others or goes abroad (PIPL article 55, GDPR article 35).
func (a *ActivityRecord) needsAssessment(f Facts, country string) bool {
	if a.Automated || slices.ContainsFunc(a.Classes, func(c string) bool { return slices.Contains(sensitiveData, c) }) {
		return true
	}
	if slices.ContainsFunc(a.Recipients, func(r Shared) bool {
		if r.Country != "" && r.Country != country {
			return true
		}
		return slices.ContainsFunc(f.Recipients, func(o Recipient) bool { return o.Kind == r.Kind && o.ID == r.ID && o.Contacts == "full" })
	}) {
		return true
	}
	return slices.ContainsFunc(f.Purposes, func(p Purpose) bool {
		return slices.Contains(a.Purposes, p.Key) && slices.Contains(sensitivePurposes, p.Class)
	})
}

// assessed returns "valid" when an approved assessment of an activity holds on a day, "due" when all of them have expired or
// forbid it, and "" without one.
func (c *Contents) assessed(activity, day string) string {
	found := ""
	for i := range c.Assessments {
		a := &c.Assessments[i]
		if a.Activity != activity || a.State != Approved {
			continue
		}
		if a.ValidUntil >= day && a.Decision != "stop" {
			return "valid"
		}
		found = "due"
	}
	return found
}
