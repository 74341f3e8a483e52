package profile

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// activePerson is a person and the time of the latest event.
type activePerson struct {
	person touchstone.PersonID
	last   int64
}

func newestFirst(a, b activePerson) int {
	return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(b.person, a.person))
}

const (
	maxRecent  = 1000
	recentLife = 2 * time.Second // how long a list read from the store is good
)

// recent is the head of the list of persons by latest activity, in memory and exact. Its
// tail is the index on days, which is exact to the day: an index on the moment would
// cost more to keep than the profile itself.
type recent struct {
	mu     sync.Mutex
	list   []activePerson // newest first
	fed    bool           // the stage runs in this process and keeps the list
	readAt time.Time
}

// add takes in the persons of a batch and takes out those that were absorbed.
func (r *recent) add(persons []activePerson, gone []touchstone.PersonID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fed { // what was read from the store may be old by now
		r.fed, r.readAt = true, time.Time{}
	}
	if r.readAt.IsZero() {
		return // read it first
	}
	floor := int64(-1 << 63)
	if len(r.list) >= maxRecent {
		floor = r.list[len(r.list)-1].last
	}
	at := make(map[touchstone.PersonID]int, len(r.list))
	for i, a := range r.list {
		at[a.person] = i
	}
	for _, a := range persons {
		if i, ok := at[a.person]; ok {
			r.list[i].last = max(r.list[i].last, a.last)
		} else if a.last > floor {
			r.list = append(r.list, a)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		r.list = slices.DeleteFunc(r.list, func(a activePerson) bool { _, found := slices.BinarySearch(gone, a.person); return found })
	}
	r.trim()
}

func (r *recent) trim() {
	slices.SortFunc(r.list, newestFirst)
	if len(r.list) > maxRecent {
		r.list = append([]activePerson(nil), r.list[:maxRecent]...)
	}
}

// recentPersons returns the head of the list.
func (p *Profiles) recentPersons(ctx context.Context) ([]activePerson, error) {
	r := p.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	now := p.cfg.Clock.Now()
	if !r.readAt.IsZero() && (r.fed || now.Sub(r.readAt) < recentLife) {
		return slices.Clone(r.list), nil
	}
	// The list stays locked meanwhile: a batch that commits now waits to be added.
	list, err := readRecent(ctx, p.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	r.list, r.readAt = list, now
	r.trim()
	return slices.Clone(r.list), nil
}

func readRecent(ctx context.Context, q store.Querier) ([]activePerson, error) {
	rows, err := q.Query(ctx, `SELECT d.person, a.state FROM profile_days d JOIN profile_activity a ON a.person = d.person ORDER BY d.day DESC, d.person DESC LIMIT ?`, 2*maxRecent)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []activePerson
	var a activity
	for rows.Next() {
		var person int64
		var state []byte
		if err := rows.Scan(&person, &state); err != nil {
			return nil, err
		}
		if err := a.decode(state); err != nil {
			return nil, err
		}
		list = append(list, activePerson{touchstone.PersonID(person), a.last})
	}
	return list, rows.Err()
}
