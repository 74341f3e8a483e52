package identity

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// userIDKind is the number of the kind whose holders count as known persons.
const userIDKind = 0

const (
	maxKinds        = 250
	maxKindBytes    = 64
	maxValueBytes   = 1024 // PostgreSQL indexes no more than about 2,700 bytes
	groupIDKind     = touchstone.IdentifierKind("group_id")
	noKind          = 255
	unlimitedNumber = 1 << 30
)

// kindTable numbers the kinds of identifiers. Numbers live as long as the process; the
// store holds names. Lookups are per identifier of every event, so they take no lock.
type kindTable struct {
	set     *touchstone.KindSet
	mu      sync.Mutex // held while a kind is added
	current atomic.Pointer[kindNumbers]
}

// kindNumbers is immutable.
type kindNumbers struct {
	numbers map[touchstone.IdentifierKind]uint8
	names   []touchstone.IdentifierKind
	limits  []int
}

func newKindTable(set *touchstone.KindSet) *kindTable {
	t := &kindTable{set: set}
	t.current.Store(&kindNumbers{})
	t.add(touchstone.KindUserID)
	for _, c := range set.Configs() {
		t.number(c.Kind)
	}
	return t
}

// number returns a kind's number, noKind when there are too many kinds, or when the kind
// is not one of persons: a group id says whose account it is, not who somebody is.
func (t *kindTable) number(kind touchstone.IdentifierKind) uint8 {
	if n, ok := t.current.Load().numbers[kind]; ok {
		return n
	}
	if kind == groupIDKind || len(kind) > maxKindBytes || !storable(string(kind)) {
		return noKind
	}
	return t.add(kind)
}

func (t *kindTable) add(kind touchstone.IdentifierKind) uint8 {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.current.Load()
	if n, ok := old.numbers[kind]; ok {
		return n
	}
	if len(old.names) >= maxKinds {
		return noKind
	}
	kind = touchstone.IdentifierKind(strings.Clone(string(kind)))
	n := uint8(len(old.names)) //nolint:gosec // below maxKinds
	next := &kindNumbers{numbers: maps.Clone(old.numbers), names: append(slices.Clip(old.names), kind), limits: append(slices.Clip(old.limits), t.set.Limit(kind))}
	if next.numbers == nil {
		next.numbers = map[touchstone.IdentifierKind]uint8{}
	}
	next.numbers[kind] = n
	t.current.Store(next)
	return n
}

func (t *kindTable) name(n uint8) touchstone.IdentifierKind { return t.current.Load().names[n] }
func (t *kindTable) limit(n uint8) int                      { return t.current.Load().limits[n] }

// storable reports whether a value comes back from the store as it was. The edge lets
// nothing else through; this keeps a batch from failing for ever if something does.
func storable(value string) bool {
	return value != "" && len(value) <= maxValueBytes && strings.IndexByte(value, 0) < 0 && utf8.ValidString(value)
}
