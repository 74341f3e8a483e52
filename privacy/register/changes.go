package register

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// ActivityRecord is an activity as it stands in the register.
type ActivityRecord struct {
	Stamp
	Activity
	NeedsAssessment bool `json:"needs_assessment"`
}

// AssessmentRecord is an assessment as it stands in the register.
type AssessmentRecord struct {
	Stamp
	Assessment
	Due bool `json:"due"` // it was approved, and its time is over
}

// Contents are all that people have written.
type Contents struct {
	Head        Head               `json:"head"`
	HeadVersion int64              `json:"head_version"`
	Activities  []ActivityRecord   `json:"activities"`
	Assessments []AssessmentRecord `json:"assessments"`
}

// DefaultCountry is that of an organisation that has not said where it is.
const DefaultCountry = "CN"

func contents(ctx context.Context, q store.Querier, today time.Time) (c Contents, err error) {
	rows, err := readRows(ctx, q)
	if err != nil {
		return c, err
	}
	c = Contents{Head: Head{Country: DefaultCountry}, Activities: []ActivityRecord{}, Assessments: []AssessmentRecord{}}
	for i := range rows {
		r := &rows[i]
		switch r.kind {
		case headKind:
			c.HeadVersion, err = r.Version, json.Unmarshal([]byte(r.body), &c.Head)
		case activityKind:
			a := ActivityRecord{Stamp: r.Stamp}
			err = json.Unmarshal([]byte(r.body), &a.Activity)
			c.Activities = append(c.Activities, a)
		case assessmentKind:
			a := AssessmentRecord{Stamp: r.Stamp}
			err = json.Unmarshal([]byte(r.body), &a.Assessment)
			a.Due = a.State == Approved && a.ValidUntil < today.Format(time.DateOnly)
			c.Assessments = append(c.Assessments, a)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// View is the register beside what the program knows.
type View struct {
	Contents
	Facts Facts `json:"facts"`
	Gaps  []Gap `json:"gaps"`
}

// Read returns the register, and what it does not cover.
func (x *Register) Read(ctx context.Context) (v View, err error) {
	now := x.cfg.Clock.Now()
	if v.Contents, err = contents(ctx, x.cfg.DB.Reader(), now); err != nil {
		return v, err
	}
	if v.Facts, err = x.cfg.Facts(ctx); err != nil {
		return v, err
	}
	for i := range v.Activities {
		a := &v.Activities[i]
		a.NeedsAssessment = a.needsAssessment(v.Facts, v.Head.Country)
	}
	v.Gaps = Gaps(v.Facts, v.Contents, now)
	since, err := x.openGaps(ctx, x.cfg.DB.Reader())
	if err != nil {
		return v, err
	}
	for i := range v.Gaps {
		if known, ok := since[v.Gaps[i].Key()]; ok {
			v.Gaps[i].FoundAt = known.FoundAt
		} else {
			v.Gaps[i].FoundAt = now.UTC().Truncate(time.Millisecond)
		}
	}
	return v, nil
}

// SetHead says whose register it is.
func (x *Register) SetHead(ctx context.Context, h Head, by string) (Stamp, error) {
	if err := h.check(); err != nil {
		return Stamp{}, err
	}
	var s Stamp
	err := x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		was, err := readRow(ctx, tx, headID, headKind)
		if touchstone.KindOf(err) == touchstone.NotFound {
			was, err = row{Stamp: Stamp{ID: headID}, kind: headKind}, nil
		}
		if err == nil {
			s, err = x.write(ctx, tx, was, h, by)
		}
		return err
	})
	return s, err
}

// CreateActivity adds one.
func (x *Register) CreateActivity(ctx context.Context, a Activity, by string) (out ActivityRecord, err error) {
	if err := a.check(); err != nil {
		return out, err
	}
	err = x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		out.Activity = a
		out.Stamp, err = x.create(ctx, tx, activityKind, "act", a, by)
		return err
	})
	return out, err
}

