package apptest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const consentPolicy = `{"policy":{"purposes":[
	{"key":"service","basis":"necessary","title":{"zh":"服务","en":"Service"},"text":{"zh":"必需。","en":"Needed."}},
	{"key":"analytics","basis":"opt_out","title":{"zh":"分析","en":"Analytics"},"text":{"zh":"统计。","en":"We count."}},
	{"key":"partners","basis":"opt_out","channels":["email"],"title":{"zh":"营销","en":"Partners"},"text":{"zh":"告知。","en":"We tell."}}],
	"channels":[{"key":"email","title":{"zh":"邮件","en":"E-mail"}}],
	"categories":{"Analytics":["analytics"],"Partners":["partners"]},
	"collected":[{"event":"Order Completed","purpose":"service"}],
	"uses":{"collect":"analytics","analyse":"analytics","act":"partners","share":"partners","personalise":"partners"}},"note":"first"}`

// consents is what is known of somebody's consent.
type consents struct {
	Verdicts  []struct{ Outcome, Reason, Purpose, Channel, Choice string }
	Segments  []struct{ ID, Name, Purpose, Outcome, Reason string } // that hold back
	Decisions []struct {
		Purpose, Channel, Choice, Method, Language, Place, Source string
		At                                                        time.Time
		MessageID                                                 string `json:"message_id"`
		Wording                                                   int
	}
}

func (s *Server) consents(ref string) (c consents) {
	s.t.Helper()
	s.Call(http.MethodGet, "/api/v1/persons/"+url.PathEscape(ref)+"/consents", nil, &c)
	return c
}

func (c *consents) outcome(purpose, channel string) string {
	for _, v := range c.Verdicts {
		if v.Purpose == purpose && v.Channel == channel {
			return v.Outcome
		}
	}
	return ""
}

func (s *Server) setConsentPolicy() {
	s.t.Helper()
	if status, text := raw(s, http.MethodPut, "/api/v1/consent/policy", consentPolicy, "Authorization", "Bearer dev", "Content-Type", "application/json"); status != http.StatusOK {
		s.t.Fatal(status, text)
	}
}

// whatIsKept says which events of the persons are in the warehouse and in the profiles.
func whatIsKept(s *Server, users ...string) (lines []string) {
	for _, u := range users {
		var names []string
		for _, e := range s.Timeline("user_id:"+u, 50) {
			names = append(names, e.Event)
		}
		slices.Sort(names)
		var p struct {
			Traits   map[string]any
			Counters struct{ Events int }
		}
		s.Call(http.MethodGet, "/api/v1/persons/user_id:"+u, nil, &p)
		c := s.consents("user_id:" + u)
		lines = append(lines, fmt.Sprint(u, names, p.Traits, p.Counters.Events, c.Verdicts, len(c.Decisions)))
	}
	return lines
}

