package register

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Head says whose register it is.
type Head struct {
	Controller     string `json:"controller"`
	Contact        string `json:"contact"`
	Representative string `json:"representative"` // of one outside of the Union, GDPR article 27
	Officer        string `json:"officer"`        // for the protection of data
	Country        string `json:"country"`        // ISO 3166: what goes elsewhere goes abroad
	JointWith      string `json:"joint_with"`
}

// Bases are the grounds on which data is used: GDPR article 6, PIPL article 13.
var Bases = []string{"consent", "contract", "legal_duty", "vital_interests", "public_task", "legitimate_interests"}

// Activity is something that is done with data about people.
type Activity struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Purposes    []string `json:"purposes"` // keys of the consent policy
	Basis       string   `json:"basis"`
	BasisNote   string   `json:"basis_note"` // the contract, the law, the interest and how it was weighed
	People      []string `json:"people"`     // categories of those concerned: customers, drivers
	Classes     []string `json:"classes"`    // of personal data, as the catalogue finds them
	OtherData   []string `json:"other_data"` // further categories
	Recipients  []Shared `json:"recipients"`
	Rules       []string `json:"rules"`     // of retention, by name
	Retention   string   `json:"retention"` // how long, in words, where no rule says it
	Measures    []string `json:"measures"`  // technical and organisational
	Automated   bool     `json:"automated"` // decisions about people without a person
	Owner       string   `json:"owner"`
	ReviewAt    string   `json:"review_at"` // 2026-01-31; empty: no date
	Ended       bool     `json:"ended"`     // it is done no more
}

// Shared is a recipient of an activity. Kind and ID name one that the program knows; without them it is written by hand.
type Shared struct {
	Kind      string `json:"kind"`
	ID        string `json:"id"`
	Name      string `json:"name"`
	Country   string `json:"country"`   // ISO 3166; empty: nobody has said
	Safeguard string `json:"safeguard"` // of a transfer abroad: standard contract, assessment, certification
}

// State is how far an assessment is.
type State string

// The states. An approved one is due when its time is over.
const (
	Draft     State = "draft"
	InReview  State = "in_review"
	Approved  State = "approved"
	Withdrawn State = "withdrawn"
)

// moves are the states that follow a state.
var moves = map[State][]State{
	Draft:     {InReview, Withdrawn},
	InReview:  {Approved, Draft, Withdrawn},
	Approved:  {Draft, Withdrawn},
	Withdrawn: {Draft},
}

// Decisions are what an assessment may come to.
var Decisions = []string{"proceed", "with_measures", "stop"}

// Assessment weighs what an activity means for people: GDPR article 35, PIPL articles 55 and 56.
type Assessment struct {
	Activity    string `json:"activity"`
	Title       string `json:"title"`
	Necessity   string `json:"necessity"` // purpose and manner are lawful, fair and needed
	Impact      string `json:"impact"`    // on the rights of people
	Risks       []Risk `json:"risks"`
	Opinion     string `json:"opinion"` // of the officer
	Heard       string `json:"heard"`   // people concerned, or those who speak for them
	Decision    string `json:"decision"`
	ValidUntil  string `json:"valid_until"` // 2026-01-31
	State       State  `json:"state"`
	SubmittedBy string `json:"submitted_by"`
	ApprovedBy  string `json:"approved_by"`
	ApprovedAt  string `json:"approved_at"` // RFC 3339
}

// Risk is something that may happen to people, and what is done about it. Levels are 1 (low) to 3 (high).
type Risk struct {
	Risk       string `json:"risk"`
	Likelihood int    `json:"likelihood"`
	Severity   int    `json:"severity"`
	Measure    string `json:"measure"`
	Residual   int    `json:"residual"` // what remains
}

// Bounds of texts and lists.
const (
	maxName  = 200   // characters
	maxText  = 8_000 // characters
	maxItems = 50
)

func isText(s string, most int, lines bool) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && !(lines && r == '\n') }) < 0
}

func checkTexts(of string, most int, lines bool, texts ...string) error {
	for _, s := range texts {
		if !isText(s, most, lines) {
			return touchstone.Errorf(touchstone.Invalid, "%s: a text has at most %d characters.", of, most)
		}
	}
	return nil
}

func checkDate(field, date string) error {
	if date == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "%s: %.40q is no day like 2026-01-31.", field, date)
	}
	return nil
}

func checkCountry(country string) error {
	if country == "" || len(country) == 2 && strings.ToUpper(country) == country && country[0] >= 'A' && country[1] <= 'Z' {
		return nil
	}
	return touchstone.Errorf(touchstone.Invalid, "%.40q is no country.", country).WithHint("Countries have two letters, as in CN and DE.")
}

