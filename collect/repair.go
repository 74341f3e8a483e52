package collect

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/admission/plan"
)

// Governed is what the rules that hold say of events.
type Governed interface {
	// Judge returns what says why an event would be set aside behind the edge now, "" when it would
	// not.
	Judge(ctx context.Context) (func(*touchstone.Event) string, error)
	// Plan is the tracking plan of a source, nil without one.
	Plan(ctx context.Context, source string) (*plan.Plan, error)
}

// Bounds of a look at a group.
const (
	maxLooked   = 200
	maxExamples = 12
)

// Trial is what a rule would do to a group.
type Trial struct {
	Total    int64          `json:"total"`  // events of the group that wait
	Looked   int            `json:"looked"` // of them, the latest
	Passed   int            `json:"passed"` // of those: they would come in
	Reasons  []TrialReason  `json:"reasons"`
	Examples []TrialExample `json:"examples"` // those that would not come in first
}

// TrialReason is why events would be refused again.
type TrialReason struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// TrialExample is an event before and after.
type TrialExample struct {
	ID     string          `json:"id"`
	Before touchstone.JSON `json:"before"`
	After  touchstone.JSON `json:"after"`
	Reason string          `json:"reason"` // why it would be refused again; "" when it would come in
	Failed string          `json:"failed"` // the field at which the rule could not be followed; "" for none
}

// Try tells what a rule would do to the events of a group, with events and reasons as v may see
// them. Nothing is changed.
func (q *Quarantine) Try(ctx context.Context, v *access.Viewer, group string, rule *mend.Rule) (Trial, error) {
	t := Trial{Reasons: []TrialReason{}, Examples: []TrialExample{}}
	items, err := q.latest(ctx, group)
	if err != nil {
		return t, err
	}
	if err := q.db.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM quarantine WHERE replayed_at = 0 AND group_key = ?`, group).Scan(&t.Total); err != nil {
		return t, err
	}
	return t, q.try(ctx, v, items, rule, &t)
}

func (q *Quarantine) try(ctx context.Context, v *access.Viewer, items []Quarantined, rule *mend.Rule, t *Trial) error {
	mends, err := mend.Compile([]mend.Rule{*rule})
	if err != nil {
		return err
	}
	judge, err := q.judge(ctx)
	if err != nil {
		return err
	}
	t.Looked = len(items)
	counts := map[string]int{}
	var good []TrialExample
	for i := range items {
		item := &items[i]
		before := item.Event
		failed := ""
		var done []mend.Done
		item.Event, done = mends.Text(item.Source, item.Event)
		for _, d := range done {
			failed = d.Failed
		}
		reason, err := q.rehearse(item, judge)
		if err != nil {
			return err
		}
		_, sentence := SplitReason(reason)
		sentence = v.Text(sentence)
		example := func() TrialExample {
			return TrialExample{item.ID, v.JSON(before), v.JSON(item.Event), sentence, failed}
		}
		if reason == "" {
			if t.Passed++; len(good) < maxExamples {
				good = append(good, example())
			}
			continue
		}
		if counts[sentence]++; counts[sentence] == 1 {
			t.Reasons = append(t.Reasons, TrialReason{Reason: sentence})
		}
		if len(t.Examples) < maxExamples/2 {
			t.Examples = append(t.Examples, example())
		}
	}
	t.Examples = append(t.Examples, good[:min(len(good), maxExamples-len(t.Examples))]...)
	for i := range t.Reasons {
		t.Reasons[i].Count = counts[t.Reasons[i].Reason]
	}
	return nil
}

// latest reads the newest events of a group.
func (q *Quarantine) latest(ctx context.Context, group string) ([]Quarantined, error) {
	rows, err := q.db.Reader().Query(ctx, `SELECT `+quarantineColumns+` FROM quarantine WHERE replayed_at = 0 AND group_key = ? ORDER BY received_at DESC, id DESC LIMIT ?`, group, maxLooked)
	if err != nil {
		return nil, err
	}
	items, err := readQuarantined(rows)
	if err == nil && len(items) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "No event of that reason waits in quarantine any more.")
	}
	return items, err
}

// Suggestion is a rule that may mend a group, and what it would do.
type Suggestion struct {
	Rule   mend.Rule `json:"rule"`
	Looked int       `json:"looked"`
	Passed int       `json:"passed"`
}

// Suggest lists rules that would let events of a group in, best first, and tells whether a rule
// can hold for what comes, too. None may be found.
func (q *Quarantine) Suggest(ctx context.Context, v *access.Viewer, group string) ([]Suggestion, error) {
	items, err := q.latest(ctx, group)
	if err != nil {
		return nil, err
	}
	first := &items[0]
	calls := make([]touchstone.JSON, len(items))
	for i := range items {
		calls[i] = items[i].Event
	}
	var rules []mend.Rule
	event := nameIn(string(first.Event))
	if b, ok := plan.ParseReason(first.Reason); ok && (first.Code == CodeTrackingPlan || first.Code == CodeRefused) && q.c.cfg.Governed != nil {
		p, err := q.c.cfg.Governed.Plan(ctx, first.Source)
		if err != nil {
			return nil, err
		}
		if p != nil {
			rules = mend.Suggest(b, first.Source, event, p, calls)
		}
	} else {
		rules = mend.SuggestRefused(first.Code, first.Source, calls)
	}
	list := []Suggestion{}
	for i := range rules {
		var t Trial
		again := make([]Quarantined, len(items))
		copy(again, items)
		if err := q.try(ctx, v, again, &rules[i], &t); err != nil {
			return nil, err
		}
		at := len(list)
		for at > 0 && list[at-1].Passed < t.Passed {
			at--
		}
		list = append(list[:at], append([]Suggestion{{rules[i], t.Looked, t.Passed}}, list[at:]...)...)
	}
	return list, nil
}

// judge returns what says why an event would be set aside behind the edge.
func (q *Quarantine) judge(ctx context.Context) (func(*touchstone.Event) string, error) {
	if q.c.cfg.Governed == nil {
		return func(*touchstone.Event) string { return "" }, nil
	}
	return q.c.cfg.Governed.Judge(ctx)
}

// rehearse tells why an event would be refused again, "" when it would come in.
func (q *Quarantine) rehearse(item *Quarantined, judge func(*touchstone.Event) string) (reason string, err error) {
	x := q.c.exchanges.Get().(*exchange)
	defer q.c.release(x)
	reason, _, err = q.rebuild(x, item, judge)
	return reason, err
}
