package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// counted is the answer of POST /api/v1/audience/count that tests look at.
type counted struct {
	Members, Of int64
	Assumptions []string
	Conditions  []struct {
		Path    string
		Members int64
	}
	Waterfall struct {
		Mode  string
		Steps []struct {
			Path                        string
			Members, Left, Change, Only int64
		}
	}
	Sample []struct{ ID string }
}

func (s *Server) count(who map[string]any) (c counted) {
	s.t.Helper()
	who["fresh"] = true
	s.Call(http.MethodPost, "/api/v1/audience/count", who, &c)
	return c
}

// Audiences from outside: what is counted adds up, members are told as they are at once, also by a process that does not
// work on events; the past is what it was; a frozen list follows merges and loses who is erased.
func testAudiences(t *testing.T, shape Shape) {
	s := shape.Start(t)
	now := time.Now().UTC()
	ago := func(days int) string { return now.AddDate(0, 0, -days).Format(time.RFC3339Nano) }
	bought := func(user, at string) Event {
		return Event{"type": "track", "event": "Bought", "userId": user, "timestamp": at}
	}
	// u-0 to u-5 live in Shanghai, u-6 to u-11 in Beijing. The even ones bought 50 days ago, u-0 to u-3 five days ago.
	var events []Event
	for i := range 12 {
		user := fmt.Sprint("u-", i)
		city := []string{"上海", "北京"}[i/6]
		events = append(events, Event{"type": "identify", "userId": user, "timestamp": ago(60), "traits": map[string]any{"city": city, "age": 20 + i, "email": user + "@example.com"}})
		if i%2 == 0 {
			events = append(events, bought(user, ago(50)))
		}
		if i < 4 {
			events = append(events, bought(user, ago(5)))
		}
	}
	s.Track(append(events, Event{"type": "track", "event": "Bought", "anonymousId": "tab", "timestamp": ago(50)})...)
	s.Drain()
	lately, local := DidEvent("Bought", 1, "720h"), map[string]any{"trait": "city", "op": "eq", "value": "上海"}
	buyers := s.CreateSegment("bought lately", lately)
	shanghai := s.CreateSegment("in Shanghai", local)

	c := s.count(map[string]any{"rule": map[string]any{"and": []any{local, lately, map[string]any{"not": map[string]any{"segment": buyers.ID}}}}, "sample": map[string]any{"of": "only", "path": "and.2"}})
	if c.Members != 0 || c.Of != 13 || len(c.Conditions) != 3 || c.Conditions[0].Members != 6 || c.Conditions[1].Members != 4 || c.Conditions[2].Members != 4 {
		t.Fatalf("counted: %+v", c)
	}
	if st := c.Waterfall.Steps; len(st) != 3 || st[0].Left != 6 || st[1].Left != 4 || st[1].Change != -2 || st[2].Left != 0 || st[2].Only != 4 || len(c.Sample) != 4 {
		t.Fatalf("the waterfall: %+v, %d in the sample", st, len(c.Sample))
	}
	s.overlapIs(t, buyers.ID, shanghai.ID, map[string]int64{"[0 1]": 4, "[1]": 2}, 6)

	// Thirty days before, 20 days ago: who had bought 50 days ago is in, and nobody of whom nothing was known.
	past := s.count(map[string]any{"rule": lately, "at": ago(25)})
	if past.Members != 7 || past.Of != 13 || !slices.Equal(past.Assumptions, []string{"identities_now"}) {
		t.Errorf("25 days ago: %+v", past)
	}
	if never := s.count(map[string]any{"rule": map[string]any{"not": lately}, "at": ago(55)}); never.Members != 12 {
		t.Errorf("who had not bought 55 days ago: %+v", never)
	}
	s.portraitOf(t, buyers.ID)
	s.frozen(t, buyers.ID, ago(25))
	s.limitedCounts(t, buyers.ID)
	s.flows(t, buyers.ID, shanghai.ID)
}

