package linkage

import (
	_ "embed"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/identity/match"
)

//go:embed openapi.yaml
var spec []byte

const (
	mayRead  access.Permission = "identity:read"
	mayWrite access.Permission = "identity:write"
)

// resource is the API of record linkage.
type resource struct {
	linkage func() *Linkage // nil where this process does not have it
	people  api.People
}

// Resource is the API of record linkage. linkage is asked when a request comes.
func Resource(linkage func() *Linkage, people api.People) api.Resource {
	r := &resource{linkage, people}
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	return api.Resource{Name: "Linkage", Spec: spec, Serves: touchstone.Operation("whether two records are one person is looked at by hand"), Routes: []api.Route{
		{Method: get, Path: "/linkage", Need: mayRead, Handle: r.overview},
		{Method: put, Path: "/linkage/settings", Need: mayWrite, Handle: r.change, Action: "linkage.settings"},
		{Method: get, Path: "/linkage/guess", Need: mayRead, Handle: r.guess, Rows: api.Impersonal},
		{Method: get, Path: "/linkage/pairs", Need: mayRead, Handle: r.list, Rows: api.Scoped},
		{Method: get, Path: "/linkage/pairs/{id}", Need: mayRead, Handle: r.get, Rows: api.Scoped},
		{Method: post, Path: "/linkage/pairs/{id}/decide", Need: "people:write", Handle: r.decide, Action: "linkage.decide"},
		{Method: get, Path: "/persons/{ref}/pairs", Need: mayRead, Handle: r.ofPerson, Rows: api.Scoped},
		{Method: post, Path: "/linkage/find", Need: "people:read", Handle: r.find, Rows: api.Scoped},
	}}
}

func (r *resource) here() (*Linkage, error) {
	if l := r.linkage(); l != nil {
		return l, nil
	}
	return nil, api.NotHere("record linkage")
}

// overviewAnswer is what there is to know at a glance.
type overviewAnswer struct {
	Settings settingsAnswer  `json:"settings"`
	Counts   map[State]int64 `json:"counts"`
	Model    *modelAnswer    `json:"model"` // null: nothing was compared yet
	Online   onlineAnswer    `json:"online"`
}

type settingsAnswer struct {
	Columns   []Column `json:"columns"`
	Automatic bool     `json:"automatic"`
	Link      *float64 `json:"link"`
	Review    *float64 `json:"review"`
	Clean     []string `json:"clean"`
	Version   string   `json:"version"`
}

type modelAnswer struct {
	ID      int64          `json:"id"`
	MadeAt  time.Time      `json:"made_at"`
	Persons int64          `json:"persons"`
	Model   jsontext.Value `json:"model"`
}

type onlineAnswer struct {
	State   string `json:"state"` // off, loading, ready
	Persons int    `json:"persons"`
}

func settingsVersion(version int64) string {
	return api.ETag("linkage", strconv.FormatInt(version, 10))
}

func showSettings(s Settings, version int64) settingsAnswer {
	if s.Columns == nil {
		s.Columns = []Column{}
	}
	if s.Clean == nil {
		s.Clean = []string{}
	}
	return settingsAnswer{s.Columns, s.Automatic, s.Link, s.Review, s.Clean, settingsVersion(version)}
}

func (r *resource) overview(w http.ResponseWriter, req *http.Request) error {
	l, err := r.here()
	if err != nil {
		return err
	}
	var out overviewAnswer
	settings, version, err := l.Settings(req.Context())
	if err != nil {
		return err
	}
	out.Settings = showSettings(settings, version)
	if out.Counts, err = l.Counts(req.Context()); err != nil {
		return err
	}
	m, err := l.newestModel(req.Context(), l.cfg.DB.Reader())
	if err != nil {
		return err
	}
	if m != nil {
		out.Model = &modelAnswer{m.id, m.madeAt, m.persons, jsontext.Value(m.text)}
	}
	out.Online.State, out.Online.Persons = l.live.status()
	w.Header().Set("ETag", out.Settings.Version)
	return api.WriteJSON(w, http.StatusOK, out)
}

