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
	shared  *touchstone.KindSet // everybody's
	mu      sync.Mutex          // held while a kind is added, and for set
	set     *touchstone.KindSet // shared, or the rules that the batch at work has changed
	current atomic.Pointer[kindNumbers]
}

// kindNumbers is immutable.
type kindNumbers struct {
	numbers map[touchstone.IdentifierKind]uint8
	names   []touchstone.IdentifierKind
	limits  []int
	tells   []int            // how many values of the kind a person may have, if it tells persons apart; else 0
	after   []int            // with how many values of such a kind an identifier may be seen; -1: any number
	windows []window         // bounds over time; the zero window is none
	timed   bool             // some kind has one
	relates [noKind + 1]bool // the kind says what somebody has to do with, not who somebody is
}

// window bounds how many identifiers of a kind that were first seen within a span a person may hold.
type window struct {
	limit   int
	seconds int64
}

func newKindTable(set *touchstone.KindSet) *kindTable {
	t := &kindTable{shared: set, set: set}
	t.current.Store(&kindNumbers{})
	t.add(touchstone.KindUserID)
	for _, c := range set.Configs() {
		t.number(c.Kind)
	}
	return t
}

// use has the table follow rules that are not everybody's yet; nil: everybody's.
func (t *kindTable) use(set *touchstone.KindSet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set = set; set == nil {
		t.set = t.shared
	}
}

// rules returns those that the batch at work follows.
func (t *kindTable) rules() *touchstone.KindSet {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.set
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
	next := &kindNumbers{numbers: maps.Clone(old.numbers), names: append(slices.Clip(old.names), kind)}
	next.read(t.set)
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

// refresh takes over limits and roles that have changed, and tells whether any has.
func (t *kindTable) refresh() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.current.Load()
	next := &kindNumbers{numbers: old.numbers, names: old.names}
	next.read(t.set)
	if slices.Equal(next.limits, old.limits) && slices.Equal(next.tells, old.tells) && slices.Equal(next.after, old.after) && slices.Equal(next.windows, old.windows) && next.relates == old.relates {
		return false
	}
	t.current.Store(next)
	return true
}

// read takes the rules of the kinds.
func (k *kindNumbers) read(set *touchstone.KindSet) {
	n := len(k.names)
	k.limits, k.tells, k.after, k.windows = make([]int, n), make([]int, n), make([]int, n), make([]window, n)
	k.timed = false
	for i, kind := range k.names {
		c := set.Config(kind)
		k.limits[i], k.relates[i] = c.Limit, c.Role == touchstone.Relates
		if k.after[i] = c.SharedAfter; k.relates[i] {
			k.after[i] = touchstone.NeverShared
		}
		if c.TellsApart {
			k.tells[i] = c.Limit
		}
		if c.WindowDays > 0 {
			k.windows[i], k.timed = window{c.WindowLimit, int64(c.WindowDays) * 86_400}, true
		}
	}
}

// bears tells with how many values of another kind identifiers of a kind may be seen; false
// when they are not counted.
func (t *kindTable) bears(kind, of uint8) (n int, counts bool) {
	now := t.current.Load()
	if now.tells[of] == 0 || now.after[kind] == touchstone.NeverShared {
		return 0, false
	}
	return touchstone.KindConfig{SharedAfter: now.after[kind]}.Bears(touchstone.KindConfig{Limit: now.tells[of]}), true
}

// mayBeShared tells whether identifiers of a kind can be taken for shared.
func (t *kindTable) mayBeShared(kind uint8) bool {
	return t.current.Load().after[kind] != touchstone.NeverShared
}

// relating names the kinds that relate, in order.
func (t *kindTable) relating() []string {
	now := t.current.Load()
	var names []string
	for i, kind := range now.names {
		if now.relates[i] {
			names = append(names, string(kind))
		}
	}
	slices.Sort(names)
	return names
}

func (t *kindTable) relates(n uint8) bool                   { return t.current.Load().relates[n] }
func (t *kindTable) name(n uint8) touchstone.IdentifierKind { return t.current.Load().names[n] }
func (t *kindTable) limit(n uint8) int                      { return t.current.Load().limits[n] }
func (t *kindTable) window(n uint8) window                  { return t.current.Load().windows[n] }

// storable reports whether a value comes back from the store as it was. The edge lets
// nothing else through; this keeps a batch from failing for ever if something does.
func storable(value string) bool {
	return value != "" && len(value) <= maxValueBytes && strings.IndexByte(value, 0) < 0 && utf8.ValidString(value)
}
