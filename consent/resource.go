package consent

import (
	"context"
	_ "embed"
	"net/http"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// usual is what a first policy is made from.
//
//go:embed template.json
var usual string

// The permissions of consent.
const (
	mayRead   access.Permission = "consent:read"
	mayWrite  access.Permission = "consent:write"
	mayRecord access.Permission = "consent:record"
)

// Parts is what the API needs of this process.
type Parts struct {
	Consent *Consent // nil: not here
	People  api.People
	// Set has the pipeline carry out the command; nil: not here.
	Set func(ctx context.Context, actor string, body touchstone.JSON) (SetResult, error)
	// Emit is nil in a process that cannot.
	Emit Emit
	// Strongest returns the identifier that stands for a person in an event.
	Strongest func(ctx context.Context, person touchstone.PersonID) (touchstone.Identifier, error)
	// Members returns the next of a segment's members whom the viewer may see, and the cursor behind them.
	Members func(ctx context.Context, v *access.Viewer, segment string, limit int, cursor string) ([]touchstone.PersonID, string, error)
	// PurposeOf returns what a segment serves, "" for that of what is done with it.
	PurposeOf func(ctx context.Context, v *access.Viewer, segment string) (string, error)
	// SegmentsOf returns the segments that a person is in, by name, with what each serves.
	SegmentsOf func(ctx context.Context, v *access.Viewer, person touchstone.PersonID) ([]Serving, error)
	// Organisation is who asks, where the policy does not say it.
	Organisation func() string
}

// Resource is the API of consent. The function is asked when a request comes.
func Resource(parts func() Parts) api.Resource {
	const get, put, post = http.MethodGet, http.MethodPut, http.MethodPost
	x := resource{parts}
	return api.Resource{Name: "Consent", Spec: spec, Serves: touchstone.Operation("what somebody agrees to must be known to be kept, and is theirs to see"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see the consent policy and how many agree"},
			{Permission: mayWrite, Allows: "change the consent policy"},
			{Permission: mayRecord, Allows: "record what somebody has decided, and make links to the preference page"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/consent/policy", Need: mayRead, Rows: api.Impersonal, Handle: x.policy},
			{Method: put, Path: "/consent/policy", Need: mayWrite, Handle: x.set, Action: "consent.policy"},
			{Method: get, Path: "/consent/template", Need: mayRead, Rows: api.Impersonal, Handle: x.template},
			{Method: get, Path: "/consent/policies", Need: mayRead, Rows: api.Impersonal, Handle: x.policies},
			{Method: get, Path: "/consent/numbers", Need: mayRead, Handle: x.numbers},
			{Method: put, Path: "/consents", Need: mayRecord, Handle: x.record, Action: "consent.record", Secret: true},
			{Method: get, Path: "/persons/{ref}/consents", Need: "people:read", Rows: api.Scoped, Handle: x.ofPerson},
			{Method: put, Path: "/persons/{ref}/consents", Need: mayRecord, Rows: api.Scoped, Handle: x.recordFor, Action: "consent.record"},
			{Method: get, Path: "/persons/{ref}/verdict", Need: "people:read", Rows: api.Scoped, Handle: x.verdict},
			{Method: get, Path: "/segments/{id}/consent", Need: "segments:read", Rows: api.Scoped, Handle: x.ofSegment},
			{Method: post, Path: "/persons/{ref}/consents/link", Need: mayRecord, Rows: api.Scoped, Handle: x.link, Action: "consent.link", Secret: true},
		}}
}

type resource struct{ parts func() Parts }

func (x resource) here() (Parts, error) {
	p := x.parts()
	if p.Consent == nil {
		return p, api.NotHere("consent")
	}
	return p, nil
}

func etag(v *Version) string { return api.ETag("consent", strconv.FormatInt(v.Version, 10)) }

func (x resource) policy(w http.ResponseWriter, r *http.Request) error {
	p, err := x.here()
	if err != nil {
		return err
	}
	v, err := p.Consent.Latest(r.Context(), p.Consent.cfg.DB.Reader())
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(&v))
	return api.WriteJSON(w, http.StatusOK, v)
}

func (x resource) set(w http.ResponseWriter, r *http.Request) error {
	var in SetBody
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	p, err := x.here()
	if err != nil {
		return err
	}
	if p.Set == nil {
		return api.NotHere("the pipeline")
	}
	if in.Policy == nil {
		return touchstone.Errorf(touchstone.Invalid, "The field %q is missing.", "policy")
	}
	in.Policy.fill()
	if err := in.Policy.Check(); err != nil {
		return err
	}
	latest, err := p.Consent.Latest(r.Context(), p.Consent.cfg.DB.Reader())
	if err != nil {
		return err
	}
	if err := api.CheckIfMatch(r, etag(&latest)); err != nil {
		return err
	}
	body, err := encodeBody(&in)
	if err != nil {
		return err
	}
	if _, err := p.Set(r.Context(), api.ViewerOf(r).ID, body); err != nil {
		return err
	}
	v, err := p.Consent.Latest(r.Context(), p.Consent.cfg.DB.Reader())
	if err != nil {
		return err
	}
	api.NoteTarget(r, strconv.FormatInt(v.Version, 10), "")
	w.Header().Set("ETag", etag(&v))
	return api.WriteJSON(w, http.StatusOK, v)
}

func (resource) template(w http.ResponseWriter, _ *http.Request) error {
	p, err := parsePolicy(usual)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, p)
}

