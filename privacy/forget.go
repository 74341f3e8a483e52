package privacy

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands of this package.
const (
	ForgetCommand = "person.forget"  // forgetBody
	LiftCommand   = "tombstone.lift" // liftBody
)

// maxTogether is how many requests one command does: a batch of the pipeline waits for them.
const maxTogether = 100

// maxIdentifiers bounds those of a request; no person has more.
const maxIdentifiers = 2000

// forgetBody asks to forget many persons at once.
type forgetBody struct {
	Requests []forgetOne `json:"requests"`
}

// forgetOne is a person by the identifiers that it had when it was asked for.
type forgetOne struct {
	Request     string   `json:"request"`
	Identifiers []string `json:"identifiers"` // kind:value, as stored
	Suppress    bool     `json:"suppress,omitempty"`
	Events      int64    `json:"events"` // that the warehouse held then; -1: not counted
}

// forgotten is the result: what became of each request.
type forgotten struct {
	Done    int                   `json:"done"`
	Held    int                   `json:"held"`
	Nobody  int                   `json:"nobody"`
	Persons []touchstone.PersonID `json:"persons"`
}

// liftBody names identifiers of which imports may be taken in again.
type liftBody struct {
	Identifiers []string `json:"identifiers"`
}

// Commands returns the commands of this package. Erase is identity's own command for one person;
// it is given back with what an erasure needs around it.
func (p *Privacy) Commands(graph Graph) []command.Kind {
	f := forgetter{p, graph}
	return []command.Kind{
		{Name: ForgetCommand, Check: checkForget, Do: f.do, Forgets: true},
		{Name: LiftCommand, Check: checkLift, Do: p.doLift, Forgets: true},
	}
}

// Graph is identity, as far as it forgets.
type Graph interface {
	Find(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error)
	Erase(ctx context.Context, tx *store.Tx, b *touchstone.Batch, person touchstone.PersonID) (*touchstone.Parts, error)
	WholeIn(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]keep.Whole, error)
}

func parseAll(texts []string) ([]touchstone.Identifier, error) {
	if len(texts) > maxIdentifiers {
		return nil, touchstone.Errorf(touchstone.TooLarge, "A request names at most %d identifiers.", maxIdentifiers)
	}
	ids := make([]touchstone.Identifier, len(texts))
	for i, text := range texts {
		var ok bool
		if ids[i], ok = touchstone.ParseIdentifier(text); !ok {
			return nil, touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier.", text).WithHint("Name each as kind:value.")
		}
	}
	return ids, nil
}

func checkForget(body touchstone.JSON) error {
	var in forgetBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if len(in.Requests) > maxTogether {
		return touchstone.Errorf(touchstone.TooLarge, "a command forgets at most %d persons", maxTogether)
	}
	for i := range in.Requests {
		if _, err := parseAll(in.Requests[i].Identifiers); err != nil {
			return err
		}
	}
	return nil
}

func checkLift(body touchstone.JSON) error {
	var in liftBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	_, err := parseAll(in.Identifiers)
	return err
}

func (p *Privacy) doLift(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in liftBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, err
	}
	ids, err := parseAll(in.Identifiers)
	if err != nil {
		return nil, err
	}
	n, err := p.lift(ctx, tx, ids, &c)
	return map[string]int{"lifted": n}, err
}

type forgetter struct {
	p     *Privacy
	graph Graph
}

