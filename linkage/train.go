package linkage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// MatchJob is the kind of the job that compares all persons.
const MatchJob = "linkage.match"

// Bounds of what a run keeps.
const (
	keptPairs   = 200_000 // that wait for a decision, the most probable ones
	keptModels  = 10
	keptLabels  = 20_000 // latest decisions of people that a model learns from
	pairsAtOnce = 500
)

// sure is the chance from which pairs are linked without asking, unless somebody chose another: that
// two customers become one by mistake costs more than that somebody looks at them.
const sure = 0.99

// matched is the result of a run.
type matched struct {
	Persons  int   `json:"persons"`
	Compared int64 `json:"compared"` // pairs
	Waiting  int64 `json:"waiting"`  // for a decision
	Linked   int   `json:"linked"`   // by this run
	Refused  int   `json:"refused"`
	Model    int64 `json:"model"`
}

// MatchKind is the job that learns a model of all persons and finds the pairs that may be one.
// It begins anew when it is interrupted: only what it has found in the end counts.
func (l *Linkage) MatchKind() job.Kind {
	return job.Kind{Name: MatchJob, Serves: touchstone.Operation("who is who"), Heavy: true, Start: mayWrite, Run: l.run,
		Prepare: func(context.Context, *access.Viewer, touchstone.JSON) (job.Prepared, error) {
			return job.Prepared{Input: "{}", Key: MatchJob}, nil
		}}
}

func (l *Linkage) run(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	settings, _, err := l.Settings(ctx)
	if err != nil {
		return "", err
	}
	columns, err := l.Columns(ctx)
	if err != nil {
		return "", err
	}
	if len(columns) == 0 {
		return "", touchstone.Errorf(touchstone.Invalid, "There is nothing to compare: no trait says who somebody is.").WithHint("Choose the columns to compare under Identity, Probable matches.")
	}
	set, err := l.readAll(ctx, r, columns, settings.Clean)
	if err != nil {
		return "", err
	}
	r.Note(touchstone.Textf("Learning what agreement is worth"))
	labels, err := l.labels(ctx)
	if err != nil {
		return "", err
	}
	options := match.Options{Labels: labels}
	learnt, err := match.Train(ctx, set, options)
	if err != nil {
		return "", err
	}
	r.Note(touchstone.Textf("Comparing"))
	found, err := learnt.Link(ctx, set, options)
	if err != nil {
		return "", err
	}
	learnt.Thresholds, learnt.Estimate = found.Thresholds, found.Estimate
	m, err := l.keepModel(ctx, &keptModel{persons: int64(set.Len()), Columns: columns, Clean: settings.Clean, Match: learnt})
	if err != nil {
		return "", err
	}
	out := matched{Persons: set.Len(), Compared: found.Compared, Model: m.id}
	r.Note(touchstone.Textf("Writing what was found"))
	if err := l.keep(ctx, r, m, set, found.Pairs, m.review(settings)); err != nil {
		return "", err
	}
	if settings.Automatic {
		r.Note(touchstone.Textf("Linking"))
		if err := l.linkSure(ctx, r, cmp.Or(chosen(settings.Link), sure), &out); err != nil {
			return "", err
		}
	}
	counts, err := l.Counts(ctx)
	if err != nil {
		return "", err
	}
	out.Waiting = counts[Review]
	text, err := json.Marshal(out)
	return touchstone.JSON(text), err
}

// chosen is a threshold that somebody chose, or 0.
func chosen(threshold *float64) float64 {
	if threshold == nil {
		return 0
	}
	return *threshold
}

// readAll reads all persons.
func (l *Linkage) readAll(ctx context.Context, r job.Run, columns []Column, clean []string) (*match.Set, error) {
	total, err := l.cfg.People.Count(ctx)
	if err != nil {
		return nil, err
	}
	r.Note(touchstone.Textf("Reading persons"))
	return newReader(l.cfg.People, columns, clean).set(ctx, l.cfg.MaxPersons, func() error {
		return touchstone.Errorf(touchstone.TooLarge, "There are more than %d persons to compare.", l.cfg.MaxPersons).WithHint("Raise linkage.max_persons; each takes about half a kilobyte of memory.")
	}, func(read int) { r.Report(int64(read), max(total, int64(read))) })
}

// labels are what people have decided, the latest first.
func (l *Linkage) labels(ctx context.Context) (labels []match.Label, err error) {
	list, err := readPairs(ctx, l.cfg.DB.Reader(), `SELECT `+pairColumns+` FROM linkage_pairs p WHERE p.decided_by NOT IN ('', ?) AND p.refusal = '' ORDER BY decided_at DESC, node_a, node_b LIMIT ?`, byModel, keptLabels)
	for _, p := range list {
		label, err := labelOf(p)
		if err != nil {
			return nil, err
		}
		labels = append(labels, label)
	}
	return labels, err
}

// labelOf is what the decision about a pair teaches. Persons who were linked are one record by now, so they are told by
// how they agreed when they were two.
func labelOf(p *Pair) (match.Label, error) {
	label := match.Label{A: recordID(p.Persons[0]), B: recordID(p.Persons[1]), Match: p.State() == Linked}
	if !label.Match {
		return label, nil
	}
	var why grounds
	if err := json.Unmarshal([]byte(p.Evidence), &why); err != nil {
		return label, fmt.Errorf("evidence of %s: %w", p.ID(), err)
	}
	for _, g := range why.Columns {
		if g.Level != "" {
			label.Seen = append(label.Seen, match.Seen{Column: g.Column, Aspect: g.Aspect, Level: g.Level, Rarity: g.Rarity})
		}
	}
	return label, nil
}

