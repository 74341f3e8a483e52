package stage

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
	"github.com/touchstone-cdp/touchstone/store"
)

// patience lets what happens at a time share a transaction and a command.
const patience = 200 * time.Millisecond

// ReactorName is the reactor's.
const ReactorName = "stage"

// Name is the reactor's.
func (s *Stages) Name() string { return ReactorName }

// Patience is how long changes are gathered.
func (s *Stages) Patience() time.Duration { return patience }

// Interest is in entries and exits of the rules' sets, those that are being built included, and in who is who.
func (s *Stages) Interest(ctx context.Context, q store.Querier) (inbox.Interest, error) {
	cycles, err := s.read(ctx, q, selectCycles+` WHERE c.retired = 0 ORDER BY c.id`)
	if err != nil || len(cycles) == 0 {
		return inbox.Interest{}, err
	}
	in := inbox.Interest{Persons: true, Backfill: true}
	for i := range cycles {
		x := &cycles[i]
		if x.Serving > 0 {
			in.Segments = append(in.Segments, x.sets()...)
		}
		if x.Version != x.Serving {
			v, err := s.version(ctx, q, x.ID, x.Version)
			if err != nil {
				return in, err
			}
			in.Segments = append(in.Segments, sets(x.ID, v.Version, &v.Definition)...)
		}
	}
	return in, nil
}

// heard is what a chunk says, for one life cycle.
type heard struct {
	cycle *Cycle
	list  []*touchstone.Occurrence
	place []int // of the rule of list[i]; 0: who is who has changed
}

func (h *heard) add(o *touchstone.Occurrence, place int) {
	h.list, h.place = append(h.list, o), append(h.place, place)
}

// persons are those whom the chunk is about.
func (h *heard) persons() []touchstone.PersonID {
	var list []touchstone.PersonID
	for _, o := range h.list {
		list = append(list, o.Person)
		if o.Kind == touchstone.BecameTwo {
			list = append(list, o.Other)
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(p touchstone.PersonID) bool { return p == 0 })
}

// React moves people by the entries and exits that it hears, and puts effects that have their traits follow.
func (s *Stages) React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out inbox.Outbox) error {
	cycles, err := s.read(ctx, tx, selectCycles+` WHERE c.serving > 0 AND c.retired = 0 ORDER BY c.id`)
	if err != nil {
		return err
	}
	type rule struct {
		of    *heard
		place int
	}
	all, bySet := make([]heard, len(cycles)), map[string]rule{}
	for i := range cycles {
		all[i].cycle = &cycles[i]
		for n, set := range cycles[i].sets() {
			bySet[set] = rule{&all[i], n + 1}
		}
	}
	var cause strings.Builder // what the effects' ids are made of
	for i := range occurrences {
		o := &occurrences[i]
		fmt.Fprintf(&cause, "%d %d %d %s %d\n", o.Kind, o.Person, o.Cause, o.Name, o.Time.UnixMilli())
		switch o.Kind {
		case touchstone.EnteredSegment, touchstone.LeftSegment:
			if r, ok := bySet[o.Name]; ok && o.Person != 0 {
				r.of.add(o, r.place)
			}
		case touchstone.BecameOne:
			// A row that was written beside the merge stands under the absorbed one.
			if err := (keeper{}).join(ctx, tx, o.Other, o.Person); err != nil {
				return err
			}
			fallthrough
		case touchstone.BecameTwo:
			for n := range all {
				all[n].add(o, 0)
			}
		}
	}
	for i := range all {
		if len(all[i].list) == 0 {
			continue
		}
		moved, err := s.follow(ctx, tx, &all[i])
		if err == nil && len(moved) > 0 {
			err = s.putShows(ctx, tx, all[i].cycle, cause.String(), moved, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follow moves people of a life cycle, and returns whom.
func (s *Stages) follow(ctx context.Context, tx *store.Tx, h *heard) ([]touchstone.PersonID, error) {
	w, err := s.writer(ctx, tx, h.cycle, h.persons())
	if err != nil {
		return nil, err
	}
	for i, o := range h.list {
		switch {
		case h.place[i] > 0:
			entered := o.Kind == touchstone.EnteredSegment
			m := move{node: o.Node, at: o.Time.UnixMilli(), why: whyLeft, cause: w.p.key(h.place[i]), message: o.MessageID}
			if entered {
				m.why = whyEntered
			}
			w.change(w.tracks[o.Person], h.place[i], entered, m)
		default:
			for _, p := range []touchstone.PersonID{o.Person, o.Other} {
				if t := w.tracks[p]; t != nil {
					w.doubtful(t, o.Time.UnixMilli(), s.now())
				}
			}
		}
	}
	return w.save(ctx, tx)
}

// putShows has the traits of people follow.
func (s *Stages) putShows(ctx context.Context, tx *store.Tx, x *Cycle, cause string, persons []touchstone.PersonID, out inbox.Outbox) error {
	sum := sha256.Sum256([]byte(cause))
	id := hex.EncodeToString(sum[:16])
	var effects []touchstone.Effect
	for n, some := range slices.Collect(slices.Chunk(persons, maxPersonsIn)) {
		body, err := json.Marshal(showOrder{x.ID, some})
		if err != nil {
			return err
		}
		effects = append(effects, touchstone.Effect{ID: fmt.Sprintf("stage/%s/%s/%d", x.ID, id, n), Kind: showEffect, Destination: x.ID, Label: x.Key, Body: body})
	}
	return out.Put(ctx, tx, effects...)
}