// do forgets whoever the requests name and nobody keeps, and says in their rows what became of them.
func (f forgetter) do(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in forgetBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	found := make([][]touchstone.PersonID, len(in.Requests))
	var all []touchstone.PersonID
	for i := range in.Requests {
		ids, err := parseAll(in.Requests[i].Identifiers)
		if err != nil {
			return nil, err
		}
		if found[i], err = f.persons(ctx, tx, ids); err != nil {
			return nil, err
		}
		all = append(all, found[i]...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	held, err := f.p.held(ctx, tx, all)
	if err != nil {
		return nil, err
	}
	free := slices.DeleteFunc(slices.Clone(all), func(p touchstone.PersonID) bool { return held[p] != "" })
	before, err := f.count(ctx, tx, free)
	if err != nil {
		return nil, err
	}
	dug, err := f.p.dig(ctx, tx, c)
	if err != nil {
		return nil, err
	}
	w := &forgetting{forgetter: f, b: b, c: c, dug: dug, held: held, before: before, gone: map[touchstone.PersonID]bool{}}
	for i := range in.Requests {
		if err := w.one(ctx, tx, &in.Requests[i], found[i]); err != nil {
			return nil, err
		}
	}
	w.out.Persons = slices.Sorted(maps.Keys(w.gone))
	if w.out.Persons == nil {
		w.out.Persons = []touchstone.PersonID{}
	}
	return w.out, nil
}

// forgetting is a command under way.
type forgetting struct {
	forgetter
	b      *touchstone.Batch
	c      touchstone.Command
	dug    *buried
	held   map[touchstone.PersonID]string // whom a hold keeps, and why
	before map[touchstone.PersonID]counts
	gone   map[touchstone.PersonID]bool
	out    forgotten
}

// one does a request: all of it or, if a hold keeps somebody, nothing.
func (w *forgetting) one(ctx context.Context, tx *store.Tx, r *forgetOne, persons []touchstone.PersonID) error {
	for _, person := range persons {
		if why := w.held[person]; why != "" {
			w.out.Held++
			return endRequest(ctx, tx, r.Request, ended{state: Held, hold: why, command: w.c.ID, at: w.b.Now})
		}
	}
	named, err := parseAll(r.Identifiers)
	if err != nil {
		return err
	}
	if err := w.dug.bury(ctx, tx, named, r.Suppress); err != nil {
		return err
	}
	for _, person := range persons {
		if w.gone[person] { // by an earlier request of the command
			continue
		}
		parts, err := w.graph.Erase(ctx, tx, w.b, person)
		if err != nil {
			return err
		}
		w.gone[person] = true
		if err := w.dug.bury(ctx, tx, parts.Identifiers, r.Suppress); err != nil {
			return err
		}
		counted := w.before[person]
		if counted != nil && r.Events >= 0 {
			counted[eventsCounted] = r.Events
		}
		if err := noteErasure(ctx, tx, w.c, r.Request, person, len(parts.Identifiers), counted, len(w.gone)); err != nil {
			return err
		}
	}
	state := Done
	if len(persons) == 0 {
		state = Nobody
		w.out.Nobody++
	} else {
		w.out.Done++
	}
	return endRequest(ctx, tx, r.Request, ended{state: state, persons: len(persons), command: w.c.ID, at: w.b.Now})
}

// persons returns who has the identifiers, each once.
func (f forgetter) persons(ctx context.Context, q store.Querier, ids []touchstone.Identifier) (list []touchstone.PersonID, err error) {
	for _, id := range ids {
		_, person, err := f.graph.Find(ctx, q, id)
		if err != nil {
			return nil, err
		}
		if person != 0 && !slices.Contains(list, person) {
			list = append(list, person)
		}
	}
	return list, nil
}

func (p *Privacy) held(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID]string, error) {
	if p.cfg.Held == nil || len(persons) == 0 {
		return nil, nil
	}
	return p.cfg.Held(ctx, q, persons)
}

func (f forgetter) count(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID]counts, error) {
	wholes, err := f.graph.WholeIn(ctx, q, persons)
	if err != nil {
		return nil, err
	}
	return f.p.count(ctx, q, wholes)
}