// Who refuses to be counted is not from the refusal on, but for what must be kept, on each device, also when the
// server is killed, and store and warehouse are made anew from the log.
func TestWhoRefusesIsLeftOut(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.setConsentPolicy()
	view := func(who map[string]any, more ...map[string]any) Event {
		e := Event{"type": "track", "event": "Viewed", "properties": map[string]any{"secret": "rosebud"}}
		for _, m := range append(more, who) {
			for k, v := range m {
				e[k] = v
			}
		}
		return e
	}
	ann, ben := map[string]any{"userId": "ann"}, map[string]any{"userId": "ben"}
	no := map[string]any{"context": map[string]any{"consent": map[string]any{"categoryPreferences": map[string]any{"Analytics": false}}, "page": map[string]any{"url": "https://shop.example/privacy?u=ann"}}}
	s.Track(Event{"type": "identify", "userId": "ann", "traits": map[string]any{"city": "Hangzhou"}}, view(ann), view(ben))
	s.Track(view(ann, no, map[string]any{"event": "Refused", "messageId": "the-refusal"}))
	s.Track(view(ann, map[string]any{"event": "After"}), Event{"type": "identify", "userId": "ann", "traits": map[string]any{"mood": "rosebud"}},
		view(ann, map[string]any{"event": "Order Completed"}), view(ben, map[string]any{"event": "After"}))
	// A new device of hers: it is known as hers by an event that is left out itself.
	s.Track(view(ann, map[string]any{"anonymousId": "tablet", "event": "Signed In"}))
	s.Track(Event{"type": "track", "event": "On Tablet", "anonymousId": "tablet"})
	st := s.Drain()
	if st.Quarantined != 5 {
		t.Errorf("%d events were left out, want 5: %+v", st.Quarantined, st)
	}
	if rows := s.Quarantine(nil); len(rows) != 0 {
		t.Errorf("what was left out is in quarantine: %v", rows)
	}
	if n := s.Number("select count(*) from events where event in ('Refused', 'On Tablet', 'Signed In')"); n != 0 {
		t.Errorf("%d events of hers are in the warehouse", n)
	}
	if n := s.Number("select count(*) from events where event = 'After'"); n != 1 {
		t.Errorf("%d events After are in the warehouse, want his alone", n)
	}
	c := s.consents("user_id:ann")
	if c.outcome("analytics", "") != "refused" || c.outcome("service", "") != "allowed" || len(c.Decisions) != 1 {
		t.Fatalf("%+v", c)
	}
	if d := c.Decisions[0]; d.MessageID != "the-refusal" || d.Place != "https://shop.example/privacy" || d.Choice != "denied" || d.Method != "categories" || d.Source == "" {
		t.Errorf("the proof is %+v", d)
	}
	var numbers struct {
		LeftOut []struct{ N int64 } `json:"left_out"`
		Now     []struct {
			Purpose, Choice string
			N               int64
		}
	}
	s.Call(http.MethodGet, "/api/v1/consent/numbers", nil, &numbers)
	if len(numbers.LeftOut) != 1 || numbers.LeftOut[0].N != 5 || len(numbers.Now) != 1 || numbers.Now[0].N != 1 {
		t.Errorf("%+v", numbers)
	}

	var done struct{ Done bool }
	s.Call(http.MethodPut, "/api/v1/persons/user_id:ann/consents", map[string]any{"choices": []any{map[string]any{"purpose": "analytics", "choice": "granted"}}, "language": "en"}, &done)
	s.Track(view(ann, map[string]any{"event": "Again"}))
	s.Drain()
	before := whatIsKept(s, "ann", "ben")
	if !strings.Contains(before[0], "[$identify Again Consent Updated Order Completed Viewed] map[city:Hangzhou]") || !strings.Contains(before[1], "[After Viewed]") {
		t.Fatalf("kept: %q", before)
	}
	for _, store := range []bool{false, true} {
		s.Kill()
		s.forget(store)
		s.Launch()
		s.Drain()
		if after := whatIsKept(s, "ann", "ben"); !slices.Equal(after, before) {
			t.Errorf("made anew (store: %t): %q, not %q", store, after, before)
		}
	}
}

