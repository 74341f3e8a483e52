package household

import (
	"context"
	"encoding/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands of households.
const (
	DecideCommand = "household.decide" // DecideBody
	RulesCommand  = "household.rules"  // RulesBody
)

// DecideBody says who lives with whom, or does not, by identifiers as they are stored.
type DecideBody struct {
	Who  string   `json:"who"`
	With []string `json:"with"`
	// Verdict is together (Who lives where With do), apart (no household has Who and one of
	// With: it is Who that goes), or empty: what was decided is taken back.
	Verdict string `json:"verdict"`
}

// RulesBody sets the rules; no rules are the defaults.
type RulesBody struct {
	Rules *json.RawMessage `json:"rules"`
}

// maxWith bounds whom a decision names.
const maxWith = 100

// Commands returns what operators can do.
func (h *Households) Commands() []command.Kind {
	return []command.Kind{
		{Name: DecideCommand, Check: checkDecide, Do: h.doDecide},
		{Name: RulesCommand, Check: checkRules, Do: h.doRules},
		{Name: TagCommand, Check: checkTags, Do: h.doTag},
	}
}

func checkDecide(body touchstone.JSON) error {
	var in DecideBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if len(in.With) == 0 || len(in.With) > maxWith {
		return touchstone.Errorf(touchstone.Invalid, "a decision is about somebody and 1 to %d others", maxWith)
	}
	if in.Verdict != together_ && in.Verdict != apart_ && in.Verdict != "" {
		return touchstone.Errorf(touchstone.Invalid, "there is no verdict %.40q", in.Verdict).WithHint("it is together, apart, or empty to take it back")
	}
	for _, text := range append([]string{in.Who}, in.With...) {
		if _, ok := touchstone.ParseIdentifier(text); !ok {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no identifier", text).WithHint("name each as kind:value")
		}
	}
	return nil
}

func checkRules(body touchstone.JSON) error {
	var in RulesBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if in.Rules == nil {
		return nil
	}
	_, err := ParseRules(*in.Rules)
	return err
}

// Decided is the result of a decision: whom it was about.
type Decided struct {
	ID     touchstone.PersonID   `json:"id"`
	Others []touchstone.PersonID `json:"others"`
}

func (h *Households) doDecide(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in DecideBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	who, err := h.find(ctx, tx, in.Who)
	if err != nil {
		return nil, err
	}
	out := Decided{ID: who}
	for _, with := range in.With {
		other, err := h.find(ctx, tx, with)
		if err != nil {
			return nil, err
		}
		if other == who {
			return nil, touchstone.Errorf(touchstone.Invalid, "%.80q and %.80q are of one person", in.Who, with)
		}
		if err := decide(ctx, tx, in.Who, with, who, other, in.Verdict, c); err != nil {
			return nil, err
		}
		out.Others = append(out.Others, other)
	}
	b.Timers = append(b.Timers, wake(b))
	return out, setDirty(ctx, tx, append([]touchstone.PersonID{who}, out.Others...))
}

// wake has the reactor called, which derives those who wait.
func wake(b *touchstone.Batch) touchstone.Timer {
	return touchstone.Timer{Owner: "household", Subject: touchstone.Subject{Kind: "household", ID: 1}, Key: "derive", At: b.Now}
}

func (h *Households) find(ctx context.Context, q store.Querier, text string) (touchstone.PersonID, error) {
	id, _ := touchstone.ParseIdentifier(text)
	_, p, err := h.cfg.Persons.Find(ctx, q, id)
	if err == nil && p == 0 {
		err = touchstone.Errorf(touchstone.NotFound, "nobody has the identifier %.80q", text)
	}
	return p, err
}

// decide replaces what was decided about two persons, in either direction.
func decide(ctx context.Context, tx *store.Tx, who, with string, person, other touchstone.PersonID, verdict string, c touchstone.Command) error {
	if _, err := tx.Exec(ctx, `DELETE FROM household_decisions WHERE (person = ? AND other = ?) OR (person = ? AND other = ?)`,
		int64(person), int64(other), int64(other), int64(person)); err != nil || verdict == "" {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO household_decisions (`+decisionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (who, with_whom) DO UPDATE SET person = excluded.person, other = excluded.other, verdict = excluded.verdict, seq = excluded.seq, day = excluded.day, actor = excluded.actor`,
		who, with, int64(person), int64(other), verdict, int64(c.Seq), int64(DayOf(c.SubmittedAt)), c.Actor)
	return err
}

// doRules sets the rules. What events hold by them is read from now on; households are derived
// anew from the clues that there are, by the job.
func (h *Households) doRules(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in RulesBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	text := ""
	if in.Rules != nil {
		text = string(*in.Rules)
	}
	if _, err := tx.Exec(ctx, `UPDATE household_rules SET version = version + 1, rules = ?, actor = ?, set_at = ? WHERE one = 1`, text, c.Actor, c.SubmittedAt.UnixMilli()); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO household_dirty (person) SELECT DISTINCT person FROM household_clues WHERE person > 0 ON CONFLICT (person) DO NOTHING`); err != nil {
		return nil, err
	}
	b.Timers = append(b.Timers, wake(b))
	return map[string]any{}, inbox.Touch(ctx, tx)
}
