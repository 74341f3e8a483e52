package segment

import (
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// follower is a copy of a segment that is kept as the warehouse's is.
type follower struct {
	version string
	members map[touchstone.PersonID]bool
}

// follow holds the copies of all segments against them: a version that is the same means the
// same members, and what is told of a change leads to the new ones.
func (w *world) follow() {
	w.t.Helper()
	list, err := w.segs.List(ctx, access.System())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range list {
		version, n, err := w.segs.MembersVersion(ctx, g.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		now := w.members(g.ID)
		if int(n) != len(now) {
			w.t.Fatalf("%s has %d members, and %d by its version", g.Name, len(now), n)
		}
		copied := w.copies[g.ID]
		if copied.members != nil && copied.version != version {
			add, remove, ok, err := w.segs.MembersSince(ctx, g.ID, copied.version)
			if err != nil {
				w.t.Fatal(err)
			}
			if !ok {
				copied.members = nil
			}
			for _, p := range remove {
				delete(copied.members, p)
			}
			if ok {
				for _, p := range add {
					copied.members[p] = true
				}
			}
		}
		if copied.members == nil {
			copied.members = map[touchstone.PersonID]bool{}
			for _, p := range now {
				copied.members[p] = true
			}
		}
		if got := sortedPersons(copied.members); !slices.Equal(got, now) {
			w.t.Fatalf("a copy of %s at %s holds %v at %s, and its members are %v", g.Name, copied.version, got, version, now)
		}
		copied.version = version
		w.copies[g.ID] = copied
	}
}
