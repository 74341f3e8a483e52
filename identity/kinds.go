package identity

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// userIDKind is the number of the kind whose holders count as known persons.
const userIDKind = 0

const (
	maxKinds        = 250
	maxValueBytes   = 1024 // PostgreSQL indexes no more than about 2,700 bytes
	groupIDKind     = touchstone.IdentifierKind("group_id")
	noKind          = 255
	unlimitedNumber = 1 << 30
)

// kindTable numbers the kinds of identifiers. Numbers live as long as the process; the
// store holds names.
type kindTable struct {
	mu      sync.RWMutex
	numbers map[touchstone.IdentifierKind]uint8
	names   []touchstone.IdentifierKind
	limits  []int
	set     *touchstone.KindSet
}

func newKindTable(set *touchstone.KindSet) *kindTable {
	t := &kindTable{numbers: map[touchstone.IdentifierKind]uint8{}, set: set}
	t.add(touchstone.KindUserID)
	for _, c := range set.Configs() {
		t.number(c.Kind)
	}
	return t
}

// number returns a kind's number, noKind when there are too many kinds, or when the kind
// is not one of persons: a group id says whose account it is, not who somebody is.
func (t *kindTable) number(kind touchstone.IdentifierKind) uint8 {
	t.mu.RLock()
	n, ok := t.numbers[kind]
	t.mu.RUnlock()
	if ok {
		return n
	}
	if kind == groupIDKind || kind == "" {
		return noKind
	}
	return t.add(kind)
}

func (t *kindTable) add(kind touchstone.IdentifierKind) uint8 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.numbers[kind]; ok {
		return n
	}
	if len(t.names) >= maxKinds {
		return noKind
	}
	kind = touchstone.IdentifierKind(strings.Clone(string(kind)))
	n := uint8(len(t.names)) //nolint:gosec // below maxKinds
	t.numbers[kind] = n
	t.names = append(t.names, kind)
	t.limits = append(t.limits, t.set.Limit(kind))
	return n
}

func (t *kindTable) name(n uint8) touchstone.IdentifierKind {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.names[n]
}

func (t *kindTable) limit(n uint8) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.limits[n]
}

// storable reports whether a value comes back from the store as it was. The edge lets
// nothing else through; this keeps a batch from failing for ever if something does.
func storable(value string) bool {
	return value != "" && len(value) <= maxValueBytes && strings.IndexByte(value, 0) < 0 && utf8.ValidString(value)
}
