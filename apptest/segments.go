package apptest

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Segment is a segment as the API shows it.
type Segment struct {
	ID      string
	Status  string
	Members int64
}

// CreateSegment makes a segment by a rule and waits until it is live.
func (s *Server) CreateSegment(name string, rule any) Segment {
	s.t.Helper()
	return s.AwaitLive(s.BeginSegment(name, rule).ID)
}

// AwaitLive waits until a segment has been built.
func (s *Server) AwaitLive(id string) (seg Segment) {
	s.t.Helper()
	Eventually(s.t, time.Minute, "segment "+id+" goes live", func() bool {
		seg = s.Segment(id)
		if seg.Status == "failed" {
			s.t.Fatalf("it failed: %+v", seg)
		}
		return seg.Status == "live"
	})
	return seg
}

// BeginSegment makes a segment by a rule and returns while it may still be built.
func (s *Server) BeginSegment(name string, rule any) (seg Segment) {
	s.t.Helper()
	s.Call(http.MethodPost, "/api/v1/segments", map[string]any{"name": name, "rule": rule}, &seg)
	return seg
}

// Segment returns a segment.
func (s *Server) Segment(id string) (seg Segment) {
	s.t.Helper()
	s.Call(http.MethodGet, "/api/v1/segments/"+id, nil, &seg)
	return seg
}

// Members returns the ids of a segment's members with the times at which they entered.
func (s *Server) Members(id string) map[string]time.Time {
	s.t.Helper()
	members := map[string]time.Time{}
	s.eachPage("/api/v1/segments/"+id+"/members", func(item Change) {
		if _, ok := members[item.ID]; ok {
			s.t.Errorf("%s is listed twice in segment %s", item.ID, id)
		}
		members[item.ID] = item.EnteredAt
	})
	return members
}

// Change is a line of a segment's members or of its changes.
type Change struct {
	ID        string
	EnteredAt time.Time `json:"entered_at"`
	Person    string
	Kind      string // entered or left
	Time      time.Time
}

// Changes returns who entered and left a segment, newest first.
func (s *Server) Changes(id string) (all []Change) {
	s.t.Helper()
	s.eachPage("/api/v1/segments/"+id+"/changes", func(c Change) { all = append(all, c) })
	return all
}

func (s *Server) eachPage(path string, each func(Change)) {
	s.t.Helper()
	type page struct {
		Items      []Change
		NextCursor string `json:"next_cursor"`
	}
	for cursor := ""; ; {
		var p page
		s.Call(http.MethodGet, fmt.Sprintf("%s?limit=500&cursor=%s", path, url.QueryEscape(cursor)), nil, &p)
		for _, item := range p.Items {
			each(item)
		}
		if cursor = p.NextCursor; cursor == "" {
			return
		}
	}
}

// DidEvent is the rule "did event at least n times", ever or within a time like "2s".
func DidEvent(event string, n int, within string) map[string]any {
	rule := map[string]any{"event": event, "count": map[string]any{"op": "gte", "value": n}}
	if within != "" {
		rule["within"] = within
	}
	return rule
}
