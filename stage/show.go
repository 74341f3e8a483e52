package stage

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// ShowCommand has traits say what the open spans say at its place.
const ShowCommand = "stage.show"

// ShowBody names a life cycle and persons, each by an identifier kind:value.
type ShowBody struct {
	Cycle   string   `json:"cycle"`
	Persons []string `json:"persons"`
}

// Shown is its result.
type Shown struct {
	Changed int `json:"changed"`
	Unknown int `json:"unknown"` // persons whom nobody is
}

// maxPersonsIn bounds the persons of a command.
const maxPersonsIn = 500

// traits are three of a life cycle: where, since when, and where before.
const traits = 3

// showEffect is the kind of effects that have traits follow.
const showEffect = "stage"

type showOrder struct {
	Cycle   string                `json:"cycle"`
	Persons []touchstone.PersonID `json:"persons"`
}

// Commands returns the commands of stages.
func (s *Stages) Commands() []command.Kind {
	return []command.Kind{{Name: ShowCommand, Check: checkShow, Do: s.doShow}}
}

func checkShow(body touchstone.JSON) error {
	var in ShowBody
	if json.Unmarshal([]byte(body), &in) != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if len(in.Persons) == 0 || len(in.Persons) > maxPersonsIn {
		return touchstone.Errorf(touchstone.Invalid, "persons: a command is about 1 to %d", maxPersonsIn)
	}
	return nil
}

