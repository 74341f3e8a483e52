package profile

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands of profiles.
const (
	CorrectCommand = "trait.correct"  // CorrectBody
	RebuildCommand = "person.rebuild" // RebuildBody
)

// CorrectBody sets traits of a person by hand; null takes one away. It is as good as an event
// of that moment: a later one that says something else wins.
type CorrectBody struct {
	Person string                     `json:"person"` // one of its identifiers, kind:value
	Traits map[string]touchstone.JSON `json:"traits"`
}

// RebuildBody has a profile computed anew from history, or several.
type RebuildBody struct {
	Person string `json:"person,omitempty"` // one of its identifiers, kind:value
	// Persons is one identifier each. Whom nobody has any more is left out.
	Persons []string `json:"persons,omitempty"`
}

// Named is the result of both, for one person.
type Named struct {
	ID touchstone.PersonID `json:"id"`
}

// Begun is the result of a rebuild of several.
type Begun struct {
	Profiles int `json:"profiles"`
}

// Finder finds whom a command names.
type Finder interface {
	// Find returns the node and the person of an identifier; zeros if nobody has it.
	Find(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error)
	// Carries tells whether events came under any identifier of a person.
	Carries(ctx context.Context, q store.Querier, person touchstone.PersonID) (bool, error)
}

// asked is what the commands of a batch want of the stage.
type asked struct {
	rebuilds    []touchstone.PersonID
	corrections []touchstone.Fact // of type System, with Traits and Person
}

// Commands returns what operators can do to profiles.
func (p *Profiles) Commands() []command.Kind {
	return []command.Kind{
		{Name: CorrectCommand, Check: checkCorrect, Do: p.doCorrect},
		{Name: RebuildCommand, Do: p.doRebuild},
	}
}

const maxCorrected = 100 // traits at a time

func checkCorrect(body touchstone.JSON) error {
	var in CorrectBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if len(in.Traits) == 0 || len(in.Traits) > maxCorrected {
		return touchstone.Errorf(touchstone.Invalid, "a correction is about 1 to %d traits", maxCorrected)
	}
	for name, value := range in.Traits {
		if name == "" || len(name) > maxWordBytes {
			return touchstone.Errorf(touchstone.Invalid, "a trait's name has 1 to %d bytes", maxWordBytes)
		}
		if IsComputed(name) {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is computed and not corrected", name).WithHint("give the person a value of a tag; a stage follows from what happens")
		}
		if len(value) > maxValueBytes {
			return touchstone.Errorf(touchstone.Invalid, "the value of %.80q is longer than %d bytes", name, maxValueBytes)
		}
	}
	return nil
}

// named finds the person that a command is about.
func (p *Profiles) named(ctx context.Context, tx *store.Tx, ref string) (touchstone.NodeID, touchstone.PersonID, error) {
	id, ok := touchstone.ParseIdentifier(ref)
	if !ok {
		return 0, 0, touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", ref).WithHint("name each as kind:value")
	}
	node, person, err := p.cfg.Persons.Find(ctx, tx, id)
	if err == nil && node == 0 {
		err = touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", id)
	}
	return node, person, err
}

func (p *Profiles) doCorrect(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	if err := checkCorrect(c.Body); err != nil {
		return nil, err
	}
	var in CorrectBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, err
	}
	node, person, err := p.named(ctx, tx, in.Person)
	if err != nil {
		return nil, err
	}
	if ok, err := p.correctable(ctx, tx, person); err != nil {
		return nil, err
	} else if !ok {
		return nil, touchstone.Errorf(touchstone.Conflict, "%s has no events yet, and so no profile", person)
	}
	traits, err := json.Marshal(in.Traits)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO profile_corrections (seq, node, at, actor, traits) VALUES (?, ?, ?, ?, ?)`,
		int64(c.Seq), int64(node), c.SubmittedAt.UnixMilli(), c.Actor, string(traits)); err != nil {
		return nil, err
	}
	f := correction(c.Seq, node, c.SubmittedAt, string(traits))
	f.Person = person
	p.asked.corrections = append(p.asked.corrections, f)
	return Named{person}, nil
}

// correctable tells whether a person has a profile, or is about to: whoever was parted from another
// has none until the history has come. Whose profile the rows show is a matter of time, so those who are parted are asked
// of identity first: a store that is built anew from the log must answer as this one does.
func (p *Profiles) correctable(ctx context.Context, tx *store.Tx, person touchstone.PersonID) (ok bool, err error) {
	if ok, err = p.cfg.Persons.Carries(ctx, tx, person); err != nil || !ok {
		return false, err
	}
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM profile_activity WHERE person = ?) OR EXISTS (SELECT 1 FROM profile_rebuilds WHERE person = ?)`,
		int64(person), int64(person)).Scan(&ok)
	return ok, err
}

