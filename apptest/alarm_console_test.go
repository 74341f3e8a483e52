package apptest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// shopFeed sends events of two names without a pause, so that it is learnt what is usual of them. A name that is bad
// has its price as a text.
type shopFeed struct {
	s    *Server
	mu   sync.Mutex
	bad  string
	n    int
	stop chan struct{}
	done sync.WaitGroup
}

func (f *shopFeed) run() {
	defer f.done.Done()
	for {
		select {
		case <-f.stop:
			return
		case <-time.After(200 * time.Millisecond):
		}
		var batch []Event
		f.mu.Lock()
		for i := range 20 {
			f.n++
			name, price := [...]string{"Paid", "Quoted"}[i%2], any(1200.5)
			if name == f.bad {
				price = "¥1,200.50"
			}
			batch = append(batch, Event{"type": "track", "messageId": fmt.Sprint("m", f.n), "userId": fmt.Sprint("u", f.n%50), "event": name, "properties": map[string]any{"price": price, "city": "上海"}})
		}
		f.mu.Unlock()
		if status, text := f.s.Send("dev", batch...); status != http.StatusOK {
			f.s.t.Errorf("the feed was answered with %d: %s", status, text)
			return
		}
	}
}

func (f *shopFeed) turn(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = name
}

type minuteScore struct {
	Start                   time.Time
	Events, Refused, Mended int64
	Score                   float64
}

func (s *Server) minuteScores() []minuteScore {
	var answer struct{ Items []minuteScore }
	s.Call(http.MethodGet, "/api/v1/quality/scores?by=minute", nil, &answer)
	return answer.Items
}

// What somebody does who has never seen it: an alarm on the overview, its field, what it touches, the rule that is
// suggested, tried on real events, the replay, and the score that recovers. In both languages; while events come.
func TestFromAnAlarmToAScoreThatRecovers(t *testing.T) {
	chromium, shots := browser(t)
	s := Start(t, "--time-zone", "Asia/Shanghai")
	var plan planAnswer
	event := func(name string) map[string]any {
		return map[string]any{"name": name, "schema": map[string]any{"properties": map[string]any{"price": map[string]any{"type": "number"}}}}
	}
	s.Call(http.MethodPost, "/api/v1/plans", map[string]any{"name": "shop", "draft": map[string]any{"invalid": "quarantine", "events": []any{event("Paid"), event("Quoted")}}}, &plan)
	s.Call(http.MethodPost, "/api/v1/plans/"+plan.ID+"/publish", map[string]any{}, &plan)
	feed := &shopFeed{s: s, stop: make(chan struct{})}
	feed.done.Add(1)
	go feed.run()
	defer feed.done.Wait()
	defer close(feed.stop)
	Eventually(t, 5*time.Minute, "a whole minute was looked at, in which enough came", func() bool {
		for _, m := range s.minuteScores() {
			if m.Events >= 3000 {
				return true
			}
		}
		return false
	})
	for _, x := range [][2]string{{"en", "Paid"}, {"zh", "Quoted"}} {
		lang, name := x[0], x[1]
		feed.turn(name)
		Eventually(t, time.Minute, "the alarm", func() bool {
			var answer struct {
				Items []struct{ Kind, Event, Field string }
			}
			s.Call(http.MethodGet, "/api/v1/quality/alarms?open=true", nil, &answer)
			for _, a := range answer.Items {
				if a.Event == name && (a.Kind != "type_changed" || a.Field != "price") {
					t.Fatalf("%s has an alarm %+v", name, a)
				}
				if a.Event == name {
					return true
				}
			}
			return false
		})
		runClient(t, "alarm.mjs", s.URL, chromium, shots, lang, name)
	}
	feed.turn("")
	Eventually(t, 3*time.Minute, "every minute that refused events is made good", func() bool {
		mended := int64(0)
		for _, m := range s.minuteScores() {
			if m.Refused > m.Mended {
				return false
			}
			mended += m.Mended
		}
		return mended > 0
	})
	if left := len(s.groups()); left != 0 {
		t.Errorf("%d groups wait in quarantine", left)
	}
}