func (x resource) policies(w http.ResponseWriter, r *http.Request) error {
	p, err := x.here()
	if err != nil {
		return err
	}
	list, err := p.Consent.Versions(r.Context(), p.Consent.cfg.DB.Reader())
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

const maxNumberDays = 366

func (x resource) numbers(w http.ResponseWriter, r *http.Request) error {
	p, err := x.here()
	if err != nil {
		return err
	}
	days := 30
	if text := r.URL.Query().Get("days"); text != "" {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > maxNumberDays {
			return touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", "days", 1, maxNumberDays)
		}
	}
	n, err := p.Consent.Numbers(r.Context(), days)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, n)
}

// recordBody is a decision as it is sent.
type recordBody struct {
	Choices   []Choice   `json:"choices"`
	At        *time.Time `json:"at"`
	Language  string     `json:"language"`
	Place     string     `json:"place"`
	Method    string     `json:"method"`
	MessageID string     `json:"message_id"`
}

func (b *recordBody) recorded(ids ...touchstone.Identifier) Recorded {
	r := Recorded{Identifiers: ids, Choices: b.Choices, Method: b.Method, Language: b.Language, Place: b.Place, MessageID: b.MessageID}
	if b.At != nil {
		r.At = *b.At
	}
	if r.Method == "" {
		r.Method = "api"
	}
	return r
}

type recordAnswer struct {
	MessageID string `json:"message_id"`
	Done      bool   `json:"done"` // false: it is in the log, and holds in a moment
}

func (x resource) take(w http.ResponseWriter, r *http.Request, p *Parts, what Recorded) error {
	if p.Emit == nil {
		return api.NotHere("the edge")
	}
	id, done, err := p.Consent.Record(r.Context(), what, p.Emit)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !done {
		status = http.StatusAccepted
	}
	return api.WriteJSON(w, status, recordAnswer{id, done})
}

func (x resource) record(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Identifiers []touchstone.Identifier `json:"identifiers"`
		recordBody  `json:",inline"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	p, err := x.here()
	if err != nil {
		return err
	}
	api.NoteDetail(r, in.Choices)
	return x.take(w, r, &p, in.recorded(in.Identifiers...))
}

func (x resource) recordFor(w http.ResponseWriter, r *http.Request) error {
	var in recordBody
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	p, person, err := x.person(r)
	if err != nil {
		return err
	}
	id, err := p.Strongest(r.Context(), person)
	if err != nil {
		return err
	}
	api.NoteTarget(r, person.String(), "")
	return x.take(w, r, &p, in.recorded(id))
}

func (x resource) person(r *http.Request) (Parts, touchstone.PersonID, error) {
	p, err := x.here()
	if err != nil {
		return p, 0, err
	}
	person, err := p.People.Find(r.Context(), api.ViewerOf(r), api.Param(r, "ref"))
	return p, person, err
}

// personAnswer is all about a person's consent.
type personAnswer struct {
	Person    touchstone.PersonID `json:"person"`
	Minor     bool                `json:"minor"`
	Verdicts  []Verdict           `json:"verdicts"`  // by purpose, as a whole and by each of its channels
	Decisions []Proof             `json:"decisions"` // the latest first
	Segments  []Serving           `json:"segments"`  // that the person is in and may not be acted on for, and why
}

const maxProofs = 500

func (x resource) ofPerson(w http.ResponseWriter, r *http.Request) error {
	p, person, err := x.person(r)
	if err != nil {
		return err
	}
	a := personAnswer{Person: person, Verdicts: []Verdict{}}
	if a.Verdicts, a.Minor, err = p.Consent.all(r.Context(), person); err != nil {
		return err
	}
	if a.Decisions, err = p.Consent.Proofs(r.Context(), p.Consent.cfg.DB.Reader(), person, maxProofs); err != nil {
		return err
	}
	if a.Segments, err = p.heldFrom(r.Context(), api.ViewerOf(r), person); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, a)
}

func (x resource) verdict(w http.ResponseWriter, r *http.Request) error {
	p, person, err := x.person(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	ask := Ask{Purpose: q.Get("purpose"), Use: touchstone.Use(q.Get("use")), Channel: q.Get("channel")}
	if ask.Purpose == "" && ask.Use == "" {
		return touchstone.Errorf(touchstone.Invalid, "Say what it is about: the parameter purpose, or use.")
	}
	v, err := p.Consent.Gate().Allows(r.Context(), person, ask)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, v)
}

type linkAnswer struct {
	Path      string    `json:"path"` // on the address of this server
	ExpiresAt time.Time `json:"expires_at"`
}

func (x resource) link(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Days int `json:"days"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	p, person, err := x.person(r)
	if err != nil {
		return err
	}
	age := time.Duration(in.Days) * 24 * time.Hour
	switch {
	case in.Days == 0:
		age = defaultLinkAge
	case in.Days < 0 || age > MaxLinkAge:
		return touchstone.Errorf(touchstone.Invalid, "A link is valid for 1 to %d days.", int(MaxLinkAge.Hours()/24))
	}
	until := p.Consent.cfg.Clock.Now().Add(age).UTC().Truncate(time.Second)
	token, err := p.Consent.Token(r.Context(), person, until)
	if err != nil {
		return err
	}
	api.NoteTarget(r, person.String(), "")
	return api.WriteJSON(w, http.StatusCreated, linkAnswer{PagePath + token, until})
}