// A refusal holds in webhooks and files, whichever way it came: by the API, the preference page or a file.
func TestARefusalHoldsWhereOthersAreTold(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.setConsentPolicy()
	var mu sync.Mutex
	told := ""
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1<<16)
		n, _ := r.Body.Read(body)
		mu.Lock()
		defer mu.Unlock()
		told += string(body[:n])
	}))
	t.Cleanup(receiver.Close)
	seg := s.CreateSegment("buyers", map[string]any{"event": "Bought", "count": map[string]any{"op": "gte", "value": 1}})
	s.AwaitLive(seg.ID)
	hook := s.CreateWebhook("partner", receiver.URL, seg.ID, map[string]any{"events": []string{"segment.entered"}, "identifiers": "full"})
	for _, u := range []string{"api", "page", "file", "yes"} {
		s.Track(Event{"type": "identify", "userId": u, "traits": map[string]any{"name": u}})
	}
	s.Drain()

	s.Call(http.MethodPut, "/api/v1/consents", map[string]any{"identifiers": []any{map[string]any{"kind": "user_id", "value": "api"}}, "choices": []any{map[string]any{"purpose": "partners", "choice": "denied"}}, "method": "paper", "place": "Store 12"}, nil)
	var link struct{ Path string }
	s.Call(http.MethodPost, "/api/v1/persons/user_id:page/consents/link", map[string]any{"days": 1}, &link)
	if status, text := s.Raw(http.MethodGet, link.Path+"?lang=en", ""); status != http.StatusOK || !strings.Contains(text, "We tell.") {
		t.Fatal(status, text)
	}
	status, text := raw(s, http.MethodPost, link.Path+"?lang=en", url.Values{"do": {"save"}, "p.partners": {"denied"}, "w.partners": {"1"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if status != http.StatusOK && status != http.StatusSeeOther {
		t.Fatal(status, text)
	}
	if status, _ := s.Raw(http.MethodGet, link.Path[:len(link.Path)-4]+"AAAA", ""); status != http.StatusNotFound {
		t.Errorf("a changed link is answered with %d", status)
	}
	folder := t.TempDir()
	file, mapping := filepath.Join(folder, "consents.csv"), filepath.Join(folder, "mapping.yaml")
	if err := os.WriteFile(file, []byte("id,day,agreed\nfile,2026-01-02,否\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mapping, []byte("event: Consent Updated\nidentifiers:\n  user_id: id\ntime: day\ncontext:\n  consent.purposes.partners: agreed\n  consent.method: {constant: paper}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Import(file, mapping, "forms")
	for _, u := range []string{"api", "page", "file"} {
		Eventually(t, time.Second, u+" refuses", func() bool { c := s.consents("user_id:" + u); return c.outcome("partners", "email") == "refused" })
	}
	if c := s.consents("user_id:page"); len(c.Decisions) != 1 || c.Decisions[0].Method != "page" || c.Decisions[0].Language != "en" || c.Decisions[0].Wording != 1 {
		t.Errorf("the proof of the page: %+v", c.Decisions)
	}

	for _, u := range []string{"api", "page", "file", "yes"} {
		s.Track(Event{"type": "track", "event": "Bought", "userId": u})
	}
	s.Drain()
	s.tellsWhomASegmentHoldsBack(seg.ID)
	Eventually(t, 30*time.Second, "the receiver hears of who agrees", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(told, `"yes"`)
	})
	var q struct {
		Queue struct{ Waiting, Delivered int64 }
	}
	Eventually(t, 30*time.Second, "nothing waits", func() bool {
		s.Call(http.MethodGet, "/api/v1/webhooks/"+hook.ID, nil, &q)
		return q.Queue.Waiting == 0 && s.metric(`touchstone_outbox_ended_total{why="withheld"}`) == 3
	})
	mu.Lock()
	for _, u := range []string{"api", "page", "file"} {
		if strings.Contains(told, `"value":"`+u+`"`) {
			t.Errorf("the receiver was told of %s: %s", u, told)
		}
	}
	mu.Unlock()
	if q.Queue.Delivered != 1 {
		t.Errorf("%d calls were delivered", q.Queue.Delivered)
	}
	j := s.AwaitJob(s.StartJob("segment.export", map[string]any{"segment": seg.ID, "columns": []string{"name"}}).ID)
	if text := s.download(j.ID); strings.Count(text, "\n") != 2 || !strings.Contains(text, "yes") {
		t.Errorf("the file holds %s", text)
	}
}

// tellsWhomASegmentHoldsBack looks at it from both ends: three of four members refuse what it is used for, and none what it
// could be used for instead.
func (s *Server) tellsWhomASegmentHoldsBack(id string) {
	s.t.Helper()
	for _, u := range []string{"api", "page", "file"} {
		if held := s.consents("user_id:" + u).Segments; len(held) != 1 || held[0].ID != id || held[0].Name != "buyers" || held[0].Purpose != "partners" || held[0].Outcome != "refused" || held[0].Reason != "decided" {
			s.t.Errorf("%s is held back from %+v", u, held)
		}
	}
	if held := s.consents("user_id:yes").Segments; len(held) != 0 {
		s.t.Errorf("who agrees is held back from %+v", held)
	}
	var held struct {
		Purpose                   string
		Members, Allowed, Refused int64
		Reasons                   map[string]int64
	}
	path := "/api/v1/segments/" + id + "/consent"
	s.Call(http.MethodGet, path, nil, &held)
	if held.Purpose != "partners" || held.Members != 4 || held.Allowed != 1 || held.Refused != 3 || held.Reasons["decided"] != 3 {
		s.t.Errorf("%+v", held)
	}
	s.Call(http.MethodGet, path+"?purpose=analytics", nil, &held)
	if held.Purpose != "analytics" || held.Members != 4 || held.Allowed != 4 || held.Refused != 0 {
		s.t.Errorf("for another purpose: %+v", held)
	}
	if status, text := s.Raw(http.MethodGet, path+"?purpose=none", ""); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
		s.t.Errorf("a purpose that there is not: %d %s", status, text)
	}
}
