package people

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

func (x *resource) list(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	profiles, err := x.profiles()
	if err != nil {
		return err
	}
	f, err := readPersonFilter(r)
	if err != nil {
		return err
	}
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	search := profiles.Search
	if f.narrows() || api.ViewerOf(r).Limited() {
		search = func(ctx context.Context, v *access.Viewer, q string, _ int, _ string) ([]api.PersonLine, string, error) {
			return x.filteredPersons(ctx, v, q, f, p)
		}
	}
	items, next, err := search(r.Context(), api.ViewerOf(r), q, p.Limit, p.After)
	if err != nil {
		return err
	}
	if items, err = agreeing(r.Context(), items); err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

// agreeing leaves out lines of persons who do not agree to what the call is for: profiles were searched for them.
func agreeing(ctx context.Context, items []api.PersonLine) ([]api.PersonLine, error) {
	ids := make([]touchstone.PersonID, len(items))
	for i := range items {
		ids[i] = items[i].ID
	}
	kept, err := api.Consenting(ctx, ids)
	if err != nil || len(kept) == len(items) {
		return items, err
	}
	return slices.DeleteFunc(items, func(l api.PersonLine) bool { return !slices.Contains(kept, l.ID) }), nil
}

// personFilter is what a list of persons is narrowed to, beside the text searched for.
type personFilter struct {
	known   string // "true", "false" or "": both
	kind    touchstone.IdentifierKind
	channel string
	after   time.Time // last seen then or later
	segment string
	// people leaves out what persons have to do with: a car that reports for itself is a
	// subject as they are, and would hide them.
	people bool
}

func readPersonFilter(r *http.Request) (personFilter, error) {
	q := r.URL.Query()
	f := personFilter{known: q.Get("known"), channel: q.Get("channel"), segment: q.Get("segment")}
	if !slices.Contains([]string{"", "true", "false"}, f.known) {
		return f, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be true or false, not %.40q.", "known", f.known)
	}
	if text := q.Get("kind"); text != "" {
		kind, ok := touchstone.ParseKind(text)
		if !ok {
			return f, touchstone.Errorf(touchstone.Invalid, "%.40q is no kind of identifier.", text)
		}
		f.kind = kind
	}
	things := q.Get("things")
	if !slices.Contains([]string{"", "true", "false"}, things) {
		return f, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be true or false, not %.40q.", "things", things)
	}
	f.people = things == "false" || things == "" && strings.TrimSpace(q.Get("q")) == ""
	var err error
	f.after, err = api.ReadTime(r, "seen_after", time.Time{})
	return f, err
}

func (f *personFilter) narrows() bool { return *f != personFilter{} }

// thing tells whether none of a subject's identifiers says who somebody is. They come
// strongest first, those that do before the others.
func (x *resource) thing(s *api.PersonLine) bool {
	kinds := x.parts().Kinds
	if kinds == nil || len(s.Identifiers) == 0 {
		return false
	}
	return kinds.Role(s.Identifiers[0].Kind) == touchstone.Relates
}

// keeps looks at a person's line. Its identifiers are the strongest ones only, so a kind that
// is not among them is looked for in all.
func (f *personFilter) keeps(s *api.PersonLine, all func() []touchstone.IdentifierKind) bool {
	return (f.known == "" || s.Known == (f.known == "true")) &&
		(f.channel == "" || slices.Contains(s.Channels, f.channel)) &&
		(f.after.IsZero() || !s.LastSeen.Before(f.after)) &&
		(f.kind == "" || slices.ContainsFunc(s.Identifiers, func(id touchstone.Identifier) bool { return id.Kind == f.kind }) || slices.Contains(all(), f.kind))
}

const (
	filterStep = 200    // persons looked at together
	filterMost = 10_000 // persons looked at for one page
)

// filteredPersons lists those of the persons found that pass the filter. One page looks at so
// many persons and no more: it may have few items, or none, and more pages after it.
func (x *resource) filteredPersons(ctx context.Context, v *access.Viewer, q string, f personFilter, p api.Paging) ([]api.PersonLine, string, error) {
	from, skip, err := readFilterCursor(p.After)
	if err != nil {
		return nil, "", err
	}
	items := []api.PersonLine{}
	for looked := 0; looked < filterMost; looked += filterStep {
		found, next, err := x.candidates(ctx, v, q, f.segment, from)
		if err != nil {
			return nil, "", err
		}
		kinds, err := x.kindsOf(ctx, f, found)
		if err != nil {
			return nil, "", err
		}
		for i := min(skip, len(found)); i < len(found); i++ {
			if (!f.people || !x.thing(&found[i])) && f.keeps(&found[i], func() []touchstone.IdentifierKind { return kinds[found[i].ID] }) {
				items = append(items, found[i])
			}
			switch {
			case len(items) < p.Limit:
			case i+1 < len(found):
				return items, filterCursor(from, i+1), nil
			case next == "":
				return items, "", nil
			default:
				return items, filterCursor(next, 0), nil
			}
		}
		if next == "" {
			return items, "", nil
		}
		from, skip = next, 0
	}
	return items, filterCursor(from, 0), nil
}

// candidates are the next persons to look at: a segment's members, or those that a search
// finds. With both, the members are those whose line the text is part of. A viewer who is
// limited to some persons is given those, the latest of them first.
func (x *resource) candidates(ctx context.Context, v *access.Viewer, q, segment, from string) ([]api.PersonLine, string, error) {
	asks := v
	switch {
	case segment != "":
	case q == "" && v.Limited():
		segment, asks = v.Rows.Set, access.System()
	default:
		return x.parts().Profiles.Search(ctx, v, q, filterStep, from)
	}
	segments := x.parts().Segments
	if segments == nil {
		return nil, "", api.NotHere("segments")
	}
	list, next, err := segments.Members(ctx, asks, segment, filterStep, from)
	if err != nil {
		return nil, "", err
	}
	ids := make([]touchstone.PersonID, len(list))
	for i := range list {
		ids[i] = list[i].Person
	}
	lines, err := x.people.Lines(ctx, v, ids)
	if err != nil || q == "" {
		return lines, next, err
	}
	whole := lines // what is searched is not what is shown
	if !v.SeesContacts() {
		ids = ids[:len(lines)]
		for i := range lines {
			ids[i] = lines[i].ID
		}
		if whole, err = x.people.Lines(ctx, access.System(), ids); err != nil {
			return nil, "", err
		}
	}
	var found []api.PersonLine
	for i := range lines {
		if lineHas(v, &whole[i], q) {
			found = append(found, lines[i])
		}
	}
	return found, next, nil
}

// lineHas reports whether a search for q may find a person's line.
func lineHas(v *access.Viewer, s *api.PersonLine, q string) bool {
	return s.Name != nil && v.Finds(*s.Name, q) || strings.EqualFold(s.ID.String(), q) ||
		slices.ContainsFunc(s.Identifiers, func(id touchstone.Identifier) bool {
			return strings.Contains(strings.ToLower(id.Value), strings.ToLower(q)) && v.FindsIdentifier(id, q)
		})
}

// kindsOf returns all kinds of identifiers of persons, if the filter asks for one.
func (x *resource) kindsOf(ctx context.Context, f personFilter, found []api.PersonLine) (map[touchstone.PersonID][]touchstone.IdentifierKind, error) {
	if f.kind == "" || x.graph() == nil || len(found) == 0 {
		return nil, nil
	}
	ids := make([]touchstone.PersonID, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	nodes, err := x.graph().NodesOfPersons(ctx, ids)
	kinds := map[touchstone.PersonID][]touchstone.IdentifierKind{}
	for person, list := range nodes {
		for _, n := range list {
			kinds[person] = append(kinds[person], n.Kind)
		}
	}
	return kinds, err
}

// A filter's cursor is the cursor of the step that it is in, and how much of that has been
// looked at.
func filterCursor(step string, skip int) string { return strconv.Itoa(skip) + "." + step }

func readFilterCursor(s string) (step string, skip int, err error) {
	if s == "" {
		return "", 0, nil
	}
	n, step, ok := strings.Cut(s, ".")
	if skip, err = strconv.Atoi(n); !ok || err != nil || skip < 0 || skip > filterStep {
		return "", 0, api.BadCursor()
	}
	return step, skip, nil
}
