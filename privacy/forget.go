package privacy

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

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
func (p *Privacy) Commands() []command.Kind {
	f := forgetter{p, p.cfg.Graph}
	return []command.Kind{
		{Name: ForgetCommand, Check: checkForget, Do: f.do, Forgets: true},
		{Name: LiftCommand, Check: checkLift, Do: p.doLift, Forgets: true},
	}
}

// Graph is identity, as far as it forgets.
type Graph interface {
	// PersonsOf returns who has each of the identifiers, 0 where nobody has it.
	PersonsOf(ctx context.Context, q store.Querier, ids []touchstone.Identifier) ([]touchstone.PersonID, error)
	Erase(ctx context.Context, tx *store.Tx, b *touchstone.Batch, persons []touchstone.PersonID) (map[touchstone.PersonID]*touchstone.Parts, error)
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
	f.p.timeBatch(tx)
	found, all, err := f.named(ctx, tx, in.Requests)
	if err != nil {
		return nil, err
	}
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
	w := &forgetting{forgetter: f, b: b, c: c, dug: dug, held: held, before: before, noted: map[touchstone.PersonID]bool{}}
	w.out.Persons = []touchstone.PersonID{}
	for i := range in.Requests {
		if w.heldBy(found[i]) == "" {
			w.out.Persons = append(w.out.Persons, found[i]...)
		}
	}
	slices.Sort(w.out.Persons)
	w.out.Persons = slices.Compact(w.out.Persons)
	if w.gone, err = f.graph.Erase(ctx, tx, b, w.out.Persons); err != nil {
		return nil, err
	}
	for i := range in.Requests {
		if err := w.one(ctx, tx, &in.Requests[i], found[i]); err != nil {
			return nil, err
		}
	}
	return w.out, errors.Join(dug.save(ctx, tx), noteErasures(ctx, tx, w.notes))
}

// timeBatch notes how long the batch has taken that begins with tx, for the job's pace.
func (p *Privacy) timeBatch(tx *store.Tx) {
	began := time.Now()
	tx.AfterCommit(func() { p.batchTook.Store(int64(time.Since(began))) })
}

// named returns whom each request names, and all of them, each once.
func (f forgetter) named(ctx context.Context, q store.Querier, requests []forgetOne) (found [][]touchstone.PersonID, all []touchstone.PersonID, err error) {
	var ids []touchstone.Identifier
	var of []int // whose request names it
	for i := range requests {
		some, err := parseAll(requests[i].Identifiers)
		if err != nil {
			return nil, nil, err
		}
		for range some {
			of = append(of, i)
		}
		ids = append(ids, some...)
	}
	found = make([][]touchstone.PersonID, len(requests))
	persons, err := f.graph.PersonsOf(ctx, q, ids)
	for i, person := range persons {
		if person != 0 && !slices.Contains(found[of[i]], person) {
			found[of[i]], all = append(found[of[i]], person), append(all, person)
		}
	}
	slices.Sort(all)
	return found, slices.Compact(all), err
}

// forgetting is a command under way.
type forgetting struct {
	forgetter
	b      *touchstone.Batch
	c      touchstone.Command
	dug    *buried
	held   map[touchstone.PersonID]string // whom a hold keeps, and why
	before map[touchstone.PersonID]counts
	gone   map[touchstone.PersonID]*touchstone.Parts
	noted  map[touchstone.PersonID]bool
	notes  []erasureNote
	out    forgotten
}

// heldBy tells why a request is held as a whole: a hold keeps one of its persons; "" if it is not.
func (w *forgetting) heldBy(persons []touchstone.PersonID) string {
	for _, person := range persons {
		if why := w.held[person]; why != "" {
			return why
		}
	}
	return ""
}

// one notes what became of a request: all of it was done or, if a hold keeps somebody, nothing.
func (w *forgetting) one(ctx context.Context, tx *store.Tx, r *forgetOne, persons []touchstone.PersonID) error {
	if why := w.heldBy(persons); why != "" {
		w.out.Held++
		return endRequest(ctx, tx, r.Request, ended{state: Held, hold: why, command: w.c.ID, at: w.b.Now})
	}
	named, err := parseAll(r.Identifiers)
	if err != nil {
		return err
	}
	w.dug.bury(named, r.Suppress)
	for _, person := range persons {
		if w.noted[person] { // with an earlier request of the command
			continue
		}
		w.noted[person] = true
		parts := w.gone[person]
		w.dug.bury(parts.Identifiers, r.Suppress)
		counted := w.before[person]
		if counted != nil && r.Events >= 0 {
			counted[eventsCounted] = r.Events
		}
		w.notes = append(w.notes, erasureNote{w.c, r.Request, person, len(parts.Identifiers), counted})
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
func (p *Privacy) Around(erase command.Kind) command.Kind {
	f := forgetter{p, p.cfg.Graph}
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
		_, persons, err := f.named(ctx, tx, []forgetOne{{Identifiers: in.Identifiers}})
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
		dug.bury(ids, false)
		var notes []erasureNote
		for _, change := range b.Changes[changes:] {
			if change.Kind == touchstone.PersonErased {
				dug.bury(change.Parts.Identifiers, false)
				notes = append(notes, erasureNote{c, "", change.Person, len(change.Parts.Identifiers), before[change.Person]})
			}
		}
		return result, errors.Join(dug.save(ctx, tx), noteErasures(ctx, tx, notes))
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

// erasureNote is an erasure of a person, as it is kept.
type erasureNote struct {
	c           touchstone.Command
	request     string
	person      touchstone.PersonID
	identifiers int
	before      counts
}

// noteErasures writes those of a command. A command that is done again finds them there.
func noteErasures(ctx context.Context, tx *store.Tx, notes []erasureNote) error {
	columns := []string{"id", "command", "request", "number", "at", "identifiers", "before", "after", "receipt"}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "privacy_erasures", Columns: columns, IgnoreConflict: true}, len(notes), func(i int, args []any) {
		n := &notes[i]
		args[0], args[1], args[2], args[3], args[4] = n.c.ID+"."+strconv.Itoa(i+1), n.c.ID, n.request, int64(n.person), n.c.SubmittedAt.UnixMilli()
		args[5], args[6], args[7], args[8] = n.identifiers, encodeCounts(n.before), "", ""
	})
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
