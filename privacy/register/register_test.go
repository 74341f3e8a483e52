package register_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/privacy/register"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

var today = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func gapsOf(list []register.Gap) (texts []string) {
	for _, g := range list {
		texts = append(texts, strings.Trim(string(g.Kind)+" "+g.Subject, " "))
	}
	slices.Sort(texts)
	return texts
}

func activity(change func(a *register.Activity)) register.ActivityRecord {
	a := register.ActivityRecord{Stamp: register.Stamp{ID: "act_1"}, Activity: register.Activity{Name: "Orders", Basis: "contract", Retention: "10 years"}}
	change(&a.Activity)
	return a
}

// Each gap is there when it should be and gone when it is covered.
func TestGaps(t *testing.T) {
	facts := register.Facts{
		Data:       []register.Collected{{Class: "location"}, {Class: "email"}},
		Recipients: []register.Recipient{{Kind: "webhook", ID: "wh_1", Name: "CRM", Contacts: "full"}},
		Purposes:   []register.Purpose{{Key: "marketing"}, {Key: "tracks", Class: "location"}},
		Rules:      []string{"Old views"},
	}
	all := func(a *register.Activity) {
		a.Classes, a.Purposes, a.Rules = []string{"location", "email"}, []string{"marketing", "tracks"}, []string{"Old views"}
		a.Recipients = []register.Shared{{Kind: "webhook", ID: "wh_1", Name: "CRM", Country: "CN"}}
	}
	assessed := func(until string, state register.State, decision string) []register.AssessmentRecord {
		return []register.AssessmentRecord{{Assessment: register.Assessment{Activity: "act_1", State: state, ValidUntil: until, Decision: decision}}}
	}
	valid := assessed("2027-01-01", register.Approved, "proceed")
	for name, c := range map[string]struct {
		change   func(a *register.Activity)
		assessed []register.AssessmentRecord
		want     []string
	}{
		"nothing is covered":     {func(*register.Activity) {}, nil, []string{"data email", "data location", "purpose marketing", "purpose tracks", "recipient webhook:wh_1"}},
		"all is":                 {all, valid, nil},
		"one that has ended":     {func(a *register.Activity) { all(a); a.Ended = true }, valid, []string{"data email", "data location", "purpose marketing", "purpose tracks", "recipient webhook:wh_1"}},
		"nobody has assessed it": {all, nil, []string{"assessment"}},
		"a draft does not count": {all, assessed("2027-01-01", register.Draft, "proceed"), []string{"assessment"}},
		"its time is over":       {all, assessed("2026-02-28", register.Approved, "proceed"), []string{"assessment_due"}},
		"it says no":             {all, assessed("2027-01-01", register.Approved, "stop"), []string{"assessment_due"}},
		"abroad":                 {func(a *register.Activity) { all(a); a.Recipients[0].Country = "DE" }, valid, []string{"transfer webhook:wh_1"}},
		"abroad, with a safeguard": {func(a *register.Activity) {
			all(a)
			a.Recipients[0].Country, a.Recipients[0].Safeguard = "DE", "standard contract"
		}, valid, nil},
		"nobody has said where":       {func(a *register.Activity) { all(a); a.Recipients[0].Country = "" }, valid, []string{"country webhook:wh_1"}},
		"its review is due":           {func(a *register.Activity) { all(a); a.ReviewAt = "2026-03-01" }, valid, []string{"review"}},
		"its review is still to come": {func(a *register.Activity) { all(a); a.ReviewAt = "2026-03-02" }, valid, nil},
		"nothing says how long":       {func(a *register.Activity) { all(a); a.Rules, a.Retention = nil, " " }, valid, []string{"retention"}},
		"a rule that is no more":      {func(a *register.Activity) { all(a); a.Rules = []string{"Gone"} }, valid, []string{"gone rule:Gone"}},
		"a recipient that is no more": {func(a *register.Activity) {
			all(a)
			a.Recipients = append(a.Recipients, register.Shared{Kind: "webhook", ID: "wh_2", Name: "Old", Country: "CN"})
		}, valid, []string{"gone webhook:wh_2"}},
		"a purpose that is no more":  {func(a *register.Activity) { all(a); a.Purposes = append(a.Purposes, "old") }, valid, []string{"gone purpose:old"}},
		"decisions without a person": {func(a *register.Activity) { a.Automated = true; all(a) }, nil, []string{"assessment"}},
		"a recipient that is no secret": {func(a *register.Activity) {
			all(a)
			a.Recipients = append(a.Recipients, register.Shared{Name: "Auditor"})
		}, valid, []string{"country Auditor"}},
	} {
		t.Run(name, func(t *testing.T) {
			contents := register.Contents{Head: register.Head{Country: "CN"}, Activities: []register.ActivityRecord{activity(c.change)}, Assessments: c.assessed}
			if d := cmp.Diff(c.want, gapsOf(register.Gaps(facts, contents, today))); d != "" {
				t.Error(d)
			}
		})
	}
	plain := register.Facts{Data: []register.Collected{{Class: "email"}}}
	contents := register.Contents{Head: register.Head{Country: "CN"}, Activities: []register.ActivityRecord{activity(func(a *register.Activity) { a.Classes = []string{"email"} })}}
	if list := register.Gaps(plain, contents, today); len(list) != 0 {
		t.Errorf("e-mail addresses alone need no assessment: %+v", list)
	}
}

