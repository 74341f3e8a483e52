package linkage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/store"
)

// RejectCommand says that two persons are not one, or takes it back.
const RejectCommand = "linkage.reject" // RejectBody

// RejectBody names two persons by an identifier each.
type RejectBody struct {
	Identifiers [2]string `json:"identifiers"`
	// Back takes it back: the pair waits again.
	Back bool `json:"back,omitempty"`
}

// Submit puts a command in the log and waits for it.
type Submit func(ctx context.Context, c touchstone.Command) (*command.Row, error)

// byModel is who decided when nobody did.
const byModel = "model"

// Link has the persons of a pair made one, if limits allow it.
func (l *Linkage) Link(ctx context.Context, id, actor string) (*Pair, error) {
	p, err := l.Pair(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.State() == Linked {
		return p, nil
	}
	return p, l.link(ctx, p, actor)
}

func (l *Linkage) link(ctx context.Context, p *Pair, actor string) error {
	texts, err := l.anchors(ctx, p)
	if err != nil {
		return err
	}
	body, err := json.Marshal(identity.LinkBody{Links: []identity.Link{{Identifiers: texts, MatchDetail: identity.MatchDetail{Model: fmt.Sprintf("linkage %d", p.Model), Weight: p.Weight}}}})
	if err != nil {
		return err
	}
	row, err := l.cfg.Submit(ctx, touchstone.Command{Kind: identity.LinkCommand, Actor: actor, Body: touchstone.JSON(body)})
	if err != nil {
		return err
	}
	var done identity.Linked
	if err := json.Unmarshal([]byte(row.Result), &done); err != nil || len(done.Links) != 1 {
		return fmt.Errorf("read what became of a link: %w", err)
	}
	p.Decision, p.DecidedBy, p.DecidedAt, p.Refusal = link, actor, l.cfg.Clock.Now(), ""
	switch one := done.Links[0]; one.Outcome {
	case "joined", "noted":
		l.metrics.linked.Inc()
	case "unknown":
		return pairNotFound(p.ID())
	case "parted":
		p.Refusal = "they were parted by hand"
		l.metrics.refused.Inc()
	default:
		p.Refusal = cmp.Or(one.Reason, one.Outcome)
		l.metrics.refused.Inc()
	}
	return l.note(ctx, p)
}

// anchors are the strongest identifiers of the two persons, by which commands name them.
func (l *Linkage) anchors(ctx context.Context, p *Pair) (texts [2]string, err error) {
	ids, err := l.cfg.Identifiers(ctx, p.Persons[:])
	if err != nil {
		return texts, err
	}
	for i, person := range p.Persons {
		if len(ids[person]) == 0 {
			return texts, touchstone.Errorf(touchstone.NotFound, "there is no person %s", person)
		}
		texts[i] = ids[person][0].String()
	}
	return texts, nil
}

// note keeps what was decided about a pair, on the row as it is now: its sides may have moved.
func (l *Linkage) note(ctx context.Context, p *Pair) error {
	return l.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE linkage_pairs SET decision = ?, refusal = ?, decided_by = ?, decided_at = ? WHERE node_a = ? AND node_b = ?`,
			p.Decision, p.Refusal, p.DecidedBy, p.DecidedAt.UnixMilli(), int64(p.Nodes[0]), int64(p.Nodes[1]))
		if err != nil {
			return err
		}
		now, err := pairOf(ctx, tx, p.Nodes)
		if errors.Is(err, sql.ErrNoRows) { // erased meanwhile
			return pairNotFound(p.ID())
		}
		if err == nil {
			*p = *now
		}
		return err
	})
}

// Reject says that the persons of a pair are two, or takes that back.
func (l *Linkage) Reject(ctx context.Context, id, actor string, back bool) (*Pair, error) {
	p, err := l.Pair(ctx, id)
	if err != nil {
		return nil, err
	}
	switch state := p.State(); {
	case state == Linked:
		return nil, touchstone.Errorf(touchstone.Conflict, "The two are one person by now.").WithHint("Split the person on its page to part them.")
	case back && state == Review:
		return p, nil
	}
	body := RejectBody{Back: back}
	if body.Identifiers, err = l.anchors(ctx, p); err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if _, err := l.cfg.Submit(ctx, touchstone.Command{Kind: RejectCommand, Actor: actor, Body: touchstone.JSON(text)}); err != nil {
		return nil, err
	}
	return l.Pair(ctx, id)
}

// Commands returns the kinds of commands that this feature has. find tells where an identifier is in the graph.
func Commands(find func(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error)) []command.Kind {
	return []command.Kind{{Name: RejectCommand, Check: checkReject, Do: func(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
		var in RejectBody
		if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
			return nil, err
		}
		persons := [2]touchstone.PersonID{}
		for i, text := range in.Identifiers {
			id, _ := touchstone.ParseIdentifier(text)
			_, person, err := find(ctx, tx, id)
			if err != nil {
				return nil, err
			}
			if person == 0 {
				return nil, touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", text)
			}
			persons[i] = person
		}
		return rejected(ctx, tx, persons, in.Back, c.Actor, c.SubmittedAt)
	}}}
}

func checkReject(body touchstone.JSON) error {
	var in RejectBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	for _, text := range in.Identifiers {
		if _, ok := touchstone.ParseIdentifier(text); !ok {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", text).WithHint("name each as kind:value")
		}
	}
	return nil
}

// rejected marks the pairs about two persons. Where there is none, as in a store that is built
// anew, it makes one, so that it is known when the pair is found.
func rejected(ctx context.Context, tx *store.Tx, persons [2]touchstone.PersonID, back bool, actor string, at time.Time) (any, error) {
	if persons[0] == persons[1] {
		return nil, touchstone.Errorf(touchstone.Conflict, "the two are one person by now")
	}
	list, err := pairsOfPersons(ctx, tx, persons[:1])
	if err != nil {
		return nil, err
	}
	about := make([]*Pair, 0, 1)
	for _, p := range list {
		if p.Persons == persons || p.Persons == [2]touchstone.PersonID{persons[1], persons[0]} {
			about = append(about, p)
		}
	}
	if len(about) == 0 && !back {
		lo, hi := min(persons[0], persons[1]), max(persons[0], persons[1])
		about = append(about, &Pair{Nodes: [2]touchstone.NodeID{touchstone.NodeID(lo), touchstone.NodeID(hi)}, Persons: [2]touchstone.PersonID{lo, hi}, Evidence: "{}", FoundAt: at})
	}
	for _, p := range about {
		p.Decision, p.Refusal, p.DecidedBy, p.DecidedAt = reject, "", actor, at
		if back {
			p.Decision, p.DecidedBy, p.DecidedAt = "", "", time.Time{}
		}
	}
	return map[string]any{"pairs": len(about)}, writePairs(ctx, tx, about)
}
