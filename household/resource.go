package household

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of households.
const (
	mayRead  access.Permission = "households:read"
	mayWrite access.Permission = "households:write"
)

// Parts is what the API works with. Submit and StartDerive are nil in a process that puts no
// commands in the log.
type Parts struct {
	Households *Households
	People     api.People
	// Search returns persons whom v may see by a name, an identifier or an id.
	Search func(ctx context.Context, v *access.Viewer, q string, limit int) ([]touchstone.PersonID, error)
	// Strongest returns the identifier that stands for each person in a command.
	Strongest   func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]touchstone.Identifier, error)
	Submit      func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error)
	StartDerive func(ctx context.Context, v *access.Viewer) error
}

// Resource is the API of households. The function is asked when a request comes.
func Resource(parts func() Parts) api.Resource {
	x := resource{parts}
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	return api.Resource{Name: "Households", Spec: spec, Serves: touchstone.Operation("who lives together is looked at by hand; what acts on it is asked for each person"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see who lives together, and why"},
			{Permission: mayWrite, Allows: "say who lives together and who does not, and set the rules"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/households", Need: mayRead, Handle: x.list},
			{Method: get, Path: "/households/totals", Need: mayRead, Handle: x.totals},
			{Method: get, Path: "/households/rules", Need: mayRead, Handle: x.rules, Rows: api.Impersonal},
			{Method: get, Path: "/households/strengths", Need: mayRead, Handle: x.strengths},
			{Method: put, Path: "/households/rules", Need: mayWrite, Handle: x.setRules, Action: "household.rules"},
			{Method: post, Path: "/households/decisions", Need: mayWrite, Handle: x.decide, Action: "household.decide", Rows: api.Scoped},
			{Method: get, Path: "/households/tags", Need: mayRead, Handle: x.tags},
			{Method: post, Path: "/households/{id}/tags", Need: mayWrite, Handle: x.tag, Action: "household.tag", Rows: api.Scoped},
			{Method: get, Path: "/households/{id}", Need: mayRead, Handle: x.get, Rows: api.Scoped},
			{Method: get, Path: "/persons/{ref}/households", Need: mayRead, Handle: x.of, Rows: api.Scoped},
		}}
}

type resource struct{ parts func() Parts }

// lines returns a line of each person whom the viewer may see.
func (p *Parts) lines(ctx context.Context, v *access.Viewer, ids []touchstone.PersonID) (map[touchstone.PersonID]api.PersonLine, error) {
	list, err := p.People.Lines(ctx, v, ids)
	if err != nil {
		return nil, err
	}
	at := make(map[touchstone.PersonID]api.PersonLine, len(list))
	for _, l := range list {
		at[l.ID] = l
	}
	return at, nil
}

// named fills in the name of a member. That of a child is for who may see contacts.
func (m *MiniatureMember) named(v *access.Viewer, l api.PersonLine) {
	if !m.Child || v.SeesContacts() {
		m.Name = l.Name
	}
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	p := x.parts()
	page, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	q := ListQuery{Sort: r.URL.Query().Get("sort"), Children: r.URL.Query().Get("children") == "true", Limit: page.Limit, After: page.After}
	switch q.Sort {
	case "", byRevenue, bySize, byScore:
	default:
		return touchstone.Errorf(touchstone.Invalid, "households are not ordered by %.40q", q.Sort).WithHint("sort is revenue, size or score")
	}
	if q.MinSize, err = readSize(r.URL.Query().Get("min_size")); err != nil {
		return err
	}
	q.Tag = r.URL.Query().Get("tag")
	if text := r.URL.Query().Get("q"); text != "" {
		if q.Persons, err = p.Search(r.Context(), api.ViewerOf(r), text, maxFound); err != nil {
			return err
		}
		if len(q.Persons) == 0 {
			return api.WritePage(w, []Summary{}, "")
		}
	}
	list, next, err := p.Households.List(r.Context(), q)
	if err != nil {
		return err
	}
	if err := p.complete(r.Context(), api.ViewerOf(r), list); err != nil {
		return err
	}
	if list == nil {
		list = []Summary{}
	}
	return api.WritePage(w, list, next)
}

// complete adds members, cars, tags and what was paid lately to lines of a list.
func (p *Parts) complete(ctx context.Context, v *access.Viewer, list []Summary) error {
	if err := p.Households.addMembers(ctx, list); err != nil {
		return err
	}
	var ids []touchstone.PersonID
	for i := range list {
		for j := range list[i].Members {
			ids = append(ids, list[i].Members[j].ID)
		}
	}
	cars, err := p.Households.vehicles(ctx, ids)
	if err != nil {
		return err
	}
	lately, err := p.Households.spentLately(ctx, ids)
	if err != nil {
		return err
	}
	lines, err := p.lines(ctx, v, ids)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Vehicles = carsOf(cars, list[i].Members, func(m MiniatureMember) touchstone.PersonID { return m.ID })
		for j := range list[i].Members {
			m := &list[i].Members[j]
			list[i].Lately += lately[m.ID]
			m.named(v, lines[m.ID])
		}
	}
	return nil
}

