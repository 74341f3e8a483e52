package privacy

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of requests and receipts. To be forgotten needs that of erasing people, to be told
// that of revealing them.
const (
	MayRead    access.Permission = "privacy:read"
	MayWrite   access.Permission = "privacy:write"
	MayErase   access.Permission = "people:erase"
	MayReceive access.Permission = "receipts:read"
)

// maxSearched bounds what requests are searched for, in bytes.
const maxSearched = 300

// maxAskBytes is a list of 10,000 people, with room.
const maxAskBytes = 4 << 20

// Parts is what the API asks in a process; both nil in one that has no persons.
type Parts struct {
	Privacy *Privacy
	// Start puts the job of a kind in the queue for who asks, unless it is there already.
	Start func(r *http.Request, kind string, input touchstone.JSON) (string, error)
	// Ask has the pipeline carry out a command.
	Ask func(r *http.Request, kind string, body, result any) (string, error)
}

// Resource is the API of requests and receipts. The function is asked when a request comes.
func Resource(of func() Parts) api.Resource {
	x := resource{of}
	const get, post = http.MethodGet, http.MethodPost
	return api.Resource{Name: "Privacy", Spec: spec, Serves: touchstone.Operation("a duty of the law"),
		Permissions: []access.Declared{
			{Permission: MayRead, Allows: "see what people have asked for: to be forgotten, to be told what is kept", AboutAll: true},
			{Permission: MayWrite, Allows: "put in what people have asked for", AboutAll: true},
			{Permission: MayReceive, Allows: "see the receipts of erasures", AboutAll: true},
		},
		Routes: []api.Route{
			{Method: get, Path: "/privacy/requests", Need: MayRead, Handle: x.list},
			{Method: post, Path: "/privacy/requests", Need: MayWrite, Handle: x.put, Action: "privacy.ask", MaxBody: maxAskBytes, Secret: true},
			{Method: get, Path: "/privacy/requests/{id}", Need: MayRead, Handle: x.get},
			{Method: post, Path: "/privacy/requests/{id}/cancel", Need: MayWrite, Handle: x.cancel, Action: "privacy.cancel"},
			{Method: post, Path: "/privacy/requests/{id}/again", Need: MayWrite, Handle: x.again, Action: "privacy.again"},
			{Method: get, Path: "/privacy/summary", Need: MayRead, Handle: x.summary},
			{Method: get, Path: "/privacy/receipts", Need: MayReceive, Handle: x.receipts},
			{Method: get, Path: "/privacy/receipts/{id}", Need: MayReceive, Handle: x.receipt},
			{Method: get, Path: "/privacy/key", Need: access.None, Rows: api.Impersonal, Handle: x.key},
			{Method: post, Path: "/privacy/tombstones/lift", Need: MayErase, Handle: x.lift, Action: "privacy.lift", Secret: true},
		}}
}

type resource struct{ of func() Parts }

func (x resource) parts() (Parts, error) {
	p := x.of()
	if p.Privacy == nil {
		return p, api.NotHere("privacy")
	}
	return p, nil
}

// show leaves out what names people by their contacts, for those who may not see them: all of
// an identifier but its kind.
func (r *Request) show(v *access.Viewer) {
	if v.SeesContacts() {
		return
	}
	r.Note = ""
	for i, text := range r.Identifiers {
		kind, _, _ := strings.Cut(text, ":")
		r.Identifiers[i] = kind + ":***"
	}
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	page, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f := Filter{Kind: Kind(q.Get("kind")), State: State(q.Get("state")), Bulk: q.Get("bulk"), Reason: q.Get("reason"), Late: q.Get("late") == "true", Text: q.Get("q"), Contacts: api.ViewerOf(r).SeesContacts()}
	if len(f.Text) > maxSearched {
		return touchstone.Errorf(touchstone.TooLarge, "q: what is searched for is longer than %d bytes.", maxSearched)
	}
	if f.Reason != "" && !slices.Contains(Reasons, f.Reason) {
		return touchstone.Errorf(touchstone.Invalid, "There is no reason %.40q.", f.Reason).WithHint("The reasons are %s.", strings.Join(Reasons, ", "))
	}
	if f.Kind != "" && f.Kind != Erasure && f.Kind != Access {
		return touchstone.Errorf(touchstone.Invalid, "kind: %.40q is none of erasure, access.", string(f.Kind))
	}
	if f.State != "" && !slices.Contains([]State{Waiting, Running, Held, Done, Nobody, Failed, Cancelled}, f.State) {
		return touchstone.Errorf(touchstone.Invalid, "state: %.40q is no state of a request.", string(f.State))
	}
	before, err := api.ParseTimeKey(page.After)
	if err != nil {
		return err
	}
	f.BeforeMS, f.BeforeID = before.MS, before.ID
	list, err := parts.Privacy.List(r.Context(), f, page.Limit+1)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].show(api.ViewerOf(r))
	}
	items, next := api.FirstPage(list, page.Limit, func(one *Request) api.TimeKey { return api.TimeKey{MS: one.AskedAt.UnixMilli(), ID: one.ID} })
	return api.WritePage(w, items, next)
}

// askBody is what somebody sends.
type askBody struct {
	Kind        Kind       `json:"kind"`
	Identifiers []string   `json:"identifiers"` // of one person
	People      [][]string `json:"people"`      // of several
	Suppress    bool       `json:"suppress"`
	Reason      string     `json:"reason"`
	Note        string     `json:"note"`
	DueDays     int        `json:"due_days"`
	Confirm     int        `json:"confirm"` // how many people are named
}