func (h *Head) check() error {
	if err := checkCountry(h.Country); err != nil {
		return err
	}
	return checkTexts("The head of the register", maxName, true, h.Controller, h.Contact, h.Representative, h.Officer, h.JointWith)
}

// listsOf makes lists that were left out empty, so that a record reads as it is written.
func listsOf(lists ...*[]string) error {
	for _, l := range lists {
		if *l == nil {
			*l = []string{}
		}
		if len(*l) > maxItems {
			return touchstone.Errorf(touchstone.Invalid, "A list of an activity has at most %d entries.", maxItems)
		}
		if err := checkTexts("A list of an activity", maxName, false, *l...); err != nil {
			return err
		}
	}
	return nil
}

func (a *Activity) check() error {
	a.Name = strings.TrimSpace(a.Name)
	if a.Name == "" || !isText(a.Name, maxName, false) {
		return touchstone.Errorf(touchstone.Invalid, "An activity has a name of one line and at most %d characters.", maxName)
	}
	if !slices.Contains(Bases, a.Basis) {
		return touchstone.Errorf(touchstone.Invalid, "basis: %.40q is none of %v.", a.Basis, Bases)
	}
	if err := listsOf(&a.Purposes, &a.People, &a.Classes, &a.OtherData, &a.Rules, &a.Measures); err != nil {
		return err
	}
	if a.Recipients == nil {
		a.Recipients = []Shared{}
	}
	if len(a.Recipients) > 4*maxItems {
		return touchstone.Errorf(touchstone.Invalid, "An activity has at most %d recipients.", 4*maxItems)
	}
	for _, r := range a.Recipients {
		if r.Name == "" {
			return touchstone.Errorf(touchstone.Invalid, "Each recipient of %q has a name.", a.Name)
		}
		if err := checkCountry(r.Country); err != nil {
			return err
		}
		if err := checkTexts("A recipient", maxName, true, r.Kind, r.ID, r.Name, r.Safeguard); err != nil {
			return err
		}
	}
	if err := checkDate("review_at", a.ReviewAt); err != nil {
		return err
	}
	if err := checkTexts("The owner", maxName, false, a.Owner); err != nil {
		return err
	}
	return checkTexts("An activity", maxText, true, a.Description, a.BasisNote, a.Retention)
}

func (a *Assessment) check() error {
	a.Title = strings.TrimSpace(a.Title)
	if a.Title == "" || !isText(a.Title, maxName, false) {
		return touchstone.Errorf(touchstone.Invalid, "An assessment has a title of one line and at most %d characters.", maxName)
	}
	if a.Decision != "" && !slices.Contains(Decisions, a.Decision) {
		return touchstone.Errorf(touchstone.Invalid, "decision: %.40q is none of %v.", a.Decision, Decisions)
	}
	if a.Risks == nil {
		a.Risks = []Risk{}
	}
	if len(a.Risks) > maxItems {
		return touchstone.Errorf(touchstone.Invalid, "An assessment names at most %d risks.", maxItems)
	}
	for _, r := range a.Risks {
		if r.Risk == "" || min(r.Likelihood, r.Severity, r.Residual) < 1 || max(r.Likelihood, r.Severity, r.Residual) > 3 {
			return touchstone.Errorf(touchstone.Invalid, "A risk says what may happen, and has levels from 1 to 3.")
		}
		if err := checkTexts("A risk", maxText, true, r.Risk, r.Measure); err != nil {
			return err
		}
	}
	if err := checkDate("valid_until", a.ValidUntil); err != nil {
		return err
	}
	return checkTexts("An assessment", maxText, true, a.Necessity, a.Impact, a.Opinion, a.Heard)
}

// complete tells what lacks before somebody can look at it: article 56 of the PIPL says what it holds.
func (a *Assessment) complete() error {
	for _, part := range []struct{ name, text string }{{"necessity", a.Necessity}, {"impact", a.Impact}, {"decision", a.Decision}, {"valid_until", a.ValidUntil}} {
		if strings.TrimSpace(part.text) == "" {
			return touchstone.Errorf(touchstone.Invalid, "The assessment lacks its %s.", part.name).WithHint("It is complete with necessity, impact, at least one risk with its measure, a decision and until when it holds.")
		}
	}
	if len(a.Risks) == 0 || slices.ContainsFunc(a.Risks, func(r Risk) bool { return strings.TrimSpace(r.Measure) == "" }) {
		return touchstone.Errorf(touchstone.Invalid, "The assessment lacks its %s.", "measures").WithHint("It is complete with necessity, impact, at least one risk with its measure, a decision and until when it holds.")
	}
	return nil
}
