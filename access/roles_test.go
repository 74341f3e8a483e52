package access

import (
	"regexp"
	"slices"
	"testing"
)

func TestTablesAgree(t *testing.T) {
	rows, _, _ := parseTable[string](scopeTable)
	if !slices.Equal(rows, permissions) {
		t.Errorf("the tables of roles and of scopes have other lines:\n%v\n%v", permissions, rows)
	}
	form := regexp.MustCompile(`^[a-z]+:[a-z]+$`)
	for i, p := range permissions {
		if !form.MatchString(string(p)) || slices.Contains(permissions[:i], p) {
			t.Errorf("%q is twice in the table, or not of the form resource:verb", p)
		}
		if !grants[Admin].Has(p) || !scopeGrants["admin"].Has(p) {
			t.Errorf("an administrator lacks %s", p)
		}
	}
	if want := []Role{Admin, Analyst, Marketer, Consultant, Auditor, Developer}; !slices.Equal(Roles(), want) {
		t.Errorf("the roles are %v, want %v", Roles(), want)
	}
}

// Who may change a thing sees it, and who sees all contacts may reveal one.
func TestRightsImplyOthers(t *testing.T) {
	writes := regexp.MustCompile(`:(write|export|reveal|contacts)$`)
	for name, set := range grants {
		for p := range set {
			if read := Permission(writes.ReplaceAllString(string(p), ":read")); !set.Has(read) {
				t.Errorf("%s has %s and not %s", name, p, read)
			}
		}
	}
	for _, r := range Roles() {
		if s, _ := Of(r); s.Has(PeopleContacts) && !s.Has(PeopleReveal) {
			t.Errorf("%s sees all contacts and may not reveal one", r)
		}
	}
}

func TestScopes(t *testing.T) {
	for scope, want := range map[string]bool{"read": true, "contacts": true, "people:read": true, "people:fly": false, "": false, "root": false} {
		if _, ok := OfScope(scope); ok != want {
			t.Errorf("scope %q: %v", scope, ok)
		}
	}
	if s, _ := OfScope("segments:write"); len(s) != 1 || !s.Has("segments:write") {
		t.Errorf("a permission as a scope grants %v", s)
	}
	if got := ScopesThatGrant("people:contacts"); !slices.Equal(got, []string{"contacts", "admin"}) {
		t.Errorf("people:contacts is granted by %v", got)
	}
}

func TestViewer(t *testing.T) {
	var nobody *Viewer
	if nobody.May("people:read") || !nobody.May(None) || nobody.SeesContacts() || Anonymous().May("people:read") {
		t.Error("nobody may something")
	}
	if !System().SeesContacts() {
		t.Error("the system does not see everything")
	}
	set := Union(scopeGrants["ingest"], scopeGrants["contacts"])
	if !set.Has("imports:write") || !set.Has(PeopleContacts) || set.Has("people:read") {
		t.Errorf("the union is %v", set)
	}
}