func (x resource) put(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	var in askBody
	err = api.ReadJSON(r, &in)
	if err != nil {
		return err
	}
	v := api.ViewerOf(r)
	need := access.PeopleReveal
	if in.Kind == Erasure {
		need = MayErase
	}
	if err := v.Require(need); err != nil {
		return err
	}
	if len(in.Identifiers) > 0 {
		in.People = append(in.People, in.Identifiers)
	}
	if in.Kind == Erasure && in.Confirm != len(in.People) {
		return touchstone.Errorf(touchstone.Invalid, "confirm must be the number of people who are named: %d.", len(in.People)).WithHint("An erasure cannot be undone.")
	}
	list, err := parts.Privacy.Put(r.Context(), Ask{Kind: in.Kind, People: in.People, Suppress: in.Suppress, Reason: in.Reason, Note: in.Note, DueDays: in.DueDays, By: v.ID})
	if err != nil {
		return err
	}
	out := struct {
		Items []Request `json:"items"`
		Total int       `json:"total"`
		Bulk  string    `json:"bulk"`
		Job   string    `json:"job"`
	}{Total: len(list), Bulk: list[0].Bulk}
	for i := range list {
		if out.Job, err = start(parts, r, &list[i]); err != nil {
			return err
		}
		if in.Kind == Erasure { // one job does all
			break
		}
	}
	api.NoteTarget(r, list[0].ID, "")
	api.NoteDetail(r, map[string]any{"kind": in.Kind, "people": len(list), "reason": in.Reason, "suppress": in.Suppress, "bulk": out.Bulk})
	const most = 100 // of a list of thousands the caller needs no copy
	out.Items = list[:min(len(list), most)]
	for i := range out.Items {
		out.Items[i].show(v)
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

// start puts the job of a request in the queue.
func start(parts Parts, r *http.Request, one *Request) (string, error) {
	if one.Kind == Erasure {
		return parts.Start(r, EraseJob, "{}")
	}
	return parts.Start(r, AccessJob, touchstone.JSON(`{"request":"`+one.ID+`"}`))
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	return writeRequest(w, r, parts.Privacy)
}

func writeRequest(w http.ResponseWriter, r *http.Request, p *Privacy) error {
	one, err := p.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	one.show(api.ViewerOf(r))
	return api.WriteJSON(w, http.StatusOK, one)
}

func (x resource) cancel(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	if _, err := parts.Privacy.Get(r.Context(), id); err != nil {
		return err
	}
	if err := parts.Privacy.Cancel(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, "")
	return writeRequest(w, r, parts.Privacy)
}

func (x resource) again(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	one, err := parts.Privacy.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	need := access.PeopleReveal
	if one.Kind == Erasure {
		need = MayErase
	}
	if err := api.ViewerOf(r).Require(need); err != nil {
		return err
	}
	if err := parts.Privacy.Again(r.Context(), one.ID); err != nil {
		return err
	}
	if _, err := start(parts, r, &one); err != nil {
		return err
	}
	api.NoteTarget(r, one.ID, "")
	return writeRequest(w, r, parts.Privacy)
}

func (x resource) summary(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	tally, err := parts.Privacy.Count(r.Context(), r.URL.Query().Get("bulk"))
	if err != nil {
		return err
	}
	g := parts.Privacy.graves.Load()
	return api.WriteJSON(w, http.StatusOK, struct {
		Tally
		Tombstones int `json:"tombstones"`
	}{tally, g.size()})
}

func (x resource) receipts(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	page, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	before, err := api.ParseTimeKey(page.After)
	if err != nil {
		return err
	}
	list, err := parts.Privacy.Receipts(r.Context(), before.MS, before.ID, page.Limit+1)
	if err != nil {
		return err
	}
	items, next := api.FirstPage(list, page.Limit, func(one *ReceiptRow) api.TimeKey { return api.TimeKey{MS: one.At.UnixMilli(), ID: one.ID} })
	return api.WritePage(w, items, next)
}

func (x resource) receipt(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	body, err := parts.Privacy.Receipt(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, body)
}

func (x resource) key(w http.ResponseWriter, _ *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	k := parts.Privacy.cfg.Keys
	return api.WriteJSON(w, http.StatusOK, map[string]string{"algorithm": "Ed25519", "public_key": k.PublicText(), "key_id": k.ID()})
}

func (x resource) lift(w http.ResponseWriter, r *http.Request) error {
	parts, err := x.parts()
	if err != nil {
		return err
	}
	var in liftBody
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if len(in.Identifiers) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "The request names nobody.").WithHint("Name each person by an identifier, as kind:value.")
	}
	for i, text := range in.Identifiers {
		id, ok := parts.Privacy.cfg.Kinds.Parse(text)
		if !ok {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier, or one that names nobody.", text).WithHint("Name each as kind:value, such as email:ann@example.com.")
		}
		in.Identifiers[i] = id.String()
	}
	var out struct {
		Lifted int `json:"lifted"`
	}
	if _, err := parts.Ask(r, LiftCommand, in, &out); err != nil {
		return err
	}
	api.NoteDetail(r, map[string]any{"lifted": out.Lifted})
	return api.WriteJSON(w, http.StatusOK, out)
}
