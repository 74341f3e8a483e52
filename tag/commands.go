package tag

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands of tags.
const (
	RefreshCommand = "tag.refresh" // RefreshBody
	WriteCommand   = "tag.write"   // WriteBody
)

// RefreshBody says whose value of a tag is to be decided again, by what is kept at the command's place.
type RefreshBody struct {
	Tag     string   `json:"tag"`
	Persons []string `json:"persons"` // an identifier each, kind:value
}

// WriteBody brings values that were computed elsewhere.
type WriteBody struct {
	Tag    string  `json:"tag"`
	Origin string  `json:"origin,omitempty"` // model and its version, a file
	Values []Given `json:"values"`
}

// Given is a value for a person, named by an identifier. null takes one away.
type Given struct {
	Person string          `json:"person"`
	Value  touchstone.JSON `json:"value"`
}

// Written is the result of both.
type Written struct {
	Changed int `json:"changed"`
	Unknown int `json:"unknown"` // persons whom nobody is, or who have the same identifier
}

// TimerOwner owns the timers of values that end.
const TimerOwner = "tag"

// Commands returns the commands of tags.
func (t *Tags) Commands() []command.Kind {
	return []command.Kind{{Name: RefreshCommand, Check: checkRefresh, Do: t.doRefresh}, {Name: WriteCommand, Check: checkWrite, Do: t.doWrite}}
}

func badBody() error {
	return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
}

func checkRefresh(body touchstone.JSON) error {
	var in RefreshBody
	if json.Unmarshal([]byte(body), &in) != nil {
		return badBody()
	}
	if len(in.Persons) == 0 || len(in.Persons) > maxPersonsIn {
		return touchstone.Errorf(touchstone.Invalid, "persons: a command is about 1 to %d", maxPersonsIn)
	}
	return nil
}