func (s *Stages) doShow(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	if err := checkShow(c.Body); err != nil {
		return nil, err
	}
	var in ShowBody
	if json.Unmarshal([]byte(c.Body), &in) != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	list, err := s.read(ctx, tx, selectCycles+` WHERE c.id = ?`, in.Cycle)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no life cycle %.80q", in.Cycle)
	}
	x := &list[0]
	nodes := map[touchstone.PersonID]touchstone.NodeID{}
	var persons []touchstone.PersonID
	out := Shown{}
	for _, ref := range in.Persons {
		id, ok := touchstone.ParseIdentifier(ref)
		if !ok {
			return nil, touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", ref).WithHint("name each as kind:value")
		}
		node, person, err := s.cfg.Persons.Find(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if node == 0 {
			out.Unknown++
		} else if nodes[person] == 0 {
			nodes[person] = node
			persons = append(persons, person)
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE stage_cycles SET turn = turn + 1 WHERE id = ?`, x.ID); err != nil {
		return nil, err
	}
	heads, err := openSpans(ctx, tx, x, persons)
	if err != nil {
		return nil, err
	}
	out.Changed, err = s.show(ctx, tx, x, c, persons, nodes, heads)
	return out, err
}

// head is the open span of somebody that counts, and the moment of the traits that were shown last.
type head struct {
	span
	last int64
}

func openSpans(ctx context.Context, q store.Querier, x *Cycle, persons []touchstone.PersonID) (map[touchstone.PersonID]head, error) {
	p := placesOf(&x.Definition)
	heads := map[touchstone.PersonID]head{}
	err := store.SelectIn(ctx, q, selectSpans+`cycle = ? AND person IN (...)`, persons, func(rows *sql.Rows) error {
		var r span
		if err := r.scan(rows); err != nil {
			return err
		}
		h, is := heads[r.person]
		h.last = max(h.last, abs(r.shown))
		if here := p.of[r.stage]; r.ended == 0 && (!is || h.began == 0 || p.further(p.of[h.stage], here) == here) {
			h.span = r
		}
		heads[r.person] = h
		return nil
	}, x.ID)
	return heads, err
}

// show writes the traits of those whom they do not show as they stand.
func (s *Stages) show(ctx context.Context, tx *store.Tx, x *Cycle, c touchstone.Command, persons []touchstone.PersonID, nodes map[touchstone.PersonID]touchstone.NodeID, heads map[touchstone.PersonID]head) (int, error) {
	var values []Value
	changed := 0
	for i, person := range persons {
		h, is := heads[person]
		if !is || h.began == 0 || !x.retired && (h.shown > 0 || h.stage == "" && h.last == 0) || x.retired && h.last == 0 {
			continue
		}
		changed++
		// Clocks of several processes differ: what comes later in the log is later.
		at := max(c.SubmittedAt.UnixMilli(), h.last)
		texts := [traits]string{"null", "null", "null"}
		if !x.retired {
			if h.stage != "" {
				texts[0], texts[1] = strconv.Quote(h.stage), strconv.Quote(time.UnixMilli(h.began).UTC().Format("2006-01-02T15:04:05.000Z"))
			}
			if h.origin != "" {
				texts[2] = strconv.Quote(h.origin)
			}
		}
		for n, name := range x.traits() {
			values = append(values, Value{Node: nodes[person], Person: person, Seq: c.Seq + touchstone.Seq(i*traits+n), At: time.UnixMilli(at).UTC(), Trait: name, Value: touchstone.JSON(texts[n])})
		}
		if _, err := tx.Exec(ctx, `UPDATE stage_spans SET shown = ? WHERE cycle = ? AND node = ? AND began = ?`, at, x.ID, int64(h.node), h.began); err != nil {
			return 0, err
		}
	}
	if len(values) == 0 {
		return 0, nil
	}
	return changed, s.cfg.SetTraits(ctx, tx, values)
}

// traits are the names of the traits that say where somebody stands, since when, and where they stood before.
func (x *Cycle) traits() [traits]string {
	return [traits]string{x.Trait(), x.Trait() + "_since", x.Trait() + "_was"}
}

// Deliverer puts the commands in the log.
func (s *Stages) Deliverer() outbox.Deliverer { return deliverer{s} }

type deliverer struct{ s *Stages }

func (deliverer) Kind() string { return showEffect }

func (deliverer) Serves() touchstone.Serves {
	return touchstone.Operation("what is known is computed; who acts on it asks")
}

func (deliverer) Policy(string) outbox.Policy {
	return outbox.Policy{Concurrency: 4, Timeout: 30 * time.Second}
}

func (d deliverer) Deliver(ctx context.Context, e touchstone.Effect, _ int) (outbox.Receipt, error) {
	var order showOrder
	if err := json.Unmarshal(e.Body, &order); err != nil {
		return outbox.Receipt{}, touchstone.Errorf(touchstone.Invalid, "the effect %s is not of its form", e.ID)
	}
	sum := sha256.Sum256([]byte(e.ID))
	n, err := d.s.submitShow(ctx, order.Cycle, order.Persons, "cmd_stg"+hex.EncodeToString(sum[:12]))
	return outbox.Receipt{Answer: fmt.Sprintf("%d persons", n)}, err
}

// submitShow has traits follow, by a command of an id. It returns how many people are asked: those who are no more are not.
func (s *Stages) submitShow(ctx context.Context, cycle string, persons []touchstone.PersonID, id string) (int, error) {
	now, err := s.cfg.Persons.Canonical(ctx, s.cfg.DB.Reader(), persons)
	if err != nil {
		return 0, err
	}
	now = slices.DeleteFunc(slices.Clone(now), func(p touchstone.PersonID) bool { return p == 0 })
	ids, err := s.cfg.Strongest(ctx, now)
	if err != nil {
		return 0, err
	}
	in := ShowBody{Cycle: cycle}
	for _, p := range now {
		if one, ok := ids[p]; ok {
			in.Persons = append(in.Persons, one.String())
		}
	}
	slices.Sort(in.Persons)
	if in.Persons = slices.Compact(in.Persons); len(in.Persons) == 0 {
		return 0, nil
	}
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	_, err = s.cfg.Submit(ctx, touchstone.Command{ID: id, Kind: ShowCommand, Actor: "stages", Body: touchstone.JSON(body)})
	if kind := touchstone.KindOf(err); kind == touchstone.NotFound { // it was deleted meanwhile
		return 0, nil
	}
	return len(in.Persons), err
}
