package apptest

import (
	"fmt"
	"net/http"
	"testing"
)

// crowd sends persons of three devices each.
func (s *Server) crowd(from, to int) {
	s.t.Helper()
	var events []Event
	for i := from; i < to; i++ {
		for d := range 3 {
			events = append(events, Event{"type": "track", "messageId": fmt.Sprintf("c%d-%d", i, d), "userId": fmt.Sprint("u", i), "event": "Viewed", "context": device(fmt.Sprintf("d%d-%d", i, d))})
		}
		if len(events) >= 300 || i == to-1 {
			s.Track(events...)
			events = nil
		}
	}
}

// devices counts the devices that still belong to a user.
func (s *Server) devices(users int) (n int) {
	s.t.Helper()
	for i := range users {
		for _, id := range s.Person(fmt.Sprint("user_id:u", i)).Identifiers {
			if id.Kind == "device_id" {
				n++
			}
		}
	}
	return n
}

// A re-run is cancelled, and its server killed in the middle of another, while events come: what was
// judged stays judged, the graph says that it follows the rules in part, and a run that ends has done
// all of it. A store that is built anew from the log is the same.
func TestAReRunUnderFire(t *testing.T) {
	t.Parallel()
	s := Start(t)
	const users = 400
	s.crowd(0, users)
	s.Settle()
	limit := func(n int) map[string]any {
		return map[string]any{"rules": map[string]any{"kinds": []map[string]any{{"kind": "device_id", "limit": n}}}, "commit": true}
	}
	begun := func(id string) func() bool {
		return func() bool { j := s.Job(id); return j.Status != "queued" && (j.Done > 0 || j.Status != "running") }
	}

	// Cancelled: wherever that hits it, the rules are in force, and the graph says how far it is.
	first := s.StartJob("identity.rerun", limit(2))
	Eventually(t, patience, "the run is under way", begun(first.ID))
	if status, err := s.Do(http.MethodPost, "/api/v1/jobs/"+first.ID+"/cancel", nil, nil); err != nil && status != http.StatusConflict {
		t.Fatal(err)
	}
	Eventually(t, patience, "the run has ended", func() bool { j := s.Job(first.ID); return j.Status == "cancelled" || j.Status == "done" })
	if j, p := s.Job(first.ID), s.rules().Pending; (j.Status == "done") != (p == nil) {
		t.Errorf("the run is %s, and what the graph does not follow is %+v", j.Status, p)
	}

	// Killed, with events coming: the next process goes on where it was.
	second := s.StartJob("identity.rerun", limit(1))
	Eventually(t, patience, "the run is under way", begun(second.ID))
	s.Kill()
	s.Launch()
	s.crowd(users, users+20)
	if j := s.AwaitJob(second.ID); j.Status != "done" {
		t.Fatalf("the run is %s", j.Status)
	}
	s.Settle()
	if p := s.rules().Pending; p != nil {
		t.Errorf("run through, and yet %+v", p)
	}
	if n := s.devices(users + 20); n != users+20 {
		t.Errorf("%d users have %d devices, and each may have one", users+20, n)
	}
	refs := []string{"user_id:u1", "device_id:d1-0", "device_id:d1-1", "device_id:d399-2", "user_id:u410", "device_id:d410-1"}
	after := portrait(s, refs...)
	s.Stop()
	s.forget(true)
	s.Launch()
	s.Settle()
	if n := s.devices(users + 20); n != users+20 {
		t.Errorf("built anew, %d users have %d devices", users+20, n)
	}
	same := func() bool {
		for i, line := range portrait(s, refs...) {
			if line != after[i] {
				return false
			}
		}
		return true
	}
	Eventually(t, patience, "the store that is built anew is as before", same)
}