// overlapIs compares the exclusive parts of two segments.
func (s *Server) overlapIs(t *testing.T, a, b string, want map[string]int64, union int64) {
	t.Helper()
	var o struct {
		Union         int64
		Intersections []struct {
			In      []int
			Members int64
		}
	}
	s.Call(http.MethodPost, "/api/v1/audience/overlap", map[string]any{"sets": []any{map[string]any{"segment": a}, map[string]any{"segment": b}}}, &o)
	got := map[string]int64{}
	for _, one := range o.Intersections {
		got[fmt.Sprint(one.In)] = one.Members
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || o.Union != union {
		t.Errorf("the overlap is %v of %d, want %v of %d", got, o.Union, want, union)
	}
}

// portraitOf looks at the buyers, who all live in Shanghai, by city, and at what tells most by itself.
func (s *Server) portraitOf(t *testing.T, buyers string) {
	t.Helper()
	type field struct {
		Trait  string
		Values []struct {
			Value            any
			Members, All     int64
			Index, Low, High *float64
		}
	}
	type portrait struct {
		Members int64
		Fields  []field
	}
	var p portrait
	s.Call(http.MethodPost, "/api/v1/audience/portrait", map[string]any{"segment": buyers, "fields": []any{map[string]any{"trait": "city"}}}, &p)
	if len(p.Fields) != 1 || len(p.Fields[0].Values) != 2 || p.Members != 4 {
		t.Fatalf("the portrait: %+v", p)
	}
	v := p.Fields[0].Values[0]
	if v.Value != "上海" || v.Members != 4 || v.All != 6 || math.Abs(*v.Index-2) > 1e-9 || *v.Low >= 2 || *v.High < 2 {
		t.Errorf("of Shanghai: %+v", v)
	}
	var told portrait
	s.Call(http.MethodPost, "/api/v1/audience/portrait", map[string]any{"segment": buyers}, &told)
	if len(told.Fields) == 0 || slices.ContainsFunc(told.Fields, func(f field) bool { return len(f.Values) < 2 || f.Trait == "email" }) {
		t.Errorf("what tells most: %+v", told)
	}
}

// frozen makes a list of who was in, and lets two of them become one and another be erased.
func (s *Server) frozen(t *testing.T, buyers, at string) {
	t.Helper()
	var made struct {
		Segment string
		Members int64
	}
	s.Call(http.MethodPost, "/api/v1/audience/freeze", map[string]any{"name": "Buyers then", "segment": buyers, "at": at}, &made)
	if seg := s.AwaitLive(made.Segment); seg.Members != 7 || made.Members != 7 {
		t.Fatalf("the list has %d and %d members", seg.Members, made.Members)
	}
	var o struct {
		Origin struct {
			Segment, Name string
			At            time.Time
			Members       int64
		}
	}
	s.Call(http.MethodGet, "/api/v1/segments/"+made.Segment+"/origin", nil, &o)
	if o.Origin.Segment != buyers || o.Origin.Name != "bought lately" || o.Origin.Members != 7 || o.Origin.At.Format(time.DateOnly) != at[:10] {
		t.Errorf("it was made from %+v", o)
	}
	s.Track(Event{"type": "identify", "userId": "u-0", "anonymousId": "tab"})
	Eventually(t, patience, "two of the list have become one", func() bool {
		return len(s.Members(made.Segment)) == 6 && s.count(map[string]any{"rule": map[string]any{"segment": made.Segment}}).Members == 6
	})
	gone := s.Person("user_id:u-4").ID
	s.Call(http.MethodPost, "/api/v1/persons/"+gone+"/erase", map[string]any{"confirm": gone}, nil)
	Eventually(t, patience, "u-4 has left the list, and every count", func() bool {
		c := s.count(map[string]any{"rule": map[string]any{"segment": made.Segment}})
		_, in := s.Members(made.Segment)[gone]
		return c.Members == 5 && !in
	})
}

// limitedCounts asks as a program that sees people of Beijing only.
func (s *Server) limitedCounts(t *testing.T, buyers string) {
	t.Helper()
	var key struct{ Key string }
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "Beijing", "scopes": []string{"read"}, "rows": map[string]any{"any": []any{map[string]any{"trait": "city", "values": []string{"北京"}}}}}, &key)
	ask := func(path string, body any) (text string) {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, s.URL+path, bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key.Key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	beijing := int64(len(s.Members(s.CreateSegment("in Beijing", map[string]any{"trait": "city", "op": "eq", "value": "北京"}).ID)))
	var c counted
	Eventually(t, patience, "the program sees its people", func() bool {
		c = counted{}
		text := ask("/api/v1/audience/count", map[string]any{"rule": map[string]any{"or": []any{map[string]any{"segment": buyers}, map[string]any{"not": map[string]any{"segment": buyers}}}}, "fresh": true})
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return c.Of == beijing
	})
	if c.Members != beijing || c.Conditions[0].Members != 0 {
		t.Errorf("who sees Beijing counts %+v", c)
	}
	text := ask("/api/v1/audience/portrait", map[string]any{"rule": map[string]any{"trait": "city", "op": "exists"}, "fields": []any{map[string]any{"trait": "city"}, map[string]any{"trait": "age"}}})
	if !strings.Contains(text, "北京") || strings.Contains(text, "上海") || strings.Contains(text, "\"value\":21,") {
		t.Errorf("who sees Beijing is shown %s", text)
	}
}

// flows looks at who came by an event of today.
func (s *Server) flows(t *testing.T, buyers, shanghai string) {
	t.Helper()
	s.Track(Event{"type": "track", "event": "Bought", "userId": "u-5"})
	s.Drain()
	type flow struct {
		Entered, Left int64
		From          []struct {
			ID      string
			Members int64
		} `json:"from_segments"`
		Reasons struct {
			Parts       []struct{ Entered, Left int64 }
			Unexplained struct{ Entered, Left int64 }
		}
	}
	var f flow
	Eventually(t, patience, "u-5 came", func() bool {
		f = flow{}
		s.Call(http.MethodGet, "/api/v1/segments/"+buyers+"/flow?hours=24&reasons=true", nil, &f)
		return f.Entered == 1 && f.Reasons.Unexplained.Entered == 0 // half a minute after a question about the same condition
	})
	if p := f.Reasons.Parts; len(p) != 1 || p[0].Entered != 1 || p[0].Left != 0 {
		t.Errorf("the reasons: %+v", f.Reasons)
	}
	if f.Left != 0 || len(f.From) == 0 || f.From[0].ID != shanghai || f.From[0].Members != 1 {
		t.Errorf("the flow: %+v", f)
	}
	for _, interval := range []string{"hour", "day"} {
		var trend struct {
			Points []struct{ Members, Entered, Left int64 }
		}
		s.Call(http.MethodGet, "/api/v1/segments/"+buyers+"/trend?points=3&interval="+interval, nil, &trend)
		var entered int64
		for _, p := range trend.Points {
			entered += p.Entered
		}
		if last := trend.Points[len(trend.Points)-1]; last.Members != 5 || entered != 1 {
			t.Errorf("by %s: %+v", interval, trend)
		}
	}
}
