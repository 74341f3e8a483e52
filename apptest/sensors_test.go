package apptest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// 神策's own SDKs, unmodified: what they send is events, profiles and persons here.
func TestOfficialSensorsClients(t *testing.T) {
	t.Parallel()
	s := Start(t)
	out := runClient(t, "sensors-browser.mjs", s.URL+"/sa?project=default&token=dev", Chromium(t))
	runClient(t, "sensors-node.mjs", s.URL+"/sa?project=default&token=dev")
	runClient(t, "sensors-miniprogram.mjs", s.URL+"/sa?project=default&token=dev")
	var ways map[string]struct{ AnonymousID string }
	if err := json.Unmarshal(out, &ways); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if stats := s.Drain(); stats.Quarantined > 0 {
		t.Errorf("something was refused: %+v", stats)
	}
	for way, sent := range ways {
		t.Run(way, func(t *testing.T) { checkSensorsVisitor(t, s, "u-"+way, sent.AnonymousID) })
	}
	t.Run("unbound", func(t *testing.T) {
		// The split is a batch of its own.
		Eventually(t, 10*time.Second, "the number is parted from the person", func() bool {
			p := s.Person("user_id:u-batch")
			return p.Counters.ByEvent["$UnbindID"] == 1 && !slices.ContainsFunc(p.Identifiers, func(i Identifier) bool { return i.Kind == "phone" })
		})
	})
	t.Run("rebuilt", func(t *testing.T) { // a split computes both anew from their events, operations and all
		Eventually(t, 20*time.Second, "both profiles are computed anew", func() bool { return s.metric("touchstone_profile_rebuilt_total") >= 2 })
		checkSensorsVisitor(t, s, "u-batch", ways["batch"].AnonymousID)
	})
	t.Run("mini program", func(t *testing.T) {
		p := s.Person("user_id:mini-7")
		checkSamePerson(t, s, p.ID, "unionid:un-7")
		checkTraits(t, p, map[string]any{"nickname": "小明", "score": 3.0})
		if p.Counters.ByEvent["Viewed"] != 1 || p.Counters.ByEvent["Booked"] != 1 || p.Counters.ByChannel["mini_program"] != p.Counters.Events {
			t.Errorf("%+v", p.Counters)
		}
	})
	t.Run("node", func(t *testing.T) { checkSensorsMember(t, s) })
	if got := s.SQL("select platform, channel, utm_source, page_path, os from events where event = '$page' group by all"); len(got) != 1 ||
		got[0][0] != "web" || got[0][1] != "web" || got[0][2] != "weibo" || got[0][3] != "/models" {
		t.Errorf("the pages are from %v", got)
	}
	if n := s.metric(`touchstone_collect_items_total{what="set"}`); n != 5 {
		t.Errorf("%g items were set, not 5", n)
	}
}

func checkSensorsVisitor(t *testing.T, s *Server, user, anonymousID string) {
	p := s.Person("user_id:" + user)
	checkSamePerson(t, s, p.ID, "anonymous_id:"+anonymousID, "email:"+user+"@example.com")
	checkTraits(t, p, map[string]any{
		"nickname": "小明", "city": nil, "first_model": "S1", "score": 2.5, "likes": []any{"red", "blue"},
	})
	for event, n := range map[string]int64{"$page": 1, "View": 1, "Buy": 1, "$SignUp": 1} {
		if p.Counters.ByEvent[event] != n {
			t.Errorf("%d times %s, not %d: %v", p.Counters.ByEvent[event], event, n, p.Counters.ByEvent)
		}
	}
	if n := p.Counters.ByChannel["web"]; n != p.Counters.Events {
		t.Errorf("%d of %d events are of the web", n, p.Counters.Events)
	}
}

func checkSensorsMember(t *testing.T, s *Server) {
	p := s.Person("user_id:member-7")
	checkSamePerson(t, s, p.ID, "anonymous_id:visitor-7", "anonymous_id:member-7")
	checkTraits(t, p, map[string]any{
		"nickname": "王小明", "city": nil, "level": 1.0, "first_store": "上海一店", "points": 70.0, "likes": []any{"red", "blue"},
	})
	for event, n := range map[string]int64{"Visited": 1, "Ordered": 1, "$SignUp": 1} {
		if p.Counters.ByEvent[event] != n {
			t.Errorf("%d times %s: %v", p.Counters.ByEvent[event], event, p.Counters.ByEvent)
		}
	}
}

func checkTraits(t *testing.T, p Person, want map[string]any) {
	t.Helper()
	for name, v := range want {
		got, err := json.Marshal(p.Traits[name])
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := json.Marshal(v); string(got) != string(text) {
			t.Errorf("trait %s is %s, not %s", name, got, text)
		}
	}
}

// What goes wrong says so the way that 神策's clients understand.
func TestSensorsAnswers(t *testing.T) {
	s := Start(t)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"no key: 403, on which phones keep their data": {"POST", "/sa?project=nobody", "data=e30=", http.StatusForbidden},
		"nothing at all":    {"POST", "/sa", "", http.StatusForbidden},
		"no data":           {"POST", "/sa?token=dev", "", http.StatusBadRequest},
		"no base64":         {"POST", "/sa?token=dev", "data=!!!", http.StatusBadRequest},
		"no JSON":           {"POST", "/sa?token=dev", "data=AAAA", http.StatusBadRequest},
		"encrypted":         {"POST", "/sa?token=dev", "data_list=e30=&gzip=9", http.StatusBadRequest},
		"said to be packed": {"POST", "/sa?token=dev", "data_list=W10=&gzip=1", http.StatusBadRequest},
		"an empty list":     {"POST", "/sa?token=dev", "data_list=W10=", http.StatusOK},
		"key in the body":   {"POST", "/sa", "token=dev&data_list=W10=", http.StatusOK},
		"project is a key":  {"POST", "/sa?project=dev", "data_list=W10=", http.StatusOK},
		"an event without anybody goes to quarantine": {"GET", "/sa.gif?token=dev&data=eyJ0eXBlIjoidHJhY2siLCJldmVudCI6IngifQ==", "", http.StatusOK},
		"debug says what is wrong and keeps nothing":  {"POST", "/debug?token=dev", `{"type":"track","event":"x"}`, http.StatusBadRequest},
		"the same once more":                          {"POST", "/sa?token=dev", `{"type":"track","event":"x","distinct_id":"d1","_track_id":1,"time":1434556935000}`, http.StatusOK},
		"debug, with nothing wrong":                   {"POST", "/debug?token=dev", `{"type":"track","event":"x","distinct_id":"d1","_track_id":1,"time":1434556935000}`, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := s.Raw(c.method, c.path, c.body)
			if status != c.status {
				t.Errorf("%d, not %d: %s", status, c.status, text)
			}
		})
	}
	if stats := s.Drain(); stats.Quarantined != 1 || stats.InWarehouse != 1 || stats.Duplicates != 1 {
		t.Errorf("%+v", stats)
	}
}

// Raw sends a request as it is and returns the answer.
func (s *Server) Raw(method, path, body string) (status int, text string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// metric returns a value of /metrics, 0 without it.
func (s *Server) metric(name string) (value float64) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.URL+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("/metrics: %s, %v", resp.Status, err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			value, _ = strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return value
}
