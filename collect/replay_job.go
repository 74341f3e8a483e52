package collect

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// replayInput chooses what is replayed, like the list of the quarantine.
type replayInput struct {
	Code   string `json:"code,omitempty"`
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
	Text   string `json:"q,omitempty"`
	Group  string `json:"group,omitempty"`
	// Rule repairs each event on its way; null: they go as they are.
	Rule *mend.Rule `json:"rule,omitempty"`
}

// replayState is how far a replay is. What came in after it began is not part of it.
type replayState struct {
	Until int64  `json:"until"` // ms
	At    int64  `json:"at"`    // of the last one that was looked at
	ID    string `json:"id"`
	Total int64  `json:"total"`
	Replayed
}

const (
	replayStep   = 500 // events that are marked together with how far the replay is
	replayAtOnce = 32  // of these on their way to the log, which takes them together
)

// ReplayKind is the job that sends any number of refused events through the checks again.
// A step that is done twice, after a crash, changes nothing: an event whose mark is missing
// still has its message id, and the pipeline drops it as a duplicate.
func (q *Quarantine) ReplayKind() job.Kind {
	return job.Kind{Name: "quarantine.replay", Serves: touchstone.Operation("what comes in is asked for when it is worked on"), Start: "quarantine:write", Prepare: prepareReplay, Run: q.replayMany}
}

func prepareReplay(_ context.Context, _ *access.Viewer, input touchstone.JSON) (job.Prepared, error) {
	var in replayInput
	if err := json.Unmarshal([]byte(input), &in, json.RejectUnknownMembers(true)); err != nil {
		return job.Prepared{}, touchstone.Wrap(touchstone.Invalid, err, "The input is an object with code, source, reason, q, group and rule.")
	}
	if in.Rule != nil {
		if _, err := mend.Compile([]mend.Rule{*in.Rule}); err != nil {
			return job.Prepared{}, err
		}
	}
	f := in.filter()
	if err := f.mustChoose(); err != nil {
		return job.Prepared{}, err
	}
	title := strings.Join(strings.Fields(strings.Join([]string{in.Code, in.Source, in.Reason, in.Text, in.Group}, " ")), " · ")
	text, err := json.Marshal(in)
	return job.Prepared{Input: touchstone.JSON(text), Subject: in.Source, Title: title, Key: "quarantine.replay:" + string(text)}, err
}

func (in *replayInput) filter() QuarantineFilter {
	return QuarantineFilter{Code: in.Code, Source: in.Source, Reason: in.Reason, Text: in.Text, Group: in.Group}
}

func (q *Quarantine) replayMany(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	var in replayInput
	var st replayState
	if err := json.Unmarshal([]byte(r.Input()), &in); err != nil {
		return "", err
	}
	f := in.filter()
	var rules []mend.Rule
	if in.Rule != nil {
		rules = []mend.Rule{*in.Rule}
	}
	mends, err := mend.Compile(rules)
	if err != nil {
		return "", err
	}
	if text := r.State(); text != "" {
		if err := json.Unmarshal([]byte(text), &st); err != nil {
			return "", err
		}
	} else {
		st.Until = q.c.clock.Now().UnixMilli()
		where, args := f.where([]any{st.Until})
		if err := q.db.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM quarantine WHERE replayed_at = 0 AND received_at <= ? AND `+where, args...).Scan(&st.Total); err != nil {
			return "", err
		}
	}
	for {
		items, err := q.replayPage(ctx, &f, &st)
		if err != nil {
			return "", err
		}
		if len(items) == 0 {
			result, err := json.Marshal(st.Replayed)
			return touchstone.JSON(result), err
		}
		if err := q.replayItems(ctx, r, items, mends, &st); err != nil {
			return "", err
		}
	}
}

// replayItems does a step. Its events reach the log in any order; each has its own time.
func (q *Quarantine) replayItems(ctx context.Context, r job.Run, items []Quarantined, mends *mend.Rules, st *replayState) error {
	judge, err := q.judge(ctx) // of now: rules may change while a long replay goes on
	if err != nil {
		return err
	}
	reasons, errs := make([]string, len(items)), make([]error, len(items))
	slots := make(chan struct{}, replayAtOnce)
	var wg sync.WaitGroup
	for i := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			repaired := items[i]
			repaired.Event, _ = mends.Text(repaired.Source, repaired.Event)
			reasons[i], errs[i] = q.resend(ctx, &repaired, judge)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var accepted []string
	for i := range items {
		if reasons[i] == "" {
			accepted = append(accepted, items[i].ID)
		}
	}
	next := *st
	next.Replayed.Replayed += len(accepted)
	next.Rejected += len(items) - len(accepted)
	last := &items[len(items)-1]
	next.At, next.ID = last.ReceivedAt.UnixMilli(), last.ID
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	err = q.db.Retry(ctx, func(tx *store.Tx) error {
		if err := store.ExecIn(ctx, tx, `UPDATE quarantine SET replayed_at = ? WHERE id IN (...)`, accepted, q.c.clock.Now().UnixMilli()); err != nil {
			return err
		}
		for i := range items {
			if reasons[i] == "" {
				continue
			}
			code, sentence := SplitReason(reasons[i])
			if code == items[i].Code && sentence == items[i].Reason {
				continue
			}
			if err := setReason(ctx, tx, items[i].ID, items[i].Source, code, sentence, string(items[i].Event)); err != nil {
				return err
			}
		}
		return r.SaveIn(ctx, tx, next.done(), next.Total, touchstone.JSON(text))
	})
	if err == nil {
		q.rows.WithLabelValues("replayed").Add(float64(len(accepted)))
		*st = next
	}
	return err
}

func (st *replayState) done() int64 { return int64(st.Replayed.Replayed + st.Rejected) }

// replayPage reads the next events, oldest first.
func (q *Quarantine) replayPage(ctx context.Context, f *QuarantineFilter, st *replayState) ([]Quarantined, error) {
	where, args := f.where([]any{st.Until, st.At, st.At, st.ID})
	rows, err := q.db.Reader().Query(ctx, `SELECT `+quarantineColumns+` FROM quarantine
		WHERE replayed_at = 0 AND received_at <= ? AND (received_at > ? OR received_at = ? AND id > ?) AND `+where+` ORDER BY received_at, id LIMIT ?`, append(args, replayStep)...)
	if err != nil {
		return nil, err
	}
	return readQuarantined(rows)
}
