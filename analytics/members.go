package analytics

import (
	"context"
	"errors"
	"sync"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// VersionedMembers is what Members may offer beside: then the warehouse keeps a copy of each
// segment that is asked about, and what changed is all that is sent to it.
type VersionedMembers interface {
	Members
	// MembersVersion names who is in a segment, and says how many they are: it is another
	// text whenever they are others. It is asked before Members, so it may be behind them.
	MembersVersion(ctx context.Context, segment string) (version string, members int64, err error)
	// MembersSince returns who came to a segment and who left it since a version; ok is
	// false when that is not known any more, or is much.
	MembersSince(ctx context.Context, segment, version string) (add, remove []touchstone.PersonID, ok bool, err error)
}

// memberSets keeps the warehouse's copies of segments up to date, one at a time.
type memberSets struct{ mu sync.Mutex }

func numbersOf(people []touchstone.PersonID) []int64 {
	numbers := make([]int64, len(people))
	for i, p := range people {
		numbers[i] = int64(p)
	}
	return numbers
}

// members returns the people of a segment, as a relation with the column n: the warehouse's copy
// if it keeps one, and otherwise a parameter.
func (e *Engine) members(ctx context.Context, segment string) (fragment, error) {
	tables, keeps := e.w.(warehouse.Tables)
	versioned, knows := e.opts.Segments.(VersionedMembers)
	if keeps && knows {
		name := "segment/" + segment
		err := e.sets.bring(ctx, tables, versioned, name, segment)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return fragment{}, err
		}
		if err == nil {
			return frag("(SELECT n FROM set_members WHERE code = (SELECT code FROM set_names WHERE name = ?))", name), nil
		}
	}
	people, err := e.opts.Segments.Members(ctx, segment)
	if err != nil {
		return fragment{}, err
	}
	return frag(e.d.Numbers(), numbersOf(people)), nil
}

// only is a condition, with AND before it, that lets through the nodes of a segment's people;
// column is where the node is.
func (e *Engine) only(ctx context.Context, column, segment string) (fragment, error) {
	if segment == "" {
		return fragment{}, nil
	}
	members, err := e.members(ctx, segment)
	if err != nil {
		return fragment{}, err
	}
	return build(" AND ", column, " IN (", memberNodes(members), ")"), nil
}

// visible is such a condition for the people that a viewer may see; empty for one who sees
// everybody. Whoever is limited to a set that is not there sees nobody.
func (e *Engine) visible(ctx context.Context, v *access.Viewer, column string) (fragment, error) {
	if !v.Limited() {
		return fragment{}, nil
	}
	if e.opts.Segments == nil {
		return frag(" AND FALSE"), nil
	}
	f, err := e.only(ctx, column, v.Rows.Set)
	if touchstone.KindOf(err) == touchstone.NotFound {
		return frag(" AND FALSE"), nil
	}
	return f, err
}

// bring makes a set hold who is in a segment now.
func (m *memberSets) bring(ctx context.Context, tables warehouse.Tables, members VersionedMembers, name, segment string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	version, size, err := members.MembersVersion(ctx, segment)
	if err != nil {
		return err
	}
	from, err := tables.SetVersion(ctx, name)
	if err != nil || from == version {
		return err
	}
	if from != "" {
		add, remove, ok, err := members.MembersSince(ctx, segment, from)
		if err != nil {
			return err
		}
		if ok {
			// What is off by one somewhere (an erasure leaves no trace of who left) is written whole.
			n, err := tables.Replace(ctx, warehouse.Set{Name: name, Version: version, From: from, Add: numbersOf(add), Remove: numbersOf(remove)})
			if err == nil && n == size {
				return nil
			}
			if err != nil && touchstone.KindOf(err) != touchstone.Conflict {
				return err
			}
		}
	}
	people, err := members.Members(ctx, segment)
	if err != nil {
		return err
	}
	_, err = tables.Replace(ctx, warehouse.Set{Name: name, Version: version, Add: numbersOf(people)})
	return err
}