// Behind returns the households of today that some persons count in, as the list shows them: at most limit after the id that
// the cursor is, how many there are, and the next cursor.
func (p *Parts) Behind(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, cursor string, limit int) (list []Summary, total int, next string, err error) {
	after := ID(0)
	if cursor != "" {
		var ok bool
		if after, ok = ParseID(cursor); !ok {
			return nil, 0, "", touchstone.Errorf(touchstone.Invalid, "The cursor is not one that this list gave.")
		}
	}
	list, total, more, err := p.Households.Behind(ctx, persons, after, limit)
	if err != nil {
		return nil, 0, "", err
	}
	if more {
		next = list[len(list)-1].ID.String()
	}
	if err := p.complete(ctx, v, list); err != nil {
		return nil, 0, "", err
	}
	return list, total, next, keepConsenting(ctx, list)
}

// keepConsenting takes out of households the members who do not agree to what the call is for.
func keepConsenting(ctx context.Context, list []Summary) error {
	var all []touchstone.PersonID
	for i := range list {
		for _, m := range list[i].Members {
			all = append(all, m.ID)
		}
	}
	kept, err := api.Consenting(ctx, all)
	if err != nil {
		return err
	}
	agree := make(map[touchstone.PersonID]bool, len(kept))
	for _, person := range kept {
		agree[person] = true
	}
	for i := range list {
		list[i].Members = slices.DeleteFunc(list[i].Members, func(m MiniatureMember) bool { return !agree[m.ID] })
	}
	return nil
}

func (x resource) tags(w http.ResponseWriter, r *http.Request) error {
	list, err := x.parts().Households.allTags(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"items": list})
}

