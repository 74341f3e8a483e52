package apptest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type register struct {
	Gaps []struct {
		Kind, Subject, Activity string
	}
	Activities []struct {
		ID              string
		Version         int64
		Name            string
		NeedsAssessment bool `json:"needs_assessment"`
	}
	Facts struct {
		Recipients []struct{ Kind, ID, To, Contacts string }
	}
}

func (r *register) gap(kind, subject string) bool {
	return slices.ContainsFunc(r.Gaps, func(g struct{ Kind, Subject, Activity string }) bool { return g.Kind == kind && g.Subject == subject })
}

func registerOf(s *Server) (r register) {
	s.Call(http.MethodGet, "/api/v1/privacy/register", nil, &r)
	return r
}

// What is collected and handed out is a gap until an activity covers it; the activity needs an assessment, which goes from
// draft to approved; the register is exported, and its changes are in the audit log. It survives a kill.
func TestTheRegisterOfProcessing(t *testing.T) {
	t.Parallel()
	s := Start(t)
	for i := range 4 {
		s.Track(Event{"type": "identify", "userId": fmt.Sprint("u-", i), "traits": map[string]any{"email": fmt.Sprintf("zoe%d@example.com", i)}})
	}
	var hook struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/webhooks", map[string]any{"name": "CRM", "url": "https://crm.example.com/hook", "segments": []string{"*"}, "identifiers": "full"}, &hook)
	s.Drain()
	recipient := "webhook:" + hook.ID
	Eventually(t, 60*time.Second, "what nobody has written down is told", func() bool {
		s.Track(Event{"type": "track", "userId": "u-0", "event": "Ping"}) // frequent values of traits are written with a batch, some time
		r := registerOf(s)
		return r.gap("data", "email") && r.gap("recipient", recipient)
	})
	activity := map[string]any{"name": "Customer care", "basis": "contract", "retention": "3 years", "classes": []string{"email"},
		"recipients": []any{map[string]any{"kind": "webhook", "id": hook.ID, "name": "CRM", "country": "DE"}}}
	var made struct {
		ID      string
		Version int64
	}
	s.Call(http.MethodPost, "/api/v1/privacy/register/activities", activity, &made)
	r := registerOf(s)
	if r.gap("data", "email") || r.gap("recipient", recipient) || !r.gap("transfer", recipient) || !r.gap("assessment", "") || !r.Activities[0].NeedsAssessment {
		t.Errorf("with an activity: %+v", r)
	}
	activity["recipients"] = []any{map[string]any{"kind": "webhook", "id": hook.ID, "name": "CRM", "country": "DE", "safeguard": "standard contract"}}
	s.Call(http.MethodPut, "/api/v1/privacy/register/activities/"+made.ID, map[string]any{"version": 1, "record": activity}, nil)
	if status, _ := s.Do(http.MethodPut, "/api/v1/privacy/register/activities/"+made.ID, map[string]any{"version": 1, "record": activity}, nil); status != http.StatusConflict && status != http.StatusPreconditionFailed {
		t.Errorf("over a version that he has not seen: %d", status)
	}
	var pia struct {
		ID      string
		Version int64
		State   string
	}
	s.Call(http.MethodPost, "/api/v1/privacy/register/assessments", map[string]any{"activity": made.ID, "title": "CRM abroad", "necessity": "n", "impact": "i", "decision": "with_measures", "valid_until": "2099-01-01",
		"risks": []any{map[string]any{"risk": "read by others", "likelihood": 1, "severity": 3, "measure": "masks", "residual": 1}}}, &pia)
	for _, to := range []string{"in_review", "approved"} {
		s.Call(http.MethodPost, "/api/v1/privacy/register/assessments/"+pia.ID+"/move", map[string]any{"version": pia.Version, "to": to}, &pia)
	}
	s.Kill()
	s.Launch()
	if r := registerOf(s); len(r.Gaps) != 0 || pia.State != "approved" || len(r.Activities) != 1 {
		t.Errorf("all is covered: %+v %+v", r, pia)
	}
	for format, wants := range map[string][]string{"html": {"Customer care", "standard contract", "CRM abroad"}, "csv": {"Customer care"}, "json": {`"Customer care"`, `"approved"`}} {
		status, text := s.Raw("GET", "/api/v1/privacy/register/export?format="+format, "")
		for _, want := range wants {
			if status != http.StatusOK || !strings.Contains(text, want) {
				t.Errorf("%s: %d, without %q: %.400s", format, status, want, text)
			}
		}
	}
	if _, audit := s.Raw("GET", "/api/v1/audit", ""); !strings.Contains(audit, "register.assessment_move") || !strings.Contains(audit, "register.activity_change") {
		t.Errorf("the audit log: %.600s", audit)
	}
	s.Call(http.MethodDelete, "/api/v1/webhooks/"+hook.ID, nil, nil)
	if r := registerOf(s); !r.gap("gone", recipient) {
		t.Errorf("the recipient is no more: %+v", r)
	}
}
