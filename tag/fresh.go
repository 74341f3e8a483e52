package tag

import (
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Cause says why values are older than their contract allows.
type Cause string

// The causes.
const (
	BuildFailed  Cause = "build_failed"  // the sets of the approved version could not be built
	BuildStuck   Cause = "build_stuck"   // they are not built yet
	JobFailed    Cause = "job_failed"    // the last run failed
	JobSlow      Cause = "job_slow"      // a run has begun and has not ended
	JobLate      Cause = "job_late"      // no run was started
	SourceSilent Cause = "source_silent" // nothing comes of what the tag goes by
	NotFed       Cause = "not_fed"       // no file, model or person has written
)

// Freshness is how old the values of a tag are, against what its definition allows.
type Freshness struct {
	AsOf          *time.Time `json:"as_of"`           // up to when what the tag goes by is in its values; null while it gives none
	AgeSeconds    int64      `json:"age_seconds"`     // since then
	MaxAgeMinutes int        `json:"max_age_minutes"` // 0: any age
	Cause         Cause      `json:"cause"`           // "" unless the values are too old
	Source        string     `json:"source"`          // of source_silent
	Since         *time.Time `json:"since"`           // when they became too old
}

// staleAt is when values become too old, or became: nil while they are live, or may be of any age.
func (f *Freshness) staleAt() *time.Time {
	if f.AsOf == nil || f.MaxAgeMinutes == 0 || f.AgeSeconds == 0 && f.Cause == "" {
		return nil
	}
	at := f.AsOf.Add(time.Duration(f.MaxAgeMinutes) * time.Minute)
	return &at
}

// Breach is a tag whose values are too old.
type Breach struct {
	Key       string
	Cause     Cause
	Source    string
	Since     time.Time
	Age, Most time.Duration
}

// Fence fails when this process may not write any more.
type Fence func(ctx context.Context, tx *store.Tx) error

// Breaches returns the tags whose values are too old now.
func (t *Tags) Breaches(ctx context.Context) ([]Breach, error) {
	tags, err := t.List(ctx)
	var list []Breach
	for i := range tags {
		if f := &tags[i].Freshness; f.Cause != "" {
			list = append(list, Breach{Key: tags[i].Key, Cause: f.Cause, Source: f.Source, Since: *f.Since,
				Age: time.Duration(f.AgeSeconds) * time.Second, Most: time.Duration(f.MaxAgeMinutes) * time.Minute})
		}
	}
	return list, err
}

// judge says of tags how fresh they are.
func (t *Tags) judge(ctx context.Context, tags []Tag) error {
	var silences []Silence
	if t.cfg.Silences != nil {
		var err error
		if silences, err = t.cfg.Silences(ctx); err != nil {
			return err
		}
	}
	senders := map[string][]string{} // by event
	now := t.cfg.Clock.Now()
	for i := range tags {
		x := &tags[i]
		x.Freshness = Freshness{MaxAgeMinutes: x.Definition.MaxAgeMinutes}
		if x.Approved == 0 {
			continue
		}
		asOf, cause, err := t.standing(ctx, x, now)
		if err != nil {
			return err
		}
		source := ""
		for _, s := range silences {
			about, err := t.concerns(ctx, x, s, senders)
			if err != nil {
				return err
			}
			if about && s.Since.Before(asOf) {
				asOf, cause, source = s.Since, SourceSilent, s.Source
			}
		}
		f := &x.Freshness
		f.AsOf, f.AgeSeconds = &asOf, int64(max(now.Sub(asOf), 0)/time.Second)
		if most := time.Duration(f.MaxAgeMinutes) * time.Minute; most > 0 && now.Sub(asOf) > most {
			since := asOf.Add(most)
			f.Cause, f.Source, f.Since = cause, source, &since
		}
	}
	return nil
}

// standing returns up to when a tag's values are complete, and what would be the cause if that is too long ago.
func (t *Tags) standing(ctx context.Context, x *Tag, now time.Time) (asOf time.Time, cause Cause, err error) {
	computed := time.UnixMilli(max(x.computedAt, x.approvedAt)).UTC()
	if x.computedAt != 0 && x.Kind != Rule {
		computed = time.UnixMilli(x.computedAt).UTC()
	}
	switch {
	case x.Kind.written():
		return computed, NotFed, nil
	case x.Kind == SQL:
		switch {
		case x.Failure != "":
			cause = JobFailed
		case x.beganAt > x.computedAt:
			cause = JobSlow
		default:
			cause = JobLate
		}
		return computed, cause, nil
	case x.Kind == Rule && x.Approved != x.Serving:
		cause = BuildStuck
		v, err := t.version(ctx, t.cfg.DB.Reader(), x.ID, x.Approved)
		if err != nil {
			return asOf, "", err
		}
		_, _, failure, err := t.cfg.Rules.TagRulesBuilt(ctx, t.cfg.DB.Reader(), v.sets(x.ID))
		if failure != "" {
			cause = BuildFailed
		}
		return time.UnixMilli(x.approvedAt).UTC(), cause, err
	}
	return now, "", nil // live
}

// events returns the events that a tag goes by.
func (t *Tags) events(x *Tag) []string {
	list := slices.Clone(x.Definition.Events)
	if x.Definition.Interest != nil {
		for _, e := range x.Definition.Interest.Events {
			list = append(list, e.Event)
		}
	}
	if t.cfg.RuleEvents != nil {
		for _, r := range x.Definition.Rules {
			for _, read := range t.cfg.RuleEvents(r.Rule) {
				if read.Sort == touchstone.EventField {
					list = append(list, read.Name)
				} else if read.Event != "" {
					list = append(list, read.Event)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// concerns tells whether a tag goes by what does not come.
func (t *Tags) concerns(ctx context.Context, x *Tag, s Silence, senders map[string][]string) (bool, error) {
	for _, event := range t.events(x) {
		if s.Event != "" {
			if s.Event == event {
				return true, nil
			}
			continue
		}
		sources, known := senders[event]
		if !known && t.cfg.Sends != nil {
			var err error
			if sources, err = t.cfg.Sends(ctx, event); err != nil {
				return false, err
			}
			senders[event] = sources
		}
		if slices.Contains(sources, s.Source) {
			return true, nil
		}
	}
	return false, nil
}

// tendEvery is how often it is looked what is to be done for tags, countEvery how often values are counted.
const (
	tendEvery  = 3 * time.Second
	countEvery = time.Hour
)

// Run has versions that are built take their place, queries run when they are due, and values counted, until ctx ends. One process
// does it at a time. start starts a job of a tag; one that is under way already is no error.
func (t *Tags) Run(ctx context.Context, fence Fence, start func(ctx context.Context, kind, tag string) error) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := t.Tend(ctx, fence, start); err != nil && ctx.Err() == nil {
			t.cfg.Logger.Warn("tags could not be looked after and will be again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tend is one turn of Run.
func (t *Tags) Tend(ctx context.Context, fence Fence, start func(ctx context.Context, kind, tag string) error) error {
	tags, err := t.read(ctx, t.cfg.DB.Reader(), selectTags+` WHERE t.approved > 0 ORDER BY t.id`)
	if err != nil {
		return err
	}
	now := t.now()
	for i := range tags {
		x := &tags[i]
		due, err := t.due(ctx, fence, x, now)
		if err != nil {
			return err
		}
		if due {
			if err := start(ctx, ComputeJob, x.ID); err != nil {
				return err
			}
		}
		if x.Serving > 0 && now-x.countedAt > countEvery.Milliseconds() {
			if err := t.note(ctx, x.ID, fence); err != nil {
				return err
			}
		}
	}
	return nil
}

// due tells whether all of a tag's values are to be computed.
func (t *Tags) due(ctx context.Context, fence Fence, x *Tag, now int64) (bool, error) {
	switch x.Kind {
	case Rule:
		if x.Approved != x.Serving {
			if err := t.take(ctx, fence, x); err != nil {
				return false, err
			}
			return false, nil // in the next turn
		}
		v := Version{Version: x.Serving, Definition: x.Definition}
		built, mark, _, err := t.cfg.Rules.TagRulesBuilt(ctx, t.cfg.DB.Reader(), v.sets(x.ID))
		return built && mark != x.built, err
	case SQL:
		every := (time.Duration(x.Definition.EveryMinutes) * time.Minute).Milliseconds()
		if x.Failure != "" && now-x.beganAt < max(every, time.Minute.Milliseconds()) { // it is not tried all the time
			return false, nil
		}
		return x.computedAt == 0 && x.Failure == "" || every > 0 && now-max(x.beganAt, x.computedAt) >= every, nil
	case Interest:
		return x.computedAt == 0, nil
	}
	return false, nil
}

// take has an approved version whose sets are built give the values.
func (t *Tags) take(ctx context.Context, fence Fence, x *Tag) error {
	v, err := t.version(ctx, t.cfg.DB.Reader(), x.ID, x.Approved)
	if err != nil {
		return err
	}
	built, _, failure, err := t.cfg.Rules.TagRulesBuilt(ctx, t.cfg.DB.Reader(), v.sets(x.ID))
	if err != nil {
		return err
	}
	if failure != x.Failure && (failure != "" || !built) {
		_, err = t.set(ctx, `UPDATE tags SET failure = ? WHERE id = ?`, cut(failure, maxText), x.ID)
	}
	if !built || err != nil {
		return err
	}
	return t.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		now, err := t.get(ctx, tx, x.ID)
		if err != nil || now.Approved != x.Approved || now.Serving == now.Approved {
			return err // decided otherwise meanwhile
		}
		if err := t.dropSets(ctx, tx, x.ID, now.Serving); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE tags SET serving = approved, failure = '', built = 0 WHERE id = ?`, x.ID); err != nil {
			return err
		}
		return t.cfg.Touch(ctx, tx)
	})
}