// tag gives tags to a household and takes them away.
func (x resource) tag(w http.ResponseWriter, r *http.Request) error {
	p := x.parts()
	if p.Submit == nil {
		return api.NotHere("commands")
	}
	id, ok := ParseID(api.Param(r, "id"))
	if !ok {
		return touchstone.Errorf(touchstone.Invalid, "%.40q is not the id of a household: it looks like h_1a2b", api.Param(r, "id"))
	}
	var in struct {
		Add    []string `json:"add"`
		Remove []string `json:"remove"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	v := api.ViewerOf(r)
	one, err := p.Households.Get(r.Context(), v, id)
	if err == nil {
		err = p.fill(r.Context(), v, one) // nobody tags a household of which they may see nobody
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(TagBody{Household: one.ID.String(), Add: in.Add, Remove: in.Remove})
	if err != nil {
		return err
	}
	if err := checkTags(touchstone.JSON(text)); err != nil {
		return err
	}
	if _, err := p.Submit(r.Context(), touchstone.Command{Kind: TagCommand, Actor: v.ID, SubmittedAt: p.Households.cfg.Clock.Now(), Body: touchstone.JSON(text)}); err != nil {
		return err
	}
	api.NoteTarget(r, one.ID.String(), one.ID.String())
	tags, err := tagsOf(r.Context(), p.Households.cfg.DB.Reader(), []int64{int64(one.ID)})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": one.ID, "tags": append([]Tag{}, tags[one.ID]...)})
}

// maxFound is how many persons a search in the list stands for.
const maxFound = 200

func readSize(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || n > maxMost {
		return 0, touchstone.Errorf(touchstone.Invalid, "min_size is a number of persons from 2 to %d", maxMost)
	}
	return n, nil
}

func (x resource) totals(w http.ResponseWriter, r *http.Request) error {
	t, err := x.parts().Households.Totals(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, t)
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	p := x.parts()
	id, ok := ParseID(api.Param(r, "id"))
	if !ok {
		return touchstone.Errorf(touchstone.Invalid, "%.40q is not the id of a household: it looks like h_1a2b", api.Param(r, "id"))
	}
	v := api.ViewerOf(r)
	one, err := p.Households.Get(r.Context(), v, id)
	if err != nil {
		return err
	}
	if err := p.fill(r.Context(), v, one); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, one)
}

// fill adds what profiles know, and leaves out members whom the viewer may not see; without
// any there is no household. What the household is worth follows from who is left.
func (p *Parts) fill(ctx context.Context, v *access.Viewer, one *View) error {
	ids := make([]touchstone.PersonID, len(one.Members))
	for i := range one.Members {
		ids[i] = one.Members[i].ID
	}
	lines, err := p.lines(ctx, v, ids)
	if err != nil {
		return err
	}
	hidden := func(id touchstone.PersonID) bool { _, seen := lines[id]; return !seen }
	one.Members = slices.DeleteFunc(one.Members, func(m ViewMember) bool { return hidden(m.ID) })
	one.Decisions = slices.DeleteFunc(one.Decisions, func(d ViewDecision) bool { return hidden(d.Who) && hidden(d.With) })
	if len(one.Members) == 0 {
		return touchstone.Errorf(touchstone.NotFound, "there is no household %s", one.ID)
	}
	cars, err := p.Households.vehicles(ctx, ids)
	if err != nil {
		return err
	}
	lately, err := p.Households.spentLately(ctx, ids)
	if err != nil {
		return err
	}
	now := slices.DeleteFunc(slices.Clone(one.Members), func(m ViewMember) bool { return !m.Current })
	one.Vehicles = carsOf(cars, now, func(m ViewMember) touchstone.PersonID { return m.ID })
	for i := range one.Members {
		m := &one.Members[i]
		l := lines[m.ID]
		if m.Current && l.City != nil && !slices.Contains(one.Cities, *l.City) {
			one.Cities = append(one.Cities, *l.City)
		}
		m.named(v, l)
		m.FirstSeen, m.LastSeen = l.FirstSeen, l.LastSeen
		if m.Current {
			one.Lately += lately[m.ID]
			one.add(m)
		}
	}
	return nil
}

// add counts a member of today.
func (one *View) add(m *ViewMember) {
	one.Size, one.Orders, one.Revenue = one.Size+1, one.Orders+m.Orders, one.Revenue+m.Revenue
	if m.Child {
		one.Children++
	}
	if m.Revenue > 0 {
		one.Payers++
	}
	if !m.FirstSeen.IsZero() && (one.FirstSeen.IsZero() || m.FirstSeen.Before(one.FirstSeen)) {
		one.FirstSeen = m.FirstSeen
	}
	if m.LastSeen.After(one.LastSeen) {
		one.LastSeen = m.LastSeen
	}
}

func (x resource) of(w http.ResponseWriter, r *http.Request) error {
	p, v := x.parts(), api.ViewerOf(r)
	person, err := p.People.Find(r.Context(), v, api.Param(r, "ref"))
	if err != nil {
		return err
	}
	list, err := p.Households.Of(r.Context(), v, person)
	if err != nil {
		return err
	}
	for _, one := range list {
		if err := p.fill(r.Context(), v, one); err != nil {
			return err
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": person, "items": list})
}

// decisionInput names persons by any reference.
type decisionInput struct {
	Who     string   `json:"who"`
	With    []string `json:"with"`
	Verdict string   `json:"verdict"`
}

func (x resource) decide(w http.ResponseWriter, r *http.Request) error {
	p := x.parts()
	if p.Submit == nil {
		return api.NotHere("commands")
	}
	var in decisionInput
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if len(in.With) > maxWith {
		return touchstone.Errorf(touchstone.Invalid, "a decision is about somebody and 1 to %d others", maxWith)
	}
	var persons []touchstone.PersonID
	for _, ref := range append([]string{in.Who}, in.With...) {
		person, err := p.People.Find(r.Context(), api.ViewerOf(r), ref)
		if err != nil {
			return err
		}
		persons = append(persons, person)
	}
	names, err := p.Strongest(r.Context(), persons)
	if err != nil {
		return err
	}
	body := DecideBody{Who: names[persons[0]].String(), With: []string{}, Verdict: in.Verdict}
	for _, other := range persons[1:] {
		body.With = append(body.With, names[other].String())
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := checkDecide(touchstone.JSON(text)); err != nil {
		return err
	}
	api.NoteTarget(r, persons[0].String(), "")
	result, err := p.Submit(r.Context(), touchstone.Command{Kind: DecideCommand, Actor: api.ViewerOf(r).ID, Body: touchstone.JSON(text)})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, result)
}

// rulesView is the rules in an answer.
type rulesView struct {
	Version int64     `json:"version"`
	Actor   string    `json:"actor"`
	SetAt   time.Time `json:"set_at"`
	Default bool      `json:"default"`
	Rules
}

func (x resource) rules(w http.ResponseWriter, r *http.Request) error {
	v, err := x.parts().Households.rulesNow(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("ETag", v.etag())
	return api.WriteJSON(w, http.StatusOK, v)
}

func (x resource) strengths(w http.ResponseWriter, r *http.Request) error {
	learnt, err := x.parts().Households.Learn(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, learnt)
}

func (x resource) setRules(w http.ResponseWriter, r *http.Request) error {
	p := x.parts()
	if p.Submit == nil {
		return api.NotHere("commands")
	}
	var in Rules
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	now, err := p.Households.rulesNow(r.Context())
	if err != nil {
		return err
	}
	if err := api.CheckIfMatch(r, now.etag()); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"rules": in})
	if err != nil {
		return err
	}
	if _, err := p.Submit(r.Context(), touchstone.Command{Kind: RulesCommand, Actor: api.ViewerOf(r).ID, Body: touchstone.JSON(text)}); err != nil {
		return err
	}
	if p.StartDerive != nil {
		if err := p.StartDerive(r.Context(), api.ViewerOf(r)); err != nil && touchstone.KindOf(err) != touchstone.Conflict {
			return err
		}
	}
	return x.rules(w, r)
}
