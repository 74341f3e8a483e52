package hold

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands: they stand in the log, so that an erasure that a hold has stopped is stopped
// again in a store that is built anew.
const (
	PlaceCommand = "hold.place" // PlaceBody
	LiftCommand  = "hold.lift"  // LiftBody
)

// PlaceBody places a hold on whoever has one of the identifiers, or is in the segment.
type PlaceBody struct {
	Reason      string    `json:"reason"`
	Identifiers []string  `json:"identifiers,omitempty"`
	Segment     string    `json:"segment,omitempty"`
	Until       time.Time `json:"until,omitzero"` // zero: until it is lifted
}

// LiftBody ends a hold.
type LiftBody struct {
	Hold string `json:"hold"`
}

// Placed is the result of both.
type Placed struct {
	ID      string `json:"id"`
	Persons int    `json:"persons"`
}

// Bounds of a hold.
const (
	maxReason      = 2000
	maxIdentifiers = 10_000
	maxHolding     = 1000
)

// Commands returns what can be done.
func (h *Holds) Commands() []command.Kind {
	return []command.Kind{
		{Name: PlaceCommand, Check: checkPlace, Do: h.doPlace},
		{Name: LiftCommand, Check: checkLift, Do: h.doLift},
	}
}

func checkPlace(body touchstone.JSON) error {
	var in PlaceBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	switch n := utf8.RuneCountInString(strings.TrimSpace(in.Reason)); {
	case n == 0:
		return touchstone.Errorf(touchstone.Invalid, "a hold needs a reason").WithHint("say which case or authority asks for it: it is shown to whoever wants to erase")
	case n > maxReason:
		return touchstone.Errorf(touchstone.Invalid, "the reason has more than %d characters", maxReason)
	case (in.Segment == "") == (len(in.Identifiers) == 0):
		return touchstone.Errorf(touchstone.Invalid, "a hold is on persons or on a segment, one of the two")
	case len(in.Identifiers) > maxIdentifiers:
		return touchstone.Errorf(touchstone.TooLarge, "a hold names at most %d identifiers", maxIdentifiers).WithHint("put the persons in a segment and hold that")
	}
	for _, text := range in.Identifiers {
		if _, ok := touchstone.ParseIdentifier(text); !ok {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", text).WithHint("name each as kind:value")
		}
	}
	return nil
}

func checkLift(body touchstone.JSON) error {
	var in LiftBody
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Hold == "" {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return nil
}

func (h *Holds) doPlace(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in PlaceBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	n, err := h.Holding(ctx, tx)
	if err != nil {
		return nil, err
	}
	if n >= maxHolding {
		return nil, touchstone.Errorf(touchstone.Conflict, "there are %d holds already", n).WithHint("lift those that are not needed any more, or hold a segment")
	}
	out, persons := Placed{ID: IDOf(c.ID)}, map[touchstone.PersonID]bool{}
	for _, text := range in.Identifiers {
		id, _ := touchstone.ParseIdentifier(text)
		node, person, err := h.cfg.Find(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if person == 0 {
			continue // a store whose log was trimmed knows less
		}
		persons[person] = true
		if _, err := tx.Exec(ctx, `INSERT INTO privacy_held (hold, node, person) VALUES (?, ?, ?) ON CONFLICT (hold, node) DO NOTHING`, out.ID, int64(node), int64(person)); err != nil {
			return nil, err
		}
	}
	if out.Persons = len(persons); out.Persons == 0 && in.Segment == "" {
		return nil, touchstone.Errorf(touchstone.NotFound, "nobody has one of the identifiers")
	}
	until := int64(0)
	if !in.Until.IsZero() {
		until = in.Until.UnixMilli()
	}
	_, err = tx.Exec(ctx, `INSERT INTO privacy_holds (`+columns+`) VALUES (?, ?, ?, ?, ?, ?, '', 0)`, out.ID, strings.TrimSpace(in.Reason), in.Segment, c.Actor, c.SubmittedAt.UnixMilli(), until)
	return out, err
}

func (h *Holds) doLift(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in LiftBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	one, err := h.get(ctx, tx, in.Hold)
	if err != nil {
		return nil, err
	}
	if one.State == Lifted {
		return nil, touchstone.Errorf(touchstone.Conflict, "the hold has been lifted already")
	}
	_, err = tx.Exec(ctx, `UPDATE privacy_holds SET lifted_by = ?, lifted_at = ? WHERE id = ?`, c.Actor, c.SubmittedAt.UnixMilli(), one.ID)
	return Placed{ID: one.ID}, err
}