func (p *Profiles) doRebuild(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in RebuildBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if p.cfg.History == nil {
		return nil, touchstone.Errorf(touchstone.Conflict, "there is no history to compute profiles from")
	}
	if len(in.Persons) > 0 {
		return p.doRebuilds(ctx, tx, in.Persons)
	}
	_, person, err := p.named(ctx, tx, in.Person)
	if err != nil {
		return nil, err
	}
	p.asked.rebuilds = append(p.asked.rebuilds, person)
	return Named{person}, nil
}

func (p *Profiles) doRebuilds(ctx context.Context, tx *store.Tx, refs []string) (any, error) {
	var persons []touchstone.PersonID
	for _, ref := range refs {
		_, person, err := p.named(ctx, tx, ref)
		switch {
		case touchstone.KindOf(err) == touchstone.NotFound:
		case err != nil:
			return nil, err
		default:
			persons = append(persons, person)
		}
	}
	slices.Sort(persons)
	persons = slices.Compact(persons)
	p.asked.rebuilds = append(p.asked.rebuilds, persons...)
	return Begun{len(persons)}, nil
}

// correction is the form in which a correction is folded.
func correction(seq touchstone.Seq, node touchstone.NodeID, at time.Time, traits string) touchstone.Fact {
	return touchstone.Fact{Seq: seq, Node: node, Event: touchstone.Event{Type: touchstone.System, Name: CorrectCommand, Time: at.UTC(), ReceivedAt: at.UTC(), Traits: touchstone.JSON(traits)}}
}

// correctedBy is the source of a value that an operator has set.
const correctedBy = "operator"

func (p *Profiles) correctionStamp(f *touchstone.Fact) stamp {
	return stamp{f.Time.UnixMilli(), f.Seq, p.source(cmp.Or(f.Source, correctedBy)).source}
}

// setTraits sets all members of an object.
func (p *Profiles) setTraits(object string, t *traits, st stamp, changed func(word uint32, old, json string)) (any bool) {
	jsonwalk.Members(object, func(key, json string) bool {
		if p.setTrait(t, jsonwalk.Unescape(key), value{json, st}, changed) {
			any = true
		}
		return true
	})
	return any
}

// gatherCorrections makes those whom the batch's commands correct part of it. They stand
// before its facts, so a person may be absorbed after that.
func (p *Profiles) gatherCorrections(b *batch, changes []touchstone.Change) {
	for i := range p.asked.corrections {
		person := p.asked.corrections[i].Person
		for j := range changes {
			if changes[j].Kind == touchstone.PersonsMerged && changes[j].Other == person {
				person = changes[j].Person
			}
		}
		b.include([]touchstone.PersonID{person})
		b.person(person).rare = true
	}
}

// correct sets what the batch's commands say about a person.
func (p *Profiles) correct(id touchstone.PersonID, t *traits, changed func(f *touchstone.Fact, word uint32, old, json string)) (any bool) {
	for i := range p.asked.corrections {
		f := &p.asked.corrections[i]
		if f.Person == id && p.setTraits(string(f.Traits), t, p.correctionStamp(f), func(word uint32, old, json string) { changed(f, word, old, json) }) {
			any = true
		}
	}
	return any
}

// correctFor is correct that reports the changes. Who has no profile waits for the history: the correction comes
// with it, as the delta has it.
func (p *Profiles) correctFor(b *batch, id touchstone.PersonID, a *activity, t *traits) bool {
	if a.empty() {
		return false
	}
	from := len(b.changes)
	any := p.correct(id, t, func(f *touchstone.Fact, word uint32, old, json string) {
		c := p.noteTrait(b, id, word, old, json)
		c.Time = f.Time
		b.changes = append(b.changes, c)
	})
	b.sortByName(from)
	return any
}

// Corrections returns what operators have corrected under nodes and what was computed, oldest first: facts of type
// System with Traits, for [History].
func (p *Profiles) Corrections(ctx context.Context, nodes []touchstone.NodeID) ([]touchstone.Fact, error) {
	return p.correctionsIn(ctx, p.cfg.DB.Reader(), nodes)
}

func (p *Profiles) correctionsIn(ctx context.Context, q store.Querier, nodes []touchstone.NodeID) ([]touchstone.Fact, error) {
	var list []touchstone.Fact
	err := store.SelectIn(ctx, q, `SELECT seq, node, at, traits FROM profile_corrections WHERE node IN (...)`, nodes, func(rows *sql.Rows) error {
		var seq, node, at int64
		var traits string
		if err := rows.Scan(&seq, &node, &at, &traits); err != nil {
			return err
		}
		list = append(list, correction(touchstone.Seq(seq), touchstone.NodeID(node), time.UnixMilli(at), traits))
		return nil
	})
	if err == nil {
		err = addComputed(ctx, q, nodes, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read corrections: %w", err)
	}
	slices.SortFunc(list, func(x, y touchstone.Fact) int { return cmp.Compare(x.Seq, y.Seq) })
	return slices.CompactFunc(list, func(x, y touchstone.Fact) bool { return x.Seq == y.Seq }), nil
}