func (r *resource) change(w http.ResponseWriter, req *http.Request) error {
	var in Settings
	if err := api.ReadJSON(req, &in); err != nil {
		return err
	}
	l, err := r.here()
	if err != nil {
		return err
	}
	version, err := l.SetSettings(req.Context(), in, func(_ Settings, version int64) error {
		return api.CheckIfMatch(req, settingsVersion(version))
	})
	if err != nil {
		return err
	}
	api.NoteDetail(req, in)
	out := showSettings(in, version)
	w.Header().Set("ETag", out.Version)
	return api.WriteJSON(w, http.StatusOK, out)
}

func (r *resource) guess(w http.ResponseWriter, req *http.Request) error {
	l, err := r.here()
	if err != nil {
		return err
	}
	columns, err := l.Guess(req.Context())
	if err != nil {
		return err
	}
	if columns == nil {
		columns = []Column{}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"columns": columns, "kinds": match.Kinds()})
}

// pairAnswer is a pair as the API shows it.
type pairAnswer struct {
	ID        string             `json:"id"`
	State     State              `json:"state"`
	Weight    float64            `json:"weight"`
	Chance    float64            `json:"chance"`
	Persons   [2]*api.PersonLine `json:"persons"`
	Refusal   string             `json:"refusal"`
	DecidedBy string             `json:"decided_by"`
	DecidedAt time.Time          `json:"decided_at"`
	FoundAt   time.Time          `json:"found_at"`
	Model     int64              `json:"model"`
	ETag      string             `json:"etag"`
	Compared  []comparedColumn   `json:"compared,omitempty"`
	Prior     float64            `json:"prior,omitempty"` // bits that any two persons begin with
	Relatives float64            `json:"relatives,omitempty"`
}

// show makes answers of those pairs of which the viewer may see both sides.
func (r *resource) show(req *http.Request, pairs []*Pair) ([]pairAnswer, error) {
	var persons []touchstone.PersonID
	for _, p := range pairs {
		persons = append(persons, p.Persons[0], p.Persons[1])
	}
	lines, err := r.people.Lines(req.Context(), api.ViewerOf(req), persons)
	if err != nil {
		return nil, err
	}
	byID := make(map[touchstone.PersonID]*api.PersonLine, len(lines))
	for i := range lines {
		byID[lines[i].ID] = &lines[i]
	}
	out := []pairAnswer{}
	for _, p := range pairs {
		a, b := byID[p.Persons[0]], byID[p.Persons[1]]
		if a == nil || b == nil {
			continue
		}
		out = append(out, pairAnswer{
			ID: p.ID(), State: p.State(), Weight: p.Weight, Chance: p.Chance, Persons: [2]*api.PersonLine{a, b}, Refusal: p.Refusal,
			DecidedBy: p.DecidedBy, DecidedAt: p.DecidedAt, FoundAt: p.FoundAt, Model: p.Model,
		})
	}
	return out, nil
}