// keptModel is a model as it is kept.
type keptModel struct {
	id      int64
	madeAt  time.Time
	persons int64
	text    string
	// What is in the text.
	Columns []Column     `json:"columns"`
	Clean   []string     `json:"clean,omitempty"` // sources; see [Settings]
	Match   *match.Model `json:"match"`
}

func (l *Linkage) keepModel(ctx context.Context, m *keptModel) (*keptModel, error) {
	m.madeAt = l.cfg.Clock.Now()
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.text = string(text)
	err = l.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(id), 0) + 1 FROM linkage_models`).Scan(&m.id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO linkage_models (id, made_at, compared, model) VALUES (?, ?, ?, ?)`, m.id, m.madeAt.UnixMilli(), m.persons, m.text); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM linkage_models WHERE id <= ?`, m.id-keptModels); err != nil {
			return err
		}
		return inbox.Touch(ctx, tx) // other traits may be compared than before
	})
	if err != nil {
		return nil, fmt.Errorf("keep the model: %w", err)
	}
	select {
	case l.fresh <- struct{}{}:
	default:
	}
	return m, nil
}

// newestModel returns the newest model, nil if there is none that this program can read.
func (l *Linkage) newestModel(ctx context.Context, q store.Querier) (*keptModel, error) {
	m := &keptModel{}
	var made int64
	err := q.QueryRow(ctx, `SELECT id, made_at, compared, model FROM linkage_models ORDER BY id DESC LIMIT 1`).Scan(&m.id, &made, &m.persons, &m.text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	m.madeAt = time.UnixMilli(made).UTC()
	if err := json.Unmarshal([]byte(m.text), m); err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	return m, nil
}

// keep writes the pairs of a run, and deletes those that wait since an earlier one and were not found any more.
func (l *Linkage) keep(ctx context.Context, r job.Run, m *keptModel, set *match.Set, found []match.Pair, review float64) error {
	found = slices.DeleteFunc(found, func(p match.Pair) bool { return float64(p.Probability) < review })
	slices.SortStableFunc(found, func(a, b match.Pair) int { return cmp.Compare(b.Probability, a.Probability) })
	found = found[:min(len(found), keptPairs)]
	for i := 0; i < len(found); i += pairsAtOnce {
		some := found[i:min(i+pairsAtOnce, len(found))]
		list := make([]*Pair, 0, len(some))
		for _, p := range some {
			one, err := l.pairOfRecords(m, set, p)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		if err := l.propose(ctx, list); err != nil {
			return err
		}
		r.Report(int64(i+len(some)), int64(len(found)))
	}
	return l.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM linkage_pairs WHERE decision = '' AND model < ? AND person_a <> person_b`, m.id)
		return err
	})
}

// propose writes pairs as they were found, under who their persons are now. What was decided about them stays.
func (l *Linkage) propose(ctx context.Context, found []*Pair) error {
	return l.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		return l.proposeIn(ctx, tx, found)
	})
}

func (l *Linkage) proposeIn(ctx context.Context, tx *store.Tx, found []*Pair) error {
	nodes := make([]touchstone.PersonID, 0, 2*len(found))
	for _, p := range found {
		nodes = append(nodes, touchstone.PersonID(p.Nodes[0]), touchstone.PersonID(p.Nodes[1]))
	}
	now, err := l.cfg.Canonical(ctx, tx, nodes)
	if err != nil {
		return err
	}
	var list []*Pair
	for i, p := range found {
		p.Persons = [2]touchstone.PersonID{now[2*i], now[2*i+1]}
		if p.Persons[0] == 0 || p.Persons[1] == 0 || p.Persons[0] == p.Persons[1] { // erased, or joined meanwhile
			continue
		}
		switch was, err := pairOf(ctx, tx, p.Nodes); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		default:
			p.Decision, p.DecidedBy, p.DecidedAt, p.Refusal, p.FoundAt = was.Decision, was.DecidedBy, was.DecidedAt, was.Refusal, was.FoundAt
		}
		list = append(list, p)
	}
	l.metrics.proposed.Add(float64(len(list)))
	return writePairs(ctx, tx, list)
}

// linkSure links what waits and is beyond doubt.
func (l *Linkage) linkSure(ctx context.Context, r job.Run, threshold float64, out *matched) error {
	tried := map[[2]touchstone.NodeID]bool{}
	for {
		list, err := readPairs(ctx, l.cfg.DB.Reader(), `SELECT `+pairColumns+` FROM linkage_pairs p WHERE `+conditions[Review]+` AND p.chance >= ? ORDER BY weight DESC, node_a, node_b LIMIT ?`, threshold, pairsAtOnce)
		if err != nil {
			return err
		}
		fresh := 0
		for _, p := range list {
			if tried[p.Nodes] {
				continue
			}
			tried[p.Nodes] = true
			fresh++
			if err := l.link(ctx, p, byModel); err != nil {
				return err
			}
			if p.State() == Refused {
				out.Refused++
			} else {
				out.Linked++
			}
			r.Report(int64(len(tried)), 0)
		}
		if fresh == 0 {
			return nil
		}
	}
}
