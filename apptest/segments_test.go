package apptest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A person enters with the event that fulfils the rule, and leaves when its time has
// passed, though nothing happens then.
func testSegmentByTime(t *testing.T, shape Shape) {
	const window = 2 * time.Second
	s := shape.Start(t)
	active := s.CreateSegment("active", DidEvent("Opened", 2, window.String()))
	vip := s.CreateSegment("active in Shanghai", map[string]any{"and": []any{
		map[string]any{"segment": active.ID}, map[string]any{"trait": "city", "op": "eq", "value": "上海"}}})
	ever := s.CreateSegment("ever", DidEvent("Opened", 1, ""))

	s.Track(Event{"type": "identify", "userId": "u-1", "traits": map[string]any{"city": "上海"}},
		Event{"type": "track", "event": "Opened", "userId": "u-1"}, Event{"type": "track", "event": "Opened", "userId": "u-2"})
	first := time.Now()
	s.Track(Event{"type": "track", "event": "Opened", "userId": "u-1"})
	second := time.Now()
	in := func(user string, seg Segment) bool {
		var p Person
		status, err := s.Do(http.MethodGet, "/api/v1/persons/user_id:"+user, nil, &p)
		if err != nil && status != http.StatusNotFound {
			t.Fatal(err)
		}
		return slices.ContainsFunc(p.Segments, func(m struct{ ID string }) bool { return m.ID == seg.ID })
	}
	Eventually(t, 2*time.Second, "u-1 enters", func() bool { return in("u-1", active) && in("u-1", vip) && in("u-1", ever) })
	entered := time.Since(second)
	Eventually(t, window+2*time.Second, "u-1 leaves", func() bool { return !in("u-1", active) && !in("u-1", vip) })
	left := time.Since(first)
	t.Logf("seen as a member %s after the second answer, as gone %s after the first", entered.Round(time.Millisecond), left.Round(time.Millisecond))
	if left < window-500*time.Millisecond {
		t.Errorf("u-1 left %s after the first event, before the window of %s ended", left, window)
	}
	if in("u-2", active) || !in("u-2", ever) || !in("u-1", ever) {
		t.Error("the segments of u-2, or the one without a window, are wrong")
	}
	id := s.Person("user_id:u-1").ID
	for _, seg := range []Segment{active, vip} {
		changes := s.Changes(seg.ID)
		if len(changes) != 2 || changes[0].Kind != "left" || changes[1].Kind != "entered" || changes[0].Person != id {
			t.Errorf("the changes of %s are %+v", seg.ID, changes)
			continue
		}
		if stay := changes[0].Time.Sub(changes[1].Time); stay < window-time.Second || stay > window+time.Second {
			t.Errorf("u-1 was in %s for %s, want about %s", seg.ID, stay, window)
		}
	}
	if n := s.Segment(active.ID).Members; n != 0 {
		t.Errorf("the segment counts %d members after all have left", n)
	}
}

// From the 200 to membership takes at most 250 ms, and an exit comes when it is due, as a
// message of the live feed tells.
func TestSegmentEntersAndLeavesOnTime(t *testing.T) {
	const window, people = 2 * time.Second, 20
	s := Start(t)
	seg := s.CreateSegment("now", DidEvent("Ping", 1, window.String()))
	feed := watchChanges(t, s, seg.ID)
	var enter, leave []time.Duration
	due := map[string]time.Time{}
	for i := range people {
		at := time.Now()
		s.Track(Event{"type": "track", "event": "Ping", "userId": fmt.Sprintf("p-%d", i), "timestamp": at.UTC().Format(time.RFC3339Nano)})
		answered := time.Now()
		c := <-feed
		if c.Kind != "entered" {
			t.Fatalf("person %d is announced as %+v", i, c)
		}
		id := s.Person(fmt.Sprintf("user_id:p-%d", i)).ID
		if _, in := s.Members(seg.ID)[id]; !in || c.Person != id {
			t.Fatalf("%s is announced, but the members are others", c.Person)
		}
		enter = append(enter, time.Since(answered))
		due[id] = at.Add(window)
		time.Sleep(20 * time.Millisecond)
	}
	for range people {
		c := <-feed
		if c.Kind != "left" {
			t.Fatalf("after everyone entered: %+v", c)
		}
		late := time.Since(due[c.Person])
		leave = append(leave, late)
		if late < -5*time.Millisecond {
			t.Errorf("%s left %s too early", c.Person, -late)
		}
	}
	slices.Sort(enter)
	slices.Sort(leave)
	t.Logf("visible as a member after the 200: median %s, most %s; exit announced after it was due: median %s, most %s",
		enter[people/2].Round(time.Millisecond), enter[people-1].Round(time.Millisecond), leave[people/2].Round(time.Millisecond), leave[people-1].Round(time.Millisecond))
	if enter[people/2] > 250*time.Millisecond || leave[people/2] > 250*time.Millisecond {
		t.Errorf("the medians are over 250 ms")
	}
	if n := len(s.Members(seg.ID)); n != 0 {
		t.Errorf("%d members are left", n)
	}
}