type world struct {
	reg   *register.Register
	clock *clock
	facts register.Facts
	told  []string
}

func newWorld(t *testing.T, db *store.DB) *world {
	w := &world{clock: &clock{today}}
	reg, err := register.Open(t.Context(), register.Config{DB: db, Clock: w.clock, Facts: func(context.Context) (register.Facts, error) { return w.facts, nil },
		Tell: func(_ context.Context, _ *store.Tx, g register.Gap) error {
			text := "open "
			if !g.ClosedAt.IsZero() {
				text = "closed "
			}
			w.told = append(w.told, text+string(g.Kind)+" "+g.Subject)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	w.reg = reg
	return w
}

func (w *world) look(t *testing.T) []string {
	t.Helper()
	w.told = nil
	if err := w.reg.Look(t.Context(), func(context.Context, *store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.told)
	return w.told
}

// Gaps are told when they are found and when they are closed, once each, and not before somebody keeps a register.
func TestGapsAreToldOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.facts = register.Facts{Data: []register.Collected{{Class: "email"}}}
		if told := w.look(t); told != nil {
			t.Fatal("there is no register, and people are told:", told)
		}
		a, err := w.reg.CreateActivity(t.Context(), register.Activity{Name: "Orders", Basis: "contract", Retention: "10 years"}, "ann")
		if err != nil {
			t.Fatal(err)
		}
		w.clock.now = today.Add(time.Hour)
		w.facts.Data = append(w.facts.Data, register.Collected{Class: "phone"})
		if told := w.look(t); !slices.Equal(told, []string{"open data phone"}) {
			t.Fatal(told)
		}
		if told := w.look(t); told != nil {
			t.Fatal("told again:", told)
		}
		view, err := w.reg.Read(t.Context())
		if err != nil || len(view.Gaps) != 2 || !view.Gaps[0].FoundAt.Equal(today) || !view.Gaps[1].FoundAt.Equal(today.Add(time.Hour)) {
			t.Fatalf("%+v %v", view.Gaps, err)
		}
		a.Classes = []string{"email", "phone"}
		if _, err := w.reg.ChangeActivity(t.Context(), a.ID, a.Version, a.Activity, "ann"); err != nil {
			t.Fatal(err)
		}
		if told := w.look(t); !slices.Equal(told, []string{"closed data email", "closed data phone"}) {
			t.Fatal(told)
		}
	})
}

// An assessment goes from draft to approved and back; what it was is kept, and nobody overwrites what he has not seen.
func TestAssessmentsAreVersions(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		a, err := w.reg.CreateActivity(ctx, register.Activity{Name: "Tracks", Basis: "consent"}, "ann")
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.reg.CreateAssessment(ctx, register.Assessment{Activity: a.ID, Title: "Tracks of cars", State: register.Approved, ApprovedBy: "me"}, "ann")
		if err != nil || p.State != register.Draft || p.ApprovedBy != "" {
			t.Fatalf("made approved: %+v %v", p, err)
		}
		is := func(err error, kind touchstone.ErrorKind) {
			t.Helper()
			if touchstone.KindOf(err) != kind {
				t.Fatalf("%v, not %v", err, kind)
			}
		}
		_, err = w.reg.Move(ctx, p.ID, 1, register.InReview, "ann")
		is(err, touchstone.Invalid)
		_, err = w.reg.Move(ctx, p.ID, 1, register.Approved, "ann")
		is(err, touchstone.Conflict)
		draft := p.Assessment
		draft.Necessity, draft.Impact, draft.Decision, draft.ValidUntil = "n", "i", "proceed", "2026-02-01"
		draft.Risks = []register.Risk{{Risk: "r", Likelihood: 1, Severity: 3, Measure: "m", Residual: 1}}
		if p, err = w.reg.ChangeAssessment(ctx, p.ID, 1, draft, "ann"); err != nil {
			t.Fatal(err)
		}
		_, err = w.reg.ChangeAssessment(ctx, p.ID, 1, draft, "bob")
		is(err, touchstone.Conflict)
		if p, err = w.reg.Move(ctx, p.ID, 2, register.InReview, "ann"); err != nil || p.SubmittedBy != "ann" {
			t.Fatal(p, err)
		}
		_, err = w.reg.ChangeAssessment(ctx, p.ID, 3, draft, "bob")
		is(err, touchstone.Conflict) // it was handed in
		_, err = w.reg.Move(ctx, p.ID, 3, register.Approved, "bob")
		is(err, touchstone.Invalid) // it would have expired
		w.clock.now = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
		if p, err = w.reg.Move(ctx, p.ID, 3, register.Approved, "bob"); err != nil || p.ApprovedBy != "bob" {
			t.Fatal(p, err)
		}
		w.clock.now = today
		if view, err := w.reg.Read(ctx); err != nil || !view.Assessments[0].Due {
			t.Fatal("its time is over", err)
		}
		if _, err = w.reg.Move(ctx, p.ID, 4, register.Draft, "ann"); err != nil {
			t.Fatal(err)
		}
		versions, err := w.reg.Versions(ctx, p.ID)
		if err != nil || len(versions) != 5 {
			t.Fatal(len(versions), err)
		}
		var was register.Assessment
		if err := json.Unmarshal(versions[1].Record, &was); err != nil || was.State != register.Approved || was.ApprovedBy != "bob" || versions[1].ChangedBy != "bob" {
			t.Fatalf("the approved version: %+v %v", was, err)
		}
	})
}