func checkWrite(body touchstone.JSON) error {
	var in WriteBody
	if json.Unmarshal([]byte(body), &in) != nil {
		return badBody()
	}
	if len(in.Values) == 0 || len(in.Values) > maxPersonsIn {
		return touchstone.Errorf(touchstone.Invalid, "values: a command brings 1 to %d", maxPersonsIn)
	}
	for i := range in.Values {
		if _, err := checkValue("values."+strconv.Itoa(i)+".value", in.Values[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// named is a person that a command is about.
type named struct {
	node   touchstone.NodeID
	person touchstone.PersonID
	value  touchstone.JSON // of a write
}

// find returns the persons of identifiers, each once, the last one first named counting.
func (t *Tags) find(ctx context.Context, tx *store.Tx, n int, of func(i int) (ref string, value touchstone.JSON)) (list []named, unknown int, err error) {
	at := map[touchstone.PersonID]int{}
	for i := range n {
		ref, value := of(i)
		id, ok := touchstone.ParseIdentifier(ref)
		if !ok {
			return nil, 0, touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", ref).WithHint("name each as kind:value")
		}
		node, person, err := t.cfg.Persons.Find(ctx, tx, id)
		if err != nil {
			return nil, 0, err
		}
		if node == 0 {
			unknown++
			continue
		}
		if j, twice := at[person]; twice {
			list[j].value = value
			continue
		}
		at[person] = len(list)
		list = append(list, named{node, person, value})
	}
	return list, unknown, nil
}

// serving returns a tag that gives values.
func (t *Tags) serving(ctx context.Context, tx *store.Tx, id string) (*Tag, error) {
	x, err := t.get(ctx, tx, id)
	if err == nil && x.Serving == 0 {
		err = touchstone.Errorf(touchstone.Conflict, "%s gives no values yet", x.Name).WithHint("have its definition approved")
	}
	return &x, err
}

func (t *Tags) doWrite(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	if err := checkWrite(c.Body); err != nil {
		return nil, err
	}
	var in WriteBody
	if json.Unmarshal([]byte(c.Body), &in) != nil {
		return nil, badBody()
	}
	x, err := t.serving(ctx, tx, in.Tag)
	if err != nil {
		return nil, err
	}
	if !x.Kind.written() && x.Kind != SQL {
		return nil, touchstone.Errorf(touchstone.Conflict, "values of %s are computed by its definition and not written", x.Name)
	}
	persons, unknown, err := t.find(ctx, tx, len(in.Values), func(i int) (string, touchstone.JSON) {
		value, _ := checkValue("", in.Values[i].Value) // checked
		return in.Values[i].Person, value
	})
	if err != nil {
		return nil, err
	}
	var expires int64
	if hours := x.Definition.ExpiresHours; hours > 0 {
		expires = c.SubmittedAt.Add(time.Duration(hours) * time.Hour).UnixMilli()
	}
	answers := make(map[touchstone.PersonID]answer, len(persons))
	for _, p := range persons {
		answers[p.person] = answer{p.value, expires}
		if p.value == "null" {
			answers[p.person] = answer{value: p.value}
		}
	}
	changed, err := t.answer(ctx, tx, b, c, x, persons, answers, cmp.Or(in.Origin, c.Actor))
	if err == nil {
		err = t.fed(ctx, tx, x, c.SubmittedAt)
	}
	return Written{changed, unknown}, err
}

// fed notes that values came, of kinds that are complete when they are written.
func (t *Tags) fed(ctx context.Context, tx *store.Tx, x *Tag, at time.Time) error {
	if !x.Kind.written() {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE tags SET computed_at = ? WHERE id = ? AND computed_at < ?`, at.UnixMilli(), x.ID, at.UnixMilli())
	return err
}

// answer is the value that somebody should have, and until when.
type answer struct {
	value   touchstone.JSON // null: none
	expires int64           // 0: until something happens
}

func (t *Tags) doRefresh(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	if err := checkRefresh(c.Body); err != nil {
		return nil, err
	}
	var in RefreshBody
	if json.Unmarshal([]byte(c.Body), &in) != nil {
		return nil, badBody()
	}
	x, err := t.serving(ctx, tx, in.Tag)
	if err != nil {
		return nil, err
	}
	persons, unknown, err := t.find(ctx, tx, len(in.Persons), func(i int) (string, touchstone.JSON) { return in.Persons[i], "" })
	if err != nil {
		return nil, err
	}
	answers, err := t.decide(ctx, tx, x, persons, c.SubmittedAt.UnixMilli())
	if err != nil {
		return nil, err
	}
	changed, err := t.answer(ctx, tx, b, c, x, persons, answers, "")
	return Written{changed, unknown}, err
}

// decide asks what is kept which value persons should have.
func (t *Tags) decide(ctx context.Context, q store.Querier, x *Tag, persons []named, now int64) (map[touchstone.PersonID]answer, error) {
	ids := make([]touchstone.PersonID, len(persons))
	for i := range persons {
		ids[i] = persons[i].person
	}
	switch x.Kind {
	case Rule:
		return t.byRules(ctx, q, x, ids)
	case Interest:
		return t.byInterest(ctx, q, x, ids, now)
	}
	// Values from outside stay until they end.
	have, err := current(ctx, q, x.ID, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID]answer, len(have))
	for person, h := range have {
		out[person] = answer{h.value, h.expires}
		if h.expires != 0 && h.expires <= now {
			out[person] = answer{value: "null"}
		}
	}
	return out, nil
}

// byRules gives everybody the value of the first rule that holds.
func (t *Tags) byRules(ctx context.Context, q store.Querier, x *Tag, persons []touchstone.PersonID) (map[touchstone.PersonID]answer, error) {
	v := Version{Version: x.Serving, Definition: x.Definition}
	in, err := t.cfg.Rules.InTagRules(ctx, q, v.sets(x.ID), persons)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID]answer, len(persons))
	for _, p := range persons {
		a := answer{value: "null"}
		if list := in[p]; len(list) > 0 {
			a.value = x.Definition.Rules[list[0]].Value
		}
		out[p] = a
	}
	return out, nil
}

// answer writes what differs from what persons have, and sets the timers of values that end.
func (t *Tags) answer(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command, x *Tag, persons []named, answers map[touchstone.PersonID]answer, origin string) (changed int, err error) {
	ids := make([]touchstone.PersonID, len(persons))
	for i := range persons {
		ids[i] = persons[i].person
	}
	have, err := current(ctx, tx, x.ID, ids)
	if err != nil {
		return 0, err
	}
	var list []change
	var ends []struct {
		node    touchstone.NodeID
		expires int64
	}
	for i, p := range persons {
		a, asked := answers[p.person]
		h, had := have[p.person]
		if !asked || !had && a.value == "null" {
			continue
		}
		if a.expires != h.expires {
			b.Timers = append(b.Timers, t.timer(x.ID, p.person, a.expires))
		}
		if had && a.value == h.value {
			if a.expires != h.expires { // it goes on
				ends = append(ends, struct {
					node    touchstone.NodeID
					expires int64
				}{h.node, a.expires})
			}
			continue
		}
		// Clocks of several processes differ: what comes later in the log is later.
		at := time.UnixMilli(max(c.SubmittedAt.UnixMilli(), h.at)).UTC()
		list = append(list, change{Value: Value{Node: p.node, Person: p.person, Seq: c.Seq + touchstone.Seq(i), At: at, Trait: x.Trait(), Value: a.value}, origin: origin, expires: a.expires})
	}
	for _, e := range ends {
		if _, err := tx.Exec(ctx, `UPDATE tag_values SET expires = ? WHERE tag = ? AND node = ?`, e.expires, x.ID, int64(e.node)); err != nil {
			return 0, err
		}
	}
	return len(list), t.write(ctx, tx, x, slices.Clip(list))
}

func (t *Tags) timer(tag string, person touchstone.PersonID, at int64) touchstone.Timer {
	timer := touchstone.Timer{Owner: TimerOwner, Subject: touchstone.PersonSubject(person), Key: tag}
	if at != 0 {
		timer.At = time.UnixMilli(at).UTC()
	}
	return timer
}
