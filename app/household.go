package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/household"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// wireHouseholds makes what finds out who lives together.
func (a *App) wireHouseholds(ctx context.Context) (err error) {
	a.households, err = household.Open(ctx, household.Config{DB: a.store, Persons: a.graph, Moved: a.segments.Moved, Cities: a.citiesOf, Zone: a.settings.Zone, Clock: a.clock, Logger: a.part("household"), Metrics: a.metrics})
	return err
}

// segmentHomes shows households to segments. They are wired after these, and before a batch runs.
type segmentHomes struct{ a *App }

func (s segmentHomes) Seats(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]segment.Seat, error) {
	seats, err := s.a.households.Seats(ctx, q, persons)
	list := make([]segment.Seat, len(seats))
	for i := range seats {
		list[i] = segmentSeat(&seats[i])
	}
	return list, err
}

func (s segmentHomes) EachSeat(ctx context.Context, fn func(s segment.Seat) error) error {
	return s.a.households.EachSeat(ctx, func(s household.Seat) error { return fn(segmentSeat(&s)) })
}

func segmentSeat(s *household.Seat) segment.Seat {
	return segment.Seat{Household: int64(s.Household), Person: s.Person, Score: s.Score,
		Seat: rule.Seat{From: s.From, Until: s.Until, Roles: s.Roles, ChildUntil: s.ChildUntil}}
}

func (a *App) householdResource() api.Resource {
	return household.Resource(a.householdParts)
}

func (a *App) householdParts() household.Parts {
	p := household.Parts{Households: a.households, People: a.people(), Search: a.searchPersons, Strongest: a.strongest}
	if a.commands != nil {
		p.Submit = a.submit
	}
	if a.jobs != nil {
		p.StartDerive = a.deriveHouseholds
	}
	return p
}

// householdsBehind returns the households that the people behind a number count in.
func (a *App) householdsBehind(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, cursor string, limit int) (items any, total int, next string, err error) {
	if a.households == nil {
		return nil, 0, "", api.NotHere("households")
	}
	p := a.householdParts()
	return p.Behind(ctx, v, persons, cursor, limit)
}

// citiesOf returns where persons are: where they were seen, or what they have said.
func (a *App) citiesOf(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]string, error) {
	found := map[touchstone.PersonID]string{}
	for some := range slices.Chunk(persons, 1000) {
		err := a.profiles.Cells(ctx, access.System(), some, []string{"city", "trait.city"}, func(p touchstone.PersonID, cells []string) error {
			if city := cmp.Or(cells[0], cells[1]); city != "" {
				found[p] = city
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// searchPersons returns who is found by a text, those that v may see.
func (a *App) searchPersons(ctx context.Context, v *access.Viewer, q string, limit int) (list []touchstone.PersonID, err error) {
	lines, _, err := a.profiles.Search(ctx, v, q, limit, "")
	for i := range lines {
		list = append(list, lines[i].ID)
	}
	return list, err
}

// submit has the pipeline carry out a command and returns its result.
func (a *App) submit(ctx context.Context, c touchstone.Command) (touchstone.JSON, error) {
	c.ID = command.NewID()
	return a.submitAs(ctx, c)
}

// strongest returns the identifier that stands for each person in a command.
func (a *App) strongest(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]touchstone.Identifier, error) {
	all, err := personIdentifiers{a.graph, a.kinds}.IdentifiersOf(ctx, persons)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID]touchstone.Identifier, len(all))
	for person, ids := range all {
		if len(ids) > 0 {
			out[person] = ids[0]
		}
	}
	return out, nil
}

// deriveHouseholds starts the job that derives everybody's anew.
func (a *App) deriveHouseholds(ctx context.Context, v *access.Viewer) error {
	request, err := a.jobs.Prepare(ctx, v, household.DeriveJob, "{}")
	if err == nil {
		_, err = a.jobs.Start(ctx, request)
	}
	return err
}
