package console

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper sees to what the console keeps of what people did: the audit log and the answers
// that are kept for repeats. Neither is a person's state, so nothing merges or splits.
//
// The law asks for both: that the person is forgotten, and that it can be shown who did what.
// So the entries stay, with actor, time, action and the person's number; names and details that
// say who it was go. Answers for repeats go as a whole: they live for a day.
type keeper struct{}

// Keeper returns the keeper of the audit log and of answers that are kept for repeats.
func Keeper() keep.Keeper { return keeper{} }

// redactedAtMost is how many entries one entry says were redacted.
const redactedAtMost = 500

func (keeper) Name() string { return "console" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "audit_log", Texts: []string{"target", "target_name", "detail"}, Stays: "who did what must be shown; names and details are taken out, the number is left"},
		{Name: "console_answers", Texts: []string{"body"}},
	}
}

func (keeper) Merge(context.Context, *store.Tx, []keep.Merge) error { return nil }

func (keeper) Split(context.Context, *store.Tx, []keep.Split) error { return nil }

func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	type entry struct {
		id, target string
		number     int64
	}
	var entries []entry
	var numbers []int64
	err := audited(ctx, tx, persons, func(e *auditEntry, number string) error {
		entries = append(entries, entry{e.ID, number, e.number})
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := tx.Exec(ctx, `UPDATE audit_log SET target = ?, target_name = '', detail = '{}', salt = NULL WHERE id = ?`, e.target, e.id); err != nil {
			return err
		}
		if e.number > 0 {
			numbers = append(numbers, e.number)
		}
	}
	for part := range slices.Chunk(numbers, redactedAtMost) { // the chain's hashes hold, and it says why the names are gone
		if err := appendOwn(ctx, tx, time.Now(), redactAction, redacted{part}); err != nil {
			return err
		}
	}
	search := keep.NewSearch(persons)
	type answer struct{ owner, key string }
	var answers []answer
	err = keep.Each(ctx, tx, `SELECT owner, idem_key, body FROM console_answers WHERE body IS NOT NULL`, nil, func(scan func(...any) error) error {
		var a answer
		var body []byte
		if err := scan(&a.owner, &a.key, &body); err != nil {
			return err
		}
		if search.In(string(body)) {
			answers = append(answers, a)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tx.BulkDeleteRows(ctx, "console_answers", []string{"owner", "idem_key"}, len(answers), func(i int, args []any) {
		args[0], args[1] = answers[i].owner, answers[i].key
	})
}

// exportedEntry is what was done about a person.
type exportedEntry struct {
	Time   time.Time      `json:"time"`
	Action string         `json:"action"`
	Detail jsontext.Value `json:"detail"`
}

// Export hands over what people have done about the person, without saying who it was.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return audited(ctx, q, []keep.Whole{who}, func(e *auditEntry, _ string) error {
		return put("action", exportedEntry{e.Time, e.Action, e.Detail})
	})
}

// audited calls fn for each entry of the audit log that is about one of the persons or names
// one; number is the target without a name.
func audited(ctx context.Context, q store.Querier, persons []keep.Whole, fn func(e *auditEntry, number string) error) error {
	search := keep.NewSearch(persons)
	targets := map[string]string{}
	for i := range persons {
		for _, n := range persons[i].Numbers() {
			targets[touchstone.PersonID(n).String()] = touchstone.PersonID(n).String()
		}
		for _, id := range persons[i].Identifiers {
			targets[id.String()] = persons[i].Person.String()
		}
	}
	return keep.Each(ctx, q, `SELECT id, at, action, target, target_name, detail, n FROM audit_log ORDER BY at, id`, nil, func(scan func(...any) error) error {
		var e auditEntry
		var at int64
		var detail string
		if err := scan(&e.ID, &at, &e.Action, &e.Target, &e.TargetName, &detail, &e.number); err != nil {
			return err
		}
		number, about := targets[e.Target]
		if !about && !search.In(detail, `"`+strings.ReplaceAll(e.TargetName, `"`, `\"`)+`"`) {
			return nil
		}
		if !about {
			number = e.Target
		}
		e.Time, e.Detail = time.UnixMilli(at).UTC(), jsontext.Value(detail)
		return fn(&e, number)
	})
}
