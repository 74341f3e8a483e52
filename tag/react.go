package tag

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// refreshEffect is the kind of effects that have values decided again.
const refreshEffect = "tag"

// patience lets what happens at a time share a command.
const patience = 200 * time.Millisecond

// Name is the reactor's.
func (t *Tags) Name() string { return "tag" }

// Patience is how long changes are gathered.
func (t *Tags) Patience() time.Duration { return patience }

// Interest is in entries and exits of the rules' sets, in what shows interest, in values that end, and in who is who.
func (t *Tags) Interest(ctx context.Context, q store.Querier) (inbox.Interest, error) {
	tags, err := t.read(ctx, q, selectTags+` WHERE t.approved > 0`)
	if err != nil || len(tags) == 0 {
		return inbox.Interest{}, err
	}
	in := inbox.Interest{Timers: []string{TimerOwner}, Persons: true, Backfill: true}
	for i := range tags {
		x := &tags[i]
		serves := Version{Version: x.Serving, Definition: x.Definition}
		in.Segments = append(in.Segments, serves.sets(x.ID)...)
		if x.Approved != x.Serving { // those that are being built are told of from the moment on at which they are
			v, err := t.version(ctx, q, x.ID, x.Approved)
			if err != nil {
				return in, err
			}
			in.Segments = append(in.Segments, v.sets(x.ID)...)
		}
		if x.Definition.Interest != nil {
			for _, e := range x.Definition.Interest.Events {
				in.Events = append(in.Events, e.Event)
			}
		}
	}
	slices.Sort(in.Events)
	in.Events = slices.Compact(in.Events)
	return in, nil
}

// asking gathers whose values of which tags are to be decided again.
type asking struct {
	tags  map[string]*Tag
	whom  map[string][]touchstone.PersonID
	cause strings.Builder // what the effects' ids are made of
}

func (a *asking) ask(tag string, p touchstone.PersonID) {
	if a.tags[tag] != nil && p != 0 {
		a.whom[tag] = append(a.whom[tag], p)
	}
}

// React writes sums of interest, and puts effects that have values decided again.
func (t *Tags) React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out inbox.Outbox) error {
	tags, err := t.read(ctx, tx, selectTags+` WHERE t.serving > 0`)
	if err != nil {
		return err
	}
	likings, err := t.likings(ctx, tx, tags)
	if err != nil {
		return err
	}
	a := &asking{tags: map[string]*Tag{}, whom: map[string][]touchstone.PersonID{}}
	for i := range tags {
		a.tags[tags[i].ID] = &tags[i]
	}
	for i := range occurrences {
		o := &occurrences[i]
		fmt.Fprintf(&a.cause, "%d %d %d %s %d\n", o.Kind, o.Person, o.Cause, o.Name, o.Time.UnixMilli())
		if o.Kind == touchstone.EventHappened {
			for _, l := range likings {
				about, err := l.hear(ctx, tx, o, t.metrics)
				if err != nil {
					return err
				}
				if about {
					a.ask(l.tag.ID, o.Person)
				}
			}
			continue
		}
		if err := t.hear(ctx, tx, o, a); err != nil {
			return err
		}
	}
	for _, l := range likings {
		if err := l.save(ctx, tx, t.now(), t.metrics); err != nil {
			return err
		}
	}
	return t.putRefreshes(ctx, tx, a, out)
}

func (t *Tags) hear(ctx context.Context, tx *store.Tx, o *touchstone.Occurrence, a *asking) error {
	switch o.Kind {
	case touchstone.EnteredSegment, touchstone.LeftSegment:
		a.ask(tagOfSet(o.Name), o.Person)
	case touchstone.TimerDue:
		a.ask(o.Name, o.Subject.Person())
	case touchstone.BecameOne:
		// A row that was written beside the merge stands under the absorbed one.
		if err := (keeper{}).join(ctx, tx, o.Other, o.Person); err != nil {
			return err
		}
		fallthrough
	case touchstone.BecameTwo:
		for id, x := range a.tags {
			if x.Kind == Rule || x.Kind == Interest {
				a.ask(id, o.Person)
				if o.Kind == touchstone.BecameTwo {
					a.ask(id, o.Other)
				}
			}
		}
	}
	return nil
}

// refreshOrder is the body of an effect.
type refreshOrder struct {
	Tag     string                `json:"tag"`
	Persons []touchstone.PersonID `json:"persons"`
}

func (t *Tags) putRefreshes(ctx context.Context, tx *store.Tx, a *asking, out inbox.Outbox) error {
	sum := sha256.Sum256([]byte(a.cause.String()))
	cause := hex.EncodeToString(sum[:16])
	var effects []touchstone.Effect
	for tag, persons := range a.whom {
		slices.Sort(persons)
		for n, some := range slices.Collect(slices.Chunk(slices.Compact(persons), maxPersonsIn)) {
			body, err := json.Marshal(refreshOrder{tag, some})
			if err != nil {
				return err
			}
			effects = append(effects, touchstone.Effect{ID: fmt.Sprintf("tag/%s/%s/%d", tag, cause, n), Kind: refreshEffect, Destination: tag,
				Label: a.tags[tag].Key, Body: body})
		}
	}
	if len(effects) == 0 {
		return nil
	}
	slices.SortFunc(effects, func(x, y touchstone.Effect) int { return strings.Compare(x.ID, y.ID) })
	return out.Put(ctx, tx, effects...)
}

// Deliverer puts the commands in the log.
func (t *Tags) Deliverer() outbox.Deliverer { return deliverer{t} }

type deliverer struct{ t *Tags }

func (deliverer) Kind() string { return refreshEffect }

func (deliverer) Serves() touchstone.Serves {
	return touchstone.Operation("what is known is computed; who acts on it asks")
}

func (deliverer) Policy(string) outbox.Policy {
	return outbox.Policy{Concurrency: 4, Timeout: 30 * time.Second}
}

func (d deliverer) Deliver(ctx context.Context, e touchstone.Effect, _ int) (outbox.Receipt, error) {
	var order refreshOrder
	if err := json.Unmarshal(e.Body, &order); err != nil {
		return outbox.Receipt{}, touchstone.Errorf(touchstone.Invalid, "the effect %s is not of its form", e.ID)
	}
	sum := sha256.Sum256([]byte(e.ID))
	n, err := d.t.refresh(ctx, order.Tag, order.Persons, "cmd_tag"+hex.EncodeToString(sum[:12]))
	return outbox.Receipt{Answer: fmt.Sprintf("%d persons", n)}, err
}

// refresh has the values of persons decided again, by a command of an id. It returns how many are asked: those who are no
// more are not.
func (t *Tags) refresh(ctx context.Context, tag string, persons []touchstone.PersonID, id string) (int, error) {
	now, err := t.cfg.Persons.Canonical(ctx, t.cfg.DB.Reader(), persons)
	if err != nil {
		return 0, err
	}
	now = slices.DeleteFunc(slices.Clone(now), func(p touchstone.PersonID) bool { return p == 0 })
	ids, err := t.cfg.Strongest(ctx, now)
	if err != nil {
		return 0, err
	}
	in := RefreshBody{Tag: tag}
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
	_, err = t.cfg.Submit(ctx, touchstone.Command{ID: id, Kind: RefreshCommand, Actor: "tags", Body: touchstone.JSON(body)})
	if kind := touchstone.KindOf(err); kind == touchstone.NotFound || kind == touchstone.Conflict { // the tag was deleted meanwhile
		return 0, nil
	}
	return len(in.Persons), err
}
