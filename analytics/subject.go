package analytics

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// subjectHousehold has households counted instead of persons. Who is in none is one alone.
const subjectHousehold = "household"

// Households tells who stands for whom: each person who is in a household, by ascending id,
// with one person for all of the household, the same for each of them.
type Households interface {
	Standing(ctx context.Context) (persons, standing []int64, err error)
	// TraitNames returns the names of what is known of households: "size", "city".
	TraitNames() []string
	// Traits calls fn with each household: the persons who count in it, the one who stands for it first, and the values of a
	// trait, of which there may be several or none.
	Traits(ctx context.Context, name string, fn func(persons []int64, values []string)) error
}

func (s *scope) subjectName() string { return s.subject }

// about sets what the run counts.
func (r *run) about(ctx context.Context, q Query) error {
	s, ok := q.(interface{ subjectName() string })
	if !ok || s.subjectName() != subjectHousehold {
		return nil
	}
	persons, standing, err := r.opts.Households.Standing(ctx)
	if err != nil {
		return err
	}
	r.standing = &gather.Standing{Warehouse: r.w, Persons: persons, For: standing}
	return nil
}

// counted is the warehouse whose persons are what the question counts.
func (r *run) counted() warehouse.Warehouse {
	if r.standing != nil {
		return *r.standing
	}
	return r.w
}

// whole returns the persons of the households that some persons stand for.
func (r *run) whole(people []touchstone.PersonID) []touchstone.PersonID {
	if r.standing == nil {
		return people
	}
	meant := make(map[int64]bool, len(people))
	for _, p := range people {
		meant[int64(p)] = true
	}
	for i, p := range r.standing.Persons {
		if meant[r.standing.For[i]] {
			people = append(people, touchstone.PersonID(p))
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	return people[:min(len(people), maxPeople)]
}
