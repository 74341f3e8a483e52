package touchstone

import (
	"strconv"
	"strings"
)

// IdentifierKind names a space of identifiers: "user_id", "anonymous_id", "email",
// "phone", "device_id", "openid", "unionid", "vin", "plate", …
type IdentifierKind string

// The kinds that the tracking API fills by itself. Others come from
// context.externalIds and from mapping files.
const (
	KindUserID      IdentifierKind = "user_id"
	KindAnonymousID IdentifierKind = "anonymous_id"
	KindEmail       IdentifierKind = "email"
	KindPhone       IdentifierKind = "phone"
	KindDeviceID    IdentifierKind = "device_id"
)

// Identifier is a (kind, value) pair that names a person or a device in some space.
type Identifier struct {
	Kind  IdentifierKind `json:"kind"`
	Value string         `json:"value"`
}

// String returns "kind:value", the form used in URLs.
func (i Identifier) String() string { return string(i.Kind) + ":" + i.Value }

// ParseIdentifier reads the form "kind:value"; the value may hold colons.
func ParseIdentifier(s string) (Identifier, bool) {
	kind, value, ok := strings.Cut(s, ":")
	if !ok || kind == "" || value == "" {
		return Identifier{}, false
	}
	return Identifier{IdentifierKind(kind), value}, true
}

// NodeID is an identifier's row in the identity graph. Ids are given in order of first
// sight, from 1.
type NodeID int64

// ErasedNode stands for the node of an event whose person has been erased since: the event is
// nobody's.
const ErasedNode NodeID = -1

// Pseudonyms are nodes of nobody, numbered downwards from here: those of odd numbers are given by who
// anonymises what the warehouse holds, those of even numbers by who takes events in.
const firstPseudonym NodeID = -2

// Pseudonym tells whether events are under a node that stands for nobody: such events are counted, in
// questions as those of one more person, and belong to no one.
func (n NodeID) Pseudonym() bool { return n <= firstPseudonym }

// PersonID names a connected component of the identity graph. It is the id of the
// component's first node, so it never changes when the graph grows: a merge keeps
// the older person, and the other id lives on as an alias.
type PersonID int64

// String returns the public form: "p_" and the id in base 36.
func (p PersonID) String() string { return "p_" + strconv.FormatInt(int64(p), 36) }

// MarshalText and UnmarshalText use the public form.
func (p PersonID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the public form.
func (p *PersonID) UnmarshalText(b []byte) error {
	id, ok := ParsePersonID(string(b))
	if !ok {
		return Errorf(Invalid, "%q is not a person id: it looks like p_1a2b", b)
	}
	*p = id
	return nil
}

// ParsePersonID reads the public form.
func ParsePersonID(s string) (PersonID, bool) {
	rest, ok := strings.CutPrefix(s, "p_")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(rest, 36, 64)
	if err != nil || n <= 0 {
		return 0, false
	}
	return PersonID(n), true
}
