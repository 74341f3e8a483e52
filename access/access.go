// Package access says who may do what: permissions, roles as named sets of them, and the
// [Viewer] that every read and write is done for. It knows no HTTP and no database.
//
// docs/design/access.md tells the whole story.
package access

// Permission names a right: "resource:verb", as in "segments:write". A feature declares
// its permissions beside its routes ([Declared]); the roles' table says who has them.
type Permission string

// None is asked for by what anyone may do, signed in or not.
const None Permission = ""

// Declared is a permission with what it allows, in words for the console's list of roles.
type Declared struct {
	Permission Permission
	Allows     string // "change segments": the English template of a text
}

// Viewer is who asks. It is in the signature of every read that shows people.
type Viewer struct {
	Kind  string // user, key, dev, system or anonymous
	ID    string // "usr_…", "key_…"
	Name  string // e-mail of a user, name of a key
	Roles []Role
	// Permissions are those of the roles, or of a key's scopes.
	Permissions Set
}

// Set is a set of permissions.
type Set map[Permission]struct{}

// Has reports whether p is in the set. Everybody has [None].
func (s Set) Has(p Permission) bool {
	_, ok := s[p]
	return ok || p == None
}

// May reports whether the viewer has a permission.
func (v *Viewer) May(p Permission) bool { return p == None || v != nil && v.Permissions.Has(p) }

// Role is a named set of permissions.
type Role string

// The roles.
const (
	Admin      Role = "admin"
	Analyst    Role = "analyst"
	Marketer   Role = "marketer"
	Consultant Role = "consultant"
	Auditor    Role = "auditor"
	Developer  Role = "developer"
)
