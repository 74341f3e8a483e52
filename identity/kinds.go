package identity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// userIDKind is the number of the kind whose holders count as known persons.
const userIDKind = 0

const (
	maxKinds        = 250
	maxKindBytes    = 64
	maxValueBytes   = 1024 // PostgreSQL indexes no more than about 2,700 bytes
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
	if kind == touchstone.KindGroupID || len(kind) > maxKindBytes || !storable(string(kind)) {
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

// Takes tells whether identifiers of a kind can name a person here: not a group's id, and
// not one kind too many. The edge asks before it accepts an event that has no other; the
// first to ask gets a new kind its place.
func (g *Graph) Takes(kind touchstone.IdentifierKind) bool { return g.kinds.number(kind) != noKind }

// loadKinds gives the kinds that are in use their places, so that a restart does not
// let others take them.
func (g *Graph) loadKinds(ctx context.Context) error {
	rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT kind FROM identity_kinds ORDER BY kind`)
	if err != nil {
		return fmt.Errorf("read the kinds of identifiers: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			return err
		}
		g.kinds.number(touchstone.IdentifierKind(kind))
	}
	return rows.Err()
}

// writeKinds notes the kinds of new nodes that are not known to be noted.
func (g *Graph) writeKinds(ctx context.Context, tx *store.Tx, fresh []*node) error {
	var kinds []string
	for _, n := range fresh {
		if !g.noted[n.kind] {
			g.noted[n.kind] = true
			kinds = append(kinds, string(g.kinds.name(n.kind)))
		}
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "identity_kinds", Columns: []string{"kind"}, Key: []string{"kind"}, IgnoreConflict: true},
		len(kinds), func(i int, args []any) { args[0] = kinds[i] })
}

func (t *kindTable) name(n uint8) touchstone.IdentifierKind { return t.current.Load().names[n] }
func (t *kindTable) limit(n uint8) int                      { return t.current.Load().limits[n] }

// storable reports whether a value comes back from the store as it was. The edge lets
// nothing else through; this keeps a batch from failing for ever if something does.
func storable(value string) bool {
	return value != "" && len(value) <= maxValueBytes && strings.IndexByte(value, 0) < 0 && utf8.ValidString(value)
}