// ChangeActivity writes its next version, if version is still the one that is there.
func (x *Register) ChangeActivity(ctx context.Context, id string, version int64, a Activity, by string) (out ActivityRecord, err error) {
	if err := a.check(); err != nil {
		return out, err
	}
	err = x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		was, err := readRow(ctx, tx, id, activityKind)
		if err == nil {
			err = was.current(version)
		}
		if err != nil {
			return err
		}
		out.Activity = a
		out.Stamp, err = x.write(ctx, tx, was, a, by)
		return err
	})
	return out, err
}

func (r *row) current(version int64) error {
	if r.Version != version {
		return touchstone.Errorf(touchstone.Conflict, "Somebody has changed this record meanwhile: it is version %d now.", r.Version).WithHint("Look at it again, and change what is there.")
	}
	return nil
}

// CreateAssessment adds a draft.
func (x *Register) CreateAssessment(ctx context.Context, a Assessment, by string) (out AssessmentRecord, err error) {
	if err := a.check(); err != nil {
		return out, err
	}
	a.State, a.SubmittedBy, a.ApprovedBy, a.ApprovedAt = Draft, "", "", ""
	err = x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := readRow(ctx, tx, a.Activity, activityKind); err != nil {
			return err
		}
		out.Assessment = a
		out.Stamp, err = x.create(ctx, tx, assessmentKind, "pia", a, by)
		return err
	})
	return out, err
}

// ChangeAssessment writes the next version of a draft. What was handed in, or approved, stays as it was: it is made a draft first.
func (x *Register) ChangeAssessment(ctx context.Context, id string, version int64, a Assessment, by string) (AssessmentRecord, error) {
	if err := a.check(); err != nil {
		return AssessmentRecord{}, err
	}
	return x.assess(ctx, id, version, by, func(was *Assessment) error {
		if was.State != Draft {
			return touchstone.Errorf(touchstone.Conflict, "Only a draft can be changed, and this assessment is %s.", string(was.State)).WithHint("Take it back to a draft; what was approved stays among its versions.")
		}
		a.Activity, a.State, a.SubmittedBy, a.ApprovedBy, a.ApprovedAt = was.Activity, Draft, "", "", ""
		*was = a
		return nil
	})
}

// Move takes an assessment to another state.
func (x *Register) Move(ctx context.Context, id string, version int64, to State, by string) (AssessmentRecord, error) {
	return x.assess(ctx, id, version, by, func(a *Assessment) error {
		if !slices.Contains(moves[a.State], to) {
			return touchstone.Errorf(touchstone.Conflict, "An assessment that is %s cannot become %.40q.", string(a.State), string(to))
		}
		switch to {
		case InReview:
			a.SubmittedBy = by
			if err := a.complete(); err != nil {
				return err
			}
		case Approved:
			now := x.cfg.Clock.Now()
			if a.ValidUntil < now.Format(time.DateOnly) {
				return touchstone.Errorf(touchstone.Invalid, "valid_until: the assessment would have expired on %s already.", a.ValidUntil)
			}
			a.ApprovedBy, a.ApprovedAt = by, now.UTC().Format(time.RFC3339)
		case Draft:
			a.SubmittedBy, a.ApprovedBy, a.ApprovedAt = "", "", ""
		}
		a.State = to
		return nil
	})
}

// assess writes the next version of an assessment.
func (x *Register) assess(ctx context.Context, id string, version int64, by string, change func(a *Assessment) error) (out AssessmentRecord, err error) {
	err = x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		was, err := readRow(ctx, tx, id, assessmentKind)
		if err == nil {
			err = was.current(version)
		}
		if err != nil {
			return err
		}
		var a Assessment
		if err := json.Unmarshal([]byte(was.body), &a); err != nil {
			return err
		}
		if err := change(&a); err != nil {
			return err
		}
		out.Assessment = a
		out.Stamp, err = x.write(ctx, tx, was, a, by)
		return err
	})
	return out, err
}
