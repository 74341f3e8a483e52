package app

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity"
)

// misrule has an operator make wrong rules of identity, for as long as it takes until lift: for the events behind
// them only, or for all there are. lift takes them back and has the right rules run again over everybody.
func (w *wholeWorld) misrule(rng *rand.Rand, stories []*story, sum counts) (lift func()) {
	w.t.Helper()
	wrong := w.wrongRules(rng, stories)
	var was identity.RulesBody
	if rng.IntN(3) > 0 {
		var moved int64
		was, moved = w.rerun(wrong)
		sum["moved by rules"] += int(moved)
	} else {
		text, err := json.Marshal(wrong)
		if err != nil {
			w.t.Fatal(err)
		}
		c := touchstone.Command{ID: fmt.Sprintf("cmd_rules_%d", w.last), Kind: identity.RulesCommand, Actor: "test", SubmittedAt: time.UnixMilli(w.now.Load()), Body: touchstone.JSON(text)}
		w.append(c.Event())
		w.settle()
		var state, result string
		w.rows(`SELECT state, result FROM commands WHERE id = '`+c.ID+`'`, func(scan func(...any) error) error { return scan(&state, &result) })
		var done identity.Ruled
		if err := json.Unmarshal([]byte(result), &done); err != nil || state != "done" {
			w.t.Fatalf("rules %s: %s %s %v", text, state, result, err)
		}
		was = done.Was
	}
	return func() {
		w.t.Helper()
		_, moved := w.rerun(was)
		sum["moved by rules"] += int(moved)
		w.rows(`SELECT COUNT(*) FROM identity_shared WHERE decided = 'detector'`, func(scan func(...any) error) error {
			var n int
			err := scan(&n)
			sum["tablets found out"] += n
			return err
		})
	}
}

// wrongRules are a few that bite: limits, windows, priorities, roles, what is taken for shared, values that name nobody.
func (w *wholeWorld) wrongRules(rng *rand.Rand, stories []*story) (body identity.RulesBody) {
	for _, kind := range []touchstone.IdentifierKind{touchstone.KindPhone, touchstone.KindEmail, touchstone.KindDeviceID, touchstone.KindAnonymousID} {
		if rng.IntN(2) == 0 {
			continue
		}
		c := w.rules.Kinds().Config(kind)
		c.Blocked = nil
		switch rng.IntN(5) {
		case 0, 1:
			c.Limit = 1
		case 2:
			c.WindowLimit, c.WindowDays = 1, 1+rng.IntN(3)
		case 3:
			c.SharedAfter = 1
		case 4:
			if kind == touchstone.KindDeviceID {
				c.Role = touchstone.Relates
			}
		}
		c.Priority = 5 + rng.IntN(90)
		body.Kinds = append(body.Kinds, c)
	}
	for _, s := range stories {
		if o := s.owners[rng.IntN(len(s.owners))]; rng.IntN(4) == 0 {
			id := o.ids[len(o.ids)-1]
			body.Blocked = append(body.Blocked, identity.BlockRule{Kind: id.Kind, Value: id.Value, Blocked: true})
		}
	}
	if rng.IntN(3) == 0 {
		body.Blocked = append(body.Blocked, identity.BlockRule{Kind: touchstone.KindEmail, Value: "*-e1@x.org", Blocked: true})
	}
	if len(body.Kinds) == 0 {
		c := w.rules.Kinds().Config(touchstone.KindEmail)
		c.Blocked, c.Limit = nil, 1
		body.Kinds = append(body.Kinds, c)
	}
	return body
}