// The page has what people wrote as text, and asks no other host; the table has no formulas.
func TestExport(t *testing.T) {
	v := register.View{Contents: register.Contents{Head: register.Head{Controller: "ACME", Country: "CN"}, Activities: []register.ActivityRecord{activity(func(a *register.Activity) {
		a.Name, a.Owner = `<script>alert(1)</script>`, "=1+1"
		a.Classes, a.Recipients = []string{"location"}, []register.Shared{{Name: "CRM", Country: "DE", Safeguard: "standard contract"}}
	})}, Assessments: []register.AssessmentRecord{{Assessment: register.Assessment{Activity: "act_1", Title: "Tracks", State: register.InReview, Decision: "stop"}}}},
		Gaps: []register.Gap{{Kind: register.DataGap, Subject: "phone", Name: "phone", FoundAt: today}}}
	for lang, wants := range map[string][]string{"en": {"Locations", "Phone numbers are collected", "in review", "do not proceed", "Contract"}, "zh": {"位置", "收集了手机号", "审核中", "不得开展", "订立或履行合同"}} {
		text, kind, err := register.Export(&v, "html", lang, today)
		page := string(text)
		if err != nil || !strings.HasPrefix(kind, "text/html") || strings.Contains(page, "<script") || strings.Contains(page, "http:") || strings.Contains(page, "https:") || !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s: %v\n%s", lang, err, page)
		}
		for _, want := range append(wants, "ACME", "CRM", "standard contract") {
			if !strings.Contains(page, want) {
				t.Errorf("%s: %q is not on the page", lang, want)
			}
		}
		text, _, err = register.Export(&v, "csv", lang, today)
		lines, readErr := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).ReadAll()
		if err != nil || readErr != nil || len(lines) != 2 || len(lines[0]) != len(lines[1]) || !slices.Contains(lines[1], "'=1+1") || !slices.Contains(lines[1], "CRM (DE): standard contract") {
			t.Errorf("%s: %v %v %q", lang, err, readErr, lines)
		}
	}
	if _, _, err := register.Export(&v, "pdf", "en", today); touchstone.KindOf(err) != touchstone.Invalid {
		t.Error(err)
	}
}
