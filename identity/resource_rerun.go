package identity

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// RerunSample is an example of what a re-run would change.
type RerunSample struct {
	Kind    string         `json:"kind"` // merge, split, both
	Before  []RerunPerson  `json:"before"`
	After   []RerunPerson  `json:"after"`
	Because []RerunBecause `json:"because"`
}

// RerunPerson is a person of a sample.
type RerunPerson struct {
	ID          touchstone.PersonID     `json:"id"`
	Identifiers []touchstone.Identifier `json:"identifiers"`
}

// RerunBecause is a link that decides.
type RerunBecause struct {
	From     touchstone.Identifier `json:"from"`
	To       touchstone.Identifier `json:"to"`
	Evidence string                `json:"evidence"`
	Source   string                `json:"source"`
	Time     time.Time             `json:"time"`
	Reason   string                `json:"reason"` // why it would be left out; empty: it would be made
}

// sampleRow says whose an identifier is in a sample, and whose it would be.
type sampleRow struct {
	sample int
	node   touchstone.NodeID
	was    touchstone.PersonID
	now    touchstone.PersonID
}

// kindOfSample tells whether persons become one, fall apart, or both.
func kindOfSample(rows []sampleRow) string {
	merges, splits := false, false
	for _, a := range rows {
		for _, b := range rows {
			merges = merges || a.now == b.now && a.was != b.was
			splits = splits || a.was == b.was && a.now != b.now
		}
	}
	switch {
	case merges && splits:
		return "both"
	case merges:
		return "merge"
	}
	return "split"
}

// RerunSamples returns the examples that a re-run has kept; none when a later one has begun.
func (g *Graph) RerunSamples(ctx context.Context, viewer *access.Viewer, job string) ([]RerunSample, error) {
	q := g.cfg.DB.Reader()
	var list []sampleRow
	var ids []touchstone.NodeID
	rows, err := q.Query(ctx, `SELECT sample, node, was, becomes FROM identity_rerun_samples WHERE job = ? ORDER BY sample, node`, job)
	if err != nil {
		return nil, fmt.Errorf("read the examples of a re-run: %w", err)
	}
	for rows.Next() {
		var r sampleRow
		if err := rows.Scan(&r.sample, &r.node, &r.was, &r.now); err != nil {
			rows.Close()
			return nil, err
		}
		list, ids = append(list, r), append(ids, r.node)
	}
	if err := closed(rows); err != nil {
		return nil, err
	}
	because, more, err := readBecause(ctx, q, job)
	if err != nil {
		return nil, err
	}
	of, err := identifiersOf(ctx, q, viewer, append(ids, more...))
	if err != nil {
		return nil, err
	}
	samples := []RerunSample{}
	for len(list) > 0 {
		n := slices.IndexFunc(list, func(r sampleRow) bool { return r.sample != list[0].sample })
		if n < 0 {
			n = len(list)
		}
		s := RerunSample{Because: []RerunBecause{}}
		for _, r := range list[:n] {
			s.Before, s.After = addTo(s.Before, r.was, of[r.node]), addTo(s.After, r.now, of[r.node])
		}
		for _, b := range because[list[0].sample] {
			b.From, b.To = of[b.from], of[b.to]
			s.Because = append(s.Because, b.RerunBecause)
		}
		s.Kind = kindOfSample(list[:n])
		samples = append(samples, s)
		list = list[n:]
	}
	return samples, nil
}

func addTo(list []RerunPerson, person touchstone.PersonID, id touchstone.Identifier) []RerunPerson {
	at := slices.IndexFunc(list, func(p RerunPerson) bool { return p.ID == person })
	if at < 0 {
		at, list = len(list), append(list, RerunPerson{ID: person})
	}
	list[at].Identifiers = append(list[at].Identifiers, id)
	return list
}

type becauseRow struct {
	RerunBecause
	from, to touchstone.NodeID
}

func readBecause(ctx context.Context, q store.Querier, job string) (of map[int][]becauseRow, nodes []touchstone.NodeID, err error) {
	rows, err := q.Query(ctx, `SELECT sample, a, b, evidence, source, time, reason FROM identity_rerun_reasons WHERE job = ? ORDER BY sample, time, a, b`, job)
	if err != nil {
		return nil, nil, fmt.Errorf("read why a re-run changes something: %w", err)
	}
	defer rows.Close()
	of = map[int][]becauseRow{}
	for rows.Next() {
		var sample int
		var at int64
		var b becauseRow
		if err := rows.Scan(&sample, &b.from, &b.to, &b.Evidence, &b.Source, &at, &b.Reason); err != nil {
			return nil, nil, err
		}
		b.Time = timeOf(at)
		of[sample] = append(of[sample], b)
		nodes = append(nodes, b.from, b.to)
	}
	return of, nodes, rows.Err()
}

// identifiersOf returns what a viewer sees of the identifiers of some nodes.
func identifiersOf(ctx context.Context, q store.Querier, viewer *access.Viewer, nodes []touchstone.NodeID) (map[touchstone.NodeID]touchstone.Identifier, error) {
	of := map[touchstone.NodeID]touchstone.Identifier{}
	slices.Sort(nodes)
	err := store.SelectIn(ctx, q, `SELECT id, kind, value FROM identity_nodes WHERE id IN (...)`, slices.Compact(nodes), func(rows *sql.Rows) error {
		var node touchstone.NodeID
		var id touchstone.Identifier
		err := rows.Scan(&node, &id.Kind, &id.Value)
		of[node] = viewer.Identifier(id)
		return err
	})
	return of, err
}

func (x *resource) rerunSamples(w http.ResponseWriter, r *http.Request) error {
	items, err := x.graph().RerunSamples(r.Context(), api.ViewerOf(r), api.Param(r, "job"))
	if err != nil {
		return err
	}
	if n := r.URL.Query().Get("limit"); n != "" {
		limit, err := strconv.Atoi(n)
		if err != nil || limit < 1 {
			return touchstone.Errorf(touchstone.Invalid, "limit must be a number from 1.")
		}
		items = items[:min(limit, len(items))]
	}
	return api.WritePage(w, items, "")
}