// watchChanges subscribes to the live feed and returns the changes of one segment.
func watchChanges(t *testing.T, s *Server, segment string) <-chan Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/live/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the live feed answers %s", resp.Status)
	}
	changes := make(chan Change, 1000)
	go func() {
		defer close(changes)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			text, ok := strings.CutPrefix(lines.Text(), "data:")
			if !ok {
				continue
			}
			var c struct {
				Kind, Person string
				Time         time.Time
				Segment      *struct{ ID string }
			}
			if err := json.Unmarshal([]byte(text), &c); err != nil {
				t.Errorf("%v: %s", err, text)
				return
			}
			if c.Segment != nil && c.Segment.ID == segment {
				changes <- Change{Kind: strings.TrimPrefix(c.Kind, "segment_"), Person: c.Person, Time: c.Time}
			}
		}
	}()
	return changes
}

// Segments that are made while events arrive, persons merge and the server is killed have
// exactly the members that a query over all events finds: bootstrap and live feed meet
// without a gap.
func testSegmentBuiltWhileEventsArrive(t *testing.T, shape Shape) {
	const people, least = 800, 3
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := shape.Start(t)
	send := func(from, to int) {
		var batch []Event
		for i := from; i < to; i++ {
			u := rng.Float64()
			p := int(people * u * u * u) // some come often, many seldom
			e := Event{"type": "track", "event": "Visited", "anonymousId": fmt.Sprintf("anon-%d", p), "messageId": fmt.Sprintf("visit-%d", i)}
			switch {
			case i%50 == 17: // joins two persons, each with a history
				e = Event{"type": "alias", "userId": fmt.Sprintf("user-%d", p/2), "previousId": fmt.Sprintf("anon-%d", p), "anonymousId": fmt.Sprintf("anon-%d", p), "messageId": fmt.Sprintf("alias-%d", i)}
			case i%3 == 0:
				e["userId"] = fmt.Sprintf("user-%d", p/2)
				delete(e, "anonymousId")
			}
			batch = append(batch, e)
		}
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if status, _ := s.Send("dev", batch...); status == http.StatusOK {
				return
			}
		}
		t.Error("a batch was not taken within a minute")
	}
	const step = 25
	sent := 0
	for ; sent < 1000; sent += step {
		send(sent, sent+step)
	}
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for ; ; sent += step {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				send(sent, sent+step)
			}
		}
	})
	var segments []Segment
	for i := range 6 {
		segments = append(segments, s.BeginSegment(fmt.Sprintf("visitors %d", i), DidEvent("Visited", least+2*i, "")))
		time.Sleep(100 * time.Millisecond)
		if i == 3 { // with segments half built
			s.Kill()
			s.Launch()
		}
	}
	for _, seg := range segments {
		s.AwaitLive(seg.ID)
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	sender.Wait()
	stats := s.Drain()
	telling := 0
	for i, seg := range segments {
		var want []string
		for _, row := range s.SQL("select person from events where event = 'Visited' group by 1 having count(*) >= %d order by 1", least+2*i) {
			want = append(want, row[0].(string))
		}
		members := s.Members(seg.ID)
		missing, extra := 0, len(members)
		for _, id := range want {
			if _, ok := members[id]; ok {
				extra--
			} else {
				missing++
			}
		}
		if missing+extra > 0 || s.Segment(seg.ID).Members != int64(len(want)) {
			t.Errorf("segment %d: a query finds %d persons; of these %d are not members, and %d others are (it counts %d)",
				i, len(want), missing, extra, s.Segment(seg.ID).Members)
		}
		if len(want) >= 10 && int64(len(want)) <= stats.Persons-10 {
			telling++
		}
		t.Logf("segment %d has %d members of %d persons", i, len(members), stats.Persons)
	}
	if telling < len(segments)/2 { // how many events fit in is the machine's
		t.Errorf("%d of %d segments have neither nobody nor everybody; the test says little", telling, len(segments))
	}
	t.Logf("%d events were sent", sent)
}
