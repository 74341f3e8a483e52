// Package access says who may do what: permissions, roles as named sets of them, and the
// [Viewer] that every read and write is done for. It knows no HTTP and no database.
//
// docs/design/access.md tells the whole story.
package access

import (
	"maps"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// Permission names a right: "resource:verb", as in "segments:write". A feature declares
// its permissions beside its routes ([Declared]); the tables in roles.go say who has them.
type Permission string

// None is asked for by what anyone may do, signed in or not.
const None Permission = ""

// The permissions that decide about contacts (docs/design/access.md, Contacts).
const (
	PeopleContacts Permission = "people:contacts" // contacts are shown as they are
	PeopleReveal   Permission = "people:reveal"   // those of one person at a time, which is audited
)

// Declared is a permission with what it allows, in words for the console's list of roles.
type Declared struct {
	Permission Permission
	Allows     string // "change segments": English; the console has it in its other languages
	// AboutAll: what it allows is about everybody, so that it is worth nothing to a viewer who
	// is limited to some persons, whatever routes there are.
	AboutAll bool
}

// Viewer is who asks. It is in the signature of every read that shows people.
type Viewer struct {
	Kind string // user, key, dev, system or anonymous
	ID   string // "usr_…", "key_…"
	Name string // e-mail of a user, name of a key
	Role Role   // of a user
	// Permissions are those of the role, or of a key's scopes. It is shared: do not change it.
	Permissions Set
	// Rows limits the viewer to some persons; nil: sees everybody.
	Rows *Rows
	// Kinds tells which kinds of identifiers are contacts, beside those that are known by
	// their names; nil: none.
	Kinds *touchstone.KindSet
	// Fields tells which fields hold contacts although their names say nothing; nil: none.
	Fields *Fields
}

// Set is a set of permissions.
type Set map[Permission]struct{}

// Has reports whether p is in the set. Everybody has [None].
func (s Set) Has(p Permission) bool {
	_, ok := s[p]
	return ok || p == None
}

// Union returns what is in one of the sets.
func Union(sets ...Set) Set {
	all := Set{}
	for _, s := range sets {
		maps.Copy(all, s)
	}
	return all
}

// May reports whether the viewer has a permission.
func (v *Viewer) May(p Permission) bool { return p == None || v != nil && v.Permissions.Has(p) }

// SeesContacts reports whether contacts are shown to the viewer as they are.
func (v *Viewer) SeesContacts() bool { return v.May(PeopleContacts) }

// Require is May as an error.
func (v *Viewer) Require(p Permission) error {
	if v.May(p) {
		return nil
	}
	if v != nil && v.Kind == "key" {
		return touchstone.Errorf(touchstone.Forbidden, "This API key may not do that: it lacks the permission %q.", p).
			WithHint("The scope %s would grant it.", strings.Join(ScopesThatGrant(p), " or "))
	}
	role := Role("")
	if v != nil {
		role = v.Role
	}
	return touchstone.Errorf(touchstone.Forbidden, "Your role %q may not do that: it lacks the permission %q.", role, p).
		WithHint("An administrator can change your role.")
}

// Anonymous is nobody: may do what needs no permission.
func Anonymous() *Viewer { return &Viewer{Kind: "anonymous"} }

// System is the program itself: jobs, reactors, the pipeline. It may do everything; what it
// shows to people must be read for them.
func System() *Viewer {
	return &Viewer{Kind: "system", ID: "system", Name: "system", Permissions: grants[Admin]}
}
