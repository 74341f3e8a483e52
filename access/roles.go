package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is a named set of permissions: what a user is.
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

// Who has which permission. An administrator has all. A new permission is a new line here.
const roleTable = `
                   admin  analyst  marketer  consultant  auditor  developer
 activations:read    x       x        x          .          x         x
 activations:write   x       .        .          .          .         .
 activations:send    x       .        x          .          .         .
 people:read         x       x        x          x          x         x
 people:contacts     x       .        .          .          .         .
 people:reveal       x       .        .          x          .         x
 people:export       x       x        x          .          x         .
 people:write        x       .        .          .          .         x
 people:erase        x       .        .          .          .         .
 privacy:read        x       .        .          .          x         .
 privacy:write       x       .        .          .          .         .
 register:read       x       .        .          .          x         .
 register:write      x       .        .          .          .         .
 receipts:read       x       .        .          .          x         .
 identity:read       x       x        x          .          x         x
 identity:write      x       .        .          .          .         x
 households:read     x       x        x          x          x         x
 households:write    x       .        x          .          .         x
 segments:read       x       x        x          x          x         x
 segments:write      x       x        x          .          .         .
 segments:approve    x       x        .          .          .         .
 tags:read           x       x        x          x          x         x
 tags:write          x       x        x          .          .         .
 tags:approve        x       x        .          .          .         .
 tags:give           x       .        x          x          .         .
 stages:read         x       x        x          x          x         x
 stages:write        x       x        x          .          .         .
 analytics:read      x       x        x          .          x         x
 sql:run             x       x        .          .          .         x
 catalogue:read      x       x        x          x          x         x
 catalogue:write     x       x        .          .          .         x
 events:read         x       x        x          .          x         x
 sources:read        x       x        x          .          x         x
 sources:write       x       .        .          .          .         x
 quarantine:read     x       x        x          .          x         x
 quarantine:write    x       .        .          .          .         x
 imports:read        x       x        x          .          x         x
 imports:write       x       .        .          .          .         x
 admission:read      x       x        x          .          x         x
 admission:write     x       .        .          .          .         x
 plans:read          x       x        x          .          x         x
 plans:write         x       x        .          .          .         x
 quality:read        x       x        x          .          x         x
 quality:write       x       x        .          .          .         x
 consent:read        x       x        x          x          x         x
 consent:write       x       .        .          .          .         .
 consent:record      x       .        .          x          .         x
 mail:read           x       .        .          .          x         x
 mail:write          x       .        .          .          .         .
 webhooks:read       x       x        x          .          x         x
 webhooks:write      x       .        .          .          .         x
 effects:read        x       x        x          .          x         x
 effects:write       x       .        .          .          .         x
 reactors:read       x       x        x          .          x         x
 reactors:write      x       .        .          .          .         x
 jobs:read           x       x        x          .          x         x
 jobs:write          x       .        .          .          .         x
 schedules:read      x       x        x          .          x         x
 schedules:write     x       x        x          .          .         x
 stats:read          x       x        x          .          x         x
 metrics:read        x       x        x          .          x         x
 settings:read       x       x        x          x          x         x
 settings:write      x       .        .          .          .         .
 holds:read          x       .        .          .          x         .
 holds:write         x       .        .          .          .         .
 retention:read      x       .        .          .          x         .
 retention:write     x       .        .          .          .         .
 audit:read          x       .        .          .          x         .
 users:read          x       .        .          .          x         .
 users:write         x       .        .          .          .         .
 keys:read           x       .        .          .          x         .
 keys:write          x       .        .          .          .         .
 backups:read        x       .        .          .          .         .
 backups:write       x       .        .          .          .         .
`

