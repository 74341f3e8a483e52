package app

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/linkage"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

const (
	trialAtOnce = 5000 // samples of one transaction; a record of an import has no more rows
	// maxStrangers bounds the new persons of a file who are compared with everybody, which takes up to some
	// milliseconds each.
	maxStrangers  = 50_000
	probableShown = 50
)

// personsOfImport tells what samples of a file would do to persons. The part of the graph that they touch is tried in a
// store of its own, which is thrown away.
func (a *App) personsOfImport(ctx context.Context, q importer.Question) (importer.Persons, error) {
	var strangers []stranger
	r, err := a.tryImport(ctx, q, identity.TrialOptions{}, &strangers)
	if err != nil {
		return importer.Persons{}, err
	}
	p := importer.Persons{
		Created: r.Created, Merged: r.Merged, Matched: r.Matched, Parted: r.Parted, Truncated: r.Truncated,
		RowsOfNew: r.RowsOfNew, RowsOfKnown: r.RowsOfKnown, RowsAside: r.RowsAside, SharedCount: r.SharedN,
		Merges: make([]importer.MergeOfRow, len(r.Merges)), Refused: make([]importer.RefusedLinks, len(r.Refused)), Shared: make([]importer.SharedByRows, len(r.Shared)),
	}
	for range q.Samples {
		p.Events++
	}
	for i, m := range r.Merges {
		p.Merges[i] = importer.MergeOfRow(m)
	}
	for i, f := range r.Refused {
		p.Refused[i] = importer.RefusedLinks{Reason: f.Reason, Links: f.Links, Examples: make([]importer.LinkOfRow, len(f.Examples))}
		for j, e := range f.Examples {
			p.Refused[i].Examples[j] = importer.LinkOfRow{Row: e.Row, Identifier: e.Identifier}
		}
	}
	for i, s := range r.Shared {
		p.Shared[i] = importer.SharedByRows(s)
	}
	if !q.Thorough {
		return p, nil
	}
	if p.Probable, err = a.probablePersons(ctx, strangers); err != nil || len(r.Merges) == 0 {
		return p, err
	}
	q.Report = nil
	less, err := a.tryImport(ctx, q, identity.TrialOptions{WithoutMerges: true}, nil)
	p.Without = &importer.WithoutMerges{Rows: less.LeftRows, Created: less.Created, Matched: less.Matched, First: less.Left}
	return p, err
}

// trialDir is where trials are made; what a crash has left there is removed at the start.
func (a *App) trialDir() string { return filepath.Join(a.cfg.Data, "trial") }

// tryImport tries samples, and gathers who would be new.
func (a *App) tryImport(ctx context.Context, q importer.Question, o identity.TrialOptions, strangers *[]stranger) (r identity.TrialResult, err error) {
	if err := os.MkdirAll(a.trialDir(), 0o750); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp(a.trialDir(), "import")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "graph.db"), sqlite.Options{Key: storeKey(a.folder), CacheBytes: 32 << 20, Readers: 2})
	if err != nil {
		return r, err
	}
	defer db.Close()
	trial, err := a.graph.NewTrial(ctx, db, o)
	if err != nil {
		return r, err
	}
	var chunk []identity.TrialEvent
	record, done := int64(0), int64(0)
	take := func() {
		if err == nil && len(chunk) > 0 {
			if err = trial.Take(ctx, chunk); q.Report != nil {
				done += int64(len(chunk))
				q.Report(done)
			}
		}
		chunk = chunk[:0]
	}
	for s := range q.Samples {
		if s.Record != record || len(chunk) == trialAtOnce {
			take()
			record = s.Record
		}
		if err != nil {
			return r, err
		}
		chunk = append(chunk, identity.TrialEvent{Event: s.Event, Row: s.Row, Rows: s.Rows})
	}
	if take(); err != nil {
		return r, err
	}
	if strangers == nil {
		return trial.Finish(ctx, nil)
	}
	fresh := map[int64]touchstone.PersonID{} // by row
	if r, err = trial.Finish(ctx, func(row int64, p touchstone.PersonID, isNew bool) {
		if isNew {
			fresh[row] = p
		}
	}); err == nil && q.Thorough {
		*strangers = strangersOf(q, fresh)
	}
	return r, err
}

// stranger is a person who would be new.
type stranger struct {
	linkage.Stranger
	row int64 // the first
}

// strangersOf gathers what samples say of each person who would be new.
func strangersOf(q importer.Question, fresh map[int64]touchstone.PersonID) (list []stranger) {
	at := map[touchstone.PersonID]int{}
	for s := range q.Samples {
		p, isNew := fresh[s.Row]
		if !isNew {
			continue
		}
		n, ok := at[p]
		if !ok {
			n = len(list)
			at[p] = n
			list = append(list, stranger{row: s.Row})
		}
		one := &list[n]
		for _, id := range s.Identifiers {
			if !slices.Contains(one.Identifiers, id) {
				one.Identifiers = append(one.Identifiers, id)
			}
		}
		if len(s.Traits) > len(one.Traits) { // the one that says most
			one.Traits = s.Traits
		}
	}
	return list
}

// probablePersons tells whom strangers may be.
func (a *App) probablePersons(ctx context.Context, strangers []stranger) (*importer.Probable, error) {
	p := &importer.Probable{Examples: []importer.ProbablePair{}}
	if a.linkage == nil {
		return p, nil
	}
	f, err := a.linkage.Foresee(ctx)
	if err != nil || f == nil {
		return p, err
	}
	p.Ready, p.Link, p.Review, p.Automatic = true, f.Link, f.Review, f.Automatic
	p.Truncated = len(strangers) > maxStrangers
	for _, s := range strangers[:min(len(strangers), maxStrangers)] {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		p.Compared++
		found, ok, err := f.Of(s.Stranger)
		if err != nil {
			return p, err
		}
		if !ok {
			continue
		}
		if found.Chance >= f.Link {
			p.Above++
		} else {
			p.Reviewed++
		}
		p.Examples = append(p.Examples, importer.ProbablePair{Row: s.row, Person: found.Person, Chance: found.Chance, Weight: found.Weight, Evidence: found.Evidence})
		if len(p.Examples) >= 2*probableShown {
			p.Examples = mostProbable(p.Examples)
		}
	}
	p.Examples = mostProbable(p.Examples)
	return p, nil
}

func mostProbable(pairs []importer.ProbablePair) []importer.ProbablePair {
	slices.SortStableFunc(pairs, func(a, b importer.ProbablePair) int { return cmp.Compare(b.Weight, a.Weight) })
	return pairs[:min(len(pairs), probableShown)]
}
