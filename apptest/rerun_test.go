package apptest

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rerunResult is what a re-run of the rules says.
type rerunResult struct {
	Merged, Split, Concerned, Persons, Then int64
	Touched                                 map[string]int64 // members of segments
	Was                                     any
}

func (s *Server) rerun(rules any, commit bool) (id string, out rerunResult) {
	s.t.Helper()
	j := s.AwaitJob(s.StartJob("identity.rerun", map[string]any{"rules": rules, "commit": commit}).ID)
	number := func(name string) int64 { n, _ := j.Result[name].(float64); return int64(n) }
	out = rerunResult{number("merged"), number("split"), number("concerned"), number("persons"), number("persons_then"), map[string]int64{}, j.Result["was"]}
	segments, _ := j.Result["segments"].([]any)
	for _, one := range segments {
		s, _ := one.(map[string]any)
		id, _ := s["id"].(string)
		touched, _ := s["touched"].(float64)
		out.Touched[id] = int64(touched)
	}
	return j.ID, out
}

// A shop learns that nobody has two devices. The rules are run again: first to see what would
// change, then in earnest; history follows, a store that is built anew from the log has it, and
// the former rules bring everything back.
func TestRulesAreRunAgain(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Track(
		Event{"type": "identify", "messageId": "m1", "userId": "ann", "context": device("d1")},
		Event{"type": "track", "messageId": "m2", "userId": "ann", "event": "Viewed", "context": device("d2")},
		Event{"type": "track", "messageId": "m3", "event": "Viewed", "context": device("d2")},
		Event{"type": "identify", "messageId": "m4", "userId": "ben", "context": device("d3")},
	)
	seg := s.CreateSegment("viewers", DidEvent("Viewed", 1, ""))
	s.AwaitLive(seg.ID)
	s.Drain()
	refs := []string{"user_id:ann", "device_id:d1", "device_id:d2", "user_id:ben"}
	before := portrait(s, refs...)
	rules := map[string]any{"kinds": []map[string]any{{"kind": "device_id", "limit": 1}}}

	id, preview := s.rerun(rules, false)
	if want := (rerunResult{0, 1, 1, 2, 3, map[string]int64{seg.ID: 1}, preview.Was}); !cmp.Equal(want, preview) {
		t.Errorf("preview: %s", cmp.Diff(want, preview))
	}
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Errorf("a preview has changed %s", d)
	}
	var samples struct {
		Items []struct {
			Kind    string
			Before  []struct{ ID string }
			After   []struct{ Identifiers []Identifier }
			Because []struct{ Reason string }
		}
	}
	s.Call(http.MethodGet, "/api/v1/identity/reruns/"+id+"/samples", nil, &samples)
	if len(samples.Items) != 1 || samples.Items[0].Kind != "split" || len(samples.Items[0].After) != 2 || len(samples.Items[0].Because) != 1 || samples.Items[0].Because[0].Reason != "limit of 1 device_id" {
		t.Errorf("%+v", samples)
	}

	_, done := s.rerun(rules, true)
	if done.Split != 1 || done.Then != 3 {
		t.Errorf("done: %+v", done)
	}
	s.Settle()
	if s.Person("device_id:d2").ID == s.Person("user_id:ann").ID || s.Person("device_id:d1").ID != s.Person("user_id:ann").ID {
		t.Fatal("ann still has two devices, or none")
	}
	if events := s.Timeline("device_id:d2", 10); len(events) != 1 || events[0].MessageID != "m3" {
		t.Errorf("the second device has %+v", events)
	}
	Eventually(t, patience, "each has the segment of their own events", func() bool { return len(s.Members(seg.ID)) == 2 })
	after := portrait(s, refs...)

	s.Stop()
	s.forget(true)
	s.Launch()
	s.Settle()
	Eventually(t, patience, "the store that is built anew from the log is as before", func() bool { return cmp.Equal(after, portrait(s, refs...)) })

	if _, undone := s.rerun(done.Was, true); undone.Merged != 1 {
		t.Errorf("taken back: %+v", undone)
	}
	s.Settle()
	Eventually(t, patience, "all is as before the rules", func() bool { return cmp.Equal(before, portrait(s, refs...)) })
}