// What the scopes of API keys grant. A key may also have a permission itself as a scope.
// "contacts" was part of read and write until it became a scope of its own; the keys from
// before have been given it.
const scopeTable = `
                   ingest  metrics  read  contacts  write  admin
 activations:read     .       .       x       .        x      x
 activations:write    .       .       .       .        .      x
 activations:send     .       .       .       .        x      x
 people:read          .       .       x       .        x      x
 people:contacts      .       .       .       x        .      x
 people:reveal        .       .       .       x        .      x
 people:export        .       .       x       .        x      x
 people:write         .       .       .       .        x      x
 people:erase         .       .       .       .        .      x
 privacy:read         .       .       .       .        .      x
 privacy:write        .       .       .       .        .      x
 register:read        .       .       .       .        .      x
 register:write       .       .       .       .        .      x
 receipts:read        .       .       .       .        .      x
 identity:read        .       .       x       .        x      x
 identity:write       .       .       .       .        x      x
 households:read      .       .       x       .        x      x
 households:write     .       .       .       .        x      x
 segments:read        .       .       x       .        x      x
 segments:write       .       .       .       .        x      x
 segments:approve     .       .       .       .        .      x
 tags:read            .       .       x       .        x      x
 tags:write           .       .       .       .        x      x
 tags:approve         .       .       .       .        .      x
 tags:give            .       .       .       .        x      x
 stages:read          .       .       x       .        x      x
 stages:write         .       .       .       .        x      x
 analytics:read       .       .       x       .        x      x
 sql:run              .       .       x       .        x      x
 catalogue:read       .       .       x       .        x      x
 catalogue:write      .       .       .       .        x      x
 events:read          .       .       x       .        x      x
 sources:read         .       .       x       .        x      x
 sources:write        .       .       .       .        x      x
 quarantine:read      .       .       x       .        x      x
 quarantine:write     .       .       .       .        x      x
 imports:read         .       .       x       .        x      x
 imports:write        x       .       .       .        x      x
 admission:read       .       .       x       .        x      x
 admission:write      .       .       .       .        x      x
 plans:read           .       .       x       .        x      x
 plans:write          .       .       .       .        x      x
 quality:read         .       .       x       .        x      x
 quality:write        .       .       .       .        x      x
 consent:read         .       .       x       .        x      x
 consent:write        .       .       .       .        .      x
 consent:record       x       .       .       .        x      x
 mail:read            .       .       .       .        .      x
 mail:write           .       .       .       .        .      x
 webhooks:read        .       .       x       .        x      x
 webhooks:write       .       .       .       .        x      x
 effects:read         .       .       x       .        x      x
 effects:write        .       .       .       .        x      x
 reactors:read        .       .       x       .        x      x
 reactors:write       .       .       .       .        x      x
 jobs:read            .       .       x       .        x      x
 jobs:write           .       .       .       .        x      x
 schedules:read       .       .       x       .        x      x
 schedules:write      .       .       .       .        x      x
 stats:read           .       .       x       .        x      x
 metrics:read         .       x       x       .        x      x
 settings:read        .       .       x       .        x      x
 settings:write       .       .       .       .        .      x
 holds:read           .       .       .       .        .      x
 holds:write          .       .       .       .        .      x
 retention:read       .       .       .       .        .      x
 retention:write      .       .       .       .        .      x
 audit:read           .       .       .       .        .      x
 users:read           .       .       .       .        .      x
 users:write          .       .       .       .        .      x
 keys:read            .       .       .       .        .      x
 keys:write           .       .       .       .        .      x
 backups:read         .       .       .       .        .      x
 backups:write        .       .       .       .        .      x
`

var (
	permissions, roleNames, grants = parseTable[Role](roleTable)
	_, scopeNames, scopeGrants     = parseTable[string](scopeTable)
)

// parseTable reads a table: names of the columns, and a line per permission.
func parseTable[C ~string](table string) (rows []Permission, columns []C, sets map[C]Set) {
	lines := strings.Split(strings.Trim(table, "\n"), "\n")
	for _, name := range strings.Fields(lines[0]) {
		columns = append(columns, C(name))
	}
	sets = make(map[C]Set, len(columns))
	for _, c := range columns {
		sets[c] = Set{}
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(columns)+1 {
			panic(fmt.Sprintf("access: the line %q has %d cells, not %d", line, len(cells), len(columns)+1))
		}
		p := Permission(cells[0])
		rows = append(rows, p)
		for i, cell := range cells[1:] {
			if cell == "x" {
				sets[columns[i]][p] = struct{}{}
			}
		}
	}
	return rows, columns, sets
}

// Permissions lists all permissions in the order of the table. Do not change it.
func Permissions() []Permission { return permissions }

// Known reports whether the table has a permission.
func Known(p Permission) bool { return slices.Contains(permissions, p) }

// Roles lists the roles. Do not change it.
func Roles() []Role { return roleNames }

// Of returns the permissions of a role; ok is false when there is no such role.
func Of(r Role) (s Set, ok bool) {
	s, ok = grants[r]
	return s, ok
}

// Scopes lists the scopes that are named sets of permissions. Do not change it.
func Scopes() []string { return scopeNames }

// OfScope returns what a scope of an API key grants: a named set, or one permission.
func OfScope(scope string) (s Set, ok bool) {
	if s, ok = scopeGrants[scope]; ok {
		return s, true
	}
	if p := Permission(scope); Known(p) {
		return Set{p: {}}, true
	}
	return nil, false
}

// RolesThatGrant lists the roles that have a permission.
func RolesThatGrant(p Permission) []Role {
	return slices.DeleteFunc(slices.Clone(roleNames), func(r Role) bool { return !grants[r].Has(p) })
}

// ScopesThatGrant lists the named scopes that have a permission.
func ScopesThatGrant(p Permission) []string {
	return slices.DeleteFunc(slices.Clone(scopeNames), func(s string) bool { return !scopeGrants[s].Has(p) })
}