func (r *resource) list(w http.ResponseWriter, req *http.Request) error {
	paging, err := api.ReadPaging(req)
	if err != nil {
		return err
	}
	state := State(req.URL.Query().Get("state"))
	if state == "" {
		state = Review
	}
	if _, known := conditions[state]; !known {
		return touchstone.Errorf(touchstone.Invalid, "There is no state %.80q.", string(state)).WithHint("States are review, linked, rejected and refused.")
	}
	l, err := r.here()
	if err != nil {
		return err
	}
	after, err := readPlace(paging.After)
	if err != nil {
		return err
	}
	pairs, err := l.pairs(req.Context(), state, after, paging.Limit+1)
	if err != nil {
		return err
	}
	next := ""
	if len(pairs) > paging.Limit {
		pairs = pairs[:paging.Limit]
		next = pairs[len(pairs)-1].place()
	}
	items, err := r.show(req, pairs)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

// place is where the page behind a pair begins.
func (p *Pair) place() string {
	return strconv.FormatFloat(p.Weight, 'g', -1, 64) + "," + p.ID()
}

func readPlace(text string) (*place, error) {
	if text == "" {
		return nil, nil
	}
	weight, id, _ := strings.Cut(text, ",")
	bits, err := strconv.ParseFloat(weight, 64)
	nodes, ok := parsePairID(id)
	if err != nil || !ok {
		return nil, touchstone.Errorf(touchstone.Invalid, "The cursor is not one of this list.").WithHint("Begin with the first page.")
	}
	return &place{bits, nodes}, nil
}

func (r *resource) ofPerson(w http.ResponseWriter, req *http.Request) error {
	l, err := r.here()
	if err != nil {
		return err
	}
	person, err := r.people.Find(req.Context(), api.ViewerOf(req), api.Param(req, "ref"))
	if err != nil {
		return err
	}
	pairs, err := l.PairsOf(req.Context(), person)
	if err != nil {
		return err
	}
	items, err := r.show(req, pairs)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (r *resource) get(w http.ResponseWriter, req *http.Request) error {
	l, err := r.here()
	if err != nil {
		return err
	}
	p, err := l.Pair(req.Context(), api.Param(req, "id"))
	if err != nil {
		return err
	}
	return r.answer(w, req, l, p)
}

// answer shows a pair with what was compared, as it is now.
func (r *resource) answer(w http.ResponseWriter, req *http.Request, l *Linkage, p *Pair) error {
	items, err := r.show(req, []*Pair{p})
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return pairNotFound(p.ID())
	}
	out := items[0]
	compared, why, err := l.compared(req.Context(), api.ViewerOf(req), p)
	if err != nil {
		return err
	}
	out.Compared, out.Prior, out.Relatives = compared, why.Prior, why.Relatives
	out.ETag = etag(p)
	w.Header().Set("ETag", out.ETag)
	return api.WriteJSON(w, http.StatusOK, out)
}

func etag(p *Pair) string {
	return api.ETag(p.ID(), p.Persons[0].String(), p.Persons[1].String(), p.Decision, strconv.FormatInt(p.Model, 10))
}

func (r *resource) decide(w http.ResponseWriter, req *http.Request) error {
	var in struct {
		Decision string `json:"decision"`
	}
	if err := api.ReadJSON(req, &in); err != nil {
		return err
	}
	l, err := r.here()
	if err != nil {
		return err
	}
	id := api.Param(req, "id")
	p, err := l.Pair(req.Context(), id)
	if err == nil {
		err = api.CheckIfMatch(req, etag(p))
	}
	if err != nil {
		return err
	}
	actor := api.ViewerOf(req).ID
	switch in.Decision {
	case "link":
		p, err = l.Link(req.Context(), id, actor)
	case "reject":
		p, err = l.Reject(req.Context(), id, actor, false)
	case "review":
		p, err = l.Reject(req.Context(), id, actor, true)
	default:
		return touchstone.Errorf(touchstone.Invalid, "%.80q is no decision.", in.Decision).WithHint("Decisions are link, reject and review, which takes a rejection back.")
	}
	if err != nil {
		return err
	}
	api.NoteTarget(req, p.ID(), "")
	api.NoteDetail(req, map[string]any{"decision": in.Decision, "persons": p.Persons, "chance": p.Chance, "state": p.State()})
	return r.answer(w, req, l, p)
}

// candidate is somebody who may be the one that a record is about.
type candidate struct {
	Person *api.PersonLine `json:"person"`
	Weight float64         `json:"weight"`
	Chance float64         `json:"chance"`
}

// find compares a record with all persons.
func (r *resource) find(w http.ResponseWriter, req *http.Request) error {
	var in struct {
		Values map[string]string `json:"values"`
	}
	if err := api.ReadJSON(req, &in); err != nil {
		return err
	}
	l, err := r.here()
	if err != nil {
		return err
	}
	found, err := l.Find(req.Context(), in.Values)
	if err != nil {
		return err
	}
	persons := make([]touchstone.PersonID, len(found))
	for i, f := range found {
		persons[i] = f.Person
	}
	lines, err := r.people.Lines(req.Context(), api.ViewerOf(req), persons)
	if err != nil {
		return err
	}
	out := []candidate{}
	for i := range lines {
		for _, f := range found {
			if f.Person == lines[i].ID {
				out = append(out, candidate{&lines[i], f.Weight, f.Chance})
			}
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"candidates": out})
}
