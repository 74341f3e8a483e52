package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// payload is the body of a call, as docs/webhooks.md promises it.
type payload struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // when it became true
	Data      data   `json:"data"`
}

type data struct {
	Segment  *named `json:"segment,omitempty"` // of an entry or exit
	Person   person `json:"person"`
	Other    *other `json:"other,omitempty"` // of a merge, who was absorbed; of a split, who is a person of its own
	Cause    *cause `json:"cause"`           // null: time, a command or a new rule
	Backfill bool   `json:"backfill"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type other struct {
	ID touchstone.PersonID `json:"id"`
}

type person struct {
	ID          touchstone.PersonID      `json:"id"`
	Identifiers *[]touchstone.Identifier `json:"identifiers,omitempty"` // nil: the webhook sends none
}

type cause struct {
	MessageID string `json:"message_id"`
	Type      string `json:"type"`
	Event     string `json:"event,omitempty"`
	Source    string `json:"source,omitempty"`
}

// Name is that of the reactor.
func (h *Webhooks) Name() string { return Kind }

// React puts a call for each entry and exit that a webhook tells.
func (h *Webhooks) React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out inbox.Outbox) error {
	all, err := h.current(ctx, tx)
	if err != nil || len(all) == 0 {
		return err
	}
	wants := wanted(all)
	var told []*touchstone.Occurrence
	for i := range occurrences {
		if o := &occurrences[i]; len(wants.of(o)) > 0 {
			told = append(told, o)
		}
	}
	told, err = h.unprotected(ctx, told)
	if err != nil || len(told) == 0 {
		return err
	}
	var names map[string]string
	if i := slices.IndexFunc(told, func(o *touchstone.Occurrence) bool { return o.Name != "" }); i >= 0 {
		if names, err = h.segmentNames(ctx, told[i].Name); err != nil {
			return err
		}
	}
	ids, err := h.identifiersOf(ctx, wants, told)
	if err != nil {
		return err
	}
	var effects []touchstone.Effect
	for _, o := range told {
		bodies := map[string][]byte{} // by how identifiers are told
		for _, w := range wants.of(o) {
			body, made := bodies[w.Identifiers]
			if !made {
				if body, err = h.body(o, names, ids[o.Person], w.Identifiers); err != nil {
					return err
				}
				bodies[w.Identifiers] = body
			}
			effects = append(effects, touchstone.Effect{ID: messageID(w.ID, o), Kind: Kind, Destination: w.ID, Person: o.Person, Node: o.Node, Label: label(o), Body: body})
		}
	}
	return out.Put(ctx, tx, effects...)
}

// unprotected leaves out who must not be told of: children.
func (h *Webhooks) unprotected(ctx context.Context, told []*touchstone.Occurrence) ([]*touchstone.Occurrence, error) {
	if len(told) == 0 || h.cfg.Protected == nil {
		return told, nil
	}
	persons := make([]touchstone.PersonID, len(told))
	for i, o := range told {
		persons[i] = o.Person
	}
	protected, err := h.cfg.Protected(ctx, persons)
	return slices.DeleteFunc(told, func(o *touchstone.Occurrence) bool { return protected[o.Person] }), err
}

// label is how a call is listed.
func label(o *touchstone.Occurrence) string {
	if o.Other != 0 {
		return eventOf(o.Kind) + " " + o.Other.String()
	}
	return eventOf(o.Kind) + " " + o.Name
}

// wanting finds who tells what.
type wanting struct {
	bySegment map[string][]*Webhook // "*" is under its own name
	persons   []*Webhook
}

func wanted(all map[string]*Webhook) wanting {
	w := wanting{bySegment: map[string][]*Webhook{}}
	for _, hook := range all {
		if hook.tellsOfPersons() {
			w.persons = append(w.persons, hook)
		}
		for _, s := range hook.Segments {
			w.bySegment[s] = append(w.bySegment[s], hook)
		}
	}
	byID := func(a, b *Webhook) int { return compare(a.ID, b.ID) }
	for _, list := range w.bySegment { // one order, whatever the map's
		slices.SortFunc(list, byID)
	}
	slices.SortFunc(w.persons, byID)
	return w
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func eventOf(kind touchstone.OccurrenceKind) string {
	switch kind {
	case touchstone.EnteredSegment:
		return Entered
	case touchstone.LeftSegment:
		return Left
	case touchstone.BecameOne:
		return Merged
	case touchstone.BecameTwo:
		return Split
	}
	return ""
}

// of returns the webhooks that tell an occurrence.
func (w wanting) of(o *touchstone.Occurrence) (list []*Webhook) {
	event := eventOf(o.Kind)
	if event == "" {
		return nil
	}
	if event == Merged || event == Split {
		for _, hook := range w.persons {
			if slices.Contains(hook.Events, event) && (hook.Backfill || !o.Backfill) {
				list = append(list, hook)
			}
		}
		return list
	}
	for _, key := range []string{o.Name, "*"} {
		for _, hook := range w.bySegment[key] {
			if slices.Contains(hook.Events, event) && (hook.Backfill || !o.Backfill) && !slices.Contains(list, hook) {
				list = append(list, hook)
			}
		}
	}
	return list
}

// identifiersOf reads what is told of the persons, if any webhook tells it.
func (h *Webhooks) identifiersOf(ctx context.Context, wants wanting, told []*touchstone.Occurrence) (map[touchstone.PersonID][]touchstone.Identifier, error) {
	var persons []touchstone.PersonID
	seen := map[touchstone.PersonID]bool{}
	for _, o := range told {
		if seen[o.Person] || !slices.ContainsFunc(wants.of(o), func(w *Webhook) bool { return w.Identifiers != IdentifiersNone }) {
			continue
		}
		seen[o.Person] = true
		persons = append(persons, o.Person)
	}
	if len(persons) == 0 {
		return nil, nil
	}
	return h.cfg.Identifiers(ctx, persons)
}

// maxIdentifiers are told of a person, the strongest.
const maxIdentifiers = 20

func (h *Webhooks) body(o *touchstone.Occurrence, names map[string]string, ids []touchstone.Identifier, how string) ([]byte, error) {
	p := payload{Type: eventOf(o.Kind), Timestamp: api.FormatTime(o.Time), Data: data{
		Person: person{ID: o.Person}, Backfill: o.Backfill,
	}}
	if o.Other != 0 {
		p.Data.Other = &other{o.Other}
	} else {
		p.Data.Segment = &named{o.Name, names[o.Name]}
	}
	if how != IdentifiersNone {
		list := slices.Clone(ids[:min(len(ids), maxIdentifiers)])
		if how == IdentifiersMasked {
			for i := range list {
				list[i] = h.cfg.Mask(list[i])
			}
		}
		if list == nil {
			list = []touchstone.Identifier{}
		}
		p.Data.Person.Identifiers = &list
	}
	if e := o.Event; e != nil {
		p.Data.Cause = &cause{MessageID: e.MessageID, Type: e.Type.String(), Event: e.Name, Source: e.Source}
	} else if o.MessageID != "" {
		p.Data.Cause = &cause{MessageID: o.MessageID}
	}
	return json.Marshal(p)
}

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// messageID is a function of what is told and to whom, so that telling it again is a repeat
// of the same message. It has no dot, which the signature's text is parted by.
func messageID(webhook string, o *touchstone.Occurrence) string {
	text := make([]byte, 0, 128)
	text = append(append(text, webhook...), 0, byte(o.Kind))
	text = append(append(text, o.Name...), 0)
	text = binary.BigEndian.AppendUint64(text, uint64(o.Person)) //nolint:gosec // bits
	text = binary.BigEndian.AppendUint64(text, uint64(o.Cause))
	text = binary.BigEndian.AppendUint64(text, uint64(o.Time.UnixMilli())) //nolint:gosec // bits
	if o.Other != 0 {
		text = binary.BigEndian.AppendUint64(text, uint64(o.Other)) //nolint:gosec // bits
	}
	sum := sha256.Sum256(text)
	return "msg_" + idText.EncodeToString(sum[:16])
}