// Around gives identity's command for one person what an erasure needs: a hold is respected,
// tombstones are made and what was there is counted.
func (p *Privacy) Around(erase command.Kind, graph Graph) command.Kind {
	f := forgetter{p, graph}
	do := erase.Do
	erase.Do = func(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
		var in identity.EraseBody
		if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
			return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
		}
		ids, err := parseAll(in.Identifiers)
		if err != nil {
			return nil, err
		}
		persons, err := f.persons(ctx, tx, ids)
		if err != nil {
			return nil, err
		}
		held, err := p.held(ctx, tx, persons)
		if err != nil {
			return nil, err
		}
		for _, person := range persons {
			if why := held[person]; why != "" {
				return nil, touchstone.Errorf(touchstone.Conflict, "%s is kept by a legal hold: %s", person, why).WithHint("Lift the hold first.")
			}
		}
		before, err := f.count(ctx, tx, persons)
		if err != nil {
			return nil, err
		}
		changes := len(b.Changes)
		result, err := do(ctx, tx, b, c)
		if err != nil {
			return nil, err
		}
		dug, err := p.dig(ctx, tx, c)
		if err != nil {
			return nil, err
		}
		if err := dug.bury(ctx, tx, ids, false); err != nil {
			return nil, err
		}
		for i, change := range b.Changes[changes:] {
			if change.Kind != touchstone.PersonErased {
				continue
			}
			if err := dug.bury(ctx, tx, change.Parts.Identifiers, false); err != nil {
				return nil, err
			}
			if err := noteErasure(ctx, tx, c, "", change.Person, len(change.Parts.Identifiers), before[change.Person], i+1); err != nil {
				return nil, err
			}
		}
		return result, nil
	}
	return erase
}

// eventsCounted is the name of the events of the warehouse among counts.
const eventsCounted = "warehouse.events"

// counts are rows that name a person, by "table.column".
type counts map[string]int64

// count counts, in the tables of all keepers, the rows that name each of the persons. Rows that
// name one only in a text are not counted: keepers search those.
func (p *Privacy) count(ctx context.Context, q store.Querier, persons []keep.Whole) (map[touchstone.PersonID]counts, error) {
	out := make(map[touchstone.PersonID]counts, len(persons))
	whose := map[int64]touchstone.PersonID{}
	var numbers []int64
	for i := range persons {
		out[persons[i].Person] = counts{}
		for _, n := range persons[i].Numbers() {
			whose[n] = persons[i].Person
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers) // so that the same statement asks for the same rows whatever the order
	err := p.countNumbers(ctx, q, numbers, func(name string, number, n int64) { out[whose[number]][name] += n })
	return out, err
}

// countNumbers calls fn with how many rows have a number in a column.
func (p *Privacy) countNumbers(ctx context.Context, q store.Querier, numbers []int64, fn func(name string, number, n int64)) error {
	for _, k := range p.cfg.Keepers() {
		for _, t := range k.Tables() {
			if t.Stays != "" { // what is left says so itself
				continue
			}
			for _, column := range slices.Concat(t.Persons, t.Nodes) {
				if err := countColumn(ctx, q, t.Name, column, numbers, fn); err != nil {
					return fmt.Errorf("count %s of the erased: %w", t.Name, err)
				}
			}
		}
	}
	return nil
}

func encodeCounts(c counts) string {
	if c == nil {
		c = counts{}
	}
	text, err := json.Marshal(c)
	if err != nil { // a map of numbers always is JSON
		return "{}"
	}
	return string(text)
}

func noteErasure(ctx context.Context, tx *store.Tx, c touchstone.Command, request string, person touchstone.PersonID, identifiers int, before counts, n int) error {
	_, err := tx.Exec(ctx, `INSERT INTO privacy_erasures (id, command, request, number, at, identifiers, before, after, receipt) VALUES (?, ?, ?, ?, ?, ?, ?, '', '')
		ON CONFLICT (id) DO NOTHING`, c.ID+"."+strconv.Itoa(n), c.ID, request, int64(person), c.SubmittedAt.UnixMilli(), identifiers, encodeCounts(before))
	return err
}

// countColumn counts the rows of a table by a column that may hold one of the numbers.
func countColumn(ctx context.Context, q store.Querier, table, column string, numbers []int64, fn func(name string, number, n int64)) error {
	query := "SELECT " + column + ", count(*) FROM " + table + " WHERE " + column + " IN (...) GROUP BY " + column
	return store.SelectIn(ctx, q, query, numbers, func(rows *sql.Rows) error {
		var number, n int64
		if err := rows.Scan(&number, &n); err != nil {
			return err
		}
		fn(table+"."+column, number, n)
		return nil
	})
}
