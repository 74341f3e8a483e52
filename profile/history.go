package profile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// history is a part of what a profile that is computed anew had before its mark.
type history struct {
	person      touchstone.PersonID
	key         string // of the rebuild
	first, last bool
	facts       []touchstone.Fact // oldest first
	bytes       int
}

const (
	partsWaiting  = 4
	partsPerBatch = 2
	factsPerPart  = 2_000
	bytesPerPart  = 1 << 20
	rebuildsRead  = 1_000 // at a time
	rebuildPause  = 250 * time.Millisecond
	rebuildRetry  = 5 * time.Second
)

// waitingRebuild names a rebuild whose history is wanted.
type waitingRebuild struct {
	person touchstone.PersonID
	key    string
}

// Run reads the histories of profiles that are computed anew, until ctx is done. It works
// beside the pipeline on what has been committed.
func (p *Profiles) Run(ctx context.Context) error {
	if p.cfg.History == nil {
		<-ctx.Done()
		return nil
	}
	sent := map[waitingRebuild]bool{}
	epoch := int64(-1)
	for ctx.Err() == nil {
		var err error
		if now := p.epoch.Load(); now != epoch { // what was sent may be lost
			clear(sent)
			if err = p.learnJoined(ctx); err == nil {
				epoch = now
			}
		}
		var waiting []waitingRebuild
		if err == nil {
			waiting, err = p.waitingRebuilds(ctx)
		}
		if err == nil {
			err = p.sendHistories(ctx, waiting, sent)
		}
		var again <-chan time.Time
		switch {
		case err != nil && ctx.Err() == nil:
			p.cfg.Logger.Error("profiles could not be computed anew; trying again", "persons", len(waiting), "error", err)
			again = time.After(rebuildRetry)
		case len(waiting) > 0:
			again = time.After(rebuildPause)
		default:
			clear(sent)
		}
		select {
		case <-ctx.Done():
		case <-p.wanted:
		case <-again:
		}
	}
	return nil
}

// learnJoined makes new parts have greater numbers than those that another process has joined.
func (p *Profiles) learnJoined(ctx context.Context) error {
	var joined int64
	if err := p.cfg.DB.Reader().QueryRow(ctx, `SELECT COALESCE(MAX(joined), 0) FROM profile_rebuilds`).Scan(&joined); err != nil {
		return fmt.Errorf("read the profiles to rebuild: %w", err)
	}
	p.histories.Joined(joined)
	return nil
}

func (p *Profiles) waitingRebuilds(ctx context.Context) ([]waitingRebuild, error) {
	rows, err := p.cfg.DB.Reader().Query(ctx, `SELECT person, mark FROM profile_rebuilds ORDER BY person LIMIT ?`, rebuildsRead)
	if err != nil {
		return nil, fmt.Errorf("read the profiles to rebuild: %w", err)
	}
	defer rows.Close()
	var list []waitingRebuild
	for rows.Next() {
		var person int64
		var w waitingRebuild
		if err := rows.Scan(&person, &w.key); err != nil {
			return nil, err
		}
		w.person = touchstone.PersonID(person)
		list = append(list, w)
	}
	return list, rows.Err()
}

// sendHistories sends what is there and has not been sent.
func (p *Profiles) sendHistories(ctx context.Context, waiting []waitingRebuild, sent map[waitingRebuild]bool) error {
	for _, w := range waiting {
		if sent[w] {
			continue
		}
		complete, err := p.sendHistory(ctx, w)
		if err != nil {
			return fmt.Errorf("person %s: %w", w.person, err)
		}
		if complete {
			sent[w] = true
		}
	}
	return nil
}

// sendHistory sends one in parts. It reports false while the history is not all there. One
// that breaks off is sent anew: its first part takes the place of what was joined.
func (p *Profiles) sendHistory(ctx context.Context, w waitingRebuild) (complete bool, err error) {
	mark, _, _ := strings.Cut(w.key, "#")
	part := &history{person: w.person, key: w.key, first: true}
	send := func() error {
		if err := p.histories.Send(ctx, part); err != nil {
			return err
		}
		p.cfg.Wake()
		return nil
	}
	complete, err = p.cfg.History.Events(ctx, w.person, mark, func(f *touchstone.Fact) error {
		if len(part.facts) >= p.partFacts || part.bytes >= bytesPerPart {
			if err := send(); err != nil {
				return err
			}
			part = &history{person: w.person, key: w.key}
		}
		part.facts = append(part.facts, *f)
		part.bytes += len(f.Properties) + len(f.Traits) + len(f.Context)
		return nil
	})
	if err != nil || !complete {
		return false, err
	}
	part.last = true
	return true, send()
}

// historyDone forgets the parts of a batch that was committed, and has the next ones come.
func (p *Profiles) historyDone() {
	if len(p.taken) > 0 || len(p.batch.startedRebuilds) > 0 {
		select {
		case p.wanted <- struct{}{}:
		default:
		}
	}
	p.taken = p.taken[:0]
	if p.histories.Waiting() > 0 {
		p.cfg.Wake()
	}
}
